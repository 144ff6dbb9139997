"""The sheets against the official validators: mlcroissant for Croissant, CycloneDX's own schema for the model's card."""

from __future__ import annotations

import json
from pathlib import Path

import mlcroissant
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from averment.detector import corpus, model
from averment.detector.embedded import EmbeddedDetector
from averment.detector.sheets.mlbom import mlbom

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")  # within rdflib, mlcroissant's reader

CORPUS, MODEL = Path(str(corpus.__file__)).parent, Path(str(model.__file__)).parent


@pytest.mark.parametrize("folder", [CORPUS, MODEL], ids=["corpus", "training data"])
def test_the_croissant_sheets_are_valid_and_load_their_records(folder: Path) -> None:
    """No error and no warning, and the records come out of the manifest through the sheet."""
    sheet = mlcroissant.Dataset(jsonld=folder / "croissant.json")
    assert not sheet.metadata.ctx.issues.errors
    assert not sheet.metadata.ctx.issues.warnings
    records = list(sheet.records("media"))
    manifest = next(folder / entry.content_url for entry in sheet.metadata.distribution if entry.id == "manifest")
    assert len(records) == len(manifest.read_text().splitlines()) - 1
    assert {record["media/label"] for record in records} == {b"real", b"synthetic"}


def test_the_images_of_the_corpus_come_with_their_sheet() -> None:
    """The file set finds every image, and their names are those of the manifest."""
    sheet = mlcroissant.Dataset(jsonld=CORPUS / "croissant.json")
    names = {record["images/file"].decode() for record in sheet.records("images")}
    assert names == {image.file for image in corpus.load()}


def test_the_card_for_machines_keeps_the_official_schema() -> None:
    """CycloneDX 1.6, strictly: the shipped one, and one of a lock with two networks."""
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str((MODEL / "card.cdx.json").read_text()) is None
    lock = EmbeddedDetector().lock
    two = {key: value for key, value in lock.items() if key != "model"} | {
        "models": [lock["model"], {**lock["model"], "file": "other.onnx"}]
    }
    assert validator.validate_str(json.dumps(mlbom(two))) is None
