"""The rules inside Checkov: the same findings as the native engine on every case, and no hole through which one is lost."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from averment.controls.loader import load_catalogue
from averment.core.errors import ExitCode
from averment.core.words import Verdict
from averment.policies.casefile import SHIPPED
from averment.policies.engine import CheckResult, check
from averment.policies.interface import Kind
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.checkov import checks
from averment.policies.surfaces.checkov import engine as in_process
from averment.policies.surfaces.checkov.engine import check_with_checkov

pytestmark = pytest.mark.filterwarnings("ignore")  # Checkov's own dependencies warn

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "policies" / "rules"
SHOP = ROOT / "examples" / "shop"
POLICY = """resource "aws_s3_bucket" "u" {
  bucket = "shop-uploads"
}
resource "aws_s3_bucket_policy" "u" {
  bucket = aws_s3_bucket.u.id
  policy = jsonencode({
    Statement = [{ Effect = "Allow", Principal = "*", Action = "s3:PutObject", Resource = "${aws_s3_bucket.u.arn}/*" }]
  })
}
"""


def key(result: CheckResult) -> list[tuple[Any, ...]]:
    return [(item.rule, item.resource, item.verdict, item.message, item.where, item.waived_by) for item in result.findings]


def through_checkov(path: Path) -> CheckResult:
    return check_with_checkov([path], all_rules(), SHIPPED, load_catalogue())


def native(path: Path) -> CheckResult:
    return check([path], all_rules(), SHIPPED, load_catalogue())


INFRASTRUCTURE = [rule for rule in all_rules() if rule.kind is Kind.INFRASTRUCTURE]
"""Checkov has no surface for source code: those rules run beside it, as they are."""


@pytest.mark.parametrize("rule", INFRASTRUCTURE, ids=lambda rule: rule.id)
def test_both_engines_agree_on_every_case(rule: Any, tmp_path: Path):
    """Contract: each case of each rule has the same findings, places and messages through Checkov as natively."""
    for folder in sorted((RULES / rule.id.replace("-", "_") / "cases").iterdir()):
        case = tmp_path / folder.name
        case.mkdir()
        for name in ("main.tf", "template.yaml"):
            if (folder / name).is_file():
                shutil.copy(folder / name, case / name)
    mine, theirs = native(tmp_path), through_checkov(tmp_path)
    assert mine.findings, "a contract over nothing proves nothing"
    assert key(theirs) == key(mine)
    assert [problem for problem in theirs.problems if problem not in mine.problems] == []


def test_both_engines_agree_on_the_example_shop():
    """Contract on a larger tree: modules, data sources, templates, waivers."""
    mine, theirs = native(SHOP), through_checkov(SHOP)
    assert key(theirs) == key(mine)
    assert theirs.exit_code() is mine.exit_code()


def test_both_engines_agree_on_a_generated_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Contract on many root modules that call shared ones with for_each, and on templates beside files of other kinds."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "check"))
    trees = importlib.import_module("trees")
    trees.monorepo(tmp_path / "tf", files=120)
    trees.templates(tmp_path / "cfn", files=120)
    mine, theirs = native(tmp_path), through_checkov(tmp_path)
    assert len(mine.findings) > 50
    assert key(theirs) == key(mine)


def test_single_files_have_the_same_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Naming one file, as pre-commit does, works through Checkov too, from any folder."""
    (tmp_path / "main.tf").write_text(POLICY)
    (tmp_path / "t.yaml").write_text("Resources:\n  Uploads:\n    Type: AWS::S3::Bucket\n")
    monkeypatch.chdir(tmp_path.parent)
    for name in ("main.tf", "t.yaml"):
        mine, theirs = native(tmp_path / name), through_checkov(tmp_path / name)
        assert mine.failures
        assert key(theirs) == key(mine)
        assert theirs.problems == mine.problems


def test_sam_and_modules_have_the_same_findings(tmp_path: Path):
    """What a transform generates, and keyed module instances, are found through the blocks that Checkov knows."""
    (tmp_path / "t.yaml").write_text(
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  Uploads:\n    Type: AWS::S3::Bucket\n  Fn:\n    Type: AWS::Serverless::Function\n"
        "    Properties:\n      Handler: a.b\n      Runtime: python3.12\n      Policies:\n        - AmazonS3FullAccess\n"
    )
    (tmp_path / "tf" / "m").mkdir(parents=True)
    (tmp_path / "tf" / "m" / "main.tf").write_text(POLICY)
    (tmp_path / "tf" / "main.tf").write_text('module "m" {\n  for_each = toset(["a", "b"])\n  source   = "./m"\n}\n')
    mine, theirs = native(tmp_path), through_checkov(tmp_path)
    assert {item.resource for item in mine.failures} >= {
        "FnRole",
        'module.m["a"].aws_s3_bucket_policy.u',
        'module.m["b"].aws_s3_bucket_policy.u',
    }
    assert key(theirs) == key(mine)


def test_every_rule_is_registered_in_both_registries():
    """Checkov's loader swallows a check that doesn't load: compare what was registered with what there is."""
    checks.register(all_rules())
    for registry in checks.REGISTRIES:
        assert {rule.id for rule in INFRASTRUCTURE} <= checks.registered(registry)


def test_a_rule_that_is_not_registered_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A check that Checkov doesn't hold would pass in silence."""
    (tmp_path / "main.tf").write_text(POLICY)
    monkeypatch.setattr(in_process.checks, "registered", lambda _registry: frozenset())
    result = through_checkov(tmp_path)
    assert result.exit_code() is ExitCode.INCOMPLETE
    assert any("is not registered" in problem.reason for problem in result.problems)


def test_a_file_that_checkov_cannot_parse_is_a_problem(tmp_path: Path):
    """Checkov exits 0 on it."""
    (tmp_path / "main.tf").write_text(POLICY)
    (tmp_path / "broken.tf").write_text('resource "x" {{{\n')
    result = through_checkov(tmp_path)
    assert result.exit_code() is ExitCode.INCOMPLETE
    assert any("could not parse" in problem.reason for problem in result.problems)


def test_a_block_that_checkov_never_asks_about_is_a_problem(tmp_path: Path):
    """Checkov passes over some folders without a word; what the rules found there is said."""
    (tmp_path / ".serverless").mkdir()
    (tmp_path / ".serverless" / "main.tf").write_text(POLICY)
    (tmp_path / "main.tf").write_text(POLICY)
    result = through_checkov(tmp_path)
    assert any("never asked rule s3-put-object-gated" in problem.reason for problem in result.problems)
    assert result.exit_code() is ExitCode.INCOMPLETE


def test_a_check_or_runner_that_raises_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Checkov turns an exception in a check into a dropped "unknown"."""
    (tmp_path / "main.tf").write_text(POLICY)

    def broken(*_: Any) -> Any:
        raise RuntimeError("boom")

    monkeypatch.setattr(checks, "_answer", broken)
    result = through_checkov(tmp_path)
    assert any("raised on /main.tf" in problem.reason and "boom" in problem.reason for problem in result.problems)
    assert result.exit_code() is ExitCode.INCOMPLETE


def test_unknown_is_reported(tmp_path: Path):
    """Checkov drops it from every output; through us it is counted."""
    text = POLICY.replace('Principal = "*"', "Principal = { AWS = var.who }")
    (tmp_path / "main.tf").write_text('variable "who" {}\n' + text)
    assert any(item.verdict is Verdict.UNKNOWN and item.rule == "s3-put-object-gated" for item in through_checkov(tmp_path).findings)
