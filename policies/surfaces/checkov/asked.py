"""What Checkov asks about: from what it tells a check to a file, a block of it, and the folder that is scanned.

A check is told a path relative to a folder that it isn't told. The folder is a local of the runner that called it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from averment.policies.surfaces.checkov.verdicts import Block

_PLANS = "checkov.terraform.plan_runner"
_ADDRESS = "__address__"


@dataclass(frozen=True)
class Asked:
    """One question: ``root`` is the folder that Checkov scans, or the one file where it was given files only."""

    root: str
    block: Block


def asked(registry: str, scanned_file: str, conf: Mapping[str, Any], name: str, kind: str) -> Asked:
    """The block that a check of ``registry`` is asked about. Called by the check, on the stack of the runner."""
    runner, folder = _runner()
    top = os.path.abspath(folder or Path.cwd())  # noqa: PTH100  (Checkov's path is relative to the folder as it was written)
    file = os.path.realpath(os.path.normpath(os.path.join(top, scanned_file.lstrip("/"))))  # noqa: PTH118
    root = top if folder else file
    if registry == "cloudformation":
        return Asked(root, (file, name))
    if runner == _PLANS:
        return Asked(root, (file, str(conf.get(_ADDRESS))))
    return Asked(root, (file, f"{kind}@{conf.get('__start_line__')}"))


def scanned() -> Path:
    """The folder that is scanned, or that of the first file, as seen while Checkov loads external checks; else the working folder."""
    for _, names in _frames():
        if names.get("root_folder"):
            return Path(names["root_folder"])
        if names.get("files"):
            return Path(names["files"][0]).parent
    return Path.cwd()


def _runner() -> tuple[str, str | None]:
    """The nearest of Checkov's modules on the stack that knows the folder, and the folder: None where it was given files."""
    for module, names in _frames():
        if "root_folder" in names:
            return module, str(names["root_folder"]) if names["root_folder"] else None
    return "", None


def _frames() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Checkov's frames on the stack, innermost first: module and locals."""
    here: Any = sys._getframe()
    while here is not None:
        module = str(here.f_globals.get("__name__", ""))
        if module.startswith("checkov."):
            yield module, here.f_locals
        here = here.f_back
