"""Verifying one record by its stand-alone proof (a ``.tlog-proof`` file), without a package and without a ledger.

Steps: 1. a key that was handed over signed the proof's checkpoint; 2. the entry that the proof carries stands in that log; 3. it is
signed by one of these keys; 4. it is a statement about the record; a detached payload has the digest that the statement gives;
5. witnesses, where they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from averment.core.errors import BadInputError, VerificationError
from averment.core.files import read_bounded
from averment.core.period import iso
from averment.core.source import SourceRef
from averment.core.words import counted
from averment.evidence.ledger.checkpoint import Checkpoint, SignedNote, VerifierKey
from averment.evidence.ledger.envelope import open_entry, read_payload, verify_envelope
from averment.evidence.ledger.proof import HEADER, InclusionProof, carried
from averment.evidence.package.files import MAX_FILE_BYTES
from averment.evidence.record import Record
from averment.evidence.verification.steps import Problem, Step, Verification
from averment.evidence.verification.vouching import Vouching, cosigners, not_signed_by

SUFFIX = ".tlog-proof"
_MAX_UNNAMED_BYTES = 64 * 1024 * 1024
"""What is read of a file that isn't called a proof, to see whether it is one."""


def verify_proof(
    path: Path, keys: Sequence[Callable[[str], VerifierKey]], vouching: Vouching | None = None
) -> tuple[Verification, Record | None]:
    """Verify the proof in ``path`` with the ``keys`` of its log (``handed_over.read_key``); the record, if it is genuine.

    Raises:
        BadInputError: the file can't be read or is no proof, or no key was handed over, without which a proof shows nothing.
    """
    # A proof carries the record's payload, in base64 twice: as large a one as lies in a package.
    data = read_bounded(path, limit=2 * MAX_FILE_BYTES if path.suffix == SUFFIX else _MAX_UNNAMED_BYTES)
    if path.suffix != SUFFIX and not data.startswith(HEADER.encode()):  # by its name one, it is a proof that was changed
        raise BadInputError(
            "is neither a package nor the proof of one record",
            where=SourceRef(file=str(path)),
            fix="name a package's folder, a zip of one (get it anew if it is cut off), or a .tlog-proof file",
        )
    if not keys:
        raise BadInputError(
            "a single proof carries no key that could be believed",
            where=SourceRef(file=str(path)),
            fix="hand over the log's key with --key; a package is a folder, or a zip of one",
        )
    steps, record = [], None
    asked = vouching or Vouching()
    left_open: list[str] = []
    step = Step("The checkpoint in the proof is signed")
    try:
        proof = InclusionProof.parse(data)
        origin = Checkpoint.parse(SignedNote.parse(proof.checkpoint).text).origin
        trusted = [make(origin) for make in keys]
        entry, payload = carried(proof.extra)
        checkpoint = proof.verify(entry, origin, trusted)
        step.finding = f"{origin}, {counted(checkpoint.size, 'entry')}, by {', '.join(key.id.hex() for key in checkpoint.signed_by)}"
        steps.append(step)
        step = Step("The record stands in that log", f"entry {proof.index}")
        steps.append(step)
        step = Step("The record is what its signed statement says")
        signer = _signed(entry, trusted)
        record = open_entry(entry, lambda digest: _payload(digest, payload))
        step.finding = f"{record.kind} by {record.collector}, effective {iso(record.effective_at)}, collected {iso(record.collected_at)}"
        steps.append(step)
        left_open = not_signed_by([key for key in trusted if key.public_key != signer], checkpoint)
        step = Step("The witnesses of the checkpoint")
        step.finding, of_witnesses = cosigners(proof.checkpoint, asked, (), trusted)
        left_open += of_witnesses
    except VerificationError as error:
        step.problems.append(Problem(path.name, error.message))
        record = None
    steps.append(step)
    covered = [f"The record {record.id} stood in the log when its checkpoint was signed."] if record else []
    uncovered = ["Whether other records were left out: one proof is about one record.", *left_open]
    return Verification(steps, covered, uncovered), record


def _signed(entry: bytes, trusted: Sequence[VerifierKey]) -> bytes:
    """Check the record's own signature: it may be of an older key than the log's present one. The key (DER) that made it.

    Raises:
        VerificationError: none of ``trusted`` made it.
    """
    try:
        return verify_envelope(entry, [key.public_key for key in trusted])
    except VerificationError as error:
        said = {keyid for keyid, _ in read_payload(entry)[2] if keyid} - {key.fingerprint for key in trusted}
        if not said:
            raise
        others = ", ".join(sorted(said))
        raise VerificationError(
            f"the record says to be signed by a key that was not handed over (SHA-256 {others}): if the log had it before, add it with --key"
        ) from error


def _payload(digest: str, payload: bytes | None) -> bytes:
    if payload is None:
        raise VerificationError(f"the proof lacks the payload {digest}")
    return payload
