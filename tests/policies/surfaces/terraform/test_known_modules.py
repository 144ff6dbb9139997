"""Public modules that aren't downloaded: the arguments of those that are called most mean to the rules what their documentation says."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from averment.core.scope import Scope
from averment.core.source import SourceRef
from averment.core.words import Verdict
from averment.policies.fixing.place import planned
from averment.policies.graph.model import Dialect, Graph, Resource
from averment.policies.interface import Context, Outcome
from averment.policies.rules.judge import naming, worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.terraform.modules.known import stand_in
from averment.policies.surfaces.terraform.surface import TerraformSurface

S3 = "terraform-aws-modules/s3-bucket/aws"
BUCKET = "AWS::S3::Bucket"


def read(tmp_path: Path, text: str) -> Graph:
    (tmp_path / "main.tf").write_text(textwrap.dedent(text), encoding="utf-8")
    (graph,) = TerraformSurface().graphs(tmp_path)
    return graph


def bucket_of(graph: Graph) -> Resource:
    (bucket,) = graph.of_type(BUCKET)
    return bucket


def judged(graph: Graph, name: str) -> Outcome:
    subject = rule(name)
    return worst_outcome(subject.evaluate(resource, Context(graph, Scope())) for resource in graph.of_type(*subject.types))


def bucket(arguments: str, source: str = S3, version: str = '"~> 5.0"') -> str:
    return f'variable "open" {{}}\nmodule "uploads" {{\n  source = "{source}"\n  version = {version}\n  bucket = "acme-uploads"\n{arguments}\n}}\n'


@pytest.mark.parametrize(
    "source",
    [
        S3,
        f"registry.terraform.io/{S3}",
        f"registry.opentofu.org/{S3}",
        "git::https://github.com/terraform-aws-modules/terraform-aws-s3-bucket.git?ref=v4.1.0",
        "git::https://github.com/terraform-aws-modules/terraform-aws-s3-bucket?depth=1&ref=v4.1.0",
        "github.com/terraform-aws-modules/terraform-aws-s3-bucket",
        "git@github.com:terraform-aws-modules/terraform-aws-s3-bucket.git",
    ],
)
def test_a_module_is_known_by_each_way_to_name_it(source: str):
    """A registry's address and a git URL are the same module."""
    assert stand_in(source, None) == stand_in(S3, None) is not None


@pytest.mark.parametrize(
    ("source", "version", "known"),
    [
        (S3, "~> 4.1", True),
        (S3, "3.9.0", True),
        (S3, ">= 2.0", True),
        (S3, "~> 3.8", False),
        (S3, "2.1.0", False),
        (S3, "< 3.0", False),
        ("git::https://github.com/terraform-aws-modules/terraform-aws-s3-bucket.git?ref=v2.0.0", None, False),
        (f"{S3}//modules/notification", None, True),
        (f"{S3}//modules/object", None, False),
        ("acme/s3-bucket/aws", None, False),
        ("./modules/terraform-aws-modules/s3-bucket", None, False),
    ],
)
def test_versions_with_other_defaults_and_other_modules_are_not_known(source: str, version: str | None, known: bool):
    """What isn't known stays a module that is not read, as before."""
    assert (stand_in(source, version) is not None) is known


def test_a_bucket_of_the_module_is_judged_by_its_arguments(tmp_path: Path):
    """Versions and TLS are switched on by arguments; the access block is on unless it is switched off."""
    hardened = "  versioning = { enabled = true }\n  attach_deny_insecure_transport_policy = true"
    assert judged(read(tmp_path, bucket(hardened)), "media-bucket-hardened").verdict is Verdict.PASS
    outcome = judged(read(tmp_path, bucket("  block_public_policy = false")), "media-bucket-hardened")
    assert outcome.verdict is Verdict.FAIL
    assert "keeps no versions" in outcome.message
    assert "leaves BlockPublicPolicy off" in outcome.message
    assert "doesn't refuse plain HTTP" in outcome.message


def test_what_the_caller_leaves_open_is_unknown(tmp_path: Path):
    """A variable without a default decides at run time whether there are versions: never a pass."""
    text = bucket("  versioning = var.open\n  attach_deny_insecure_transport_policy = true")
    assert judged(read(tmp_path, text), "media-bucket-hardened").verdict is Verdict.UNKNOWN


def test_findings_point_at_the_call(tmp_path: Path):
    """Nobody can mend the text that stands in for a module: the place, and comments with waivers, are those of the call."""
    graph = read(tmp_path, "# first line\n" + bucket("  # averment:waive=SM-UPL-01 reason=test"))
    found = bucket_of(graph)
    assert found.source.file == str(tmp_path / "main.tf")
    assert found.source.line == 3
    assert any("averment:waive" in comment for comment in found.comments)
    assert judged(graph, "media-bucket-hardened").where == found.source


