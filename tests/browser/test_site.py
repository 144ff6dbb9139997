"""The governance site as a browser shows it: links, console, search, keyboard, accessibility, a phone, paper, and without a server."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from averment.controls.loader import load_catalogue

PHONE = {"width": 360, "height": 740}
SCREEN = {"width": 1280, "height": 900}
KINDS = (
    "index.html",
    "controls/SM-UPL-03.html",
    "controls/SM-DET-03.html",
    "frameworks/eu-ai-act.html",
    "rules/s3-put-object-gated.html",
    "claims.html",
    "incidents.html",
    "verify.html",
)
"""A page of each kind that has colours of its own."""
MORE_KINDS = (
    "law.html",
    "evidence.html",
    "changes.html",
    "incidents/INC-2026-11-22-bbbbbb.html",
    "quarters.html",
    "model-card.html",
    "plan/overview.html",
)
"""A page of each other kind."""
SEARCH = "input[data-md-component=search-query]"
RESULTS = "a.md-search-result__link"
PATIENCE = 30_000
"""Milliseconds: on a machine with other work the index takes a while to be made."""


LEFT = "net::ERR_ABORTED"
"""The page was left before all of it was there."""


@dataclass
class Noise:
    """What a browser complained of, and what it asked other places for."""

    said: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


HALF_TYPED = "Invalid query: "
"""How the theme's console takes what is typed so far ("SM-"), where its search is quick enough to be asked between two keys."""


@contextmanager
def opened(browser: Browser, home: str, **options: Any) -> Iterator[tuple[Page, Noise]]:
    """A page of a fresh window, and what it complains of. Nothing but what is below ``home`` counts as the site."""
    context = browser.new_context(**({"viewport": SCREEN} | options))
    noise = Noise()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: noise.said.append(message.text) if told_of_the_page(message.type, message.text) else None)
    page.on("pageerror", lambda error: noise.said.append(str(error)))
    page.on("requestfailed", lambda request: noise.said.append(f"{request.url}: {request.failure}") if request.failure != LEFT else None)
    page.on("response", lambda answer: noise.said.append(f"{answer.url}: {answer.status}") if answer.status >= 400 else None)
    page.on("request", lambda asked: None if asked.url.startswith((home, "data:", "blob:")) else noise.elsewhere.append(asked.url))
    yield page, noise
    context.close()


def told_of_the_page(kind: str, text: str) -> bool:
    """Whether a message in the console is a complaint about the page, not about a question that somebody is still typing."""
    return kind in {"error", "warning"} and not text.startswith(HALF_TYPED)


LOOK = """() => ({
  ids: [...document.querySelectorAll("[id]")].map(one => one.id),
  links: [...document.querySelectorAll("a[href]")].map(one => one.href),
  wide: document.documentElement.scrollWidth > document.documentElement.clientWidth
    ? [...document.querySelectorAll(".md-typeset *")].filter(one => one.getBoundingClientRect().right > innerWidth + 1
        && !one.closest(".md-typeset__scrollwrap, pre, .highlight")).slice(0, 3).map(one => one.outerHTML.slice(0, 120))
    : null,
})"""


def test_every_page_on_a_phone(browser: Browser, site: Path, address: str) -> None:
    """Each page loads without a complaint and asks nobody else for anything, its links lead to pages and places that are there, and on a phone
    nobody scrolls sideways."""
    seen: dict[str, dict[str, Any]] = {}
    empty = json.loads((site / "search" / "search_index.json").read_text()) | {"docs": []}
    with opened(browser, address, viewport=PHONE) as (page, noise):
        page.route("**/search_index.json", lambda route: route.fulfill(json=empty))  # else each page makes the whole index
        for path in sorted(site.rglob("*.html")):
            name = path.relative_to(site).as_posix()
            if name != "404.html" and not name.startswith(
                ("q/2026Q3/", "package/")
            ):  # a quarter is such a site again, a package is no part of one
                page.goto(address + name, wait_until="load")
                seen[address + name] = page.evaluate(LOOK)
        assert noise.said == []
        assert noise.elsewhere == []
    assert {name: found["wide"] for name, found in seen.items() if found["wide"] is not None} == {}
    broken = []
    for name, found in seen.items():
        for link in found["links"]:
            target, _, place = link.partition("#")
            if not link.startswith(address):
                assert urllib.parse.urlsplit(link).scheme in {"https", "http"}, f"{name}: {link}"
            elif target in seen:
                broken += [f"{name}: {link}"] if place and urllib.parse.unquote(place) not in seen[target]["ids"] else []
            elif not (site / urllib.parse.unquote(target.removeprefix(address))).is_file():
                broken.append(f"{name}: {link}")
    assert broken == []
    assert len(seen) > 90


