"""``sagemaker-endpoints``: the endpoints that serve models, what they record of their traffic, and the model cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.canonical import JSON, sha256_hex
from averment.core.fetch import Fetch
from averment.core.period import iso
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.collectors.named import asked_for, entry, listed, names_of, unnamed
from averment.evidence.record import Kind, Population, Record

DETECTORS = "detector_endpoints"
"""The parameter that names the detector's endpoints, which rules read as well."""

INVENTORY = "sagemaker-endpoints.inventory"


class SageMakerEndpoints(Collector):
    """Every endpoint with its configuration and data capture, and every model card with its status. Present state only.

    ``parameters`` in averment.yaml name the detector's endpoints (``detector_endpoints``) and those that the inventory of AI systems holds
    (``sagemaker-endpoints: {inventory: [...]}``), by names or patterns, which SageMaker doesn't distinguish by case.

    Payload: ``{"endpoints": [{"endpoint", "arn", "status", "config", "changed_at", "encrypted", "capture": {"enabled", "percentage",
    "destination", "modes"}, "models"}], "model_cards": [{"card", "status", "version", "changed_at", "sha256"}], "out_of_service":
    [{"resource", "message"}], "unlisted": [...], "notes", "out_of", "summary": {"endpoints", "in_service", "without_capture", "unencrypted",
    "model_cards", "approved_cards", "out_of_service", "unlisted"}}``. ``out_of_service``: endpoints of the detector that aren't there or aren't
    in service; ``unlisted``: endpoints that the inventory doesn't hold; each null where nothing is named. ``encrypted`` says that the configuration names a
    KMS key. The text of a card isn't kept, its SHA-256 is: whoever has the card can tell whether it is this one.
    """

    name = "sagemaker-endpoints"
    version = "2"
    kind = Kind.ENDPOINTS
    permissions = (
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:DescribeModelCard",
        "sagemaker:ListEndpoints",
        "sagemaker:ListModelCards",
    )
    summary = "Model endpoints with their data capture, and model cards, from SageMaker."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        """One record.

        Raises:
            BadInputError: a parameter is no list of names.
        """
        named = names_of(scope.organisation, DETECTORS, fold=True)
        inventory = names_of(scope.organisation, INVENTORY, fold=True)
        fetch = scope.fetch("sagemaker")
        found = {
            item["EndpointName"]: item.get("EndpointArn", "")
            for page in fetch.pages("ListEndpoints", {})
            for item in page.get("Endpoints", ())
        }
        whole = not fetch.broken_off
        endpoints = [row for name in sorted(found) if (row := _endpoint(fetch, name)) is not None]
        cards = [item["ModelCardName"] for page in fetch.pages("ListModelCards", {}) for item in page.get("ModelCardSummaries", ())]
        model_cards = [row for name in sorted(cards) if (row := _card(fetch, name)) is not None]
        detectors = [row for row in endpoints if named.count(row["endpoint"], row["arn"])]
        missing = named.missing(found.items(), account=scope.account, region=scope.region, whole=whole)
        out_of_service = [
            *(entry(name, "there is no endpoint of the detector by this name") for name in missing),
            *(entry(row["arn"], f"the endpoint is {row['status']}") for row in detectors if row["status"] != "InService"),
        ]
        unlisted = [
            entry(row["arn"], "the inventory in averment.yaml doesn't hold this endpoint")
            for row in endpoints
            if not inventory.count(row["endpoint"], row["arn"])
        ]
        payload: dict[str, JSON] = {
            "endpoints": list(endpoints),
            "model_cards": list(model_cards),
            "out_of_service": listed(out_of_service) if named else [],
            "unlisted": listed(unlisted),
            "notes": unnamed(named, inventory),
            "out_of": {"summary.out_of_service": named.out_of(len(detectors), missing), "summary.unlisted": len(endpoints)},
            "summary": {
                "endpoints": len(endpoints),
                "in_service": sum(1 for row in endpoints if row["status"] == "InService"),
                "without_capture": sum(1 for row in endpoints if row["capture"] is not None and not row["capture"]["enabled"]),
                "unencrypted": sum(1 for row in endpoints if row["encrypted"] is False),
                "model_cards": len(model_cards),
                "approved_cards": sum(1 for row in model_cards if row["status"] == "Approved"),
                "out_of_service": len(out_of_service) if named else None,
                "unlisted": len(unlisted) if inventory else None,
            },
        }
        population = Population("endpoints and model cards", len(found) + len(cards), len(endpoints) + len(model_cards))
        asked = asked_for(scope, DETECTORS, INVENTORY)
        yield self.listing(scope, [fetch], payload, population, source="SageMaker", asked=asked)


def _endpoint(fetch: Fetch, name: str) -> dict[str, Any] | None:
    found = fetch.one("DescribeEndpoint", {"EndpointName": name}, shown={"EndpointName": "each in payload.endpoints"})
    if found is None:
        return None
    config = found.get("EndpointConfigName")
    asked = {"EndpointConfigName": config}
    settings = fetch.one("DescribeEndpointConfig", asked, shown={"EndpointConfigName": "each in payload.endpoints"}) if config else None
    return {
        "endpoint": name,
        "arn": found.get("EndpointArn", name),
        "status": found.get("EndpointStatus"),
        "config": config,
        "changed_at": iso(found["LastModifiedTime"]) if "LastModifiedTime" in found else None,
        "encrypted": None if settings is None else bool(settings.get("KmsKeyId")),
        "capture": None if settings is None else _capture(settings.get("DataCaptureConfig") or {}),
        "models": sorted(variant["ModelName"] for variant in (settings or {}).get("ProductionVariants", ()) if "ModelName" in variant),
    }


def _capture(settings: Mapping[str, Any]) -> dict[str, JSON]:
    return {
        "enabled": bool(settings.get("EnableCapture", False)),
        "percentage": settings.get("InitialSamplingPercentage"),
        "destination": settings.get("DestinationS3Uri"),
        "modes": sorted(option["CaptureMode"] for option in settings.get("CaptureOptions", ())),
    }


def _card(fetch: Fetch, name: str) -> dict[str, Any] | None:
    found = fetch.one("DescribeModelCard", {"ModelCardName": name}, shown={"ModelCardName": "each in payload.model_cards"})
    if found is None:
        return None
    return {
        "card": name,
        "status": found.get("ModelCardStatus"),
        "version": found.get("ModelCardVersion"),
        "changed_at": iso(found["LastModifiedTime"]) if "LastModifiedTime" in found else None,
        "sha256": sha256_hex(str(found.get("Content", "")).encode()),
    }
