"""Writes the pages and a MkDocs configuration, and lets MkDocs make the site, strictly: a broken link stops the build.

The same ledger, organisation and moment give the same bytes: nothing of the machine or of the present enters the pages.
"""

from __future__ import annotations

import html
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from averment.core.errors import BadInputError, IncompleteError
from averment.core.extras import require
from averment.core.files import sync_disks
from averment.core.source import SourceRef
from averment.governance.site.about import about_pages
from averment.governance.site.data import SiteData
from averment.governance.site.leaks import refuse_leaks
from averment.governance.site.levels import INTERNAL_PAGES, Level
from averment.governance.site.lists import list_files
from averment.governance.site.navigation import navigation
from averment.governance.site.package import PACKAGE
from averment.governance.site.pages import all_pages
from averment.governance.site.plots import picture_files
from averment.governance.site.redaction import redacted
from averment.governance.site.snapshots import (
    FOLDER,
    MARKER,
    PAGE,
    Snapshot,
    carry_over,
    index_of_quarters,
    kept_already,
    kept_in,
    marker,
    names_kept,
    plain_page,
    quarters_page,
    take,
)
from averment.governance.site.words import visible

SCHEMAS = (
    "controls/schema/control.schema.json",
    "controls/schema/framework.schema.json",
    "controls/schema/overlay.schema.json",
    "core/schemas/averment.schema.json",
    "governance/incidents/schema/severity.schema.json",
)
"""The JSON Schemas published with the site, under ``schemas/``."""

_TIMEOUT_SECONDS = 600

_HIDDEN = frozenset({MARKER, ".DS_Store"})
"""What may lie hidden in a site that is replaced: its marker, and what a file manager leaves. Not ``.git``, say: a checkout would be lost."""


def build_site(data: SiteData, output: Path, *, level: Level = Level.INTERNAL, quarter: SiteData | None = None) -> Path:
    """Build the site of ``data`` for readers of ``level`` into ``output``, which is replaced as a whole once the build has succeeded.

    The quarters that are kept in ``output`` stay; ``quarter``, the view of one, is kept beside them.

    Raises:
        BadInputError: ``output`` exists and isn't a site that was built before and nothing else, or the process works in it, or ``quarter`` is
            kept there already and isn't the same, or a package is to lie in a site that isn't for the inside.
        VerificationError: a quarter that is kept there was changed.
        MissingExtraError: MkDocs isn't installed.
        IncompleteError: MkDocs refused the pages (a broken link, say), or the disk did, or a page would show what the level withholds.
    """
    require("mkdocs", extra="site", needed_for="building the site")
    require("material", extra="site", needed_for="building the site")
    if data.package is not None and level is not Level.INTERNAL:
        raise BadInputError(
            f"a package names people, accounts and resources, and can't be part of a site of the level {level}",
            where=SourceRef(str(data.package.folder)),
            fix="leave --package out, or build the site with --level internal",
        )
    index = output / "index.html"
    output = Path(os.path.realpath(output))  # a link stays one: the folder that it leads to is replaced
    try:
        _check_output(output)
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".averment-site-", dir=output.parent.absolute()) as scratch:
            # Absolute, as MkDocs takes what is not from the folder of its configuration.
            _recover(output, Path(scratch))
            kept = kept_in(output, level)
            _swap(_with_quarters(data, output, level, quarter, kept, Path(scratch)), output, Path(scratch), kept)
    except OSError as error:
        raise IncompleteError(
            f"the site could not be written: {error.strerror or error}",
            where=SourceRef(str(output)),
            fix="free space or fix permissions, then run again",
        ) from error
    return index


