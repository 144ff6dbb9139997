"""IAM's wildcards, against regular expressions. Origin of the data: generated."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from averment.policies.iam.patterns import action_matches, contains, overlap

TEXT = st.text("ab/", max_size=8)
PATTERN = st.text("ab/*?", max_size=8)


def as_regex(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern), re.DOTALL)


@given(PATTERN, TEXT)
def test_a_pattern_matches_what_its_regular_expression_matches(pattern: str, text: str):
    """With a plain text on one side, overlap is ordinary matching."""
    assert overlap(pattern, text) == (as_regex(pattern).fullmatch(text) is not None)


@given(PATTERN, PATTERN)
def test_overlap_is_symmetric(first: str, second: str):
    """Which of two patterns comes first can't matter."""
    assert overlap(first, second) == overlap(second, first)


@given(st.text("ab*?", max_size=4), st.text("ab*?", max_size=4))
def test_patterns_that_overlap_have_a_common_text(first: str, second: str):
    """Found by trying all texts up to eight letters: no overlap is made up, and none is missed."""
    texts = [""]
    for text in texts:
        if as_regex(first).fullmatch(text) and as_regex(second).fullmatch(text):
            assert overlap(first, second)
            return
        if len(text) < 8:
            texts += [text + "a", text + "b"]
    assert not overlap(first, second)


@given(PATTERN, PATTERN)
def test_what_contains_a_pattern_matches_all_that_it_matches(wide: str, narrow: str):
    """Never said where a text matches the narrow pattern alone; a pattern contains itself, and a star everything."""
    assert contains(narrow, narrow)
    assert contains("*", narrow)
    if contains(wide, narrow):
        for run in ("", "a", "b/"):
            text = narrow.replace("*", run).replace("?", run[:1] or "a")
            assert as_regex(wide).fullmatch(text)


@given(PATTERN, TEXT)
def test_containing_a_text_is_matching_it(pattern: str, text: str):
    """A text is a pattern of one."""
    assert contains(pattern, text) == overlap(pattern, text)


@pytest.mark.parametrize("pattern", ["*" * 100_000, "*a" * 1000 + "b", "?*" * 1000 + "b", "*" * 3000 + "a?" * 1000 + "b"])
def test_hostile_patterns_are_compared_in_no_time(pattern: str):
    """Stars in a row and stars between letters took minutes: these patterns come from other people's files."""
    started = time.process_time()
    assert overlap(pattern, "a" * 2000) is not pattern.endswith("b")
    assert contains(pattern, "a" * 2000) is not pattern.endswith("b")
    assert overlap("a" * 2000, pattern) is not pattern.endswith("b")
    assert time.process_time() - started < 20


def test_what_is_too_long_for_aws_is_never_said_to_be_covered():
    """Two absurd patterns aren't compared: a grant is taken to reach, a refusal not to."""
    absurd = "a" * 5000
    assert overlap(absurd, absurd)
    assert not contains(absurd, absurd)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("*", True),
        ("s3:*", True),
        ("S3:putobject", True),
        ("s3:Put*", True),
        ("s3:Put?bject", True),
        ("s3:*Object", True),
        ("s3:PutObjectAcl", False),
        ("s3:Get*", False),
        ("kms:*", False),
        ("s3:PutObjec", False),
        ("", False),
    ],
)
def test_actions_match_without_regard_to_case(pattern: str, matches: bool):
    """IAM compares actions so, and wildcards stand anywhere in them."""
    assert action_matches(pattern, "s3:PutObject") is matches


def test_a_hostile_pattern_takes_no_time():
    """Regular expressions would backtrack for hours on this."""
    assert not overlap("*a" * 60 + "b", "a" * 120 + "c")
