"""The collector ``check`` on real Terraform and CloudFormation, and what it comes to as the state of a control."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from averment.cli.collect import _show
from averment.controls.loader import load_catalogue
from averment.core.canonical import canonical_json
from averment.core.organisation import Organisation
from averment.core.period import from_iso, parse_period
from averment.core.words import Status
from averment.evidence.collectors.check import Check
from averment.evidence.collectors.interface import CollectScope
from averment.evidence.judging.assess import assess
from averment.evidence.record import Gathering, Record
from averment.evidence.reporting.report import build_report

NOW = "2026-11-20T12:00:00Z"

GATED = """
Resources:
  Uploads:
    Type: AWS::S3::Bucket
    Properties:
      Tags: [{Key: data-class, Value: ugc}]
  Access:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Uploads
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {AWS: "%s"}
            Action: s3:PutObject
            Resource: !Sub "${Uploads.Arn}/*"
"""
OPEN = GATED % "*"
NAMED = GATED % "arn:aws:iam::111122223333:role/uploader"


@pytest.fixture
def shop(tmp_path: Path) -> Callable[[str], Organisation]:
    """An organisation whose repository holds one template."""

    def make(template: str) -> Organisation:
        (tmp_path / "infra").mkdir(exist_ok=True)
        (tmp_path / "infra" / "shop.yaml").write_text(template, encoding="utf-8")
        from averment.core.scope import Scope

        return Organisation(root=tmp_path, iac=("infra",), scope=Scope(accounts=("111122223333",)))

    return make


def collected(scope_of: Callable[..., CollectScope], organisation: Organisation) -> Record:
    [record] = Check().collect(scope_of(organisation=organisation, now=NOW))
    return record


def status(organisation: Organisation, record: Record, assessment: str) -> Status:
    states = assess(load_catalogue(), organisation, [record], period=None, as_of=from_iso(NOW))
    return next(item.status for state in states for item in state.assessments if item.id == assessment)


def test_failures_arrive_with_places_relative_to_the_repository(
    shop: Callable[[str], Organisation], scope_of: Callable[..., CollectScope]
) -> None:
    """A bucket that anybody may write to is a failing verdict at its line, and the control is not satisfied."""
    organisation = shop(OPEN)
    record = collected(scope_of, organisation)
    [finding] = [item for item in record.payload["findings"] if item["rule"] == "s3-put-object-gated" and item["verdict"] == "fail"]
    assert finding["where"].startswith("infra/shop.yaml:")
    assert "s3-put-object-gated" in record.payload["rules"]
    assert (record.account, record.region) == (None, None)
    assert status(organisation, record, "SM-UPL-03/iac") is Status.NOT_SATISFIED


def test_passes_are_recorded_so_that_satisfied_means_that_something_was_checked(
    shop: Callable[[str], Organisation], scope_of: Callable[..., CollectScope]
) -> None:
    """A gated bucket gives a pass on record; a rule without any resource is not applicable."""
    organisation = shop(NAMED)
    record = collected(scope_of, organisation)
    assert "pass" in {item["verdict"] for item in record.payload["findings"] if item["rule"] == "s3-put-object-gated"}
    assert status(organisation, record, "SM-UPL-03/iac") is Status.SATISFIED
    assert status(organisation, record, "SM-DET-03/endpoint-iac") is Status.NOT_APPLICABLE


def test_a_template_that_cannot_be_read_is_no_pass(shop: Callable[[str], Organisation], scope_of: Callable[..., CollectScope]) -> None:
    """One broken file makes the record partial, names file and reason, and nothing is satisfied by it."""
    organisation = shop(NAMED)
    (organisation.root / "infra" / "broken.yaml").write_text("Resources:\n  A: {Type: AWS::S3::Bucket\n", encoding="utf-8")
    record = collected(scope_of, organisation)
    assert record.gathering is Gathering.PARTIAL
    assert "infra/broken.yaml" in str(record.reason)
    assert status(organisation, record, "SM-UPL-03/iac") is Status.NOT_ASSESSED


def test_a_repository_without_infrastructure_could_not_be_checked(tmp_path: Path, scope_of: Callable[..., CollectScope]) -> None:
    """Nothing to check, or a folder that isn't there, is recorded with its reason: it is not a clean bill."""
    for organisation in (Organisation(root=tmp_path), Organisation(root=tmp_path, iac=("missing",))):
        record = collected(scope_of, organisation)
        assert record.gathering is Gathering.COULD_NOT
        assert record.reason
        assert status(organisation, record, "SM-UPL-03/iac") is Status.NOT_ASSESSED


def test_the_parameters_that_rules_went_by_are_in_the_record_and_the_report(
    shop: Callable[[str], Organisation], scope_of: Callable[..., CollectScope]
) -> None:
    """Some make a rule pass at their word. What stands under a collector's name, a role's external id among it, is none of the rules'."""
    parameters = {"object_logging_trail": "the organisation's", "low": float("nan"), "collect": {"role": "r", "external_id": "secret"}}
    organisation = replace(shop(NAMED), parameters=parameters)
    record = collected(scope_of, organisation)
    assert record.payload["parameters"] == {"object_logging_trail": "the organisation's", "low": "nan"}
    made = build_report(load_catalogue(), organisation, [], parse_period("2026Q4"), from_iso(NOW))
    assert made.scope["parameters"] == record.payload["parameters"]


