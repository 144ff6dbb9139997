"""Instances whose number isn't known, and modules that use each other: as reusable modules of public registries are written."""

from __future__ import annotations

from pathlib import Path

from averment.core.scope import MediaRole, Scope
from averment.policies.graph.model import Graph, Reference, Unknown
from averment.policies.rules.media import media_role
from averment.policies.surfaces.registry import load_graphs


def graph_of(folder: Path, files: dict[str, str]) -> Graph:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return next(iter(load_graphs(folder)))


BUCKET_AND_POLICY = """
variable "create" {
  type = bool
}

resource "aws_s3_bucket" "uploads" {
  count  = var.create ? 1 : 0
  bucket = "acme-uploads"
}

data "aws_iam_policy_document" "uploads" {
  count = var.create ? 1 : 0

  statement {
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.uploads[count.index].arn}/*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
  }
}

resource "aws_s3_bucket_policy" "uploads" {
  count  = var.create ? 1 : 0
  bucket = aws_s3_bucket.uploads[0].id
  policy = POLICY
}
"""


def test_a_block_stands_for_its_instances_where_their_number_is_not_known(tmp_path: Path) -> None:
    """``count = var.create ? 1 : 0`` without a value for ``create``: links by index, splat and the old style still lead to the block."""
    for number, written in enumerate(("[0].json", ".0.json", "[count.index].json", "[*].json", ".*.json")):
        value = f"data.aws_iam_policy_document.uploads{written}"
        text = BUCKET_AND_POLICY.replace("POLICY", f'join("", {value})' if "*" in written else value)
        graph = graph_of(tmp_path / str(number), {"main.tf": text})
        policy = next(graph.of_type("AWS::S3::BucketPolicy"))
        assert policy.get("Bucket") == Reference("aws_s3_bucket.uploads"), written
        (statement,) = policy.get("PolicyDocument", "Statement")
        assert statement["Resource"] == [Reference("aws_s3_bucket.uploads", "Arn", "/*")], written


def test_modules_may_use_each_other_s_outputs(tmp_path: Path) -> None:
    """Two modules that take values from each other aren't a circle as long as no value is: Terraform orders values, not modules."""
    graph = graph_of(
        tmp_path,
        {
            "main.tf": 'module "store" {\n  source = "./store"\n  reader = module.edge.name\n}\n'
            'module "edge" {\n  source = "./edge"\n  domain = module.store.domain\n}\n',
            "store/main.tf": 'variable "reader" {}\nresource "aws_s3_bucket" "this" {\n  bucket = "acme-${var.reader}"\n}\n'
            'output "domain" {\n  value = aws_s3_bucket.this.bucket_regional_domain_name\n}\n',
            "edge/main.tf": 'variable "domain" {}\nresource "aws_cloudfront_distribution" "this" {\n  origin {\n    origin_id   = "s"\n'
            '    domain_name = var.domain\n  }\n}\noutput "name" {\n  value = "edge"\n}\n',
        },
    )
    assert next(graph.of_type("AWS::S3::Bucket")).get("BucketName") == "acme-edge"
    (origin,) = next(graph.of_type("AWS::CloudFront::Distribution")).get("DistributionConfig", "Origins")
    assert origin["DomainName"] == Reference("module.store.aws_s3_bucket.this", "RegionalDomainName")


def test_a_bucket_that_is_only_looked_up_is_known_by_its_name(tmp_path: Path) -> None:
    """``data.aws_s3_bucket`` says no more than its name, and ARN and domain follow from that."""
    text = 'data "aws_s3_bucket" "media" {\n  bucket = "acme-media"\n}\nresource "aws_cloudfront_distribution" "this" {\n  origin {\n'
    text += '    origin_id   = "m"\n    domain_name = data.aws_s3_bucket.media.bucket_regional_domain_name\n  }\n}\n'
    graph = graph_of(tmp_path, {"main.tf": text})
    (origin,) = next(graph.of_type("AWS::CloudFront::Distribution")).get("DistributionConfig", "Origins")
    assert origin["DomainName"] == "acme-media.s3.${AWS::Region}.amazonaws.com"


