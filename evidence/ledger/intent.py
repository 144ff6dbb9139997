"""What a writer decided before it published it; see ``log``, steps 4 to 6."""

from __future__ import annotations

import json
from dataclasses import dataclass

from averment.core.canonical import canonical_json
from averment.core.errors import VerificationError
from averment.core.source import SourceRef
from averment.evidence.stores.interface import RESTORE, check_name

INTENT = "intent"


@dataclass(frozen=True, slots=True)
class Intent:
    """What a writer decided: ``base`` and ``size`` are the log's sizes before and after."""

    base: int
    size: int
    root: bytes
    staged: str
    staged_sha256: str
    writer: str

    def encode(self) -> bytes:
        """As it is stored."""
        return canonical_json(
            {
                "base": self.base,
                "size": self.size,
                "root": self.root.hex(),
                "staged": self.staged,
                "sha256": self.staged_sha256,
                "writer": self.writer,
            }
        )

    @classmethod
    def decode(cls, data: bytes, location: str) -> Intent:
        """The inverse of ``encode``.

        Raises:
            VerificationError: it isn't what a writer left at ``location``.
        """
        try:
            value = json.loads(data)
            return cls(
                int(value["base"]),
                int(value["size"]),
                bytes.fromhex(value["root"]),
                check_name(str(value["staged"])),
                str(value["sha256"]),
                str(value["writer"]),
            )
        except (
            ValueError,
            KeyError,
            TypeError,
            OverflowError,
            RecursionError,
        ) as error:  # whoever may write to the store may write anything here
            raise VerificationError(
                f"'{INTENT}' was changed: it is not what a writer leaves there", where=SourceRef(file=location), fix=RESTORE
            ) from error
