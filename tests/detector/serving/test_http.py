"""The container contract over real HTTP: what is answered, what is refused, and what hostile clients get."""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from email.message import Message
from http.client import HTTPConnection
from itertools import islice
from typing import Any

import pytest

from averment.core.errors import IncompleteError
from averment.detector.embedded import EmbeddedDetector
from averment.detector.serving_http import CUSTOM_ATTRIBUTES, Application, Limits
from averment.detector.serving_server import Server

IMAGE = b"\xff\xd8\xff" + bytes(500_000)
JPEG = {"Content-Type": "image/jpeg"}


def ask(
    server: Server, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, *, chunked: bool = False
) -> tuple[int, dict[str, Any], Message]:
    host, _, port = server.url.removeprefix("http://").partition(":")
    connection = HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request(method, path, body, headers or {}, encode_chunked=chunked)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers
    finally:
        connection.close()


def exchange(url: str, request: bytes, *, seconds: float = 20) -> bytes:
    """Send bytes as they are and read until the server closes or has answered; for what no HTTP library would send."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


def test_an_image_gets_a_score(serve: Callable[..., Server]):
    """The body of /invocations is the image as it is; the answer names the detector."""
    status, answer, headers = ask(serve(), "POST", "/invocations", IMAGE, JPEG)
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert answer["probabilities"] == {"synthetic-image": pytest.approx(0.500003)}
    assert answer["detector"]["name"] == "told"


def test_a_chunked_body_is_the_same_body(serve: Callable[..., Server]):
    """A batch transform may stream; the score is that of the whole."""
    pieces = (IMAGE[start : start + 60_000] for start in range(0, len(IMAGE), 60_000))
    status, answer, _ = ask(serve(), "POST", "/invocations", pieces, {**JPEG, "Transfer-Encoding": "chunked"}, chunked=True)
    assert status == 200
    assert answer["probabilities"]["synthetic-image"] == pytest.approx(0.500003)


def test_the_description_of_the_detector(serve: Callable[..., Server]):
    """``SageMakerDetector`` asks for it before the first image."""
    status, answer, _ = ask(serve(), "POST", "/invocations", b'{"describe":true}', {"Content-Type": "application/json"})
    assert (status, answer["detector"]["families"]) == (200, ["synthetic-image"])


def test_custom_attributes_come_back(serve: Callable[..., Server]):
    """A caller matches answers to requests by what it sent along; what SageMaker would refuse is refused."""
    server = serve()
    assert ask(server, "POST", "/invocations", IMAGE, {**JPEG, CUSTOM_ATTRIBUTES: "trace=7"})[2][CUSTOM_ATTRIBUTES] == "trace=7"
    assert CUSTOM_ATTRIBUTES not in ask(server, "POST", "/invocations", IMAGE, JPEG)[2]
    for wrong in ("x" * 1025, "caf\u00e9"):
        assert ask(server, "POST", "/invocations", IMAGE, {**JPEG, CUSTOM_ATTRIBUTES: wrong})[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "says"),
    [
        ("GET", "/", {}, 404, "POST an image to /invocations"),
        ("GET", "/invocations", {}, 405, "only POST"),
        ("POST", "/ping", {}, 405, "only GET"),
        ("POST", "/invocations", {"Content-Type": "text/html"}, 415, "image/jpeg"),
        ("POST", "/invocations", {"Content-Type": "application/json"}, 415, "describe"),
        ("POST", "/invocations", {**JPEG, "Accept": "text/csv"}, 406, "application/json"),
    ],
)
def test_what_is_not_the_contract_is_refused_with_a_reason(
    serve: Callable[..., Server], method: str, path: str, headers: dict[str, str], status: int, says: str
):
    """The status says whose fault it is, the JSON what to send instead."""
    found, answer, _ = ask(serve(), method, path, b"x" if method == "POST" else None, headers)
    assert found == status
    assert says in answer["error"] + answer.get("fix", "")


def test_the_answer_to_head_is_its_head_alone(serve: Callable[..., Server]):
    """A body behind it would be taken for the next answer on the connection, and every later one for that of another request."""
    head = b"Host: x\r\n"
    answers = exchange(serve().url, b"HEAD /ping HTTP/1.1\r\n" + head + b"\r\nGET /ping HTTP/1.1\r\n" + head + b"Connection: close\r\n\r\n")
    first, _, rest = answers.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 405 ")
    assert rest.startswith(b"HTTP/1.1 200 ")
    assert rest.endswith(b"\r\n\r\n{}")


def test_the_limit_of_a_body_holds_to_the_byte(serve: Callable[..., Server]):
    """At the limit it is scored, one byte over it is refused, with a length and without."""
    server = serve(Limits(max_body=100_000))
    assert ask(server, "POST", "/invocations", bytes(100_000), JPEG)[0] == 200
    head = "POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\n"
    assert exchange(server.url, f"{head}Content-Length: 100001\r\n\r\n".encode()).startswith(b"HTTP/1.1 413 ")
    chunk = f"{head}Transfer-Encoding: chunked\r\n\r\n186a1\r\n".encode() + bytes(100_001)
    assert exchange(server.url, chunk).startswith(b"HTTP/1.1 413 ")


def test_a_request_that_finds_no_room_on_the_disk_hears_so_and_pings_go_on(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch):
    """A body that is too large for memory goes to the temporary folder, which may be full: no reset, no outage."""
    import waitress.buffers

    def full(self: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(waitress.buffers.TempfileBasedBuffer, "newfile", full)
    server = serve()
    body = b"\xff\xd8\xff" + bytes(2_000_000)
    head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    assert exchange(server.url, head + body).startswith(b"HTTP/1.1 507 Insufficient Storage\r\n")
    assert ask(server, "POST", "/invocations", IMAGE, JPEG)[0] == 200
    assert ask(server, "GET", "/ping")[0] == 200


def test_headers_are_bounded(serve: Callable[..., Server]):
    """16 KiB of them and no end: refused, not gathered."""
    request = b"GET /ping HTTP/1.1\r\nX: "
    assert exchange(serve().url, request + b"y" * (16 * 1024 - len(request))).startswith(b"HTTP/1.0 431 ")


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        ("Content-Length: 99999999999", b"", 413),
        ("Content-Length: 99999999999\r\nExpect: 100-continue", b"", 413),
        ("Content-Length: -1", b"", 400),
        ("Content-Length: 5\r\nContent-Length: 3", b"abcde", 400),
        ("Content-Length: 0x10", b"abc", 400),
        ("Transfer-Encoding: gzip", b"abc", 501),
        ("Transfer-Encoding: chunked", b"zz\r\nabc\r\n0\r\n\r\n", 400),
        ("Bad Header : x", b"", 400),
    ],
)
def test_a_lying_or_broken_request_is_refused_and_the_server_lives(serve: Callable[..., Server], head: str, body: bytes, status: int):
    """No lie about length or encoding gets further than a refusal."""
    server = serve(Limits(max_body=100_000))
    request = f"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\n{head}\r\n\r\n".encode("latin-1")
    answer = exchange(server.url, request + body).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert answer.split(b" ")[1] == str(status).encode()
    assert b"Traceback" not in answer
    assert ask(server, "GET", "/ping")[0] == 200


def test_a_body_that_breaks_off_is_never_scored(serve: Callable[..., Server], told: Any):
    """Half an image isn't an image: the detector doesn't see it."""
    server = serve()
    request = b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\nContent-Length: 1000\r\n\r\n" + bytes(500)
    assert exchange(server.url, request) == b""
    assert not told.entered.acquire(blocking=False)


def test_slow_clients_hold_no_worker(serve: Callable[..., Server]):
    """Fifty that send a header a minute, and the next request is answered all the same."""
    server = serve(Limits(workers=1, waiting=2))
    host, _, port = server.url.removeprefix("http://").partition(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(50)]
    try:
        for connection in slow:
            connection.sendall(b"POST /invocations HTTP/1.1\r\nContent-Length: 1000\r\n")
        assert ask(server, "POST", "/invocations", IMAGE, JPEG)[0] == 200
    finally:
        for connection in slow:
            connection.close()


def test_a_request_that_drips_is_cut_off(serve: Callable[..., Server]):
    """Each byte is activity, but a request as a whole has its time to arrive."""
    server = serve(arrival_seconds=0.3)
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"POST /invocations HTTP/1.1\r\nContent-Type: image/jpeg\r\nContent-Length: 1000\r\n\r\n")
        with pytest.raises(OSError):  # noqa: PT012 - the send at which the cut shows isn't known
            for _ in range(200):
                connection.sendall(b"x")
                time.sleep(0.05)


def test_a_loaded_server_still_answers_pings_and_says_that_it_is_busy(serve: Callable[..., Server], told: Any):
    """Of six, one is scored and two wait; the others hear 503 at once; a ping is answered meanwhile; those who waited get their scores."""
    server = serve(Limits(workers=1, waiting=2))
    told.free.clear()
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(ask, server, "POST", "/invocations", IMAGE, JPEG) for _ in range(6)]
        refused = list(islice(as_completed(asked, timeout=20), 3))
        assert [item.result()[0] for item in refused] == [503, 503, 503]
        assert (refused[0].result()[1]["error"], refused[0].result()[2]["Retry-After"]) == ("all workers are busy", "1")
        assert ask(server, "GET", "/ping")[0] == 200
        told.free.set()
        assert [item.result()[0] for item in asked if item not in refused] == [200, 200, 200]


def test_who_waits_too_long_hears_so(serve: Callable[..., Server], told: Any):
    """A caller isn't kept past the time in which anybody still waits for the answer."""
    server = serve(Limits(workers=1, waiting=2, patience=0.2))
    told.free.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, server, "POST", "/invocations", IMAGE, JPEG)
        assert told.entered.acquire(timeout=20)
        assert ask(server, "POST", "/invocations", IMAGE, JPEG)[0] == 503
        told.free.set()
        assert first.result()[0] == 200


