"""The checkout that a path belongs to."""

from __future__ import annotations

import os
from pathlib import Path

from averment.core.files import real
from averment.core.organisation import FILE_NAME

GIT_HARMLESS = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.devnull, "-c", "safe.bareRepository=explicit")
"""Options with which Git runs no program for the settings of what is checked. The last one is about files of a branch that make up a
repository by themselves (``HEAD``, ``config``, ``objects``): Git would take the folder with them for the repository, and obey its settings."""

GIT_OF_A_HOOK = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")
"""What Git tells its hooks of the repository that it works on, which need not be that of the folder: it finds that one by itself."""


def repository_around(path: Path) -> Path:
    """The nearest folder from ``path`` upward that is a Git checkout, else that holds an ``averment.yaml`` (some builds unpack a source
    without its ``.git``), with every link followed; else ``path``'s own folder.

    What is checked may lead to files anywhere below it (a module in ``../modules``), and to none beyond: a pull request must not make the
    machine that checks it read, and print, what isn't in the repository.
    """
    return git_root(path) or _nearest(path, FILE_NAME) or _folder(path)


def git_root(path: Path) -> Path | None:
    """The nearest folder from ``path`` upward that is a Git checkout, with every link followed; None outside of any."""
    return _nearest(path, ".git")


def _nearest(path: Path, mark: str) -> Path | None:
    folder = _folder(path)
    return next((here for here in (folder, *folder.parents) if (here / mark).exists()), None)


def _folder(path: Path) -> Path:
    start = real(path)
    return start if start.is_dir() else start.parent
