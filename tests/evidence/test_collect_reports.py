"""Results of other checkers taken over from their files.

``data/checkov.json`` was written by Checkov 3.3.30 (``-d . -o json --compact --external-checks-dir``, with Averment's rules) on three small
files made for it; the machine's paths were replaced, and empty fields and evaluated values taken out. ``data/prowler.ocsf.json`` was written by
Prowler 5.46.0 (four checks on two buckets of the embedded AWS, one finding muted), ``data/prowler3.json`` by Prowler 3.16.17 (``-M json``, three
checks); most of what isn't read was left out, and titles are our own. The other reports are written here, in the shapes that Checkov 3 and Prowler 3 and 4 write.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from averment.controls.model import Assessment, Catalogue, Control
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.core.period import from_iso
from averment.core.words import Method, Severity, Status
from averment.evidence.collectors.checkov_report import CheckovReport
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.collectors.prowler_report import ProwlerReport
from averment.evidence.collectors.run import collect
from averment.evidence.judging.assess import assess
from averment.evidence.record import Gathering, Record

NOW = "2026-11-28T12:00:00Z"


def import_of(collector: Collector, report: Any, folder: Path, scope_of: Callable[..., CollectScope]) -> Record:
    (folder / "r.json").write_text(report if isinstance(report, str) else json.dumps(report))
    os.utime(folder / "r.json", (from_iso("2026-11-20T00:00:00Z").timestamp(),) * 2)
    organisation = Organisation(parameters={collector.name: {"files": ["r.json"]}}, root=folder)
    [record] = collector.collect(scope_of(organisation=organisation, now=NOW))
    return record


def checkov(**more: Any) -> dict[str, Any]:
    check = {"check_id": "CKV_AWS_1", "check_name": "n", "resource": "aws_s3_bucket.a", "file_path": "/main.tf", "file_line_range": [3, 9]}
    results = {"passed_checks": [check, check], "failed_checks": [check], "skipped_checks": [check], "parsing_errors": []}
    return {"check_type": "terraform", "results": {**results, **more}, "summary": {"checkov_version": "3.2.0"}}


def ocsf(code: str, status: str = "New", at: str = "2026-11-21T08:00:00.123456") -> dict[str, Any]:
    return {
        "metadata": {"event_code": "s3_bucket_public", "product": {"version": "4.1.0"}},
        "finding_info": {"title": "Public buckets"},
        "status_code": code,
        "status": status,
        "severity": "High",
        "time_dt": at,
        "resources": [{"uid": "arn:aws:s3:::shop", "region": "eu-west-1"}],
        "cloud": {"account": {"uid": "123456789012"}},
    }


def test_checkov_results_are_counted_and_dated_by_the_file(tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """Several frameworks in one file add up, a skip is no pass, and the age is the file's."""
    record = import_of(CheckovReport(), [checkov(), checkov()], tmp_path, scope_of)
    summary = record.payload["summary"]
    assert (summary["results"], summary["passed"], summary["failed"], summary["skipped"]) == (8, 4, 2, 2)
    assert record.payload["results"][0]["where"] == "/main.tf:3"
    assert (record.payload["tool"], record.payload["dated_by"]) == ({"name": "checkov", "version": "3.2.0"}, "file")
    assert record.effective_at == from_iso("2026-11-20T00:00:00Z")
    assert (record.account, record.gathering) == (None, Gathering.COLLECTED)


