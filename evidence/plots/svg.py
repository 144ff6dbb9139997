"""A small canvas for plots: axes with ticks, lines, bars, points, written as one line of SVG.

No clock, no randomness, no fonts of its own, and numbers to a tenth of a pixel, so that the same values give the same bytes. Ink is
``currentColor``, which is black in a file of its own and follows the page's text inside a page, light or dark. Every plot has a
text alternative, which says in words and figures what the picture shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from statistics import NormalDist

from averment.core.showing import harmless

WIDTH, HEIGHT = 420, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 26, 30, 48
LETTER = 6.6
"""The width of a letter, at the most on average."""

ATTACKS, BONA_FIDE, OTHER = "#c2410c", "#2563eb", "#6b7280"
"""Orange, blue and grey: told apart by those who don't see red and green, on white and on black."""
_FILLED, _OUTLINED = 'fill-opacity="0.6"', 'fill-opacity="0.1" stroke-width="2"'
"""How a shape is drawn. What is bona fide has an outline: printed in shades of grey, that blue and that orange are one."""


def shown(text: str) -> str:
    """``text`` out of a record within markup. What doesn't print is an escape such as ``\\x0b``: XML has no control characters, in whose place no
    picture would be shown at all, and some turn about what stands beside them."""
    return escape(harmless(text))


Scale = Callable[[float], float]
"""From a value to its place between 0 and 1."""


def linear(low: float, high: float) -> Scale:
    """An even scale."""
    return lambda value: (value - low) / (high - low)


def probit(edge: float) -> Scale:
    """The scale of DET plots: equal distances are equal quantiles of the normal distribution, from ``edge`` to 1 - ``edge``; what lies
    beyond stands at the edge."""
    normal = NormalDist()
    end = normal.inv_cdf(1 - edge)
    return lambda value: (normal.inv_cdf(min(max(value, edge), 1 - edge)) + end) / (2 * end)


def round_up(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten, for the end of an axis."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


class Canvas:
    """One plot: ``title`` above it, ``alt`` its text alternative. ``x`` and ``y`` are its scales; heights grow upwards."""

    def __init__(self, title: str, alt: str, x: Scale, y: Scale, *, left: int = LEFT, height: int = HEIGHT) -> None:
        self._title, self._alt = title, alt
        self._x, self._y = x, y
        self._left, self._height = left, height
        self._marks: list[str] = []

    def x(self, value: float) -> float:
        """The place of ``value`` across."""
        return self._left + self._x(value) * (WIDTH - RIGHT - self._left)

    def y(self, value: float) -> float:
        """The place of ``value`` from the top."""
        return self._height - BOTTOM - self._y(value) * (self._height - BOTTOM - TOP)

    def axes(self, x_label: str, y_label: str, x_ticks: Sequence[tuple[float, str]], y_ticks: Sequence[tuple[float, str]]) -> None:
        """Both axes with the values that stand at them."""
        bottom, top, left, right = self._height - BOTTOM, TOP, self._left, WIDTH - RIGHT
        self._marks.append(f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="currentColor" stroke-width="1"/>')
        for value, words in x_ticks:
            place = _number(self.x(value))
            self._marks.append(f'<path d="M{place} {bottom}v4" stroke="currentColor"/>')
            self.text(self.x(value), bottom + 16, words, anchor="middle")
        for value, words in y_ticks:
            place = _number(self.y(value))
            self._marks.append(f'<path d="M{left} {place}h-4" stroke="currentColor"/>')
            self.text(left - 7, self.y(value) + 4, words, anchor="end")
        self.text((left + right) / 2, self._height - 12, x_label, anchor="middle")
        if y_label:
            middle = _number((top + bottom) / 2)
            self._marks.append(
                f'<text x="14" y="{middle}" transform="rotate(-90 14 {middle})" text-anchor="middle" fill="currentColor">{shown(y_label)}</text>'
            )

    def line(self, points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False) -> None:
        """A line through ``points``."""
        path = " ".join(f"{_number(self.x(x))},{_number(self.y(y))}" for x, y in points)
        dash = ' stroke-dasharray="4 4"' if dashed else ""
        self._marks.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')

    def box(self, left: float, right: float, low: float, high: float, colour: str) -> None:
        """A filled rectangle between two values across and two upwards."""
        x, y = self.x(left), self.y(high)
        width, height = self.x(right) - x, self.y(low) - y
        self._marks.append(
            f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}" {_painted(colour)}/>'
        )

    def point(self, x: float, y: float, colour: str, radius: float = 4) -> None:
        """A dot."""
        self._marks.append(f'<circle cx="{_number(self.x(x))}" cy="{_number(self.y(y))}" r="{_number(radius)}" fill="{colour}"/>')

    def text(self, x: float, y: float, words: str, *, anchor: str = "start") -> None:
        """Words at a place in pixels."""
        self._marks.append(f'<text x="{_number(x)}" y="{_number(y)}" text-anchor="{anchor}" fill="currentColor">{shown(words)}</text>')

    def key(self, entries: Sequence[tuple[str, str]]) -> None:
        """What the colours stand for, at the top on the right: (words, colour). The words are in ink, which can be read on any page."""
        right = float(WIDTH - RIGHT)
        for words, colour in reversed(entries):
            self.text(right, TOP - 6, words, anchor="end")
            right -= LETTER * len(words) + 16
            self._marks.append(f'<rect x="{_number(right)}" y="{TOP - 15}" width="10" height="10" {_painted(colour)}/>')
            right -= 12

    def render(self) -> str:
        """The picture as one line of SVG that stands by itself."""
        alt = shown(self._alt)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="av-plot" viewBox="0 0 {WIDTH} {self._height}" role="img" aria-label="{alt}" '
            f'font-family="system-ui, sans-serif" font-size="12"><title>{shown(self._title)}</title><desc>{alt}</desc>'
            f'<text x="{min(self._left, LEFT)}" y="16" font-weight="600" fill="currentColor">{shown(self._title)}</text>{"".join(self._marks)}</svg>'
        )


def _painted(colour: str) -> str:
    return f'fill="{colour}" stroke="{colour}" {_OUTLINED if colour == BONA_FIDE else _FILLED}'


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("a plot has a place that is no number")
    return f"{round(value, 1) + 0.0:g}"
