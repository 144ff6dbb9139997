"""Executions of runbooks, over a real connection to the embedded AWS. Origin of the data: written for these tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from averment.controls.loader import load_catalogue
from averment.core.aws import client
from averment.core.errors import BadInputError
from averment.core.fetch import iam_action
from averment.core.organisation import Organisation
from averment.core.period import iso, parse_period, utc_now
from averment.core.words import Status
from averment.evidence.collectors.automation_executions import AutomationExecutions
from averment.evidence.collectors.interface import CollectScope
from averment.evidence.collectors.run import policy
from averment.evidence.judging.assess import assess
from averment.evidence.judging.states import Gap
from averment.evidence.record import Gathering, Record
from averment.sandbox.backends.ssm import ran

pytestmark = pytest.mark.usefixtures("sandbox")

ACCOUNT = "123456789012"


def one(scope: CollectScope) -> Record:
    [record] = AutomationExecutions().collect(scope)
    return record


def test_executions_tell_which_runbook_ran_to_its_end_and_how_long_it_took(scope_of: Callable[..., CollectScope]) -> None:
    """A success, a failure and one that waits for approval are told apart; other documents are counted, children aren't."""
    now = utc_now()
    whole = ran("averment-isolate-bucket", at=now - timedelta(days=2), seconds=42)
    ran("averment-isolate-bucket", at=now - timedelta(days=3), status="Failed", FailureMessage="no such bucket, says ada@example.com")
    ran("QuarantineObject", at=now - timedelta(hours=1), status="PendingApproval", seconds=None)
    ran("averment-isolate-bucket", at=now - timedelta(days=2), ParentAutomationExecutionId=whole)
    ran("AWS-RestartEC2Instance", at=now - timedelta(days=1))
    record = one(scope_of())
    assert record.gathering is Gathering.COLLECTED, record.reason
    assert record.payload["summary"] == {"executions": 3, "to_the_end": 1, "failed": 1, "under_way": 1, "runbooks": 2, "others": 1}
    rows = {row["status"]: row for row in record.payload["executions"]}
    assert (rows["Success"]["id"], rows["Success"]["seconds"], rows["PendingApproval"]["ended_at"]) == (whole, 42, None)
    assert record.payload["runbooks"]["averment-isolate-bucket"] == {
        "executions": 2,
        "to_the_end": 1,
        "last_to_the_end": rows["Success"]["ended_at"],
    }
    assert record.payload["runbooks"]["QuarantineObject"]["last_to_the_end"] is None
    assert record.payload["others"] == {"AWS-RestartEC2Instance": {"Success": 1}}
    assert record.population is not None
    assert (record.population.total, record.population.examined) == (3, 3)
    assert record.region == "eu-west-1"


def test_a_dry_run_is_no_isolation(scope_of: Callable[..., CollectScope]) -> None:
    """A runbook that said what it would do and did nothing isn't evidence that one ran; it is counted among the others, as what it was."""
    ran("averment-isolate-bucket", at=utc_now() - timedelta(days=1), Outputs={"plan.DryRun": ["true"]})
    ran("averment-isolate-bucket", at=utc_now() - timedelta(days=2), Outputs={"plan.DryRun": ["false"]})
    record = one(scope_of())
    assert (record.payload["summary"]["to_the_end"], record.payload["summary"]["others"]) == (1, 1)
    assert record.payload["others"] == {"averment-isolate-bucket": {"DryRun": 1}}


def test_addresses_and_accounts_are_removed(scope_of: Callable[..., CollectScope]) -> None:
    """Who ran it is kept, but an address in a message is not, and account ids only where they are wanted."""
    ran("isolate", at=utc_now() - timedelta(hours=1), status="Failed", FailureMessage="asked ada@example.com from 203.0.113.9")
    record = one(scope_of(redact_accounts=True))
    [row] = record.payload["executions"]
    assert row["message"] == "asked [e-mail address] from [IP address]"
    assert row["by"] == "arn:aws:iam::********9012:role/averment-runbooks"
    assert ACCOUNT not in json.dumps(record.to_json())
    assert "e-mail address: 1" in record.redactions


