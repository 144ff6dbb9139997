"""Claims on data: each check finds what it is for, names it, and leaves the others alone. Images are noise made here with Pillow."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from averment.core.canonical import canonical_json
from averment.core.errors import BadInputError
from averment.core.words import ClaimVerdict
from averment.detector import corpus
from averment.detector.claims import data_governance, duplicates, population_files
from averment.detector.claims.data_statement import CHECKS
from averment.detector.claims.interface import ClaimContext, ClaimResult
from averment.detector.claims.run import check_claim, plan_claim, run_claim
from averment.detector.imaging import UnreadableError
from averment.detector.training.data import ALLOWED_LICENCES

COLUMNS = ("file", "sha256", "label", "kind", "licence", "attribution", "consent", "group", "split")
SIX = {"subgroups": {"label": 3}}


@cache
def picture(seed: int, *, quality: int = 90, side: int = 128) -> bytes:
    """Smooth noise, which survives compression as pictures do; the seed decides what it shows."""
    noise = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    output = io.BytesIO()
    Image.fromarray(noise).resize((128, 128), Image.Resampling.BICUBIC).resize((side, side)).save(output, "JPEG", quality=quality)
    return output.getvalue()


def rows() -> list[dict[str, str]]:
    """Three real faces and three synthetic ones, each of a group of its own, with everything stated."""
    made = []
    for number in range(6):
        real = number < 3
        made.append(
            {
                "file": f"images/{number}.jpg",
                "label": "real" if real else "synthetic",
                "kind": "face",
                "licence": "CC-BY-4.0" if real else "MIT",
                "attribution": "somebody",
                "consent": "given" if real else "",
                "group": f"g{number}",
                "split": "train" if number % 2 else "test",
            }
        )
    return made


def write(folder: Path, table: list[dict[str, str]], pictures: dict[int, bytes] | None = None) -> None:
    (folder / "images").mkdir(exist_ok=True)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [name for name in COLUMNS if name == "sha256" or name in table[0]])
    writer.writeheader()
    for number, row in enumerate(table):
        data = (pictures or {}).get(number) or picture(number)
        (folder / row["file"]).write_bytes(data)
        writer.writerow({"sha256": hashlib.sha256(data).hexdigest(), **row})
    (folder / "manifest.csv").write_text(buffer.getvalue())


def run(folder: Path, **fields: Any) -> ClaimResult:
    spec = {"type": "data-governance", "population": "p", **SIX, **fields}
    return run_claim(spec, ClaimContext(populations={"p": "manifest.csv"}, root=folder))


def outcomes(result: ClaimResult) -> dict[str, str]:
    return {check["check"]: check["outcome"] for check in result.details["checks"]}


def examples(result: ClaimResult, name: str) -> list[str]:
    return next(check["examples"] for check in result.details["checks"] if check["check"] == name)


def test_data_that_keep_every_rule_are_supported(tmp_path: Path) -> None:
    """All checks hold, each with its count; the result is a record's payload."""
    write(tmp_path, rows())
    result = run(tmp_path)
    assert outcomes(result) == dict.fromkeys(CHECKS, "holds")
    assert (result.verdict, result.estimate, result.samples, result.clusters) == (ClaimVerdict.SUPPORTED, 1.0, 6, 6)
    assert result.details["composition"]["label"] == {"real": 3, "synthetic": 3}
    canonical_json(result.to_json())


def without(column: str) -> Callable[[list[dict[str, str]]], None]:
    def change(table: list[dict[str, str]]) -> None:
        for row in table:
            del row[column]

    return change


def setting(number: int, **values: str) -> Callable[[list[dict[str, str]]], None]:
    return lambda table: table[number].update(values)


