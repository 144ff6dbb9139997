"""These tests need a browser and pdftotext; `make test-browser` finds them, or says what is missing."""

from __future__ import annotations

import functools
import importlib.util
import os
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = Path(__file__).parent
collect_ignore_glob = [] if os.environ.get("AVERMENT_BROWSER") else ["test_*.py"]


def _records() -> ModuleType:
    """The ledger with a fact of every kind, which the tests of the site's pages have already."""
    spec = importlib.util.spec_from_file_location("site_records", HERE.parent / "governance" / "conftest.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with a fact of every kind, two folders below what a server serves: ``<root>/some/where``."""
    from averment.governance.site.build import build_site

    records, root = _records(), tmp_path_factory.mktemp("browsed")
    (root / "shop").mkdir()
    return build_site(records.view_of(records.organisation_in(root / "shop")), root / "served" / "some" / "where").parent


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """The tests look at what the browser got."""


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """Where the site is served, below a path, with a slash at the end."""
    served = site.parents[1]
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(served))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{site.relative_to(served).as_posix()}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium: the one of the system, without a sandbox of its own, as whoever runs tests as root must start it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=os.environ["AVERMENT_BROWSER"], args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures of pages are put for people to look at: ``build/screenshots``, or what ``AVERMENT_SCREENSHOTS`` names."""
    folder = Path(os.environ.get("AVERMENT_SCREENSHOTS") or HERE.parents[1] / "build" / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
