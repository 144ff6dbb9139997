"""The contract of ``serving`` as an ordinary WSGI application: what SageMaker asks of a container, and what any HTTP client may ask.

* ``GET /ping``: 200 when the detector can score. It answers while every worker is busy, so that a loaded container isn't taken for a dead one.
* ``POST /invocations``: one image or video (or ``{"describe": true}``) in, JSON out. The request's ``X-Amzn-SageMaker-Custom-Attributes`` come back
  with the answer, so that a caller can match the two.
* ``GET /execution-parameters``: what a batch transform asks before it sends its first object.

Errors are JSON, ``{"error": ..., "fix": ...}``: 400, 404, 405, 406, 413, 415 for the client's; 503 when all workers are busy or the detector is out
of order, 507 when there is no room for a video, 500 for a bug. Nothing of the inside (paths, tracebacks) leaves with them; it is logged.

At most ``workers`` images or videos are scored at a time, and at most ``waiting`` requests wait for a worker: the next one hears 503 at once, which
SageMaker hands on, instead of an answer after the minute in which the caller waits. An image is read into memory, a video never: it goes to a temporary
file piece by piece.
"""

from __future__ import annotations

import io
import json
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from averment.core.errors import AvermentError, IncompleteError
from averment.core.extras import require
from averment.detector.imaging import MAX_BYTES
from averment.detector.interface import Detector
from averment.detector.serving import (
    IMAGE_TYPES,
    WHAT_TO_SEND,
    PayloadTooLargeError,
    UnsupportedContentTypeError,
    invoke,
    invoke_clip,
    is_video,
    media_kind,
)
from averment.detector.video.lending import MAX_CLIP_BYTES, bytes_on_disk

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
MAX_CUSTOM_ATTRIBUTES = 1024

MAX_TRANSFORM_MB = 100
"""What all of a batch transform's requests in flight may hold together (AWS documentation, CreateTransformJob)."""

_VISIBLE = re.compile(r"[\x20-\x7e]*")
_MEBIBYTE = 1024 * 1024
_log = logging.getLogger("averment.serving")


@dataclass(frozen=True)
class Limits:
    """What one container takes on.

    ``max_body``: bytes of a request; by default what the detector reads of one image, so that more could not be scored anyway.
    ``max_clip``: bytes of a video; with 0 none is taken.
    ``patience``: seconds that a request waits for a worker, well under the 60 that SageMaker waits for an answer.
    ``clip_patience``: seconds that a video waits, under the 15 minutes that an asynchronous call may take.
    """

    workers: int = 1
    waiting: int = 16
    max_body: int = MAX_BYTES
    max_clip: int = 0
    patience: float = 30.0
    clip_patience: float = 600.0

    def __post_init__(self) -> None:
        if self.workers < 1 or self.waiting < 0 or self.max_body < 1 or not 0 <= self.max_clip <= MAX_CLIP_BYTES:
            raise ValueError(f"not limits of a server: {self}")
        if self.patience <= 0 or self.clip_patience <= 0:
            raise ValueError(f"not limits of a server: {self}")

    def bytes_of(self, kind: str) -> int:
        """How large a body of media type ``kind`` may be."""
        return self.max_clip if is_video(kind) and self.max_clip else self.max_body


