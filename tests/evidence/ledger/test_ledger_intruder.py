"""Whoever may write to the ledger's store and holds no key: what they lay there is named, and no writer signs for it."""

from __future__ import annotations

import os
import threading

import pytest

from averment.controls.loader import load_catalogue
from averment.core.canonical import sha256_hex
from averment.core.errors import VerificationError
from averment.core.period import parse_period
from averment.core.signing.local import LocalSigner
from averment.evidence.ledger.checkpoint import VerifierKey, sign_note
from averment.evidence.ledger.envelope import seal
from averment.evidence.ledger.intent import INTENT, Intent
from averment.evidence.ledger.log import Ledger
from averment.evidence.ledger.opening import open_ledger, put_key
from averment.evidence.ledger.tiles import decode_bundle, encode_bundle, grow
from averment.evidence.package.verify import verify_package
from averment.evidence.package.write import write_package
from averment.evidence.stores.interface import StoreError
from averment.evidence.verification.audit import audit

STAGED = f"staging/3-{'0' * 32}"


def decide(ledger, entries, *, staged=None, more=0):
    """Lay an intent as of a writer that died after it decided, ``more`` entries than there are, and what it staged."""
    growth = grow(ledger.tree, entries)
    data = encode_bundle(entries) if staged is None else staged
    intent = Intent(ledger.size, growth.tree.size + more, growth.tree.root, STAGED, sha256_hex(data), "a writer that died")
    ledger.store.put_new(STAGED, data)
    ledger.store.replace_if(INTENT, intent.encode(), ledger.store.get(INTENT).version)


@pytest.fixture
def three(shop, make_record):
    """The shop, with three records in its ledger."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(number) for number in range(3)])
    return shop


@pytest.fixture
def fourth(shop, three, make_record, monkeypatch):
    """The envelope of a fourth record that a writer of the shop sealed and staged, and was killed before it came into the log."""
    with open_ledger(three, write=True) as ledger, monkeypatch.context() as patch:
        sealed = []
        patch.setattr(ledger.store, "put_new", lambda _, data: sealed.append(data))
        patch.setattr(ledger.store, "replace_if", killed)
        with pytest.raises(KeyboardInterrupt):
            ledger.append([make_record(3)])
    return sealed[0][2:]


def killed(*_):
    """Die."""
    raise KeyboardInterrupt


def refused(shop, make_record, words):
    """A writer refuses the ledger for this reason, and signs nothing."""
    checkpoint = shop.path(shop.evidence.ledger) / "checkpoint"
    before = checkpoint.read_bytes()
    with open_ledger(shop, write=True) as ledger, pytest.raises(VerificationError, match=words):
        ledger.append([make_record(50)])
    assert checkpoint.read_bytes() == before


def test_what_a_killed_writer_decided_is_finished(three, fourth, make_record):
    """The means of these tests work: an honest intent is carried out."""
    with open_ledger(three) as ledger:
        decide(ledger, [fourth])
    with open_ledger(three, write=True) as ledger:
        ledger.append([make_record(50)])
        assert [entry.record.query["number"] for entry in ledger.records()] == [0, 1, 2, 3, 50]


def test_no_head_is_signed_of_another_number_of_entries_than_there_are(three, fourth, make_record):
    """The intent says a thousand, with the root of four: it was signed, and nobody could read or extend the log any more."""
    with open_ledger(three) as ledger:
        decide(ledger, [fourth], more=996)
    refused(three, make_record, "does not give the number of entries")


def test_no_entry_of_another_key_is_put_into_the_log(three, make_record, tmp_path):
    """Neither the intent nor what is staged is signed as a whole: an entry that an intruder sealed would have been signed for by the next writer."""
    entry = seal(make_record(3), LocalSigner.create(tmp_path / "evil.pem")).entry
    with open_ledger(three) as ledger:
        decide(ledger, [entry])
    refused(three, make_record, "not what a writer of this log staged")


@pytest.mark.parametrize("twice", [False, True])
def test_no_record_is_put_into_the_log_again(three, fourth, make_record, twice):
    """Entries that were signed once are as good as new by their signature: no package of such a log verified any more."""
    with open_ledger(three) as ledger:
        decide(ledger, [fourth, fourth] if twice else [ledger.entry(1).envelope])
    refused(three, make_record, "would stand in the log twice")


def test_a_package_of_a_log_with_a_record_twice_verifies(three, make_record, tmp_path, monkeypatch):
    """Earlier versions put it there, and nothing leaves a log: its first place counts, and no package of it verified."""
    with open_ledger(three) as ledger:
        decide(ledger, [ledger.entry(1).envelope])
    with monkeypatch.context() as patch, open_ledger(three, write=True) as ledger:
        patch.setattr(Ledger, "_staged", lambda _, data: decode_bundle(data))
        ledger.append([make_record(50)])
    with open_ledger(three, write=True) as ledger:
        assert [entry.record.query["number"] for entry in ledger.records()] == [0, 1, 2, 1, 50]
        made = write_package(three, ledger, load_catalogue(), parse_period("2026Q4"), tmp_path / "package")
    result = verify_package(made.path)
    assert (made.records, result.problems) == (4, [])
    assert any(line.startswith("1 entry of the log is not in the package") for line in result.uncovered)


@pytest.mark.parametrize(
    "intent",
    [
        b"[" * 100_000,
        b'{"base":1e999,"size":4,"root":"00","staged":"staging/x","sha256":"","writer":""}',
        b'{"base":3,"size":4,"root":"00","staged":"../../key.pem","sha256":"","writer":""}',
    ],
    ids=["nested", "infinite", "outside of the store"],
)
def test_an_intent_that_no_writer_leaves_is_named(three, make_record, intent):
    """Whatever stands there, it is said to be changed, and is no flaw of the program."""
    (three.path(three.evidence.ledger) / INTENT).write_bytes(intent)
    refused(three, make_record, "'intent' was changed")


def test_what_is_staged_and_no_bundle_is_named(three, make_record):
    """Bytes that end in the middle of an entry."""
    with open_ledger(three) as ledger:
        decide(ledger, [], staged=b"\xff\xffabc", more=1)
    refused(three, make_record, "not what a writer of this log staged: the bundle ends")


def test_an_intent_that_was_put_back_is_named(three, make_record):
    """One of a smaller log than the checkpoint: it was said that other writers keep changing the ledger, and to run again."""
    intent = three.path(three.evidence.ledger) / INTENT
    before = intent.read_bytes()
    with open_ledger(three, write=True) as ledger:
        ledger.append([make_record(4)])
    intent.write_bytes(before)
    refused(three, make_record, "was put back: it is of 3 entries, and the checkpoint has 4")


def test_an_intent_of_another_log_of_that_size_is_named(three, make_record):
    """Of two histories one was put in place of the other: what is appended would make it the log's own, signed anew."""
    other = Intent(2, 3, bytes(32), STAGED, "", "a writer of another log")
    (three.path(three.evidence.ledger) / INTENT).write_bytes(other.encode())
    refused(three, make_record, "'intent' is of another log than the checkpoint")


