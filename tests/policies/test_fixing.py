"""``check --fix``: the mechanical part of a fix is written, nothing else changes, and what can't be done is said."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from averment.cli.main import run as averment
from averment.controls.loader import load_catalogue
from averment.core.errors import IncompleteError
from averment.core.organisation import Organisation
from averment.core.source import SourceRef
from averment.policies.engine import CheckResult, Options, check
from averment.policies.fixing.apply import Mending, mended, write
from averment.policies.rules.registry import all_rules

TAGS = '  tags = { data-class = "ugc" }  # what users send\n'


def result_of(folder: Path, *rules: str) -> CheckResult:
    return check([folder], all_rules(), Organisation(), load_catalogue(), Options(rules=rules))


def fix(folder: Path, *rules: str) -> Mending:
    """Check, fix, and hand back what was done."""
    read_at = time.time() + 1  # the files were written a moment ago
    found = result_of(folder, *rules)
    mending = mended((edit for finding in found.failures for edit in finding.edits), [folder], read_at)
    write(mending)
    return mending


def only(text: str, changed: str) -> list[str]:
    """The lines that a change added; that it removed none but those it replaced is asserted by the callers."""
    before = text.splitlines()
    return [line for line in changed.splitlines() if line not in before]


TERRAFORM = {
    "public access flag": (
        "media-bucket-hardened",
        'resource "aws_s3_bucket" "u" {\n'
        + TAGS
        + '}\n\nresource "aws_s3_bucket_public_access_block" "u" {\n  bucket                  = aws_s3_bucket.u.id\n'
        "  block_public_acls       = false # for the old client\n  block_public_policy     = true\n  ignore_public_acls      = true\n}\n",
        ["  block_public_acls       = true # for the old client", "  restrict_public_buckets = true"],
        "public access block",
    ),
    "versioning": (
        "media-bucket-hardened",
        'resource "aws_s3_bucket" "u" {\n' + TAGS + '}\nresource "aws_s3_bucket_versioning" "u" {\n  bucket = aws_s3_bucket.u.id\n'
        '  versioning_configuration {\n    status = "Suspended" # one day\n  }\n}\n',
        ['    status = "Enabled" # one day'],
        "keeps no versions",
    ),
    "isolation": (
        "detector-endpoint-guarded",
        (
            'resource "aws_sagemaker_model" "m" {\n  name               = "m"\n  execution_role_arn = "arn:aws:iam::123456789012:role/m"\n  # the image\n'
            '  primary_container {\n    image = "i"\n  }\n}\n'
        ),
        ["  enable_network_isolation = true"],
        "EnableNetworkIsolation",
    ),
    "events": (
        "media-bucket-events-scanned",
        'resource "aws_s3_bucket" "u" {\n  bucket = "u"\n' + TAGS + '}\nresource "aws_sqs_queue" "scan" {}\n'
        'resource "aws_cloudwatch_event_rule" "scan" {\n  name  = "scan"\n  state = "DISABLED"\n'
        '  event_pattern = jsonencode({ source = ["aws.s3"], "detail-type" = ["Object Created"], detail = { bucket = { name = ["u"] } } })\n}\n'
        'resource "aws_cloudwatch_event_target" "scan" {\n  rule = aws_cloudwatch_event_rule.scan.name\n  arn  = aws_sqs_queue.scan.arn\n'
        "  dead_letter_config {\n    arn = aws_sqs_queue.scan.arn\n  }\n}\n"
        'resource "aws_s3_bucket_notification" "u" {\n  bucket      = aws_s3_bucket.u.id\n  eventbridge = true\n}\n',
        ['  state = "ENABLED"'],
        "reach no scanner",
    ),
}


@pytest.mark.parametrize("name", TERRAFORM)
def test_terraform_is_fixed_in_place(tmp_path: Path, name: str) -> None:
    """After the fix the complaint is gone, comments and the rest of the file are as they were, and the file parses."""
    rule, text, added, complaint = TERRAFORM[name]
    file = tmp_path / "main.tf"
    file.write_text(text)
    assert any(complaint in finding.message for finding in result_of(tmp_path, rule).failures)
    mending = fix(tmp_path, rule)
    after = file.read_text()
    assert [line for line in added if line not in only(text, after)] == []
    gone = only(after, text)
    assert len(gone) <= 1, "only the line of the value that was replaced"
    assert mending.refused == []
    again = result_of(tmp_path, rule)
    assert again.problems == ()
    assert not any(complaint in finding.message for finding in again.failures)


def test_a_missing_terraform_block_is_added_after_its_resource(tmp_path: Path) -> None:
    """A bucket without the resources that hold its settings gets them; a second run has nothing to do."""
    file = tmp_path / "main.tf"
    file.write_text('resource "aws_s3_bucket" "u" {\n' + TAGS + "} # the end\n\n# something else\nlocals {}\n")
    fix(tmp_path, "media-bucket-hardened")
    text = file.read_text()
    assert text.index("} # the end") < text.index('"aws_s3_bucket_versioning" "u"') < text.index("# something else")
    assert text.count('"aws_s3_bucket_public_access_block" "u"') == 1
    (left,) = result_of(tmp_path, "media-bucket-hardened").failures
    assert left.message.endswith("doesn't refuse plain HTTP"), "what isn't mechanical is left, and said"
    assert fix(tmp_path, "media-bucket-hardened").files == []


CLOUDFORMATION = """\
# Uploads of the shop
Resources:
  Uploads:
    Type: AWS::S3::Bucket
    Properties:
      # what users send
      Tags: [{Key: data-class, Value: ugc}]
      BucketName: u
      PublicAccessBlockConfiguration:
        BlockPublicAcls: false   # for the old client
        BlockPublicPolicy: 'true'
        IgnorePublicAcls: true
  Model:
    Type: AWS::SageMaker::Model   # no properties at all
  Config:
    Type: AWS::SageMaker::EndpointConfig
    Properties:
      KmsKeyId: k
      ProductionVariants: [{InstanceType: ml.m5.xlarge}]
      DataCaptureConfig:
        EnableCapture: "false"
        InitialSamplingPercentage: 100
  Evidence:
    Type: AWS::S3::Bucket
    Properties:
      Tags: [{Key: averment-role, Value: evidence}]
      VersioningConfiguration:
        Status: Suspended
      ObjectLockEnabled: true
      ObjectLockConfiguration: {Rule: {DefaultRetention: {Mode: COMPLIANCE, Days: 400}}}
  Scan:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [aws.s3], detail-type: [Object Created], detail: {bucket: {name: [u]}}}
      Targets: [{Id: q, Arn: !GetAtt Queue.Arn, DeadLetterConfig: {Arn: !GetAtt Queue.Arn}}]
  Queue: {Type: 'AWS::SQS::Queue'}
