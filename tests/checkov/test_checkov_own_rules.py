"""Rules of the user's own through Checkov: run like those that ship, and never lost without a word."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from averment.cli.main import run as averment
from averment.controls.loader import load_catalogue
from averment.core.errors import ExitCode
from averment.core.organisation import Organisation
from averment.core.words import Severity
from averment.policies import own_rules
from averment.policies.engine import CheckResult, Options, check
from averment.policies.interface import Outcome, Rule, fail
from averment.policies.own_rules import with_own
from averment.policies.surfaces.checkov import checks
from averment.policies.surfaces.checkov.engine import check_with_checkov

pytestmark = pytest.mark.filterwarnings("ignore")  # Checkov's own dependencies warn

BUCKET = 'resource "aws_s3_bucket" "b" {\n  bucket = "ledger"\n}\n'
TEMPLATE = "Resources:\n  Ledger:\n    Type: AWS::S3::Bucket\n    Properties: {BucketName: ledger}\n"
PLAN = (
    '{"format_version": "1.2", "terraform_version": "1.11.4", "planned_values": {"root_module": {"resources": [{"address": "aws_s3_bucket.b",'
    ' "mode": "managed", "type": "aws_s3_bucket", "name": "b", "values": {"bucket": "ledger"}}]}}}'
)
RULE = """\
from averment.core.words import Severity
from averment.policies.interface import Rule, fail

RULE = Rule("{id}", "t", Severity.HIGH, ("AWS::S3::Bucket",), lambda bucket, context: {answer}, "r")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a bucket in Terraform, a template and a plan, and the rule that ``rules new`` writes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "main.tf").write_text(BUCKET)
    (tmp_path / "infra" / "t.yaml").write_text(TEMPLATE)
    (tmp_path / "infra" / "plan.json").write_text(PLAN)
    assert averment(["rules", "new", "bucket-has-owner", "--output", "own"]) == 0
    return tmp_path


def own(folder: Path, slug: str, answer: str = 'fail("it is a bucket")') -> Path:
    """A folder of rules with one called ``slug``."""
    file = folder / slug / "rule.py"
    file.parent.mkdir(parents=True)
    file.write_text(RULE.format(id=slug.replace("_", "-"), answer=answer))
    return folder


def through_checkov(path: Path, *rules: Rule, patterns: tuple[str, ...] = ()) -> CheckResult:
    return check_with_checkov([path], rules, Organisation(), load_catalogue(), Options(rules=patterns))


def key(result: CheckResult) -> list[tuple[Any, ...]]:
    return [(item.rule, item.resource, item.verdict, item.message, item.where, item.severity) for item in result.findings]


def test_a_rule_of_a_folder_has_the_same_findings_through_checkov(folder: Path) -> None:
    """Contract: shipped and own rules together, on Terraform, a template and a plan."""
    rules = with_own([folder / "own"])
    mine = check([folder / "infra"], rules, Organisation(), load_catalogue())
    theirs = through_checkov(folder / "infra", *rules)
    assert {item.resource for item in mine.failures if item.rule == "bucket-has-owner"} == {"aws_s3_bucket.b", "Ledger"}
    assert len([item for item in mine.failures if item.rule == "bucket-has-owner"]) == 3
    assert key(theirs) == key(mine)
    assert theirs.problems == mine.problems == ()


def test_the_command_takes_them_from_the_option_and_from_averment_yaml(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--rules`` and ``rules:`` work with ``--engine checkov``; ``--no-own-rules`` runs none of that code."""
    ask = ["check", "infra", "--engine", "checkov", "--rule", "bucket-has-owner"]
    assert averment([*ask, "--rules", "own"]) == 1
    assert "this bucket has no tag 'owner'" in capsys.readouterr().out
    assert averment(ask) == 2
    (folder / "averment.yaml").write_text("version: 1\nrules: [own]\n")
    assert averment(ask) == 1
    assert averment([*ask, "--no-own-rules"]) == 2


def test_a_package_brings_rules_through_checkov_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that an installed package names in the entry point group is registered and asked."""
    (folder / "their_rules.py").write_text(RULE.format(id="theirs", answer='fail("as they say")'))
    info = folder / "their_rules-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-rules\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{own_rules.GROUP}]\ntheirs = their_rules:RULE\n")
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    result = through_checkov(folder / "infra", *with_own(()), patterns=("theirs",))
    assert [item.message for item in result.failures] == ["as they say"] * 3
    assert result.problems == ()


