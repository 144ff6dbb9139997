"""Headers are taken at their word or refused, by whoever reads a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from averment.core.errors import BadInputError
from averment.core.source import SourceRef
from averment.core.words import ClaimVerdict
from averment.detector.claims.interface import ClaimContext
from averment.detector.claims.population_files import manifest_population
from averment.detector.claims.reproducibility import read_scores
from averment.detector.claims.run import run_claim
from averment.detector.claims.scores import scores_of
from averment.detector.claims.tables import probability, table
from averment.detector.interface import Family
from averment.detector.sheets.facts import NEEDED, read_rows

APCER: dict[str, Any] = {"type": "performance", "metric": "apcer", "attack": "synthetic-image", "population": "p", "at_most": 0.1}

HEADERS = [
    (" {}", "with a blank around its name", "write {}"),
    ("{}\t", "with a blank around its name", "write {}"),
    ("{}\u00a0", "with a blank around its name", "write {}"),
    ("\u200b{}", "or a letter that doesn't show", "write {}"),
    ("{upper}", "a column '{upper}', which is not '{}'", "write {}, or call it something else"),
    ("{},{}", "2 columns called '{}', and nobody knows which counts", "keep one of them"),
]
TRAINED = ",".join(name for name in NEEDED if name != "group")
READERS: dict[str, tuple[str, str, Callable[[Path], Any]]] = {
    "manifest": ("file", "group", lambda path: manifest_population("p", str(path), path.read_text(), path.parent)),
    "scores": ("score", "group", lambda path: scores_of(path.name, {}, None, Family.SYNTHETIC_IMAGE, ClaimContext(root=path.parent))),
    "release": ("sha256,synthetic-image", "cannot_say", lambda path: read_scores(path.read_text(), str(path))),
    "sheet": (f"{TRAINED},group", "split", lambda path: read_rows(path.read_text(), str(path))),
}


@pytest.mark.parametrize(("form", "message", "fix"), HEADERS)
@pytest.mark.parametrize("kind", READERS)
def test_every_reader_refuses_a_header_that_says_something_else_than_it_seems(
    tmp_path: Path, kind: str, form: str, message: str, fix: str
) -> None:
    """The file, the first line, and what to write; a population's manifest, scores, the scores at release, a sheet's."""
    head, name, read = READERS[kind]
    words = {"upper": name.capitalize()}
    form = form.replace("{},{}", "{}").format(name, **words) if name in head else form.format(*[name] * 2, **words)
    path = tmp_path / "manifest.csv"
    path.write_text(f"{head},{form}\n")
    with pytest.raises(BadInputError) as caught:
        read(path)
    assert message.format(name, **words) in caught.value.message
    assert fix.format(name) in str(caught.value.fix)
    assert caught.value.where == SourceRef(str(path), 1)


@pytest.mark.parametrize("column", ["SHA256", "Label", " sha256", "label"])
def test_a_manifest_of_unpinned_or_twice_labelled_files_by_accident_is_refused(column: str) -> None:
    """Taken for another column, its files would be held to no hash; taken for the last, its labels would be whatever stands there."""
    with pytest.raises(BadInputError):
        manifest_population("p", "m.csv", f"file,label,{column}\na.png,real,x\n", Path())


def test_frames_of_one_video_are_one_unit_whatever_stands_before_the_column(population: Callable[..., ClaimContext]) -> None:
    """Sixty frames: with ``group`` one unit; with `` group`` nothing, where it was sixty."""
    rows = [{"label": "synthetic", "generator": "SDXL", "group": "video", "score": 0.9} for _ in range(60)]
    context = population(rows)
    result = run_claim(APCER, context)
    assert (result.verdict, result.clusters) == (ClaimVerdict.INCONCLUSIVE, 1)
    manifest = context.root / "m.csv"
    manifest.write_text(manifest.read_text().replace(",group", ", group"))
    with pytest.raises(BadInputError, match="with a blank around its name"):
        run_claim(APCER, context)


def test_other_columns_are_for_people() -> None:
    """By whatever name, also with blanks inside, in capitals, or without one."""
    reader = table("file,Camera Model,SKIN,\na,b,c,d\n", "m.csv", ("file", "group"))
    assert [dict(row) for row in reader] == [{"file": "a", "Camera Model": "b", "SKIN": "c", "": "d"}]


@pytest.mark.parametrize("text", ["0_1", "1_0e-1", "\u0660.5", "0x1", "nan", "inf", "-0.1", "1.5", "0,5", "50%", "", "None"])
def test_what_is_no_number_in_decimals_is_no_score(text: str) -> None:
    """Whatever Python makes of it."""
    with pytest.raises(BadInputError, match="is not a score"):
        probability(text, SourceRef("s.csv", 2))


@pytest.mark.parametrize(("text", "value"), [("0.5", 0.5), (" 1 ", 1.0), ("1.28746033e-05", 1.28746033e-05), (".5", 0.5), ("0.", 0.0)])
def test_a_number_in_decimals_is_one(text: str, value: float) -> None:
    """With or without an exponent."""
    assert probability(text, SourceRef("s.csv", 2)) == value
