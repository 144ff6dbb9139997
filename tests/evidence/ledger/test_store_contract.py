"""One contract, two stores: a folder, and a bucket of the embedded AWS."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import boto3
import pytest

from averment.core.errors import BadInputError, IncompleteError
from averment.core.organisation import EvidenceSettings, Organisation
from averment.evidence.ledger.opening import open_ledger, open_store
from averment.evidence.stores.directory import DirectoryStore
from averment.evidence.stores.interface import ConflictError, HeldError, NotStoredError, StoreError, check_name
from averment.evidence.stores.s3 import S3Store


@pytest.fixture(params=["directory", "s3", "s3-prefix"])
def store(request, tmp_path):
    """An empty store of each kind."""
    if request.param == "directory":
        return DirectoryStore(tmp_path / "store")
    request.getfixturevalue("s3")
    boto3.client("s3").create_bucket(Bucket="ledger", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return S3Store.from_url("s3://ledger" + ("/evidence/shop/" if request.param == "s3-prefix" else ""))


def test_what_is_put_is_got(store):
    """Bytes come back as they went, any bytes, also none."""
    for name, data in (("a", b"\x00\xff\n"), ("deep/er/x001/002.p/5", b"x" * 100_000), ("empty", b"")):
        assert not store.exists(name)
        store.put_new(name, data)
        assert store.exists(name)
        assert store.get(name).data == data


def test_nothing_there_is_its_own_error(store):
    """A missing name is told apart from a store that is out of reach."""
    with pytest.raises(NotStoredError):
        store.get("nothing")
    store.put_new("file", b"1")
    with pytest.raises(NotStoredError):
        store.get("file/below")


def test_written_once(store):
    """The same bytes again are fine, other bytes are refused and change nothing."""
    store.put_new("once", b"first")
    store.put_new("once", b"first")
    with pytest.raises(ConflictError):
        store.put_new("once", b"second")
    assert store.get("once").data == b"first"


def test_replaced_only_from_the_version_read(store):
    """Compare and swap: a stale version, or a name that has appeared or gone, loses."""
    first = store.replace_if("head", b"1", None)
    assert store.get("head").version == first
    with pytest.raises(ConflictError):
        store.replace_if("head", b"other", None)
    second = store.replace_if("head", b"2", first)
    with pytest.raises(ConflictError):
        store.replace_if("head", b"3", first)
    with pytest.raises(ConflictError):
        store.replace_if("gone", b"1", second)
    assert store.get("head") == type(store.get("head"))(b"2", second)


def test_replacing_by_what_is_there_is_no_error(store):
    """Who tries again because an answer was lost finds that it won, under the version that is there now; nobody else's bytes count."""
    store.replace_if("head", b"1", None)
    assert store.replace_if("head", b"1", None) == store.get("head").version
    stale = store.replace_if("head", b"2", store.get("head").version)
    now = store.replace_if("head", b"3", stale)
    assert store.replace_if("head", b"3", stale) == now
    with pytest.raises(ConflictError):
        store.replace_if("head", b"2", stale)


