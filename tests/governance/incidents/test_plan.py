"""The remediation plan: made of what the organisation decided, and honest about what is missing."""

from __future__ import annotations

import html as html_module
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from averment.core.errors import BadInputError
from averment.core.organisation import IncidentSettings, Organisation, load_organisation
from averment.core.words import Severity, Status
from averment.governance.incidents.document import html, markdown
from averment.governance.incidents.duties import load_duties
from averment.governance.incidents.plan import PAGES, Basis, plan
from averment.governance.incidents.remedies import runbooks
from averment.governance.incidents.severity import load_matrix, rate
from averment.governance.incidents.steps import Desk
from averment.governance.incidents.words import Answer

DAY = date(2026, 11, 28)


def text_of(basis: Basis, section: str | None = None) -> str:
    document = plan(basis)
    if section is not None:
        document = replace(document, lead="", sections=tuple(item for item in document.sections if item.name == section))
    return html_module.unescape(markdown(document))


def test_the_plan_holds_every_control_runbook_duty_and_contact(desk: Desk) -> None:
    """Nothing of the catalogue, of what ships, or of what the organisation wrote down is left out."""
    text = text_of(Basis(desk.organisation, desk.catalogue, DAY))
    assert all(f"{control.id} {control.title}" in text for control in desk.catalogue)
    assert all(name in text for name in runbooks())
    assert all(duty.title in text for duty in load_duties(desk.organisation))
    assert "duty number 4711" in text
    assert "Terms 7.2" in text
    assert "48h from awareness" in text


def test_every_section_is_on_a_page_of_the_site(desk: Desk) -> None:
    """The three pages of the site hold the whole plan between them."""
    on_pages = [name for _, members in PAGES.values() for name in members]
    assert sorted(on_pages) == sorted(section.name for section in plan(Basis(desk.organisation, desk.catalogue, DAY)).sections)


def test_what_is_missing_is_in_the_plan(desk: Desk) -> None:
    """A role that nobody can reach, a place that isn't set, a fact that isn't stated, a blueprint that doesn't ship."""
    missing = text_of(Basis(desk.organisation, desk.catalogue, DAY), "missing")
    assert "the role privacy has no contact" in missing
    assert "the role legal has no contact" not in missing
    assert "no place is set in which media is preserved" in missing
    assert "no contract is listed" not in missing
    assert "whether it uses Amazon Rekognition" in missing
    bare = text_of(Basis(Organisation(), desk.catalogue, DAY), "missing")
    assert "no contract is listed" in bare


def test_what_can_not_be_due_stands_with_its_reason(desk: Desk) -> None:
    """The clocks of the plan are those of an incident of which nothing is known; the denied ones have their reasons."""
    text = text_of(Basis(desk.organisation, desk.catalogue, DAY), "clocks")
    due, _, denied = text.partition("What can't be due")
    assert "72h from awareness" in due
    assert "NIS2 Art 23 | the profile denies" in denied


def test_the_worst_comes_first_and_a_state_is_never_assumed(desk: Desk) -> None:
    """With evidence the order follows it; without, the plan says that none was asked."""
    states = {control.id: Status.SATISFIED for control in desk.catalogue} | {"SM-MON-03": Status.NOT_SATISFIED}
    steps = text_of(Basis(desk.organisation, desk.catalogue, DAY, states), "steps")
    assert steps.index("SM-MON-03") < steps.index("SM-UPL-01")
    assert "not satisfied" in steps
    assert "No evidence was asked for this plan" in text_of(Basis(desk.organisation, desk.catalogue, DAY), "where")


def test_hostile_settings_stay_text(desk: Desk) -> None:
    """Names and contacts come from a file that others may edit: none becomes markup."""
    hostile = "<script>alert(1)</script> | [x](javascript:1)"
    settings = IncidentSettings(contacts={"legal": hostile}, contracts=desk.organisation.incidents.contracts)
    basis = Basis(replace(desk.organisation, name=hostile, incidents=settings), desk.catalogue, DAY)
    assert "<script>" not in html(plan(basis))
    assert "](javascript" not in markdown(plan(basis))


