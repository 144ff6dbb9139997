"""An upload bucket tells a scanner that exists about every new object (SM-UPL-01)."""

from __future__ import annotations

from collections.abc import Iterator

from averment.core.words import Severity, counted
from averment.policies.graph.model import Dialect, Graph, Resource, Unknown
from averment.policies.iam.access_points import POINTS
from averment.policies.iam.truth import Truth
from averment.policies.interface import NOT_APPLICABLE, PASS, Change, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.apis import DOOR_NEIGHBOURS
from averment.policies.rules.dead_letters import INVOKE_CONFIG, dead_letters
from averment.policies.rules.events import (
    EVENT_RULE,
    come_to,
    enabled,
    idle_target,
    reaches,
    s3_rules,
    takes_in,
    targets,
    trails_matter,
    waits_for_results,
    waits_for_trail,
)
from averment.policies.rules.filters import CREATIONS
from averment.policies.rules.judge import fix_for, short_name
from averment.policies.rules.malware import plan_for
from averment.policies.rules.mechanical import EVENTBRIDGE_BLOCK, EVENTBRIDGE_ON, rule_enabled
from averment.policies.rules.media import BUCKET, MEDIA_TELLS, role_unclear
from averment.policies.rules.notifications import direct_listeners, eventbridge_on, notifications_unknown
from averment.policies.rules.regions import shown
from averment.policies.rules.scanning import direct_writers, is_sink, of_uploads, upload_role
from averment.policies.rules.takers import TAKERS, Idle
from averment.policies.rules.trails import TRAIL, WRITES, recorded

_CLOUDFORMATION_SWITCH = """\
NotificationConfiguration:
  EventBridgeConfiguration:
    EventBridgeEnabled: true"""
_COMMAND_SWITCH = (
    "aws s3api put-bucket-notification-configuration --bucket @"
    " --notification-configuration '{\"EventBridgeConfiguration\": {}}'  # merge with what is there"
)
_ENABLE = ('state = "ENABLED"', "State: ENABLED", "aws events enable-rule --name <rule>")
_TARGET = (
    'resource "aws_cloudwatch_event_target" "scan_@" {\n  rule = aws_cloudwatch_event_rule.<rule>.name\n  arn  = aws_sqs_queue.<scanner>.arn\n}',
    "Targets:\n  - Id: scanner\n    Arn: !GetAtt <Scanner>.Arn",
    "aws events put-targets --rule <rule> --targets Id=scanner,Arn=<scanner>",
)
_DEAD = (
    "# in the aws_cloudwatch_event_target of <rule>\ndead_letter_config {\n  arn = aws_sqs_queue.<dead_letters>.arn\n}",
    "# in the target of <rule>\nDeadLetterConfig:\n  Arn: !GetAtt <DeadLetters>.Arn",
    "aws events put-targets --rule <rule> --targets 'Id=scanner,Arn=<scanner>,DeadLetterConfig={Arn=<dead-letters>}'",
)
_TERRAFORM_RULE = """\
resource "aws_cloudwatch_event_rule" "scan_@" {
  event_pattern = jsonencode({
    source        = ["aws.s3"]
    "detail-type" = ["Object Created"]
    detail        = { bucket = { name = [aws_s3_bucket.@.bucket] } }
  })
}"""
_CLOUDFORMATION_RULE = """\
EventPattern:
  source: [aws.s3]
  detail-type: [Object Created]
  detail:
    bucket:
      name: [!Ref @]"""
_COMMAND_RULE = (
    "aws events put-rule --name scan-@ --event-pattern"
    ' \'{"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": ["@"]}}}\''
)
_RULE = (_TERRAFORM_RULE, _CLOUDFORMATION_RULE, _COMMAND_RULE)
_NOT_SENT = (
    "its events are sent by nobody: EventBridge is off for this bucket",
    (EVENTBRIDGE_BLOCK, _CLOUDFORMATION_SWITCH, _COMMAND_SWITCH),
)
_NO_TRAIL = ("it waits for CloudTrail's records of new objects, and no trail records those of this bucket", _RULE)


def evaluate(bucket: Resource, context: Context) -> Outcome:
    """The verdict on one bucket; only upload buckets are asked."""
    if upload_role(bucket, context) is None:
        doubt = role_unclear(bucket, context.scope)
        silent = doubt is not None and bucket.get("NotificationConfiguration") is None
        return (
            unknown(f"whether this bucket takes uploads: {doubt.reason}", where=bucket.where("Tags"))
            if silent and doubt
            else NOT_APPLICABLE
        )
    return of_uploads(bucket, context, lambda why: _judged(bucket, why, context))


def _judged(bucket: Resource, why: str, context: Context) -> Outcome:
    if is_sink(bucket, context) or _only_called_quarantine(bucket, why, context):
        return NOT_APPLICABLE
    if (reason := notifications_unknown(bucket)) is not None:
        return unknown(f"the notifications could not be resolved: {reason.reason}", where=bucket.where("NotificationConfiguration"))
    doubts: list[Unknown] = []
    heard: set[str] = set()
    stopped: Idle | None = None
    for listener in direct_listeners(bucket, context.graph):
        if listener.exists is True:
            heard |= listener.kinds
        if isinstance(listener.exists, Unknown):
            doubts.append(listener.exists)
        stopped = stopped or listener.idle
    if heard >= CREATIONS:
        return PASS
    if heard:
        some, others = ", ".join(sorted(heard)), ", ".join(sorted(CREATIONS - heard))
        doubts.append(
            Unknown(f"its notifications are on s3:ObjectCreated:{some} alone, and whether objects come by {others} can't be told")
        )
    on = eventbridge_on(bucket, context.graph)
    if on is False and not _may_wait(bucket, context):
        if doubts:
            return unknown(f"whether a scanner hears of new objects: {doubts[0].reason}", where=bucket.where("NotificationConfiguration"))
        if stopped is not None:
            text = f"this upload bucket ({why}) tells nobody who takes a new object up, so nothing scans it: {stopped.why}"
            return fail(text, where=bucket.where("NotificationConfiguration"), fix=_fix(bucket, stopped.fix))
        fix = fix_for(bucket, terraform=EVENTBRIDGE_BLOCK, cloudformation=_CLOUDFORMATION_SWITCH, command=_COMMAND_SWITCH)
        text = f"this upload bucket ({why}) sends no event for new objects, so nothing scans them"
        if (plan := plan_for(bucket, context.graph)) is not None:
            text = f"GuardDuty alone is told of new objects in this upload bucket ({why}), and looks for malware in them ({plan.address}), not at media"
        # unless a rule waits for its events, the switch alone would mend nothing
        awaited = any(takes_in(rule, bucket, context.graph) is True for rule in s3_rules(context.graph))
        return fail(text, where=bucket.source, fix=fix, changes=(EVENTBRIDGE_ON,) if awaited else ())
    return _through_eventbridge(bucket, why, doubts, context)


