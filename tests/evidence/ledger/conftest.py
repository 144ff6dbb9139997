"""What the tests of the ledger, the stores and the package share: made-up records and an organisation in a folder."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.signing.interface import Signer
from averment.evidence.ledger.checkpoint import Checkpoint, VerifierKey, sign_note
from averment.evidence.ledger.envelope import seal
from averment.evidence.ledger.index import RecordIndex
from averment.evidence.ledger.intent import INTENT, Intent
from averment.evidence.ledger.log import Ledger
from averment.evidence.ledger.merkle import fold, leaf_hash
from averment.evidence.ledger.reader import CHECKPOINT
from averment.evidence.ledger.tiles import HEIGHT, WIDTH, bundle_name, encode_bundle, perfect_parts, tile_name
from averment.evidence.record import Kind, Record
from averment.evidence.stores.interface import Store


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


ORIGIN = "example.com/shop"


@pytest.fixture
def forge(make_record: Callable[..., Record]) -> Callable[..., Ledger]:
    """``forge(store, size, signer, index)``: the state of a log of ``size`` entries at once, as far as a writer that appends looks at it:
    the last bundle, the partial tiles on the right edge, and the heads. What lies to the left of that is made up, and can't be read.
    ``size`` has a partial tile on each level."""

    def make(store: Store, size: int, signer: Signer, index: RecordIndex) -> Ledger:
        dice = Random(size)
        entries = [seal(make_record(10**9 + number), signer).entry for number in range(size % WIDTH)]
        store.put_new(bundle_name(size // WIDTH, len(entries)), encode_bundle(entries))
        parts: list[list[bytes]] = []
        while count := size >> (HEIGHT * len(parts)):
            level, width = len(parts), count % WIDTH
            hashes = [dice.randbytes(32) for _ in range(width)] if level else [leaf_hash(entry) for entry in entries]
            store.put_new(tile_name(level, count // WIDTH, width), b"".join(hashes))
            parts.append(perfect_parts(hashes))
        root = fold([part for level in reversed(parts) for part in level])
        store.replace_if(CHECKPOINT, bytes(sign_note(str(Checkpoint(ORIGIN, size, root)), [(ORIGIN, signer)])), None)
        store.replace_if(INTENT, Intent(size, size, root, "staging/none", "", "a test").encode(), None)
        index.extend([], size, root)
        return Ledger(store, ORIGIN, [VerifierKey(ORIGIN, signer.public_key())], signer=signer, index=index)

    return make