@pytest.mark.parametrize(
    ("change", "check", "example"),
    [
        (setting(1, attribution=" "), "manifest", "images/1.jpg: no attribution"),
        (setting(2, sha256="0" * 64), "hashes", "images/2.jpg: is not the file that the manifest describes: its SHA-256 differs"),
        (setting(2, sha256="abc"), "hashes", "images/2.jpg: 'abc' in the manifest is no SHA-256"),
        (setting(2, sha256=""), "hashes", "images/2.jpg: no SHA-256 in the manifest"),
        (setting(0, licence="CC-BY-NC-4.0"), "licences", "images/0.jpg: CC-BY-NC-4.0"),
        (setting(4, licence=""), "licences", "images/4.jpg: none stated"),
        (setting(0, consent=""), "consent", "images/0.jpg: none stated"),
        (setting(0, consent="withdrawn"), "consent", "images/0.jpg: withdrawn"),
        (setting(1, group="g0"), "splits", "g0: in test and train"),
        (setting(5, split=""), "balance", None),
        (setting(5, label="real"), "subgroups", "label synthetic: 2 units, at least 3"),
    ],
)
def test_each_check_finds_what_breaks_it(tmp_path: Path, change: Any, check: str, example: str | None) -> None:
    """Named by file, or by group and value; the claim is refuted by a single one."""
    table = rows()
    change(table)
    write(tmp_path, table)
    result = run(tmp_path, balance={"split": 0.2} if check == "balance" else {"label": 0.2})
    assert outcomes(result)[check] == "broken"
    assert result.verdict is ClaimVerdict.REFUTED
    assert example is None or example in examples(result, check)
    assert check in result.reason


def test_a_missing_file_breaks_the_hashes_and_leaves_the_duplicates_open(tmp_path: Path) -> None:
    """What isn't there is not as described; whether it was a copy of another can't be told."""
    write(tmp_path, rows())
    (tmp_path / "images" / "3.jpg").unlink()
    result = run(tmp_path)
    assert outcomes(result)["hashes"] == "broken"
    assert examples(result, "hashes") == ["images/3.jpg: the manifest names a file that does not exist"]
    table = rows()
    table[3]["sha256"] = ""
    write(tmp_path, table)
    (tmp_path / "images" / "3.jpg").unlink()
    assert len(examples(run(tmp_path), "hashes")) == 1, "a file is broken once, however much is wrong with it"
    assert outcomes(result)["duplicates"] == "could not be checked"


def test_a_file_that_can_not_be_read_leaves_the_claim_open(tmp_path: Path) -> None:
    """A folder in the file's place: nobody can say that the bytes are others."""
    write(tmp_path, rows())
    (tmp_path / "images" / "3.jpg").unlink()
    (tmp_path / "images" / "3.jpg").mkdir()
    result = run(tmp_path)
    assert outcomes(result)["hashes"] == "could not be checked"
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert "images/3.jpg" in examples(result, "hashes")[0]


def test_an_image_that_can_not_be_decoded_leaves_the_duplicates_open(tmp_path: Path) -> None:
    """With the decoder's reason; its hash still matches, so the other checks go on."""
    write(tmp_path, rows(), {5: b"\xff\xd8\xff broken"})
    result = run(tmp_path)
    assert outcomes(result) == {**dict.fromkeys(CHECKS, "holds"), "duplicates": "could not be checked"}
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert "images/5.jpg: not a JPEG" in examples(result, "duplicates")[0]


@pytest.mark.parametrize("column", ["group", "split"])
def test_without_its_column_a_check_could_not_be_made(tmp_path: Path, column: str) -> None:
    """Open, not passed."""
    table = rows()
    without(column)(table)
    write(tmp_path, table)
    result = run(tmp_path, columns=["file", "sha256"])
    assert outcomes(result)["splits"] == "could not be checked"
    assert result.verdict is ClaimVerdict.INCONCLUSIVE


def test_without_a_column_of_people_consent_is_open(tmp_path: Path) -> None:
    """Nothing says which pictures show somebody."""
    table = rows()
    without("kind")(table)
    write(tmp_path, table)
    assert outcomes(run(tmp_path))["consent"] == "could not be checked"
    assert outcomes(run(tmp_path, people={"label": "real"}))["consent"] == "holds"


def every(**values: str) -> Callable[[list[dict[str, str]]], None]:
    def change(table: list[dict[str, str]]) -> None:
        for row in table:
            row.update(values)

    return change


def no_real_face(table: list[dict[str, str]]) -> None:
    for row in table:
        row["kind"] = "product" if row["label"] == "real" else "face"


