"""AWS Config records the types that the rules look at (SM-MON-01)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from averment.core.words import Severity
from averment.policies.graph.model import Dialect, Graph, Reference, Resource, Unknown
from averment.policies.iam.truth import Truth, any_of
from averment.policies.interface import NOT_APPLICABLE, PASS, Change, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.judge import fix_for, worst_outcome
from averment.policies.rules.mechanical import RECORDING_ALL, RECORDING_GLOBAL, recorder_started, recorder_status, types_recorded
from averment.policies.rules.media import BUCKET, MEDIA_TELLS, media_role
from averment.policies.rules.regions import same_region
from averment.policies.rules.storage import listed

RECORDER = "AWS::Config::ConfigurationRecorder"
CHANNEL = "AWS::Config::DeliveryChannel"
RULE_TYPES = ("AWS::Config::ConfigRule", "AWS::Config::ConformancePack")
TERRAFORM_CHANNEL = "Terraform::aws_config_delivery_channel"
STATUS = "Terraform::aws_config_configuration_recorder_status"
TYPES = ("AWS::S3::Bucket", "AWS::IAM::Role", "AWS::IAM::Policy", "AWS::Lambda::Function", "AWS::KMS::Key")
"""What has to be recorded unless the parameter ``config_types`` says otherwise."""

GLOBAL = frozenset({"AWS::IAM::Group", "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::IAM::User"})
"""Types that belong to no region: a recorder of everything takes them in only where it is told to (``IncludeGlobalResourceTypes``)."""

_BY_LIST = {"UseOnly": "INCLUSION_BY_RESOURCE_TYPES"}
_GROUP = (
    "recording_group {\n  all_supported                 = true\n  include_global_resource_types = true\n}",
    "RecordingGroup:\n  AllSupported: true\n  IncludeGlobalResourceTypes: true",
    (
        "aws configservice put-configuration-recorder --configuration-recorder name=@,roleARN=<role>"
        " --recording-group allSupported=true,includeGlobalResourceTypes=true"
    ),
)
_MODE = (
    'recording_mode {\n  recording_frequency = "CONTINUOUS"\n}',
    "RecordingMode:\n  RecordingFrequency: CONTINUOUS",
    (
        "aws configservice put-configuration-recorder --configuration-recorder name=@,roleARN=<role>"
        " --recording-mode recordingFrequency=CONTINUOUS"
    ),
)
_STATUS_ON = (
    (
        'resource "aws_config_configuration_recorder_status" "@" {\n  name       = aws_config_configuration_recorder.@.name\n'
        "  is_enabled = true\n  depends_on = [aws_config_delivery_channel.<channel>]\n}"
    ),
    "<Channel>:\n  Type: AWS::Config::DeliveryChannel\n  Properties:\n    S3BucketName: !Ref <ConfigBucket>",
    "aws configservice start-configuration-recorder --configuration-recorder-name @",
)
_FAILS = "is on, but fails to record"
_WHY_NOT = "aws configservice describe-configuration-recorder-status  # then see its role, and the bucket of its delivery channel"
_RECORDER = (
    (
        'resource "aws_config_configuration_recorder" "main" {\n  role_arn = aws_iam_role.<config>.arn\n\n  recording_group {\n'
        "    all_supported                 = true\n    include_global_resource_types = true\n  }\n}"
    ),
    (
        "Recorder:\n  Type: AWS::Config::ConfigurationRecorder\n  Properties:\n    RoleARN: !GetAtt <ConfigRole>.Arn\n    RecordingGroup:\n"
        "      AllSupported: true\n      IncludeGlobalResourceTypes: true"
    ),
    (
        "aws configservice put-configuration-recorder --configuration-recorder name=default,roleARN=<role>"
        " --recording-group allSupported=true,includeGlobalResourceTypes=true"
    ),
)


def evaluate(resource: Resource, context: Context) -> Outcome:
    """The verdict on a recorder; on the first rule or pack where there is none; on the first media bucket where one is expected."""
    if resource.type == RECORDER:
        return worst_outcome([PASS, *_group(resource, context), *_often(resource, context), *_recording(resource, context)])
    if next(context.graph.of_type(RECORDER), None) is not None:
        return NOT_APPLICABLE
    if context.parameters.get("config_recorder_expected") is True:
        return _expected(resource, context)
    if resource.type not in RULE_TYPES or _first(context.graph.of_type(*RULE_TYPES)) is not resource:
        return NOT_APPLICABLE
    if (missing := context.not_read(RECORDER)) is not None:
        return unknown(f"whether a recorder is on: {missing.reason}", where=resource.source)
    return unknown(
        f"{resource.address} is evaluated on what a recorder delivers, but none is part of what was read (it may stand in another"
        " repository: say config_recorder_expected: true if it should stand here)",
        where=resource.source,
    )


def _expected(resource: Resource, context: Context) -> Outcome:
    """A recorder should stand in this code and doesn't: said once, at the first resource that makes it needed."""
    media = (bucket for bucket in context.graph.of_type(BUCKET) if media_role(bucket, context.scope, context.graph) is not None)
    if (_first(context.graph.of_type(*RULE_TYPES)) or _first(media)) is not resource:
        return NOT_APPLICABLE
    if (missing := context.not_read(RECORDER)) is not None:
        return unknown(f"whether a recorder is on: {missing.reason}", where=resource.source)
    fix = fix_for(resource, terraform=_RECORDER[0], cloudformation=_RECORDER[1], command=_RECORDER[2])
    return fail("config_recorder_expected is true, but no AWS Config recorder is part of this code", where=resource.source, fix=fix)


