"""Rows on disk are the rows that were put there, as often as they are asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from averment.core.period import from_iso
from averment.evidence.reporting.reading import Rows
from averment.evidence.reporting.rows import EvidenceRow
from averment.evidence.reporting.samples import SampleRow
from averment.evidence.reporting.spool import Chosen, Completed

NOW = from_iso("2026-11-20T12:00:00Z")


def row(number: int) -> EvidenceRow:
    """A row with everything that is hard to keep: texts of every kind, nothing, moments, tuples."""
    return EvidenceRow(
        record=f"record-{number}",
        index=number,
        kind="check",
        collector="check 1",
        source="a\nb \u2028 é \ud800",
        query={"deep": [{"x": None, "y": 0.5}]},
        account=None,
        region="eu-west-1",
        effective_at=NOW + timedelta(seconds=number),
        collected_at=NOW,
        gathering="collected",
        reason=None,
        unit="objects" if number % 2 else None,
        total=None,
        examined=3,
        truncated=False,
        redactions=("IP address: 1",),
        sha256="ab" * 32,
        used_by=(),
    )


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Rows]:
    """Empty rows on disk."""
    with closing(Rows.on_disk(tmp_path)) as made:
        yield made


def test_rows_come_back_as_they_were_each_time(rows: Rows) -> None:
    """Also while two readers are half-way through, and after more were added."""
    spool = rows.evidence
    for number in range(5):
        spool.append(row(number))
    first, second = iter(spool), iter(spool)
    assert next(first) == row(0)
    assert [next(second), next(second)] == [row(0), row(1)]
    assert list(first) == [row(number) for number in range(1, 5)]
    spool.append(row(5))
    assert (len(spool), list(spool)[-1], row(5) in spool, row(6) in spool) == (6, row(5), True, False)


def test_samples_come_back_too(rows: Rows) -> None:
    """With what a claim's sample doesn't have."""
    spool = rows.samples
    sample = SampleRow("r", ("SM-UPL-03/marked",), "claims", "s3://b", "medium", None, 2, "by the seed", None, "ab" * 32, NOW)
    spool.append(sample)
    assert list(spool) == [sample]


def test_rows_that_were_let_go_of_are_not_read_as_none(rows: Rows) -> None:
    """Nobody takes a report whose rows are gone for an empty one."""
    rows.evidence.append(row(0))
    rows.close()
    with pytest.raises(ValueError, match="closed"):
        list(rows.evidence)


def test_views_hold_no_rows() -> None:
    """What is chosen or completed is made anew each time, counted right, and found again."""
    rows: Collection[EvidenceRow] = [row(number) for number in range(4)]
    chosen = Chosen(rows, lambda item: item.unit is not None)
    assert (len(chosen), [item.index for item in chosen], row(1) in chosen, row(0) in chosen) == (2, [1, 3], True, False)
    completed = Completed(["a"], lambda text: text + "!")
    assert (len(completed), list(completed), list(completed), "a!" in completed) == (1, ["a!"], ["a!"], True)
