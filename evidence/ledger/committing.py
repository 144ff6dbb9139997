"""How the ledger grows.

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
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from averment.core.canonical import sha256_hex
from averment.core.errors import VerificationError
from averment.core.period import iso, utc_now
from averment.core.signing.interface import Signer
from averment.core.source import SourceRef
from averment.evidence.ledger.checkpoint import Checkpoint, VerifierKey, sign_note
from averment.evidence.ledger.countersigning import ThirdParties
from averment.evidence.ledger.envelope import read_payload, seal, verify_envelope
from averment.evidence.ledger.index import RecordIndex
from averment.evidence.ledger.intent import INTENT, Intent
from averment.evidence.ledger.merkle import EMPTY_ROOT, range_hash
from averment.evidence.ledger.reader import CHECKPOINT, LedgerReader, blob_name
from averment.evidence.ledger.tiles import WIDTH, Growth, decode_bundle, encode_bundle, grow
from averment.evidence.record import Record
from averment.evidence.stores.interface import ConflictError, HeldError, NotStoredError, Store, StoreError

_ATTEMPTS = 20
_CATCH_UP_BUNDLES = 64
_STAGING = "staging/"
_STAGED = re.compile(r"staging/([0-9]+)-[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of one record: where it stands, and whether it stood there before."""

    record_id: str
    index: int
    duplicate: bool


class LedgerWriter(LedgerReader):
    """A reader that commits, and knows by an index which records stand where. ``log.Ledger`` is what others use."""

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


def _record_id(envelope: bytes) -> str:
    try:
        statement: Any = json.loads(read_payload(envelope)[1])
        return str(uuid.UUID(statement["subject"][0]["name"]))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise VerificationError("an entry of the ledger is no statement about a record") from error