def _first(resources: Iterable[Resource]) -> Resource | None:
    """The first by address, whatever the order in which they were read."""
    return min(resources, key=lambda resource: resource.address, default=None)


def _group(recorder: Resource, context: Context) -> Iterator[Outcome]:
    """What the recorder takes in."""
    where = recorder.where("RecordingGroup")
    group = recorder.get("RecordingGroup")
    if isinstance(group, Unknown):
        yield unknown(f"what {recorder.address} records could not be resolved: {group.reason}", where=where)
        return
    missing = {name: _recorded(group if isinstance(group, Mapping) else {}, name) for name in _wanted(recorder, context)}
    left_out = [name for name, value in missing.items() if value is False]
    if left_out and GLOBAL.issuperset(left_out) and _everything(group):
        yield from _without_global(recorder, group, left_out, context)
        return
    doubt = next((value for value in missing.values() if isinstance(value, Unknown)), None)
    if left_out:
        fix = fix_for(recorder, terraform=_GROUP[0], cloudformation=_GROUP[1], command=_GROUP[2])
        message = f"{recorder.address} doesn't record {', '.join(left_out)}"
        yield fail(message, where=where, fix=fix, changes=_taken_in(group, left_out) if isinstance(group, Mapping) else ())
    elif doubt is not None:
        yield unknown(f"what {recorder.address} records could not be resolved: {doubt.reason}", where=where)


def _wanted(recorder: Resource, context: Context) -> list[str]:
    """The types that have to be recorded; those of no region, by the recorder of the one region that is named for them."""
    wanted = [str(name) for name in listed(context.parameters.get("config_types"))] or list(TYPES)
    home, arn = context.parameters.get("config_global_region"), (recorder.source.arn or "").split(":")
    elsewhere = isinstance(home, str) and len(arn) > 3 and arn[3] != home
    return [name for name in wanted if name not in GLOBAL] if elsewhere else wanted


def _everything(group: Any) -> bool:
    """Whether a recording group takes in all types of its region, by what it says or by what it doesn't."""
    return not isinstance(group, Mapping) or (_recorded(group, "AWS::S3::Bucket") is True and not listed(group.get("ResourceTypes")))


