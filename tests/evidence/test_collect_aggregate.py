"""The compliance of many accounts through an aggregator of the embedded AWS. Origin of the data: written for these tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from averment.core.aws import client
from averment.core.errors import BadInputError
from averment.core.fetch import NEEDS_NO_PERMISSION, Fetch, iam_action
from averment.core.organisation import Organisation
from averment.core.period import utc_now
from averment.core.scope import Scope
from averment.evidence.collectors.config_aggregate import BLIND, ConfigAggregate
from averment.evidence.collectors.interface import CollectScope
from averment.evidence.collectors.registry import collectors, names
from averment.evidence.collectors.run import collect
from averment.evidence.record import Gathering, Kind, Record
from averment.sandbox.backends.config_service import issue_token

OWN, SHOP, BANK, STRANGER = "123456789012", "111111111111", "222222222222", "333333333333"
RULE = "averment-s3-put-object-gated-conformance-pack-1a2b3c4d5"


def at(account: str, region: str = "eu-west-1") -> Any:
    """A client of AWS Config in ``account``, through a role there."""
    role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
    session = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return boto3.client(
        "config",
        region_name=region,
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )


def judged(account: str, verdicts: dict[str, str], *, name: str = RULE, kind: str = "AWS::S3::Bucket", allowed: bool = True) -> None:
    """A rule in ``account`` with a verdict for each bucket, or resource of another ``kind``; ``allowed``: the account lets itself be aggregated."""
    config = at(account)
    recorder = {"name": "default", "roleARN": f"arn:aws:iam::{account}:role/config", "recordingGroup": {"allSupported": True}}
    config.put_configuration_recorder(ConfigurationRecorder=recorder)
    config.put_config_rule(
        ConfigRule={"ConfigRuleName": name, "Source": {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_VERSIONING_ENABLED"}}
    )
    if allowed:
        config.put_aggregation_authorization(AuthorizedAccountId=OWN, AuthorizedAwsRegion="eu-west-1")
    entries = [
        {
            "ComplianceResourceType": kind,
            "ComplianceResourceId": bucket,
            "ComplianceType": verdict,
            "OrderingTimestamp": utc_now(),
        }
        for bucket, verdict in verdicts.items()
    ]
    for start in range(0, len(entries), 100):
        config.put_evaluations(ResultToken=issue_token(account, "eu-west-1", name), Evaluations=entries[start : start + 100])


@pytest.fixture
def aggregator(sandbox: Any) -> None:
    """An aggregator over three accounts: a large one, one with a rule that never ran, one that doesn't let itself be aggregated."""
    judged(SHOP, {f"b{number:03}": "COMPLIANT" for number in range(130)} | {"open": "NON_COMPLIANT", "odd": "NOT_APPLICABLE"})
    judged(SHOP, {"theirs": "NON_COMPLIANT"}, name="somebody-elses")
    judged(BANK, {})
    judged(STRANGER, {"hidden": "NON_COMPLIANT"}, allowed=False)
    boto3.client("config").put_configuration_aggregator(
        ConfigurationAggregatorName="all",
        AccountAggregationSources=[{"AccountIds": [SHOP, BANK, STRANGER], "AwsRegions": ["eu-west-1"]}],
    )


def organisation(**more: Any) -> Organisation:
    given = {"config-aggregate": {"aggregator": "all", "region": "eu-west-1"}}
    return Organisation(parameters=given, **more)


def places(records: list[Record]) -> dict[tuple[str | None, str | None], Record]:
    return {(record.account, record.region): record for record in records}


@pytest.mark.usefixtures("aggregator")
def test_each_account_gets_its_record_to_the_last_page(scope_of: Callable[..., CollectScope]) -> None:
    """One record a place, in the shape of config-compliance, by every judge's own rules; somebody else's rules are left alone."""
    record = places(list(ConfigAggregate().collect(scope_of(organisation=organisation()))))[SHOP, "eu-west-1"]
    [rule] = record.payload["rules"]
    assert (rule["rule"], rule["config_rule"], rule["compliance"]) == ("s3-put-object-gated", RULE, "NON_COMPLIANT")
    assert len([item for item in rule["resources"] if item["compliance"] == "COMPLIANT"]) == 130
    [broken] = [item for item in rule["resources"] if item["compliance"] == "NON_COMPLIANT"]
    assert (broken["id"], broken["type"], broken["recorded_at"][-1]) == ("open", "AWS::S3::Bucket", "Z")
    assert record.payload["summary"]["non_compliant"] == 1
    assert record.kind is Kind.CONFIG_COMPLIANCE


@pytest.mark.usefixtures("aggregator")
def test_what_an_aggregator_cannot_tell_is_said(scope_of: Callable[..., CollectScope]) -> None:
    """It leaves out what could not be checked, so no record of it is complete: a pass in it says nothing of all resources."""
    record = places(list(ConfigAggregate().collect(scope_of(organisation=organisation()))))[SHOP, "eu-west-1"]
    assert record.gathering is Gathering.PARTIAL
    assert BLIND in str(record.reason)


