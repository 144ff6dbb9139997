"""What to tell when somebody ends the program (Ctrl-C, SIGTERM) between two steps that belong together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Terminated(SystemExit):
    """The program was asked to end (SIGTERM). Unlike a ``sys.exit`` of somebody else's code, this is never what that code did wrong."""


STOPPED = (KeyboardInterrupt, Terminated)
"""Both ways in which somebody ends the program, for what was done by then and must not be lost."""


@contextmanager
def standing(what: str) -> Iterator[None]:
    """If the program is ended inside the block, ``what`` says how things stand then, and what to do. It is told where the program ends."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:
        stop.add_note(what)
        raise


def told(stop: BaseException) -> list[str]:
    """What ``standing`` noted on the way of ``stop``, the innermost step first."""
    found: list[str] = []
    following: BaseException | None = stop
    while following is not None:  # click makes an error of its own of Ctrl-C
        found += getattr(following, "__notes__", ())
        following = following.__cause__ or following.__context__
    return found
