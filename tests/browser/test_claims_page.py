"""The pages of a package, as a reader sees them: by day and in the dark, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

DESK: ViewportSize = {"width": 1200, "height": 900}
ZOOMED: ViewportSize = {"width": 720, "height": 450}
"""A window of 1440 pixels at 200 %."""

PHONE: ViewportSize = {"width": 400, "height": 800}


def serious(result: Any) -> list[str]:
    return [
        f"{found['id']}: {found['nodes'][0]['html'][:300]}" for found in result["violations"] if found["impact"] in {"serious", "critical"}
    ]


@contextmanager
def opened(browser: Browser, site: Path, picture: Path, scheme: Any, viewport: ViewportSize) -> Iterator[Page]:
    """A page of the package by day or in the dark, photographed; axe-core finds nothing serious on it. The page is called as ``picture`` begins."""
    context = browser.new_context(color_scheme=scheme, viewport=viewport, bypass_csp=True)
    page = context.new_page()
    page.goto((site.parents[2] / "package" / f"{picture.name.partition('-')[0]}.html").as_uri())
    page.screenshot(path=picture, full_page=True)
    assert serious(Axe().run(page).response) == []
    yield page
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_claims_can_be_read_by_everybody(browser: Browser, site: Path, screenshots: Path, scheme: Any, viewport: ViewportSize) -> None:
    """Nothing reaches out of the page, and no label of a plot out of its picture."""
    with opened(browser, site, screenshots / f"claims-{scheme}-{viewport['width']}.png", scheme, viewport) as page:
        assert page.locator("svg.av-plot").count() > 0
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        outside = """() => [...document.querySelectorAll('svg.av-plot')].flatMap(svg => {
          const box = svg.getBoundingClientRect();
          return [...svg.querySelectorAll('text')].filter(text => {
            const own = text.getBoundingClientRect();
            return own.left < box.left - 1 || own.right > box.right + 1 || own.top < box.top - 1 || own.bottom > box.bottom + 1;
          }).map(text => text.textContent);
        })"""
        assert page.evaluate(outside) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, ZOOMED, PHONE], ids=["desk", "zoomed", "phone"])
def test_the_package_can_be_read_by_everybody(browser: Browser, site: Path, screenshots: Path, scheme: Any, viewport: ViewportSize) -> None:
    """What is satisfied and what isn't can be told on either ground. No name pushes a table out of the page, on a phone and at 200 % either, where
    each cell says what column it is of."""
    with opened(browser, site, screenshots / f"README-{scheme}-{viewport['width']}.png", scheme, viewport) as page:
        assert page.locator("td.state").count() > 0
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        named = "getComputedStyle(document.querySelector('td.state'), '::before').content"
        assert page.evaluate(named) == ("none" if viewport is DESK else '"State: "')
        if viewport is DESK:
            share = "(cell => cell.offsetWidth / cell.closest('table').offsetWidth)(document.querySelector('td[data-head=Why]'))"
            assert page.evaluate(share) > 0.3, "the reasons are what is read"