@pytest.mark.parametrize("viewport", [PHONE, SCREEN, {"width": 1024, "height": 800}], ids=["phone", "screen", "laptop"])
def test_a_long_title_moves_nothing_overdue_out_of_sight(browser: Browser, address: str, viewport: dict[str, int]) -> None:
    """A title without a blank keeps the last column of the incidents, what is overdue, on the page."""
    with opened(browser, address, viewport=viewport) as (page, _):
        page.goto(address + "incidents.html", wait_until="load")
        box = page.get_by_role("cell", name="Tell the platform").or_(page.locator(".av-incidents td:last-child")).first.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= viewport["width"]


TABLES = """() => [...document.querySelectorAll("div[class^='av-'] table")].flatMap(table => {
  const scrolled = table.closest(".md-typeset__scrollwrap"), words = new Map();
  for (const cell of table.querySelectorAll("td")) {
    const over = cell.scrollWidth > cell.clientWidth + 1 && cell.clientWidth > 0;
    if (over) words.set(cell.innerText.slice(0, 40), cell.scrollWidth - cell.clientWidth);
  }
  const wide = scrolled && scrolled.scrollWidth > scrolled.clientWidth + 1;
  return wide || words.size ? [[table.closest("div[class^='av-']").className, wide, [...words]]] : [];
})"""


@pytest.mark.parametrize("width", [768, 1024, 1280])
def test_no_column_is_out_of_sight_or_runs_into_the_next(browser: Browser, address: str, width: int) -> None:
    """From a tablet on, the tables of what is wrong, of rules, dates and an incident's report fit the page, and each cell its column."""
    names = (
        "index.html",
        "controls/SM-UPL-03.html",
        "rules.html",
        "law.html",
        "frameworks/eu-ai-act.html",
        "claims.html",
        "evidence.html",
        "incidents/INC-2026-11-22-bbbbbb.html",
    )
    with opened(browser, address, viewport={"width": width, "height": 900}) as (page, _):
        for name in names:
            page.goto(address + name, wait_until="load")
            assert page.evaluate(TABLES) == [], name


def test_evidence_and_crosswalks_stand_below_each_other_on_a_phone(browser: Browser, address: str) -> None:
    """When a collector last saw anything, and which controls serve a provision, stood beyond the edge."""
    with opened(browser, address, viewport=PHONE) as (page, _):
        for name in ("evidence.html", "frameworks/dsa.html", "frameworks/eu-ai-act.html"):
            page.goto(address + name, wait_until="load")
            assert page.evaluate(TABLES) == [], name


def test_what_came_of_an_assessment_gets_the_room(browser: Browser, address: str) -> None:
    """The reason is the longest text of its row, and had a quarter of it: twenty-eight lines."""
    with opened(browser, address) as (page, _):
        page.goto(address + "controls/SM-UPL-03.html", wait_until="load")
        widths = page.evaluate("[...document.querySelectorAll('.av-assessments th')].map(one => one.getBoundingClientRect().width)")
        assert widths[2] > 0.4 * sum(widths)


