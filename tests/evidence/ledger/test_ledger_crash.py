"""Writers that die, at every point, and writers at once: nothing acknowledged is lost, nothing is torn, nothing stands twice."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.signing.opening import open_signer
from averment.evidence.ledger.checkpoint import VerifierKey
from averment.evidence.ledger.log import Ledger
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.stores.directory import DirectoryStore
from averment.evidence.stores.interface import Store


class KilledError(BaseException):
    """The process ends here."""


class MortalStore(Store):
    """A store whose process dies before or after its n-th write. Reads pass through."""

    def __init__(self, inner, *, dies_at, after=False):
        self.inner, self.left, self.after, self.writes = inner, dies_at, after, 0

    location = property(lambda self: self.inner.location)

    def _write(self, action, *arguments):
        self.writes += 1
        if self.writes == self.left and not self.after:
            raise KilledError
        result = action(*arguments)
        if self.writes == self.left and self.after:
            raise KilledError
        return result

    def get(self, name):
        return self.inner.get(name)

    def put_new(self, name, data):
        self._write(self.inner.put_new, name, data)

    def replace_if(self, name, data, version):
        return self._write(self.inner.replace_if, name, data, version)

    def exists(self, name):
        return self.inner.exists(name)

    def list(self, prefix):
        return self.inner.list(prefix)

    def discard(self, name):
        self._write(self.inner.discard, name)


def open_on(store, shop, signer):
    """A ledger on ``store``, without an index that outlives it."""
    return Ledger(store, shop.evidence.origin, [VerifierKey(shop.evidence.origin, signer.public_key())], signer=signer)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("before", "batch"), [(0, 1), (3, 2), (254, 4), (255, 1)])
def test_a_writer_may_die_at_every_single_write(tmp_path, make_record, before, batch, after):
    """Killed before or after each of its writes: the next writer finishes or redoes it, and the same records go in once."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin="example.com/shop"))
    signer = open_signer(shop.evidence.signing_key, shop.root, create=True)
    old = [make_record(number) for number in range(before)]
    new = [make_record(1000 + number, size=40_000 * (number == 0)) for number in range(batch)]
    written = open_on(DirectoryStore(tmp_path / "written"), shop, signer).append(old)
    (tmp_path / "written").mkdir(exist_ok=True)
    dies_at = 0
    while True:
        dies_at += 1
        store = DirectoryStore(Path(shutil.copytree(tmp_path / "written", tmp_path / f"{dies_at}")))
        acknowledged = list(written)
        mortal = MortalStore(store, dies_at=dies_at, after=after)
        try:
            acknowledged += open_on(mortal, shop, signer).append(new)
            survived = True
        except KilledError:
            survived = False
        reader = open_on(store, shop, signer)
        seen = [entry.record.id for entry in reader.records()]
        assert seen[: len(acknowledged)] == [item.record_id for item in acknowledged]
        assert seen in ([record.id for record in old], [record.id for record in [*old, *new]])
        answer = reader.append(new)  # the next writer does the same work again
        assert [item.index for item in answer] == list(range(before, before + batch))
        final = open_on(store, shop, signer)
        assert [entry.record.id for entry in final.records()] == [record.id for record in [*old, *new]]
        if survived:
            break
    assert dies_at > 7


KILLED_WRITERS = """
import json, os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.period import from_iso
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Kind, Record

shop = Organisation(root=Path(sys.argv[2]), evidence=EvidenceSettings(origin="example.com/shop"))
when = from_iso("2026-10-01T00:00:00Z")

def record(number):
    return Record(Kind.CHECK, "check", "1", "test", {"number": number}, when, when, {"filler": "x" * (40000 if number % 5 == 0 else 10)})

def write(start, pipe):
    with open_ledger(shop, write=True) as ledger:
        number = start
        while True:
            batch = [record(number + at) for at in range(1 + number % 3)]
            for item in ledger.append(batch):
                os.write(pipe, f"{item.record_id}\\n".encode())
            number += len(batch)

dice = random.Random(int(sys.argv[4]))
acknowledged = set()
for turn in range(int(sys.argv[3])):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        write(turn * 50, writing)
    os.close(writing)
    with os.fdopen(reading) as lines:
        for _ in range(dice.randrange(6)):  # it may die while it opens the ledger, or after some acknowledgements
            acknowledged.add(lines.readline().strip())
        time.sleep(dice.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        acknowledged.update(line.strip() for line in lines.read().split("\\n")[:-1])
    with open_ledger(shop) as ledger:
        seen = [entry.record.id for entry in ledger.records()]
    assert acknowledged <= set(seen), "an acknowledged record is lost"
    assert len(seen) == len(set(seen)), "a record stands twice"
    size = len(seen)
    with open_ledger(shop, write=True) as ledger:  # who comes next finishes what was begun, and all of it is still there
        ledger.append([record(turn * 50)])
        assert ledger.size >= size
print(json.dumps({"acknowledged": len(acknowledged), "entries": len(seen)}))
"""


