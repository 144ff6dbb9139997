"""A rule of the organisation's own that a shipped control asks for, from lint to status. The rule is what ``rules new`` writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from averment.cli.main import run

SETTINGS = """
version: 1
controls: [SM-UPL-03]
iac: [infra]
rules: [own-rules]
overlays:
  SM-UPL-03:
    add:
      - {id: owned, method: EXAMINE, policy: bucket-has-owner, max_age: 35d}
"""
BUCKET = "Resources:\n  Uploads:\n    Type: AWS::S3::Bucket\n    Properties:\n      Tags: [{Key: %s, Value: studio}]\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A repository with a rule of its own in a control, and a template with one bucket."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "shop.yaml").write_text(BUCKET % "owner", encoding="utf-8")
    assert run(["rules", "new", "bucket-has-owner"]) == 0
    capsys.readouterr()
    return tmp_path


def own_status(capsys: pytest.CaptureFixture[str]) -> str:
    """Status of the added assessment after ``collect``."""
    run(["collect", "--collector", "check"])
    capsys.readouterr()
    run(["status", "--format", "json"])
    listed = json.loads(capsys.readouterr().out)["assessments"]
    return next(str(item["status"]) for item in listed if item["id"] == "SM-UPL-03/owned")


def test_the_rule_is_known_to_lint_and_lists(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lint finds nothing wrong, and ``rules list`` and ``controls diff`` tell what the rule is asked for."""
    assert run(["controls", "lint"]) == 0
    assert run(["controls", "diff"]) == 0
    assert "SM-UPL-03: tailored: assessment owned added" in capsys.readouterr().out
    assert run(["rules", "list", "--format", "json"]) == 0
    listed = {rule["id"]: rule["controls"] for rule in json.loads(capsys.readouterr().out)}
    assert listed["bucket-has-owner"] == ["SM-UPL-03"]


def test_an_unknown_rule_is_an_error_with_its_line(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error in the overlay is found before anybody waits for evidence that never comes."""
    (shop / "averment.yaml").write_text(SETTINGS.replace("bucket-has-owner", "bucket-has-ower"), encoding="utf-8")
    assert run(["controls", "lint"]) == 1
    out = capsys.readouterr().out
    assert "averment.yaml:9: SM-UPL-03/owned names the rule 'bucket-has-ower', which does not exist [unknown-rule]" in out
    assert "did you mean bucket-has-owner?" in out


def test_an_unknown_rule_is_not_deployed_in_silence(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At run time as well: packs without the rule that a control asks for would look complete."""
    wanted = SETTINGS.replace("policy: bucket-has-owner", "collector: config-compliance, policy: nobodys-rule")
    (shop / "averment.yaml").write_text(wanted, encoding="utf-8")
    assert run(["rules", "build"]) == 2
    err = capsys.readouterr().err
    assert "averment.yaml:9" in err
    assert "'nobodys-rule'" in err


def test_a_rule_of_ones_own_without_a_failing_case_is_told(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A control may not come to rest on a rule that nothing fails."""
    (shop / "own-rules" / "bucket_has_owner" / "cases" / "expect.yaml").unlink()
    assert run(["controls", "lint"]) == 1
    assert "the rule 'bucket-has-owner' has no case in which it fails" in capsys.readouterr().out


@pytest.mark.parametrize(("tag", "status"), [("owner", "satisfied"), ("team", "not-satisfied")])
def test_the_rule_decides_the_assessment(shop: Path, capsys: pytest.CaptureFixture[str], tag: str, status: str) -> None:
    """What the rule says of the organisation's code is the status of the assessment, either way."""
    (shop / "infra" / "shop.yaml").write_text(BUCKET % tag, encoding="utf-8")
    assert own_status(capsys) == status
