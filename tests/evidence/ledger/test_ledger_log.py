"""The ledger: what goes in comes out, verified; nothing that was changed, dropped or rolled back goes unnoticed."""

from __future__ import annotations

import dataclasses
import shutil
import stat
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from averment.core.canonical import canonical_json, sha256_hex
from averment.core.errors import BadInputError, IncompleteError, VerificationError
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.period import parse_period
from averment.core.signing.local import LocalSigner
from averment.evidence.ledger import committing
from averment.evidence.ledger.checkpoint import VerifierKey
from averment.evidence.ledger.index import RecordIndex
from averment.evidence.ledger.log import BATCH, Ledger
from averment.evidence.ledger.merkle import leaf_hash, tree_hash, verify_consistency
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.ledger.proof import InclusionProof
from averment.evidence.ledger.tiles import decode_bundle, encode_bundle
from averment.evidence.record import Kind
from averment.evidence.reporting.reading import Reading, Rows
from averment.evidence.stores.directory import DirectoryStore
from averment.evidence.stores.interface import HeldError, StoreError


def folder(organisation):
    """Where the ledger lies."""
    return organisation.path(organisation.evidence.ledger)


def test_records_come_back_in_order_with_their_places(shop, make_record):
    """What was appended is read back, by a reader that has no private key."""
    records = [make_record(number) for number in range(5)]
    with open_ledger(shop, write=True) as ledger:
        answer = ledger.append(records)
    assert [(item.record_id, item.index, item.duplicate) for item in answer] == [(r.id, n, False) for n, r in enumerate(records)]
    shutil.rmtree(shop.path(".averment/keys"))
    with open_ledger(shop) as reader:
        assert [(entry.index, entry.record) for entry in reader.records()] == list(enumerate(records))
        assert reader.size == reader.checkpoint.size == 5
        assert reader.entry(3).record == records[3]
        assert reader.find(records[4].id) == 4
        assert reader.find(make_record(99).id) is None
        assert reader.find("no record id") is None


def test_the_same_record_is_stored_once(shop, make_record):
    """Appending again gives the first place and says so; also twice in one call, and from another process's point of view."""
    with open_ledger(shop, write=True) as ledger:
        first = ledger.append([make_record(1), make_record(2), make_record(1)])
        assert [(item.index, item.duplicate) for item in first] == [(0, False), (1, False), (0, True)]
    with open_ledger(shop, write=True) as ledger:
        again = ledger.append([make_record(2), make_record(3)])
        assert [(item.index, item.duplicate) for item in again] == [(1, True), (2, False)]
        assert ledger.size == 3


def test_filters_by_kind_and_period(shop, make_record):
    """``records`` narrows by kind and by when the fact held, not by when it was collected."""
    late = datetime(2027, 1, 5, tzinfo=UTC)
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1), make_record(2, kind=Kind.CLAIM), make_record(3, at=late), make_record(4, collected_at=late)])
        assert [entry.index for entry in ledger.records(kind=Kind.CLAIM)] == [1]
        assert [entry.index for entry in ledger.records(period=parse_period("2026Q4"))] == [0, 1, 3]


def test_an_empty_ledger_reads_as_empty_and_leaves_nothing_behind(shop):
    """Reading where nothing was written is no error, writes nothing, and proves nothing."""
    with open_ledger(shop) as ledger:
        assert (ledger.size, ledger.checkpoint, list(ledger.records())) == (0, None, [])
        with pytest.raises(BadInputError, match="no entry 0"):
            ledger.prove(0)
        with pytest.raises(BadInputError, match="opened for reading"):
            ledger.append([])
    assert not folder(shop).exists()


