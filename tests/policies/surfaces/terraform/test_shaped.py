"""What stays of a name that a function changes while a part of it is known only at deployment."""

from __future__ import annotations

from pathlib import Path

import pytest

from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph, Reference, Unknown
from averment.policies.interface import Context
from averment.policies.rules.registry import rule
from averment.policies.surfaces.terraform.surface import TerraformSurface

HARDENED = rule("media-bucket-hardened")


def graph_of(folder: Path, text: str) -> Graph:
    (folder / "main.tf").write_text('variable "x" {}\nresource "random_id" "s" {}\n' + text, encoding="utf-8")
    (graph,) = TerraformSurface().graphs(folder)
    return graph


@pytest.mark.parametrize(
    ("expression", "template"),
    [
        ('lower("Acme-Uploads-${random_id.s.hex}")', "acme-uploads-${lower(random_id.s.hex)}"),
        ('lower("acme-uploads-${var.x}")', "acme-uploads-${lower(var.x)}"),
        ('replace("acme_uploads_${var.x}", "_", "-")', "acme-uploads-${replace(var.x, _, -)}"),
        ('trimsuffix("acme-uploads-${var.x}", "-")', "acme-uploads-${trimsuffix(var.x, -)}"),
        ('trimprefix("x-acme-uploads-${var.x}", "x-")', "acme-uploads-${var.x}"),
        ('trimspace(" acme-uploads-${var.x} ")', "acme-uploads-${var.x}"),
        ('chomp("acme-uploads-${var.x}\\n")', "acme-uploads-${var.x}"),
        ('substr("acme-uploads-${var.x}", 0, 15)', "acme-uploads-${substr(var.x, 0, 15)}"),
        ('substr("${var.x}-acme-uploads", 0, 63)', "${substr(var.x, 0, 63)}-acme-uploads"),
        ('substr(lower(replace("Acme_Uploads_${var.x}", "_", "-")), 0, 63)', "acme-uploads-${substr(lower(replace(var.x, _, -)), 0, 63)}"),
    ],
)
def test_a_name_that_is_put_into_form_still_tells_what_the_bucket_is_for(tmp_path: Path, expression: str, template: str):
    """Nothing of it was known, the bucket was taken for none of media, and no rule asked it."""
    graph = graph_of(tmp_path, f'resource "aws_s3_bucket" "b" {{ bucket = {expression} }}')
    bucket = graph.get("aws_s3_bucket.b")
    assert bucket is not None
    name = bucket.get("BucketName")
    assert isinstance(name, Unknown)
    assert name.template == template
    assert HARDENED.evaluate(bucket, Context(graph, Scope())).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "expression",
    [
        "lower(var.x)",
        "md5(var.x)",
        'substr("${var.x}-uploads", 0, 8)',
        'replace("acme-${var.x}", "/[a-z]/", "")',
        'replace("uploads-${var.x}", var.x, "")',
    ],
)
def test_what_may_not_stay_is_not_said(tmp_path: Path, expression: str):
    """A digest, a pattern, a cut that may fall before what is known."""
    bucket = graph_of(tmp_path, f'resource "aws_s3_bucket" "b" {{ bucket = {expression} }}').get("aws_s3_bucket.b")
    assert bucket is not None
    name = bucket.get("BucketName")
    assert isinstance(name, Unknown)
    assert name.template is None or name.template.startswith("${")


def test_small_letters_of_a_buckets_name_are_its_name(tmp_path: Path):
    """``lower(aws_s3_bucket.b.id)``: its policy was one of a bucket that isn't here."""
    graph = graph_of(
        tmp_path,
        'resource "aws_s3_bucket" "b" { bucket = "acme-uploads" }\n'
        'resource "aws_s3_bucket_policy" "p" {\n  bucket = lower(aws_s3_bucket.b.id)\n  policy = "{}"\n}',
    )
    policy = graph.get("aws_s3_bucket_policy.p")
    assert policy is not None
    assert policy.get("Bucket") == Reference("aws_s3_bucket.b")


def test_equal_names_stay_equal(tmp_path: Path):
    """A policy that spells out the ARN of the very name reaches its bucket."""
    graph = graph_of(
        tmp_path,
        """
locals { name = lower("acme-uploads-${var.x}") }
resource "aws_s3_bucket" "b" { bucket = local.name }
resource "aws_s3_bucket_policy" "p" {
  bucket = aws_s3_bucket.b.id
  policy = jsonencode({ Statement = [{ Effect = "Allow", Principal = "*", Action = "s3:PutObject", Resource = "arn:aws:s3:::${local.name}/*" }] })
}
""",
    )
    gated = rule("s3-put-object-gated")
    policy = graph.get("aws_s3_bucket_policy.p")
    assert policy is not None
    assert gated.evaluate(policy, Context(graph, Scope())).verdict is Verdict.FAIL