def test_a_detector_out_of_order_fails_the_ping_until_it_scores_again(serve: Callable[..., Server], told: Any):
    """SageMaker replaces the container; the reason is told to both callers."""
    server = serve()
    told.broken = True
    assert ask(server, "POST", "/invocations", IMAGE, JPEG)[:2] == (503, {"error": "the model file is gone"})
    status, answer, _ = ask(server, "GET", "/ping")
    assert (status, answer["error"]) == (503, "the detector is out of order: the model file is gone")
    told.broken = False
    told.silent = True
    assert ask(server, "POST", "/invocations", IMAGE, JPEG)[1]["cannot_say"] == "no image"
    assert ask(server, "GET", "/ping")[0] == 503  # what never came to the model tells nothing of it
    told.silent = False
    assert ask(server, "POST", "/invocations", IMAGE, JPEG)[0] == 200
    assert ask(server, "GET", "/ping")[0] == 200


def test_a_crash_tells_nothing_of_the_inside(serve: Callable[..., Server], told: Any, caplog: pytest.LogCaptureFixture):
    """500 in plain words; the path and the traceback stay in the log."""
    told.crashing = True
    status, answer, _ = ask(serve(), "POST", "/invocations", IMAGE, JPEG)
    assert (status, answer) == (500, {"error": "the server failed; its log says why"})
    assert "secret/weights.bin" in caplog.text


