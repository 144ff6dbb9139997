"""Pushing a period to Audit Manager: over boto3 against the embedded service, listed back with the AWS CLI."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path

import boto3
import botocore.exceptions
import pytest
from botocore.awsrequest import AWSResponse

from averment.cli.main import run
from averment.cli.push import _gathered
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError, IncompleteError, VerificationError
from averment.core.organisation import Organisation, Waiver
from averment.core.period import parse_period
from averment.core.source import SourceRef
from averment.evidence.ledger.log import Entry
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Kind, Population, Record
from averment.evidence.reporting.report import build_report
from averment.evidence.sinks import audit_manager, audit_manager_report
from averment.evidence.sinks.audit_manager import AuditManagerSink, Settings
from averment.evidence.sinks.audit_manager_journal import Journal, held
from averment.evidence.sinks.audit_manager_plan import clean_name, make_plan
from averment.sandbox.backends import auditmanager_state as state

PERIOD = parse_period("2026Q4")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OWNER = "arn:aws:iam::123456789012:role/audit-owner"
SETTINGS = Settings(owner_role=OWNER, reports="s3://audit-bucket/reports")


def record(number: int = 0, control: str = "SM-UPL-03/terms", **changes) -> Record:
    """An attestation that satisfies ``SM-UPL-03/terms``; ``number`` makes different ones."""
    values = {
        "kind": Kind.ATTESTATION,
        "collector": "attestation",
        "collector_version": "1",
        "source": "attestation",
        "query": {"question": "contracts?"},
        "effective_at": NOW - timedelta(minutes=number),
        "collected_at": NOW,
        "payload": {
            "question": "contracts?",
            "answer": "yes",
            "statement": f"number {number}",
            "by": {"name": "A. Person", "role": "procurement"},
            "valid_until": "2027-11-20T12:00:00Z",
        },
        "controls": (control,),
        "population": Population("contracts", 3, 3),
    }
    return Record(**{**values, **changes})


def entries(*records: Record) -> list[Entry]:
    return [Entry(index, item, b'{"payload": "%d"}' % index) for index, item in enumerate(records)]


@pytest.fixture
def organisation(tmp_path):
    """With a few controls: what is pushed for one is pushed for all (the command's own test has all of them)."""
    return Organisation(root=tmp_path, name="Shop & Söhne", controls=("SM-UPL-*", "SM-GOV-03"))


@pytest.fixture
def service(sandbox):
    """The embedded Audit Manager of an account that has it."""
    client = boto3.client("auditmanager")
    client.register_account()
    return client


def push(organisation, found, settings=SETTINGS, as_of=NOW, control=None):
    catalogue = load_catalogue(organisation)
    report = build_report(catalogue, organisation, found, PERIOD, as_of)
    if control is not None:  # evidence of many records for one control, which today's judging would not use all
        rows = tuple(
            replace(row, records=tuple(entry.record.id for entry in found)) if row.id == control else row for row in report.assessments
        )
        report = replace(report, assessments=rows)
    sink = AuditManagerSink(catalogue, settings, organisation.root / "journal.jsonl", checkpoint="example.com/log 7 root")
    return sink.push(report, found)


def assessment(service, name="Averment Shop & Söhne 2026Q4"):
    listed = service.list_assessments()["assessmentMetadata"]
    identifier = next(item["id"] for item in listed if item["name"] == name)
    return service.get_assessment(assessmentId=identifier)["assessment"]


def evidence(service, control="SM-UPL-03"):
    """The shown texts of a control's manual evidence."""
    found = assessment(service)
    for entry in found["framework"]["controlSets"]:
        for item in entry["controls"]:
            if item["name"].startswith(control):
                place = {"assessmentId": found["metadata"]["id"], "controlSetId": entry["id"]}
                folders = service.get_evidence_folders_by_assessment_control(controlId=item["id"], **place)["evidenceFolders"]
                return [
                    shown["attributes"]
                    for folder in folders
                    for shown in service.get_evidence_by_evidence_folder(evidenceFolderId=folder["id"], maxResults=1000, **place)[
                        "evidence"
                    ]
                ]
    raise AssertionError(control)


def test_a_push_builds_the_assessment_and_imports_the_evidence(service, organisation):
    """Controls, framework by family, assessment with scope and audit owner, a state for every control, and the record."""
    item = record()
    result = push(organisation, entries(item))
    catalogue = load_catalogue(organisation)
    found = assessment(service)
    names = {control["name"] for entry in found["framework"]["controlSets"] for control in entry["controls"]}
    assert names == {f"{control.id} {control.title}" for control in catalogue}
    assert "Uploads" in {entry["id"] for entry in found["framework"]["controlSets"]}
    assert found["metadata"]["roles"] == [{"roleType": "PROCESS_OWNER", "roleArn": OWNER}]
    assert found["metadata"]["scope"]["awsAccounts"] == [{"id": "123456789012"}]
    texts = [shown["textResponse"] for shown in evidence(service)]
    assert sum(text.startswith("averment state ") for text in texts) == 1
    assert [text for text in texts if text.startswith(f"averment record {item.id}")]
    assert result.complete
    assert result.created == len(catalogue.controls) + 1
    assert result.unchanged == 0


def test_the_text_leads_to_the_ledger(organisation):
    """An imported text names the record, its digest, its times, its place and the checkpoint, within 1,000 characters."""
    item = record(source="a" * 5000)
    catalogue = load_catalogue(organisation)
    plan = make_plan(build_report(catalogue, organisation, entries(item), PERIOD, NOW), catalogue, assessment=None, checkpoint="log 7 root")
    (wanted,) = [entry for entry in plan.evidence if entry.record]
    assert len(wanted.text) == 1000
    item = record()
    plan = make_plan(build_report(catalogue, organisation, entries(item), PERIOD, NOW), catalogue, assessment=None, checkpoint="log 7 root")
    (wanted,) = [entry for entry in plan.evidence if entry.record]
    of_then = "SM-UPL-03/terms: not-assessed as of 2026-11-20T12:00:00Z"  # what came of the record may be another thing by now
    for part in (item.id, "sha256 ", "effective 2026-11-20T12:00:00Z", "3 of 3 contracts", "entry 0", "checkpoint log 7 root", of_then):
        assert part in wanted.text


def test_pushing_again_changes_nothing(service, organisation):
    """Second push: nothing made, nothing imported, everything counted as there already."""
    first = push(organisation, entries(record()))
    again = push(organisation, entries(record()))
    assert (again.created, again.unchanged, again.complete) == (0, first.created, True)
    assert again.notes == ()
    assert len(service.list_assessments()["assessmentMetadata"]) == 1
    assert len(service.list_controls(controlType="Custom")["controlMetadataList"]) == len(load_catalogue(organisation).controls)


def test_without_the_journal_what_the_service_shows_is_not_imported_again(service, organisation):
    """A lost journal (another machine) imports nothing twice where the service shows the texts."""
    first = push(organisation, entries(record()))
    (organisation.root / "journal.jsonl").unlink()
    again = push(organisation, entries(record()))
    assert (again.created, again.unchanged) == (0, first.created)


def test_only_what_is_new_is_imported(service, organisation):
    """A later record brings itself and the control's new state; the rest is there already."""
    push(organisation, entries(record()))
    result = push(
        organisation,
        entries(record(), record(1, effective_at=NOW + timedelta(hours=1), collected_at=NOW + timedelta(hours=1))),
        as_of=NOW + timedelta(hours=2),
    )
    assert result.created == 2
    assert len(evidence(service)) == 4


@pytest.mark.parametrize("journal", [True, False])
def test_a_state_that_comes_back_is_told_again(service, organisation, monkeypatch, journal):
    """Accepted until the end of November, and open again from then on, by the same evidence: what is told last is what holds, once."""
    failing = {"rule": "s3-put-object-gated", "verdict": "fail", "resource": "aws_s3_bucket.a", "message": "open", "where": "main.tf:3"}
    found = entries(
        record(kind=Kind.CHECK, collector="check", payload={"rules": [failing["rule"]], "findings": [failing], "problems": []}, controls=())
    )
    waiver = Waiver("SM-UPL-03", "aws_s3_bucket.a", "o", "a", "accepted for now", date(2026, 11, 30), SourceRef("averment.yaml", 3))
    accepting = replace(organisation, waivers=(waiver,))
    later = NOW + timedelta(days=15)
    steps = [(organisation, NOW), (accepting, NOW), (accepting, later), (accepting, later), (organisation, NOW)]
    made = []
    for number, (settings, at) in enumerate(steps):
        monkeypatch.setattr(state, "_now", lambda number=number: datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=number))
        made.append(push(settings, found, as_of=at).created)
        if not journal:
            (organisation.root / "journal.jsonl").unlink(missing_ok=True)
    assert made[1:] == [1, 1, 0, 0]
    told = [shown["textResponse"] for shown in evidence(service) if "averment state" in shown["textResponse"]]
    assert [text.split("iac (EXAMINE): ")[1].split(";")[0] for text in told] == ["not-satisfied", "waived", "not-satisfied"]


