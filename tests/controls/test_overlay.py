"""Tailoring: a weakening is always listed with its reason, a strengthening never counts as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from averment.controls.describe import means
from averment.controls.loader import load_catalogue
from averment.controls.model import Control
from averment.core.errors import BadInputError
from averment.core.organisation import load_organisation


def tailored(folder: Path, overlay: str, control: str = "SM-PRV-01") -> Control:
    file = folder / "averment.yaml"
    file.write_text(f"version: 1\noverlays:\n  {control}:\n" + "".join(f"    {line}\n" for line in overlay.splitlines()))
    found = load_catalogue(load_organisation(file)).get(control)
    assert found is not None
    return found


REASON = "reason: The studio is being rebuilt until March.\n"

WEAKER = [
    ("SM-PRV-01", "severity: low", "severity high → low"),
    ("SM-PRV-01", "assessments: {coverage: {claim: {at_least: 0.9}}}", "coverage: claim at_least 0.99 → 0.9"),
    ("SM-PRV-01", "assessments: {coverage: {claim: {confidence: 0.9}}}", "coverage: claim confidence 0.95 → 0.9"),
    ("SM-PRV-01", "assessments: {coverage: {claim: {population: easy-ones}}}", "coverage: claim population generated-media → easy-ones"),
    ("SM-PRV-01", "assessments: {coverage: {claim: {sample: 3}}}", "coverage: claim sample unset → 3"),
    ("SM-PRV-01", "assessments: {coverage: {enabled: false}}", "assessment coverage left out"),
    ("SM-PRV-01", "assessments: {marks: {max_age: 30d}}", "marks: max_age 36h → 30d"),
    ("SM-PRV-01", "assessments: {marks: {expect: {at_most: 5}}}", "marks: expect at_most 0 → 5"),
    ("SM-UPL-03", "assessments: {terms: {attestation: {valid_for: 730d}}}", "terms: attestation valid_for 365d → 730d"),
]


@pytest.mark.parametrize(("control", "overlay", "change"), WEAKER, ids=[entry[2] for entry in WEAKER])
def test_weakening_is_listed_with_its_reason(tmp_path: Path, control: str, overlay: str, change: str) -> None:
    """Whatever makes a control easier to meet stands in ``weakened``, with the reason given."""
    found = tailored(tmp_path, REASON + overlay, control)
    assert found.weakened == (f"{change} (reason: The studio is being rebuilt until March.)",)
    assert found.tailored == ()


@pytest.mark.parametrize(("control", "overlay", "change"), WEAKER, ids=[entry[2] for entry in WEAKER])
def test_weakening_without_a_reason_is_refused(tmp_path: Path, control: str, overlay: str, change: str) -> None:
    """Nobody weakens a control in silence."""
    with pytest.raises(BadInputError, match="gives no reason"):
        tailored(tmp_path, 'reason: "              "\n' + overlay, control)  # blanks are none
    with pytest.raises(BadInputError) as caught:
        tailored(tmp_path, overlay, control)
    assert caught.value.message == f"the overlay weakens {control} ({change}) and gives no reason"
    assert str(caught.value.where) == f"{tmp_path / 'averment.yaml'}:3"


def test_what_is_left_out_is_asked_of_no_other_assessment(tmp_path: Path) -> None:
    found = tailored(tmp_path, REASON + "assessments: {runtime: {enabled: false}}", "SM-IDV-01")
    assert {item.goes_with for item in found.assessments} == {(), ("iac",)}


STRICTER = [
    ("severity: critical", "severity high → critical"),
    ("owner: studio", "owner content-engineering → studio"),
    ("assessments: {coverage: {claim: {at_least: 0.999}}}", "coverage: claim at_least 0.99 → 0.999"),
    ("assessments: {marks: {max_age: 12h}}", "marks: max_age 36h → 12h"),
]


@pytest.mark.parametrize(("overlay", "change"), STRICTER, ids=[entry[1] for entry in STRICTER])
def test_stricter_needs_no_reason_and_is_still_shown(tmp_path: Path, overlay: str, change: str) -> None:
    """A change that doesn't weaken is tailoring: shown, without a reason."""
    found = tailored(tmp_path, overlay)
    assert (found.weakened, found.tailored) == ((), (change,))


