"""What an edit list leaves out of a film, in the program that decodes: whether that is much, and what players may then show.

Phones and messengers cut without encoding anew: all that was filmed stays in the file, and a list beside it says from when to when it is shown. Some
programs follow the list, some know only where it begins, some nothing of it. Where one stretch is shown and the rest is left out before or behind it,
each of these shows one stretch of the file, so that all of them can be judged (``scoring``). Of a list that shows several parts that can't be said.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from averment.detector.video.refused import RefusedError

TOLERATED = 0.1
"""Share of what is shown that may be left out, beside a second: the delay of an encoder, or what the sound is longer by, is no cut."""


class Entry(NamedTuple):
    """A frame in FFmpeg's index: when it is decoded, by the track's clock in seconds, where it lies, and whether it is never shown."""

    seconds: float
    place: int
    hidden: bool


class Hidden(NamedTuple):
    """Seconds that are left out before what is shown, between its parts, and behind it; and how long all is."""

    before: float
    between: float
    behind: float
    whole: float

    @property
    def total(self) -> float:
        """All that is left out."""
        return self.before + self.between + self.behind


def tolerated(shown: float) -> float:
    """Seconds that may be left out of a film of which so many are shown."""
    return shown * TOLERATED + 1


def hidden(shown: Iterable[Entry], everything: Iterable[Entry], interval: float) -> Hidden:
    """What the index without the edit list has that the one with it has not. Of hours of film there are millions of entries, which aren't kept."""
    places = {entry.place for entry in shown if not entry.hidden}
    starts, seen = array("d"), array("q")
    for number, entry in enumerate(everything):
        starts.append(entry.seconds)
        if entry.place in places:
            seen.append(number)
    if not starts:
        return Hidden(0, 0, 0, 0)
    starts.append(starts[-1] + interval)  # each lasts until the next
    whole = starts[-1] - starts[0]
    if not seen:
        return Hidden(whole, 0, 0, whole)
    between = sum(max(0.0, starts[after] - starts[before + 1]) for before, after in itertools.pairwise(seen))
    return Hidden(starts[seen[0]] - starts[0], between, starts[-1] - starts[seen[-1] + 1], whole)


def check(left_out: Hidden, told: Mapping[str, Any] | None, shown: float, delay: float) -> float | None:
    """Where in the track what is shown begins, if one stretch is and much is left out; None where nothing much is. ``delay`` is by how much the first frame
    is shown after it is decoded: the list counts by the one, and the index by the other.

    Raises:
        RefusedError: it is shown in another way than as one stretch, or FFmpeg makes something else of the list than it says.
    """
    most = tolerated(shown)
    told = told or {}
    if "odd" in told:
        raise RefusedError(f"{told['odd']}, and what is shown then depends on the player")
    parts = told.get("parts", 0)
    cut = left_out.total > most
    if cut and (parts != 1 or left_out.between > most):
        raise RefusedError(f"its edit list leaves out {left_out.total:,.1f} s of it, which some players show all the same")
    if not parts:
        return None
    if told["again"] is None or told["again"] > most:
        raise RefusedError("its edit list shows parts of it again or in another order, and what is shown then depends on the player")
    before = max(0.0, told["start"] - delay)
    behind = 0.0 if told["end"] is None else max(0.0, left_out.whole + delay - told["end"])
    if abs(before - left_out.before) > most or abs(behind - left_out.behind) > most:
        raise RefusedError("its edit list says something else than what is decoded here, and what is shown depends on the player")
    return float(told["start"]) if cut else None
