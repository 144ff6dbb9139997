"""The ledger: records in, verified records and proofs out.

How an append commits, so that a writer may die at any point and several may try at once:
  1. Recover: if ``intent`` is ahead of ``checkpoint``, a writer died or is at work; finish what it began (steps 5 to 7).
  2. Leave out records that are in the log already; seal the others (``envelope``).
  3. Stage: write the new entries under a name of their own, and large payloads as blobs.
  4. Decide: replace ``intent`` (new size, new root, where the entries are staged) on the condition that it is the one
     read in step 1. Of several writers one wins; the others start over. From here on the batch will be in the log.
  5. Write bundles and tiles. They follow from the old tree and the staged entries alone, so whoever does it, and however
     often, writes the same bytes, and no name is ever written with other bytes.
  6. Publish: sign and replace ``checkpoint``. Only now do readers see the batch, and only now is it acknowledged. A tree
     head is signed after it was decided, never before, so the log never signs two histories.
  7. Tidy: the staged entries, partial tiles that became full, and once in a writer's life what killed ones staged (``_sweep``).
  8. Countersign, when a writer has appended all that it has: witnesses cosign the checkpoint and an authority dates it, where there
     are any (``countersigning``). Who is out of reach is noted, and asked again by the next writer: nothing waits for them.

How reading verifies: see ``reader``.
"""

from __future__ import annotations

import json
import os
import random
import re
import socket
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError, IncompleteError, VerificationError
from averment.core.period import iso, utc_now
from averment.core.signing.interface import Signer
from averment.core.source import SourceRef
from averment.evidence.ledger.checkpoint import Checkpoint, NoteSignature, SignedNote, VerifierKey, sign_note
from averment.evidence.ledger.countersigning import ThirdParties
from averment.evidence.ledger.envelope import read_payload, seal, verify_envelope
from averment.evidence.ledger.index import RecordIndex
from averment.evidence.ledger.intent import INTENT, Intent
from averment.evidence.ledger.merkle import EMPTY_ROOT, range_hash
from averment.evidence.ledger.reader import CHECKPOINT, Entry, LedgerReader, blob_name
from averment.evidence.ledger.tiles import WIDTH, Growth, decode_bundle, encode_bundle, grow
from averment.evidence.record import Record
from averment.evidence.stores.interface import ConflictError, HeldError, NotStoredError, Store, StoreError

__all__ = ["BATCH", "Appended", "Entry", "Ledger"]

BATCH = 4096
"""Records of one commit; an ``append`` of more is several commits."""

BATCH_BYTES = 32 * 1024 * 1024
"""A commit has no further records either when those it has are this long together: it is held in memory, a few times over."""

