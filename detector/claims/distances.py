"""Distances between two distributions of scores: the population stability index, and Kolmogorov and Smirnov's.

**PSI** sums ``(p - q) ln(p / q)`` over cells whose edges are quantiles of the reference, deciles unless the claim says otherwise (Yurdakul and
Naranjo, Statistical properties of the population stability index, Journal of Risk Model Validation 14 (2020)). Half an image is added to every
cell, so that an empty one doesn't make it infinite.

Quantiles presume scores that differ. Where one value holds as much of the reference as a cell is meant to (a detector that says 0 of most
images), several quantiles fall on it, and a cell that it shares would hide what goes to its other side. Such a value is a cell
of its own, apart from what lies below and above it; the other quantiles stay. Cells in which neither side has a score are none.
Without such a value nothing differs from the classical index.

**KS** is the largest distance between the two distribution functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from averment.core.canonical import JSON
from averment.detector.claims import differences, statistics

GRID = 500
"""Points at which the distribution functions are compared: quantiles of the scores of either, as many of the one as of the other. Between two of them lie
so few of each that the distance found is short of the largest by about 2 / ``GRID`` at most."""


@dataclass(frozen=True)
class Cells:
    """Inner ``edges`` of cells, ascending; a score on an edge belongs to the cell above. ``tied`` are the values with a cell of their own."""

    edges: Any
    tied: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.edges) + 1

    def of(self, values: Sequence[float]) -> Any:
        """The cell of each value."""
        import numpy as np

        return np.searchsorted(self.edges, np.asarray(values), side="right")

    def table(self, counts: Sequence[Any]) -> list[JSON]:
        """Of each cell its ends and its shares of the reference and of today; one value's cell begins and ends there."""
        import numpy as np

        above = {float(np.nextafter(value, 2)): value for value in self.tied}
        ends = [above.get(edge, edge) for edge in self.edges.tolist()]
        rows = zip([0.0, *ends], [*ends, 1.0], *(shares(table)[0].tolist() for table in counts), strict=True)
        return [{"from": low, "to": high, "reference": before, "present": today} for low, high, before, today in rows]


def psi_cells(reference: Sequence[float], present: Sequence[float], bins: int) -> Cells:
    """The cells of the index, as the module says."""
    import numpy as np

    values = np.asarray(reference)
    inner = np.unique(np.quantile(values, np.arange(1, bins) / bins))
    points, counts = np.unique(values, return_counts=True)
    tied = points[(counts > 1) & (counts * bins >= len(values))]
    if not len(tied):
        return Cells(inner)
    own = np.concatenate([tied, np.nextafter(tied, 2)])
    own = own[(own > 0) & (own <= 1)]  # no score lies beyond
    # A quantile between a tied value and its neighbour was drawn through a gap: what it cuts off is empty.
    edges = _without_empty(np.union1d(own, inner), values, kept=set(own.tolist()))
    edges = _without_empty(edges, np.concatenate([values, np.asarray(present)]), kept=set())
    return Cells(edges, tuple(tied.tolist()))


def _without_empty(edges: Any, values: Any, kept: set[float]) -> Any:
    """``edges`` without those, but for ``kept``, that have an empty cell beside them, one after the other."""
    import numpy as np

    left = edges
    for edge in edges.tolist():
        if edge in kept:
            continue
        counts = np.bincount(np.searchsorted(left, values, side="right"), minlength=len(left) + 1)
        place = int(np.searchsorted(left, edge))
        if not counts[place] or not counts[place + 1]:
            left = np.delete(left, place)
    return left


