"""Compliance of conformance packs: by rule, by resource, as a whole, and as a score."""

from __future__ import annotations

import time

from averment.sandbox.backends.config.base import ConfigOperations
from averment.sandbox.backends.config.compliance import Result, compliance, detail, results
from averment.sandbox.backends.config.errors import invalid, refused
from averment.sandbox.backends.config.evaluations import rule_compliance
from averment.sandbox.backends.config.packs import Pack, packs_named
from averment.sandbox.backends.config.state import JSON

_VERDICTS = ("COMPLIANT", "NON_COMPLIANT")


class PackComplianceOperations(ConfigOperations):
    """The reads of a pack's compliance."""

    def describe_conformance_pack_compliance(self) -> str:
        request = self._request()
        filters = request.get("Filters") or {}
        pack = self._pack(request)
        answer = [
            {"ConfigRuleName": name, "ComplianceType": verdict, "Controls": []}
            for name in self._wanted_rules(pack, filters)
            if (verdict := rule_compliance(self.config_backend, self._rule(name))["ComplianceType"])
            and filters.get("ComplianceType") in (None, verdict)
        ]
        return self._page(request, "ConformancePackRuleComplianceList", answer, 1000, ConformancePackName=pack.name)

    def get_conformance_pack_compliance_details(self) -> str:
        request = self._request()
        filters = request.get("Filters") or {}
        if filters.get("ComplianceType") == "INSUFFICIENT_DATA":
            raise invalid("The allowed values of ComplianceType are COMPLIANT and NON_COMPLIANT. INSUFFICIENT_DATA is not supported.")
        if filters.get("ResourceIds") and not filters.get("ResourceType"):
            raise invalid("ResourceIds are valid only when ResourceType is given.")
        pack = self._pack(request)
        found = [
            (rule, item)
            for rule, item in self._pack_results(pack, self._wanted_rules(pack, filters), filters.get("ResourceType"))
            if filters.get("ComplianceType") in (None, item["ComplianceType"])
            and (not filters.get("ResourceIds") or item["ComplianceResourceId"] in filters["ResourceIds"])
        ]
        answer = [detail(rule, item) for rule, item in found]
        return self._page(request, "ConformancePackRuleEvaluationResults", answer, 100, ConformancePackName=pack.name)

    def get_conformance_pack_compliance_summary(self) -> str:
        request = self._request()
        answer = [
            {"ConformancePackName": pack.name, "ConformancePackComplianceStatus": self._overall(pack)}
            for pack in packs_named(self.config_backend, request["ConformancePackNames"])
        ]
        return self._page(request, "ConformancePackComplianceSummaryList", answer, 20)

    def list_conformance_pack_compliance_scores(self) -> str:
        request = self._request()
        names = (request.get("Filters") or {}).get("ConformancePackNames")
        scored = [(pack, self._score(pack)) for pack in packs_named(self.config_backend, names)]
        if request.get("SortBy") or request.get("SortOrder"):
            descending = request.get("SortOrder") == "DESCENDING"
            scored.sort(key=lambda pair: -1.0 if pair[1] is None else pair[1], reverse=descending)
        answer = [
            {
                "ConformancePackName": pack.name,
                "Score": "INSUFFICIENT_DATA" if score is None else f"{score:.2f}",
                "LastUpdatedTime": time.time(),
            }
            for pack, score in scored
        ]
        return self._page(request, "ConformancePackComplianceScores", answer, 20)

    def _pack(self, request: JSON) -> Pack:
        (pack,) = packs_named(self.config_backend, [request["ConformancePackName"]])
        return pack

    def _wanted_rules(self, pack: Pack, filters: JSON) -> list[str]:
        names = filters.get("ConfigRuleNames")
        missing = [name for name in names or () if name not in pack.deployed]
        if missing:
            raise refused(
                "NoSuchConfigRuleInConformancePackException", f"The conformance pack {pack.name} has no rule {', '.join(missing)}."
            )
        return sorted(names or pack.deployed)

    def _pack_results(self, pack: Pack, names: list[str] | None = None, kind: str | None = None) -> list[Result]:
        """The pack's evaluations that say something of a resource (NOT_APPLICABLE doesn't)."""
        wanted = set(pack.deployed if names is None else names)
        found = results(self.config_backend, {"ResourceType": kind} if kind else {})
        return [(rule, item) for rule, item in found if rule.config_rule_name in wanted and item["ComplianceType"] in _VERDICTS]

    def _overall(self, pack: Pack) -> str:
        return str(compliance(item["ComplianceType"] for _, item in self._pack_results(pack))["ComplianceType"])

    def _score(self, pack: Pack) -> float | None:
        """The share of rule and resource pairs that are compliant, in per cent; None without any."""
        found = [item["ComplianceType"] for _, item in self._pack_results(pack)]
        return 100 * found.count("COMPLIANT") / len(found) if found else None