def test_of_many_at_once_exactly_one_wins(store):
    """Eight threads replace the same version: one succeeds; eight write one new name: one writes, and its bytes stay."""
    version = store.replace_if("head", b"start", None)
    won: list[tuple[str, bytes]] = []
    gate = threading.Barrier(8)

    def rush(number):
        data = str(number).encode()
        gate.wait()
        for name, action in (("head", lambda: store.replace_if("head", data, version)), ("new", lambda: store.put_new("new", data))):
            try:
                action()
                won.append((name, data))
            except ConflictError:
                continue

    threads = [threading.Thread(target=rush, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(name for name, _ in won) == ["head", "new"]
    assert all(store.get(name).data == data for name, data in won)


def test_listed_in_order_by_folder(store):
    """Every name once, in order, relative to the store; of a folder only what is in it; nothing is an empty list."""
    names = ["a", "keys/1.pem", "keys/2.pem", "tile/0/000", "tile/0/000.p/1", "tile/0/x001/000"]
    for name in reversed(names):
        store.put_new(name, name.encode())
    assert list(store.list("keys/")) == ["keys/1.pem", "keys/2.pem"]
    assert sorted(store.list("")) == names
    assert list(store.list("tile/0/000.p/")) == ["tile/0/000.p/1"]
    assert list(store.list("absent/")) == []


@pytest.mark.parametrize("laid", ["keys/0a1b2c3d (copy).vkey", "keys/.0a1b2c3d.vkey", "keys/x~.endorsed", "tile/0/000.p/1 2"])
def test_what_somebody_laid_there_under_another_sort_of_name_is_left_alone(store, laid, tmp_path):
    """A copy that a file manager made beside a key ended every command on the ledger as a flaw of the program."""
    store.put_new("keys/0a1b2c3d.vkey", b"1")
    if isinstance(store, S3Store):
        prefix = store.location.removeprefix("s3://ledger").strip("/")
        boto3.client("s3").put_object(Bucket="ledger", Key="/".join(filter(None, (prefix, laid))), Body=b"2")
    else:
        path = tmp_path / "store" / laid
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"2")
    assert list(store.list("")) == ["keys/0a1b2c3d.vkey"]


def test_discarding_twice_is_no_error(store):
    """What is superseded can be removed, also if somebody was faster."""
    store.put_new("old", b"1")
    store.discard("old")
    store.discard("old")
    assert not store.exists("old")


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../up", "a/../b", "a//b", ".hidden", "a/.hidden", "a\\b", "nul\x00"])
def test_no_name_leads_out_of_the_store(store, name):
    """A name that isn't plain is refused by every verb."""
    for verb in (
        store.get,
        store.exists,
        store.discard,
        lambda name: store.put_new(name, b""),
        lambda name: store.replace_if(name, b"", None),
    ):
        with pytest.raises(ValueError):
            verb(name)
    with pytest.raises(ValueError):
        check_name(name)


def test_a_ledger_works_on_any_store(store, make_record, tmp_path):
    """The whole thing on each store: written, read, proven; a second machine with an empty cache finds duplicates."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(ledger=store.location, origin="example.com/shop"))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(number, size=40_000 * (number == 3)) for number in range(260)])
        ledger.append([make_record(300)])
        assert [note for note in ledger.notes if "the bucket ledger" not in note] == []  # nothing but that this bucket is unprotected
    if isinstance(store, DirectoryStore):
        (store.root / ".index.sqlite").unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "key.pem").write_bytes(shop.path(shop.evidence.signing_key).read_bytes())
    (elsewhere / "key.pem").chmod(0o600)
    there = Organisation(root=elsewhere, evidence=EvidenceSettings(ledger=store.location, signing_key="key.pem", origin="example.com/shop"))
    with open_ledger(there, write=True) as ledger:
        assert [item.duplicate for item in ledger.append([make_record(259), make_record(301)])] == [True, False]
        assert len(list(ledger.records())) == 262


def test_two_writers_in_s3_need_no_lock(s3, make_record, tmp_path):
    """Threads that append to one bucket at once: conditional writes decide, every record stands once."""
    s3.create_bucket(Bucket="shared", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(ledger="s3://shared", origin="example.com/shop"))
    open_ledger(shop, write=True).close()
    errors: list[Exception] = []

    def write(numbers):
        try:
            with open_ledger(shop, write=True) as ledger:
                for number in numbers:
                    ledger.append([make_record(number)])
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            errors.append(error)

    threads = [threading.Thread(target=write, args=(range(first, 16, 2),)) for first in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with open_ledger(shop) as ledger:
        assert sorted(entry.record.query["number"] for entry in ledger.records()) == list(range(16))


def test_a_bucket_that_is_not_there_is_said_to_be(sandbox, tmp_path):
    """An unreachable or denied store is an error with the place in it, not an empty ledger."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(ledger="s3://no-such-bucket/x"))
    with pytest.raises(StoreError, match=r"s3://no-such-bucket/x.*NoSuchBucket"):
        open_ledger(shop)


def test_without_permission_the_missing_action_is_named():
    """Access denied names what to allow."""
    from botocore.exceptions import ClientError

    class Denying:
        def put_object(self, **_):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")

    with pytest.raises(StoreError) as caught:
        S3Store("bucket", s3=Denying()).put_new("name", b"")
    assert "PutObject" in caught.value.fix


def test_a_boto3_without_conditional_writes_is_named():
    """An SDK that doesn't know If-Match must not lead to an unconditional write; the message says which version does."""
    from botocore.exceptions import ParamValidationError

    class Old:
        def put_object(self, **_):
            raise ParamValidationError(report='Unknown parameter in input: "IfMatch"')

    with pytest.raises(StoreError) as caught:
        S3Store("bucket", s3=Old()).replace_if("head", b"", "etag")
    assert "boto3" in caught.value.fix


def test_every_write_has_a_checksum(s3, monkeypatch):
    """A bucket with Object Lock refuses what has none (PutObject's reference: "required for any request to upload an object with a retention period");
    boto3 before 1.36 sends none by itself, and later ones don't where AWS_REQUEST_CHECKSUM_CALCULATION says so."""
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    client, sent = boto3.client("s3"), []
    client.meta.events.register("before-send.s3.PutObject", lambda request, **_: sent.append({name.lower() for name in request.headers}))
    client.create_bucket(Bucket="locked", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}, ObjectLockEnabledForBucket=True)
    store = S3Store("locked", s3=client)
    store.put_new("tile", b"1")
    store.replace_if("checkpoint", b"2", store.replace_if("checkpoint", b"1", None))
    assert len(sent) == 3
    assert all(headers & {"content-md5", "x-amz-checksum-sha256", "x-amz-trailer"} for headers in sent)


