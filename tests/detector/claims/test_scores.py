"""Files of scores: whose family's score a row holds, and the JSON lines of a scan."""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from averment.core.errors import BadInputError
from averment.core.words import ClaimVerdict
from averment.detector.bulk.output import WRITERS, written
from averment.detector.claims.interface import ClaimContext
from averment.detector.claims.run import run_claim
from averment.detector.claims.scores import Scores, scores_of
from averment.detector.interface import DetectorInfo, Family, Score
from averment.detector.scanning import Finding, Identity, Scanned

SYNTHETIC, FACE = Family.SYNTHETIC_IMAGE, Family.MANIPULATED_FACE
CLAIM: dict[str, Any] = {
    "type": "drift",
    "statistic": "ks",
    "attack": "synthetic-image",
    "reference": "before",
    "population": "today",
    "at_most": 0.3,
}


def scan(path: Path, scores: list[Score]) -> str:
    """A scan's results written as ``averment media scan`` writes them; the file's name."""
    info = DetectorInfo("embedded", "1", None, (SYNTHETIC, FACE), 0.5)
    digests = (sha256(f"{path.name} {n}".encode()).hexdigest() for n in range(len(scores)))
    results = (
        Scanned(f"{n}.png", Finding.CLEAN, score, 0.5, digest, Identity(9))
        for n, (score, digest) in enumerate(zip(scores, digests, strict=True))
    )
    path.write_text("".join(written(results, WRITERS[path.suffix[1:]](info, {}), Counter())), newline="")
    return path.name


def read(folder: Path, name: str, family: Family = SYNTHETIC, where: dict[str, str] | None = None, clusters: str | None = None) -> Scores:
    return scores_of(name, where or {}, clusters, family, ClaimContext(root=folder))


def test_what_a_scan_keeps_of_the_highest_family_is_no_score_of_another(tmp_path: Path) -> None:
    """The CSV is refused for either family, with the line and the way out; the JSON lines of the same scan hold both."""
    scores = [Score({SYNTHETIC: 0.2, FACE: 0.1}), Score(cannot_say="undecodable"), Score({SYNTHETIC: 0.3, FACE: 0.6})]
    scan(tmp_path / "s.csv", scores)
    scan(tmp_path / "s.jsonl", scores)
    for family, line, other in ((SYNTHETIC, 4, FACE), (FACE, 2, SYNTHETIC)):
        with pytest.raises(BadInputError, match=f"holds a score for '{other}', and the claim is on {family}") as caught:
            read(tmp_path, "s.csv", family)
        assert caught.value.where is not None
        assert caught.value.where.line == line
        assert "--format jsonl" in str(caught.value.fix)
    found = read(tmp_path, "s.jsonl")
    assert (found.values, found.unanswered) == ((0.2, 0.3), 1)
    assert read(tmp_path, "s.jsonl", FACE).values == (0.1, 0.6)


def test_rows_that_give_the_familys_score_count(tmp_path: Path) -> None:
    """All of them do, or those that ``where`` picks."""
    scan(tmp_path / "s.csv", [Score({SYNTHETIC: 0.2, FACE: 0.1}), Score(cannot_say="x"), Score({SYNTHETIC: 0.9})])
    assert read(tmp_path, "s.csv").values == (0.2, 0.9)
    assert read(tmp_path, "s.csv").unanswered == 1
    scan(tmp_path / "s.csv", [Score({SYNTHETIC: 0.2, FACE: 0.1}), Score({SYNTHETIC: 0.3, FACE: 0.6})])
    assert read(tmp_path, "s.csv", where={"family": "synthetic-image"}).values == (0.2,)


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_rows_of_one_image_are_one_unit(tmp_path: Path, suffix: str) -> None:
    """A picture that lies sixty times in a bucket was sixty units of a scan, though each row has the digest of the same bytes."""
    digests = ["a" * 64] * 60 + ["b" * 64, ""]
    if suffix == "csv":
        text = "".join(f"0.5,{digest}\n" for digest in digests)
        (tmp_path / "s.csv").write_text(f"score,sha256\n{text}")
    else:
        lines = (json.dumps({"probabilities": {"synthetic-image": 0.5}, "sha256": digest}) for digest in digests)
        (tmp_path / "s.jsonl").write_text("\n".join(lines))
    found = read(tmp_path, f"s.{suffix}")
    assert (len(found.values), len(set(found.units)), found.repeated) == (62, 3, 59)


def test_units_that_share_an_image_are_one(tmp_path: Path) -> None:
    """As where the images themselves are at hand."""
    (tmp_path / "s.csv").write_text("score,sha256,group\n0.1,A1,ann\n0.2,a1,ben\n0.3,b2,ben\n0.4,c3,cid\n")
    assert read(tmp_path, "s.csv").units == ("ann", "ann", "ann", "cid")


