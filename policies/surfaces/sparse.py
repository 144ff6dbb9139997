"""Sparse checkouts: what Git leaves out of one isn't on the disk, and so holds no flaw."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from averment.core.repository import GIT_HARMLESS, GIT_OF_A_HOOK, git_root
from averment.core.source import SourceRef
from averment.core.words import counted
from averment.policies.graph.model import Problem

_SECONDS = 60


def left_out(folder: Path, wanted: Callable[[Path], bool]) -> Iterator[Problem]:
    """Those files and folders in ``folder`` of which Git tracks something that is ``wanted`` by its name, and leaves it out of this checkout.

    As with submodules, a check may be complete without them; a module there that is called is missed where the call is read.
    """
    checkout = git_root(folder)
    if checkout is None or not _sparse(checkout / ".git"):
        return
    names = _skipped(folder)
    if names is None:
        reason = "is part of a sparse checkout, and Git, which knows what isn't in it, could not be asked"
        yield Problem(reason, SourceRef(str(folder)), blocking=False)
        return
    absent = [name for name in names if wanted(folder / name) and not os.path.lexists(folder / name)]
    for top, number in Counter(name.partition("/")[0] for name in absent).items():
        what = f"isn't wholly in this sparse checkout, which leaves out {counted(number, 'file')} that may be infrastructure or code"
        reason = f"{what}, so nothing of that is checked; git sparse-checkout disable brings it"
        yield Problem(reason, SourceRef(str(folder / top)), blocking=False)


def _sparse(git: Path) -> bool:
    """Whether a checkout, of which ``git`` is the folder of Git or the file that names it, is or was a sparse one."""
    try:
        named = git.read_text(encoding="utf-8", errors="replace") if git.is_file() else ""
    except OSError:
        return False
    place = Path(git.parent, named.removeprefix("gitdir:").strip()) if named else git
    return (place / "info" / "sparse-checkout").is_file()


def _skipped(folder: Path) -> list[str] | None:
    """The names, from ``folder``, of what Git tracks there without having it on the disk; None where it doesn't say."""
    import subprocess  # most checkouts are whole

    environment = {name: value for name, value in os.environ.items() if name not in (*GIT_OF_A_HOOK, "GIT_WORK_TREE")}
    command = ["git", "-C", str(folder), *GIT_HARMLESS, "ls-files", "-t", "-z"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True, env=environment)
    except (OSError, subprocess.SubprocessError):
        return None
    return [line[2:] for line in os.fsdecode(done.stdout).split("\0") if line.startswith("S ")]
