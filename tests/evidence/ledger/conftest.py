"""What the tests of the ledger, the stores and the package share: made-up records and an organisation in a folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from averment.core.organisation import EvidenceSettings, Organisation
from averment.evidence.record import Kind, Record


@pytest.fixture(scope="session")
def make_record() -> Callable[..., Record]:
    """``make_record(7)``: the seventh of a series, a minute apart from the start of 2026Q4; the same number gives the same record."""

    def make(number: int, *, size: int = 0, at: datetime | None = None, **more: object) -> Record:
        moment = at or datetime(2026, 10, 1, tzinfo=UTC) + timedelta(minutes=number)
        values: dict[str, object] = {
            "kind": Kind.CHECK,
            "collector": "check",
            "collector_version": "1",
            "source": "made up for a test",
            "query": {"number": number},
            "effective_at": moment,
            "collected_at": moment,
            "payload": {"number": number, "filler": "é" * size},
        }
        return Record(**{**values, **more})  # type: ignore[arg-type]

    return make


@pytest.fixture
def shop(tmp_path: Path) -> Organisation:
    """An organisation whose ledger and key lie in a fresh folder."""
    return Organisation(name="Shop", root=tmp_path, evidence=EvidenceSettings(origin="example.com/shop"))
