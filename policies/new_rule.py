"""The scaffold of a rule of the user's own: a rule that works, with cases that hold, to be changed."""

from __future__ import annotations

import re
from pathlib import Path

from averment.core.errors import BadInputError
from averment.core.files import write_atomic
from averment.core.source import SourceRef
from averment.policies.rules.registry import all_rules

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

_RULE = '''\
"""Every bucket says who answers for it: an example, to be replaced by what your rule is about."""

from averment.core.words import Severity
from averment.policies.interface import PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.graph.model import Resource

TAG = "owner"


def evaluate(bucket: Resource, context: Context) -> Outcome:
    """The verdict on one bucket. Properties have CloudFormation's names, whatever the file was written in."""
    if TAG in bucket.tags:
        return PASS
    if bucket.tags_unknown is not None:  # what can't be resolved is never a pass
        return unknown(f"whether the bucket has the tag '{TAG}': {bucket.tags_unknown.reason}")
    return fail(f"this bucket has no tag '{TAG}'", where=bucket.where("Tags"), fix='tags = { owner = "<team>" }')


RULE = Rule(
    id="@id@",
    title="Buckets say who answers for them",
    severity=Severity.MEDIUM,
    types=("AWS::S3::Bucket",),
    evaluate=evaluate,
    remediation="Tag the bucket with the team that answers for it.",
)
'''
_README = """\
# @id@

What it checks, why it matters, how to fix it, and what it can't see.

    averment rules test @folder@
    averment check --rules @folder@ .
"""
_EXPECT = """\
# Each failure and each unknown must be expected here, and each expectation must be met.
rule: @id@
cases:
  - path: main.tf
    expect:
      aws_s3_bucket.kept: pass
      aws_s3_bucket.orphan: {verdict: fail, line: 7}
      aws_s3_bucket.open: {verdict: unknown, message: has no default}
  - path: template.yaml
    expect:
      Kept: pass
      Orphan: fail
"""
_TERRAFORM = """\
# Written for this rule's cases.
resource "aws_s3_bucket" "kept" {
  bucket = "kept"
  tags   = { owner = "media-team" }
}

resource "aws_s3_bucket" "orphan" {
  bucket = "orphan"
}

variable "tags" {
  type = map(string)
}

resource "aws_s3_bucket" "open" {
  bucket = "open"
  tags   = var.tags
}
"""
_TEMPLATE = """\
# Written for this rule's cases.
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Kept:
    Type: AWS::S3::Bucket
    Properties:
      Tags: [{Key: owner, Value: media-team}]
  Orphan:
    Type: AWS::S3::Bucket
"""


def scaffold(rule_id: str, output: Path) -> list[Path]:
    """Write the folder of a new rule below ``output``; returns the files.

    Raises:
        BadInputError: the id isn't lower-case words with hyphens, or is taken, or its folder exists.
        IncompleteError: a file can't be written.
    """
    if not _NAME.fullmatch(rule_id):
        raise BadInputError(f"'{rule_id}' can't be a rule's id", fix="lower-case words with hyphens, as in bucket-has-owner")
    if any(rule.id == rule_id for rule in all_rules()):
        raise BadInputError(f"'{rule_id}' ships with averment", fix="choose another id")
    folder = output / rule_id.replace("-", "_")
    if folder.exists():
        raise BadInputError("exists already", where=SourceRef(str(folder)), fix="choose another id, or remove it")
    texts = {
        "rule.py": _RULE,
        "README.md": _README,
        "cases/expect.yaml": _EXPECT,
        "cases/main.tf": _TERRAFORM,
        "cases/template.yaml": _TEMPLATE,
    }
    written = []
    for name, text in texts.items():
        file = folder / name
        write_atomic(file, text.replace("@id@", rule_id).replace("@folder@", output.as_posix()).encode())
        written.append(file)
    return written
