"""``averment blueprints``: what is right, ready to deploy, brought to where it can be reviewed and deployed from."""

from __future__ import annotations

import json
from pathlib import Path

import click

from averment.cli.common import NamedPath
from averment.core.errors import BadInputError, ExitCode
from averment.core.source import SourceRef


@click.group(name="blueprints")
def command() -> None:
    """List, show and write the blueprints: CloudFormation and Terraform in which averment check finds nothing.

    Example: averment blueprints list
    """


@command.command("list")
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True)
def list_command(style: str) -> int:
    """What there is, and the controls that each serves.

    Example: averment blueprints list
    """
    from averment.governance.remediation.blueprints import all_blueprints

    found = all_blueprints().values()
    if style == "json":
        click.echo(json.dumps([{"name": item.name, "title": item.title, "controls": list(item.controls)} for item in found], indent=2))
        return ExitCode.CLEAN
    for item in found:
        click.echo(f"{item.name:<18} {item.title:<24} {', '.join(item.controls)}")
    return ExitCode.CLEAN


@command.command("show")
@click.argument("name")
def show_command(name: str) -> int:
    """The page of a blueprint: parameters, outputs, costs, what was tried, what remains for a real account.

    Example: averment blueprints show media-gate
    """
    from averment.governance.remediation.blueprints import shipped_blueprint
    from averment.governance.remediation.blueprints.pages import render

    click.echo(render(shipped_blueprint(name)), nl=False)
    return ExitCode.CLEAN


@command.command("write")
@click.argument("name")
@click.option("--output", type=NamedPath(path_type=Path), help="The folder.  [default: one with the blueprint's name]")
def write_command(name: str, output: Path | None) -> int:
    """Write a blueprint's template, Terraform and page into a folder of yours. Nothing that is there is written over.

    Example: averment blueprints write media-gate --output infrastructure/media-gate
    """
    from averment.core.files import write_atomic
    from averment.governance.remediation.blueprints import shipped_blueprint

    blueprint = shipped_blueprint(name)
    folder = output or Path(name)
    files = blueprint.files()
    for file, data in files.items():
        place = folder / file
        there = place.exists() or place.is_symlink()  # a link that leads nowhere is there as well
        if there and (not place.is_file() or place.read_bytes() != data):
            raise BadInputError(
                "is there already, and isn't what would be written", where=SourceRef(str(place)), fix="name another --output"
            )
    for file, data in files.items():
        write_atomic(folder / file, data)
        click.echo(str(folder / file))
    return ExitCode.CLEAN
