"""``averment prove`` from the command line: verdicts, exit codes, records. Images are gradients made here with Pillow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import averment.detector.opening
import averment.evidence.claims
from averment.cli.main import run
from averment.core.errors import MissingExtraError
from averment.core.organisation import Organisation
from averment.detector.credentials.keys import signing_identity
from averment.detector.credentials.signing import sign_media
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Gathering, Kind


class Oracle(Detector):
    """Knows the synthetic images of the shipped corpus by heart; ``wrong`` turns every answer round."""

    def __init__(self, *, wrong: bool) -> None:
        self._wrong = wrong

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("oracle", "1", None, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        found = []
        for image in images:
            synthetic = image in SYNTHETIC
            found.append(Score({Family.SYNTHETIC_IMAGE: 0.9 if synthetic is not self._wrong else 0.1}))
        return found


def synthetic_images() -> frozenset[bytes]:
    from averment.detector.claims.interface import ClaimContext
    from averment.detector.claims.populations import REFERENCE, open_population

    corpus = open_population(REFERENCE, ClaimContext())
    return frozenset(corpus.read(item) or b"" for item in corpus.items if item.labels["label"] == "synthetic")


SYNTHETIC = synthetic_images()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with an organisation's file, four signed images and two unsigned ones."""
    signer, chain = signing_identity(None, None, Path("ca"), tmp_path)
    for folder, marks in (("marked", [True] * 4), ("mixed", [True, True, False, False])):
        (tmp_path / folder).mkdir()
        for number, mark in enumerate(marks):
            path = tmp_path / folder / f"{number}.png"
            Image.linear_gradient("L").rotate(90 * number).save(path)
            if mark:
                path.write_bytes(sign_media(path.read_bytes(), signer, chain).data)
    (tmp_path / "averment.yaml").write_text(
        "version: 1\nparameters:\n  trust_anchors: ca/test-authority.pem\n  populations: {generated-media: marked, mixed-media: mixed}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def coverage(folder: Path, population: str, **fields: Any) -> str:
    path = folder / "claim.yaml"
    path.write_text(json.dumps({"type": "disclosure-coverage", "population": population, "at_least": 0.99, **fields}))
    return str(path)


def records(folder: Path) -> list[Any]:
    with open_ledger(Organisation(root=folder)) as ledger:
        return [entry.record for entry in ledger.records()]


def test_a_supported_claim_exits_0_and_is_in_the_ledger(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything that a reader needs is printed, and the record names the control's assessment."""
    assert run(["prove", "SM-PRV-01"]) == 0
    printed = capsys.readouterr()
    for word in ("SM-PRV-01/coverage", "supported", "at least 99 %", "seed 20261001", "4 of 4 are marked", "estimate  1.0000 (census: "):
        assert word in printed.out
    assert "recorded 1" in printed.err
    (record,) = records(shop)
    assert (record.kind, record.controls, record.payload["verdict"]) == (Kind.CLAIM, ("SM-PRV-01/coverage",), "supported")
    assert record.id in printed.out


def test_a_refuted_claim_exits_1(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stand-alone file; its record names no control."""
    assert run(["prove", coverage(shop, "mixed-media")]) == 1
    assert "refuted" in capsys.readouterr().out
    assert records(shop)[0].controls == ()


def test_an_open_claim_exits_3_and_says_what_would_settle_it(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not enough isn't clean."""
    assert run(["prove", coverage(shop, "generated-media", sample=3), "--no-record"]) == 3
    printed = capsys.readouterr().out
    assert "inconclusive" in printed
    assert "about 4 independent units" in printed  # all there is: then nothing is left to infer
    assert not (shop / ".averment").exists()


def test_json_carries_the_whole_result(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Machine-readable on stdout and nothing else there."""
    assert run(["prove", "SM-PRV-01", "--format", "json", "--seed", "7"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["id"], entry["error"]) == ("SM-PRV-01/coverage", None)
    assert (entry["result"]["verdict"], entry["result"]["seed"], entry["result"]["samples"]) == ("supported", 7, 4)
    assert entry["record"] == records(shop)[0].id


def test_a_claim_that_can_not_be_tested_exits_3_and_is_recorded(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Told on the terminal and in the ledger, with the fix."""
    assert run(["prove", "SM-PRV-01", "--population", "generated-media=nowhere"]) == 3
    assert "could not be tested" in capsys.readouterr().out
    (record,) = records(shop)
    assert record.gathering is Gathering.COULD_NOT
    assert "does not exist" in record.reason


def test_a_package_that_is_missing_here_is_told_and_not_recorded(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a part of the packages alone, what had been supported was no longer assessed; what needs none of the others is tested all the same."""
    broken_by(monkeypatch, "generated-media", MissingExtraError("scoring needs the package 'onnxruntime', which is not installed"))
    claims = two_on_one_line(shop)
    assert run(["prove", claims]) == 1
    told = " ".join("".join(capsys.readouterr()).split())
    assert "could not be tested scoring needs the package 'onnxruntime'" in told
    assert "not recorded, for what isn't installed here says nothing of a claim: claims.yaml:1 " in f"{told} "
    assert [record.payload["verdict"] for record in records(shop)] == ["refuted"]
    assert run(["prove", coverage(shop, "generated-media")]) == 3
    assert len(records(shop)) == 1


def two_on_one_line(folder: Path, *, first: str = "generated-media") -> str:
    claim = "{type: disclosure-coverage, population: %s, at_least: %s}"
    path = folder / "claims.yaml"
    path.write_text(f"claims: [{claim % (first, 0.99)}, {claim % ('mixed-media', 0.75)}]\n")
    return "claims.yaml"


def test_claims_on_one_line_have_ids_and_records_of_their_own(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Else the refuted one takes the place of the supported one in the ledger, or is lost; the plan has both, and a file named twice is one."""
    claims = two_on_one_line(shop)
    assert run(["prove", claims, claims, "--format", "json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [entry["id"] for entry in told] == ["claims.yaml:1", "claims.yaml:1#2"]
    made = {record.id: record.payload["verdict"] for record in records(shop)}
    assert [made[entry["record"]] for entry in told] == ["supported", "refuted"]
    run(["prove", claims, "--plan", "--format", "json"])
    assert list(json.loads(capsys.readouterr().out)) == ["claims.yaml:1", "claims.yaml:1#2"]


def broken_by(monkeypatch: pytest.MonkeyPatch, population: str, error: BaseException) -> None:
    real = averment.evidence.claims.run_claim

    def run_claim(spec: Any, context: Any) -> Any:
        if spec["population"] == population:
            raise error
        return real(spec, context)

    monkeypatch.setattr(averment.evidence.claims, "run_claim", run_claim)


def test_a_flaw_of_the_program_is_that_claims_error_and_no_others(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second claim is tested and recorded; the first could not be completed, and it says that the program is to blame. Exit 3."""
    broken_by(monkeypatch, "generated-media", ZeroDivisionError("nobody foresaw it"))
    two_on_one_line(shop)
    text = (shop / "claims.yaml").read_text().replace("0.75", "0.5")
    (shop / "claims.yaml").write_text(text)
    assert run(["prove", "claims.yaml"]) == 3
    printed = " ".join(capsys.readouterr().out.split())
    assert "a flaw of averment itself: ZeroDivisionError: nobody foresaw it" in printed
    first, second = records(shop)
    assert (first.gathering, second.payload["verdict"]) == (Gathering.COULD_NOT, "supported")


def test_what_was_tested_is_recorded_before_the_next_claim_is(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that the user stops has looked at what it had come to; the ledger knows of that."""
    broken_by(monkeypatch, "mixed-media", KeyboardInterrupt())
    assert run(["prove", two_on_one_line(shop)]) == 130
    (record,) = records(shop)
    assert record.payload["verdict"] == "supported"


def test_places_are_given_on_the_command_line_too(shop: Path) -> None:
    """Relative to where the user stands, and they win over the file's."""
    assert run(["prove", "SM-PRV-01", "--population", "generated-media=mixed", "--no-record"]) == 1


def test_a_performance_claim_opens_the_named_detector(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A perfect detector supports the shipped claim, its opposite refutes it."""
    opened: list[str] = []

    def opening(wrong: bool) -> Any:
        def open_detector(name: str) -> Detector:
            opened.append(name)
            return Oracle(wrong=wrong)

        return open_detector

    monkeypatch.setattr(averment.detector.opening, "open_detector", opening(False))
    claims = ["SM-DET-03/performance", "SM-DET-03/genuine"]
    assert run(["prove", *claims, "--detector", "sagemaker:mine", "--no-record"]) == 0
    monkeypatch.setattr(averment.detector.opening, "open_detector", opening(True))
    assert run(["prove", *claims, "--no-record"]) == 1
    assert opened == ["sagemaker:mine", "embedded"]


def test_the_embedded_detector_is_judged_on_the_shipped_corpus(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole way, with the real model: a verdict, an interval, and every image of the corpus accounted for."""
    code = run(["prove", "SM-DET-03/performance", "--format", "json", "--no-record"])
    (entry,) = json.loads(capsys.readouterr().out)
    assert code == {"supported": 0, "refuted": 1, "inconclusive": 3}[entry["result"]["verdict"]]
    assert entry["result"]["samples"] == entry["result"]["inputs"]["count"]
    assert entry["result"]["inputs"]["detector"]["sha256"]


def test_a_claim_that_consists_of_checks_tells_each(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The shipped corpus keeps its own claim: eight checks, each with what it looked at."""
    assert run(["prove", "SM-GOV-03", "--no-record"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "SM-GOV-03/data supported" in printed
    assert printed.count(": holds (") == 8
    assert "check consent: holds (38 looked at: each picture of a real person states a ground" in printed


def test_a_broken_check_names_what_breaks_it(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which files, the first three of them, and how many more; the rule is told from the breach. Each file lacks a licence and none is there."""
    Path("m.csv").write_text("file,licence\n" + "".join(f"{number}.png,\n" for number in range(5)) + "mixed/0.png,MIT\n")
    Path("data.yaml").write_text("{type: data-governance, population: m.csv, checks: [hashes, licences], licences: [MIT]}")
    assert run(["prove", "data.yaml", "--no-record"]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert (
        "check licences: broken (5 of 6 break the rule: every licence is one of MIT) "
        "0.png: none stated 1.png: none stated 2.png: none stated and 2 more"
    ) in printed
    assert "0.png: the manifest names a file that does not exist" in printed


def test_what_a_manifest_says_makes_no_lines_of_its_own(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file's name with a line break in it wrote the line of a verdict that nobody had come to."""
    forged = "x\nclaims.yaml:9  supported"
    Image.linear_gradient("L").save(shop / "a.png")
    (shop / "m.csv").write_text(f'file,label,licence\na.png,real,"{forged}"\n')
    spec = {"type": "data-governance", "population": "m.csv", "checks": ["licences"]}
    (shop / "claim.yaml").write_text(json.dumps(spec))
    assert run(["prove", "claim.yaml"]) == 1
    told = capsys.readouterr()
    assert "x\\x0aclaims.yaml:9  supported" in told.out
    assert not [line for line in (told.out + told.err).splitlines() if line.startswith("claims.yaml:9")]


def test_where_nothing_was_estimated_nothing_is_made_of_an_estimate(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without one score today: what it takes at least, and not "if the truth is as estimated"."""
    Path("before.csv").write_text("score\n" + "0.5\n0.25\n" * 20)
    Path("today.csv").write_text("score\n" + "\n" * 5)
    Path("claim.yaml").write_text(
        "{type: drift, statistic: psi, attack: synthetic-image, reference: before.csv, population: today.csv, at_most: 0.1}"
    )
    assert run(["prove", "claim.yaml", "--no-record"]) == 3
    printed = capsys.readouterr().out
    assert "estimate  none" in printed
    assert "to settle at least " in printed
    assert "as estimated" not in printed


def test_one_unit_is_told_in_the_singular(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the line on the sample."""
    Path("one").mkdir()
    Path("one/0.png").write_bytes(Path("marked/0.png").read_bytes())
    assert run(["prove", coverage(shop, "one"), "--population", "one=one", "--no-record"]) == 0
    assert "1 media, 1 independent unit; seed" in capsys.readouterr().out


def test_a_place_for_a_name_that_no_claim_draws_from_is_bad_input(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By a slip of the keyboard the claim was tested on what ``averment.yaml`` names, and supported. What another claim draws from may be named:
    one line for several runs."""
    claim = coverage(shop, "marked")
    for arguments in (["SM-PRV-01"], ["--plan", "SM-PRV-01"], [claim, "--no-record"]):
        assert run(["prove", *arguments, "--population", "generatd-media=mixed"]) == 2
        assert "no claim draws from a population called 'generatd-media'" in capsys.readouterr().err
    assert not (shop / ".averment").exists()
    assert run(["prove", "SM-PRV-01", "--population", "reviewed-media=mixed"]) == 0
    (record,) = records(shop)
    assert run(["prove", "--replay", record.id, "--population", "generatd-media=mixed"]) == 2
    assert "the claims that are asked for draw from: generated-media" in capsys.readouterr().err


def test_a_plan_names_the_populations_that_a_test_would_lack(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sizes hold without it and are told, but nobody can test that claim: a name that nothing is known of, or a place where nothing lies."""
    claims = [coverage(shop, "generatd-media"), "SM-PRV-01"]
    assert run(["prove", "--plan", *claims]) == 3
    printed = capsys.readouterr()
    assert printed.out.count("can't be tested yet: nothing is known of the population 'generatd-media' (known: generated-media, ") == 1
    assert printed.out.count("at least 368 media") == 2
    assert "population 'generated-media'" not in printed.out
    assert run(["prove", "--plan", "SM-PRV-01", "--population", "generated-media=gone", "--format", "json"]) == 3
    printed = capsys.readouterr()
    (lacks,) = json.loads(printed.out)["SM-PRV-01/coverage"]["lacks"]
    assert "the population 'generated-media' has nothing in its place" in lacks
    assert "note: can't be tested yet: the population 'generated-media'" in " ".join(printed.err.split())


def test_a_file_with_an_empty_list_of_claims_is_bad_input(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, with the file: nothing was tested, and that is a slip in it and no matter of the controls."""
    Path("none.yaml").write_text("claims: []\n")
    for arguments in (["none.yaml"], ["--plan", "none.yaml"]):
        assert run(["prove", *arguments]) == 2
        assert "none.yaml:1: states no claim: the list claims is empty" in capsys.readouterr().err


def test_a_plan_says_once_what_holds_for_all_its_sizes(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of an APCER it stood on each line, that of not one error included, where no generator errs."""
    claim = {"type": "performance", "metric": "apcer", "attack": "synthetic-image", "population": "reference-corpus", "at_most": 0.1}
    Path("worst.yaml").write_text(json.dumps(claim))
    assert run(["prove", "--plan", "worst.yaml"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("independent attacks of each generator, ") == 5
    assert printed.count("where several generators err alike, it takes more of each") == 1
    assert run(["prove", "--plan", "worst.yaml", "--format", "json"]) == 0
    (plan,) = json.loads(capsys.readouterr().out).values()
    assert (plan["unit"], plan["note"]) == (
        "independent attacks of each generator",
        "where several generators err alike, it takes more of each",
    )


def test_the_plan_runs_nothing(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No record, no detector, sample sizes for every claim of the catalogue; exit 0 where each can be tested."""
    assert run(["prove", "--plan", "SM-PRV-01", "SM-DET-03/reproducible"]) == 0
    printed = capsys.readouterr().out
    assert "SM-DET-03" in printed
    assert "at least 368 media" in printed
    assert run(["prove", "--plan", "--format", "json"]) == 3
    assert json.loads(capsys.readouterr().out)["SM-PRV-01/coverage"]["least"] == 368
    assert not (shop / ".averment").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["SM-NOPE-01"], "SM-NOPE-01"),
        (["--population", "generated-media"], "NAME=PLACE"),
        (["missing.yaml"], "does not exist"),
        (["--seed", "-1"], "seed"),
        (["--detector", "zzz"], "'zzz' is not a detector"),
        (["SM-PRV-01", "--trust", "missing.pem"], "no such file of trust anchors"),
        (["SM-PRV-01", "--trust", "averment.yaml"], "averment.yaml: the trust anchors are not certificates in PEM"),
    ],
)
def test_usage_errors_exit_2(shop: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that names what is wrong, and nothing in the ledger: a slip is no look at a claim."""
    assert run(["prove", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (shop / ".averment").exists()
