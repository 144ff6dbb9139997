"""From a configuration item to what AWS Config is told about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from averment.core.errors import IncompleteError
from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.graph.model import EVERYTHING, Graph, Resource
from averment.policies.interface import Context, Outcome, Rule, unknown
from averment.policies.rules.judge import worst_outcome
from averment.policies.runtime.neighbours import NeighbourSource
from averment.policies.runtime.proposed import ALONE, proposed
from averment.policies.surfaces.config import graph_from_items
from averment.policies.surfaces.config_items import Item, read_item
from averment.policies.surfaces.config_types import held_in, recording

ANNOTATION_LIMIT = 256
COULD_NOT_CHECK = "could not check: "
"""How the annotation of an unknown begins; AWS Config has no value of its own for it that PutEvaluations takes."""

ACCOUNT = "AWS::::Account"
"""The resource type under which something about the whole account is reported."""

COMPLIANCE: Mapping[Verdict, str] = {
    Verdict.PASS: "COMPLIANT",
    Verdict.FAIL: "NON_COMPLIANT",
    Verdict.UNKNOWN: "NOT_APPLICABLE",
    Verdict.NOT_APPLICABLE: "NOT_APPLICABLE",
}
"""PutEvaluations refuses INSUFFICIENT_DATA (botocore's model of ``Evaluation.ComplianceType``), so an unknown is reported as
NOT_APPLICABLE with its reason in the annotation. It is never COMPLIANT."""


@dataclass(frozen=True)
class Evaluation:
    """The verdict on one resource, as Config knows the resource. ``crashed`` tells a rule that raised."""

    resource_type: str
    resource_id: str
    verdict: Verdict
    annotation: str
    captured_at: datetime
    crashed: bool = False

    def request(self) -> dict[str, Any]:
        """The entry for ``PutEvaluations``."""
        entry: dict[str, Any] = {
            "ComplianceResourceType": self.resource_type,
            "ComplianceResourceId": self.resource_id,
            "ComplianceType": COMPLIANCE[self.verdict],
            "OrderingTimestamp": self.captured_at,
        }
        if self.annotation:
            entry["Annotation"] = self.annotation
        return entry


@dataclass
class Evaluator:
    """Judges items by one rule. Neighbours are fetched once each, whatever the number of items."""

    rule: Rule
    source: NeighbourSource
    scope: Scope
    parameters: Mapping[str, Any]
    account: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def one(self, raw: Mapping[str, Any], changed: Sequence[str] = ()) -> Evaluation:
        """The evaluation of the resource in one configuration item; ``changed`` are the properties that a failure is shown with.

        Raises:
            ValueError: not a configuration item.
        """
        item = read_item(raw)
        if item.deleted or not item.recorded or not self._concerns(item):
            return self._without_rule(item)
        subject = self.source.complete(raw, self.rule.id, subject=True)
        others, unread = self._neighbours(item.type)
        graph = graph_from_items([subject, *(other for other in others if not _same(other, item))])
        return self._judge(item, _Seen(graph, unread, others, {item.arn}), changed)

    def every(self) -> Iterator[Evaluation]:
        """The evaluations of all resources of the rule's types: what a periodic rule reports.

        A type whose resources can't be listed is an unknown of the account itself, with the reason: the others are judged all the same.

        Raises:
            ValueError: one of the resources isn't a configuration item.
        """
        subjects: list[Mapping[str, Any]] = []
        for resource_type in subject_types(self.rule):
            try:
                listed = self.source.items(resource_type)
            except IncompleteError as error:
                yield self._unlisted(error)
                continue
            subjects.extend(self.source.complete(raw, self.rule.id, subject=True) for raw in listed)
        yield from self.these(subjects)

    def these(self, subjects: Sequence[Mapping[str, Any]]) -> Iterator[Evaluation]:
        """The evaluations of the resources in several items, each beside the others and the rule's neighbours.

        Raises:
            ValueError: one of them isn't a configuration item.
        """
        others, unread = self._neighbours()
        known = {(str(raw.get("resourceType")), str(raw.get("resourceId"))) for raw in subjects}
        rest = [raw for raw in others if (str(raw.get("resourceType")), str(raw.get("resourceId"))) not in known]
        graph = graph_from_items([*subjects, *rest])
        items = [read_item(raw) for raw in subjects]
        seen = _Seen(graph, unread, rest, {item.arn for item in items})
        for item in items:
            yield self._without_rule(item) if item.deleted or not item.recorded else self._judge(item, seen)

    def proposal(self, raw: Mapping[str, Any]) -> Evaluation:
        """The evaluation of a resource that isn't deployed yet (proactive mode); nothing is fetched.

        Raises:
            ValueError: not an item of such a resource.
        """
        item, resource = proposed(raw)
        if resource.type not in self.rule.types:
            return self._evaluation(item, Outcome(Verdict.NOT_APPLICABLE, "the rule is not about this type"))
        unread = dict.fromkeys((name for name in self.rule.looks_up(self.scope)), ALONE)
        return self._judge(item, _Seen(Graph([resource]), unread, (), {item.arn}))

    def _concerns(self, item: Item) -> bool:
        return item.type in subject_types(self.rule)

    def _without_rule(self, item: Item) -> Evaluation:
        """Resources that are gone, that the rule isn't about, or whose configuration isn't recorded."""
        if not item.deleted and not item.recorded and self._concerns(item):
            return self._evaluation(item, unknown("AWS Config doesn't record the configuration of this resource"))
        reason = "the resource was deleted" if item.deleted else "the rule is not about this type"
        return self._evaluation(item, Outcome(Verdict.NOT_APPLICABLE, reason))

    def _unlisted(self, error: IncompleteError) -> Evaluation:
        """That resources of a type could not be listed: nothing else in the report would tell."""
        text = shortened(f"{COULD_NOT_CHECK}{error.message}")
        return Evaluation(ACCOUNT, self.account or "unknown", Verdict.UNKNOWN, text, self.now)

    def _neighbours(self, subject: str | None = None) -> tuple[list[Mapping[str, Any]], dict[str, str]]:
        """The neighbours of the rule's resources, each with what is added to it, and the types that could not be read.

        With the type of a single ``subject`` (Config's name), without the settings of others of that type: its own are in its item, and
        a bucket's policy says nothing about another bucket.
        """
        items: list[Mapping[str, Any]] = []
        unread: dict[str, str] = {}
        found: dict[str, str | None] = {}
        for name in self.rule.looks_up(self.scope):
            if recording(name).own and held_in((name,)) == (subject,):
                continue
            for resource_type in held_in((name,)):
                if resource_type not in found:
                    try:
                        listed = self.source.items(resource_type)
                    except IncompleteError as error:
                        found[resource_type] = error.message
                    else:
                        found[resource_type] = None
                        items.extend(self.source.complete(raw, self.rule.id, subject=False) for raw in listed)
                if (reason := found[resource_type]) is not None:
                    unread[name] = reason
        return items, unread

    def _judge(self, item: Item, seen: _Seen, changed: Sequence[str] = ()) -> Evaluation:
        context = Context(seen.graph, self.scope, self.parameters, seen.unread)
        resources = seen.by_item.get(item.arn)
        if not resources:
            return self._evaluation(item, unknown(seen.problems.get(item.arn, "its configuration item holds nothing that could be read")))
        seen.graph.consulted.clear()
        try:
            outcome = worst_outcome(self.rule.evaluate(resource, context) for resource in resources if resource.type in self.rule.types)
        except Exception as error:  # noqa: BLE001 - a rule that crashes is reported as such and fails the run
            return self._evaluation(item, unknown(f"the rule crashed: {type(error).__name__}: {error}"), crashed=True)
        outcome = seen.doubted(outcome)
        return self._evaluation(item, outcome, changed=changed if outcome.verdict is Verdict.FAIL else ())

    def _evaluation(self, item: Item, outcome: Outcome, *, crashed: bool = False, changed: Sequence[str] = ()) -> Evaluation:
        prefix = COULD_NOT_CHECK if outcome.verdict is Verdict.UNKNOWN else ""
        moment = item.source.captured_at or self.now
        text = shortened(prefix + outcome.message)
        said = f" (changed: {', '.join(changed)})" if changed else ""
        text = text + said if len(text) + len(said) <= ANNOTATION_LIMIT else text
        return Evaluation(item.type, item.id, outcome.verdict, text, moment, crashed)


class _Seen:
    """What stands around the ``subjects`` (their ARNs), and what of it could not be seen."""

    def __init__(self, graph: Graph, unread: Mapping[str, str], others: Sequence[Mapping[str, Any]], subjects: set[str]) -> None:
        self.graph, self.unread = graph, unread
        self.by_item: dict[str | None, list[Resource]] = {}
        for resource in graph:  # a bucket's item holds the bucket and its policy
            self.by_item.setdefault(resource.source.arn, []).append(resource)
        self.problems = {problem.where.arn: problem.reason for problem in graph.problems}
        types = {str(raw.get("arn") or raw.get("ARN") or raw.get("resourceId")): str(raw.get("resourceType")) for raw in others}
        self._beside: dict[str | None, str] = {}  # the first reason of each type tells as much as all of them
        for arn, reason in self.problems.items():
            if arn not in subjects:
                self._beside.setdefault(types.get(arn or ""), reason)

    def doubted(self, outcome: Outcome) -> Outcome:
        """``outcome``, or unknown where it can't be trusted: the rule looked for resources that couldn't be read.

        A failure stands: rules themselves say where one hangs on what they didn't find. An unknown is told with that reason first.
        """
        doubt = self._doubt() if outcome.verdict is not Verdict.FAIL else None
        if doubt is None:
            return outcome
        said = outcome.verdict is Verdict.UNKNOWN and any(reason in outcome.message for reason in self.unread.values())
        return outcome if said else unknown(f"{doubt}; {outcome.message}" if outcome.message else doubt)

    def _doubt(self) -> str | None:
        """What the rule looked for and couldn't be read."""
        consulted = self.graph.consulted
        asked = set(held_in(tuple(sorted(consulted))))
        looked_for = (name for name in self.unread if EVERYTHING in consulted or asked & set(held_in((name,))))
        missing = (f"{name} could not be read: {self.unread[name]}" for name in looked_for)
        beside = (reason for kind, reason in self._beside.items() if kind is None or EVERYTHING in consulted or kind in asked)
        return next(iter([*missing, *beside]), None)


def subject_types(rule: Rule) -> tuple[str, ...]:
    """The types of Config's own under which the rule's resources are recorded."""
    return held_in(rule.types)


def shortened(text: str) -> str:
    """``text`` within the length that PutEvaluations takes as an annotation."""
    return text if len(text) <= ANNOTATION_LIMIT else f"{text[: ANNOTATION_LIMIT - 1]}…"


def _same(raw: Mapping[str, Any], item: Item) -> bool:
    return raw.get("resourceType") == item.type and raw.get("resourceId") == item.id
