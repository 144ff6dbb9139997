"""From a configuration item to what AWS Config is told about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from averment.core.errors import IncompleteError
from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.graph.model import EVERYTHING, NAMED, UNNAMED, Flaw, Graph, Resource
from averment.policies.interface import Context, Outcome, Rule, unknown
from averment.policies.rules.judge import worst_outcome
from averment.policies.runtime.beside import Beside, Unread
from averment.policies.runtime.neighbours import NeighbourSource
from averment.policies.runtime.proposed import ALONE, proposed
from averment.policies.surfaces.config.items import Item, read_item
from averment.policies.surfaces.config.types import ABOVE_AWS, held_in, recording

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
    """The verdict on one resource, as Config knows the resource. ``crashed`` tells a rule that raised.

    ``captured_at`` is when the item was captured or, of a schedule, when that began: what AWS Config tells the later of two verdicts by.
    """

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
        return self._judge(item, self._seen([subject], item.type), changed)

    def every(self, held: Callable[[], Iterable[tuple[str, str]]] = tuple) -> Iterator[Evaluation]:
        """The evaluations of all resources of the rule's types: what a periodic rule reports.

        A type whose resources can't be listed is an unknown of the account itself, with the reason: the others are judged all the same.
        ``held`` gives type and id of what AWS Config holds a verdict of from before: it keeps them until the rule says otherwise, so what
        is gone by now is said to be so. It is asked first: what it names and the lists don't was there before them, and isn't new.
        """
        failed: dict[str, str] = {}
        before: list[tuple[str, str]] = []
        try:
            before.extend(held())
        except IncompleteError as error:
            failed[ACCOUNT] = error.message
        subjects: list[Mapping[str, Any]] = []
        for resource_type in subject_types(self.rule):
            try:
                listed = self.source.items(resource_type)
            except IncompleteError as error:
                failed[resource_type] = error.message
                continue
            subjects.extend(self._completed(raw, subject=True) for raw in listed)
        for entry in self.these(subjects):  # AWS Config keeps the later of two by their times, and this look is later than any item
            yield replace(entry, captured_at=self.now)
        if failed:
            yield self._unlisted(failed.values())
        yield from self._gone(before, {_key(raw) for raw in subjects}, {ACCOUNT} | set(failed) if failed else ())

    def _gone(self, before: Iterable[tuple[str, str]], there: Collection[tuple[str, str]], open_: Collection[str]) -> Iterator[Evaluation]:
        """That what was judged ``before`` is no longer ``there``; nothing of types that are still ``open_``."""
        for kind, identity in before:
            if kind not in open_ and (kind, identity) not in there:
                text = "everything could be listed again" if kind == ACCOUNT else "the resource is gone"
                yield Evaluation(kind, identity, Verdict.NOT_APPLICABLE, text, self.now)

    def these(self, subjects: Sequence[Mapping[str, Any]]) -> Iterator[Evaluation]:
        """The evaluations of the resources in several items, each beside the others and the rule's neighbours.

        An item that can't be read is an unknown of its resource: what the others hold doesn't hang on it.
        """
        seen = self._seen(subjects)
        for raw in subjects:
            try:
                item = read_item(raw)
            except ValueError as error:
                yield Evaluation(*_key(raw), Verdict.UNKNOWN, shortened(f"{COULD_NOT_CHECK}{error}"), self.now)
                continue
            yield self._without_rule(item) if item.deleted or not item.recorded else self._judge(item, seen)

    def proposal(self, raw: Mapping[str, Any]) -> Evaluation:
        """The evaluation of a resource that isn't deployed yet (proactive mode); nothing is fetched.

        Raises:
            ValueError: not an item of such a resource.
        """
        item, resource = proposed(raw)
        if resource.type not in self.rule.types:
            return self._evaluation(item, Outcome(Verdict.NOT_APPLICABLE, "the rule is not about this type"))
        unread = dict.fromkeys(self.rule.looks_up(self.scope), ALONE)
        return self._judge(item, _Seen(Graph([resource]), {item.arn: [resource]}, unread, {}))

    def _concerns(self, item: Item) -> bool:
        return item.type in subject_types(self.rule)

    def _without_rule(self, item: Item) -> Evaluation:
        """Resources that are gone, that the rule isn't about, or whose configuration isn't recorded."""
        if not item.deleted and not item.recorded and self._concerns(item):
            return self._evaluation(item, unknown("AWS Config doesn't record the configuration of this resource"))
        reason = "the resource was deleted" if item.deleted else "the rule is not about this type"
        return self._evaluation(item, Outcome(Verdict.NOT_APPLICABLE, reason))

    def _unlisted(self, reasons: Iterable[str]) -> Evaluation:
        """That resources of a type could not be listed: nothing else in the report would tell."""
        text = shortened(f"{COULD_NOT_CHECK}{'; '.join(dict.fromkeys(reasons))}")
        return Evaluation(ACCOUNT, self.account or "unknown", Verdict.UNKNOWN, text, self.now)

    def _seen(self, subjects: Sequence[Mapping[str, Any]], single: str | None = None) -> _Seen:
        """``subjects`` in a graph that fetches the rule's neighbours as they are looked for.

        Beside a ``single`` subject (its type, Config's name) the settings of others of that type aren't: its own are in its item, and a
        bucket's policy says nothing about another bucket.
        """
        names = [name for name in self.rule.looks_up(self.scope) if not (recording(name).own and held_in((name,)) == (single,))]
        known = {_key(raw) for raw in subjects}
        graph = Beside(subjects, held_in(tuple(names)), lambda kind: self._listed(kind, known))
        return _Seen.beside(graph, names)

    def _listed(self, kind: str, known: Collection[tuple[str, str]]) -> list[Mapping[str, Any]]:
        """The items of a neighbouring type, those of ``known`` resources left out, each with what is added to it.

        Raises:
            IncompleteError: they can't be had.
        """
        return [self._completed(raw) for raw in self.source.items(kind) if _key(raw) not in known]

    def _completed(self, raw: Mapping[str, Any], *, subject: bool = False) -> Mapping[str, Any]:
        try:
            return self.source.complete(raw, self.rule.id, subject=subject)
        except ValueError:  # not an item: whoever reads it says so, with the reason
            return raw

    def _judge(self, item: Item, seen: _Seen, changed: Sequence[str] = ()) -> Evaluation:
        context = Context(seen.graph, self.scope, self.parameters, seen.unread)
        resources = seen.by_item.get(item.arn)
        if not resources:
            return self._evaluation(item, unknown(seen.problem(item)))
        seen.graph.consulted.clear()
        try:
            outcome = worst_outcome(self.rule.evaluate(resource, context) for resource in resources if resource.type in self.rule.types)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a rule that crashes is reported as such and fails the run
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


@dataclass(frozen=True)
class _Seen:
    """What stands around the subjects, whose resources are in ``by_item`` by their items' ARNs, and what of it could not be seen.

    ``unread`` are names of types that could not be fetched, ``flawed`` kinds of which an item could not be read; both with the reason.
    """

    graph: Graph
    by_item: Mapping[str | None, Sequence[Resource]]
    unread: Mapping[str, str]
    flawed: Mapping[str, str]

    @classmethod
    def beside(cls, graph: Beside, names: Sequence[str]) -> _Seen:
        """The subjects of ``graph`` and the neighbours of these ``names``."""
        return cls(graph, graph.subjects, Unread(graph, names), graph.flawed)

    def problem(self, item: Item) -> str:
        """Why nothing of the subject's own item is in the graph."""
        said = (problem.reason for problem in self.graph.problems if problem.where.arn == item.arn)
        return next(said, "its configuration item holds nothing that could be read")

    def doubted(self, outcome: Outcome) -> Outcome:
        """``outcome``, or unknown where it can't be trusted: the rule looked for resources that couldn't be read.

        A failure stands: rules themselves say where one hangs on what they didn't find. An unknown is told with that reason first.
        """
        doubt = self._doubt() if outcome.verdict is not Verdict.FAIL else None
        if doubt is None:
            return outcome
        told = (*self.unread.values(), *(flaw.rpartition(": ")[2] for flaw in self._flaws()))
        said = outcome.verdict is Verdict.UNKNOWN and any(reason in outcome.message for reason in told)
        return outcome if said else unknown(f"{doubt}; {outcome.message}" if outcome.message else doubt)

    def _doubt(self) -> str | None:
        """What the rule looked for and couldn't be read."""
        consulted = self.graph.consulted - set(self._flaws())
        asked = set(held_in(tuple(sorted(consulted))))
        anything, named = EVERYTHING in consulted, NAMED in consulted
        looked_for = (name for name in self.unread if anything or (named and name not in UNNAMED) or asked & set(held_in((name,))))
        missing = (f"{name} could not be read: {self.unread[name]}" for name in looked_for)
        beside = (reason for kind, reason in self.flawed.items() if anything or (named and kind not in UNNAMED) or kind in asked)
        return next(iter([*missing, *beside, *self._flaws()]), None)

    def _flaws(self) -> list[str]:
        """Why something that the rule looked at has another shape than expected."""
        return sorted(name for name in self.graph.consulted if isinstance(name, Flaw))


def subject_types(rule: Rule) -> tuple[str, ...]:
    """The types of Config's own under which the rule's resources are recorded; without those that no deployment has."""
    return tuple(name for name in held_in(rule.types) if not name.startswith(ABOVE_AWS))


def shortened(text: str) -> str:
    """``text`` within the length that PutEvaluations takes as an annotation."""
    return text if len(text) <= ANNOTATION_LIMIT else f"{text[: ANNOTATION_LIMIT - 1]}…"


def _key(raw: Mapping[str, Any]) -> tuple[str, str]:
    return str(raw.get("resourceType")), str(raw.get("resourceId"))
