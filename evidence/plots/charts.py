"""The plots of one claim's record, each with its text alternative: ROC, DET, reliability, scores, errors by subgroup and by transform, and
what data are made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from averment.core.words import counted
from averment.evidence.plots.svg import ATTACKS, BONA_FIDE, BOTTOM, LETTER, OTHER, TOP, Canvas, linear, probit, round_up

TENTHS = tuple((place / 5, f"{place / 5:g}") for place in range(6))
DET_EDGE = 0.001
DET_TICKS = tuple((value, f"{value:g}") for value in (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99))
READ_AT = (0.01, 0.05, 0.1)
"""The false positive rates at which the curve of an older record is put into words; later ones hold the figures themselves."""

THINNED = 200
"""So many points an older record kept of a curve that had more. Then its figures are bounds: the curve runs above what was kept."""

MAX_BARS = 24
"""More bars than this don't fit under one another; the words name how many there are."""

MAX_LABEL = 30
"""Characters beside a bar: with more no room is left for it."""

MAX_NAME = 80
"""Characters of a plot's name: a column's can be longer than file systems take."""

_ROW = 18
_COLOURS = {"attacks": ATTACKS, "bona fide": BONA_FIDE}


@dataclass(frozen=True)
class Chart:
    """One picture: ``name`` is good for a file's name, ``alt`` says in words what it shows."""

    name: str
    title: str
    alt: str
    svg: str


def charts(payload: Mapping[str, Any]) -> list[Chart]:
    """The plots that a claim's payload (``ClaimResult.to_json``) gives; none for one that holds no data for any.

    Raises:
        ValueError: it holds a plot that can't be drawn: another shape than its kind has.
    """
    details = payload.get("details") or {}
    try:
        return _named_apart(_charts(details))
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, ArithmeticError) as error:
        raise ValueError(f"a plot of the claim can't be drawn: {error!r}") from error


def left_out(payload: Mapping[str, Any]) -> str:
    """The columns of which no errors are drawn, and why, as a sentence; empty where there are none, or the record is older than that.

    Raises:
        ValueError: it holds them in another shape.
    """
    try:
        told = [
            sentence
            for plot in (payload.get("details") or {}).get("plots") or ()
            if plot["kind"] == "left-out"
            for sentence in _left_out(plot)
        ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"what the plots leave out can't be told: {error!r}") from error
    return " ".join(told)


def _left_out(plot: Mapping[str, Any]) -> Iterator[str]:
    rows = [(str(row["column"]), int(row["values"])) for row in plot["columns"]]
    many = [f"{column} ({values:,} values)" for column, values in rows if values > 1]
    few = [column for column, values in rows if values <= 1]
    if many:
        yield f"Errors are not shown by {', '.join(many)}: with more than {int(plot['most_values'])} values a column is a name and no subgroup."
    if few:
        yield f"Errors are not shown by {', '.join(few)}: no two values to compare."
    if plot["more"]:
        yield f"Nor by {counted(int(plot['more']), 'more column')}."


def _named_apart(drawn: Iterable[Chart]) -> list[Chart]:
    """``drawn`` with a number at the end of a name that an earlier one has: each is a file of its own. Columns of different names can come to the same
    one, as ``skin tone`` and ``skin-tone`` do. In the order of the record, so that the same record gives the same names."""
    found: dict[str, Chart] = {}
    for chart in drawn:
        name, number = chart.name, 1
        while name in found:
            number += 1
            name = f"{chart.name}-{number}"
        found[name] = replace(chart, name=name)
    return list(found.values())


def _charts(details: Mapping[str, Any]) -> Iterator[Chart]:
    for plot in details.get("plots") or ():
        draw = _KINDS.get(plot["kind"])
        if draw is not None:
            yield draw(plot)
    if details.get("by_transform"):
        yield _transforms(details["by_transform"])
    if details.get("found_by_transform"):
        yield _found(details["found_by_transform"])
    for column, counts in (details.get("composition") or {}).items():
        if len(counts) > 1:
            yield _composition(column, counts)


def _roc(plot: Mapping[str, Any]) -> Chart:
    points = _points(plot)
    bound = "at least " if _is_thinned(plot) else ""
    read = ", ".join(
        f"at {_percent(fpr)} false positives {bound}{_percent(tpr)} of the attacks are found" for fpr, tpr in _read(plot, points, max, 0.0)
    )
    title = "ROC"
    alt = f"ROC curve: {read}. {_without(plot)}"
    canvas = Canvas(title, alt, linear(0, 1), linear(0, 1))
    canvas.axes("false positive rate", "true positive rate", TENTHS, TENTHS)
    canvas.line([(0, 0), (1, 1)], OTHER, dashed=True)
    canvas.line(points, ATTACKS)
    return Chart("roc", title, alt, canvas.render())


