"""Long lists of a control: on its page stands what matters most, and all of it in a table for a spreadsheet that lies beside the page.

Of a shop with 1,500 buckets a control has thousands of findings. A page of all of them takes a browser minutes, and each page's search as long.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from averment.core.tabular import csv_line
from averment.core.words import Verdict
from averment.evidence.reporting.changes import STATE, ChangeRow
from averment.evidence.reporting.drift import DriftRow
from averment.evidence.reporting.plain import plain
from averment.evidence.reporting.rows import FindingRow
from averment.governance.site.data import SiteData

MOST = 100
"""Rows of a list that stand on a control's page."""

MOST_CHANGES = 20
"""Resources of a control of which its part of the page of changes tells that they came or went."""

CHANGES = "changes.csv"


@dataclass(frozen=True)
class Listed:
    """The ``rows`` of a list that stand on the page, in their order; ``every`` one lies in ``file``, beside the page, unless these are all ("")."""

    rows: Sequence[Any]
    every: Sequence[Any]
    file: str = ""


def lists_of(data: SiteData, control: str) -> dict[str, Listed]:
    """The lists of a control's page by what they are of."""
    kinds: Mapping[str, tuple[Sequence[Any], Callable[[Sequence[Any]], Iterable[Any]]]] = {
        "findings": (data.findings(control), _findings_first),
        "waivers": (data.waivers(control), iter),
        "drift": (data.drift(control), _drift_first),
        "operation": (data.operation(control), iter),
    }
    return {kind: _listed(every, first, f"{control}-{kind}.csv") for kind, (every, first) in kinds.items()}


def changes_shown(rows: Sequence[ChangeRow]) -> list[ChangeRow]:
    """Of one control's changes those that stand on the page: each of a state, and of what came and went the first."""
    went = [row for row in rows if row.what != STATE][MOST_CHANGES:]
    left_out = set(map(id, went))
    return [row for row in rows if id(row) not in left_out]


def list_files(data: SiteData) -> dict[str, bytes]:
    """The tables of what doesn't stand on the pages: path below the documentation folder -> CSV in UTF-8, marked so for spreadsheets that would
    else take it for something older."""
    found = {f"controls/{item.file}": item.every for control in data.catalogue for item in lists_of(data, control.id).values() if item.file}
    rows = data.report.changes if data.before is not None and data.before.known else ()
    if any(count > MOST_CHANGES for count in Counter(row.control for row in rows if row.what != STATE).values()):
        found[CHANGES] = rows
    return {path: _table(every) for path, every in found.items()}


def _listed(every: Sequence[Any], first: Callable[[Sequence[Any]], Iterable[Any]], file: str) -> Listed:
    if len(every) <= MOST:
        return Listed(every, every)
    return Listed([row for row, _ in zip(first(every), range(MOST), strict=False)], every, file)


def _findings_first(rows: Sequence[FindingRow]) -> Iterable[FindingRow]:
    """What is open before what is waived; of each assessment one after the other, so that what the code is told of doesn't hide what is deployed."""
    turn: Counter[tuple[bool, str]] = Counter()
    order = []
    for number, row in enumerate(rows):
        waived = row.waived_until is not None
        order.append((waived, turn[waived, row.assessment], number))
        turn[waived, row.assessment] += 1
    chosen = sorted(order)[:MOST]
    return (rows[number] for _, _, number in sorted(chosen, key=lambda item: (item[0], item[2])))


def _drift_first(rows: Sequence[DriftRow]) -> Iterable[DriftRow]:
    """What fails first, then what couldn't be told, each as deployed before that in the code."""
    order = {str(Verdict.FAIL): 0, str(Verdict.UNKNOWN): 1}  # and half a step for what the code alone says
    return sorted(rows, key=lambda row: min(order.get(row.at_run_time, 3), order.get(row.before, 3) + 0.5))


def _table(rows: Sequence[Any]) -> bytes:
    """A column for each field of the rows, called as in a package's ``report.json``."""
    lines = ([_cell(value) for value in plain(row).values()] for row in rows)
    head = [field.name for field in dataclasses.fields(rows[0])]
    return b"".join(csv_line(cells).encode("utf-8", "backslashreplace") for cells in chain([["\ufeff" + head[0], *head[1:]]], lines))


def _cell(value: Any) -> Any:
    return "; ".join(map(str, value)) if isinstance(value, list) else value