@pytest.mark.parametrize("sizes", [(255, 1, 1), (256, 256), (300, 0, 212, 1), (1, 1, 1, 600)])
def test_tiles_grow_right_whatever_the_batches(shop, make_record, sizes):
    """Batches that end before, on and after tile boundaries: the root is that of the entries, and every entry is proven."""
    with open_ledger(shop, write=True) as ledger:
        number = 0
        for size in sizes:
            ledger.append([make_record(number + at) for at in range(size)])
            number += size
    with open_ledger(shop) as reader:
        entries = list(reader.records())
        assert (
            reader.checkpoint.root == tree_hash([leaf_hash(entry.envelope) for entry in entries]) == tree_hash(list(reader.leaf_hashes()))
        )
        for index in {0, 1, number // 2, number - 1}:
            proof = InclusionProof.parse(bytes(reader.prove(index)))
            assert proof.verify(entries[index].envelope, shop.evidence.origin, reader.keys).size == number
            with pytest.raises(VerificationError):
                proof.verify(entries[index - 1].envelope + b" ", shop.evidence.origin, reader.keys)


def test_a_writer_goes_on_with_what_a_reader_reads(shop, make_record):
    """The tree that a writer computed as it appended, without reading it back, is the one in the store: edges, entries and proofs, across
    two levels of tiles, in batches that end before, on and after a tile's end."""
    number = 0
    with open_ledger(shop, write=True) as ledger:
        for size in (1, 254, 1, 1, 255, 256, 300, 3):
            ledger.append([make_record(number + at) for at in range(size)])
            number += size
            with open_ledger(shop) as reader:
                assert (ledger.size, ledger.tree.root) == (reader.size, reader.tree.root) == (number, reader.checkpoint.root)
                for level in range(3):
                    assert ledger.tree.edge(level) == reader.tree.edge(level)
                    assert ledger.tree.parts(level) == reader.tree.parts(level)
                last = (number - 1) // 256
                assert ledger.tree.bundle(last) == reader.tree.bundle(last)
                assert all(ledger.prove(at) == reader.prove(at) for at in {0, number // 2, number - 1})


def test_the_layout_is_that_of_tlog_tiles(shop, make_record):
    """The example of c2sp.org/tlog-tiles, scaled: 600 entries are two full tiles and partial ones of 88 and 2; partials that filled up go."""
    with open_ledger(shop, write=True) as ledger:
        for start in range(0, 600, 100):
            ledger.append([make_record(number) for number in range(start, start + 100)])
    names = set(DirectoryStore(folder(shop)).list("tile/"))
    assert {"tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/001", "tile/entries/002.p/88"} <= names
    assert not [name for name in names if name.startswith(("tile/0/000.p", "tile/0/001.p", "tile/entries/000.p"))]
    assert (folder(shop) / "tile/0/000").stat().st_size == 8192
    assert not list((folder(shop) / "staging").iterdir())


def test_a_reader_is_not_disturbed_by_a_writer(shop, make_record):
    """Who reads as of an earlier checkpoint still can when the partial tiles of that time have given way to full ones."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(number) for number in range(100)])
        reader = open_ledger(shop)
        ledger.append([make_record(number) for number in range(100, 300)])
    assert not (folder(shop) / "tile/entries/000.p").exists() or not list((folder(shop) / "tile/entries/000.p").iterdir())
    assert len(list(reader.records())) == 100
    reader.refresh()
    assert len(list(reader.records())) == 300


def test_more_than_a_batch_goes_in_parts(shop, make_record, monkeypatch):
    """A long stream is committed batch by batch, so that memory stays bounded and an interruption loses no acknowledged batch."""
    monkeypatch.setattr("averment.evidence.ledger.log.BATCH", 10)
    assert BATCH > 10

    def stream():
        yield from (make_record(number) for number in range(25))
        raise KeyboardInterrupt

    with open_ledger(shop, write=True) as ledger, pytest.raises(KeyboardInterrupt):
        ledger.append(stream())
    with open_ledger(shop, write=True) as ledger:
        assert ledger.size == 20
        assert sum(item.duplicate for item in ledger.append([make_record(number) for number in range(25)])) == 20


def test_large_records_make_smaller_batches(shop, make_record, monkeypatch):
    """Memory is bounded by bytes too: once a batch is long enough it is committed, and nothing of the next is asked for before that."""
    monkeypatch.setattr("averment.evidence.ledger.log.BATCH_BYTES", 100_000)
    sizes = []

    def stream(ledger):
        for number in range(10):
            sizes.append(ledger.size)
            yield make_record(number, size=20_000 if number < 8 else 0)  # two bytes a letter

    with open_ledger(shop, write=True) as ledger:
        assert [item.index for item in ledger.append(stream(ledger))] == list(range(10))
    assert sizes == [0, 0, 0, 3, 3, 3, 6, 6, 6, 6]
    assert make_record(1).size == len(canonical_json(make_record(1).to_json(with_id=False)))


@pytest.mark.parametrize("payload", [{"a": [1, {"b": "c"}]}, {"a": 0.5}, {"é": "ü", "big": 2**53 - 1}])
def test_of_a_record_that_is_read_everything_is_written_once(shop, make_record, monkeypatch, payload):
    """Its id and its digest follow from the same bytes. A payload of megabytes was written three times for each look at it."""
    made = dataclasses.replace(make_record(1), payload=payload)
    assert made.digest == sha256_hex(canonical_json(made.to_json()))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([made])
        written = []
        for module in ("record", "ledger.envelope"):
            monkeypatch.setattr(f"averment.evidence.{module}.canonical_json", lambda value: written.append(value) or canonical_json(value))
        reading = Reading(parse_period("2026Q4"), Rows.in_memory())
        for entry in ledger.records():
            reading.add(entry)
    assert [row.sha256 for row in reading.rows.evidence] == [made.digest]
    assert sum("payload" in value for value in written) == 1


def test_every_earlier_checkpoint_is_a_beginning(shop, make_record):
    """For each earlier checkpoint there is a consistency proof; for one of another history there is none."""
    earlier = []
    with open_ledger(shop, write=True) as ledger:
        for number in range(12):
            ledger.append([make_record(number)])
            earlier.append(ledger.checkpoint.checkpoint)
        for old in earlier:
            verify_consistency(old.size, old.root, ledger.size, ledger.checkpoint.root, ledger.prove_extension(old))
        with pytest.raises(VerificationError, match="rewritten"):
            ledger.prove_extension(dataclasses.replace(earlier[4], root=earlier[5].root))
        with pytest.raises(VerificationError, match="rolled back"):
            ledger.prove_extension(dataclasses.replace(earlier[4], size=99))


def test_a_rolled_back_ledger_is_noticed_by_whoever_wrote_it(shop, make_record, tmp_path):
    """A copy from last week put back in place verifies by itself, but not on a machine that has seen more."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
    shutil.copytree(folder(shop), tmp_path / "copy")
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(2)])
        shutil.move(folder(shop) / ".index.sqlite", tmp_path / "kept")
        shutil.rmtree(folder(shop))
        shutil.copytree(tmp_path / "copy", folder(shop))
        with pytest.raises(VerificationError, match="rolled back"):
            ledger.refresh()
    shutil.copy(tmp_path / "kept", folder(shop) / ".index.sqlite")
    for write in (True, False):
        with pytest.raises(VerificationError, match="rolled back: it has 1 entries"):
            open_ledger(shop, write=write)


def test_only_the_checkpoint_put_back_is_noticed(shop, make_record):
    """An old checkpoint over newer tiles: the writer refuses to build a second history on it."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
        old = (folder(shop) / "checkpoint").read_bytes()
        ledger.append([make_record(2)])
        ledger.append([make_record(3)])
    (folder(shop) / "checkpoint").write_bytes(old)
    (folder(shop) / ".index.sqlite").unlink()
    with open_ledger(shop, write=True) as ledger, pytest.raises(VerificationError, match="rolled back"):
        ledger.append([make_record(4)])


def test_a_lost_or_stale_index_is_rebuilt_and_a_wrong_one_found(shop, make_record):
    """The index is only a cache: without it duplicates are still known; one that lies is named instead of believed."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(number) for number in range(300)])
    index = folder(shop) / ".index.sqlite"
    index.unlink()
    with open_ledger(shop, write=True) as ledger:
        assert ledger.append([make_record(299)])[0].duplicate
        ledger._index.extend([(make_record(999).id, 5)], ledger.size, ledger.checkpoint.root)
        with pytest.raises(VerificationError, match="which it is not"):
            ledger.append([make_record(999)])
    index.write_bytes(b"not a database, but long enough to be one" * 100)
    with pytest.raises(IncompleteError, match="delete it"):
        raise_with_fix(lambda: open_ledger(shop, write=True))


def test_an_index_that_is_behind_makes_no_record_stand_twice(shop, make_record, tmp_path, monkeypatch):
    """It knows all up to some entry, or whoever caught up was killed on the way: the next one goes on there and leaves nothing out."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(number) for number in range(255)])
    index = folder(shop) / ".index.sqlite"
    shutil.copy(index, tmp_path / "behind")
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(number) for number in range(255, 258)])
    shutil.copy(tmp_path / "behind", index)
    with open_ledger(shop, write=True) as ledger:
        assert all(item.duplicate for item in ledger.append([make_record(255), make_record(256), make_record(257)]))
    index.unlink()
    monkeypatch.setattr(committing, "_CATCH_UP_BUNDLES", 1)
    extend = RecordIndex.extend

    def killed(*arguments):
        extend(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, open_ledger(shop, write=True) as ledger:
        patch.setattr(RecordIndex, "extend", killed)
        with pytest.raises(KeyboardInterrupt):
            ledger.append([make_record(257)])
    with open_ledger(shop, write=True) as ledger:
        assert ledger.append([make_record(257)])[0].duplicate


def raise_with_fix(function):
    """Call it; an error's fix becomes part of its message, so that a test can look for it."""
    try:
        return function()
    except IncompleteError as error:
        raise IncompleteError(f"{error.message} ({error.fix})") from error


def files_of_a_ledger():
    """The files whose every byte the checkpoint or a key's id covers, of the ledger that the tamper tests make."""
    return ("checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44", "blobs", "keys")


@pytest.fixture(scope="module")
def big_shop(tmp_path_factory, make_record):
    """A ledger of 300 entries, one with a detached payload; not to be changed."""
    root = tmp_path_factory.mktemp("big")
    shop = Organisation(name="Shop", root=root, evidence=EvidenceSettings(origin="example.com/shop"))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(number, size=40_000 if number == 7 else 0) for number in range(300)])
    return shop


