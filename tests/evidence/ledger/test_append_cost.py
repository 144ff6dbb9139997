"""What an append costs is counted, not timed: reads, writes and their bytes are those of a small log in one of any size."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from averment.core.signing.opening import open_signer
from averment.evidence.ledger.index import RecordIndex
from averment.evidence.stores.directory import DirectoryStore
from averment.evidence.stores.interface import Store
from averment.evidence.stores.s3 import S3Store

SIZES = (868, 99_684, 999_524, 999_999_844)
"""About a thousand, a hundred thousand, a million and a billion: each ends 100 entries into a bundle, in trees of 2, 3, 3 and 4 levels."""

LEVELS = (2, 3, 3, 4)
A_TILE = 256 * 32
DIGITS = 100
"""Bytes by which intents and checkpoints differ because sizes have more digits."""


@dataclass
class Cost:
    """How often each verb was used, and how many bytes went each way."""

    verbs: Counter[str] = field(default_factory=Counter)
    read: int = 0
    written: int = 0


class CountingStore(Store):
    """A store that counts what is asked of it."""

    def __init__(self, inner):
        self.inner, self.cost = inner, Cost()

    location = property(lambda self: self.inner.location)

    def get(self, name):
        self.cost.verbs["get"] += 1
        stored = self.inner.get(name)
        self.cost.read += len(stored.data)
        return stored

    def put_new(self, name, data):
        self.cost.verbs["put_new"] += 1
        self.cost.written += len(data)
        self.inner.put_new(name, data)

    def replace_if(self, name, data, version):
        self.cost.verbs["replace_if"] += 1
        self.cost.written += len(data)
        return self.inner.replace_if(name, data, version)

    def exists(self, name):
        self.cost.verbs["exists"] += 1
        return self.inner.exists(name)

    def list(self, prefix):
        self.cost.verbs["list"] += 1
        for name in self.inner.list(prefix):
            self.cost.verbs["listed"] += 1
            yield name

    def discard(self, name):
        self.cost.verbs["discard"] += 1
        self.inner.discard(name)


@pytest.fixture(params=["directory", "s3"])
def place(request, tmp_path):
    """``place(name)``: an empty store of each kind."""
    if request.param == "directory":
        return lambda name: DirectoryStore(tmp_path / name)
    s3 = request.getfixturevalue("s3")
    s3.create_bucket(Bucket="ledgers", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return lambda name: S3Store("ledgers", name, s3)


@pytest.fixture
def signer(tmp_path):
    """The log's key."""
    return open_signer("key.pem", tmp_path, create=True)


def costs(ledger, store, *batches):
    """What each of the appends cost."""
    found = []
    for batch in batches:
        store.cost = Cost()
        ledger.append(batch)
        found.append(store.cost)
    return found


def test_a_record_more_costs_as_much_in_a_large_log(place, signer, forge, make_record):
    """One record alone, in logs from a thousand to a billion entries. The first append of a writer reads a tile for each level that the
    tree has; from then on an append uses the store exactly as in a small log, and its bytes differ by the digits of the sizes."""
    found = {}
    for size in SIZES:
        store = CountingStore(place(str(size)))
        ledger = forge(store, size, signer, RecordIndex(None))
        found[size] = costs(ledger, store, [make_record(1)], [make_record(2)], [make_record(3)])
    small = found[SIZES[0]]
    assert small[1].verbs == {"get": 3, "put_new": 3, "replace_if": 2, "discard": 1}
    for size, levels in zip(SIZES, LEVELS, strict=True):
        first, second, third = found[size]
        more = levels - LEVELS[0]
        assert first.verbs == small[0].verbs + Counter(get=more)
        assert first.read <= small[0].read + (LEVELS[0] + more) * A_TILE + DIGITS
        assert second.verbs == third.verbs == small[1].verbs
        for cost, alike in ((first, small[0]), (second, small[1]), (third, small[2])):
            assert abs(cost.written - alike.written) <= DIGITS
        assert abs(second.read - small[1].read) <= DIGITS
    assert small[2].read < 3000  # nothing of the log itself is read again


