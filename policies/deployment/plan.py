"""Which rules are to run in an account, and how each: what the controls ask for, before any template is written.

A control asks for a rule at run time by an assessment with the collector ``config-compliance``. A rule that looks at source code, or
at nothing that can be seen at run time, is left out with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from averment.controls.model import Assessment, Catalogue, Control
from averment.core.errors import BadInputError
from averment.core.words import Severity
from averment.policies.deployment.names import PREFIX, config_rule_name
from averment.policies.interface import Kind, Rule
from averment.policies.runtime.evaluate import subject_types
from averment.policies.surfaces.config.types import triggers

COLLECTOR = "config-compliance"
FREQUENCIES = (
    (timedelta(hours=1), "One_Hour"),
    (timedelta(hours=3), "Three_Hours"),
    (timedelta(hours=6), "Six_Hours"),
    (timedelta(hours=12), "Twelve_Hours"),
    (timedelta(hours=24), "TwentyFour_Hours"),
)
"""How often AWS Config can run a periodic rule (``MaximumExecutionFrequency``)."""


@dataclass(frozen=True)
class Runbook:
    """An Automation document of AWS Systems Manager that mends one resource, started by hand.

    ``name`` is what a control's ``remediation.runbook`` says; ``parameter`` takes the id of the resource, which is of ``resource_type``
    (AWS Config's); ``content`` is the document; ``permissions`` are the actions that its role needs on that resource.
    """

    name: str
    resource_type: str
    parameter: str
    content: Mapping[str, Any]
    permissions: tuple[str, ...]

    @property
    def document(self) -> str:
        """The document's name in the account."""
        return f"{PREFIX}{self.name}"


@dataclass(frozen=True)
class PlannedRule:
    """A rule as it is to run: on changes of which ``types`` (Config's), how often at least, for which controls, and its Guard text.

    Without ``types`` it runs on its schedule alone: AWS Config records none of what it looks at. ``every`` is None for a rule that runs on
    changes alone (Guard rules can't run on a schedule).
    """

    rule: Rule
    controls: tuple[Control, ...]
    types: tuple[str, ...]
    every: str | None
    guard: str | None = None
    runbook: Runbook | None = None

    @property
    def name(self) -> str:
        """The Config rule's name."""
        return config_rule_name(self.rule.id)

    @property
    def stands_alone(self) -> bool:
        """Whether the rule looks at nothing but the resource itself, so that it can judge one that isn't deployed yet."""
        return bool(self.types) and not self.rule.neighbours

    @property
    def description(self) -> str:
        """What people see in the console: controls first, within the service's 256 characters."""
        text = f"{', '.join(control.id for control in self.controls)}: {self.rule.title}"
        return text if len(text) <= 256 else f"{text[:255]}…"


@dataclass(frozen=True)
class DeploymentPlan:
    """The rules to run, in order of id, and those left out, each with the reason."""

    rules: tuple[PlannedRule, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def needs_function(self) -> bool:
        """Whether any rule runs in the Lambda function."""
        return any(planned.guard is None for planned in self.rules)

    @property
    def runbooks(self) -> tuple[Runbook, ...]:
        """The runbooks that findings of the rules are mended by, in order of name."""
        found = {planned.runbook.name: planned.runbook for planned in self.rules if planned.runbook is not None}
        return tuple(found[name] for name in sorted(found))


def plan_rules(
    catalogue: Catalogue,
    rules: Sequence[Rule],
    *,
    guard: Mapping[str, str] | None = None,
    runbooks: Mapping[str, Runbook] | None = None,
) -> DeploymentPlan:
    """What is to run for ``catalogue`` out of ``rules``.

    ``guard`` holds Guard texts by rule id: those rules need no function. ``runbooks`` are by the name that a control's
    ``remediation.runbook`` has.

    Raises:
        BadInputError: a control asks for a rule that isn't among ``rules``; with its place.
    """
    known = {rule.id for rule in rules}
    for item in (item for control in catalogue for item in control.assessments if item.collector == COLLECTOR):
        if item.policy is not None and item.policy not in known:
            raise BadInputError(
                f"the assessment '{item.id}' asks for the rule '{item.policy}' at run time, and no rule of that name can be bundled",
                where=item.where,
                fix="name a rule that ships, or one in a folder that averment.yaml lists under rules (packages aren't bundled)",
            )
    planned: list[PlannedRule] = []
    left_out: dict[str, str] = {}
    for rule in rules:
        asked = [(control, item) for control in catalogue for item in control.assessments if _asks(item, rule)]
        subjects = subject_types(rule)
        types = tuple(name for name in subjects if triggers(name))
        reason = _reason(rule, bool(asked), subjects)
        if reason is not None:
            left_out[rule.id] = reason
            continue
        controls = tuple({control.id: control for control, _ in asked}.values())
        text = (guard or {}).get(rule.id)
        every = None if text is not None else frequency([item for _, item in asked])
        planned.append(PlannedRule(rule, controls, types, every, text, _runbook(rule, controls, types, runbooks or {})))
    return DeploymentPlan(tuple(planned), left_out)


def _asks(assessment: Assessment, rule: Rule) -> bool:
    return assessment.collector == COLLECTOR and assessment.policy == rule.id


def _reason(rule: Rule, asked: bool, types: Sequence[str]) -> str | None:
    """Why ``rule`` doesn't run at run time; None if it does."""
    if rule.kind is Kind.CODE:
        return "looks at source code, which AWS Config doesn't record"
    if not types:
        return "nothing of what it looks at can be seen at run time"
    return None if asked else f"no selected control has an assessment by {COLLECTOR} of it"


def _runbook(rule: Rule, controls: Sequence[Control], types: Sequence[str], known: Mapping[str, Runbook]) -> Runbook | None:
    """The runbook of the rule's controls, where the finding is grave enough and the runbook can be run on what the rule is mainly about."""
    if rule.severity.rank > Severity.HIGH.rank:
        return None
    named = [known[control.runbook] for control in controls if control.runbook is not None and control.runbook in known]
    return next((item for item in named if item.resource_type == next(iter(types), None)), None)


def frequency(assessments: Sequence[Assessment]) -> str:
    """The rarest schedule that keeps every one of ``assessments`` fresh, hourly at most."""
    ages = [item.max_age for item in assessments if item.max_age is not None]
    youngest = min(ages, default=FREQUENCIES[-1][0])
    fitting = [name for step, name in FREQUENCIES if step <= youngest]
    return fitting[-1] if fitting else FREQUENCIES[0][1]
