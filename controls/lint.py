"""Checks the catalogue against what is there to implement it, in both directions.

Controls may not import policies, collectors or claims, so what exists is handed in as ``Known`` by whoever knows it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from averment.controls.model import Assessment, Catalogue, Control
from averment.core.organisation import Organisation, described_parameters, parameter_meaning
from averment.core.source import SourceRef


@dataclass(frozen=True)
class Known:
    """What can implement an assessment. ``never_failing`` are rules without a single case in which they fail, ``own_rules`` those
    of the organisation's own, which no control has to ask for.

    ``unbounded_claims`` are claim types whose bar isn't a share, so that one above 1 can be missed.
    ``claim_problem`` says why a claim's statement can't be tested, or None; its kind is known by then.
    ``None`` means that nothing is known of that kind, so it isn't checked.
    """

    rules: frozenset[str] | None = None
    never_failing: frozenset[str] = frozenset()
    own_rules: frozenset[str] = frozenset()
    collectors: frozenset[str] | None = None
    claim_types: frozenset[str] | None = None
    unbounded_claims: frozenset[str] = frozenset()
    runbooks: frozenset[str] | None = None
    blueprints: frozenset[str] | None = None
    claim_problem: Callable[[Mapping[str, Any]], str | None] | None = None


@dataclass(frozen=True)
class LintProblem:
    """Something wrong with the catalogue. ``code`` is stable: unknown-rule, dangling-reference, cannot-fail, unused-rule, ...

    With ``advice`` it is no mistake, but something that a reader has to know: a control that rests on people's word.
    """

    code: str
    message: str
    where: SourceRef
    fix: str | None = None
    advice: bool = False


def lint(catalogue: Catalogue, known: Known) -> tuple[LintProblem, ...]:
    """Every problem of ``catalogue``, in order of control, then what exists and no control uses."""
    problems: list[LintProblem] = []
    for control in catalogue:
        problems += _references(catalogue, control)
        for assessment in control.assessments:
            problems += _assessment(control, assessment, known)
        problems += _remediation(control, known)
        problems += _failing(control, known)
    problems += _rules(catalogue, known)
    return tuple(problems)


def lint_waivers(organisation: Organisation, catalogue: Catalogue, known: Known, today: date) -> Iterator[LintProblem]:
    """Waivers that accept nothing, or too much: what is neither a control nor a rule, what has ended by ``today``, every resource, owner and
    approver in one person."""
    rules = known.rules or frozenset()
    names = (
        *(control.id for control in catalogue),
        *sorted(rules),
        *sorted(f"AVERMENT_{rule.upper().replace('-', '_')}" for rule in rules),
    )
    for waiver in organisation.waivers:
        if waiver.control not in names:
            close = difflib.get_close_matches(waiver.control, names, n=1)
            fix = f"did you mean {close[0]}?" if close else "name a control's id, or a rule's"
            yield LintProblem("void-waiver", f"a waiver names {waiver.control}, which is neither a control nor a rule", waiver.where, fix)
        if today > waiver.until:
            message = f"the waiver of {waiver.control} for {waiver.resource} ended on {waiver.until}: what it accepted is open again"
            yield LintProblem("expired-waiver", message, waiver.where, "mend what it accepted, or have it accepted anew", advice=True)
        if not waiver.resource.strip("*?"):
            message = f"a waiver of {waiver.control} covers every resource: whatever is built later is accepted too"
            yield LintProblem("wide-waiver", message, waiver.where, "name the resource", advice=True)
        scope = organisation.scope
        for mine, known_ones in ((waiver.accounts, scope.accounts), (waiver.regions, scope.regions)):
            if strange := [place for place in mine if known_ones and place not in known_ones]:
                message = f"the waiver of {waiver.control} for {waiver.resource} is for {', '.join(strange)}, where the scope has nothing to accept"
                yield LintProblem("void-waiver", message, waiver.where, "name accounts and regions of the scope", advice=True)
        if waiver.owner.strip().lower() == waiver.approver.strip().lower():
            message = f"the waiver of {waiver.control} is owned and approved by {waiver.owner}: nobody else has looked at it"
            yield LintProblem("self-approved", message, waiver.where, "let somebody else approve", advice=True)


def lint_scope(organisation: Organisation, catalogue: Catalogue, known: Known) -> Iterator[LintProblem]:
    """What the organisation hasn't said, and assessments of ``catalogue`` ask: no mistake, but they stay open until it does. And what it
    has said so widely that everything counts as named, or under a name that is nearly one that is read."""
    asked: dict[str, list[str]] = {}
    for control in catalogue:
        for assessment in control.assessments:
            for path in assessment.needs:
                asked.setdefault(path, []).append(f"{control.id}/{assessment.id}")
    for path, names in sorted(asked.items()):
        value, meaning = organisation.parameter(path), parameter_meaning(path)
        if value is None:
            message = f"{', '.join(names)} can't be assessed: parameters.{path} isn't set ({meaning})"
            yield LintProblem("not-scoped", message, SourceRef(organisation.file), f"write {meaning}", advice=True)
        elif isinstance(value, list | Mapping) and any(isinstance(entry, str) and not entry.strip("*?") for entry in value):
            message = f"parameters.{path} names everything: {', '.join(names)} can tell nothing apart by it"
            yield LintProblem("wide-scope", message, SourceRef(organisation.file), "name what counts", advice=True)
    read = (*described_parameters(), *(known.collectors or ()))
    for name in organisation.parameters:
        near = difflib.get_close_matches(name, read, n=1, cutoff=0.85)
        if near and name not in read:
            message = f"nothing of Averment's reads parameters.{name}, but there is parameters.{near[0]}"
            yield LintProblem("misspelt-parameter", message, SourceRef(organisation.file), f"did you mean {near[0]}?", advice=True)


def _failing(control: Control, known: Known) -> Iterator[LintProblem]:
    fix = "add an assessment that can find a deviation"
    if control.assessments and all(assessment.attestation is not None for assessment in control.assessments):
        message = f"{control.id} rests on statements alone: only a person's no, or a statement that has expired, can show a deviation"
        yield LintProblem("rests-on-word", message, control.where, fix, advice=True)
    elif not any(_can_fail(assessment, known) for assessment in control.assessments):
        yield LintProblem("cannot-fail", f"nothing can make {control.id} fail: {_why_not(control)}", control.where, fix)


def _references(catalogue: Catalogue, control: Control) -> Iterator[LintProblem]:
    seen: set[tuple[str, str]] = set()
    for reference in control.references:
        framework = catalogue.frameworks.get(reference.framework)
        if framework is None:
            yield LintProblem(
                "unknown-framework",
                f"{control.id} refers to the framework '{reference.framework}', which does not exist",
                reference.where,
                _nearest(reference.framework, catalogue.frameworks),
            )
        elif reference.ref not in framework.provisions:
            yield LintProblem(
                "dangling-reference",
                f"{control.id} refers to '{reference.ref}', which {reference.framework} does not have",
                reference.where,
                _nearest(reference.ref, framework.provisions),
            )
        if (reference.framework, reference.ref) in seen:
            yield LintProblem("double-reference", f"{control.id} refers to {reference.framework} {reference.ref} twice", reference.where)
        seen.add((reference.framework, reference.ref))


def _assessment(control: Control, assessment: Assessment, known: Known) -> Iterator[LintProblem]:
    name = f"{control.id}/{assessment.id}"
    for kind, value, choices in (
        ("rule", assessment.policy, known.rules),
        ("collector", assessment.collector, known.collectors),
        ("claim-type", (assessment.claim or {}).get("type"), known.claim_types),
    ):
        if value is not None and choices is not None and value not in choices:
            words = kind.replace("-", " ")
            message = f"{name} names the {words} '{value}', which does not exist"
            yield LintProblem(f"unknown-{kind}", message, assessment.where, _nearest(value, choices))
    for path in assessment.needs:
        if parameter_meaning(path) is None:
            message = f"{name} needs the parameter '{path}', which averment.yaml doesn't have"
            yield LintProblem("unknown-parameter", message, assessment.where, "name one that the schema of averment.yaml describes")
    others = [other.id for other in control.assessments if other.id != assessment.id]
    for other in assessment.goes_with:
        if other not in others:
            message = f"{name} goes with '{other}', which {control.id} does not have"
            yield LintProblem("unknown-assessment", message, assessment.where, _nearest(other, others))
    if assessment.max_age is None and assessment.attestation is None:
        message = f"the evidence of {name} never becomes stale"
        yield LintProblem("never-stale", message, assessment.where, "add max_age")
    if assessment.claim is not None and known.claim_problem is not None and assessment.claim.get("type") in (known.claim_types or ()):
        problem = known.claim_problem(assessment.claim)
        if problem is not None:
            yield LintProblem("untestable-claim", f"the claim of {name} can't be tested: {problem}", assessment.where)
    for label, bars in (("claim", assessment.claim), ("expectation", assessment.expect)):
        share = label == "claim" and (bars or {}).get("type") not in known.unbounded_claims
        if bars is not None and not _bar_can_fail(bars, share=share):
            message = f"the {label} of {name} can't fail"
            yield LintProblem("empty-bar", message, assessment.where, "set a bar that a bad outcome misses")


def _remediation(control: Control, known: Known) -> Iterator[LintProblem]:
    for kind, value, choices in (("runbook", control.runbook, known.runbooks), ("blueprint", control.blueprint, known.blueprints)):
        if value is not None and choices is not None and value not in choices:
            yield LintProblem(
                f"unknown-{kind}",
                f"{control.id} names the {kind} '{value}', which does not exist",
                control.where,
                _nearest(value, choices) or f"write the {kind} or leave it out",
            )
    if not control.steps and control.runbook is None and control.blueprint is None:
        yield LintProblem("no-remediation", f"{control.id} does not say how to put it right", control.where, "add remediation.steps")


def _can_fail(assessment: Assessment, known: Known) -> bool:
    """Whether ``assessment`` is implemented and can come out as not satisfied without somebody's word."""
    if assessment.claim is not None:
        return (known.claim_types is None or assessment.claim.get("type") in known.claim_types) and _bar_can_fail(
            assessment.claim, share=assessment.claim.get("type") not in known.unbounded_claims
        )
    if assessment.attestation is not None:
        return False  # nobody has to answer no
    if assessment.collector is not None and known.collectors is not None and assessment.collector not in known.collectors:
        return False
    if assessment.policy is not None:
        return (known.rules is None or assessment.policy in known.rules) and assessment.policy not in known.never_failing
    return assessment.expect is not None and _bar_can_fail(assessment.expect, share=False)


