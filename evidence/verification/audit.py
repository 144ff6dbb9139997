"""Verifying a whole ledger where it lies, with memory bounded whatever its size: numbered steps, and what they leave open.

Steps, as they are shown:
  1. Keys: those handed over and those that they vouch for (key rotation), else those that lie beside the log.
  2. Checkpoint: a trusted key of the log signed it.
  3. History: the log begins with exactly what each earlier checkpoint commits to, by a consistency proof that is verified.
  4. Entries: every tile and every entry is what the checkpoint commits to; each record is what its statement says.
  5. Signatures: each entry is signed by a key of the log; who didn't get that key from somewhere else is told so.
  6. Witnesses: who cosigned the checkpoint, and when; those that were asked for must have.
  7. Time: a timestamp authority's token over this checkpoint.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from averment.core.canonical import sha256_hex
from averment.core.errors import AvermentError, VerificationError
from averment.core.progress import followed
from averment.core.words import counted
from averment.evidence.ledger.checkpoint import SignedCheckpoint, VerifierKey, open_checkpoint
from averment.evidence.ledger.envelope import verify_envelope
from averment.evidence.ledger.merkle import verify_consistency
from averment.evidence.ledger.reader import CHECKPOINT, LedgerReader
from averment.evidence.ledger.succession import endorsed, kept
from averment.evidence.ledger.timestamp import stamp_name, stamped_bytes
from averment.evidence.verification.coverage import OpenQuestions, Order
from averment.evidence.verification.steps import UNASKED, Problem, Step, Verification
from averment.evidence.verification.vouching import Vouching, cosigners, dated, not_signed_by, own_key, signed_by_others

_ENTRIES = "tile/entries/"


@dataclass(frozen=True)
class Earlier:
    """A checkpoint that somebody kept, under the name by which it is reported."""

    name: str
    data: bytes


def audit(
    ledger: LedgerReader,
    keys: Sequence[Callable[[str], VerifierKey]] = (),
    earlier: Sequence[Earlier] = (),
    vouching: Vouching | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Run the steps over ``ledger``, which is not empty; ``progress`` is told the number of entries read so far.

    Raises:
        StoreError: the store is out of reach.
    """
    return _Audit(ledger, keys, earlier, vouching or Vouching(), progress).run()


