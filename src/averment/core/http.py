"""Plain HTTP for the few services that have no library of their own: bounded in time and size, errors in the product's words."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import urlsplit

from averment import __version__
from averment.core.errors import BadInputError, IncompleteError

TIMEOUT_SECONDS = 15.0
MAX_ANSWER_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """Status, content type (lower case, without parameters) and body of an answer, whatever the status."""

    status: int
    content_type: str
    body: bytes


def check_url(url: str) -> str:
    """``url`` if it is one of ``http`` or ``https`` with a host.

    Raises:
        BadInputError: it isn't.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise BadInputError(f"'{url}' is no address on the web", fix="write https://host/path")
    return url


def post(url: str, body: bytes, content_type: str) -> Answer:
    """POST ``body`` to ``url`` and read the answer, also one that says no.

    Raises:
        BadInputError: the URL is none.
        IncompleteError: the host is out of reach, breaks off, or answers without end.
    """
    headers = {"Content-Type": content_type, "User-Agent": f"averment/{__version__}"}
    request = urllib.request.Request(check_url(url), data=body, headers=headers, method="POST")  # noqa: S310 - checked above
    try:
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 - checked above
                return _answer(response.status, response.headers.get_content_type(), response.read(MAX_ANSWER_BYTES + 1), url)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return _answer(refusal.code, refusal.headers.get_content_type(), refusal.read(MAX_ANSWER_BYTES + 1), url)
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise IncompleteError(f"{url} could not be reached: {reason}", fix="check the address and the network, then run again") from error


def _answer(status: int, content_type: str, body: bytes, url: str) -> Answer:
    if len(body) > MAX_ANSWER_BYTES:
        raise IncompleteError(f"{url} answered with more than {MAX_ANSWER_BYTES:,} bytes, which were not read")
    return Answer(status, content_type.lower(), body)