def test_a_dry_run_makes_nothing_and_shows_the_difference(service, organisation):
    """First a dry run on nothing: controls, framework, assessment, evidence; then, pushed, an empty difference."""
    dry = replace(SETTINGS, dry_run=True)
    result = push(organisation, entries(record()), dry)
    assert service.list_controls(controlType="Custom")["controlMetadataList"] == []
    assert not (organisation.root / "journal.jsonl").exists()
    assert any(note.startswith("+ control 'SM-UPL-03") for note in result.notes)
    assert any(note.startswith("+ assessment 'Averment Shop & Söhne 2026Q4' of 1 account") for note in result.notes)
    pushed = push(organisation, entries(record()))
    assert result.created == pushed.created
    after = push(organisation, entries(record()), dry)
    assert (after.created, after.notes) == (0, ())


def test_more_than_a_batch_and_more_than_a_day(service, organisation):
    """130 records for one control: calls of 50, 100 today (the control's state is one of them), the rest refused until tomorrow."""
    many = entries(*(record(number) for number in range(130)))
    result = push(organisation, many, control="SM-UPL-03/terms")
    assert len(evidence(service)) == 100
    assert len(result.refused) == 31
    assert {refusal.reason for refusal in result.refused} == {"a control takes 100 uploads a day; push again tomorrow"}
    again = push(organisation, many, control="SM-UPL-03/terms")
    assert (again.created, len(again.refused)) == (0, 31)
    assert {refusal.reason for refusal in again.refused} == {"a control takes 100 uploads a day; push again tomorrow"}  # it didn't ask


