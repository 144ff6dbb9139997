"""Progress on stderr: what is done, how far, and how long it will take, for jobs that last; on a terminal alone, and never in CI."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, ClassVar

from averment.cli.manners import lively
from averment.core.progress import heard_by
from averment.core.showing import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from rich.status import Status

_PATIENCE = 1.0
"""Seconds before anything is shown: most jobs are over by then, and a bar that flashes helps nobody."""


def told_on_terminal() -> AbstractContextManager[None]:
    """A context in which jobs that last are shown on stderr, if there is somebody to see it when they begin."""
    return heard_by(TerminalListener())


class Spinner:
    """Text beside something that turns, for as long as its context lasts or until a bar takes its place."""

    present: ClassVar[Spinner | None] = None

    def __init__(self, text: str) -> None:
        self.text = text
        self.shown: Status | None = None

    def __enter__(self) -> Spinner:
        if lively():
            from averment.cli.console import GuardedConsole

            self.shown = GuardedConsole(stderr=True).status(_as_it_is(self.text))
            self.shown.start()
            Spinner.present = self
        return self

    def update(self, text: str) -> None:
        """Show another text, if it still shows any."""
        if self.shown is not None:
            self.shown.update(_as_it_is(text))

    def stop(self) -> None:
        """Show nothing any more."""
        if self.shown is not None:
            self.shown.stop()
            self.shown = None
            Spinner.present = None

    def __exit__(self, *_: object) -> None:
        self.stop()


def _as_it_is(text: str) -> str:
    """``text`` for rich's status line, which reads markup: what is looked at may bear any name."""
    from rich.markup import escape

    return escape(printable(text))


class TerminalListener:
    """Shows the outermost job; a job within it moves it along unseen, for a screen has room for one thing that moves.

    ``clock`` counts seconds. Whether anything may move is asked when a job begins: ``--quiet`` is known by then.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.busy = False

    @contextmanager
    def job(self, what: str, total: int | None) -> Iterator[_Bar]:
        """A job begins; see ``core.progress.Listener``."""
        outermost, self.busy = not self.busy, True
        bar = _Bar(what, total, self.clock, shown=outermost and lively())
        try:
            yield bar
        finally:
            bar.end()
            self.busy = not outermost


class _Bar:
    """One job's line: it appears once the job has lasted, and goes when it ends."""

    def __init__(self, what: str, total: int | None, clock: Callable[[], float], *, shown: bool) -> None:
        self.what, self.total, self.clock, self.shown = what, total, clock, shown
        self.began, self.done = clock(), 0
        self.drawn: tuple[Progress, TaskID] | None = None

    def step(self) -> None:
        """One more part is done."""
        self.done += 1
        if not self.shown:
            return
        if self.drawn is None and self.clock() - self.began >= _PATIENCE:
            self.drawn = self._draw()
        if self.drawn is not None:
            progress, task = self.drawn
            progress.update(task, completed=self.done)

    def _draw(self) -> tuple[Progress, TaskID]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from averment.cli.console import GuardedConsole

        if Spinner.present is not None:
            Spinner.present.stop()  # a screen has room for one thing that moves
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        progress = Progress(*columns, console=GuardedConsole(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False)
        task = progress.add_task(self.what, total=self.total)
        progress.start()
        return progress, task

    def end(self) -> None:
        """The job is over: the line goes."""
        if self.drawn is not None:
            self.drawn[0].stop()
            self.drawn = None
