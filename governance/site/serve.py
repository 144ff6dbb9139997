"""A web server for a built site, on the loopback interface alone."""

from __future__ import annotations

import functools
from collections.abc import Callable
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_OURS = frozenset({"127.0.0.1", "localhost"})


class _Handler(SimpleHTTPRequestHandler):
    def send_head(self) -> Any:
        """As the base class, to whoever asks this machine by its own name. A page of somebody else's may lead a name of its own here (DNS
        rebinding), and its scripts would read what only the inside may."""
        host = self.headers.get("Host", "").rsplit(":", 1)[0].lower()
        if host not in _OURS and not host.endswith(".localhost"):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "ask for 127.0.0.1 or localhost")
            return None
        return super().send_head()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Requests of one's own browser are no news."""


def serve(folder: Path, port: int, *, announce: Callable[[str], None]) -> None:
    """Serve ``folder`` on 127.0.0.1 until interrupted; ``announce`` is told the address (port 0 takes a free one).

    Raises:
        OSError: the port is taken or not allowed.
    """
    with ThreadingHTTPServer(("127.0.0.1", port), functools.partial(_Handler, directory=str(folder))) as server:
        announce(f"http://127.0.0.1:{server.server_port}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
