"""``serving_http``'s application on a port, by waitress: what the container runs.

waitress reads requests without a thread for each, so slow clients cost a connection and no worker; it takes chunked bodies apart, spools what is
large to a temporary file, and refuses a body over the limit, also one whose length is a lie. What it lacks is a limit on how long one request may
take to arrive (a byte a second keeps a connection for ever), and one on its size by its media type; ``_channel_class`` adds them.
"""

from __future__ import annotations

import copy
import logging
import signal
import sys
import threading
import time
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from averment.core.errors import BadInputError, IncompleteError
from averment.core.extras import require
from averment.detector.serving import media_kind
from averment.detector.serving_http import Application, Limits

_log = logging.getLogger("averment.serving")

PORT = 8080
"""Where SageMaker expects a container to listen."""

ARRIVAL_SECONDS = 120.0
"""In which a request has to have arrived as a whole."""

IDLE_SECONDS = 120
CONNECTIONS = 512
_SPARE_THREADS = 4
"""For what needs no worker: pings, refusals."""


class Server:
    """``application`` on ``host:port``; port 0 takes a free one. Bound when made, serving within ``run`` or as a context manager.

    Raises:
        MissingExtraError: waitress isn't installed.
        BadInputError: the host is no address.
        IncompleteError: the port is taken.
    """

    def __init__(
        self, application: Application, *, host: str = "127.0.0.1", port: int = PORT, arrival_seconds: float = ARRIVAL_SECONDS
    ) -> None:
        waitress: Any = require("waitress", extra="serve", needed_for="serving a detector")
        limits = application.limits
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of every request that waits for a thread
        try:
            self._server: Any = waitress.create_server(
                application,
                host=host,
                port=port,
                threads=limits.workers + limits.waiting + _SPARE_THREADS,
                max_request_body_size=max(limits.max_body, limits.max_clip) + 1,  # until the media type is known, see _channel_class
                max_request_header_size=16 * 1024,
                channel_timeout=IDLE_SECONDS,
                cleanup_interval=10,
                connection_limit=CONNECTIONS,
                asyncore_use_poll=True,
                log_socket_errors=False,  # a client that goes away is no error of ours
                ident=None,
                clear_untrusted_proxy_headers=True,
            )
        except OSError as error:
            raise IncompleteError(
                f"could not listen on {host}:{port}: {error}", fix="choose another --port, or 0 for a free one"
            ) from error
        except ValueError as error:  # waitress's, before it listens
            raise BadInputError(f"'{host}' is no address to listen on", fix="write --host 127.0.0.1, or 0.0.0.0 for all") from error
        self._server.channel_class = _channel_class(arrival_seconds, limits)
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self.url = f"http://{host}:{self._server.effective_port}"

    def run(self) -> None:
        """Serve until SIGTERM or Ctrl-C, then finish what is being answered (5 s at most). In the main thread only."""
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # waitress takes SystemExit for the word to stop
        try:
            self._server.run()
        finally:
            signal.signal(signal.SIGTERM, before)
            self._close()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop, name="averment-serving", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        self._server.pull_trigger()  # wakes the loop
        if self._thread is not None:
            self._thread.join()
        self._server.task_dispatcher.shutdown()
        self._close()

    def _close(self) -> None:
        """Every connection and the port."""
        self._server.asyncore.close_all(self._server._map, ignore_all=True)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self._server.asyncore.loop(timeout=1, map=self._server._map, use_poll=True, count=1)


def _channel_class(arrival_seconds: float, limits: Limits) -> type:
    """waitress's connection, which gives up on a request that hasn't arrived as a whole after ``arrival_seconds``, and refuses a body over the limit
    of its media type before it is read."""
    from waitress.channel import HTTPChannel
    from waitress.parser import HTTPRequestParser

    kept, no_room = _body_classes()

    class Parser(HTTPRequestParser):  # type: ignore[misc]
        """One request."""

        adj: Any
        error: Any = None

        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            self.adj = copy.copy(self.adj)
            # waitress refuses what reaches its limit, not what exceeds it.
            self.adj.max_request_body_size = limits.bytes_of(media_kind(self.headers.get("CONTENT_TYPE", ""))) + 1
            if self.body_rcv is not None:
                self.body_rcv.buf = kept(self.adj.inbuf_overflow)

        def received(self, data: bytes) -> int:
            taken: int = super().received(data)
            if self.completed and self.error is None and self.body_rcv is not None and self.body_rcv.buf.lost:
                self.error = no_room("there is no room for the request; try again")
            return taken

    class Channel(HTTPChannel):  # type: ignore[misc]
        """One connection."""

        parser_class = Parser
        began = 0.0

        def received(self, data: bytes) -> bool:
            if self.request is None:
                self.began = time.monotonic()
            elif time.monotonic() - self.began > arrival_seconds:
                self.will_close = True
                return False
            accepted: bool = super().received(data)
            return accepted

        def send_continue(self) -> None:
            if not self.request.error:  # waitress says "100 Continue" also where it has refused already, and then reads it all
                super().send_continue()

    return Channel


def _body_classes() -> tuple[type, type]:
    """What keeps a body while it arrives, and waitress's error for where it can't."""
    from waitress.buffers import OverflowableBuffer
    from waitress.utilities import Error

    class Kept(OverflowableBuffer):  # type: ignore[misc]
        """On disk if it is large. Where that is full, the rest is read and thrown away: who is still sending wouldn't hear the answer."""

        lost = False

        def append(self, piece: bytes) -> None:
            if self.lost:
                return
            try:
                super().append(piece)
            except OSError as error:
                self.lost = True
                _log.error("a request could not be kept in the temporary folder: %s", error.strerror)

    class NoRoomError(Error):  # type: ignore[misc]
        """507 of RFC 4918."""

        code, reason = HTTPStatus.INSUFFICIENT_STORAGE.value, HTTPStatus.INSUFFICIENT_STORAGE.phrase

    return Kept, NoRoomError
