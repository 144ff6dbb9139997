"""``averment demo``: the whole job on an embedded AWS, with the commands that a user would type."""

from __future__ import annotations

from pathlib import Path

import click

from averment.cli.common import stdout
from averment.core.errors import ExitCode


@click.command()
@click.option(
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False),
    default="averment-demo",
    show_default=True,
    help="Folder to work in; a folder of an earlier demo is emptied, any other is left alone.",
)
def command(workspace: Path) -> int:
    """Run the whole job on an embedded AWS: check, deploy, scan, an incident, collect, prove, export, verify, push, publish.

    Nothing leaves this machine and no AWS account is touched. Afterwards the workspace holds what was made.

    Example: averment demo --workspace averment-demo
    """
    from averment.cli.demo.stage import Stage, prepared
    from averment.cli.demo.story import tell

    console = stdout()
    with prepared(workspace) as folder:
        tell(Stage(folder, console, workspace))
    return int(ExitCode.CLEAN)