def _without_global(recorder: Resource, group: Any, left_out: list[str], context: Context) -> Iterator[Outcome]:
    """A recorder of everything in its region leaves out what belongs to none; one recorder of several has to take that in."""
    others = (other.get("RecordingGroup") for other in context.graph.of_type(RECORDER) if other is not recorder)
    if any(isinstance(other, Mapping) and all(_recorded(other, name) is True for name in left_out) for other in others):
        return
    where, said = recorder.where("RecordingGroup"), isinstance(group, Mapping) and group.get("IncludeGlobalResourceTypes") is not None
    message = f"{recorder.address} doesn't record {', '.join(left_out)}: IncludeGlobalResourceTypes is {'off' if said else 'not set'}"
    if said:  # as it should be in all regions but one
        yield unknown(f"{message}, and whether the recorder of another region does can't be told (say config_global_region)", where=where)
        return
    fix = fix_for(recorder, terraform=_GROUP[0], cloudformation=_GROUP[1], command=_GROUP[2])
    yield fail(message, where=where, fix=fix, changes=(RECORDING_GLOBAL,) if isinstance(group, Mapping) else ())


def _often(recorder: Resource, context: Context) -> Iterator[Outcome]:
    """How often the recorder looks at what it takes in: continuously, or once a day."""
    mode, where = recorder.get("RecordingMode"), recorder.where("RecordingMode")
    daily = {name: _daily(mode, name) for name in _wanted(recorder, context)}
    late = [name for name, value in daily.items() if value is True]
    doubt = next((value for value in daily.values() if isinstance(value, Unknown)), None)
    if late:
        message = f"{recorder.address} records {', '.join(late)} once a day: what is opened and closed again in between is never seen"
        yield fail(message, where=where, fix=fix_for(recorder, terraform=_MODE[0], cloudformation=_MODE[1], command=_MODE[2]))
    elif doubt is not None:
        yield unknown(f"how often {recorder.address} records could not be resolved: {doubt.reason}", where=where)


def _daily(mode: Any, name: str) -> Truth:
    """Whether ``name`` is recorded once a day, by an override for it or for all types."""
    if isinstance(mode, Unknown):
        return mode
    if not isinstance(mode, Mapping):
        return False
    overrides = mode.get("RecordingModeOverrides")
    if isinstance(overrides, Unknown):
        return overrides
    frequency = mode.get("RecordingFrequency")
    for override in listed(overrides):
        if isinstance(override, Unknown):
            return override
        hit = _among(name, override.get("ResourceTypes")) if isinstance(override, Mapping) else False
        if isinstance(hit, Unknown):
            return hit
        if hit:
            frequency = override.get("RecordingFrequency")
    return frequency if isinstance(frequency, Unknown) else frequency == "DAILY"


def _taken_in(group: Mapping[str, Any], left_out: list[str]) -> tuple[Change, ...]:
    """The list of types made longer, or all switched on where none is listed; what is left out by name is left alone."""
    if group.get("ExclusionByResourceTypes") is not None or group.get("RecordingStrategy") not in (None, _BY_LIST):
        return ()
    types = listed(group.get("ResourceTypes"))
    if not types:
        return (RECORDING_ALL,) if group.get("RecordingStrategy") is None else ()
    return (types_recorded(left_out),) if all(isinstance(entry, str) for entry in types) and group.get("AllSupported") is not True else ()


def _recorded(group: Mapping[str, Any], name: str) -> Truth:
    """Whether ``name`` is recorded: by the list of types, by a list of exceptions, or because everything is.

    A group without any of these records everything that is supported (the default). What belongs to no region is part of everything
    only where that is said; a list of exceptions is a list of all exceptions (API reference, "RecordingGroup").
    """
    excluded = group.get("ExclusionByResourceTypes")
    excluded = excluded.get("ResourceTypes") if isinstance(excluded, Mapping) else excluded
    strategy = group.get("RecordingStrategy")
    only = strategy.get("UseOnly") if isinstance(strategy, Mapping) else strategy
    if isinstance(only, Unknown):
        return only
    if excluded is not None and only in (None, "EXCLUSION_BY_RESOURCE_TYPES"):
        hit = _among(name, excluded)
        return hit if isinstance(hit, Unknown) else not hit
    if only == "EXCLUSION_BY_RESOURCE_TYPES":
        return True
    types = group.get("ResourceTypes")
    everything = group.get("AllSupported")
    if not isinstance(everything, Unknown):
        everything = everything is True or only == "ALL_SUPPORTED_RESOURCE_TYPES" or (everything is None and types in (None, []))
    if name in GLOBAL and everything is not False:
        included = group.get("IncludeGlobalResourceTypes")
        everything = included if isinstance(included, Unknown) else everything if included is True else False
    return any_of((everything, _among(name, types)))


