"""The page of a package that is opened first: what a reader is told before any table."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.period import parse_period
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.package import layout
from averment.evidence.package.write import write_package
from averment.evidence.record import Kind, Record

Page = Callable[..., str]
MOMENT = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def page(tmp_path: Path) -> Page:
    """The page of a package with one check, of an organisation with the settings ``more``."""

    def made(findings: list[dict[str, str]] | None = None, **more: object) -> str:
        values = {"name": "Shop", "root": tmp_path, "evidence": EvidenceSettings(origin="example.com/shop")} | more
        organisation = Organisation(**values)  # type: ignore[arg-type]
        payload = {"rules": ["s3-put-object-gated"], "findings": findings or [], "problems": []}
        record = Record(
            kind=Kind.CHECK,
            collector="check",
            collector_version="1",
            source="made up for a test",
            query={"paths": ["."]},
            effective_at=MOMENT,
            collected_at=MOMENT,
            payload=payload,
        )
        with open_ledger(organisation, write=True) as ledger:
            ledger.append([record])
            catalogue = load_catalogue(organisation)
            made = write_package(organisation, ledger, catalogue, parse_period("2026Q4"), tmp_path / "package").path
        return (made / layout.README).read_text(encoding="utf-8")

    return made


def text(html: str) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html.partition("<body>")[2]))


def test_controls_that_were_not_selected_are_named_first(page: Page) -> None:
    """Whoever reads "0 not satisfied" sees beside it of how many controls nothing is said."""
    before = text(page(controls=("SM-UPL-*",)).partition("<h2")[0])
    assert "Controls left out 29, not selected so not assessed: SM-DEL-01, SM-DEL-02," in before


def test_where_every_control_is_selected_it_says_so(page: Page) -> None:
    """None left out is told, and not to be guessed from silence."""
    assert "Controls left out none" in text(page())
