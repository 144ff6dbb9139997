"""Lint, both ways: what the catalogue names must exist, and what exists must be used and able to fail."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from averment.controls.lint import Known, lint, lint_scope
from averment.controls.model import Assessment, Catalogue, Control, Framework, Provision, Reference
from averment.core.organisation import Organisation
from averment.core.words import Method, Severity

LAW = Framework("law", "Law", "1", "law", "https://example.org", {"art-1": Provision("art-1", "Art 1", "What it says")})
RULE = Assessment("iac", Method.EXAMINE, policy="some-rule", max_age=timedelta(days=31))
ATTESTED = Assessment("asked", Method.INTERVIEW, attestation={"role": "owner", "question": "Is it so?", "valid_for": "365d"})
CONTROL = Control(
    id="SM-TST-01",
    title="For tests",
    objective="It must be true.",
    severity=Severity.HIGH,
    owner="owner",
    cadence="daily",
    rationale="Because.",
    references=(Reference("law", "art-1", "binding"),),
    assessments=(RULE,),
    steps=("Do it.",),
)
KNOWN = Known(
    rules=frozenset({"some-rule"}),
    collectors=frozenset({"media-states"}),
    claim_types=frozenset({"performance"}),
    runbooks=frozenset({"isolate"}),
    blueprints=frozenset(),
)


def codes(known: Known = KNOWN, **changes: object) -> list[str]:
    control = dataclasses.replace(CONTROL, **changes)  # type: ignore[arg-type]
    return [problem.code for problem in lint(Catalogue((control,), {"law": LAW}), known)]


def claim(**bars: float) -> Assessment:
    return Assessment("claimed", Method.TEST, claim={"type": "performance", **bars}, max_age=timedelta(days=31))


def expectation(**bars: float) -> Assessment:
    return Assessment(
        "counted", Method.EXAMINE, collector="media-states", expect={"field": "summary.count", **bars}, max_age=timedelta(days=1)
    )


def test_clean_control_has_no_problem() -> None:
    """The control that the other tests break is clean."""
    assert codes() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"references": (Reference("lex", "art-1", "binding"),)}, ["unknown-framework"]),
        ({"references": (Reference("law", "art-2", "binding"),)}, ["dangling-reference"]),
        ({"references": (Reference("law", "art-1", "binding"),) * 2}, ["double-reference"]),
        ({"assessments": (dataclasses.replace(RULE, policy="sone-rule"),)}, ["unknown-rule", "cannot-fail", "unused-rule"]),
        ({"assessments": (RULE, dataclasses.replace(expectation(at_most=0), collector="guesses"))}, ["unknown-collector"]),
        ({"assessments": (RULE, dataclasses.replace(claim(at_least=0.9), claim={"type": "hope", "at_least": 1}))}, ["unknown-claim-type"]),
        ({"assessments": (dataclasses.replace(RULE, max_age=None),)}, ["never-stale"]),
        ({"assessments": (RULE, claim(at_least=0))}, ["empty-bar"]),
        ({"assessments": (RULE, claim(at_most=1))}, ["empty-bar"]),
        ({"assessments": (RULE, claim())}, ["empty-bar"]),
        ({"assessments": (RULE, expectation(at_least=0))}, ["empty-bar"]),
        ({"assessments": (RULE, expectation(at_most=1))}, []),
        ({"assessments": (RULE, expectation(at_least=1))}, []),
        ({"assessments": (ATTESTED,)}, ["rests-on-word", "unused-rule"]),
        ({"assessments": ()}, ["cannot-fail", "unused-rule"]),
        ({"assessments": (RULE, dataclasses.replace(expectation(at_most=0), needs=("signing-calls.keys",)))}, []),
        ({"assessments": (RULE, dataclasses.replace(expectation(at_most=0), needs=("signing-calls.key",)))}, ["unknown-parameter"]),
        ({"assessments": (RULE, dataclasses.replace(RULE, id="more", goes_with=(RULE.id,)))}, []),
        ({"assessments": (RULE, dataclasses.replace(RULE, id="more", goes_with=("less",)))}, ["unknown-assessment"]),
        ({"steps": ()}, ["no-remediation"]),
        ({"runbook": "isolate"}, []),
        ({"runbook": "isolte"}, ["unknown-runbook"]),
        ({"blueprint": "gate"}, ["unknown-blueprint"]),
    ],
)
def test_each_flaw_is_found_and_nothing_else(changes: dict[str, object], expected: list[str]) -> None:
    """One flaw, its code, and no other."""
    assert codes(**changes) == expected


def test_rule_that_no_control_uses_is_found() -> None:
    """The other direction: a rule without a control finds flaws that no report shows."""
    known = dataclasses.replace(KNOWN, rules=frozenset({"some-rule", "lonely-rule"}))
    problems = lint(Catalogue((CONTROL,), {"law": LAW}), known)
    assert [(problem.code, problem.message) for problem in problems] == [
        ("unused-rule", "no control has an assessment by the rule 'lonely-rule'")
    ]


def test_selection_may_leave_rules_unused() -> None:
    """An organisation that selects fewer controls isn't told off for the rules of the others."""
    known = dataclasses.replace(KNOWN, rules=frozenset({"some-rule", "lonely-rule"}))
    assert lint(Catalogue((CONTROL,), {"law": LAW}, left_out=("SM-TST-02",)), known) == ()