def test_a_line_of_one_file_is_no_line_of_another(tmp_path: Path) -> None:
    """Sorted by score, as a database gives them, two files without a column for units seemed to move together."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("score\n" + "".join(f"{number / 10}\n" for number in range(10)))
    first, second = (read(tmp_path, f"{name}.csv") for name in ("a", "b"))
    assert len({*first.units, *second.units}) == 20


def test_a_table_in_another_encoding_is_called_that(tmp_path: Path) -> None:
    """Excel's "Unicode text" is UTF-16; the error listed columns of letters and noughts."""
    (tmp_path / "s.csv").write_text("score,group\n0.5,ann\n", encoding="utf-16")
    with pytest.raises(BadInputError, match="is not valid UTF-8"):
        read(tmp_path, "s.csv")
    (tmp_path / "s.csv").write_bytes("score,group\n0.5,José\n".encode("latin-1"))
    with pytest.raises(BadInputError, match="is not valid UTF-8") as caught:
        read(tmp_path, "s.csv")
    assert caught.value.where is not None
    assert caught.value.where.line == 2


def test_a_family_that_falls_silent_under_another_has_drifted(tmp_path: Path) -> None:
    """The scores for synthetic images fall from up to 0.3 to nought, always below those for faces: shown by the lines."""
    rng = np.random.default_rng(91)
    before = [Score({SYNTHETIC: float(low), FACE: float(high)}) for low, high in rng.uniform((0, 0.3), (0.3, 0.6), (200, 2))]
    today = [Score({SYNTHETIC: 0.0, FACE: float(high)}) for high in rng.uniform(0.3, 0.6, 200)]
    places = {"before": scan(tmp_path / "b.jsonl", before), "today": scan(tmp_path / "t.jsonl", today)}
    context = ClaimContext(populations=places, root=tmp_path)
    assert run_claim(CLAIM, context).verdict is ClaimVerdict.REFUTED
    assert run_claim({**CLAIM, "attack": "manipulated-face"}, context).verdict is ClaimVerdict.SUPPORTED


def test_a_family_without_a_probability_was_not_answered(tmp_path: Path) -> None:
    """No face in the picture: the detector could not say, of that family."""
    scan(tmp_path / "s.jsonl", [Score({SYNTHETIC: 0.2}, silent={FACE: "no face"}), Score({SYNTHETIC: 0.3, FACE: 0.6})])
    found = read(tmp_path, "s.jsonl", FACE)
    assert (found.values, found.unanswered) == ((0.6,), 1)


def test_lines_have_columns_too(tmp_path: Path) -> None:
    """What is plain in them can be picked by, and makes units."""
    lines: list[dict[str, Any]] = [
        {"group": f"v{n // 2}", "rank": n % 2, "cannot_say": None, "probabilities": {"synthetic-image": n / 10}, "faces": []}
        for n in range(4)
    ]
    (tmp_path / "s.jsonl").write_text("\n\n".join(json.dumps(line) for line in lines) + "\n")
    assert read(tmp_path, "s.jsonl").units == ("v0", "v0", "v1", "v1")
    assert read(tmp_path, "s.jsonl", where={"rank": "1"}, clusters="rank").values == (0.1, 0.3)
    for name in ("faces", "kind"):
        with pytest.raises(BadInputError, match=f"has no column '{name}'"):
            read(tmp_path, "s.jsonl", clusters=name)


GOOD = '{"probabilities": {"synthetic-image": 0.5}, "cannot_say": null, "group": "a"}'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "is not a line of JSON"),
        ("[" * 100_000, "is not a line of JSON"),
        ("[0.5]", "is no JSON object"),
        (GOOD.replace("0.5", '0.5, "synthetic-image": 0.6'), "a name stands twice"),
        (GOOD.replace("0.5", "NaN"), "nan is not a score"),
        (GOOD.replace("0.5", '"0.5"'), "'0.5' is not a score"),
        (GOOD.replace("0.5", "true"), "True is not a score"),
        (GOOD.replace('"synthetic-image": 0.5', ""), "has neither probabilities nor a reason"),
        (GOOD.replace(', "group": "a"', ""), "has no group"),
    ],
)
def test_a_line_that_holds_no_scores_is_refused_with_its_number(tmp_path: Path, line: str, message: str) -> None:
    """Whatever it is."""
    (tmp_path / "s.jsonl").write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(BadInputError, match=message) as caught:
        read(tmp_path, "s.jsonl")
    assert caught.value.where is not None
    assert caught.value.where.line == 2
    assert caught.value.fix


@pytest.mark.parametrize("name", [" group", "Group"])
def test_names_in_lines_are_taken_at_their_word_too(tmp_path: Path, name: str) -> None:
    """As a table's columns are."""
    (tmp_path / "s.jsonl").write_text(GOOD.replace("group", name))
    with pytest.raises(BadInputError, match="has a column"):
        read(tmp_path, "s.jsonl")


def test_no_lines_are_no_scores(tmp_path: Path) -> None:
    """An empty file, which is no error."""
    (tmp_path / "s.jsonl").write_text("")
    assert read(tmp_path, "s.jsonl").values == ()
