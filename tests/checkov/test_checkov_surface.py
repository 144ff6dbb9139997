"""The rules inside Checkov: the same findings as the native engine on every case, and no hole through which one is lost."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
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
from averment.policies.waivers import checkov_id

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


def run_cli(folder: Path, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Plain Checkov with our external checks, as its users run it."""
    external = Path(checks.__file__).parent / "external"
    command = [sys.executable, "-m", "checkov.main", "-d", str(folder), "--external-checks-dir", str(external), "--check", "AVERMENT*"]
    done = subprocess.run(
        [*command, "-o", "json", *arguments], capture_output=True, text=True, check=False, env={**os.environ, "LOG_LEVEL": "WARNING"}
    )
    value = json.loads(done.stdout)
    reports = value if isinstance(value, list) else [value]
    return done.returncode, [report for report in reports if "results" in report], done.stderr


def test_plain_checkov_fails_skips_and_warns(tmp_path: Path):
    """``checkov --external-checks-dir`` finds the flaw with our message and severity, honours its own skips, and warns of unknowns."""
    (tmp_path / "main.tf").write_text(POLICY)
    (tmp_path / "skip.yaml").write_text(
        "Resources:\n  Uploads:\n    # checkov:skip=AVERMENT_MEDIA_BUCKET_EVENTS_SCANNED:known\n    Type: AWS::S3::Bucket\n    Properties: {BucketName: my-uploads}\n"
    )
    (tmp_path / "unknown.tf").write_text(
        'variable "who" {}\nresource "aws_s3_bucket" "w" {\n  bucket = "more-uploads"\n}\nresource "aws_s3_bucket_policy" "w" {\n'
        '  bucket = aws_s3_bucket.w.id\n  policy = jsonencode({ Statement = [{ Effect = "Allow", Principal = { AWS = var.who },'
        ' Action = "s3:PutObject", Resource = "*" }] })\n}\n'
    )
    code, reports, errors = run_cli(tmp_path)
    assert code == 1
    failed = {(item["check_id"], item["resource"]): item for report in reports for item in report["results"]["failed_checks"]}
    found = failed["AVERMENT_S3_PUT_OBJECT_GATED", "aws_s3_bucket_policy.u"]
    assert found["severity"] == "HIGH"
    assert "s3:PutObject" in found["details"][0]
    skipped = [item["check_id"] for report in reports for item in report["results"]["skipped_checks"]]
    assert "AVERMENT_MEDIA_BUCKET_EVENTS_SCANNED" in skipped
    assert "could not tell" in errors
    assert "aws_s3_bucket_policy.w" in errors


def test_every_rule_is_registered_in_both_frameworks():
    """Checkov's loader swallows a check that doesn't load: compare what was registered with what there is."""
    checks.register()
    expected = {checkov_id(rule.id) for rule in INFRASTRUCTURE}
    for framework in checks.FRAMEWORKS:
        assert expected <= checks.registered(framework)


def test_a_rule_that_is_not_registered_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A check that Checkov doesn't hold would pass in silence."""
    (tmp_path / "main.tf").write_text(POLICY)
    monkeypatch.setattr(in_process.checks, "registered", lambda _framework: frozenset())
    monkeypatch.setattr(in_process.checks, "register", lambda: ())
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
