"""Finding what to read under a folder: bounded, never in circles, and saying what was left out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from averment.core.repository import repository_around
from averment.core.source import SourceRef
from averment.policies.graph.model import Problem

SKIPPED = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".averment",
        ".terraform",
        ".terragrunt-cache",
        ".aws-sam",
        "node_modules",
        ".venv",
        ".venv-checkov",
        "__pycache__",
        ".tox",
    }
)
"""Folders that hold copies, caches, records or other people's packages."""
_PACKAGED = ".serverless"
_SERVERLESS = frozenset({"serverless.yml", "serverless.yaml"})
"""The Serverless Framework keeps the template that it deployed last: of a file that is read, it says again what that said then."""
_HISTORY = frozenset({".git", ".hg", ".svn"})
"""Not worth a word: every repository has one, and nothing of what is checked lies there."""

MAX_FILES = 200_000
MAX_DEPTH = 60


@dataclass
class Walk:
    """The files under ``root`` (in order of name), what was left out, what could not be looked into, and folders with nothing in them."""

    root: Path
    files: list[Path] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    empty: list[Path] = field(default_factory=list)


def walk(root: Path) -> Walk:
    """Look through ``root`` (a folder, or a single file). Links to folders are not followed; links to files of the same checkout are."""
    found = Walk(root)
    if root.is_file():
        found.files.append(root)
        return found
    _visit(root, 0, found)
    return found


def _visit(folder: Path, depth: int, found: Walk) -> None:
    stack = [(folder, depth)]
    checkout = repository_around(folder)
    while stack:
        here, depth = stack.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            found.problems.append(Problem(f"the folder can't be read: {error.strerror}", SourceRef(str(here))))
            continue
        if not entries:
            found.empty.append(here)
        below: list[tuple[Path, int]] = []
        packaged = not _SERVERLESS.isdisjoint(entry.name for entry in entries)
        for entry in entries:
            path = here / entry.name
            if entry.is_dir(follow_symlinks=False):
                if entry.name in _HISTORY:
                    continue
                if entry.name in SKIPPED:
                    found.skipped.append(f"{path} ({entry.name} folders are not read)")
                elif entry.name == _PACKAGED and packaged:
                    found.skipped.append(f"{path} (what the file beside it was packaged as is not read)")
                elif depth >= MAX_DEPTH:
                    found.problems.append(Problem(f"folders deeper than {MAX_DEPTH} levels are not read", SourceRef(str(path))))
                else:
                    below.append((path, depth + 1))
            elif entry.is_symlink() and not _inside(path, checkout):
                found.skipped.append(f"{path} (a link to a folder, or to what lies outside of the checkout, is not followed)")
            elif len(found.files) >= MAX_FILES:
                found.problems.append(Problem(f"there are more than {MAX_FILES:,} files; the rest was not read", SourceRef(str(here))))
                return
            else:
                found.files.append(path)
        stack += reversed(below)


def _inside(link: Path, folder: Path) -> bool:
    """Whether a link leads to a file below ``folder``; links in circles and to nowhere don't."""
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):
        return False
    return target.is_file() and target.is_relative_to(folder)


def folders_of(files: list[Path], suffixes: tuple[str, ...]) -> Iterator[tuple[Path, list[Path]]]:
    """The files with one of ``suffixes``, by folder, in order."""
    by_folder: dict[Path, list[Path]] = {}
    for path in files:
        if path.name.endswith(suffixes):
            by_folder.setdefault(path.parent, []).append(path)
    yield from by_folder.items()
