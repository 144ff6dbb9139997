"""When the store fails for real: the kernel's refusals, a service that vanishes, credentials that expire. A clear error, and nothing lost."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest

from averment.core.errors import BadInputError, IncompleteError
from averment.core.organisation import EvidenceSettings, Organisation
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.stores.directory import DirectoryStore
from averment.evidence.stores.interface import NotStoredError, StoreError

SHOP = EvidenceSettings(origin="example.com/shop")


def ids_in(organisation: Organisation) -> list[str]:
    """Every record of the ledger, verified."""
    with open_ledger(organisation) as ledger:
        return [entry.record.id for entry in ledger.records()]


# A child whose files can't grow beyond a limit: the kernel refuses the write, as it does on a full disk, with an error of its own (EFBIG).
FILLED = """
import json, resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from averment.core.errors import IncompleteError
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.period import from_iso
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Kind, Record

shop = Organisation(root=Path(sys.argv[2]), evidence=EvidenceSettings(origin="example.com/shop"))
when = from_iso("2026-10-01T00:00:00Z")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
acknowledged, refused = [], None
try:
    with open_ledger(shop, write=True) as ledger:
        for number in range(200):
            acknowledged += [item.record_id for item in ledger.append([Record(Kind.CHECK, "c", "1", "s", {"n": number}, when, when, {"f": "x" * 500})])]
except IncompleteError as error:
    refused = error.diagnostics()