def test_a_report_that_checkov_wrote_is_taken_over_whole(tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """The counts are those of its summary, over both frameworks; a file that it couldn't parse is said."""
    report = json.loads((Path(__file__).parent / "data" / "checkov.json").read_text(encoding="utf-8"))
    record = import_of(CheckovReport(), report, tmp_path, scope_of)
    assert {key: record.payload["summary"][key] for key in ("passed", "failed", "skipped")} == {"passed": 36, "failed": 14, "skipped": 1}
    assert (record.payload["tool"]["version"], record.gathering) == ("3.3.30", Gathering.PARTIAL)
    assert str(record.reason).count(";") == 0
    assert "could not parse" in str(record.reason)


def test_results_that_checkov_counted_and_did_not_list_are_missed(tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """With --quiet a report holds no passes: nobody can tell what was looked at."""
    report = checkov(passed_checks=[]) | {"summary": {"checkov_version": "3.2.0", "passed": 2, "failed": 1, "skipped": 1}}
    record = import_of(CheckovReport(), report, tmp_path, scope_of)
    assert (record.gathering, record.reason) == (Gathering.PARTIAL, "terraform: 2 passed by Checkov's summary, 0 listed")


def test_what_checkov_could_not_parse_makes_the_record_partial(tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """Nobody looked into that file, whatever the counts say."""
    record = import_of(CheckovReport(), checkov(parsing_errors=["/broken.tf"]), tmp_path, scope_of)
    assert record.gathering is Gathering.PARTIAL
    assert "could not parse /broken.tf" in str(record.reason)
    assert record.population is not None
    assert record.population.truncated


@pytest.mark.parametrize("results", [{"results": {"failed_checks": []}, "check_type": "terraform"}, {}])
def test_a_file_that_checkov_counts_and_does_not_name_is_said(
    results: dict[str, Any], tmp_path: Path, scope_of: Callable[..., CollectScope]
) -> None:
    """With --quiet it leaves out which file it could not parse: a folder of nothing else was a whole report in which nothing failed."""
    counted = {"passed": 0, "failed": 0, "skipped": 0, "parsing_errors": 1, "resource_count": 0, "checkov_version": "3.3.30"}
    record = import_of(CheckovReport(), results | {"summary": counted} if results else counted, tmp_path, scope_of)
    assert record.gathering is Gathering.PARTIAL
    assert "1 parsing errors by Checkov's summary, 0 listed" in str(record.reason)


@pytest.mark.parametrize("odd", ["NaN", "9007199254740993", '"\\ud800"'])
def test_a_report_that_no_record_can_hold_takes_no_other_with_it(odd: str, tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """The reports behind it weren't read, and the record of the failure was of no file, so that an older one of this file went on counting."""
    (tmp_path / "a.json").write_text(json.dumps(checkov()).replace('"check_name": "n"', f'"check_name": {odd}'), encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps(checkov()), encoding="utf-8")
    organisation = Organisation(parameters={"checkov-report": {"files": ["a.json", "b.json"]}}, root=tmp_path)
    first, second = collect([CheckovReport()], scope_of(organisation=organisation), [None])
    assert (first.source, first.gathering, second.gathering) == ("a.json", Gathering.COULD_NOT, Gathering.COLLECTED)
    assert "what no record can" in str(first.reason)


def test_a_moment_before_all_time_is_no_moment(tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """In the first year of all, an hour east of Greenwich: there is no such time in UTC, and the report is as old as its file."""
    record = import_of(ProwlerReport(), [ocsf("PASS", at="0001-01-01T00:00:00+01:00")], tmp_path, scope_of)
    assert (record.payload["dated_by"], record.gathering) == ("file", Gathering.COLLECTED)


@pytest.mark.parametrize(("by", "whole"), [("2026-11-29T02:00:00", True), ("2030-01-01T00:00:00", False)])
def test_how_old_a_report_is_that_is_dated_ahead_nobody_can_tell(
    by: str, tmp_path: Path, scope_of: Callable[..., CollectScope], *, whole: bool
) -> None:
    """It was of now whenever it was collected, and so never grew stale. Some hours are another clock on the wall."""
    record = import_of(ProwlerReport(), [ocsf("PASS", at=by)], tmp_path, scope_of)
    assert record.effective_at == from_iso(NOW)
    assert record.gathering is (Gathering.COLLECTED if whole else Gathering.PARTIAL)
    assert record.reason == (
        None if whole else "r.json is dated 2030-01-01T00:00:00Z, which is yet to come: how old its results are can't be told"
    )


def test_prowler_results_are_counted_and_dated_by_the_report(tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """A muted pass is muted, an unknown word is an error, both formats are read, and the oldest result gives the age."""
    own = {"CheckID": "c", "Status": "FAIL", "ResourceArn": "arn:aws:s3:::b", "AssessmentStartTime": "2026-11-22T08:00:00"}
    report = [ocsf("PASS"), ocsf("PASS", "Suppressed"), ocsf("MANUAL"), ocsf("BROKEN", at="2026-11-21T07:00:00Z"), own]
    record = import_of(ProwlerReport(), report, tmp_path, scope_of)
    assert record.payload["summary"] == {
        "results": 5,
        "passed": 1,
        "failed": 1,
        "skipped": 0,
        "muted": 1,
        "manual": 1,
        "error": 1,
        "not_passed": None,
    }
    assert record.payload["dated_by"] == "report"
    assert record.effective_at == from_iso("2026-11-21T07:00:00Z")


def test_a_report_that_prowler_wrote_is_taken_over_whole(tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """Each finding with its account, region and resource; what was muted isn't a failure, and what people have to look at isn't a pass."""
    report = json.loads((Path(__file__).parent / "data" / "prowler.ocsf.json").read_text(encoding="utf-8"))
    record = import_of(ProwlerReport(), report, tmp_path, scope_of)
    summary = {key: number for key, number in record.payload["summary"].items() if number}
    assert summary == {"results": 7, "passed": 2, "failed": 3, "muted": 1, "manual": 1}
    assert record.payload["tool"] == {"name": "prowler", "version": "5.46.0"}
    assert (record.gathering, record.effective_at) == (Gathering.COLLECTED, from_iso("2026-11-28T07:52:51Z"))
    [blocked] = [row for row in record.payload["results"] if row["status"] == "passed" and "public" in row["check"]]
    assert (blocked["resource"], blocked["where"]) == ("arn:aws:s3:::media-uploads", "123456789012 eu-west-1")


def test_accounts_that_only_a_report_names_are_hidden_too(tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """averment.yaml lists no accounts: the ids stood whole beside each result, and in the name that Prowler gives its file."""
    name = "prowler-output-555566667777-20261128.ocsf.json"
    (tmp_path / name).write_text(json.dumps([{**ocsf("PASS"), "cloud": {"account": {"uid": "555566667777"}}}]), encoding="utf-8")
    organisation = Organisation(parameters={"prowler-report": {"files": [name]}}, root=tmp_path)
    [record] = ProwlerReport().collect(scope_of(organisation=organisation, now=NOW, redact_accounts=True))
    assert "555566667777" not in json.dumps(record.to_json())
    reports = Assessment("prowler", Method.EXAMINE, collector="prowler-report", expect={"field": "summary.failed", "at_most": 0})
    control = Control("SM-DEL-02", "T", "O", Severity.HIGH, "platform", "continuous", "Because", (), (reports,))
    [state] = assess(Catalogue((control,), {}), organisation, [record], period=None, as_of=from_iso(NOW))
    assert state.status is Status.SATISFIED, state.assessments[0].reason


def test_a_report_in_prowlers_own_format_is_taken_over_whole(tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """As Prowler 3 wrote it: what people have to look at is called INFO there."""
    report = json.loads((Path(__file__).parent / "data" / "prowler3.json").read_text(encoding="utf-8"))
    record = import_of(ProwlerReport(), report, tmp_path, scope_of)
    summary = {key: number for key, number in record.payload["summary"].items() if number}
    assert summary == {"results": 5, "passed": 1, "failed": 3, "manual": 1}
    assert (record.gathering, record.effective_at) == (Gathering.COLLECTED, from_iso("2026-11-28T08:29:41Z"))
    assert {row["where"] for row in record.payload["results"]} == {"123456789012 eu-west-1"}


def test_prowlers_instant_counts_before_the_clock_on_its_machines_wall(tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """``time_dt`` has no zone: on a machine in Tokyo it is nine hours ahead, and evidence would seem younger than it is."""
    instant = int(from_iso("2026-11-21T08:00:00Z").timestamp())
    record = import_of(ProwlerReport(), [ocsf("PASS", at="2026-11-21T17:00:00") | {"time": instant}], tmp_path, scope_of)
    assert record.effective_at == from_iso("2026-11-21T08:00:00Z")


@pytest.mark.parametrize(
    ("collector", "report", "words"),
    [
        (CheckovReport(), "{", "could not read r.json"),
        (CheckovReport(), {"a": 1}, "is not a report of this kind"),
        (CheckovReport(), [1], "is not a report of this kind"),
        (ProwlerReport(), {"a": 1}, "is not a report of this kind"),
        (ProwlerReport(), [{"metadata": {}}], "is not a report of this kind"),
        (ProwlerReport(), [{"SchemaVersion": "2018-10-08", "Compliance": {"Status": "PASSED"}}], "is not a report of this kind"),
    ],
)
def test_a_file_that_is_no_report_is_on_record_as_such(
    collector: Collector, report: Any, words: str, tmp_path: Path, scope_of: Callable[..., CollectScope]
) -> None:
    """Could not collect, with the file and the reason: never an empty list of findings."""
    record = import_of(collector, report, tmp_path, scope_of)
    assert record.gathering is Gathering.COULD_NOT
    assert words in str(record.reason)


def test_a_missing_file_and_a_missing_setting(tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """The file that a run should have written isn't there: on record. No file named: the user's to mend."""
    organisation = Organisation(parameters={"checkov-report": {"files": ["absent.json"]}}, root=tmp_path)
    [record] = CheckovReport().collect(scope_of(organisation=organisation, now=NOW))
    assert record.gathering is Gathering.COULD_NOT
    with pytest.raises(BadInputError, match=r"parameters\.prowler-report\.files"):
        list(ProwlerReport().collect(scope_of(now=NOW)))
