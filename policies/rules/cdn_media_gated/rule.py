"""A distribution with a media origin has origin access control and an edge gate on each behaviour (SM-DEL-01)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from averment.core.words import Severity, Verdict
from averment.policies.graph.model import Dialect, Graph, PropertyPath, Reference, Resource, Unknown
from averment.policies.iam.resources import bucket_name
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.cdn_media_gated.edge import gate_of
from averment.policies.rules.judge import fix_for, worst_outcome
from averment.policies.rules.media import BUCKET, MEDIA_TELLS, may_hold_media, media_role
from averment.policies.rules.origins import CONTROL, DISTRIBUTION, Origin, behaviours, control_at, is_open, members, name_of, origins

_GATE = "# a function that refuses what isn't cleared; averment blueprints write edge has one"
_TERRAFORM_GATE = f"""\
{_GATE}
function_association {{
  event_type   = "viewer-request"
  function_arn = aws_cloudfront_function.<verdict_gate>.arn
}}"""
_CLOUDFORMATION_GATE = f"""\
{_GATE}
FunctionAssociations:
  - EventType: viewer-request
    FunctionARN: !GetAtt <VerdictGate>.FunctionMetadata.FunctionARN"""
_ACCESS = "# once the bucket's policy lets this distribution read, or every viewer is refused; in place of"
_TERRAFORM_ACCESS = f"""\
{_ACCESS} a custom_origin_config
origin_access_control_id = aws_cloudfront_origin_access_control.<media>.id"""
_CLOUDFORMATION_ACCESS = f"""\
{_ACCESS} a CustomOriginConfig
OriginAccessControlId: !GetAtt <MediaAccessControl>.Id
S3OriginConfig: {{}}"""
_COMMAND = "aws cloudfront update-distribution --id @ --if-match <ETag> --distribution-config file://distribution.json"


def evaluate(distribution: Resource, context: Context) -> Outcome:
    """The verdict on one distribution: each media origin, and each behaviour that leads to one."""
    outcomes: list[Outcome] = []
    media: list[_Media] = []
    for origin in origins(distribution, context.graph):
        if isinstance(origin, Unknown):
            outcomes.append(
                unknown(f"an origin could not be resolved: {origin.reason}", where=distribution.where("DistributionConfig", "Origins"))
            )
            continue
        if isinstance(origin.bucket, Unknown):
            if origin.settings.get("CustomOriginConfig") is None:
                reason = f"whether origin '{origin.id}' holds media: {origin.bucket.reason}"
                outcomes.append(unknown(reason, where=distribution.where(*origin.path)))
            continue
        if origin.bucket is None:
            continue
        bucket, tagged = _with_tags(origin.bucket, distribution, context.graph)
        found = media_role(bucket, context.scope, context.graph)
        if found is not None:
            media.append(_Media(origin, f"origin '{origin.id}' is a bucket with {found[0]} media ({found[1]})"))
        elif not tagged and (doubt := _untagged(bucket, context)) is not None:
            media.append(_Media(origin, f"origin '{origin.id}' is the bucket {origin.bucket.address}", doubt))
    outcomes += [entry.judged(_access(entry.origin, entry.subject, distribution, context)) for entry in media]
    for behaviour, path in behaviours(distribution):
        if isinstance(behaviour, Unknown):
            if media:
                outcomes.append(unknown(f"a cache behaviour could not be resolved: {behaviour.reason}", where=distribution.where(*path)))
            continue
        outcomes.extend(_gate(behaviour, path, media, distribution, context.graph))
    return worst_outcome(outcomes) if outcomes else NOT_APPLICABLE


@dataclass(frozen=True)
class _Media:
    """An origin that holds media, or may (``doubt``): then only what would be a failure is worth a question."""

    origin: Origin
    subject: str
    doubt: Unknown | None = None

    def judged(self, outcome: Outcome) -> Outcome:
        """``outcome`` as far as it can be said of this origin."""
        if self.doubt is None:
            return outcome
        if outcome.verdict is Verdict.FAIL:
            return unknown(f"{outcome.message}; whether that bucket holds media: {self.doubt.reason}", where=outcome.where)
        return NOT_APPLICABLE


def _with_tags(bucket: Resource, distribution: Resource, graph: Graph) -> tuple[Resource, bool]:
    """``bucket``, with the tags that S3 told of it where it isn't among what was read, and whether they are known by that."""
    told = distribution.get("OriginTags")
    tags = told.get(bucket_name(bucket)) if isinstance(told, Mapping) else None
    if not isinstance(tags, list) or any(known is bucket for known in graph.of_type(BUCKET)):
        return bucket, False
    return replace(bucket, properties={**bucket.properties, "Tags": tags}), True


def _untagged(bucket: Resource, context: Context) -> Unknown | None:
    """Why a bucket that wasn't read may hold media all the same, where the organisation knows its own by tags: it may be another region's."""
    if context.scope.guesses or any(known is bucket for known in context.graph.of_type(BUCKET)):
        return None
    return may_hold_media(replace(bucket, outside=True), context.scope)