print(json.dumps({"acknowledged": acknowledged, "refused": refused}))
"""


@pytest.mark.parametrize("limit", [2_000, 20_000, 60_000, 120_000])
def test_a_file_that_cannot_grow_is_an_error_and_loses_nothing(tmp_path, limit):
    """Real refusals of the kernel in the middle of a series of appends: said with the file, and all that was acknowledged is there."""
    import averment

    source = str(next(iter(averment.__path__)).rpartition("/")[0])
    done = subprocess.run(
        [sys.executable, "-c", FILLED, source, str(tmp_path), str(limit)], check=True, capture_output=True, text=True, timeout=60
    )
    answer = json.loads(done.stdout)
    assert re.search(r"File too large|can't be used", answer["refused"])
    assert "fix:" in answer["refused"]
    shop = Organisation(root=tmp_path, evidence=SHOP)
    with open_ledger(shop, write=True) as ledger:  # with room again: what was begun is finished
        ledger.append([])
    assert ids_in(shop)[: len(answer["acknowledged"])] == answer["acknowledged"]


@pytest.fixture
def tiny_disk() -> Iterator[Path]:
    """A file system of 256 KiB, where one may be mounted."""
    folder = Path(tempfile.mkdtemp())
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("no file system may be mounted here; the limit on files' sizes is tried instead")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def test_a_disk_that_fills_up_keeps_what_was_acknowledged(tiny_disk, make_record):
    """Appends until the disk is full, then again with room: an error that says so, no torn file, every acknowledged record there."""
    shop = Organisation(root=tiny_disk, evidence=SHOP)
    acknowledged: list[str] = []

    def fill():
        with open_ledger(shop, write=True) as ledger:
            for number in range(1000):
                acknowledged.extend(item.record_id for item in ledger.append([make_record(number, size=400)]))

    with pytest.raises(IncompleteError, match=r"No space left|full"):
        fill()
    assert len(acknowledged) > 5
    assert ids_in(shop)[: len(acknowledged)] == acknowledged
    subprocess.run(["mount", "-o", "remount,size=4m", str(tiny_disk)], check=True)
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(5000)])
    assert ids_in(shop)[: len(acknowledged)] == acknowledged


@pytest.mark.parametrize("number", range(1, 14))
def test_no_space_at_any_write_loses_nothing(tmp_path, make_record, monkeypatch, number):
    """The n-th time that bytes should become durable there is no space left: an error, and the next append carries on."""
    shop = Organisation(root=tmp_path, evidence=SHOP)
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(at) for at in range(3)])
    calls, genuine = 0, os.fsync

    def full(descriptor):
        nonlocal calls
        calls += 1
        if calls == number:
            raise OSError(28, "No space left on device")
        genuine(descriptor)

    monkeypatch.setattr("averment.evidence.stores.directory.os.fsync", full)
    refused = ""
    try:
        with open_ledger(shop, write=True) as ledger:
            ledger.append([make_record(10, size=40_000)])
    except IncompleteError as error:
        refused = error.message
    monkeypatch.undo()
    assert ("No space left" in refused) is (calls >= number)
    assert ids_in(shop)[:3] == [make_record(at).id for at in range(3)]
    with open_ledger(shop, write=True) as ledger:
        assert ledger.append([make_record(10, size=40_000)])[0].index == 3
    assert len(ids_in(shop)) == 4


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder of ours that everybody may enter, and this process without root's privilege to write everywhere."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    was = os.geteuid()
    try:
        if was == 0:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        yield folder
    finally:
        os.seteuid(was)
        shutil.rmtree(folder)


def test_a_folder_that_may_not_be_written_is_said_to_be(nobody, make_record):
    """Read-only by its permissions: reading works, writing is an error with the file and what to do, and changes nothing."""
    shop = Organisation(root=nobody, evidence=SHOP)
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
    folders = [nobody, *(path for path in nobody.rglob("*") if path.is_dir())]
    files = [path for path in nobody.rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    for path in files:
        path.chmod(0o400)
    for path in reversed(folders):
        path.chmod(0o500)
    try:
        assert len(ids_in(shop)) == 1
        with (
            pytest.raises(IncompleteError, match=r"Permission denied|readonly database|read-only"),
            open_ledger(shop, write=True) as ledger,
        ):
            ledger.append([make_record(2)])
        assert {path: path.read_bytes() for path in files} == before
    finally:
        for path in folders:
            path.chmod(0o700)


def test_a_reader_that_may_not_write_proves_what_the_index_has_not_seen(nobody, make_record):
    """An index that is behind, as a killed writer leaves it: who may only read couldn't bring it up, and was told to delete it."""
    shop = Organisation(root=nobody, evidence=SHOP)
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
        index = ledger.store.root / ".index.sqlite"
        before = index.read_bytes()
        ledger.append([make_record(2)])
    index.write_bytes(before)
    index.chmod(0o400)
    index.parent.chmod(0o500)
    try:
        with open_ledger(shop) as ledger:
            assert [ledger.find(make_record(number).id) for number in (1, 2)] == [0, 1]
    finally:
        index.parent.chmod(0o700)
    assert index.read_bytes() == before


def test_a_folder_that_may_not_be_entered_is_said_to_be(nobody):
    """Whether a name is there, and what names there are, could not be checked: errors of the store, and not "nothing there"."""
    if os.geteuid() == 0:
        pytest.skip("root may enter every folder")
    store = DirectoryStore(nobody / "ledger")
    store.put_new("keys/1.vkey", b"1")
    (nobody / "ledger/keys").chmod(0)
    try:
        for ask in (lambda: store.exists("keys/1.vkey"), lambda: list(store.list("keys/")), lambda: store.get("keys/1.vkey")):
            with pytest.raises(StoreError, match="Permission denied") as caught:
                ask()
            assert not isinstance(caught.value, NotStoredError)
    finally:
        (nobody / "ledger/keys").chmod(0o700)


DONE = re.compile(rb"(HTTP/1\.1 100 .*?\r\n\r\n)?HTTP/1\.1 200 ", re.DOTALL)
"""The answer to a PUT that went through; on a busy machine it comes in one piece with the word to go on that went before."""


