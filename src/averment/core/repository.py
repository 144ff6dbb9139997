"""The checkout that a path belongs to."""

from __future__ import annotations

from pathlib import Path


def repository_around(path: Path) -> Path:
    """The nearest folder from ``path`` upward that is a Git checkout, with every link followed; else ``path``'s own folder.

    What is checked may lead to files anywhere below it (a module in ``../modules``), and to none beyond: a pull request must not make the
    machine that checks it read, and print, what isn't in the repository.
    """
    start = path.resolve()
    folder = start if start.is_dir() else start.parent
    return next((here for here in (folder, *folder.parents) if (here / ".git").exists()), folder)
