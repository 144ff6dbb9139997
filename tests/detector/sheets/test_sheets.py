"""The sheets of data and the model's card for machines: what is committed is what the facts on disk give, and follows them.

The official schemas judge them in ``tests/train``, whose environment has the packages for it.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError
from averment.detector import corpus, model
from averment.detector.embedded import EmbeddedDetector
from averment.detector.sheets.__main__ import documents, training_facts
from averment.detector.sheets.croissant import croissant
from averment.detector.sheets.datasheet import datasheet
from averment.detector.sheets.facts import DataFacts, read_rows, used_digest
from averment.detector.sheets.mlbom import mlbom

CORPUS, MODEL = Path(str(corpus.__file__)).parent, Path(str(model.__file__)).parent

INTERVAL = {"value": 0.9, "low": 0.8, "high": 0.95}
LOCK: dict[str, Any] = {
    "name": "two",
    "version": "9",
    "families": ["synthetic-image", "manipulated-face"],
    "models": {
        "synthetic-image": {"file": "synthetic.onnx", "sha256": "a" * 64},
        "manipulated-face": {"file": "faces.onnx", "sha256": "b" * 64},
    },
    "thresholds": {"synthetic-image": 0.5},
    "data": {
        "images": {"train": {"SDXL": 3, "london": 2}},
        "manifest_sha256": "c" * 64,
        "used_sha256": "d" * 64,
        "attribution": ["somebody"],
        "left_out": {},
        "unseen_generators": ["FLUX1_dev"],
    },
    "figures": {"manipulated-face": {"jpeg-50": {"held_out": {"real": {"images": 3}, "auc": INTERVAL}, "calibration_error": 0.02}}},
}
"""A lock of two networks with figures by family, made up."""


def facts(rows: list[dict[str, str]], **values: Any) -> DataFacts:
    given: dict[str, Any] = {
        "name": "d",
        "title": "Data",
        "purpose": "To test.",
        "manifest": "m.csv",
        "sha256": "e" * 64,
        "rows": tuple(rows),
        "shipped": False,
    }
    return DataFacts(**{**given, **values})


def row(file: str, **values: str) -> dict[str, str]:
    made = {"file": file, "sha256": "f" * 64, "label": "real", "kind": "face", "generator": "", "licence": "CC0-1.0"}
    return {**made, "attribution": "me", "group": file, "split": "train", **values}


def test_what_is_committed_is_what_the_facts_give() -> None:
    """Nobody has improved a sheet by hand, or changed corpus, data or model without it: ``python -m averment.detector.sheets``."""
    made = documents()
    assert {path.name for path in made} == {"croissant.json", "DATASHEET.md", "card.cdx.json"}
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, path.name


def test_the_corpus_is_described_whole() -> None:
    """The manifest's hash, a field for each of its columns, every licence; the sheet tells how many people are shown."""
    sheet = json.loads((CORPUS / "croissant.json").read_text())
    manifest = (CORPUS / "manifest.csv").read_bytes()
    assert next(entry["sha256"] for entry in sheet["distribution"] if entry["@id"] == "manifest") == sha256_hex(manifest)
    records = next(entry for entry in sheet["recordSet"] if entry["@id"] == "media")
    columns = [field["source"]["extract"]["column"] for field in records["field"]]
    assert columns == next(csv.reader(manifest.decode().splitlines()))
    people = {image.group for image in corpus.load() if image.label == "real" and image.kind == "face"}
    assert f"| Real people | {len(people)}, in {len(people)} images |" in (CORPUS / "DATASHEET.md").read_text()


def test_every_figure_of_the_lock_stands_in_the_card() -> None:
    """With its interval, under the path that leads to it; and the model's file by its hash."""
    lock = EmbeddedDetector().lock
    model_component = json.loads((MODEL / "card.cdx.json").read_text())["components"][0]
    listed = {
        (metric.get("slice"), metric["type"]): metric
        for metric in model_component["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    }

    def leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, float]]]:
        if isinstance(value, dict):
            if "low" in value:
                yield path, value
            for name, part in value.items():
                yield from leaves(part, (*path, name))

    found = list(leaves(lock["figures"], ()))
    assert len(found) > 20
    for path, figure in found:
        metric = listed[", ".join(path[:-1]), path[-1]]
        assert float(metric["value"]) == pytest.approx(figure["value"])
        assert float(metric["confidenceInterval"]["lowerBound"]) == pytest.approx(figure["low"])
    hashes = json.dumps(model_component)
    for path in MODEL.glob("*.onnx"):
        assert sha256_hex(path.read_bytes()) in hashes


