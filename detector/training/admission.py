"""Nothing is trained on unless our own claim on data supports it.

``admit`` writes down what goes in, one row a file, and puts the claim of type ``data-governance`` to it with every check: columns filled,
files as described, licences allowed, consent stated, no group on two sides of the split, no picture twice in different groups or parts, both
classes in balance. A broken check and one that could not be made both stop the training. What came of it goes into the lock.

``python -m averment.detector.training.admission --data DIR`` does this without training, and without torch.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from averment.core.canonical import JSON, sha256_hex
from averment.core.errors import AvermentError, BadInputError
from averment.core.files import read_text, write_atomic
from averment.core.source import SourceRef
from averment.core.words import ClaimVerdict
from averment.detector.claims import data_governance, data_statement
from averment.detector.claims.checks import Outcome
from averment.detector.claims.interface import ClaimResult
from averment.detector.claims.population_files import manifest_population
from averment.detector.claims.tables import table
from averment.detector.training.data import DataSet, load

COLUMNS = ("file", "sha256", "label", "kind", "generator", "licence", "attribution", "consent", "group", "split", "unseen")
"""Of the manifest of what goes in."""

MANIFEST = "data.csv"
"""Its name, beside the model."""

CLAIM: Mapping[str, Any] = {
    "type": "data-governance",
    "population": "training-data",
    "complete": False,
    "balance": {"label": 0.2},
    "subgroups": {"label": 10, "split": 10},
}
"""What the data have to keep. ``complete: false``, since what was left out still lies in the folder."""

SEED = 20261123
"""The shipped model's split."""


def read_data(folder: Path, *, seed: int, generators: Sequence[str] = (), sources: Sequence[str] = ()) -> DataSet:
    """The data set in ``folder`` (``data.load``), if its manifest's header says what it seems to: of a column that stands there twice the last
    would count, and one that is spelt otherwise, such as consent, would be passed over.

    Raises:
        BadInputError: as ``data.load``, and a header of that kind.
    """
    manifest = folder / "manifest.csv"
    table(read_text(manifest), str(manifest), COLUMNS)
    return load(folder, seed=seed, unseen_generators=generators, unseen_sources=sources)


def manifest_of(dataset: DataSet) -> str:
    """What goes in as CSV, in order of the files' names; equal data sets give equal bytes."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(sample, column) for column in COLUMNS] for sample in dataset.samples)
    return buffer.getvalue()


def admit(dataset: DataSet, folder: Path, *, out: Path | None = None) -> dict[str, JSON]:
    """Put the claim to ``dataset``, whose files lie below ``folder``; the result, for the lock's ``data.governance``.

    With ``out`` (a folder) the manifest of what goes in is written there as ``data.csv``, after the claim held and not before. The result
    names its hash, the claim, the verdict and each check with its counts. Every file is read once and decoded: about ten milliseconds each.

    Raises:
        BadInputError: a check is broken or could not be made; names each, with the first examples.
        MissingExtraError: imagehash isn't installed.
    """
    text = manifest_of(dataset)
    statement = data_statement.read(CLAIM)
    population = manifest_population(statement.population, MANIFEST, text, folder)
    result = data_governance.judge(statement, population, SEED)
    if result.verdict is not ClaimVerdict.SUPPORTED:
        raise BadInputError(
            f"these data may not be trained on: {_failures(result)}",
            where=SourceRef(str(folder / "manifest.csv")),
            fix="mend the manifest, put look-alikes into one group, or leave out what has no licence or consent",
        )
    if out is not None:
        write_atomic(out / MANIFEST, text.encode())
    kept = ("check", "outcome", "reason", "examined")
    return {
        "claim": dict(CLAIM),
        "statement": result.statement,
        "verdict": str(result.verdict),
        "checks": [{key: check[key] for key in kept} for check in _checks(result)],
        "images": result.samples,
        "groups": result.clusters,
        "manifest": {"file": MANIFEST, "sha256": sha256_hex(text.encode())},
    }


def _failures(result: ClaimResult) -> str:
    told = []
    for check in _checks(result):
        if check["outcome"] != Outcome.HOLDS:
            examples = ", ".join(check["examples"][:3])
            verb = "" if check["outcome"] == Outcome.COULD_NOT else "is "
            told.append(f"{check['check']} {verb}{check['outcome']}: {check['reason']}{f' ({examples})' if examples else ''}")
    return "; ".join(told) or result.reason


def _checks(result: ClaimResult) -> list[dict[str, Any]]:
    checks: Any = result.details["checks"]
    return list(checks)


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder with manifest.csv.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write data.csv, the manifest of what goes in, here.")
@click.option("--seed", default=SEED, show_default=True, help="Decides the split.")
@click.option("--unseen-generator", "generators", multiple=True, help="Kept out of training (repeatable).")
@click.option("--unseen-source", "sources", multiple=True, help="Kept out of training (repeatable).")
def main(data: Path, out: Path | None, seed: int, generators: tuple[str, ...], sources: tuple[str, ...]) -> None:
    """Say whether the data may be trained on, check by check.

    Example: python -m averment.detector.training.admission --data images --unseen-generator FLUX1_dev
    """
    try:
        dataset = read_data(data, seed=seed, generators=generators, sources=sources)
        governance: dict[str, Any] = admit(dataset, data, out=out)
    except AvermentError as error:
        click.echo(error.diagnostics(), err=True)
        sys.exit(int(error.exit_code))
    for check in governance["checks"]:
        click.echo(f"{check['check']}: {check['outcome']} ({check['reason']})")
    for reason, count in sorted(dataset.left_out.items()):
        click.echo(f"left out: {count:,}, {reason}")
    click.echo(f"{governance['images']:,} images of {governance['groups']:,} groups may be trained on")


if __name__ == "__main__":
    main()
