"""``inference-roles``: the IAM roles whose policies allow inference, face matching or signing, and when they were last used."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.period import iso
from averment.core.source import SourceRef
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.collectors.named import Names, asked_for, entry, listed, unnamed
from averment.evidence.record import Kind, Population, Record
from averment.policies.iam.document import Statement, parse_document
from averment.policies.rules.grants import INVOKING, MATCHING

ACTIONS = (
    *INVOKING,
    "bedrock:InvokeModel",
    "bedrock:InvokeModelWithResponseStream",
    *MATCHING,
    "rekognition:GetFaceLivenessSessionResults",
    "kms:Sign",
)
"""The actions that are asked about."""

_WITHOUT_RESOURCES = frozenset({"rekognition:CompareFaces", "rekognition:GetFaceLivenessSessionResults"})
"""Actions that can't be narrowed to a resource (Service Authorization Reference, Amazon Rekognition)."""


EXPECTED = "inference-roles.expected"


class InferenceRoles(Collector):
    """Every role with a statement that allows one of ``ACTIONS``. Present state only.

    What is told is what policies say, statement by statement: conditions, denials, boundaries and service control policies aren't
    weighed, so that a role in the list may be allowed less, and none outside of it more. Users and groups aren't looked at, nor the policies of keys.

    ``parameters: {inference-roles: {expected: {scanner: [sagemaker:InvokeEndpoint]}}}`` in averment.yaml says of which role (its ARN, name or
    a pattern) which of these actions are expected.

    Payload: ``{"roles": [{"role", "arn", "path", "last_used_at", "boundary", "grants": [{"action", "policy", "resources", "conditional"}],
    "denies": [...]}], "unexpected": [{"resource", "message"}], "unreadable": [role], "notes", "summary": {"roles", "allowed",
    "on_every_resource", "never_used", "unreadable", "unexpected"}}``; ``summary.roles`` counts all roles of the account, ``on_every_resource``
    those that are granted on ``*`` what could be narrowed, ``unexpected`` those with a grant that isn't expected of them (null where none are).
    """

    name = "inference-roles"
    version = "3"
    kind = Kind.INFERENCE_ROLES
    permissions = ("iam:GetAccountAuthorizationDetails",)
    regional = False
    summary = "Roles that may call inference, match faces or sign, from IAM."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        """One record.

        Raises:
            BadInputError: ``expected`` is no mapping of roles to lists of actions.
        """
        expected, fetch = _expected(scope), scope.fetch("iam")
        roles: list[Mapping[str, Any]] = []
        managed: dict[str, Any] = {}
        asked = {"Filter": ["Role", "LocalManagedPolicy", "AWSManagedPolicy"]}
        for page in fetch.pages("GetAccountAuthorizationDetails", asked):
            roles.extend(page.get("RoleDetailList", ()))
            for policy in page.get("Policies", ()):
                versions = policy.get("PolicyVersionList", ())
                managed[policy["Arn"]] = next((item["Document"] for item in versions if item.get("IsDefaultVersion")), None)
        rows, unreadable = [], []
        for role in sorted(roles, key=lambda item: str(item["RoleName"])):
            row, whole = _row(role, managed)
            if not whole:
                unreadable.append(role["RoleName"])
            if row["grants"]:
                rows.append(row)
        if unreadable:
            fetch.problem(f"policies of {len(unreadable):,} roles could not be read, see payload.unreadable")
        unexpected = [found for row in rows if (found := _unexpected(row, expected)) is not None]
        payload: dict[str, JSON] = {
            "roles": list(rows),
            "unexpected": listed(unexpected),
            "notes": unnamed(Names(EXPECTED, tuple(expected) or None)),
            "unreadable": list(unreadable),
            "summary": {
                "roles": len(roles),
                "allowed": len(rows),
                "on_every_resource": sum(1 for row in rows if any(map(_is_wide, row["grants"]))),
                "never_used": sum(1 for row in rows if row["last_used_at"] is None),
                "unreadable": len(unreadable),
                "unexpected": len(unexpected) if expected else None,
            },
        }
        population = Population("roles", len(roles), len(roles) - len(unreadable))
        yield self.listing(scope, [fetch], payload, population, source="IAM", asked=asked_for(scope, EXPECTED))


def _expected(scope: CollectScope) -> dict[str, tuple[str, ...]]:
    value = scope.organisation.parameter(EXPECTED)
    if value is None:
        return {}
    whole = isinstance(value, Mapping) and bool(value) and all(isinstance(actions, list) and actions for actions in value.values())
    if not whole or not all(isinstance(action, str) for actions in value.values() for action in actions):
        raise BadInputError(
            f"parameters.{EXPECTED} is not a mapping of roles to actions",
            where=SourceRef(scope.organisation.file),
            fix="write expected: {scanner: [sagemaker:InvokeEndpoint]}",
        )
    return {str(role): tuple(actions) for role, actions in value.items()}


def _unexpected(row: Mapping[str, Any], expected: Mapping[str, tuple[str, ...]]) -> dict[str, Any] | None:
    """What the policies of a role allow and isn't expected of it; None where nothing is. Actions have no case in IAM."""
    names = (str(row["arn"]), str(row["role"]))
    allowed = [
        action.lower() for role, actions in expected.items() if any(fnmatch.fnmatchcase(name, role) for name in names) for action in actions
    ]
    more = {grant["action"] for grant in row["grants"] if not any(fnmatch.fnmatchcase(grant["action"].lower(), item) for item in allowed)}
    if not more:
        return None
    return entry(str(row["arn"]), f"its policies allow {', '.join(sorted(more))}, which averment.yaml doesn't expect of it")


def _row(role: Mapping[str, Any], managed: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The role with what it is granted, and whether all of its policies could be read."""
    documents = [(item["PolicyName"], item["PolicyDocument"]) for item in role.get("RolePolicyList", ())]
    documents += [(item["PolicyArn"], managed.get(item["PolicyArn"])) for item in role.get("AttachedManagedPolicies", ())]
    grants: dict[str, list[dict[str, Any]]] = {"Allow": [], "Deny": []}
    whole = True
    for name, text in documents:
        document = parse_document(text)
        whole = whole and text is not None and not document.unknown
        for statement in document:
            for action in ACTIONS:
                if isinstance(statement.effect, str) and statement.effect in grants and statement.covers_action(action) is True:
                    grants[statement.effect].append(_grant(action, name, statement))
    last_used = role.get("RoleLastUsed", {}).get("LastUsedDate")
    row = {
        "role": role["RoleName"],
        "arn": role.get("Arn"),
        "path": role.get("Path"),
        "last_used_at": iso(last_used) if last_used else None,
        "boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
        "grants": grants["Allow"],
        "denies": grants["Deny"],
    }
    return row, whole


def _is_wide(grant: Mapping[str, Any]) -> bool:
    return "*" in grant["resources"] and grant["action"] not in _WITHOUT_RESOURCES


def _grant(action: str, policy: str, statement: Statement) -> dict[str, Any]:
    resources = [str(value) for value in statement.resources or ()] or [f"not {value}" for value in statement.not_resources or ()]
    conditional = bool(statement.conditions) or statement.conditions_unknown is not None
    return {"action": action, "policy": policy, "resources": resources, "conditional": conditional}