def test_what_is_known_of_a_name_tells_what_a_bucket_is_for(tmp_path: Path) -> None:
    """A random suffix or prefix, as most public modules have it, doesn't hide that a bucket holds photos."""
    text = 'resource "random_id" "this" {\n  byte_length = 4\n}\n'
    text += 'resource "aws_s3_bucket" "a" {\n  bucket = "photos-${random_id.this.hex}"\n}\n'
    text += 'resource "aws_s3_bucket" "b" {\n  bucket = "${random_id.this.hex}-uploads"\n}\n'
    text += 'resource "aws_s3_bucket" "c" {\n  bucket_prefix = "acme-media-"\n}\n'
    found = {bucket.address: media_role(bucket, Scope()) for bucket in graph_of(tmp_path, {"main.tf": text}).of_type("AWS::S3::Bucket")}
    assert found["aws_s3_bucket.a"] == (MediaRole.PUBLISHED, "name matches *photo*")
    assert found["aws_s3_bucket.b"] == (MediaRole.UPLOAD, "name matches *upload*")
    assert found["aws_s3_bucket.c"] == (MediaRole.PUBLISHED, "name matches *media*")


def test_the_key_of_an_item_of_a_set_is_the_item(tmp_path: Path):
    """``for`` and ``dynamic`` over a set give each item as its own key, where those of a list are positions."""
    graph = graph_of(
        tmp_path,
        {
            "main.tf": """
variable "given" {
  type    = set(string)
  default = ["uploads", "avatars", "uploads"]
}
resource "aws_s3_bucket" "b" {
  for_each = { for key, value in var.given : key => value }
  bucket   = "shop-${each.key}"
}
resource "aws_s3_bucket_lifecycle_configuration" "l" {
  bucket = aws_s3_bucket.b["uploads"].id
  dynamic "rule" {
    for_each = toset(["expire"])
    content {
      id     = rule.key
      status = "Enabled"
    }
  }
}
"""
        },
    )
    assert [(item.address, item.get("BucketName")) for item in graph.of_type("AWS::S3::Bucket")] == [
        ('aws_s3_bucket.b["avatars"]', "shop-avatars"),
        ('aws_s3_bucket.b["uploads"]', "shop-uploads"),
    ]
    bucket = graph.get('aws_s3_bucket.b["uploads"]')
    assert bucket is not None
    assert [entry["Id"] for entry in bucket.get("LifecycleConfiguration", "Rules")] == ["expire"]


def test_an_ephemeral_value_is_not_known_and_no_error(tmp_path: Path):
    """``try`` takes its second value only where the first is an error; an ephemeral one is there, once it is applied."""
    graph = graph_of(
        tmp_path,
        {
            "main.tf": 'ephemeral "random_password" "p" { length = 9 }\n'
            'resource "aws_s3_bucket" "b" { bucket = try(ephemeral.random_password.p.result, "uploads") }\n'
        },
    )
    bucket = graph.get("aws_s3_bucket.b")
    assert bucket is not None
    assert isinstance(bucket.get("BucketName"), Unknown)


def test_a_value_of_each_says_what_for_each_waits_for(tmp_path: Path):
    """That ``each`` is known only for each instance helps nobody: a variable without a value is why there are no instances."""
    text = """
        variable "keys" {
          type = map(object({ usage = string }))
        }

        locals {
          keys = { for name, key in var.keys : name => key }
        }

        resource "aws_kms_key" "signing" {
          for_each  = local.keys
          key_usage = each.value.usage
        }
    """
    called = """
        module "signing" {
          source   = "./signing"
          for_each = local.keys
          usage    = each.value.usage
        }
    """
    module = 'variable "usage" {}\nresource "aws_kms_key" "of_module" {\n  key_usage = var.usage\n}\n'
    graph = graph_of(tmp_path, {"main.tf": text + called, "signing/main.tf": module})
    usages = [key.get("KeyUsage") for key in graph.of_type("AWS::KMS::Key")]
    assert len(usages) == 2
    assert all("variable 'keys' has no default" in usage.reason for usage in usages)