class Relay:
    """A line to the embedded AWS that can be cut: byte by byte, from the n-th PUT on it is dead, and nobody answers any more.
    Or the PUT goes through, and the answer to it is lost with the line that it came on."""

    def __init__(self, port: int) -> None:
        self.port, self.puts, self.fails_at, self.loses = port, 0, 10**9, -1
        self.listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def cut(self) -> bool:
        return self.puts >= self.fails_at

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self.listening.accept()
                far = socket.create_connection(("127.0.0.1", self.port))
                for one, other, counts in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self.pump, args=(one, other, counts), daemon=True).start()

    def pump(self, one: socket.socket, other: socket.socket, counts: bool) -> None:
        with suppress(OSError), one, other:
            while data := one.recv(65536):
                self.puts += counts and data.startswith(b"PUT /")
                lost = not counts and self.puts == self.loses and DONE.match(data) is not None
                if lost:
                    self.loses = -1
                    other.shutdown(socket.SHUT_RDWR)  # closing alone says nothing while the other thread waits for its data
                if self.cut or lost:
                    return
                other.sendall(data)


@pytest.fixture
def ledger_bucket(sandbox) -> str:
    """A bucket for the ledger."""
    boto3.client("s3").create_bucket(Bucket="ledger", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return "s3://ledger/evidence"


@pytest.fixture
def relay(sandbox, ledger_bucket, monkeypatch) -> Iterator[Relay]:
    """The line, in use by every client made from now on, which doesn't wait between its tries."""
    line = Relay(urlsplit(sandbox.endpoint).port or 0)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{line.listening.getsockname()[1]}")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    yield line
    line.listening.close()


def fails_and_recovers(shop: Organisation, make_record, begin, end) -> str:
    """Two records go in; the third fails once ``begin`` was called, as an error of the store; after ``end`` it goes in. The error."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1), make_record(2)])
        begin()
        with pytest.raises(StoreError) as caught:
            ledger.append([make_record(3)])
    end()
    assert ids_in(shop)[:2] == [make_record(1).id, make_record(2).id]
    with open_ledger(shop, write=True) as ledger:
        assert ledger.append([make_record(3)])[0].index == 2
    assert len(ids_in(shop)) == 3
    return caught.value.diagnostics()


@pytest.mark.parametrize("number", range(1, 6))
def test_an_s3_that_vanishes_at_any_write_loses_nothing(relay, ledger_bucket, tmp_path, make_record, number):
    """The line is cut at the n-th write of an append: the error names the place; when S3 is back, the next append carries on."""
    shop = Organisation(root=tmp_path, evidence=dataclasses.replace(SHOP, ledger=ledger_bucket))

    def cut():
        relay.puts, relay.fails_at = 0, number

    def mend():
        relay.fails_at = 10**9

    text = fails_and_recovers(shop, make_record, cut, mend)
    assert "could not" in text
    assert "s3://ledger/evidence" in text


@pytest.mark.parametrize("number", range(1, 6))
def test_an_answer_that_is_lost_is_no_lost_race(relay, ledger_bucket, tmp_path, make_record, number):
    """S3 does the n-th write of an append and its answer never comes; tried again, the condition no longer holds. The writer finds that
    it was its own write: the record goes in, once, as a new one, and what it staged was not removed too soon."""
    shop = Organisation(root=tmp_path, evidence=dataclasses.replace(SHOP, ledger=ledger_bucket))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1), make_record(2)])
        relay.puts, relay.loses = 0, number
        assert [(item.index, item.duplicate) for item in ledger.append([make_record(3)])] == [(2, False)]
        assert (relay.puts, relay.loses) == (6, -1)  # five writes, and one of them twice
    assert ids_in(shop) == [make_record(at).id for at in (1, 2, 3)]


@pytest.mark.parametrize("number", range(1, 6))
def test_credentials_that_expire_at_any_write_lose_nothing(ledger_bucket, tmp_path, make_record, monkeypatch, number):
    """S3 answers ExpiredToken from the n-th write on: said so, with what to do; after signing in again the next append carries on."""
    from moto.s3.exceptions import S3ClientError
    from moto.s3.responses import S3Response

    writes, genuine = 0, S3Response.put_object

    def expired(self):
        nonlocal writes
        writes += 1
        if writes >= number:
            raise S3ClientError("ExpiredToken", "The provided token has expired.")
        return genuine(self)

    shop = Organisation(root=tmp_path, evidence=dataclasses.replace(SHOP, ledger=ledger_bucket))
    text = fails_and_recovers(shop, make_record, lambda: monkeypatch.setattr(S3Response, "put_object", expired), monkeypatch.undo)
    assert "ExpiredToken" in text
    assert "sign in again" in text


def bucket_with(lock: dict | None = None, versioning: str | None = None) -> str:
    """A bucket with Object Lock as ``lock`` says, or with versioning alone."""
    s3 = boto3.client("s3")
    place = {"Bucket": "worm", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    s3.create_bucket(**place, **({"ObjectLockEnabledForBucket": True} if lock is not None else {}))
    if lock:
        rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": lock}}
        s3.put_object_lock_configuration(Bucket="worm", ObjectLockConfiguration=rule)
    if versioning:
        s3.put_bucket_versioning(Bucket="worm", VersioningConfiguration={"Status": versioning})
    return "s3://worm"


@pytest.mark.parametrize(
    ("lock", "versioning", "words"),
    [
        (None, None, ["keeps no versions (versioning: never enabled)", "no Object Lock"]),
        (None, "Enabled", ["no Object Lock"]),
        (None, "Suspended", ["versioning: Suspended", "no Object Lock"]),
        ({}, None, ["no Object Lock with a default retention"]),
        ({"Mode": "GOVERNANCE", "Days": 400}, None, ["GOVERNANCE mode"]),
        ({"Mode": "COMPLIANCE", "Days": 10}, None, ["lasts 10 days, not 365"]),
        ({"Mode": "COMPLIANCE", "Days": 365}, None, []),
        ({"Mode": "COMPLIANCE", "Years": 1}, None, []),
    ],
)
def test_a_ledger_in_s3_checks_what_protects_it(sandbox, tmp_path, make_record, lock, versioning, words):
    """Versioning and Object Lock are asked for when the ledger is opened for writing; what was demanded and is missing stops it before a write."""
    shop = Organisation(root=tmp_path, evidence=dataclasses.replace(SHOP, ledger=bucket_with(lock, versioning), object_lock_days=365))
    if words:
        with pytest.raises(BadInputError) as caught:
            open_ledger(shop, write=True)
        assert all(word in caught.value.message for word in words)
        assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket="worm")
    with open_ledger(dataclasses.replace(shop, evidence=dataclasses.replace(shop.evidence, object_lock_days=None)), write=True) as ledger:
        ledger.append([make_record(1)])  # not demanded: it is only said
        assert len(ledger.notes) == len([word for word in words if "lasts" not in word])


def test_what_could_not_be_checked_is_no_protection(sandbox):
    """Without the permission to look, a demanded lock is an error that names the action; otherwise a note."""
    from botocore.exceptions import ClientError

    from averment.evidence.stores.s3 import S3Store

    class Denying:
        def get_bucket_versioning(self, **_):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetBucketVersioning")

        get_object_lock_configuration = get_bucket_versioning

    with pytest.raises(StoreError) as caught:
        S3Store("bucket", s3=Denying()).protect(30)
    assert "GetBucketVersioning" in caught.value.fix
    assert all("could not be checked" in note for note in S3Store("bucket", s3=Denying()).protect(None))


def test_a_folder_cannot_be_demanded_to_lock(tmp_path):
    """A lock is asked for and the ledger is a folder: refused, not ignored."""
    shop = Organisation(root=tmp_path, evidence=dataclasses.replace(SHOP, object_lock_days=30))
    with pytest.raises(BadInputError, match="can't lock"):
        open_ledger(shop, write=True)
