"""What the tests of the ledger, the stores and the package share: made-up records and an organisation in a folder."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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


@pytest.fixture
def s3(sandbox: object, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The embedded S3 with conditional writes that are atomic, as S3's are; moto looks and writes in two steps."""
    import boto3
    from moto.s3.responses import S3Response

    one_at_a_time, put_object = threading.Lock(), S3Response.put_object

    def atomic(self: object) -> object:
        with one_at_a_time:
            return put_object(self)

    monkeypatch.setattr(S3Response, "put_object", atomic)
    return boto3.client("s3")