def _among(name: str, types: Any) -> Truth:
    if isinstance(types, Unknown):
        return types
    return any_of(entry if isinstance(entry, Unknown) else entry == name for entry in listed(types))


def _recording(recorder: Resource, context: Context) -> Iterator[Outcome]:
    """Whether it runs. CloudFormation starts a recorder that has a delivery channel; Terraform starts it by a resource of its own."""
    running = _running(recorder, context)
    if isinstance(running, Unknown):
        yield unknown(f"whether {recorder.address} is switched on: {running.reason}", where=recorder.source)
    elif isinstance(running, str):
        command = _WHY_NOT if running.startswith(_FAILS) else _STATUS_ON[2]
        fix = fix_for(recorder, terraform=_STATUS_ON[0], cloudformation=_STATUS_ON[1], command=command)
        yield fail(f"{recorder.address} {running}", where=recorder.source, fix=fix, changes=tuple(_started(recorder, context.graph)))


def _started(recorder: Resource, graph: Graph) -> Iterator[Change]:
    """What starts the recorder: the flag of its status, or a status where the one channel that it needs stands beside it."""
    status = next(_statuses(recorder, graph), None)
    if status is not None:
        yield recorder_started(status)
        return
    channels = list(graph.of_type(TERRAFORM_CHANNEL))
    if len(channels) == 1 and channels[0].address.rpartition(".aws_")[0] == recorder.address.rpartition(".aws_")[0]:
        change = recorder_status(channels[0])
        if change is not None:
            yield change


def _statuses(recorder: Resource, graph: Graph) -> Iterator[Resource]:
    """What switches the recorder: in each region there is one, and mostly all of them have one name."""
    named = (status for status in graph.of_type(STATUS) if _is_of(status.get("name"), recorder, graph))
    return (status for status in named if same_region(status, recorder) is not False)


def _running(recorder: Resource, context: Context) -> str | Unknown | None:
    """Why the recorder doesn't run; None if it does."""
    graph = context.graph
    if recorder.dialect is Dialect.CONFIG:
        if recorder.get("Recording") is False:
            return "is switched off"
        code = recorder.get("LastErrorCode")
        return f"{_FAILS}{f' ({code})' if code else ''}" if str(recorder.get("LastStatus")).lower() == "failure" else None
    if recorder.dialect is Dialect.CLOUDFORMATION:
        return None if next(graph.of_type(CHANNEL), None) is not None else Unknown("no delivery channel is part of what was read")
    statuses = list(_statuses(recorder, graph))
    if not statuses:
        return "is never started: no aws_config_configuration_recorder_status belongs to it"
    on = statuses[0].get("is_enabled")
    if isinstance(on, Unknown):
        return Unknown(f"is_enabled of {statuses[0].address} could not be resolved: {on.reason}")
    return None if on in (True, "true") else f"is switched off by {statuses[0].address}"


def _is_of(name: Any, recorder: Resource, graph: Graph) -> bool:
    if isinstance(name, Reference):
        return name.address == recorder.address
    own = recorder.get("Name")
    if isinstance(name, Unknown) or isinstance(own, Unknown):
        return sum(1 for _ in graph.of_type(RECORDER)) == 1
    return bool(name == (own or "default"))


RULE = Rule(
    id="config-recorder-on",
    title="AWS Config records the types that the rules look at",
    severity=Severity.MEDIUM,
    types=(RECORDER, *RULE_TYPES, BUCKET),
    evaluate=evaluate,
    remediation="Let the recorder take in all supported types, or at least those of the rules, and start it.",
    guessing=MEDIA_TELLS,
    neighbours=(RECORDER, CHANNEL, BUCKET, *RULE_TYPES),
)