def test_object_lock_keeps_what_is_tidied_up(s3, make_record, tmp_path):
    """In a bucket with Object Lock in compliance mode the ledger works, and no version of anything it kept is gone."""
    s3.create_bucket(Bucket="worm", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    s3.put_object_lock_configuration(Bucket="worm", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(ledger="s3://worm", origin="example.com/shop"))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
        ledger.append([make_record(2)])
        assert ledger.size == 2
    versions = [item["Key"] for item in s3.list_object_versions(Bucket="worm")["Versions"]]
    assert versions.count("checkpoint") == 2
    assert [name for name in versions if name.startswith("staging/")]


def test_a_clash_in_s3_is_tried_again(s3, make_record, tmp_path, monkeypatch):
    """S3 answers 409 where two write one name at one moment, and neither may have won: it is tried again, and only a lasting clash is an error."""
    from moto.s3.exceptions import S3ClientError
    from moto.s3.responses import S3Response

    class ClashError(S3ClientError):
        code = 409

    monkeypatch.setattr("averment.evidence.stores.s3.time.sleep", lambda _: None)
    s3.create_bucket(Bucket="busy", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(ledger="s3://busy", origin="example.com/shop"))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
        put_object, clashes = S3Response.put_object, {}

        def clash(self):
            name = self.path
            clashes[name] = clashes.get(name, 0) + 1
            if clashes[name] <= limit:
                raise ClashError("ConditionalRequestConflict", "The conditional request cannot succeed due to a conflicting operation.")
            return put_object(self)

        monkeypatch.setattr(S3Response, "put_object", clash)
        limit = 2
        assert [item.index for item in ledger.append([make_record(2)])] == [1]
        assert len(clashes) == 5
        assert set(clashes.values()) == {3}
        limit = 1000
        with pytest.raises(StoreError, match="ConditionalRequestConflict"):
            ledger.append([make_record(3)])
        limit = 0
        assert [item.index for item in ledger.append([make_record(3)])] == [2]


@pytest.mark.parametrize(
    "text", ["gs://bucket/x", "https://example.com", "s3://", "s3://bucket?x=1", "s3:/bucket/x", "s3:bucket", "~/ledger", "$HOME/x"]
)
def test_no_other_place_is_taken_for_a_folder(text, tmp_path):
    """A mistyped URL is refused instead of becoming a folder of that name."""
    with pytest.raises(BadInputError):
        open_store(text, tmp_path)


def test_a_folder_lock_is_let_go_and_says_who_held_it(tmp_path):
    """The writer lock of a folder excludes others while it is held, and no longer."""
    one, two = DirectoryStore(tmp_path), DirectoryStore(tmp_path)
    with one.writing("the first", wait=0):
        (tmp_path / ".tmp").mkdir()
        with pytest.raises(HeldError, match="the first"), two.writing("the second", wait=0.03):
            pass
    (tmp_path / ".tmp" / "left-by-a-killed-writer").write_bytes(b"x")
    with two.writing("the second", wait=0):
        assert list((tmp_path / ".tmp").iterdir()) == []


def test_what_cannot_be_swept_away_keeps_no_writer_out(tmp_path, monkeypatch):
    """The half-written file of another user who was killed, a folder, a pipe: each ended every append, or let it wait for ever."""
    store = DirectoryStore(tmp_path)
    (tmp_path / ".tmp" / "folder").mkdir(parents=True)
    os.mkfifo(tmp_path / ".tmp" / "pipe")
    os.mkfifo(tmp_path / ".replace.lock")
    (tmp_path / ".tmp" / "of-another-user").write_bytes(b"x")
    (tmp_path / ".tmp" / "own").write_bytes(b"x")
    opens = Path.open

    def refusing(self, *arguments, **options):
        if self.name == "of-another-user":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opens(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refusing)

    def write():
        with store.writing("a writer", wait=0):
            store.replace_if("head", b"1", None)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    writer.join(timeout=60)
    assert store.get("head").data == b"1"
    assert sorted(path.name for path in (tmp_path / ".tmp").iterdir()) == ["folder", "of-another-user", "pipe"]


def test_a_file_that_is_being_written_is_not_swept_away(tmp_path, monkeypatch):
    """What is written without the writer lock (a timestamp, a cosigned checkpoint) survives another process that takes the lock."""
    store, swept = DirectoryStore(tmp_path), []
    genuine = os.fsync

    def sweep(descriptor):
        genuine(descriptor)
        if not swept and list((tmp_path / ".tmp").iterdir()):
            swept.append(True)
            with DirectoryStore(tmp_path).writing("another process", wait=0):
                pass

    monkeypatch.setattr("averment.evidence.stores.directory.os.fsync", sweep)
    store.put_new("new", b"1")
    swept.clear()
    store.replace_if("head", b"2", None)
    assert swept == [True]
    assert (store.get("new").data, store.get("head").data) == (b"1", b"2")
    assert list((tmp_path / ".tmp").iterdir()) == []


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    """When the bytes can't be made durable, the name doesn't appear and the error says why."""
    store = DirectoryStore(tmp_path)
    store.replace_if("head", b"old", None)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("averment.evidence.stores.directory.os.fsync", full)
    for action in (lambda: store.put_new("new", b"1"), lambda: store.replace_if("head", b"new", store.get("head").version)):
        with pytest.raises(IncompleteError, match="No space left"):
            action()
    assert list(store.list("")) == ["head"]
    assert store.get("head").data == b"old"
    assert list((tmp_path / ".tmp").iterdir()) == []


@pytest.mark.parametrize(
    "text",
    ["s3:/ledger/shop", "s3:ledger", "S3://ledger", "S3:ledger", "gs://ledger/shop", "https://ledger.example", "s3://", "s3:///shop"],
)
def test_a_slip_in_a_buckets_address_is_no_folder(tmp_path, text):
    """Taken for a folder, the record of a quarter would go to the disk of whichever machine ran the job, and away with it."""
    with pytest.raises(BadInputError):
        open_store(text, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_called_like_a_bucket_is_one(tmp_path):
    """Only what is written as an address is one."""
    for text in ("s3", "s3/ledger", "records/s3:2026"):
        assert open_store(text, tmp_path).location == DirectoryStore(tmp_path / text).location
