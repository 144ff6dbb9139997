"""The workbook of a period: a view of the report that people filter, comment and sign.

The same report gives the same bytes: XlsxWriter stamps its zip entries with a fixed time, and the document's date is the
report's. Text never becomes a formula or a link by itself (``strings_to_formulas`` and ``strings_to_urls`` are off), so evidence
from a hostile source can't act in the reader's spreadsheet.
"""

from __future__ import annotations

import io
import json
import math
import tempfile
from collections.abc import Mapping
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

from averment.core.extras import require
from averment.core.period import iso
from averment.core.showing import printable, visible
from averment.core.words import Status
from averment.evidence.cells import LINE, cell_text, row_height
from averment.evidence.judging.outside import counts_for_nothing
from averment.evidence.reporting.report import PeriodReport
from averment.evidence.reporting.unseen import told_of_unseen
from averment.evidence.sinks.sheets import HOW_TO_VERIFY, STATUS_COLOURS, TABLES, Column, Link, Sheet

MAX_ROWS = 1_048_575
"""Rows under the header that a sheet can hold."""

MAX_EXACT = 10**15
"""Excel keeps 15 digits of a number; a larger one, such as a seed, stands as text, or another would be read."""

MAX_LINKS = 65_000
"""Links that a sheet can hold (65,530); beyond it the same text stands without a link."""

_FOOTER = 100
"""Characters of what a page's foot names; with each ampersand doubled, Excel takes 255 in all."""

_SUMMARY = (34, 90)
"""Widths of the columns of the first sheet."""

_TITLE = 21
"""Points of a row with a title."""

_BUTTON = 3
"""Characters of a header that the button of its filter hides."""

_PAGE = 210
"""Characters that stand beside each other on a printed page, in type of about 7 points; a wider table goes on on the page after it."""

_LEAST_IN_PLACES = 0.0001
"""The least share that four places tell; a lesser one would read as none."""

_CUT = " […cut; the whole text is in report.json]"


def write_workbook(report: PeriodReport, path: Path) -> None:
    """Write ``report`` to the new file ``path`` as XLSX. Rows pass through files beside it, so that memory doesn't grow with them.

    Raises:
        MissingExtraError: XlsxWriter isn't installed (extra ``report``).
        OSError: the file system refused.
    """
    xlsxwriter = require("xlsxwriter", extra="report", needed_for="the workbook")
    try:
        with tempfile.TemporaryDirectory(prefix=".rows.", dir=path.parent) as rows, path.open("xb") as target:
            _write(xlsxwriter, target, report, {"tmpdir": rows})
    except xlsxwriter.exceptions.FileCreateError as error:
        raise OSError(None, f"the workbook could not be made: {error}", str(path)) from error


def workbook_bytes(report: PeriodReport) -> bytes:
    """The workbook of ``report``; memory grows with its compressed size, not with its rows.

    Raises:
        MissingExtraError: XlsxWriter isn't installed (extra ``report``).
    """
    target = io.BytesIO()
    _write(require("xlsxwriter", extra="report", needed_for="the workbook"), target, report, {})
    return target.getvalue()


def _write(xlsxwriter: Any, target: IO[bytes], report: PeriodReport, more: Mapping[str, str]) -> None:
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, **more}
    with _Guarded(target) as guarded, xlsxwriter.Workbook(guarded, options) as workbook:
        workbook.set_properties(
            {
                "title": printable(f"Evidence of {report.organisation}, {report.period.label}"),
                "author": "averment",
                "comments": f"State as of {iso(report.judged_at)}",
                "created": _naive(report.as_of),
            }
        )
        _Writer(workbook, report).write()