def _det(plot: Mapping[str, Any]) -> Chart:
    points = _points(plot)
    equal = float(plot["equal"]) if "equal" in plot else min((abs(x - y), max(x, y)) for x, y in points)[1]
    bound, about = ("at most ", "about ") if _is_thinned(plot) else ("", "")
    misses = ", ".join(f"at {_percent(fpr)} false positives {bound}{_percent(missed)}" for fpr, missed in _read(plot, points, min, 1.0))
    title = "DET"
    alt = f"DET curve: share of attacks missed {misses}; both errors are nearest to equal at {about}{_percent(equal)}. {_without(plot)}"
    scale = probit(DET_EDGE)
    canvas = Canvas(title, alt, scale, scale)
    canvas.axes("false positive rate", "false negative rate", DET_TICKS, DET_TICKS)
    canvas.line([(DET_EDGE, DET_EDGE), (1 - DET_EDGE, 1 - DET_EDGE)], OTHER, dashed=True)
    canvas.line(points, ATTACKS)
    return Chart("det", title, alt, canvas.render())


def _reliability(plot: Mapping[str, Any]) -> Chart:
    bins = [(float(row["mean"]), float(row["share"]), int(row["images"])) for row in plot["bins"]]
    told = "; ".join(f"of {_images(images)} scored about {mean:.2f}, {_percent(share)} are attacks" for mean, share, images in bins)
    title = "Reliability"
    alt = f"Reliability: {told}. On the diagonal both are the same. {_without(plot)}"
    canvas = Canvas(title, alt, linear(0, 1), linear(0, 1))
    canvas.axes("mean probability", "share of attacks", TENTHS, TENTHS)
    canvas.line([(0, 0), (1, 1)], OTHER, dashed=True)
    most = max((images for _, _, images in bins), default=1)
    for mean, share, images in bins:
        canvas.point(mean, share, ATTACKS, 3 + 7 * (images / most) ** 0.5)
    return Chart("reliability", title, alt, canvas.render())


def _histogram(plot: Mapping[str, Any]) -> Chart:
    counts: Mapping[str, Sequence[int]] = plot["counts"]
    threshold = float(plot["threshold"])
    shares = {name: [count / max(1, sum(row)) for count in row] for name, row in counts.items()}
    highest = round_up(max((share for row in shares.values() for share in row), default=1.0)) or 1.0
    told = "; ".join(f"{name}: {_fullest(row)}" for name, row in counts.items())
    title = "Scores by class"
    alt = f"Histogram of scores by class. {told}. The threshold is {threshold:g}. {_without(plot)}"
    canvas = Canvas(title, alt, linear(0, 1), linear(0, highest))
    canvas.axes("score", "share of the class", TENTHS, [(highest * part, _percent(highest * part)) for part in (0, 0.5, 1)])
    for name, row in shares.items():
        for place, share in enumerate(row):
            if share:
                canvas.box(place / len(row), (place + 1) / len(row), 0, share, _COLOURS.get(name, OTHER))
    canvas.line([(threshold, 0), (threshold, highest)], "currentColor", dashed=True)
    canvas.key([(name, _COLOURS.get(name, OTHER)) for name in counts])
    return Chart("scores", title, alt, canvas.render())


def _fullest(row: Sequence[int]) -> str:
    total, width = sum(row), 1 / len(row)
    places = sorted((place for place in range(len(row)) if row[place]), key=lambda place: (-row[place], place))[:3]
    return ", ".join(f"{row[place]:,} of {total:,} from {place * width:.2f} to {(place + 1) * width:.2f}" for place in places) or "none"


def _errors(plot: Mapping[str, Any]) -> Chart:
    column = str(plot["column"])
    rows = [
        _Bar(
            f"{bar['value']}, {bar['class']}",
            bar["rate"],
            bar["low"],
            bar["high"],
            _COLOURS.get(bar["class"], OTHER),
            _images(int(bar["images"])),
        )
        for bar in plot["bars"]
    ]
    keys = [(name, colour) for name, colour in _COLOURS.items() if any(bar["class"] == name for bar in plot["bars"])]
    without = int(plot.get("without_value", 0))
    note = f" {_images(without)} of which the manifest says nothing there {'is' if without == 1 else 'are'} left out." if without else ""
    return _bars(f"errors-{column}", f"Errors by {column}", "error rate, with 95 % interval", rows, keys, note)


def _transforms(table: Sequence[Mapping[str, Any]]) -> Chart:
    rows = [
        _Bar(
            ", ".join(filter(None, (str(row["transform"]), row.get("generator")))),
            row["difference"],
            row["low"],
            row["high"],
            ATTACKS,
            f"{row['before']:.3g} before, {row['after']:.3g} after",
        )
        for row in table
    ]
    return _bars("errors-by-transform", "Worse by transform", "drop of the figure, with its bounds", rows, ())


