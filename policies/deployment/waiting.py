"""Waiting for a service to be done with something: often at first, rarely later, and not for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from averment.core.errors import IncompleteError

Sleep = Callable[[float], None]
Found = TypeVar("Found")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 15.0


def settled(look: Callable[[], Found | None], busy: Callable[[Found], str | None], what: str, limit_s: float, sleep: Sleep) -> Found | None:
    """What ``look`` sees once ``busy`` names no state in progress any more; None if there is nothing to see.

    Raises:
        IncompleteError: it was still busy after ``limit_s`` seconds.
    """
    pause, waited = _FIRST_PAUSE_S, 0.0
    while True:
        found = look()
        state = busy(found) if found is not None else None
        if found is None or state is None:
            return found
        if waited >= limit_s:
            raise IncompleteError(f"{what} is still {state} after {limit_s:g} s", fix="wait for it")
        sleep(pause)
        waited += pause
        pause = min(pause * 2, _LONGEST_PAUSE_S)
