"""The collector of provenance logs in files: what is in the period, the head, and what was changed since."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from averment.controls.loader import load_catalogue
from averment.controls.model import Catalogue
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.core.period import from_iso
from averment.core.scope import Scope
from averment.core.words import Status
from averment.detector.credentials.log import Entry, FileLog, Head
from averment.evidence.collectors.interface import CollectScope
from averment.evidence.collectors.signing_log import SigningLog
from averment.evidence.judging.assess import assess
from averment.evidence.judging.states import AssessmentState, Gap
from averment.evidence.record import Gathering, Record

NOW = "2026-11-28T12:00:00Z"


def entry(number: int, at: str) -> Entry:
    mark = "012345678" if number % 2 else None
    return Entry(f"out/{number}.jpg", f"{number:064x}", f"{number + 99:064x}", "studio.pem", at, "http://example.com/ai", watermark=mark)


@pytest.fixture
def heads(tmp_path: Path) -> list[Head]:
    """The heads of a log of four entries, the first of which is older than the period."""
    log = FileLog(tmp_path / "log.jsonl")
    times = ["2026-09-30T23:59:59Z", "2026-10-01T00:00:00Z", "2026-11-02T09:30:00Z", "2026-11-03T09:30:00Z"]
    return [log.append(entry(number, at)) for number, at in enumerate(times)]


def collected(folder: Path, scope_of: Callable[..., CollectScope], **parameters: object) -> Record:
    given = {"files": ["log.jsonl"], **parameters}
    [record] = SigningLog().collect(scope_of(organisation=Organisation(parameters={"signing-log": given}, root=folder), now=NOW))
    return record


def test_signings_of_the_period_and_the_head_are_kept(tmp_path: Path, heads: list[Head], scope_of: Callable[..., CollectScope]) -> None:
    """The head is of the whole log, which is checked from its first line."""
    record = collected(tmp_path, scope_of)
    assert record.gathering is Gathering.COLLECTED
    assert record.payload["head"] == {"count": 4, "sha256": heads[-1].sha256}
    assert [row["object"] for row in record.payload["signed"]] == ["out/1.jpg", "out/2.jpg", "out/3.jpg"]
    assert record.payload["summary"] == {"entries": 4, "in_period": 3, "marked": 2, "broken": 0, "missing_heads": 0}


def test_a_head_of_an_earlier_record_that_is_gone_is_told(tmp_path: Path, heads: list[Head], scope_of: Callable[..., CollectScope]) -> None:
    """Lines cut off at the end: the chain alone looks whole."""
    lines = (tmp_path / "log.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "log.jsonl").write_bytes(b"".join(lines[:2]))
    record = collected(tmp_path, scope_of, heads=[str(heads[0]), str(heads[3])])
    assert record.payload["missing_heads"] == [str(heads[3])]
    assert record.payload["summary"]["missing_heads"] == 1


def test_a_changed_line_makes_the_record_partial(tmp_path: Path, heads: list[Head], scope_of: Callable[..., CollectScope]) -> None:
    """With its number; entries before it count."""
    data = (tmp_path / "log.jsonl").read_bytes()
    (tmp_path / "log.jsonl").write_bytes(data.replace(b"out/2.jpg", b"out/9.jpg"))
    record = collected(tmp_path, scope_of)
    assert record.gathering is Gathering.PARTIAL
    assert record.payload["summary"]["broken"] == 1
    assert str(record.payload["broken"]).startswith("line 4:")  # the next line's hash of the one before doesn't fit
    assert [row["object"] for row in record.payload["signed"]] == ["out/1.jpg", "out/9.jpg"]


def test_a_log_that_is_not_there_is_on_record_as_such(tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """With the reason and without a payload."""
    record = collected(tmp_path, scope_of)
    assert record.gathering is not Gathering.COLLECTED
    assert "could not read log.jsonl" in str(record.reason)


def test_heads_that_are_none_are_refused(tmp_path: Path, heads: list[Head], scope_of: Callable[..., CollectScope]) -> None:
    """A typing error mustn't look like a log that was rewritten."""
    with pytest.raises(BadInputError, match="no head of a log"):
        collected(tmp_path, scope_of, heads=["4"])
    with pytest.raises(BadInputError, match="which of the files"):
        collected(tmp_path, scope_of, heads=[str(heads[0])], files=["log.jsonl", "other.jsonl"])


