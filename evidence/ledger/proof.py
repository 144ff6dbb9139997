"""A stand-alone proof that an entry is in the log (C2SP tlog-proof): index, inclusion proof, checkpoint, in one text file.

The format's ``extra`` line can carry the entry itself and its detached payload (``carry``), so that one file is all that somebody needs.
Nothing there is believed: the entry is hashed and has to stand in the log, the payload has to have the digest that the entry gives.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from averment.core.canonical import canonical_json
from averment.core.errors import VerificationError
from averment.evidence.ledger.checkpoint import SignedCheckpoint, VerifierKey, open_checkpoint
from averment.evidence.ledger.merkle import HASH_SIZE, leaf_hash, verify_inclusion

HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)
_MAX_HASHES = 64
_EXTRA = "extra "


@dataclass(frozen=True)
class InclusionProof:
    """Where an entry stands, the hashes from its sibling up to the root's child, the signed checkpoint, and what else the file carries."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""

    def __bytes__(self) -> bytes:
        extra = [f"extra {base64.b64encode(self.extra).decode()}"] if self.extra else []
        lines = [HEADER, *extra, f"index {self.index}", *(base64.b64encode(item).decode() for item in self.hashes), ""]
        return ("\n".join(lines) + "\n").encode() + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> InclusionProof:
        """Read a proof.

        Raises:
            VerificationError: it isn't one.
        """
        head, separator, checkpoint = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
            if not separator or lines.pop(0) != HEADER:
                raise VerificationError("this is not a proof in the form c2sp.org/tlog-proof@v1")
            extra = base64.b64decode(lines.pop(0)[len(_EXTRA) :], validate=True) if lines and lines[0].startswith(_EXTRA) else b""
            match = _INDEX.fullmatch(lines.pop(0)) if lines else None
            hashes = tuple(base64.b64decode(line, validate=True) for line in lines)
        except (UnicodeDecodeError, binascii.Error) as error:
            raise VerificationError("the proof is malformed") from error
        if match is None or len(hashes) > _MAX_HASHES or any(len(item) != HASH_SIZE for item in hashes):
            raise VerificationError("the proof is malformed")
        return cls(int(match[1]), hashes, checkpoint, extra)

    def verify(self, entry: bytes, origin: str | None, keys: Iterable[VerifierKey]) -> SignedCheckpoint:
        """Check that ``entry`` stands at ``index`` in a log whose checkpoint a known key signed.

        Raises:
            VerificationError: it doesn't, or the checkpoint is not genuine.
        """
        checkpoint = open_checkpoint(self.checkpoint, origin, keys)
        verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, self.hashes, checkpoint.root)
        return checkpoint


def carry(entry: bytes, payload: bytes | None) -> bytes:
    """What goes into ``extra``: the entry's bytes, and its detached payload if it has one."""
    value = {"entry": base64.b64encode(entry).decode()}
    if payload is not None:
        value["payload"] = base64.b64encode(payload).decode()
    return canonical_json(value)


def carried(extra: bytes) -> tuple[bytes, bytes | None]:
    """The inverse of ``carry``.

    Raises:
        VerificationError: the proof carries no entry.
    """
    try:
        value = json.loads(extra)
        payload = value.get("payload")
        return base64.b64decode(value["entry"], validate=True), None if payload is None else base64.b64decode(payload, validate=True)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise VerificationError("the proof carries no entry: its 'extra' line is missing or malformed") from error