def test_the_same_code_gives_the_same_record(shop: Callable[[str], Organisation], scope_of: Callable[..., CollectScope]) -> None:
    """No clock and no duration hides in the payload."""
    organisation = shop(OPEN)
    assert canonical_json(collected(scope_of, organisation).to_json()) == canonical_json(collected(scope_of, organisation).to_json())


@pytest.mark.skipif(shutil.which("git") is None, reason="git is what makes a revision")
def test_the_revision_says_which_code_was_checked(shop: Callable[[str], Organisation], scope_of: Callable[..., CollectScope]) -> None:
    """The commit is on record, and whether the files differ from it: an untracked one mends what the commit leaves open, and so does one that is ignored."""
    organisation = shop(NAMED)
    assert collected(scope_of, organisation).payload["revision"] is None
    git = ["git", "-C", str(organisation.root), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    (organisation.root / "note.yaml").write_text("said: nothing\n", encoding="utf-8")
    assert collected(scope_of, organisation).payload["revision"] == {"commit": commit, "dirty": False}
    more = organisation.root / "infra" / "more.yaml"
    more.write_text(OPEN, encoding="utf-8")
    assert collected(scope_of, organisation).payload["revision"] == {"commit": commit, "dirty": True}
    (organisation.root / ".gitignore").write_text("more.yaml\n.gitignore\n", encoding="utf-8")
    assert collected(scope_of, organisation).payload["revision"] == {"commit": commit, "dirty": True}
    more.unlink()
    assert collected(scope_of, organisation).payload["revision"] == {"commit": commit, "dirty": False}
    (organisation.root / "infra" / "main.tf").write_text('variable "x" {}\n', encoding="utf-8")
    (organisation.root / ".gitignore").write_text("*.tfvars\n", encoding="utf-8")  # as GitHub's own template for Terraform has it
    subprocess.run([*git, "add", "-A"], check=True, capture_output=True)
    subprocess.run([*git, "commit", "-q", "-m", "y"], check=True, capture_output=True)
    committed = collected(scope_of, organisation).payload["revision"]
    assert committed["dirty"] is False
    values = organisation.root / "infra" / "terraform.tfvars"
    values.write_text('x = "y"\n', encoding="utf-8")
    assert collected(scope_of, organisation).payload["revision"] == {**committed, "dirty": True}
    values.unlink()
    commit = committed["commit"]
    for flag in ("assume-unchanged", "skip-worktree"):  # as many keep their own values in a file that is everybody's
        subprocess.run([*git, "update-index", f"--{flag}", "infra/main.tf"], check=True, capture_output=True)
        assert collected(scope_of, organisation).payload["revision"] == {"commit": commit, "dirty": True}
        subprocess.run([*git, "update-index", f"--no-{flag}", "infra/main.tf"], check=True, capture_output=True)
    (organisation.root / "infra" / "shop.yaml").write_text(OPEN, encoding="utf-8")
    assert collected(scope_of, organisation).payload["revision"] == {"commit": commit, "dirty": True}


def test_the_revision_is_asked_without_running_what_the_checkout_names(
    shop: Callable[[str], Organisation], scope_of: Callable[..., CollectScope]
) -> None:
    """Files of a branch can make up a repository whose settings name a program: collecting in that folder ran it, and told of its commit."""
    organisation = shop(NAMED)
    git = ["git", "-C", str(organisation.root), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    ran = organisation.root / "was-run"
    for command in (
        ["init", "-q", "--bare", "."],
        ["config", "core.bare", "false"],
        ["config", "core.worktree", "."],
        ["config", "remote.origin.url", "https://example.com/another/repository"],
        ["add", "infra"],
        ["commit", "-q", "-m", "x"],
        ["config", "core.fsmonitor", f"touch '{ran}'; false"],
    ):
        subprocess.run([*git, *command], check=True, capture_output=True)
    record = collected(scope_of, organisation)
    assert not ran.exists()
    assert record.payload["revision"] is None
    assert record.source == "infrastructure as code"


def test_the_revision_of_a_checkout_with_a_file_system_monitor(
    shop: Callable[[str], Organisation], scope_of: Callable[..., CollectScope]
) -> None:
    """What an earlier job left as the repository's monitor is not asked which files differ: it could say that none does."""
    organisation = shop(NAMED)
    git = ["git", "-C", str(organisation.root), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    ran = organisation.root.parent / "monitor-was-run"
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"], ["config", "core.fsmonitor", f"touch '{ran}'; false"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    collected(scope_of, organisation)
    assert not ran.exists()


def test_names_and_ids_stay_whole_on_a_narrow_terminal(
    shop: Callable[[str], Organisation],
    scope_of: Callable[..., CollectScope],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On 80 columns a record's id, which is copied, stood on four lines, and a collector's name on two."""
    record = replace(collected(scope_of, shop(GATED)), redactions=("IP address: 1",))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    _show([record], "table")
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["check  collected", "    infrastructure as code: 2 of 2 resources", "    redacted: IP address: 1", f"    {record.id}"]
    monkeypatch.setenv("COLUMNS", "160")
    _show([record], "table")
    assert "Population" in capsys.readouterr().out
