"""What every claim reads alike: a confidence that can mean something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.detector.claims.interface import ClaimContext, Looks
from averment.detector.claims.populations import FilePopulation, Item
from averment.detector.claims.registry import claim_type
from averment.detector.claims.run import check_claim, plan_claim
from averment.detector.claims.scores import scores_of
from averment.detector.interface import Family
from averment.evidence.claims import asked_claims

CLAIMS: list[dict[str, Any]] = [
    {"type": "performance", "metric": "auc", "attack": "synthetic-image", "population": "p", "at_least": 0.8},
    {"type": "calibration", "metric": "ece", "attack": "synthetic-image", "population": "p", "at_most": 0.1},
    {"type": "robustness", "metric": "auc", "attack": "synthetic-image", "population": "p", "transforms": [{"jpeg": 50}], "at_most": 0.1},
    {"type": "subgroup-gap", "metric": "bpcer", "attack": "synthetic-image", "population": "p", "by": "tone", "at_most": 0.1},
    {"type": "drift", "statistic": "psi", "attack": "synthetic-image", "reference": "r", "population": "p", "at_most": 0.1},
    {"type": "latency", "population": "p", "at_most": 40},
    {"type": "disclosure-coverage", "population": "p", "at_least": 0.99},
    {"type": "watermark-coverage", "population": "p", "at_least": 0.9},
]


@pytest.mark.parametrize("confidence", [0.5, 0.001])
@pytest.mark.parametrize("spec", CLAIMS, ids=lambda spec: spec["type"])
def test_a_confidence_of_a_half_or_less_is_refused(spec: dict[str, Any], confidence: float) -> None:
    """There the bounds cross, and anything would be supported; just above it a claim can be planned."""
    with pytest.raises(BadInputError, match=f"confidence is {confidence:g}") as caught:
        check_claim({**spec, "confidence": confidence})
    assert "above 0.5" in str(caught.value.fix)
    assert plan_claim({**spec, "confidence": 0.51}).statement


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (5, "0.05 for 5 %"),
        ("5 %", "0.05 for 5 %"),
        ("5%", "0.05 for 5 %"),
        ("0,05", "0.05 for 5 %"),
        (99.5, "0.995 for 99.5 %"),
        ("much", "as 0.95"),
    ],
)
def test_a_share_in_per_cent_is_told_as_the_share_that_was_meant(written: Any, meant: str) -> None:
    """Of a false positive rate of 5 % it was said to write such as 0.95."""
    spec = {"type": "performance", "metric": "tpr", "attack": "synthetic-image", "population": "p", "at_least": 0.8, "at_fpr": written}
    with pytest.raises(BadInputError) as caught:
        check_claim(spec)
    assert str(caught.value.fix).endswith(meant)


@pytest.mark.parametrize("spec", [spec for spec in CLAIMS if "attack" in spec], ids=lambda spec: spec["type"])
def test_what_makes_a_claim_weaker_stands_in_its_statement(spec: dict[str, Any]) -> None:
    """Images counted one by one though they are frames of a video, and a detector that need not answer: a report shows the statement, and not the file."""
    usual = plan_claim(spec).statement
    assert "answered" not in usual
    assert "unit" not in usual.replace("groups from 30 independent units", "")
    assert "units by person" in plan_claim({**spec, "clusters": "person"}).statement
    assert "each image a unit of its own" in plan_claim({**spec, "clusters": "file"}).statement
    if spec["type"] != "performance":
        assert "; at least 0 % answered" in plan_claim({**spec, "answered_at_least": 0}).statement
        assert plan_claim({**spec, "answered_at_least": 0.9}).statement == usual
    if spec["type"] == "drift":
        assert "index over 2 bins of the scores" in plan_claim({**spec, "bins": 2}).statement
        assert "bins" not in usual


@pytest.mark.parametrize("value", ["yes", "true", "off"])
@pytest.mark.parametrize("spec", CLAIMS, ids=lambda spec: spec["type"])
def test_what_yaml_takes_for_true_is_no_word_of_a_table(spec: dict[str, Any], value: str) -> None:
    """``where: {public: yes}`` looked for the word True: the rows that say yes were left out, unseen where a single one says True."""
    with pytest.raises(BadInputError, match=r"where asks for (true|false) in public") as caught:
        check_claim({**spec, "where": yaml.safe_load(f"{{public: {value}}}")})
    assert 'public: "yes"' in str(caught.value.fix)
    check_claim({**spec, "where": yaml.safe_load(f'{{public: "{value}"}}')})


def test_a_row_is_the_same_however_its_accents_are_composed(tmp_path: Path) -> None:
    """A Mac writes é as two signs, where others write one. The rows of one way were left out of a claim that was written in the other, unseen; and the
    claim had looks of its own."""
    one, two = "M\u00e9xico", "Me\u0301xico"
    population = FilePopulation("p", "p", [Item("a", "", {"place": one}), Item("b", "", {"place": two})], tmp_path, hashed=True)
    (tmp_path / "s.csv").write_text(f"score,place\n0.1,{one}\n0.2,{two}\n", encoding="utf-8")
    for written in (one, two):
        assert len(population.only({"place": written})) == 2
        assert len(scores_of("s.csv", {"place": written}, None, Family.SYNTHETIC_IMAGE, ClaimContext(root=tmp_path)).values) == 2
    figures = [claim_type(CLAIMS[0]).figure({**CLAIMS[0], "where": {"place": written}}) for written in (one, two)]
    assert figures[0] == figures[1]


def test_no_bar_reads_as_all_or_nothing_that_is_neither() -> None:
    """A claim that 99.9997 % are marked was told, and recorded, as one on 100 %."""
    for bar, told in ((0.999997, "99.9997 %"), (1, "100 %"), (0.99999, "99.999 %"), (0.07, "7 %")):
        assert plan_claim({**CLAIMS[-2], "at_least": bar}).statement.startswith(f"at least {told} of")
    rate = {"type": "performance", "metric": "bpcer", "attack": "synthetic-image", "population": "p"}
    assert "is at most 0.0003 % " in plan_claim({**rate, "at_most": 0.000003}).statement
    assert "is at most 0 % " in plan_claim({**rate, "at_most": 0}).statement


@pytest.mark.parametrize("confidence", [0.99991, 0.9999999999999])
@pytest.mark.parametrize("spec", CLAIMS, ids=lambda spec: spec["type"])
def test_more_confidence_than_looks_can_share_is_refused(spec: dict[str, Any], confidence: float) -> None:
    """Rounded, the level of its bounds would be one, which was a flaw of the program at the claim's run. At the limit the plan for ten
    thousand looks can be made, whose levels lie above it."""
    with pytest.raises(BadInputError, match=f"confidence is {confidence!r}") as caught:
        check_claim({**spec, "confidence": confidence})
    assert "up to 0.9999" in str(caught.value.fix)
    most = {**spec, "confidence": 0.9999, "looks": {"planned": 10_000}}
    check_claim(most)
    assert plan_claim(most, Looks()).statement


@pytest.mark.parametrize("bar", [1e-300, 9.9e-7, 1 - 9.9e-7, 0.9999999999999999])
@pytest.mark.parametrize("spec", CLAIMS, ids=lambda spec: spec["type"])
def test_a_bar_that_no_sample_tells_from_nought_or_one_is_refused(spec: dict[str, Any], bar: float) -> None:
    """Its plan would be of more units than a number can hold. Of what can be larger than one, one is no end."""
    key = "at_least" if "at_least" in spec else "at_most"
    if bar > 0.5 and spec["type"] in {"drift", "latency"}:
        assert plan_claim({**spec, key: bar}).statement
        return
    with pytest.raises(BadInputError, match=f"{key} is {bar!r}") as caught:
        check_claim({**spec, key: bar})
    assert caught.value.fix
    assert plan_claim({**spec, key: 1e-6 if bar < 0.5 else 1 - 1e-6}, Looks()).statement


@pytest.mark.parametrize("transform", [{"crop": 1}, {"resize": 1}, {"resize": 1.0}, {"resize": 0.999}, {"crop": 0.999}])
@pytest.mark.parametrize("spec", [CLAIMS[2], CLAIMS[7]], ids=lambda spec: spec["type"])
def test_a_transform_that_changes_nothing_is_refused(spec: dict[str, Any], transform: dict[str, float]) -> None:
    """As a blur of nought is: a detector withstands it whatever it is worth."""
    with pytest.raises(BadInputError, match=f"the strength of {next(iter(transform))} is") as caught:
        check_claim({**spec, "transforms": [transform]})
    assert "0.99" in str(caught.value.fix)
    check_claim({**spec, "transforms": [{"crop": 0.99}, {"resize": 0.99}, {"resize": 1.01}, {"screenshot": 1}]})


DATA = {"type": "data-governance", "population": "p"}
SAME = {"type": "reproducibility", "population": "p"}


@pytest.mark.parametrize("spec", [*CLAIMS, DATA, SAME], ids=lambda spec: spec["type"])
def test_a_statement_names_the_rows_that_it_is_about(spec: dict[str, Any]) -> None:
    """Else one sentence is refuted of all media and supported of some of them."""
    told = plan_claim({**spec, "where": {"channel": "web"}}).statement
    assert "p (channel web)" in told
    assert told != plan_claim(spec).statement


def test_a_statement_that_infers_nothing_names_its_sample() -> None:
    """One image shows nothing of the others."""
    assert "on at most 1 image drawn from p (kind face)" in plan_claim({**SAME, "sample": 1, "where": {"kind": "face"}}).statement
    assert "on p," in plan_claim(SAME).statement


@pytest.mark.parametrize(
    ("spec", "bar"),
    [
        (CLAIMS[0], {"at_least": 0}),
        ({**CLAIMS[0], "metric": "bpcer"}, {"at_most": 1}),
        ({**CLAIMS[0], "metric": "apcer"}, {"at_most": 1.0}),
        (CLAIMS[1], {"at_most": 1}),
        ({**CLAIMS[1], "metric": "brier"}, {"at_most": 1}),
        (CLAIMS[2], {"at_most": 1}),
        (CLAIMS[3], {"at_most": 1}),
        ({**CLAIMS[4], "statistic": "ks"}, {"at_most": 1}),
        (CLAIMS[6], {"at_least": 0}),
        (CLAIMS[7], {"at_least": 0.0}),
        (DATA, {"at_least": 0}),
        (DATA, {"balance": {"kind": 0.1, "label": 0}}),
        (DATA, {"subgroups": {"label": 0}}),
        (SAME, {"tolerance": 1}),
        (SAME, {"at_least": 0}),
    ],
)
def test_a_bar_that_nothing_can_miss_is_refused(spec: dict[str, Any], bar: dict[str, Any]) -> None:
    """Supported by whatever is found, it would say nothing in the words of something; what to write instead is said."""
    stated = {key: value for key, value in spec.items() if key not in {"at_least", "at_most"}}
    with pytest.raises(BadInputError, match="which says nothing") as caught:
        check_claim({**stated, **bar})
    assert caught.value.fix


def test_the_refusal_names_the_file_and_the_line(tmp_path: Path) -> None:
    """A file of claims passes no schema, so the reader itself is what stands in the way."""
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump({"claims": [CLAIMS[0], {**CLAIMS[1], "confidence": 0.001}]}))
    with pytest.raises(BadInputError, match=r"confidence is 0\.001") as caught:
        asked_claims(lambda: load_catalogue(Organisation()), [str(path)])
    assert caught.value.where is not None
    assert caught.value.where.file == str(path)
    assert caught.value.where.line is not None
    assert caught.value.where.line > 5
