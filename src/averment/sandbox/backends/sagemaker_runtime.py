"""SageMaker's run time: calls run code and ask whether the endpoint exists (moto answers any name with canned text).

What answers stands in ``sagemaker_answering``; how an asynchronous call goes on after it was taken, in ``sagemaker_async``. As on SageMaker an endpoint
is for one of the two kinds of call, by whether its configuration has an ``AsyncInferenceConfig``.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

from averment.sandbox.backends import sagemaker_answering, sagemaker_async
from averment.sandbox.backends.sagemaker_answering import HANDED_ON, Container, Function, Invoke, answering, failure_message

MAX_BODY = 6_291_456
"""Bytes of a request and of a response of a real-time endpoint."""

MAX_INLINE = 128_000
"""Bytes of an asynchronous request's own body."""

REAL_TIME_SECONDS = 60.0
_CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
_patience: list[float] = [REAL_TIME_SECONDS]


def register(invoke: Invoke | None) -> None:
    """Let ``invoke`` answer every endpoint; None brings the embedded detector back."""
    sagemaker_answering.register(None if invoke is None else Function(invoke))


def register_container(url: str, seconds: float = REAL_TIME_SECONDS) -> None:
    """Let the container that listens at ``url`` answer every endpoint; a real-time call waits ``seconds`` for it."""
    sagemaker_answering.register(Container(url))
    _patience[0] = seconds


def forget() -> None:
    """Back to the embedded detector, when everything asynchronous is done."""
    sagemaker_async.settle()
    register(None)
    _patience[0] = REAL_TIME_SECONDS


class CorrectedSageMakerRuntime(SageMakerRuntimeResponse):  # type: ignore[misc]
    """moto's run time, where a call runs a model."""

    use_raw_body = True

    def invoke_endpoint(self) -> Any:
        name, refused = self._endpoint(asynchronous=False)
        if refused:
            return refused
        body = self._raw()
        if len(body) > MAX_BODY:
            return _refuse(413, "ValidationError", f"Body of {len(body)} bytes exceeds the limit of {MAX_BODY}.")
        answer = answering().answer(body, self._handed_on(), _patience[0])
        if not 200 <= answer.status < 300:
            return _model_error(answer.status, failure_message(answer), answer.body.decode("utf-8", "replace"))
        if len(answer.body) > MAX_BODY:
            return _model_error(500, f"the model behind {name} answered {len(answer.body)} bytes, more than {MAX_BODY}", "")
        headers = {
            "Content-Type": answer.headers.get("content-type", "application/json"),
            "x-Amzn-Invoked-Production-Variant": "AllTraffic",
        }
        if attributes := answer.headers.get(_CUSTOM_ATTRIBUTES.lower()):
            headers[_CUSTOM_ATTRIBUTES] = attributes
        return 200, headers, answer.body

    def invoke_endpoint_async(self) -> Any:
        name, refused = self._endpoint(asynchronous=True)
        if refused:
            return refused
        body, source = self._raw(), self.headers.get("X-Amzn-SageMaker-InputLocation")
        if bool(body) is bool(source):
            return _refuse(400, "ValidationError", "Provide exactly one of Body and InputLocation.")
        if len(body) > MAX_INLINE:
            return _refuse(400, "ValidationError", f"Body of {len(body)} bytes exceeds the limit of {MAX_INLINE}.")
        inference_id = self.headers.get("X-Amzn-SageMaker-Inference-Id") or str(uuid.uuid4())
        configured = self._configuration(name)["OutputConfig"]
        extension, filename = (self.headers.get(f"X-Amzn-SageMaker-{part}") for part in ("S3OutputPathExtension", "Filename"))
        output, failure = sagemaker_async.places(configured, inference_id, extension, filename)
        headers = self._handed_on() | {"Content-Type": self.headers.get("X-Amzn-SageMaker-Content-Type", "application/octet-stream")}
        if accept := self.headers.get("X-Amzn-SageMaker-Accept"):
            headers["Accept"] = accept
        sagemaker_async.Job(
            account=self.current_account,
            region=self.region,
            endpoint=name,
            inference_id=inference_id,
            source=source,
            inline=body,
            headers=headers,
            seconds=float(self.headers.get("X-Amzn-SageMaker-InvocationTimeoutSeconds", 900)),
            output=output,
            failure=failure,
            topics=configured.get("NotificationConfig", {}),
            received=datetime.now(UTC),
        ).start()
        places = {"X-Amzn-SageMaker-OutputLocation": output} | ({"X-Amzn-SageMaker-FailureLocation": failure} if failure else {})
        return json.dumps({"InferenceId": inference_id}), {"status": 202, "Content-Type": "application/json", **places}

    def _endpoint(self, *, asynchronous: bool) -> tuple[str, Any]:
        """The endpoint's name, and the refusal if it isn't there, not in service, or for the other kind of call."""
        from moto.sagemaker.models import sagemaker_backends

        name = self.path.split("/")[2]
        endpoint = sagemaker_backends[self.current_account][self.region].endpoints.get(name)
        if endpoint is None:
            return name, _refuse(400, "ValidationError", f"Endpoint {name} of account {self.current_account} not found.")
        if endpoint.endpoint_status != "InService":
            return name, _refuse(400, "ValidationError", f"Endpoint {name} is {endpoint.endpoint_status}, not InService.")
        if bool(self._configuration(name)) is not asynchronous:
            return name, _refuse(400, "ValidationError", f"Endpoint {name} does not support this inference type.")
        return name, None

    def _configuration(self, name: str) -> dict[str, Any]:
        """The endpoint's AsyncInferenceConfig; empty for a real-time endpoint."""
        from moto.sagemaker.models import sagemaker_backends

        backend = sagemaker_backends[self.current_account][self.region]
        configuration = backend.endpoint_configs.get(backend.endpoints[name].endpoint_config_name)
        return (configuration.async_inference_config if configuration else None) or {}

    def _handed_on(self) -> dict[str, str]:
        return {header: self.headers[header] for header in HANDED_ON if header in self.headers}

    def _raw(self) -> bytes:
        return self.raw_body if isinstance(self.raw_body, bytes) else str(self.raw_body or "").encode()


def _refuse(status: int, code: str, message: str) -> tuple[str, dict[str, Any]]:
    return json.dumps({"Message": message}), {"status": status, "x-amzn-ErrorType": code, "Content-Type": "application/json"}


def _model_error(original: int, message: str, said: str) -> tuple[str, dict[str, Any]]:
    body = {"Message": message, "OriginalStatusCode": original, "OriginalMessage": said}
    return json.dumps(body), {"status": 424, "x-amzn-ErrorType": "ModelError", "Content-Type": "application/json"}


url_paths = {
    "{0}/endpoints/(?P<name>[^/]+)/async-invocations$": CorrectedSageMakerRuntime.dispatch,
    "{0}/endpoints/(?P<name>[^/]+)/invocations$": CorrectedSageMakerRuntime.dispatch,
}