class _Guarded:
    """``target`` until something fails; from then on what is written goes nowhere, and nothing refuses. Python has the ZIP file that XlsxWriter leaves
    half made write its end when it takes it off the heap, and prints the error of that, with a traceback."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target: IO[bytes] = target

    def __enter__(self) -> _Guarded:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is not None:
            self._target = _Nowhere()

    def write(self, data: bytes) -> int:
        return self._target.write(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._target.seek(offset, whence)

    def tell(self) -> int:
        return self._target.tell()

    def flush(self) -> None:
        self._target.flush()


class _Nowhere(io.BytesIO):
    """A file of which only the place in it is kept."""

    def write(self, data: Any) -> int:
        self.seek(len(data), io.SEEK_CUR)
        return len(data)


class _Writer:
    """Writes the sheets of one workbook, rows in order, as constant-memory mode needs."""

    def __init__(self, workbook: Any, report: PeriodReport) -> None:
        self._book, self._report = workbook, report
        top = {"valign": "top"}
        self._plain = workbook.add_format({**top, "text_wrap": True})
        self._head = workbook.add_format(
            {"bold": True, "bg_color": "#1F3864", "font_color": "#FFFFFF", "text_wrap": True, "valign": "vcenter"}
        )
        self._day = workbook.add_format({**top, "num_format": "yyyy-mm-dd", "align": "left"})
        self._time = workbook.add_format({**top, "num_format": "yyyy-mm-dd hh:mm:ss", "align": "left"})
        number = {**top, "align": "right", "indent": 1}  # the text of the next column begins where a number ends: 18provenance
        self._count = workbook.add_format({**number, "num_format": "#,##0"})  # with places left open, Excel shows 32 as "32."
        self._total = workbook.add_format(
            {**top, "num_format": "#,##0", "align": "left"}
        )  # beside its name, not at the other end of a wide column
        # With as many places as `averment prove` and the reasons tell.
        self._share = workbook.add_format({**number, "num_format": "0.0000"})
        self._tiny = workbook.add_format(number)
        self._link = workbook.add_format({**top, "font_color": "#0563C1", "underline": 1})
        self._title = workbook.add_format({"bold": True, "font_size": 16})
        self._bold = workbook.add_format({**top, "bold": True})
        self._line = workbook.add_format({**top, "bottom": 1})
        self._status = {status: workbook.add_format({**top, "bold": True, "bg_color": colour}) for status, colour in STATUS_COLOURS.items()}
        self._places = {sheet.name: _row_numbers(sheet, report) for sheet in TABLES if sheet.key is not None}
        self._links: dict[str, int] = {}

    def write(self) -> None:
        """Every sheet, in the order of the tabs."""
        self._summary()
        for table in TABLES:
            self._table(table)
        self._how_to_verify()
        self._sign_off()

    def _summary(self) -> None:
        report, sheet = self._report, self._sheet("Summary", _SUMMARY)
        sheet.set_portrait()  # so that it is one page
        sheet.set_row(0, _TITLE)
        sheet.write_string(0, 0, _clip(f"{report.organisation}: evidence for {report.period.label}"), self._title)
        facts: list[tuple[str, str]] = [
            ("Period (UTC)", f"{iso(report.period.start)} up to, not including, {iso(report.period.end)}"),
            ("State as of", iso(report.judged_at)),
            ("Known by", iso(report.as_of)),
            *([("Mind", f"{report.caveat}: nothing is told of the time after")] if report.caveat else []),
            ("Accounts in scope", ", ".join(report.scope["accounts"]) or "none named; each record tells its own"),
            ("Regions in scope", ", ".join(report.scope["regions"]) or "none named; each record tells its own"),
            *([("Not in scope", counts_for_nothing(report.outside))] if report.outside else []),
            *([("Not looked at", told_of_unseen(report.unseen))] if report.unseen else []),
            ("Profile", ", ".join(f"{key}: {'yes' if value else 'no'}" for key, value in report.profile.items()) or "not stated"),
            ("Parameters of rules", _settings(report.scope.get("parameters"))),
            ("Changes are since", report.compared_with),
            ("Controls left out", ", ".join(report.left_out) or "none"),
            ("Made with", f"averment {report.version}"),
        ]
        row = 2
        for name, text in facts:
            shown = _clip(text)
            sheet.set_row(row, row_height([(shown, _SUMMARY[1])]))
            sheet.write_string(row, 0, name, self._bold)
            sheet.write_string(row, 1, shown, self._plain)
            row += 1
        row += 1
        sheet.write_string(row, 0, "Controls by state", self._bold)
        for status in Status:
            row += 1
            sheet.write_string(row, 0, str(status), self._status[status])
            sheet.write_number(row, 1, report.totals.get(str(status), 0), self._total)
        row += 2
        sheet.write_string(row, 0, "Sheets", self._bold)
        for table in TABLES:
            row += 1
            sheet.write_url(row, 0, f"internal:'{table.name}'!A1", self._link, table.name)
            total = len(table.rows(report))
            cut = f", of which the sheet holds {MAX_ROWS:,}; all are in report.json" if total > MAX_ROWS else ""
            sheet.write_string(row, 1, f"{total:,} row{'' if total == 1 else 's'}{cut}", self._plain)

    def _table(self, table: Sheet) -> None:
        sheet = self._sheet(table.name, tuple(column.width for column in table.columns))
        rows = table.rows(self._report)
        sheet.set_row(0, row_height((column.header, column.width - _BUTTON) for column in table.columns))
        for position, column in enumerate(table.columns):
            sheet.write_string(0, position, column.header, self._head)
        sheet.freeze_panes(1, 1)
        sheet.repeat_rows(0)
        sheet.repeat_columns(0)
        if len(rows) == 0:
            sheet.fit_to_pages(1, 0)
            sheet.write_string(1, 0, table.empty)  # over the empty cells beside it, for which it mustn't wrap
            return
        sheet.autofilter(0, 0, min(len(rows), MAX_ROWS), len(table.columns) - 1)
        for number, row in enumerate(islice(rows, MAX_ROWS), start=1):
            values = [_shown(column, row) for column in table.columns]
            wrapped = ((value, column.width) for value, column in zip(values, table.columns, strict=True) if isinstance(value, str))
            height = row_height(wrapped)
            if height is not None:
                sheet.set_row(number, height)
            for position, value in enumerate(values):
                self._cell(sheet, number, position, value)

    def _cell(self, sheet: Any, row: int, position: int, value: Any) -> None:
        if value is None:
            sheet.write_blank(row, position, None, self._plain)
        elif isinstance(value, Link):
            self._linked(sheet, row, position, value)
        elif isinstance(value, Status):
            sheet.write_string(row, position, str(value), self._status[value])
        elif isinstance(value, datetime):
            sheet.write_datetime(row, position, _naive(value), self._time)
        elif isinstance(value, date):
            sheet.write_datetime(row, position, value, self._day)
        elif isinstance(value, int):
            sheet.write_number(row, position, value, self._count)
        elif isinstance(value, float):
            sheet.write_number(row, position, value, self._tiny if 0 < abs(value) < _LEAST_IN_PLACES else self._share)
        else:
            sheet.write_string(row, position, value, self._plain)

    def _linked(self, sheet: Any, row: int, position: int, link: Link) -> None:
        target = self._places[link.sheet].get(link.key)
        used = self._links.get(sheet.name, 0)
        if target is None or used >= MAX_LINKS:
            sheet.write_string(row, position, _clip(link.text), self._plain)
            return
        self._links[sheet.name] = used + 1
        sheet.write_url(row, position, f"internal:'{link.sheet}'!A{target + 1}", self._link, _clip(link.text))

    def _how_to_verify(self) -> None:
        sheet = self._sheet("How to verify", (120,))
        for row, line in enumerate(HOW_TO_VERIFY):
            sheet.set_row(row, row_height([(line, 120)]))
            sheet.write_string(row, 0, line, self._plain)

    def _sign_off(self) -> None:
        sheet = self._sheet("Sign-off", (26, 36, 30, 22, 40))
        sheet.set_row(0, _TITLE)
        sheet.write_string(0, 0, _clip(f"{self._report.organisation}, {self._report.period.label}: sign-off"), self._title)
        for position, header in enumerate(("Part", "Name", "Role", "Date", "Signature or reference")):
            sheet.write_string(2, position, header, self._head)
        parts = ("Prepared by", "Controls reviewed by", "Exceptions accepted by", "Legal review by", "Approved by")
        for row, part in enumerate(parts, start=3):
            sheet.set_row(row, 2 * LINE)  # on paper it is signed by hand
            sheet.write_string(row, 0, part, self._bold)
            for position in range(1, 5):
                sheet.write_blank(row, position, None, self._line)

    def _sheet(self, name: str, widths: tuple[int, ...]) -> Any:
        sheet = self._book.add_worksheet(name)
        sheet.set_landscape()
        sheet.fit_to_pages(max(1, math.ceil(sum(widths) / _PAGE)), 0)
        sheet.print_across()
        named = f"{name}, {self._report.period.label}, {self._report.organisation}"
        sheet.set_footer(f"&L{printable(named)[:_FOOTER].replace('&', '&&')}&RPage &P of &N")
        for position, width in enumerate(widths):
            sheet.set_column(position, position, width)
        return sheet


def _row_numbers(sheet: Sheet, report: PeriodReport) -> Mapping[str, int]:
    key = sheet.key
    return {} if key is None else {key(row): number for number, row in enumerate(sheet.rows(report), start=1)}


def _shown(column: Column, item: Any) -> str | int | float | date | Status | Link | None:
    """What stands in the cell of ``item``: a number that Excel keeps, a day or time, a status, a link, or else text."""
    value = column.value(item)
    if value is None or value == "":
        return None
    if isinstance(value, Link | Status | date):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_EXACT:
        return value
    return _clip(str(value))


def _settings(parameters: Any) -> str:
    """The parameters that averment.yaml gives to rules: some let a rule pass, or not ask."""
    return "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in (parameters or {}).items()) or "none"


def _clip(text: str) -> str:
    return cell_text(visible(text), _CUT)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
