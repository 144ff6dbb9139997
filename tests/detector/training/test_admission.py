"""What may be trained on: grounds and licences row by row, then the claim on the whole. The pictures are noise made here with Pillow."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from averment.core.canonical import canonical_json, sha256_hex
from averment.core.errors import BadInputError
from averment.detector.claims.data_statement import CHECKS
from averment.detector.training import admission
from averment.detector.training.admission import admit, manifest_of, read_data
from averment.detector.training.data import COLUMNS, NO_GROUND, DataSet

SEED = 5


@cache
def picture(seed: int, quality: int = 90) -> bytes:
    """Smooth noise, which survives compression as pictures do; the seed decides what it shows."""
    noise = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    output = io.BytesIO()
    Image.fromarray(noise).resize((96, 96), Image.Resampling.BICUBIC).save(output, "JPEG", quality=quality)
    return output.getvalue()


def rows(count: int = 150) -> list[dict[str, str]]:
    """Real portraits (official ones) and synthetic ones by turns, each of a group of its own."""
    return [
        {
            "file": f"congress/{number}.jpg" if number % 2 else f"made/{9000 + number}.jpg",
            "label": "real" if number % 2 else "synthetic",
            "kind": "face",
            "generator": "" if number % 2 else "MADE_UP",
            "licence": "CC0-1.0",
            "attribution": "made by this test",
            "group": f"g_{number}",
        }
        for number in range(count)
    ]


def write(folder: Path, table: list[dict[str, str]], pictures: dict[int, bytes] | None = None) -> Path:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [*COLUMNS, *(["consent"] if "consent" in table[0] else [])])
    writer.writeheader()
    for number, row in enumerate(table):
        data = (pictures or {}).get(number) or picture(number)
        path = folder / row["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        writer.writerow({"sha256": hashlib.sha256(data).hexdigest(), **row})
    (folder / "manifest.csv").write_text(buffer.getvalue())
    return folder


def read(folder: Path) -> DataSet:
    return read_data(folder, seed=SEED)


def test_portraits_without_a_ground_stay_out(tmp_path: Path) -> None:
    """A source of which nothing states consent is left out, counted under its reason; synthetic portraits and products need none."""
    table = rows(12)
    table[1]["file"], table[3]["file"] = "canada/1.jpg", "canada/3.jpg"
    table[5] |= {"file": "shop/5.jpg", "kind": "product"}
    dataset = read(write(tmp_path, table))
    assert dataset.left_out == {NO_GROUND: 2}
    assert len(dataset.samples) == 10
    consent = {sample.file: sample.consent for sample in dataset.samples}
    assert (consent["congress/7.jpg"], consent["made/9000.jpg"], consent["shop/5.jpg"]) == ("public-office", "", "")


def test_a_manifest_may_state_the_ground_itself(tmp_path: Path) -> None:
    """Its column `consent` goes before what is known of a source, in both directions."""
    table = [{**row, "consent": "given" if row["label"] == "real" else ""} for row in rows(12)]
    table[1]["file"] = "own/1.jpg"
    table[3]["consent"] = "withdrawn"
    table[5]["consent"] = ""
    dataset = read(write(tmp_path, table))
    assert dataset.left_out == {NO_GROUND: 2}
    assert {sample.file for sample in dataset.samples if sample.label == "real"} == {
        "own/1.jpg",
        *(f"congress/{n}.jpg" for n in (7, 9, 11)),
    }
    assert {sample.consent for sample in dataset.samples} == {"given", ""}


@pytest.mark.parametrize(("column", "value"), [("kind", "Face"), ("label", "fake"), ("kind", "")])
def test_a_misspelt_row_is_refused(tmp_path: Path, column: str, value: str) -> None:
    """Otherwise a portrait could pass for something without people; the manifest's line is named."""
    table = rows(4)
    table[1][column] = value
    with pytest.raises(BadInputError, match=f"the {column} '{value}'") as caught:
        read(write(tmp_path, table))
    assert caught.value.where is not None
    assert caught.value.where.line == 3


@pytest.mark.parametrize(
    ("header", "message"),
    [("group,group", "group"), ("group, consent", "a blank around its name"), ("group,Consent", "Consent")],
)
def test_a_header_that_says_something_else_than_it_seems_to_is_refused(tmp_path: Path, header: str, message: str) -> None:
    """A consent that nobody reads, or a second group that counts in place of the first, would train on what it shouldn't."""
    folder = write(tmp_path, rows(4))
    manifest = folder / "manifest.csv"
    first, *others = manifest.read_text().splitlines()
    assert first.split(",").count("group") == 1
    doctored = [first.replace("group", header), *(f"{line},withdrawn" for line in others)]
    manifest.write_text("\n".join((*doctored, "")))
    with pytest.raises(BadInputError, match=message) as caught:
        read(folder)
    assert caught.value.where is not None
    assert caught.value.where.line == 1


