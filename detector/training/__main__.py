"""``python -m averment.detector.training --data DIR --out DIR``: from labelled images to model, lock and card."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from averment.core.errors import AvermentError
from averment.detector.training.fit import Recipe
from averment.detector.training.pipeline import train


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder with manifest.csv.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where reference.onnx, lock.json and CARD.md go."
)
@click.option("--steps", default=Recipe.steps, show_default=True, help="Optimiser steps.")
@click.option("--batch", default=Recipe.batch, show_default=True, help="Views a step.")
@click.option("--seed", default=Recipe.seed, show_default=True, help="Decides split, views and weights.")
@click.option("--threads", default=Recipe.threads, show_default=True, help="The weights depend on their number in the last digits.")
@click.option("--unseen-generator", "generators", multiple=True, help="Keep this generator out of training (repeatable).")
@click.option("--unseen-source", "sources", multiple=True, help="Keep this source of real images out of training (repeatable).")
@click.option("--scratch", is_flag=True, help="Start from random weights instead of ImageNet's.")
def main(
    data: Path,
    out: Path,
    steps: int,
    batch: int,
    seed: int,
    threads: int,
    generators: tuple[str, ...],
    sources: tuple[str, ...],
    scratch: bool,
) -> None:
    """Train, calibrate, measure, and only then write.

    Example: python -m averment.detector.training --data images --out detector/model --unseen-generator FLUX1_dev --unseen-source canada
    """
    recipe = Recipe(seed=seed, steps=steps, batch=batch, threads=threads, pretrained=not scratch)
    try:
        train(data, out, recipe, generators=generators, sources=sources, progress=lambda line: click.echo(line, err=True))
    except AvermentError as error:
        click.echo(error.diagnostics(), err=True)
        sys.exit(int(error.exit_code))


if __name__ == "__main__":
    main()