def test_what_the_card_points_to_is_in_it() -> None:
    """A reader who looks for the slices that a limitation names finds figures there."""
    card = json.loads((MODEL / "card.cdx.json").read_text())["components"][0]["modelCard"]
    named = re.findall("slices '([^']+)'", " ".join(card["considerations"]["technicalLimitations"]))
    slices = {part for metric in card["quantitativeAnalysis"]["performanceMetrics"] for part in metric.get("slice", "").split(", ")}
    assert named
    assert set(named) <= slices


def test_the_card_follows_a_lock_of_two_families() -> None:
    """Two networks, figures by family and condition: each file and each figure is there, numbers without interval too, counts not."""
    component = mlbom(LOCK)["components"][0]
    assert [part["hashes"][0]["content"][0] for part in component["components"]] == ["a", "b"]
    card = component["modelCard"]
    assert [output["format"] for output in card["modelParameters"]["outputs"]] == [
        "probability in [0, 1]: synthetic-image",
        "probability in [0, 1]: manipulated-face",
    ]
    assert card["quantitativeAnalysis"]["performanceMetrics"] == [
        {
            "type": "auc",
            "value": "0.9",
            "slice": "manipulated-face, jpeg-50, held_out",
            "confidenceInterval": {"lowerBound": "0.8", "upperBound": "0.95"},
        },
        {"type": "calibration_error", "value": "0.02", "slice": "manipulated-face, jpeg-50"},
    ]
    assert any("FLUX1_dev" in text for text in card["considerations"]["technicalLimitations"])


def test_the_card_finds_figures_and_counts_wherever_the_lock_has_them() -> None:
    """A lock that keeps each family's file, figures and counts together says the same."""
    family = {"model": {"file": "faces.onnx", "sha256": "b" * 64}, "figures": {"jpeg-50": {"auc": INTERVAL}}}
    lock = {key: value for key, value in LOCK.items() if key not in ("models", "figures")}
    lock |= {"networks": {"manipulated-face": family}, "data": {**LOCK["data"], "images": {"faces": {"train": {"london": 1200}}}}}
    component, data = mlbom(lock)["components"][:2]
    assert component["hashes"] == [{"alg": "SHA-256", "content": "b" * 64}]
    (metric,) = component["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert metric["slice"] == "networks, manipulated-face, jpeg-50"
    assert data["description"] == "Images: faces train: london 1,200"


def test_the_same_lock_gives_the_same_card() -> None:
    """And another lock another serial number."""
    assert mlbom(LOCK) == mlbom(json.loads(json.dumps(LOCK)))
    assert mlbom(LOCK)["serialNumber"] != mlbom({**LOCK, "version": "10"})["serialNumber"]


def test_the_manifest_of_the_training_data_is_checked_against_the_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only where the digest is the lock's does the sheet take over what the lock says of it; otherwise it says that it is another."""
    text = "file,sha256,label,kind,licence,attribution,group,split\nlondon/a.jpg,1,real,face,MIT,me,g,train\n"
    (tmp_path / "data.csv").write_text(text)
    monkeypatch.setattr("averment.detector.sheets.__main__._MODEL", tmp_path)
    data = {
        **LOCK["data"],
        "left_out": {"stylised": 4},
        "governance": {"checks": [{"check": "splits", "outcome": "holds", "reason": "so"}]},
    }
    other = training_facts({**LOCK, "data": data})
    assert other is not None
    assert other.left_out is None
    assert other.checks is None
    assert "names other files" in datasheet(other)
    locked = training_facts({**LOCK, "data": {**data, "used_sha256": used_digest(read_rows(text, "data.csv"))}})
    assert locked is not None
    assert "Left out: 4, stylised." in datasheet(locked)
    assert "| splits | holds | so |" in datasheet(locked)
    (tmp_path / "data.csv").unlink()
    assert training_facts(LOCK) is None


def test_the_sheet_counts_by_part_and_source() -> None:
    """Units are groups, an unknown source is said to be undescribed, and nothing is claimed of checks that nobody made."""
    rows = [
        row("london/1.jpg", group="g"),
        row("london/2.jpg", group="g"),
        row("own/1.jpg", label="synthetic", generator="GAN", split="test"),
    ]
    text = datasheet(facts(rows))
    assert "| Images | 3 (2 real, 1 synthetic) of 2 independent units |" in text
    assert "| Real people | 1, in 2 images |" in text
    assert "| test | synthetic | face | 1 |" in text
    assert "| own | 1 | 1 | not described" in text
    assert "Not recorded here" in text
    assert croissant(facts(rows))["recordSet"][0]["description"] == "3 images"


@pytest.mark.parametrize(("text", "message"), [("file,label\na,real\n", "lacks the columns sha256"), ("", "lacks the columns file")])
def test_a_manifest_without_its_columns_is_refused(text: str, message: str) -> None:
    """Named by file and line."""
    with pytest.raises(BadInputError, match=message) as caught:
        read_rows(text, "m.csv")
    assert caught.value.where is not None
    assert caught.value.where.file == "m.csv"
