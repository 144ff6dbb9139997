"""The functions that templates and Terraform name as handlers of AWS Lambda: whoever else calls them, they are ways in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_NAMED = re.compile(rb"""\bhandler["']?\s*[:=]\s*["']?([\w./-]{0,300}?)(\w{1,100})\.(\w{1,100})["']?(?=[\s,}#]|\Z)""", re.IGNORECASE)
_MAX_BYTES = 8 * 1024 * 1024


def handlers_in(paths: Iterable[Path]) -> frozenset[tuple[str, str]]:
    """The handlers that the files at ``paths`` name, each as the name of a module and of a function (``src/faces.match``); by their text, for
    nothing more hangs on it than where call paths begin."""
    found = (match for path in paths for match in _NAMED.findall(_text(path)))
    return frozenset((module.decode(), name.decode()) for _, module, name in found)


def _text(path: Path) -> bytes:
    try:
        with path.open("rb") as handle:
            return handle.read(_MAX_BYTES)
    except OSError:
        return b""  # that it can't be read is told where it is judged
