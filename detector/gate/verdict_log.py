"""Where the gate's verdicts are written down: CloudWatch Logs, a line each, and metrics that alarms watch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from averment.core.canonical import JSON
from averment.core.log_lines import put_line
from averment.detector.gate.verdict import GateVerdict, Judgement

METRICS = "Averment/Detector"

_NOT_IN_STREAMS = re.compile(r"[:*]")
_NOT_IN_DIMENSIONS = re.compile(r"[^ -~]")
"""CloudWatch takes visible ASCII alone there. A detector may be called otherwise; the verdict's line has its name as it is."""


class Route(StrEnum):
    """Who scores an upload: the function's ``OWN`` detector, the ``ENDPOINT`` for large images, or the ``ASYNCHRONOUS`` one. Each can stop alone."""

    OWN = "own"
    ENDPOINT = "endpoint"
    ASYNCHRONOUS = "asynchronous"


def as_dimension(detector: str) -> str:
    """The name of a ``detector`` as CloudWatch has it."""
    return _NOT_IN_DIMENSIONS.sub("?", detector).strip() or "?"


class VerdictLog:
    """Lines in ``group``, in a stream a day under ``stream``; metrics in the namespace ``METRICS``."""

    def __init__(self, group: str, stream: str, logs: Any, cloudwatch: Any) -> None:
        self._group, self._stream = group, _NOT_IN_STREAMS.sub("-", stream)
        self._logs, self._cloudwatch = logs, cloudwatch

    def write(self, line: Mapping[str, JSON]) -> None:
        """Put one line; group and stream are made when they are missing.

        Raises:
            IncompleteError: it could not be put, or CloudWatch Logs left it out for its time.
        """
        now = datetime.now(UTC)  # to the millisecond: lines of one second stay in their order
        put_line(self._logs, self._group, f"{self._stream}/{now:%Y-%m-%d}", line, now, f"write to the log group {self._group}")

    def measure(self, judgement: Judgement, route: Route | None) -> None:
        """Count one judgement: Scanned, Flagged, CouldNotSay, and its Score by detector; Scanned also by the ``route`` on which a detector
        answered (None: none did, or none was asked)."""
        dimensions = [{"Name": "Detector", "Value": as_dimension(judgement.detector.name)}]
        values: list[tuple[str, float]] = [
            ("Scanned", 1.0),
            ("Flagged", float(judgement.verdict is GateVerdict.FLAGGED)),
            ("CouldNotSay", float(judgement.verdict is GateVerdict.REVIEW)),
        ]
        if judgement.score.highest is not None:
            values.append(("Score", judgement.score.highest))
        data = [
            {"MetricName": name, "Dimensions": dimensions, "Value": value, "Unit": "None" if name == "Score" else "Count"}
            for name, value in values
        ]
        self._put([*data, *([_counted("Scanned", 1.0, Route=route)] if route else [])])

    def count_upload(self, kind: str, route: Route | None) -> None:
        """Count one upload, by its kind and by the route that it takes (None: nothing here scores it)."""
        self._put([_counted("Uploads", 1.0, Kind=kind), *([_counted("Uploads", 1.0, Route=route)] if route else [])])

    def count(self, name: str, value: float, **dimensions: str) -> None:
        """Put one number that belongs to the gate and to no detector."""
        self._put([_counted(name, value, **dimensions)])

    def _put(self, data: list[dict[str, Any]]) -> None:
        self._cloudwatch.put_metric_data(Namespace=METRICS, MetricData=data)


def _counted(name: str, value: float, **dimensions: str) -> dict[str, Any]:
    named = [{"Name": dimension, "Value": str(given)} for dimension, given in dimensions.items()]
    return {"MetricName": name, "Value": value, "Unit": "Count", "Dimensions": named}
