"""The catalogue that is shipped: every reference resolves, and facts of the law stand as they were read."""

from __future__ import annotations

import json
from datetime import date
from importlib import resources
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from averment.controls.binding import FACT_WORDS, law_register
from averment.controls.describe import means
from averment.controls.lint import Known, lint
from averment.controls.loader import load_catalogue
from averment.controls.model import Control
from averment.core.words import Method

CATALOGUE = load_catalogue()


@pytest.mark.parametrize("control", CATALOGUE.controls, ids=lambda control: control.id)
def test_every_reference_resolves(control: Control) -> None:
    """No control refers to a framework or a provision that isn't there, and every citation names a label, not a key."""
    for reference in control.references:
        provision = CATALOGUE.provision(reference)
        assert provision is not None, reference
        assert provision.label in CATALOGUE.cite(reference)


def test_nothing_is_wrong_inside_the_catalogue() -> None:
    """Without knowledge of rules and collectors, lint finds no dangling reference, empty bar, ageless or unfailing control."""
    problems = lint(CATALOGUE, Known())
    assert [problem for problem in problems if not problem.advice] == []


def test_controls_that_rest_on_word_are_known() -> None:
    """Which controls only statements can answer is a decision, so that a new one, or one less, is noticed."""
    noted = [problem.message.split()[0] for problem in lint(CATALOGUE, Known()) if problem.code == "rests-on-word"]
    assert noted == ["SM-GOV-04", "SM-GOV-05"]


def test_statements_are_called_statements() -> None:
    """What rests on somebody's word says so in its title, so that no reader takes it for a measurement."""
    titles = [item.title for control in CATALOGUE for item in control.assessments if item.attestation is not None]
    plain = [title for title in titles if not title.startswith("Statement: ")]
    assert plain == []


def test_a_title_says_what_its_rule_looks_at() -> None:
    """Who may sign is no question of least privilege: any number of roles that name the key pass, so that no title may call it the signer alone.
    Nor is it one of the rule on runbooks whether there is any, unless averment.yaml expects one, or of that on evidence where the ledger lies."""
    asked = ("inference-least-privilege", "media-bucket-hardened", "isolation-runbook-present", "evidence-bucket-worm")
    found = {(item.policy, item.title.rpartition(" (")[0]) for control in CATALOGUE for item in control.assessments if item.policy in asked}
    assert found == {
        ("evidence-bucket-worm", "Evidence buckets are write-once"),
        ("inference-least-privilege", "Inference, biometrics and signing are granted by name"),
        ("inference-least-privilege", "Signing and inference are granted by name, and to nobody outside"),
        ("isolation-runbook-present", "Runbooks that isolate a bucket can do so, with a role of their own"),
        ("media-bucket-hardened", "Media buckets are hardened"),
        ("media-bucket-hardened", "Media buckets are hardened, with versions to go back to"),
    }


def test_a_title_claims_no_more_than_its_collector_sees() -> None:
    """A tag doesn't tell when it was written, nor does a bucket that sends its events tell who hears them: rules and the gate's log are asked that."""
    control = CATALOGUE.get("SM-UPL-01")
    assert control is not None
    titles = {item.collector: item.title for item in control.assessments if item.expect is not None}
    assert titles == {
        "media-states": "Every published object carries a verdict",
        "bucket-policies": "Every upload bucket announces new objects",
    }


def test_a_title_of_a_claim_promises_no_more_than_its_bar() -> None:
    """A fifth of the genuine pictures may be accused by the bar of "Genuine images are not accused": workbook, OSCAL and site show that title."""
    asked = {item.title for control in CATALOGUE for item in control.assessments if item.claim and (item.claim.get("at_least") or 0) < 1}
    assert {title for title in asked if "claimed" not in title} == set()


@pytest.mark.parametrize("name", ["SM-IDV-01/session-bound", "SM-PRV-03/time", "SM-MON-04/decisions", "SM-IR-02/reach"])
def test_what_no_rule_sees_of_an_objective_somebody_is_asked(name: str) -> None:
    """Everything passed where a client's picture was compared after another person's liveness, marks bore the host's time, verdicts lay in a
    log that anybody could delete, and buckets alone could be isolated."""
    control = CATALOGUE.get(name.partition("/")[0])
    assert control is not None
    assert [item.method for item in control.assessments if f"{control.id}/{item.id}" == name] == [Method.INTERVIEW]


