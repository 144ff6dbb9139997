"""When biometric data really ends: versions that are kept for good, rules for some objects, switches that aren't known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph
from averment.policies.interface import Context, Outcome
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.config.surface import graph_from_items
from averment.policies.surfaces.terraform.surface import TerraformSurface

WHOLE = {"Status": "Enabled", "ExpirationInDays": 30}
VERSIONS = {"NoncurrentVersionExpiration": {"NoncurrentDays": 1}}


def judged(graph: Graph) -> Outcome:
    subject = rule("biometric-retention-limited")
    context = Context(graph, Scope(accounts=("123456789012",)))
    return worst_outcome(subject.evaluate(resource, context) for resource in graph.of_type(*subject.types))


@pytest.mark.parametrize(
    ("rules", "settings", "verdict", "words"),
    [
        ([{**WHOLE, **VERSIONS}], {}, Verdict.PASS, ""),
        (
            [{**WHOLE, "NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 5}}],
            {},
            Verdict.FAIL,
            "keeps 5 of each for good",
        ),
        ([WHOLE, {"Status": "Enabled", "Prefix": "tmp/", **VERSIONS}], {}, Verdict.UNKNOWN, "only below 'tmp/'"),
        ([WHOLE, {"Status": "Enabled", **VERSIONS}], {}, Verdict.PASS, ""),
        ([WHOLE], {"VersioningConfiguration": {"Status": "Suspended"}}, Verdict.PASS, ""),
        ([{"Status": "Enabled", "ExpirationDate": "2099-01-01", **VERSIONS}], {}, Verdict.UNKNOWN, "on one day (2099-01-01)"),
        ([{"Status": "Enabled", "ExpirationDate": "2099-01-01"}, {**WHOLE, **VERSIONS}], {}, Verdict.PASS, ""),
        ([WHOLE], {"VersioningConfiguration": {"Status": {"Ref": "Nowhere"}}}, Verdict.UNKNOWN, "old versions"),
        ([{**WHOLE, **VERSIONS}], {"VersioningConfiguration": {"Status": {"Ref": "Nowhere"}}}, Verdict.PASS, ""),
        ([WHOLE], {"VersioningConfiguration": None, "ObjectLockEnabled": True}, Verdict.FAIL, "is versioned"),
        ([{**WHOLE, **VERSIONS, "Status": {"Ref": "Nowhere"}}], {}, Verdict.UNKNOWN, "whether a lifecycle rule is on"),
    ],
)
def test_what_expires_is_gone_with_its_versions(
    tmp_path: Path, rules: list[dict[str, Any]], settings: dict[str, Any], verdict: Verdict, words: str
):
    """A rule that keeps versions, or that may be off, ends nothing for certain."""
    properties = {"BucketName": "acme-faces", "VersioningConfiguration": {"Status": "Enabled"}}
    properties |= {"LifecycleConfiguration": {"Rules": rules}, **settings}
    path = tmp_path / "template.json"
    resources = {"Faces": {"Type": "AWS::S3::Bucket", "Properties": {k: v for k, v in properties.items() if v is not None}}}
    path.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}), encoding="utf-8")
    outcome = judged(read_template(path))
    assert outcome.verdict is verdict
    assert words in outcome.message


RULE = """
resource "aws_s3_bucket" "faces" {
  bucket = "acme-faces"
  %s
}
resource "aws_s3_bucket_versioning" "faces" {
  bucket = aws_s3_bucket.faces.id
  versioning_configuration { status = "Enabled" }
}
"""
OWN = """
resource "aws_s3_bucket_lifecycle_configuration" "faces" {
  bucket = aws_s3_bucket.faces.id
  rule {
    id     = "end"
    status = "Enabled"
    %s
    expiration { days = 30 }
    noncurrent_version_expiration {
      noncurrent_days = 1
      %s
    }
  }
}
"""
INLINE = """
  lifecycle_rule {
    enabled = true
    %s
    expiration { days = 30 }
    noncurrent_version_expiration { days = 1 }
  }
"""
MODULE = """
module "faces" {
  source         = "terraform-aws-modules/s3-bucket/aws"
  bucket         = "acme-faces"
  versioning     = { enabled = true }
  lifecycle_rule = [{
    id                            = "end"
    enabled                       = true
    expiration                    = { days = 30 }
    noncurrent_version_expiration = { days = 1, %s }
    %s
  }]
}
"""


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (RULE % "" + OWN % ("", ""), Verdict.PASS),
        (RULE % "" + OWN % ("filter { object_size_greater_than = 500 }", ""), Verdict.UNKNOWN),
        (RULE % "" + OWN % ("filter {\n and { object_size_less_than = 500 }\n }", ""), Verdict.UNKNOWN),
        (RULE % "" + OWN % ("filter { object_size_greater_than = 0 }", ""), Verdict.PASS),
        (RULE % "" + OWN % ('filter { object_size_greater_than = "" }', 'newer_noncurrent_versions = ""'), Verdict.PASS),
        (RULE % "" + OWN % ("filter {}", "newer_noncurrent_versions = 3"), Verdict.FAIL),
        (RULE % (INLINE % ""), Verdict.PASS),
        (RULE % (INLINE % 'tags = { done = "yes" }'), Verdict.UNKNOWN),
        (MODULE % ("", ""), Verdict.PASS),
        (MODULE % ("", 'filter = { tags = { done = "yes" } }'), Verdict.UNKNOWN),
        (MODULE % ("", "filter = { object_size_less_than = 500 }"), Verdict.UNKNOWN),
        (MODULE % ("newer_noncurrent_versions = 3", ""), Verdict.FAIL),
    ],
)
def test_terraform_s_limits_of_a_rule_are_read(tmp_path: Path, text: str, verdict: Verdict):
    """Sizes, tags and versions that are kept, in each of the places where Terraform has them."""
    (tmp_path / "main.tf").write_text(text, encoding="utf-8")
    (graph,) = TerraformSurface().graphs(tmp_path)
    assert judged(graph).verdict is verdict


@pytest.mark.parametrize(
    ("predicate", "newer", "verdict"),
    [
        (None, 0, Verdict.PASS),
        (None, 2, Verdict.FAIL),
        ({"type": "LifecycleObjectSizeGreaterThanPredicate", "objectSizeGreaterThan": 500}, 0, Verdict.UNKNOWN),
        (
            {
                "type": "LifecycleAndOperator",
                "operands": [{"type": "LifecycleObjectSizeLessThanPredicate", "objectSizeLessThan": 500}],
            },
            0,
            Verdict.UNKNOWN,
        ),
    ],
)
def test_recorded_limits_of_a_rule_are_read(predicate: dict[str, Any] | None, newer: int, verdict: Verdict):
    """The same in an item of AWS Config, where what limits a rule is a predicate."""
    lifecycle = {
        "status": "Enabled",
        "expirationInDays": 30,
        "noncurrentVersionExpirationInDays": 1,
        "noncurrentVersionExpiration": {"noncurrentDays": 1, "newerNoncurrentVersions": newer},
        "filter": {"predicate": predicate},
    }
    item = {
        "resourceType": "AWS::S3::Bucket",
        "resourceId": "acme-faces",
        "ARN": "arn:aws:s3:::acme-faces",
        "awsAccountId": "123456789012",
        "awsRegion": "eu-west-1",
        "configurationItemStatus": "OK",
        "configuration": {"name": "acme-faces"},
        "supplementaryConfiguration": {
            "BucketVersioningConfiguration": {"status": "Enabled"},
            "BucketLifecycleConfiguration": {"rules": [lifecycle]},
        },
    }
    assert judged(graph_from_items([item])).verdict is verdict
