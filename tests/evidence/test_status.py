"""``averment collect`` and ``averment status`` as a user runs them, against the embedded AWS."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from averment.cli import status_table
from averment.cli.main import run
from averment.cli.status import exit_code, next_step
from averment.cli.status_table import show, show_accounts, show_deadlines, show_drift
from averment.controls.binding import LawDate
from averment.controls.deadlines import Deadline
from averment.controls.loader import load_catalogue
from averment.controls.model import Assessment, Control
from averment.core.errors import ExitCode, IncompleteError
from averment.core.organisation import load_organisation
from averment.core.period import from_iso, iso, utc_now
from averment.core.words import Method, Severity, Status
from averment.evidence.collectors.registry import names
from averment.evidence.collectors.run import whose_credentials
from averment.evidence.judging.by_account import AccountState
from averment.evidence.judging.since import Since
from averment.evidence.judging.states import AssessmentState, ControlState, Gap, also_lacking
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import DRILLS, Kind, Record
from averment.evidence.reporting.drift import NOT_SEEN, DriftRow

TEMPLATE = """
Resources:
  Uploads:
    Type: AWS::S3::Bucket
    Properties:
      Tags: [{Key: data-class, Value: ugc}]
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one template that has no scanner, and one selected control."""
    (tmp_path / "averment.yaml").write_text(
        "version: 1\norganisation: {name: Shop}\ncontrols: [SM-UPL-03]\niac: [infra]\n", encoding="utf-8"
    )
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "shop.yaml").write_text(TEMPLATE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def status_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = run(["status", "--format", "json", *arguments])
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, value


def entries(shop: Path) -> int:
    with open_ledger(load_organisation(shop / "averment.yaml")) as ledger:
        return sum(1 for _ in ledger.records())


def test_an_empty_ledger_shows_nothing_assessed(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is collected: exit 3, every assessment missing, no ledger is made, and the user is told what to run."""
    assert run(["status"]) == 3
    out, err = capsys.readouterr()
    assert "averment collect" in err
    assert "SM-UPL-03/terms" in out
    assert "averment attest SM-UPL-03/terms" in out
    assert run(["status", "--by-account"]) == 3
    assert "averment collect" in capsys.readouterr().err
    assert not (shop / ".averment").exists()