@pytest.mark.parametrize(
    ("change", "check", "reason"),
    [
        (every(label="real"), "balance", "the column label has real, and not both classes, real and synthetic or manipulated"),
        (every(label="real"), "subgroups", "not both classes"),
        (every(label="synthetic"), "balance", "the column label has synthetic, and not both classes"),
        (every(kind=""), "balance", "the column kind has no value"),
        (every(kind="face"), "balance", "the column kind has one value alone, face"),
        (setting(5, kind=""), "balance", "1 row has no kind"),
        (setting(5, group=" "), "subgroups", "1 row has no group"),
        (setting(5, group=""), "splits", "could not be told of"),
        (setting(5, split=""), "splits", "could not be told of"),
        (every(split="train"), "splits", "one part alone, train"),
        (every(split=""), "splits", "names no part"),
        (no_real_face, "consent", "no row has kind face and label real together"),
    ],
)
def test_what_never_occurs_keeps_a_check_open(tmp_path: Path, change: Any, check: str, reason: str) -> None:
    """A class without a row, a second part that isn't there, a unit that nobody names: no count of what is there can show that they are right."""
    table = rows()
    change(table)
    write(tmp_path, table)
    asked = {"balance": {"label": 0.1}, "subgroups": {"label": 1}}
    if "kind" in reason and check == "balance":
        asked["balance"] = {"kind": 0.1}
    result = run(tmp_path, columns=["file"], checks=[check], **asked)
    assert outcomes(result)[check] == "could not be checked"
    assert reason in result.reason
    assert result.verdict is ClaimVerdict.INCONCLUSIVE


def test_parts_that_the_claim_names_have_to_be_there_and_no_others(tmp_path: Path) -> None:
    """A corpus of one part is no oversight where the claim says so; a part that nobody named, or that has no row, breaks it."""
    write(tmp_path, rows())
    assert outcomes(run(tmp_path, parts=["train", "test"]))["splits"] == "holds"
    assert "test: is none of the parts that the claim names" in examples(run(tmp_path, parts=["train"]), "splits")
    assert "calibrate: no row is of this part" in examples(run(tmp_path, parts=["train", "test", "calibrate"]), "splits")
    table = rows()
    every(split="train")(table)
    write(tmp_path, table)
    assert outcomes(run(tmp_path, parts=["train"]))["splits"] == "holds"


def test_a_word_for_people_that_no_row_uses_leaves_consent_open(tmp_path: Path) -> None:
    """A manifest that says "genuine" where the claim says "real" would otherwise pass without one consent being looked at."""
    table = rows()
    for row in table:
        row["label"] = {"real": "genuine"}.get(row["label"], row["label"])
        row["consent"] = ""
    write(tmp_path, table)
    result = run(tmp_path)
    assert outcomes(result)["consent"] == "could not be checked"
    assert "no row has the label real" in result.reason
    assert outcomes(run(tmp_path, people={"kind": "face", "label": "genuine"}))["consent"] == "broken"
    assert result.verdict is not ClaimVerdict.SUPPORTED


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"kind": " "}, "no kind"),
        ({"kind": "Face"}, "kind 'Face', which is not 'face'"),
        ({"label": "real "}, "label 'real ', which is not 'real'"),
        ({"label": "manipulated"}, "label manipulated, and it is made from somebody's picture"),
        ({"label": "manipulated", "kind": ""}, "no kind and label manipulated, and it is made from somebody's picture"),
        ({"label": "genuine"}, "label 'genuine', which is none of real, synthetic, manipulated"),
        ({"label": "genuine", "kind": ""}, "no kind and label 'genuine', which is none of real, synthetic, manipulated"),
    ],
)
def test_a_row_of_which_nobody_can_tell_whether_it_shows_a_person_leaves_consent_open(
    tmp_path: Path, said: dict[str, str], why: str
) -> None:
    """By another spelling a picture without a ground was asked for none, while the others were. One that has a ground, or is plainly none, is no matter."""
    table = rows()
    table[0].update(said, consent="")
    write(tmp_path, table)
    result = run(tmp_path, checks=["consent"])
    assert outcomes(result) == {"consent": "could not be checked"}
    assert examples(result, "consent") == [f"images/0.jpg: {why}, and no ground that counts"]
    for plain in ({"consent": "given"}, {"label": "synthetic"}, {"label": "manipulated", "kind": "product"}):
        table[0].update({**said, **plain})
        write(tmp_path, table)
        assert outcomes(run(tmp_path, checks=["consent"])) == {"consent": "holds"}


