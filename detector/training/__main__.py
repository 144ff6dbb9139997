"""``python -m averment.detector.training --data DIR --out DIR``: from labelled images to model, lock and card."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from averment.core.errors import AvermentError, ExitCode

try:
    from averment.detector.training.pipeline import DRAWING, MANIPULATED, SYNTHETIC, Plan, train
except ModuleNotFoundError as missing:
    click.echo(f"training needs the package '{missing.name}', which is not installed\n  fix: pip install 'averment[train]'", err=True)
    sys.exit(int(ExitCode.USAGE))


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder with manifest.csv.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where reference.onnx, lock.json and CARD.md go."
)
@click.option(
    "--work",
    default=Path(".cache/training"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where faces that were cut out and checkpoints are kept; a run that was stopped goes on there.",
)
@click.option(
    "--landmarks",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The face mesh as ONNX (see the Makefile).",
)
@click.option("--steps", type=click.IntRange(1), default=MANIPULATED.steps, show_default=True, help="Of the network for manipulated faces.")
@click.option(
    "--couples",
    type=click.IntRange(1),
    default=SYNTHETIC.couples,
    show_default=True,
    help="Pairs of views that the network for synthetic images is fitted to.",
)
@click.option("--seed", default=MANIPULATED.seed, show_default=True, help="Decides views and weights; the split has a seed of its own.")
@click.option(
    "--threads", type=click.IntRange(1), help="Instead of the recipes' own; the weights depend on their number in the last digits."
)
@click.option("--unseen-generator", "generators", multiple=True, help="Keep this generator out of training (repeatable).")
@click.option("--unseen-source", "sources", multiple=True, help="Keep this source of real images out of training (repeatable).")
@click.option("--scratch", is_flag=True, help="Start from random weights instead of ImageNet's.")
def main(
    data: Path,
    out: Path,
    work: Path,
    landmarks: Path,
    steps: int,
    couples: int,
    seed: int,
    threads: int | None,
    generators: tuple[str, ...],
    sources: tuple[str, ...],
    scratch: bool,
) -> None:
    """Train, calibrate, measure, and only then write.

    Example: python -m averment.detector.training --data images --landmarks mesh.onnx --out detector/model --unseen-generator FLUX1_dev
    """
    manipulated = replace(MANIPULATED, steps=steps, seed=seed, threads=threads or MANIPULATED.threads, pretrained=not scratch)
    synthetic = replace(SYNTHETIC, couples=couples, seed=seed, threads=threads or SYNTHETIC.threads, pretrained=not scratch)
    drawing = replace(DRAWING, seed=seed, threads=threads or DRAWING.threads)
    plan = Plan(drawing, manipulated, synthetic, generators, sources)
    try:
        train(data, out, work, landmarks, plan, progress=lambda line: click.echo(line, err=True))
    except AvermentError as error:
        click.echo(error.diagnostics(), err=True)
        sys.exit(int(error.exit_code))


if __name__ == "__main__":
    main()
