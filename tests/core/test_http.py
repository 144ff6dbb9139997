"""What a service may cost in time: neither its silence nor its chatter is waited for without end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from averment.core import http
from averment.core.errors import IncompleteError
from averment.core.http import post, probe

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def dripping(first: bytes, drop: bytes) -> Iterator[str]:
    """A service that answers with ``first`` and then ``drop`` ten times a second, for as long as it is listened to; its address."""
    done = threading.Event()

    def answer(server: socket.socket) -> None:
        with suppress(OSError), server.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(first)
            while drop and not done.wait(0.1):
                connection.sendall(drop)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=[server])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/invocations"
        finally:
            done.set()
            thread.join()


@pytest.mark.parametrize(
    "first",
    [b"HTTP/1.1 200 OK\r\nX-Slow: ", HEAD + b"Content-Length: 100000\r\n\r\n{}", HEAD + b"Connection: close\r\n\r\n{}"],
    ids=["its headers", "its body", "a body of unknown length"],
)
def test_an_answer_that_drips_is_cut_off(first: bytes) -> None:
    """Every piece comes in time and the whole never does: the scan would stand still for days, and what came until then is no answer."""
    began = time.monotonic()
    with dripping(first, b" ") as url, pytest.raises(IncompleteError, match=r"did not answer as a whole within 1 s"):
        post(url, b"{}", "application/json", seconds=0.5)
    assert time.monotonic() - began < 10


def test_an_answer_in_time_is_one_and_leaves_nobody_watching() -> None:
    """The usual case: the answer, and no thread that waits to cut a connection which is gone."""
    before = threading.active_count()
    with dripping(HEAD + b"Content-Length: 2\r\n\r\n{}", b"") as url:
        answer = post(url, b"{}", "application/json", headers={"Accept": "application/json"})
    assert (answer.status, answer.body) == (200, b"{}")
    until = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)  # a thread takes a moment to end
    assert threading.active_count() <= before  # those of earlier tests may have ended meanwhile


@pytest.mark.parametrize("headers", [None, {"Accept": "text/plain"}])
@pytest.mark.parametrize("schema", ["http", "ftp"])
def test_no_service_sends_whoever_asks_it_elsewhere(schema: str, headers: dict[str, str] | None) -> None:
    """A timestamp authority or witness could have this machine ask addresses that only it reaches, or wait for an FTP server without end."""
    asked = threading.Event()

    def wait(server: socket.socket) -> None:
        with suppress(OSError), server.accept()[0]:
            asked.set()

    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(5)
        threading.Thread(target=wait, args=[elsewhere], daemon=True).start()
        target = f"{schema}://127.0.0.1:{elsewhere.getsockname()[1]}/latest/meta-data"
        with dripping(f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode(), b"") as url:
            answer = post(url, b"{}", "application/timestamp-query", headers=headers, seconds=2)
    assert answer.status == 302
    assert not asked.is_set()


def test_a_probe_whose_answer_drips_is_one_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edge that is somebody else's meanwhile could keep a takedown waiting for days by a header without end."""
    monkeypatch.setattr(http, "TIMEOUT_SECONDS", 0.5)
    began = time.monotonic()
    with dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ", b" ") as url:
        found = probe(url)
    assert (found.status, found.error) == (None, "did not answer as a whole within 1 s")
    assert time.monotonic() - began < 10
