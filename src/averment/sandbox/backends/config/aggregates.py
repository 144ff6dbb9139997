"""Aggregated compliance: what an aggregator's account reads of its sources, in other accounts and regions of this embedded AWS.

As in the service: a source account has to authorise the aggregator, an organisation's needn't; rules without results aren't there.
Faster than life: what a source knows, the aggregator knows at once. Not covered: aggregator filters, requests that are pending.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from moto.config.exceptions import NoSuchConfigurationAggregatorException, ValidationException
from moto.config.models import config_backends

from averment.sandbox.backends.config.accounts import sources
from averment.sandbox.backends.config.base import ConfigOperations
from averment.sandbox.backends.config.compliance import compliance, detail, results, summary
from averment.sandbox.backends.config.evaluations import rule_compliance
from averment.sandbox.backends.config.packs import packs_named, settle
from averment.sandbox.backends.config.state import JSON


class AggregateOperations(ConfigOperations):
    """The reads of an aggregator."""

    def put_configuration_aggregator(self) -> str:
        if self._request().get("AggregatorFilters"):
            raise NotImplementedError("filters of aggregators aren't kept here; everything would be aggregated")
        return str(super().put_configuration_aggregator())

    def describe_configuration_aggregator_sources_status(self) -> str:
        request = self._request()
        aggregator = self._aggregator(request)
        answer = []
        for account, region, authorised in sources(self.config_backend, aggregator):
            status = "SUCCEEDED" if authorised else "FAILED"
            failure = {} if authorised else _UNAUTHORISED
            if status in request.get("UpdateStatus", [status]):
                source = {"SourceId": account, "SourceType": "ACCOUNT", "AwsRegion": region}
                answer.append({**source, "LastUpdateStatus": status, "LastUpdateTime": time.time(), **failure})
        return self._page(request, "AggregatedSourceStatusList", answer, 100)

    def describe_aggregate_compliance_by_config_rules(self) -> str:
        request = self._request()
        filters = request.get("Filters") or {}
        answer = [
            {"ConfigRuleName": name, "Compliance": found, "AccountId": account, "AwsRegion": region}
            for account, region, name, found in self._rules_of_sources(request)
            if filters.get("ConfigRuleName") in (None, name) and filters.get("ComplianceType") in (None, found["ComplianceType"])
        ]
        return self._page(request, "AggregateComplianceByConfigRules", answer, 1000)

    def get_aggregate_compliance_details_by_config_rule(self) -> str:
        request = self._request()
        account, region = request["AccountId"], request["AwsRegion"]
        known = {(account, region): authorised for account, region, authorised in sources(self.config_backend, self._aggregator(request))}
        if (account, region) not in known:
            raise ValidationException(f"Account {account} in {region} isn't a source of the aggregator.")
        verdict = request.get("ComplianceType")
        answer = []
        for rule, item in results(config_backends[account][region], {}) if known[account, region] else ():
            if rule.config_rule_name == request["ConfigRuleName"] and verdict in (None, item["ComplianceType"]):
                answer.append({**detail(rule, item), "AccountId": account, "AwsRegion": region})
        return self._page(request, "AggregateEvaluationResults", answer, 50)

    def get_aggregate_config_rule_compliance_summary(self) -> str:
        request = self._request()
        groups: dict[str, list[str]] = {}
        for account, region, _, found in self._rules_of_sources(request):
            groups.setdefault(_group(request, account, region), []).append(found["ComplianceType"])
        answer = [_named(name, {"ComplianceSummary": summary(types)}) for name, types in sorted(groups.items())]
        return self._page(request, "AggregateComplianceCounts", answer, 1000, **_group_key(request))

    def describe_aggregate_compliance_by_conformance_packs(self) -> str:
        request = self._request()
        filters = request.get("Filters") or {}
        answer = [
            {"ConformancePackName": name, "Compliance": found, "AccountId": account, "AwsRegion": region}
            for account, region, name, found in self._packs_of_sources(request)
            if filters.get("ConformancePackName") in (None, name) and filters.get("ComplianceType") in (None, found["ComplianceType"])
        ]
        return self._page(request, "AggregateComplianceByConformancePacks", answer, 100)

    def get_aggregate_conformance_pack_compliance_summary(self) -> str:
        request = self._request()
        groups: dict[str, list[str]] = {}
        for account, region, _, found in self._packs_of_sources(request):
            groups.setdefault(_group(request, account, region), []).append(found["ComplianceType"])
        answer = [
            _named(
                name,
                {
                    "ComplianceSummary": {
                        "CompliantConformancePackCount": types.count("COMPLIANT"),
                        "NonCompliantConformancePackCount": types.count("NON_COMPLIANT"),
                    }
                },
            )
            for name, types in sorted(groups.items())
        ]
        return self._page(request, "AggregateConformancePackComplianceSummaries", answer, 100, **_group_key(request))

    def _aggregator(self, request: JSON) -> Any:
        aggregator = self.config_backend.config_aggregators.get(request["ConfigurationAggregatorName"])
        if aggregator is None:
            raise NoSuchConfigurationAggregatorException()
        return aggregator

    def _backends(self, request: JSON) -> Iterator[tuple[str, str, Any]]:
        """Account, region and back end of each source that is aggregated and that the request's filters let through."""
        filters = request.get("Filters") or {}
        for account, region, authorised in sources(self.config_backend, self._aggregator(request)):
            if authorised and filters.get("AccountId") in (None, account) and filters.get("AwsRegion") in (None, region):
                backend = config_backends[account][region]
                settle(backend)
                yield account, region, backend

    def _rules_of_sources(self, request: JSON) -> Iterator[tuple[str, str, str, JSON]]:
        for account, region, backend in self._backends(request):
            for name in sorted(backend.config_rules):
                found = rule_compliance(backend, backend.config_rules[name])
                if found["ComplianceType"] != "INSUFFICIENT_DATA":
                    yield account, region, name, found

    def _packs_of_sources(self, request: JSON) -> Iterator[tuple[str, str, str, JSON]]:
        for account, region, backend in self._backends(request):
            for pack in packs_named(backend, None):
                types = [rule_compliance(backend, backend.config_rules[name])["ComplianceType"] for name in pack.deployed]
                counts = {
                    "ComplianceType": compliance(types)["ComplianceType"],
                    "CompliantRuleCount": types.count("COMPLIANT"),
                    "NonCompliantRuleCount": types.count("NON_COMPLIANT"),
                    "TotalRuleCount": len(types),
                }
                yield account, region, pack.name, counts


_UNAUTHORISED = {
    "LastErrorCode": "AccessDenied",
    "LastErrorMessage": "The source account has not authorised the aggregator account to collect its data.",
}


def _group(request: JSON, account: str, region: str) -> str:
    return {"ACCOUNT_ID": account, "AWS_REGION": region}.get(request.get("GroupByKey", ""), "")


def _group_key(request: JSON) -> JSON:
    return {"GroupByKey": request["GroupByKey"]} if request.get("GroupByKey") else {}


def _named(name: str, value: JSON) -> JSON:
    return {"GroupName": name, **value} if name else value
