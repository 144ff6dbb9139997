"""What the rules say of graphs: findings, problems and counts, before anything about acceptance is known.

A ``Judged`` hangs on nothing but the graphs, the rules, the scope and the parameters, so that it can be kept for a later run. Waivers, the
baseline and thresholds come after it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from averment.core.organisation import Organisation
from averment.core.source import SourceRef
from averment.core.stopping import STOPPED
from averment.core.words import Verdict
from averment.policies.fixing.place import planned
from averment.policies.graph.model import Dialect, Graph, Part, Problem, Resource
from averment.policies.graph.physical import deployed_as
from averment.policies.interface import Context, Finding, Outcome, Rule, says_only_outside, unknown
from averment.policies.rules.media import BUCKET, media_role

MAX_GRAPH_SECONDS = 30
"""For all rules on one graph: a configuration of tens of thousands of resources ends with what was found so far.

These are seconds of computing: what else a machine does, or that a check was put to sleep, must not decide what is checked."""


@dataclass(frozen=True)
class Subject:
    """The resource that a finding is about, as far as a waiver looks at it."""

    address: str
    source: SourceRef
    comments: tuple[str, ...] = ()


@dataclass
class Judged:
    """What was found in some graphs. ``buckets`` counts S3 buckets by the role that they were taken for (empty: none).

    With ``only``, the one file that was asked about, ``beside`` are the failures and unknowns in the other files around it.
    """

    graphs: int = 0
    resources: int = 0
    buckets: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    findings: list[tuple[Finding, Subject]] = field(default_factory=list)
    beside: list[tuple[Finding, Subject]] = field(default_factory=list)
    only: str | None = None


def judged(graphs: Iterable[Graph], rules: Sequence[Rule], organisation: Organisation, only: str | None = None) -> Judged:
    """Run ``rules`` on ``graphs``; ``only`` keeps to what stands in one file of them (the rest is context)."""
    run = _Run(rules, organisation, only)
    for graph in graphs:
        run.graph(graph)
    return run.found


class _Run:
    """Collects findings and problems, graph by graph."""

    def __init__(self, rules: Sequence[Rule], organisation: Organisation, only: str | None) -> None:
        self.rules, self.organisation, self.only = rules, organisation, only
        self.found = Judged(only=only)

    def graph(self, graph: Graph) -> None:
        found, only = self.found, self.only
        found.graphs += 1
        found.resources += sum(only in (None, resource.source.file) for resource in graph)
        found.problems += [problem for problem in graph.problems if only in (None, problem.where.file)]
        for bucket in graph.of_type(BUCKET):
            if only in (None, bucket.source.file):
                role = media_role(bucket, self.organisation.scope, graph)
                found.buckets[str(role[0]) if role else ""] += 1
        context = Context(graph, self.organisation.scope, self.organisation.parameters)
        started = time.thread_time()
        before = _state(context) if any(rule.origin for rule in self.rules) else {}
        for rule in sorted(self.rules, key=lambda item: bool(item.origin)):  # what one's own does to the graph meets none that ship
            for resource in graph.of_type(*rule.types):
                if time.thread_time() - started > MAX_GRAPH_SECONDS:
                    reason = f"the rules computed for more than {MAX_GRAPH_SECONDS} s on one configuration; the rest of it was not checked"
                    found.problems.append(Problem(reason, resource.source, fleeting=True))
                    return
                self.evaluate(rule, resource, context)
            if rule.origin and (after := _state(context)) != before:
                self.changed(rule, context, [name for name in {**before, **after} if before.get(name) != after.get(name)])
                before = after

    def changed(self, rule: Rule, context: Context, names: Sequence[str]) -> None:
        """Say that ``rule`` changed what stands under ``names``: whatever was asked after it was asked about something else."""
        resource = context.graph.get(names[0])
        what, where = (resource.address, resource.source) if resource is not None else (names[0], SourceRef("averment.yaml"))
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        reason = (
            f"rule {rule.id} changed {what}{more}, which it is asked about: what rules of your own said from there on counts for nothing"
        )
        self.found.problems.append(Problem(f"{reason}; let it change a copy (copy.deepcopy)", where, fleeting=True))

    def evaluate(self, rule: Rule, resource: Resource, context: Context) -> None:
        try:
            outcome = _certain(rule, resource, context, _asked(rule, resource, context))
            verdict = outcome.verdict
        except STOPPED:
            raise
        except BaseException as error:  # noqa: BLE001  (whatever a rule does, the run must say so and go on; a test library's failure is no Exception)
            reason = f"rule {rule.id} crashed on {resource.address}: {type(error).__name__}: {error}"
            self.found.problems.append(Problem(reason, resource.source, fleeting=True))
            return
        if verdict is Verdict.NOT_APPLICABLE or says_only_outside(outcome, resource):
            return
        made, subject = finding(rule, resource, outcome, context.graph), Subject(resource.address, resource.source, resource.comments)
        if self.only is None or self.only in (resource.source.file, made.where.file):
            self.found.findings.append((made, subject))
        elif verdict is not Verdict.PASS:
            self.found.beside.append((made, subject))


def _state(context: Context) -> dict[str, int]:
    """What tells whether a rule changed what it was asked about: the resources with their properties, and the parameters."""
    return {
        **{item.address: hash(repr(item.properties)) for item in context.graph},
        "the parameters": hash(repr(context.parameters)),
    }


def _certain(rule: Rule, resource: Resource, context: Context, outcome: Outcome) -> Outcome:
    """``outcome``, unless it is a pass thanks to what may not exist: then unknown, and why."""
    part = context.graph.certain(resource.address) if outcome.verdict is Verdict.PASS and context.graph.certain is not None else None
    lacking = _lacking(rule, resource, context, part) if part is not None else None
    if part is None or lacking is None:
        return outcome
    alone = ((piece, found) for piece in part.each() if (found := _lacking(rule, resource, context, piece)) is not None)
    part, lacking = next(alone, (part, lacking))
    return unknown(f"whether there will be {part.without} can't be told; without that, {lacking.message}", where=lacking.where)


def _asked(rule: Rule, resource: Resource, context: Context) -> Outcome:
    """What ``rule`` says of ``resource``.

    Raises:
        TypeError: it hands over something else.
    """
    outcome: object = rule.evaluate(resource, context)
    if not isinstance(outcome, Outcome):
        raise TypeError(f"it returned {type(outcome).__name__}, and no Outcome (PASS, NOT_APPLICABLE, fail(...), unknown(...))")
    return outcome


def _lacking(rule: Rule, resource: Resource, context: Context, part: Part) -> Outcome | None:
    """What ``rule`` finds wrong, or can't tell, where there is no more than ``part``."""
    alone = part.graph.get(resource.address)
    if alone is None or alone.type != resource.type:
        return None
    outcome = _asked(rule, alone, replace(context, graph=part.graph))
    return outcome if outcome.verdict in (Verdict.FAIL, Verdict.UNKNOWN) else None


def finding(rule: Rule, resource: Resource, outcome: Outcome, graph: Graph) -> Finding:
    """An outcome as it is reported, while nobody has accepted it."""
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        verdict=outcome.verdict,
        message=outcome.message,
        resource=resource.address,
        resource_type=resource.type,
        where=outcome.where or resource.source,
        fix=_in_form_of(resource, outcome.fix),
        defined=resource.source,
        edits=tuple(edit for change in outcome.changes if (edit := planned(resource, change, graph)) is not None),
        deployed=deployed_as(resource, graph),
        called=tuple(graph.callers(resource.address)),
    )


def _in_form_of(resource: Resource, fix: str | None) -> str | None:
    """``fix`` as the file of ``resource`` would have it: in JSON where that is a template in JSON, else as it is."""
    if fix is None or resource.dialect is not Dialect.CLOUDFORMATION or not (resource.source.file or "").lower().endswith(".json"):
        return fix
    from averment.policies.fixing.as_json import as_json  # reads YAML

    return as_json(fix)