def test_the_list_is_read_to_its_end_within_the_permissions(scope_of: Callable[..., CollectScope]) -> None:
    """More executions than two pages hold all arrive, through the one call that the printed policy allows."""
    for number in range(101):
        ran("isolate-bucket", at=utc_now() - timedelta(hours=1, seconds=number))
    sent: list[str] = []

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)
        made.meta.events.register("before-call.*.*", lambda model, **_: sent.append(f"{service}:{model.name}"))
        return made

    record = one(scope_of(client=make))
    assert record.payload["summary"]["executions"] == 101
    assert record.query["calls"] == [{"call": "ssm:DescribeAutomationExecutions", "parameters": {"MaxResults": 50}, "times": 3}]
    [statement] = policy([AutomationExecutions()])["Statement"]
    assert {iam_action(*call.split(":")) for call in sent} == set(statement["Action"])


def test_an_organisation_names_its_own_runbooks(scope_of: Callable[..., CollectScope]) -> None:
    """What is called otherwise is found by its name alone; a setting that is no list of names is an error that shows what to write."""
    ran("take-down", at=utc_now() - timedelta(hours=1))
    ran("isolate-old", at=utc_now() - timedelta(hours=1))
    named = Organisation(parameters={"automation-executions": {"runbooks": ["take-down"]}})
    assert set(one(scope_of(organisation=named)).payload["runbooks"]) == {"take-down"}
    for wrong in ("take-down", [""], [1]):
        with pytest.raises(BadInputError, match="not a list of names") as caught:
            one(scope_of(organisation=Organisation(parameters={"automation-executions": {"runbooks": wrong}})))
        assert "runbooks: [isolate-bucket]" in str(caught.value.fix)


def test_a_month_is_looked_at_also_early_in_a_period(scope_of: Callable[..., CollectScope]) -> None:
    """A runbook that was tried three weeks ago counts on the second day of a period; one from before the history doesn't."""
    now = utc_now()
    ran("isolate-bucket", at=now - timedelta(days=21))
    ran("isolate-bucket", at=now - timedelta(days=31))
    day = (now - timedelta(days=1)).date()
    record = one(scope_of(period=f"{day}..{day + timedelta(days=40)}"))
    assert record.payload["summary"]["executions"] == 1
    assert record.gathering is Gathering.COLLECTED


def test_what_systems_manager_has_forgotten_is_said(scope_of: Callable[..., CollectScope]) -> None:
    """A period that ended ten days ago is partly out of reach, one of years ago wholly: neither passes for a month without runs."""
    now = utc_now()
    ran("isolate-bucket", at=now - timedelta(days=20))
    ran("isolate-bucket", at=now - timedelta(days=1))
    recent = one(scope_of(period=f"{(now - timedelta(days=60)).date()}..{(now - timedelta(days=10)).date()}"))
    assert recent.payload["summary"]["executions"] == 1
    assert recent.population is not None
    assert (recent.population.truncated, "on alone)" in recent.population.unit) == (True, True)
    old = one(scope_of(period="2024Q1"))
    assert (old.gathering, dict(old.payload)) == (Gathering.COULD_NOT, {})
    assert "keeps executions for 30 days" in str(old.reason)
    assert iso(old.effective_at) == iso(parse_period("2024Q1").end - timedelta(seconds=1))