def _found(table: Sequence[Mapping[str, Any]]) -> Chart:
    rows = []
    for row in table:
        found, unreadable, of = int(row["found"]), int(row["unreadable"]), int(row["of"])
        note = f"{found:,} of {of:,}{f', {unreadable:,} could not be read' if unreadable else ''}"
        rows.append(_Bar(str(row["transform"]), found / max(1, of), row.get("low"), row.get("high"), BONA_FIDE, note))
    return _bars("found-by-transform", "Found by transform", "share of the media, with its bounds", rows, ())


def _composition(column: str, counts: Mapping[str, int]) -> Chart:
    total = sum(counts.values()) or 1
    rows = [_Bar(value, count / total, None, None, BONA_FIDE, f"{count:,}") for value, count in counts.items()]
    return _bars(f"data-{column}", f"Media by {column}", "share of the media", rows, ())


@dataclass(frozen=True)
class _Bar:
    """One row of a bar chart, with its interval where there is one."""

    words: str
    value: float
    low: float | None
    high: float | None
    colour: str
    note: str

    def told(self) -> str:
        """The row in words."""
        span = "" if self.low is None or self.high is None else f", {_percent(self.low)} to {_percent(self.high)}"
        return f"{self.words}: {_percent(self.value)} ({self.note}{span})"


def _bars(name: str, title: str, axis: str, rows: Sequence[_Bar], key: Sequence[tuple[str, str]], note: str = "") -> Chart:
    """Bars across, one below the other, longest names shortened; negative values reach to the left. ``note`` ends the words."""
    shown = rows[:MAX_BARS]
    ends = [end for row in rows for end in (0.0, row.value, row.low, row.high) if end is not None]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    low, high = -round_up(-low), round_up(high)
    high = high if high > low else 1.0
    more = f" {len(rows) - MAX_BARS} more are not drawn." if len(rows) > MAX_BARS else ""
    alt = f"{title}: {'; '.join(row.told() for row in rows)}.{more}{note}"
    left = max(150, 12 + round(LETTER * max((len(_short(row.words)) for row in shown), default=0)))
    canvas = Canvas(title, alt, linear(low, high), linear(len(shown), 0), left=left, height=TOP + BOTTOM + _ROW * max(1, len(shown)))
    ticks = [(low + (high - low) * part, _percent(low + (high - low) * part)) for part in (0, 0.5, 1)]
    canvas.axes(axis, "", ticks, [(place + 0.5, _short(row.words)) for place, row in enumerate(shown)])
    for place, row in enumerate(shown):
        canvas.box(min(0.0, row.value), max(0.0, row.value), place + 0.8, place + 0.2, row.colour)
        if row.low is not None and row.high is not None:
            canvas.line([(row.low, place + 0.5), (row.high, place + 0.5)], "currentColor")
    canvas.key(key)
    return Chart(_slug(name), title, alt, canvas.render())


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], Chart]] = {
    "roc": _roc,
    "det": _det,
    "reliability": _reliability,
    "histogram": _histogram,
    "errors": _errors,
}


def _points(plot: Mapping[str, Any]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in plot["points"]]


def _is_thinned(plot: Mapping[str, Any]) -> bool:
    return "read" not in plot and len(plot["points"]) >= THINNED


def _read(
    plot: Mapping[str, Any], points: Sequence[tuple[float, float]], best: Callable[..., float], worst: float
) -> list[tuple[float, float]]:
    """The curve's heights at some false positive rates: as the record has them of the whole curve, or, of an older one, read off the points that it
    kept, the ``best`` that lies no further right. No interpolation, as in the claims."""
    if "read" in plot:
        return [(float(rate), float(height)) for rate, height in plot["read"]]
    return [(rate, best((y for x, y in points if x <= rate), default=worst)) for rate in READ_AT]


def _without(plot: Mapping[str, Any]) -> str:
    count = int(plot["without_score"])
    left_out = f"{_images(count)} of which the detector can't say {'is' if count == 1 else 'are'} left out."
    return left_out if count else "Every image has a score."


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"


def _percent(value: float) -> str:
    """A share in three digits; none but all reads as 100 %."""
    text = f"{value * 100:.3g}"
    return f"{value * 100:.8g} %" if text == "100" and value != 1 else f"{text} %"


def _short(words: str) -> str:
    """``words`` that fit beside a bar, without their middle where they are too long: rows that begin alike differ at the end."""
    return words if len(words) <= MAX_LABEL else f"{words[: MAX_LABEL - 14]}…{words[-13:]}"


def _slug(name: str) -> str:
    """``name`` as a part of a file's name, of a bounded length; several can come to the same one."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:MAX_NAME].strip("-")
