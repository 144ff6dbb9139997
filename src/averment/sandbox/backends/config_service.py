"""AWS Config: real result tokens, PutEvaluations that are kept, and the compliance reads; recorder, rules and queries are moto's.

Requests are checked against botocore's service model. As in the service: an evaluation of INSUFFICIENT_DATA is refused, an
older one never replaces a newer one, a rule's results go when the rule goes, and contributor counts stop at 25.
Not covered: conformance packs, custom policy rules, proactive mode, aggregated compliance, evaluation history.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from moto.config.exceptions import (
    InvalidNextTokenException,
    InvalidParameterValueException,
    InvalidResultTokenException,
    NoSuchConfigRuleException,
    ResourceNotDiscoveredException,
    ValidationException,
)
from moto.config.models import RESOURCE_MAP, config_backends
from moto.config.responses import ConfigResponse
from moto.core.utils import get_service_model

from averment.sandbox.backends.config_items import corrected
from averment.sandbox.backends.config_recorded import RECORDED, Recorder
from averment.sandbox.validation import message, violations

CONTRIBUTOR_CAP = 25
_RULE_PAGE = 25

JSON = dict[str, Any]


@dataclass
class Evaluations:
    """What an account's Config knows of compliance in one region.

    ``tokens``: result token -> (rule id, when invoked). ``results``: rule id -> (resource type, id) -> the latest evaluation.
    """

    tokens: dict[str, tuple[str, float]] = field(default_factory=dict)
    results: dict[str, dict[tuple[str, str], JSON]] = field(default_factory=dict)


def evaluations(backend: Any) -> Evaluations:
    """The evaluations kept with moto's Config ``backend`` (they go when it is reset)."""
    kept: Evaluations = vars(backend).setdefault("averment_evaluations", Evaluations())
    return kept


def issue_token(account: str, region: str, rule_name: str) -> str:
    """A result token for one invocation of the rule ``rule_name``, as Config hands it to a custom rule's function.

    Raises:
        NoSuchConfigRuleException: there is no such rule.
    """
    backend = config_backends[account][region]
    rule = backend.config_rules.get(rule_name)
    if rule is None:
        raise NoSuchConfigRuleException(rule_name)
    token = base64.b64encode(secrets.token_bytes(96)).decode("ascii")
    evaluations(backend).tokens[token] = (rule.config_rule_id, time.time())
    return token


