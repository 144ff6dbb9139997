"""From what a user wrote to a detector."""

from __future__ import annotations

from averment.core.errors import BadInputError
from averment.detector.embedded import EmbeddedDetector
from averment.detector.interface import Detector
from averment.detector.sagemaker import SageMakerDetector


def open_detector(text: str | None = None) -> Detector:
    """``embedded`` (also None), or ``sagemaker:NAME`` for the endpoint of that name in the current account and region.

    Raises:
        BadInputError: neither of these.
    """
    kind, _, name = (text or "embedded").partition(":")
    if kind == "embedded" and not name:
        return EmbeddedDetector()
    if kind == "sagemaker" and name:
        return SageMakerDetector(name)
    raise BadInputError(f"'{text}' is not a detector", fix="write embedded, or sagemaker:ENDPOINT")