def run_script(script, *arguments, **options):
    """Run a script in a process of its own; its answer as JSON."""
    import averment

    source = str(next(iter(averment.__path__)).rpartition("/")[0])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), source, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("seed", range(6))
def test_writers_killed_at_random_lose_nothing_acknowledged(tmp_path, seed):
    """kill -9 on real processes at random moments, 40 times over each of six ledgers, 240 in all; each ledger verifies after each kill."""
    answer = run_script(KILLED_WRITERS, str(tmp_path), "40", str(seed))
    assert answer["entries"] >= answer["acknowledged"] > 60


WRITERS_AT_ONCE = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.period import from_iso
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Kind, Record

shop = Organisation(root=Path(sys.argv[2]), evidence=EvidenceSettings(origin="example.com/shop"))
when = from_iso("2026-10-01T00:00:00Z")
places = {}
sys.stdin.readline()
with open_ledger(shop, write=True) as ledger:
    for start in range(0, 60, 3):
        for item in ledger.append(Record(Kind.CHECK, "check", "1", "t", {"n": start + at}, when, when, {}) for at in range(3)):
            places[item.record_id] = [item.index, item.duplicate]
print(json.dumps(places))
"""


def test_two_processes_write_the_same_records_once(tmp_path):
    """Two processes that append the same 60 records at once agree where each stands, and each was new to exactly one of them."""
    import averment

    source = str(next(iter(averment.__path__)).rpartition("/")[0])
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITERS_AT_ONCE, source, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    one, two = (json.loads(writer.communicate(timeout=60)[0]) for writer in writers)
    assert all(writer.returncode == 0 for writer in writers)
    assert {key: value[0] for key, value in one.items()} == {key: value[0] for key, value in two.items()}
    assert all(one[key][1] != two[key][1] for key in one)
    with open_ledger(Organisation(root=tmp_path, evidence=EvidenceSettings(origin="example.com/shop"))) as ledger:
        assert sorted(entry.record.id for entry in ledger.records()) == sorted(one)


class RivalStore(MortalStore):
    """A store in which another writer gets in between, just before the first conditional write."""

    def __init__(self, inner, rival):
        super().__init__(inner, dies_at=-1)
        self.rival = rival

    def replace_if(self, name, data, version):
        rival, self.rival = self.rival, None
        if rival is not None:
            rival()
        return super().replace_if(name, data, version)


@pytest.mark.parametrize("same", [False, True])
def test_of_two_writers_one_wins_and_the_other_starts_over(tmp_path, make_record, same):
    """Without any lock: who loses the decision tries again, and finds what the winner wrote; no entry stands twice."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin="example.com/shop"))
    signer = open_signer(shop.evidence.signing_key, shop.root, create=True)
    store = DirectoryStore(tmp_path / "ledger")
    theirs = [make_record(1), make_record(2)]
    ours = [make_record(2 if same else 3)]
    answer = open_on(RivalStore(store, lambda: open_on(store, shop, signer).append(theirs)), shop, signer).append(ours)
    assert [(item.index, item.duplicate) for item in answer] == [(1, True) if same else (2, False)]
    reader = open_on(store, shop, signer)
    assert [entry.record.id for entry in reader.records()] == [record.id for record in (theirs if same else [*theirs, *ours])]
    assert list(store.list("staging/")) == []
