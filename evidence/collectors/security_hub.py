"""``security-hub``: what other products found on resources of the kinds that controls are about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.canonical import JSON
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.record import Kind, Population, Record

RESOURCE_TYPES = (
    "AwsCloudFrontDistribution",
    "AwsIamRole",
    "AwsKmsKey",
    "AwsLambdaFunction",
    "AwsS3Bucket",
    "AwsS3Object",
    "AwsSageMakerEndpoint",
    "AwsSageMakerNotebookInstance",
)
"""ASFF resource types that are asked for (the API takes at most 20 values a filter)."""

OURS = "averment"
"""Findings whose generator starts so were pushed by Averment: read back, they would testify to themselves."""

MAX_FINDINGS = 10_000
"""Findings kept in one record; further ones are counted, and the record says that it was cut."""


class SecurityHub(Collector):
    """Active findings on resources of ``RESOURCE_TYPES``. Present state only.

    Payload: ``{"findings": [{"id", "title", "generator", "product", "severity", "compliance", "workflow", "resources", "updated_at"}],
    "summary": {"findings", "open", "suppressed", "own", "critical", "high", "medium", "low", "informational"}}``. ``open`` are those
    with the workflow NEW or NOTIFIED, the severities count these alone; a suppressed finding counts as such and never as none.
    """

    name = "security-hub"
    version = "1"
    kind = Kind.SECURITY_HUB
    permissions = ("securityhub:GetFindings",)
    summary = "Active findings of other products on the resources in question, from Security Hub."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        fetch = scope.fetch("securityhub")
        filters = {
            "RecordState": [{"Value": "ACTIVE", "Comparison": "EQUALS"}],
            "ResourceType": [{"Value": kind, "Comparison": "EQUALS"} for kind in RESOURCE_TYPES],
        }
        kept: list[dict[str, Any]] = []
        counts: Counter[str] = Counter()
        for page in fetch.pages("GetFindings", {"Filters": filters, "MaxResults": 100}):
            for finding in page.get("Findings", ()):
                if str(finding.get("GeneratorId", "")).startswith(OURS):
                    counts["own"] += 1
                    continue
                row = _row(finding)
                _count(counts, row)
                if len(kept) < MAX_FINDINGS:
                    kept.append(row)
        total = counts["findings"]
        names = ("findings", "open", "suppressed", "own", "critical", "high", "medium", "low", "informational")
        payload: dict[str, JSON] = {"findings": list(kept), "summary": {name: counts[name] for name in names}}
        yield self.listing(scope, [fetch], payload, Population("findings", total, len(kept), total > len(kept)), source="Security Hub")


def _count(counts: Counter[str], row: Mapping[str, Any]) -> None:
    counts["findings"] += 1
    counts["suppressed"] += row["workflow"] == "SUPPRESSED"
    if row["workflow"] in {"NEW", "NOTIFIED"}:
        counts["open"] += 1
        counts[str(row["severity"]).lower()] += 1


def _row(finding: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": finding["Id"],
        "title": finding.get("Title"),
        "generator": finding.get("GeneratorId"),
        "product": finding.get("ProductArn"),
        "severity": finding.get("Severity", {}).get("Label", "INFORMATIONAL"),
        "compliance": finding.get("Compliance", {}).get("Status"),
        "workflow": finding.get("Workflow", {}).get("Status", "NEW"),
        "resources": [{"type": item.get("Type"), "id": item.get("Id")} for item in finding.get("Resources", ())],
        "updated_at": finding.get("UpdatedAt"),
    }