@pytest.mark.parametrize(
    ("workers", "max_body", "max_clip", "payload"),
    [(1, 32 * 1024**2, 0, 32), (8, 32 * 1024**2, 0, 12), (2, 1000, 0, 1), (1, 32 * 1024**2, 1024**3, 100), (4, 1000, 40 * 1024**2, 25)],
)
def test_a_batch_transform_is_told_what_fits(
    told: Any, serve: Callable[..., Server], workers: int, max_body: int, max_clip: int, payload: int
):
    """All requests in flight together stay within SageMaker's 100 MB, none above what is accepted here, of an image or of a video."""
    status, answer, _ = ask(serve(Limits(workers=workers, max_body=max_body, max_clip=max_clip)), "GET", "/execution-parameters")
    assert status == 200
    assert answer == {"MaxConcurrentTransforms": workers, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": payload}


def test_many_at_once_get_their_own_answers(serve: Callable[..., Server]):
    """Forty requests on eight connections at a time: each answer is that of its image."""
    server = serve(Limits(workers=3, waiting=40))
    with ThreadPoolExecutor(8) as pool:
        sizes = [1000 * (n + 1) for n in range(40)]
        answers = list(pool.map(lambda size: ask(server, "POST", "/invocations", bytes(size), JPEG), sizes))
    assert [answer["probabilities"]["synthetic-image"] for _, answer, _ in answers] == [size / 1_000_000 for size in sizes]


def test_the_application_is_wsgi(told: Any):
    """The standard library's validator of PEP 3333 finds nothing, so that any WSGI server runs it."""
    from io import BytesIO
    from wsgiref.util import setup_testing_defaults
    from wsgiref.validate import validator

    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    body = {"CONTENT_LENGTH": "3", "CONTENT_TYPE": "image/jpeg", "wsgi.input": BytesIO(b"abcdef"), "QUERY_STRING": ""}
    environ |= body | {"REQUEST_METHOD": "POST", "PATH_INFO": "/invocations"}
    seen: list[str] = []
    answer = validator(Application(told))(environ, lambda status, headers, *_: seen.append(status))
    try:
        assert json.loads(b"".join(answer))["probabilities"]["synthetic-image"] == pytest.approx(3e-6)
    finally:
        answer.close()
    assert seen == ["200 OK"]


def test_wrong_limits_are_refused():
    """A server without workers would answer nobody."""
    with pytest.raises(ValueError, match="workers=0"):
        Limits(workers=0)


def test_stopping_leaves_no_thread(told: Any):
    """A server that is left is gone, with its threads and its port."""
    before = set(threading.enumerate())
    with Server(Application(told), port=0) as server:
        assert ask(server, "GET", "/ping")[0] == 200
    host, _, port = server.url.removeprefix("http://").partition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)
    deadline = time.monotonic() + 20
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert set(threading.enumerate()) <= before


def test_a_server_whose_model_is_broken_does_not_come_up():
    """It is told at the start, and not by the first image with a face, while pings say that all is well."""
    with pytest.raises(IncompleteError, match="is not the one that its lock file describes"):
        Application(EmbeddedDetector(model=b"half of it")).warm_up()
