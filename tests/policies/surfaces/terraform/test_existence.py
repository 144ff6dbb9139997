"""What may not exist makes nothing else pass, and what isn't created, or set twice, is never passed over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from averment.controls.loader import load_catalogue
from averment.core.errors import ExitCode
from averment.core.organisation import Organisation
from averment.core.words import Verdict
from averment.policies.engine import CheckResult, FailOn, Options, check
from averment.policies.graph.terraform_graph import is_looked_at
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.registry import load_graphs

BUCKET = """
resource "aws_s3_bucket" "uploads" {
  META
  bucket = "acme-uploads"
}
"""
SETTINGS = """
resource "aws_s3_bucket_versioning" "uploads" {
  META
  bucket = LINK
  versioning_configuration {
    status = "Enabled"
  }
}
resource "aws_s3_bucket_public_access_block" "uploads" {
  META
  bucket                  = LINK
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}
resource "aws_s3_bucket_policy" "uploads" {
  META
  bucket = LINK
  policy = jsonencode({ Statement = [{ Effect = "Deny", Principal = "*", Action = "s3:*", Resource = "*", Condition = { Bool = { "aws:SecureTransport" = "false" } } }] })
}
"""
OPEN = """
resource "aws_s3_bucket_policy" "open" {
  count  = var.open ? 1 : 0
  bucket = aws_s3_bucket.uploads.id
  policy = jsonencode({ Statement = [{ Effect = "Allow", Principal = "*", Action = "s3:PutObject", Resource = "*" }] })
}
"""


def bucket(meta: str = "") -> str:
    return BUCKET.replace("META", meta)


def settings(meta: str = "", link: str = "aws_s3_bucket.uploads.id") -> str:
    return SETTINGS.replace("META", meta).replace("LINK", link)


def checked(folder: Path, files: dict[str, str] | str, rule: str = "media-bucket-hardened") -> CheckResult:
    for name, text in (files if isinstance(files, dict) else {"main.tf": files}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return check([folder], all_rules(), Organisation(), load_catalogue(), Options(rules=(rule,)))


def verdict(result: CheckResult) -> Verdict:
    (finding,) = result.findings
    return finding.verdict


def test_a_bucket_is_not_hardened_by_what_may_not_exist(tmp_path: Path):
    """Settings with ``count = var.harden ? 1 : 0`` and no value for it: neither a pass nor a failure, and the variable is named."""
    result = checked(tmp_path, 'variable "harden" {}\n' + bucket() + settings("count = var.harden ? 1 : 0"))
    (finding,) = result.findings
    assert finding.verdict is Verdict.UNKNOWN
    assert "aws_s3_bucket_versioning.uploads" in finding.message
    assert "variable 'harden' has no default" in finding.message
    assert "keeps no versions" in finding.message
    assert result.exit_code(FailOn.UNKNOWN) is ExitCode.FINDINGS


@pytest.mark.parametrize(
    ("of_bucket", "of_settings", "link"),
    [
        ("count = var.n ? 1 : 0", "count  =  var.n ? 1 : 0", "aws_s3_bucket.uploads[0].id"),
        ("for_each = var.n", "for_each = aws_s3_bucket.uploads", "each.value.id"),
        ("for_each = var.n", "for_each = var.n", "aws_s3_bucket.uploads[each.key].id"),
        ("count = var.n", "count = length(aws_s3_bucket.uploads)", "aws_s3_bucket.uploads[count.index].id"),
        ("count = var.n", "", "aws_s3_bucket.uploads[0].id"),
        ("count = var.n ? 1 : 0", "count = var.n && var.yes ? 1 : 0", "aws_s3_bucket.uploads[0].id"),
        ("count = var.n && var.m ? 1 : 0", "count = var.n ? 1 : 0", "aws_s3_bucket.uploads[0].id"),
        ("count = local.both ? 1 : 0", "count = (var.m == 1) && local.made ? 1 : 0", "aws_s3_bucket.uploads[0].id"),
        ("count = local.made ? 1 : 0", "for_each = var.n ? { a = 1 } : {}", "aws_s3_bucket.uploads[0].id"),
    ],
)
def test_what_exists_together_counts_for_each_other(tmp_path: Path, of_bucket: str, of_settings: str, link: str):
    """A bucket and its settings that hang on the same expression, or the settings on the bucket, are judged together."""
    given = 'variable "n" {}\nvariable "m" {}\nvariable "yes" {\n  default = true\n}\nlocals {\n  made = var.n\n  both = local.made && var.m == 1\n}\n'
    result = checked(tmp_path, given + bucket(of_bucket) + settings(of_settings, link))
    assert verdict(result) is Verdict.PASS


@pytest.mark.parametrize(
    "of_settings",
    ["count = var.n && var.m ? 1 : 0", "count = !var.n ? 1 : 0", "count = var.n ? var.m : 0"],
)
def test_settings_that_need_more_than_the_bucket_leave_it_open(tmp_path: Path, of_settings: str):
    """A second condition, or the opposite one, isn't the bucket's own."""
    given = 'variable "n" {}\nvariable "m" {}\n'
    result = checked(tmp_path, given + bucket("count = var.n ? 1 : 0") + settings(of_settings, "aws_s3_bucket.uploads[0].id"))
    assert verdict(result) is Verdict.UNKNOWN


def test_settings_on_another_condition_than_the_buckets_leave_it_open(tmp_path: Path):
    """That both are in doubt doesn't make one sure of the other."""
    text = 'variable "a" {}\nvariable "b" {}\n' + bucket("count = var.a ? 1 : 0")
    result = checked(tmp_path, text + settings("count = var.b ? 1 : 0", "aws_s3_bucket.uploads[0].id"))
    assert verdict(result) is Verdict.UNKNOWN


