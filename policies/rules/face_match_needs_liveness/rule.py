"""A role that may compare faces may also read the result of a liveness session (SM-IDV-01).

CompareFaces has no condition keys, so configuration can show only which permissions stand together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from averment.core.source import SourceRef
from averment.core.words import Severity
from averment.policies.graph.model import Graph, Resource, Unknown
from averment.policies.iam.carriers import (
    ATTACHED_TYPES,
    HOLDER_TYPES,
    IDENTITY_NEIGHBOURS,
    Carrier,
    carriers_of,
    holders_of,
    identity_documents,
    unread_policies,
)
from averment.policies.iam.document import Statement
from averment.policies.iam.patterns import action_matches
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.face_source import called_as, one_of
from averment.policies.rules.judge import fix_for

MATCHES = ("rekognition:CompareFaces", "rekognition:SearchFacesByImage", "rekognition:SearchUsersByImage")
LIVENESS = ("rekognition:GetFaceLivenessSessionResults", "rekognition:CreateFaceLivenessSession")
_ROLE = HOLDER_TYPES[0]
_STATE_MACHINE = "AWS::StepFunctions::StateMachine"
_FIX_TERRAFORM = """\
Action = [
  "rekognition:CreateFaceLivenessSession",
  "rekognition:GetFaceLivenessSessionResults",
  "rekognition:CompareFaces",
]  # and compare only after Status is SUCCEEDED and Confidence is above your threshold"""
_FIX_CLOUDFORMATION = """\
Action:
  - rekognition:CreateFaceLivenessSession
  - rekognition:GetFaceLivenessSessionResults
  - rekognition:CompareFaces  # only after Status is SUCCEEDED and Confidence is above your threshold"""
_FIX_JSON = '"Action": ["rekognition:CreateFaceLivenessSession", "rekognition:GetFaceLivenessSessionResults", "rekognition:CompareFaces"]'


@dataclass(frozen=True)
class _Grant:
    """A permission to match faces: where it is written and whether it was meant (``rekognition:*`` grants everything)."""

    action: str
    text: str
    label: str
    where: SourceRef
    explicit: bool


def evaluate(resource: Resource, context: Context) -> Outcome:
    """The verdict on one role (or user, or group), or on a policy whose holder isn't part of what was read."""
    if resource.type in HOLDER_TYPES:
        return _holder(resource, context.graph)
    holders = holders_of(resource, context.graph)
    if any(isinstance(holder, Resource) for holder in holders):
        return NOT_APPLICABLE  # judged with its holder
    carriers = list(carriers_of(resource, context.graph))
    grants = [grant for grant in _grants(carriers, MATCHES) if grant.explicit]
    if not grants:
        return NOT_APPLICABLE
    if _allows(carriers, LIVENESS[0]) is True:
        return PASS
    first = grants[0]
    return unknown(f"{first.text} in {first.label} has no liveness beside it, and the role that holds it isn't known", where=first.where)


