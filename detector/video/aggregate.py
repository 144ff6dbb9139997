"""From the probabilities of successive frames to one for the clip: the highest running median.

The median of five successive sampled frames (Tukey, Exploratory Data Analysis, 1977, ch. 7) doesn't move for two wild ones among them: a
blurred frame, a blink, a single false alarm. The highest of all such medians (a scan statistic: Naus, JASA 60, 1965) finds a stretch
that was manipulated in a clip that otherwise wasn't, which a mean or median over the whole clip would dilute.

What it costs in false alarms: when each of 32 frames is falsely flagged with probability p and independently, some window of five has
three of them with probability ``false_alarm(p, 32)``: .018 for p = .05, .11 for p = .1. Frames of one clip resemble each other, and when
they agree wholly it is p itself. So a threshold that was set on single images keeps about its error on clips, or keeps below it, while that is 9 % or less.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

WINDOW = 5
"""Successive frames that a median is taken of."""

FEWEST = 3
"""Of fewer frames nothing is said: the median of two is no protection against one."""


def highest_median(values: Sequence[float]) -> tuple[float, int]:
    """The highest median of ``WINDOW`` successive ``values`` (of all, if there are fewer), and the place of the highest value in that window.

    Raises:
        ValueError: there are fewer than ``FEWEST``.
    """
    if len(values) < FEWEST:
        raise ValueError(f"{len(values)} values, at least {FEWEST} are needed")
    width = min(WINDOW, len(values))
    start = max(range(len(values) - width + 1), key=lambda first: median(values[first : first + width]))
    window = range(start, start + width)
    return median(values[start : start + width]), max(window, key=lambda place: values[place])


def false_alarm(each: float, frames: int) -> float:
    """How probable it is that independent false alarms, ``each`` so probable, make some running median one.

    Exact: the states are the outcomes of the last four frames; what ever reached three in five is absorbed.
    """
    states: dict[tuple[bool, ...], float] = {(): 1.0}
    absorbed = 0.0
    for _ in range(frames):
        following: dict[tuple[bool, ...], float] = {}
        for past, chance in states.items():
            for hit, probability in ((True, each), (False, 1 - each)):
                window = (*past, hit)
                if sum(window) > WINDOW // 2:
                    absorbed += chance * probability
                else:
                    kept = window[-(WINDOW - 1) :]
                    following[kept] = following.get(kept, 0.0) + chance * probability
        states = following
    return absorbed
