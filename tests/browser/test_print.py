"""The page of a package, printed to PDF by a headless Chromium, and read back with pdftotext."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.period import parse_period
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.package import layout
from averment.evidence.package.write import write_package
from averment.evidence.plots.page import ClaimsPage
from averment.evidence.record import Kind, Record
from averment.governance.incidents.document import Document, Section, html, table

RULE = "s3-put-object-gated"
FINDINGS = 60


def record(number: int) -> Record:
    """A check that found one more open bucket than the one before; the last found more of them than a page holds."""
    moment = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(hours=number)
    found = [
        {"rule": RULE, "verdict": "fail", "resource": f"aws_s3_bucket.b{item:03}", "message": "open", "where": "main.tf:1"}
        for item in range(FINDINGS)
    ]
    payload = {"rules": [RULE], "findings": found, "problems": []}
    values = {"collector_version": "1", "source": "made up for a test", "query": {"number": number}, "payload": payload}
    return Record(kind=Kind.CHECK, collector="check", effective_at=moment, collected_at=moment, **values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a package in print."""
    root = tmp_path_factory.mktemp("shop")
    shop = Organisation(name="Shop", root=root, evidence=EvidenceSettings(origin="example.com/shop"))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([record(number) for number in range(3)])
        made = write_package(shop, ledger, load_catalogue(), parse_period("2026Q4"), root / "package").path
    return printed(made / layout.README, root)


def printed(page: Path, root: Path) -> Path:
    """``page`` as a PDF below ``root``."""
    pdf, profile = root / "page.pdf", root / "profile"
    # Without a sandbox of its own, as whoever runs tests as root must start it; it opens this one local file.
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
        "--no-pdf-header-footer",
    ]
    command = [os.environ["AVERMENT_BROWSER"], *options, f"--print-to-pdf={pdf}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    return pdf


def text_of(pdf: Path, how: str) -> str:
    """What stands in a PDF: ``-layout`` line by line, ``-raw`` cell by cell."""
    return subprocess.run(["pdftotext", how, str(pdf), "-"], check=True, capture_output=True, text=True).stdout


def lacking(pdf: Path, wanted: Iterable[str]) -> list[str]:
    """Which of ``wanted`` don't stand in the PDF, wherever their lines are broken."""
    text = "".join(text_of(pdf, "-raw").split())
    return [words for words in wanted if "".join(words.split()) not in text]


def test_every_control_and_every_table_is_in_print(pdf: Path) -> None:
    """Controls with their titles, headings and what was found: nobody has to scroll on paper, and nothing is cut off at the edge."""
    assert lacking(pdf, (f"{control.id} {control.title}" for control in load_catalogue())) == []
    headings = (
        "Findings",
        "What was not run, is stale, or is undecided",
        "Changes since 2026Q3",
        "Waivers",
        "Attestations",
        "How to verify",
    )
    assert lacking(pdf, (*headings, "3 in this package; the ledger has 3 entries")) == []
    assert lacking(pdf, (f"aws_s3_bucket.b{number:03}" for number in range(FINDINGS))) == []


def test_what_is_folded_away_on_the_screen_is_unfolded_in_print(pdf: Path) -> None:
    """The references of every control, which a click opens."""
    catalogue = load_catalogue()
    cited = [catalogue.cite(reference) for control in catalogue for reference in control.references]
    assert len(cited) > 100
    assert lacking(pdf, cited) == []


def test_the_heads_of_a_long_table_stand_on_every_page(pdf: Path) -> None:
    """A reader of the second page of exceptions sees what the columns are."""
    pages = text_of(pdf, "-layout").split("\f")[:-1]
    listing = [page for page in pages if "aws_s3_bucket.b" in page and re.search(r"SM-UPL-03\s+high\s+aws_s3", page)]
    assert len(listing) > 1
    assert [page[:200] for page in listing if not re.search(r"Control\s+Severity\s+Resource", page)] == []


def test_why_and_what_it_rests_on_get_the_room(pdf: Path) -> None:
    """In columns that were all alike the references of a control took thirty lines, and most controls a page of their own."""
    pages = text_of(pdf, "-layout").split("\f")[:-1]
    gaps = next(number for number, page in enumerate(pages) if "What was not run, is stale, or is undecided" in page and "SM-" in page)
    assert gaps <= 14, gaps


def test_no_word_of_a_report_is_broken_by_a_long_one_beside_it(tmp_path: Path) -> None:
    """An address or digest gives way; of nine columns, steps and headings came out a letter or two a line."""
    head = ("Item", "Where it lay", "Version", "Bytes", "SHA-256", "Perceptual hash", "Credential", "Step", "Locked until")
    long = "s3://larkspur-prod-seller-uploads/pixelpost/" + "f64f1f8e" * 12
    row = ("1", long, "b4c70021-1745-412e-bcc5-56724b2429da", "11,647", "f64f1f8e" * 8, "cd3c08ac" * 8, "none", "preserve", "2027-11-30")
    (tmp_path / "report.html").write_text(html(Document("Report", "Lead.", (Section("a", "A", (table(head, [row], ""),)),))))
    words = set(text_of(printed(tmp_path / "report.html", tmp_path), "-raw").split())
    assert {"Item", "Version", "Bytes", "Credential", "Step", "11,647", "preserve", "until"} <= words


def test_no_name_of_a_check_is_broken(tmp_path: Path) -> None:
    """On paper the longest reason took so much of the row that "manifest" stood as "manifes" and "t"."""
    reason = "every row fills file, sha256, label, licence, attribution, group, and no image lies beside them unnamed " * 2
    made = [{"check": name, "outcome": "holds", "reason": reason, "examples": ["a/b.jpg"]} for name in ("manifest", "duplicates")]
    payload = {"type": "data-governance", "statement": "of the data every check holds", "details": {"checks": made}}
    page = ClaimsPage("records/{id}.json")
    moment = datetime(2026, 10, 1, tzinfo=UTC)
    values = {"collector_version": "1", "source": "made up for a test", "query": {}, "payload": payload}
    claim = Record(kind=Kind.CLAIM, collector="averment.claims", effective_at=moment, collected_at=moment, **values)  # type: ignore[arg-type]
    list(page.add(claim))
    for name, content in page.files():
        (tmp_path / name).write_bytes(content)
    words = text_of(printed(tmp_path / layout.CLAIMS, tmp_path), "-layout").split()
    assert {"manifest", "duplicates"} <= set(words)
