"""Git submodules that aren't checked out: where one belongs a clone leaves an empty folder, which holds no flaw."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from averment.core.repository import git_root
from averment.core.source import SourceRef
from averment.policies.graph.model import Problem

_PATH = re.compile(r'^[ \t]*path[ \t]*=[ \t]*"?(.+?)"?[ \t]*$', re.MULTILINE)
_MAX_BYTES = 1024 * 1024


def not_checked_out(empty: Sequence[Path], root: Path) -> Iterator[Problem]:
    """Those of the ``empty`` folders at and below ``root`` in which the ``.gitmodules`` around it has a submodule.

    That doesn't keep a check from being complete: what a submodule is for, nobody can tell from here, and a module in one that is called
    is missed where the call is read.
    """
    checkout = git_root(root) if empty else None
    if checkout is None:
        return
    try:
        with (checkout / ".gitmodules").open("rb") as file:
            text = file.read(_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return
    named = {checkout / name for name in _PATH.findall(text)}
    for folder in empty:
        if folder.resolve() in named:
            reason = "is a submodule that isn't checked out, so nothing of it is checked; git submodule update --init fetches it"
            yield Problem(reason, SourceRef(str(folder)), blocking=False)
