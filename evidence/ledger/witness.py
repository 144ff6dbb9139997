"""A witness of logs: it cosigns a checkpoint if that extends the one it cosigned before (C2SP tlog-witness and tlog-cosignature).

What it remembers is the last checkpoint of each log, in a store of its own: against a log that shows one history to some and
another to others, only somebody who remembers helps. ``Witness`` is the deciding part, behind HTTP or the command line;
``RemoteWitness`` asks one over HTTP.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from averment.core.canonical import sha256_hex
from averment.core.errors import AvermentError, BadInputError, IncompleteError, VerificationError
from averment.core.http import named, post
from averment.core.period import utc_now
from averment.core.signing.interface import Signer
from averment.core.source import SourceRef
from averment.evidence.ledger.checkpoint import Checkpoint, NoteSignature, SignedNote, VerifierKey, cosign, is_key_name, open_checkpoint
from averment.evidence.ledger.merkle import EMPTY_ROOT, verify_consistency
from averment.evidence.stores.interface import ConflictError, NotStoredError, Store

_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n", re.ASCII)
_OK, _CONFLICT = 200, 409
_NAMES = "name the witness by a URL of its own without a schema: auditor.example/w1"


class BehindError(AvermentError):
    """The witness knows another size of the log than the one that the proof starts from; ``size`` says which."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the witness has cosigned {size} entries of this log")
        self.size = size


class Witness:
    """Cosigns checkpoints of the logs it knows. ``logs``: the public keys of each, by origin; ``store``: where it remembers."""

    def __init__(
        self,
        store: Store,
        name: str,
        signer: Signer,
        logs: Mapping[str, Sequence[VerifierKey]],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """A witness called ``name``.

        Raises:
            BadInputError: the name can't stand in a note, or is that of a log.
        """
        if not is_key_name(name):
            raise BadInputError(
                f"'{name}' can't be a witness's name: it is empty, or holds a space, a plus or a control character", fix=_NAMES
            )
        if name in logs:
            raise BadInputError(f"'{name}' is the name of the log, whose signatures those of a witness would be taken for", fix=_NAMES)
        self._store, self._name, self._signer, self._logs, self._clock = store, name, signer, logs, clock

    @property
    def key(self) -> VerifierKey:
        """The public key that verifies its cosignatures."""
        return VerifierKey(self._name, self._signer.public_key(), cosigner=True)

    def latest(self, origin: str) -> Checkpoint:
        """The last checkpoint of ``origin`` that it cosigned; of size 0 if there is none.

        Raises:
            VerificationError: what it remembered was changed.
        """
        return self._remembered(origin)[0]

    def observe(self, note: bytes, old: int, proof: Sequence[bytes]) -> NoteSignature:
        """Cosign the checkpoint ``note``, which ``proof`` shows to extend the one of ``old`` entries.

        Steps: 1. a key of a known log signed it; 2. ``old`` is what was cosigned last; 3. the proof leads from that to this;
        4. it is remembered, unless another request was faster; 5. and only then cosigned.

        Raises:
            VerificationError: the log is unknown, the signature wrong, or the log was rolled back or rewritten.
            BehindError: ``old`` is not the size that was cosigned last.
            StoreError: it could not be remembered.
        """
        origin = SignedNote.parse(note).text.partition("\n")[0]
        if origin not in self._logs:
            raise VerificationError(f"the log {origin} is not known to this witness")
        fresh = open_checkpoint(note, origin, self._logs[origin])  # 1
        last, version = self._remembered(origin)
        if old != last.size:  # 2
            raise BehindError(last.size)
        if fresh.size == 0 and fresh.root != EMPTY_ROOT:
            raise VerificationError("a log without entries has another root")
        verify_consistency(last.size, last.root, fresh.size, fresh.root, proof)  # 3
        try:
            self._store.replace_if(_name_of(origin), note, version)  # 4
        except ConflictError:
            raise BehindError(self.latest(origin).size) from None
        return cosign(SignedNote.parse(note).text, self._name, self._signer, self._clock())  # 5

    def _remembered(self, origin: str) -> tuple[Checkpoint, str | None]:
        try:
            stored = self._store.get(_name_of(origin))
        except NotStoredError:
            return Checkpoint(origin, 0, EMPTY_ROOT), None
        try:
            return open_checkpoint(stored.data, origin, self._logs[origin]).checkpoint, stored.version
        except VerificationError as error:
            raise VerificationError(
                f"what this witness remembers of {origin} is no checkpoint of it: {error.message}",
                where=SourceRef(self._store.location),
                fix="if the log has changed its key since, hand over the key of then as well (--log-key)",
            ) from error


def _name_of(origin: str) -> str:
    return f"witnessed/{sha256_hex(origin.encode())}"


@dataclass
class RemoteWitness:
    """A witness at ``url`` (its submission prefix) whose cosignatures ``key`` verifies."""

    url: str
    key: VerifierKey
    _cosigned: int = 0

    def ask(self, note: bytes, size: int, prove: Callable[[int], Sequence[bytes]]) -> NoteSignature:
        """Have the checkpoint ``note`` of ``size`` entries cosigned; ``prove(old)`` gives the consistency proof from ``old`` entries.

        Raises:
            IncompleteError: it is out of reach or refuses; the message says with what.
            VerificationError: it has cosigned more of this log than there is (so one of the two was rolled back), or its
                cosignature is wrong.
        """
        answer = self._submit(note, size, prove)
        for line in answer.decode("utf-8", errors="replace").splitlines():
            signature = _parsed(line)
            if signature is None or (signature.name, signature.key_id) != (self.key.name, self.key.id):
                continue
            if not self.key.verifies(SignedNote.parse(note).text, signature):
                raise VerificationError(f"the cosignature of {self.key.name} is wrong")
            self._cosigned = size
            return signature
        raise IncompleteError(
            f"{named(self.url)} did not cosign with the key of {self.key.name}", fix="check the witness's key in averment.yaml"
        )

    def _submit(self, note: bytes, size: int, prove: Callable[[int], Sequence[bytes]]) -> bytes:
        old = min(self._cosigned, size)
        for _ in range(3):  # it says which size it knows; more often than that, others are submitting at the same time
            proof = prove(old) if old else ()
            head = [f"old {old}", *(base64.b64encode(item).decode() for item in proof), ""]
            answer = post(f"{self.url.rstrip('/')}/add-checkpoint", ("\n".join(head) + "\n").encode() + note, "text/plain")
            known = _SIZE.fullmatch(answer.body) if answer.status == _CONFLICT else None
            if known is None:
                break
            old = int(known[1])
            if old > size:
                raise VerificationError(
                    f"the witness {self.key.name} has cosigned {old} entries of this log, which has {size}: it was rolled back",
                    fix="restore the ledger from a copy",
                )
        if answer.status != _OK:
            reason = "".join(character for character in answer.body[:200].decode("utf-8", errors="replace") if character.isprintable())
            raise IncompleteError(f"{named(self.url)} refused to cosign (HTTP {answer.status}): {reason}")
        return answer.body


def _parsed(line: str) -> NoteSignature | None:
    """A signature line of a witness's answer; None for what isn't one."""
    try:
        return SignedNote.parse(f"x\n\n{line}\n".encode()).signatures[0]
    except VerificationError:
        return None


def read_witness_key(text: str) -> VerifierKey:
    """The verifier key string of a witness.

    Raises:
        BadInputError: malformed, or a key of another type than a witness's.
    """
    key = VerifierKey.parse(text)
    if not key.cosigner:
        raise BadInputError(f"the key of {key.name} is not a witness's", fix="its type is 0x04: ask the witness for its cosignature key")
    return key
