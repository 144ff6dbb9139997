"""SageMaker's run time: InvokeEndpoint runs code and asks whether the endpoint exists (moto answers any name with canned text).

What answers is a registered callable, by default the embedded detector's ``averment.detector.serving.invoke``, the code that
a real endpoint's container runs on ``POST /invocations``. Asynchronous invocation stays moto's.
"""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Callable
from typing import Any

from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

MAX_BODY = 6_291_456
"""Bytes of a request and of a response of a real-time endpoint."""

Invoke = Callable[[bytes, str], bytes]
"""``invoke(body, content_type)`` gives the response body, JSON. ``ValueError``: the request was bad (the model's 400)."""

_log = logging.getLogger("averment.sandbox")
_registered: list[Invoke] = []


def register(invoke: Invoke | None) -> None:
    """Let ``invoke`` answer every endpoint; None brings the embedded detector back."""
    _registered[:] = [invoke] if invoke is not None else []


def forget() -> None:
    """Back to the embedded detector."""
    register(None)


def _answering() -> Invoke:
    if _registered:
        return _registered[0]
    invoke: Invoke = importlib.import_module("averment.detector.serving").invoke
    return invoke


class CorrectedSageMakerRuntime(SageMakerRuntimeResponse):  # type: ignore[misc]
    """moto's run time, where a real-time call runs a model."""

    use_raw_body = True

    def invoke_endpoint(self) -> Any:
        from moto.sagemaker.models import sagemaker_backends

        name = self.path.split("/")[2]
        endpoint = sagemaker_backends[self.current_account][self.region].endpoints.get(name)
        if endpoint is None:
            return _refuse(400, "ValidationError", f"Endpoint {name} of account {self.current_account} not found.")
        if endpoint.endpoint_status != "InService":
            return _refuse(400, "ValidationError", f"Endpoint {name} is {endpoint.endpoint_status}, not InService.")
        body = self.raw_body if isinstance(self.raw_body, bytes) else str(self.raw_body).encode()
        if len(body) > MAX_BODY:
            return _refuse(413, "ValidationError", f"Body of {len(body)} bytes exceeds the limit of {MAX_BODY}.")
        try:
            answer = _answering()(body, self.headers.get("Content-Type", "application/octet-stream"))
        except ValueError as error:
            return _model_error(400, str(error))
        except Exception as error:  # noqa: BLE001 - the container's crash is the caller's ModelError, as on SageMaker
            _log.warning("the model behind endpoint %s failed", name, exc_info=True)
            return _model_error(500, f"{type(error).__name__}: {error}")
        if len(answer) > MAX_BODY:
            return _model_error(500, f"the model answered {len(answer)} bytes, more than {MAX_BODY}")
        return 200, {"Content-Type": "application/json", "x-Amzn-Invoked-Production-Variant": "AllTraffic"}, answer


def _refuse(status: int, code: str, message: str) -> tuple[str, dict[str, Any]]:
    return json.dumps({"Message": message}), {"status": status, "x-amzn-ErrorType": code, "Content-Type": "application/json"}


def _model_error(original: int, message: str) -> tuple[str, dict[str, Any]]:
    body = {
        "Message": f"Received client error ({original}) from primary: {message}",
        "OriginalStatusCode": original,
        "OriginalMessage": message,
    }
    return json.dumps(body), {"status": 424, "x-amzn-ErrorType": "ModelError", "Content-Type": "application/json"}


url_paths = {
    "{0}/endpoints/(?P<name>[^/]+)/async-invocations$": SageMakerRuntimeResponse().dispatch,
    "{0}/endpoints/(?P<name>[^/]+)/invocations$": CorrectedSageMakerRuntime.dispatch,
}