def _why_not(control: Control) -> str:
    if not control.assessments:
        return "every assessment was left out"
    return "no assessment that is implemented has a bar or a rule that a bad outcome misses"


def _bar_can_fail(bars: Mapping[str, Any], *, share: bool) -> bool:
    """Whether some outcome misses the bar; counts start at 0, and shares end at 1 too."""
    low, high = bars.get("at_least"), bars.get("at_most")
    if low is not None and low > 0:
        return True
    if high is not None and not (share and high >= 1):
        return True
    return "equals" in bars


def _rules(catalogue: Catalogue, known: Known) -> Iterator[LintProblem]:
    used = {assessment.policy for control in catalogue for assessment in control.assessments if assessment.policy is not None}
    for rule in sorted(used & known.never_failing):
        yield LintProblem(
            "rule-never-fails", f"the rule '{rule}' has no case in which it fails", SourceRef(), "write a case that must fail"
        )
    if catalogue.left_out:
        return  # a selection leaves rules unused on purpose
    for rule in sorted((known.rules or frozenset()) - known.own_rules - used):
        yield LintProblem("unused-rule", f"no control has an assessment by the rule '{rule}'", SourceRef(), "add it to a control")


def _nearest(value: str, choices: Iterable[str]) -> str | None:
    names = sorted(choices)
    near = difflib.get_close_matches(value, names, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"known: {', '.join(names)}" if names and len(names) <= 12 else None
