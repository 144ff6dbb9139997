"""Following calls in source code ends within the stated bounds, and what was not followed is not taken for checked.

Origin of the data: written for these tests.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from averment.core.words import Verdict
from averment.policies.interface import Context
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.code import graphs as code_graphs
from averment.policies.surfaces.code.javascript import parse
from averment.policies.surfaces.code.paths import MAX_STEPS
from averment.policies.surfaces.code.reach import MAX_CALLERS
from averment.policies.surfaces.code.state import Budget
from averment.policies.surfaces.code.surface import CodeSurface

PYTHON = 'import boto3\nrek = boto3.client("rekognition")\n'
COMPARE = 'rek.compare_faces(SourceImage=event["a"], TargetImage=event["b"])'
LIVE = 'rek.get_face_liveness_session_results(SessionId=event["s"])'


def judged(folder: Path, text: str) -> tuple[Verdict, str]:
    """The worst verdict on the file ``text``, with its message."""
    (folder / "a.py").write_text(text, encoding="utf-8")
    subject = rule("face-call-after-liveness")
    found = [*CodeSurface().graphs(folder)]
    assert [problem for graph in found for problem in graph.problems] == []
    outcome = worst_outcome(subject.evaluate(resource, Context(graph)) for graph in found for resource in graph)
    return outcome.verdict, outcome.message


def test_tangled_calls_are_followed_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Hundreds of functions that call each other take no more than the steps that are stated, and are never a pass."""
    budget = Budget()
    monkeypatch.setattr(code_graphs, "Budget", lambda: budget)
    text = PYTHON + "".join(
        f"def g{i}(event):\n    g{(i * 7 + 1) % 400}(event)\n    g{(i * 13 + 5) % 400}(event)\n    {COMPARE}\n" for i in range(400)
    )
    verdict, message = judged(tmp_path, text)
    assert verdict is Verdict.UNKNOWN
    assert "not every way through g0() to CompareFaces could be followed" in message
    assert budget.left == 0


CHECKED = f'    r = {LIVE}\n    if r["Confidence"] < 90:\n        raise ValueError("no")\n    match(event)\n'
MATCHING = f"{PYTHON}def match(event):\n    return {COMPARE}\n"
IDLE = "    x = 1\n" * MAX_STEPS
CUT = {
    "steps from one entry": (
        f'def handler(event):\n  if event["x"]:\n{CHECKED}  else:\n{IDLE}    match(event)\n',
        f"more than {MAX_STEPS:,} steps to follow from here",
    ),
    "depth": (
        f"def handler(event):\n{CHECKED}"
        + "".join(f"def c{index}(event):\n    c{index + 1}(event)\n" for index in range(30))
        + "def c30(event):\n    match(event)\n",
        "go deeper than is followed",
    ),
    "callers": (
        "".join(f"def handler{index}(event):\n{CHECKED}" for index in range(MAX_CALLERS)),
        f"{MAX_CALLERS} functions or more lead there",
    ),
}


@pytest.mark.parametrize("case", CUT)
def test_a_way_that_was_not_followed_is_not_taken_for_a_checked_one(case: str, tmp_path: Path):
    """Where following ends early, the checked ways that were found don't speak for the rest."""
    text, reason = CUT[case]
    verdict, message = judged(tmp_path, MATCHING + text)
    assert verdict is Verdict.UNKNOWN
    assert reason in message


def test_a_long_promise_is_not_looked_through_wherever_its_name_stands(tmp_path: Path):
    """Of a name in thousands of races, what stands under it was looked through each time."""
    made = f"const late = new Promise((a, b) => {{ {'b();' * 80_000} }});\n"
    races = "async function f(e) {" + "await Promise.race([late, e.x]);\n" * 4_000 + "}\n"
    began = time.process_time()
    parse(tmp_path / "a.ts", (made + races).encode())
    assert time.process_time() - began < 10