def test_blanks_around_a_word_make_no_other_part_and_no_other_value(tmp_path: Path) -> None:
    """ "train" and "train " are one part, so nothing is kept apart; blanks alone are no label."""
    table = rows()
    every(split="train")(table)
    setting(1, split="train ")(table)
    setting(5, label=" ")(table)
    write(tmp_path, table)
    result = run(tmp_path, checks=["splits", "balance", "subgroups"], balance={"label": 0.1}, subgroups={"label": 1})
    assert set(outcomes(result).values()) == {"could not be checked"}
    assert "one part alone, train" in result.reason
    assert result.reason.count("1 row has no label") == 2


def test_an_image_beside_the_manifest_that_it_doesnt_name_is_found(tmp_path: Path) -> None:
    """A file without a row has no licence and no consent. Other kinds of file, and rows left out by `where`, are no matter."""
    write(tmp_path, rows())
    (tmp_path / "images" / "stowaway.jpg").write_bytes(picture(99))
    (tmp_path / "images" / "notes.txt").write_text("x")
    assert examples(run(tmp_path), "manifest") == ["images/stowaway.jpg: not in the manifest"]
    assert outcomes(run(tmp_path, where={"split": "train"}, checks=["manifest"])) == {"manifest": "holds"}


@pytest.mark.parametrize("name", ["stowaway.jfif", "stowaway.bmp", "stowaway", "stowaway.original", ".hidden"])
def test_an_image_by_any_name_lies_beside_the_manifest(tmp_path: Path, name: str) -> None:
    """Called an image, or only begun like one. What lies in a folder of its own, where the manifest names nothing, is none of its files."""
    write(tmp_path, rows())
    (tmp_path / "images" / name).write_bytes(picture(99))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "other").write_bytes(picture(98))
    assert examples(run(tmp_path), "manifest") == [f"images/{name}: not in the manifest"]


def test_a_linked_folder_is_searched_where_it_leads_to(tmp_path: Path) -> None:
    """Files are read through the link, so what lies there unnamed lies beside them; a link at a deeper place, too, if a row's file lies in it."""
    write(tmp_path, rows())
    kept = (tmp_path / "images").rename(tmp_path / "kept")
    (tmp_path / "images").symlink_to(kept)
    assert outcomes(run(tmp_path, checks=["manifest"])) == {"manifest": "holds"}
    (kept / "stowaway.jpg").write_bytes(picture(99))
    (kept / "another").write_bytes(picture(98))
    assert examples(run(tmp_path), "manifest") == ["images/another: not in the manifest", "images/stowaway.jpg: not in the manifest"]


@pytest.mark.parametrize("name", ["images/stowaway.jpg", "images/stowaway", "stowaway.png"])
def test_an_image_by_way_of_a_link_lies_beside_the_manifest(tmp_path: Path, name: str) -> None:
    """A row's file may be a link into a store of contents; one that no row names has no licence there either. What no image is behind is no matter."""
    store = tmp_path / "store"
    for folder in (store, tmp_path / "data"):
        folder.mkdir()
    write(tmp_path / "data", rows())
    named = tmp_path / "data" / "images" / "0.jpg"
    named.rename(store / "0")
    named.symlink_to(store / "0")
    (store / "notes").write_text("x")
    (tmp_path / "data" / "images" / "notes").symlink_to(store / "notes")
    (tmp_path / "data" / "images" / "gone").symlink_to(store / "gone")
    assert outcomes(run(tmp_path / "data", checks=["manifest"])) == {"manifest": "holds"}
    (tmp_path / "data" / name).symlink_to(store / "0")
    assert examples(run(tmp_path / "data"), "manifest") == [f"{name}: not in the manifest"]


def test_a_linked_folder_that_no_row_leads_into_keeps_the_manifest_open(tmp_path: Path) -> None:
    """Nobody searched it, and it may hold images. One beside the folders that the rows name is none of theirs, as an unlinked one isn't."""
    write(tmp_path, rows())
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere")
    assert outcomes(run(tmp_path, checks=["manifest"])) == {"manifest": "holds"}
    (tmp_path / "images" / "more").symlink_to(tmp_path / "elsewhere")
    result = run(tmp_path, checks=["manifest"])
    assert outcomes(result) == {"manifest": "could not be checked"}
    assert examples(result, "manifest") == ["images/more: a link to a folder that no row's file lies in, which was not searched"]


