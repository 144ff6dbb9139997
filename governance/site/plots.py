"""Small pictures as SVG with a text alternative, readable in light and dark, on a phone and in print."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Iterator

from markupsafe import Markup

from averment.evidence.plots.charts import Chart
from averment.evidence.plots.page import drawn_of, estimate_told, is_jpeg, plot_file, worst_examples, worst_told
from averment.evidence.record import Record
from averment.evidence.reporting.rows import ClaimRow
from averment.governance.site.words import text

_WIDTH, _HEIGHT, _MARGIN = 400, 64, 12


def interval(row: ClaimRow) -> Markup:
    """The estimate of a claim with its interval, against the bar; empty where there is no estimate.

    The scale is the part of 0 to 1 in which these lie, and its ends are written at it.
    """
    if row.estimate is None or row.low is None or row.high is None or row.bar is None:
        return Markup("")
    values = (row.estimate, row.low, row.high, row.bar)
    if min(values) < 0 or max(values) > 1:
        return Markup("")
    start, end = _scale(min(values), max(values))

    def at(value: float) -> float:
        return round(_MARGIN + (value - start) / (end - start) * (_WIDTH - 2 * _MARGIN), 1)

    label = f"estimate {row.estimate:.4g}, interval {row.low:.4g} to {row.high:.4g}, bar {row.bar:.4g}, scale from {start:g} to {end:g}"
    # One line: Markdown leaves a block of HTML alone only until the next empty line.
    return Markup(
        '<svg class="av-interval" viewBox="0 0 {w} {h}" role="img" aria-label="{label}">'
        '<line class="av-axis" x1="{m}" y1="40" x2="{end}" y2="40"/>'
        '<line class="av-range" x1="{low}" y1="24" x2="{high}" y2="24"/>'
        '<line class="av-bar" x1="{bar}" y1="10" x2="{bar}" y2="40"/>'
        '<circle class="av-estimate" cx="{estimate}" cy="24" r="5"/>'
        '<text x="{m}" y="56">{start}</text><text x="{end}" y="56" text-anchor="end">{last}</text>'
        '<text x="{bar}" y="56" text-anchor="middle">{bar_text}</text></svg>'
    ).format(
        w=_WIDTH,
        h=_HEIGHT,
        m=_MARGIN,
        end=_WIDTH - _MARGIN,
        label=text(label),
        low=at(row.low),
        high=at(row.high),
        bar=at(row.bar),
        estimate=at(row.estimate),
        start=f"{start:g}",
        last=f"{end:g}",
        bar_text=text(f"bar {row.bar:g}") if 0.08 < (row.bar - start) / (end - start) < 0.92 else Markup(""),
    )


def figures(row: ClaimRow) -> str:
    """The estimate of a claim with its interval in words, as in a package; empty where there is no estimate."""
    if row.estimate is None:
        return ""
    span = {"low": row.low, "high": row.high, "confidence": row.confidence, "method": row.interval_method}
    known = row.low is not None and row.high is not None
    return f"Estimate {estimate_told(row.estimate, span if known else {})}."


def _scale(low: float, high: float) -> tuple[float, float]:
    """Ends of an axis in whole hundredths around ``low`` to ``high``, with room on both sides where 0 and 1 leave some."""
    room = 0.4 * max(high - low, 0.02)
    return max(0.0, math.floor((low - room) * 100) / 100), min(1.0, math.ceil((high + room) * 100) / 100)


def picture_files(records: Iterable[Record]) -> Iterator[tuple[str, bytes]]:
    """The plots and the worst errors of claims as files of the site: path and bytes."""
    for record in records:
        yield from ((plot_file(record, chart), chart.svg.encode()) for chart in drawn_of(record)[0])
        for number, example in enumerate(worst_examples(record.payload)):
            if is_jpeg(example.get("picture")):
                yield _worst_file(record, number), base64.b64decode(example["picture"])


def pictures(record: Record | None, root: str, seen: set[str] | None = None) -> Markup:
    """What a claim's record has to show, folded away, on one line: its checks, its plots, its worst errors. ``root`` leads from the
    page to the site's top. With ``seen``, the plots that the page has so far, those that it hasn't are seen at once and become some of them: claims
    on the same scores have the same curves. Files and not inline pictures: nothing out of a record can then be read as Markdown."""
    if record is None:
        return Markup("")
    drawn, missing = drawn_of(record)
    before = set(seen or ())
    new, again = ([chart for chart in drawn if (chart.svg in before) is known] for known in (False, True))
    if seen is not None:
        seen |= {chart.svg for chart in new}
    parts = [
        _folded("Checks", _checks(record)),
        _folded("Plots", _figures(record, root, new), grid=True, unfolded=seen is not None),
        _folded("Plots that stand above already", _figures(record, root, again), grid=True),
        Markup("<p>{}</p>").format(text(missing)) if missing else Markup(""),
        _folded("Worst errors", _worst(record, root)),
    ]
    return Markup("").join(parts)


def _folded(summary: str, inner: Markup, *, grid: bool = False, unfolded: bool = False) -> Markup:
    if not inner:
        return Markup("")
    body = Markup('<div class="av-plots">{}</div>').format(inner) if grid else inner
    return Markup("<details{}><summary>{}</summary>{}</details>").format(" open" if unfolded else "", summary, body)


def _figures(record: Record, root: str, drawn: Iterable[Chart]) -> Markup:
    return Markup("").join(_figure(f"{root}{plot_file(record, chart)}", chart.alt, chart.alt) for chart in drawn)


def _figure(source: str, alt: str, caption: str) -> Markup:
    return Markup('<figure><img src="{}" alt="{}"><figcaption>{}</figcaption></figure>').format(source, text(alt), text(caption))


def _words(caption: str) -> Markup:
    return Markup("<figure><figcaption>{}</figcaption></figure>").format(text(caption))


def _worst_file(record: Record, number: int) -> str:
    return f"plots/{record.id}-worst-{number}.jpg"


def _worst(record: Record, root: str) -> Markup:
    shown = []
    for number, example in enumerate(worst_examples(record.payload)):
        told = f"{example.get('name')}: {example.get('class')}, scored {example.get('probability')}"
        credit = f"{told}. {example.get('attribution') or 'unnamed'}, {example.get('licence')}"
        seen = is_jpeg(example.get("picture"))
        shown.append(_figure(f"{root}{_worst_file(record, number)}", told, credit) if seen else _words(credit))
    told = worst_told(record.payload)
    return Markup('<p>{}</p><div class="av-plots">{}</div>').format(text(told), Markup("").join(shown)) if told else Markup("")


def _checks(record: Record) -> Markup:
    made = (record.payload.get("details") or {}).get("checks")
    if not isinstance(made, list):
        return Markup("")
    rows = Markup("").join(
        Markup("<tr><td>{}</td><td>{}</td><td>{}</td></tr>").format(*(text(check.get(name)) for name in ("check", "outcome", "reason")))
        for check in made
        if isinstance(check, dict)
    )
    return Markup("<table><tr><th>Check</th><th>Outcome</th><th>Why</th></tr>{}</table>").format(rows)
