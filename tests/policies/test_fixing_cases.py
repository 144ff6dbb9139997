"""``check --fix`` on the rules' own failing cases: what is mechanical is mended on every surface that can be edited, and nothing else changes.

Origin of the data: the rules' cases; the templates in JSON are the YAML ones, written anew.
"""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import time
from functools import cache
from pathlib import Path

import pytest

from averment.cli.main import run as averment
from averment.controls.loader import load_catalogue
from averment.core.words import Verdict
from averment.policies.casefile import SHIPPED
from averment.policies.engine import CheckResult, Options, check
from averment.policies.fixing import terraform as in_terraform
from averment.policies.fixing.apply import mended, write
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.cloudformation.parsing import parse_template

RULES = Path(__file__).resolve().parents[2] / "policies" / "rules"
FILES = ("main.tf", "template.yaml", "template.json")
MECHANICAL = {
    "config-recorder-on": ("nothing_recorded", "types_missing"),
    "detector-endpoint-guarded": ("capture_off", "model_on_the_network"),
    "evidence-bucket-worm": ("versioning_suspended",),
    "inference-cost-watched": ("alarm_muted",),
    "media-access-logged": ("trail_switched_off",),
    "media-bucket-events-scanned": ("eventbridge_off", "rule_disabled"),
    "media-bucket-hardened": ("no_access_block", "versioning_suspended"),
    "quarantine-not-served": ("readable_by_acl",),
    "s3-put-object-gated": ("writable_by_canned_acl",),
    "step-up-factor": ("bare_off", "not_set", "switched_off"),
    "upload-anomaly-alarm": ("actions_off", "request_metrics_off"),
}
"""Every rule that proposes changes, with failing cases that pass after them, on every surface."""


def folder_with(folder: Path, rule: str, case: str, name: str) -> Path:
    """``folder`` with one file of a case."""
    source = RULES / rule.replace("-", "_") / "cases" / f"{case}.fail" / ("main.tf" if name == "main.tf" else "template.yaml")
    text = source.read_text(encoding="utf-8")
    if name.endswith(".json"):
        text = json.dumps(parse_template(text, name), indent=2) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


CATALOGUE = load_catalogue()


def result_of(folder: Path, rule: str) -> CheckResult:
    return check([folder], all_rules(), SHIPPED, CATALOGUE, Options(rules=(rule,)))


def fix(folder: Path, rule: str) -> list[str]:
    """Check and fix; the reasons of what was refused."""
    edits = [edit for finding in result_of(folder, rule).failures for edit in finding.edits]
    mending = mended(edits, [folder], time.time() + 1)
    write(mending)
    return [reason for _, reason in mending.refused]


@cache
def proposing() -> dict[str, list[str]]:
    """The failing cases for whose template a rule proposes changes, by rule."""
    found: dict[str, list[str]] = {}
    for path in sorted(RULES.glob("*/cases/*.fail/template.yaml")):
        rule = path.parents[2].name.replace("_", "-")
        if any(finding.edits for finding in result_of(path, rule).failures):
            found.setdefault(rule, []).append(path.parent.name.removesuffix(".fail"))
    return found


def test_every_rule_that_proposes_changes_is_in_the_table():
    """A rule that comes to propose changes is held to a case that they mend, and one that no longer does is noticed."""
    assert set(proposing()) == set(MECHANICAL), "MECHANICAL in this file names a failing case of each, which passes after the fix"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("rule", MECHANICAL)
def test_failing_cases_pass_after_the_fix(rule: str, name: str, tmp_path: Path):
    """What is mechanical is gone; lines are added, and one is replaced at most; a second run has nothing to do."""
    assert set(MECHANICAL[rule]) <= set(proposing()[rule])
    for case in proposing()[rule]:
        folder = folder_with(tmp_path / case, rule, case, name)
        before = (folder / name).read_text()
        assert result_of(folder, rule).failures
        refused = fix(folder, rule)
        after = (folder / name).read_text()
        result = result_of(folder, rule)
        assert result.problems == ()
        if case in MECHANICAL[rule]:
            assert refused == []
            assert {finding.verdict for finding in result.findings} == {Verdict.PASS}
        assert refused or not any(finding.edits for finding in result.failures), "what is mechanical is done at once"
        changed = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0))[2:]
        assert bool(changed) is not bool(refused)
        assert sum(line.startswith("-") for line in changed) <= 1, changed
        fix(folder, rule)
        assert (folder / name).read_text() == after
        if name == "main.tf":
            assert not in_terraform._parser().parse(after.encode()).root_node.has_error


@pytest.mark.parametrize("rule", MECHANICAL)
def test_the_diff_is_what_is_written(rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """``--fix --diff`` prints a diff that, applied, gives the file that ``--fix`` writes; it writes nothing itself."""
    for name in FILES:
        case = MECHANICAL[rule][0]
        shown = folder_with(tmp_path / "shown" / name, rule, case, name)
        written = folder_with(tmp_path / "written" / name, rule, case, name)
        before = (shown / name).read_text()
        monkeypatch.chdir(shown)
        os.utime(name, (1, 1))
        averment(["check", "--rule", rule, "--fix", "--diff"])
        diff = capsys.readouterr().out
        assert (shown / name).read_text() == before
        subprocess.run(["git", "init", "-q", "."], check=True)
        subprocess.run(["git", "apply", "-"], input=diff, text=True, check=True)
        monkeypatch.chdir(written)
        os.utime(name, (1, 1))
        assert averment(["check", "--rule", rule, "--fix"]) == 0
        assert "fixed" in capsys.readouterr().err
        assert (written / name).read_text() == (shown / name).read_text()


@pytest.mark.parametrize("rule", MECHANICAL)
def test_templates_satisfy_cfn_lint_as_before(rule: str, tmp_path: Path):
    """CloudFormation's own linter has no error on a mended template that it didn't have before."""
    from cfnlint.api import ManualArgs, lint

    def errors(text: str) -> set[str]:
        return {
            f"{match.rule.id} {match.message}" for match in lint(text, config=ManualArgs(regions=["eu-west-1"])) if match.rule.id[0] == "E"
        }

    for case in MECHANICAL[rule]:
        folder = folder_with(tmp_path / case, rule, case, "template.yaml")
        before = (folder / "template.yaml").read_text()
        assert fix(folder, rule) == []
        found = errors((folder / "template.yaml").read_text())
        assert not found or found <= errors(before)
