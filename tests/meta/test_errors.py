"""Errors that people meet say what to do next: every ``BadInputError`` in the source is raised with a fix."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (
    "src/averment/api",
    "src/averment/cli",
    "src/averment/core",
    "src/averment/sandbox",
    "controls",
    "policies",
    "detector",
    "evidence",
    "governance",
)

ELSEWHERE = {
    "detector/gate/deferred.py": "reads what AWS sends to a function; its errors stand in the function's log and the dead-letter queue",
    "detector/gate/events.py": "reads what AWS sends to a function; its errors stand in the function's log and the dead-letter queue",
    "detector/gate/seals.py": "reads a function's own configuration; its errors stand in the function's log",
    "policies/runtime/handler.py": "reads what AWS Config sends to a function; its errors stand in the function's log",
    "policies/runtime/settings.py": "reads what AWS Config sends to a function; its errors stand in the function's log",
    "detector/training/data.py": "belongs to training, which developers run",
    "detector/training/lite_to_onnx.py": "belongs to training, which developers run",
    "detector/training/pipeline.py": "belongs to training, which developers run",
}
"""Files whose errors no user of the command line meets, each with where they are met."""


def _files() -> Iterator[str]:
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            text = file.read_text(encoding="utf-8")
            if "BadInputError(" in text or "MissingExtraError(" in text:
                yield file.relative_to(ROOT).as_posix()


def _without_fix(file: str) -> list[int]:
    """The lines of ``file`` that make such an error without a fix; ``**`` may bring one."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    named = (call for call in calls if getattr(call.func, "id", "") in {"BadInputError", "MissingExtraError"})
    return [call.lineno for call in named if not any(keyword.arg in {"fix", None} for keyword in call.keywords)]


@pytest.mark.parametrize("file", list(_files()))
def test_an_error_about_input_says_what_to_do(file: str) -> None:
    """A user is never left with what is wrong alone."""
    assert file in ELSEWHERE or _without_fix(file) == [], f"give the errors in these lines of {file} a fix="


def test_no_exception_outlives_its_reason() -> None:
    """A file that is excused still has an error without a fix; else it is excused no more."""
    assert [file for file in ELSEWHERE if not _without_fix(file)] == []
