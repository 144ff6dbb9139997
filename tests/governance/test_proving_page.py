"""The page on claims: its statements can be tested, its overlay loads, its tables name what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from averment.controls.loader import load_catalogue
from averment.core.organisation import load_organisation
from averment.detector.claims import data_statement, duplicates, frame, reproducibility, trace
from averment.detector.claims.run import check_claim
from averment.evidence.replay import Outcome

PAGE = (Path(__file__).parents[2] / "governance" / "docs" / "proving.md").read_text()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def table(heading: str) -> list[str]:
    """The first column of the first table under a heading."""
    section = PAGE.split(f"## {heading}")[1].split("\n## ")[0]
    rows = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("|")]
    return rows[2:]


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.startswith("type:")])
def test_the_statements_on_the_page_can_be_tested(block: str) -> None:
    """Each is accepted as it stands."""
    check_claim(yaml.safe_load(block))


def test_the_overlay_on_the_page_puts_other_data_in_place(tmp_path: Path) -> None:
    """And the change is shown as one, with its reason."""
    (overlay,) = [block for block in BLOCKS if block.startswith("overlays:")]
    (tmp_path / "averment.yaml").write_text(f"version: 1\n{overlay}")
    control = load_catalogue(load_organisation(tmp_path / "averment.yaml")).get("SM-GOV-03")
    assert control is not None
    (claim,) = [item.claim for item in control.assessments if item.claim is not None]
    assert claim["population"] == "evaluation-data"
    assert any("reference-corpus → evaluation-data" in line for line in control.weakened)


def test_the_tables_name_every_check_and_outcome() -> None:
    """What a reader looks up is there, in the order of the output."""
    assert table("Data: `data-governance`") == list(data_statement.CHECKS)
    assert table("The detector: `reproducibility`") == list(reproducibility.CHECKS)
    assert {outcome.value for outcome in Outcome} == set(table("Proving again"))


def test_the_figures_on_the_page_are_those_of_the_code() -> None:
    """Bounds that a reader may rely on."""
    for figure in (
        f"within {duplicates.DISTANCE} bits",
        f"{duplicates.BITS} bits",
        f"at most {trace.MAX_LISTED:,} media",
        f"({reproducibility.TOLERANCE})",
    ):
        assert figure in PAGE
    assert frame.MAX_FRAME == 2_000_000
    assert frame.MAX_MANIFEST_BYTES == 64 * 1024 * 1024
    assert frame.MAX_IMAGE_BYTES == 64 * 2**20
