"""Rows of reports as JSON data."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

from averment.core.canonical import JSON
from averment.core.period import Period, iso
from averment.core.words import Status
from averment.evidence.judging.states import Gap

_AS_THEY_ARE = frozenset({str, int, float, bool, type(None)})


def plain(value: Any) -> JSON:
    """Rows, periods and moments as JSON data (RFC 3339 UTC); any collection but a text becomes a list."""
    if type(value) in _AS_THEY_ARE:  # most values are; a package has millions of them
        return value
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Period):
        return {"label": value.label, "start": iso(value.start), "end": iso(value.end)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Status | Gap):
        return str(value)
    if isinstance(value, Collection) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value
