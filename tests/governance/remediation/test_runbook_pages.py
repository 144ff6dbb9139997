"""The runbooks' pages say what the documents are and what was executed, no more."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from averment.governance.remediation.runbooks import runbook_names, shipped_runbook
from averment.governance.remediation.runbooks.executed import as_text, executed, of_runbook, path
from averment.governance.remediation.runbooks.pages import all_pages, render

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "governance" / "docs"
NAMES = runbook_names()


def test_the_pages_are_what_the_documents_and_the_record_say():
    """Generated; write them anew with ``make pages``. None is left of a runbook that is gone."""
    assert {page.name: page.read_text(encoding="utf-8") for page in (DOCS / "runbooks").glob("*.md")} == all_pages()


def test_each_page_is_found():
    """In the documentation's navigation and from the page about runbooks."""
    navigation = yaml.safe_dump(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    overview = (DOCS / "runbooks.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"runbooks/{name}.md" in navigation
        assert f"(runbooks/{name}.md)" in overview


def test_the_record_is_of_tests_that_are_there():
    """Each entry is a test that executes runbooks, in that test's own words, and each such test has an entry; its executions it compares itself."""
    tree = ast.parse((Path(__file__).parent / "test_runbooks_run.py").read_text(encoding="utf-8"))
    tests = {
        node.name: " ".join((ast.get_docstring(node) or "").split())
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and "run" in {argument.arg for argument in node.args.args}
    }
    assert {name.partition("[")[0]: item.sentence for name, item in executed().items()} == tests


def test_the_record_is_written_as_it_is_read():
    """Nothing in the file is lost or left unread."""
    assert as_text(executed()) == path().read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_every_runbook_was_tried_dry_for_real_and_with_an_approval(name: str):
    """And every step of it was taken at least once: none is met for the first time in an incident."""
    ran = [item for _, item in of_runbook(name, executed())]
    assert any(item.dry_run and item.status == "Success" for item in ran)
    assert any(not item.dry_run and item.status == "Success" for item in ran)
    assert any(item.approved for item in ran)
    steps = {step["name"] for step in shipped_runbook(name).content["mainSteps"]}
    assert steps <= {step for item in ran for step in item.steps}


def test_a_page_of_what_was_never_executed_says_so():
    """Nothing is claimed that the record doesn't hold."""
    page = render(shipped_runbook("restore"), {}, [])
    assert "Executed 0 times" in page
    assert "Of its 6 steps 0 were taken; never `plan`, `howToGoOn`, `planned`, `approve`, `unchanged`, `putBack`." in page
    assert "No call was made to fail." in page


def test_a_page_says_what_a_step_calls_and_what_its_role_may():
    """Down to the calls of a script, and with the parameters in place of resources."""
    page = all_pages()["preserve-evidence.md"]
    assert "| `copy` | a script in Python (`aws:executeScript`) | `s3:copy_object`" in page
    assert '"arn:aws:s3:::<EvidenceBucket>/*"' in page
    assert "When to use it" in page


def test_what_no_call_shows_is_said_of_keys():
    """The queue of the media gate is encrypted with a key of its own: whoever sends to it needs that key, which the generated policy can't know."""
    from averment.governance.remediation.blueprints import all_blueprints
    from averment.governance.remediation.blueprints.pages import read_template

    template = read_template(all_blueprints()["media-gate"])
    assert "KmsMasterKeyId" in template["Resources"]["ScanQueue"]["Properties"]
    assert {"ScanQueueUrl", "DataKeyArn"} <= set(template["Outputs"])
    assert any(
        "`kms:GenerateDataKey` and `kms:Decrypt`" in said and "`DataKeyArn`" in said for said in shipped_runbook("rescan-since").remains
    )