class _Audit:
    """One run; each method is a step."""

    def __init__(
        self,
        ledger: LedgerReader,
        keys: Sequence[Callable[[str], VerifierKey]],
        earlier: Sequence[Earlier],
        vouching: Vouching,
        progress: Callable[[int], None],
    ) -> None:
        self._ledger, self._given, self._earlier = ledger, keys, earlier
        self._vouching, self._progress = vouching, progress
        self._step = Step("")
        self._trusted: list[VerifierKey] = []
        self._endorsements: list[bytes] = []
        self._head: SignedCheckpoint | None = None
        self._questions, self._order = OpenQuestions(), Order()
        self._open: list[str] = []
        self._read = self._unsigned = 0
        self._by_others: Counter[str] = Counter()

    def run(self) -> Verification:
        """Every step in turn; one that fails doesn't stop the others."""
        plan: list[tuple[str, str, Callable[[], None]]] = [
            ("The keys of the log", "keys/", self._keys),
            ("The signed checkpoint", CHECKPOINT, self._checkpoint),
            ("The log has only grown since the earlier checkpoints", CHECKPOINT, self._history),
            ("Every entry is what the checkpoint commits to", _ENTRIES, self._entries),
            ("Every entry is signed by a key of the log", _ENTRIES, self._signatures),
            ("The witnesses of the checkpoint", CHECKPOINT, self._witnesses),
            ("The timestamp on the checkpoint", "timestamps/", self._time),
        ]
        steps = []
        for title, file, action in plan:
            self._step = Step(title)
            try:
                action()
            except VerificationError as error:
                self._step.problems.append(Problem(file, error.message))
            steps.append(self._step)
        covered = [f"The log {self._ledger.origin} has {self._read} entries, each as its signed checkpoint commits to."]
        if self._earlier:
            covered.append("It has only grown since the earlier checkpoints.")
        if not self._given:
            self._open.insert(1, own_key("ledger", self._head.signed_by if self._head else ()))
        return Verification(steps, covered, [*self._open, *self._order.sentences(), *self._questions.sentences()])

    def _keys(self) -> None:
        origin = self._ledger.origin
        self._open.append("Unchanged is not complete: whether everything was recorded that should have been, no signature can show.")
        if not self._given:
            self._trusted = list(self._ledger.keys)
        else:
            self._trusted = [make(origin) for make in self._given]
            notes = kept(self._ledger.store, origin)
            self._trusted += endorsed(self._trusted, notes, origin)
            self._endorsements = notes  # only such as are in order
        self._step.finding = ", ".join(key.id.hex() for key in self._trusted)

    def _checkpoint(self) -> None:
        note = self._note()
        self._head = open_checkpoint(note, self._ledger.origin, self._trusted)
        self._step.finding = f"{counted(self._head.size, 'entry')}, root {self._head.root.hex()}"
        self._open += not_signed_by(self._trusted[: len(self._given)], self._head, self._endorsements)

    def _history(self) -> None:
        if not self._earlier:
            self._open.append("Whether the log was rewritten before: no earlier checkpoint was handed over (--checkpoint).")
            self._step.finding = UNASKED
            return
        sizes: list[str] = []
        for item in self._earlier:
            try:
                old = open_checkpoint(item.data, self._ledger.origin, [*self._trusted, *self._ledger.keys])
                proof = self._ledger.prove_extension(old.checkpoint)
                verify_consistency(old.size, old.root, self._ledger.size, self._ledger.tree.root, proof)
                sizes.append(str(old.size))
            except VerificationError as error:
                self._step.problems.append(Problem(item.name, error.message))
        if sizes:
            self._step.finding = f"the first {', '.join(sizes)} of {self._ledger.size} entries are the same"

    def _entries(self) -> None:
        keys = [key.public_key for key in (*self._trusted, *self._ledger.keys)]
        known = {key.public_key for key in self._trusted}
        for entry in followed(self._ledger.records(), "verifying entries", self._ledger.size):
            self._questions.add(entry.record)
            self._order.add(entry.record.id, entry.record.collected_at)
            try:
                signed_by = verify_envelope(entry.envelope, keys)
                self._by_others[sha256_hex(signed_by)] += signed_by not in known
            except AvermentError:
                self._unsigned += 1
            self._read += 1
            self._progress(self._read)
        self._step.finding = counted(self._read, "entry")

    def _signatures(self) -> None:
        self._open += signed_by_others(self._by_others, "lie beside the log")
        if self._unsigned:
            raise VerificationError(f"{self._unsigned} of {self._read} entries are not signed by a key of the log")
        self._step.finding = f"{self._read} of {self._ledger.size}"
        if self._read != self._ledger.size:
            raise VerificationError(f"only {self._read} of {self._ledger.size} entries could be read")

    def _witnesses(self) -> None:
        self._step.finding, left_open = cosigners(
            self._note(), self._vouching, self._ledger.witnesses, (*self._trusted, *self._ledger.keys)
        )
        self._open += left_open

    def _time(self) -> None:
        name, store = stamp_name(stamped_bytes(self._note(), self._ledger.origin)), self._ledger.store
        token = store.get(name).data if store.exists(name) else None
        self._step.finding, left_open = dated(token, self._note(), self._ledger.origin, self._vouching, self._order.latest)
        self._open += left_open

    def _note(self) -> bytes:
        checkpoint = self._ledger.checkpoint
        if checkpoint is None:
            raise VerificationError("there is no checkpoint")
        return checkpoint.note
