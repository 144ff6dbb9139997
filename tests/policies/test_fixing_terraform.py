"""``check --fix`` in Terraform: satellites in other files and modules, blocks of older providers, lists, and what is refused."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.policies.engine import CheckResult, Options, check
from averment.policies.fixing.apply import Mending, mended, write
from averment.policies.rules.registry import all_rules

CATALOGUE = load_catalogue()
BUCKET = 'resource "aws_s3_bucket" "u" {\n  bucket = "shop-uploads"\n}\n'
RECORDER = 'resource "aws_config_configuration_recorder" "main" {\n  role_arn = "arn:aws:iam::123456789012:role/config"\n%s}\n'
FACES = (
    'resource "aws_iam_role_policy" "p" {\n  role   = "r"\n  policy = jsonencode({ Statement = [{ Effect = "Allow",'
    ' Action = ["rekognition:CompareFaces"], Resource = "*" }] })\n}\n'
)


def result_of(folder: Path, *rules: str) -> CheckResult:
    return check([folder], all_rules(), Organisation(), CATALOGUE, Options(rules=rules))


def fix(folder: Path, *rules: str) -> Mending:
    """Check, fix, and hand back what was done."""
    found = result_of(folder, *rules)
    mending = mended((edit for finding in found.failures for edit in finding.edits), [folder], time.time() + 1)
    write(mending)
    return mending


def files(folder: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_setting_in_another_file_is_changed_there(tmp_path: Path) -> None:
    """The satellite that holds the setting is edited, not the bucket's file."""
    satellite = (
        'resource "aws_s3_bucket_versioning" "elsewhere" {\n  bucket = aws_s3_bucket.u.id\n  versioning_configuration {\n'
        '    status = "Suspended"\n  }\n}\n'
    )
    files(tmp_path, {"buckets.tf": BUCKET, "versioning.tf": satellite})
    mending = fix(tmp_path, "media-bucket-hardened")
    assert {file.file.name for file in mending.files} == {"buckets.tf", "versioning.tf"}
    assert (tmp_path / "versioning.tf").read_text() == satellite.replace("Suspended", "Enabled")
    assert "aws_s3_bucket_versioning" not in (tmp_path / "buckets.tf").read_text()


MODULE = 'variable "name" {}\nresource "aws_s3_bucket" "this" {\n  bucket = var.name\n}\nresource "aws_s3_bucket_acl" "this" {\n  bucket = aws_s3_bucket.this.id\n  acl    = "public-read"\n}\n'


def test_a_module_is_changed_once_for_all_its_calls(tmp_path: Path) -> None:
    """Two instances that ask for the same change of one block get it once, and nothing is said to be refused."""
    call = 'module "m" {\n  for_each = toset(["one", "two"])\n  source   = "./m"\n  name     = "uploads-${each.key}"\n}\n'
    files(tmp_path, {"main.tf": call, "m/main.tf": MODULE})
    mending = fix(tmp_path, "quarantine-not-served")
    assert mending.refused == []
    assert (tmp_path / "m" / "main.tf").read_text() == MODULE.replace("public-read", "private")
    assert result_of(tmp_path, "quarantine-not-served").failures == ()


def test_a_module_that_is_called_for_something_else_too_is_left_alone(tmp_path: Path) -> None:
    """A change that only one of two instances needs would reach the other: refused, with the numbers."""
    calls = "".join(f'module "{name}" {{\n  source = "./m"\n  name   = "{name}-x"\n}}\n' for name in ("uploads", "website"))
    files(tmp_path, {"main.tf": calls, "m/main.tf": MODULE})
    mending = fix(tmp_path, "quarantine-not-served")
    assert [reason for _, reason in mending.refused] == ["its block makes 2 resources, and 1 of them don't ask for it"]
    assert (tmp_path / "m" / "main.tf").read_text() == MODULE


