"""Reproducibility claims: the model of the lock, the scores of the release, on the shipped detector and on doubles made here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from averment.core.canonical import canonical_json
from averment.core.errors import BadInputError, IncompleteError
from averment.core.words import ClaimVerdict
from averment.detector import corpus, model
from averment.detector.claims import reference_scores, reproducibility
from averment.detector.claims.environment import environment
from averment.detector.claims.interface import ClaimContext, ClaimResult
from averment.detector.claims.reproducibility import CHECKS, difference, read_scores
from averment.detector.claims.run import check_claim, plan_claim, run_claim
from averment.detector.embedded import EmbeddedDetector
from averment.detector.interface import Detector, DetectorInfo, Family, Score

SYNTHETIC, FACE = Family.SYNTHETIC_IMAGE, Family.MANIPULATED_FACE


class Digits(Detector):
    """Reads the probability out of the file. ``wobble`` is added whenever an image comes alone."""

    def __init__(self, *, wobble: float = 0.0, sha256: str | None = "a" * 64) -> None:
        self._wobble, self._sha256 = wobble, sha256

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("digits", "1", self._sha256, (SYNTHETIC,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        shift = self._wobble if len(images) == 1 else 0.0
        return [Score({SYNTHETIC: float(image) + shift}) if image else Score(cannot_say="empty") for image in images]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four media whose content is their score, a lock of the detector ``Digits``, and its scores at release."""
    (tmp_path / "media").mkdir()
    for number in range(4):
        (tmp_path / "media" / f"{number}.png").write_bytes(b"0.%d" % number)
    (tmp_path / "train.csv").write_text("file\nx.png\n")
    here = environment()
    lock = {
        "model": {"sha256": "a" * 64},
        "data": {"manifest_sha256": digest(b"file\nx.png\n")},
        "environment": {"python": here["python"], "machine": here["machine"], "packages": {**here["packages"], "torch": "9"}},
    }
    (tmp_path / "lock.json").write_text(json.dumps(lock))
    rows = "".join(f"{digest(b'0.%d' % number)},0.{number},\n" for number in range(4))
    (tmp_path / "scores.csv").write_text(f"sha256,synthetic-image,cannot_say\n{rows}")
    return tmp_path


def run(folder: Path, detector: Detector | None = None, **fields: Any) -> ClaimResult:
    spec = {"type": "reproducibility", "population": "p", "lock": "lock.json", "data": "train", "scores": "scores.csv", **fields}
    spec = {key: value for key, value in spec.items() if value is not None}
    places = {"p": "media", "train": "train.csv"}
    return run_claim(spec, ClaimContext(detector=detector or Digits(), populations=places, root=folder))


def outcomes(result: ClaimResult) -> dict[str, str]:
    return {check["check"]: check["outcome"] for check in result.details["checks"]}


def examples(result: ClaimResult, name: str) -> list[str]:
    return next(check["examples"] for check in result.details["checks"] if check["check"] == name)


def test_the_released_detector_in_its_environment_is_supported(folder: Path) -> None:
    """All five checks hold; packages of the lock that no figure depends on (torch) are not asked for."""
    result = run(folder)
    assert outcomes(result) == dict.fromkeys(CHECKS, "holds")
    assert (result.verdict, result.samples) == (ClaimVerdict.SUPPORTED, 4)
    assert result.inputs["lock"]["model"] == "a" * 64
    canonical_json(result.to_json())


def test_a_hash_in_capitals_is_the_same_hash(folder: Path) -> None:
    """Windows' tools write them so: the model and the data were others by that, and no image had been scored at release."""
    for name in ("lock.json", "scores.csv"):
        text = (folder / name).read_text()
        (folder / name).write_text(re.sub("[0-9a-f]{64}", lambda found: found[0].upper(), text))
    assert outcomes(run(folder)) == dict.fromkeys(CHECKS, "holds")
    assert outcomes(run(folder, Digits(sha256="A" * 64), checks=["model"])) == {"model": "holds"}


def test_another_model_is_refuted(folder: Path) -> None:
    """With both hashes."""
    result = run(folder, Digits(sha256="b" * 64))
    assert outcomes(result)["model"] == "broken"
    assert result.verdict is ClaimVerdict.REFUTED
    assert examples(result, "model") == [f"{'b' * 64}, and the lock has {'a' * 64}"]


