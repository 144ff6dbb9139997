"""Buckets whose name is made with another resource's value, and what means them by that name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph, Reference
from averment.policies.interface import Context
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.terraform.surface import TerraformSurface

TERRAFORM = """
resource "%(kind)s" "suffix" {}
locals { name = "acme-uploads-${%(kind)s.suffix.%(attribute)s}%(end)s" }
resource "aws_s3_bucket" "uploads" { bucket = local.name }
resource "aws_s3_bucket" "logs" { bucket = "${local.name}-logs" }
resource "aws_s3_bucket_policy" "uploads" {
  bucket = %(bucket)s
  policy = jsonencode({ Statement = [{ Effect = "Allow", Principal = "*", Action = "s3:PutObject", Resource = "arn:aws:s3:::${local.name}%(rest)s" }] })
}
resource "aws_cloudwatch_event_rule" "new" {
  event_pattern = jsonencode({ source = ["aws.s3"], detail = { bucket = { name = [local.name] } } })
}
"""


def graph_of(folder: Path, text: str) -> Graph:
    (folder / "main.tf").write_text(text, encoding="utf-8")
    (graph,) = TerraformSurface().graphs(folder)
    return graph


def gated(graph: Graph) -> Verdict:
    subject = rule("s3-put-object-gated")
    context = Context(graph, Scope(accounts=("123456789012",)))
    return worst_outcome(subject.evaluate(resource, context) for resource in graph.of_type(*subject.types)).verdict


@pytest.mark.parametrize(("kind", "attribute"), [("random_id", "hex"), ("random_pet", "id"), ("random_string", "result")])
@pytest.mark.parametrize("end", ["", "-eu"])
@pytest.mark.parametrize("bucket", ["aws_s3_bucket.uploads.id", "local.name"])
def test_an_arn_around_the_name_is_the_buckets(tmp_path: Path, kind: str, attribute: str, end: str, bucket: str):
    """Written out around the expression of the name, it was nobody's, and a bucket open to anyone passed."""
    graph = graph_of(tmp_path, TERRAFORM % {"kind": kind, "attribute": attribute, "end": end, "bucket": bucket, "rest": "/*"})
    assert gated(graph) is Verdict.FAIL
    events = graph.get("aws_cloudwatch_event_rule.new")
    assert events is not None
    assert events.get("EventPattern", "detail", "bucket", "name", 0) == Reference("aws_s3_bucket.uploads")


def test_a_longer_name_is_another_buckets(tmp_path: Path):
    """``${local.name}-logs`` begins with the name of the one and is that of the other, which keeps its own."""
    graph = graph_of(
        tmp_path, TERRAFORM % {"kind": "random_id", "attribute": "hex", "end": "", "bucket": "aws_s3_bucket.uploads.id", "rest": "-logs/*"}
    )
    policy, logs = graph.get("aws_s3_bucket_policy.uploads"), graph.get("aws_s3_bucket.logs")
    assert policy is not None
    assert logs is not None
    assert policy.get("PolicyDocument", "Statement", 0, "Resource") == Reference("aws_s3_bucket.logs", "Arn", "/*")
    assert logs.get("BucketName") == Reference("random_id.suffix", "hex", "-logs", "acme-uploads-")


def test_a_name_that_several_have_means_none_of_them(tmp_path: Path):
    """Copies of one bucket can't all be called so; which is meant can't be told."""
    twice = 'resource "aws_s3_bucket" "again" { bucket = local.name }\n'
    graph = graph_of(
        tmp_path,
        twice + TERRAFORM % {"kind": "random_id", "attribute": "hex", "end": "", "bucket": "aws_s3_bucket.uploads.id", "rest": "/*"},
    )
    policy = graph.get("aws_s3_bucket_policy.uploads")
    assert policy is not None
    assert policy.get("PolicyDocument", "Statement", 0, "Resource").address == "random_id.suffix"