class _RefusedError(Exception):
    """An answer that isn't 200."""

    def __init__(self, status: HTTPStatus, error: str, *, fix: str | None = None, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(error)
        self.status, self.error, self.fix, self.headers = status, error, fix, headers


class Application:
    """A WSGI application (PEP 3333) that answers with ``detector``. It may be called from many threads."""

    def __init__(self, detector: Detector, limits: Limits | None = None) -> None:
        self.detector = detector
        self.limits = limits or Limits()
        self._workers = threading.BoundedSemaphore(self.limits.workers)
        self._places = threading.BoundedSemaphore(self.limits.workers + self.limits.waiting)
        self._out_of_order: str | None = None
        self._routes = {
            ("GET", "/ping"): self._ping,
            ("POST", "/invocations"): self._invocations,
            ("GET", "/execution-parameters"): self._execution_parameters,
        }

    def warm_up(self) -> None:
        """Load the model now and not while the first caller waits.

        Raises:
            AvermentError: the detector can't score, or videos are taken and PyAV isn't installed.
        """
        if self.limits.max_clip:
            require("av", extra="video", needed_for="scoring videos")
        pil: Any = require("PIL.Image", extra="detector", needed_for="scoring images")
        grey = io.BytesIO()
        pil.new("RGB", (256, 256), (128, 128, 128)).save(grey, "PNG")
        _ = self.detector.info
        self.detector.load()
        self.detector.score([grey.getvalue()])

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        headers: list[tuple[str, str]] = []
        try:
            status, body = HTTPStatus.OK, self._route(environ)(environ, headers)
        except _RefusedError as refusal:
            status, body = refusal.status, _problem(refusal.error, refusal.fix)
            headers.extend(refusal.headers)
        except Exception:  # noqa: BLE001 - whatever it is, the caller gets an answer and the log the traceback
            _log.exception("a request failed")
            status, body = HTTPStatus.INTERNAL_SERVER_ERROR, _problem("the server failed; its log says why", None)
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return (
            [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
        )  # a client would take the body for its next answer (RFC 9110 section 9.3.2)

    def _route(self, environ: Mapping[str, Any]) -> Any:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if found := self._routes.get((method, path)):
            return found
        allowed = ", ".join(verb for verb, known in self._routes if known == path)
        if not allowed:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "there is nothing here", fix="GET /ping, or POST an image to /invocations")
        raise _RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, f"only {allowed} is answered here", headers=(("Allow", allowed),))

    def _ping(self, environ: Mapping[str, Any], headers: list[tuple[str, str]]) -> bytes:  # noqa: ARG002 - a route's signature
        if self._out_of_order is not None:
            raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, f"the detector is out of order: {self._out_of_order}")
        return b"{}"

    def _execution_parameters(self, environ: Mapping[str, Any], headers: list[tuple[str, str]]) -> bytes:  # noqa: ARG002 - as above
        workers = min(self.limits.workers, MAX_TRANSFORM_MB)
        largest = max(self.limits.max_body, self.limits.max_clip)  # which kind it sends isn't said
        payload = max(1, min(largest // _MEBIBYTE, MAX_TRANSFORM_MB // workers))
        return json.dumps({"MaxConcurrentTransforms": workers, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": payload}).encode()

    def _invocations(self, environ: Mapping[str, Any], headers: list[tuple[str, str]]) -> bytes:
        content_type = str(environ.get("CONTENT_TYPE") or "")
        kind = media_kind(content_type)
        self._check_negotiation(content_type, str(environ.get("HTTP_ACCEPT") or "*/*"))
        attributes = _custom_attributes(environ)
        length = self._length(environ, kind)
        with self._worker(
            self.limits.clip_patience if is_video(kind) else self.limits.patience
        ):  # first, so that those who wait hold no body
            if is_video(kind):
                answer = self._answer(lambda: self._clip(environ, length))
            else:
                body = b"".join(_pieces(environ, length))
                answer = self._answer(lambda: invoke(body, content_type, detector=self.detector, max_body=self.limits.max_body))
        if self._out_of_order is not None and (is_video(kind) or kind in IMAGE_TYPES) and json.loads(answer)["cannot_say"] is None:
            self._out_of_order = None  # neither a description nor a file that can't be read shows anything about scoring
        if attributes:
            headers.append((CUSTOM_ATTRIBUTES, attributes))
        return answer

    def _clip(self, environ: Mapping[str, Any], length: int) -> bytes:
        with ExitStack() as stack:
            try:
                path = stack.enter_context(bytes_on_disk(_pieces(environ, length)))
            except IncompleteError as error:  # a full disk is no fault of the detector's: pings go on
                _log.error("a video could not be put on the disk: %s", error.diagnostics())
                raise _RefusedError(HTTPStatus.INSUFFICIENT_STORAGE, "there is no room for the video", fix="try again") from error
            return invoke_clip(path, self.detector)

    def _answer(self, score: Callable[[], bytes]) -> bytes:
        try:
            return score()
        except UnsupportedContentTypeError as error:
            raise _refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, error) from error
        except PayloadTooLargeError as error:
            raise _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error) from error
        except IncompleteError as error:
            _log.error("the detector could not score: %s", error.diagnostics())
            self._out_of_order = error.message
            raise _refusal(HTTPStatus.SERVICE_UNAVAILABLE, error) from error

    def _check_negotiation(self, content_type: str, accept: str) -> None:
        """Refuse before the body is read what can't be answered whatever the body."""
        kind = media_kind(content_type)
        if is_video(kind) and not self.limits.max_clip:
            fix = "pip install 'averment[video]', and let --max-clip be more than 0"
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "no videos are scored here", fix=fix)
        if not is_video(kind) and kind not in {*IMAGE_TYPES, "application/json"}:
            error = f"'{content_type[:100]}' is not answered here"
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, error, fix=WHAT_TO_SEND)
        if not {media_kind(item) for item in accept.split(",")} & {"*/*", "application/*", "application/json"}:
            raise _RefusedError(HTTPStatus.NOT_ACCEPTABLE, "answers are application/json", fix="send Accept: application/json")

    def _length(self, environ: Mapping[str, Any], kind: str) -> int:
        """The length of the body, as the server has it (it has taken chunks apart). Bounded here too: another server may be in front."""
        declared = str(environ.get("CONTENT_LENGTH") or "")
        if not (declared.isascii() and declared.isdecimal()):
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "the request doesn't say how long its body is", fix="send Content-Length")
        if int(declared) > (limit := self.limits.bytes_of(kind)):
            error = f"the body has {int(declared):,} bytes; at most {limit:,} are accepted"
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error)
        return int(declared)

    @contextmanager
    def _worker(self, patience: float) -> Iterator[None]:
        """One of the workers, for the length of the block.

        Raises:
            _RefusedError: too many wait already, or none became free in time.
        """
        busy = _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "all workers are busy", fix="try again", headers=(("Retry-After", "1"),))
        if not self._places.acquire(blocking=False):
            raise busy
        try:
            if not self._workers.acquire(timeout=patience):
                raise busy
            try:
                yield
            finally:
                self._workers.release()
        finally:
            self._places.release()


def _pieces(environ: Mapping[str, Any], length: int) -> Iterator[bytes]:
    """The body, a mebibyte at a time."""
    left = length
    while left:
        piece: bytes = environ["wsgi.input"].read(min(left, _MEBIBYTE))
        if not piece:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, f"the body broke off after {length - left:,} of {length:,} bytes")
        left -= len(piece)
        yield piece


def _custom_attributes(environ: Mapping[str, Any]) -> str:
    attributes = str(environ.get(f"HTTP_{CUSTOM_ATTRIBUTES.upper().replace('-', '_')}") or "")
    if len(attributes) > MAX_CUSTOM_ATTRIBUTES or not _VISIBLE.fullmatch(attributes):
        error = f"{CUSTOM_ATTRIBUTES} holds more than {MAX_CUSTOM_ATTRIBUTES:,} visible US-ASCII characters"
        raise _RefusedError(HTTPStatus.BAD_REQUEST, error)
    return attributes


def _refusal(status: HTTPStatus, error: AvermentError) -> _RefusedError:
    return _RefusedError(status, error.message, fix=error.fix)


def _problem(error: str, fix: str | None) -> bytes:
    return json.dumps({"error": error} | ({"fix": fix} if fix else {})).encode()