def test_no_moment_of_an_incident_is_broken(browser: Browser, address: str) -> None:
    """A moment stands on one line: 2026-11- above 22T06:00:00Z was read as two things."""
    with opened(browser, address) as (page, _):
        page.goto(address + "incidents/INC-2026-11-22-bbbbbb.html", wait_until="load")
        moments = page.locator(".av-when")
        assert moments.count() > 0
        assert {len(one) for one in page.evaluate("[...document.querySelectorAll('.av-when')].map(one => [...one.getClientRects()])")} == {
            1
        }
        page.emulate_media(media="print")
        paddings = page.evaluate("[...document.querySelectorAll('.av-dossier td')].map(one => getComputedStyle(one).padding)")
        assert len(set(paddings)) == 1, "on paper the first cell of a row stood higher than the others"


def found_for(page: Page, words: str) -> list[str]:
    """Search for ``words`` as a reader does, and give the paths of what is found, best first."""
    box = page.locator(SEARCH)
    box.fill("")
    expect(page.locator(".md-search-result__meta")).to_have_text("Type to start searching")
    box.press_sequentially(words)
    page.wait_for_function(ANSWERED, arg=[part for part in re.split(r"\W+", words.lower()) if part])
    hrefs = [link.get_attribute("href") or "" for link in page.locator(RESULTS).all()]
    return list(dict.fromkeys(re.sub(r"\?[^#]*|#.*", "", href).rsplit("/some/where/", 1)[-1] for href in hrefs))


ANSWERED = """parts => [...document.querySelectorAll("a.md-search-result__link")].some(one => {
  const marked = (new URL(one.href).searchParams.get("h") || "").toLowerCase();
  return parts.every(part => marked.includes(part));
})"""
"""Whether what is shown answers the whole of what was typed: a result's address names the words that it was found by."""


@pytest.mark.parametrize("how", ["served", "from a file"])
def test_search_finds_control_article_and_service(browser: Browser, site: Path, address: str, how: str) -> None:
    """A control by its id, a provision by its number and a service by its name, with a server and without one."""
    home = address if how == "served" else site.as_uri() + "/"
    with opened(browser, home) as (page, noise):
        page.goto(home + "index.html")
        page.locator(SEARCH).click()
        assert found_for(page, "SM-UPL-03")[0] == "controls/SM-UPL-03.html"
        article = found_for(page, "50(2)")
        assert {"frameworks/eu-ai-act.html", "law.html", "controls/SM-PRV-01.html"} & set(article[:4]), article
        service = found_for(page, "rekognition")
        assert any(name.startswith(("rules/", "controls/")) for name in service), service
        assert noise.said == []
        assert noise.elsewhere == []


def test_site_without_a_server_looks_the_same(browser: Browser, site: Path, address: str) -> None:
    """Opened from a file the pages have their style, their pictures and their icons."""
    look = "() => [getComputedStyle(document.querySelector('.md-header')).backgroundColor, [...document.images].every(one => one.naturalWidth > 0)]"
    seen = []
    for home in (address, site.as_uri() + "/"):
        with opened(browser, home) as (page, noise):
            page.goto(home + "controls/SM-DET-03.html")
            page.evaluate("() => document.querySelectorAll('details').forEach(one => { one.open = true })")
            page.wait_for_load_state("networkidle")
            seen.append(page.evaluate(look))
            assert noise.said == []
    assert seen[0] == seen[1]


def test_everything_is_reached_by_keyboard(browser: Browser, address: str) -> None:
    """The first stop is the link that skips the menu, and it does; what has the focus is in sight; "/" opens the search, arrows and Enter
    lead to what it found."""
    with opened(browser, address) as (page, noise):
        page.goto(address + "controls/SM-UPL-03.html")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.matches('.md-skip')")
        page.keyboard.press("Enter")
        page.wait_for_function("location.hash !== ''")  # the press is answered before what it leads to is
        page.goto(address + "index.html")
        stops = []
        for _ in range(30):
            page.keyboard.press("Tab")
            page.wait_for_timeout(30)  # a focus that scrolls is in sight a moment later
            stops.append(page.evaluate(FOCUS))
        assert [stop for stop in stops if not stop["seen"]] == []
        assert len({stop["what"] for stop in stops}) > 20, "the focus is caught"
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("/")
        expect(page.locator(SEARCH)).to_be_focused()
        page.keyboard.type("SM-UPL-03")
        page.wait_for_function(ANSWERED, arg=["sm", "upl", "03"])
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url("**/controls/SM-UPL-03.html*")
        assert noise.said == []