class CorrectedConfig(ConfigResponse):  # type: ignore[misc]
    """moto's Config with compliance."""

    def put_evaluations(self) -> str:
        request = self._checked()
        given = request.get("Evaluations") or []
        for item in given:
            if item["ComplianceType"] == "INSUFFICIENT_DATA":
                raise InvalidParameterValueException("INSUFFICIENT_DATA is not accepted as a ComplianceType by PutEvaluations.")
        state = evaluations(self.config_backend)
        if request.get("TestMode"):
            return json.dumps({"FailedEvaluations": []})
        if request["ResultToken"] not in state.tokens:
            raise InvalidResultTokenException()
        rule_id, invoked = state.tokens[request["ResultToken"]]
        if rule_id not in self._rules_by_id():
            raise NoSuchConfigRuleException(rule_id)
        kept = state.results.setdefault(rule_id, {})
        for item in given:
            key = (item["ComplianceResourceType"], item["ComplianceResourceId"])
            if key not in kept or kept[key]["OrderingTimestamp"] <= item["OrderingTimestamp"]:
                kept[key] = {**item, "invoked": invoked, "recorded": time.time()}
        return json.dumps({"FailedEvaluations": []})

    def describe_config_rules(self) -> str:
        for name in self._get_param("ConfigRuleNames") or ():
            self._rule(name)  # moto answers with nothing while there is no rule at all
        return str(super().describe_config_rules())

    def describe_compliance_by_config_rule(self) -> str:
        request = self._checked()
        names = request.get("ConfigRuleNames") or sorted(self.config_backend.config_rules)
        answer = []
        for name in names:
            rule = self._rule(name)
            found = evaluations(self.config_backend).results.get(rule.config_rule_id, {}).values()
            answer.append({"ConfigRuleName": name, "Compliance": _compliance(item["ComplianceType"] for item in found)})
        return self._page(request, "ComplianceByConfigRules", _filtered(answer, request), _RULE_PAGE)

    def describe_compliance_by_resource(self) -> str:
        request = self._checked()
        by_resource: dict[tuple[str, str], list[str]] = {}
        for _, item in self._results(request):
            by_resource.setdefault((item["ComplianceResourceType"], item["ComplianceResourceId"]), []).append(item["ComplianceType"])
        answer = [
            {"ResourceType": kind, "ResourceId": name, "Compliance": _compliance(found)}
            for (kind, name), found in sorted(by_resource.items())
        ]
        return self._page(request, "ComplianceByResources", _filtered(answer, request), 10)

    def get_compliance_details_by_config_rule(self) -> str:
        request = self._checked()
        wanted = self._rule(request["ConfigRuleName"])
        found = [(rule, item) for rule, item in self._results(request) if rule.config_rule_id == wanted.config_rule_id]
        return self._page(request, "EvaluationResults", _details(found, request), 10)

    def get_compliance_details_by_resource(self) -> str:
        request = self._checked()
        if not request.get("ResourceId") or not request.get("ResourceType"):
            raise InvalidParameterValueException("ResourceType and ResourceId must be given; proactive evaluations aren't kept here.")
        return self._page(request, "EvaluationResults", _details(self._results(request), request), 10)

    def describe_config_rule_evaluation_status(self) -> str:
        request = self._checked()
        names = request.get("ConfigRuleNames") or sorted(self.config_backend.config_rules)
        answer = []
        for name in names:
            rule = self._rule(name)
            times = [at for rule_id, at in evaluations(self.config_backend).tokens.values() if rule_id == rule.config_rule_id]
            status = {"ConfigRuleName": name, "ConfigRuleArn": rule.config_rule_arn, "ConfigRuleId": rule.config_rule_id}
            last = {"LastSuccessfulInvocationTime": max(times), "FirstActivatedTime": min(times)} if times else {}
            answer.append({**status, **last, "FirstEvaluationStarted": bool(times)})
        return self._page(request, "ConfigRulesEvaluationStatus", answer, 50)

    def list_discovered_resources(self) -> str:
        request = self._checked()
        kind = request["resourceType"]
        if not self._ours(kind):
            return str(super().list_discovered_resources())
        wanted, name = request.get("resourceIds"), request.get("resourceName")
        found: list[JSON] = [
            {key: item[key] for key in ("resourceType", "resourceId", "resourceName") if key in item}
            for item in RECORDED[kind](self._recorder())
            if (not wanted or item["resourceId"] in wanted) and name in (None, item["resourceName"])
        ]
        return self._page(request, "resourceIdentifiers", found, 100)

    def get_resource_config_history(self) -> str:
        request = self._checked()
        if not self._ours(request["resourceType"]):
            answer = json.loads(super().get_resource_config_history())
            return json.dumps({**answer, "configurationItems": [corrected(item) for item in answer["configurationItems"]]})
        found = self._recorded(request["resourceType"], {request["resourceId"]})
        if not found:
            raise ResourceNotDiscoveredException(request["resourceType"], request["resourceId"])
        return json.dumps({"configurationItems": found})

    def batch_get_resource_config(self) -> str:
        ours: dict[str, set[str]] = {}
        for key in self._checked()["resourceKeys"]:
            if self._ours(key["resourceType"]):
                ours.setdefault(key["resourceType"], set()).add(key["resourceId"])
        answer = json.loads(super().batch_get_resource_config())  # leaves out the types that it doesn't know
        found = [corrected(item) for item in answer["baseConfigurationItems"]]
        for kind, wanted in ours.items():
            found.extend(self._recorded(kind, wanted))
        return json.dumps({**answer, "baseConfigurationItems": found})

    def _ours(self, kind: str) -> bool:
        """Whether we make the items of ``kind``; False: moto does.

        Raises:
            NotImplementedError: nobody does. An empty answer would say that there is nothing of the kind.
        """
        if kind not in RECORDED and kind not in RESOURCE_MAP:
            raise NotImplementedError(f"AWS Config has no items of {kind} here")
        return kind in RECORDED

    def _recorder(self) -> Recorder:
        return Recorder(f"http://{self.headers['Host']}", self.get_access_key(), self.region, self.current_account)

    def _recorded(self, kind: str, wanted: set[str]) -> list[JSON]:
        return [corrected(item) for item in RECORDED[kind](self._recorder()) if item["resourceId"] in wanted]

    def _checked(self) -> JSON:
        request: JSON = json.loads(self.body or "{}")
        shape = get_service_model("config").operation_model(self._get_action()).input_shape
        found = list(violations(shape, request))
        if found:
            raise ValidationException(message(found))
        return request

    def _rules_by_id(self) -> dict[str, Any]:
        return {rule.config_rule_id: rule for rule in self.config_backend.config_rules.values()}

    def _rule(self, name: str) -> Any:
        rule = self.config_backend.config_rules.get(name)
        if rule is None:
            raise NoSuchConfigRuleException(name)
        return rule

    def _results(self, request: JSON) -> list[tuple[Any, JSON]]:
        """Evaluations of rules that exist, of the resource (or type) that the request names if it does, in a stable order."""
        rules = self._rules_by_id()
        kind, name = request.get("ResourceType"), request.get("ResourceId")
        found = [
            (rules[rule_id], item)
            for rule_id, items in evaluations(self.config_backend).results.items()
            if rule_id in rules
            for item in items.values()
            if kind in (None, item["ComplianceResourceType"]) and name in (None, item["ComplianceResourceId"])
        ]
        return sorted(
            found, key=lambda pair: (pair[0].config_rule_name, pair[1]["ComplianceResourceType"], pair[1]["ComplianceResourceId"])
        )

    def _page(self, request: JSON, key: str, items: list[JSON], size: int) -> str:
        token = "nextToken" if key[0].islower() else "NextToken"  # Config's older operations write their members small
        try:
            start = int(base64.b64decode(request[token], validate=True)) if request.get(token) else 0
        except ValueError as error:
            raise InvalidNextTokenException() from error
        stop = start + (request.get("Limit") or request.get("limit") or size)
        answer: JSON = {key: items[start:stop]}
        if stop < len(items):
            answer[token] = base64.b64encode(str(stop).encode()).decode()
        return json.dumps(answer)


