"""Proactive evaluation: rules on the properties of a resource that isn't there yet.

An evaluation is in progress for its first reader and runs for the next one. It fails, with the reason, where a rule in scope can't be
run (a managed rule, whose code only AWS has; a function that raises or reports nothing): a verdict without that rule would be half a
verdict. What a custom rule is sent in this mode AWS doesn't publish: here it is the event of a change, whose item has the resource's
CloudFormation properties as its configuration, and ``evaluationMode`` beside the other members of the event. Guard gets the same item.
Not covered: checking the properties against the type's schema, and EvaluationTimeout (nothing takes long).
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from averment.sandbox.backends.config.base import ConfigOperations
from averment.sandbox.backends.config.compliance import compliance, detail
from averment.sandbox.backends.config.definition import check_type
from averment.sandbox.backends.config.errors import invalid, refused
from averment.sandbox.backends.config.functions import handler_of
from averment.sandbox.backends.config.running import policy_evaluation
from averment.sandbox.backends.config.state import JSON, Rule, issue_token
from averment.sandbox.config_runner import change, event, function_context, in_scope
from averment.sandbox.events import FunctionError


@dataclass
class ResourceEvaluation:
    """One StartResourceEvaluation. ``results``: rule id -> its evaluation. ``failure``: why there is no verdict."""

    identity: str
    request: JSON
    started: float = field(default_factory=time.time)
    status: str = "IN_PROGRESS"
    seen: bool = False
    failure: str = ""
    results: dict[str, JSON] = field(default_factory=dict)

    @property
    def resource(self) -> JSON:
        """The ResourceDetails that were given."""
        details: JSON = self.request["ResourceDetails"]
        return details

    @property
    def context(self) -> str | None:
        """The identifier of the evaluation context, if one was given."""
        identifier: str | None = (self.request.get("EvaluationContext") or {}).get("EvaluationContextIdentifier")
        return identifier


class ProactiveOperations(ConfigOperations):
    """StartResourceEvaluation and the reads of what came of it."""

    def start_resource_evaluation(self) -> str:
        request = self._request()
        token = request.get("ClientToken")
        for kept in self._evaluations().values() if token else ():
            if kept.request.get("ClientToken") == token:
                if kept.request != request:
                    raise refused("IdempotentParameterMismatch", "The client token was used with other parameters.")
                return json.dumps({"ResourceEvaluationId": kept.identity})
        if request["EvaluationMode"] != "PROACTIVE":
            raise invalid("The only valid EvaluationMode is PROACTIVE.")
        check_type(request["ResourceDetails"]["ResourceType"])
        _properties(request["ResourceDetails"])
        identity = str(uuid.uuid4())
        self._evaluations()[identity] = ResourceEvaluation(identity, request)
        return json.dumps({"ResourceEvaluationId": identity})

    def get_resource_evaluation_summary(self) -> str:
        kept = self._evaluation(self._request()["ResourceEvaluationId"])
        if kept.seen:
            self._finish(kept)
        kept.seen = True
        status = {"Status": kept.status, **({"FailureReason": kept.failure[:1024]} if kept.failure else {})}
        summary = {
            "ResourceEvaluationId": kept.identity,
            "EvaluationMode": "PROACTIVE",
            "EvaluationStatus": status,
            "EvaluationStartTimestamp": kept.started,
            "ResourceDetails": kept.resource,
        }
        if kept.context:
            summary["EvaluationContext"] = kept.request["EvaluationContext"]
        if kept.status == "SUCCEEDED":
            summary["Compliance"] = _verdict(kept)
        return json.dumps(summary)

    def list_resource_evaluations(self) -> str:
        request = self._request()
        filters = request.get("Filters") or {}
        window = filters.get("TimeWindow") or {}
        first, last = window.get("StartTime", 0.0), window.get("EndTime", float("inf"))
        if first > last:
            raise refused("InvalidTimeRangeException", "The end time must be after the start time.")
        if filters.get("EvaluationMode") == "DETECTIVE":
            raise invalid("DETECTIVE is not supported as an EvaluationMode.")
        context = filters.get("EvaluationContextIdentifier")
        answer = [
            {"ResourceEvaluationId": kept.identity, "EvaluationMode": "PROACTIVE", "EvaluationStartTimestamp": kept.started}
            for kept in sorted(self._evaluations().values(), key=lambda item: item.started)
            if first <= kept.started <= last and context in (None, kept.context)
        ]
        return self._page(request, "ResourceEvaluations", answer, 10)

    def get_compliance_details_by_resource(self) -> str:
        request = self._request()
        identity = request.get("ResourceEvaluationId")
        if not identity:
            return str(super().get_compliance_details_by_resource())
        kept = self._evaluation(identity)
        self._finish(kept)
        rules = {rule.config_rule_id: rule for rule in self.config_backend.config_rules.values()}
        wanted = request.get("ComplianceTypes")
        answer = [
            detail(rules[rule_id], item, "PROACTIVE")
            for rule_id, item in kept.results.items()
            if rule_id in rules and (not wanted or item["ComplianceType"] in wanted)
        ]
        for item in answer:
            item["EvaluationResultIdentifier"]["ResourceEvaluationId"] = identity
        return self._page(request, "EvaluationResults", answer, 10)

    def _evaluations(self) -> dict[str, ResourceEvaluation]:
        return self._state.resource_evaluations

    def _evaluation(self, identity: str) -> ResourceEvaluation:
        kept = self._evaluations().get(identity)
        if kept is None:
            raise refused("ResourceNotFoundException", f"The ResourceEvaluationId {identity} does not exist.")
        return kept

    def _finish(self, kept: ResourceEvaluation) -> None:
        if kept.status != "IN_PROGRESS":
            return
        item = self._item(kept)
        failures = []
        for rule in self._rules(None):
            if "PROACTIVE" in rule.modes and in_scope(rule.definition, item):
                reason = self._evaluate(rule, kept, item)
                if reason:
                    failures.append(f"{rule.config_rule_name}: {reason}")
        kept.status, kept.failure = ("FAILED", "; ".join(failures)) if failures else ("SUCCEEDED", "")

    def _evaluate(self, rule: Rule, kept: ResourceEvaluation, item: JSON) -> str:
        """Run ``rule`` on the resource; why that couldn't be done, or an empty text."""
        owner = rule.definition["Source"]["Owner"]
        if owner == "AWS":
            return "a managed rule, whose code only AWS has"
        invoking = change(item)
        if owner == "CUSTOM_POLICY":
            try:
                evaluation = policy_evaluation(rule, invoking["configurationItem"])
            except ValueError as error:
                return str(error)
            kept.results[rule.config_rule_id] = {**evaluation, "invoked": time.time(), "recorded": time.time()}
            return ""
        return self._invoke(rule, kept, invoking)

    def _invoke(self, rule: Rule, kept: ResourceEvaluation, invoking: JSON) -> str:
        described = rule.described()
        token = issue_token(self.current_account, self.region, rule.config_rule_name, kept.identity)
        given = {**event(described, invoking, token, self.current_account), "evaluationMode": "PROACTIVE"}
        with handler_of(rule.definition["Source"]["SourceIdentifier"], self._recorder()) as handler:
            if handler is None:
                return "the embedded AWS has no code to run for its function"
            try:
                handler(given, function_context(described, self.region))
            except Exception as error:  # noqa: BLE001 - whatever a function raises is this evaluation's failure
                return f"{error.kind if isinstance(error, FunctionError) else type(error).__name__}: {error}"
        return "" if rule.config_rule_id in kept.results else "its function reported nothing"

    def _item(self, kept: ResourceEvaluation) -> JSON:
        """The resource as a configuration item in the API's form, its properties for a configuration."""
        details, properties = kept.resource, _properties(kept.resource)
        now = datetime.fromtimestamp(kept.started, UTC)
        return {
            "version": "1.3",
            "accountId": self.current_account,
            "configurationItemCaptureTime": now,
            "configurationItemStatus": "ResourceDiscovered",
            "configurationStateId": str(int(kept.started * 1000)),
            "arn": None,
            "resourceType": details["ResourceType"],
            "resourceId": details["ResourceId"],
            "resourceName": details["ResourceId"],
            "awsRegion": self.region,
            "availabilityZone": "Not Applicable",
            "tags": _tags(properties.get("Tags")),
            "configuration": json.dumps(properties),
        }


def _properties(details: JSON) -> JSON:
    try:
        properties = json.loads(details["ResourceConfiguration"])
    except ValueError as error:
        raise invalid("The ResourceConfiguration is not valid JSON.") from error
    if not isinstance(properties, dict):
        raise invalid("The ResourceConfiguration must be the JSON object of the resource's properties.")
    return properties


def _tags(given: Any) -> dict[str, str]:
    """CloudFormation's list of keys and values, or its map, as a map."""
    if isinstance(given, list):
        return {str(tag["Key"]): str(tag.get("Value", "")) for tag in given if isinstance(tag, dict) and "Key" in tag}
    return {str(key): str(value) for key, value in given.items()} if isinstance(given, dict) else {}


def _verdict(kept: ResourceEvaluation) -> str:
    found = [item["ComplianceType"] for item in kept.results.values()]
    if found and set(found) == {"NOT_APPLICABLE"}:
        return "NOT_APPLICABLE"
    return str(compliance(found)["ComplianceType"])