def test_a_run_in_one_account_satisfies_the_control_and_no_run_anywhere_does_not(scope_of: Callable[..., CollectScope]) -> None:
    """Runbooks are tried in a sandbox: accounts without a run don't count against it. A failed run alone, or none at all, does."""

    def state(*records: Record) -> Status:
        states = assess(load_catalogue(), Organisation(), records, period=None, as_of=utc_now())
        [found] = [item for item in states if item.control.id == "SM-IR-02"]
        [ran_to_end] = [item for item in found.assessments if item.assessment.id == "ran"]
        return ran_to_end.status

    none, other = one(scope_of()), one(replace(scope_of(), account="111111111111"))
    assert state(none, other) is Status.NOT_SATISFIED
    ran("isolate-bucket", at=utc_now() - timedelta(hours=2), status="TimedOut")
    assert state(one(scope_of()), other) is Status.NOT_SATISFIED
    ran("isolate-bucket", at=utc_now() - timedelta(hours=1))
    assert state(one(scope_of()), other) is Status.SATISFIED


def test_a_quarter_that_is_collected_once_it_is_over_is_satisfied_by_what_is_still_seen(scope_of: Callable[..., CollectScope]) -> None:
    """Whoever collects a day after the period's end, as the guide has it, was left open by the day that is forgotten. Where no run is seen, it is open."""
    now = utc_now()
    period = parse_period(f"{(now - timedelta(days=90)).date()}..{(now - timedelta(days=2)).date()}")

    def state(*records: Record) -> tuple[Status, Gap | None]:
        states = assess(load_catalogue(), Organisation(), records, period=period, as_of=utc_now())
        [found] = [item for control in states for item in control.assessments if item.id == "SM-IR-02/ran"]
        return found.status, found.gap

    def told(account: str) -> Record:
        return one(replace(scope_of(period=period.label), account=account))

    none = told("111111111111")
    assert state(none) == (Status.NOT_ASSESSED, Gap.PARTIAL)
    ran("isolate-bucket", at=now - timedelta(days=10), status="TimedOut")
    assert state(told(ACCOUNT)) == (Status.NOT_ASSESSED, Gap.PARTIAL)
    ran("isolate-bucket", at=now - timedelta(days=10))
    assert state(told(ACCOUNT), none) == (Status.SATISFIED, None)


def test_a_denial_names_the_permission(scope_of: Callable[..., CollectScope]) -> None:
    """What may not be read is a record that says which action to allow."""

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)

        def deny(**_: object) -> None:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeAutomationExecutions")

        made.meta.events.register("before-call.ssm.DescribeAutomationExecutions", deny)
        return made

    record = one(scope_of(client=make))
    assert record.gathering is Gathering.COULD_NOT
    assert "allow ssm:DescribeAutomationExecutions" in str(record.reason)


def test_the_embedded_list_refuses_what_the_service_would() -> None:
    """Limits of the API hold, filters select, a filter that isn't covered says so, and no impossible execution gets in."""
    wanted = ran("isolate-bucket", at=utc_now() - timedelta(hours=1), status="Failed")
    ran("isolate-object", at=utc_now() - timedelta(hours=1))
    ssm = boto3.client("ssm")

    def ids(key: str, value: str) -> list[str]:
        answer = ssm.describe_automation_executions(Filters=[{"Key": key, "Values": [value]}])
        return [item["AutomationExecutionId"] for item in answer["AutomationExecutionMetadataList"]]

    assert ids("DocumentNamePrefix", "isolate-b") == ids("ExecutionStatus", "Failed") == [wanted]
    for parameters, code in (({"MaxResults": 51}, "ValidationException"), ({"NextToken": "x"}, "InvalidNextToken")):
        with pytest.raises(ClientError) as caught:
            ssm.describe_automation_executions(**parameters)
        assert caught.value.response["Error"]["Code"] == code
    with pytest.raises(ClientError, match="the filter TagKey of DescribeAutomationExecutions"):
        ids("TagKey", "x")
    with pytest.raises(ValueError, match="enum value set"):
        ran("isolate-bucket", at=utc_now(), status="Done")
    with pytest.raises(ValueError, match="no member Nonsense"):
        ran("isolate-bucket", at=utc_now(), Nonsense="x")
