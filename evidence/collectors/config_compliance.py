"""``config-compliance``: what AWS Config says of the rules that Averment deployed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from averment.controls.loader import load_catalogue
from averment.core.canonical import JSON
from averment.core.fetch import Fetch
from averment.core.period import iso
from averment.evidence.collectors.interface import Collector, CollectScope, Gathered
from averment.evidence.collectors.named import entry, listed
from averment.evidence.record import Kind, Population, Record
from averment.policies.deployment.names import PREFIX, config_rule_name, rule_of
from averment.policies.runtime.evaluate import ACCOUNT
from averment.policies.runtime.neighbours import records_now
from averment.policies.surfaces.config.types import asked_of_service

_NEVER = datetime.min.replace(tzinfo=UTC)
BATCH = 100
"""Resources per BatchGetResourceConfig (the service's limit)."""


class ConfigCompliance(Collector):
    """The present compliance of every resource under every rule of ours, with annotations. Present state only.

    Payload: ``{"rules": [{"rule", "config_rule", "compliance", "resources": [{"id", "name", "type", "compliance", "annotation",
    "recorded_at"}], "failing": {"since", "why"} or None}], "missing": [{"resource", "message"}], "out_of", "summary": {"rules",
    "evaluated", "resources", "compliant", "non_compliant", "other", "missing"}}``. ``failing`` is a rule whose last run failed, or that
    judges what a recorder records that is off: AWS Config goes on showing the verdicts of before. ``evaluated`` counts the rules that have
    a verdict and aren't failing; ``missing`` are rules by which a selected control wants to know what is deployed, and that aren't here or
    fail (null where not all rules could be listed); that there is none of them is one thing that is missing.
    """

    name = "config-compliance"
    version = "5"
    kind = Kind.CONFIG_COMPLIANCE
    permissions = (
        "config:BatchGetResourceConfig",
        "config:DescribeComplianceByConfigRule",
        "config:DescribeConfigRuleEvaluationStatus",
        "config:DescribeConfigurationRecorderStatus",
        "config:GetComplianceDetailsByConfigRule",
    )
    summary = "Compliance of deployed resources, from AWS Config."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        fetch = Fetch(scope.connect("config"), "config")
        listed = [
            rule
            for page in fetch.pages("DescribeComplianceByConfigRule", {})
            for rule in page.get("ComplianceByConfigRules", ())
            if rule["ConfigRuleName"].startswith(PREFIX)
        ]
        refused, whole = bool(fetch.problems) and not listed, not fetch.broken_off
        failing, off = (_failing(fetch), _off(fetch)) if listed else ({}, None)
        rules = [_rule(fetch, rule) for rule in sorted(listed, key=lambda rule: str(rule["ConfigRuleName"]))]
        for rule in rules:
            rule["failing"] = failing.get(rule["config_rule"]) or (off if any(map(_recorded, rule["resources"])) else None)
        payload, number = payload_of(rules)
        payload = _with_missing(payload, rules, _asked_by_controls(scope), whole=whole)
        resources = [resource for rule in rules for resource in rule["resources"]]
        names = _names(fetch, named_by_config(resources))
        for item in resources:
            item["name"] = names.get((item["type"], item["id"]))
        yield self.record(
            scope,
            Gathered(
                source="AWS Config",
                query={"calls": fetch.calls, "rules": f"names that start with {PREFIX}"},
                payload=None if refused else payload,
                problems=fetch.problems,
                population=None
                if refused
                else Population("evaluation results", None if fetch.problems else number, number, bool(fetch.problems)),
            ),
        )


def _asked_by_controls(scope: CollectScope) -> list[str]:
    """The rules by which the selected controls want to know what is deployed: those that ``averment rules deploy`` deploys."""
    found = (item for control in load_catalogue(scope.organisation) for item in control.assessments)
    return sorted({item.policy for item in found if item.policy and item.collector == ConfigCompliance.name})


def _with_missing(payload: dict[str, JSON], rules: Sequence[Any], asked: Sequence[str], *, whole: bool) -> dict[str, JSON]:
    """``payload`` with what of the rules ``asked`` for isn't among ``rules``, or fails there. Of a listing that isn't ``whole``, nobody knows."""
    there = {rule["rule"] for rule in rules}
    missing = [entry(config_rule_name(name), "AWS Config has no such rule here") for name in asked if name not in there]
    if len(missing) == len(asked) > 1:  # a region that nobody deployed to is one thing to do, and one to accept
        missing = [entry(f"{PREFIX}*", f"AWS Config has none of the {len(asked)} rules here that the controls ask for")]
    missing += [
        entry(rule["config_rule"], f"the rule doesn't run: {rule['failing']['why']}")
        for rule in rules
        if rule["rule"] in asked and rule["failing"]
    ]
    summary = payload["summary"]
    counted = {**(summary if isinstance(summary, dict) else {}), "missing": len(missing) if whole else None}
    return {**payload, "missing": listed(missing) if whole else [], "out_of": {"summary.missing": len(asked)}, "summary": counted}


def named_by_config(resources: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Type and id of those of ``resources`` that AWS Config has items of. For one type that isn't among its own, as those that rules ask a service about
    and the account itself, it refuses everything that is asked beside it."""
    return sorted({(str(item["type"]), str(item["id"])) for item in resources if _recorded(item)})


def _names(fetch: Fetch, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """What people call the resources: of a role, AWS Config's id is an unspeakable one."""
    found: dict[tuple[str, str], str] = {}
    for start in range(0, len(keys), BATCH):
        asked = [{"resourceType": kind, "resourceId": identity} for kind, identity in keys[start : start + BATCH]]
        answer = fetch.one("BatchGetResourceConfig", {"resourceKeys": asked}, shown={"resourceKeys": "each in payload.rules"})
        for item in (answer or {}).get("baseConfigurationItems", ()):
            if item.get("resourceName"):
                found[(item["resourceType"], item["resourceId"])] = item["resourceName"]
    return found


def payload_of(rules: Sequence[Any]) -> tuple[dict[str, JSON], int]:
    """The payload that ``rules`` make up, with its summary, and the number of evaluation results in it."""
    verdicts = [resource["compliance"] for rule in rules for resource in rule["resources"]]
    compliant, broken = verdicts.count("COMPLIANT"), verdicts.count("NON_COMPLIANT")
    summary: dict[str, JSON] = {
        "rules": len(rules),
        "evaluated": sum(1 for rule in rules if rule["resources"] and not rule.get("failing")),
        "resources": len(verdicts),
        "compliant": compliant,
        "non_compliant": broken,
        "other": len(verdicts) - compliant - broken,
    }
    return {"rules": list(rules), "summary": summary}, len(verdicts)


def evaluated(result: Any) -> dict[str, Any]:
    """One evaluation result of the API, of an account or of an aggregator, as the payload has it; the ``name`` is put in later."""
    qualifier = result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]
    recorded = result.get("ResultRecordedTime")
    return {
        "id": qualifier["ResourceId"],
        "type": qualifier["ResourceType"],
        "compliance": result["ComplianceType"],
        "annotation": result.get("Annotation"),
        "recorded_at": iso(recorded) if recorded else None,
    }


def _failing(fetch: Fetch) -> dict[str, dict[str, Any]]:
    """The rules of ours whose last run failed, with since when and why: either AWS Config couldn't run them, or they came to no end."""
    found: dict[str, dict[str, Any]] = {}
    for page in fetch.pages("DescribeConfigRuleEvaluationStatus", {}):
        for status in page.get("ConfigRulesEvaluationStatus", ()):
            failed = [
                status[f"LastFailed{what}Time"]
                for what in ("Invocation", "Evaluation")
                if f"LastFailed{what}Time" in status
                and not status.get(f"LastSuccessful{what}Time", _NEVER) > status[f"LastFailed{what}Time"]
            ]
            if failed and status["ConfigRuleName"].startswith(PREFIX):
                why = ": ".join(str(status[key]) for key in ("LastErrorCode", "LastErrorMessage") if status.get(key))
                found[status["ConfigRuleName"]] = {"since": iso(max(failed)), "why": why or "AWS Config gives no reason"}
    return found


def _off(fetch: Fetch) -> dict[str, Any] | None:
    """Since when nothing is recorded, and why, unless something is. Not that AWS Config doesn't say: that is a problem of the record.

    A recorder that another service of AWS keeps for itself tells rules of nothing.
    """
    answer = fetch.one("DescribeConfigurationRecorderStatus", {})
    if answer is None:
        return None
    ours = [status for status in answer.get("ConfigurationRecordersStatus", ()) if not status.get("servicePrincipal")]
    if any(map(records_now, ours)):
        return None
    running = [status for status in ours if status.get("recording") is True]
    kind, why = ("lastStatusChangeTime", "fails") if running else ("lastStopTime", "is off")
    since = [status[kind] for status in running or ours if status.get(kind)]
    codes = sorted({str(status["lastErrorCode"]) for status in running if status.get("lastErrorCode")})
    return {"since": iso(max(since)) if since else None, "why": f"AWS Config's recorder {why}{': ' if codes else ''}{', '.join(codes)}"}


def _recorded(resource: Mapping[str, Any]) -> bool:
    """Whether what a rule says of ``resource`` hangs on a recorder."""
    return resource["type"] != ACCOUNT and not asked_of_service(str(resource["type"]))


def _rule(fetch: Fetch, listed: Any) -> dict[str, Any]:
    name = listed["ConfigRuleName"]
    resources: list[dict[str, Any]] = []
    # Said outright: whether Config leaves out NOT_APPLICABLE by itself is not documented, and our "could not check" hides there.
    asked: dict[str, JSON] = {"ComplianceTypes": ["COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE"], "Limit": 100}
    for page in fetch.pages(
        "GetComplianceDetailsByConfigRule", {"ConfigRuleName": name, **asked}, shown={"ConfigRuleName": "each in payload.rules", **asked}
    ):
        resources.extend(evaluated(result) for result in page.get("EvaluationResults", ()))
    resources.sort(key=lambda resource: (resource["type"], resource["id"]))
    compliance = listed.get("Compliance", {}).get("ComplianceType")
    return {"rule": rule_of(name), "config_rule": name, "compliance": compliance, "resources": resources}
