"""Evaluations in, compliance out.

As in the service: an evaluation of INSUFFICIENT_DATA or of what can't be a resource type is refused, an older one never
replaces a newer one, a rule's results go when the rule goes, and counts stop at a cap.
"""

from __future__ import annotations

import json
import time
from typing import Any

from moto.config.exceptions import InvalidResultTokenException

from averment.sandbox.backends.config.base import ConfigOperations
from averment.sandbox.backends.config.compliance import compliance, details, filtered, results, summary, summary_of_types
from averment.sandbox.backends.config.definition import check_type
from averment.sandbox.backends.config.errors import invalid, no_such_rule
from averment.sandbox.backends.config.state import JSON, Rule, State, state

_RULE_PAGE = 25


def keep(kept: State, rule_id: str, evaluation: JSON, invoked: float) -> None:
    """Keep ``evaluation`` as the latest of its resource, unless there is a newer one."""
    of_rule = kept.results.setdefault(rule_id, {})
    key = (evaluation["ComplianceResourceType"], evaluation["ComplianceResourceId"])
    if key not in of_rule or of_rule[key]["OrderingTimestamp"] <= evaluation["OrderingTimestamp"]:
        of_rule[key] = {**evaluation, "invoked": invoked, "recorded": time.time()}


def check_evaluation(evaluation: JSON, operation: str) -> None:
    """Refuse what the service refuses in an evaluation beyond its lengths.

    Raises:
        JsonRESTError: InvalidParameterValueException.
    """
    if evaluation["ComplianceType"] == "INSUFFICIENT_DATA":
        raise invalid(f"INSUFFICIENT_DATA is not accepted as a ComplianceType by {operation}.")
    check_type(evaluation["ComplianceResourceType"])


class EvaluationOperations(ConfigOperations):
    """PutEvaluations and the reads of compliance."""

    def put_evaluations(self) -> str:
        request = self._request()
        given = request.get("Evaluations") or []
        for item in given:
            check_evaluation(item, "PutEvaluations")
        if request.get("TestMode"):
            return json.dumps({"FailedEvaluations": []})
        token = self._state.tokens.get(request["ResultToken"])
        if token is None:
            raise InvalidResultTokenException()
        if token.rule_id not in {rule.config_rule_id for rule in self.config_backend.config_rules.values()}:
            raise no_such_rule(token.rule_id)
        for item in given:
            if token.resource_evaluation:
                found = self._state.resource_evaluations[token.resource_evaluation].results
                found[token.rule_id] = {**item, "invoked": token.invoked, "recorded": time.time()}
            else:
                keep(self._state, token.rule_id, item, token.invoked)
        return json.dumps({"FailedEvaluations": []})

    def put_external_evaluation(self) -> str:
        """For process checks alone: the managed rule that an account answers by hand."""
        request = self._request()
        rule = self._rule(request["ConfigRuleName"])
        if rule.definition["Source"].get("SourceIdentifier") != "AWS_CONFIG_PROCESS_CHECK":
            raise no_such_rule(request["ConfigRuleName"])
        check_evaluation(request["ExternalEvaluation"], "PutExternalEvaluation")
        keep(self._state, rule.config_rule_id, request["ExternalEvaluation"], time.time())
        return ""

    def delete_evaluation_results(self) -> str:
        rule = self._rule(self._request()["ConfigRuleName"])
        self._state.results.pop(rule.config_rule_id, None)
        return ""

    def describe_compliance_by_config_rule(self) -> str:
        request = self._request()
        answer = [
            {"ConfigRuleName": rule.config_rule_name, "Compliance": rule_compliance(self.config_backend, rule)}
            for rule in self._rules(request.get("ConfigRuleNames"))
        ]
        return self._page(request, "ComplianceByConfigRules", filtered(answer, request), _RULE_PAGE)

    def describe_compliance_by_resource(self) -> str:
        request = self._request()
        if request.get("ResourceId") and not request.get("ResourceType"):
            raise invalid("ResourceType must be given with ResourceId.")
        by_resource: dict[tuple[str, str], list[str]] = {}
        for _, item in results(self.config_backend, request):
            by_resource.setdefault((item["ComplianceResourceType"], item["ComplianceResourceId"]), []).append(item["ComplianceType"])
        answer = [
            {"ResourceType": kind, "ResourceId": name, "Compliance": compliance(found)}
            for (kind, name), found in sorted(by_resource.items())
        ]
        return self._page(request, "ComplianceByResources", filtered(answer, request), 10)

    def get_compliance_details_by_config_rule(self) -> str:
        request = self._request()
        wanted = self._rule(request["ConfigRuleName"])
        found = [pair for pair in results(self.config_backend, {}) if pair[0] is wanted]
        return self._page(request, "EvaluationResults", details(found, request), 10)

    def get_compliance_details_by_resource(self) -> str:
        request = self._request()
        if not request.get("ResourceId") or not request.get("ResourceType"):
            raise invalid("ResourceType and ResourceId must be given.")
        return self._page(request, "EvaluationResults", details(results(self.config_backend, request), request), 10)

    def get_compliance_summary_by_config_rule(self) -> str:
        types = (rule_compliance(self.config_backend, rule)["ComplianceType"] for rule in self._rules(None))
        return json.dumps({"ComplianceSummary": summary(types)})

    def get_compliance_summary_by_resource_type(self) -> str:
        wanted = self._request().get("ResourceTypes") or []
        for kind in wanted:
            check_type(kind)
        return json.dumps({"ComplianceSummariesByResourceType": summary_of_types(results(self.config_backend, {}), wanted)})


def rule_compliance(backend: Any, rule: Rule) -> JSON:
    """The ``Compliance`` of ``rule`` by its results."""
    found = state(backend).results.get(rule.config_rule_id, {}).values()
    return compliance(item["ComplianceType"] for item in found)
