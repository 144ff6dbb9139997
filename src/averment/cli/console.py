"""Rich's console, on which text can't do what only the console may: no escape sequence in a name or a reason reaches the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from averment.core.showing import harmless


class GuardedConsole(Console):
    """Colours and cursor movements come from styles and from rich itself, whose own are marked as such; what stands in text is made visible.

    Text is shown as it is: ``:key:`` in a name is no picture of a key."""

    def __init__(self, **options: Any) -> None:
        super().__init__(emoji=False, **options)

    def on_broken_pipe(self) -> None:
        """Have the program end as with any other reader that has gone; Rich would end it with 1, which here means findings.

        Raises:
            BrokenPipeError: always.
        """
        raise BrokenPipeError

    def render_str(self, text: str, **options: Any) -> Text:
        """As ``Console.render_str``, which every string goes through before it is laid out, with harmless text."""
        return super().render_str(harmless(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As ``Console.render``, also for what was never a string: the last step before the terminal.

        Tables break a name that is wider than its column, where Rich cuts it off: half a name, or half of the time by which something is due,
        helps nobody.
        """
        for column in renderable.columns if isinstance(renderable, Table) else ():
            column.overflow = column.overflow if column.no_wrap else "fold"
        for segment in super().render(renderable, options):
            yield segment if segment.control or segment.text.isprintable() else Segment(harmless(segment.text), segment.style)