def test_a_detector_that_names_no_hash_leaves_the_model_open(folder: Path) -> None:
    """Nothing was compared, so nothing is said."""
    result = run(folder, Digits(sha256=None))
    assert outcomes(result)["model"] == "could not be checked"
    assert result.verdict is ClaimVerdict.INCONCLUSIVE


def test_without_a_lock_its_checks_are_open(folder: Path) -> None:
    """A detector that isn't the embedded one has no lock by itself."""
    found = outcomes(run(folder, lock=None))
    assert {name for name, outcome in found.items() if outcome == "could not be checked"} == {"model", "data", "environment"}


def test_other_training_data_are_refuted_and_absent_ones_open(folder: Path) -> None:
    """By the hash of their manifest."""
    (folder / "train.csv").write_text("file\ny.png\n")
    assert outcomes(run(folder))["data"] == "broken"
    (folder / "train.csv").unlink()
    assert outcomes(run(folder))["data"] == "could not be checked"
    assert "data" not in outcomes(run(folder, data=None))
    with pytest.raises(BadInputError, match="needs the training data"):
        check_claim({"type": "reproducibility", "population": "p", "checks": ["data"]})


def test_another_environment_is_named(folder: Path) -> None:
    """Package by package."""
    lock = json.loads((folder / "lock.json").read_text())
    lock["environment"]["packages"]["numpy"] = "1.0"
    (folder / "lock.json").write_text(json.dumps(lock))
    result = run(folder)
    assert outcomes(result)["environment"] == "broken"
    assert examples(result, "environment") == [f"numpy: 1.0 in the lock, {environment()['packages']['numpy']} here"]


def test_an_environment_that_lacks_a_package_is_another_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the lock names and figures depend on has to be here."""
    here = environment()
    packages = {name: version for name, version in here["packages"].items() if name != "scipy"}
    monkeypatch.setattr(reproducibility, "environment", lambda: {**here, "packages": packages})
    result = run(folder)
    assert outcomes(result)["environment"] == "broken"
    assert examples(result, "environment") == [f"scipy: {here['packages']['scipy']} in the lock, not here"]


@pytest.mark.parametrize("kept", [(), ("python", "machine"), ("packages",), ("python", "packages")])
def test_a_lock_that_leaves_out_the_environment_does_not_hold(folder: Path, kept: tuple[str, ...]) -> None:
    """Nothing compared is nothing shown, in whole or in part; packages that no figure depends on (torch) make no environment."""
    lock = json.loads((folder / "lock.json").read_text())
    lock["environment"] = {key: value for key, value in lock["environment"].items() if key in kept}
    (folder / "lock.json").write_text(json.dumps(lock))
    assert outcomes(run(folder))["environment"] == "could not be checked"
    lock["environment"]["packages"] = {"torch": "9"}
    (folder / "lock.json").write_text(json.dumps(lock))
    assert outcomes(run(folder))["environment"] == "could not be checked"


def test_scores_that_change_when_asked_again_are_refuted(folder: Path) -> None:
    """By more than the tolerance; below it they count as the same, with the difference on record."""
    assert outcomes(run(folder, Digits(wobble=0.01)))["repeated"] == "broken"
    calm = run(folder, Digits(wobble=0.0001))
    assert outcomes(calm)["repeated"] == "holds"
    (figures,) = [check["figures"] for check in calm.details["checks"] if check["check"] == "repeated"]
    assert figures["largest_difference"] == pytest.approx(0.0001)
    assert outcomes(run(folder, Digits(wobble=0.0001), tolerance=0))["repeated"] == "broken"


@pytest.mark.parametrize("order", [(SYNTHETIC, FACE), (FACE, SYNTHETIC)])
def test_a_score_that_is_no_number_is_near_to_none(order: tuple[Family, Family]) -> None:
    """In whichever family it stands."""
    one = {order[0]: 0.5, order[1]: float("nan")}
    assert difference(Score(one), Score(dict.fromkeys(order, 0.5))) is None


def test_a_detector_that_gives_no_number_is_refuted(folder: Path) -> None:
    """Twice the same nothing isn't the same score."""
    for number in range(4):
        (folder / "media" / f"{number}.png").write_bytes(b"nan")
    assert outcomes(run(folder, scores=None))["repeated"] == "broken"