def test_every_control_says_what_to_do() -> None:
    """Each control has steps that put it right, and asks nobody for a word that never expires."""
    assert [control.id for control in CATALOGUE if len(control.steps) < 2] == []
    assert [c.id for c in CATALOGUE for a in c.assessments if a.attestation and not a.attestation["question"].endswith("?")] == []


def test_every_kind_of_assessment_appears() -> None:
    """Policy before merge, policy at run time, collector, claim and attestation are all in use."""
    kinds = {
        (item.method, item.policy is not None, item.collector is not None, item.claim is not None, item.attestation is not None)
        for control in CATALOGUE
        for item in control.assessments
    }
    assert kinds == {
        (Method.EXAMINE, True, False, False, False),
        (Method.EXAMINE, True, True, False, False),
        (Method.EXAMINE, False, True, False, False),
        (Method.TEST, False, False, True, False),
        (Method.INTERVIEW, False, False, False, True),
    }


def test_adopted_and_draft_numbers_stand_beside_each_other() -> None:
    """Article 50 is cited by its adopted number; the drafts' 52 is kept beside it."""
    provisions = CATALOGUE.frameworks["eu-ai-act"].provisions
    assert (provisions["art-50-2"].label, provisions["art-50-2"].draft) == ("Art 50(2)", "Art 52")
    assert (provisions["art-50-4"].label, provisions["art-50-4"].draft) == ("Art 50(4)", "Art 52(3)")


def test_law_register_has_the_dates_of_the_omnibus() -> None:
    """Article 50 since 2 August 2026, its transition and the new bans on 2 December 2026, high-risk duties a year later."""
    register = law_register(CATALOGUE)
    days = {(item.on, item.ref) for item in register}
    assert (date(2026, 8, 2), "art-50-2") in days
    assert (date(2026, 12, 2), "art-50-2") in days
    assert (date(2026, 12, 2), "art-5-1-ba") in days
    assert (date(2027, 12, 2), "art-15") in days
    assert (date(2028, 8, 2), "art-15") in days
    assert [item.on for item in register] == sorted(item.on for item in register)


def test_what_is_unconfirmed_says_so_in_the_citation() -> None:
    """A title that nobody checked against a source is marked wherever it is cited."""
    control = CATALOGUE.get("SM-UPL-01")
    assert control is not None
    reference = next(item for item in control.references if item.ref == "A.6.2.5")
    assert CATALOGUE.cite(reference) == "ISO/IEC 42001 A.6.2.5, voluntary (unconfirmed)"


def test_every_assessment_can_be_put_in_words() -> None:
    """The line that listings show names what drives the assessment and its bar."""
    lines = {f"{control.id}/{item.id}": means(item) for control in CATALOGUE for item in control.assessments}
    assert lines["SM-UPL-01/states"] == "media-states: summary.published_without_verdict at most 0, at most 36h old"
    assert lines["SM-UPL-03/terms"] == "attestation by procurement, valid for 365d"
    assert lines["SM-PRV-01/coverage"].startswith("claim disclosure-coverage at least 0.99 (population generated-media")


def test_profile_facts_of_the_schemas_agree() -> None:
    """A control may only ask for facts that averment.yaml can state."""
    root = resources.files("averment")
    control = json.loads(root.joinpath("controls/schema/control.schema.json").read_text())
    organisation = json.loads(root.joinpath("core/schemas/averment.schema.json").read_text())
    profile = organisation["properties"]["organisation"]["properties"]["profile"]["properties"]
    assert set(control["$defs"]["fact"]["enum"]) == set(profile)
    assert set(FACT_WORDS) == set(profile)


@pytest.mark.parametrize(
    ("schema", "folder"), [("control", "controls/catalog"), ("framework", "governance/frameworks")], ids=["controls", "frameworks"]
)
def test_another_validator_agrees_on_what_is_shipped(schema: str, folder: str) -> None:
    """The published schemas are plain JSON Schema: an independent implementation accepts every shipped file."""
    root = Path(str(resources.files("averment")))
    validator = jsonschema_rs.validator_for(json.loads((root / f"controls/schema/{schema}.schema.json").read_text()))
    files = sorted((root / folder).rglob("*.yaml"))
    assert len(files) >= 6
    for file in files:
        validator.validate(yaml.safe_load(file.read_text()))