def test_a_template_means_them_so_too(tmp_path: Path):
    """A custom resource that makes up a suffix."""
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": {"Fn::Sub": "arn:aws:s3:::acme-uploads-${Own.Value}/*"},
    }
    resources = {
        "Own": {"Type": "Custom::Suffix", "Properties": {"ServiceToken": "arn:aws:lambda:eu-west-1:123456789012:function:suffix"}},
        "Uploads": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Fn::Sub": "acme-uploads-${Own.Value}"}}},
        "Policy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": {"Ref": "Uploads"}, "PolicyDocument": {"Statement": [statement]}},
        },
    }
    path = tmp_path / "template.json"
    path.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}), encoding="utf-8")
    assert gated(read_template(path)) is Verdict.FAIL


NAMED_LATER = """
variable "uploads" { default = "" }
variable "photos" { default = "" }
resource "aws_s3_bucket" "uploads" { bucket = var.uploads }
resource "aws_s3_bucket" "photos" { bucket = "${var.photos}" }
resource "aws_s3_bucket_logging" "photos" {
  bucket        = var.photos
  target_bucket = "acme-logs"
  target_prefix = "photos/"
}
resource "aws_s3_bucket_policy" "photos" {
  bucket = var.photos
  policy = jsonencode({ Statement = [{ Effect = "Allow", Principal = "*", Action = "s3:GetObject", Resource = "arn:aws:s3:::${var.photos}/*" }] })
}
"""
NAMED_LATER_BY_PARAMETERS = """
Parameters:
  UploadsName: {Type: String, Default: ''}
  PhotosName: {Type: String, Default: ''}
Resources:
  Uploads: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref UploadsName}}
  Photos: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref PhotosName, LoggingConfiguration: {LogFilePrefix: photos/}}}
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref PhotosName
      PolicyDocument: {Statement: [{Effect: Allow, Principal: '*', Action: s3:GetObject, Resource: !Sub 'arn:aws:s3:::${PhotosName}/*'}]}
"""


@pytest.mark.parametrize("template", [False, True])
def test_names_that_are_empty_by_default_are_not_the_same(tmp_path: Path, template: bool):
    """The deployment gives both: what is set on the one by its name was taken for the other's, which passed by its log and failed by its policy."""
    (tmp_path / "t.yaml").write_text(NAMED_LATER_BY_PARAMETERS, encoding="utf-8")
    graph = read_template(tmp_path / "t.yaml") if template else graph_of(tmp_path, NAMED_LATER)
    context = Context(graph, Scope())
    found = {
        (name, bucket.label.lower()): rule(name).evaluate(bucket, context).verdict
        for name in ("media-access-logged", "quarantine-not-served")
        for bucket in graph.of_type("AWS::S3::Bucket")
    }
    assert found["media-access-logged", "uploads"] is Verdict.FAIL
    assert found["media-access-logged", "photos"] is Verdict.PASS
    assert found["quarantine-not-served", "uploads"] is Verdict.PASS


def test_a_name_that_is_empty_by_default_is_the_same_in_every_module_that_gets_it(tmp_path: Path):
    """One module makes the bucket, another sets its log: both have the name of who calls them, by a local value or by the variable itself."""
    for name, text in (
        ("made", 'resource "aws_s3_bucket" "it" { bucket = var.name }'),
        ("set", 'resource "aws_s3_bucket_logging" "it" {\n bucket = var.name\n target_bucket = "acme-logs"\n target_prefix = "a/"\n}'),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.tf").write_text(f'variable "name" {{}}\n{text}\n', encoding="utf-8")
    calls = (
        'module "uploads" {\n source = "./made"\n name = var.uploads\n}\nmodule "photos" {\n source = "./made"\n name = local.photos\n}\n'
    )
    calls += 'module "log" {\n source = "./set"\n name = "${var.photos}"\n}\nlocals { photos = var.photos }\n'
    graph = graph_of(tmp_path, 'variable "uploads" { default = "" }\nvariable "photos" { default = "" }\n' + calls)
    context = Context(graph, Scope())
    verdicts = {
        bucket.address: rule("media-access-logged").evaluate(bucket, context).verdict for bucket in graph.of_type("AWS::S3::Bucket")
    }
    assert verdicts == {"module.uploads.aws_s3_bucket.it": Verdict.FAIL, "module.photos.aws_s3_bucket.it": Verdict.PASS}
