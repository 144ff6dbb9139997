"""``config-history``: for how long in the period each deployed resource was compliant, from what AWS Config recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.fetch import Fetch
from averment.core.period import iso
from averment.core.source import SourceRef
from averment.evidence.collectors.interface import Collector, CollectScope, Gathered, end_of_history
from averment.evidence.record import Kind, Population, Record
from averment.policies.interface import Kind as RuleKind
from averment.policies.interface import Rule
from averment.policies.own_rules import rules_of
from averment.policies.runtime.evaluate import subject_types
from averment.policies.runtime.history import Interval, Kept, Key, Phase, Recorded, RecorderState, kept, totals
from averment.policies.runtime.neighbours import recorded_elsewhere, records_now
from averment.policies.runtime.settings import with_account
from averment.policies.surfaces.config.items import decoded, field
from averment.policies.surfaces.config.types import asked_of_service, held_in

_RECORDER = "AWS::Config::ConfigurationRecorder"
_NOT_KEPT = ("ResourceNotDiscoveredException", "ValidationException")
"""How AWS Config answers where it has no history of the recorder: its type is in the published schema, but not in the API's enumeration."""

_PAGE = 100
"""Items a call (the service's limit)."""


class ConfigHistory(Collector):
    """The intervals in which each resource was compliant, was not, or was not assessed, under each rule: rules judge every recorded state.

    Payload: ``{"rules": [{"rule", "resources": [{"type", "id", "intervals": [{"start", "end", "state", "reason"?}], "seconds": {state:
    whole seconds}}], "not_applicable": resources that the rule never applied to, "without_history": [types], "seconds"}], "recorder":
    [{"since", "on"}], "summary": {"rules", "resources", "throughout", "seconds"}}``. ``throughout`` counts resources that were compliant
    whenever the rule applied to them. Intervals are half-open and tile the period; what was not recorded is ``not-assessed``.
    Parameters: ``rules`` (ids; all that AWS Config has subjects of), ``resources_per_type`` (2,000).
    """

    name = "config-history"
    version = "1"
    kind = Kind.CONFIG_HISTORY
    permissions = (
        "config:DescribeConfigurationRecorders",
        "config:DescribeConfigurationRecorderStatus",
        "config:GetResourceConfigHistory",
        "config:ListDiscoveredResources",
    )
    looks_back = True
    by_media = True
    goes_by = ("config-history.rules", "config-history.resources_per_type")
    summary = "For how long deployed resources were compliant, from AWS Config's history."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        rules = _chosen(scope, self.name)
        config = scope.connect("config")
        fetch = Fetch(config, "config")
        start, until = scope.period.start, min(end_of_history(scope) + timedelta(seconds=1), scope.period.end)
        recorder = _recorder(fetch, start, until)
        refused = bool(fetch.problems)  # items alone don't show that somebody was looking
        own = with_account(scope.organisation.scope, scope.account or "", {})
        looked_at = [name for rule in rules for name in (*rule.types, *rule.looks_up(own))]
        wanted = dict.fromkeys(kind for kind in held_in(tuple(looked_at)) if not asked_of_service(kind))
        limit = scope.number(self.name, "resources_per_type", 2_000)
        items: list[Mapping[str, Any]] = []
        unread: dict[str, str] = {}
        for kind in sorted(wanted) if not refused else ():
            found_of_kind = list(_history(fetch, kind, start, until, limit, unread))
            if not found_of_kind and (reason := recorded_elsewhere(kind, config.meta.region_name)) is not None:
                unread.setdefault(kind, reason)
            items.extend(found_of_kind)
        recorded = Recorded(items, recorder, unread)
        found = [kept(rule, recorded, start, scope.period.end, own, scope.organisation.parameters, until=until) for rule in rules]
        for text in dict.fromkeys(text for entry in found for text in entry.problems):
            fetch.problem(text)
        listed = sum(len(entry.resources) for entry in found)
        yield self.record(
            scope,
            Gathered(
                source="AWS Config",
                query={"calls": fetch.calls, "rules": [rule.id for rule in rules]},
                payload=None if refused else _payload(found, recorder),
                problems=fetch.problems,
                population=None
                if refused
                else Population("resources under a rule", None if fetch.problems else listed, listed, bool(fetch.problems)),
                effective_at=end_of_history(scope),
            ),
        )