def test_a_file_whose_beginning_can_not_be_read_keeps_the_manifest_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be an image that no row names."""
    write(tmp_path, rows())
    (tmp_path / "images" / "unknown").write_bytes(b"x")

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(population_files.os, "open", refused)
    assert outcomes(run(tmp_path, checks=["manifest"])) == {"manifest": "could not be checked"}


@pytest.mark.parametrize("copy", [{"quality": 50}, {"side": 96}, {}])
@pytest.mark.parametrize("place", [3, 4])  # on the same side of the split, and on the other
def test_a_recompressed_copy_under_another_group_is_found(tmp_path: Path, copy: dict[str, int], place: int) -> None:
    """Smaller, worse, or the very same bytes: the two are named with their distance."""
    write(tmp_path, rows(), {place: picture(1, **copy)})
    result = run(tmp_path)
    assert outcomes(result)["duplicates"] == "broken"
    assert examples(result, "duplicates")[0].startswith(f"images/1.jpg and images/{place}.jpg: ")


def test_a_copy_within_a_group_is_what_groups_are_for(tmp_path: Path) -> None:
    """Counted, but no fault, as long as both stand on the same side of the split."""
    table = rows()
    table[3].update(group="g1")
    write(tmp_path, table, {3: picture(1, quality=50)})
    result = run(tmp_path)
    assert outcomes(result)["duplicates"] == "holds"
    (check,) = (item for item in result.details["checks"] if item["check"] == "duplicates")
    assert check["figures"] == {"pairs_within_a_group": 1}
    table[3].update(split="test")
    write(tmp_path, table, {3: picture(1, quality=50)})
    assert outcomes(run(tmp_path))["duplicates"] == "broken"


def test_a_file_under_two_labels_breaks_the_duplicates(tmp_path: Path) -> None:
    """Also within a group: that a person's pictures resemble each other is what groups are for, and not that one is genuine and synthetic at once."""
    table = rows()
    table[3].update(group="g1", split=table[1]["split"])
    write(tmp_path, table, {3: picture(1)})
    result = run(tmp_path, checks=["duplicates"])
    assert examples(result, "duplicates") == ["images/1.jpg and images/3.jpg: the same bytes, labelled real and synthetic"]
    assert result.verdict is ClaimVerdict.REFUTED
    for row in table:
        row["sha256"] = ""  # the manifest needn't say what the files do
    write(tmp_path, table, {3: picture(1)})
    assert outcomes(run(tmp_path, checks=["duplicates"])) == {"duplicates": "broken"}
    table[3]["label"] = "real"
    write(tmp_path, table, {3: picture(1)})
    assert outcomes(run(tmp_path, checks=["duplicates"])) == {"duplicates": "holds"}


def test_pictures_that_show_too_little_are_not_called_the_same(tmp_path: Path) -> None:
    """A red square and a gradient have one hash. Nobody can tell by it, which is no duplicate; the very same bytes are one."""
    red, gradient = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (128, 128), "red").save(red, "PNG")
    Image.linear_gradient("L").save(gradient, "PNG")
    write(tmp_path, rows(), {1: red.getvalue(), 4: gradient.getvalue()})
    result = run(tmp_path, checks=["duplicates"])
    assert outcomes(result) == {"duplicates": "could not be checked"}
    assert examples(result, "duplicates") == [f"images/{number}.jpg: {duplicates.PLAIN}" for number in (1, 4)]
    write(tmp_path, rows(), {1: red.getvalue(), 4: red.getvalue()})
    assert outcomes(run(tmp_path, checks=["duplicates"])) == {"duplicates": "broken"}


def test_where_all_is_of_one_group_no_duplicate_could_be_found(tmp_path: Path) -> None:
    """Nothing was compared, so nothing holds: a manifest that puts everybody into one group can't pass by it. Of a group that is blank nobody
    knows, and each image stands for itself."""
    table = rows()
    for row in table:
        row.update(group="everybody", split="test")
    write(tmp_path, table, {3: picture(1)})
    assert outcomes(run(tmp_path, checks=["duplicates"])) == {"duplicates": "could not be checked"}
    for row in table:
        row["group"] = " "
    write(tmp_path, table, {3: picture(1)})
    assert outcomes(run(tmp_path, checks=["duplicates"])) == {"duplicates": "broken"}