@pytest.mark.usefixtures("sandbox")
def test_collect_then_status(shop: Path, bucket: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    """What was collected changes the state; what is missing stays listed with its owner and the next step."""
    bucket("shop-media")
    assert run(["collect", "--collector", "check", "--collector", "config-compliance", "--collector", "media-states"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("check", "config-compliance", "media-states", "123456789012 eu-west-1"))
    code, value = status_json(capsys)
    states = {item["id"]: (item["status"], item["gap"], item["owner"]) for item in value["assessments"]}
    assert states["SM-UPL-03/iac"][0] in {"satisfied", "not-satisfied", "not-applicable"}
    assert states["SM-UPL-03/runtime"] == ("not-assessed", "never-run", "platform-security")
    assert states["SM-UPL-03/terms"] == ("not-assessed", "never-run", "procurement")
    assert (code, value["records"], value["totals"]["not-assessed"]) == (3, 3, 1)
    run(["status", "--all"])
    everything = capsys.readouterr().out
    assert "deploy the AWS Config rule averment-s3-put-object-gated" in everything
    assert "Last evidence (UTC)" in everything
    run(["status"])
    assert "deploy the AWS Config rules averment-s3-put-object-gated, averment-upload-api-authorised" in capsys.readouterr().out


@pytest.mark.usefixtures("sandbox")
def test_which_evidence_the_states_are_by_is_told_first(shop: Path, bucket: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    """The latest of all time or a quarter's own: the screen was the same, and what a quarter's package then said another."""
    bucket("shop-media")
    run(["status"])
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("as of 20")
    assert "by the latest evidence of each kind, from whichever quarter; this quarter by its own evidence: --period 20" in first
    run(["collect", "--collector", "check"])
    capsys.readouterr()
    _, value = status_json(capsys)
    day = value["rests_on"]["from"][:10]
    run(["status"])
    assert f"from whichever quarter (from {day} to {value['rests_on']['to'][:10]});" in capsys.readouterr().out.splitlines()[0]
    run(["status", "--period", "2024Q1"])
    assert capsys.readouterr().out.splitlines()[0] == "2024Q1, 2024-01-01 to 2024-03-31, by its own evidence, as of its end"
    quarter = f"{value['as_of'][:4]}Q{(int(value['as_of'][5:7]) + 2) // 3}"
    run(["status", "--period", quarter])
    assert f"by its own evidence, so far, as of {value['as_of'][:10]}" in capsys.readouterr().out.splitlines()[0]
    assert status_json(capsys, "--period", "2024Q1")[1]["rests_on"] is None


@pytest.mark.usefixtures("sandbox")
def test_a_past_period_is_judged_by_its_own_evidence(shop: Path, bucket: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    """Today's states are no evidence for a past quarter: collecting for it says so, and its status stays missing."""
    bucket("shop-media")
    assert run(["collect", "--collector", "media-states", "--period", "2024Q1"]) == 0
    assert "no evidence for 2024Q1" in capsys.readouterr().err
    settings = "version: 1\nparameters: {signing-log: {files: [log.jsonl]}, checkov-report: {files: [checkov.json]}}\n"
    (shop / "averment.yaml").write_text(settings, encoding="utf-8")
    (shop / "log.jsonl").touch()
    (shop / "checkov.json").write_text('[{"results": {}}]', encoding="utf-8")  # which is as old as its file, whenever it is taken over
    assert run(["collect", "--collector", "signing-log", "--collector", "checkov-report", "--period", "2024Q1"]) == 0
    assert ": signing-log can only tell the present" in capsys.readouterr().err
    code, value = status_json(capsys, "--period", "2024Q1")
    assert (code, value["period"]["label"]) == (3, "2024Q1")
    assert {item["gap"] for item in value["assessments"]} == {"never-run", "not-scoped"}


def test_of_a_past_period_it_is_told_what_was_not_so_all_the_time(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The quarter's report said that a bucket was open for eighty days, and status with the same quarter "1 resource passed"."""
    end, rule = from_iso("2024-03-31T22:00:00Z"), "s3-put-object-gated"
    there = {"id": "uploads", "type": "AWS::S3::Bucket", "compliance": "COMPLIANT"}
    passed = {"rule": rule, "config_rule": f"averment-{rule}", "compliance": "COMPLIANT", "failing": None, "resources": [there]}
    seconds = {"compliant": 60, "non-compliant": 80 * 86_400, "not-assessed": 0}
    open_long = {"rule": rule, "resources": [{**there, "intervals": [{}, {}], "seconds": seconds}]}
    kinds = ((Kind.CONFIG_COMPLIANCE, passed), (Kind.CONFIG_HISTORY, open_long))
    with open_ledger(load_organisation(shop / "averment.yaml"), write=True) as ledger:
        ledger.append(
            [
                Record(kind, str(kind), "1", "AWS Config", {}, end, end, {"rules": [found]}, account="111122223333", region="eu-west-1")
                for kind, found in kinds
            ]
        )
    _, value = status_json(capsys, "--period", "2024Q1")
    [state] = [item for item in value["assessments"] if item["id"] == "SM-UPL-03/runtime"]
    assert state["reason"] == "1 resource passed; in the period not all the time: uploads (not compliant for 80 days)"


def test_the_moment_that_states_speak_of_is_told_beside_the_moment_of_asking(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A past period is judged as of its last second, as in a package; the present and one to come as of now, and a period that has not begun is said to be one."""
    assert shop.is_dir()
    _, past = status_json(capsys, "--period", "2024Q1")
    assert past["judged_at"] == "2024-03-31T23:59:59Z"
    assert past["as_of"] > "2026-01-01"
    _, now = status_json(capsys)
    assert now["judged_at"] == now["as_of"]
    assert run(["status", "--period", "2199Q1", "--format", "json"]) == 3
    out, err = capsys.readouterr()
    assert json.loads(out)["judged_at"] == json.loads(out)["as_of"]
    assert "2199Q1 has not begun" in err


@pytest.mark.parametrize("again", [False, True])
def test_a_record_of_a_clock_that_was_ahead_is_told_and_is_no_pass(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, again: bool
) -> None:
    """What is dated after now isn't counted, and may have found something wrong: it is said, and no exit code 0, unless the same was asked again since."""
    monkeypatch.setattr("averment.cli.status.exit_code", lambda _states: ExitCode.CLEAN)
    moments = [utc_now() - timedelta(minutes=5), utc_now() + timedelta(hours=4), utc_now()][: 3 if again else 2]
    with open_ledger(load_organisation(shop / "averment.yaml"), write=True) as ledger:
        for at in moments:
            ledger.append([Record(Kind.CHECK, "check", "1", "infra", {}, at, at, {"findings": []})])
    assert run(["status"]) == (0 if again else 3)
    said = " ".join(capsys.readouterr().err.split())
    assert f"1 record of the ledger is dated after this machine's clock ({iso(moments[1])}) and not counted yet" in said
    assert status_json(capsys)[1]["ahead"] in said, "who reads the figures alone sees no pass beside it"
    assert run(["status", "--period", "2024Q1"]) == 0
    assert "dated after" not in capsys.readouterr().err
    assert status_json(capsys, "--period", "2024Q1")[1]["ahead"] is None


def test_an_account_that_the_scope_has_no_more_is_told(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Striking an account from averment.yaml took what had failed there off the screen, without a word: a clean table spoke of fewer accounts than it
    seemed to. One that nobody has looked into for longer than a quarter is missed by nobody."""
    now = utc_now()
    with open_ledger(load_organisation(shop / "averment.yaml"), write=True) as ledger:
        for account, at in (("222222222222", now), ("333333333333", now - timedelta(days=100))):
            ledger.append([Record(Kind.MEDIA_STATES, "media-states", "1", "s3", {}, at, at, {"summary": {"flagged": 3}}, account=account)])
    assert status_json(capsys)[1]["outside"] == []
    with (shop / "averment.yaml").open("a") as file:
        file.write('scope: {accounts: ["111111111111"]}\n')
    run(["status"])
    said = " ".join(capsys.readouterr().err.split())
    assert "evidence of account 222222222222 is in the ledger and counts for no state: the scope of averment.yaml doesn't have it" in said
    assert status_json(capsys)[1]["outside"] == ["account 222222222222"]


def test_of_many_accounts_it_is_told_which_one_is_to_blame(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scope = "scope: {accounts: ['111111111111', '222222222222', '333333333333']}"
    (shop / "averment.yaml").write_text(f"version: 1\norganisation: {{name: Shop}}\ncontrols: [SM-DET-04]\n{scope}\n", encoding="utf-8")
    now = utc_now()
    with open_ledger(load_organisation(shop / "averment.yaml"), write=True) as ledger:
        for account, waiting in (("111111111111", 0), ("222222222222", 900)):
            found = {"summary": {"upload_in_review": waiting}}
            ledger.append([Record(Kind.MEDIA_STATES, "media-states", "1", "s3", {}, now, now, found, account=account)])
    assert run(["status", "--by-account"]) == ExitCode.FINDINGS
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines() if "SM-DET-04" in line] == ["222222222222", "333333333333", "of"], said
    assert {line["account"]: line["controls"]["SM-DET-04"] for line in status_json(capsys)[1]["accounts"]} == {
        "111111111111": "satisfied",
        "222222222222": "not-satisfied",
        "333333333333": "not-assessed",
        None: "not-assessed",  # the statements are of no account
    }


def test_accounts_are_paragraphs_on_a_narrow_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """At 80 columns the names of the controls stood in twelve characters, and 'not-satisfied' was broken in its midst."""
    monkeypatch.setattr(status_table, "WIDE", 80)
    unknown = {f"SM-UPL-0{number}": Status.NOT_ASSESSED for number in range(1, 6)}
    account = AccountState("111111111111", {"SM-DET-04": Status.NOT_SATISFIED, **unknown})
    for everything, named in ((False, "SM-UPL-01, SM-UPL-02, SM-UPL-03 and 2 more"), (True, ", ".join(unknown))):
        show_accounts([account, AccountState(None, {"SM-GOV-01": Status.SATISFIED})], everything=everything)
        lines = capsys.readouterr().out.splitlines()
        at = lines.index("111111111111  1 not-satisfied · 5 not-assessed · 0 waived · 0 satisfied")
        assert lines[at + 1 : at + 3] == ["    not-satisfied: SM-DET-04", f"    not-assessed: {named}"]
        assert "of no single account  0 not-satisfied · 0 not-assessed · 0 waived · 1 satisfied" in lines


def test_a_period_tells_when_nobody_looked(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As its package does: an account that could not be entered for weeks was satisfied by a look at the quarter's end, without a word here. Where one
    stands now is asked without a period, and says nothing of weeks ago."""
    (shop / "averment.yaml").write_text("version: 1\norganisation: {name: Shop}\ncontrols: [SM-DET-04]\n", encoding="utf-8")
    with open_ledger(load_organisation(shop / "averment.yaml"), write=True) as ledger:
        for day in ("2025-01-01", "2025-01-20", "2025-02-28"):
            at = from_iso(f"{day}T00:00:00Z")
            found = {"summary": {"flagged": 0}}
            ledger.append([Record(Kind.MEDIA_STATES, "media-states", "1", "s3", {}, at, at, found, account="111111111111")])
    run(["status", "--period", "2025Q1"])
    said = " ".join(capsys.readouterr().err.split())
    stretch = "2025-01-01 to 2025-02-28, but for 1 look: 111111111111 (media-states)"
    assert f"{stretch}: for longer than is allowed nobody looked there" in said
    assert status_json(capsys, "--period", "2025Q1")[1]["unseen"] == [stretch]
    assert status_json(capsys)[1]["unseen"] == []
    assert "nobody looked" not in capsys.readouterr().err


@pytest.mark.usefixtures("sandbox")
def test_what_could_not_be_collected_is_recorded_and_makes_the_exit_code_3(
    shop: Path, log_lines: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A log line can't be read: the reason is on stderr and in the ledger, and the other collectors' records are there too."""
    log_lines("/averment/verdicts", "not json")
    assert run(["collect", "--collector", "provenance", "--collector", "check"]) == 3
    err = capsys.readouterr().err
    assert "could not collect all of provenance" in err
    assert "log lines that are not JSON objects" in err
    assert entries(shop) == 2


def test_without_credentials_what_needs_none_is_still_collected(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check and the incidents are in the ledger, the rest is said to be out of reach, exit 3."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_CONFIG_FILE", "/dev/null"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    assert run(["collect"]) == 3
    assert "no AWS credentials" in capsys.readouterr().err
    assert entries(shop) == 2


@pytest.mark.usefixtures("sandbox")
def test_regions_and_redaction_are_options(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One record a region, accounts with their last digits only, as JSON on stdout alone."""
    arguments = [
        "--collector",
        "config-compliance",
        "--region",
        "eu-west-1",
        "--region",
        "us-east-1",
        "--redact-accounts",
        "--format",
        "json",
    ]
    assert run(["collect", *arguments]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [(record["region"], record["account"]) for record in records] == [("eu-west-1", "********9012"), ("us-east-1", "********9012")]


@pytest.mark.usefixtures("sandbox")
def test_a_region_that_answers_nobody_keeps_no_other_back(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first region of the list is mistyped, not opted in to, or of another partition: nothing was collected from the others either."""

    def whose(client: Any, region: str | None) -> str:
        if region == "eu-west-9":
            raise IncompleteError("could not find out whose credentials these are: Could not connect to the endpoint URL")
        return whose_credentials(client, region)

    monkeypatch.setattr("averment.api.collecting.whose_credentials", whose)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None))  # between attempts, in all half a minute
    arguments = ["--collector", "config-compliance", "--format", "json"]
    run(["collect", *arguments, "--region", "eu-west-9", "--region", "eu-west-1"])
    records = json.loads(capsys.readouterr().out)
    assert [(record["region"], record["account"]) for record in records] == [("eu-west-9", "123456789012"), ("eu-west-1", "123456789012")]
    assert run(["collect", *arguments, "--region", "eu-west-9"]) == 3
    assert "could not find out whose credentials" in capsys.readouterr().err


def test_regions_that_answer_nobody_are_waited_for_at_once(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a network each took half a minute to give up, one after the other, before anything was said."""
    others = threading.Barrier(3)

    def whose(_client: Any, region: str | None) -> str:
        if region != "eu-west-1":
            others.wait(timeout=20)  # which breaks where they come one by one
        raise IncompleteError(f"nobody answers in {region}")

    monkeypatch.setattr("averment.api.collecting.whose_credentials", whose)
    regions = [f"--region={region}" for region in ("eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1")]
    assert run(["collect", "--collector", "config-compliance", *regions]) == 3
    assert not others.broken
    assert "nobody answers in eu-west-1" in capsys.readouterr().err


def test_print_policy_needs_neither_aws_nor_a_ledger(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The policy is printed from the collectors' own words."""
    assert run(["collect", "--print-policy", "--collector", "config-compliance"]) == 0
    [statement] = json.loads(capsys.readouterr().out)["Statement"]
    assert statement["Action"] == [
        "config:BatchGetResourceConfig",
        "config:DescribeComplianceByConfigRule",
        "config:DescribeConfigRuleEvaluationStatus",
        "config:DescribeConfigurationRecorderStatus",
        "config:GetComplianceDetailsByConfigRule",
    ]
    assert not (shop / ".averment").exists()


@pytest.mark.parametrize(
    "arguments", [["collect", "--collector", "nope"], ["collect", "--period", "soon"], ["status", "--period", "2026Q5"]]
)
def test_bad_options_are_usage_errors(arguments: list[str], shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and nothing is written."""
    assert run(arguments) == 2
    assert capsys.readouterr().err
    assert not (shop / ".averment").exists()


def control_state(status: Status) -> ControlState:
    control = Control("SM-UPL-03", "T", "O", Severity.HIGH, "o", "c", "r", (), ())
    return ControlState(control, status, ())


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([Status.SATISFIED, Status.WAIVED, Status.NOT_APPLICABLE], 0),
        ([Status.SATISFIED, Status.NOT_ASSESSED], 3),
        ([Status.NOT_ASSESSED, Status.NOT_SATISFIED], 1),
        ([], 3),
    ],
)
def test_exit_codes(statuses: list[Status], code: int) -> None:
    """Not satisfied outweighs not assessed, and no control at all is nothing to be content with."""
    assert exit_code([control_state(status) for status in statuses]) == code


def test_every_gap_has_a_next_step_that_exists() -> None:
    """For each assessment of the catalogue the named command names a collector, control or assessment that there is."""
    known = set(names())
    for control in load_catalogue():
        for assessment in control.assessments:
            step = next_step(AssessmentState(control.id, assessment, Status.NOT_ASSESSED, "why", gap=Gap.MISSING))
            if assessment.collector == DRILLS:
                assert step == "averment incident drill"
                continue
            assert step.startswith(("averment attest", "averment prove")) or step.rsplit(" ", 1)[1] in known
            again = next_step(AssessmentState(control.id, assessment, Status.NOT_ASSESSED, "why", ("id",), gap=Gap.UNDECIDED))
            assert "then averment" in again or again.startswith("averment attest")
            failed = next_step(AssessmentState(control.id, assessment, Status.NOT_ASSESSED, "why", ("id",), gap=Gap.COULD_NOT))
            assert failed.startswith(("mend what the reason names, then averment ", "averment attest")), "the same command fails again"
            if assessment.needs:
                unscoped = next_step(AssessmentState(control.id, assessment, Status.NOT_ASSESSED, "why", gap=Gap.UNSCOPED))
                assert all(f"parameters.{path}" in unscoped for path in assessment.needs)
    undeployed = AssessmentState(
        "X", Assessment("r", Method.EXAMINE, policy="p", collector="config-compliance"), Status.NOT_ASSESSED, "", ("id",), gap=Gap.MISSING
    )
    assert next_step(undeployed) == "deploy the AWS Config rule averment-p"
    before_the_rule = replace(undeployed, assessment=replace(undeployed.assessment, collector=None))
    assert next_step(before_the_rule) == "averment collect --collector check", "every check runs every rule that there is"
    past = replace(undeployed, assessment=replace(undeployed.assessment, collector="config-history"))
    assert next_step(past).startswith("name p in parameters.config-history.rules"), "whoever deploys the rule has no more history for it"
    assert next_step(past).endswith("then averment collect --collector config-history")
    assert status_table._steps(
        ["averment prove X/a", "averment prove --detector DETECTOR X/b", "averment prove --detector DETECTOR Y/b"]
    ) == [
        "averment prove X/a",
        "averment prove --detector DETECTOR X/b Y/b",
    ]
    failed = [f"mend what the reason names, then averment prove {name}" for name in ("X/a", "Y/a")]
    assert status_table._steps([*failed, "more samples, then averment prove Z/a"]) == [
        "mend what the reason names, then averment prove X/a Y/a",
        "more samples, then averment prove Z/a",
    ]


def made_up(control_id: str, status: Status, reason: str, *ids: str) -> ControlState:
    """A control's state with the assessments ``ids``, not assessed if the control isn't."""
    asked = {"role": "legal", "question": "Is it so?", "valid_for": "365d"}
    items = [Assessment(name, Method.INTERVIEW, attestation=asked) for name in ids]
    control = Control(control_id, "A title", "It is so.", Severity.HIGH, "an-owner", "daily", "Because.", (), tuple(items))
    gap = Gap.MISSING if status is Status.NOT_ASSESSED else None
    states = tuple(AssessmentState(control_id, item, status, reason, (), None, gap, ()) for item in items)
    return ControlState(control, status, states)


def test_short_table_gives_lines_to_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """A deviation has its own line, however many controls are merely missing or well; those share a line of their family."""
    states = [made_up("SM-UPL-01", Status.NOT_SATISFIED, "anybody may write", "a")]
    states += [made_up(f"SM-GOV-0{number}", Status.NOT_ASSESSED, "nobody has attested it", "a", "b") for number in range(1, 5)]
    states += [made_up(f"SM-PRV-0{number}", Status.SATISFIED, "all passed", "a") for number in range(1, 4)]
    show(states, next_step)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:3] == ["SM-UPL-01", "not-satisfied", "an-owner"] and "anybody may write" in line for line in lines)
    assert any("4 controls" in line and "SM-GOV-01, SM-GOV-02, SM-GOV-03, SM-GOV-04" in line for line in lines)
    assert any("3 controls" in line and "satisfied" in line and "SM-PRV-01, SM-PRV-02, SM-PRV-03" in line for line in lines)
    assert any("averment attest SM-GOV-01/a, SM-GOV-01/b, SM-GOV-02/a and 5 more" in line for line in lines)
    assert any(line.startswith("3 satisfied · 1 not-satisfied · 4 not-assessed") for line in lines)
    assert any("averment status --all" in line for line in lines)


def test_how_much_is_wrong_and_what_to_do_about_it_stand_first(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts stood below a hundred lines, and of what is wrong nothing said what to do next. On a narrow terminal families' names took a quarter
    of the lines from the reasons."""
    monkeypatch.setattr(status_table, "WIDE", 80)
    reason = "iac: aws_s3_bucket.uploads: anybody may write"
    states = [
        made_up("SM-GOV-01", Status.NOT_ASSESSED, "nobody has attested it", "a"),
        made_up("SM-PRV-02", Status.NOT_SATISFIED, reason, "a"),
    ]
    show(states, next_step)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    counts, family, wrong = (
        lines.index("0 satisfied · 1 not-satisfied · 1 not-assessed · 0 waived · 0 not-applicable"),
        lines.index("Provenance and marking"),
        next(number for number, line in enumerate(lines) if line.split()[:2] == ["SM-PRV-02", "not-satisfied"]),
    )
    assert counts < family == wrong - 1
    assert lines[wrong].endswith(reason), "nothing is cut of it"
    assert wrong < lines.index("What a control asks for, and what mends it: averment explain SM-PRV-02")


def test_nothing_is_left_out_of_either_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Every control is named in the short table, and every missing assessment in the full one."""
    states = [made_up(f"SM-GOV-0{number}", Status.NOT_ASSESSED, "nobody has attested it", "a", "b") for number in range(1, 8)]
    show(states, next_step)
    short = capsys.readouterr().out
    show(states, next_step, everything=True)
    full = capsys.readouterr().out
    assert all(state.control.id in short for state in states)
    assert all(f"{state.control.id}/{name}" in full for state in states for name in ("a", "b"))


def test_controls_that_are_not_selected_are_counted(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A repository that selects one control isn't told clean without a word of the others."""
    assert shop.is_dir()
    run(["status"])
    assert "31 more controls not selected in averment.yaml, so not assessed: averment status --all" in capsys.readouterr().out
    run(["status", "--all"])
    assert "so not assessed: SM-DEL-01, SM-DEL-02" in " ".join(capsys.readouterr().out.split())
    assert len(status_json(capsys)[1]["left_out"]) == 31
    (shop / "averment.yaml").write_text("version: 1\n", encoding="utf-8")
    run(["status"])
    assert "not selected" not in capsys.readouterr().out


def test_a_reason_cannot_bring_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """What evidence says is text on the console too."""
    show([made_up("SM-UPL-01", Status.NOT_SATISFIED, "[red]arn:x[/red]", "a")], next_step)
    assert "[red]arn:x[/red]" in capsys.readouterr().out


def test_since_when_and_the_next_deadline_are_on_the_screen(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A control that was found wrong says since which day; the next day in the law comes last, and in full as JSON."""
    assert run(["collect", "--collector", "check"]) == 0
    run(["collect", "--collector", "check"])
    capsys.readouterr()
    _, value = status_json(capsys)
    assert set(value["since"]) == {item["id"] for item in value["controls"] if item["status"] != "not-assessed"}
    assert value["deadlines"] == sorted(value["deadlines"], key=lambda item: item["event"]["on"])
    run(["status"])
    out = capsys.readouterr().out
    assert "Since" in out
    if value["deadlines"]:
        first = value["deadlines"][0]
        assert f"{first['event']['on']}" in out
        assert str(first["days"] or "today") in out


def test_what_is_unconfirmed_in_the_law_is_called_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A day whose text says itself how far it is confirmed isn't called unconfirmed behind it once more."""
    texts = ("a rule starts", "a rule starts (unconfirmed: one secondary source)")
    events = [LawDate(date(2027, 2, 2), "law", "art-1", "Art 1", text, confirmed=False) for text in texts]
    show_deadlines([Deadline(event, 65, ()) for event in events])
    assert capsys.readouterr().out.count("unconfirmed") == 2


def test_a_duty_that_begins_today_is_told_today(capsys: pytest.CaptureFixture[str]) -> None:
    """On the very day the next one was shown in its place."""
    show_deadlines([Deadline(LawDate(date(2026, 12, 2), "law", "art-1", "Art 1", "a rule starts", confirmed=True), 0, ("SM-PRV-01",))])
    assert ["2026-12-02", "today", "Art"] in [line.split()[:3] for line in capsys.readouterr().out.splitlines()]


def test_a_long_reason_takes_no_other_columns_place(capsys: pytest.CaptureFixture[str]) -> None:
    """However long the reason, state, day and owner stay whole; the reason is what is cut."""
    states = [made_up("SM-UPL-01", Status.NOT_SATISFIED, "anybody may write " * 40, "a")]
    show(states, next_step, held={"SM-UPL-01": Since(from_iso("2026-10-10T10:00:00Z"))})
    out = capsys.readouterr().out
    [line] = [line for line in out.splitlines() if line.strip().startswith("SM-UPL-01")]
    assert line.split()[:4] == ["SM-UPL-01", "not-satisfied", "2026-10-10", "an-owner"]
    assert line.rstrip().endswith("…")


def test_on_a_narrow_terminal_what_to_do_next_is_told_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is typed or copied: in a column of 28 characters a name was broken in its middle, and in the full table each word of a reason had a line."""
    monkeypatch.setattr(status_table, "WIDE", 80)
    name = "parameters.a-collector-with-a-long-name.and-a-parameter"
    states = [made_up("SM-UPL-01", Status.NOT_ASSESSED, "open", "a")]
    show(states, lambda _: f"write {name} in averment.yaml")
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("Not assessed, and what is next")
    assert lines[at + 1 : at + 3] == ["legal: 1 never-run", f"    write {name} in averment.yaml"]
    show(states, lambda _: f"write {name} in averment.yaml", everything=True)
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("SM-UPL-01  not-assessed, an-owner")
    assert lines[at + 1] == "    a: open"
    at = lines.index("SM-UPL-01/a: never-run, last evidence none, legal")
    assert lines[at + 1] == f"    write {name} in averment.yaml"


def test_the_next_command_on_claims_is_one_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """``prove A, B and 2 more`` looked for a claim called "A,"."""
    states = [made_up("SM-UPL-01", Status.NOT_ASSESSED, "open", *"abcd")]
    show(states, lambda state: f"averment prove {state.id}")
    assert "averment prove SM-UPL-01/a SM-UPL-01/b SM-UPL-01/c SM-UPL-01/d" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("everything", [False, True])
def test_what_is_not_known_beside_a_failure_is_named_with_what_is_next(capsys: pytest.CaptureFixture[str], everything: bool) -> None:
    """It stood at the end of the reason alone, which the table cuts: whoever mended what was wrong had done all that the screen named."""
    state = made_up("SM-UPL-01", Status.NOT_SATISFIED, "anybody may write " * 40, "a")
    runtime = Assessment("a", Method.TEST, policy="bucket-private", collector="config-compliance")
    wrong = also_lacking(replace(state.assessments[0], assessment=runtime), Gap.PARTIAL, "page 2 was refused")
    show([replace(state, assessments=(wrong,))], next_step, everything=everything)
    out = " ".join(capsys.readouterr().out.split())
    assert "partial (beside what is wrong)" in out
    assert "mend what the reason names, then averment collect --collector config-compliance" in out


def test_a_claim_that_left_out_a_bucket_is_not_proved_again_as_it_is() -> None:
    """The one command that was named drew from the same bucket as before, as often as it was typed."""
    [claim] = [item for item in load_catalogue().get("SM-PRV-01").assessments if item.id == "coverage"]  # type: ignore[union-attr]
    step = next_step(AssessmentState("SM-PRV-01", claim, Status.NOT_ASSESSED, "another bucket", gap=Gap.PARTIAL))
    assert step == "mend what the reason names, then averment prove SM-PRV-01/coverage"


def test_of_what_is_on_one_side_only_resources_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """One bucket under six rules was six resources."""
    rows = [
        DriftRow(
            "SM-UPL-03", rule, "uploads", "AWS::S3::Bucket", None, None, "aws_s3_bucket.b", "main.tf:1", "fail", NOT_SEEN, "", None, None
        )
        for rule in ("one", "two")
    ]
    show_drift(rows)
    assert "1 resource is in the code only, or deployed only" in capsys.readouterr().out


def test_of_many_differences_the_worst_are_told_and_the_rest_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a landing zone's four hundred buckets nothing else was left on the screen; at 80 columns, a name was broken in its middle."""
    monkeypatch.setattr(status_table, "WIDE", 80)
    says = "passes in the code; deployed it does not"
    names = [f"larkspur-prod-review-uploads-{number}" for number in range(12)]
    rows = [
        DriftRow("SM-UPL-03", "a-rule", name, "AWS::S3::Bucket", None, None, "aws_s3_bucket.b", "main.tf:1", *found, says, None, None)
        for name, found in zip(names, [("pass", "unknown")] * 11 + [("pass", "fail")], strict=True)
    ]
    show_drift(rows)
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("Code and deployment differ")
    assert lines[at + 1 : at + 3] == [f"{names[11]}: a-rule", f"    {says}"]
    assert "2 more differences between code and deployment: averment status --all" in lines
    show_drift(rows, everything=True)
    out = capsys.readouterr().out
    assert all(f"{name}: a-rule" in out for name in names)