def test_silence_that_repeats_itself_shows_nothing(folder: Path) -> None:
    """A detector that never answers agrees with itself and with a release that never answered; one that answers mostly is known by that."""
    silent = Score(cannot_say="empty")
    for number in range(4):
        (folder / "media" / f"{number}.png").write_bytes(b"0.%d" % number)
    mute = type("Mute", (Digits,), {"score": lambda self, images: [silent for _ in images]})()
    (folder / "scores.csv").write_text("sha256,synthetic-image,cannot_say\n" + "".join(f"{digest(b'0.%d' % n)},,empty\n" for n in range(4)))
    result = run(folder, mute)
    assert (outcomes(result)["repeated"], outcomes(result)["scores"]) == ("could not be checked", "could not be checked")
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert "of 4 of 4 images the detector can't say" in result.reason
    (folder / "media" / "3.png").write_bytes(b"")
    mostly = next(check for check in run(folder, scores=None).details["checks"] if check["check"] == "repeated")
    assert (mostly["outcome"], mostly["figures"]["silent"]) == ("holds", 1)


def test_scores_that_are_not_those_of_the_release_are_refuted(folder: Path) -> None:
    """The medium is named with what it scored then and what it scores now."""
    path = folder / "scores.csv"
    path.write_text(path.read_text().replace(",0.2,", ",0.9,"))
    result = run(folder)
    assert outcomes(result)["scores"] == "broken"
    assert examples(result, "scores") == ["2.png: synthetic-image 0.9, then synthetic-image 0.2"]
    path.write_text(path.read_text().replace(",0.9,", ",,can't"))
    assert examples(run(folder), "scores") == ["2.png: can't say, then synthetic-image 0.2"]


def test_the_files_that_the_checks_compare_with_are_inputs(folder: Path) -> None:
    """Somebody else's scores at release, or another lock, under the old name: a replay called its inputs the same and the figures others."""
    first = run(folder).inputs
    (folder / "scores.csv").write_text((folder / "scores.csv").read_text().replace(",0.2,", ",0.9,"))
    second = run(folder).inputs
    assert {name for name in first if first[name] != second[name]} == {"released"}
    lock = json.loads((folder / "lock.json").read_text())
    (folder / "lock.json").write_text(json.dumps({**lock, "environment": {"python": "2.7"}}))
    third = run(folder).inputs
    assert {name for name in second if second[name] != third[name]} == {"lock"}
    assert "released" not in run(folder, checks=["model"]).inputs


def test_a_medium_that_was_not_scored_at_release_leaves_that_check_open(folder: Path) -> None:
    """A changed medium is another one."""
    (folder / "media" / "3.png").write_bytes(b"0.35")
    result = run(folder)
    assert outcomes(result)["scores"] == "could not be checked"
    assert examples(result, "scores") == ["3.png: was not scored at release"]


def test_a_sample_speaks_of_itself_alone(folder: Path) -> None:
    """Drawn by the seed; the result doesn't call it a census."""
    result = run(folder, sample=2)
    assert (result.samples, result.details["census"]) == (2, False)
    assert result.interval is not None
    assert "the sample" in result.interval.method
    assert result.inputs["sample"] != run(folder).inputs["sample"]


def test_the_embedded_detector_keeps_its_own_lock_and_scores() -> None:
    """The shipped claim, whole: the model's file is the lock's, and the corpus scores as at release. A new model needs
    ``python -m averment.detector.claims.reference_scores``."""
    spec = {"type": "reproducibility", "population": "reference-corpus", "checks": ["model", "repeated", "scores"]}
    result = run_claim(spec, ClaimContext(detector=EmbeddedDetector()))
    assert outcomes(result) == {"model": "holds", "repeated": "holds", "scores": "holds"}, result.reason
    assert result.samples == len(corpus.load())


