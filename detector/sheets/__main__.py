"""``python -m averment.detector.sheets``: write the sheets of both data sets and the model's card for machines, where they belong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from averment.core.canonical import JSON, sha256_hex
from averment.core.files import read_text, write_atomic
from averment.detector import corpus, model
from averment.detector.claims import data_governance, data_statement
from averment.detector.claims.population_files import REFERENCE, reference_population
from averment.detector.embedded import EmbeddedDetector
from averment.detector.sheets.croissant import croissant
from averment.detector.sheets.datasheet import datasheet
from averment.detector.sheets.facts import DataFacts, read_rows, used_digest
from averment.detector.sheets.mlbom import mlbom
from averment.detector.training.admission import MANIFEST

_CORPUS, _MODEL = Path(str(corpus.__file__)).parent, Path(str(model.__file__)).parent


def corpus_facts() -> DataFacts:
    """The reference corpus, with the claim on data put to it now.

    Raises:
        IncompleteError: the corpus isn't installed.
        MissingExtraError: imagehash isn't installed.
    """
    text = read_text(_CORPUS / "manifest.csv")
    result = data_governance.judge(
        data_statement.read({"type": "data-governance", "population": REFERENCE, "parts": ["held-out"]}), reference_population(), 0
    )
    checks: Any = result.details["checks"]
    return DataFacts(
        name="averment-reference-corpus",
        title="The reference corpus",
        purpose="A few real and synthetic images, all held out of training, to run the gate, the scan and the claims on.",
        manifest="manifest.csv",
        sha256=sha256_hex(text.encode()),
        rows=read_rows(text, "manifest.csv"),
        shipped=True,
        checks=tuple(checks),
    )


def training_facts(lock: Mapping[str, Any]) -> DataFacts | None:
    """What the model of ``lock`` was made with, by the manifest beside it; None where there is none.

    A manifest that isn't the one of the lock is described as what it is, without the lock's word for it.
    """
    if not (_MODEL / MANIFEST).is_file():
        return None
    text = read_text(_MODEL / MANIFEST)
    rows = read_rows(text, MANIFEST)
    told = lock["data"]
    locked = told["used_sha256"] == used_digest(rows)
    governance = told.get("governance", {}) if locked else {}
    note = (
        f"The lock of the model that ships names these very files (digest `{told['used_sha256']}`)."
        if locked
        else f"**The lock of the model that ships names other files** (digest `{told['used_sha256']}`): these are what the next training takes."
    )
    return DataFacts(
        name="averment-training-data",
        title="The data that the reference detector is made and measured with",
        purpose="Portraits and product pictures, real and synthetic, for training, calibration and test.",
        manifest=MANIFEST,
        sha256=sha256_hex(text.encode()),
        rows=rows,
        shipped=False,
        left_out=told["left_out"] if locked else None,
        checks=tuple(governance["checks"]) if governance else None,
        notes=(note,),
    )


def documents() -> dict[Path, str]:
    """Every sheet by the path that it belongs to."""
    lock = EmbeddedDetector().lock
    reference, training = corpus_facts(), training_facts(lock)
    made = {_CORPUS / "croissant.json": _json(croissant(reference)), _CORPUS / "DATASHEET.md": datasheet(reference)}
    if training is not None:
        made |= {_MODEL / "croissant.json": _json(croissant(training)), _MODEL / "DATASHEET.md": datasheet(training)}
    return made | {_MODEL / "card.cdx.json": _json(mlbom(lock, training))}


def _json(document: Mapping[str, JSON]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@click.command()
def main() -> None:
    """Write the sheets anew, after the corpus, the data or the model changed.

    Example: python -m averment.detector.sheets
    """
    for path, text in documents().items():
        write_atomic(path, text.encode())
        click.echo(f"wrote {path}")


if __name__ == "__main__":
    main()