def test_admitted_data_carry_their_result(tmp_path: Path) -> None:
    """Every check holds and stands in the result with its count; the manifest of what goes in is written, and pinned by its hash."""
    folder = write(tmp_path / "data", [*rows(), {**rows(2)[1], "file": "canada/x.jpg", "group": "x"}], {150: picture(999)})
    dataset = read(folder)
    governance = admit(dataset, folder, out=tmp_path / "out")
    assert governance["verdict"] == "supported"
    assert [(check["check"], check["outcome"]) for check in governance["checks"]] == [(name, "holds") for name in CHECKS]
    assert governance["images"] == governance["groups"] == 150
    text = (tmp_path / "out/data.csv").read_text()
    assert governance["manifest"] == {"file": "data.csv", "sha256": sha256_hex(text.encode())}
    listed = list(csv.DictReader(io.StringIO(text)))
    assert "canada/x.jpg" not in {row["file"] for row in listed}
    assert {row["split"] for row in listed} == {"train", "calibrate", "test"}
    assert {row["consent"] for row in listed if row["label"] == "real"} == {"public-office"}
    assert text == manifest_of(read(folder))
    canonical_json(governance)


def split_apart(table: list[dict[str, str]], folder: Path) -> tuple[int, int]:
    """Numbers of two synthetic portraits in different parts of the split."""
    parts = {sample.file: sample.split for sample in read(write(folder, table)).samples}
    made = [number for number, row in enumerate(table) if row["label"] == "synthetic"]
    return made[0], next(number for number in made if parts[table[number]["file"]] != parts[table[made[0]]["file"]])


def test_the_same_picture_on_two_sides_of_the_split_is_refused(tmp_path: Path) -> None:
    """Recompressed, under another name and group: both names are told, nothing is written."""
    table = rows()
    one, other = split_apart(table, tmp_path)
    folder = write(tmp_path, table, {other: picture(one, quality=40)})
    names = (re.escape(table[one]["file"]), re.escape(table[other]["file"]))
    with pytest.raises(BadInputError, match=rf"duplicates is broken: .*{names[0]} and {names[1]}") as caught:
        admit(read(folder), folder, out=tmp_path / "out")
    assert "one group" in str(caught.value.fix)
    assert not (tmp_path / "out").exists()


def test_look_alikes_in_one_group_are_admitted(tmp_path: Path) -> None:
    """That is what a group is for: the split keeps them together."""
    table = rows()
    one, other = split_apart(table, tmp_path)
    table[other]["group"] = table[one]["group"]
    folder = write(tmp_path, table, {other: picture(one, quality=40)})
    assert admit(read(folder), folder)["groups"] == 149


def test_what_could_not_be_checked_is_refused(tmp_path: Path) -> None:
    """A file that no decoder opens has no perceptual hash, so nothing can be said of its copies: not a pass."""
    folder = write(tmp_path, rows(), {4: b"no picture"})
    with pytest.raises(BadInputError, match=r"duplicates could not be checked: .*made/9004\.jpg"):
        admit(read(folder), folder)


def test_too_little_of_one_class_is_refused(tmp_path: Path) -> None:
    """Nine synthetic portraits among 150 teach nothing: share and number both fall short."""
    table = [
        row if number % 2 or number < 18 else {**row, "label": "real", "file": f"congress/{number}.jpg", "generator": ""}
        for number, row in enumerate(rows())
    ]
    folder = write(tmp_path, table)
    with pytest.raises(BadInputError, match=r"balance is broken: .*subgroups is broken: "):
        admit(read(folder), folder)


def test_the_command_tells_each_check_and_what_was_left_out(tmp_path: Path) -> None:
    """Exit code 0 with a line a check; a broken rule is exit code 2 with one error."""
    folder = write(tmp_path, [*rows(), {**rows(2)[1], "file": "canada/x.jpg", "group": "x"}], {150: picture(999)})
    result = CliRunner().invoke(admission.main, ["--data", str(folder), "--seed", str(SEED)])
    assert result.exit_code == 0, result.output
    assert result.output.count(": holds (") == len(CHECKS)
    assert f"left out: 1, {NO_GROUND}" in result.output
    assert "150 images of 150 groups may be trained on" in result.output
    write(tmp_path, rows(), {4: b"no picture"})
    refused = CliRunner().invoke(admission.main, ["--data", str(folder), "--seed", str(SEED)])
    assert refused.exit_code == 2
    assert "may not be trained on" in refused.output
