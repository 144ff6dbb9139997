"""``config-history``: what AWS Config recorded over a period, asked call by call, and what comes of it.

AWS is botocore's own stub, which holds requests and answers to the service's model. Origin of the data: items made of the rules' cases.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.evidence.collectors.config_history import ConfigHistory
from averment.evidence.collectors.interface import CollectScope
from averment.evidence.record import Gathering, Record
from averment.policies.surfaces.cloudformation.template import read_template
from averment.sandbox.deployed.items import Deployment

CASES = Path(__file__).resolve().parents[2] / "policies" / "rules" / "signing_key_fit" / "cases"
START, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
RULES = {"config-history": {"rules": ["signing-key-fit"]}}
TYPES = ("AWS::IAM::Group", "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::IAM::User", "AWS::KMS::Alias", "AWS::KMS::Key")
GROUP = {"allSupported": True, "includeGlobalResourceTypes": True}
DAY = 86_400
GOOD, BAD = (next(path.name for path in sorted(CASES.glob(f"*.{verdict}"))) for verdict in ("pass", "fail"))


def on(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def key_item(case: str, moment: datetime, state: str) -> dict[str, Any]:
    """The item of a case's key as GetResourceConfigHistory returns it: JSON text."""
    items = Deployment(read_template(CASES / case / "template.yaml")).items()
    (item,) = (entry for entry in items if entry["resourceType"] == "AWS::KMS::Key")
    return {
        "version": "1.3",
        "configurationItemCaptureTime": moment,
        "configurationItemStatus": "OK",
        "configurationStateId": state,
        "arn": "arn:aws:kms:eu-west-1:123456789012:key/0a1b",
        "resourceType": "AWS::KMS::Key",
        "resourceId": "0a1b",
        "configuration": json.dumps(item["configuration"]),
        "supplementaryConfiguration": {name: json.dumps(value) for name, value in item["supplementaryConfiguration"].items()},
    }


class Aws:
    """One stubbed client of AWS Config, and the answers that a collector expects of it, in order."""

    def __init__(self, region: str = "eu-west-1") -> None:
        self.config = boto3.client("config", region_name=region, aws_access_key_id="x", aws_secret_access_key="x")
        self.stub = Stubber(self.config)

    def recorder(self, *states: dict[str, Any], status: dict[str, Any] | None = None, name: str = "default") -> None:
        self.stub.add_response("describe_configuration_recorders", {"ConfigurationRecorders": [{"name": name, "recordingGroup": GROUP}]})
        known = status or {"recording": True, "lastStartTime": on(6, 1)}
        self.stub.add_response("describe_configuration_recorder_status", {"ConfigurationRecordersStatus": [{"name": name, **known}]})
        self.history("AWS::Config::ConfigurationRecorder", name, [], list(states))

    def history(self, kind: str, identity: str, before: list[dict[str, Any]], within: list[dict[str, Any]]) -> None:
        asked = {"resourceType": kind, "resourceId": identity}
        self.stub.add_response(
            "get_resource_config_history",
            {"configurationItems": before},
            {**asked, "laterTime": START, "chronologicalOrder": "Reverse", "limit": 1},
        )
        self.stub.add_response(
            "get_resource_config_history",
            {"configurationItems": within},
            {**asked, "earlierTime": START, "laterTime": ANY, "chronologicalOrder": "Forward", "limit": 100},
        )

    def listed(self, kind: str, *identities: str, **more: Any) -> None:
        found = [{"resourceType": kind, "resourceId": identity, **more} for identity in identities]
        asked = {"resourceType": kind, "includeDeletedResources": True}
        self.stub.add_response("list_discovered_resources", {"resourceIdentifiers": found}, asked)

    def nothing_but_keys(self) -> None:
        for kind in TYPES[:-1]:
            self.listed(kind)


def collect(aws: Aws, scope_of: Callable[..., CollectScope], *, now: str = "2027-01-05T00:00:00Z", **more: Any) -> Record:
    parameters = more.pop("parameters", RULES)
    scope = scope_of(
        now=now,
        period="2026Q4",
        organisation=Organisation(parameters=parameters),
        client=lambda service, *, region=None: aws.config,
        **more,
    )
    with aws.stub:
        [record] = ConfigHistory().collect(scope)
        aws.stub.assert_no_pending_responses()
    return record


