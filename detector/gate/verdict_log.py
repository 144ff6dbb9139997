"""Where the gate's verdicts are written down: CloudWatch Logs, a line each, and metrics that alarms watch."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import IncompleteError
from averment.detector.gate.verdict import GateVerdict, Judgement

METRICS = "Averment/Detector"


class VerdictLog:
    """Lines in ``group``, in a stream a day under ``stream``; metrics in the namespace ``METRICS``."""

    def __init__(self, group: str, stream: str, logs: Any, cloudwatch: Any) -> None:
        self._group, self._stream = group, stream
        self._logs, self._cloudwatch = logs, cloudwatch

    def write(self, line: Mapping[str, JSON]) -> None:
        """Put one line; group and stream are made when they are missing.

        Raises:
            IncompleteError: it could not be put.
        """
        stream = f"{self._stream}/{time.strftime('%Y-%m-%d', time.gmtime())}"
        entry = {"timestamp": int(time.time() * 1000), "message": json.dumps(line, sort_keys=True, ensure_ascii=False)}
        missing = self._logs.exceptions.ResourceNotFoundException
        for _ in range(3):  # at most: the group is missing, the stream is missing, then it works
            try:
                self._logs.put_log_events(logGroupName=self._group, logStreamName=stream, logEvents=[entry])
                return
            except missing:
                self._make_stream(stream)
        raise IncompleteError(f"the verdict could not be logged to {self._group}")

    def measure(self, judgement: Judgement) -> None:
        """Count one judgement: Scanned, Flagged, CouldNotSay, and its Score."""
        dimensions = [{"Name": "Detector", "Value": judgement.detector.name}]
        values: list[tuple[str, float]] = [
            ("Scanned", 1.0),
            ("Flagged", float(judgement.verdict is GateVerdict.FLAGGED)),
            ("CouldNotSay", float(judgement.verdict is GateVerdict.REVIEW)),
        ]
        if judgement.score.highest is not None:
            values.append(("Score", judgement.score.highest))
        self._put(
            {"MetricName": name, "Dimensions": dimensions, "Value": value, "Unit": "None" if name == "Score" else "Count"}
            for name, value in values
        )

    def count(self, name: str, value: float, **dimensions: str) -> None:
        """Put one number that belongs to the gate and to no detector."""
        named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        self._put([{"MetricName": name, "Value": value, "Unit": "Count", "Dimensions": named}])

    def _put(self, data: Any) -> None:
        self._cloudwatch.put_metric_data(Namespace=METRICS, MetricData=list(data))

    def _make_stream(self, stream: str) -> None:
        exists = self._logs.exceptions.ResourceAlreadyExistsException
        missing = self._logs.exceptions.ResourceNotFoundException
        try:
            with suppress(exists):  # another scan was first
                self._logs.create_log_stream(logGroupName=self._group, logStreamName=stream)
        except missing:
            with suppress(exists):
                self._logs.create_log_group(logGroupName=self._group)
