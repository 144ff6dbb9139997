"""What a finding hangs on besides the files that were looked at: the program, its libraries, the rules, the scope, the parameters.

All of it goes into the name of a bundle, so that what was found under other conditions isn't even opened.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import averment
from averment.core.observer import digest
from averment.core.organisation import Organisation
from averment.policies.interface import Rule
from averment.policies.rules.registry import all_rules

MAX_OWN_FILES = 2_000
"""Files beside rules of the user's own; where there are more, nothing is kept."""

_LOADED = time.time()
_ROOMS = ("core", "policies")
"""The rooms of this package that read configurations and judge them."""

_DISTRIBUTIONS = (".dist-info", ".egg-info")


def conditions(rules: Sequence[Rule], organisation: Organisation) -> str | None:
    """One text for all of it; None where it can't be told, so that nothing may be kept."""
    own = _own_code(rules)
    program = _digest_of(_program())
    if own is None or program is None:
        return None
    told = {
        "version": averment.__version__,
        "python": sys.version,
        "program": program,
        "libraries": sorted(_libraries()),
        "own": own,
        "rules": [[rule.id, rule.severity.value, list(rule.types)] for rule in rules],
        "scope": dataclasses.asdict(organisation.scope),
        "parameters": organisation.parameters,
    }
    return digest(json.dumps(told, sort_keys=True, default=repr).encode())


def _program() -> Iterator[Path]:
    for room in _ROOMS:
        yield from _code_below(Path(averment.__file__).parent / room, cases=False)


def _libraries() -> set[str]:
    """The installed distributions by the names of their metadata, which hold the version: tree-sitter's grammars, PyYAML, tfparse ..."""
    folders = [Path(entry) for entry in sys.path if os.path.isdir(entry or ".")]  # noqa: PTH112
    return {name for folder in folders for name in os.listdir(folder) if name.endswith(_DISTRIBUTIONS)}  # noqa: PTH208


def _own_code(rules: Iterable[Rule]) -> str | None:
    """The contents of whatever folder or package each rule of the user's own comes from; a rule is a pure function of these.

    The module of its function alone wouldn't do: that of one which was put together (``functools.partial``, a function that makes others)
    is another, and with which arguments stands in the rule's own file.
    """
    files: set[Path] = set()
    for rule in (rule for rule in rules if rule not in all_rules()):
        made_in = str(getattr(rule.evaluate, "__module__", "") or "").partition(".")[0]
        for name in {made_in, rule.origin or made_in} - ({"averment"} if rule.origin else set()):  # ours counts as the program
            module = sys.modules.get(name)
            found = _files_of(module) if module is not None and name != "averment" else None
            if not found or len(files | found) > MAX_OWN_FILES:
                return None
            files |= found
    return _digest_of(sorted(files)) if files else ""


def _files_of(module: ModuleType) -> set[Path] | None:
    folders = list(getattr(module, "__path__", ()))
    if folders:
        return {file for folder in folders for file in _code_below(Path(folder), cases=True)}
    file = getattr(module, "__file__", None)
    return {Path(file)} if file else None


def _code_below(folder: Path, *, cases: bool) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and (cases or name != "cases"))
        yield from (Path(here, name) for name in sorted(names) if cases or name.endswith(".py"))


def _digest_of(files: Iterable[Path]) -> str | None:
    told: list[str] = []
    for file in files:
        try:
            if file.stat().st_mtime > _LOADED:
                return None  # what runs may be what stood here before
            told += [os.fspath(file), digest(file.read_bytes())]
        except OSError:
            return None
    return digest("\0".join(told).encode("utf-8", "surrogateescape")) if told else None
