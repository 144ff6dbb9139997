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
from averment.evidence.package import layout, readme
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
        rules = sorted({"s3-put-object-gated", *(finding["rule"] for finding in findings or [])})
        payload = {"rules": rules, "findings": findings or [], "problems": []}
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
    told = text(page())
    assert "Controls left out none" in told
    assert "Accounts none named; each record tells its own Regions none named; each record tells its own" in told, (
        "all may not have been looked into"
    )


def test_what_is_open_and_what_is_not_known_stand_first(page: Page) -> None:
    """Whoever has a minute for the page sees how much is wrong, how bad, and of how much nothing is known."""
    found = [
        {"rule": "s3-put-object-gated", "verdict": "fail", "resource": f"b{number}", "message": "open", "where": "a:1"}
        for number in range(3)
    ]
    before = text(page(found, controls=("SM-UPL-03",)).partition("<h2")[0])
    assert "Findings 3 open (3 high), 0 waived, in what was assessed" in before
    assert "Not assessed 5 of 6 assessments" in before
    assert "Claims no run" in before
    assert "the ledger has 1 entry" in before


def test_the_gravest_findings_are_on_the_page_whatever_is_cut(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the controls' ids, five hundred findings of one that is high kept what is critical off the page."""
    monkeypatch.setattr(readme, "MAX_ROWS", 2)
    rules = ["cdn-media-gated"] * 3 + ["media-bucket-events-scanned"]
    found = [
        {"rule": rule, "verdict": "fail", "resource": f"b{number}", "message": "open", "where": "a:1"} for number, rule in enumerate(rules)
    ]
    told = page(found, controls=("SM-DEL-01", "SM-DET-01")).partition('<h2 id="findings">')[2].partition("<h2")[0]
    assert re.findall("<td>(SM-[A-Z]+-01)</td>", told) == ["SM-DET-01", "SM-DEL-01"]
    assert "2 more in the workbook." in told


def test_a_long_place_is_broken_at_its_slashes(page: Page) -> None:
    """Sooner than within its number: line 77 of a file stood as 7, and as 7 below it. What is searched for or copied has nothing in it."""
    found = [
        {
            "rule": "s3-put-object-gated",
            "verdict": "fail",
            "resource": "aws_s3_bucket.b",
            "message": "a/b",
            "where": "terraform/uploads.tf:77",
        }
    ]
    html = page(found, controls=("SM-UPL-03",))
    assert ">terraform/<wbr>uploads.<wbr>tf:77</td>" in html
    assert ">aws_s3_bucket.<wbr>b</td>" in html
    assert ">a/b</td>" in html


def test_why_a_control_is_not_satisfied_is_told_by_assessment(page: Page) -> None:
    """Where one reason ended and the next began nobody could see: of eight assessments it was one run of fifty lines."""
    rules = ("quarantine-not-served", "media-bucket-hardened")
    found = [{"rule": rule, "verdict": "fail", "resource": "b", "message": f"{rule} says no", "where": "a:1"} for rule in rules]
    row = page(found, controls=("SM-UPL-01",)).partition("SM-UPL-01</td>")[2].partition("</tr>")[0]
    points = re.findall("<li>(.*?)</li>", row.partition("</ul>")[0])
    assert [point.partition(": ")[0] for point in points] == ["quarantine-iac", "hardened-iac"], row
    assert all(f"{rule} says no" in point for rule, point in zip(rules, points, strict=True))


def test_every_part_is_reached_from_the_top(page: Page) -> None:
    """Each heading has a place, and the list above leads to all of them, in their order."""
    html = page()
    places = re.findall(r'<h2 id="(\w+)">', html)
    assert places == re.findall(r'<a href="#(\w+)">', html)
    assert len(places) == html.count("<h2") == 9


def test_a_name_from_right_to_left_turns_nothing_around(page: Page) -> None:
    """It stands apart, so that the period after it stays where it is."""
    assert "Evidence of <bdi>\u0634\u0631\u0643\u0629</bdi>, 2026Q4</h1>" in page(name="\u0634\u0631\u0643\u0629")


def test_what_binds_is_told_with_its_days(page: Page) -> None:
    """Of Article 50(2) an auditor read "conditional", whether it bound the shop since August, from December, or not at all."""
    profile = {"provider": True, "generators_before_august_2026": True}
    said = text(page(controls=("SM-PRV-01",), profile=profile))
    assert "Law what binds on 2026-11-01, by what the organisation says of itself; not legal advice" in said
    assert "EU AI Act Art 50(2) binds later: from 2026-12-02, as it provides a generative AI system" in said
