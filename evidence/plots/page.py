"""``claims.html``: every run of a claim with its checks, its plots and the worst errors; and each plot as a file of its own.

No scripts and nothing from elsewhere; everything out of a record is escaped. Records are read one at a time.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from averment.core.period import iso
from averment.core.words import counted
from averment.detector.claims.fields import BY_DECISION
from averment.evidence.package.layout import CLAIMS, PLOTS, README
from averment.evidence.plots.charts import Chart, charts, left_out
from averment.evidence.plots.svg import shown
from averment.evidence.plots.terms import explained
from averment.evidence.record import Kind, Record

_STYLE = """
:root { color-scheme: light dark; --line: #8886; background: Canvas; color: CanvasText; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 1rem; font-size: 0.9rem; }
th, td { border-bottom: 1px solid var(--line); padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1rem; }
figure { margin: 0; break-inside: avoid; } figcaption { font-size: 0.85rem; } svg { width: 100%; height: auto; }
th, td:first-child { overflow-wrap: normal; }
h2, p, li { overflow-wrap: anywhere; } dt { font-weight: 600; } dd { margin: 0 0 0.4rem 1.2rem; }
.supported, .holds { color: #1a7f37; } .refuted, .broken { color: #c62828; font-weight: 600; }
.inconclusive, .could-not-be-checked, .not-tested { color: #945600; font-weight: 600; }
@media screen and (prefers-color-scheme: dark) {
  .supported, .holds { color: #4ac26b; } .refuted, .broken { color: #ff8a80; }
  .inconclusive, .could-not-be-checked, .not-tested { color: #e8a33d; }
}
@page { size: A4; margin: 14mm; }
@media print {
  :root { color-scheme: light; }
  body { font-size: 10pt; margin: 0; max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; }
  tr { break-inside: avoid; }
}
"""


MAX_INLINE = 50
"""Runs whose plots stand on the page itself (some 20 kB each); of later ones the page has the words, and links to the files."""


_OF_ONE_FAMILY = frozenset({"roc", "det", "reliability", "scores"})
_ONE_FAMILY = (
    "The curves, the scores, the errors by column and the worst errors go by the score for the family that the claim names. The claim's figure goes by "
    "the detector's decision, for which the highest score of all its families counts, and can't be read from them: what another family took for an "
    "attack is not among these errors."
)


class ClaimsPage:
    """The page as it grows, run by run. ``record_file`` is the pattern of a record's file in the package, with ``{id}`` in it."""

    def __init__(self, record_file: str) -> None:
        self._record_file = record_file
        self._sections: list[str] = []
        self._contents: list[str] = []

    def add(self, record: Record) -> Iterator[tuple[str, bytes]]:
        """Take in ``record`` if it is a run of a claim, and give the files of its plots."""
        if record.kind is not Kind.CLAIM:
            return
        drawn, missing = drawn_of(record)
        inline = len(self._sections) < MAX_INLINE
        self._contents.append(_entry(record))
        self._sections.append(_section(record, drawn, missing, self._record_file.format(id=record.id), inline=inline))
        yield from ((plot_file(record, chart), chart.svg.encode()) for chart in drawn)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """The page itself; nothing when no claim was run."""
        if self._sections:
            yield CLAIMS, _page("".join(self._contents), "".join(self._sections)).encode()


def drawn_of(record: Record) -> tuple[list[Chart], str]:
    """The plots of a claim's record, and what isn't among them: why there are none where they can't be drawn, the columns that are left out, what
    another family of the detector did."""
    try:
        drawn, missing = charts(record.payload), left_out(record.payload)
        of_one = BY_DECISION in str(record.payload.get("statement")) and any(chart.name in _OF_ONE_FAMILY for chart in drawn)
        return drawn, " ".join(filter(None, (missing, _ONE_FAMILY if of_one else "")))
    except ValueError as error:
        return [], str(error)


def plot_file(record: Record, chart: Chart) -> str:
    """Where a plot lies in a package."""
    return f"{PLOTS}{record.id}-{chart.name}.svg"


def worst_pictures(payload: Mapping[str, Any]) -> str:
    """The worst errors of a claim as a list of figures in HTML, on one line; empty where there was none to tell of.

    A picture is shown only if it is the JPEG that ``claims.plots`` makes; licence and attribution stand at each.
    """
    told = worst_told(payload)
    if not told:
        return ""
    examples = [_example(example) for example in worst_examples(payload)]
    return f'<p>{shown(told)}</p><div class="plots">{"".join(examples)}</div>'


def worst_told(payload: Mapping[str, Any]) -> str:
    """How many errors a claim's detector made and how many of them aren't shown, in words; empty where there was none, or nothing is kept of them."""
    worst = (payload.get("details") or {}).get("worst_errors")
    if not isinstance(worst, Mapping):
        return ""
    wrong, silent, hidden = (_count(worst.get(name)) for name in ("errors", "without_score", "not_shown"))
    if not wrong and not silent:
        return ""
    shown, threshold = len(worst_examples(payload)), worst.get("threshold")
    if "without_score" in worst:
        sides = f"{wrong:,} with a score on its wrong side, and {silent:,} of which the detector can't say, which count as errors too"
        told = [f"{counted(wrong + silent, 'error')} at the threshold {threshold}: {sides}."]
    else:  # an older record
        told = [f"{counted(wrong, 'error')} among the images with a score, at the threshold {threshold}; how many had none was not kept."]
    if shown:
        told.append(f"Shown are the {shown:,} worst with a score that may be.")
    if hidden:
        told.append(f"{hidden:,} can't be shown: nothing states a licence, or a ground to show the person.")
    if wrong > hidden + shown:
        told.append(f"{wrong - hidden - shown:,} more are nearer to the threshold.")
    return " ".join(told)


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def worst_examples(payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The worst errors that a claim's record shows."""
    worst = (payload.get("details") or {}).get("worst_errors") or {}
    return [example for example in worst.get("examples") or () if isinstance(example, Mapping)]


def _example(example: Mapping[str, Any]) -> str:
    name, kind = str(example.get("name")), str(example.get("class"))
    probability = example.get("probability")
    told = f"{kind}, scored {probability:.4g}" if isinstance(probability, int | float) else kind
    picture = ""
    if is_jpeg(example.get("picture")):
        picture = f'<img src="data:image/jpeg;base64,{example["picture"]}" alt="{shown(f"{name}: {told}")}">'
    credit = ", ".join(filter(None, (str(example.get("attribution") or ""), str(example.get("licence") or ""))))
    return f"<figure>{picture}<figcaption>{shown(name)}: {shown(told)}. {shown(credit)}</figcaption></figure>"


def is_jpeg(text: object) -> bool:
    """Whether ``text`` is a JPEG in base64 and nothing else."""
    if not isinstance(text, str):
        return False
    try:
        return base64.b64decode(text, validate=True).startswith(b"\xff\xd8\xff")
    except (binascii.Error, ValueError):
        return False


def checks_table(payload: Mapping[str, Any]) -> str:
    """The checks of a claim that consists of some, as a table in HTML, on one line; empty for other claims."""
    made = (payload.get("details") or {}).get("checks")
    if not isinstance(made, Sequence) or isinstance(made, str):
        return ""
    rows = "".join(_check(check) for check in made if isinstance(check, Mapping))
    return f"<table><tr><th>Check</th><th>Outcome</th><th>Why</th><th>Such as</th></tr>{rows}</table>"


def _check(check: Mapping[str, Any]) -> str:
    outcome = str(check.get("outcome"))
    examples = "; ".join(map(str, check.get("examples") or ()))
    cells = (shown(str(check.get("reason"))), shown(examples))
    return (
        f'<tr><td>{shown(str(check.get("check")))}</td><td class="{shown(outcome.replace(" ", "-"))}">{shown(outcome)}</td>'
        f"{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    )


def _names(record: Record) -> str:
    return ", ".join(record.controls) or "a claim of its own"


def _verdict(record: Record) -> str:
    verdict = str(record.payload.get("verdict", "not tested"))
    return f'<span class="{shown(verdict.replace(" ", "-"))}">{shown(verdict)}</span>'


def _entry(record: Record) -> str:
    """A run's line in the list at the top."""
    said = record.payload.get("statement") or record.payload.get("type") or ""
    return f'<li>{_verdict(record)}: <a href="#r-{shown(record.id)}">{shown(_names(record))}</a>, {shown(str(said))}</li>\n'


def _section(record: Record, drawn: Sequence[Chart], missing: str, file: str, *, inline: bool) -> str:
    payload = record.payload
    parts = [
        f'<h2 id="r-{shown(record.id)}">{shown(_names(record))}: {_verdict(record)}</h2>\n',
        f"<p>{shown(str(payload.get('statement') or payload.get('type') or ''))}</p>\n",
        f"<p>{shown(str(payload.get('reason') or record.reason or ''))}</p>\n",
        _figures(record, file),
        checks_table(payload),
    ]
    if drawn:
        figures = (
            f'<figure>{chart.svg if inline else ""}<figcaption>{shown(chart.alt)} <a href="{shown(plot_file(record, chart))}">File</a></figcaption></figure>\n'
            for chart in drawn
        )
        parts.append(f'<h3>Plots</h3>\n<div class="plots">\n{"".join(figures)}</div>\n')
    if missing:
        parts.append(f"<p>{shown(missing)}</p>\n")
    worst = worst_pictures(payload)
    if worst:
        parts.append(f"<h3>Worst errors</h3>\n{worst}\n")
    return "".join(parts)


def _figures(record: Record, file: str) -> str:
    payload, interval = record.payload, record.payload.get("interval") or {}
    rows = [
        ("Record", f'<a href="{shown(file)}"><code>{shown(record.id)}</code></a>, {shown(iso(record.effective_at))}'),
        ("Source", shown(record.source)),
    ]
    if payload.get("estimate") is not None:
        rows.append(("Estimate", shown(estimate_told(payload["estimate"], interval))))
    if "samples" in payload:
        units = counted(payload["clusters"], "independent unit")
        rows.append(("Sample", shown(f"{payload['samples']:,} media, {units}; seed {payload['seed']}")))
    return f"<table>{''.join(f'<tr><th>{name}</th><td>{value}</td></tr>' for name, value in rows)}</table>\n"


def estimate_told(estimate: float, interval: Mapping[str, Any]) -> str:
    """A claim's figure with its interval (``low``, ``high``, ``confidence``, ``method``; empty where there is none), in words."""
    if interval and interval["low"] == interval["high"] == estimate:
        return f"{estimate:.4g} ({interval['method']})"
    span = f", {_level(interval)}{interval['low']:.4g} to {interval['high']:.4g} ({interval['method']})" if interval else ""
    return f"{estimate:.4g}{span}"


def _level(interval: Mapping[str, Any]) -> str:
    """At which confidence the bounds are; nothing for those of a count of everything."""
    confidence = interval.get("confidence")
    return f"{confidence * 100:g} % interval " if isinstance(confidence, int | float) and confidence < 1 else ""


def _page(contents: str, sections: str) -> str:
    words = "".join(f"<dt>{shown(word)}</dt><dd>{shown(means)}</dd>" for word, means in explained(sections))
    glossary = f'<h2 id="words">Words</h2>\n<dl>{words}</dl>\n' if words else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Claims</title><style>{_STYLE}</style></head>\n<body>\n<h1>Claims</h1>\n"
        "<p>A claim is a statement with a figure. Supported and refuted mean that the whole interval lies on one side of the bar; else it is "
        "inconclusive, and where nothing could be looked at, not tested. Every run is listed, not only the last. Any of them can be run again: "
        "<code>averment prove --replay RECORD</code>.</p>\n"
        f'<p><a href="{README}">What else the package holds</a></p>\n'
        f'<nav aria-label="Runs"><ul>\n{contents}</ul></nav>\n{sections}{glossary}</body></html>\n'
    )