def test_a_rule_that_does_not_load_fails_the_run_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 3 with the file, as natively; Checkov itself would log it and exit 0."""
    (folder / "own" / "bucket_has_owner" / "rule.py").write_text("1 / 0\n")
    assert averment(["check", "infra", "--engine", "checkov", "--rules", "own"]) == 3
    assert "own/bucket_has_owner/rule.py:1: rule 'bucket_has_owner' does not load" in capsys.readouterr().err


def test_a_rule_that_crashes_is_a_problem(folder: Path) -> None:
    """Whatever a rule of one's own does with a resource, the run is incomplete, and says where."""
    (crashing,) = (item for item in with_own([own(folder / "more", "crashing", "1 / 0")]) if item.id == "crashing")
    result = through_checkov(folder / "infra", crashing)
    assert {problem.reason for problem in result.problems} == {
        "rule crashing crashed on aws_s3_bucket.b: ZeroDivisionError: division by zero",
        "rule crashing crashed on Ledger: ZeroDivisionError: division by zero",
    }
    assert result.exit_code() is ExitCode.INCOMPLETE


def test_a_check_of_ones_own_that_raises_is_a_problem(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkov turns an exception in a check into a dropped "unknown"; here the check of that rule alone raises."""
    answer = checks._answer

    def broken(check: Any, rule: Rule, *rest: Any) -> Any:
        if rule.id == "raising":
            raise RuntimeError("boom")
        return answer(check, rule, *rest)

    monkeypatch.setattr(checks, "_answer", broken)
    rules = with_own([own(folder / "more", "raising")])
    result = through_checkov(folder / "infra", *rules)
    assert any("check AVERMENT_RAISING raised on /plan.json" in problem.reason for problem in result.problems)
    assert result.exit_code() is ExitCode.INCOMPLETE


def test_a_file_that_checkov_cannot_parse_and_a_block_it_never_asks_about_are_problems(folder: Path) -> None:
    """The holes are closed for own rules alone, too."""
    (folder / "infra" / "broken.tf").write_text('resource "x" {{{\n')
    (folder / "infra" / ".serverless").mkdir()
    (folder / "infra" / ".serverless" / "main.tf").write_text(BUCKET)
    (mine,) = (item for item in with_own([own(folder / "more", "lonely")]) if item.id == "lonely")
    reasons = [problem.reason for problem in through_checkov(folder / "infra", mine).problems]
    assert "Checkov could not parse this file (terraform)" in reasons
    assert "Checkov never asked rule lonely about aws_s3_bucket.b" in reasons


def rule(name: str, answer: Outcome) -> Rule:
    return Rule(name, "t", Severity.LOW, ("AWS::S3::Bucket",), lambda *_: answer, "r")


def test_another_check_of_the_same_id_does_not_pass_for_the_rule(folder: Path) -> None:
    """Checkov drops a check whose id is taken, without a word: a check that somebody else registered is not ours."""
    base = importlib.import_module("checkov.terraform.checks.resource.base_resource_check").BaseResourceCheck
    results = importlib.import_module("checkov.common.models.enums").CheckResult
    theirs = type("Theirs", (base,), {"scan_resource_conf": lambda *_: results.PASSED})
    theirs(name="t", id="AVERMENT_TAKEN_BEFORE", categories=[], supported_resources=["*"])
    result = through_checkov(folder / "infra" / "main.tf", rule("taken-before", fail("no")))
    assert any(problem.reason == "rule taken-before is not registered with Checkov's terraform checks" for problem in result.problems)
    assert result.exit_code() is ExitCode.INCOMPLETE


def test_two_rules_with_one_id_in_checkov_are_a_problem(folder: Path) -> None:
    """A package may call its rules ``x_y`` and ``x-y``; Checkov would run the first of them only."""
    result = through_checkov(folder / "infra" / "main.tf", rule("twin-rule", fail("one")), rule("twin_rule", fail("two")))
    assert [item.message for item in result.failures] == ["one"]
    assert any(problem.reason.startswith("rule twin_rule is not registered") for problem in result.problems)