@pytest.mark.parametrize(("source", "named"), [(S3, "s3_bucket"), ("cloudposse/s3-bucket/aws", "bucket")])
def test_what_a_fix_says_of_a_modules_bucket_can_be_written_by_the_caller(tmp_path: Path, source: str, named: str):
    """The caller has no ``aws_s3_bucket.this``: arguments of the module where it has some, and else its outputs; --fix has no place."""
    version = '"4.2.0"'
    closed = "block_public_acls = false"
    name = 'bucket_name = "acme-uploads"' if named == "bucket" else ""
    text = bucket(f"{name}\n{closed}", source, version)
    found = {rule_id: judged(read(tmp_path, text), rule_id) for rule_id in ("media-bucket-hardened", "media-access-logged")}
    assert {outcome.verdict for outcome in found.values()} == {Verdict.FAIL}
    arguments = "\n".join((outcome.fix or "").partition("\n# or, in a trail")[0] for outcome in found.values())
    assert "# in module.uploads\n" in arguments
    mended = bucket(f"{name}\n{arguments}", source, version).replace("<access_logs>", "logs")
    graph = read(tmp_path, mended + 'resource "aws_s3_bucket" "logs" {\n  bucket = "acme-logs"\n}\n')
    assert {rule_id: judged(graph, rule_id).verdict for rule_id in found} == dict.fromkeys(found, Verdict.PASS)
    assert f"module.uploads.{named}_arn" in (found["media-access-logged"].fix or "")
    assert f"bucket      = module.uploads.{named}_id\n" in (judged(graph, "media-bucket-events-scanned").fix or "")
    subject = bucket_of(read(tmp_path, text))
    assert {planned(subject, change, graph) for change in found["media-bucket-hardened"].changes} == {None}


def test_an_installed_copy_is_mended_by_its_call_too(tmp_path: Path):
    """After ``terraform init`` the module itself is read: what to write is the same, and nobody writes it into the copy."""
    copy = tmp_path / ".terraform" / "modules" / "uploads"
    copy.mkdir(parents=True)
    (copy / "main.tf").write_text('variable "bucket" {}\nresource "aws_s3_bucket" "this" {\n  bucket = var.bucket\n}\n', encoding="utf-8")
    listed = {"Key": "uploads", "Source": f"registry.terraform.io/{S3}", "Version": "5.0.0", "Dir": ".terraform/modules/uploads"}
    (copy.parent / "modules.json").write_text(json.dumps({"Modules": [listed]}), encoding="utf-8")
    graph = read(tmp_path, bucket(""))
    assert bucket_of(graph).source.file == str(copy / "main.tf")
    assert "# in module.uploads\nversioning = {" in (judged(graph, "media-bucket-hardened").fix or "")


def test_that_the_module_is_not_read_is_said_with_what_is_not_looked_at(tmp_path: Path):
    """An argument that the stand-in doesn't know may change anything: it is named, and the run as such is complete."""
    (problem,) = read(tmp_path, bucket("  replication_configuration = {}")).problems
    assert "is not read; what its arguments mean is known, except replication_configuration" in problem.reason
    assert problem.blocking is False
    assert problem.where.line == 2


def test_an_older_version_is_not_read(tmp_path: Path):
    """Its defaults were others."""
    graph = read(tmp_path, bucket("", version='"2.15.0"'))
    assert list(graph.of_type(BUCKET)) == []
    assert "is not read" in graph.problems[0].reason


def test_a_policy_that_the_caller_gives_is_the_buckets(tmp_path: Path):
    """``attach_policy`` with a document of one's own is a bucket policy like any other."""
    given = """\
          attach_policy = true
          policy = jsonencode({Statement = [
            {Effect = "Allow", Principal = "*", Action = "s3:PutObject", Resource = "arn:aws:s3:::acme-uploads/*"}
          ]})
    """
    outcome = judged(read(tmp_path, bucket(given)), "s3-put-object-gated")
    assert outcome.verdict is Verdict.FAIL
    assert "anyone (Principal *)" in outcome.message


def test_a_bucket_that_is_switched_off_is_not_there(tmp_path: Path):
    """``create_bucket = false`` makes nothing."""
    assert list(read(tmp_path, bucket("  create_bucket = false")).of_type(BUCKET)) == []


