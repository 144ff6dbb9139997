"""Plain HTTP for the few services that have no library of their own: bounded in time and size, errors in the product's words."""

from __future__ import annotations

import ipaddress
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from averment import __version__
from averment.core.errors import BadInputError, IncompleteError

TIMEOUT_SECONDS = 15.0
MAX_ANSWER_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """Status, content type (lower case, without parameters) and body of an answer, whatever the status; ``retry_after`` is the seconds that it
    asks to wait, where it does (RFC 9110 section 10.2.3; a date there is left alone)."""

    status: int
    content_type: str
    body: bytes
    retry_after: float | None = None


@dataclass(frozen=True)
class Probe:
    """What an address answered to a viewer: the status, and the headers that tell of caches (lower case).

    Of one that gave no answer ``status`` is None and ``error`` says why: what it serves is not known."""

    url: str
    status: int | None
    headers: Mapping[str, str]
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON data; ``error`` stands there only where no answer came."""
        told = {"url": self.url, "status": self.status, "headers": dict(self.headers)}
        return told if self.error is None else {**told, "error": self.error}


_CACHE_HEADERS = ("age", "date", "via", "x-cache", "x-amz-cf-pop")


def check_url(url: str) -> str:
    """``url`` if it is one of ``http`` or ``https`` with a host.

    Raises:
        BadInputError: it isn't.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0  # a port that is none raises ValueError
    except ValueError:
        good = False
    if not good:
        raise BadInputError(f"'{url}' is no address on the web", fix="write https://host/path")
    return url


def named(url: str) -> str:
    """``url`` as messages and records may name it: without user, query and fragment, which are where secrets are put."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"


def on_this_machine(url: str) -> bool:
    """Whether ``url`` is an address of the machine that asks."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Takes a redirection for an answer. Headers with a secret in them are for the host that they were meant for; and a service that was asked for
    something must not send whoever asks elsewhere: to addresses that this machine alone can reach, or to FTP, over which nobody watches."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _Watch:
    """Cuts connections off that take too long with an answer: each piece of it may come in time, and the whole never."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.cut = seconds, False
        self._timers: list[threading.Timer] = []

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *_: object) -> None:
        for timer in self._timers:
            timer.cancel()

    def over(self, connection: HTTPConnection) -> None:
        """Watch over ``connection``, on which a request was sent just now."""
        timer = threading.Timer(self.seconds, self._cut, [connection.sock])
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def _cut(self, wire: Any) -> None:
        self.cut = True
        with suppress(OSError):
            socket.socket.shutdown(wire, socket.SHUT_RDWR)  # the system's own: another thread may be within TLS

    def handlers(self) -> tuple[urllib.request.BaseHandler, ...]:
        """urllib's handlers for connections that are watched over."""
        over = self.over

        class Plain(HTTPConnection):
            def getresponse(self) -> HTTPResponse:
                over(self)
                return super().getresponse()

        class Secure(HTTPSConnection):
            def getresponse(self) -> HTTPResponse:
                over(self)
                return super().getresponse()

        class PlainHandler(urllib.request.HTTPHandler):
            def http_open(self, req: urllib.request.Request) -> HTTPResponse:
                return self.do_open(Plain, req)

        class SecureHandler(urllib.request.HTTPSHandler):
            def https_open(self, req: urllib.request.Request) -> HTTPResponse:
                return self.do_open(Secure, req)

        return PlainHandler(), SecureHandler()


def post(url: str, body: bytes, content_type: str, *, headers: Mapping[str, str] | None = None, seconds: float = TIMEOUT_SECONDS) -> Answer:
    """POST ``body`` to ``url`` and read the answer, also one that says no; ``seconds`` is how long it may keep silent, and twice as long how long all of
    it may take. No redirection is followed: what was posted wouldn't go with it.

    Raises:
        BadInputError: the URL is none.
        IncompleteError: the host is out of reach, breaks off, or answers without end.
    """
    all_headers = {"Content-Type": content_type, "User-Agent": f"averment/{__version__}", **(headers or {})}
    request = urllib.request.Request(check_url(url), data=body, headers=all_headers, method="POST")  # noqa: S310 - checked above
    with _Watch(2 * seconds) as watch:
        direct = (
            [urllib.request.ProxyHandler({})] if on_this_machine(url) else []
        )  # a proxy has a machine of its own, and would read what stays here
        opener = urllib.request.build_opener(*watch.handlers(), *direct, _StayHere)
        try:
            try:
                with opener.open(request, timeout=seconds) as response:
                    answer = _answer(response.status, response.headers, response.read(MAX_ANSWER_BYTES + 1), url)
            except urllib.error.HTTPError as refusal:
                with refusal:
                    answer = _answer(refusal.code, refusal.headers, refusal.read(MAX_ANSWER_BYTES + 1), url)
        except (OSError, HTTPException) as error:
            if not watch.cut:
                reason = getattr(error, "reason", None) or error
                raise IncompleteError(
                    f"{named(url)} could not be reached: {reason}", fix="check the address and the network, then run again"
                ) from error
    if watch.cut:  # what came until then may look like an answer
        raise IncompleteError(
            f"{named(url)} did not answer as a whole within {watch.seconds:g} s", fix="see why it is slow, then run again"
        )
    return answer


def _answer(status: int, headers: Message, body: bytes, url: str) -> Answer:
    if len(body) > MAX_ANSWER_BYTES:
        raise IncompleteError(f"{named(url)} answered with more than {MAX_ANSWER_BYTES:,} bytes, which were not read")
    wait = headers.get("Retry-After", "").strip()
    return Answer(status, headers.get_content_type().lower(), body, float(wait) if wait.isdecimal() and len(wait) < 7 else None)


def probe(url: str) -> Probe:
    """Ask ``url`` with GET, as a viewer does, and read nothing of the body. Redirections aren't followed: they are the answer.

    A host that is out of reach or breaks off is an answer with its error: what others said must not be lost over it.

    Raises:
        BadInputError: the URL is none.
    """
    request = urllib.request.Request(check_url(url), headers={"User-Agent": f"averment/{__version__}"})  # noqa: S310 - checked above
    with _Watch(2 * TIMEOUT_SECONDS) as watch:
        try:
            try:
                with urllib.request.build_opener(*watch.handlers(), _StayHere).open(request, timeout=TIMEOUT_SECONDS) as response:
                    status, headers = response.status, response.headers
            except urllib.error.HTTPError as refusal:
                with refusal:
                    status, headers = refusal.code, refusal.headers
        except (OSError, HTTPException, ValueError) as error:  # the last: an address with characters that HTTP has no way to send
            reason = getattr(error, "reason", None) or error
            late = f"did not answer as a whole within {watch.seconds:g} s"
            return Probe(url, None, {}, late if watch.cut else f"could not be reached: {reason}")
    if watch.cut:  # what came until then may look like an answer
        return Probe(url, None, {}, f"did not answer as a whole within {watch.seconds:g} s")
    return Probe(url, int(status), {name: headers[name] for name in _CACHE_HEADERS if headers.get(name)})
