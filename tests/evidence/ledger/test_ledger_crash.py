"""Writers that die, at every point, and writers at once: nothing acknowledged is lost, nothing is torn, nothing stands twice."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.signing.opening import open_signer
from averment.evidence.ledger.checkpoint import VerifierKey
from averment.evidence.ledger.index import RecordIndex
from averment.evidence.ledger.log import Ledger
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.stores.directory import DirectoryStore
from averment.evidence.stores.interface import Store, StoreError
from averment.evidence.stores.s3 import S3Store


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


def copied(source, target):
    """``target`` with everything that lies in ``source``."""
    for name in source.list(""):
        target.put_new(name, source.get(name).data)
    return target


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("before", "batch"), [(0, 1), (3, 2), (254, 4), (255, 1)])
def test_a_writer_may_die_at_every_single_write(tmp_path, make_record, before, batch, after):
    """Killed before or after each of its writes: the next writer finishes or redoes it, and the same records go in once."""
    dies_everywhere(lambda name: DirectoryStore(tmp_path / name), tmp_path, make_record, before, batch, after)


@pytest.mark.usefixtures("without_sockets")
@pytest.mark.parametrize("after", [False, True])
def test_a_writer_to_s3_may_die_at_every_single_write(s3, tmp_path, make_record, after):
    """The same in a bucket, where nothing but conditional writes keeps order."""
    s3.create_bucket(Bucket="ledgers", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    dies_everywhere(lambda name: S3Store("ledgers", name, s3), tmp_path, make_record, 254, 3, after)


def dies_everywhere(place, root, make_record, before, batch, after):
    """A ledger of ``before`` records on a store that ``place`` gives, and writers of ``batch`` more that die at each write in turn."""
    shop = Organisation(root=root, evidence=EvidenceSettings(origin="example.com/shop"))
    signer = open_signer(shop.evidence.signing_key, shop.root, create=True)
    old = [make_record(number) for number in range(before)]
    new = [make_record(1000 + number, size=40_000 * (number == 0)) for number in range(batch)]
    written = open_on(place("written"), shop, signer).append(old)
    dies_at = 0
    while True:
        dies_at += 1
        store = copied(place("written"), place(str(dies_at)))
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
        final.append([make_record(5000)])
        assert list(store.list("staging/")) == []  # what the dead one staged is gone
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

shop = Organisation(root=Path(sys.argv[2]), evidence=EvidenceSettings(ledger=sys.argv[5], origin="example.com/shop"))
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
with open_ledger(shop, write=True) as ledger:
    ledger.append([record(10**6)])
    left = list(ledger.store.list("staging/"))
print(json.dumps({"acknowledged": len(acknowledged), "entries": len(seen), "left": left}))
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
    """kill -9 on real processes at random moments, 40 times over each of six ledgers, 240 in all; each ledger verifies after each kill,
    and the first writer that is let live leaves nothing of what the others staged."""
    answer = run_script(KILLED_WRITERS, str(tmp_path), "40", str(seed), ".averment/ledger")
    assert answer["entries"] >= answer["acknowledged"] > 60
    assert answer["left"] == []


def test_writers_to_s3_killed_at_random_lose_nothing_acknowledged(s3, tmp_path):
    """The same against the embedded S3, 15 times; what a killed writer still had on the way may arrive after it."""
    s3.create_bucket(Bucket="ledger", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    answer = run_script(KILLED_WRITERS, str(tmp_path), "15", "1", "s3://ledger/evidence")
    assert answer["entries"] >= answer["acknowledged"] > 15
    assert answer["left"] == []


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


KILLED_AT = """
import json, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.period import from_iso
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Kind, Record
from averment.evidence.stores.directory import DirectoryStore

shop = Organisation(root=Path(sys.argv[2]), evidence=EvidenceSettings(origin="example.com/shop"))
when = from_iso("2026-10-01T00:00:00Z")

def append(*numbers):
    with open_ledger(shop, write=True) as ledger:
        ledger.append(Record(Kind.CHECK, "check", "1", "t", {"n": number}, when, when, {}) for number in numbers)
        return sorted(ledger.store.list("staging/")), ledger.size

