"""``alarms``: CloudWatch's alarms, whether they can tell anybody, and when they did."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from averment.core.canonical import JSON
from averment.core.fetch import Fetch
from averment.core.period import iso
from averment.evidence.collectors.interface import Collector, CollectScope, end_of_history
from averment.evidence.collectors.named import asked_for, entry, listed, names_of, unnamed
from averment.evidence.collectors.topics import PERMISSIONS, is_topic, why_unheard
from averment.evidence.record import Kind, Population, Record
from averment.policies.rules.alarms import always_with, goes_off

KEPT_FOR = timedelta(days=30)
"""How long CloudWatch keeps the history of alarms (CloudWatch user guide, "Using Amazon CloudWatch alarms")."""

WATCHING = "alarms.watching"

PRESENT = ("alarms", "without_action", "insufficient_data", "in_alarm", "unheard", "without_data")
"""The figures of the summary that tell the present, however short the history is."""

_NO_MESSAGE = frozenset({"autoscaling", "automate", "swf"})
"""Services whose actions scale, stop or restart something, and tell nobody of it (CloudWatch user guide, "Using Amazon CloudWatch alarms")."""

MAX_CHANGES = 20_000
"""State changes kept in one record; further ones are counted, and the record says that it was cut."""


class Alarms(Collector):
    """Every alarm as it is now, and its changes of state in the period, as far back as CloudWatch remembers (30 days).

    ``parameters: {alarms: {watching: [...]}}`` in averment.yaml names those that watch uploads and the detector.

    Payload: ``{"alarms": [{"alarm", "arn", "kind", "state", "namespace", "metric", "actions_enabled", "actions", "missing_data", "rule", "suppressor"}], "changes":
    [{"alarm", "at", "from", "to"}], "history_from", "unheard": [{"resource", "message"}], "without_data": [...], "notes", "out_of", "whole",
    "summary": {"alarms", "without_action", "insufficient_data", "in_alarm", "unheard", "without_data", "changes", "fired"}}``.
    ``without_action`` counts alarms that tell nobody when they go off (scaling is no message, and while a composite alarm's ``suppressor`` is in ALARM
    it does nothing); ``unheard`` named ones that do so, that tell topics alone to which nobody has confirmed a subscription, or that don't exist, unless
    a composite alarm tells of them that goes off whenever they do and isn't suppressed then (where not all alarms could be listed, only those
    that don't exist); ``without_data`` named ones in INSUFFICIENT_DATA (both null where
    none are named), out of those whose state shows whether they have some: an alarm that takes missing data for good is OK without any, as is a
    composite one over alarms without any, and one that takes it for bad may be in ALARM for that; ``fired`` counts the changes to ALARM. A period that began before
    ``history_from`` is covered from there only, and its population marked as cut short; what is ``whole`` doesn't rest on the history.
    """

    name = "alarms"
    version = "8"
    kind = Kind.ALARMS
    permissions = ("cloudwatch:DescribeAlarmHistory", "cloudwatch:DescribeAlarms", *PERMISSIONS)
    summary = "Alarms, their actions and their history, from CloudWatch, and who hears them, from SNS."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        """One record.

        Raises:
            BadInputError: ``watching`` is no list of names.
        """
        named = names_of(scope.organisation, WATCHING)
        fetch, sns = scope.fetch("cloudwatch"), scope.fetch("sns")
        alarms: list[dict[str, Any]] = []
        for page in fetch.pages("DescribeAlarms", {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}):
            alarms += [_alarm(item, "metric") for item in page.get("MetricAlarms", ())]
            alarms += [_alarm(item, "composite") for item in page.get("CompositeAlarms", ())]
        whole = not fetch.broken_off
        start, end = max(scope.period.start, scope.clock() - KEPT_FOR), end_of_history(scope)
        changes, total, fired = _history(fetch, start, end)
        states = Counter(row["state"] for row in alarms)
        watching = [row for row in alarms if named.count(row["alarm"], row["arn"])]
        known = [(row["alarm"], row["arn"]) for row in watching]
        missing = named.missing(known, account=scope.account, region=scope.region, whole=whole)
        above = {row["arn"]: list(_above(row, alarms)) for row in watching}
        telling = [*watching, *(parent for parents in above.values() for parent in parents)]
        unheard = [entry(name, "there is no alarm by this name") for name in missing]
        if whole:  # else a composite alarm that wasn't listed may tell for a quiet one
            unheard += _unheard(watching, above, _deaf(sns, telling) if named else {}, alarms)
        without_data = _without_data(watching)
        cut = start > scope.period.start
        payload: dict[str, JSON] = {
            "alarms": sorted(alarms, key=lambda row: str(row["alarm"])),
            "changes": sorted(changes, key=lambda row: (row["at"], row["alarm"])),
            "history_from": iso(start),
            "unheard": listed(unheard) if named else [],
            "without_data": listed(without_data) if named else [],
            "notes": unnamed(named),
            "out_of": {
                "summary.unheard": named.out_of(len(watching), missing),
                "summary.without_data": sum(map(_shows_a_lack, watching)),
            },
            "whole": [f"summary.{name}" for name in PRESENT],
            "summary": {
                "alarms": len(alarms),
                "without_action": sum(
                    1 for row in alarms if not (row["actions_enabled"] and _telling(row)) or _hushed(row, (row,), alarms)
                ),
                "insufficient_data": states["INSUFFICIENT_DATA"],
                "in_alarm": states["ALARM"],
                "unheard": len(unheard) if named else None,
                "without_data": len(without_data) if named else None,
                "changes": total,
                "fired": fired,
            },
        }
        unit = f"alarms (their changes from {iso(start)} on alone)" if cut else "alarms"
        population = Population(unit, len(alarms), len(alarms), cut or total > len(changes))
        source = "CloudWatch alarms and SNS"
        yield self.listing(scope, [fetch, sns], payload, population, source=source, asked=asked_for(scope, WATCHING))


def _deaf(fetch: Fetch, alarms: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The topics that ``alarms`` tell and nobody hears, and why; each is asked once."""
    topics = sorted({action for row in alarms for action in _telling(row) if is_topic(action)})
    return {topic: why for topic in topics if (why := why_unheard(fetch, topic)) is not None}


