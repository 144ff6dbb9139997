"""Several accounts, resumed runs and rates: the embedded AWS keeps accounts apart as AWS does, by the credentials of an assumed role."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from botocore.loaders import JSONFileLoader

from averment.api.collecting import Collected
from averment.cli.main import run
from averment.core.aws import client
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.core.period import from_iso, parse_period
from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.evidence.collectors.accounts import RoleToAssume, check_accounts, clients_in, role_to_assume
from averment.evidence.collectors.bucket_policies import BucketPolicies
from averment.evidence.collectors.checkov_report import CheckovReport
from averment.evidence.collectors.config_history import ConfigHistory
from averment.evidence.collectors.interface import Collector, CollectScope, Gathered
from averment.evidence.collectors.media_states import MediaStates
from averment.evidence.collectors.pace import CALLS_A_SECOND, Pace, keep_pace
from averment.evidence.collectors.provenance import Provenance
from averment.evidence.collectors.registry import collectors
from averment.evidence.collectors.run import AccountToAsk, already_collected, collect, collect_accounts
from averment.evidence.record import Gathering, Kind, Record

OTHERS = ("111111111111", "222222222222", "333333333333")
ACCOUNT = "123456789012"
ROLE = RoleToAssume("AvermentCollect", "shop")


class Counting(Collector):
    """A double that says which account it was asked in, and can be made to wait for others or to fail."""

    name, version, kind = "counting", "1", Kind.MEDIA_STATES

    def __init__(self, *, meet: threading.Barrier | None = None, error: Exception | None = None) -> None:
        self.meet, self.error = meet, error

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        if self.meet is not None:
            self.meet.wait(timeout=20)
        if self.error is not None:
            raise self.error
        yield self.record(scope, Gathered("double", {"account": scope.account}, {}))


def no_client(service: str, *, region: str | None = None) -> Any:
    raise AssertionError(f"nobody should ask {service} in {region}")


@pytest.mark.usefixtures("sandbox")
def test_each_account_is_asked_through_its_role(scope_of: Callable[..., CollectScope]) -> None:
    """A bucket of another account is seen in the record of that account, and in no other's."""
    there = clients_in(OTHERS[0], ROLE)("s3", region="eu-west-1")
    there.create_bucket(Bucket="their-uploads", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    accounts = [AccountToAsk(account, clients_in(account, ROLE)) for account in OTHERS]
    records = {record.account: record for record in collect_accounts([MediaStates()], scope_of(), accounts, ["eu-west-1"])}
    assert set(records) == set(OTHERS)
    assert all(record.gathering is Gathering.COLLECTED for record in records.values())
    assert {account: [row["bucket"] for row in record.payload["buckets"]] for account, record in records.items()} == {
        OTHERS[0]: ["their-uploads"],
        OTHERS[1]: [],
        OTHERS[2]: [],
    }


@pytest.mark.usefixtures("sandbox")
def test_what_services_look_like_is_read_once_for_all_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each account's clients held their own copy of it, some forty megabytes to the end of the run: an organisation of two hundred accounts took eight
    gigabytes, and more time than its calls."""
    read, load = [], JSONFileLoader.load_file
    monkeypatch.setattr(JSONFileLoader, "load_file", lambda self, path: read.append(path) or load(self, path))
    made = [clients_in(account, ROLE) for account in OTHERS]
    clients = [made[0]("s3", region="eu-west-1")]
    before = len(read)
    clients += [make("s3", region="eu-west-1") for make in made[1:]]
    assert len(read) == before
    assert len({client._get_credentials() for client in clients}) == len(OTHERS), "each acts in its own account all the same"


@pytest.mark.usefixtures("sandbox")
def test_an_account_that_cannot_be_entered_is_on_record(scope_of: Callable[..., CollectScope], monkeypatch: pytest.MonkeyPatch) -> None:
    """When STS refuses, the account's record says what to allow, and the other accounts are collected all the same."""

    def refuse(request: Any, **_: object) -> AWSResponse | None:
        if b"111111111111" not in (request.body if isinstance(request.body, bytes) else str(request.body).encode()):
            return None
        text = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: sts:AssumeRole"
        body = f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{text}</Message></Error></ErrorResponse>"
        return AWSResponse(request.url, 403, {}, _Body(body.encode()))

    real = boto3.Session.client

    def make(self: Any, service: str, *positional: Any, **more: Any) -> Any:
        made = real(self, service, *positional, **more)
        if service == "sts":
            made.meta.events.register("before-send.sts.AssumeRole", refuse)
        return made

    monkeypatch.setattr(boto3.Session, "client", make)
    accounts = [AccountToAsk(account, clients_in(account, ROLE)) for account in OTHERS[:2]]
    records = {record.account: record for record in collect_accounts([MediaStates()], scope_of(), accounts, ["eu-west-1"])}
    assert records[OTHERS[0]].gathering is Gathering.COULD_NOT
    assert "allow sts:AssumeRole" in str(records[OTHERS[0]].reason)
    assert records[OTHERS[1]].gathering is Gathering.COLLECTED


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize(
    ("region", "partition"), [("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn"), ("eusc-de-east-1", "aws-eusc"), (None, "aws")]
)
def test_the_role_is_of_the_partition_that_is_looked_into(region: str | None, partition: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the region stands in averment.yaml alone, and the settings have another or none."""
    asked: list[tuple[str, str]] = []

    def hear(request: Any, **_: object) -> AWSResponse:
        asked.append((request.url, str(parse_qs(str(request.body))["RoleArn"][0])))
        return AWSResponse(request.url, 403, {}, _Body(b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"))

    real = boto3.Session.client

    def make(self: Any, service: str, *positional: Any, **more: Any) -> Any:
        made = real(self, service, *positional, **more)
        if service == "sts":
            made.meta.events.register("before-send.sts.AssumeRole", hear)
            asked.append((str(made.meta.region_name), ""))
        return made

    monkeypatch.setattr(boto3.Session, "client", make)
    with pytest.raises(ClientError):
        clients_in(OTHERS[0], ROLE, region)("s3", region=region or "eu-west-1").list_buckets()
    assert [place for place, arn in asked if not arn] == [region or "eu-west-1"]
    assert [arn for _, arn in asked if arn] == [f"arn:{partition}:iam::{OTHERS[0]}:role/AvermentCollect"]


class _Body:
    """A response's body as urllib3 gives it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._data

    def read(self, *_: object, **__: object) -> bytes:
        return self._data


def test_accounts_are_asked_at_the_same_time(scope_of: Callable[..., CollectScope]) -> None:
    """Three accounts that wait for each other come through, since all three run at once."""
    accounts = [AccountToAsk(account, no_client) for account in OTHERS]
    found = collect_accounts([Counting(meet=threading.Barrier(3))], scope_of(), accounts, ["eu-west-1"], parallel=3)
    assert {record.account: record.gathering for record in found} == dict.fromkeys(OTHERS, Gathering.COLLECTED)


def test_a_wrong_setting_stops_all_accounts(scope_of: Callable[..., CollectScope]) -> None:
    """What the user has to mend is raised where the run was started, not lost in a thread."""
    accounts = [AccountToAsk(account, no_client) for account in OTHERS]
    with pytest.raises(BadInputError, match="no such thing"):
        list(collect_accounts([Counting(error=BadInputError("no such thing"))], scope_of(), accounts, [None]))


def test_a_resumed_run_does_what_is_left(scope_of: Callable[..., CollectScope]) -> None:
    """What was collected wholly within a day isn't asked again; what failed, is older or of another period is."""
    now = from_iso("2026-11-28T12:00:00Z")
    scope = scope_of(now="2026-11-28T10:00:00Z")
    whole = Counting().record(replace(scope, account=OTHERS[0]), Gathered("double", {}, {}))
    part = Counting().record(replace(scope, account=OTHERS[1]), Gathered("double", {}, {}, ["denied"]))
    old = Counting().record(replace(scope_of(now="2026-11-26T10:00:00Z"), account=OTHERS[2]), Gathered("double", {}, {}))
    skip = already_collected([whole, part, old], now=now)
    left = [
        record.account for account in OTHERS for record in collect([Counting()], replace(scope, account=account), ["eu-west-1"], skip=skip)
    ]
    assert left == [OTHERS[1], OTHERS[2]]
    other_period = scope_of(now="2026-11-28T10:00:00Z", period="2026-11")
    assert list(collect([Counting()], replace(other_period, account=OTHERS[0]), ["eu-west-1"], skip=skip))


def test_a_resumed_run_collects_the_rest_of_a_period_that_is_over_since(scope_of: Callable[..., CollectScope]) -> None:
    """What was collected on the quarter's last day, a few hours ago, doesn't tell of its evening; what was collected after its end does."""
    before, after = (scope_of(period="2026Q4", now=now) for now in ("2026-12-31T10:00:00Z", "2027-01-01T08:00:00Z"))
    [collector] = collectors(("incidents",))
    for scope, effective, left in ((before, None, True), (after, "2026-12-31T23:59:59Z", False)):
        gathered = Gathered("double", {}, {}, effective_at=from_iso(effective) if effective else None)
        skip = already_collected([collector.record(scope, gathered)], now=from_iso("2027-01-01T09:00:00Z"))
        assert skip(collector, after) is not left


def test_a_resumed_run_sees_that_parameters_have_changed(scope_of: Callable[..., CollectScope]) -> None:
    """What decides what is in a record is told in it: a runbook, a detector or a trail that was named since is asked about."""
    changes: dict[str, dict[str, Any]] = {
        "media-states": {"media-states": {"objects_per_bucket": 9}},
        "provenance": {"s3-inventory": {"reports": {"shop-media": "s3://reports/daily/shop-media/all"}}},
        "config-history": {"config-history": {"rules": ["signing-key-fit"]}},
        "detector-metrics": {"detector-metrics": {"detectors": ["portrait"]}},
        "automation-executions": {"automation-executions": {"runbooks": ["pull-the-plug"]}},
        "signing-calls": {"cloudtrail": {"source": "history"}},
        "face-calls": {"face-calls": {"within_seconds": 60}},
    }
    for name, parameters in changes.items():
        [collector], scope = collectors((name,)), scope_of(now="2026-11-28T10:00:00Z")
        skip = already_collected([collector.record(scope, Gathered("double", {}, {}))], now=scope.clock())
        assert skip(collector, scope)
        assert not skip(collector, replace(scope, organisation=Organisation(parameters=parameters))), name


def test_a_resumed_run_takes_nothing_from_the_future(scope_of: Callable[..., CollectScope]) -> None:
    """A record by a clock that was a year ahead doesn't stand for all that is to be collected until then."""
    scope = scope_of(now="2026-11-28T10:00:00Z")
    skip = already_collected([Counting().record(scope, Gathered("double", {}, {}))], now=from_iso("2026-11-27T10:00:00Z"))
    assert not skip(Counting(), scope)


def test_a_resumed_run_reads_files_again(tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """Of two reports one was missing at the first run: that the other was taken over leaves neither out."""
    organisation = Organisation(root=tmp_path, parameters={"checkov-report": {"files": ["a.json", "b.json"]}})
    scope = scope_of(organisation=organisation)
    (tmp_path / "a.json").write_text('[{"results": {}}]', encoding="utf-8")
    first = list(collect([CheckovReport()], scope, [None]))
    assert [record.gathering for record in first] == [Gathering.COLLECTED, Gathering.COULD_NOT]
    (tmp_path / "b.json").write_text('[{"results": {}}]', encoding="utf-8")
    again = list(collect([CheckovReport()], scope, [None], skip=already_collected(first, now=scope.clock())))
    assert [(record.source, record.gathering) for record in again] == [("a.json", Gathering.COLLECTED), ("b.json", Gathering.COLLECTED)]


@pytest.mark.parametrize(
    "collector", [MediaStates(), BucketPolicies(), Provenance(), ConfigHistory()], ids=lambda collector: collector.name
)
@pytest.mark.parametrize("hidden", [False, True])
def test_a_resumed_run_looks_again_where_other_buckets_hold_media_by_now(
    collector: Collector, hidden: bool, scope_of: Callable[..., CollectScope]
) -> None:
    """What was collected before averment.yaml named another bucket is no evidence of that bucket; the same naming is, however accounts are written."""
    moment = "2026-11-28T10:00:00Z"
    shop = Organisation(scope=Scope(media=(MediaMatcher(MediaRole.UPLOAD, names=(f"in-{ACCOUNT}",)),)))
    more = Organisation(scope=Scope(media=(*shop.scope.media, MediaMatcher(MediaRole.PUBLISHED, names=("pictures",)))))
    scope = replace(scope_of(now=moment, redact_accounts=hidden), organisation=shop)
    where = replace(scope, region="eu-west-1")
    record = collector.record(where, Gathered("double", {}, {"buckets": []}))
    assert (ACCOUNT in json.dumps(record.to_json())) is not hidden
    skip = already_collected([record], now=from_iso("2026-11-28T12:00:00Z"))
    assert skip(collector, where)
    assert not skip(collector, replace(where, organisation=more))
    assert not skip(collector, replace(where, organisation=Organisation()))


def test_a_resumed_run_knows_redacted_accounts(scope_of: Callable[..., CollectScope]) -> None:
    """An account id that was hidden in the record is still recognised."""
    scope = scope_of(now="2026-11-28T10:00:00Z", redact_accounts=True)
    record = Counting().record(replace(scope, region="eu-west-1"), Gathered("double", {}, {}))
    assert record.account == "********9012"
    skip = already_collected([record], now=from_iso("2026-11-28T12:00:00Z"))
    assert skip(Counting(), scope)
    assert not skip(Counting(), replace(scope, account=OTHERS[0]))


@pytest.mark.usefixtures("sandbox")
def test_the_command_asks_every_account_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One record an account; the second run with --resume asks nobody, and says so."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text("version: 1\nparameters: {collect: {role: AvermentCollect}}\n")
    more = ["--account", OTHERS[0], "--account", OTHERS[1], "--collector", "media-states", "--format", "json"]
    assert run(["collect", *more]) == 0
    assert sorted(record["account"] for record in json.loads(capsys.readouterr().out)) == list(OTHERS[:2])
    assert run(["collect", *more, "--resume"]) == 0
    second = capsys.readouterr()
    assert json.loads(second.out) == []
    assert f"media-states of {OTHERS[0]} was collected already" in second.err


@pytest.mark.usefixtures("sandbox")
def test_accounts_of_the_scope_that_nobody_looks_into_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a role there is the own account alone; a region or account outside of the scope is collected for nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text('version: 1\nscope: {accounts: ["123456789012", "222222222222"], regions: [eu-west-1]}\n')
    assert run(["collect", "--collector", "media-states"]) == 0
    said = capsys.readouterr().err
    assert "note: 222222222222 of the scope not looked into: no role is named" in said
    assert "counts for no assessment" not in said
    assert run(["collect", "--collector", "media-states", "--account", OTHERS[0], "--assume-role", "r", "--region", "eu-north-1"]) == 0
    said = capsys.readouterr().err
    assert f"note: {OTHERS[0]}, eu-north-1 not in the scope of averment.yaml" in said
    assert "not looked into" not in said


@pytest.mark.usefixtures("sandbox")
def test_the_accounts_of_an_organisation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """--organization asks every active account that AWS Organizations lists."""
    organizations = boto3.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    made = organizations.create_account(AccountName="shop", Email="shop@example.com")["CreateAccountStatus"]["AccountId"]
    monkeypatch.chdir(tmp_path)
    more = ["--organization", "--assume-role", "AvermentCollect", "--collector", "media-states", "--format", "json"]
    assert run(["collect", *more]) == 0
    assert sorted(record["account"] for record in json.loads(capsys.readouterr().out)) == sorted(["123456789012", made])


@pytest.mark.usefixtures("sandbox")
def test_of_an_organisation_no_account_is_left_out_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A company that was bought is in the scope and not in the organisation yet: its accounts were in no table and in no record, and the run was
    clean. One that was suspended is named, unless the scope has it: then it is asked, too."""
    resting = {"222222222222": "SUSPENDED", "333333333333": "PENDING_CLOSURE", ACCOUNT: "ACTIVE"}
    monkeypatch.setattr("averment.api.collecting.accounts_of_organisation", lambda *_: resting)
    monkeypatch.chdir(tmp_path)
    scope = f'scope: {{accounts: ["{ACCOUNT}", "111111111111", "222222222222"]}}'
    (tmp_path / "averment.yaml").write_text(f"version: 1\n{scope}\nparameters: {{collect: {{role: AvermentCollect}}}}\n")
    assert run(["collect", "--organization", "--collector", "media-states", "--format", "json"]) == 0
    told = capsys.readouterr()
    assert sorted(record["account"] for record in json.loads(told.out)) == ["111111111111", ACCOUNT, "222222222222"]
    assert "333333333333 (PENDING_CLOSURE) of the organisation not looked into" in told.err


def test_where_something_could_not_be_collected_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three accounts of forty without the role were sixty lines that told of none which account it was; one reason is one line, with its places."""
    monkeypatch.chdir(tmp_path)
    made = [(OTHERS[0], "denied"), *((f"{number:012}", "throttled") for number in range(1, 11))]
    scope = CollectScope(Organisation(), parse_period("2026Q4"), region="eu-west-1")
    records = [Counting().record(replace(scope, account=account), Gathered("double", {}, None, [why])) for account, why in made]
    monkeypatch.setattr("averment.cli.collect.collect", lambda *_, **__: Collected(tuple(records)))
    assert run(["collect"]) == 3
    said = " ".join(capsys.readouterr().err.split())
    assert f"could not collect all of counting ({OTHERS[0]} eu-west-1): denied" in said
    assert "(000000000001 eu-west-1, 000000000002 eu-west-1, " in said
    assert "000000000008 eu-west-1 and 2 more): throttled" in said


@pytest.mark.usefixtures("sandbox")
def test_an_organisation_of_no_account_is_no_clean_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no account is listed none is asked: an empty table with exit code 0 looked like an organisation that is in order."""
    monkeypatch.chdir(tmp_path)
    assert run(["collect", "--organization", "--assume-role", "AvermentCollect", "--collector", "media-states"]) == 3
    assert "names no active account, so nothing was collected" in capsys.readouterr().err


@pytest.mark.usefixtures("sandbox")
def test_accounts_of_an_organisation_that_hidden_ids_would_mix_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The scope's account and the one that the credentials belong to end alike: nothing of either is recorded under one hidden id."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text('version: 1\nscope: {accounts: ["999999999012"]}\n')
    assert run(["collect", "--collector", "media-states", "--redact-accounts"]) == 2
    assert "999999999012 and 123456789012 end in the same four digits" in capsys.readouterr().err
    assert run(["collect", "--collector", "media-states"]) == 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--account", OTHERS[0]], "no role is named"),
        (["--account", "12", "--assume-role", "r"], "is not an account id"),
        (["--account", OTHERS[0], "--organization", "--assume-role", "r"], "exclude each other"),
        (["--account", OTHERS[0], "--assume-role", "arn:aws:iam::1:role/r"], "is not the name of a role"),
        (["--account", "111111119012", "--account", "222222229012", "--assume-role", "r", "--redact-accounts"], "could not be told apart"),
    ],
)
def test_wrong_options_are_told(
    more: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with its reason, before anything is asked."""
    monkeypatch.chdir(tmp_path)
    assert run(["collect", *more]) == 2
    assert words in capsys.readouterr().err


def test_the_role_comes_from_the_file_or_the_command_line() -> None:
    """The command line wins, the external id stays, and without either there is no role."""
    organisation = Organisation(parameters={"collect": {"role": "audit/Reader", "external_id": "shop:x"}})
    assert role_to_assume(organisation, None) == RoleToAssume("audit/Reader", "shop:x")
    assert role_to_assume(organisation, "Other") == RoleToAssume("Other", "shop:x")
    assert role_to_assume(Organisation(), None) is None
    assert RoleToAssume("audit/Reader").arn("1" * 12) == "arn:aws:iam::111111111111:role/audit/Reader"
    assert check_accounts((OTHERS[0], OTHERS[0])) == (OTHERS[0],)
    for strange in ("x", "", "two words", "schlüssel"):  # STS refuses it in every account, and each refusal went into the ledger
        with pytest.raises(BadInputError, match="is not an external id"):
            role_to_assume(Organisation(parameters={"collect": {"role": "r", "external_id": strange}}), None)
    for wrong in ("AvermentCollect", {"rol": "AvermentCollect"}, {"role": 1}):
        with pytest.raises(BadInputError, match=r"parameters\.collect"):
            role_to_assume(Organisation(parameters={"collect": wrong}), None)


def test_calls_are_spaced_evenly() -> None:
    """Two a second: the first goes at once, the third waits a second; time that passed anyway isn't waited for again."""
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))

    pace = Pace(2, clock=lambda: now[0], sleep=sleep)
    for _ in range(3):
        pace.wait()
    assert slept == [0.5, 1.0]
    now[0] = 110.0
    pace.wait()
    assert slept == [0.5, 1.0]


@pytest.mark.usefixtures("sandbox")
def test_clients_of_slow_services_wait_for_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request of such a client passes through its pace, those of a service without a rate through none."""
    seen: list[str] = []
    monkeypatch.setattr(Pace, "wait", lambda self, **more: seen.append(str(more["event_name"])))
    keep_pace(client("iam", region="eu-west-1"), "iam").list_roles()
    assert "s3" not in CALLS_A_SECOND
    keep_pace(client("s3", region="eu-west-1"), "s3").list_buckets()
    assert seen == ["before-send.iam.ListRoles"]
