"""What a service may cost in time: neither its silence nor its chatter is waited for without end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from averment.core.errors import IncompleteError
from averment.core.http import post

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
