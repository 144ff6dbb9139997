"""``inference-roles``: the IAM roles whose policies allow inference, face matching or signing, and when they were last used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.canonical import JSON
from averment.core.period import iso
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.record import Kind, Population, Record
from averment.policies.iam.document import Statement, parse_document

ACTIONS = (
    "sagemaker:InvokeEndpoint",
    "sagemaker:InvokeEndpointAsync",
    "bedrock:InvokeModel",
    "rekognition:CompareFaces",
    "rekognition:SearchFacesByImage",
    "rekognition:GetFaceLivenessSessionResults",
    "kms:Sign",
)
"""The actions that are asked about."""

_WITHOUT_RESOURCES = frozenset({"rekognition:CompareFaces", "rekognition:GetFaceLivenessSessionResults"})
"""Actions that can't be narrowed to a resource (Service Authorization Reference, Amazon Rekognition)."""


class InferenceRoles(Collector):
    """Every role with a statement that allows one of ``ACTIONS``. Present state only.

    What is told is what policies say, statement by statement: conditions, denials, boundaries and service control policies aren't
    weighed, so that a role in the list may be allowed less, and none outside of it more. Users and groups aren't looked at.

    Payload: ``{"roles": [{"role", "path", "last_used_at", "boundary", "grants": [{"action", "policy", "resources", "conditional"}],
    "denies": [...]}], "unreadable": [role], "summary": {"roles", "allowed", "on_every_resource", "never_used", "unreadable"}}``;
    ``summary.roles`` counts all roles of the account, ``on_every_resource`` those that are granted on ``*`` what could be narrowed.
    """

    name = "inference-roles"
    version = "1"
    kind = Kind.INFERENCE_ROLES
    permissions = ("iam:GetAccountAuthorizationDetails",)
    regional = False
    summary = "Roles that may call inference, match faces or sign, from IAM."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        fetch = scope.fetch("iam")
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
        payload: dict[str, JSON] = {
            "roles": list(rows),
            "unreadable": list(unreadable),
            "summary": {
                "roles": len(roles),
                "allowed": len(rows),
                "on_every_resource": sum(1 for row in rows if any(map(_is_wide, row["grants"]))),
                "never_used": sum(1 for row in rows if row["last_used_at"] is None),
                "unreadable": len(unreadable),
            },
        }
        yield self.listing(scope, [fetch], payload, Population("roles", len(roles), len(roles) - len(unreadable)), source="IAM")


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
