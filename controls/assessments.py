"""One assessment out of YAML, of a control's file or of an overlay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from averment.controls.model import Assessment
from averment.core.period import parse_duration
from averment.core.source import SourceRef
from averment.core.words import Method

SCHEMA = "controls/schema/control.schema.json#/$defs/assessment"


def read_assessment(value: Mapping[str, Any], where: SourceRef) -> Assessment:
    """The assessment that ``value``, which keeps to ``SCHEMA``, describes; ``where`` is its place."""
    return Assessment(
        id=value["id"],
        method=Method(value["method"]),
        policy=value.get("policy"),
        collector=value.get("collector"),
        claim=value.get("claim"),
        attestation=value.get("attestation"),
        expect=value.get("expect"),
        max_age=parse_duration(value["max_age"]) if "max_age" in value else None,
        title=value.get("title", ""),
        needs=tuple(value.get("needs", ())),
        where=where,
    )
