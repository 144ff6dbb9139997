"""Quarters that stay as they were: each under ``q/<quarter>`` beside the site of today, with the digest of every file, never written again."""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError, VerificationError
from averment.core.period import Period, from_iso, iso, parse_period
from averment.core.source import SourceRef
from averment.governance.site.data import SiteData
from averment.governance.site.levels import Level

MARKER = ".averment-site"
"""Lies in every site that was built, so that building again may replace it, and nothing else; says the level, and which quarters are kept."""

FOLDER = "q"
FACTS = "snapshot.json"
SCHEMA = "urn:averment:schema:site-snapshot:v1"
PAGE = "quarters.md"
"""The page of the site of today that leads to the quarters."""

_QUARTER = re.compile(r"[0-9]{4}Q[1-4]", re.ASCII)


@dataclass(frozen=True)
class Snapshot:
    """A quarter as it was shown: by what was known ``as_of`` (UTC), for whom, out of how large a ledger, and with which states.

    ``files`` are the SHA-256 of its files by their paths, ``snapshot.json`` itself left out.
    """

    quarter: str
    as_of: datetime
    level: Level
    records: int
    totals: Mapping[str, int]
    files: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """As ``snapshot.json`` has it."""
        return {
            "schema": SCHEMA,
            "quarter": self.quarter,
            "as_of": iso(self.as_of),
            "level": str(self.level),
            "records": self.records,
            "totals": dict(self.totals),
            "files": dict(self.files),
        }

    @property
    def digest(self) -> str:
        """The SHA-256 of ``snapshot.json``: whoever noted it can tell later that nothing was changed."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """``snapshot.json``."""
        return (json.dumps(self.to_json(), indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def quarter_of(text: str, as_of: datetime) -> Period:
    """The quarter that ``text`` names, of which a snapshot can be kept: it is over at ``as_of``.

    Raises:
        BadInputError: not a quarter, or one that isn't over, so that what would be kept for good could still change.
    """
    period = parse_period(text)
    if not _QUARTER.fullmatch(period.label):
        raise BadInputError(f"'{text}' is not a quarter", fix="write 2026Q4")
    if as_of < period.end:
        raise BadInputError(
            f"{period.label} is not over at {iso(as_of)}, and a snapshot is never written again",
            fix=f"build it from {period.end.date()} on, or look at the quarter so far with --period {period.label}",
        )
    return period


def take(built: Path, quarter: SiteData, level: Level) -> Snapshot:
    """Make the built site in ``built`` a snapshot of ``quarter``: its facts are written beside it, none of which names anybody."""
    snapshot = Snapshot(
        quarter.report.period.label,
        quarter.as_of,
        level,
        quarter.ledger.size if quarter.ledger else 0,
        quarter.report.totals,
        _digests(built),
    )
    (built / FACTS).write_bytes(snapshot.to_bytes())
    return snapshot


def kept_in(output: Path, level: Level) -> tuple[Snapshot, ...]:
    """The quarters that are kept in the site ``output``, oldest first, each looked through to the last byte; none where there is no site.

    Raises:
        VerificationError: one of them isn't what it was when it was taken.
        BadInputError: one of them shows more than a site of ``level`` may, or something else lies among them.
    """
    folder = output / FOLDER
    found: list[Snapshot] = []
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        if place.name == "index.html":
            continue
        if not (place / FACTS).is_file():
            raise BadInputError("is not a quarter that averment kept", where=SourceRef(str(place)), fix="move it out of the site")
        found.append(_checked(place))
        if not found[-1].level.shows_no_more_than(level):
            raise BadInputError(
                f"{place.name} was built for the level {found[-1].level}, and can't be part of a site of the level {level}",
                where=SourceRef(str(place)),
                fix="give each level an output folder of its own",
            )
    _require_all(output, found)
    return tuple(found)


def marker(level: Level, kept: Iterable[Snapshot]) -> bytes:
    """What ``MARKER`` holds: the level, and a line for each quarter with its digest."""
    return "".join([f"{level}\n", *(f"{item.quarter} {item.digest}\n" for item in kept)]).encode()


def names_kept(site: Path) -> set[str]:
    """The quarters that ``site`` says it keeps, by its marker; none where there is no site."""
    place = site / MARKER
    lines = place.read_text(encoding="utf-8", errors="replace").splitlines()[1:] if place.is_file() else []
    return {line.partition(" ")[0] for line in lines}


def _require_all(output: Path, found: Iterable[Snapshot]) -> None:
    """Refuse a site that has lost a quarter which it kept, or has another in its place, or doesn't say any more what it kept."""
    there, place = {(item.quarter, item.digest) for item in found}, output / MARKER
    if not place.is_file():
        return
    level, *lines = place.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    if level not in list(Level):
        raise VerificationError("it doesn't say which quarters the site kept", where=SourceRef(str(place)), fix="bring it back from a copy")
    for line in lines:
        quarter, _, digest = line.partition(" ")
        if (quarter, digest) not in there:
            raise VerificationError(
                f"the site kept {quarter}, and it is gone or another",
                where=SourceRef(str(output / FOLDER)),
                fix="bring it back from a copy",
            )


