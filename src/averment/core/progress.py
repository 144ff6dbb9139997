"""How far a long job is: the rooms say it to whoever listens, and nobody has to.

A loop that may take long goes through ``followed``. The command line listens on a terminal and shows how far it is with the time that is left;
a program that uses Averment as a library may listen in its own way, and without a listener nothing happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

T = TypeVar("T")


class Job(Protocol):
    """One job that somebody follows."""

    def step(self) -> None:
        """One more of its parts is done."""


class Listener(Protocol):
    """Hears of jobs that begin; the context ends with the job."""

    def job(self, what: str, total: int | None) -> AbstractContextManager[Job]:
        """A job called ``what`` begins, with ``total`` parts if that is known."""


_listener: ContextVar[Listener | None] = ContextVar("averment_progress", default=None)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Let ``listener`` hear of the jobs that begin within, in this thread."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def followed(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """``items``, one after the other, each told as done to the listener once the next is asked for. ``total`` is their number, if they
    can't be counted (a generator) and it is known."""
    listener = _listener.get()
    if listener is None:
        yield from items
        return
    if total is None and isinstance(items, Sized):
        total = len(items)
    with listener.job(what, total) as job:
        for item in items:
            yield item
            job.step()