def test_the_next_day_takes_the_rest(service, organisation, monkeypatch):
    """What was refused for the day's limit is imported on the next day, and nothing else."""
    many = entries(*(record(number) for number in range(130)))
    push(organisation, many, control="SM-UPL-03/terms")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    monkeypatch.setattr(state, "_now", lambda: tomorrow.replace(microsecond=0))
    monkeypatch.setattr(audit_manager, "utc_now", lambda: tomorrow)
    result = push(organisation, many, control="SM-UPL-03/terms")
    assert (result.created, result.complete) == (31, True)
    assert len(evidence(service)) == 131


def test_an_error_inside_a_successful_answer_is_read(service, organisation, monkeypatch):
    """The service's per-item error is a refusal with its words; the other items are in, and a later push tries it again."""
    boto3.client("s3").create_bucket(Bucket="audit-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    settings = replace(SETTINGS, evidence="s3://audit-bucket/records")
    item = record()
    original = audit_manager._Importer._item
    gone = {"s3ResourcePath": "s3://audit-bucket/gone.json"}
    with monkeypatch.context() as patch:
        patch.setattr(
            audit_manager._Importer, "_item", lambda self, wanted, found: gone if wanted.record else original(self, wanted, found)
        )
        result = push(organisation, entries(item), settings)
    (refusal,) = result.refused
    assert item.id in refusal.what
    assert "s3://audit-bucket/gone.json was not found" in refusal.reason
    assert push(organisation, entries(item), settings).created == 1


def test_evidence_from_a_bucket_is_the_signed_envelope(service, organisation):
    """With an evidence folder the record's envelope is put there byte for byte, imported by path, and known again by it."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="audit-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    settings = replace(SETTINGS, evidence="s3://audit-bucket/records")
    item = record()
    push(organisation, entries(item), settings)
    assert {"s3ResourcePath": f"s3://audit-bucket/records/{item.id}.json"} in evidence(service)
    assert s3.get_object(Bucket="audit-bucket", Key=f"records/{item.id}.json")["Body"].read() == b'{"payload": "0"}'
    (organisation.root / "journal.jsonl").unlink()
    assert push(organisation, entries(item), settings).created == 0


def test_an_inactive_control_refuses_and_the_others_go_on(service, organisation):
    """One control that is inactive in the assessment costs its own evidence only."""
    push(organisation, [])
    found = assessment(service)
    (place,) = [
        {"controlSetId": entry["id"], "controlId": control["id"]}
        for entry in found["framework"]["controlSets"]
        for control in entry["controls"]
        if control["name"].startswith("SM-UPL-03")
    ]
    service.update_assessment_control(assessmentId=found["metadata"]["id"], controlStatus="INACTIVE", **place)
    result = push(organisation, entries(record()))
    assert {refusal.what.split(":")[0] for refusal in result.refused} == {"SM-UPL-03"}
    assert all("inactive" in refusal.reason for refusal in result.refused)


def test_a_closed_assessment_is_not_made_a_second_time(service, organisation):
    """Whoever closes last quarter's assessment and pushes the quarter again gets no copy of it, but told how to go on; once active it has everything."""
    push(organisation, entries(record()))
    identifier = assessment(service)["metadata"]["id"]
    service.update_assessment_status(assessmentId=identifier, status="INACTIVE")
    for settings in (SETTINGS, replace(SETTINGS, dry_run=True)):
        with pytest.raises(IncompleteError, match="is closed") as caught:
            push(organisation, entries(record()), settings)
        assert "--assessment-name" in (caught.value.fix or "")
    assert len(service.list_assessments()["assessmentMetadata"]) == 1
    service.update_assessment_status(assessmentId=identifier, status="ACTIVE")
    assert push(organisation, entries(record())).created == 0


def test_a_control_that_the_assessment_does_not_have_is_refused(service, organisation):
    """An assessment keeps the controls that it began with; a control that came later says what to do."""
    catalogue = load_catalogue(organisation)
    one = replace(catalogue, controls=catalogue.controls[:1])
    report = build_report(one, organisation, [], PERIOD, NOW)
    AuditManagerSink(one, SETTINGS, organisation.root / "journal.jsonl").push(report, [])
    result = push(organisation, [])
    assert len(result.refused) == len(catalogue.controls) - 1
    assert all("another assessment name" in refusal.reason for refusal in result.refused)


def test_a_control_with_another_title_is_the_same_control(service, organisation):
    """A later version of Averment words a title anew: the running assessment has the control all the same, and takes its evidence."""
    push(organisation, [])
    catalogue = load_catalogue(organisation)
    later = replace(catalogue, controls=tuple(replace(control, title=f"{control.title}, anew") for control in catalogue.controls))
    found = entries(record())
    result = AuditManagerSink(later, SETTINGS, organisation.root / "journal.jsonl").push(
        build_report(later, organisation, found, PERIOD, NOW), found
    )
    assert (result.complete, result.created) == (True, 2)  # the record, and the state that it brings about


def test_other_controls_make_the_next_version_of_the_framework(service, organisation):
    """A framework with other controls is left alone; the new one is a version of it."""
    catalogue = load_catalogue(organisation)
    one = replace(catalogue, controls=catalogue.controls[:1])
    AuditManagerSink(one, SETTINGS, organisation.root / "journal.jsonl").push(build_report(one, organisation, [], PERIOD, NOW), [])
    push(organisation, [], replace(SETTINGS, assessment="second"))
    push(organisation, [], replace(SETTINGS, assessment="third"))
    names = sorted(item["name"] for item in service.list_assessment_frameworks(frameworkType="Custom")["frameworkMetadataList"])
    assert names == ["Averment Shop & Söhne", "Averment Shop & Söhne v2"]


def test_a_bar_that_was_lowered_since_is_in_the_next_assessment(service, organisation):
    """The control of the first push was taken for every later one, and that of another organisation in the account: the auditor of the next quarter read the
    old bar, and nothing of the relaxation."""
    found = entries(record())
    catalogue = load_catalogue(organisation)
    [lowered] = [replace(item, objective=f"{item.objective} On weekdays.") for item in catalogue.controls if item.id == "SM-UPL-03"]
    changed = replace(catalogue, controls=tuple(lowered if item.id == lowered.id else item for item in catalogue.controls))
    push(organisation, found)
    report = build_report(changed, organisation, found, PERIOD, NOW)
    told = []
    for name in ("next", "the one after"):
        sink = AuditManagerSink(changed, replace(SETTINGS, assessment=name), organisation.root / "journal.jsonl")
        told += [note for note in sink.push(report, found).notes if note.startswith("created control")]
        [shown] = [
            item
            for entry in assessment(service, name)["framework"]["controlSets"]
            for item in entry["controls"]
            if "SM-UPL-03" in item["name"]
        ]
        assert "On weekdays." in shown["description"]
    assert told == [f"created control '{lowered.id} {lowered.title} v2'"]


def test_a_relaxation_within_the_period_is_told_with_the_state(service, organisation):
    """The running assessment keeps the words that its controls began with: what was relaxed since stood nowhere in it."""
    found = entries(record())
    catalogue = load_catalogue(organisation)
    push(organisation, found)
    report = build_report(catalogue, organisation, found, PERIOD, NOW)
    rows = tuple(
        replace(row, weakened=("max_age of iac: 62d instead of 31d",)) if row.id == "SM-UPL-03" else row for row in report.controls
    )
    sink = AuditManagerSink(catalogue, SETTINGS, organisation.root / "journal.jsonl")
    assert [sink.push(replace(report, controls=rows), found).created for _ in range(2)] == [1, 0]
    assert "\nmade less strict by the organisation: max_age" in evidence(service)[-1]["textResponse"]  # of which 200 characters are shown


def test_a_push_that_was_cut_off_imports_nothing_twice(service, organisation):
    """The answer never came: what the service shows settles whether it arrived."""
    first = push(organisation, entries(record()))
    journal = organisation.root / "journal.jsonl"
    lines = journal.read_text(encoding="utf-8").splitlines()
    journal.write_text("\n".join(line for line in lines if json.loads(line)["state"] == "begin") + '\n{"at": "2026', encoding="utf-8")
    again = push(organisation, entries(record()))
    assert (again.created, again.unchanged, again.complete) == (0, first.created, True)


def test_a_torn_line_is_cut_off_before_the_next_is_written(tmp_path):
    """A crash while the journal was written: its last, half line goes, what stood before it counts, what follows is whole."""
    path = tmp_path / "journal.jsonl"
    Journal(path).write("done", ("assessment", "control"), ["one"])
    with path.open("a", encoding="utf-8") as handle:
        handle.write('{"at": "2026-11-2')
    journal = Journal(path)
    assert path.read_text(encoding="utf-8").endswith('"2026-11-2')  # reading changes nothing
    journal.write("begin", ("assessment", "control"), ["two"])
    again = Journal(path)
    assert again.done(("assessment", "control")) == {"one"}
    assert again.doubtful(("assessment", "control")) == {"two"}
    assert again.done(("assessment", "other")) == set()


def test_one_push_at_a_time(service, organisation):
    """A second push with the same journal is refused while the first runs; a dry run may look."""
    with held(organisation.root / "journal.jsonl"):
        with pytest.raises(IncompleteError, match="another push is running"):
            push(organisation, entries(record()))
        assert push(organisation, entries(record()), replace(SETTINGS, dry_run=True)).created
    assert push(organisation, entries(record())).complete


def test_doubt_that_nothing_settles_is_a_refusal(service, organisation, monkeypatch):
    """Where the service shows no texts, an interrupted import is neither repeated nor taken for done."""
    monkeypatch.setattr(audit_manager, "_keys", lambda text: iter(()))
    push(organisation, entries(record()))
    journal = organisation.root / "journal.jsonl"
    lines = journal.read_text(encoding="utf-8").splitlines()
    journal.write_text("".join(f"{line}\n" for line in lines if json.loads(line)["state"] == "begin"), encoding="utf-8")
    result = push(organisation, entries(record()))
    assert result.created == 0
    assert all("cut off" in refusal.reason for refusal in result.refused)
    assert not result.complete


def importing(monkeypatch, answer):
    """``answer`` is what comes of each attempt to import evidence; what is waited in between is left out."""
    made = audit_manager.client

    def client(name, **options):
        found = made(name, **options)
        if name == "auditmanager":
            found.meta.events.register("before-send.auditmanager.BatchImportEvidenceToAssessmentControl", answer)
        return found

    monkeypatch.setattr(audit_manager, "client", client)
    monkeypatch.setattr("time.sleep", lambda _: None)


@contextmanager
def failing(monkeypatch, answers):
    """The import fails at each attempt as ``answers`` says in turn: with a status and a code, or, for a text, with the error of that name. The last one goes on."""
    made, left = audit_manager.client, list(answers)

    def answer(**_):
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, str):
            raise getattr(botocore.exceptions, found)(endpoint_url="https://auditmanager.example", error="?", proxy_url="?")
        status, code = found
        return AWSResponse("https://auditmanager.example", status, {"x-amzn-errortype": code}, RawResponse(b'{"message": "no"}'))

    importing(monkeypatch, answer)
    with pytest.raises(IncompleteError, match="push to Audit Manager"):
        yield
    monkeypatch.setattr(audit_manager, "client", made)