@pytest.mark.usefixtures("aggregator")
def test_accounts_without_a_result_are_records_that_say_why(scope_of: Callable[..., CollectScope]) -> None:
    """A rule that never ran, a source that refuses, and an account of the scope that nobody aggregates: three reasons, no silence."""
    scope = Scope(accounts=(SHOP, BANK, "444444444444"), regions=("eu-west-1",))
    found = places(list(ConfigAggregate().collect(scope_of(organisation=organisation(scope=scope)))))
    assert set(found) == {(account, "eu-west-1") for account in (SHOP, BANK, STRANGER, "444444444444")}
    reasons = {account: str(found[account, "eu-west-1"].reason) for account in (BANK, STRANGER, "444444444444")}
    assert all(found[account, "eu-west-1"].gathering is Gathering.COULD_NOT for account in reasons)
    assert "no rule of ours has a result" in reasons[BANK]
    assert "has not authorised" in reasons[STRANGER]
    assert "is not a source of the aggregator all" in reasons["444444444444"]


@pytest.mark.usefixtures("aggregator")
def test_an_organisation_that_the_aggregator_cannot_list_is_told(
    scope_of: Callable[..., CollectScope], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its role it knows no account that joined since, and nobody saw that some are missing: what it has of the others looked whole."""
    pages, why = Fetch.pages, "the role may not list accounts"

    def listed(self: Fetch, operation: str, parameters: Any, **more: Any) -> Any:
        if operation == "DescribeConfigurationAggregatorSourcesStatus":
            whole = {"SourceId": "o-abcdefghij", "SourceType": "ORGANIZATION", "LastUpdateStatus": "FAILED", "LastErrorMessage": why}
            yield {"AggregatedSourceStatusList": [whole, {**whole, "LastUpdateStatus": "SUCCEEDED"}]}
        yield from pages(self, operation, parameters, **more)

    monkeypatch.setattr(Fetch, "pages", listed)
    for record in ConfigAggregate().collect(scope_of(organisation=organisation())):
        assert f"no up-to-date list of the accounts of o-abcdefghij (FAILED: {why})" in str(record.reason)


@pytest.mark.usefixtures("sandbox")
def test_an_aggregator_that_is_not_there_is_a_record(scope_of: Callable[..., CollectScope]) -> None:
    """A refusal is evidence that nobody looked."""
    [record] = ConfigAggregate().collect(scope_of(organisation=organisation()))
    assert record.gathering is Gathering.COULD_NOT
    assert "NoSuchConfigurationAggregatorException" in str(record.reason)


@pytest.mark.usefixtures("aggregator")
def test_what_aws_config_does_not_record_is_asked_no_name(scope_of: Callable[..., CollectScope]) -> None:
    """BatchGetAggregateResourceConfig refuses all of a batch for one type that isn't in its enumeration, as that of the account itself."""
    judged(BANK, {"uploads": "COMPLIANT"})
    judged(BANK, {"default": "COMPLIANT"}, name="averment-config-recorder-on", kind="AWS::Config::ConfigurationRecorder")
    asked: list[str] = []

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)
        wanted = lambda params, **_: asked.extend(key["ResourceType"] for key in params["ResourceIdentifiers"])  # noqa: E731
        made.meta.events.register("provide-client-params.config.BatchGetAggregateResourceConfig", wanted)
        return made

    record = places(list(ConfigAggregate().collect(scope_of(organisation=organisation(), client=make))))[BANK, "eu-west-1"]
    assert set(asked) == {"AWS::S3::Bucket"}
    assert record.reason == BLIND
    assert record.payload["summary"]["compliant"] == 2


@pytest.mark.usefixtures("aggregator")
def test_it_calls_what_its_policy_allows(scope_of: Callable[..., CollectScope]) -> None:
    """Every operation that goes over the wire is in its permissions, and each permission is used."""
    sent: set[str] = set()

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)
        made.meta.events.register("before-call.*.*", lambda model, **_: sent.add(f"{service}:{model.name}"))
        return made

    list(ConfigAggregate().collect(scope_of(organisation=organisation(), client=make)))
    assert {iam_action(*call.split(":")) for call in sent - NEEDS_NO_PERMISSION} == set(ConfigAggregate.permissions)


def test_without_its_setting_it_is_no_part_of_a_run(scope_of: Callable[..., CollectScope]) -> None:
    """It runs where averment.yaml names an aggregator; asked for by name without one, it is an error that shows what to write."""
    assert "config-aggregate" not in [collector.name for collector in collectors((), Organisation())]
    chosen = [collector.name for collector in collectors((), organisation())]
    assert chosen.index("config-aggregate") < chosen.index("config-compliance")  # what an account says of itself comes last and counts
    assert "config-aggregate" in names()
    with pytest.raises(BadInputError, match="which aggregator") as caught:
        list(collect(collectors(("config-aggregate",)), scope_of(), ["eu-west-1"]))
    assert "parameters: {config-aggregate: {aggregator: <name>" in str(caught.value.fix)


@pytest.mark.usefixtures("aggregator")
def test_places_that_hidden_ids_would_mix_are_refused(scope_of: Callable[..., CollectScope]) -> None:
    """An account of the scope that ends like a source of the aggregator: with hidden ids one record would stand for both."""
    alike = organisation(scope=Scope(accounts=("999999991111",), regions=("eu-west-1",)))
    with pytest.raises(BadInputError, match="could not be told apart"):
        list(ConfigAggregate().collect(scope_of(organisation=alike, redact_accounts=True)))
    assert len(list(ConfigAggregate().collect(scope_of(organisation=alike)))) > 1