def test_a_module_in_doubt_makes_nothing_outside_of_it_pass(tmp_path: Path):
    """Resources inherit the doubt of the module call around them; among themselves they are sure."""
    harden = settings(link="var.bucket") + 'variable "bucket" {}\n'
    call = 'variable "on" {}\nmodule "harden" {\n  source = "./harden"\n  count = var.on ? 1 : 0\n  bucket = aws_s3_bucket.uploads.id\n}\n'
    outside = checked(tmp_path / "outside", {"main.tf": bucket() + call, "harden/main.tf": harden})
    assert verdict(outside) is Verdict.UNKNOWN
    whole = {
        "main.tf": 'variable "on" {}\nmodule "m" {\n  source = "./m"\n  count = var.on ? 1 : 0\n}\n',
        "m/main.tf": bucket() + settings(),
    }
    assert verdict(checked(tmp_path / "whole", whole)) is Verdict.PASS


def test_what_is_wrong_with_what_may_exist_still_fails(tmp_path: Path):
    """A public policy behind an open condition is a failure: some deployment has it."""
    result = checked(tmp_path, 'variable "open" {}\n' + bucket() + OPEN, "s3-put-object-gated")
    assert verdict(result) is Verdict.FAIL


def test_what_the_defaults_keep_from_being_made_is_said(tmp_path: Path):
    """``count`` that is 0 by a default of the root module: nobody knows what the deployment gives, so it is named as not checked."""
    result = checked(tmp_path, 'variable "open" {\n  default = false\n}\n' + bucket() + settings() + OPEN)
    (problem,) = result.problems
    assert (problem.blocking, problem.where.line) == (False, OPEN_LINE)
    assert problem.reason == "aws_s3_bucket_policy.open: not created with the variables' defaults, and so not checked"
    assert result.exit_code() is ExitCode.CLEAN
    assert result.exit_code(FailOn.UNKNOWN) is ExitCode.FINDINGS


OPEN_LINE = len(('variable "open" {\n  default = false\n}\n' + bucket() + settings()).splitlines()) + 2


def test_a_module_that_the_defaults_keep_from_being_made_is_said(tmp_path: Path):
    """So is a module call without an instance, also inside another module."""
    inner = 'variable "n" {}\nmodule "inner" {\n  source = "../inner"\n  count = var.n\n}\n'
    outer = 'variable "n" {\n  default = 0\n}\nmodule "outer" {\n  source = "./outer"\n  n = var.n\n}\n'
    files = {"main.tf": outer + bucket() + settings(), "outer/main.tf": inner, "inner/main.tf": bucket()}
    (problem,) = checked(tmp_path, files).problems
    assert problem.reason.startswith("module.outer.module.inner: not created with the variables' defaults")