def test_a_changed_model_file_is_refuted(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """One byte of the embedded file."""
    monkeypatch.setattr(EmbeddedDetector, "model_bytes", lambda self: b"other")
    monkeypatch.setattr(EmbeddedDetector, "score", lambda self, images: [Score(cannot_say="x") for _ in images])
    result = run(folder, EmbeddedDetector(), lock=None, scores=None, data=None, checks=["model", "scores"])
    assert outcomes(result)["model"] == "broken"
    broken = IncompleteError("the detector's model is not the one that its lock file describes")

    def refuse(self: EmbeddedDetector) -> bytes:
        raise broken

    monkeypatch.setattr(EmbeddedDetector, "model_bytes", refuse)
    assert outcomes(run(folder, EmbeddedDetector(), lock=None, checks=["model"]))["model"] == "broken"


def test_the_table_beside_the_model_is_the_one_that_is_written() -> None:
    """Names and digests are the corpus's; each of its images is in it."""
    written = read_scores(reference_scores.table(), "table")
    shipped = Path(str(model.__file__)).parent / reproducibility.REFERENCE_SCORES
    released = read_scores(shipped.read_text(), "shipped")
    assert written.keys() == released.keys()
    assert all((difference(written[key], released[key]) or 0) <= reproducibility.TOLERANCE for key in written)


def test_scores_of_other_families_or_silence_are_not_comparable() -> None:
    """Neither is close to the other."""
    one = Score({SYNTHETIC: 0.5})
    assert difference(one, Score({SYNTHETIC: 0.75})) == 0.25
    assert difference(one, Score({FACE: 0.5})) is None
    assert difference(one, Score(cannot_say="x")) is None
    assert difference(Score(cannot_say="x"), Score(cannot_say="y")) == 0.0


@pytest.mark.parametrize(
    ("text", "message"),
    [("sha256\nx\n", "no table of scores"), ("synthetic-image\n1\n", "no table"), ("sha256,synthetic-image\nx,0.5\nx,much\n", "'much'")],
)
def test_a_bad_table_of_scores_is_refused(text: str, message: str) -> None:
    """With its file."""
    with pytest.raises(BadInputError, match=message) as caught:
        read_scores(text, "scores.csv")
    assert caught.value.where is not None
    assert caught.value.where.file == "scores.csv"


@pytest.mark.parametrize("score", ["nan", "inf", "-0.1", "1.5", ""])
def test_a_score_at_release_that_is_no_probability_is_refused_with_its_line(score: str) -> None:
    """Nothing is further from "nan" than any tolerance, so such a table would agree with every detector."""
    with pytest.raises(BadInputError, match="is not a score" if score else "neither a score nor a reason") as caught:
        read_scores(f"sha256,synthetic-image,cannot_say\nx,0.5,\ny,{score},\n", "scores.csv")
    assert caught.value.where is not None
    assert (caught.value.where.file, caught.value.where.line) == ("scores.csv", 3)
    assert caught.value.fix


@pytest.mark.parametrize("second", ["x,0.7,", "x,,no face"])
def test_two_scores_of_one_image_at_release_are_refused_with_the_line(second: str) -> None:
    """The later one counted, so that a line at the end made any score the one of then. The same again is no matter."""
    table = "sha256,synthetic-image,cannot_say\nx,0.5,\ny,0.1,\n"
    assert len(read_scores(f"{table}x,0.5,\n", "scores.csv")) == 2
    with pytest.raises(BadInputError, match="gives x another score than a line before") as caught:
        read_scores(f"{table}{second}\n", "scores.csv")
    assert caught.value.where is not None
    assert caught.value.where.line == 4


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_bad_lock_is_refused(folder: Path, content: str) -> None:
    """It names the file."""
    (folder / "lock.json").write_text(content)
    with pytest.raises(BadInputError, match=r"is not") as caught:
        run(folder)
    assert "lock.json" in str(caught.value.where)


def test_a_lock_that_says_nothing_leaves_its_checks_open(folder: Path) -> None:
    """Missing fields are no match."""
    (folder / "lock.json").write_text("{}")
    assert {name for name, outcome in outcomes(run(folder)).items() if outcome == "holds"} == {"repeated", "scores"}


def test_an_empty_population_shows_nothing(folder: Path) -> None:
    """Whatever the lock says."""
    for path in (folder / "media").iterdir():
        path.unlink()
    assert run(folder).verdict is ClaimVerdict.INCONCLUSIVE


def test_without_a_detector_nothing_can_be_tested(folder: Path) -> None:
    """And the plan needs none: everything is looked at."""
    context = replace(ClaimContext(root=folder), populations={"p": "media"})
    with pytest.raises(IncompleteError, match="needs a detector"):
        run_claim({"type": "reproducibility", "population": "p"}, context)
    assert plan_claim({"type": "reproducibility", "population": "p"}).least is None


def test_every_check_that_can_be_named_is_made() -> None:
    """The names and the functions behind them are the same list, in the same order."""
    assert tuple(reproducibility.MAKERS) == CHECKS