class RawResponse(BytesIO):
    """A body as urllib3 hands it on."""

    def stream(self, *_, **__):
        yield self.read()


@pytest.mark.parametrize(
    "answers",
    [
        [(403, "AccessDeniedException")],
        [(403, "ExpiredTokenException")],
        [(429, "ThrottlingException")],
        ["EndpointConnectionError", (429, "ThrottlingException")],
        ["ConnectTimeoutError"],
    ],
)
def test_what_was_refused_leaves_no_doubt(service, organisation, monkeypatch, answers):
    """Denied, throttled or never sent is not cut off: nothing arrived, so the next push imports it, without anybody mending the journal."""
    with failing(monkeypatch, answers):
        push(organisation, entries(record()))
    again = push(organisation, entries(record()))
    assert (again.created > 0, again.complete) == (True, True)


@pytest.mark.parametrize(
    "answers", [["ReadTimeoutError", (429, "ThrottlingException")], [(500, "InternalServerException"), (403, "ExpiredTokenException")]]
)
def test_an_attempt_whose_answer_was_lost_leaves_one(service, organisation, monkeypatch, answers):
    """boto3 tries again, and what it says at last is about the last attempt: an earlier one may have arrived, which would be there twice."""
    with failing(monkeypatch, answers):
        push(organisation, entries(record()))
    monkeypatch.setattr(audit_manager, "_keys", lambda text: iter(()))
    again = push(organisation, entries(record()))
    assert any("cut off" in refusal.reason for refusal in again.refused)