def _chosen(scope: CollectScope, name: str) -> list[Rule]:
    """The rules to judge by: those that the parameter ``rules`` names, or every one whose resources AWS Config records.

    Raises:
        BadInputError: the parameter isn't a list of ids of rules about infrastructure.
        IncompleteError: a rule of the organisation's own doesn't load.
    """
    given = scope.parameters(name).get("rules")
    known = {rule.id: rule for rule in rules_of(scope.organisation)}
    if given is None:
        infrastructure = (rule for rule in known.values() if rule.kind is RuleKind.INFRASTRUCTURE)
        return [rule for rule in infrastructure if any(not asked_of_service(kind) for kind in subject_types(rule))]
    where = SourceRef(scope.organisation.file)
    if not isinstance(given, list) or not given:
        raise BadInputError(
            f"parameters.{name}.rules is not a list of rules", where=where, fix="write [rule-id, ...]; see averment rules list"
        )
    absent = next((str(entry) for entry in given if str(entry) not in known), None)
    if absent is not None:
        raise BadInputError(f"parameters.{name}.rules: there is no rule '{absent}'", where=where, fix=f"known rules: {', '.join(known)}")
    rules = [known[str(entry)] for entry in given]
    code = next((rule.id for rule in rules if rule.kind is not RuleKind.INFRASTRUCTURE), None)
    if code is not None:
        raise BadInputError(
            f"parameters.{name}.rules: '{code}' is about source code, which AWS Config doesn't record",
            where=where,
            fix="take it out of the list",
        )
    return rules


def _recorder(fetch: Fetch, start: datetime, until: datetime) -> list[RecorderState]:
    """How the recorder was set: from its own items where Config keeps any, and from its status what it is now and since when.

    Where there are none, it is taken to have recorded since its last start what it records now, and nothing is known of before.
    """
    answer = fetch.one("DescribeConfigurationRecorders", {})
    status = fetch.one("DescribeConfigurationRecorderStatus", {})
    if answer is None or status is None:
        return []
    ours = [recorder for recorder in answer.get("ConfigurationRecorders", ()) if not recorder.get("servicePrincipal")]
    states: list[RecorderState] = []
    for recorder in ours:
        own = {"resourceType": _RECORDER, "resourceId": recorder["name"]}
        for item in _states(fetch, own, start, until, absent=_NOT_KEPT):
            configuration = decoded(item.get("configuration")) or {}
            group = field(configuration, "RecordingGroup") or {}
            states.append(RecorderState(_whole(item["configurationItemCaptureTime"]), field(configuration, "Recording") is True, group))
        group = recorder.get("recordingGroup") or {}
        known: Mapping[str, Any] = next(
            (entry for entry in status.get("ConfigurationRecordersStatus", ()) if entry["name"] == recorder["name"]), {}
        )
        states.extend(_from_status(known, group, {state.moment for state in states}))
    return sorted(states, key=lambda state: state.moment)


def _from_status(status: Mapping[str, Any], group: Mapping[str, Any], known: set[datetime]) -> Iterator[RecorderState]:
    """The last start, the last stop, and since when it fails, which are all that a recorder's status tells of the past."""
    started, stopped, changed = (status.get(f"last{what}Time") for what in ("Start", "Stop", "StatusChange"))
    if started is not None and _whole(started) not in known:
        yield RecorderState(_whole(started), True, group)
    if stopped is not None and _whole(stopped) not in known:
        yield RecorderState(_whole(stopped), False, group)
    if changed is not None and status.get("recording") is True and not records_now(status):
        yield RecorderState(_whole(changed), False, group, "failed")