def ks_cells(reference: Sequence[float], present: Sequence[float]) -> Cells:
    """The points at which distribution functions are compared.

    Quantiles of the scores, not of their different values: of a log with four decimals, nearly all values are where few of the scores are.
    """
    import numpy as np

    both = np.unique(np.asarray([*reference, *present]))
    if len(both) <= GRID:
        return Cells(both)
    shares = np.linspace(0, 1, GRID // 2)
    return Cells(np.unique(np.concatenate([np.quantile(np.asarray(side), shares, method="inverted_cdf") for side in (reference, present)])))


def shares(table: Any) -> Any:
    """Counts (replicates x cells) as shares, half an image added to each cell."""
    return (table + 0.5) / (table.sum(axis=1, keepdims=True) + 0.5 * table.shape[1])


def _index(p: Any, q: Any) -> float:
    import numpy as np

    return float(((p - q) * np.log(p / q)).sum())


def psi(counts: Sequence[Any], again: Sequence[Any]) -> tuple[float, Any, Any, Any]:
    """The index, and of every replicate its linear part, the index of the noise alone, and by how much noise can have raised it."""
    import numpy as np

    (before, today), (before_again, today_again) = ([shares(table) for table in tables] for tables in (counts, again))
    p, q = before[0], today[0]
    moved = np.log(p / q)
    figure = _index(p, q)
    linear = (before_again - p) @ (moved + 1 - q / p) + (today_again - q) @ (1 - moved - p / q)
    middle = np.where(np.abs(p - q) < 1e-12, p, (p - q) / np.where(moved == 0, 1, moved))  # the logarithmic mean
    noise = (((before_again - p) - (today_again - q)) ** 2 / middle).sum(axis=1)
    # The index is the square of a length: noise is taken from the length, and the difference squared again.
    length = np.maximum(0.0, np.sqrt(figure) - np.sqrt(noise))
    return figure, linear, noise, figure - length**2


def psi_bend(noise: Any, cells: int, units: float, confidence: float) -> float:
    """How far the index may lie above its linear part at the shares that were found: it is the square of a length, and where these hardly differ it has
    no slope. A length that is short by ``t`` deviations, each of them the noise of one direction, makes a square that is short by ``t ** 2`` of it
    beside the linear part. Noise in the other directions, of which there are two fewer than ``cells``, lengthens what is found by as much as it is.
    """
    from scipy.special import stdtrit

    if cells < 2:
        return 0.0
    short = float(stdtrit(max(1.0, units - 1), confidence)) ** 2
    return max(0.0, short - (cells - 2)) * float(noise.mean()) / (cells - 1)


def psi_reach(counts: Sequence[Any], units: tuple[float, float], confidence: float) -> tuple[float, float]:
    """The least and the largest index when the share of a single cell, on one side or on both, is any that exact bounds allow for as many
    independent units.

    Quantiles put a tenth of the reference into each cell. Beside a tied value cells may be nearly empty, and a bootstrap that
    never draws what they lack takes them for certain. So bounds lie at least so far apart. A cell without scores is among them: nobody
    knows that there is none. Where both sides move, each goes as far as makes the two together as unlikely as the one alone.
    """
    import numpy as np
    from scipy.special import ndtr, ndtri

    before, today = (np.append(table[0], 0.0) for table in counts)
    p, q = (shares(side[None, :])[0] for side in (before, today))
    together = float(ndtr(ndtri(confidence) / 2**0.5))
    least, largest = _index(p, q), 0.0
    for place in range(len(before)):
        for level, whether in ((confidence, (True, False)), (confidence, (False, True)), (together, (True, True))):
            ends = [
                _ends(side, place, size, level) if moves else (share[place],) * 2
                for side, size, moves, share in zip((before, today), units, whether, (p, q), strict=True)
            ]
            for one, other in ((ends[0][0], ends[1][1]), (ends[0][1], ends[1][0])):
                largest = max(largest, _index(_moved(p, place, one), _moved(q, place, other)))
            one, other = _nearest(ends[0], ends[1], (p[place], q[place]))
            least = min(least, _index(_moved(p, place, one), _moved(q, place, other)))
    return least, largest


def _nearest(first: tuple[float, float], second: tuple[float, float], found: tuple[float, float]) -> tuple[float, float]:
    """The shares within two spans that are as near to each other as can be: the same one where the spans meet, near the second that was ``found``."""
    (low, high), (other_low, other_high) = first, second
    if high < other_low:
        return high, other_low
    if other_high < low:
        return low, other_high
    common = min(max(found[1], low, other_low), high, other_high)
    return common, common


def _ends(counts: Any, place: int, units: float, confidence: float) -> tuple[float, float]:
    """Exact bounds for the share of a cell, not below the half image that every cell has."""
    total = float(counts.sum())
    found = statistics.binomial_bounds(min(units, units * float(counts[place]) / total), units, confidence)
    least = 0.5 / (total + 0.5 * len(counts))
    return max(found.low, least), min(found.high, 1 - least)


def _moved(found: Any, place: int, share: float) -> Any:
    """Shares of which one is another, and the rest makes room in proportion."""
    moved = found * (1 - share) / (1 - found[place])
    moved[place] = share
    return moved


def ks(counts: Sequence[Any], again: Sequence[Any]) -> tuple[float, Any, Any, Any]:
    """The distance, and of every replicate its linear part and (twice) the largest distance that noise alone makes."""
    import numpy as np

    def functions(table: Any) -> Any:
        return np.cumsum(table, axis=1) / table.sum(axis=1, keepdims=True)

    gap = functions(counts[0])[0] - functions(counts[1])[0]
    noise = functions(again[0]) - functions(again[1]) - gap
    widest = int(np.argmax(noise.std(axis=0)))  # the most uncertain point, so that a distance in the tails isn't too sure of itself
    largest = np.abs(noise).max(axis=1)
    return float(np.abs(gap).max()), noise[:, widest], largest, largest


def ks_least(counts: Sequence[Any], units: tuple[float, float], confidence: float) -> float:
    """The least distance at the point where the two lie farthest apart, when both shares below it are any that exact bounds allow for as many
    independent units (``differences.recovered_bounds``). What few scores of a small side aren't alike, a bootstrap takes for better known.
    """
    import numpy as np

    before, today = (np.cumsum(table[0]) / table.sum() for table in counts)
    place = int(np.argmax(np.abs(before - today)))
    found = [
        (share, statistics.binomial_bounds(min(size, size * share), size, confidence))
        for share, size in zip((float(before[place]), float(today[place])), units, strict=True)
    ]
    return differences.recovered_bounds(*sorted(found, key=lambda side: -side[0])).low