def test_an_import_that_was_asked_for_twice_says_so(service, organisation, monkeypatch):
    """boto3 asks again where an answer was lost, and Audit Manager keeps both: an auditor counted evidence that nobody said stands there twice."""
    made, lost = audit_manager.client, []

    def answer(**_):
        if not lost:
            lost.append(True)
            raise botocore.exceptions.ReadTimeoutError(endpoint_url="https://auditmanager.example")

    importing(monkeypatch, answer)
    result = push(organisation, entries(record()))
    assert result.complete
    [said] = [note for note in result.notes if "may stand twice" in note]
    assert said.startswith("SM-")
    monkeypatch.setattr(audit_manager, "client", made)
    assert not [note for note in push(organisation, entries(record())).notes if "twice" in note]


def test_a_full_disk_leaves_no_doubt(tmp_path, monkeypatch):
    """What could not be noted as begun wasn't begun: of a batch's lines some were there, for somebody to mend by hand."""
    path, spot = tmp_path / "journal.jsonl", ("assessment", "control")
    Journal(path).write("done", spot, ["one"])
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(IncompleteError, match="push journal"):
        Journal(path).write("begin", spot, ["two", "three"])
    again = Journal(path)
    assert (set(again.done(spot)), set(again.doubtful(spot))) == ({"one"}, set())