def test_evidence_of_no_age_at_all_is_told_as_that(tmp_path: Path) -> None:
    """``0s`` is the strictest of ages, and no missing one."""
    found = tailored(tmp_path, "assessments: {marks: {max_age: 0s}}")
    assert found.tailored == ("marks: max_age 36h → 0s",)
    marks = next(item for item in found.assessments if item.id == "marks")
    assert means(marks) == "provenance: summary.tampered at most 0, at most 0s old"


def test_values_arrive_in_the_control(tmp_path: Path) -> None:
    """What the overlay says is what is assessed."""
    found = tailored(tmp_path, REASON + "assessments: {coverage: {claim: {at_least: 0.9}}, marks: {enabled: false}}")
    assert [item.id for item in found.assessments] == ["key-iac", "key-runtime", "coverage"]
    assert found.assessments[2].claim == {
        "type": "disclosure-coverage",
        "population": "generated-media",
        "at_least": 0.9,
        "confidence": 0.95,
    }


def test_same_value_is_no_change(tmp_path: Path) -> None:
    """Repeating what the control says anyway changes nothing."""
    found = tailored(tmp_path, "severity: high\nassessments: {marks: {max_age: 36h}}")
    assert (found.weakened, found.tailored) == ((), ())


@pytest.mark.parametrize(
    ("overlay", "line", "message"),
    [
        ("assessments: {coverege: {max_age: 1d}}", 4, "SM-PRV-01 has no assessment 'coverege'"),
        ("assessments: {marks: {claim: {at_least: 1}}}", 4, "the assessment 'marks' has no claim to tailor"),
        ("owner: studio\nseverity: grave", 5, "severity: 'grave' is not one of"),
        ("owner: studio\ntitle: Another", 5, "unknown key 'title' in the document"),
        ("assessments:\n  marks: {max_age: soon}", 5, "assessments.marks.max_age: 'soon' does not match"),
        (REASON + 'assessments: {marks: {expect: {at_most: "5"}}}', 5, "assessments.marks.expect.at_most: '5' is not of type 'number'"),
        (REASON + "assessments: {marks: {expect: {at_mots: 5}}}", 5, "unknown key 'at_mots' in assessments.marks.expect"),
        (REASON + "assessments: {coverage: {claim: {type: [1]}}}", 5, "assessments.coverage.claim.type: [1] is not of type 'string'"),
        (REASON + "assessments: {marks: {max_age: 999999w}}", 5, "'999999w' is longer than a hundred years"),
        (
            REASON + "add:\n  - {id: asked, method: INTERVIEW, attestation: {role: legal, question: Is it so today?, valid_for: 999999w}}",
            6,
            "'999999w' is longer than a hundred years",
        ),
        ("assessments: {coverage: {claim: {confidence: 2}}}", 4, "assessments.coverage.claim.confidence: 2 is greater than"),
    ],
)
def test_malformed_overlay_names_its_line(tmp_path: Path, overlay: str, line: int, message: str) -> None:
    """An overlay's error is in averment.yaml, at the line of the mistake."""
    with pytest.raises(BadInputError) as caught:
        tailored(tmp_path, overlay)
    assert caught.value.message.startswith(message)
    assert str(caught.value.where) == f"{tmp_path / 'averment.yaml'}:{line}"


@pytest.mark.parametrize("bar", [".nan", ".inf", "-.inf"])
def test_a_bar_that_is_no_number_is_refused(tmp_path: Path, bar: str) -> None:
    """Nothing is above or below ``.nan``, so that as a bar it would pass for a stricter one and need no reason."""
    with pytest.raises(BadInputError) as caught:
        tailored(tmp_path, f"owner: studio\nassessments: {{coverage: {{claim: {{at_least: {bar}}}}}}}")
    assert caught.value.message.startswith("overlays.SM-PRV-01.assessments.coverage.claim.at_least: ")
    assert caught.value.message.endswith("is no number to compare with")
    assert str(caught.value.where) == f"{tmp_path / 'averment.yaml'}:5"


