"""``security-hub``: what other products found on resources of the kinds that controls are about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.canonical import JSON
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.collectors.named import MAX_LISTED, asked_for, entry, listed, names_of, not_listed, unnamed
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
"""Findings listed in one record; further ones are counted, and a note says so."""


PRODUCTS = "security-hub.products"

_SORTS = {"AwsS3Bucket": "buckets", "AwsS3Object": "buckets", "AwsIamRole": "roles", "AwsKmsKey": "keys"}
"""The list under which an open finding of a named product counts, by the type of a resource that it is about."""

_OPEN = frozenset({"NEW", "NOTIFIED"})


class SecurityHub(Collector):
    """Active findings on resources of ``RESOURCE_TYPES``. Present state only.

    ``parameters: {security-hub: {products: [aws/access-analyzer]}}`` in averment.yaml names the products whose open findings count, by the end
    of their ARN or a pattern. One that is named, and neither enabled here nor the source of a finding, makes the record partial if another
    one is: what it would have found, nobody has looked for.

    Payload: ``{"products": [product], "findings": [{"id", "title", "generator", "product", "severity", "compliance", "workflow", "resources", "updated_at"}],
    "on_buckets": [{"resource", "message"}], "on_roles": [...], "on_keys": [...], "notes", "out_of", "told_with", "summary": {"findings", "open", "suppressed",
    "own", "critical", "high", "medium", "low", "informational", "of_products", "on_buckets", "on_roles", "on_keys"}}``. ``open`` are those with
    the workflow NEW or NOTIFIED, the severities count these alone; a suppressed finding counts as such and never as none,
    and is ``told_with`` the figure of the named products that it would be in. ``of_products``
    counts the findings of the named products, the ``on_...`` their open ones by what they are about (null where no product is named), without
    those whose compliance is PASSED. ``products`` are those that are enabled, or sent something of this
    account and region: an administrator's account, and the region where findings are aggregated, list those of others, too.
    """

    name = "security-hub"
    version = "3"
    kind = Kind.SECURITY_HUB
    permissions = ("securityhub:GetFindings", "securityhub:ListEnabledProductsForImport")
    summary = "Active findings of other products on the resources in question, from Security Hub."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        """One record.

        Raises:
            BadInputError: ``products`` is no list of names.
        """
        products = names_of(scope.organisation, PRODUCTS)
        fetch = scope.fetch("securityhub")
        filters = {
            "RecordState": [{"Value": "ACTIVE", "Comparison": "EQUALS"}],
            "ResourceType": [{"Value": kind, "Comparison": "EQUALS"} for kind in RESOURCE_TYPES],
        }
        enabled = {
            str(arn).partition(":product-subscription/")[2]
            for page in fetch.pages("ListEnabledProductsForImport", {})
            for arn in page.get("ProductSubscriptions", ())
        }
        kept: list[dict[str, Any]] = []
        counts: Counter[str] = Counter()
        hidden: Counter[str] = Counter()
        found: dict[str, list[dict[str, Any]]] = {sort: [] for sort in sorted(set(_SORTS.values()))}
        for page in fetch.pages("GetFindings", {"Filters": filters, "MaxResults": 100}):
            for finding in page.get("Findings", ()):
                if str(finding.get("GeneratorId", "")).startswith(OURS):
                    counts["own"] += 1
                    continue
                row = _row(finding)
                _count(counts, row)
                product = _short(str(row["product"]))
                if _is_of(scope, finding):
                    enabled.add(product)
                if products and products.count(product):
                    counts["of_products"] += 1
                    hidden.update(_sorts_of(row) if row["workflow"] not in _OPEN and row["compliance"] != "PASSED" else ())
                    _sort(row, counts, found)
                if len(kept) < MAX_FINDINGS:
                    kept.append(row)
        total = counts["findings"]
        names = ("findings", "open", "suppressed", "own", "critical", "high", "medium", "low", "informational")
        looked = [product for product in enabled if products.count(product)]
        if products and looked:
            for missing in products.missing([(product,) for product in looked]):
                fetch.problem(f"the product {missing} isn't enabled in Security Hub here, and sent nothing")
        sorts = {f"on_{sort}": counts[sort] if products else None for sort in found}
        payload: dict[str, JSON] = {
            "products": sorted(enabled),
            "findings": list(kept),
            **{f"on_{sort}": listed(entries) for sort, entries in found.items()},
            "notes": [*unnamed(products), *not_listed(total, len(kept), "findings")],
            "out_of": {f"summary.{name}": len(looked) for name in sorts},
            "told_with": {f"summary.on_{sort}": _put_aside(number) for sort, number in sorted(hidden.items())},
            "summary": {**{name: counts[name] for name in (*names, "of_products")}, **sorts},
        }
        population = Population("findings", total, total)
        yield self.listing(scope, [fetch], payload, population, source="Security Hub", asked=asked_for(scope, PRODUCTS))


def _is_of(scope: CollectScope, finding: Mapping[str, Any]) -> bool:
    """Whether a finding was made in the scope's account and region, as far as it says."""
    return all(
        told is None or told == here for told, here in ((finding.get("AwsAccountId"), scope.account), (finding.get("Region"), scope.region))
    )


def _short(product: str) -> str:
    """How a product is called at the end of its ARN: ``aws/access-analyzer`` of ``arn:aws:securityhub:eu-west-1::product/aws/access-analyzer``."""
    return product.partition(":product/")[2]


def _sort(row: Mapping[str, Any], counts: Counter[str], found: Mapping[str, list[dict[str, Any]]]) -> None:
    """Put an open finding under the sort of each resource that it is about, once."""
    if row["workflow"] not in _OPEN or row["compliance"] == "PASSED":
        return
    for sort in _sorts_of(row):
        counts[sort] += 1
        about = next(item["id"] for item in row["resources"] if _SORTS.get(item["type"]) == sort)
        if len(found[sort]) < MAX_LISTED:
            found[sort].append(entry(str(about), f"{_short(str(row['product']))} found: {row['title']} ({row['severity']})"))


def _sorts_of(row: Mapping[str, Any]) -> set[str]:
    return {_SORTS[item["type"]] for item in row["resources"] if item["type"] in _SORTS}


def _put_aside(number: int) -> str:
    return f"{number:,} further one{' is' if number == 1 else 's are'} suppressed or called resolved in Security Hub"


def _count(counts: Counter[str], row: Mapping[str, Any]) -> None:
    counts["findings"] += 1
    counts["suppressed"] += row["workflow"] == "SUPPRESSED"
    if row["workflow"] in _OPEN:
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