def test_a_damaged_journal_names_the_line(service, organisation):
    """A journal that isn't one is bad input with its place, not a guess."""
    push(organisation, entries(record()))
    journal = organisation.root / "journal.jsonl"
    journal.write_text(journal.read_text(encoding="utf-8").replace('"done"', '"perhaps"', 1), encoding="utf-8")
    with pytest.raises(BadInputError) as caught:
        push(organisation, entries(record()))
    assert caught.value.where.file == str(journal)
    assert caught.value.where.line


def test_an_account_without_audit_manager_is_told_what_to_do(sandbox, organisation):
    """Not registered: exit code 3, the closing date and the alternatives, and nothing made."""
    with pytest.raises(IncompleteError) as caught:
        push(organisation, entries(record()))
    assert "2026-04-30" in caught.value.diagnostics()
    assert "averment export" in caught.value.diagnostics()


def test_missing_settings_are_asked_for_before_anything_is_made(service, organisation):
    """No default for reports or owner: usage error that names the option; the account stays empty."""
    for settings, option in ((Settings(owner_role=OWNER), "--reports"), (Settings(reports="s3://b/p"), "--owner-role")):
        with pytest.raises(BadInputError) as caught:
            push(organisation, entries(record()), settings)
        assert option in caught.value.fix
    assert service.list_controls(controlType="Custom")["controlMetadataList"] == []


