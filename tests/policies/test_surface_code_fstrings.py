"""F-strings in the syntax of Python 3.12 don't keep an older Python from reading the code around them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from averment.policies.surfaces.code.fstrings import without_fstrings
from averment.policies.surfaces.registry import load_graphs

NEW = '''\
import boto3
client = boto3.client("rekognition")
def handler(event, context):
    answer = client.compare_faces(SourceImage=event["a"], TargetImage=event["b"])
    print(f"found {answer["FaceMatches"]} in {', '.join(
        [str(one) for one in answer])} # {{not a comment}}")
    return f"""{"nested " + f"{event["a"]}"}
    """
'''


def test_code_with_new_fstrings_is_read(tmp_path: Path):
    """A comparison beside an f-string that holds its own quotes is seen, on its line."""
    (tmp_path / "app.py").write_text(NEW, encoding="utf-8")
    (graph,) = load_graphs(tmp_path)
    assert not graph.problems
    (function,) = list(graph)
    assert function.get("Calls", 0, "Api") == "CompareFaces"
    assert function.get("Calls", 0, "Line") == 4


def test_lines_stay_where_they_are():
    """What takes an f-string's place has as many lines; plain strings, comments and words keep theirs."""
    text = without_fstrings(NEW)
    assert text is not None
    ast.parse(text)
    assert text.count("\n") == NEW.count("\n")
    assert "compare_faces" in text
    assert text.startswith('import boto3\nclient = boto3.client("rekognition")')


@pytest.mark.parametrize(
    "text",
    [
        'print(f"{client.compare_faces(A="b")}")',
        'print(f"{rekognition.send("x")}")',
        'print(f"{never closed")',
        'print("never closed)',
    ],
)
def test_what_may_matter_or_has_no_end_is_not_taken_out(text: str):
    """A call about faces within an f-string is never dropped: then the file counts as one that could not be read."""
    assert without_fstrings(text) is None


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python reads such f-strings itself")
def test_a_call_within_a_new_fstring_is_a_problem(tmp_path: Path):
    """What can't be read is said, with the line."""
    (tmp_path / "app.py").write_text(
        'import boto3\nr = boto3.client("rekognition")\nprint(f"{r.compare_faces(A={"b": 1})["x"]}")\n', encoding="utf-8"
    )
    problems = [problem for graph in load_graphs(tmp_path) for problem in graph.problems]
    assert len(problems) == 1
    assert problems[0].blocking
    assert "is not valid Python" in problems[0].reason


@given(st.text(alphabet="fr\"'{}#\\\n ax", max_size=40))
def test_any_text_ends(text: str):
    """Whatever the text, the answer is a text with as many lines, or None."""
    answer = without_fstrings(text)
    assert answer is None or answer.count("\n") == text.count("\n")