def _history(fetch: Fetch, kind: str, start: datetime, until: datetime, limit: int, unread: dict[str, str]) -> Iterator[Mapping[str, Any]]:
    """The items of every resource of ``kind`` that there was in the period; ``unread`` is told where they can't be had."""
    before = fetch.refusals
    keys: list[dict[str, str]] = []
    asked: dict[str, JSON] = {"resourceType": kind, "includeDeletedResources": True}
    for page in fetch.pages("ListDiscoveredResources", asked):
        for found in page.get("resourceIdentifiers", ()):
            deleted = found.get("resourceDeletionTime")
            if deleted is None or deleted >= start:
                keys.append({"resourceType": kind, "resourceId": found["resourceId"]})
    if fetch.refusals > before:
        unread[kind] = f"the history of {kind} could not be had: {fetch.last_problem}"
    if len(keys) > limit:
        fetch.problem(f"there are {len(keys):,} resources of type {kind}; the history of {limit:,} was read")
        unread[kind] = f"the history of {kind} was read in part only"
    for key in keys[:limit]:
        before = fetch.refusals
        yield from _states(fetch, key, start, until)
        if fetch.refusals > before:
            unread[kind] = f"the history of {kind} could not be had: {fetch.last_problem}"


def _states(
    fetch: Fetch, key: Mapping[str, str], start: datetime, until: datetime, *, absent: tuple[str, ...] = ()
) -> Iterator[Mapping[str, Any]]:
    """The items of one resource from ``start`` to ``until``, and the last one before, which held at ``start``."""
    shown = {"resourceType": key["resourceType"], "resourceId": "each"}
    bounds: dict[str, Any] = {"laterTime": start, "chronologicalOrder": "Reverse", "limit": 1}
    pages = fetch.pages("GetResourceConfigHistory", {**key, **bounds}, shown={**shown, **bounds, "laterTime": iso(start)}, absent=absent)
    found = (page.get("configurationItems", ()) for page in pages)  # a page spans seven days at most, and those may hold nothing
    first = next((items for items in found if items), ())
    yield from first
    seen = {(item.get("configurationStateId"), item.get("configurationItemCaptureTime")) for item in first}
    within: dict[str, Any] = {"earlierTime": start, "laterTime": until, "chronologicalOrder": "Forward", "limit": _PAGE}
    said = {**shown, **within, "earlierTime": iso(start), "laterTime": iso(until)}
    for page in fetch.pages("GetResourceConfigHistory", {**key, **within}, shown=said, absent=absent):
        for item in page.get("configurationItems", ()):
            if (item.get("configurationStateId"), item.get("configurationItemCaptureTime")) not in seen:
                yield item


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _payload(found: Sequence[Kept], recorder: Sequence[RecorderState]) -> dict[str, JSON]:
    rules = [_rule(entry) for entry in found]
    applied = [intervals for entry in found for intervals in _applied(entry).values()]
    throughout = sum(all(entry.phase in (Phase.COMPLIANT, Phase.NOT_APPLICABLE) for entry in intervals) for intervals in applied)
    return {
        "rules": rules,
        "recorder": [{"since": iso(state.moment), "on": state.on} for state in recorder],
        "summary": {
            "rules": len(rules),
            "resources": len(applied),
            "throughout": throughout,
            "seconds": _seconds(entry for intervals in applied for entry in intervals),
        },
    }


def _rule(entry: Kept) -> dict[str, JSON]:
    applied = _applied(entry)
    resources: list[JSON] = [
        {
            "type": kind,
            "id": identity,
            "intervals": [_interval(interval) for interval in intervals],
            "seconds": _seconds(intervals),
        }
        for (kind, identity), intervals in applied.items()
    ]
    return {
        "rule": entry.rule,
        "resources": resources,
        "not_applicable": len(entry.resources) - len(applied),
        "without_history": list(entry.without_history),
        "seconds": _seconds(interval for intervals in applied.values() for interval in intervals),
    }


def _applied(entry: Kept) -> dict[Key, tuple[Interval, ...]]:
    """The resources that the rule was about at some time, or may have been."""
    return {
        key: intervals
        for key, intervals in entry.resources.items()
        if any(interval.phase is not Phase.NOT_APPLICABLE for interval in intervals)
    }


def _interval(interval: Interval) -> dict[str, JSON]:
    value: dict[str, JSON] = {"start": iso(interval.start), "end": iso(interval.end), "state": str(interval.phase)}
    return {**value, "reason": interval.reason} if interval.reason else value


def _seconds(intervals: Any) -> dict[str, JSON]:
    return {str(phase): length // timedelta(seconds=1) for phase, length in totals(intervals).items()}
