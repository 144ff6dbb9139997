"""A detector behind a SageMaker real-time endpoint that speaks the contract of ``serving``."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from averment.core.aws import aws_errors, client, error_code
from averment.detector.remote import BUSY, MAX_ANSWER, REFUSALS, BusyError, RefusedError, RemoteDetector

READ_SECONDS = 70
"""How long an answer is waited for, as AWS advises (InvokeEndpoint): a container has 60 seconds, and says then that it took too long. Who gives up
before asks again, and the container begins anew."""

_THROTTLED = frozenset({"ThrottlingException", "ServiceUnavailable", "ModelNotReadyException"})
"""What SageMaker itself answers where there is no room for a request; boto3 has asked again some times by then, within seconds."""


class SageMakerDetector(RemoteDetector):
    """Scores through ``InvokeEndpoint``, which takes at most ``serving.MAX_PAYLOAD`` bytes."""

    def __init__(self, endpoint: str, *, region: str | None = None) -> None:
        self.endpoint = endpoint
        self.what = f"the endpoint '{endpoint}'"
        self._region = region

    @cached_property
    def _runtime(self) -> Any:
        return client("sagemaker-runtime", region=self._region, read_timeout=READ_SECONDS)

    def _prepare(self) -> None:
        _ = self._runtime  # making boto3 clients in several threads at once isn't safe

    def _image_type(self, image: bytes) -> str:  # noqa: ARG002 - the same for all
        return "application/x-image"

    def _send(self, body: bytes, content_type: str) -> bytes:
        with aws_errors(f"ask the endpoint '{self.endpoint}'"):
            try:
                answer = self._runtime.invoke_endpoint(
                    EndpointName=self.endpoint, Body=body, ContentType=content_type, Accept="application/json"
                )
            except self._runtime.exceptions.ModelError as error:  # what the container answered, which boto3 doesn't repeat
                status = error.response.get("OriginalStatusCode")
                said = f"{self.what} answered {status}: {str(error.response.get('OriginalMessage', ''))[:200]}"
                if status in BUSY:
                    raise BusyError(said, fix="give the endpoint more instances, or run again when it is less busy") from error
                if status in REFUSALS:
                    raise RefusedError(said, fix="see what the container takes") from error
                raise
            except Exception as error:
                if error_code(error) in _THROTTLED:
                    fix = "give the endpoint more instances, or run again when it is less busy"
                    raise BusyError(f"{self.what} is busy: {error}", fix=fix) from error
                raise
            text: bytes = answer["Body"].read(MAX_ANSWER + 1)
        return text