def _holder(role: Resource, graph: Graph) -> Outcome:
    carriers = list(identity_documents(role, graph))
    grants = list(_grants(carriers, MATCHES))
    doubt = next((reason for carrier in carriers for reason in carrier.document.unknown), None) or next(unread_policies(role, graph), None)
    if not grants:
        possible = _possible(carriers)
        called = called_as(role, graph) if possible is None and doubt is not None else None
        matched = one_of(called[1], MATCHES) if called is not None else None
        if called is not None and matched is not None and doubt is not None:
            text = f"{called[0]}, which runs as this {_kind(role)}, calls {matched}; whether it may read liveness results as well: {doubt.reason}"
            return unknown(text, where=role.source)
        return unknown(f"whether this {_kind(role)} may match faces: {possible.reason}", where=role.source) if possible else NOT_APPLICABLE
    grant = next((entry for entry in grants if entry.explicit), grants[0])
    liveness = list(_grants(carriers, LIVENESS[:1]))
    if any(entry.explicit for entry in liveness):
        return PASS
    called = called_as(role, graph) if not grant.explicit else None
    matched = one_of(called[1], MATCHES) if called is not None else None
    if called is not None and matched is not None and one_of(called[1], LIVENESS[:1]) is None:
        return fail(
            f"{grant.label} allows {grant.text}; {called[0]}, which runs as this {_kind(role)}, calls {matched} and never reads a liveness result",
            where=grant.where,
            fix=fix_for(role, terraform=_FIX_TERRAFORM, cloudformation=_FIX_CLOUDFORMATION, command=_FIX_JSON),
        )
    if not grant.explicit:
        reason = f"{grant.label} allows {grant.text}, which takes in face matching; whether it is used, and with liveness, can't be told"
        return unknown(reason, where=grant.where)
    if liveness:
        return unknown(f"{grant.action} stands in {grant.label}, but liveness is allowed only by {liveness[0].text}", where=grant.where)
    if doubt is not None:
        return unknown(f"{grant.label} allows {grant.action}; whether liveness is allowed too: {doubt.reason}", where=grant.where)
    elsewhere = _liveness_elsewhere(role, graph)
    if elsewhere is not None:
        reason = f"{grant.label} allows {grant.action}; liveness is allowed to {elsewhere}, and a state machine may call both"
        return unknown(reason, where=grant.where)
    return fail(
        f"{grant.label} allows {grant.action}, but the {_kind(role)} may not read liveness results ({LIVENESS[0].partition(':')[2]})",
        where=grant.where,
        fix=fix_for(role, terraform=_FIX_TERRAFORM, cloudformation=_FIX_CLOUDFORMATION, command=_FIX_JSON),
    )


def _kind(holder: Resource) -> str:
    return holder.type.rsplit(":", 1)[-1].lower()


def _grants(carriers: list[Carrier], actions: tuple[str, ...]) -> Iterator[_Grant]:
    """Permissions for any of ``actions`` that no unconditional Deny takes back. Mere ``*`` is administration, not a face match."""
    for carrier in carriers:
        managed = bool(carrier.path) and carrier.path[0] == "ManagedPolicyArns"
        for statement in carrier.document.of_effect("Allow"):
            for action in actions:
                text = statement.action_text(action)
                if statement.covers_action(action) is not True or text in ("*", "NotAction") or _denied(carriers, action):
                    continue
                explicit = not managed and not action_matches(text, "rekognition:DetectLabels")
                yield _Grant(action, text, carrier.label, carrier.resource.where(*statement.path), explicit)


def _allows(carriers: list[Carrier], action: str) -> bool:
    return any(True for _ in _grants(carriers, (action,)))


def _denied(carriers: list[Carrier], action: str) -> bool:
    return any(
        statement.effect == "Deny" and not statement.conditions and _everywhere(statement) and statement.covers_action(action) is True
        for carrier in carriers
        for statement in carrier.document
    )


def _everywhere(statement: Statement) -> bool:
    return statement.conditions_unknown is None and "*" in (statement.resources or ())


def _possible(carriers: list[Carrier]) -> Unknown | None:
    """Why it can't be excluded that face matching is allowed: an action that could not be resolved beside Rekognition ones."""
    for carrier in carriers:
        for statement in carrier.document.of_effect("Allow"):
            known = [action for action in statement.actions or () if isinstance(action, str)]
            about = not known or any(action.lower().startswith("rekognition:") for action in known)
            unclear = statement.covers_action(MATCHES[0])
            if about and isinstance(unclear, Unknown):
                return unclear
        if carrier.path[:1] == ("ManagedPolicyArns",) and "rekognition" in carrier.label.lower():
            return next(iter(carrier.document.unknown), None)
    return None


def _liveness_elsewhere(role: Resource, graph: Graph) -> str | None:
    """Another role with liveness, where a state machine could put both into one path."""
    if next(graph.of_type(_STATE_MACHINE), None) is None:
        return None
    for other in graph.of_type(_ROLE):
        if other is not role and _allows(list(identity_documents(other, graph)), LIVENESS[0]):
            return other.address
    return None


RULE = Rule(
    id="face-match-needs-liveness",
    title="Roles that match faces can check liveness in the same path",
    severity=Severity.HIGH,
    types=(*HOLDER_TYPES, *ATTACHED_TYPES),
    evaluate=evaluate,
    remediation="Open a liveness session on the server, check its result, and compare with its reference image, all in one function.",
    neighbours=(*IDENTITY_NEIGHBOURS, _STATE_MACHINE),
)