def test_audit_managers_own_defaults_are_used(service, organisation):
    """Reports folder and audit owner come from GetSettings when no option gives them."""
    service.update_settings(
        defaultAssessmentReportsDestination={"destinationType": "S3", "destination": "s3://audit-bucket/default"},
        defaultProcessOwners=[{"roleType": "PROCESS_OWNER", "roleArn": OWNER}],
    )
    push(organisation, [], Settings())
    metadata = assessment(service)["metadata"]
    assert metadata["assessmentReportsDestination"]["destination"] == "s3://audit-bucket/default"
    assert metadata["roles"][0]["roleArn"] == OWNER


def test_a_folder_outside_the_alphabet_is_refused(organisation):
    """Audit Manager's S3 URLs know no percent, ampersand, hash or tilde."""
    with pytest.raises(BadInputError, match="not an S3 folder"):
        AuditManagerSink(load_catalogue(organisation), Settings(evidence="s3://bucket/a~b"), Path("j"))


@pytest.mark.parametrize(("text", "name"), [("a\\b", "a/b"), ("a\n b\t c", "a b c"), ("x" * 400, "x" * 299 + "…")])
def test_names_fit_the_service(text, name):
    """No backslash, no line break, at most 300 characters."""
    assert clean_name(text) == name


def test_control_set_names_have_no_underscore():
    """The pattern of control-set names forbids it."""
    assert clean_name("a_b", control_set=True) == "a-b"


