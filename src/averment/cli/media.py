"""``averment media``: scan, explain, sign, inspect and take down media. Subcommands are imported when they are called."""

from __future__ import annotations

import importlib

import click

_COMMANDS: dict[str, tuple[str, str, str]] = {
    "scan": ("averment.cli.media_scan", "scan", "Score images and videos for synthetic content."),
    "explain": ("averment.cli.media_explain", "explain", "Draw what the detector saw, and where."),
    "sign": ("averment.cli.media_sign", "sign", "Sign a generated medium with a content credential."),
    "inspect": ("averment.cli.media_sign", "inspect", "Say what a medium's content credential is worth."),
    "verify": ("averment.cli.media_verify", "verify", "Demand a trusted content credential."),
    "log": ("averment.cli.media_verify", "check_log", "Check a provenance log and print its head."),
    "takedown": ("averment.cli.media_takedown", "takedown", "Stop a published medium from being served."),
}
# name: (module, attribute, one line of help)


class _Media(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        found: click.Command = getattr(importlib.import_module(module), attribute)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in _COMMANDS.items()])


@click.group(cls=_Media)
def command() -> None:
    """Scan, explain, sign, inspect and take down media.

    Example: averment media scan uploads/
    """
