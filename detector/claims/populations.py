"""From a population's name to its counted frame: a manifest (CSV), a folder of images, or an S3 prefix.

The whole is counted first, then sampled reproducibly, then read within bounds. The frame's hash goes into the result, so that a second
run can show that it drew from the same list.
"""

from __future__ import annotations

from pathlib import Path

from averment.core.errors import BadInputError
from averment.core.files import read_text
from averment.core.source import SourceRef
from averment.detector.claims.frame import (
    MAX_FRAME,
    MAX_IMAGE_BYTES,
    MAX_MANIFEST_BYTES,
    SUFFIXES,
    ContentError,
    Flaw,
    Item,
    Population,
    Sample,
)
from averment.detector.claims.interface import ClaimContext
from averment.detector.claims.population_files import (
    REFERENCE,
    FilePopulation,
    folder_population,
    manifest_population,
    reference_population,
)
from averment.detector.claims.population_s3 import S3Population, s3_population

__all__ = [
    "MAX_FRAME",
    "MAX_IMAGE_BYTES",
    "REFERENCE",
    "SUFFIXES",
    "ContentError",
    "FilePopulation",
    "Flaw",
    "Item",
    "Population",
    "S3Population",
    "Sample",
    "missing",
    "open_population",
]

_TABLES = (".csv", ".jsonl")


def open_population(name: str, context: ClaimContext, *, clips: bool = False) -> Population:
    """The population called ``name`` in the context, or the reference corpus, or the place that ``name`` itself is. With ``clips`` a folder or prefix is
    searched for videos as well as images; a manifest names what it names.

    Raises:
        BadInputError: no such population, or its manifest or folder can't be used.
        IncompleteError: S3 or a folder is out of reach, or the place holds more than ``MAX_FRAME`` images.
    """
    found = _open(name, context, clips=clips)
    found.trace = context.trace
    if context.trace is not None:
        context.trace.readers[found.name] = found.read_named
    return found


def missing(name: str, context: ClaimContext) -> str:
    """Why the population called ``name`` can't be opened, as far as that shows without counting it: nothing is known of it, or nothing lies
    in its place here. "" otherwise; places in S3 are not asked."""
    try:
        where = _place(name, context)
    except BadInputError as error:
        return f"{error.message}; {error.fix}"
    if where is None or where.startswith("s3://") or (context.root / where).exists():
        return ""
    return f"the population '{name}' has nothing in its place, {where}"


def _place(name: str, context: ClaimContext) -> str | None:
    """Where the population called ``name`` is; None for the shipped one."""
    where = context.populations.get(name)
    if where is None and name == REFERENCE:
        return None
    if where is None and (name.startswith("s3://") or "/" in name or name.endswith(_TABLES)):
        where = name
    if where is None:
        known = ", ".join(sorted({*context.populations, REFERENCE}))
        raise BadInputError(
            f"nothing is known of the population '{name}' (known: {known})",
            fix=f"name its place: --population {name}=PATH, or parameters.populations.{name} in averment.yaml",
        )
    if where.startswith("s3://") and where.lower().endswith(_TABLES):
        raise BadInputError(
            f"{where} is a table, and of S3 the images under a prefix are taken: tables are read from this machine",
            fix=f"bring it here, a manifest with the media that it names (aws s3 sync), and say where it lies: --population {name}=PATH",
        )
    return where


def _open(name: str, context: ClaimContext, *, clips: bool) -> Population:
    where = _place(name, context)
    if where is None:
        return reference_population()
    if where.startswith("s3://"):
        return s3_population(name, where, context.s3, context.as_of, clips=clips)
    path = context.root / where
    if path.is_dir():
        return folder_population(name, where, path, clips=clips)
    return manifest_population(name, where, _manifest(path), path.parent)


def _manifest(path: Path) -> str:
    """The text of a manifest; BadInputError of one that is too large, which says what to do instead."""
    if path.is_file() and path.stat().st_size > MAX_MANIFEST_BYTES:
        raise BadInputError(
            f"is larger than {MAX_MANIFEST_BYTES:,} bytes, which a manifest may have at most",
            where=SourceRef(str(path)),
            fix=f"split it into several populations, or take out columns that no claim asks for; a folder or prefix without a manifest may have "
            f"{MAX_FRAME:,} images",
        )
    return read_text(path, limit=MAX_MANIFEST_BYTES)