def test_a_statement_that_holds_for_ever_is_refused(tmp_path: Path) -> None:
    """What is valid for longer than anybody lives is never asked again, and its end is no day of the calendar."""
    with pytest.raises(BadInputError, match="'999999w' is longer than a hundred years") as caught:
        tailored(tmp_path, REASON + "assessments: {terms: {attestation: {valid_for: 999999w}}}", "SM-UPL-03")
    assert str(caught.value.where) == f"{tmp_path / 'averment.yaml'}:5"


def test_an_overlay_is_read_though_its_control_is_not_selected(tmp_path: Path) -> None:
    """Whoever selects the control again doesn't find mistakes of long ago; one without mistakes stays without effect."""
    file = tmp_path / "averment.yaml"
    file.write_text("version: 1\ncontrols: [SM-UPL-03]\noverlays:\n  SM-PRV-01: {owner: studio}\n")
    assert [control.id for control in load_catalogue(load_organisation(file))] == ["SM-UPL-03"]
    file.write_text("version: 1\ncontrols: [SM-UPL-03]\noverlays:\n  SM-PRV-01: {ownr: studio}\n")
    with pytest.raises(BadInputError, match="unknown key 'ownr'"):
        load_catalogue(load_organisation(file))


def test_overlay_on_no_control_is_refused(tmp_path: Path) -> None:
    """An overlay with a typing error in its id would tailor nothing, in silence."""
    file = tmp_path / "averment.yaml"
    file.write_text("version: 1\noverlays:\n  SM-PRV-99: {owner: studio}\n")
    with pytest.raises(BadInputError, match="there is no control 'SM-PRV-99' to tailor") as caught:
        load_catalogue(load_organisation(file))
    assert str(caught.value.where) == f"{file}:3"


OWN = "add:\n  - {id: owned, method: EXAMINE, policy: bucket-has-owner, title: Buckets have an owner}"


def test_a_further_assessment_is_added_and_shown(tmp_path: Path) -> None:
    """An organisation's own rule becomes an assessment of a shipped control: no weakening, told, and placed where it was written."""
    found = tailored(tmp_path, OWN)
    added = found.assessments[-1]
    assert (added.id, added.policy, added.collector, added.max_age) == ("owned", "bucket-has-owner", None, None)
    assert str(added.where) == f"{tmp_path / 'averment.yaml'}:5"
    assert (found.weakened, found.tailored) == ((), ("assessment owned added",))
    assert [item.id for item in found.assessments[:-1]] == ["key-iac", "key-runtime", "marks", "coverage"]


def test_adding_does_not_excuse_a_weakening(tmp_path: Path) -> None:
    """Whoever adds one assessment and leaves out another has to say why all the same."""
    with pytest.raises(BadInputError, match="assessment marks left out"):
        tailored(tmp_path, OWN + "\nassessments: {marks: {enabled: false}}")


@pytest.mark.parametrize(
    ("entry", "line", "message"),
    [
        ("{id: marks, method: EXAMINE, policy: bucket-has-owner}", 5, "SM-PRV-01 has an assessment 'marks' already"),
        ("{id: owned, method: EXAMINE}", 5, "the document: 'policy' is a required property"),
        ("{id: owned, method: EXAMINE, polcy: bucket-has-owner}", 5, "unknown key 'polcy' in the document"),
        ("{id: owned, method: EXAMINE, collector: config-compliance, policy: x}", 5, "the document: 'max_age' is a required property"),
        ("owned", 5, "add.0: 'owned' is not of type 'object'"),
    ],
)
def test_a_malformed_addition_names_its_line(tmp_path: Path, entry: str, line: int, message: str) -> None:
    """What is added keeps to the schema of controls, and an id is used once."""
    with pytest.raises(BadInputError) as caught:
        tailored(tmp_path, f"add:\n  - {entry}")
    assert caught.value.message.startswith(message)
    assert str(caught.value.where) == f"{tmp_path / 'averment.yaml'}:{line}"
