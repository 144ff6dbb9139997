"""``sagemaker-endpoints``: the endpoints that serve models, what they record of their traffic, and the model cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.canonical import JSON, sha256_hex
from averment.core.period import iso
from averment.evidence.collectors.fetch import Fetch
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.record import Kind, Population, Record


class SageMakerEndpoints(Collector):
    """Every endpoint with its configuration and data capture, and every model card with its status. Present state only.

    Payload: ``{"endpoints": [{"endpoint", "status", "config", "changed_at", "encrypted", "capture": {"enabled", "percentage",
    "destination", "modes"}, "models"}], "model_cards": [{"card", "status", "version", "changed_at", "sha256"}], "summary": {"endpoints",
    "in_service", "without_capture", "unencrypted", "model_cards", "approved_cards"}}``. ``encrypted`` says that the configuration names a
    KMS key. The text of a card isn't kept, its SHA-256 is: whoever has the card can tell whether it is this one.
    """

    name = "sagemaker-endpoints"
    version = "1"
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
        fetch = scope.fetch("sagemaker")
        names = [item["EndpointName"] for page in fetch.pages("ListEndpoints", {}) for item in page.get("Endpoints", ())]
        endpoints = [row for name in sorted(names) if (row := _endpoint(fetch, name)) is not None]
        cards = [item["ModelCardName"] for page in fetch.pages("ListModelCards", {}) for item in page.get("ModelCardSummaries", ())]
        model_cards = [row for name in sorted(cards) if (row := _card(fetch, name)) is not None]
        payload: dict[str, JSON] = {
            "endpoints": list(endpoints),
            "model_cards": list(model_cards),
            "summary": {
                "endpoints": len(endpoints),
                "in_service": sum(1 for row in endpoints if row["status"] == "InService"),
                "without_capture": sum(1 for row in endpoints if row["capture"] is not None and not row["capture"]["enabled"]),
                "unencrypted": sum(1 for row in endpoints if row["encrypted"] is False),
                "model_cards": len(model_cards),
                "approved_cards": sum(1 for row in model_cards if row["status"] == "Approved"),
            },
        }
        listed, examined = len(names) + len(cards), len(endpoints) + len(model_cards)
        yield self.listing(scope, [fetch], payload, Population("endpoints and model cards", listed, examined), source="SageMaker")


def _endpoint(fetch: Fetch, name: str) -> dict[str, Any] | None:
    found = fetch.one("DescribeEndpoint", {"EndpointName": name}, shown={"EndpointName": "each in payload.endpoints"})
    if found is None:
        return None
    config = found.get("EndpointConfigName")
    asked = {"EndpointConfigName": config}
    settings = fetch.one("DescribeEndpointConfig", asked, shown={"EndpointConfigName": "each in payload.endpoints"}) if config else None
    return {
        "endpoint": name,
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