def test_a_batch_costs_as_much_in_a_large_log(place, signer, forge, make_record):
    """Seven hundred records, which fill three tiles: as many reads and writes at every size, and bytes within a partial tile a level."""
    found = {}
    for size in SIZES:
        store = CountingStore(place(str(size)))
        ledger = forge(store, size, signer, RecordIndex(None))
        found[size] = costs(ledger, store, [make_record(1)], [make_record(number) for number in range(2, 702)])[1]
    small = found[SIZES[0]]
    for size, levels in zip(SIZES, LEVELS, strict=True):
        assert found[size].verbs == small.verbs
        assert abs(found[size].read - small.read) <= DIGITS
        assert abs(found[size].written - small.written) <= levels * A_TILE + DIGITS


def test_an_append_to_s3_makes_as_many_requests_in_a_large_log(s3, signer, forge, make_record):
    """On the wire: requests by method, tries again included, and bytes sent, of an append of one record to the embedded S3."""
    s3.create_bucket(Bucket="ledgers", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    sent: Counter[str] = Counter()

    def count(request, **_):
        sent[request.method] += 1
        sent["bytes"] += int(request.headers.get("Content-Length", 0))

    found = []
    for size in SIZES:
        ledger = forge(S3Store("ledgers", str(size), s3), size, signer, RecordIndex(None))
        ledger.append([make_record(1)])
        s3.meta.events.register("before-send.s3", count)
        sent.clear()
        ledger.append([make_record(2)])
        s3.meta.events.unregister("before-send.s3", count)
        found.append(Counter(sent))
    for requests in found:
        assert {method: number for method, number in requests.items() if method != "bytes"} == {"GET": 3, "PUT": 5, "DELETE": 1}
        assert abs(requests["bytes"] - found[0]["bytes"]) <= DIGITS


def moved() -> tuple[int, int]:
    """Bytes that this process has read and written by system calls so far, in whatever file."""
    path = Path("/proc/self/io")
    if not path.exists():
        pytest.skip("the kernel doesn't count this process's bytes")
    lines = dict(line.split(": ") for line in path.read_text().splitlines())
    return int(lines["rchar"]), int(lines["wchar"])


def ids(number: int) -> list[str]:
    """Record ids that nobody has."""
    dice = random.Random(number)
    return [str(uuid.UUID(bytes=dice.randbytes(16))) for _ in range(number)]


def test_the_index_of_a_large_log_costs_no_more(tmp_path, signer, forge, make_record):
    """All bytes that the process moves, those of the index on disk included: a large log writes as much as a small one for a record and
    for a batch, and reads at most a page of the index a record more, to see that the record isn't there yet."""
    found = {}
    for size in SIZES[:2]:
        index = RecordIndex(tmp_path / f"{size}.sqlite")
        index.extend([(record, at) for at, record in enumerate(ids(size))], size, bytes(32))
        ledger = forge(DirectoryStore(tmp_path / str(size)), size, signer, index)
        ledger.append([make_record(1)])
        for batch in ([make_record(2)], [make_record(number) for number in range(3, 703)]):
            before = moved()
            ledger.append(batch)
            after = moved()
            found[size, len(batch)] = (after[0] - before[0], after[1] - before[1])
        ledger.close()
    for records in (1, 700):
        (small_read, small_written), (large_read, large_written) = (found[size, records] for size in SIZES[:2])
        assert large_written <= small_written * 1.1 + 3 * 4096
        assert large_read <= small_read + (records + 3) * 4096 * 1.1


def test_the_index_writes_little_for_a_record_however_many_there_are(tmp_path):
    """Two hundred thousand records in batches: on average under 700 bytes written for each in the last quarter, pouring included, where a
    page each, and its journal, would be thousands."""
    index, every, batch = RecordIndex(tmp_path / "index"), ids(200_000), 4000
    for at in range(0, len(every), batch):
        if at == 150_000 // batch * batch:
            start, before = at, moved()[1]
        index.extend([(record, at + place) for place, record in enumerate(every[at : at + batch])], at + batch, bytes(32))
    assert (moved()[1] - before) / (len(every) - start) < 700
    assert len(index.find(every[::1000])) == 200
    index.close()