def test_pairs_are_those_of_a_plain_count_of_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The product of matrices, in blocks, against the definition."""
    monkeypatch.setattr(duplicates, "_ROWS", 7)
    hashes = list(np.random.default_rng(1).integers(0, 2, (40, duplicates.BITS)).astype(bool))
    hashes[33] = hashes[2] ^ (np.arange(duplicates.BITS) < 5)
    hashes[12] = hashes[2].copy()
    plain = [(a, b, int((hashes[a] != hashes[b]).sum())) for a in range(40) for b in range(a + 1, 40)]
    for distance in (0, 4, 5, 110):
        assert sorted(duplicates.near_pairs(hashes, distance)) == [pair for pair in plain if pair[2] <= distance]
    assert list(duplicates.near_pairs(hashes[:1], 256)) == []


def test_two_people_taken_alike_are_no_duplicates_and_a_copy_is() -> None:
    """On the shipped corpus, whose portraits are as alike as any: the measured distances hold with room on both sides."""
    images = [image.read() for image in corpus.load()]
    hashes = [duplicates.perceptual_hash(data) for data in images]
    nearest = min(bits for _, _, bits in duplicates.near_pairs(hashes, duplicates.BITS // 2))
    assert nearest > duplicates.DISTANCE + 8
    for data, known in list(zip(images, hashes, strict=True))[::8]:
        output = io.BytesIO()
        with Image.open(io.BytesIO(data)) as opened:
            opened.resize((opened.width // 2, opened.height // 2)).save(output, "JPEG", quality=50)
        assert int((duplicates.perceptual_hash(output.getvalue()) != known).sum()) <= duplicates.DISTANCE - 8


def test_hostile_images_are_refused_before_they_are_hashed() -> None:
    """The decoder's bounds hold here as well."""
    with pytest.raises(UnreadableError, match="empty"):
        duplicates.perceptual_hash(b"")


def test_too_many_images_to_compare_leave_that_check_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work grows with the square; it says what to do instead."""
    monkeypatch.setattr(duplicates, "MAX_COMPARED", 5)
    write(tmp_path, rows())
    result = run(tmp_path)
    assert outcomes(result)["duplicates"] == "could not be checked"
    assert "narrow the rows" in result.reason


def test_a_part_of_the_checks_can_be_asked_for(tmp_path: Path) -> None:
    """And a lower bar: two of three hold here, so half is supported and all is refuted."""
    table = rows()
    table[0]["licence"] = "unknown"
    write(tmp_path, table)
    asked = {"checks": ["hashes", "licences", "splits"]}
    assert outcomes(run(tmp_path, **asked)) == {"hashes": "holds", "licences": "broken", "splits": "holds"}
    assert run(tmp_path, **asked, at_least=0.5).verdict is ClaimVerdict.SUPPORTED
    assert run(tmp_path, **asked).verdict is ClaimVerdict.REFUTED


def test_open_checks_count_for_neither_side(tmp_path: Path) -> None:
    """One open of eight: seven eighths are certain, more can't be ruled out."""
    write(tmp_path, rows(), {5: b"\xff\xd8\xff broken"})
    result = run(tmp_path, at_least=0.8)
    assert result.interval is not None
    assert (result.interval.low, result.interval.high) == (7 / 8, 1.0)
    assert result.verdict is ClaimVerdict.SUPPORTED


def test_no_rows_show_nothing(tmp_path: Path) -> None:
    """A selection that is empty is open."""
    write(tmp_path, rows())
    result = run(tmp_path, where={"split": "other"})
    assert (result.verdict, result.samples) == (ClaimVerdict.INCONCLUSIVE, 0)
    assert "empty" in result.reason


def test_no_check_holds_of_nothing(tmp_path: Path) -> None:
    """Where a manifest has no rows, nothing was looked at: every check is open, and says so."""
    (tmp_path / "manifest.csv").write_text(f"{','.join(COLUMNS)}\n")
    result = run(tmp_path)
    assert outcomes(result) == dict.fromkeys(CHECKS, "could not be checked")
    (hashes,) = (check for check in result.details["checks"] if check["check"] == "hashes")
    assert hashes["reason"].startswith("there was nothing to look at, for the rule: every file is there")


