"""What every command shares: finding the organisation's file, loading the catalogue, and writing to the right stream."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from averment.core.organisation import Organisation, find_file, load_organisation

stderr = Console(stderr=True, highlight=False, soft_wrap=True)
"""Notes and progress. Results never go here."""

config_option = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The organisation's averment.yaml; by default the nearest one from here upward.",
)


def stdout(**options: Any) -> Console:
    """A console for results: colours only on a terminal, never wrapped in a pipe."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=True, **options)


def organisation_for(config: Path | None, start: Path | None = None) -> Organisation:
    """The organisation of ``config``, or of the nearest file from ``start`` (default: here) upward, or the defaults.

    Raises:
        BadInputError: the file is missing or malformed.
    """
    path = config or find_file(start or Path.cwd())
    if path is None:
        return Organisation(root=Path.cwd())
    return load_organisation(path)
