"""Who answers model endpoints: a registered callable, a container over HTTP, or (by default) the embedded detector's ``serving.invoke``."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Protocol
from urllib.parse import urlsplit

Invoke = Callable[[bytes, str], bytes]
"""``invoke(body, content_type)`` gives the response body, JSON. ``ValueError``: the request was bad (the model's 400)."""

HANDED_ON = ("Accept", "Content-Type", "X-Amzn-SageMaker-Custom-Attributes", "X-Amzn-SageMaker-Inference-Id")
"""Headers of a request that SageMaker hands on to the container."""

_log = logging.getLogger("averment.sandbox")


@dataclass(frozen=True)
class Answer:
    """What the model's container said, with the names of headers in lower case. Status 0: nothing, before the caller's patience ended."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Model(Protocol):
    """What stands behind an endpoint."""

    def answer(self, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        """The answer to one POST /invocations, waited for ``seconds``."""


@dataclass(frozen=True)
class Function:
    """A callable as a model; what it raises becomes the status that a container would have answered with."""

    invoke: Invoke

    def answer(self, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:  # noqa: ARG002 - a callable isn't timed
        try:
            said = self.invoke(body, headers.get("Content-Type", "application/octet-stream"))
        except ValueError as error:
            return Answer(400, str(error).encode())
        except Exception as error:  # noqa: BLE001 - the container's crash is the caller's ModelError, as on SageMaker
            _log.warning("the model behind an endpoint failed", exc_info=True)
            return Answer(500, f"{type(error).__name__}: {error}".encode())
        return Answer(200, said, {"content-type": "application/json"})


@dataclass(frozen=True)
class Container:
    """A container that listens at ``url`` and speaks the contract: POST /invocations."""

    url: str

    def answer(self, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        parts = urlsplit(self.url)
        connection = HTTPConnection(str(parts.hostname), parts.port, timeout=seconds)
        try:
            connection.request("POST", "/invocations", body, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, response.read(), {name.lower(): value for name, value in response.headers.items()})
        except TimeoutError:
            return Answer(0, b"Your invocation timed out while waiting for a response from container primary.")
        except (OSError, HTTPException) as error:
            return Answer(0, f"the container can't be reached: {error}".encode())
        finally:
            connection.close()


_registered: list[Model] = []


def register(model: Model | None) -> None:
    """Let ``model`` answer every endpoint; None brings the embedded detector back."""
    _registered[:] = [model] if model is not None else []


def answering() -> Model:
    """What answers now."""
    if _registered:
        return _registered[0]
    return Function(importlib.import_module("averment.detector.serving").invoke)


def failure_message(answer: Answer) -> str:
    """SageMaker's words for an answer that isn't 2xx."""
    side = "client" if 400 <= answer.status < 500 else "server"
    return f'Received {side} error ({answer.status}) from primary with message "{answer.body[:1024].decode("utf-8", "replace")}"'