def intervals(record: Record) -> list[tuple[str, str, str]]:
    (found,) = record.payload["rules"][0]["resources"]  # type: ignore[call-overload,index]
    return [(entry["start"][5:13], entry["end"][5:13], entry["state"]) for entry in found["intervals"]]


def test_a_key_s_quarter(scope_of: Callable[..., CollectScope]) -> None:
    """Fit at first, opened on 1 November, mended a day and an hour later: to the second, with the state from before the period."""
    aws = Aws()
    aws.recorder()
    aws.nothing_but_keys()
    aws.listed("AWS::KMS::Key", "0a1b")
    within = [key_item(BAD, on(11, 1), "2"), key_item(GOOD, on(11, 2, 1), "3")]
    aws.history("AWS::KMS::Key", "0a1b", [key_item(GOOD, on(8, 1), "1")], within)
    record = collect(aws, scope_of)
    assert record.gathering is Gathering.COLLECTED, record.reason
    assert intervals(record) == [
        ("10-01T00", "11-01T00", "compliant"),
        ("11-01T00", "11-02T01", "non-compliant"),
        ("11-02T01", "01-01T00", "compliant"),
    ]
    seconds = {"compliant": 91 * DAY - 3600, "non-compliant": DAY + 3600, "not-assessed": 0, "not-applicable": 0}
    assert record.payload["summary"] == {"rules": 1, "resources": 1, "throughout": 0, "seconds": seconds}
    (entry,) = record.payload["rules"]  # type: ignore[misc]
    assert entry["rule"] == "signing-key-fit"  # type: ignore[index,call-overload]
    assert record.population is not None
    assert (record.population.total, record.population.examined) == (1, 1)
    assert record.effective_at.isoformat() == "2026-12-31T23:59:59+00:00"


def test_the_calls_are_on_record_and_within_the_permissions(scope_of: Callable[..., CollectScope]) -> None:
    """Enough to ask again, and nothing that the printed policy doesn't allow."""
    aws = Aws()
    aws.recorder()
    aws.nothing_but_keys()
    aws.listed("AWS::KMS::Key", "0a1b")
    aws.history("AWS::KMS::Key", "0a1b", [], [])
    record = collect(aws, scope_of)
    calls = {call["call"] for call in record.query["calls"]}  # type: ignore[union-attr,index,call-overload]
    assert calls == set(ConfigHistory.permissions)
    assert {"resourceType": "AWS::KMS::Key", "includeDeletedResources": True} in [
        call["parameters"]  # type: ignore[index,call-overload]
        for call in record.query["calls"]  # type: ignore[union-attr]
    ]


def test_the_recorder_s_own_history_makes_gaps(scope_of: Callable[..., CollectScope]) -> None:
    """Its items tell when it was off, its status since when it is on; what they don't tell of wasn't assessed."""

    def state(moment: datetime, recording: bool) -> dict[str, Any]:
        configuration = {
            "Name": "default",
            "Recording": recording,
            "RecordingGroup": {"AllSupported": True, "IncludeGlobalResourceTypes": True},
        }
        return {
            "configurationItemCaptureTime": moment,
            "configurationItemStatus": "OK",
            "configurationStateId": moment.isoformat(),
            "resourceType": "AWS::Config::ConfigurationRecorder",
            "resourceId": "default",
            "configuration": json.dumps(configuration),
        }

    aws = Aws()
    aws.recorder(
        state(on(10, 5), True), state(on(11, 1), False), status={"recording": True, "lastStartTime": on(11, 4), "lastStopTime": on(11, 1)}
    )
    aws.nothing_but_keys()
    aws.listed("AWS::KMS::Key", "0a1b")
    aws.history("AWS::KMS::Key", "0a1b", [key_item(GOOD, on(8, 1), "1")], [])
    record = collect(aws, scope_of)
    assert intervals(record) == [
        ("10-01T00", "10-05T00", "not-assessed"),
        ("10-05T00", "11-01T00", "compliant"),
        ("11-01T00", "11-04T00", "not-assessed"),
        ("11-04T00", "01-01T00", "compliant"),
    ]
    assert [entry["on"] for entry in record.payload["recorder"]] == [True, False, True]  # type: ignore[union-attr,index,call-overload]


