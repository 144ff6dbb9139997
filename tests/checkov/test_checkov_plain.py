"""Plain Checkov with ``--external-checks-dir``, as its users run it: findings, skips, unknowns, own rules, and a run that isn't complete."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from averment.cli.main import run as averment
from averment.policies.surfaces.checkov import checks

ROOT = Path(__file__).resolve().parents[2]
PLANS = ROOT / "policies" / "rules" / "s3_put_object_gated" / "cases"
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
BUCKET = 'resource "aws_s3_bucket" "b" {\n  bucket = "ledger"\n}\n'


def run_cli(*target: str, environment: dict[str, str] | None = None, cwd: Path | None = None) -> tuple[int, list[dict[str, Any]], str]:
    """Plain Checkov with our external checks: exit code, reports, and stderr. All its frameworks at once take seconds longer."""
    external = Path(checks.__file__).parent / "external"
    command = [sys.executable, "-m", "checkov.main", *target, "--external-checks-dir", str(external), "--check", "AVERMENT*"]
    if "--framework" not in target:
        command += ["--framework", "terraform", "cloudformation", "terraform_plan"]
    settings = {**os.environ, "LOG_LEVEL": "WARNING", **(environment or {})}
    done = subprocess.run([*command, "-o", "json"], capture_output=True, text=True, check=False, env=settings, cwd=cwd)
    value = json.loads(done.stdout)
    reports = value if isinstance(value, list) else [value]
    return done.returncode, [report for report in reports if "results" in report], done.stderr


def failed(reports: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(item["check_id"], item["resource"]): item for report in reports for item in report["results"]["failed_checks"]}


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
    code, reports, errors = run_cli("-d", str(tmp_path), "--framework", "all")
    assert code == 1
    found = failed(reports)["AVERMENT_S3_PUT_OBJECT_GATED", "aws_s3_bucket_policy.u"]
    assert found["severity"] == "HIGH"
    assert "s3:PutObject" in found["details"][0]
    skipped = [item["check_id"] for report in reports for item in report["results"]["skipped_checks"]]
    assert "AVERMENT_MEDIA_BUCKET_EVENTS_SCANNED" in skipped
    assert "could not tell" in errors
    assert "aws_s3_bucket_policy.w" in errors
    assert not any(name == "AVERMENT_RUN_COMPLETE" for name, _ in failed(reports))


def test_plain_checkov_reads_plans(tmp_path: Path) -> None:
    """A plan in a folder and one that is named have the findings that the rules have on it, by address."""
    case = sorted(PLANS.glob("*.fail/plan.json"))[0]
    (tmp_path / "plan.json").write_text(case.read_text())
    for target, cwd in ((("-d", str(tmp_path)), None), (("-f", "plan.json"), tmp_path)):
        code, reports, _ = run_cli(*target, cwd=cwd)
        assert code == 1
        assert any(name == "AVERMENT_S3_PUT_OBJECT_GATED" for name, _ in failed(reports))
        assert {report["check_type"] for report in reports if report["results"]["failed_checks"]} == {"terraform_plan"}


def test_plain_checkov_checks_the_file_that_is_named_wherever_it_lies(tmp_path: Path) -> None:
    """A file outside of the working folder has its findings, and what lies beside it isn't read."""
    (tmp_path / "in").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "in" / "t.yaml").write_text("Resources:\n  Uploads:\n    Type: AWS::S3::Bucket\n")
    (tmp_path / "elsewhere" / "broken.yaml").write_text("Resources:\n  - {Type: AWS::S3::Bucket\n")
    code, reports, _ = run_cli("-f", "../in/t.yaml", cwd=tmp_path / "elsewhere")
    assert code == 1
    assert ("AVERMENT_MEDIA_BUCKET_HARDENED", "AWS::S3::Bucket.Uploads") in failed(reports)
    assert not any(name == "AVERMENT_RUN_COMPLETE" for name, _ in failed(reports))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose averment.yaml names a rule of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "main.tf").write_text(BUCKET)
    (tmp_path / "averment.yaml").write_text("version: 1\nrules: [own]\n")
    assert averment(["rules", "new", "bucket-has-owner", "--output", "own"]) == 0
    return tmp_path


def test_own_rules_run_in_plain_checkov_only_where_the_environment_says_so(repository: Path) -> None:
    """Code of the repository under check never runs because Checkov was pointed at it: AVERMENT_OWN_RULES=1 is the caller's word."""
    trace = repository / "ran"
    file = repository / "own" / "bucket_has_owner" / "rule.py"
    file.write_text(
        f"import pathlib\n{file.read_text().replace('from __future__ import annotations', '')}\npathlib.Path({str(trace)!r}).touch()\n"
    )
    code, reports, _ = run_cli("-d", "infra")
    assert (code, failed(reports)) == (0, {})
    assert not trace.exists()
    code, reports, _ = run_cli("-d", "infra", environment={"AVERMENT_OWN_RULES": "1"})
    assert code == 1
    assert list(failed(reports)) == [("AVERMENT_BUCKET_HAS_OWNER", "aws_s3_bucket.b")]
    assert trace.exists()


@pytest.mark.parametrize(
    ("file", "text", "value", "said"),
    [
        ("own/bucket_has_owner/rule.py", "1 / 0\n", "1", "rule 'bucket_has_owner' does not load: ZeroDivisionError"),
        ("averment.yaml", "version: 1\nrules: [nowhere]\n", "1", "no such folder of rules"),
        ("averment.yaml", "version: 1\nrulez: []\n", "0", "rulez"),
        ("averment.yaml", "version: 1\n", "yes", "AVERMENT_OWN_RULES is 'yes'"),
        ("infra/broken.tf", 'resource "x" {{{\n', "0", "broken.tf"),
    ],
)
def test_a_run_that_is_not_complete_fails(repository: Path, file: str, text: str, value: str, said: str) -> None:
    """Checkov logs all of these and exits 0, or says nothing; one check fails in their place, and names the reason."""
    (repository / file).write_text(text)
    code, reports, errors = run_cli("-d", "infra", environment={"AVERMENT_OWN_RULES": value})
    assert code == 1
    found = failed(reports)["AVERMENT_RUN_COMPLETE", "aws_s3_bucket.b"]
    assert said in " ".join(found["details"])
    assert said in errors
    assert errors.count(said) == 1


def test_shipped_rules_run_though_one_of_ones_own_does_not_load(repository: Path) -> None:
    """A broken rule of one's own doesn't switch the others off."""
    (repository / "infra" / "main.tf").write_text(POLICY)
    (repository / "own" / "bucket_has_owner" / "rule.py").write_text("RULE = None\n")
    _, reports, _ = run_cli("-d", "infra", environment={"AVERMENT_OWN_RULES": "1"})
    assert {name for name, _ in failed(reports)} >= {"AVERMENT_RUN_COMPLETE", "AVERMENT_S3_PUT_OBJECT_GATED"}