def test_a_contract_with_an_unknown_fact_is_refused_with_its_line(tmp_path: Path) -> None:
    """A contract that hangs on a fact that nobody is asked about would never have a clock."""
    (tmp_path / "averment.yaml").write_text(
        "version: 1\nincidents:\n  contracts:\n    - {id: a-contract, with: X, clause: Terms, when: [weather], within: 48h}\n"
    )
    with pytest.raises(BadInputError, match="no fact 'weather'") as caught:
        load_duties(load_organisation(tmp_path / "averment.yaml"))
    assert caught.value.where
    assert caught.value.where.line == 4


def test_the_settings_that_are_shown_to_people_work(tmp_path: Path) -> None:
    """The example on the page of incidents, and the one that init writes as a comment, are valid and name facts that are asked."""
    root = Path(__file__).parents[3]
    (page,) = re.findall(r"^```yaml\n(.*?)^```", (root / "governance/docs/incidents.md").read_text(), re.DOTALL | re.MULTILINE)
    template = (root / "src/averment/cli/templates/averment.yaml").read_text()
    commented = re.findall(r"^# (incidents:\n(?:#   .*\n)+)", template, re.MULTILINE)[0].replace("\n# ", "\n")
    for text in (page, "version: 1\n" + commented):
        (tmp_path / "averment.yaml").write_text(text)
        organisation = load_organisation(tmp_path / "averment.yaml")
        assert [duty.id for duty in load_duties(organisation)][-1] == "partner-terms"
        assert organisation.incidents.targets["contain"] == "1h"


def test_an_own_matrix_replaces_the_one_that_ships(tmp_path: Path) -> None:
    """An organisation's own levels count; a matrix with a hole, or with a word that isn't explained, is refused with file and line."""
    own = (Path(__file__).parents[3] / "governance" / "incidents" / "severity.yaml").read_text()
    (tmp_path / "averment.yaml").write_text("version: 1\nincidents: {severity: matrix.yaml}\n")
    organisation = load_organisation(tmp_path / "averment.yaml")

    def with_text(text: str) -> Any:
        (tmp_path / "matrix.yaml").write_text(text)
        return load_matrix(organisation)

    matrix = with_text(own.replace("high: {respond_within: 1h", "high: {respond_within: 30m"))
    rating = rate(matrix, "trust", "public", {"child_shown": Answer.NO, "death": Answer.NO})
    assert (rating.severity, rating.within.total_seconds(), rating.open_questions) == (Severity.HIGH, 1800, ())
    for broken, says in (
        (own.replace("limited: medium, public: high, copied: high}", "limited: medium, public: high}"), "no level for the impact 'trust'"),
        (own.replace("  trust: {stopped", "  vanity: {stopped"), "'trust'"),
        (own.replace("fact: child_shown", "fact: weather"), "no fact 'weather'"),
        (own.replace('to: critical, because: "a child', 'to: apocalyptic, because: "a child'), "apocalyptic"),
    ):
        with pytest.raises(BadInputError, match=says) as caught:
            with_text(broken)
        assert str(caught.value.where).startswith("matrix.yaml:")


def test_facts_raise_a_level_and_never_lower_it() -> None:
    """A fact lifts the level to its own at least, whatever the matrix said; unknown facts are named as what would."""
    matrix = load_matrix(Organisation())
    for impact in matrix.impact:
        for reach in matrix.reach:
            plain = rate(matrix, impact, reach, {})
            raised = rate(matrix, impact, reach, {"child_shown": Answer.YES, "personal_data_breached": Answer.YES})
            assert raised.severity is Severity.CRITICAL
            assert plain.severity is matrix.cells[impact][reach]
            assert len(plain.open_questions) == sum(1 for entry in matrix.raised if entry.to.rank < plain.severity.rank)