def _may_wait(bucket: Resource, context: Context) -> bool:
    """Whether a rule waits for CloudTrail's records of new objects, or for what GuardDuty says of them.

    Where rules couldn't be read, whether there may be any such record.
    """
    if any(waits_for_results(rule, bucket, context.graph) for rule in s3_rules(context.graph)):
        return True
    if EVENT_RULE in context.unread and (TRAIL in context.unread or recorded(bucket, WRITES, context.graph, TRAIL) is not False):
        return True
    return trails_matter(bucket, context.graph)


def _only_called_quarantine(bucket: Resource, why: str, context: Context) -> bool:
    """Whether nothing but the default pattern speaks for uploads: rejected records and infected files are quarantined as well."""
    return context.scope.guesses and "quarantine" in why and next(direct_writers(bucket, context), None) is None


def _through_eventbridge(bucket: Resource, why: str, doubts: list[Unknown], context: Context) -> Outcome:
    where = bucket.where("NotificationConfiguration")
    missed: list[tuple[str, tuple[str, ...], tuple[Change, ...]]] = []
    for rule in s3_rules(context.graph):
        steps = list(_steps(rule, bucket, context.graph))
        broken = next(((text, fix) for value, text, fix in steps if value is False), None)
        if broken is not None:
            if broken[1] is _TARGET and (still := idle_target(rule, context.graph)) is not None:
                broken = (still.why, still.fix)
            texts = tuple(text.replace("<rule>", short_name(rule)) for text in broken[1])
            missed.append((f"{rule.address}: {broken[0]}", texts, (rule_enabled(rule),) if broken[1] == _ENABLE else ()))
            continue
        unclear = next((value for value, *_ in steps if isinstance(value, Unknown)), None)
        if unclear is None:
            return PASS
        doubts.append(unclear)
    wanted = (EVENT_RULE, TRAIL) if trails_matter(bucket, context.graph) else (EVENT_RULE,)
    doubts += filter(None, [context.not_read(*wanted)])
    if doubts:
        return unknown(f"whether a scanner hears of new objects: {doubts[0].reason}", where=where)
    if not missed and bucket.dialect is not Dialect.CONFIG:
        return unknown(
            f"this upload bucket ({why}) sends its events to EventBridge, but no rule on them is part of what was read", where=where
        )
    missed.sort(key=lambda entry: entry[1] == _RULE)  # a rule for this bucket that is broken says more than one for another
    reason, texts, changes = missed[0] if missed else ("there is no rule on S3 events", _RULE, ())
    reason += f" (and {counted(len(missed) - 1, 'more rule')})" if len(missed) > 1 else ""
    fix = _fix(bucket, texts)
    return fail(f"events of this upload bucket ({why}) reach no scanner: {reason}", where=where, fix=fix, changes=changes)


def _steps(rule: Resource, bucket: Resource, graph: Graph) -> Iterator[tuple[Truth, str, tuple[str, str, str]]]:
    """What has to hold of a rule for a scanner to hear by it, with what is wrong otherwise and how that is mended."""
    taken = takes_in(rule, bucket, graph)
    if come_to(rule, bucket, graph) is False:
        yield False, f"it is in {shown(rule)}, and events of this bucket stay in {shown(bucket)}", _RULE
        return
    yield taken, "its pattern doesn't take in this bucket", _RULE
    if taken is False:  # then nothing else of it matters
        return
    yield reaches(rule, bucket, graph), *(_NO_TRAIL if waits_for_trail(rule, bucket, graph) else _NOT_SENT)
    yield enabled(rule), "it is disabled", _ENABLE
    yield targets(rule, graph), "it has no target", _TARGET
    yield dead_letters(rule, graph), "it has no dead-letter queue, so an event that its target fails to take is lost", _DEAD


def _fix(bucket: Resource, texts: tuple[str, ...]) -> str:
    """The one of ``texts`` that is in the bucket's language."""
    return fix_for(bucket, terraform=texts[0], cloudformation=texts[1], command=texts[2])


RULE = Rule(
    id="media-bucket-events-scanned",
    title="Upload buckets send events to a scanner that exists",
    severity=Severity.HIGH,
    types=(BUCKET,),
    evaluate=evaluate,
    remediation="Switch on EventBridge for the bucket and route Object Created events to the scanner, with a dead-letter queue.",
    guessing=MEDIA_TELLS,
    neighbours=(
        *POINTS,
        BUCKET,
        "AWS::S3::BucketPolicy",
        EVENT_RULE,
        TRAIL,
        INVOKE_CONFIG,
        *TAKERS,
        *DOOR_NEIGHBOURS,
    ),
)
