"""Writes down what the public API is: names, parameters with types and defaults, fields, members.

``python tests/api/rebuild_signatures.py`` writes ``signatures.txt`` beside this file; ``test_surface`` compares. A line that goes or changes
breaks somebody's program: the page on stability says what has to come before.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from enum import Enum
from pathlib import Path
from typing import Any

from averment import api

FILE = Path(__file__).with_name("signatures.txt")

OPAQUE = {"Organisation"}
"""Made by one function to be handed to another: what is in them may change."""

NOT_PROMISED = {
    *("Checked.report", "Checked.result", "ClaimOutcome.asked", "Finding.called", "Finding.defined", "Finding.deployed", "Finding.edits"),
    *("Problem.fleeting", "Record.size", "Verified.of"),
}
"""Members that the program needs for itself."""


def signatures() -> str:
    """The public names in order, each with what it consists of."""
    lines = (line for name in sorted(api.__all__) for line in _lines(name, getattr(api, name)))
    return "\n".join(line for line in lines if re.split(r"[:( ]", line.strip())[0] not in NOT_PROMISED) + "\n"


def _lines(name: str, value: Any) -> list[str]:
    if not inspect.isclass(value):
        return [f"{name}{_parameters(value)}"]
    if issubclass(value, Enum):
        return [f"{name}: {', '.join(f'{member.name}={member.value!r}' for member in value)}"]
    if issubclass(value, BaseException):
        return [f"{name}({value.__base__.__name__ if value.__base__ else ''})", *_members(name, value)]
    if name in OPAQUE:
        return [f"{name} (opaque)"]
    return [name, *(f"  {name}.{item.name}: {item.type}" for item in _fields(value)), *_members(name, value)]


def _fields(value: Any) -> list[Any]:
    return [item for item in dataclasses.fields(value) if not item.name.startswith("_")]


def _members(name: str, value: type) -> list[str]:
    """The public properties and methods that the class itself defines."""
    lines = []
    for member, found in sorted(vars(value).items()):
        plain = found.__func__ if isinstance(found, classmethod | staticmethod) else found
        if member.startswith("_"):
            continue
        if isinstance(found, property):
            lines.append(f"  {name}.{member} -> {inspect.signature(found.fget).return_annotation if found.fget else ''}")
        elif inspect.isfunction(plain):
            lines.append(f"  {name}.{member}{_parameters(plain)}")
    return lines


def _parameters(function: Any) -> str:
    """As it stands in the source, though annotations are strings at run time."""
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))


if __name__ == "__main__":
    FILE.write_text(signatures(), encoding="utf-8")
