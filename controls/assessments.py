"""One assessment out of YAML, of a control's file or of an overlay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from averment.controls.model import Assessment
from averment.core.errors import BadInputError
from averment.core.period import parse_duration
from averment.core.source import SourceRef
from averment.core.words import Method

SCHEMA = "controls/schema/control.schema.json#/$defs/assessment"


def read_assessment(value: Mapping[str, Any], where: SourceRef) -> Assessment:
    """The assessment that ``value``, which keeps to ``SCHEMA``, describes; ``where`` is its place.

    Raises:
        BadInputError: a length of time is too long.
    """
    if "attestation" in value:
        duration_at(value["attestation"]["valid_for"], where)
    return Assessment(
        id=value["id"],
        method=Method(value["method"]),
        policy=value.get("policy"),
        collector=value.get("collector"),
        claim=value.get("claim"),
        attestation=value.get("attestation"),
        expect=value.get("expect"),
        max_age=duration_at(value["max_age"], where) if "max_age" in value else None,
        title=value.get("title", ""),
        needs=tuple(value.get("needs", ())),
        goes_with=tuple(value.get("goes_with", ())),
        where=where,
    )


def duration_at(text: str, where: SourceRef) -> timedelta:
    """``text``, which stands at ``where``, as a length of time.

    Raises:
        BadInputError: as ``parse_duration``, with the place.
    """
    try:
        return parse_duration(text)
    except BadInputError as error:
        raise BadInputError(error.message, where=where, fix=error.fix) from error
