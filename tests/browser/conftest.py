"""These tests need a browser and pdftotext; `make test-browser` finds them, or says what is missing."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import os
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from averment.evidence.record import Record

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


def _incidents(now: datetime) -> list[Record]:
    """An open incident with a duty that is past its time, and a drill in which a step failed."""
    from averment.evidence.record import DRILLS, Kind, Population, Record
    from averment.governance.incidents.filing import Act, file_step
    from averment.governance.incidents.words import Step

    moment = now - timedelta(hours=25)
    clock = {"duty": "dsa-notice", "title": "Tell the platform", "source": "DSA Art 16", "standing": "due", "reason": "it is live"}
    due = {"due_by": "2026-11-23T06:00:00Z", "within": "24h", "role": "legal", "to": "the platform", "starts": "awareness"}
    opened = {
        "title": f"A face in {'catalogue' * 14}",
        "summary": "It is no face of ours.",
        "noticed_by": "a customer",
        "aware_at": "2026-11-22T06:00:00Z",
    }
    act = Act("security-operations", moment, moment)
    step = {"step": "contain", "role": "x", "what": "What is live is taken down", "seconds": 4.2, "limit_seconds": 900, "outcome": "failed"}
    drill = {
        "scenario": "clone",
        "title": "A clone calls",
        "played_on": "embedded AWS",
        "with_people": False,
        "steps": [{**step, "reason": "it could still be read", "shown": []}],
        "failed": [{"resource": "clone/contain", "message": "it could still be read"}],
        "not_shown": ["How long people take."],
        "summary": {"steps": 1, "failed": 1, "seconds": 4.2},
    }
    drilled = Record(
        kind=Kind.INCIDENT,
        collector=DRILLS,
        collector_version="1",
        source="averment incident drill clone",
        query={"scenario": "clone"},
        effective_at=moment,
        collected_at=moment,
        payload=drill,
        population=Population("steps", 1, 1),
        controls=("SM-IR-01",),
    )
    return [file_step("INC-2026-11-22-bbbbbb", Step.OPEN, act, {**opened, "media": [], "facts": {}, "clocks": [{**clock, **due}]}), drilled]


def _earlier(record: Record, days: int) -> Record:
    """The same fact, ``days`` before."""
    back = timedelta(days=days)
    return dataclasses.replace(record, effective_at=record.effective_at - back, collected_at=record.collected_at - back)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with a fact of every kind, some of them of the quarter before, an incident, a drill, a package and a quarter that is kept, two folders
    below what a server serves: ``<root>/some/where``."""
    from averment.controls.loader import load_catalogue
    from averment.core.period import parse_period
    from averment.evidence.ledger.opening import open_ledger
    from averment.evidence.package.write import write_package
    from averment.governance.site.build import build_site
    from averment.governance.site.data import gather

    records, root = _records(), tmp_path_factory.mktemp("browsed")
    (root / "shop").mkdir()
    organisation = records.organisation_in(root / "shop")
    catalogue = load_catalogue(organisation)
    with open_ledger(organisation, write=True, clock=lambda: records.NOW) as ledger:
        facts = records.sample_records(catalogue)
        ledger.append([_earlier(fact, 70) for fact in facts[:3]] + facts + _incidents(records.NOW))
        package = write_package(organisation, ledger, catalogue, parse_period("2026Q4"), root / "package").path
    data = gather(organisation, catalogue, as_of=records.NOW, package=package)
    quarter = gather(organisation, catalogue, as_of=records.NOW, period=parse_period("2026Q3"))
    return build_site(data, root / "served" / "some" / "where", quarter=quarter).parent


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