@pytest.mark.parametrize(
    "files",
    [
        {"main.tf": 'variable "open" {\n  default = false\n}\n', "terraform.tfvars": "open = false\n"},
        {"main.tf": "locals {\n  open = false\n}\n"},
    ],
)
def test_what_is_surely_not_made_is_not_mentioned(tmp_path: Path, files: dict[str, str]):
    """Values that stand in the module, or in a file that Terraform reads by itself, leave nothing open."""
    text = (bucket() + settings() + OPEN).replace("var.open", "var.open" if "terraform.tfvars" in files else "local.open")
    result = checked(tmp_path, {**files, "main.tf": files["main.tf"] + text})
    assert (verdict(result), result.problems) == (Verdict.PASS, ())


@pytest.mark.parametrize("more", ['status = "Suspended"', "status = var.status"])
def test_a_setting_that_two_resources_set_otherwise_is_open(tmp_path: Path, more: str):
    """A bucket has one such setting, and which resource is applied last is chance; both are named."""
    second = f'variable "status" {{}}\nresource "aws_s3_bucket_versioning" "again" {{\n  bucket = aws_s3_bucket.uploads.id\n  versioning_configuration {{\n    {more}\n  }}\n}}\n'
    for number, text in enumerate((settings() + second, second + settings())):
        (finding,) = checked(tmp_path / str(number), bucket() + text).findings
        assert finding.verdict is Verdict.UNKNOWN
        assert "aws_s3_bucket_versioning.uploads" in finding.message
        assert "aws_s3_bucket_versioning.again" in finding.message


def test_an_access_block_that_names_less_is_another(tmp_path: Path):
    """What the second leaves out, it sets to its default: it doesn't agree with the first."""
    second = 'resource "aws_s3_bucket_public_access_block" "again" {\n  bucket = aws_s3_bucket.uploads.id\n  block_public_acls = true\n}\n'
    assert verdict(checked(tmp_path, bucket() + settings() + second)) is Verdict.UNKNOWN


def test_two_resources_that_agree_are_no_contest(tmp_path: Path):
    """The same setting twice is the same setting."""
    again = settings().replace('" "uploads"', '" "again"')
    assert verdict(checked(tmp_path, bucket() + settings() + again)) is Verdict.PASS


def test_a_bucket_has_as_many_metrics_as_are_written(tmp_path: Path):
    """Metrics are the one setting of which a bucket has several: none replaces another."""
    metrics = "".join(
        f'resource "aws_s3_bucket_metric" "{name}" {{\n  bucket = aws_s3_bucket.uploads.id\n  name = "{name}"\n}}\n' for name in "ab"
    )
    (tmp_path / "main.tf").write_text(bucket() + metrics)
    (graph,) = load_graphs(tmp_path)
    (found,) = graph.of_type("AWS::S3::Bucket")
    assert found.get("MetricsConfigurations") == [{"Id": "a"}, {"Id": "b"}]


def test_two_policies_of_one_bucket_are_said(tmp_path: Path):
    """A bucket has one policy, and the one that demands TLS may be the one that is replaced; policies that agree, or may not exist, are none."""
    empty = 'resource "aws_s3_bucket_policy" "again" {\n  META\n  bucket = "acme-uploads"\n  policy = jsonencode({ Statement = [] })\n}\n'
    (problem,) = checked(tmp_path / "two", bucket() + settings() + empty.replace("META", "")).problems
    assert problem.reason.startswith("aws_s3_bucket_policy.uploads and aws_s3_bucket_policy.again are policies of aws_s3_bucket.uploads")
    assert not problem.blocking
    agreeing = 'resource "aws_s3_bucket_policy" "again"' + settings().partition('resource "aws_s3_bucket_policy" "uploads"')[2]
    for number, more in enumerate((agreeing, 'variable "on" {}\n' + empty.replace("META", "count = var.on ? 1 : 0"))):
        assert checked(tmp_path / str(number), bucket() + settings() + more).problems == ()