_ATTEMPTS = 20
_WAIT_SECONDS = 60.0
_CATCH_UP_BUNDLES = 64
_STAGING = "staging/"
_STAGED = re.compile(r"staging/([0-9]+)-[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of one record: where it stands, and whether it stood there before."""

    record_id: str
    index: int
    duplicate: bool


class Ledger(LedgerReader):
    """A log of records in a store, to read and to append to. Made by ``opening.open_ledger``.

    ``signer`` is needed to append. The ledger sees the log as of the checkpoint it read last: at the start, by ``refresh``, or
    after its own append.
    """

    def __init__(
        self,
        store: Store,
        origin: str,
        keys: Sequence[VerifierKey],
        *,
        signer: Signer | None = None,
        index: RecordIndex | None = None,
        clock: Callable[[], datetime] = utc_now,
        further: Sequence[Signer] = (),
        third_parties: ThirdParties | None = None,
        trusted: Sequence[VerifierKey] | None = None,
    ) -> None:
        self.notes: list[str] = []
        """What went wrong without harm (tidying up, a witness out of reach), for whoever runs this to show."""
        self._signer = signer
        self._further = tuple(further)
        self.third_parties = third_parties or ThirdParties()
        self._index = index or RecordIndex(None)
        self._clock = clock
        self._intent_version: str | None = None
        self._tidies = True
        self._swept = False
        super().__init__(store, origin, keys, self.third_parties.keys, trusted)

    def append(self, records: Iterable[Record]) -> list[Appended]:
        """Add ``records``; those that are in the log already stay where they are. Returns one ``Appended`` each, in order.

        Up to ``BATCH`` records, or ``BATCH_BYTES`` of them, are added all or none; more go in batches of that size, so that after an
        interruption the same call picks up where it stopped, and memory is bounded.

        Raises:
            BadInputError: the ledger was opened for reading, or a record doesn't fit into an entry.
            HeldError: another writer holds the ledger, and who.
            StoreError: the store refused; what was not acknowledged may or may not be in the log, and appending again is safe.
            VerificationError: the log in the store is not the one that was written.
        """
        if self._signer is None:
            raise BadInputError("the ledger was opened for reading", fix="open it for writing")
        result: list[Appended] = []
        for batch in _batches(records):
            with self.store.writing(self._holder(), wait=_WAIT_SECONDS):
                result += self._append(batch, self._signer)
        return result

    def countersign(self) -> None:
        """Have the present checkpoint signed by every key of this log, cosigned by its witnesses, and dated; what is there already stays.

        Raises:
            StoreError: the store refused. Third parties that are out of reach or refuse are noted instead.
        """
        if self._signer is None or self._checkpoint is None:
            return
        present, text = SignedNote.parse(self._checkpoint.note).signatures, str(self._checkpoint.checkpoint)
        own = [VerifierKey(self.origin, signer.public_key()) for signer in self._signers]
        there = {(item.name, item.key_id) for item in present}
        missing = [signer for signer, key in zip(self._signers, own, strict=True) if (key.name, key.id) not in there]
        fresh = sign_note(text, [(self.origin, signer) for signer in missing]).signatures if missing else ()
        note = SignedNote(text, (*fresh, *present))
        note = self.third_parties.cosigned(note, self._tree, self.notes)
        if note.signatures != present:
            # Another writer's newer checkpoint covers this one, and that writer has its own countersigned.
            with suppress(ConflictError):
                self.store.replace_if(CHECKPOINT, bytes(note), self._checkpoint_version)
            self.refresh()
        self.third_parties.dated(self._checkpoint.note, self.origin, self.store, self.notes)

    def attach(self, signature: NoteSignature) -> None:
        """Put a witness's cosignature of the present checkpoint under it.

        Raises:
            BadInputError: the ledger is empty.
            ConflictError: the log has grown meanwhile.
            StoreError: the store refused.
        """
        if self._checkpoint is None:
            raise BadInputError("the ledger is empty: there is no checkpoint to cosign", fix="averment collect fills it")
        note = SignedNote.parse(self._checkpoint.note)
        kept = tuple(item for item in note.signatures if (item.name, item.key_id) != (signature.name, signature.key_id))
        self.store.replace_if(CHECKPOINT, bytes(SignedNote(note.text, (*kept, signature))), self._checkpoint_version)
        self.refresh()

    def sign_with(self, signer: Signer) -> None:
        """From now on sign with ``signer``, whose public key lies beside the log by now; the present checkpoint too.

        Raises:
            StoreError: the store refused.
        """
        key = VerifierKey(self.origin, signer.public_key())
        self.keys = (*self.keys, *(() if key in self.keys else (key,)))
        self._trusted = (*self._trusted, key)
        self._signer = signer
        self.countersign()

    @property
    def _signers(self) -> tuple[Signer, ...]:
        return (*((self._signer,) if self._signer else ()), *self._further)

    def recall(self) -> int:
        """Hold the log against the longest one that this machine has seen; how many entries that had.

        Raises:
            VerificationError: it was rolled back or rewritten since.
            StoreError: the store is out of reach.
        """
        seen = self._index.seen()
        at, root = seen if seen is not None else (0, EMPTY_ROOT)
        if at > self.size:  # another process of this machine may have added to the log since it was read here, and to the index
            self.refresh()
        if (at, root) != (self.size, self._tree.root):
            self._require_prefix(self._tree, at, root, "than this machine has seen")
        return at

    def find(self, record_id: str) -> int | None:
        """Where the record stands, or None."""
        try:
            self._catch_up()
        except IncompleteError:
            if self._signer is not None:
                raise
            self._index.close()  # a reader may not be allowed to write it, and reads the log instead
            self._index = RecordIndex(None)
            self._catch_up()
        return self._positions([record_id]).get(record_id)

    def sign(self, text: str) -> bytes:
        """``text`` as a note signed in the log's name. The signature is kept in the store and handed out again for the same
        text, because ECDSA gives another one every time, and the same evidence should give the same bytes.

        Raises:
            BadInputError: it wasn't signed before, and the ledger was opened for reading.
            VerificationError: the kept signature was changed.
        """
        name = f"signatures/{sha256_hex(text.encode())}"
        if not self.store.exists(name):
            if self._signer is None:
                raise BadInputError("the ledger was opened for reading", fix="open it for writing")
            # Another process may have signed the same text meanwhile: its signature is as good, and verified below.
            with self.store.writing(self._holder(), wait=_WAIT_SECONDS), suppress(ConflictError):
                self.store.put_new(name, bytes(sign_note(text, [(self.origin, self._signer)])))
        data = self.store.get(name).data
        try:
            note = SignedNote.parse(data)
            note.verify(self._trusted)  # what lies beside the log, whoever may write to the store may have laid there
        except VerificationError as error:
            raise self._bad(f"{name} is not genuine: {error.message}", self._how_to_trust) from error
        if note.text != text:
            raise self._bad(f"{name} is the signature of another text")
        return data

    def close(self) -> None:
        """Let go of the index."""
        self._index.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Appending; the numbers are the steps of the module's docstring.

    def _append(self, records: Sequence[Record], signer: Signer) -> list[Appended]:
        for attempt in range(_ATTEMPTS):
            self._recover(signer)  # 1
            self._catch_up()
            known, fresh = self._sort(records)  # 2
            base = self._commit(fresh, signer) if fresh else self.size
            if base is not None:
                places = known | {record.id: base + place for place, record in enumerate(fresh)}
                result, there = [], set(known)
                for record in records:  # of a record that is handed in twice, the second is the duplicate
                    result.append(Appended(record.id, places[record.id], record.id in there))
                    there.add(record.id)
                return result
            time.sleep(random.uniform(0, 0.05 * 2 ** min(attempt, 6)))  # noqa: S311 - jitter, nothing secret
        raise HeldError(f"other writers were faster {_ATTEMPTS} times in a row", where=SourceRef(file=self.store.location), fix="run again")

    def _recover(self, signer: Signer) -> None:
        """Bring the store to a state where checkpoint and intent agree, and this ledger up to it."""
        behind: str | None = None
        for _ in range(_ATTEMPTS):
            try:
                stored = self.store.get(INTENT)
            except NotStoredError:
                self.refresh()
                if self.size:
                    raise self._bad(f"'{INTENT}' has vanished") from None
                self._intent_version = None
                return
            intent = Intent.decode(stored.data, self.store.location)
            self.refresh()
            if intent.size == self.size:
                if intent.root != self._tree.root:
                    raise self._bad(f"'{INTENT}' is of another log than the checkpoint")
                self._intent_version = stored.version
                return
            if intent.base == self.size:
                self._finish(intent, signer)
            elif intent.size > self.size:
                raise self._bad(f"the checkpoint was rolled back: {intent.base} entries were published, and it has {self.size}")
            elif stored.version == behind:
                raise self._bad(f"'{INTENT}' was put back: it is of {intent.size} entries, and the checkpoint has {self.size}")
            else:  # another writer may have decided and published since it was read, and then there is another one by now
                behind = stored.version
        raise HeldError("other writers keep changing this ledger", where=SourceRef(file=self.store.location), fix="run again")

    def _sort(self, records: Sequence[Record]) -> tuple[dict[str, int], list[Record]]:
        """Positions of the records that are in the log, and the others, each once."""
        each = {record.id: record for record in records}
        known = self._positions(each)
        return known, [record for record_id, record in each.items() if record_id not in known]

    def _commit(self, records: Sequence[Record], signer: Signer) -> int | None:
        """Steps 2 to 7: where the first of ``records`` stands, or None if another writer decided first."""
        entries = []
        for record in records:
            sealed = seal(record, signer)
            if sealed.blob is not None:
                self.store.put_new(blob_name(sha256_hex(sealed.blob)), sealed.blob)
            entries.append(sealed.entry)
        base, staged = self.size, encode_bundle(entries)
        name = f"{_STAGING}{base}-{uuid.uuid4().hex}"
        self.store.put_new(name, staged)  # 3
        growth = grow(self._tree, entries)
        intent = Intent(base, growth.tree.size, growth.tree.root, name, sha256_hex(staged), self._holder())
        try:
            self.store.replace_if(INTENT, intent.encode(), self._intent_version)  # 4
        except ConflictError:
            self._tidy([name])
            return None
        self._publish(intent, growth, signer)
        if self.size == intent.size:  # else another writer has added more, and the index catches up later
            self._index.extend([(record.id, base + place) for place, record in enumerate(records)], intent.size, intent.root)
        self._sweep(intent)
        return base

    def _finish(self, intent: Intent, signer: Signer) -> None:
        """Publish what another writer decided and didn't come to publish so far, from what it staged."""
        try:
            staged = self.store.get(intent.staged).data
        except NotStoredError:
            self.refresh()  # it, or a third one, may have published it and tidied up meanwhile
            if self.size >= intent.size:
                return
            raise self._bad(f"{intent.staged} is missing, although '{INTENT}' refers to it") from None
        if sha256_hex(staged) != intent.staged_sha256:
            raise self._bad(f"{intent.staged} was changed")
        self._catch_up()
        if self.size != intent.base:  # it was published meanwhile
            return
        try:
            entries = self._staged(staged)
        except (VerificationError, ValueError) as error:
            message = error.message if isinstance(error, VerificationError) else str(error)
            raise self._bad(f"{intent.staged} is not what a writer of this log staged: {message}", self._how_to_trust) from error
        growth = grow(self._tree, entries)
        if (growth.tree.size, growth.tree.root) != (intent.size, intent.root):
            raise self._bad(f"{intent.staged} does not give the number of entries and the root that '{INTENT}' says")
        self._publish(intent, growth, signer)

    def _staged(self, data: bytes) -> list[bytes]:
        """The entries that a writer staged. Neither they nor the intent are signed as a whole, and this writer signs for them next: each has
        to be of a key that it goes on with, and of a record that is not in the log, which is what a writer stages.

        Raises:
            ValueError: it is no bundle.
            VerificationError: an entry is a stranger's, or was taken from where it stands already.
        """
        entries = decode_bundle(data)
        for entry in entries:
            verify_envelope(entry, [key.public_key for key in self._trusted])
        records = [_record_id(entry) for entry in entries]
        twice = [record for record, number in Counter(records).items() if number > 1] or [*self._positions(records)]
        if twice:
            raise VerificationError(f"the record {twice[0]} would stand in the log twice")
        return entries

    def _publish(self, intent: Intent, growth: Growth, signer: Signer) -> None:
        """Steps 5 to 7, by whoever comes first."""
        for name, data in growth.files.items():  # 5
            self.store.put_new(name, data)
        head = str(Checkpoint(self.origin, intent.size, intent.root))
        note = bytes(sign_note(head, [(self.origin, item) for item in (signer, *self._further)]))
        # Another writer may have published the same decision meanwhile: refresh shows it, and what follows verifies that it is the same.
        with suppress(ConflictError):
            self.store.replace_if(CHECKPOINT, note, self._checkpoint_version)  # 6
        self.refresh(growth.tree)
        if self.size < intent.size:
            raise self._bad(f"the checkpoint was rolled back to {self.size} entries while {intent.size} were being published")
        self._require_prefix(self._tree, intent.size, intent.root, f"than was decided by {intent.writer}")
        partial = (name for folder in growth.superseded for name in self.store.list(folder))
        self._tidy(chain([intent.staged], partial))  # 7

    def _sweep(self, intent: Intent) -> None:
        """Remove what writers staged that were killed before they decided, once in this ledger's life.

        It needs neither a lock nor a time limit: what was staged for a log of ``base`` entries can be decided only in place of the intent
        that led to that size. With ``intent`` decided for more, nobody can come to need it, except what ``intent`` itself names.
        """
        if not self._swept:
            self._swept = True
            staged = (name for name in self.store.list(_STAGING) if name != intent.staged)
            self._tidy(name for name in staged if (found := _STAGED.fullmatch(name)) and int(found[1]) < intent.size)

    def _tidy(self, names: Iterable[str]) -> None:
        """Remove ``names``, which nobody needs; where that isn't allowed it is said once, and they stay."""
        try:
            for name in names if self._tidies else ():
                self.store.discard(name)
        except StoreError as error:
            self._tidies = False
            self.notes.append(f"what is superseded could not be removed and stays: {error.message}")

    # The index.

    def _catch_up(self) -> None:
        """Bring the index up to the log, and the log to account (``recall``)."""
        at = self.recall()
        if at == self.size:
            return
        first, last = at // WIDTH, (self.size + WIDTH - 1) // WIDTH
        for start in range(first, last, _CATCH_UP_BUNDLES):
            found = [
                (_record_id(envelope), place)
                for bundle in range(start, min(start + _CATCH_UP_BUNDLES, last))
                for place, envelope in enumerate(self._tree.bundle(bundle), start=bundle * WIDTH)
                if place >= at
            ]
            upto = min((start + _CATCH_UP_BUNDLES) * WIDTH, self.size)
            self._index.extend(found, upto, range_hash(self._tree.subtree, 0, upto))

    def _positions(self, record_ids: Iterable[str]) -> dict[str, int]:
        """What the index says, if the log agrees: a wrong index must not make a record vanish."""
        positions = self._index.find(record_ids)
        for record_id, position in sorted(positions.items(), key=lambda item: item[1]):  # each bundle once
            if position >= self.size or _record_id(self._tree.bundle(position // WIDTH)[position % WIDTH]) != str(uuid.UUID(record_id)):
                raise self._bad(
                    f"the index says that the record {record_id} is entry {position}, which it is not",
                    fix="delete the index; it is rebuilt",
                )
        return positions

    def _holder(self) -> str:
        return f"process {os.getpid()} on {socket.gethostname()}, since {iso(self._clock())},"


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """``records`` in order, as many at a time as one commit takes."""
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += record.size
        if len(batch) >= BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _record_id(envelope: bytes) -> str:
    try:
        statement: Any = json.loads(read_payload(envelope)[1])
        return str(uuid.UUID(statement["subject"][0]["name"]))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise VerificationError("an entry of the ledger is no statement about a record") from error