def _with_quarters(data: SiteData, output: Path, level: Level, quarter: SiteData | None, kept: tuple[Snapshot, ...], scratch: Path) -> Path:
    """The site of today with all quarters in it, built in ``scratch``."""
    snapshots, new = kept, None
    if quarter is not None:
        old = next((item for item in kept if item.quarter == quarter.report.period.label), None)
        if old is not None and old.as_of != quarter.as_of:
            raise kept_already(old, output)
        new = _build(quarter, level, scratch / "quarter")
        taken = take(new, quarter, level)
        if old is not None and old != taken:
            raise kept_already(old, output)
        snapshots, new = (kept, None) if old else ((*kept, taken), new)
    built = _build(data, level, scratch / "today", snapshots)
    carry_over(output, built, kept)
    if snapshots:
        (built / FOLDER).mkdir(exist_ok=True)
        _write(built / FOLDER / "index.html", index_of_quarters(snapshots).encode())
    if new is not None:
        new.rename(built / FOLDER / snapshots[-1].quarter)
    return built


def _build(data: SiteData, level: Level, scratch: Path, snapshots: tuple[Snapshot, ...] = ()) -> Path:
    docs, built = scratch / "docs", scratch / "site"
    shipped = resources.files("averment").joinpath("governance", "docs")
    _copy(shipped.joinpath("assets"), docs / "assets")
    for path, page in about_pages().items():
        _write(docs / "about" / path, page.encode())
    for schema in SCHEMAS:
        _write(docs / "schemas" / Path(schema).name, resources.files("averment").joinpath(schema).read_bytes())
    shown = redacted(data, level)
    files = written(shown, level, snapshots)
    if level is not Level.INTERNAL:
        refuse_leaks(files, data, shown)
    for path, content in files.items():
        _write(scratch / path, content)
    _run_mkdocs(scratch / "mkdocs.yml", built, int(data.as_of.timestamp()))
    if shown.package is not None:
        shown.package.copy_to(built / PACKAGE)
    _write(built / "404.html", _NOT_FOUND.encode())  # MkDocs's own asks for its style at the top of the host, wherever the site lies
    _write(built / MARKER, marker(level, snapshots))
    return built


_NOT_FOUND = plain_page("Not found", "<p>There is no page at this address. The site begins at the <code>index.html</code> at its top.</p>")


def written(shown: SiteData, level: Level, snapshots: tuple[Snapshot, ...] = ()) -> dict[str, bytes]:
    """All that MkDocs is given beyond what ships, path -> bytes: pages, tables, pictures, configuration. ``shown`` is redacted to ``level``."""
    pages = {f"docs/{path}": text.encode() for path, text in all_pages(shown).items()}
    if level is not Level.INTERNAL:
        pages |= {path: _left_out(path, level).encode() for path in pages if path.startswith(_INSIDE)}
    if snapshots:
        pages[f"docs/{PAGE}"] = quarters_page(snapshots).encode()
    tables = {f"docs/{path}": table for path, table in list_files(shown).items()}
    pictures = {f"docs/{path}": picture for path, picture in picture_files(shown.claim_records.values())}
    config = yaml.safe_dump(site_config(shown, level, quarters=bool(snapshots)), sort_keys=False, allow_unicode=True).encode()
    return {**pages, **tables, **pictures, "mkdocs.yml": config}


_INSIDE = tuple(f"docs/{place}" for place in INTERNAL_PAGES)


def _left_out(path: str, level: Level) -> str:
    """What whoever kept an address of the inside finds there."""
    home = "../" * (path.count("/") - 1) + "index.md"
    return (
        "---\ntitle: Left out\nsearch: {exclude: true}\n---\n\n# Left out\n\n"
        f"This page is not part of a site of the level *{level}*: incidents, drills and the plan for them are for the inside alone. "
        f"What this site has begins at the [state of controls]({home}).\n"
    )


def site_config(data: SiteData, level: Level, *, quarters: bool) -> dict[str, Any]:
    """The MkDocs configuration of the generated site: the shared theme, a navigation from the data, and the level at every page's foot."""
    text = resources.files("averment").joinpath("governance", "site", "theme.yml").read_text(encoding="utf-8")
    theme: dict[str, Any] = yaml.safe_load(text)
    # The plugin writes the search index as a script too, which a page opened from a file can load. The shim beside it is ours: its own
    # comes from another host.
    theme["plugins"] = [*theme["plugins"], "offline"]
    theme["extra"] = {**theme.get("extra", {}), "polyfills": ["assets/iframe-worker.js"]}
    return {
        "site_name": html.escape(visible(f"{data.organisation.name}: governance")),
        "docs_dir": "docs",
        "use_directory_urls": False,  # so that the pages work from a file system and under any path
        "nav": [*navigation(data, inside=level is Level.INTERNAL), *([{"Quarters": PAGE}] if quarters else [])],
        "not_in_nav": "" if level is Level.INTERNAL else "\n".join(f"/{place}*" for place in INTERNAL_PAGES),
        "copyright": level.notice,
        **theme,
    }


