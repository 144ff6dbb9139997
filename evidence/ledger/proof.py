"""A stand-alone proof that an entry is in the log (C2SP tlog-proof): index, inclusion proof, checkpoint, in one text file."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

from averment.core.errors import VerificationError
from averment.evidence.ledger.checkpoint import SignedCheckpoint, VerifierKey, open_checkpoint
from averment.evidence.ledger.merkle import HASH_SIZE, leaf_hash, verify_inclusion

HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)
_MAX_HASHES = 64


@dataclass(frozen=True)
class InclusionProof:
    """Where an entry stands, the hashes from its sibling up to the root's child, and the signed checkpoint."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes

    def __bytes__(self) -> bytes:
        lines = [HEADER, f"index {self.index}", *(base64.b64encode(item).decode() for item in self.hashes), ""]
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
            if lines and lines[0].startswith("extra "):
                lines.pop(0)
            match = _INDEX.fullmatch(lines.pop(0)) if lines else None
            hashes = tuple(base64.b64decode(line, validate=True) for line in lines)
        except (UnicodeDecodeError, binascii.Error) as error:
            raise VerificationError("the proof is malformed") from error
        if match is None or len(hashes) > _MAX_HASHES or any(len(item) != HASH_SIZE for item in hashes):
            raise VerificationError("the proof is malformed")
        return cls(int(match[1]), hashes, checkpoint)

    def verify(self, entry: bytes, origin: str | None, keys: Iterable[VerifierKey]) -> SignedCheckpoint:
        """Check that ``entry`` stands at ``index`` in a log whose checkpoint a known key signed.

        Raises:
            VerificationError: it doesn't, or the checkpoint is not genuine.
        """
        checkpoint = open_checkpoint(self.checkpoint, origin, keys)
        verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, self.hashes, checkpoint.root)
        return checkpoint
