"""A detector behind a SageMaker real-time endpoint that speaks the contract of ``serving``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from averment.core.aws import aws_errors, client
from averment.core.errors import IncompleteError
from averment.detector.interface import Detector, DetectorInfo, Score
from averment.detector.serving import DESCRIBE, MAX_PAYLOAD, info_from_json, score_from_json

MAX_ANSWER = 1024 * 1024
CONCURRENCY = 8
"""Requests in flight. A real-time endpoint takes one image a request, so only concurrency hides the round trip."""


class SageMakerDetector(Detector):
    """Scores through ``InvokeEndpoint``. What the endpoint says of itself is fetched once and named in evidence."""

    def __init__(self, endpoint: str, *, region: str | None = None) -> None:
        self.endpoint = endpoint
        self._region = region

    @cached_property
    def _runtime(self) -> Any:
        return client("sagemaker-runtime", region=self._region)

    @cached_property
    def info(self) -> DetectorInfo:
        return info_from_json(self._ask(DESCRIBE, "application/json").get("detector", {}))

    def score(self, images: Sequence[bytes]) -> list[Score]:
        if not images:
            return []
        _ = self._runtime  # made here: making boto3 clients in several threads at once isn't safe
        with ThreadPoolExecutor(max_workers=min(CONCURRENCY, len(images))) as pool:
            return list(pool.map(self._score_one, images))

    def _score_one(self, image: bytes) -> Score:
        if not image:
            return Score(cannot_say="the file is empty")
        if len(image) > MAX_PAYLOAD:
            return Score(cannot_say=f"the file has {len(image):,} bytes; a real-time endpoint takes at most {MAX_PAYLOAD:,}")
        return score_from_json(self._ask(image, "application/x-image"))

    def _ask(self, body: bytes, content_type: str) -> dict[str, Any]:
        with aws_errors(f"ask the endpoint '{self.endpoint}'"):
            answer = self._runtime.invoke_endpoint(
                EndpointName=self.endpoint, Body=body, ContentType=content_type, Accept="application/json"
            )
            text = answer["Body"].read(MAX_ANSWER + 1)
        if len(text) > MAX_ANSWER:
            raise IncompleteError(f"the endpoint '{self.endpoint}' answered with more than {MAX_ANSWER:,} bytes")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise IncompleteError(f"the endpoint '{self.endpoint}' did not answer with JSON: {error}") from error
        if not isinstance(value, dict):
            raise IncompleteError(f"the endpoint '{self.endpoint}' did not answer with a JSON object")
        return value