"""


FIXED = """\
# Uploads of the shop
Resources:
  Uploads:
    Type: AWS::S3::Bucket
    Properties:
      NotificationConfiguration:
        EventBridgeConfiguration:
          EventBridgeEnabled: true
      VersioningConfiguration:
        Status: Enabled
      # what users send
      Tags: [{Key: data-class, Value: ugc}]
      BucketName: u
      PublicAccessBlockConfiguration:
        RestrictPublicBuckets: true
        BlockPublicAcls: true   # for the old client
        BlockPublicPolicy: 'true'
        IgnorePublicAcls: true
  Model:
    Type: AWS::SageMaker::Model   # no properties at all
    Properties:
      EnableNetworkIsolation: true
  Config:
    Type: AWS::SageMaker::EndpointConfig
    Properties:
      KmsKeyId: k
      ProductionVariants: [{InstanceType: ml.m5.xlarge}]
      DataCaptureConfig:
        EnableCapture: true
        InitialSamplingPercentage: 100
  Evidence:
    Type: AWS::S3::Bucket
    Properties:
      Tags: [{Key: averment-role, Value: evidence}]
      VersioningConfiguration:
        Status: Enabled
      ObjectLockEnabled: true
      ObjectLockConfiguration: {Rule: {DefaultRetention: {Mode: COMPLIANCE, Days: 400}}}
  Scan:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [aws.s3], detail-type: [Object Created], detail: {bucket: {name: [u]}}}
      Targets: [{Id: q, Arn: !GetAtt Queue.Arn, DeadLetterConfig: {Arn: !GetAtt Queue.Arn}}]
  Queue: {Type: 'AWS::SQS::Queue'}
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_cloudformation_is_fixed_in_place(tmp_path: Path, newline: str) -> None:
    """Values are replaced where they stand, missing ones added below their parent; comments, quotes and line ends stay."""
    file = tmp_path / "t.yaml"
    file.write_bytes(CLOUDFORMATION.replace("\n", newline).encode())
    mending = fix(tmp_path)
    text = file.read_bytes().decode()
    assert text.count("\r\n") == (text.count("\n") if newline == "\r\n" else 0)
    assert text.replace("\r\n", "\n") == FIXED
    assert [line for line in CLOUDFORMATION.splitlines() if line not in text.splitlines()] == [
        "        BlockPublicAcls: false   # for the old client",
        '        EnableCapture: "false"',
        "        Status: Suspended",
    ]
    assert mending.refused == []
    messages = [finding.message for finding in result_of(tmp_path).failures]
    assert not any("EnableNetworkIsolation" in text or "EnableCapture" in text or "versions" in text for text in messages), messages


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        (
            "main.tf",
            'variable "v" {\n  default = "Suspended"\n}\nresource "aws_s3_bucket" "u" {\n'
            + TAGS
            + '}\nresource "aws_s3_bucket_versioning" "u" {\n  bucket = aws_s3_bucket.u.id\n  versioning_configuration {\n    status = var.v\n  }\n}\n',
            "expression var.v",
        ),
        ("main.tf", 'resource "aws_s3_bucket" "u" {\n  count = 2\n' + TAGS + "}\n", "count or for_each"),
        (
            "main.tf",
            'resource "aws_s3_bucket" "u" {\n' + TAGS + "  acl = var.acl\n}\n" + 'variable "acl" {\n  default = "public-read-write"\n}\n',
            "acl is set to the expression var.acl",
        ),
        (
            "main.tf",
            'resource "aws_s3_bucket" "u" {\n' + TAGS + '  grant {\n    type        = "Group"\n    permissions = ["WRITE"]\n'
            '    uri         = "http://acs.amazonaws.com/groups/global/AllUsers"\n  }\n}\n',
            "made by another attribute than acl",
        ),
        (
            "main.tf",
            'resource "aws_s3_bucket" "u" {\n' + TAGS + '}\nresource "aws_s3_bucket_versioning" "u" {\n  bucket = "other"\n}\n',
            "already, which could not be followed",
        ),
        (
            "t.yaml",
            "Parameters: {P: {Type: String, Default: 'false'}}\nResources:\n  M:\n    Type: AWS::SageMaker::Model\n    Properties:\n      EnableNetworkIsolation: !Ref P\n",
            "is computed by Ref",
        ),
        ("t.yaml", "Resources:\n  ? M\n  : Type: AWS::SageMaker::Model\n    Properties: {}\n---\na: 1\n", "can't be read"),
        (
            "t.yaml",
            "Resources:\n  M:\n    Type: AWS::SageMaker::Model\n    Metadata: {aws:cdk:path: stack/M}\n    Properties: {ModelName: m}\n",
            "written by the AWS CDK",
        ),
        (
            "t.yaml",
            "Resources:\n  A:\n    Type: AWS::SageMaker::Model\n    Properties: &p\n      EnableNetworkIsolation: false\n  B:\n    Type: AWS::SageMaker::Model\n    Properties: *p\n",
            "alias",
        ),
    ],
)
def test_what_is_not_mechanical_is_left_and_said(tmp_path: Path, name: str, text: str, reason: str) -> None:
    """Expressions, counted resources, aliases, what a program writes: refused with the reason, and the file stays as it was."""
    file = tmp_path / name
    file.write_text(text)
    mending = fix(tmp_path)
    assert any(reason in why for _, why in mending.refused), mending.refused
    for line in text.splitlines():
        assert line in file.read_text().splitlines()