def test_what_no_rule_looks_at_is_not_mentioned_where_it_is_not_made(tmp_path: Path):
    """A listener or a cache that the defaults switch off, alone or in a module, leaves nothing unchecked."""
    off = 'variable "on" {\n  default = false\n}\n'
    other = 'resource "aws_lb_listener" "https" {\n  META\n}\nresource "null_resource" "x" {\n  META\n}\n'
    call = 'module "balancer" {\n  source = "./balancer"\n  count = var.on ? 1 : 0\n}\n'
    text = off + bucket() + settings() + other.replace("META", "count = var.on ? 1 : 0") + call
    inner = {"balancer/main.tf": other.replace("META", ""), "inner/main.tf": ""}
    assert checked(tmp_path / "a", {"main.tf": text, **inner}).problems == ()
    inner["balancer/main.tf"] += 'module "inner" {\n  source = "../inner"\n}\n'
    assert checked(tmp_path / "b", {"main.tf": text, **inner}).problems == ()
    inner["inner/main.tf"] = bucket()
    (problem,) = checked(tmp_path / "c", {"main.tf": text, **inner}).problems
    assert problem.reason.startswith("module.balancer: not created")


def test_every_type_of_terraforms_that_a_rule_names_is_looked_at():
    """A rule that looks at a type without a shape would otherwise not be told that there may be one."""
    named = {kind for rule in all_rules() for kind in (*rule.types, *rule.neighbours) if kind.startswith("Terraform::")}
    assert named
    assert all(is_looked_at(kind.removeprefix("Terraform::")) for kind in named)
    assert not is_looked_at("aws_lb_listener")


def test_the_condition_that_a_verdict_hangs_on_is_the_one_that_is_named(tmp_path: Path):
    """Other resources in doubt have nothing to do with it; where two conditions each suffice, both are named."""
    doubts = "".join(f'variable "{name}" {{}}\n' for name in "abc")
    role = 'resource "aws_iam_user" "other" {\n  count = var.a ? 1 : 0\n  name  = "other"\n}\n'
    (finding,) = checked(tmp_path / "one", doubts + role + bucket() + settings("count = var.b ? 1 : 0")).findings
    assert "aws_s3_bucket_versioning.uploads" in finding.message
    assert "variable 'b' has no default" in finding.message
    assert "aws_iam_user" not in finding.message
    either = settings("count = var.b ? 1 : 0") + settings("count = var.c ? 1 : 0").replace('" "uploads"', '" "again"')
    (finding,) = checked(tmp_path / "either", doubts + bucket() + either).findings
    assert finding.verdict is Verdict.UNKNOWN
    assert "aws_s3_bucket_versioning.uploads" in finding.message


@pytest.mark.parametrize(
    ("enabled", "more", "expected", "said"),
    [
        ("true", "", Verdict.PASS, ""),
        ("false", "", Verdict.FAIL, "keeps no versions"),
        ("var.on", 'variable "on" { default = false }', Verdict.FAIL, "keeps no versions"),
        ("var.on", 'variable "on" {}', Verdict.UNKNOWN, "whether there will be"),
    ],
)
def test_what_opentofu_has_switched_off_is_not_there(tmp_path: Path, enabled: str, more: str, expected: Verdict, said: str):
    """OpenTofu 1.11 makes none of a block whose lifecycle says ``enabled = false``: its settings protected a bucket that had none."""
    switch = f"lifecycle {{\n    enabled = {enabled}\n  }}"
    result = checked(tmp_path, bucket() + settings(switch) + more + "\n")
    assert verdict(result) is expected
    assert any(said in finding.message for finding in result.findings)


def test_a_module_or_json_that_opentofu_has_switched_off_is_not_there(tmp_path: Path):
    """As in a resource; in JSON the block looks like an attribute."""
    call = 'module "m" {\n  source = "./m"\n  bucket = aws_s3_bucket.uploads.id\n  lifecycle {\n    enabled = false\n  }\n}\n'
    files = {"main.tf": bucket() + call, "m/main.tf": 'variable "bucket" {}\n' + settings(link="var.bucket")}
    assert verdict(checked(tmp_path / "module", files)) is Verdict.FAIL
    flags = dict.fromkeys(("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"), True)
    block = {"bucket": "${aws_s3_bucket.uploads.id}", "lifecycle": {"enabled": False}, **flags}
    (found,) = checked(
        tmp_path / "json",
        {"main.tf": bucket(), "block.tf.json": json.dumps({"resource": {"aws_s3_bucket_public_access_block": {"u": block}}})},
    ).findings
    assert "has no public access block" in found.message
