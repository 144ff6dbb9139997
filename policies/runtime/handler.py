"""The Lambda function behind Averment's custom rules in AWS Config.

One function serves every rule: the rule's ``InputParameters`` name it (``{"rule": "s3-put-object-gated"}``). It answers
configuration changes, oversized changes (whose item it fetches) and schedules (for which it judges every resource).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from averment.core.aws import aws_errors, client
from averment.core.errors import BadInputError, IncompleteError
from averment.core.words import Verdict
from averment.policies.interface import Kind
from averment.policies.runtime.bundled import Settings, load_settings, rule_called
from averment.policies.runtime.evaluate import COMPLIANCE, COULD_NOT_CHECK, Evaluation, Evaluator, shortened
from averment.policies.runtime.neighbours import ConfigNeighbours, NeighbourSource
from averment.policies.runtime.settings import SCOPE_VARIABLE, rule_parameters, scope_from_json, with_account

BATCH = 100
"""Evaluations per PutEvaluations (the service's limit)."""

SHOWN = 3
"""Changed properties that an annotation names."""

TEST_TOKEN = "TESTMODE"
_CHANGE = "ConfigurationItemChangeNotification"
_OVERSIZED = "OversizedConfigurationItemChangeNotification"
_SCHEDULED = "ScheduledNotification"

Put = Callable[..., Mapping[str, Any]]
Held = Callable[[], Iterable[tuple[str, str]]]
"""Gives type and id of what AWS Config holds a verdict of the rule of."""


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Lambda's entry point: evaluates ``event`` and reports to AWS Config.

    Needs ``permissions`` of the rules that it is deployed for. Returns counts by verdict, for the log.

    Raises:
        BadInputError: the event isn't one of Config's, or names no rule that there is.
        IncompleteError: Config refused, or a rule crashed (after everything that could be reported was).
    """
    config = client("config")
    source = ConfigNeighbours(config, account_id=str(event.get("accountId") or "") or None)
    return respond(event, source, config.put_evaluations, os.environ, load_settings(), lambda: held_results(config, event))


def respond(
    event: Mapping[str, Any],
    source: NeighbourSource,
    put: Put,
    environment: Mapping[str, str],
    settings: Settings = Settings(),  # noqa: B008  (immutable)
    held: Held = tuple,
) -> dict[str, Any]:
    """``handler`` with its surroundings handed in.

    Raises:
        BadInputError, IncompleteError: as ``handler``.
    """
    evaluations = list(evaluate_event(event, source, environment, settings, held))
    token = event.get("resultToken")
    if not isinstance(token, str):
        raise BadInputError("the event has no resultToken")
    report(evaluations, token, put)
    crashed = [entry for entry in evaluations if entry.crashed]
    if crashed:
        first = crashed[0]
        raise IncompleteError(f"the rule crashed on {first.resource_type} {first.resource_id}: {first.annotation}")
    return {str(verdict): sum(entry.verdict is verdict for entry in evaluations) for verdict in Verdict}


def evaluate_event(
    event: Mapping[str, Any],
    source: NeighbourSource,
    environment: Mapping[str, str],
    settings: Settings = Settings(),  # noqa: B008  (immutable)
    held: Held = tuple,
) -> Iterator[Evaluation]:
    """The evaluations that ``event`` asks for; ``held`` is asked on a schedule.

    Raises:
        BadInputError: the event isn't one of Config's, or names no rule that there is.
    """
    parameters = rule_parameters(event)
    if "rule" not in parameters:
        raise BadInputError("the rule's parameters don't say which rule to run", fix='set InputParameters to {"rule": "<rule id>"}')
    invoking = _invoking(event)
    account = str(event.get("accountId") or "")
    scope = with_account(scope_from_json(environment.get(SCOPE_VARIABLE) or settings.scope), account, parameters)
    chosen = rule_called(str(parameters["rule"]), settings.own_rules)
    if chosen.kind is Kind.CODE:
        fix = "run it before the merge: averment check"
        raise BadInputError(f"rule '{chosen.id}' is about source code, which AWS Config doesn't record", fix=fix)
    evaluator = Evaluator(chosen, source, scope, {**settings.parameters, **parameters}, account)
    kind = invoking.get("messageType")
    if kind == _SCHEDULED:
        yield from replace(evaluator, now=_moment(invoking, "notificationCreationTime")).every(held)
    elif kind == _CHANGE and event.get("evaluationMode") == "PROACTIVE":
        yield _proposal(invoking["configurationItem"], evaluator)
    elif kind == _CHANGE:
        item = invoking["configurationItem"]
        yield _left(item) if event.get("eventLeftScope") else _one(item, evaluator, changed_properties(invoking))
    elif kind == _OVERSIZED:
        yield _oversized(invoking["configurationItemSummary"], bool(event.get("eventLeftScope")), evaluator, source)
    else:
        raise BadInputError(f"'{kind}' is not a message that this function answers", fix=f"send {_CHANGE}, {_OVERSIZED} or {_SCHEDULED}")


def held_results(config: Any, event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Type and id of what AWS Config holds a verdict of by the rule of ``event``, or that it couldn't be checked. ``config`` is a client.

    Raises:
        IncompleteError: AWS Config doesn't say.
    """
    asked = {"ConfigRuleName": str(event.get("configRuleName") or ""), "ComplianceTypes": list(dict.fromkeys(COMPLIANCE.values()))}
    with aws_errors("read what the rule said before"):
        for page in config.get_paginator("get_compliance_details_by_config_rule").paginate(**asked, PaginationConfig={"PageSize": BATCH}):
            for result in page.get("EvaluationResults", ()):
                qualifier = result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]
                settled = result["ComplianceType"] == COMPLIANCE[Verdict.NOT_APPLICABLE]
                if not settled or str(result.get("Annotation") or "").startswith(COULD_NOT_CHECK):
                    yield qualifier["ResourceType"], qualifier["ResourceId"]


