"""The public API as such: what it is made of, that it is documented, and what importing it costs."""

from __future__ import annotations

import importlib.util
import inspect
import re
import subprocess
import sys
from enum import Enum
from pathlib import Path

import pytest

from averment import api
from averment.policies.report.registry import FORMAT_NAMES

PAGE = Path(__file__).parents[2] / "governance" / "docs" / "python-api.md"
JOBS = ("check", "collect", "export", "prove", "replay", "verify")


def rebuilt() -> str:
    """The signatures of the API as it is."""
    spec = importlib.util.spec_from_file_location("rebuild_signatures", Path(__file__).with_name("rebuild_signatures.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.signatures())


def test_the_public_names_are_what_they_were() -> None:
    """A name, parameter, field or member changes on purpose only: whoever changes it writes it into the file, and reads the page on stability."""
    kept = Path(__file__).with_name("signatures.txt").read_text(encoding="utf-8")
    assert rebuilt() == kept, "if the change is meant: python tests/api/rebuild_signatures.py, and a line in the changelog"


def test_every_name_is_there_and_no_other() -> None:
    """Each name of ``__all__`` can be had, in order; another one is an AttributeError as of any module."""
    assert dir(api) == sorted(set(api.__all__))
    assert all(getattr(api, name) is not None for name in api.__all__)
    assert api.ClaimOutcome is not api.ReplayOutcome
    with pytest.raises(AttributeError, match="no attribute 'collects'"):
        _ = api.collects  # type: ignore[attr-defined]


def test_the_page_names_every_name_and_every_shown_field() -> None:
    """The page is whole, and nothing on it is made up: each field that a row gives to a type is one."""
    text = re.sub(r"^```.*?^```$", "", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    named = {word.split("(")[0].removeprefix("api.") for word in re.findall(r"`([^`]+)`", text)}
    assert set(api.__all__) <= named
    told = re.findall(r"\w+", f"{text.partition('gives it as')[2].partition('|')[0]} {inspect.getdoc(api.Checked.render)}")
    assert [name for name in FORMAT_NAMES if told.count(name) < 2] == [], "name the format on the page and in Checked.render"
    for first, rest in re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE):
        if first not in api.__all__ or not inspect.isclass(getattr(api, first)) or issubclass(getattr(api, first), Exception | Enum):
            continue
        known = {*dir(getattr(api, first)), *getattr(getattr(api, first), "__dataclass_fields__", ())}
        words = {word.split("(")[0] for word in re.findall(r"`([a-z_]+(?:\([^`]*\))?)`", rest)}
        assert words - known - {"file:line", *FORMAT_NAMES, "arn"} <= {"str"}, first


@pytest.mark.parametrize("name", JOBS)
def test_each_job_says_what_it_takes_and_raises(name: str) -> None:
    """The docstring names every parameter of its own and the exceptions."""
    function = getattr(api, name)
    text = inspect.getdoc(function) or ""
    assert "Raises:" in text
    common = {"organisation", "on_note", "on_progress"}  # told once, on the page
    assert [item for item in inspect.signature(function).parameters if item not in common and f"``{item}``" not in text] == []


def test_importing_the_api_imports_nothing_else() -> None:
    """A program that verifies a package doesn't load collectors, and a check no cryptography."""
    script = (
        "import sys; from averment import api\n"
        "print([name for name in sys.modules if name.startswith('averment.') and name != 'averment.api'])\n"
        "api.check; print([name for name in ('boto3', 'numpy', 'cryptography', 'click', 'rich') if name in sys.modules])\n"
        "api.verify; print('averment.evidence.collectors.registry' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "[]", "False"]