def test_without_the_recorder_s_own_items_its_last_start_counts(scope_of: Callable[..., CollectScope]) -> None:
    """The API may refuse the recorder's type: what was before it was last started is then not assessed, and nothing is missing."""
    aws = Aws()
    aws.stub.add_response("describe_configuration_recorders", {"ConfigurationRecorders": [{"name": "default", "recordingGroup": GROUP}]})
    status = {"name": "default", "recording": True, "lastStartTime": on(11, 4)}
    aws.stub.add_response("describe_configuration_recorder_status", {"ConfigurationRecordersStatus": [status]})
    for _ in range(2):
        aws.stub.add_client_error("get_resource_config_history", "ValidationException", "must satisfy enum value set")
    aws.nothing_but_keys()
    aws.listed("AWS::KMS::Key", "0a1b")
    aws.history("AWS::KMS::Key", "0a1b", [key_item(GOOD, on(8, 1), "1")], [])
    record = collect(aws, scope_of)
    assert record.gathering is Gathering.COLLECTED, record.reason
    assert intervals(record) == [("10-01T00", "11-04T00", "not-assessed"), ("11-04T00", "01-01T00", "compliant")]


def test_while_the_recorder_fails_nothing_is_assessed(scope_of: Callable[..., CollectScope]) -> None:
    """It is on, and records nothing: what it had recorded before says nothing of the time since."""
    aws = Aws()
    aws.recorder(status={"recording": True, "lastStartTime": on(6, 1), "lastStatus": "Failure", "lastStatusChangeTime": on(11, 20)})
    aws.nothing_but_keys()
    aws.listed("AWS::KMS::Key", "0a1b")
    aws.history("AWS::KMS::Key", "0a1b", [key_item(GOOD, on(8, 1), "1")], [])
    record = collect(aws, scope_of)
    assert intervals(record) == [("10-01T00", "11-20T00", "compliant"), ("11-20T00", "01-01T00", "not-assessed")]
    assert "the configuration recorder failed" in json.dumps(record.payload)


def test_what_held_at_the_start_is_found_however_long_ago_it_came(scope_of: Callable[..., CollectScope]) -> None:
    """A page of history spans seven days: the state of months may stand behind pages that hold nothing."""
    aws = Aws()
    aws.recorder()
    aws.nothing_but_keys()
    aws.listed("AWS::KMS::Key", "0a1b")
    asked = {"resourceType": "AWS::KMS::Key", "resourceId": "0a1b"}
    before = {**asked, "laterTime": START, "chronologicalOrder": "Reverse", "limit": 1}
    within = {**asked, "earlierTime": START, "laterTime": ANY, "chronologicalOrder": "Forward", "limit": 100}
    aws.stub.add_response("get_resource_config_history", {"configurationItems": [], "nextToken": "n"}, before)
    found = {"configurationItems": [key_item(GOOD, on(6, 1), "1")], "nextToken": "m"}
    aws.stub.add_response("get_resource_config_history", found, {**before, "nextToken": "n"})
    aws.stub.add_response("get_resource_config_history", {"configurationItems": []}, within)
    assert intervals(collect(aws, scope_of)) == [("10-01T00", "01-01T00", "compliant")]


def test_a_refused_history_makes_what_hangs_on_it_not_assessed(scope_of: Callable[..., CollectScope]) -> None:
    """One neighbour's history is denied: the record is a part, names the action, and nothing is called compliant on it."""
    aws = Aws()
    aws.recorder()
    for kind in TYPES[:4]:
        aws.listed(kind)
    aws.stub.add_client_error("list_discovered_resources", "AccessDeniedException", "no", expected_params=None)
    aws.listed("AWS::KMS::Key", "0a1b")
    item = key_item(GOOD, on(8, 1), "1")
    plain = json.loads(item["configuration"])
    item["configuration"] = json.dumps(
        {**plain, "keyUsage": "ENCRYPT_DECRYPT", "customerMasterKeySpec": "SYMMETRIC_DEFAULT", "description": ""}
    )
    aws.history("AWS::KMS::Key", "0a1b", [item], [])
    record = collect(aws, scope_of)
    assert record.gathering is Gathering.PARTIAL
    assert "allow config:ListDiscoveredResources" in str(record.reason)
    assert [state for *_, state in intervals(record)] == ["not-assessed"]


def test_each_type_that_is_refused_is_one_without_a_history(scope_of: Callable[..., CollectScope]) -> None:
    """All listings are denied for one reason: of the last type, too, nothing was seen, and none is taken for absent."""
    aws = Aws()
    aws.recorder()
    for _ in TYPES:
        aws.stub.add_client_error("list_discovered_resources", "AccessDeniedException", "no")
    record = collect(aws, scope_of)
    rules: Any = record.payload["rules"]
    assert rules[0]["without_history"] == ["AWS::KMS::Key"]


