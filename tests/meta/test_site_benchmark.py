"""What the site's benchmark compares: as many controls as asked for, and pages with the same text and less markup."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from averment.controls.loader import load_catalogue

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "site" / "speed.py"
PAGE = """\
---
title: SM-UPL-03
---

# SM-UPL-03 No broad access

<p class="av-asof"><span class="av-badge">x failed</span> as of <span class="av-when">2026-11-23</span></p>

<dl class="av-facts">
<dt>Owner</dt><dd>platform-security</dd>
</dl>

## Assessments { #all }

| What | State |
|---|---|
| **Code** <br> rule [a-rule](../rules/a-rule.md#fix) | <span class="av-strip" role="img"><i>??</i></span> in <code>main&#46;tf</code>, 1 &#43; 1 |
"""


@pytest.fixture(scope="module")
def speed() -> Iterator[ModuleType]:
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("site_speed", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_copies_make_up_the_number(speed: ModuleType, tmp_path: Path) -> None:
    """More controls than ship are copies under numbers of their own, and load like any."""
    shipped = len(load_catalogue().controls)
    speed.catalogue_in(tmp_path, shipped + 2)
    ids = [control.id for control in load_catalogue(catalog=tmp_path)]
    assert len(set(ids)) == shipped + 2
    assert sum(len(name.rpartition("-")[2]) == 3 for name in ids) == 2


def test_plain_pages_have_the_text_without_our_markup(speed: ModuleType) -> None:
    """Headings, tables, lists, links and text stay; HTML, attributes and the signs of history go. In prose only headings and words stay."""
    written = speed.as_written(PAGE)
    assert "<" not in written
    assert "## Assessments \n" in written
    assert "- Owner: platform-security" in written
    assert "| **Code** rule [a-rule](../rules/a-rule.md) |  in `main.tf`, 1  1 |" in written
    prose = speed.as_prose(PAGE)
    assert "# SM UPL 03 No broad access" in prose
    assert "platform security" in prose
    assert not set("|[]<>*`") & set(prose)
