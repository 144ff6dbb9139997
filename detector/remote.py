"""A detector somewhere else that speaks the contract of ``serving``: behind a SageMaker endpoint, or any service over HTTP."""

from __future__ import annotations

import json
import os
import re
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlsplit

from averment.core.errors import BadInputError, IncompleteError
from averment.core.http import check_url, named, on_this_machine, post
from averment.core.threads import Unawaited
from averment.detector.imaging import MAX_BYTES
from averment.detector.interface import Detector, DetectorInfo, Score
from averment.detector.serving import DESCRIBE, MAX_PAYLOAD, info_from_json, score_from_json, told_of_all
from averment.detector.sniffing import media_type

_T = TypeVar("_T")

MAX_ANSWER = 1024 * 1024
CONCURRENCY = 8
"""Requests in flight. The contract takes one image a request, so only concurrency hides the round trip."""

PATIENCE_SECONDS = 60.0
"""How long an answer is waited for. Our own service lets a request wait 30 seconds for a worker, SageMaker a container 60."""
WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before a request is repeated that a busy service turned away; it may ask for more, up to the last of these. Then it is an error."""
BUSY = (429, 503)
REFUSALS = (400, 413, 415, 422)
"""What a service answers that won't have a file: malformed, too large, of a kind that it doesn't read."""

_CONTRACT = "see that it answers as averment detector serve does (Serving the detector)"
_HALF = re.compile("[\ud800-\udfff]")
"""Half a character, as JSON may hold where somebody cut a text in the middle of an emoji. No file takes it as UTF-8."""


class BusyError(IncompleteError):
    """The service is up and has no room for the request. ``after`` is how many seconds it asks to wait, if it does."""

    def __init__(self, message: str, *, fix: str, after: float | None = None) -> None:
        super().__init__(message, fix=fix)
        self.after = after


class RefusedError(IncompleteError):
    """The service won't have this one file, whatever may be of others."""


class ChangedError(IncompleteError):
    """Another model answers than the one that was asked first."""


