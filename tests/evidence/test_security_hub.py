"""Pushing a period to Security Hub: over boto3 against the embedded service, read back with the AWS CLI."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from averment.cli.main import run
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError, IncompleteError
from averment.core.organisation import Organisation, Waiver, load_organisation
from averment.core.period import Period, iso, parse_period, utc_now
from averment.core.source import SourceRef
from averment.evidence.ledger.log import Entry
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Gathering, Kind, Record
from averment.evidence.reporting.report import PeriodReport, build_report
from averment.evidence.sinks import security_hub as sink_module
from averment.evidence.sinks import security_hub_findings as mapping
from averment.evidence.sinks.security_hub import BATCH, SecurityHubSink
from averment.evidence.sinks.security_hub_findings import Place, findings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
QUARTER = parse_period("2026Q4")
RULE = "s3-put-object-gated"
CATALOGUE = load_catalogue(Organisation(controls=("SM-UPL-03",)))


def check(*resources: str, message: str = "open", at: datetime = NOW) -> Record:
    """A check in which ``resources`` fail the rule."""
    failing = [{"rule": RULE, "verdict": "fail", "resource": name, "message": message, "where": "main.tf:3"} for name in resources]
    return Record(
        kind=Kind.CHECK,
        collector="check",
        collector_version="1",
        source="made up for a test",
        query={"paths": ["."]},
        effective_at=at,
        collected_at=at,
        payload={"rules": [RULE], "findings": failing, "problems": []},
    )


def report(*records: Record, waivers: tuple[Waiver, ...] = (), period: Period = QUARTER, as_of: datetime = NOW) -> PeriodReport:
    organisation = Organisation(name="Shop & Söhne", controls=("SM-UPL-03",), waivers=waivers)
    entries = [Entry(index, item, b"{}") for index, item in enumerate(records)]
    return build_report(CATALOGUE, organisation, entries, period, as_of)


def push(made: PeriodReport, **more: Any) -> Any:
    return SecurityHubSink(CATALOGUE, **more).push(made, ())


@pytest.fixture
def hub(sandbox: Any) -> Any:
    """The embedded Security Hub of an account that has enabled it."""
    client = boto3.client("securityhub")
    client.enable_security_hub(EnableDefaultStandards=False)
    return client


def active(hub: Any, status: str = "FAILED") -> list[dict[str, Any]]:
    equal = "EQUALS"
    filters = {"RecordState": [{"Value": "ACTIVE", "Comparison": equal}], "ComplianceStatus": [{"Value": status, "Comparison": equal}]}
    return list(hub.get_findings(Filters=filters)["Findings"])


def test_deviations_and_gaps_come_in_as_what_they_are(hub: Any) -> None:
    """A deviation is FAILED with resource, place, severity, owner and law; what is not assessed is NOT_AVAILABLE, never PASSED."""
    made = report(check("aws_s3_bucket.a"))
    result = push(made)
    assert result.complete
    [finding] = active(hub)
    assert finding["Resources"][0]["Id"] == "aws_s3_bucket.a"
    assert "main.tf:3" in finding["Description"]
    assert finding["Severity"]["Label"] == made.findings[0].severity.upper()
    assert finding["ProductFields"]["averment/owner"] == made.findings[0].owner
    assert finding["Compliance"]["RelatedRequirements"] == list(made.controls[0].references)
    assert len(active(hub, "NOT_AVAILABLE")) == len(made.gaps) > 0
    assert active(hub, "PASSED") == []


def test_pushing_again_imports_nothing(hub: Any) -> None:
    """The same state seen by a later check is no news: nothing is imported, everything is there already."""
    first = push(report(check("aws_s3_bucket.a")))
    again = push(report(check("aws_s3_bucket.a"), check("aws_s3_bucket.a", at=NOW.replace(minute=0, hour=11))))
    assert (again.created, again.unchanged) == (0, first.created)


def test_a_change_updates_and_what_is_mended_is_archived(hub: Any) -> None:
    """Another message updates the same finding; a resource that no longer fails is archived, and comes back when it fails again."""
    push(report(check("aws_s3_bucket.a", "aws_s3_bucket.b")))
    result = push(report(check("aws_s3_bucket.a", message="open to everybody")))
    assert result.created == 2
    [left] = active(hub)
    assert "open to everybody" in left["Title"]
    everything = hub.get_findings(Filters={})["Findings"]
    assert [item["Resources"][0]["Id"] for item in everything if item["RecordState"] == "ARCHIVED"] == ["aws_s3_bucket.b"]
    push(report(check("aws_s3_bucket.a", "aws_s3_bucket.b")))
    assert {item["Resources"][0]["Id"] for item in active(hub)} == {"aws_s3_bucket.a", "aws_s3_bucket.b"}


def test_what_holds_for_long_is_renewed_before_security_hub_deletes_it(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What had no update for 90 days is deleted there: a finding that is open for a quarter would be gone, as if it were mended."""
    first = push(report(check("aws_s3_bucket.a")))
    later = utc_now() + timedelta(days=40)
    monkeypatch.setattr(sink_module, "utc_now", lambda: later)
    again = push(report(check("aws_s3_bucket.a")))
    assert (again.created, again.unchanged) == (first.created, 0)
    assert again.notes == (f"{first.created} renewed, or Security Hub would delete them",)
    assert active(hub)[0]["UpdatedAt"] == iso(later)
    assert push(report(check("aws_s3_bucket.a"))).created == 0