def judged(folder: Path, *records: Record, **given: object) -> dict[str, AssessmentState]:
    """What SM-PRV-03 of the catalogue says of the logs, for an organisation that lists an account."""
    control = load_catalogue().get("SM-PRV-03")
    assert control is not None
    organisation = Organisation(parameters={"signing-log": given} if given else {}, root=folder, scope=Scope(accounts=("111122223333",)))
    [state] = assess(Catalogue((control,), {}), organisation, records, period=None, as_of=from_iso(NOW))
    return {item.assessment.id: item for item in state.assessments if item.assessment.collector == "signing-log"}


def test_a_whole_log_that_holds_its_heads_satisfies(tmp_path: Path, heads: list[Head], scope_of: Callable[..., CollectScope]) -> None:
    """Both assessments; without heads nobody can say that nothing was cut off, and that one stays open."""
    kept = {"files": ["log.jsonl"], "heads": [str(heads[1])]}
    found = judged(tmp_path, collected(tmp_path, scope_of, heads=kept["heads"]), **kept)
    assert {name: state.status for name, state in found.items()} == {"log-whole": Status.SATISFIED, "log-kept": Status.SATISFIED}
    found = judged(tmp_path, collected(tmp_path, scope_of), files=["log.jsonl"])
    assert (found["log-whole"].status, found["log-kept"].gap) == (Status.SATISFIED, Gap.UNSCOPED)
    assert "parameters.signing-log.heads" in found["log-kept"].reason


def test_a_log_without_a_signing_in_the_period_is_judged_all_the_same(tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """Its old lines could have been changed; of a log without a line nothing is shown."""
    FileLog(tmp_path / "log.jsonl").append(entry(1, "2026-01-01T00:00:00Z"))
    assert judged(tmp_path, collected(tmp_path, scope_of), files=["log.jsonl"])["log-whole"].status is Status.SATISFIED
    (tmp_path / "log.jsonl").write_bytes(b"")
    empty = judged(tmp_path, collected(tmp_path, scope_of), files=["log.jsonl"])["log-whole"]
    assert (empty.status, "untested" in empty.reason) == (Status.NOT_ASSESSED, True)


def test_a_log_of_more_signings_than_are_listed_is_judged_by_all_of_them(
    tmp_path: Path, heads: list[Head], monkeypatch: pytest.MonkeyPatch, scope_of: Callable[..., CollectScope]
) -> None:
    """Every line was checked. That two of three are listed kept both assessments open."""
    monkeypatch.setattr("averment.evidence.collectors.signing_log.MAX_EVENTS", 2)
    kept = {"files": ["log.jsonl"], "heads": [str(heads[1])]}
    record = collected(tmp_path, scope_of, heads=kept["heads"])
    assert len(record.payload["signed"]) == 2
    found = judged(tmp_path, record, **kept)
    assert {name: state.status for name, state in found.items()} == {"log-whole": Status.SATISFIED, "log-kept": Status.SATISFIED}


def test_a_changed_line_does_not_satisfy_and_is_named(tmp_path: Path, heads: list[Head], scope_of: Callable[..., CollectScope]) -> None:
    """The deviation is the log's, with the line."""
    data = (tmp_path / "log.jsonl").read_bytes()
    (tmp_path / "log.jsonl").write_bytes(data.replace(b"out/2.jpg", b"out/9.jpg"))
    state = judged(tmp_path, collected(tmp_path, scope_of), files=["log.jsonl"])["log-whole"]
    assert state.status is Status.NOT_SATISFIED
    assert [(item.resource, item.message.partition(":")[0]) for item in state.deviations] == [("log.jsonl", "line 4")]


def test_a_log_that_was_cut_does_not_satisfy(tmp_path: Path, heads: list[Head], scope_of: Callable[..., CollectScope]) -> None:
    """Its chain is whole; a head that was kept elsewhere is gone."""
    lines = (tmp_path / "log.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "log.jsonl").write_bytes(b"".join(lines[:2]))
    kept = {"files": ["log.jsonl"], "heads": [str(heads[3])]}
    found = judged(tmp_path, collected(tmp_path, scope_of, heads=kept["heads"]), **kept)
    assert (found["log-whole"].status, found["log-kept"].status) == (Status.SATISFIED, Status.NOT_SATISFIED)
    assert "summary.missing_heads is 1" in found["log-kept"].reason


def test_a_log_that_can_not_be_read_or_was_never_collected_is_open(tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """Nothing passes because nobody looked."""
    gone = judged(tmp_path, collected(tmp_path, scope_of), files=["log.jsonl"])["log-whole"]
    assert (gone.status, gone.gap) == (Status.NOT_ASSESSED, Gap.COULD_NOT)
    assert judged(tmp_path, files=["log.jsonl"])["log-whole"].gap is Gap.MISSING
