"""Inference and signing are allowed to those who need them, on the endpoint, model, collection or key that they need (SM-IAM-01)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from averment.core.words import Severity
from averment.policies.graph.model import Reference, Resource, Unknown
from averment.policies.graph.text import HOLE
from averment.policies.iam.carriers import IDENTITY_NEIGHBOURS, IDENTITY_TYPES, Carrier, carriers_of, identity_documents, trust
from averment.policies.iam.document import Condition, Value
from averment.policies.iam.guests import GUEST_NEIGHBOURS, for_guests, given_to_guests, lets_guests_in, perhaps_given_to_guests
from averment.policies.iam.patterns import action_matches, is_wildcard, overlap
from averment.policies.iam.principals import Principal, Who
from averment.policies.iam.trusted import trusted_strangers
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.grants import Grant, grants_of, unclear_actions
from averment.policies.rules.judge import fix_for, worst_outcome

_ROLE = "AWS::IAM::Role"
_KEY = "AWS::KMS::Key"


@dataclass(frozen=True)
class _Family:
    """Actions of one service that can be narrowed to a resource, what such a resource is, and how its ARN reads in a fix."""

    actions: tuple[str, ...]
    every: str
    terraform: str
    cloudformation: str


_FAMILIES = (
    _Family(
        ("sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointAsync", "sagemaker:InvokeEndpointWithResponseStream"),
        "every endpoint",
        "aws_sagemaker_endpoint.<endpoint>.arn",
        "!Ref <Endpoint>",
    ),
    _Family(
        ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"),
        "every model",
        '"arn:aws:bedrock:<region>::foundation-model/<model id>"',
        "!Sub arn:aws:bedrock:${AWS::Region}::foundation-model/<model id>",
    ),
    _Family(("kms:Sign",), "every key", "aws_kms_key.<key>.arn", "!GetAtt <Key>.Arn"),
    _Family(
        (
            "rekognition:SearchFacesByImage",
            "rekognition:SearchFaces",
            "rekognition:SearchUsersByImage",
            "rekognition:SearchUsers",
            "rekognition:IndexFaces",
            "rekognition:StartFaceSearch",
        ),
        "every face collection",
        "aws_rekognition_collection.<collection>.arn",
        "!Sub arn:aws:rekognition:${AWS::Region}:${AWS::AccountId}:collection/<collection>",
    ),
)
_BIOMETRIC = (
    "rekognition:CompareFaces",
    "rekognition:DetectFaces",
    "rekognition:RecognizeCelebrities",
    "rekognition:DetectLabels",
    "rekognition:DetectModerationLabels",
    "rekognition:CreateFaceLivenessSession",
    "rekognition:GetFaceLivenessSessionResults",
)
"""Actions without resource types: all that can be said of them is who may call them. ``StartFaceLivenessSession`` isn't among
them: the browser calls it with guest credentials by design, on a session that the server has to have opened."""

_GUARDED = (*(action for family in _FAMILIES for action in family.actions), *_BIOMETRIC)
_NARROWING = re.compile(
    r"aws:resourcetag/.+|sagemaker:resourcetag/.+|kms:resourcealiases|kms:requestalias|bedrock:inferenceprofilearn|bedrock:guardrailidentifier",
    re.IGNORECASE,
)
_ABOUT = re.compile(r"sagemaker|rekognition|bedrock|inference|face", re.IGNORECASE)
_SERVICES = ("sagemaker", "rekognition", "bedrock")
_PARTS = 6


def evaluate(resource: Resource, context: Context) -> Outcome:
    """The verdict on what is written in (or attached by) one role, user, group or policy, and on whom a role lets in."""
    carriers = list(carriers_of(resource, context.graph))
    outcomes = [outcome for carrier in carriers for outcome in _breadth(carrier, carriers, context)]
    if resource.type == _ROLE:
        outcomes += _strangers(resource, context)
    return worst_outcome(outcomes)


def _breadth(carrier: Carrier, carriers: list[Carrier], context: Context) -> Iterator[Outcome]:
    for family in _FAMILIES:
        seen: set[int] = set()
        for grant in grants_of([carrier], family.actions):
            if grant.everything or id(grant.statement) in seen:
                continue
            seen.add(id(grant.statement))
            taken_back = not list(grants_of(carriers, (grant.action,)))
            yield PASS if taken_back else _width(grant, family, carrier.resource, context)
    if any(not grant.everything for grant in grants_of([carrier], _BIOMETRIC)):
        yield PASS  # these can't be narrowed: on * they are right
    if (doubt := _doubt(carrier)) is not None:
        where = carrier.resource.where(*carrier.path)
        yield unknown(f"whether {carrier.label} allows inference or signing: {doubt.reason}", where=where)


def _doubt(carrier: Carrier) -> Unknown | None:
    """Why it can't be told what the policy allows, where it has to do with inference by its name or by its other actions."""
    named = f"{carrier.resource.address} {carrier.label if carrier.path[:1] == ('ManagedPolicyArns',) else ''}"
    if carrier.document.unknown and _ABOUT.search(named):
        return carrier.document.unknown[0]
    return next((found for service in _SERVICES if (found := unclear_actions([carrier], service))), None)