def test_an_earlier_period_does_not_archive_what_was_found_since(hub: Any) -> None:
    """Last quarter's push, asked for again: everything that is open today would be told as mended. Nothing is touched, in a dry run either."""
    push(report(check("aws_s3_bucket.a")))
    late = dataclasses.replace(report(), period=parse_period("2026Q3"), judged_at=datetime(2026, 10, 1, tzinfo=UTC))
    for more in ({}, {"dry_run": True}):
        with pytest.raises(BadInputError, match="2026-11-20T12:00:00Z; that of 2026Q3 is of 2026-10-01T00:00:00Z"):
            push(late, **more)
    assert [item["Resources"][0]["Id"] for item in active(hub)] == ["aws_s3_bucket.a"]
    push(report(check()))  # everything is mended, and what is archived still says of when
    with pytest.raises(BadInputError):
        push(late)


@pytest.mark.parametrize("seen", [(), ("failed",)])
def test_a_new_period_without_evidence_mends_nothing(hub: Any, monkeypatch: pytest.MonkeyPatch, seen: tuple[str, ...]) -> None:
    """On the first days of a quarter nothing was collected yet, or an attempt failed: what was open stays open, is renewed in its time, and is
    archived once a check finds it mended."""
    push(report(check("aws_s3_bucket.a")))
    before = active(hub)
    year, first = parse_period("2027Q1"), datetime(2027, 1, 2, tzinfo=UTC)
    failed = dataclasses.replace(check(at=first), gathering=Gathering.COULD_NOT, reason="no checkout", payload={})
    records = [check("aws_s3_bucket.a"), *(failed for _ in seen)]
    quarter = report(*records, period=year, as_of=first)
    assert quarter.findings == ()
    dry = push(quarter, dry_run=True)
    assert [note for note in dry.notes if note.startswith("?")] == [f"? {before[0]['Id']} {before[0]['Title']}"]
    assert "1 stay as they were: the period has no evidence of whether they hold" in push(quarter).notes
    assert active(hub) == before
    assert len(active(hub, "NOT_AVAILABLE")) == len(quarter.gaps)
    later = utc_now() + timedelta(days=40)
    monkeypatch.setattr(sink_module, "utc_now", lambda: later)
    push(quarter)
    assert active(hub) == [{**before[0], "UpdatedAt": iso(later)}]
    push(report(*records, check(at=first), period=year, as_of=first))
    assert active(hub) == []


def test_what_could_not_be_looked_at_beside_a_deviation_stays_open(hub: Any) -> None:
    """One repository's check found something and another's failed: what that one had open was archived, as if it were mended."""
    mine = dataclasses.replace(check("aws_s3_bucket.a"), source="one")
    theirs = dataclasses.replace(check("aws_s3_bucket.b"), source="two")
    push(report(mine, theirs))
    year, first = parse_period("2027Q1"), datetime(2027, 1, 2, tzinfo=UTC)
    now = [dataclasses.replace(item, effective_at=first, collected_at=first) for item in (mine, theirs)]
    failed = dataclasses.replace(now[1], gathering=Gathering.COULD_NOT, reason="no checkout", payload={})
    push(report(mine, theirs, now[0], failed, period=year, as_of=first))
    assert {item["Resources"][0]["Id"] for item in active(hub)} == {"aws_s3_bucket.a", "aws_s3_bucket.b"}
    mended = dataclasses.replace(now[1], payload=check().payload)
    push(report(mine, theirs, now[0], mended, period=year, as_of=first))
    assert {item["Resources"][0]["Id"] for item in active(hub)} == {"aws_s3_bucket.a"}