FOCUS = """() => {
  const one = document.activeElement, box = one.getBoundingClientRect();
  const beside = one.matches("input") ? [...one.labels, one.nextElementSibling].filter(Boolean).map(item => item.getBoundingClientRect()) : [];
  const inside = side => side.width > 0 && side.bottom > 0 && side.top < innerHeight && side.right > 0 && side.left < innerWidth;
  return {what: one.outerHTML.slice(0, 200), seen: one !== document.body && [box, ...beside].some(inside)};
}"""


COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""What of axe-core depends on the scheme of colours; all else is the same page."""


def test_what_the_button_copies_can_be_typed(browser: Browser, address: str) -> None:
    """Without the prompt, which a shell takes for a command, and without what the command prints."""
    with opened(browser, address, permissions=["clipboard-read", "clipboard-write"]) as (page, noise):
        page.goto(f"{address}about/guard.html")
        block = page.locator(".highlight", has_text="averment rules list --guard").first
        expect(block).to_contain_text("$ averment rules list --guard")
        block.locator("button.md-clipboard, button.md-code__button").first.click()
        expect(page.locator(".md-dialog--active")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert [line for line in copied.splitlines() if line] == [
            "averment rules list --guard",
            "averment rules guard detector-endpoint-guarded",
        ]
        assert noise.said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_keeps_anybody_out(browser: Browser, address: str, screenshots: Path, scheme: str) -> None:
    """axe-core finds no serious or critical violation on a page of any kind, and none of colours in the dark; pictures are kept for people to look at."""
    axe = Axe()
    with opened(browser, address, color_scheme=scheme) as (page, _):
        for name in (*KINDS, *MORE_KINDS) if scheme == "light" else KINDS:
            page.goto(address + name, wait_until="load")
            assert page.evaluate("document.body.dataset.mdColorScheme") == ("slate" if scheme == "dark" else "default")
            page.evaluate("() => document.querySelectorAll('details').forEach(one => { one.open = true })")
            result = axe.run(page, options={"resultTypes": ["violations"], **({} if scheme == "light" else COLOURS)}).response
            grave = [
                (rule["id"], rule["impact"], [node["html"][:160] for node in rule["nodes"][:3]])
                for rule in result["violations"]
                if rule["impact"] in {"serious", "critical"}
            ]
            assert grave == [], f"{name}, {scheme}"
            page.screenshot(path=screenshots / f"{name.replace('/', '-').removesuffix('.html')}-{scheme}.png")
    with opened(browser, address, color_scheme=scheme, viewport=PHONE) as (page, _):
        for name in KINDS[:3]:
            page.goto(address + name, wait_until="load")
            page.screenshot(path=screenshots / f"{name.replace('/', '-').removesuffix('.html')}-phone-{scheme}.png", full_page=True)


def test_pages_on_paper(browser: Browser, address: str, tmp_path: Path) -> None:
    """Printed, the first page has every control with its state, and a control's page all its assessments and findings, without menus."""
    printed = {}
    with opened(browser, address) as (page, _):
        for name in KINDS[:2]:
            page.goto(address + name, wait_until="load")
            pdf = tmp_path / "page.pdf"
            page.pdf(path=pdf, format="A4")
            printed[name] = subprocess.run(["pdftotext", "-raw", str(pdf), "-"], check=True, capture_output=True, text=True).stdout
    catalogue = load_catalogue()
    home = "".join(printed["index.html"].split())
    assert [control.id for control in catalogue if control.id not in home] == []
    control = catalogue.get("SM-UPL-03")
    assert control
    page_of_it = "".join(printed["controls/SM-UPL-03.html"].split())
    assert [item.title for item in control.assessments if "".join(item.title.split()) not in page_of_it] == []
    assert "Skiptocontent" not in home
    assert "Typetostartsearching" not in home
