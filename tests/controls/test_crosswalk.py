"""The crosswalk: both directions say the same, nothing is lost, and what is not covered is listed with a reason."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from averment.cli.main import run
from averment.controls.binding import FACT_WORDS, Standing
from averment.controls.crosswalk import UNEXPLAINED, crosswalk, crosswalk_json
from averment.controls.loader import load_catalogue

CATALOGUE = load_catalogue()
DAY = date(2026, 12, 2)
SHOP = {"deployer": True, "generates_media": True, "provider": False}


def test_both_directions_agree() -> None:
    """Whoever reads from the law and whoever reads from the controls finds the same pairs."""
    value = json.loads(json.dumps(crosswalk_json(CATALOGUE, CATALOGUE.frameworks.values(), SHOP, DAY)))
    forth = {
        (framework["id"], row["ref"], item["id"])
        for framework in value["frameworks"]
        for row in framework["provisions"]
        for item in row["controls"]
    }
    back = {(item["framework"], item["ref"], control["id"]) for control in value["controls"] for item in control["references"]}
    assert forth == back
    assert len(forth) == sum(len(control.references) for control in CATALOGUE)


def test_article_leads_to_assessments_and_rules() -> None:
    """From an article to how it is found out: Article 50(4) to the gate at the edge and its rule."""
    rows = {row.provision.ref: row for row in crosswalk(CATALOGUE, CATALOGUE.frameworks["eu-ai-act"], SHOP, DAY)}
    row = rows["art-50-4"]
    assert row.standing is Standing.BINDS
    assert "cdn-media-gated" in row.rules
    gate = next(item.control for item in row.mapped if item.control.id == "SM-DEL-01")
    assert "gate-iac" in [item.id for item in gate.assessments]
    assert rows["art-50-2"].standing is Standing.NOT_BOUND


def test_every_gap_of_the_shipped_catalogue_is_explained() -> None:
    """With every control selected, what no control covers is left out on purpose, and its file says why."""
    gaps = {
        (framework.id, row.provision.ref): row.gap
        for framework in CATALOGUE.frameworks.values()
        for row in crosswalk(CATALOGUE, framework, {}, DAY)
        if row.gap
    }
    assert ("eu-ai-act", "art-50-1") in gaps
    assert [where for where, why in gaps.items() if why == UNEXPLAINED] == []


def test_nothing_covered_claims_to_be_a_gap() -> None:
    """A provision that says that no control is meant to cover it is referred to by none."""
    claimed = {(f.id, p.ref) for f in CATALOGUE.frameworks.values() for p in f.provisions.values() if p.gap}
    used = {(item.framework, item.ref) for control in CATALOGUE for item in control.references}
    assert claimed & used == set()


def test_transitions_speak_of_facts_that_a_profile_can_state() -> None:
    """A misspelt fact in a transition would silently never apply."""
    late = [p.transition for f in CATALOGUE.frameworks.values() for p in f.provisions.values() if p.transition]
    assert late
    assert {name for item in late for name in (item.role, item.fact)} <= set(FACT_WORDS)


def test_unselected_controls_leave_gaps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An organisation that selects one family sees what then nothing covers, and what it left out."""
    file = tmp_path / "averment.yaml"
    file.write_text("version: 1\ncontrols: [SM-UPL-*]\n")
    assert run(["controls", "crosswalk", "--framework", "eu-ai-act", "--gaps", "--config", str(file)]) == 0
    captured = capsys.readouterr()
    assert "Art 4 " in captured.out
    assert UNEXPLAINED in captured.out
    assert "SM-PRV-05" in captured.err


def test_tables_name_law_control_and_rule(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Both tables show the pair, the adopted number with the draft's, and what isn't confirmed."""
    file = tmp_path / "averment.yaml"
    file.write_text("version: 1\n")
    assert run(["controls", "crosswalk", "--framework", "eu-ai-act", "--framework", "eu-ai-code", "--config", str(file)]) == 0
    out = capsys.readouterr().out
    assert "Art 50(4) (draft Art 52(3))" in out
    assert "Code 1.1.2 (unconfirmed)" in out
    assert "cdn-media-gated" in out
    assert run(["controls", "crosswalk", "--by", "control", "--on", "2026-12-02", "--config", str(file)]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "SM-DEL-01" in line)
    assert "Art 50(4) open" in line


def test_unknown_framework_is_bad_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A typing error lists what there is."""
    file = tmp_path / "averment.yaml"
    file.write_text("version: 1\n")
    assert run(["controls", "crosswalk", "--framework", "eu-ai", "--config", str(file)]) == 2
    assert "eu-ai-act" in capsys.readouterr().err
