"""The watermark's scheme by name, and the key with which everybody can read it."""

from __future__ import annotations

PUBLIC_KEY = b"averment watermark 1"
"""The pattern's key unless a user gives one of their own: everybody can read what was marked with it."""

ALGORITHM = "averment.tiled-shifts.1"
"""Name of the scheme of ``watermark`` with its constants. Changing any of them makes another scheme."""