def test_what_is_never_recorded_in_a_region_is_not_taken_for_absent(scope_of: Callable[..., CollectScope]) -> None:
    """In a region that AWS Config came to late there are no items of roles: whether one may use a key for everything, nobody can tell."""
    item = key_item(GOOD, on(8, 1), "1")
    plain = json.loads(item["configuration"])
    plain |= {"keyUsage": "ENCRYPT_DECRYPT", "customerMasterKeySpec": "SYMMETRIC_DEFAULT", "description": ""}
    item["configuration"] = json.dumps(plain)
    said = {}
    for region in ("eu-west-1", "eu-central-2"):
        aws = Aws(region)
        aws.recorder()
        aws.nothing_but_keys()
        aws.listed("AWS::KMS::Key", "0a1b")
        aws.history("AWS::KMS::Key", "0a1b", [item], [])
        record = collect(aws, scope_of)
        resources: Any = record.payload["rules"][0]["resources"]  # type: ignore[index,call-overload]
        said[region] = [entry["intervals"][0] for entry in resources]
    assert said["eu-west-1"] == []  # no key for signing, and nobody signs with it
    assert said["eu-central-2"][0]["state"] == "not-assessed"
    assert "doesn't record AWS::IAM" in said["eu-central-2"][0]["reason"]


def test_without_the_recorder_s_state_nothing_is_collected(scope_of: Callable[..., CollectScope]) -> None:
    """Items alone don't show that somebody was looking: a record that says what to allow."""
    aws = Aws()
    aws.stub.add_client_error("describe_configuration_recorders", "AccessDeniedException", "no")
    aws.stub.add_response("describe_configuration_recorder_status", {"ConfigurationRecordersStatus": []})
    record = collect(aws, scope_of)
    assert (record.gathering, record.payload) == (Gathering.COULD_NOT, {})
    assert "allow config:DescribeConfigurationRecorders" in str(record.reason)


def test_resources_that_were_gone_before_the_period_are_left_out(scope_of: Callable[..., CollectScope]) -> None:
    """Config lists deleted resources for years; more than a limit are not read in silence."""
    aws = Aws()
    aws.recorder()
    aws.nothing_but_keys()
    aws.listed("AWS::KMS::Key", "0a1b", resourceDeletionTime=on(9, 1))
    assert collect(aws, scope_of).payload["summary"]["resources"] == 0  # type: ignore[index,call-overload]
    aws = Aws()
    aws.recorder()
    aws.nothing_but_keys()
    aws.listed("AWS::KMS::Key", "0a1b", "0a1c")
    aws.history("AWS::KMS::Key", "0a1b", [key_item(GOOD, on(8, 1), "1")], [])
    limited = {"config-history": {"rules": ["signing-key-fit"], "resources_per_type": 1}}
    record = collect(aws, scope_of, parameters=limited)
    assert record.gathering is Gathering.PARTIAL
    assert "there are 2 resources of type AWS::KMS::Key; the history of 1 was read" in str(record.reason)
    assert record.population is not None
    assert (record.population.total, record.population.truncated) == (None, True)


def test_a_period_that_is_not_over_is_assessed_so_far(scope_of: Callable[..., CollectScope]) -> None:
    """What is to come isn't compliant in advance."""
    aws = Aws()
    aws.recorder()
    aws.nothing_but_keys()
    aws.listed("AWS::KMS::Key", "0a1b")
    aws.history("AWS::KMS::Key", "0a1b", [key_item(GOOD, on(8, 1), "1")], [])
    record = collect(aws, scope_of, now="2026-11-10T11:59:59Z")
    assert intervals(record) == [("10-01T00", "11-10T12", "compliant"), ("11-10T12", "01-01T00", "not-assessed")]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([], "is not a list of rules"),
        ("signing-key-fit", "is not a list of rules"),
        (["nope"], "there is no rule 'nope'"),
        (["face-call-after-liveness"], "is about source code"),
    ],
)
def test_a_wrong_choice_of_rules_is_the_user_s_to_mend(rules: Any, message: str, scope_of: Callable[..., CollectScope]) -> None:
    """It stops with an error that names it, instead of becoming evidence."""
    with pytest.raises(BadInputError, match=message):
        collect(Aws(), scope_of, parameters={"config-history": {"rules": rules}})
