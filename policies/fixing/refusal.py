"""Why a change was not made."""

from __future__ import annotations


class RefusedError(Exception):
    """The change isn't mechanical here; the text says why. Never leaves ``policies.fixing``."""
