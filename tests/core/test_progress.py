"""Progress is told to whoever listens, costs nothing without, and never changes what a loop gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from averment.core.progress import followed, heard_by


class Heard:
    """A listener that writes down what it hears."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @contextmanager
    def job(self, what: str, total: int | None) -> Iterator[Heard]:
        """A job begins."""
        self.lines.append(f"{what} of {total}")
        yield self
        self.lines.append("end")

    def step(self) -> None:
        """A part is done."""
        self.lines.append("step")


def test_without_a_listener_the_items_come_as_they_are() -> None:
    """A library user who doesn't listen pays nothing."""
    assert list(followed(iter("abc"), "reading")) == ["a", "b", "c"]


def test_a_listener_hears_the_total_each_step_and_the_end() -> None:
    """What can be counted is counted; a generator's number may be given; a part is done when the next is asked for."""
    heard = Heard()
    with heard_by(heard):
        assert list(followed([1, 2], "checking")) == [1, 2]
        assert list(followed(iter([3]), "reading", 7)) == [3]
        assert list(followed(iter(()), "waiting")) == []
    assert heard.lines == ["checking of 2", "step", "step", "end", "reading of 7", "step", "end", "waiting of None", "end"]
    assert list(followed([1], "after")) == [1]
    assert heard.lines[-2:] == ["waiting of None", "end"]


def test_a_loop_that_breaks_off_ends_the_job() -> None:
    """An error in the middle takes the line from the screen, and stays the error that it was."""
    heard = Heard()
    with heard_by(heard), pytest.raises(ZeroDivisionError):
        _fail_at_first()
    assert heard.lines[0] == "checking of 2"


def _fail_at_first() -> None:
    for item in followed([0, 1], "checking"):
        assert 1 / item