def report(evaluations: Iterable[Evaluation], token: str, put: Put) -> None:
    """Hand ``evaluations`` to PutEvaluations in batches.

    Raises:
        IncompleteError: Config refused, or didn't take some of them (after all were handed over).
    """
    queue = iter(evaluations)
    number = 0
    refused: list[Mapping[str, Any]] = []
    while batch := list(islice(queue, BATCH)):
        with aws_errors("report evaluations to AWS Config"):
            answer = put(Evaluations=[entry.request() for entry in batch], ResultToken=token, TestMode=token == TEST_TOKEN)
        number += len(batch)
        refused += answer.get("FailedEvaluations") or []
    if refused:
        first = f"{refused[0].get('ComplianceResourceType')} {refused[0].get('ComplianceResourceId')}"
        raise IncompleteError(f"AWS Config didn't take {len(refused)} of {number} evaluations, the first of {first}")


def _invoking(event: Mapping[str, Any]) -> Mapping[str, Any]:
    text = event.get("invokingEvent")
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except ValueError as error:
        raise BadInputError(f"invokingEvent is not JSON: {error}") from error
    if not isinstance(value, Mapping):
        raise BadInputError("the event has no invokingEvent")
    needed = {_CHANGE: "configurationItem", _OVERSIZED: "configurationItemSummary"}.get(str(value.get("messageType")))
    if needed is not None and not isinstance(value.get(needed), Mapping):
        raise BadInputError(f"the invoking event has no {needed}")
    return value


def _oversized(summary: Mapping[str, Any], left: bool, evaluator: Evaluator, source: NeighbourSource) -> Evaluation:
    """An item too large for an event: Config sends its summary and keeps the item."""
    if left or str(summary.get("configurationItemStatus", "")).startswith("ResourceDeleted"):
        return _left(summary)
    kind, identity = str(summary.get("resourceType")), str(summary.get("resourceId"))
    try:
        item = source.item(kind, identity)
    except IncompleteError as error:
        return _unread(summary, error.message)
    return _one(item, evaluator) if item is not None else _unread(summary, "AWS Config no longer has the oversized item")


def changed_properties(invoking: Mapping[str, Any]) -> tuple[str, ...]:
    """The properties that a change notification names as changed, three at most; none for a resource that is new."""
    difference = invoking.get("configurationItemDiff")
    changes = difference.get("changedProperties") if isinstance(difference, Mapping) and difference.get("changeType") == "UPDATE" else None
    names = sorted(str(name) for name in changes) if isinstance(changes, Mapping) else []
    return (*names[:SHOWN], f"{len(names) - SHOWN} more") if len(names) > SHOWN else tuple(names)


def _one(item: Mapping[str, Any], evaluator: Evaluator, changed: Sequence[str] = ()) -> Evaluation:
    try:
        return evaluator.one(item, changed)
    except ValueError as error:
        raise BadInputError(f"the event's configuration item can't be read: {error}") from error


def _proposal(item: Mapping[str, Any], evaluator: Evaluator) -> Evaluation:
    try:
        return evaluator.proposal(item)
    except ValueError as error:
        raise BadInputError(f"the proposed resource can't be read: {error}") from error


def _left(summary: Mapping[str, Any]) -> Evaluation:
    return _plain(summary, Verdict.NOT_APPLICABLE, "the resource was deleted or left the rule's scope")


def _unread(summary: Mapping[str, Any], reason: str) -> Evaluation:
    return _plain(summary, Verdict.UNKNOWN, shortened(f"{COULD_NOT_CHECK}{reason}"))


def _plain(summary: Mapping[str, Any], verdict: Verdict, text: str) -> Evaluation:
    moment = _moment(summary, "configurationItemCaptureTime")
    return Evaluation(str(summary.get("resourceType")), str(summary.get("resourceId")), verdict, text, moment)


def _moment(told: Mapping[str, Any], name: str) -> datetime:
    """The time that is ``told`` under ``name``; now where none is."""
    try:
        found = datetime.fromisoformat(str(told.get(name)))
    except ValueError:
        return datetime.now(UTC)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