class RemoteDetector(Detector):
    """Asks a service for every image. What the service says of itself is fetched once and named in evidence; where its answers don't repeat it, it is
    asked again once they are there.

    ``what`` names the service in messages; ``most`` is how many bytes of an image it is sent.
    """

    what: str
    most: int = MAX_PAYLOAD
    elsewhere = True

    @cached_property
    def info(self) -> DetectorInfo:
        return self._understood(info_from_json, self._ask(DESCRIBE, "application/json").get("detector", {}))

    def score(self, images: Sequence[bytes]) -> list[Score]:
        if not images:
            return []
        self._prepare()
        introduced = "info" in vars(self)  # otherwise it is asked for below, when the answers are there
        pool = Unawaited(min(CONCURRENCY, len(images)), name="ask")
        try:
            answers = list(pool.map(self._asked_of, images))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        scores = [self._score_of(answer) for answer in answers]
        if introduced and any(isinstance(answer, dict) and answer.get("detector") is None for answer in answers):
            start = time.perf_counter()
            self._same(self._ask(DESCRIBE, "application/json").get("detector", {}))  # whose they are, only the service can say
            self.aside += time.perf_counter() - start
        return scores

    def _prepare(self) -> None:
        """What has to be done once before several threads send."""

    def _asked_of(self, image: bytes) -> dict[str, Any] | Score:
        """The service's answer, or why it wasn't asked."""
        if not image:
            return Score(cannot_say="the file is empty")
        if len(image) > self.most:
            return Score(cannot_say=f"the file has {len(image):,} bytes; {self.what} is sent at most {self.most:,}")
        try:
            return self._ask(image, self._image_type(image))
        except RefusedError as error:
            return Score(cannot_say=error.message, refused=True)

    def _score_of(self, answer: dict[str, Any] | Score) -> Score:
        """The score that an answer holds, if it is of the detector that was asked first: evidence names one model for all of them."""
        if isinstance(answer, Score):
            return answer
        score = self._understood(score_from_json, answer)
        if answer.get("detector") is not None:
            self._same(answer["detector"])
        return told_of_all(score, self.info)

    def _same(self, described: Any) -> None:
        """ChangedError unless ``described`` is the detector that was asked first."""
        if self._understood(info_from_json, described) != self.info:
            raise ChangedError(
                f"{self.what} changed while it was asked: it was {self.info.name} {self.info.version}, now another model or threshold answers",
                fix="wait until the change is through, then run again",
            )

    def _understood(self, read: Callable[[Any], _T], value: Any) -> _T:
        """What ``read`` makes of ``value``; what it can't make anything of is told with whose answer it is."""
        try:
            return read(value)
        except IncompleteError as error:
            raise IncompleteError(f"{self.what} is not understood: {error.message}", fix=_CONTRACT) from error

    def _image_type(self, image: bytes) -> str:
        return media_type(image) or "application/x-image"

    def _ask(self, body: bytes, content_type: str) -> dict[str, Any]:
        text = self._sent(body, content_type)
        if len(text) > MAX_ANSWER:
            raise IncompleteError(f"{self.what} answered with more than {MAX_ANSWER:,} bytes", fix=_CONTRACT)
        try:
            value = whole(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise IncompleteError(f"{self.what} did not answer with JSON: {error}", fix=_CONTRACT) from error
        if not isinstance(value, dict):
            raise IncompleteError(f"{self.what} did not answer with a JSON object", fix=_CONTRACT)
        return value

    def _sent(self, body: bytes, content_type: str) -> bytes:
        """The answer of a service that may be busy meanwhile: one picture turned away doesn't end the scan of a million."""
        for wait in WAITS:
            try:
                return self._send(body, content_type)
            except BusyError as busy:
                time.sleep(min(max(wait, busy.after or 0.0), WAITS[-1]))
        return self._send(body, content_type)

    @abstractmethod
    def _send(self, body: bytes, content_type: str) -> bytes:
        """The service's answer, of which at most one byte more than ``MAX_ANSWER`` is read.

        Raises:
            BusyError: it has no room for the request now.
            RefusedError: it won't have this file.
            IncompleteError: it is out of reach or says no.
        """


def whole(value: Any) -> Any:
    """A value of JSON whose texts are Unicode: half a character is replaced by U+FFFD."""
    match value:
        case str():
            return _HALF.sub("\ufffd", value)
        case list():
            return [whole(item) for item in value]
        case dict():
            return {whole(name): whole(item) for name, item in value.items()}
    return value


class HttpDetector(RemoteDetector):
    """A service at ``url`` that answers POST, and says itself what is too large for it. ``token_env`` names the environment variable of a bearer token; no redirect is followed.

    Raises:
        BadInputError: not a URL, or a token that would travel readable.
    """

    most = MAX_BYTES

    def __init__(self, url: str, *, token_env: str | None = None) -> None:
        self._url = check_url(url)
        if "@" in urlsplit(url).netloc:
            raise BadInputError(f"the address of the detector at {named(url)} has a user in it", fix="leave it out, and name a token_env")
        self.what = f"the detector at {named(url)}"
        self._token_env = token_env
        if token_env is not None and not _protected(url):
            raise BadInputError(f"a token would travel readable to {named(url)}", fix="write https://, or leave out token_env")

    def _send(self, body: bytes, content_type: str) -> bytes:
        answer = post(self._url, body, content_type, headers=self._headers(), seconds=PATIENCE_SECONDS)
        if answer.status != 200:
            text = answer.body[:200].decode("utf-8", "replace").strip()
            said = f"{self.what} answered {answer.status}{f': {text}' if text else ''}"
            if answer.status in BUSY:
                raise BusyError(said, fix="give the service more workers, or run again when it is less busy", after=answer.retry_after)
            if answer.status in REFUSALS:
                raise RefusedError(said, fix="see what the service takes")
            raise IncompleteError(said, fix=_next_step(answer.status))
        return answer.body

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if self._token_env is not None:
            token = os.environ.get(self._token_env)
            if not token:
                raise BadInputError(f"the environment variable {self._token_env} is not set", fix=f"export {self._token_env}=...")
            headers["Authorization"] = f"Bearer {token}"
        return headers


def _next_step(status: int) -> str:
    if 300 <= status < 400:
        return "no redirection is followed: write the address that it leads to"
    if status in (401, 403):
        return "give it its token: a YAML spec with kind: http, url, and token_env"
    return "check the address" if status in (404, 405) else "see that the service is up"


def _protected(url: str) -> bool:
    """Whether what is sent to ``url`` is encrypted or stays on this machine."""
    return urlsplit(url).scheme == "https" or on_this_machine(url)
