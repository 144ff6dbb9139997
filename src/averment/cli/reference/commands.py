"""Every command with its arguments and options, as click knows them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from averment.cli.main import cli
from averment.governance.site.words import text

LEAD = """\
Every command with its options, made from the program when this page was built. `averment COMMAND --help` says the same.
All commands leave with one of four [exit codes](exit-codes.md)."""


def walk(command: click.Command = cli, context: click.Context | None = None) -> Iterator[tuple[click.Context, click.Command]]:
    """Every command that isn't a group, in the order of the help, each with the context that it would run in."""
    here = context or click.Context(cli, info_name="averment")
    if not isinstance(command, click.Group):
        yield here, command
        return
    for name in command.list_commands(here):
        found = command.get_command(here, name)
        if found is None:
            raise LookupError(f"{here.command_path} lists {name}, which it doesn't have")
        if not found.hidden:
            yield from walk(found, click.Context(found, info_name=name, parent=here))


def commands_page() -> str:
    """The page of all commands as Markdown, a section for each."""
    return "\n".join(("# Commands", "", LEAD, "", *(section(context, command) for context, command in walk())))


def section(context: click.Context, command: click.Command) -> str:
    """One command: usage, what it does, its options."""
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    parts = [f"## {context.command_path}", f"```text\n{usage}\n```", *(_paragraphs(command.help or ""))]
    records = [record for parameter in command.params if (record := parameter.get_help_record(context)) is not None]
    parts.append("\n".join(f"- `{names}`: {text(meaning)}" for names, meaning in records if meaning))
    return "\n\n".join(part for part in parts if part) + "\n"


def _paragraphs(help_text: str) -> Iterator[str]:
    """The paragraphs of a command's help; those that click leaves as they are written, and examples, as blocks of text."""
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(help_text)):
        as_written = paragraph.startswith("\b\n")
        lines = paragraph.removeprefix("\b\n").splitlines()
        heading, _, first = lines[0].partition(":")
        if heading in ("Example", "Examples"):
            shown = [first.strip(), *lines[1:]] if first.strip() else lines[1:]
            yield _block(shown)
        elif as_written:
            yield _block(lines)
        else:
            yield str(text(" ".join(lines)))


def _block(lines: list[str]) -> str:
    return "```text\n" + inspect.cleandoc("\n" + "\n".join(lines)) + "\n```"
