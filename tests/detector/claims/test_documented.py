"""What the documentation shows can be tested: its claims, the examples of the modules, and its detector."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.detector.claims.registry import CLAIM_TYPES
from averment.detector.claims.run import check_claim, plan_claim
from averment.detector.embedded import EmbeddedDetector
from averment.detector.opening import open_detector

PAGE = Path(__file__).parents[3] / "governance" / "docs" / "testing-claims.md"
BLOCKS = [
    yaml.safe_load(block)
    for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    if "looks:" not in block
]


def documented() -> list[dict[str, Any]]:
    return next(block["claims"] for block in BLOCKS if "claims" in block)


def test_the_page_has_a_row_for_every_kind() -> None:
    """Whoever looks for a claim to make sees all kinds that there are, in the registry's order."""
    rows = re.findall(r"^\| \[?`([a-z-]+)`", PAGE.read_text(encoding="utf-8"), re.MULTILINE)[1:]
    assert rows == [kind.name for kind in CLAIM_TYPES], f"give every kind of the registry a row under Kinds in {PAGE.name}"


@pytest.mark.parametrize("spec", documented(), ids=lambda spec: spec["type"])
def test_the_claims_of_the_documentation_can_be_tested(spec: dict[str, Any]) -> None:
    """Each passes the check, has a plan, and takes looks."""
    check_claim({**spec, "looks": {"planned": 12, "within": "365d"}})
    assert plan_claim(spec).statement


def example(kind: Any) -> dict[str, Any]:
    """The claim at the head of the module that implements ``kind``."""
    (block,) = re.findall(r"```yaml\n(.*?)```", inspect.getmodule(kind).__doc__ or "", re.DOTALL)
    spec: dict[str, Any] = yaml.safe_load(block)
    return spec


SEQUENTIAL = [kind for kind in CLAIM_TYPES if kind.sequential]


@pytest.mark.parametrize("kind", SEQUENTIAL, ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    ("slip", "wrong"),
    [
        ({"at_leats": 0.99}, "at_leats"),
        ({"wehre": {"kind": "face"}}, "wehre"),
        ({"looks": {"plannd": 4}}, "looks is"),
        ({"looks": 4}, "looks is 4"),
        ({"looks": {"planned": 0}}, "planned"),
        ({"looks": {"within": "1h"}}, r"looks\.within is 1h"),
        ({"looks": {"earlier": -1}}, "earlier"),
    ],
    ids=str,
)
def test_a_slip_in_a_claim_is_told_before_anything_is_measured(kind: Any, slip: dict[str, Any], wrong: str) -> None:
    """Of every type, when the claim is read: a misspelt field would be left out in silence, and looks that aren't planned found when they are over."""
    with pytest.raises(BadInputError, match=wrong):
        check_claim({**example(kind), **slip})


@pytest.mark.parametrize("kind", SEQUENTIAL, ids=lambda kind: kind.name)
def test_the_example_of_each_module_can_be_tested(kind: Any) -> None:
    """The YAML at the head of the module that implements it."""
    spec = example(kind)
    assert spec["type"] == kind.name
    check_claim(spec)


def test_the_plan_of_every_shipped_claim_can_be_made() -> None:
    """The catalogue states nothing that can't be planned for."""
    claims = [item.claim for control in load_catalogue(Organisation()) for item in control.assessments if item.claim is not None]
    assert len(claims) >= 4
    for claim in claims:
        assert plan_claim(claim).statement


def test_the_detectors_of_the_documentation_open(tmp_path: Path) -> None:
    """The specs pass their schema; digests are only shown in part, and that of the model that ships is its own."""
    specs = [block for block in BLOCKS if "kind" in block]
    assert [spec["kind"] for spec in specs] == ["onnx", "http", "embedded"]
    for spec in specs:
        shown = spec.pop("sha256", None)
        if spec["kind"] == "embedded":
            assert str(EmbeddedDetector().info.sha256).startswith(shown.removesuffix("..."))
        path = tmp_path / "detector.yaml"
        path.write_text(yaml.safe_dump(spec))
        assert open_detector(str(path))
