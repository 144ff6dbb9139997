"""``averment check``: where the cache is, whether it may be used, and what people are told of it. All of it on stderr, in a line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from averment.cli.common import stderr
from averment.core.user_cache import Store, default_folder, lies_within
from averment.policies.cache.memory import Cache


def cache_for(targets: Sequence[Path], named: Path | None) -> Cache | None:
    """The cache in the folder that was ``named``, or in the user's own; None where there is none to be trusted.

    A folder inside the repository that is checked is used only if it was named: whoever can commit files to it decides what a check says.
    """
    try:
        folder = named if named is not None else default_folder()
        around = lies_within(folder, targets)
    except (OSError, RuntimeError):
        return None  # no home, or links in a circle: the check itself will say what it can't read
    if around is None:
        return Cache(Store(folder))
    if named is None:
        _say(f"the cache in {folder} is not used: it lies inside of what is checked ({around})")
        return None
    _say(f"the cache in {folder} lies inside of {around}: whoever can change that decides what this check says")
    return Cache(Store(folder))


def tell(cache: Cache) -> None:
    """What went wrong with the cache, or, to somebody who waits for it, how much it spared."""
    if cache.store.trouble is not None:
        _say(f"{cache.store.trouble}; checked without it")
    elif cache.unchanged and sys.stderr.isatty():
        _say(f"{cache.unchanged} of {cache.units} configurations are unchanged since the last run")


def _say(text: str) -> None:
    stderr.print(text, style="dim", markup=False)