def test_what_another_process_added_meanwhile_is_no_roll_back(three, make_record):
    """Processes of one machine share the index: who read the log before another added to it accused the ledger of a roll-back."""
    with open_ledger(three) as reader:
        with open_ledger(three, write=True) as writer:
            writer.append([make_record(4)])
        assert reader.find(make_record(4).id) == 3


def test_a_package_is_not_signed_by_a_key_that_was_laid_beside_the_log(three, tmp_path):
    """A signature over the very manifest, by a stranger's key that lies beside the log: it was taken for one made before."""
    evil = LocalSigner.create(tmp_path / "evil.pem")
    with open_ledger(three, write=True) as ledger:
        put_key(ledger.store, VerifierKey(ledger.origin, evil.public_key()))
    with open_ledger(three, write=True) as ledger:
        made = write_package(three, ledger, load_catalogue(), parse_period("2026Q4"), tmp_path / "package").path
        text = (made / "MANIFEST.sig").read_text(encoding="utf-8").rpartition("\n\n")[0] + "\n"
        kept = three.path(three.evidence.ledger) / "signatures" / sha256_hex(text.encode())
        kept.write_bytes(bytes(sign_note(text, [(ledger.origin, evil)])))
        with pytest.raises(VerificationError, match="is not genuine") as caught:
            write_package(three, ledger, load_catalogue(), parse_period("2026Q4"), tmp_path / "again")
    assert "restore the ledger from a copy" in (caught.value.fix or "")


@pytest.mark.parametrize("name", ["checkpoint", "keys/x.vkey", "tile/0/000.p/3"])
def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(three, name):
    """Whoever reads one without looking waits for ever."""
    path = three.path(three.evidence.ledger) / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"",), daemon=True)  # lets go of a reader, if there is one
    writer.start()
    with pytest.raises(StoreError, match="is not a plain file"), open_ledger(three) as ledger:
        list(ledger.records())
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer.join(timeout=60)
    os.close(reader)


@pytest.mark.parametrize("name", ["keys/x.endorsed", "keys/0-1.acknowledged"])
def test_what_says_nothing_of_a_key_is_named(three, name):
    """A file that is laid where one key speaks of another keeps everybody from writing: which it is was not said."""
    (three.path(three.evidence.ledger) / name).write_bytes(b"anything")
    with pytest.raises(VerificationError, match=f"{name}: this is not a signed note") as caught:
        open_ledger(three, write=True)
    assert caught.value.where is not None
    with open_ledger(three) as ledger:
        found = audit(ledger, [lambda _: ledger.keys[0]]).problems
    assert [problem.reason for problem in found if name in problem.reason] == (
        [f"{name}: this is not a signed note"] if "endorsed" in name else []
    )