def test_a_waived_deviation_is_a_warning_that_says_until_when(hub: Any) -> None:
    """A waiver that is in force turns the same finding into a warning with its end."""
    push(report(check("aws_s3_bucket.a")))
    waiver = Waiver("SM-UPL-03", "aws_s3_bucket.a", "o", "a", "accepted for now", date(2027, 1, 31), SourceRef("averment.yaml", 3))
    push(report(check("aws_s3_bucket.a"), waivers=(waiver,)))
    assert active(hub) == []
    [finding] = active(hub, "WARNING")
    assert finding["ProductFields"]["averment/waived-until"] == "2027-01-31"


def test_a_warning_whose_waiver_is_over_fails_again_without_new_evidence(hub: Any) -> None:
    """The quarter after has no evidence yet: the finding stayed a warning for as long as nobody collected, over its waiver's end."""
    waiver = Waiver("SM-UPL-03", "aws_s3_bucket.a", "o", "a", "accepted for now", date(2026, 12, 31), SourceRef("averment.yaml", 3))
    push(report(check("aws_s3_bucket.a"), waivers=(waiver,)))
    [before] = active(hub, "WARNING")
    year, day = parse_period("2027Q1"), datetime(2027, 1, 2, tzinfo=UTC)
    longer = dataclasses.replace(waiver, control=RULE, resource="aws_s3_bucket.*", until=date(2027, 3, 31))
    push(report(check("aws_s3_bucket.a"), waivers=(longer,), period=year, as_of=day))
    assert active(hub, "WARNING") == [before], "averment.yaml has one that is longer"
    over = report(check("aws_s3_bucket.a"), waivers=(waiver,), period=year, as_of=day)
    assert [note for note in push(over, dry_run=True).notes if note.startswith("~")] == [f"~ {before['Id']} {before['Title']}"]
    push(over)
    assert active(hub, "WARNING") == []
    [after] = active(hub)
    assert (after["Id"], "averment/waived-until" in after["ProductFields"]) == (before["Id"], False)
    assert push(over).created == 0
    push(report(check("aws_s3_bucket.a", at=day), waivers=(waiver,), period=year, as_of=day))
    assert [item["Id"] for item in active(hub)] == [before["Id"]]


@pytest.mark.parametrize(
    ("named", "resource", "seen"),
    [
        pytest.param("AVERMENT_S3_PUT_OBJECT_GATED", "aws_s3_bucket.a", "aws_s3_bucket.a", id="rule in Checkov"),
        pytest.param("SM-UPL-03", "upload-role", "upload-role (AROAEXAMPLE)", id="name beside an id"),
        pytest.param("SM-UPL-03", "AROAEXAMPLE", "upload-role (AROAEXAMPLE)", id="id beside a name"),
        pytest.param("SM-UPL-03", "arn:aws:s3:::up-123456789012", "arn:aws:s3:::up-********9012", id="hidden account"),
    ],
)
def test_a_waiver_that_was_renewed_holds_however_it_names_what_it_accepts(hub: Any, named: str, resource: str, seen: str) -> None:
    """Whatever a deviation's waiver may be written as, its renewal may: the finding failed, while averment.yaml accepts it."""
    waiver = Waiver("SM-UPL-03", seen, "o", "a", "accepted for now", date(2026, 12, 31), SourceRef("averment.yaml", 3))
    push(report(check(seen), waivers=(waiver,)))
    renewed = dataclasses.replace(waiver, control=named, resource=resource, until=date(2027, 3, 31))
    year, day = parse_period("2027Q1"), datetime(2027, 1, 2, tzinfo=UTC)
    push(report(check(), waivers=(renewed,), period=year, as_of=day))
    assert (len(active(hub)), len(active(hub, "WARNING"))) == (0, 1)