def _compliance(types: Iterable[str]) -> JSON:
    found = list(types)
    bad = sum(1 for item in found if item == "NON_COMPLIANT")
    if bad:
        count = {"CappedCount": min(bad, CONTRIBUTOR_CAP), "CapExceeded": bad > CONTRIBUTOR_CAP}
        return {"ComplianceType": "NON_COMPLIANT", "ComplianceContributorCount": count}
    return {"ComplianceType": "COMPLIANT" if "COMPLIANT" in found else "INSUFFICIENT_DATA"}


def _filtered(items: list[JSON], request: JSON) -> list[JSON]:
    wanted = request.get("ComplianceTypes")
    return [item for item in items if item["Compliance"]["ComplianceType"] in wanted] if wanted else items


def _details(found: list[tuple[Any, JSON]], request: JSON) -> list[JSON]:
    wanted = request.get("ComplianceTypes") or []
    if "INSUFFICIENT_DATA" in wanted:
        raise InvalidParameterValueException("INSUFFICIENT_DATA cannot be used as a ComplianceType for filtering results.")
    return [_detail(rule, item) for rule, item in found if not wanted or item["ComplianceType"] in wanted]


def _detail(rule: Any, item: JSON) -> JSON:
    qualifier = {
        "ConfigRuleName": rule.config_rule_name,
        "ResourceType": item["ComplianceResourceType"],
        "ResourceId": item["ComplianceResourceId"],
        "EvaluationMode": "DETECTIVE",
    }
    detail = {
        "EvaluationResultIdentifier": {"EvaluationResultQualifier": qualifier, "OrderingTimestamp": item["OrderingTimestamp"]},
        "ComplianceType": item["ComplianceType"],
        "ResultRecordedTime": item["recorded"],
        "ConfigRuleInvokedTime": item["invoked"],
    }
    return {**detail, "Annotation": item["Annotation"]} if item.get("Annotation") else detail


url_paths = {"{0}/$": CorrectedConfig.dispatch}
