"""The ledger: records in, verified records and proofs out.

How an append commits: see ``committing``. How reading verifies: see ``reader``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError, IncompleteError, VerificationError
from averment.core.signing.interface import Signer
from averment.evidence.ledger.checkpoint import NoteSignature, SignedNote, VerifierKey, sign_note
from averment.evidence.ledger.committing import Appended, LedgerWriter
from averment.evidence.ledger.index import RecordIndex
from averment.evidence.ledger.reader import CHECKPOINT, Entry
from averment.evidence.record import Record
from averment.evidence.stores.interface import ConflictError

__all__ = ["BATCH", "Appended", "Entry", "Ledger"]

BATCH = 4096
"""Records of one commit; an ``append`` of more is several commits."""

BATCH_BYTES = 32 * 1024 * 1024
"""A commit has no further records either when those it has are this long together: it is held in memory, a few times over."""

_WAIT_SECONDS = 60.0


class Ledger(LedgerWriter):
    """A log of records in a store, to read and to append to. Made by ``opening.open_ledger``.

    ``signer`` is needed to append. The ledger sees the log as of the checkpoint it read last: at the start, by ``refresh``, or
    after its own append.
    """

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
            VerificationError: there would be no reading it any more, as with more signatures than a note may have.
        """
        if self._checkpoint is None:
            raise BadInputError("the ledger is empty: there is no checkpoint to cosign", fix="averment collect fills it")
        note = SignedNote.parse(self._checkpoint.note)
        kept = tuple(item for item in note.signatures if (item.name, item.key_id) != (signature.name, signature.key_id))
        fresh = bytes(SignedNote(note.text, (*kept, signature)))
        SignedNote.parse(fresh)
        self.store.replace_if(CHECKPOINT, fresh, self._checkpoint_version)
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
    def signing_key(self) -> VerifierKey | None:
        """The key that signs here in the log's name; None where the ledger was opened for reading."""
        return None if self._signer is None else VerifierKey(self.origin, self._signer.public_key())

    @property
    def _signers(self) -> tuple[Signer, ...]:
        return (*((self._signer,) if self._signer else ()), *self._further)

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
