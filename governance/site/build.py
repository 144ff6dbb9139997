"""Writes the pages and a MkDocs configuration, and lets MkDocs make the site, strictly: a broken link stops the build.

The same ledger, organisation and moment give the same bytes: nothing of the machine or of the present enters the pages.
"""

from __future__ import annotations

import html
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from averment.core.errors import BadInputError, IncompleteError
from averment.core.extras import require
from averment.core.source import SourceRef
from averment.governance.incidents.plan import PAGES
from averment.governance.site.data import SiteData
from averment.governance.site.leaks import refuse_leaks
from averment.governance.site.levels import INTERNAL_PAGES, Level, redacted
from averment.governance.site.pages import all_pages
from averment.governance.site.plots import picture_files

MARKER = ".averment-site"
"""Lies in every site that was built, so that building again may replace it, and nothing else."""

SCHEMAS = (
    "controls/schema/control.schema.json",
    "controls/schema/framework.schema.json",
    "controls/schema/overlay.schema.json",
    "core/schemas/averment.schema.json",
    "governance/incidents/schema/severity.schema.json",
)
"""The JSON Schemas published with the site, under ``schemas/``."""

_ABOUT = (
    ("Concepts", "about/concepts.md"),
    ("What is trusted", "about/trust.md"),
    ("Handing it over", "about/handing-over.md"),
    ("The governance site", "about/site.md"),
    ("How to verify", "about/verify.md"),
    ("Getting started", "about/getting-started.md"),
    ("Adopting the check", "about/adopting.md"),
    ("Rules of your own", "about/own-rules.md"),
    ("At run time", "about/run-time.md"),
    ("Collecting evidence", "about/collecting.md"),
    ("Scanning media", "about/scanning.md"),
    ("What a detector saw", "about/explaining.md"),
    ("Serving the detector", "about/serving.md"),
    ("Content credentials", "about/credentials.md"),
    ("The media gate", "about/media-gate.md"),
    ("Testing claims", "about/testing-claims.md"),
    ("Claims and proving again", "about/proving.md"),
    ("Incidents", "about/incidents.md"),
    ("Runbooks", "about/runbooks.md"),
    ("With Checkov", "about/with-checkov.md"),
    ("Rules without a function", "about/guard.md"),
    ("Adding a rule", "about/adding-a-rule.md"),
    ("Averment", "about/index.md"),
)
_TIMEOUT_SECONDS = 600


def build_site(data: SiteData, output: Path, *, level: Level = Level.INTERNAL) -> Path:
    """Build the site of ``data`` for readers of ``level`` into ``output``, which is replaced as a whole once the build has succeeded.

    Raises:
        BadInputError: ``output`` exists and isn't a site that was built before.
        MissingExtraError: MkDocs isn't installed.
        IncompleteError: MkDocs refused the pages (a broken link, say), or the disk did, or a page would show what the level withholds.
    """
    require("mkdocs", extra="site", needed_for="building the site")
    require("material", extra="site", needed_for="building the site")
    _check_output(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".averment-site-", dir=output.parent) as scratch:
            built = _build(data, level, Path(scratch))
            _swap(built, output, Path(scratch) / "previous")
    except OSError as error:
        raise IncompleteError(f"the site could not be written: {error.strerror}", where=SourceRef(str(output))) from error
    return output / "index.html"


def _build(data: SiteData, level: Level, scratch: Path) -> Path:
    docs, built = scratch / "docs", scratch / "site"
    shipped = resources.files("averment").joinpath("governance", "docs")
    _copy(shipped.joinpath("assets"), docs / "assets")
    _copy(shipped, docs / "about", skip=("assets",))
    for schema in SCHEMAS:
        _write(docs / "schemas" / Path(schema).name, resources.files("averment").joinpath(schema).read_bytes())
    shown = redacted(data, level)
    files = written(shown, level)
    if level is not Level.INTERNAL:
        refuse_leaks(files, data, shown)
    for path, content in files.items():
        _write(scratch / path, content)
    _run_mkdocs(scratch / "mkdocs.yml", built, int(data.as_of.timestamp()))
    _write(built / MARKER, f"{level}\n".encode())
    return built