def _checked(place: Path) -> Snapshot:
    where = SourceRef(str(place))
    try:
        value = json.loads((place / FACTS).read_bytes())
        snapshot = Snapshot(
            value["quarter"],
            from_iso(value["as_of"]),
            Level(value["level"]),
            value["records"],
            dict(value["totals"].items()),
            dict(value["files"].items()),
        )
    except (ValueError, KeyError, TypeError, AttributeError, BadInputError) as error:
        raise VerificationError(f"{FACTS} can't be read: {error}", where=where, fix="bring the quarter back from a copy") from error
    found = _digests(place)
    changed = sorted(name for name in {*found, *snapshot.files} if found.get(name) != snapshot.files.get(name))
    if changed or snapshot.quarter != place.name:
        what = f"{changed[0]} was changed, added or lost" if changed else f"it says that it is {snapshot.quarter}"
        raise VerificationError(f"the quarter is not what was kept: {what}", where=where, fix="bring the quarter back from a copy")
    return snapshot


def kept_already(old: Snapshot, output: Path) -> BadInputError:
    """What to say to whoever would keep another version of a quarter that is kept."""
    return BadInputError(
        f"{old.quarter} is kept already, as of {iso(old.as_of)}, and a snapshot is never written again",
        where=SourceRef(str(output / FOLDER / old.quarter)),
        fix=f"leave --snapshot out; to see what is known of it today, build another folder with --period {old.quarter}",
    )


def carry_over(output: Path, built: Path, kept: Iterable[Snapshot]) -> None:
    """Put the quarters of the site ``output`` into the site ``built``, by links where the disk has them: they lie in both until one goes."""
    for snapshot in kept:
        shutil.copytree(output / FOLDER / snapshot.quarter, built / FOLDER / snapshot.quarter, copy_function=_link)


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)  # a disk without hard links
    return target


def _digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in ``folder``; what is neither a file nor a folder has none that could fit."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = "a link"
        elif path.is_file() and name != FACTS:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def quarters_page(snapshots: Iterable[Snapshot]) -> str:
    """The page that leads to the quarters, for the site of today. Its links are HTML: MkDocs doesn't know the pages that they lead to."""
    return (
        "---\ntitle: Quarters\nhide: [navigation]\n---\n\n# Quarters\n\nEach quarter as it was shown then, by the evidence of its period alone.\n\n"
        f"{_table(snapshots, FOLDER + '/')}\n\n## Digests\n\nNothing in a quarter was written since it was kept. `{FACTS}` in it has the SHA-256 of each of its files,"
        " and this is the SHA-256 of that, in the form that `sha256sum --check` reads:\n\n"
        f"{_sums(snapshots, FOLDER + '/')}\n"
    )


def index_of_quarters(snapshots: Iterable[Snapshot]) -> str:
    """``q/index.html``."""
    return plain_page("Quarters", f'{_table(snapshots, "")}{_sums(snapshots, "")}<p><a href="../index.html">The site of today</a></p>')


def _table(snapshots: Iterable[Snapshot], root: str) -> str:
    """One line of HTML, newest quarter first."""
    order = ("satisfied", "not-satisfied", "not-assessed", "waived", "not-applicable")
    rows = "".join(
        f'<tr><td><a href="{root}{item.quarter}/index.html">{item.quarter}</a></td><td><span class="av-when">{iso(item.as_of)[:16].replace("T", " ")} UTC</span></td>'
        f"<td>{item.records:,}</td>{''.join(f'<td>{item.totals.get(state, 0)}</td>' for state in order)}"
        "</tr>"
        for item in sorted(snapshots, key=lambda item: item.quarter, reverse=True)
    )
    heads = "".join(
        f"<th>{html.escape(head)}</th>" for head in ("Quarter", "As of", "Records in the ledger", *(s.replace("-", " ") for s in order))
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _sums(snapshots: Iterable[Snapshot], root: str) -> str:
    """The digests of the quarters' facts, newest quarter first."""
    lines = (f"{item.digest}  {root}{item.quarter}/{FACTS}" for item in sorted(snapshots, key=lambda item: item.quarter, reverse=True))
    return f'<div class="highlight"><pre><code>{"&#10;".join(lines)}</code></pre></div>'


_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;display:block;overflow-x:auto}.av-when{white-space:nowrap}pre{overflow-x:auto}th,td{border-bottom:1px solid #8886;padding:.35rem .6rem;text-align:left}"
)


def plain_page(title: str, body: str) -> str:
    """A page of HTML that needs nothing beside it, and so works wherever it is shown."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>\n"
    )