def _width(grant: Grant, family: _Family, resource: Resource, context: Context) -> Outcome:
    """Whether one statement reaches more than it names."""
    statement = grant.statement
    doubt: Unknown | None = statement.conditions_unknown
    if any(_narrows(condition) for condition in statement.conditions):
        return PASS
    wide: str | None = "all but some (NotResource)" if statement.not_resources is not None else None
    for value in statement.resources or ():
        reach = _reach(value, grant.action)
        if isinstance(reach, Unknown):
            doubt = doubt or reach
        elif reach:
            wide = wide or reach
    signs = _signs(context) if (wide or doubt) and _is_all_of_kms(grant) else True
    if signs is False:
        return NOT_APPLICABLE  # the permission is to encrypt with: there is no key to sign with
    if wide is None:
        reason = doubt.reason if doubt is not None else ""
        return unknown(f"{grant.name} allows {grant.text} on what could not be resolved: {reason}", where=grant.where) if doubt else PASS
    if statement.conditions_unknown is not None:
        reason = statement.conditions_unknown.reason
        return unknown(f"{grant.name} allows {grant.text} on {wide} under a condition that could not be read: {reason}", where=grant.where)
    if isinstance(signs, Unknown):
        reason = f"it takes in kms:Sign, but whether there is a key to sign with can't be told: {signs.reason}"
        return unknown(f"{grant.name} allows {grant.text} on {wide}: {reason}", where=grant.where)
    every = f"face matching, and {family.every}" if grant.service_wide and grant.action.startswith("rekognition:") else family.every
    return fail(f"{grant.name} allows {grant.text} on {wide}: {every}", where=grant.where, fix=_fix(grant, family, resource))


def _narrows(condition: Condition) -> bool:
    """Whether a condition picks some resources: not one that those without the tag meet (``IfExists``, ``Null``), or that any value does."""
    if not _NARROWING.fullmatch(condition.key) or condition.negated or condition.when_missing() is not False:
        return False
    return condition.base == "null" or not any(isinstance(value, str) and is_wildcard(value) for value in condition.values)


def _is_all_of_kms(grant: Grant) -> bool:
    """Whether signing is allowed by ``kms:*`` only, which people write for encryption."""
    texts = {text.lower() for text in grant.statement.actions or () if isinstance(text, str) and action_matches(text, grant.action)}
    return texts == {"kms:*"}


def _signs(context: Context) -> bool | Unknown:
    """Whether a key among what was read is for signing."""
    usages = [key.get("KeyUsage") for key in context.graph.of_type(_KEY) if not key.outside]
    if "SIGN_VERIFY" in usages:
        return True
    return context.not_read(_KEY) or next((usage for usage in usages if isinstance(usage, Unknown)), False)


def _reach(value: Value, action: str) -> str | Unknown | None:
    """The pattern by which ``value`` takes in every resource of the action's service; None if it is narrower, or another service's."""
    if isinstance(value, Reference):
        return None  # one resource
    if isinstance(value, Unknown) and value.template is None:
        return value
    text = value.template or "" if isinstance(value, Unknown) else value
    if is_wildcard(text):
        return text
    parts = HOLE.sub("x", text).split(":", _PARTS - 1)
    if parts[0] != "arn":
        return value if isinstance(value, Unknown) else None
    if len(parts) < _PARTS:
        return text if parts[-1] == "*" and (len(parts) <= 2 or parts[2] in ("*", action.partition(":")[0])) else None
    service, name = parts[2], parts[5]
    if not overlap(service, action.partition(":")[0]):
        return None
    kind, slash, rest = name.partition("/")
    if kind.endswith("inference-profile"):
        return None  # a profile is of no use without a permission on the model behind it
    whole = "*" in rest and not rest.strip("*?:") if slash else kind.endswith("*")
    return text if whole else None


