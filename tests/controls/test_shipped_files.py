"""The files that ship: a run trusts them, so these tests hold them to their schemas."""

from __future__ import annotations

import tomllib
from pathlib import Path

import averment
from averment.controls import frameworks, loader
from averment.controls.documents import documents as documented
from averment.controls.documents import yaml_files
from averment.core.schema import schema_problems

ROOT = Path(__file__).resolve().parents[2]


def test_every_shipped_control_keeps_its_schema():
    """What isn't checked on every run is checked here, file by file."""
    documents = documented(loader._files(loader.shipped_catalogue(), "controls/catalog"))
    assert len(documents) > 30
    assert [problem for document in documents for problem in schema_problems(document, loader.SCHEMA)] == []


def test_every_shipped_framework_keeps_its_schema():
    """As for controls."""
    documents = documented(yaml_files(frameworks.shipped_frameworks(), "governance/frameworks"))
    assert len(documents) > 8
    assert [problem for document in documents for problem in schema_problems(document, frameworks.SCHEMA)] == []


def test_the_version_is_the_projects():
    """The version stands in the package, so that nobody has to look up metadata for it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert averment.__version__ == project["project"]["version"]
