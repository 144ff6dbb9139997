"""How the program behaves towards whoever runs it: ``--quiet`` and ``--verbose`` with every command, colours, and what may move on a screen.

Results go to stdout and errors to stderr, whatever is asked for here. ``--quiet`` takes away notes and progress, never a result or an error.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import click

_EXAMPLE = re.compile(r"\n\n( *)Example: ")


@dataclass
class _Asked:
    """What the present run was asked for; one run at a time."""

    verbose: bool = False


_asked = _Asked()


def on_terminal() -> bool:
    """Whether results go to a terminal; also while a bar has Rich stand in for stdout, who says no for it before its version 15."""
    stdout: Any = getattr(sys.stdout, "rich_proxied_file", sys.stdout)
    return bool(stdout.isatty())


def colours() -> bool:
    """Whether results may be coloured: on a terminal that can, and unless the user asked for none (``NO_COLOR``)."""
    return on_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def lively(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether something may move on stderr: it is a terminal that can, nobody asked for quiet, and it isn't a log of CI."""
    from averment.cli.common import stderr

    moving = sys.stderr.isatty() and environment.get("TERM") != "dumb" and not environment.get("CI")
    return moving and not cast("Any", stderr).hushed


def loud() -> bool:
    """Whether ``--verbose`` was asked for, before the command or behind it."""
    return _asked.verbose


def begin() -> None:
    """A run begins: nothing was asked for yet."""
    _asked.verbose = False
    hush(quiet=False)


def _quiet(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        hush(quiet=True)


def _verbose(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        _asked.verbose = True


def hush(*, quiet: bool) -> None:
    """Let the console of notes be silent, or speak again."""
    from averment.cli.common import stderr

    cast("Any", stderr).hushed = quiet


def _options() -> tuple[click.Option, ...]:
    return (
        click.Option(
            ["--quiet", "-q"], is_flag=True, expose_value=False, callback=_quiet, help="No notes and no progress; results and errors stay."
        ),
        click.Option(
            ["--verbose", "-v"], is_flag=True, expose_value=False, callback=_verbose, help="With an error, also tell what caused it."
        ),
    )


def with_manners(command: click.Command) -> click.Command:
    """``command`` with ``--quiet`` and ``--verbose``, and so all that it leads to; what it has itself under these names stays its own.

    Its example stays on its line: broken where the terminal ends, it would be copied as two commands, of which the first lacks what the other has.
    """
    if command.help is not None:
        command.help = _EXAMPLE.sub("\n\n\\1\b\n\\1Example: ", command.help)
    for parameter in command.params:
        if parameter.name == "verbose" and isinstance(parameter, click.Option) and parameter.is_flag:
            parameter.default = loud  # a --verbose of its own means what the program's means
    taken = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    command.params += [option for option in _options() if not taken & set(option.opts)]
    for child in getattr(command, "commands", {}).values():
        with_manners(child)
    return command
