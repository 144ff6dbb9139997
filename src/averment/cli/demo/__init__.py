"""``averment demo``: the whole job on an embedded AWS, with the commands that a user would type."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from averment.cli.common import stdout
from averment.core.errors import ExitCode, MissingExtraError

_PACKAGES = ("tfparse", "tree_sitter", "boto3", "PIL", "numpy", "scipy", "onnxruntime", "c2pa", "imagehash", "xlsxwriter", "mkdocs", "moto")
"""What the commands that it plays import, of every extra that one of them needs."""


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

    if lacking := [name for name in _PACKAGES if find_spec(name) is None]:  # at once, not in the middle of the story
        raise MissingExtraError(f"the demo needs what is not installed: {', '.join(lacking)}", fix="pip install 'averment[all]'")
    console = stdout()
    with prepared(workspace) as folder:
        tell(Stage(folder, console, workspace))
    return int(ExitCode.CLEAN)