def test_a_switch_that_mends_nothing_is_not_thrown(tmp_path: Path) -> None:
    """Sending events that no rule awaits would only turn a failure into a question."""
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "u" {\n' + TAGS + "}\n")
    (found,) = result_of(tmp_path, "media-bucket-events-scanned").failures
    assert "sends no event" in found.message
    assert found.edits == ()


def test_files_that_changed_or_lie_elsewhere_are_never_touched(tmp_path: Path) -> None:
    """Neither a file that was saved since the check, nor one that changes before the write, nor a link, nor a module outside."""
    folder, outside = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    outside.mkdir()
    file = folder / "main.tf"
    file.write_text(TERRAFORM["isolation"][1])
    edits = [edit for finding in result_of(folder).failures for edit in finding.edits]
    before = time.time() - 60
    assert "changed while it was checked" in mended(edits, [folder], before).refused[0][1]
    assert "outside of what was checked" in mended(edits, [outside], time.time() + 1).refused[0][1]
    mending = mended(edits, [folder], time.time() + 1)
    file.write_text("# saved by an editor\n" + file.read_text())
    saved = file.read_text()
    write(mending)
    assert file.read_text() == saved
    assert "while it was being fixed" in mending.refused[0][1]
    (outside / "real.tf").write_text(saved)
    file.unlink()
    file.symlink_to(outside / "real.tf")
    assert "is a link" in mended(edits, [folder], time.time() + 1).refused[0][1]


def test_modes_of_files_are_kept(tmp_path: Path) -> None:
    """A file that is private stays private, and one that is read-only stays as it is."""
    file = tmp_path / "main.tf"
    file.write_text(TERRAFORM["isolation"][1])
    file.chmod(0o400)
    assert "is read-only" in fix(tmp_path).refused[0][1]
    file.chmod(0o600)
    assert fix(tmp_path).files
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_was_fixed_before_a_file_could_not_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk in the middle: the first file is changed by then, and nothing else says so."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.tf").write_text(TERRAFORM["isolation"][1])
        os.utime(tmp_path / name / "main.tf", (1, 1))

    def full(path: Path, data: bytes, *, mode: int) -> None:
        if path.parent.name == "b":
            raise IncompleteError("could not be written: No space left on device", where=SourceRef(str(path)))
        path.write_bytes(data)

    monkeypatch.setattr("averment.policies.fixing.apply.write_atomic", full)
    assert averment(["check", "--rule", "detector-endpoint-guarded", "--fix"]) == 3
    assert "b/main.tf: could not be written: No space left on device (fixed by then: a/main.tf)" in capsys.readouterr().err


def test_command_shows_a_diff_that_git_applies_and_writes_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--fix --diff`` writes nothing and prints what ``--fix`` then does; the exit code is that of what is left."""
    import subprocess

    file = tmp_path / "main.tf"
    file.write_text(TERRAFORM["isolation"][1].rstrip("\n"))
    os.utime(file, (1, 1))
    monkeypatch.chdir(tmp_path)
    assert averment(["check", "--fix", "--diff"]) == 1
    diff = capsys.readouterr().out
    assert file.read_text() == TERRAFORM["isolation"][1].rstrip("\n")
    subprocess.run(["git", "init", "-q", "."], check=True)
    subprocess.run(["git", "apply", "--check", "-"], input=diff, text=True, check=True)
    assert averment(["check", "--fix"]) == 0
    out = capsys.readouterr()
    assert "fixed main.tf: aws_sagemaker_model.m: EnableNetworkIsolation" in out.err
    assert "1 of 1 open failures are gone" in out.err
    assert "enable_network_isolation = true" in file.read_text()
    assert averment(["check", "--diff"]) == 2
