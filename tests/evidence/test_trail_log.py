"""A log file of CloudTrail read event by event: the same as reading it whole, wherever the pieces break, and in little memory."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from averment.core.canonical import sha256_hex
from averment.evidence.collectors import trail_log
from averment.evidence.collectors.trail_log import Unpacked, events

words = st.text(max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
records = st.lists(st.dictionaries(words, values, max_size=4), max_size=6)  # small: a piece may be a single byte


def read(data: bytes) -> list[Any]:
    return list(events(Unpacked(io.BytesIO(gzip.compress(data)))))


@given(records, st.integers(1, 50), st.sampled_from([None, 1]), st.booleans())
def test_events_are_those_of_the_whole_file(found: list[dict[str, Any]], piece: int, indent: int | None, ascii_alone: bool) -> None:
    """Pieces may break in the middle of a character, a number or a word; blanks between the events don't matter."""
    data = json.dumps({"Records": found}, indent=indent, ensure_ascii=ascii_alone).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trail_log, "_CHUNK", piece)
        unpacked = Unpacked(io.BytesIO(gzip.compress(data)))
        assert list(events(unpacked)) == found
    assert unpacked.sha256 == sha256_hex(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"Records": {}}',
        '{"records": []}',
        '{"Records": [1]}',
        '{"Records": [{}',
        '{"Records": [{}]',
        '{"Records": [{} {}]}',
        '{"Records": [{},]}',
        '{"Records": []} {"Records": []}',
        '{"Records": [{"a": }]}',
    ],
)
def test_what_is_no_log_file_is_refused(text: str) -> None:
    """Half a file, more than one, or something else is an error, and never a shorter list of events."""
    with pytest.raises(ValueError, match=r"CloudTrail|Expecting|more after"):
        read(text.encode())


def test_an_event_of_impossible_size_is_refused() -> None:
    """Its text isn't gathered for ever."""
    with pytest.raises(ValueError, match="more than 4,194,304 characters"):
        read(b'{"Records": [{"a": "' + b"x" * (trail_log.MAX_EVENT + 1_000_000) + b'"}]}')


def test_memory_is_bounded_by_an_event_not_by_the_file() -> None:
    """32 MB of events are read in less than two."""
    event = json.dumps({"eventName": "Sign", "requestParameters": "x" * 1_000})
    packed = gzip.compress(f'{{"Records": [{",".join([event] * 32_000)}]}}'.encode())
    tracemalloc.start()
    try:
        number = sum(1 for _ in events(Unpacked(io.BytesIO(packed))))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert number == 32_000
    assert peak < 2_000_000