def test_control_on_a_rule_that_never_fails_is_found() -> None:
    """A rule without a failing case proves nothing, and so does a control that rests on it alone."""
    assert codes(dataclasses.replace(KNOWN, never_failing=frozenset({"some-rule"}))) == ["cannot-fail", "rule-never-fails"]


def test_rule_that_never_fails_is_found_beside_others() -> None:
    """Another assessment that can fail doesn't hide it."""
    known = dataclasses.replace(KNOWN, never_failing=frozenset({"some-rule"}))
    assert codes(known, assessments=(RULE, expectation(at_most=0))) == ["rule-never-fails"]


def test_claim_that_its_kind_refuses_is_found() -> None:
    """A bar may look right and the statement still be one that the statistics can't test."""
    known = dataclasses.replace(KNOWN, claim_problem=lambda spec: None if "metric" in spec else "no metric")
    assert codes(known, assessments=(RULE, claim(at_least=0.9))) == ["untestable-claim"]


def test_resting_on_word_is_advice() -> None:
    """A control of statements is no mistake; everything else that lint says is."""
    control = dataclasses.replace(CONTROL, assessments=(ATTESTED,))
    assert {problem.code: problem.advice for problem in lint(Catalogue((control,), {"law": LAW}), KNOWN)} == {
        "rests-on-word": True,
        "unused-rule": False,
    }


def test_near_miss_is_suggested() -> None:
    """A typing error is answered by the name that was meant."""
    control = dataclasses.replace(CONTROL, assessments=(dataclasses.replace(RULE, policy="sone-rule"),))
    first = lint(Catalogue((control,), {"law": LAW}), KNOWN)[0]
    assert first.fix == "did you mean some-rule?"


def test_a_bar_above_one_can_be_missed_where_it_is_no_share() -> None:
    """A latency of five times the kernel is a bar, an error rate of at most five isn't."""
    above = (claim(at_most=5),)
    assert "empty-bar" in codes(assessments=(RULE, *above))
    assert codes(dataclasses.replace(KNOWN, unbounded_claims=frozenset({"performance"})), assessments=(RULE, *above)) == []


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, ["not-scoped"]),
        ({"signing-calls": {"signers": ["a"]}}, ["not-scoped"]),
        ({"signing-calls": {"keys": ["1234"]}}, []),
        ({"signing-calls": {"keys": ["1234", "*"]}}, ["wide-scope"]),
    ],
)
def test_what_the_organisation_has_not_said_is_noted(parameters: dict[str, object], expected: list[str]) -> None:
    """An assessment that waits for a parameter is named with what the parameter is; one that names everything tells nothing apart. Advice only."""
    asked = dataclasses.replace(expectation(at_most=0), needs=("signing-calls.keys",))
    catalogue = Catalogue((dataclasses.replace(CONTROL, assessments=(RULE, asked)),), {"law": LAW})
    problems = list(lint_scope(Organisation(parameters=parameters), catalogue, KNOWN))
    assert [problem.code for problem in problems] == expected
    assert all(
        problem.advice and "SM-TST-01/counted" in problem.message and "signing-calls.keys" in problem.message for problem in problems
    )
    if expected == ["not-scoped"]:
        assert "a list of the KMS keys that sign marks of origin" in problems[0].message


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("signing-call", "signing-calls"),
        ("media-state", "media-states"),
        ("evidence_retention_dais", "evidence_retention_days"),
        ("signing-calls", None),
        ("media-states", None),
        ("our_own", None),
    ],
)
def test_a_parameter_that_is_nearly_one_is_noted(name: str, meant: str | None) -> None:
    """What stands under a misspelt name is read by nobody; a parameter of a rule of one's own is no mistake."""
    problems = list(lint_scope(Organisation(parameters={name: {}}), Catalogue((CONTROL,), {"law": LAW}), KNOWN))
    assert [(problem.code, problem.fix, problem.advice) for problem in problems] == (
        [("misspelt-parameter", f"did you mean {meant}?", True)] if meant else []
    )