def _access(origin: Origin, subject: str, distribution: Resource, context: Context) -> Outcome:
    """Whether only CloudFront can read the origin's bucket (access control, or the older access identity)."""
    where = distribution.where(*origin.path)
    control = origin.settings.get("OriginAccessControlId")
    identity = origin.settings.get("S3OriginConfig")
    if isinstance(identity, Mapping):
        identity = identity.get("OriginAccessIdentity")
    if origin.website:
        return fail(f"{subject} behind its website endpoint, which can't be closed to others", where=where, fix=_fix_access(distribution))
    if identity not in (None, "") and not isinstance(identity, Unknown):
        return PASS  # an access identity signs each request
    found = control_at(control, context.graph)
    if found is None and isinstance(control, str | Reference) and control:
        named = control.address if isinstance(control, Reference) else control
        deployed = distribution.dialect is Dialect.CONFIG
        reason = context.unread.get(CONTROL, "CloudFront lists none of that id") if deployed else "it is not part of what was read"
        return unknown(f"whether the access control {named} signs: {reason} ({subject})", where=where)
    signing = found.get("OriginAccessControlConfig", "SigningBehavior") if isinstance(found, Resource) else None
    if isinstance(found, Resource) and isinstance(signing, Unknown):
        return unknown(f"{subject}; whether its access control {found.address} signs could not be resolved: {signing.reason}", where=where)
    if isinstance(found, Resource) and signing == "never":
        text = f"{subject}, but its access control {found.address} never signs, so the bucket has to be open to everybody"
        return fail(text, where=where, fix=_fix_signing(distribution))
    if isinstance(found, Resource):
        return PASS
    doubt = next((value for value in (control, identity) if isinstance(value, Unknown)), None)
    if doubt is not None:
        return unknown(f"{subject}; its access control could not be resolved: {doubt.reason}", where=where)
    return fail(f"{subject} without origin access control", where=where, fix=_fix_access(distribution))


def _gate(
    behaviour: Mapping[str, Any], path: PropertyPath, media: Sequence[_Media], distribution: Resource, graph: Graph
) -> Iterator[Outcome]:
    target = behaviour.get("TargetOriginId")
    where = distribution.where(*path)
    label = f"behaviour '{behaviour['PathPattern']}'" if isinstance(behaviour.get("PathPattern"), str) else "the default behaviour"
    names = members(target, distribution)
    reached = [entry for entry in media if entry.origin.id in names and not is_open(entry.origin.id)]
    doubt = _doubt(target, names, reached, media, distribution)
    if doubt is not None:
        yield unknown(f"which origin {label} leads to: {doubt}", where=where)
        return
    first = min(reached, key=lambda entry: entry.doubt is not None, default=None)
    if first is None:
        return
    gated = gate_of(behaviour, graph)
    if gated is True:
        yield first.judged(PASS)
    elif isinstance(gated, Unknown):
        yield first.judged(unknown(f"the edge functions of {label} could not be resolved: {gated.reason}", where=where))
    else:
        fix = fix_for(distribution, terraform=_TERRAFORM_GATE, cloudformation=_CLOUDFORMATION_GATE, command=_COMMAND)
        idle = f" ({gated.address} only passes requests on)" if isinstance(gated, Resource) else ""
        message = f"{label} serves whatever lies there, with no edge gate on the verdict{idle}: {first.subject}"
        yield first.judged(fail(message, where=where, fix=fix))


def _doubt(target: Any, names: Sequence[str], reached: Sequence[_Media], media: Sequence[_Media], distribution: Resource) -> str | None:
    """Why a behaviour may lead to a media origin although none that it names is one: it, or an origin's id, isn't known."""
    if reached or not media:
        return None
    listed = distribution.get("DistributionConfig", "Origins")
    known = {name_of(settings.get("Id")) for settings in listed if isinstance(settings, Mapping)} if isinstance(listed, list) else set()
    if all(name in known and not is_open(name) for name in names):
        return None
    if isinstance(target, Unknown):
        return target.reason
    hidden = next((entry.origin.settings.get("Id") for entry in media if isinstance(entry.origin.settings.get("Id"), Unknown)), None)
    return hidden.reason if isinstance(hidden, Unknown) else None


def _fix_access(distribution: Resource) -> str:
    return fix_for(distribution, terraform=_TERRAFORM_ACCESS, cloudformation=_CLOUDFORMATION_ACCESS, command=_COMMAND)


def _fix_signing(distribution: Resource) -> str:
    return fix_for(distribution, terraform='signing_behavior = "always"', cloudformation="SigningBehavior: always", command=_COMMAND)


RULE = Rule(
    id="cdn-media-gated",
    title="Media origins of the CDN have access control and an edge gate",
    severity=Severity.HIGH,
    types=(DISTRIBUTION,),
    evaluate=evaluate,
    remediation="Give the origin an access control, and attach a function that lets a request through by the object's verdict.",
    guessing=MEDIA_TELLS,
    neighbours=(BUCKET, CONTROL),
)