def test_a_module_outside_of_what_is_checked_is_left_alone(tmp_path: Path) -> None:
    """Checking one root module doesn't write into the modules that it calls from elsewhere in the repository."""
    (tmp_path / ".git").mkdir()
    files(tmp_path, {"root/main.tf": 'module "m" {\n  source = "../m"\n  name   = "uploads"\n}\n', "m/main.tf": MODULE})
    mending = fix(tmp_path / "root", "quarantine-not-served")
    assert [reason for _, reason in mending.refused] == ["the file lies outside of what was checked"]
    assert (tmp_path / "m" / "main.tf").read_text() == MODULE


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("media-bucket-hardened", "  versioning {\n    enabled = false\n  }\n", "  versioning {\n    enabled = true\n  }\n"),
        ("quarantine-not-served", '  acl    = "public-read"\n', '  acl    = "private"\n'),
    ],
)
def test_blocks_of_older_providers_are_changed_where_they_stand(tmp_path: Path, rule: str, old: str, new: str) -> None:
    """A setting inside of the bucket is changed there; no second one is added beside it."""
    text = BUCKET.replace("}\n", old + "}\n")
    files(tmp_path, {"main.tf": text})
    mending = fix(tmp_path, rule)
    assert mending.refused == []
    assert (tmp_path / "main.tf").read_text().startswith(text.replace(old, new))
    assert not any("versioning" in finding.message for finding in result_of(tmp_path, rule).failures)


def test_a_block_that_is_added_has_the_provider_of_its_resource(tmp_path: Path) -> None:
    """A bucket in another region or account gets its settings there."""
    files(tmp_path, {"main.tf": BUCKET.replace("}\n", "  provider = aws.eu\n}\n")})
    assert fix(tmp_path, "media-bucket-hardened").refused == []
    text = (tmp_path / "main.tf").read_text()
    assert 'resource "aws_s3_bucket_versioning" "u" {\n  provider = aws.eu\n\n  bucket = aws_s3_bucket.u.id\n' in text
    assert text.count("provider = aws.eu") == 3


def test_a_block_that_is_added_is_in_the_region_of_its_resource(tmp_path: Path) -> None:
    """The provider for AWS takes a region in each resource from 6.0 on; a bucket's settings can't be set from another one."""
    files(tmp_path, {"main.tf": BUCKET.replace("}\n", "  region = var.home\n}\n")})
    assert fix(tmp_path, "media-bucket-hardened").refused == []
    text = (tmp_path / "main.tf").read_text()
    assert 'resource "aws_s3_bucket_versioning" "u" {\n  region = var.home\n\n  bucket = aws_s3_bucket.u.id\n' in text
    assert text.count("region = var.home") == 3


MISSING = ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::Lambda::Function", "AWS::KMS::Key")
ALL = "  recording_group {\n    all_supported                 = true\n    include_global_resource_types = true\n  }\n"
STARTED = 'resource "aws_config_configuration_recorder_status" "main" {\n  name       = aws_config_configuration_recorder.main.name\n  is_enabled = true\n}\n'
QUOTED = ", ".join(f'"{name}"' for name in MISSING)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('["AWS::S3::Bucket"]', f'["AWS::S3::Bucket", {QUOTED}]'),
        ('["AWS::S3::Bucket", ]', f'["AWS::S3::Bucket", {QUOTED}, ]'),
        (
            '[\n      "AWS::S3::Bucket" # the buckets\n    ]',
            '[\n      "AWS::S3::Bucket", # the buckets\n' + ",\n".join(f'      "{name}"' for name in MISSING) + "\n    ]",
        ),
        (
            '[\n      "AWS::S3::Bucket",\n      # and nothing else\n    ]',
            '[\n      "AWS::S3::Bucket",\n' + ",\n".join(f'      "{name}"' for name in MISSING) + ",\n      # and nothing else\n    ]",
        ),
    ],
)
def test_a_list_is_made_longer_in_its_own_style(tmp_path: Path, old: str, new: str) -> None:
    """Entries are added after the last one, one to a line where that is the style; comments stay with their entries."""
    text = RECORDER % f"  recording_group {{\n    all_supported  = false\n    resource_types = {old}\n  }}\n" + STARTED
    files(tmp_path, {"main.tf": text})
    assert fix(tmp_path, "config-recorder-on").refused == []
    assert (tmp_path / "main.tf").read_text() == text.replace(old, new)
    assert result_of(tmp_path, "config-recorder-on").failures == ()


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ('concat(["AWS::S3::Bucket"], [])', "resource_types is set to the expression concat("),
        (
            '[local.bucket]\n  }\n}\nlocals {\n  bucket = "AWS::S3::Bucket"\n}\nlocals {\n  x = {',
            "resource_types is set to the expression [local.bucket]",
        ),
    ],
)
def test_a_list_that_is_computed_is_refused(tmp_path: Path, written: str, reason: str) -> None:
    """Only literals are made longer."""
    files(
        tmp_path,
        {"main.tf": RECORDER % f"  recording_group {{\n    all_supported  = false\n    resource_types = {written}\n  }}\n" + STARTED},
    )
    mending = fix(tmp_path, "config-recorder-on")
    assert mending.files == []
    assert [said for _, said in mending.refused if reason in said], mending.refused


