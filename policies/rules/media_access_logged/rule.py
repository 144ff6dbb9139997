"""Who read and wrote an object in a media or evidence bucket is on record (SM-MON-04)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from averment.core.words import Severity
from averment.policies.graph.model import Resource, Unknown
from averment.policies.iam.truth import all_of
from averment.policies.interface import NOT_APPLICABLE, PASS, Change, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.judge import fix_for
from averment.policies.rules.mechanical import trail_logging
from averment.policies.rules.media import BUCKET, MEDIA_TELLS, media_role
from averment.policies.rules.regions import shown
from averment.policies.rules.storage import evidence_bucket, setting
from averment.policies.rules.trails import READS, STORE, TRAIL, WRITES, of_region, recorded, selected

_SERVER_LOGS = """\
resource "aws_s3_bucket_logging" "@" {
  bucket        = aws_s3_bucket.@.id
  target_bucket = aws_s3_bucket.<access_logs>.id
  target_prefix = "s3/@/"
}
"""
_TRAIL = """
# or, in a trail (aws_cloudtrail)
advanced_event_selector {
  field_selector {
    field  = "eventCategory"
    equals = ["Data"]
  }
  field_selector {
    field  = "resources.type"
    equals = ["AWS::S3::Object"]
  }
  field_selector {
    field       = "resources.ARN"
    starts_with = ["${aws_s3_bucket.@.arn}/"]
  }
}"""
_TERRAFORM = _SERVER_LOGS + _TRAIL
_ARGUMENTS = {
    "terraform-aws-modules/s3-bucket": (
        f'# in aws_s3_bucket.@\nlogging = {{\n  target_bucket = aws_s3_bucket.<access_logs>.id\n  target_prefix = "s3/@/"\n}}\n{_TRAIL}'
    ),
    "cloudposse/s3-bucket": (
        f'# in aws_s3_bucket.@\nlogging = [{{\n  bucket_name = aws_s3_bucket.<access_logs>.id\n  prefix      = "s3/@/"\n}}]\n{_TRAIL}'
    ),
}
_CLOUDFORMATION = """\
LoggingConfiguration:
  DestinationBucketName: !Ref <AccessLogs>
  LogFilePrefix: s3/@/
# or, in an AWS::CloudTrail::Trail
AdvancedEventSelectors:
  - FieldSelectors:
      - Field: eventCategory
        Equals: [Data]
      - Field: resources.type
        Equals: [AWS::S3::Object]
      - Field: resources.ARN
        StartsWith: [!Sub '${@.Arn}/']"""
_COMMAND = (
    "aws s3api put-bucket-logging --bucket @ --bucket-logging-status"
    ' \'{"LoggingEnabled": {"TargetBucket": "<access-logs>", "TargetPrefix": "s3/@/"}}\''
)


def evaluate(bucket: Resource, context: Context) -> Outcome:
    """The verdict on one bucket: media and evidence buckets are asked."""
    subject = _subject(bucket, context)
    if subject is None:
        return NOT_APPLICABLE
    logging = setting(bucket, context.graph, "LoggingConfiguration")
    if isinstance(logging, Mapping) or context.parameters.get("object_logging_trail"):
        return PASS
    covered = {half: recorded(bucket, half, context.graph) for half in (READS, WRITES)}
    verdict = all_of(covered.values())
    if verdict is True:
        return PASS
    unread = context.not_read(TRAIL, STORE)
    doubts = [logging, *covered.values(), unread] if False not in covered.values() else [logging, unread]
    doubt = next((value for value in doubts if isinstance(value, Unknown)), None)
    if doubt is not None:
        return unknown(f"whether access to objects of {subject} is logged: {doubt.reason}", where=bucket.where("LoggingConfiguration"))
    missing = [half for half, value in covered.items() if value is False]
    what = "neither server access logs nor data events of a trail record" if len(missing) == 2 else "no trail records"
    return fail(
        f"{what} who {' or '.join(missing)} objects of {subject}{_near_miss(bucket, context)}",
        where=bucket.source,
        fix=fix_for(bucket, terraform=_TERRAFORM, cloudformation=_CLOUDFORMATION, command=_COMMAND, arguments=_ARGUMENTS),
        changes=tuple(_switched_on(bucket, context)),
    )


def _switched_on(bucket: Resource, context: Context) -> Iterator[Change]:
    """The first trail that would record everything, were it not switched off."""
    for trail in context.graph.of_type(TRAIL):
        if trail.get("IsLogging") is False and all(selected(trail, bucket, half) is True for half in (READS, WRITES)):
            yield trail_logging(trail)
            return


def _subject(bucket: Resource, context: Context) -> str | None:
    if (why := evidence_bucket(bucket, context.parameters)) is not None:
        return f"this evidence bucket ({why})"
    found = media_role(bucket, context.scope, context.graph)
    return f"this {found[0]} bucket ({found[1]})" if found is not None else None


def _near_miss(bucket: Resource, context: Context) -> str:
    trail = next(iter(context.graph.of_type(TRAIL)), None)
    if trail is None:
        return ""
    elsewhere = of_region(trail, bucket) is False
    why = f"records what is called in {shown(trail)} alone, and the bucket is in {shown(bucket)}" if elsewhere else "doesn't take them in"
    return f" ({trail.address} {why})"


RULE = Rule(
    id="media-access-logged",
    title="Access to objects of media and evidence buckets is logged",
    severity=Severity.MEDIUM,
    types=(BUCKET,),
    evaluate=evaluate,
    remediation="Switch on server access logs for the bucket, or data events of S3 objects in a trail.",
    guessing=MEDIA_TELLS,
    neighbours=(TRAIL, STORE),
)
