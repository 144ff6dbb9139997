"""``averment media``: scan, explain, sign, inspect and take down media. Subcommands are imported when they are called."""

from __future__ import annotations

import click

from averment.cli.lazy import lazy_group

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


@click.group(cls=lazy_group(_COMMANDS))
def command() -> None:
    """Scan, explain, sign, inspect and take down media.

    Example: averment media scan uploads/
    """
