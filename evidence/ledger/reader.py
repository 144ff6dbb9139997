"""Reading the log: every tile, bundle and record is verified before it is returned.

The checkpoint must be signed by a key of the log; ``tiles`` verifies against its root, ``envelope.open_entry`` each record against
the statement's digest. A reader sees the log as of the checkpoint it read last, and refuses one that doesn't extend it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError, IncompleteError, VerificationError
from averment.core.period import Period
from averment.core.source import SourceRef
from averment.evidence.ledger.checkpoint import Checkpoint, SignedCheckpoint, VerifierKey, open_checkpoint
from averment.evidence.ledger.envelope import open_entry
from averment.evidence.ledger.merkle import EMPTY_ROOT, consistency_proof, inclusion_proof, range_hash
from averment.evidence.ledger.proof import InclusionProof
from averment.evidence.ledger.tiles import WIDTH, TileReader
from averment.evidence.record import NEWER, Kind, Record
from averment.evidence.stores.interface import RESTORE, NotStoredError, Store

CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class Entry:
    """One verified entry: its place in the log, the record, and the signed envelope's bytes."""

    index: int
    record: Record
    envelope: bytes


class LedgerReader:
    """The log ``origin`` in ``store``; ``keys`` are its public keys, ``trusted`` those whose signature makes a checkpoint of it (None: all),
    ``witnesses`` those of witnesses whose cosignatures are verified where there are any."""

    def __init__(
        self,
        store: Store,
        origin: str,
        keys: Sequence[VerifierKey],
        witnesses: Sequence[VerifierKey] = (),
        trusted: Sequence[VerifierKey] | None = None,
    ) -> None:
        self.store = store
        self.origin = origin
        self.keys = tuple(keys)
        self._trusted = self.keys if trusted is None else tuple(trusted)
        self.witnesses = tuple(witnesses)
        self._checkpoint: SignedCheckpoint | None = None
        self._checkpoint_version: str | None = None
        self._tree = TileReader(store, 0, EMPTY_ROOT)
        self.refresh()

    @property
    def _how_to_trust(self) -> str | None:
        """What to do where a key that lies beside the log isn't one that this reader trusts."""
        if set(self.keys) <= set(self._trusted):
            return None
        return (
            "restore the ledger from a copy, for whoever may write to it can have put another in its place; if the key is yours, run averment"
            " ledger rotate with it as the signing key, or, if it is lost, name its public key in evidence.former_keys"
        )

    @property
    def checkpoint(self) -> SignedCheckpoint | None:
        """The signed head of the log; None while it is empty."""
        return self._checkpoint

    @property
    def size(self) -> int:
        """The number of entries."""
        return self._tree.size

    @property
    def tree(self) -> TileReader:
        """The verified tree."""
        return self._tree

    def refresh(self, grown: TileReader | None = None) -> None:
        """Read the present checkpoint. If it is of the tree ``grown``, which was computed from the present one, that is taken over.

        Raises:
            VerificationError: it isn't genuine, or it is not an extension of the one seen before.
        """
        try:
            stored = self.store.get(CHECKPOINT)
        except NotStoredError:
            if self._checkpoint is not None:
                raise self._bad("the checkpoint has vanished") from None
            return
        if self._checkpoint is not None and stored.data == self._checkpoint.note:
            self._checkpoint_version = stored.version
            return
        try:
            fresh = open_checkpoint(stored.data, self.origin, (*self._trusted, *self.witnesses))
        except VerificationError as error:
            raise self._bad(f"the checkpoint is not genuine: {error.message}", self._how_to_trust) from error
        if grown is not None and (grown.size, grown.root) == (fresh.size, fresh.root):
            tree = grown
        else:
            tree = TileReader(self.store, fresh.size, fresh.root)
            self._require_prefix(tree, self._tree.size, self._tree.root, "than before")
        self._checkpoint, self._checkpoint_version, self._tree = fresh, stored.version, tree

    def records(self, kind: Kind | None = None, period: Period | None = None) -> Iterator[Entry]:
        """The entries in order, each verified before it is returned; of ``kind``, and effective in ``period``, if given.

        Raises:
            VerificationError: a tile, bundle or record is not what the checkpoint commits to.
            IncompleteError: a record takes a newer version.
        """
        tree = self._tree
        for bundle in range((tree.size + WIDTH - 1) // WIDTH):
            for place, envelope in enumerate(tree.bundle(bundle), start=bundle * WIDTH):
                record = self._open(envelope, place)
                if (kind is None or record.kind is kind) and (period is None or record.effective_at in period):
                    yield Entry(place, record, envelope)

    def entry(self, index: int) -> Entry:
        """The entry at ``index``.

        Raises:
            BadInputError: the log has no such entry.
            VerificationError: it is not what the checkpoint commits to.
        """
        if not 0 <= index < self.size:
            raise BadInputError(
                f"the ledger has no entry {index}; it has {self.size}",
                fix="entries count from 0; averment ledger show tells how many there are",
            )
        envelope = self._tree.bundle(index // WIDTH)[index % WIDTH]
        return Entry(index, self._open(envelope, index), envelope)

    def blob(self, digest: str) -> bytes:
        """The detached payload with this SHA-256 (hexadecimal).

        Raises:
            VerificationError: it is missing or was changed.
        """
        name = blob_name(digest)
        try:
            data = self.store.get(name).data
        except NotStoredError:
            raise self._bad(f"{name} is missing, although an entry refers to it") from None
        if sha256_hex(data) != digest:
            raise self._bad(f"{name} was changed")
        return data

    def prove(self, index: int) -> InclusionProof:
        """A stand-alone proof that the entry at ``index`` is in the log.

        Raises:
            BadInputError: the log has no such entry.
        """
        if self._checkpoint is None or not 0 <= index < self.size:
            raise BadInputError(
                f"the ledger has no entry {index}; it has {self.size}",
                fix="entries count from 0; averment ledger show tells how many there are",
            )
        return InclusionProof(index, tuple(inclusion_proof(self._tree.subtree, index, self.size)), self._checkpoint.note)

    def prove_extension(self, old: Checkpoint) -> list[bytes]:
        """The consistency proof from ``old`` (an earlier checkpoint of this log, verified by the caller) to the present.

        Raises:
            VerificationError: the log does not begin with what ``old`` commits to: rolled back, or rewritten.
        """
        self._require_prefix(self._tree, old.size, old.root, f"than the checkpoint of {old.size} entries says")
        return consistency_proof(self._tree.subtree, old.size, self.size)

    def leaf_hashes(self) -> Iterator[bytes]:
        """The hash of every entry, in order, verified."""
        tree = self._tree
        for tile in range((tree.size + WIDTH - 1) // WIDTH):
            yield from tree.tile(0, tile)

    def _open(self, envelope: bytes, place: int) -> Record:
        try:
            return open_entry(envelope, self.blob)
        except VerificationError as error:
            if error.message.startswith(NEWER):
                where = SourceRef(file=self.store.location)
                raise IncompleteError(f"entry {place} {error.message}", where=where, fix="use the version that wrote it") from error
            raise self._bad(f"entry {place}: {error.message}") from error

    def _require_prefix(self, tree: TileReader, size: int, root: bytes, what: str) -> None:
        if size > tree.size:
            raise self._bad(f"the log was rolled back: it has {tree.size} entries, fewer {what} ({size})")
        if (tree.root if size == tree.size else range_hash(tree.subtree, 0, size)) != root:
            raise self._bad(f"the log was rewritten: its first {size} entries are others {what}")

    def _bad(self, message: str, fix: str | None = None) -> VerificationError:
        return VerificationError(message, where=SourceRef(file=self.store.location), fix=fix or RESTORE)


def blob_name(digest: str) -> str:
    """Where the blob with this SHA-256 lies."""
    return f"blobs/{digest[:2]}/{digest}"