def read_all(organisation):
    """Read and verify everything; the number of entries."""
    with open_ledger(organisation) as reader:
        return len(list(reader.records()))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@example(which="keys", where=0.9921875, bit=0)  # the line's end became another blank
@given(which=st.sampled_from(files_of_a_ledger()), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_reader_notices_any_flipped_bit(big_shop, which, where, bit):
    """One bit anywhere in the checkpoint, a tile, a bundle, a blob or a key: reading everything fails."""
    path = folder(big_shop) / which
    if path.is_dir():
        path = next(item for item in sorted(path.rglob("*")) if item.is_file() and item.suffix != ".pem")
    original = path.read_bytes()
    at = int(len(original) * where)
    path.write_bytes(original[:at] + bytes([original[at] ^ 1 << bit]) + original[at + 1 :])
    try:
        with pytest.raises(VerificationError):
            read_all(big_shop)
    finally:
        path.write_bytes(original)


@pytest.mark.parametrize("bundle", [0, 1])
def test_an_entry_exchanged_together_with_its_hash_is_noticed(big_shop, bundle):
    """Who can write to the store and makes bundle and tile fit each other still can't make them fit the checkpoint."""
    name, tile = [("tile/entries/000", "tile/0/000"), ("tile/entries/001.p/44", "tile/0/001.p/44")][bundle]
    paths = [folder(big_shop) / item for item in (name, tile)]
    originals = [path.read_bytes() for path in paths]
    entries = decode_bundle(originals[0])
    entries[3] = entries[4]
    paths[0].write_bytes(encode_bundle(entries))
    paths[1].write_bytes(b"".join(leaf_hash(entry) for entry in entries))
    try:
        with pytest.raises(VerificationError, match=tile.replace(".", "\\.")):
            read_all(big_shop)
    finally:
        for path, data in zip(paths, originals, strict=True):
            path.write_bytes(data)


def test_a_copy_whose_checkpoint_is_of_more_is_to_be_made_anew(shop, make_record, tmp_path):
    """Something was added between its tiles and its checkpoint: whoever had such a backup was told to restore the ledger from a copy."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
        shutil.copytree(folder(shop) / "tile", tmp_path / "tile")
        ledger.append([make_record(2)])
    shutil.rmtree(folder(shop) / "tile")
    shutil.move(tmp_path / "tile", folder(shop))
    with pytest.raises(VerificationError, match="is missing") as caught:
        read_all(shop)
    assert "make it anew" in (caught.value.fix or "")


@pytest.mark.parametrize("which", files_of_a_ledger()[1:7])
def test_a_reader_names_a_missing_file(big_shop, which, tmp_path):
    """A file that is gone is an error that names it, never a shorter ledger."""
    path = folder(big_shop) / which
    shutil.move(path, tmp_path / "away")
    try:
        with pytest.raises(VerificationError, match=which):
            read_all(big_shop)
    finally:
        shutil.move(tmp_path / "away", path)


def test_another_key_is_refused_unless_it_was_let_in(shop, make_record):
    """A lost or mistyped key file doesn't start a second key in silence, and a key that somebody laid beside the log is no reason to go on with
    it; that averment.yaml names the lost one is."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
    first = shop.path(shop.evidence.signing_key)
    first.rename(first.with_suffix(".old"))
    with pytest.raises(BadInputError, match="is not here"):
        open_ledger(shop, write=True)
    other = VerifierKey(shop.evidence.origin, LocalSigner.create(first).public_key())
    with pytest.raises(BadInputError, match=other.id.hex()):
        open_ledger(shop, write=True)
    with open_ledger(shop) as ledger:
        (lost,) = ledger.keys
    (folder(shop) / f"keys/{other.id.hex()}.vkey").write_text(f"{other}\n")
    with pytest.raises(VerificationError, match="none of which is a known key"):
        open_ledger(shop, write=True)
    (folder(shop) / f"keys/{other.id.hex()}.vkey").unlink()
    witness = VerifierKey(shop.evidence.origin, lost.public_key, cosigner=True)
    for text in (str(VerifierKey("example.com/other", lost.public_key)), str(witness), "no key"):
        with pytest.raises(BadInputError, match=r"evidence\.former_keys: "):
            open_ledger(dataclasses.replace(shop, evidence=dataclasses.replace(shop.evidence, former_keys=(text,))), write=True)
    named = dataclasses.replace(shop, evidence=dataclasses.replace(shop.evidence, former_keys=(str(lost),)))
    with open_ledger(named, write=True) as ledger:
        ledger.append([make_record(2)])
        assert ledger.checkpoint.signed_by == (other,)
        assert len(list(ledger.records())) == 2


@pytest.mark.parametrize("write", [False, True])
def test_a_ledger_of_another_origin_is_refused(shop, make_record, write):
    """The name in the settings is checked against the log's: one that was changed there was told as a forged checkpoint, once a key lay beside the
    log under the wrong name."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
    before = sorted(folder(shop).rglob("*"))
    other = dataclasses.replace(shop, evidence=EvidenceSettings(origin="example.com/other"))
    with pytest.raises(
        VerificationError, match=r"is of the log example\.com/shop, and evidence\.origin names example\.com/other"
    ) as caught:
        open_ledger(other, write=write)
    assert "write that as evidence.origin: example.com/shop" in (caught.value.fix or "")
    assert sorted(folder(shop).rglob("*")) == before


def test_a_writer_without_the_key_is_told_whose_is_missing(shop, make_record):
    """A fresh checkout has the ledger and not the key, which no one commits: that the file does not exist helped nobody."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
        (key,) = ledger.keys
    shop.path(shop.evidence.signing_key).unlink()
    with pytest.raises(BadInputError, match=f"this ledger is signed with {key.id.hex()}: no other key is made") as caught:
        open_ledger(shop, write=True)
    assert "evidence.former_keys" in (caught.value.fix or "")
    assert not shop.path(shop.evidence.signing_key).exists()


@pytest.mark.parametrize("write", [False, True])
def test_a_file_in_place_of_the_ledger_is_no_empty_ledger(shop, write):
    """The path of another file in the settings: it read as a ledger in which nothing was recorded yet."""
    folder(shop).parent.mkdir(parents=True)
    folder(shop).write_text("not a ledger")
    with pytest.raises(StoreError, match="is no folder"):
        open_ledger(shop, write=write)


@pytest.mark.parametrize("name", ["intent", "checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"])
@pytest.mark.parametrize("data", [None, b"", b"another"])
def test_whatever_is_not_what_was_written_comes_with_what_to_do(shop, make_record, name, data):
    """Each message that accuses somebody names the ledger and says what the next step is."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(number) for number in range(3)])
    (folder(shop) / ".index.sqlite").unlink()
    (folder(shop) / name).unlink()
    if data is not None:
        (folder(shop) / name).write_bytes(data)

    def use():
        with open_ledger(shop, write=True) as ledger:
            list(ledger.records())
            ledger.append([make_record(4)])

    with pytest.raises((VerificationError, StoreError)) as caught:
        use()
    assert caught.value.where is not None
    assert "from a copy" in (caught.value.fix or "")


def test_a_waiting_writer_is_told_who_holds_the_ledger(shop, make_record, monkeypatch):
    """Who can't get in within the time learns which process is in there."""
    monkeypatch.setattr("averment.evidence.ledger.log._WAIT_SECONDS", 0.05)
    with open_ledger(shop, write=True) as ledger:
        with (
            DirectoryStore(folder(shop)).writing("process 4711 on build-7", wait=0),
            pytest.raises(HeldError, match="process 4711 on build-7"),
        ):
            ledger.append([make_record(1)])
        assert not ledger.append([make_record(1)])[0].duplicate


def test_a_read_only_ledger_can_be_read_and_refuses_to_grow(shop, make_record, monkeypatch):
    """Where nothing can be written, reading works, and writing says that it could not."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
        monkeypatch.setattr("averment.evidence.stores.directory.os.link", _read_only)
        with pytest.raises(IncompleteError, match="Read-only file system"):
            ledger.append([make_record(2)])
    with open_ledger(shop) as reader:
        assert len(list(reader.records())) == 1


def _read_only(*_):
    raise OSError(30, "Read-only file system")


def test_the_private_key_is_private_and_ignored_by_git(shop):
    """A key made on demand is readable by its owner alone, and a .gitignore lies beside it."""
    open_ledger(shop, write=True).close()
    path = shop.path(shop.evidence.signing_key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "*" in (path.parent / ".gitignore").read_text().splitlines()


def test_no_key_is_made_beside_a_gitignore_that_is_empty(tmp_path, monkeypatch):
    """A full disk left it so, and the next run made a key that the next commit took along; nor is one left so any more."""
    monkeypatch.setattr("os.fsync", _read_only)
    with pytest.raises(IncompleteError):
        LocalSigner.create(tmp_path / "full" / "ledger.pem")
    assert not list((tmp_path / "full").iterdir())
    monkeypatch.undo()
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / ".gitignore").touch()
    LocalSigner.create(tmp_path / "left" / "ledger.pem")
    assert "*" in (tmp_path / "left" / ".gitignore").read_text().splitlines()


def test_a_text_is_signed_once(shop):
    """The log's signature of a text is kept and handed out again, also to a reader; a bent one is refused."""
    with open_ledger(shop, write=True) as ledger:
        note = ledger.sign("text\n")
    with open_ledger(shop) as reader:
        assert reader.sign("text\n") == note
        with pytest.raises(BadInputError, match="reading"):
            reader.sign("another\n")
        kept = next((folder(shop) / "signatures").iterdir())
        kept.write_bytes(note.replace(b"text", b"test"))
        with pytest.raises(VerificationError, match="not genuine"):
            reader.sign("text\n")


def test_ledger_needs_a_signer_to_append(shop, make_record):
    """The class itself refuses, whoever opened it."""
    with pytest.raises(BadInputError):
        Ledger(DirectoryStore(shop.root / "x"), "o", []).append([make_record(1)])
