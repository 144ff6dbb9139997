"""Compliance made out of evaluations: counts that stop at a cap, filters, and the results as the reads give them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from averment.sandbox.backends.config.errors import invalid
from averment.sandbox.backends.config.state import JSON, Rule, state

CONTRIBUTOR_CAP = 25
_TYPE_CAP = 100

Result = tuple[Rule, JSON]
"""A rule and its latest evaluation of one resource."""


def compliance(types: Iterable[str]) -> JSON:
    """The ``Compliance`` of a rule (or resource) whose evaluations have ``types``: one bad one decides, without any it is unknown."""
    found = list(types)
    bad = found.count("NON_COMPLIANT")
    if bad:
        return {"ComplianceType": "NON_COMPLIANT", "ComplianceContributorCount": capped(bad)}
    return {"ComplianceType": "COMPLIANT" if "COMPLIANT" in found else "INSUFFICIENT_DATA"}


def capped(count: int, cap: int = CONTRIBUTOR_CAP) -> JSON:
    """A ``ComplianceContributorCount``."""
    return {"CappedCount": min(count, cap), "CapExceeded": count > cap}


def summary(types: Iterable[str], cap: int = CONTRIBUTOR_CAP) -> JSON:
    """A ``ComplianceSummary`` of things whose compliance has ``types``."""
    found = Counter(types)
    return {
        "CompliantResourceCount": capped(found["COMPLIANT"], cap),
        "NonCompliantResourceCount": capped(found["NON_COMPLIANT"], cap),
        "ComplianceSummaryTimestamp": time.time(),
    }


def summary_of_types(results: Iterable[Result], wanted: list[str]) -> list[JSON]:
    """``ComplianceSummariesByResourceType``: one for each of ``wanted``, or one for all types together."""
    by_resource: dict[tuple[str, str], list[str]] = {}
    for _, item in results:
        by_resource.setdefault((item["ComplianceResourceType"], item["ComplianceResourceId"]), []).append(item["ComplianceType"])
    verdicts = [(kind, compliance(found)["ComplianceType"]) for (kind, _), found in by_resource.items()]
    if not wanted:
        return [{"ComplianceSummary": summary((verdict for _, verdict in verdicts), _TYPE_CAP)}]
    return [
        {"ResourceType": kind, "ComplianceSummary": summary((verdict for held, verdict in verdicts if held == kind), _TYPE_CAP)}
        for kind in wanted
    ]


def filtered(items: list[JSON], request: JSON) -> list[JSON]:
    """The ``items`` whose compliance is one of the request's ``ComplianceTypes``; all without such a filter."""
    wanted = request.get("ComplianceTypes")
    return [item for item in items if item["Compliance"]["ComplianceType"] in wanted] if wanted else items


def results(backend: Any, request: JSON) -> list[Result]:
    """Evaluations of rules that exist, of the resource (or type) that ``request`` names if it does, in a stable order."""
    rules = {rule.config_rule_id: rule for rule in backend.config_rules.values()}
    kind, name = request.get("ResourceType"), request.get("ResourceId")
    found = [
        (rules[rule_id], item)
        for rule_id, items in state(backend).results.items()
        if rule_id in rules
        for item in items.values()
        if kind in (None, item["ComplianceResourceType"]) and name in (None, item["ComplianceResourceId"])
    ]
    return sorted(found, key=lambda pair: (pair[0].config_rule_name, pair[1]["ComplianceResourceType"], pair[1]["ComplianceResourceId"]))


def details(found: Iterable[Result], request: JSON) -> list[JSON]:
    """``EvaluationResults`` of ``found``, those of the request's ``ComplianceTypes``.

    Raises:
        JsonRESTError: the filter asks for INSUFFICIENT_DATA, which isn't a result.
    """
    wanted = request.get("ComplianceTypes") or []
    if "INSUFFICIENT_DATA" in wanted:
        raise invalid("INSUFFICIENT_DATA cannot be used as a ComplianceType for filtering results.")
    return [detail(rule, item) for rule, item in found if not wanted or item["ComplianceType"] in wanted]


def detail(rule: Rule, item: JSON, mode: str = "DETECTIVE") -> JSON:
    """One ``EvaluationResult``."""
    qualifier = {
        "ConfigRuleName": rule.config_rule_name,
        "ResourceType": item["ComplianceResourceType"],
        "ResourceId": item["ComplianceResourceId"],
        "EvaluationMode": mode,
    }
    answer = {
        "EvaluationResultIdentifier": {"EvaluationResultQualifier": qualifier, "OrderingTimestamp": item["OrderingTimestamp"]},
        "ComplianceType": item["ComplianceType"],
        "ResultRecordedTime": item["recorded"],
        "ConfigRuleInvokedTime": item["invoked"],
    }
    return {**answer, "Annotation": item["Annotation"]} if item.get("Annotation") else answer
