"""Resampling whole units (people, videos, sources) with replacement: the one bootstrap of this room.

Units are drawn within strata, so that every replicate holds as many units of each kind (attacks, bona fide media, a group) as
the sample. Two figures that are compared are computed under the same draws, which is what makes a comparison paired.

Where a unit that happens not to be drawn would be missed, each gets a weight instead (the Bayesian bootstrap).

Sources: Davison and Hinkley, Bootstrap Methods and their Application (1997), chapter 3 (stratified and clustered resampling); Rubin, Annals of
Statistics 9 (1981) 130-134 (weights).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

MAX_REPLICATES, MIN_REPLICATES = 5000, 1000
"""Replicates: enough to know a standard error to 1 or 2 %, so that the seed hardly moves a bound."""

_WORK_CELLS = 20_000_000  # replicates times items: a few seconds at most
_CHUNK_CELLS = 4_000_000  # cells of a replicate-by-item matrix held at once: 32 MB of float64


def replicates_for(items: int) -> int:
    """How many replicates are drawn for a sample of ``items``: fewer for large ones, to bound the time."""
    return max(MIN_REPLICATES, min(MAX_REPLICATES, _WORK_CELLS // max(1, items)))


def strata(kinds: Mapping[int, Hashable]) -> list[Any]:
    """The units (indices) of each kind, kinds in the order of their text, so that the draws don't depend on a set's order."""
    import numpy as np

    found: dict[Hashable, list[int]] = {}
    for unit in sorted(kinds):
        found.setdefault(kinds[unit], []).append(unit)
    return [np.asarray(found[kind]) for kind in sorted(found, key=repr)]


def unit_weights(groups: Sequence[Any], total: int, items: int, seed: int, replicates: int) -> Iterator[Any]:
    """How often each of ``total`` units is drawn, as matrices (replicates x units) that add up to ``replicates`` rows.

    ``groups`` are the strata (arrays of unit indices). ``items`` bounds the rows of one matrix, for callers that spread it to items.
    """
    import numpy as np

    random = np.random.Generator(np.random.PCG64(seed))
    for rows in _chunks(items, replicates):
        weights = np.zeros((rows, total))
        for members in groups:
            if len(members):
                weights[:, members] = random.multinomial(len(members), np.full(len(members), 1 / len(members)), size=rows)
        yield weights


def exponential_weights(total: int, items: int, seed: int, replicates: int) -> Iterator[Any]:
    """Weights from an exponential distribution for each of ``total`` units, as ``unit_weights``: in a ratio they are Rubin's."""
    import numpy as np

    random = np.random.Generator(np.random.PCG64(seed))
    for rows in _chunks(items, replicates):
        yield random.exponential(size=(rows, total))


def uniform_draws(total: int, items: int, seed: int, replicates: int) -> Iterator[Any]:
    """A number in [0, 1) for each of ``total`` units, as ``unit_weights``: what chance decides where its odds are known."""
    import numpy as np

    random = np.random.Generator(np.random.PCG64([seed, 2]))
    for rows in _chunks(items, replicates):
        yield random.random(size=(rows, total))


def _chunks(items: int, replicates: int) -> Iterator[int]:
    """How many replicates are drawn at a time."""
    chunk = max(1, _CHUNK_CELLS // max(1, items))
    for start in range(0, replicates, chunk):
        yield min(chunk, replicates - start)