def test_a_recorder_that_is_off_is_switched_on(tmp_path: Path) -> None:
    """The flag of the resource that starts it is changed; where there is none, it is added, if its one channel stands beside it."""
    off = STARTED.replace("true", "false")
    channel = 'resource "aws_config_delivery_channel" "to-bucket" {\n  s3_bucket_name = "acme-config"\n}\n'
    files(tmp_path / "off", {"main.tf": RECORDER % ALL + off})
    assert fix(tmp_path / "off", "config-recorder-on").refused == []
    assert (tmp_path / "off" / "main.tf").read_text() == RECORDER % ALL + STARTED
    files(tmp_path / "absent", {"main.tf": RECORDER % ALL + channel})
    assert fix(tmp_path / "absent", "config-recorder-on").refused == []
    text = (tmp_path / "absent" / "main.tf").read_text()
    assert '"aws_config_configuration_recorder_status" "main"' in text
    assert "depends_on = [aws_config_delivery_channel.to-bucket]" in text
    assert result_of(tmp_path / "absent", "config-recorder-on").failures == ()
    for name, extra in (("none", ""), ("two", channel + channel.replace("to-bucket", "other"))):
        files(tmp_path / name, {"main.tf": RECORDER % ALL + extra})
        (found,) = result_of(tmp_path / name, "config-recorder-on").failures
        assert found.edits == ()


POOL = 'resource "aws_cognito_user_pool" "p" {\n  name = "p"\n%s}\n' + FACES


@pytest.mark.parametrize(
    ("inside", "added", "token"),
    [
        ("", '\n  mfa_configuration = "ON"', True),
        ('  mfa_configuration = "OFF"\n', None, True),
        ("  software_token_mfa_configuration {\n    enabled = false\n  }\n", '\n  mfa_configuration = "ON"', True),
        ("  software_token_mfa_configuration {\n    enabled = true\n  }\n", '\n  mfa_configuration = "ON"', True),
        (
            '  sms_configuration {\n    external_id    = "x"\n    sns_caller_arn = "arn:aws:iam::123456789012:role/sms"\n  }\n',
            '\n  mfa_configuration = "ON"',
            False,
        ),
    ],
)
def test_a_second_factor_is_demanded_and_can_be_given(tmp_path: Path, inside: str, added: str | None, token: bool) -> None:
    """MFA is ON, and a software token is allowed unless a factor is set up already: Cognito refuses one without the other."""
    files(tmp_path, {"main.tf": POOL % inside})
    assert fix(tmp_path, "step-up-factor").refused == []
    text = (tmp_path / "main.tf").read_text()
    assert (added or 'mfa_configuration = "ON"').strip() in " ".join(text.replace("  ", " ").split("\n")).replace("  ", " ")
    assert ("software_token_mfa_configuration {\n    enabled = true\n  }" in text) is token
    assert result_of(tmp_path, "step-up-factor").failures == ()