def _run_mkdocs(config: Path, built: Path, epoch: int) -> None:
    # -P: the folder that one works in, which may be a stranger's checkout, lends MkDocs no module of a name that it imports.
    # Not --quiet: it drops warnings before --strict counts them.
    command = [sys.executable, "-P", "-m", "mkdocs", "build", "--strict", "--config-file", str(config), "--site-dir", str(built)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0"}
    try:
        result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=_TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise IncompleteError(f"MkDocs did not finish within {_TIMEOUT_SECONDS} s") from error
    if result.returncode != 0:
        # A warning about several pages lists them below itself, indented.
        starts = ("WARNING", "ERROR", "Aborted", "Error", "  -")
        said = [line for line in (result.stderr + result.stdout).splitlines() if line.startswith(starts)]
        raise IncompleteError("MkDocs refused the pages:\n  " + "\n  ".join(said or result.stderr.splitlines()[-5:]))


def _check_output(output: Path) -> None:
    where = SourceRef(str(output))
    if output.exists() and not output.is_dir():
        raise BadInputError("is not a folder", where=where, fix="name another folder with --output")
    if output.is_dir() and any(output.iterdir()) and not (output / MARKER).is_file():
        raise BadInputError("exists and is not a site that averment built", where=where, fix="name another folder with --output")
    if Path.cwd().is_relative_to(output):
        raise BadInputError(
            "can't be replaced as a whole while this very command works in it",
            where=where,
            fix="run it from the folder above, with --output",
        )
    if strangers := sorted(path.name for path in output.glob(".*") if path.name not in _HIDDEN):
        raise BadInputError(
            f"holds {strangers[0]}, which no site has and which would be lost",
            where=where,
            fix="move it out, or build into another folder and copy the pages from there",
        )


def _swap(built: Path, output: Path, scratch: Path, kept: tuple[Snapshot, ...]) -> None:
    """Put ``built``, which has the quarters ``kept``, in the place of ``output``. The old site stays until the new one is complete, and comes back if
    that can't be put there, or if another build has kept a quarter in it meanwhile."""
    sync_disks()  # a power cut could otherwise leave empty files in a quarter that is kept for good, and the old site is gone by then
    previous = _previous(output)
    if output.exists():
        output.rename(previous)
    try:
        if news := names_kept(previous) - {item.quarter for item in kept}:
            raise IncompleteError(
                f"another build has kept {', '.join(sorted(news))} meanwhile, which this one would lose",
                where=SourceRef(str(output)),
                fix="run again",
            )
        built.rename(output)
    except BaseException:
        if previous.exists():
            previous.rename(output)
        raise
    if previous.exists():
        _clear(previous, scratch)


def _recover(output: Path, scratch: Path) -> None:
    """Bring back, or clear away, what a build that was killed while it put the new site in its place left beside it."""
    previous = _previous(output)
    if not (previous / MARKER).is_file():
        return
    if output.exists():
        _clear(previous, scratch)
    else:
        previous.rename(output)


def _clear(previous: Path, scratch: Path) -> None:
    """Have ``previous`` go with ``scratch``, out of its place at once: half of it there, left by a kill, would be in the way of every later build."""
    with suppress(FileNotFoundError):  # another build came first
        previous.rename(Path(tempfile.mkdtemp(dir=scratch)) / "previous")


def _previous(output: Path) -> Path:
    return output.with_name(f".{output.name}.averment-previous")


def _copy(source: Traversable, target: Path) -> None:
    for entry in source.iterdir():
        if entry.name.startswith((".", "__")):
            continue
        if entry.is_dir():
            _copy(entry, target / entry.name)
        else:
            _write(target / entry.name, entry.read_bytes())


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