def killed(method, name, number):
    child = os.fork()
    if child == 0:
        genuine = getattr(DirectoryStore, method)
        def dying(self, at, *rest):
            if at.startswith(name):
                os.kill(os.getpid(), signal.SIGKILL)
            return genuine(self, at, *rest)
        setattr(DirectoryStore, method, dying)
        append(number)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL

append(0)
killed("replace_if", "intent", 1)   # staged, not decided
killed("replace_if", "intent", 2)
store = DirectoryStore(shop.path(shop.evidence.ledger))
two = len(list(store.list("staging/")))
store.put_new("staging/not-ours", b"")
store.put_new("staging/99-" + "0" * 32, b"")   # of a log that is larger: a writer of a ledger that was rolled back here
store.put_new("staging/3-" + "0" * 32, b"")    # of a log of three: a writer that has come to stage since the last one decided
killed("discard", "staging/", 3)    # published, not tidied up
after = append()                    # nothing new: nothing is decided, and nothing removed
print(json.dumps([two, len(after[0]), after[1], *append(4)]))
"""


def test_what_killed_writers_staged_is_removed_by_the_next(tmp_path):
    """kill -9 after staging and before deciding, and after publishing: the next writer that adds something removes what nobody can need
    any more, and nothing else."""
    assert run_script(KILLED_AT, str(tmp_path)) == [
        2,
        6,
        2,
        ["staging/3-" + "0" * 32, "staging/99-" + "0" * 32, "staging/not-ours"],
        3,
    ]


def test_what_may_not_be_removed_stays_and_is_said_once(tmp_path, make_record):
    """Without the right to delete, appending works; that leftovers stay is one note, and is not tried at every append."""

    class Keeping(DirectoryStore):
        tries = 0

        def discard(self, name):
            self.tries += 1
            raise StoreError(f"could not remove {name}: AccessDenied")

    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin="example.com/shop"))
    store, signer = Keeping(tmp_path / "ledger"), open_signer(shop.evidence.signing_key, shop.root, create=True)
    ledger = open_on(store, shop, signer)
    for number in range(3):
        ledger.append([make_record(number)])
    assert (store.tries, len(list(store.list("staging/"))), ledger.size) == (1, 3, 3)
    [note] = ledger.notes
    assert "AccessDenied" in note
    assert "stays" in note


def test_a_writer_that_lost_may_find_what_it_staged_gone(tmp_path, make_record):
    """The winner removes what the loser staged, which it can't decide any more; the loser starts over and its record goes in."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin="example.com/shop"))
    signer = open_signer(shop.evidence.signing_key, shop.root, create=True)
    store, seen = DirectoryStore(tmp_path / "ledger"), []

    def rival():
        seen.append(len(list(store.list("staging/"))))
        open_on(store, shop, signer).append([make_record(1)])
        seen.append(len(list(store.list("staging/"))))

    [item] = open_on(RivalStore(store, rival), shop, signer).append([make_record(2)])
    assert seen == [1, 0]
    assert (item.index, item.duplicate) == (1, False)


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


@pytest.mark.parametrize("tidied", [True, False], ids=["before it is read", "after it was read"])
def test_of_two_writers_who_finish_for_a_killed_one_neither_is_told_of_a_forgery(tmp_path, make_record, tidied):
    """Two processes of one machine, which have one index: one of them is faster, and the other finds what was staged gone, or in the log already."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin="example.com/shop"))
    signer = open_signer(shop.evidence.signing_key, shop.root, create=True)
    store, faster = DirectoryStore(tmp_path / "ledger"), [make_record(1)]
    with pytest.raises(KilledError):  # once it has decided
        open_on(MortalStore(store, dies_at=2, after=True), shop, signer).append([make_record(0)])
    [staged] = store.list("staging/")
    slower, keys = MortalStore(store, dies_at=0), [VerifierKey(shop.evidence.origin, signer.public_key())]

    def append(to, record):
        with Ledger(to, shop.evidence.origin, keys, signer=signer, index=RecordIndex(tmp_path / "index.sqlite")) as ledger:
            ledger.append([record])

    def get(name):
        found = store.get(name) if name != staged or not tidied else None
        if name == staged and faster:
            append(store, faster.pop())
        return found or store.get(name)

    slower.get = get
    append(slower, make_record(2))
    assert [entry.record.query["number"] for entry in open_on(store, shop, signer).records()] == [0, 1, 2]
