"""An alarm watches what is uploaded, and somebody hears of it (SM-MON-02)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from averment.core.words import Severity
from averment.policies.graph.model import OUTSIDE, Reference, Resource, Unknown
from averment.policies.iam.access_points import POINTS
from averment.policies.iam.truth import Truth, all_of, any_of
from averment.policies.interface import NOT_APPLICABLE, PASS, Change, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.alarms import ALARM, TELLING, tells
from averment.policies.rules.apis import DOOR_NEIGHBOURS, FUNCTION
from averment.policies.rules.events import EVENT_RULE
from averment.policies.rules.judge import fix_for
from averment.policies.rules.mechanical import actions_enabled, request_metrics
from averment.policies.rules.media import BUCKET, MEDIA_TELLS
from averment.policies.rules.notifications import notifications_unknown
from averment.policies.rules.recipients import reached
from averment.policies.rules.regions import same_region, shown
from averment.policies.rules.scanning import is_sink, of_uploads, pipeline
from averment.policies.rules.storage import listed, same_bucket, setting
from averment.policies.rules.trails import TRAIL

_STORAGE = frozenset({"BucketSizeBytes", "NumberOfObjects"})
"""Metrics that S3 sends once a day by itself; all others of ``AWS/S3`` need a metrics configuration."""
_NOT_OF_UPLOADS = frozenset(
    {
        *("GetRequests", "HeadRequests", "ListRequests", "DeleteRequests", "BytesDownloaded"),
        *("SelectRequests", "SelectBytesScanned", "SelectBytesReturned"),
    }
)
"""Request metrics that stay as they are however much is uploaded. (Amazon S3 User Guide, "Metrics and dimensions".)"""

_FALLING = ("LessThanThreshold", "LessThanOrEqualToThreshold", "LessThanLowerThreshold")
_OWN = re.compile(r"upload|scan|media|quarantine|ingest|s3|object", re.IGNORECASE)
_NAMES = {
    "AWS/Lambda": ("FunctionName", ("FunctionName",)),
    "AWS/SQS": ("QueueName", ("QueueName",)),
    "AWS/SNS": ("TopicName", ("TopicName",)),
    "AWS/Events": ("RuleName", ("Name",)),
    "AWS/States": ("StateMachineArn", ("StateMachineName",)),
}
"""Namespace -> (dimension that names the resource, the resource's own name)."""

_TERRAFORM = """\
resource "aws_s3_bucket_metric" "@" {
  bucket = aws_s3_bucket.@.id
  name   = "all"
}

resource "aws_cloudwatch_metric_alarm" "@_uploads" {
  alarm_name          = "@-uploads"
  namespace           = "AWS/S3"
  metric_name         = "PutRequests"
  dimensions          = { BucketName = aws_s3_bucket.@.id, FilterId = "all" }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = <what you expect in five minutes>
  alarm_actions       = [aws_sns_topic.<on_call>.arn]
}"""
_CLOUDFORMATION = """\
# in @
MetricsConfigurations:
  - Id: all
# and beside it
@UploadsAlarm:
  Type: AWS::CloudWatch::Alarm
  Properties:
    Namespace: AWS/S3
    MetricName: PutRequests
    Dimensions:
      - {Name: BucketName, Value: !Ref @}
      - {Name: FilterId, Value: all}
    Statistic: Sum
    Period: 300
    EvaluationPeriods: 1
    ComparisonOperator: GreaterThanThreshold
    Threshold: <what you expect in five minutes>
    AlarmActions: [!Ref <OnCallTopic>]"""
_COMMAND = (
    "aws s3api put-bucket-metrics-configuration --bucket @ --id all --metrics-configuration Id=all && aws cloudwatch put-metric-alarm"
    " --alarm-name @-uploads --namespace AWS/S3 --metric-name PutRequests --dimensions Name=BucketName,Value=@ Name=FilterId,Value=all"
    " --statistic Sum --period 300 --evaluation-periods 1 --comparison-operator GreaterThanThreshold --threshold <n> --alarm-actions <topic>"
)
_ACTIONS = (
    "alarm_actions = [aws_sns_topic.<on_call>.arn]",
    "AlarmActions: [!Ref <OnCallTopic>]",
    "aws cloudwatch put-metric-alarm --alarm-name @ --alarm-actions <topic>  # with its other settings",
)


@dataclass(frozen=True)
class _Metric:
    """One metric that an alarm looks at."""

    namespace: Any
    name: Any
    dimensions: Any
    falling: bool = False
    """The alarm goes off when there is less of it, as one does that tells when nothing comes any more."""


_WATCHED = (
    *TELLING,
    EVENT_RULE,
    FUNCTION,
    "AWS::SQS::Queue",
    "AWS::StepFunctions::StateMachine",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Pipes::Pipe",
)
"""Alarms, what they can watch, and whom they tell."""


def evaluate(bucket: Resource, context: Context) -> Outcome:
    """The verdict on one bucket; only upload buckets are asked."""
    return of_uploads(bucket, context, lambda why: _judged(bucket, f"this upload bucket ({why})", context))


def _judged(bucket: Resource, subject: str, context: Context) -> Outcome:
    if is_sink(bucket, context):
        return NOT_APPLICABLE
    parts: list[Resource | Unknown] = [*pipeline(bucket, context)]
    if (hidden := notifications_unknown(bucket)) is not None:
        parts.append(hidden)
    doubts: list[Unknown] = []
    deaf: Resource | None = None
    silent: list[str] = []
    for alarm in context.graph.of_type(ALARM):
        metrics = ((metric, _watches(metric, bucket, parts, context, silent)) for metric in _metrics(alarm))
        watches = any_of(_from_here(alarm, metric, watched, bucket, silent) for metric, watched in metrics)
        if watches is False:
            continue
        heard = tells(alarm, context.graph)
        if watches is True and heard is False:
            deaf = deaf or alarm
        elif (both := all_of((watches, heard))) is True:
            return PASS
        elif isinstance(both, Unknown):
            doubts.append(Unknown(f"{alarm.address}: {both.reason}"))
    doubts += filter(None, [context.not_read(*_WATCHED)])
    if doubts:
        return unknown(f"whether somebody hears of unusual uploads to {subject}: {doubts[0].reason}", where=bucket.source)
    if deaf is not None:
        return fail(
            f"{deaf.address} watches uploads to {subject} but tells nobody",
            where=deaf.where("AlarmActions"),
            fix=fix_for(deaf, terraform=_ACTIONS[0], cloudformation=_ACTIONS[1], command=_ACTIONS[2]),
            changes=(actions_enabled(deaf),) if reached(deaf.get("AlarmActions"), context.graph) is True else (),
        )
    if bucket.outside:  # so may be its alarm
        return unknown(f"whether somebody hears of unusual uploads to {subject}: {OUTSIDE}", where=bucket.source)
    near = f" ({silent[0]})" if silent else ""
    return fail(
        f"no alarm watches uploads to {subject} or the pipeline that scans them{near}",
        where=bucket.source,
        fix=fix_for(bucket, terraform=_TERRAFORM, cloudformation=_CLOUDFORMATION, command=_COMMAND),
        changes=tuple(_metrics_on(bucket, context)),
    )


def _metrics_on(bucket: Resource, context: Context) -> Iterator[Change]:
    """Request metrics for the first alarm that waits for them in vain, if it tells somebody."""
    if setting(bucket, context.graph, "MetricsConfigurations") not in (None, []):
        return
    for alarm in context.graph.of_type(ALARM):
        for metric in _metrics(alarm) if tells(alarm, context.graph) is True else ():
            if isinstance(metric, Unknown) or metric.namespace != "AWS/S3" or metric.name in _STORAGE | _NOT_OF_UPLOADS or metric.falling:
                continue
            if same_region(alarm, bucket) is False:
                continue
            wanted = _dimension(metric, "FilterId")
            if same_bucket(_dimension(metric, "BucketName"), bucket) is True and isinstance(wanted, str):
                yield request_metrics(wanted)
                return


def _metrics(alarm: Resource) -> Iterator[_Metric | Unknown]:
    operator = alarm.get("ComparisonOperator")
    if alarm.get("Namespace") is not None or alarm.get("MetricName") is not None:
        yield _Metric(_name(alarm.get("Namespace")), _name(alarm.get("MetricName")), alarm.get("Dimensions"), operator in _FALLING)
    for query in listed(alarm.get("Metrics")):
        metric = query.get("MetricStat") if isinstance(query, Mapping) else query
        inner = metric.get("Metric") if isinstance(metric, Mapping) else metric
        if isinstance(inner, Unknown):
            yield inner
        elif isinstance(inner, Mapping):
            below = operator == "LessThanLowerThreshold"  # the other operators may be on an expression in which the metric is subtracted
            yield _Metric(_name(inner.get("Namespace")), _name(inner.get("MetricName")), inner.get("Dimensions"), below)


def _name(value: Any) -> Any:
    """``value`` where it can be a name, or stand for one: a list or a map names no metric."""
    return value if isinstance(value, str | Unknown | Reference) else None


def _watches(
    metric: _Metric | Unknown, bucket: Resource, parts: Sequence[Resource | Unknown], context: Context, silent: list[str]
) -> Truth:
    """Whether ``metric`` moves with what is uploaded to ``bucket``; why one that seems to doesn't is added to ``silent``."""
    if isinstance(metric, Unknown):
        return Unknown(f"a metric could not be resolved: {metric.reason}")
    namespace = metric.namespace
    if isinstance(namespace, Unknown):
        return Unknown(f"a metric's namespace could not be resolved: {namespace.reason}")
    if namespace == "AWS/S3":
        return _of_bucket(metric, bucket, context, silent)
    if namespace in _NAMES:
        dimension, own = _NAMES[namespace]
        return any_of(_means(_dimension(metric, dimension), part, own) for part in parts)
    text = f"{namespace} {metric.name if isinstance(metric.name, str) else ''}"
    return isinstance(namespace, str) and not namespace.startswith("AWS/") and _OWN.search(text) is not None


def _from_here(alarm: Resource, metric: _Metric | Unknown, watched: Truth, bucket: Resource, silent: list[str]) -> Truth:
    """``watched``, unless AWS sends the metric in another region than the alarm's. One's own goes where the program that sends it says."""
    own = isinstance(metric, _Metric) and not str(metric.namespace).startswith("AWS/")
    near = same_region(alarm, bucket)
    if watched is False or own or near is True:
        return watched
    silent.append(f"{alarm.address} is in {shown(alarm)}, and metrics of this bucket stay in {shown(bucket)}")
    return all_of((watched, near))


def _of_bucket(metric: _Metric, bucket: Resource, context: Context, silent: list[str]) -> Truth:
    watched = same_bucket(_dimension(metric, "BucketName"), bucket)
    if watched is not False and (metric.name in _NOT_OF_UPLOADS or metric.falling):
        silent.append(
            f"the alarm on {metric.name} goes off when there is less of it" if metric.falling else f"{metric.name} isn't about uploads"
        )
        return False
    if watched is False or metric.name in _STORAGE:
        return watched
    configured = setting(bucket, context.graph, "MetricsConfigurations")
    if configured is None or configured == []:
        silent.append(f"the alarm on {metric.name} never fires: the bucket has no metrics configuration, so S3 sends no request metrics")
        return False
    sent = configured if isinstance(configured, Unknown) else _sent(configured, _dimension(metric, "FilterId"))
    if sent is False:
        silent.append(
            f"the alarm on {metric.name} never fires: S3 sends request metrics under the FilterId of a metrics configuration only"
        )
    return all_of((watched, sent))


def _sent(configured: Any, wanted: Any) -> Truth:
    """Whether one of the bucket's metrics configurations is the one under whose id the alarm looks."""
    if isinstance(wanted, Unknown | Reference):  # so looks a link to the configuration's own id, too
        return True
    ids = [entry.get("Id") if isinstance(entry, Mapping) else entry for entry in listed(configured)]
    return wanted in ids or any_of(value if isinstance(value, Unknown) else isinstance(value, Reference) for value in ids)


def _dimension(metric: _Metric, name: str) -> Any:
    if isinstance(metric.dimensions, Unknown):
        return metric.dimensions
    for entry in listed(metric.dimensions):
        if isinstance(entry, Mapping) and entry.get("Name") == name:
            return entry.get("Value")
    return None


def _means(value: Any, part: Resource | Unknown, own: tuple[str, ...]) -> Truth:
    if isinstance(part, Unknown):
        return part
    if isinstance(value, Reference):
        return value.address == part.address
    if isinstance(value, Unknown):
        names = [part.get(key) for key in own]
        same = any(isinstance(name, Unknown) and name.template is not None and name.template == value.template for name in names)
        return True if same else Unknown(f"a dimension could not be resolved: {value.reason}")
    return isinstance(value, str) and (value == part.address or value.rsplit(":", 1)[-1] in [part.get(key) for key in own])


RULE = Rule(
    id="upload-anomaly-alarm",
    title="An alarm watches uploads and tells somebody",
    severity=Severity.LOW,
    types=(BUCKET,),
    evaluate=evaluate,
    remediation="Put an alarm on the bucket's requests, or on the queue and the function that scan it, and let it notify somebody.",
    guessing=MEDIA_TELLS,
    neighbours=(*POINTS, BUCKET, TRAIL, *_WATCHED, *DOOR_NEIGHBOURS),
)
