"""``python -m averment.detector.claims.reference_scores``: what the released model says of the reference corpus.

The table lies beside the model. A claim of type ``reproducibility`` compares with it, on any machine: a model, a decoder or a library that
changed what an image scores shows there first. Write it anew with each release of the model, and at no other time.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import click

from averment.core.files import write_atomic
from averment.detector import corpus, model
from averment.detector.claims.reproducibility import REFERENCE_SCORES
from averment.detector.embedded import EmbeddedDetector


def table() -> str:
    """The scores as CSV: file, SHA-256, one column for each family (nine significant digits), and why it can't say."""
    detector, images = EmbeddedDetector(), corpus.load()
    buffer = io.StringIO()
    families = detector.info.families
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["file", "sha256", *families, "cannot_say"])
    for image, score in zip(images, detector.score([image.read() for image in images]), strict=True):
        values = [f"{score.probabilities[family]:.9g}" if family in score.probabilities else "" for family in families]
        writer.writerow([image.file, image.sha256, *values, score.cannot_say or ""])
    return buffer.getvalue()


@click.command()
def main() -> None:
    """Write the scores of the reference corpus beside the model.

    Example: python -m averment.detector.claims.reference_scores
    """
    path = Path(str(model.__file__)).parent / REFERENCE_SCORES
    write_atomic(path, table().encode())
    click.echo(f"wrote {path}")


if __name__ == "__main__":
    main()
