"""What Averment adds to moto or corrects in it, one file a service, bound lazily: a service costs nothing until it is called.

A *correction* hands moto's server another ``url_paths`` (or, in ``swaps``, another attribute) while it builds one service;
moto used elsewhere in the process stays as it is.
An *addition* is a service that moto lacks: its module is made known under the name by which moto imports services.
"""

from __future__ import annotations

import importlib
import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

_log = logging.getLogger("averment.sandbox")

CORRECTED = {
    "awslambda": "averment.sandbox.backends.lambda_invoke",
    "cloudformation": "averment.sandbox.backends.cloudformation",
    "cloudfront": "averment.sandbox.backends.cloudfront",
    "cloudtrail": "averment.sandbox.backends.cloudtrail",
    "cloudwatch": "averment.sandbox.backends.cloudwatch",
    "config": "averment.sandbox.backends.config_service",
    "kms": "averment.sandbox.backends.kms",
    "rekognition": "averment.sandbox.backends.rekognition",
    "s3": "averment.sandbox.backends.s3",
    "s3control": "averment.sandbox.backends.s3control",
    "sagemakerruntime": "averment.sandbox.backends.sagemaker_runtime",
    "securityhub": "averment.sandbox.backends.security_hub",
    "ssm": "averment.sandbox.backends.ssm",
    "sts": "averment.sandbox.backends.sts",
}
"""moto's name of a service: our module with ``url_paths`` or ``swaps`` for it."""

ADDED = {"auditmanager": "averment.sandbox.backends.auditmanager"}
"""Service: our module with ``url_bases``, ``url_paths`` and ``<service>_backends``."""


def application() -> Any:
    """The WSGI application that serves moto's services, corrected, and ours."""
    from moto import backend_index
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

    class Dispatcher(DomainDispatcherApplication):  # type: ignore[misc]
        """moto's, which lists its own folder at each request to find out whose it is: a host's service is remembered."""

        def __init__(self) -> None:
            super().__init__(_create_app)
            self._found: dict[str, Any] = {}

        def get_backend_for_host(self, host: str | None) -> Any:
            if host is None:
                return None
            if host not in self._found and (service := super().get_backend_for_host(host)) is not None:
                self._found[host] = service
            return self._found.get(host)

    known = {service for service, _ in backend_index.backend_url_patterns}
    for service in ADDED:
        if service not in known:
            _announce(service)
    return Dispatcher()


def reset() -> None:
    """Empty every back end that was used, and forget what was registered to answer model endpoints."""
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()
    for name in CORRECTED.values():
        forget = getattr(sys.modules.get(name), "forget", None)
        if forget is not None:
            forget()


def _create_app(service: Any) -> Any:
    app = _build_app(service)
    app.debug = False  # moto's default lets a failure out as an HTML page and a traceback on the terminal
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.register_error_handler(Exception, _explain)
    return app


def _explain(error: Exception) -> Any:
    """What a failure of the embedded AWS itself looks like: 501 for what it doesn't have, 500 for its bugs, both in plain words."""
    from werkzeug.exceptions import HTTPException

    if isinstance(error, HTTPException):
        return error
    missing = isinstance(error, NotImplementedError)
    if not missing:
        _log.error("the embedded AWS failed", exc_info=error)
    code, words = ("NotImplemented", "the embedded AWS can't do this") if missing else ("InternalFailure", "the embedded AWS failed")
    message = f"{words}: {error}" if missing else f"{words}: {type(error).__name__}: {error}"
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    return json.dumps({"__type": code, "message": message}), 501 if missing else 500, headers


def _build_app(service: Any) -> Any:
    from moto.moto_server.werkzeug_app import create_backend_app

    if service not in CORRECTED:
        return create_backend_app(service)
    ours: Any = importlib.import_module(CORRECTED[service])
    swaps = getattr(ours, "swaps", None) or ((f"moto.{service}.urls", "url_paths", ours.url_paths),)
    with ExitStack() as stack:  # moto reads them once, while the application is built
        for module, name, value in swaps:
            stack.enter_context(_swapped(importlib.import_module(module), name, value))
        return create_backend_app(service)


@contextmanager
def _swapped(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def _announce(service: str) -> None:
    """Make a service of ours known to moto, which finds services by module name and hosts by pattern."""
    from moto import backend_index

    ours = importlib.import_module(ADDED[service])
    for part in ("", ".models", ".responses", ".urls"):
        sys.modules[f"moto.{service}{part}"] = ours
    backend_index.backend_url_patterns.extend((service, re.compile(base)) for base in ours.url_bases)