def written(shown: SiteData, level: Level) -> dict[str, bytes]:
    """All that MkDocs is given beyond what ships, path -> bytes: pages, pictures, configuration. ``shown`` is redacted to ``level``."""
    pages = {f"docs/{path}": text.encode() for path, text in all_pages(shown).items()}
    if level is not Level.INTERNAL:
        pages |= {path: _LEFT_OUT.format(level=level).encode() for path in pages if path.startswith(f"docs/{INTERNAL_PAGES}")}
    pictures = {f"docs/{path}": picture for path, picture in picture_files(shown.claim_records.values())}
    config = yaml.safe_dump(site_config(shown, level), sort_keys=False, allow_unicode=True).encode()
    return {**pages, **pictures, "mkdocs.yml": config}


_LEFT_OUT = (
    "---\ntitle: Left out\nsearch: {{exclude: true}}\n---\n\n# Left out\n\nThis page is not part of a site of the level *{level}*.\n"
)


def site_config(data: SiteData, level: Level) -> dict[str, Any]:
    """The MkDocs configuration of the generated site: the shared theme, a navigation from the data, and the level at every page's foot."""
    text = resources.files("averment").joinpath("governance", "site", "theme.yml").read_text(encoding="utf-8")
    theme: dict[str, Any] = yaml.safe_load(text)
    return {
        "site_name": html.escape(f"{data.organisation.name}: governance"),
        "docs_dir": "docs",
        "use_directory_urls": False,  # so that the pages work from a file system and under any path
        "nav": _navigation(data, level),
        "not_in_nav": "" if level is Level.INTERNAL else f"/{INTERNAL_PAGES}",
        "copyright": level.notice,
        **theme,
    }


def _navigation(data: SiteData, level: Level) -> list[Mapping[str, Any]]:
    controls = [
        {title: [{html.escape(f"{control.id} {control.title}"): f"controls/{control.id}.md"} for control in members]}
        for _, title, members in data.families()
    ]
    frameworks = [{html.escape(framework.title): f"frameworks/{framework.id}.md"} for framework in data.catalogue.frameworks.values()]
    evidence: list[Mapping[str, Any]] = [{"Records": "evidence.md"}, {"How to verify": "about/verify.md"}]
    from averment.governance.site.data import model_card

    if model_card() is not None:
        evidence.insert(1, {"Model card": "model-card.md"})
    return [
        {"State": "index.md"},
        {"Controls": controls},
        {"Law": [{"Law register": "law.md"}, *frameworks]},
        {"Rules": [{rule.id: f"rules/{rule.id}.md"} for rule in data.rules]},
        *([{"Plan": [{title: f"plan/{name}.md"} for name, (title, _) in PAGES.items()]}] if level is Level.INTERNAL else []),
        {"Evidence": evidence},
        {"About": [{title: path} for title, path in _ABOUT if path != "about/verify.md"]},
    ]


def _run_mkdocs(config: Path, built: Path, epoch: int) -> None:
    # Not --quiet: it drops warnings before --strict counts them.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(config), "--site-dir", str(built)]
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


def _swap(built: Path, output: Path, previous: Path) -> None:
    """Put ``built`` in the place of ``output``; the old site stays until the new one is complete."""
    if output.exists():
        output.rename(previous)
    built.rename(output)


def _copy(source: Traversable, target: Path, skip: tuple[str, ...] = ()) -> None:
    for entry in source.iterdir():
        if entry.name in skip or entry.name.startswith((".", "__")):
            continue
        if entry.is_dir():
            _copy(entry, target / entry.name)
        else:
            _write(target / entry.name, entry.read_bytes())


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