def _strangers(role: Resource, context: Context) -> Iterator[Outcome]:
    """What a role allows to people outside: guests of an identity pool, or other accounts."""
    guests = _guests(role, context)
    outsider = None if guests else _outsider(role, context)
    doubt = None if guests or outsider is not None else _perhaps_guests(role, context)
    if not guests and outsider is None and doubt is None:
        return
    grants = [grant for grant in grants_of(list(identity_documents(role, context.graph)), _GUARDED) if guests or not grant.everything]
    grant = next((found for found in grants if not found.everything), grants[0] if grants else None)
    if grant is None:
        return
    what = f"{grant.name} allows {grant.text}"
    if guests:
        words = "anyone, signed in or not, may call it"
        yield fail(
            f"{what} to a role for guests ({guests}): {words}", where=grant.where, fix=f"remove {grant.text}; call it from your own server"
        )
    elif doubt is not None:
        yield unknown(f"{what}, and guests of an identity pool may assume this role: {doubt.reason}", where=role.source)
    elif outsider is not None and isinstance(outsider.who, Unknown):
        yield unknown(f"{what}, and {outsider.text} may assume this role: {outsider.who.reason}", where=role.source)
    elif outsider is not None:
        who = "anyone" if outsider.who is Who.ANYONE else f"{outsider.text}, an account that isn't in scope.accounts,"
        fix = f"remove {outsider.text} from the role's trust policy, or {grant.text} from what it allows"
        yield fail(f"{what}, and {who} may assume this role", where=role.where("AssumeRolePolicyDocument"), fix=fix)


def _guests(role: Resource, context: Context) -> str | None:
    """Why the role is one for unauthenticated users of an identity pool, if it is."""
    for statement in trust(role).of_effect("Allow"):
        found = for_guests(statement, context.graph)
        if found is not None:
            return f"its trust policy says {found.key} unauthenticated"
    attachment = given_to_guests(role, context.graph)
    return f"{attachment.address} gives it to unauthenticated identities" if attachment is not None else None


def _perhaps_guests(role: Resource, context: Context) -> Unknown | None:
    """Why the role may be one for guests: its trust policy, or the role that an identity pool gives to them, could not be resolved."""
    for statement in trust(role).of_effect("Allow"):
        let_in = lets_guests_in(statement, context.graph)
        if isinstance(let_in, Unknown):
            return let_in
    return perhaps_given_to_guests(role, context.graph)


def _outsider(role: Resource, context: Context) -> Principal | None:
    possible: Principal | None = None
    for principal in trusted_strangers(role, context.scope, context.graph):
        if not isinstance(principal.who, Unknown):
            return principal
        if "account" in principal.who.reason:
            possible = principal
    return possible


def _fix(grant: Grant, family: _Family, resource: Resource) -> str:
    if grant.action.startswith("rekognition:") and grant.service_wide:
        note = f"# instead of {grant.carrier.label if grant.managed else grant.text}: what is called, no more"
        return fix_for(
            resource,
            terraform=f'{note}\nactions   = ["rekognition:CompareFaces"]\nresources = ["*"]',
            cloudformation=f"{note}\nAction: rekognition:CompareFaces\nResource: '*'",
            command='"Action": "rekognition:CompareFaces", "Resource": "*"',
        )
    if grant.managed:
        action = family.actions[0]
        return fix_for(
            resource,
            terraform=f'# instead of {grant.carrier.label}\nactions   = ["{action}"]\nresources = [{family.terraform}]',
            cloudformation=f"# instead of {grant.carrier.label}\nAction: {action}\nResource: {family.cloudformation}",
            command=f'"Action": "{action}", "Resource": "<ARN>"',
        )
    return fix_for(
        resource,
        terraform=f"Resource = {family.terraform}  # resources = [...] in a policy document data source",
        cloudformation=f"Resource: {family.cloudformation}",
        command='"Resource": "<ARN>"',
    )


RULE = Rule(
    id="inference-least-privilege",
    title="Inference, face matching and signing are allowed on named resources, to one's own identities",
    severity=Severity.HIGH,
    types=IDENTITY_TYPES,
    evaluate=evaluate,
    remediation="Name the endpoint, model, collection or key, and let only roles of your own accounts call it.",
    neighbours=(*IDENTITY_NEIGHBOURS, *GUEST_NEIGHBOURS, _KEY),
)