def test_the_renewal_of_a_waiver_for_another_account_is_none(hub: Any) -> None:
    """What was accepted in one account failed no more in Security Hub while averment.yaml accepted the like in another."""
    waiver = Waiver("SM-UPL-03", "aws_s3_bucket.a", "o", "a", "accepted for now", date(2026, 12, 31), SourceRef("averment.yaml", 3))
    push(report(check("aws_s3_bucket.a"), waivers=(waiver,)))
    elsewhere = dataclasses.replace(waiver, until=date(2027, 3, 31), accounts=("222222222222",))
    push(report(check(), waivers=(elsewhere,), period=parse_period("2027Q1"), as_of=datetime(2027, 1, 2, tzinfo=UTC)))
    assert (len(active(hub)), len(active(hub, "WARNING"))) == (1, 0)


def test_what_people_decided_stays(hub: Any) -> None:
    """The workflow of a finding is the customer's: an update leaves it as it is."""
    from moto.securityhub.models import securityhub_backends

    push(report(check("aws_s3_bucket.a")))
    kept = next(
        item for item in securityhub_backends["123456789012"]["eu-west-1"].findings if item.data["Compliance"]["Status"] == "FAILED"
    )
    kept.data["Workflow"] = {"Status": "SUPPRESSED"}
    push(report(check("aws_s3_bucket.a", message="changed")))
    [finding] = active(hub)
    assert finding["Workflow"]["Status"] == "SUPPRESSED"
    assert "changed" in finding["Title"]


def test_other_findings_are_left_alone(hub: Any) -> None:
    """Another product's finding, and another organisation's of ours, are neither counted nor archived."""
    other = findings(dataclasses.replace(report(check("x")), organisation="Another"), CATALOGUE, Place("aws", "123456789012", "eu-west-1"))
    hub.batch_import_findings(Findings=[{**other[0], "UpdatedAt": "2026-11-20T12:00:00Z"}])
    push(report())
    assert [item["Resources"][0]["Id"] for item in active(hub)] == ["x"]


def test_more_than_a_call_takes(hub: Any) -> None:
    """Findings go in calls of a hundred, and all of them are found again, page by page."""
    names = [f"aws_s3_bucket.b{number:03}" for number in range(2 * BATCH + 7)]
    made = report(check(*names))
    result = push(made)
    assert result.complete
    assert result.created == len(names) + len(made.gaps)
    assert push(made).created == 0


def test_a_dry_run_shows_the_difference_and_changes_nothing(hub: Any) -> None:
    """What would come, change and go, a line each; the hub stays as it was."""
    push(report(check("aws_s3_bucket.a", "aws_s3_bucket.b")))
    before = hub.get_findings(Filters={})["Findings"]
    result = push(report(check("aws_s3_bucket.a", "aws_s3_bucket.c", message="changed")), dry_run=True)
    assert [note[0] for note in result.notes] == ["+", "~", "-"]
    assert result.created == 3
    assert hub.get_findings(Filters={})["Findings"] == before