def test_no_more_breaks_a_rule_than_was_looked_at(tmp_path: Path) -> None:
    """Images that no row names and parts that no row has are looked at as well."""
    write(tmp_path, rows())
    for number in range(9):
        (tmp_path / "images" / f"other{number}.jpg").write_bytes(picture(99))
    result = run(tmp_path, checks=["manifest", "splits"], parts=["a", "b", "c", "d", "e", "f", "g"])
    manifest, splits = result.details["checks"]
    assert manifest["reason"].startswith("9 of 15 break the rule: every row fills")
    assert (splits["broken"], splits["examined"]) == (9, 15)


def test_an_incomplete_manifest_may_leave_images_out(tmp_path: Path) -> None:
    """With `complete: false` an image that the manifest doesn't name is no flaw, and the check doesn't claim to have looked."""
    write(tmp_path, rows())
    (tmp_path / "images/other.jpg").write_bytes(picture(99))
    assert outcomes(run(tmp_path))["manifest"] == "broken"
    result = run(tmp_path, complete=False)
    assert outcomes(result)["manifest"] == "holds"
    assert all("unnamed" not in check["reason"] for check in result.details["checks"])


def test_a_folder_says_nothing_of_its_media(tmp_path: Path) -> None:
    """There is no manifest to hold it to; the error says what to write."""
    write(tmp_path, rows())
    with pytest.raises(BadInputError, match="is no manifest") as caught:
        run_claim({"type": "data-governance", "population": "p"}, ClaimContext(populations={"p": "images"}, root=tmp_path))
    assert "licence" in str(caught.value.fix)


def test_the_shipped_corpus_keeps_every_rule() -> None:
    """Our own data pass our own claim, as a control of the catalogue states it."""
    result = run_claim({"type": "data-governance", "population": "reference-corpus", "parts": ["held-out"]}, ClaimContext())
    assert outcomes(result) == dict.fromkeys(CHECKS, "holds")
    assert result.verdict is ClaimVerdict.SUPPORTED


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"at_least": 0}, "says nothing"),
        ({"checks": []}, "checks is"),
        ({"checks": ["manifests"]}, "checks is"),
        ({"licences": "MIT"}, "licences is"),
        ({"people": {}}, "people is"),
        ({"complete": "no"}, "complete is"),
        ({"balance": {"label": 2}}, "label is 2"),
        ({"subgroups": {"label": 2.5}}, "label is 2.5"),
        ({"distance": 200}, "distance is 200"),
        ({"sample": 10}, "no field 'sample'"),
    ],
)
def test_a_statement_that_means_nothing_is_refused(changes: dict[str, Any], message: str) -> None:
    """With what to write instead."""
    with pytest.raises(BadInputError, match=message):
        check_claim({"type": "data-governance", "population": "p", **changes})


def test_every_check_that_can_be_named_is_made() -> None:
    """The names in the statement and the functions behind them are the same list, in the same order."""
    assert tuple(data_governance.MAKERS) == CHECKS


@pytest.mark.parametrize(
    ("demand", "words"),
    [
        ({"licences": ["all rights reserved", "MIT"]}, "licences MIT or all rights reserved"),
        ({"consent": ["given", "assumed"]}, "consent given or assumed"),
        ({"people": {"label": "real", "kind": "portrait"}}, "people label real and kind portrait"),
        ({"complete": False}, "complete false"),
        ({"columns": ["file", "label"]}, "columns file and label"),
        ({"balance": {"label": 0.001}}, "balance label 0.001"),
        ({"subgroups": {"label": 1, "split": 2}}, "subgroups label 1 and split 2"),
        ({"distance": 0, "group": "source"}, "group source, distance 0"),
    ],
)
def test_what_a_claim_asks_for_otherwise_stands_in_its_sentence(demand: dict[str, Any], words: str) -> None:
    """That each value "has its share" says nothing where the share is a thousandth. What every claim asks for isn't repeated."""
    spec = {"type": "data-governance", "population": "p"}
    usual = plan_claim(spec).statement
    assert usual.endswith(", balance, subgroups")
    assert plan_claim({**spec, **demand}).statement == f"{usual}; with {words}"
    assert plan_claim({**spec, "licences": sorted(ALLOWED_LICENCES), "distance": duplicates.DISTANCE, "parts": ["a"]}).statement == usual


def test_the_plan_says_that_no_sample_will_do() -> None:
    """Everything is looked at."""
    plan = plan_claim({"type": "data-governance", "population": "p"})
    assert (plan.least, plan.needs) == (None, ())