def test_steps_that_belong_together_are_made_together_or_not_at_all(tmp_path: Path) -> None:
    """Where the factor can't be set up mechanically, MFA isn't demanded either: that configuration would not deploy."""
    text = POOL % '  dynamic "software_token_mfa_configuration" {\n    for_each = []\n    content {\n      enabled = true\n    }\n  }\n'
    files(tmp_path, {"main.tf": text})
    mending = fix(tmp_path, "step-up-factor")
    assert [reason for _, reason in mending.refused] == ["software_token_mfa_configuration is a dynamic block"]
    assert (tmp_path / "main.tf").read_text() == text


def test_terraform_in_json_is_refused(tmp_path: Path) -> None:
    """It is checked, but not edited."""
    files(tmp_path, {"main.tf.json": '{"resource": {"aws_s3_bucket": {"u": {"bucket": "shop-uploads", "acl": "public-read"}}}}'})
    assert {reason for _, reason in fix(tmp_path, "quarantine-not-served").refused} == {"Terraform in JSON is not edited"}


@pytest.mark.parametrize(("actions", "proposed"), [("[aws_sns_topic.t.arn]", True), ("[]", False), ("[var.topic]", False)])
def test_a_muted_alarm_is_switched_on_only_if_somebody_then_hears_of_it(tmp_path: Path, actions: str, proposed: bool) -> None:
    """A switch that mends nothing isn't thrown."""
    text = (
        'variable "topic" {}\nresource "aws_sagemaker_endpoint" "detector" {\n  endpoint_config_name = "d"\n}\nresource "aws_sns_topic" "t" {}\n'
        'resource "aws_sns_topic_subscription" "t" {\n  topic_arn = aws_sns_topic.t.arn\n  protocol  = "email"\n  endpoint  = "a@b.example"\n}\n'
        'resource "aws_cloudwatch_metric_alarm" "a" {\n  namespace   = "AWS/SageMaker"\n  metric_name = "Invocations"\n  actions_enabled = false\n'
        f"  alarm_actions = {actions}\n}}\n"
    )
    files(tmp_path, {"main.tf": text})
    edits = [edit for finding in result_of(tmp_path, "inference-cost-watched").failures for edit in finding.edits]
    assert bool(edits) is proposed
    fix(tmp_path, "inference-cost-watched")
    assert (tmp_path / "main.tf").read_text() == (text.replace("actions_enabled = false", "actions_enabled = true") if proposed else text)


COMMENTED = (
    'resource "aws_s3_bucket" "u" {\n  bucket = "shop-uploads"\n} /* a comment that\ngoes on */\n\n'
    'resource "aws_s3_bucket_versioning" "u" { /* and\n another */\n  bucket = aws_s3_bucket.u.id /* a\n third */\n'
    '  versioning_configuration {\n    status = "Suspended"\n  }\n}\n'
    'resource "aws_config_configuration_recorder" "main" {\n  recording_group {\n    all_supported = false\n    resource_types = [\n'
    '      "AWS::S3::Bucket" /* as\n      ever */\n    ]\n  }\n}\n'
)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_nothing_is_written_into_a_comment(tmp_path: Path, end: str) -> None:
    """A comment that goes on behind the line where something is added stays whole, what is added counts, and a second run adds nothing."""
    (tmp_path / "main.tf").write_bytes(COMMENTED.replace("\n", end).encode())
    fix(tmp_path, "media-bucket-hardened", "config-recorder-on")
    once = (tmp_path / "main.tf").read_bytes()
    assert b"goes on */" + 2 * end.encode() + b'resource "aws_s3_bucket_public_access_block" "u" {' in once
    assert all(
        f"{text}{end} {rest}".encode() in once
        for text, rest in (("{ /* and", "another */"), ("/* a", "third */"), ("/* as", "     ever */"))
    )
    assert once.count(b"aws_s3_bucket_public_access_block") == 1
    fix(tmp_path, "media-bucket-hardened", "config-recorder-on")
    assert (tmp_path / "main.tf").read_bytes() == once


