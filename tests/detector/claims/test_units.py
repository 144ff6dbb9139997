"""Independent units: bytes that lie there twice are one, and an image of which nobody says whose it is keeps a claim from being tested."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from averment.core.errors import BadInputError
from averment.core.words import ClaimVerdict
from averment.detector.claims.interface import ClaimContext
from averment.detector.claims.run import run_claim
from averment.detector.claims.scores import scores_of
from averment.detector.interface import Family

APCER: dict[str, Any] = {"type": "performance", "metric": "apcer", "attack": "synthetic-image", "population": "p", "at_most": 0.05}
BPCER: dict[str, Any] = {"type": "performance", "metric": "bpcer", "attack": "synthetic-image", "population": "p", "at_most": 0.1}
KINDS: tuple[dict[str, Any], ...] = (
    BPCER,
    {"type": "calibration", "metric": "brier", "attack": "synthetic-image", "population": "p", "at_most": 0.2},
    {"type": "robustness", "metric": "bpcer", "attack": "synthetic-image", "population": "p", "transforms": [{"jpeg": 75}], "at_most": 0.1},
    {"type": "subgroup-gap", "metric": "bpcer", "attack": "synthetic-image", "population": "p", "by": "kind", "at_most": 0.1},
    {"type": "drift", "statistic": "ks", "attack": "synthetic-image", "reference": "p", "population": "p", "at_most": 0.1},
)


def copies(context: ClaimContext, *contents: bytes, hashed: bool = True, **columns: list[str]) -> ClaimContext:
    """A population of fakes with these bytes, in order; ``columns`` are further ones of its manifest."""
    lines = [",".join(["file", "label", "generator", "sha256", *columns])]
    for number, data in enumerate(contents):
        (context.root / f"{number:05}.png").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest() if hashed else ""
        lines.append(",".join([f"{number:05}.png", "synthetic", "SDXL", digest, *(values[number] for values in columns.values())]))
    (context.root / "m.csv").write_text("\n".join(lines) + "\n")
    return context


@pytest.mark.parametrize("hashed", [True, False])
def test_sixty_copies_of_one_fake_are_one_unit(population: Callable[..., ClaimContext], hashed: bool) -> None:
    """Sixty fakes that are recognised support 5 %; one fake that lies there sixty times shows what one shows, and the result says why."""
    sixty = [b"%d:0.9" % number for number in range(60)]
    assert run_claim(APCER, copies(population([]), *sixty, hashed=hashed)).verdict is ClaimVerdict.SUPPORTED
    result = run_claim(APCER, copies(population([]), *[b"0:0.9"] * 60, hashed=hashed))
    assert (result.verdict, result.samples, result.clusters) == (ClaimVerdict.INCONCLUSIVE, 60, 1)
    assert "59 images have the bytes of another one, and count as one unit with it" in result.reason


def test_groups_that_share_a_file_are_one_unit(population: Callable[..., ClaimContext]) -> None:
    """Also over several steps: the first and the second share one, the second and the third another."""
    contents = (b"0:0.9", b"1:0.9", b"1:0.9", b"2:0.9", b"2:0.9", b"3:0.9", b"4:0.9")
    context = copies(population([]), *contents, group=["a", "a", "b", "b", "c", "c", "d"])
    assert run_claim(APCER, context).clusters == 2


@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: str(spec["type"]))
@pytest.mark.parametrize("named", [False, True])
def test_an_image_without_a_value_for_its_unit_is_bad_input(
    population: Callable[..., ClaimContext], spec: dict[str, Any], named: bool
) -> None:
    """Whether the claim names the column or ``group`` is there by itself: counted by itself, it would be more than anybody knows."""
    column = "person" if named else "group"
    rows = [{"label": "real", "score": 0.1, "kind": "face", column: f"p{number}" if number else " "} for number in range(20)]
    with pytest.raises(BadInputError, match=rf"says of 1 image no {column}, such as 00000\.png") as caught:
        run_claim({**spec, **({"clusters": "person"} if named else {})}, population(rows))
    assert "clusters: file" in str(caught.value.fix)
    assert str(caught.value.where) == "m.csv:2"


def test_one_person_written_in_two_ways_is_one_unit(population: Callable[..., ClaimContext], tmp_path: Path) -> None:
    """An accent as a sign of its own, as some systems write it, or a blank: neither makes two people, nor two sides of a split."""
    rows = [{"label": "real", "score": 0.1, "group": name} for name in ("Zo\u00eb", "Zoe\u0308", " Zo\u00eb ") for _ in range(10)]
    spec = {"type": "performance", "metric": "bpcer", "attack": "synthetic-image", "population": "p", "at_most": 0.3}
    assert run_claim(spec, population(rows)).clusters == 1
    split = [{**row, "split": "train" if number < 10 else "test"} for number, row in enumerate(rows)]
    checked = run_claim({"type": "data-governance", "population": "p", "checks": ["splits"]}, population(split))
    assert "Zo\u00eb: in test and train" in str(checked.details["checks"])
    (tmp_path / "s.csv").write_text("score,group\n" + "".join(f"0.{number},{row['group']}\n" for number, row in enumerate(rows)))
    found = scores_of("s.csv", {}, None, Family.SYNTHETIC_IMAGE, ClaimContext(root=tmp_path))
    assert len(set(found.units)) == 1


def test_each_image_may_stand_for_itself_on_purpose(population: Callable[..., ClaimContext]) -> None:
    """``clusters: file`` says that blank groups mean nothing."""
    rows = [{"label": "real", "score": 0.1, "group": ""}] * 20
    assert run_claim({**BPCER, "clusters": "file"}, population(rows)).clusters == 20


def test_a_file_of_scores_names_the_unit_in_every_row(tmp_path: Path) -> None:
    """Or has no such column."""
    (tmp_path / "s.csv").write_text("score,group\n0.1,a\n0.2,\n")
    spec = {"type": "drift", "statistic": "ks", "attack": "synthetic-image", "reference": "s.csv", "population": "s.csv", "at_most": 0.1}
    with pytest.raises(BadInputError, match="has no group") as caught:
        run_claim(spec, ClaimContext(root=tmp_path))
    assert caught.value.where is not None
    assert caught.value.where.line == 3


def test_a_genuine_picture_that_is_an_attack_of_another_family_is_bad_input(population: Callable[..., ClaimContext]) -> None:
    """It counted as genuine in a claim on synthetic images, and was refused in one on manipulated faces. A picture may be an attack in two ways."""
    made = copies(population([]), *[b"%d:0.1" % number for number in range(40)], b"40:0.9", b"3:0.1", b"40:0.9")
    text = (made.root / "m.csv").read_text().splitlines()
    labels = {**dict.fromkeys(range(40), "real"), 40: "synthetic", 41: "manipulated", 42: "manipulated"}
    rows = [line.replace("synthetic", labels[number]) for number, line in enumerate(text[1:])]
    (made.root / "m.csv").write_text("\n".join([text[0], *rows]) + "\n")
    with pytest.raises(BadInputError, match=r"labels 00003\.png real, and 00041\.png, which has the same bytes, manipulated"):
        run_claim(BPCER, made)
    (made.root / "m.csv").write_text("\n".join([text[0], *rows[:41], rows[42]]) + "\n")
    assert run_claim(BPCER, made).verdict is ClaimVerdict.SUPPORTED


@pytest.mark.parametrize("hashed", [True, False])
def test_the_same_bytes_under_two_labels_are_bad_input(population: Callable[..., ClaimContext], tmp_path: Path, hashed: bool) -> None:
    """One of the two labels is wrong, and it isn't for the detector to tell which."""
    rows = [{"label": label, "group": f"{label}{n}", "generator": "g", "score": 0.9} for label in ("real", "synthetic") for n in range(30)]
    context = population(rows)
    manifest = tmp_path / "m.csv"
    (tmp_path / "00040.png").write_bytes((tmp_path / "00003.png").read_bytes())
    lines = [line.split(",") for line in manifest.read_text().splitlines()]
    lines[41][1] = lines[4][1]
    manifest.write_text(
        "\n".join(",".join([line[0], line[1] if hashed or not at else "", *line[2:]]) for at, line in enumerate(lines)) + "\n"
    )
    spec = {"type": "performance", "metric": "auc", "attack": "synthetic-image", "population": "p", "at_least": 0.8}
    with pytest.raises(BadInputError, match=r"labels 00003\.png real, and 00040\.png, which has the same bytes, synthetic") as caught:
        run_claim(spec, context)
    assert caught.value.where is not None
    assert caught.value.where.line == 42


@pytest.mark.parametrize(("rows", "where"), [(0, {}), (2, {"kind": "face"})])
def test_who_has_no_images_is_told_what_to_change(population: Callable[..., ClaimContext], rows: int, where: dict[str, str]) -> None:
    """Of an empty manifest a 'where' was to be changed that the claim hadn't."""
    context = population([{"label": "real", "kind": "product", "score": 0.1} for _ in range(rows)])
    claim = {"type": "performance", "metric": "bpcer", "attack": "synthetic-image", "population": "p", "at_most": 0.1}
    with pytest.raises(BadInputError, match="has no image that the claim is about") as raised:
        run_claim(claim | ({"where": where} if where else {}), context)
    assert ("'where'" in (raised.value.fix or "")) is bool(where)
