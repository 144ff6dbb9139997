"""What tests of several rooms share."""

from __future__ import annotations

import gc
import marshal
import os
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if find_spec("hypothesis"):  # the environments of Checkov and of training have no property tests
    from hypothesis import settings

    # CI judges a change on the same examples each time; everybody else looks for new ones. Examples found are worth a case of their own.
    # None is timed: how long an example takes hangs on what else runs.
    settings.register_profile("ci", derandomize=True, deadline=None)
    settings.register_profile("here", deadline=None)
    settings.load_profile("ci" if os.environ.get("CI") else "here")

if TYPE_CHECKING:
    from averment.sandbox.server import Sandbox


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What asks Guard's engine says that it isn't run where there can be none; where there could, its absence is a failure."""
    if sys.version_info >= (3, 13) and item.get_closest_marker("guard") and not find_spec("cfn_guard_rs"):
        pytest.skip("cfn-guard-rs has no wheel for this Python")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What checks remember stays in the session's temporary folder, also for the programs that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVERMENT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _garbage_is_looked_for_rarely() -> Iterator[None]:
    """The embedded AWS and botocore's models are hundreds of thousands of objects, which Python went through again every second or third test for
    what is no longer used: up to two fifths of the time that such tests took. What nothing leads to goes at once all the same."""
    before = gc.get_threshold()
    gc.set_threshold(20_000, 10, 10)  # every two million: what lies about stays below a few hundred MB
    yield
    gc.set_threshold(*before)


def _plain(value: Any) -> Any:
    """``value`` in the types that marshal knows: botocore's dictionaries are ordered ones."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="session", autouse=True)
def _models_of_aws_read_once() -> Iterator[None]:
    """Each test has a boto3 session of its own, and each session would parse megabytes of JSON anew, a fifth of what such tests cost.

    Each gets a copy all the same: botocore rewrites the paths in S3's model when it is first used, and moto, which reads the model too, then
    answers errors with errors. Only the list of all services' addresses is one for all, and the rules by which one is found: a copy of the first
    costs more than the rest of a session, and what botocore writes into it is what each session finds by itself; into the rules it writes nothing.
    Which services there are, each session looked up in hundreds of folders, and each client what every event is called today.
    """
    if not find_spec("botocore"):
        yield
        return
    from botocore.hooks import EventAliaser
    from botocore.loaders import JSONFileLoader, Loader

    read, known, addresses = JSONFileLoader.load_file, dict[str, bytes](), dict[str, Any]()
    look, listed = Loader.list_available_services, dict[tuple[str, ...], tuple[str, ...]]()

    def load_file(self: JSONFileLoader, file_path: str) -> Any:
        if Path(file_path).name.startswith(("endpoints", "endpoint-rule-set")):
            if file_path not in addresses:
                addresses[file_path] = read(self, file_path)
            return addresses[file_path]
        if file_path not in known:
            known[file_path] = marshal.dumps(_plain(read(self, file_path)))
        return marshal.loads(known[file_path])  # our own bytes, in a tenth of the time that the JSON takes

    def list_available_services(self: Loader, type_name: str) -> list[str]:
        asked = (type_name, *self.search_paths)
        if asked not in listed:
            listed[asked] = tuple(look(self, type_name))
        return list(listed[asked])

    begin, names = EventAliaser.__init__, dict[str, str]()

    def begin_with_names(self: EventAliaser, event_emitter: Any, event_aliases: Any = None) -> None:
        begin(self, event_emitter, event_aliases)
        self._alias_name_cache = names

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EventAliaser, "__init__", begin_with_names)
        patch.setattr(JSONFileLoader, "load_file", load_file)
        patch.setattr(Loader, "list_available_services", list_available_services)
        yield


@pytest.fixture(scope="session")
def _sandbox_server() -> Iterator[Sandbox]:
    """One embedded AWS for the session (moto's state is global to the process)."""
    from averment.sandbox.server import Sandbox

    with Sandbox() as server:
        yield server


@pytest.fixture
def sandbox(_sandbox_server: Sandbox) -> Iterator[Sandbox]:
    """An empty embedded AWS, with the environment pointing at it: boto3 clients and the AWS CLI just work."""
    _sandbox_server.reset()
    with _sandbox_server.applied():
        yield _sandbox_server


@pytest.fixture
def pages_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A governance site's pages are copied and not rendered, which takes seconds a site: for tests of where they lie, and of the command. The tests of
    the build render them."""
    from averment.governance.site import build

    def copied(config: Path, built: Path, _epoch: int) -> None:
        shutil.copytree(config.parent / "docs", built)
        (built / "index.html").write_text((built / "index.md").read_text())

    monkeypatch.setattr(build, "_run_mkdocs", copied)


@pytest.fixture
def without_sockets(_sandbox_server: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this test asks the embedded AWS by boto3 is a call within this process: half of what a request costs, and the same code from the first
    line of its server to the last. Programs that the test starts, and whatever isn't boto3, come by the socket."""
    from contextvars import Context
    from http.client import HTTPMessage
    from io import BytesIO

    from botocore.awsrequest import AWSResponse
    from botocore.httpsession import URLLib3Session
    from urllib3 import HTTPResponse
    from werkzeug.test import run_wsgi_app

    server, endpoint, over_http = _sandbox_server._server, _sandbox_server.endpoint, URLLib3Session.send

    def send(session: URLLib3Session, request: Any) -> Any:
        if not request.url.startswith(f"{endpoint}/"):
            return over_http(session, request)
        body = request.body.read() if hasattr(request.body, "read") else request.body or b""
        body = body.encode() if isinstance(body, str) else bytes(body)
        headers = HTTPMessage()
        for name, value in request.headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "host"}:
                headers[name] = value.decode() if isinstance(value, bytes) else str(value)
        headers["Host"], headers["Content-Length"] = endpoint.removeprefix("http://"), str(len(body))
        handler = server.RequestHandlerClass.__new__(server.RequestHandlerClass)
        vars(handler).update(
            server=server,
            client_address=("127.0.0.1", 0),
            command=request.method,
            request_version="HTTP/1.1",
            path=request.url.removeprefix(endpoint),
            headers=headers,
            rfile=BytesIO(body),
            connection=None,
        )
        parts, status, told = Context().run(run_wsgi_app, server.app, handler.make_environ(), buffered=True)
        content = b"" if request.method == "HEAD" else b"".join(parts)
        raw = HTTPResponse(
            BytesIO(content), told, int(status.split()[0]), preload_content=False, decode_content=False, enforce_content_length=False
        )
        answer = AWSResponse(request.url, raw.status, raw.headers, raw)
        if not request.stream_output:
            answer.content  # noqa: B018 - read, as botocore does it
        return answer

    monkeypatch.setattr(URLLib3Session, "send", send)
