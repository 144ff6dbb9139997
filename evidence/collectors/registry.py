"""Every collector, written out."""

from __future__ import annotations

from averment.core.errors import BadInputError
from averment.evidence.collectors.check import Check
from averment.evidence.collectors.config_compliance import ConfigCompliance
from averment.evidence.collectors.config_history import ConfigHistory
from averment.evidence.collectors.detector_metrics import DetectorMetrics
from averment.evidence.collectors.interface import Collector
from averment.evidence.collectors.media_states import MediaStates
from averment.evidence.collectors.provenance import Provenance

COLLECTORS: tuple[type[Collector], ...] = (Check, ConfigCompliance, ConfigHistory, MediaStates, DetectorMetrics, Provenance)
"""In the order in which they run: what needs no AWS comes first."""


def names() -> tuple[str, ...]:
    """The names of all collectors."""
    return tuple(kind.name for kind in COLLECTORS)


def collectors(chosen: tuple[str, ...] = ()) -> tuple[Collector, ...]:
    """The collectors called ``chosen``, or all of them.

    Raises:
        BadInputError: a name that no collector has.
    """
    if unknown := [name for name in chosen if name not in names()]:
        raise BadInputError(f"there is no collector '{unknown[0]}'", fix=f"choose from: {', '.join(names())}")
    return tuple(kind() for kind in COLLECTORS if not chosen or kind.name in chosen)