def test_notifications_of_the_submodule_reach_the_bucket(tmp_path: Path):
    """``modules/notification`` links a bucket of the module to a function of the module."""
    text = bucket("") + (
        f'module "scan" {{\n  source = "terraform-aws-modules/lambda/aws"\n  function_name = "scan"\n}}\n'
        f'module "tell" {{\n  source = "{S3}//modules/notification"\n  bucket = module.uploads.s3_bucket_id\n'
        '  lambda_notifications = { scan = { function_arn = module.scan.lambda_function_arn, events = ["s3:ObjectCreated:*"] } }\n}\n'
    )
    assert judged(read(tmp_path, text), "media-bucket-events-scanned").verdict is Verdict.PASS
    without = text[: text.index('module "tell"')]
    assert judged(read(tmp_path, without), "media-bucket-events-scanned").verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "given",
    [
        'attach_policy_statements = true\n  policy_statements = { a = { effect = "Allow", actions = ["rekognition:*"], resources = ["*"] } }',
        'attach_policy_statements = true\n  policy_statements = [{ actions = ["rekognition:*"], resources = ["*"] }]',
        'attach_policy_json = true\n  policy_json = jsonencode({Statement = [{Effect = "Allow", Action = "rekognition:*", Resource = "*"}]})',
        'attach_policies = true\n  number_of_policies = 1\n  policies = ["arn:aws:iam::aws:policy/AmazonRekognitionFullAccess"]',
        'attach_policy = true\n  policy = "arn:aws:iam::aws:policy/AmazonRekognitionFullAccess"',
    ],
)
def test_what_a_function_of_the_module_may_do_is_judged(tmp_path: Path, given: str):
    """Each way to give its role a policy."""
    text = f'module "f" {{\n  source = "terraform-aws-modules/lambda/aws"\n  version = "~> 8.0"\n  function_name = "match"\n  {given}\n}}\n'
    outcome = judged(read(tmp_path, text), "inference-least-privilege")
    assert outcome.verdict is Verdict.FAIL
    assert "face matching" in outcome.message


def test_policies_that_are_given_but_not_attached_are_none(tmp_path: Path):
    """The module attaches nothing without the switch beside it."""
    text = (
        'module "f" {\n  source = "terraform-aws-modules/lambda/aws"\n  function_name = "match"\n'
        '  policy_statements = { a = { actions = ["rekognition:*"], resources = ["*"] } }\n}\n'
    )
    assert judged(read(tmp_path, text), "inference-least-privilege").verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("origin", "verdict"),
    [
        ('origin_access_control = "m"', Verdict.PASS),
        ('origin_access_control_key = "m"', Verdict.PASS),
        ('origin_access_control_id = "E2EXAMPLE"', Verdict.UNKNOWN),
        ("origin_id = null", Verdict.FAIL),
    ],
)
def test_a_distribution_of_the_module_is_judged(tmp_path: Path, origin: str, verdict: Verdict):
    """Its origins name their access control by key; a function of the caller's is the gate."""
    text = f"""
        resource "aws_s3_bucket" "media" {{
          bucket = "acme-media"
        }}
        resource "aws_cloudfront_function" "gate" {{
          name    = "gate"
          runtime = "cloudfront-js-2.0"
          code    = "function handler(event) {{ return {{ statusCode: 403 }}; }}"
        }}
        module "cdn" {{
          source                = "terraform-aws-modules/cloudfront/aws"
          origin_access_control = {{ m = {{ description = "media", origin_type = "s3" }} }}
          origin = {{
            m = {{
              domain_name = aws_s3_bucket.media.bucket_regional_domain_name
              {origin}
            }}
          }}
          default_cache_behavior = {{
            target_origin_id     = "m"
            function_association = {{ viewer-request = {{ function_arn = aws_cloudfront_function.gate.arn }} }}
          }}
        }}
    """
    assert judged(read(tmp_path, text), "cdn-media-gated").verdict is verdict


def test_a_bucket_of_cloudposse_is_named_and_judged(tmp_path: Path):
    """Its name is joined of the label's words; versions and the access block are on unless switched off."""
    text = """
        module "media" {
          source                  = "cloudposse/s3-bucket/aws"
          version                 = "4.2.0"
          namespace               = "acme"
          stage                   = "prod"
          name                    = "media"
          allow_ssl_requests_only = true
        }
    """
    graph = read(tmp_path, text)
    assert bucket_of(graph).get("BucketName") == "acme-prod-media"
    assert judged(graph, "media-bucket-hardened").verdict is Verdict.PASS
    assert judged(graph, "media-access-logged").verdict is Verdict.FAIL


def test_a_policy_of_an_unread_modules_bucket_is_no_other_buckets(tmp_path: Path):
    """The output of a module that isn't read names a bucket that the module makes: nothing is in doubt about the buckets beside it."""
    text = """
        module "reports" {
          source = "example.com/acme/reports"
        }
        resource "aws_s3_bucket_policy" "reports" {
          bucket = module.reports.bucket
          policy = jsonencode({Statement = []})
        }
        resource "aws_s3_bucket" "uploads" {
          bucket = "acme-uploads"
        }
    """
    assert judged(read(tmp_path, text), "upload-provenance-tagged").verdict is Verdict.FAIL


@pytest.mark.parametrize("key", ["", "[0]", '["a]b"]', '["a.module.y[0].b"]'])
def test_a_fix_names_the_call_whatever_its_key(key: str):
    """A key with a bracket in it ended the rule as a flaw of the program."""
    module = "terraform-aws-modules/s3-bucket"
    bucket = Resource(
        f"module.media{key}.aws_s3_bucket.this[0]", "AWS::S3::Bucket", {}, SourceRef("main.tf", 1), Dialect.TERRAFORM, module=module
    )
    assert naming("bucket = aws_s3_bucket.@.id", bucket, "@") == f"bucket = module.media{key}.s3_bucket_id"
