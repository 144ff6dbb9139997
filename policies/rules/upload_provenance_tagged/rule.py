"""An upload says where it comes from, by a tag that the bucket demands, or goes through a bucket that is scanned (SM-UPL-02)."""

from __future__ import annotations

from averment.core.scope import MediaRole
from averment.core.words import Severity
from averment.policies.graph.model import Resource, Unknown
from averment.policies.iam.access_points import POINTS
from averment.policies.iam.document import Document, Statement
from averment.policies.iam.gates import Gate, deny_gates, near_miss
from averment.policies.iam.truth import Truth, any_of
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules import provenance_gate
from averment.policies.rules.apis import DOOR_NEIGHBOURS
from averment.policies.rules.events import EVENT_RULE, trails_matter
from averment.policies.rules.judge import fix_for
from averment.policies.rules.looking import perhaps
from averment.policies.rules.malware import plan_for
from averment.policies.rules.media import BUCKET, MEDIA_TELLS, media_role
from averment.policies.rules.scanning import direct_writers, is_sink, scanned, writers_unclear
from averment.policies.rules.storage import BUCKET_POLICY, bucket_policies, own_reach, policies_unclear, refuses_throughout
from averment.policies.rules.takers import TAKERS
from averment.policies.rules.trails import TRAIL

ACTION = "s3:PutObject"
_INVENTED = "s3:x-amz-meta-"

_ELSE = "or send its events to a scanner instead: the policy refuses whoever sends no tag yet, and every multipart upload"
_TERRAFORM = f"# in the policy of aws_s3_bucket.@, {_ELSE}\n{provenance_gate.TERRAFORM}"
_CLOUDFORMATION = f"# in the AWS::S3::BucketPolicy of @, {_ELSE}\n{provenance_gate.CLOUDFORMATION}"
_COMMAND = f"# in its bucket policy, {_ELSE}\n{provenance_gate.JSON}"


def evaluate(bucket: Resource, context: Context) -> Outcome:
    """The verdict on one bucket: upload buckets, and published ones that people upload to themselves."""
    found = media_role(bucket, context.scope, context.graph)
    if found is None or found[0] is MediaRole.GENERATED:
        return NOT_APPLICABLE
    subject = f"this {found[0]} bucket ({found[1]})"
    if found[0] is MediaRole.PUBLISHED:
        writer = next(direct_writers(bucket, context, sure=True), None)
        if writer is None:
            doubt = writers_unclear(bucket, context)
            return perhaps(_judged(bucket, subject, context), bucket, doubt) if doubt is not None else NOT_APPLICABLE
        subject = f"{subject}, to which people upload directly ({writer}),"
    elif is_sink(bucket, context):
        return NOT_APPLICABLE
    return _judged(bucket, subject, context)


def _judged(bucket: Resource, subject: str, context: Context) -> Outcome:
    verdict = any_of((_demanded(bucket, context), scanned(bucket, context), _unread(bucket, context)))
    if verdict is True:
        return PASS
    if isinstance(verdict, Unknown):
        return unknown(f"whether uploads to {subject} carry provenance or are scanned: {verdict.reason}", where=bucket.source)
    plan = plan_for(bucket, context.graph)
    reached = "reach no scanner" if plan is None else f"reach no scanner of media ({plan.address} has GuardDuty look for malware)"
    return fail(
        f"uploads to {subject} need no provenance tag (s3:RequestObjectTag) and {reached}{_near_miss(bucket, context)}",
        where=bucket.source,
        fix=fix_for(bucket, terraform=_TERRAFORM, cloudformation=_CLOUDFORMATION, command=_COMMAND),
    )


def _unread(bucket: Resource, context: Context) -> Truth:
    trails = (TRAIL,) if trails_matter(bucket, context.graph) else ()
    return context.not_read(BUCKET_POLICY, EVENT_RULE, *trails) or False


def _demanded(bucket: Resource, context: Context) -> Truth:
    """Whether the bucket's policy refuses objects without a provenance tag, whoever sends them."""
    verdicts: list[Truth] = [_gate(document, bucket, context) for _, document in bucket_policies(bucket, context.graph)]
    if (doubt := policies_unclear(bucket, context.graph)) is not None:
        verdicts.append(doubt)
    return any_of(verdicts)


def _gate(document: Document, bucket: Resource, context: Context) -> Truth:
    def reaches(statement: Statement) -> Truth:
        throughout = refuses_throughout(statement, bucket)
        if throughout is False and own_reach(statement, bucket) is True:
            return Unknown(f"{statement.name} demands it of some objects only, and whether others are uploaded can't be told")
        return throughout

    return deny_gates(document, ACTION, (Gate.PROVENANCE,), context.scope, context.graph, reaches=reaches)


def _near_miss(bucket: Resource, context: Context) -> str:
    """Why what looks like a demand for provenance is none, in brackets."""
    bare = Statement(effect="Allow", path=())
    for _, document in bucket_policies(bucket, context.graph):
        for statement in document:
            for condition in statement.conditions:
                if condition.key.lower().startswith(_INVENTED):
                    return f" ({condition.key} is no condition key of S3: metadata can't be demanded by a policy)"
                if condition.key.lower().startswith("s3:requestobjecttag") and statement.effect == "Allow":
                    return f" ({statement.name} ties one Allow to {condition.key}; who writes by another is not asked)"
        if reason := near_miss(bare, document):
            return f" ({reason})" if "requestobjecttag" in reason.lower() else ""
    return ""


RULE = Rule(
    id="upload-provenance-tagged",
    title="Uploads carry a provenance tag or go through a bucket that is scanned",
    severity=Severity.MEDIUM,
    types=(BUCKET,),
    evaluate=evaluate,
    remediation="Send uploads through a bucket whose new objects are scanned, or refuse objects without s3:RequestObjectTag/<provenance>.",
    guessing=MEDIA_TELLS,
    neighbours=(
        *POINTS,
        BUCKET_POLICY,
        EVENT_RULE,
        TRAIL,
        *TAKERS,
        *DOOR_NEIGHBOURS,
    ),
)
