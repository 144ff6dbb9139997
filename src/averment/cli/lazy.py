"""Groups of commands that import a command when it is called: help and completion import none of them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

import click
from click.shell_completion import CompletionItem

from averment.cli.manners import with_manners


class PipeClosedError(Exception):
    """Whoever read the output has gone. No OSError: of that click makes an exit code of 1, which here means findings."""


class LazyGroup(click.Group):
    """A group whose commands are named in ``registry``: name: (module, attribute, one line of help)."""

    registry: ClassVar[Mapping[str, tuple[str, str, str]]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.registry)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in self.registry:
            return None
        module, attribute, _ = self.registry[cmd_name]
        found: click.Command = getattr(importlib.import_module(module), attribute)
        return with_manners(found)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, which knows no command of this group and so could name none that was meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], self.registry, n=1)
            if args[0].startswith("-") or not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean '{near[0]}'?", ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        """As click's.

        Raises:
            PipeClosedError: nobody reads the output any more.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise PipeClosedError from error

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, by the registry alone, and what click completes of a command's own (its options)."""
        named = [CompletionItem(name, help=summary) for name, (_, _, summary) in self.registry.items() if name.startswith(incomplete)]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in self.registry.items()])


def lazy_group(registry: Mapping[str, tuple[str, str, str]]) -> type[LazyGroup]:
    """The class of a group with these commands, for ``click.group(cls=...)``."""
    members: dict[str, Any] = {"registry": registry}
    return type("LazyGroup", (LazyGroup,), members)