def _history(fetch: Fetch, start: datetime, end: datetime) -> tuple[list[dict[str, Any]], int, int]:
    """The changes of state that are kept, how many there were, and how many of them to ALARM."""
    asked = {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "HistoryItemType": "StateUpdate", "StartDate": start, "EndDate": end}
    shown: dict[str, JSON] = {**asked, "StartDate": iso(start), "EndDate": iso(end)}
    changes: list[dict[str, Any]] = []
    total = fired = 0
    for page in fetch.pages("DescribeAlarmHistory", asked, shown=shown) if start < end else ():
        for item in page.get("AlarmHistoryItems", ()):
            change = _change(item)
            total, fired = total + 1, fired + (change["to"] == "ALARM")
            if len(changes) < MAX_CHANGES:
                changes.append(change)
    return changes, total, fired


def _unheard(
    watching: Sequence[Mapping[str, Any]],
    above: Mapping[str, Sequence[Mapping[str, Any]]],
    deaf: Mapping[str, str],
    alarms: Sequence[Mapping[str, Any]],
) -> Iterator[dict[str, Any]]:
    """Those of ``watching`` that nobody hears of, by themselves or through one ``above`` them, with the reason."""
    for row in watching:
        along = (row, *above[row["arn"]])
        whys = [_why_unheard(item, deaf) or _hushed(item, along, alarms) for item in along]
        if all(why is not None for why in whys):
            yield entry(row["arn"], f"the alarm tells nobody when it goes off: {whys[0]}{_through(along, whys)}")


def _through(along: Sequence[Mapping[str, Any]], whys: Sequence[str | None]) -> str:
    """Why those above an alarm tell nobody of it, where that is because they are suppressed: their actions look as if they told."""
    return "".join(
        f"; {row['alarm']}, which goes off with it: {why}" for row, why in zip(along[1:], whys[1:], strict=True) if row["suppressor"]
    )


