"""What of the runbooks was executed, where, and how it went: ``executed.json``.

The tests that execute the runbooks on the embedded AWS write the file and hold it to what happens, execution by execution, so that a page can't say more
than was done. A test's name stands for one thing that was shown; its sentence says which.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.files import read_bounded

FILE = "executed.json"


@dataclass(frozen=True)
class Executed:
    """One execution. ``steps`` are those that were taken, in order, each once; ``failed`` those of them that failed; ``calls`` what was called, as
    ``service:Operation``; ``refused`` the calls that were made to fail, to see what happens then."""

    runbook: str
    dry_run: bool
    approved: bool
    status: str
    steps: tuple[str, ...]
    failed: tuple[str, ...]
    calls: tuple[str, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """What one test shows, in a sentence, and the executions that show it."""

    sentence: str
    executions: tuple[Executed, ...]


def path() -> Path:
    """Where the record is."""
    return Path(str(resources.files("averment").joinpath("governance", "remediation", "runbooks", FILE)))


def executed() -> dict[str, Shown]:
    """The record: by the name of the test, with its parameters in brackets.

    Raises:
        BadInputError: the file isn't such a record.
    """
    try:
        document: Mapping[str, Any] = json.loads(read_bounded(path()))
        return {name: Shown(item["sentence"], tuple(map(_executed, item["executions"]))) for name, item in document.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(
            f"{FILE} is not a record of executions: {error!r}", fix="AVERMENT_WRITE_EXECUTED=1 and run their tests"
        ) from error


def as_text(shown: Mapping[str, Shown]) -> str:
    """The record as it stands in the file."""
    document = {
        name: {"sentence": item.sentence, "executions": [asdict(execution) for execution in item.executions]}
        for name, item in sorted(shown.items())
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def of_runbook(name: str, shown: Mapping[str, Shown]) -> list[tuple[str, Executed]]:
    """The executions of one runbook, each with the sentence of what it shows."""
    return [(item.sentence, execution) for item in shown.values() for execution in item.executions if execution.runbook == name]


def once(names: Iterable[str]) -> tuple[str, ...]:
    """``names`` in order, each once."""
    return tuple(dict.fromkeys(names))


def _executed(item: Mapping[str, Any]) -> Executed:
    def texts(values: Sequence[Any]) -> tuple[str, ...]:
        return tuple(str(value) for value in values)

    return Executed(
        runbook=str(item["runbook"]),
        dry_run=bool(item["dry_run"]),
        approved=bool(item["approved"]),
        status=str(item["status"]),
        steps=texts(item["steps"]),
        failed=texts(item["failed"]),
        calls=texts(item["calls"]),
        refused=texts(item["refused"]),
    )
