"""The watermark's scheme by name, and the key with which everybody can read it."""

from __future__ import annotations

from pathlib import Path

from averment.core.errors import BadInputError
from averment.core.files import read_bounded
from averment.core.source import SourceRef

PUBLIC_KEY = b"averment watermark 1"
"""The pattern's key unless a user gives one of their own: everybody can read what was marked with it."""

ALGORITHM = "averment.tiled-shifts.1"
"""Name of the scheme of ``watermark`` with its constants. Changing any of them makes another scheme."""

LEAST_KEY_BYTES = 16


def read_watermark_key(path: Path) -> bytes:
    """The key of watermarks in a file: its bytes.

    Raises:
        BadInputError: it can't be read, or has fewer than ``LEAST_KEY_BYTES`` bytes.
    """
    key = read_bounded(path, limit=64 * 1024)
    if len(key) < LEAST_KEY_BYTES:
        raise BadInputError(
            f"has {len(key)} bytes; a watermark's key has {LEAST_KEY_BYTES} at least",
            where=SourceRef(str(path)),
            fix="head -c 32 /dev/urandom > watermark.key",
        )
    return key