def _hushed(row: Mapping[str, Any], along: Sequence[Mapping[str, Any]], alarms: Sequence[Mapping[str, Any]]) -> str | None:
    """Why a composite alarm's actions are suppressed when it goes off together with those ``along``, or None. Its suppressor is in ALARM
    now, goes off with one of them, or is one without which it never goes off."""
    if row["suppressor"] is None:
        return None
    names = {row["suppressor"], str(row["suppressor"]).rpartition(":alarm:")[2]}
    suppressor = next((item for item in alarms if names & {item["alarm"], item["arn"]}), None)
    if suppressor is not None and suppressor["state"] == "ALARM":
        return f"its actions are suppressed while {suppressor['alarm']} is in ALARM, as it is now"
    if any(names & {item["alarm"], item["arn"]} for item in along) or _always_with(row["rule"] or "", frozenset(names)):
        return f"its actions are suppressed while {row['suppressor']} is in ALARM, as it is whenever this goes off"
    return None


def _why_unheard(row: Mapping[str, Any], deaf: Mapping[str, str]) -> str | None:
    """Why nobody hears of this alarm by its own actions, or None."""
    if not row["actions"]:
        return "it has no action"
    if not _telling(row):
        return "all that its actions do is to scale, stop or restart"
    if not row["actions_enabled"]:
        return "its actions are switched off"
    if all(action in deaf for action in _telling(row)):
        return "; ".join(deaf[action] for action in _telling(row))
    return None


def _above(row: Mapping[str, Any], alarms: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The composite alarms that go off whenever the one of ``row`` does, over any number of steps."""
    seen, queue = {row["arn"]}, [row]
    while queue:
        names = frozenset({(below := queue.pop())["alarm"], below["arn"]})
        for parent in alarms:
            if parent["rule"] is not None and parent["arn"] not in seen and _goes_off(parent["rule"], names):
                seen.add(parent["arn"])
                queue.append(parent)
                yield parent


def _goes_off(rule: str, names: frozenset[str]) -> bool:
    try:
        return goes_off(rule, names) is True
    except ValueError:  # not in the language that is known here: then nobody is told for sure
        return False


def _always_with(rule: str, names: frozenset[str]) -> bool:
    try:
        return always_with(rule, names)
    except ValueError:
        return False


def _telling(row: Mapping[str, Any]) -> list[str]:
    """The actions of an alarm that may tell somebody."""
    return [action for action in row["actions"] if action.split(":")[2:3] and action.split(":")[2] not in _NO_MESSAGE]


def _shows_a_lack(row: Mapping[str, Any]) -> bool:
    """Whether the state of an alarm tells if it has data. A composite one is OK over alarms that have none."""
    if row["kind"] == "composite":
        return bool(row["state"] == "INSUFFICIENT_DATA")
    return row["missing_data"] in (None, "missing") or (row["missing_data"] == "breaching" and row["state"] != "ALARM")


def _without_data(alarms: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [entry(row["arn"], "the alarm has no data to judge by") for row in alarms if row["state"] == "INSUFFICIENT_DATA"]


def _alarm(item: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {
        "alarm": item["AlarmName"],
        "arn": item.get("AlarmArn", item["AlarmName"]),
        "kind": kind,
        "state": item.get("StateValue"),
        "namespace": item.get("Namespace"),
        "metric": item.get("MetricName"),
        "actions_enabled": bool(item.get("ActionsEnabled", True)),
        "actions": sorted(item.get("AlarmActions", ())),
        "missing_data": item.get("TreatMissingData"),
        "rule": item.get("AlarmRule"),
        "suppressor": item.get("ActionsSuppressor"),
    }


def _change(item: Mapping[str, Any]) -> dict[str, Any]:
    try:
        data = json.loads(item.get("HistoryData") or "{}")
    except ValueError:
        data = {}
    states = {name: (data.get(name) or {}).get("stateValue") for name in ("oldState", "newState")}
    return {"alarm": item.get("AlarmName"), "at": iso(item["Timestamp"]), "from": states["oldState"], "to": states["newState"]}