def test_a_finding_that_is_refused_is_told_and_the_others_are_in(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Security Hub answers successfully with failed findings inside: each is a refusal with its words."""
    monkeypatch.setattr(mapping, "MAX_TEXT", 10**6)
    record = check("aws_s3_bucket.a", "aws_s3_bucket.b")
    record.payload["findings"][0]["message"] = "x" * 300_000  # type: ignore[index]
    result = push(report(record))
    assert [refusal.reason.split(":")[0] for refusal in result.refused] == ["InvalidInput"]
    assert [item["Resources"][0]["Id"] for item in active(hub)] == ["aws_s3_bucket.b"]


def test_a_waiver_that_was_renewed_for_all_accounts_of_a_finding_holds(hub: Any) -> None:
    """One finding tells of a name in several accounts: what is accepted in each of them failed in Security Hub once the first end of its waiver was past."""
    both = ("111111111111", "222222222222")
    found = [dataclasses.replace(check("aws_s3_bucket.a"), account=account) for account in both]
    waiver = Waiver("SM-UPL-03", "aws_s3_bucket.a", "o", "a", "for now", date(2026, 12, 31), SourceRef("averment.yaml", 3), accounts=both)
    push(report(*found, waivers=(waiver,)))
    [before] = active(hub, "WARNING")
    year, day = parse_period("2027Q1"), datetime(2027, 1, 2, tzinfo=UTC)
    longer = dataclasses.replace(waiver, until=date(2027, 3, 31))
    push(report(*found, waivers=(longer,), period=year, as_of=day))
    assert active(hub, "WARNING") == [before]
    push(report(*found, waivers=(dataclasses.replace(longer, accounts=both[:1]),), period=year, as_of=day))
    assert (len(active(hub)), active(hub, "WARNING")) == (1, [])


def test_every_control_s_law_fits_the_format(hub: Any) -> None:
    """Security Hub takes 64 characters of a requirement, and refuses the finding otherwise: those on labelled uploads and on marks never came in."""
    base, shipped = report(check("aws_s3_bucket.a")), load_catalogue()
    cited = {control.id: tuple(shipped.cite(reference) for reference in control.references) for control in shipped}
    long = [name for name, laws in cited.items() if any(len(law) > 64 for law in laws)]
    assert "SM-UPL-02" in long
    for name in long:
        controls = [dataclasses.replace(row, references=cited[name]) for row in base.controls]
        push(dataclasses.replace(base, controls=tuple(controls)))
        [finding] = active(hub)
        told = finding["Compliance"]["RelatedRequirements"]
        assert len(told) == len(cited[name])
        assert all(len(text) <= 64 and law.startswith(text.rstrip("…")) for text, law in zip(told, cited[name], strict=True))


def test_texts_fit_the_format(hub: Any) -> None:
    """Titles, descriptions, ids and fields are cut to the format's limits, and say so with an ellipsis."""
    [finding, *_] = findings(report(check("r" * 2_000, message="m" * 5_000)), CATALOGUE, Place("aws", "123456789012", "eu-west-1"))
    assert (len(finding["Title"]), len(finding["Description"]), len(finding["Resources"][0]["Id"])) == (256, 1024, 512)
    assert finding["Title"].endswith("…")


def test_a_resource_stands_in_the_region_where_it_was_seen() -> None:
    """And not in the one that is pushed to: one elsewhere was told as one here, and so was code. Of several accounts each is named."""
    base = report(check("aws_s3_bucket.a"))
    [seen], [row] = base.evidence, base.findings
    there = [dataclasses.replace(seen, record=f"seen-{name}", account=str(name) * 12, region=f"eu-west-{name}") for name in (1, 2)]

    def resource(name: str, *records: str) -> dict[str, Any]:
        rows = tuple(dataclasses.replace(row, resource=name, record=record) for record in records)
        made = dataclasses.replace(base, evidence=(seen, *there), findings=rows)
        [finding, *_] = findings(made, CATALOGUE, Place("aws", "123456789012", "us-east-1"))
        return {"Region": finding["Resources"][0].get("Region"), "account": finding["ProductFields"].get("averment/account")}

    assert resource("aws_s3_bucket.a", seen.record) == {"Region": None, "account": None}
    assert resource("checkout", "seen-1") == {"Region": "eu-west-1", "account": "1" * 12}
    assert resource("checkout", "seen-1", "seen-2") == {"Region": None, "account": f"{'1' * 12}, {'2' * 12}"}
    assert resource("arn:aws:sqs:eu-central-1:111122223333:uploads", "seen-1")["Region"] == "eu-central-1"
    assert resource("arn:aws:s3:::uploads", "seen-2")["Region"] == "eu-west-2"


def test_an_account_without_security_hub_is_told_what_to_do(sandbox: Any) -> None:
    """Not enabled: exit code 3 with the account, the region and what to do."""
    with pytest.raises(IncompleteError, match="not enabled in 123456789012, eu-west-1") as caught:
        push(report(check("a")))
    assert "--region" in (caught.value.fix or "")


def test_the_command_pushes_and_the_aws_cli_reads_it_back(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``averment push security-hub`` on a real ledger, then ``aws securityhub get-findings``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text("version: 1\norganisation: {name: Shop}\ncontrols: [SM-UPL-03]\n", encoding="utf-8")
    with open_ledger(load_organisation(tmp_path / "averment.yaml"), write=True) as ledger:
        ledger.append([check("aws_s3_bucket.a")])
    assert run(["push", "security-hub", "--period", "2026Q4"]) == 0
    said = capsys.readouterr()
    assert "refused 0" in said.out
    assert "note: the period was not over when the latest evidence was collected" in said.err
    filters = json.dumps({"ComplianceStatus": [{"Value": "FAILED", "Comparison": "EQUALS"}]})
    command = [sys.executable, "-m", "awscli", "securityhub", "get-findings", "--filters", filters, "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [item["Resources"][0]["Id"] for item in json.loads(done.stdout)["Findings"]] == ["aws_s3_bucket.a"]