def test_the_command_pushes_and_the_aws_cli_lists_it_back(service, tmp_path, monkeypatch, capsys):
    """``averment push audit-manager`` on a real ledger, then ``aws auditmanager list-assessments`` and the evidence."""
    (tmp_path / "averment.yaml").write_text("version: 1\norganisation: {name: shop}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with open_ledger(Organisation(root=tmp_path, name="shop"), write=True) as ledger:
        ledger.append([record()])
    arguments = ["push", "audit-manager", "--period", "2026Q4", "--owner-role", OWNER, "--reports", "s3://audit-bucket/reports"]
    assert run([*arguments, "--dry-run"]) == 0
    assert "would import" in capsys.readouterr().out
    assert run(arguments) == 0
    assert run(arguments) == 0
    assert "imported 0" in capsys.readouterr().out.splitlines()[-1]
    listed = aws("auditmanager", "list-assessments")["assessmentMetadata"]
    assert [item["name"] for item in listed] == ["Averment shop 2026Q4"]
    folders = aws("auditmanager", "get-evidence-folders-by-assessment", "--assessment-id", listed[0]["id"])["evidenceFolders"]
    assert sum(folder["evidenceByTypeManualCount"] for folder in folders) == len(load_catalogue(Organisation(root=tmp_path)).controls) + 1


def test_the_command_says_when_the_account_has_no_audit_manager(sandbox, tmp_path, monkeypatch, capsys):
    """Exit 3 and the alternatives, no traceback."""
    (tmp_path / "averment.yaml").write_text("version: 1\norganisation: {name: shop}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with open_ledger(Organisation(root=tmp_path, name="shop"), write=True) as ledger:
        ledger.append([record()])
    assert run(["push", "audit-manager", "--period", "2026Q4"]) == 3
    assert "2026-04-30" in capsys.readouterr().err


def aws(*arguments):
    """The AWS CLI's answer."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("aws")), *arguments, "--output", "json"], capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stdout)


def test_what_was_made_is_told_in_a_few_lines() -> None:
    """Thirty-two controls are one line; whatever else was made keeps its own."""
    made = [
        "created control 'SM-A-01 Its title'",
        "created control 'SM-A-02 Another'",
        "created framework 'X'",
        "updated control 'SM-A-03 It'",
    ]
    assert _gathered(made) == ["created controls: SM-A-01, SM-A-02", "created framework 'X'", "updated control SM-A-03"]


@pytest.fixture
def audit_bucket(sandbox):
    """The bucket in which the assessment keeps its reports."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="audit-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return s3


@pytest.fixture
def impatient(monkeypatch):
    """Waiting for a report costs no time; the pauses are counted."""
    pauses = []
    monkeypatch.setattr(audit_manager, "make_report", partial(audit_manager_report.make_report, sleep=pauses.append))
    return pauses


def test_an_assessment_report_is_made_waited_for_and_validated(service, audit_bucket, organisation, impatient):
    """Every piece of evidence is in the report, the service vouches for it, and a second push finds it instead of making another."""
    settings = replace(SETTINGS, report="2026Q4")
    result = push(organisation, entries(record()), settings)
    assert result.complete
    assert any(note.startswith("validated s3://audit-bucket/reports/") for note in result.notes)
    assert impatient == [audit_manager_report.PAUSE]
    [report] = service.list_assessment_reports()["assessmentReports"]
    [found] = audit_bucket.list_objects_v2(Bucket="audit-bucket", Prefix=f"reports/{report['id']}")["Contents"]
    listed = json.loads(audit_bucket.get_object(Bucket="audit-bucket", Key=found["Key"])["Body"].read())["evidence"]
    assert len(listed) == result.created
    again = push(organisation, entries(record()), settings)
    assert "found assessment report '2026Q4'" in again.notes
    assert len(service.list_assessment_reports()["assessmentReports"]) == 1


def test_a_report_of_before_is_not_told_as_one_of_everything(service, audit_bucket, organisation, impatient, monkeypatch):
    """Evidence that came after the report isn't in it, whichever push brought it: that is said, and a report of another name has it."""
    settings = replace(SETTINGS, report="2026Q4")
    push(organisation, entries(record()), settings)
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    monkeypatch.setattr(state, "_now", lambda: later)
    monkeypatch.setattr(audit_manager, "utc_now", lambda: later)
    more = entries(record(), record(1))
    for _ in range(2):  # by the first the evidence comes in, by the second it is there
        [refusal] = push(organisation, more, settings, control="SM-UPL-03/terms").refused
        assert "lacks the evidence that came in since" in refusal.reason
    assert push(organisation, more, replace(settings, report="2026Q4-2"), control="SM-UPL-03/terms").complete


def test_a_report_that_was_changed_is_not_vouched_for(service, audit_bucket, organisation, impatient):
    """A byte of the report in the bucket is another: verification fails and names the file."""
    settings = replace(SETTINGS, report="2026Q4")
    push(organisation, entries(record()), settings)
    [found] = audit_bucket.list_objects_v2(Bucket="audit-bucket", Prefix="reports/")["Contents"]
    audit_bucket.put_object(Bucket="audit-bucket", Key=found["Key"], Body=b"other")
    with pytest.raises(VerificationError, match="does not vouch for s3://audit-bucket/reports"):
        push(organisation, entries(record()), settings)


def test_no_report_while_evidence_is_missing(service, audit_bucket, organisation, impatient):
    """Where something was refused, for instance for the day's limit, the report isn't made: it would leave that out."""
    many = entries(*(record(number) for number in range(130)))
    result = push(organisation, many, replace(SETTINGS, report="2026Q4"), control="SM-UPL-03/terms")
    assert any(refusal.what == "assessment report '2026Q4'" for refusal in result.refused)
    assert service.list_assessment_reports()["assessmentReports"] == []


def test_a_report_that_never_comes_is_not_waited_for_without_end(service, audit_bucket, organisation, impatient, monkeypatch):
    """After so many tries: could not complete, and that the same command goes on later."""
    monkeypatch.setattr(state.AuditManagerBackend, "finish_reports", lambda self: None)
    with pytest.raises(IncompleteError, match="still being made"):
        push(organisation, entries(record()), replace(SETTINGS, report="2026Q4"))
    assert len(impatient) == audit_manager_report.TRIES


@pytest.mark.parametrize(
    ("link", "location"),
    [
        ("https://b.s3.eu-west-1.amazonaws.com/p/r%201.pdf?X-Amz-Signature=1", "s3://b/p/r 1.pdf"),
        ("https://s3.eu-west-1.amazonaws.com/b/p/r.pdf?X-Amz-Signature=1", "s3://b/p/r.pdf"),
    ],
)
def test_the_place_of_a_report_is_told_from_its_link(link, location):
    """Both ways in which S3 writes a bucket into an address; another bucket is refused."""
    assert audit_manager_report.s3_location(link, "s3://b/p") == location
    with pytest.raises(IncompleteError, match="outside"):
        audit_manager_report.s3_location(link, "s3://other/p")


def test_a_report_name_that_the_service_refuses_is_refused_first(organisation):
    """Before anything is pushed."""
    with pytest.raises(BadInputError, match="no name for an assessment report"):
        AuditManagerSink(load_catalogue(organisation), replace(SETTINGS, report="Q4/2026"), organisation.root / "j")