def test_tabs_stay_tabs(tmp_path: Path) -> None:
    """What is added in a file that is indented with tabs is indented as its neighbours are."""
    satellite = (
        'resource "aws_s3_bucket_public_access_block" "u" {\n\tbucket = aws_s3_bucket.u.id\n\tblock_public_acls = true\n}\n'
        'resource "aws_s3_bucket_versioning" "u" {\n\tbucket = aws_s3_bucket.u.id\n\tversioning_configuration {\n\t}\n}\n'
    )
    files(tmp_path, {"main.tf": BUCKET, "more.tf": satellite})
    fix(tmp_path, "media-bucket-hardened")
    text = (tmp_path / "more.tf").read_text()
    assert "\n\tblock_public_policy = true\n" in text
    assert "\n " not in text


def test_a_diff_can_be_applied_whatever_the_file_holds_and_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces and quotes in the name, and what else than a newline ends a line in Unicode: ``git apply`` makes of it what --fix writes."""
    monkeypatch.chdir(tmp_path)
    name = 'my "old" dir/my file.tf'
    files(tmp_path, {name: BUCKET + "# a\u2028b\x0cc"})
    found = result_of(tmp_path, "media-bucket-hardened")
    mending = mended((edit for finding in found.failures for edit in finding.edits), [tmp_path], time.time() + 1)
    diff = "".join(file.diff() for file in mending.files)
    subprocess.run(
        ["git", "apply", "-"], input=diff.encode(), check=True, env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    )
    assert (tmp_path / name).read_bytes() == mending.files[0].after


ROOTS = {f"{name}/main.tf": f'module "m" {{\n  source = "../m"\n  name   = "{name}-x"\n}}\n' for name in ("uploads", "website")}


def test_a_module_of_several_roots_is_changed_for_all_of_them_or_not_at_all(tmp_path: Path) -> None:
    """Each root module is judged by itself; what a change does to a module that they share, it does to all of them. What is left out has no say."""
    files(tmp_path, {**ROOTS, "m/main.tf": MODULE})
    (refused,) = fix(tmp_path, "quarantine-not-served").refused
    assert refused[1].endswith("website as well, where nothing asks for it")
    assert (tmp_path / "m" / "main.tf").read_text() == MODULE
    edits = [edit for finding in result_of(tmp_path, "quarantine-not-served").failures for edit in finding.edits]
    left_out = mended(edits, [tmp_path], time.time() + 1, lambda file: "left out" if "website" in file else None)
    assert (len(left_out.files), left_out.refused) == (1, [])
    files(tmp_path, {"website/main.tf": ROOTS["uploads/main.tf"]})
    mending = fix(tmp_path, "quarantine-not-served")
    assert (len(mending.files), mending.refused) == (1, [])
    assert result_of(tmp_path, "quarantine-not-served").failures == ()


def test_a_setting_that_a_module_makes_for_several_buckets_is_theirs_alike(tmp_path: Path) -> None:
    """The block that holds the setting of one bucket holds that of another one, too: the other didn't ask."""
    module = 'variable "bucket" {}\nresource "aws_s3_bucket_acl" "this" {\n  bucket = var.bucket\n  acl    = "public-read"\n}\n'
    buckets = "".join(
        f'resource "aws_s3_bucket" "{name}" {{\n  bucket = "shop-{name}"\n}}\nmodule "{name}" {{\n  source = "./acl"\n  bucket = aws_s3_bucket.{name}.id\n}}\n'
        for name in ("uploads", "website")
    )
    files(tmp_path, {"main.tf": buckets, "acl/main.tf": module})
    mending = fix(tmp_path, "quarantine-not-served")
    assert [reason for _, reason in mending.refused] == ["its block makes 2 resources, and 1 of them don't ask for it"]
    assert (tmp_path / "acl" / "main.tf").read_text() == module
    files(tmp_path, {"main.tf": buckets.replace("website", "uploads2")})
    assert fix(tmp_path, "quarantine-not-served").refused == []
