"""Writes the pages and a MkDocs configuration, and lets MkDocs make the site, strictly: a broken link stops the build.

The same ledger, organisation and moment give the same bytes: nothing of the machine or of the present enters the pages.
"""

from __future__ import annotations

import html
import os
import subprocess
import sys
import tempfile
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from averment.core.errors import BadInputError, IncompleteError
from averment.core.extras import require
from averment.core.source import SourceRef
from averment.governance.site.about import about_pages
from averment.governance.site.data import SiteData
from averment.governance.site.navigation import navigation
from averment.governance.site.package import PACKAGE
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

_TIMEOUT_SECONDS = 600


def build_site(data: SiteData, output: Path) -> Path:
    """Build the site of ``data`` into ``output``, which is replaced as a whole once the build has succeeded.

    Raises:
        BadInputError: ``output`` exists and isn't a site that was built before.
        MissingExtraError: MkDocs isn't installed.
        IncompleteError: MkDocs refused the pages (a broken link, say), or the disk did.
    """
    require("mkdocs", extra="site", needed_for="building the site")
    require("material", extra="site", needed_for="building the site")
    _check_output(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".averment-site-", dir=output.parent) as scratch:
            built = _build(data, Path(scratch))
            _swap(built, output, Path(scratch) / "previous")
    except OSError as error:
        raise IncompleteError(f"the site could not be written: {error.strerror}", where=SourceRef(str(output))) from error
    return output / "index.html"


def _build(data: SiteData, scratch: Path) -> Path:
    docs, built = scratch / "docs", scratch / "site"
    shipped = resources.files("averment").joinpath("governance", "docs")
    _copy(shipped.joinpath("assets"), docs / "assets")
    for path, page in about_pages().items():
        _write(docs / "about" / path, page.encode())
    for schema in SCHEMAS:
        _write(docs / "schemas" / Path(schema).name, resources.files("averment").joinpath(schema).read_bytes())
    for path, text in all_pages(data).items():
        _write(docs / path, text.encode())
    for path, picture in picture_files(data.claim_records.values()):
        _write(docs / path, picture)
    config = scratch / "mkdocs.yml"
    _write(config, yaml.safe_dump(site_config(data), sort_keys=False, allow_unicode=True).encode())
    _run_mkdocs(config, built, int(data.as_of.timestamp()))
    if data.package is not None:
        data.package.copy_to(built / PACKAGE)
    _write(built / MARKER, b"")
    return built


def site_config(data: SiteData) -> dict[str, Any]:
    """The MkDocs configuration of the generated site: the shared theme, and a navigation from the data."""
    text = resources.files("averment").joinpath("governance", "site", "theme.yml").read_text(encoding="utf-8")
    theme: dict[str, Any] = yaml.safe_load(text)
    return {
        "site_name": html.escape(f"{data.organisation.name}: governance"),
        "docs_dir": "docs",
        "use_directory_urls": False,  # so that the pages work from a file system and under any path
        "nav": navigation(data),
        **theme,
    }


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
