"""What every command shares: finding the organisation's file, loading the catalogue, and writing to the right stream."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, redirect_stdout
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from averment.api.common import ledger_for_writing as open_for_writing
from averment.api.common import organisation_of
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation, load_organisation

if TYPE_CHECKING:
    from rich.console import Console

    from averment.cli.progress import Spinner
    from averment.evidence.ledger.log import Ledger


class _LazyConsole:
    """Stands for a console that is made when it is first used: most short runs have nothing to note. ``hushed``: nothing is shown."""

    def __init__(self) -> None:
        self.hushed = False

    def __getattr__(self, name: str) -> Any:
        from averment.cli.console import GuardedConsole

        made = self.__dict__.get("_made") or self.__dict__.setdefault("_made", GuardedConsole(stderr=True, highlight=False, soft_wrap=True))
        made.quiet = self.hushed
        return getattr(made, name)

    def status(self, text: str) -> Spinner:
        """A context in which ``text`` stands beside something that turns, where something may move (not in CI, not with --quiet)."""
        from averment.cli.progress import Spinner

        return Spinner(text)


stderr = _LazyConsole()
"""Notes and progress. Results never go here."""


class NamedPath(click.Path):
    """A path that has to be named: an empty one, as a variable that isn't set leaves it, would be the working directory, and ``-`` a file or folder
    of that name, where elsewhere it is stdout."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As ``click.Path`` does, once something stands there."""
        if value == "":
            self.fail("it is empty, as a variable that isn't set leaves it; the working directory is '.'", param, ctx)
        if value == "-" and not self.allow_dash:
            self.fail("'-' names no file or folder here; one that is called so is './-'", param, ctx)
        return super().convert(value, param, ctx)


config_option = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The organisation's averment.yaml; by default the nearest one from here upward.",
)


def day_option(flag: str, help_text: str) -> Callable[[Any], Any]:
    """An option that takes a day of the calendar (``2026-12-02``) and gives a ``date``, or None."""
    return click.option(flag, callback=_day, metavar="DAY", help=help_text)


def _day(_context: click.Context, _parameter: click.Parameter, value: str | None) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(f"'{value}' is not a day; write 2026-12-02") from error


def stdout(**options: Any) -> Console:
    """A console for results: colours only on a terminal, never wrapped in a pipe, and no escape sequence out of text.

    What CI servers set for other programs (``FORCE_COLOR``) makes no terminal of a pipe.
    """
    from averment.cli.console import GuardedConsole

    terminal = None if sys.stdout.isatty() else False
    return GuardedConsole(file=sys.stdout, highlight=False, soft_wrap=True, force_terminal=terminal, **options)


def print_document(text: str, *, nl: bool = True) -> None:
    """Print ``text``, which programs read: in a pipe or file as UTF-8 whatever the locale or code page, as JSON's and XML's readers expect it."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # a name that is no text
    click.echo(text, nl=nl)


def organisation_for(config: Path | None, start: Path | None = None) -> Organisation:
    """The organisation of ``config``, or of the nearest file from ``start`` (default: here) upward, or the defaults.

    Raises:
        BadInputError: the file is missing or malformed.
    """
    return load_organisation(config) if config is not None else organisation_of(None, start)


def named_values(texts: Iterable[str], *, wrong: str, fix: str, empty: bool = True) -> dict[str, str]:
    """``NAME=VALUE`` each, as a mapping. ``wrong`` says of one (in place of ``{}``) that it isn't of that form; ``empty``: a value may be.

    Raises:
        BadInputError: it isn't, or a name is given twice, of which one would go unheard.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and (value or empty)):
            raise BadInputError(wrong.format(text), fix=fix)
        if name in found:
            raise BadInputError(f"{name} is given twice, as '{found[name]}' and as '{value}'", fix="keep one of them")
        found[name] = value
    return found


def rules_aside() -> AbstractContextManager[Any]:
    """Send to stderr what rules of somebody's own print meanwhile, for their author's eyes: it is no part of what a command prints."""
    return redirect_stdout(sys.stderr)


def note(text: str) -> None:
    """Show a note on stderr."""
    stderr.print(f"note: {text}", markup=False)


def ledger_for_writing(organisation: Organisation) -> AbstractContextManager[Ledger]:
    """The organisation's ledger to append to; at the end its checkpoint is countersigned, and what went wrong without harm is shown.

    Raises:
        AvermentError: as ``evidence.ledger.opening.open_ledger``.
    """
    return open_for_writing(organisation, note)
