"""What to write instead: the gate in a bucket's policy, the bucket in an identity's, the private ACL."""

from __future__ import annotations

from averment.policies.graph.model import Resource
from averment.policies.iam.access_points import DOCUMENTS as DOORS
from averment.policies.rules.judge import fix_for, naming

_FIX_TERRAFORM = """\
# in the policy that grants the upload: refuse objects that carry no provenance tag
statement {
  sid       = "RefuseWithoutProvenance"
  effect    = "Deny"
  actions   = ["s3:PutObject"]
  resources = ["${aws_s3_bucket.<bucket>.arn}/*"]
  principals {
    type        = "AWS"
    identifiers = ["*"]
  }
  condition {
    test     = "Null"
    variable = "s3:RequestObjectTag/provenance"
    values   = ["true"]
  }
}"""
_FIX_CLOUDFORMATION = """\
# in the bucket policy: refuse objects that carry no provenance tag
- Sid: RefuseWithoutProvenance
  Effect: Deny
  Principal: '*'
  Action: s3:PutObject
  Resource: !Sub '${<bucket>.Arn}/*'
  Condition:
    'Null':
      s3:RequestObjectTag/provenance: 'true'"""
_FIX_JSON = (
    '{"Sid": "RefuseWithoutProvenance", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",'
    ' "Resource": "arn:aws:s3:::<bucket>/*", "Condition": {"Null": {"s3:RequestObjectTag/provenance": "true"}}}'
)


def gate_fix(carrier: Resource, bucket: Resource) -> str:
    """A statement that refuses objects without a provenance tag, in the dialect of ``carrier``, the policy that grants the upload."""
    text = fix_for(carrier, terraform=_FIX_TERRAFORM, cloudformation=_FIX_CLOUDFORMATION, command=_FIX_JSON)
    if carrier.type in DOORS:
        text = text.replace("in the policy that grants the upload", "in the bucket policy")
    return naming(text, bucket, "<bucket>")


def identity_fix(carrier: Resource, bucket: Resource) -> str:
    """The bucket named instead of every one, in the dialect of ``carrier``."""
    text = fix_for(
        carrier,
        terraform='resources = ["${aws_s3_bucket.<bucket>.arn}/<prefix>/*"]  # instead of *, or of the managed policy',
        cloudformation="Resource: !Sub '${<bucket>.Arn}/<prefix>/*'  # instead of *, or of the managed policy",
        command='"Resource": "arn:aws:s3:::<bucket>/<prefix>/*"',
    )
    return naming(text, bucket, "<bucket>")


def acl_fix(bucket: Resource) -> str:
    """The private ACL."""
    command = "aws s3api put-bucket-acl --bucket @ --acl private"
    return fix_for(bucket, terraform='acl = "private"', cloudformation="AccessControl: Private", command=command)
