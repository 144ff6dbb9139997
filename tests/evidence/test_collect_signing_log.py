"""The collector of provenance logs in files: what is in the period, the head, and what was changed since."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.detector.credentials.log import Entry, FileLog, Head
from averment.evidence.collectors.interface import CollectScope
from averment.evidence.collectors.signing_log import SigningLog
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
