"""What to write instead: the gate in a bucket's policy, the bucket in an identity's, the private ACL."""

from __future__ import annotations

from averment.policies.graph.model import Resource
from averment.policies.iam.access_points import DOCUMENTS as DOORS
from averment.policies.rules import provenance_gate
from averment.policies.rules.judge import fix_for, naming

_REFUSE = "refuse objects that carry no provenance tag"
_FIX_TERRAFORM = f"# in the policy that grants the upload: {_REFUSE}\n{provenance_gate.TERRAFORM}"
_FIX_CLOUDFORMATION = f"# in the bucket policy: {_REFUSE}\n{provenance_gate.CLOUDFORMATION}"


def gate_fix(carrier: Resource, bucket: Resource) -> str:
    """A statement that refuses objects without a provenance tag, in the dialect of ``carrier``, the policy that grants the upload."""
    terraform, cloudformation, command = (
        text.replace("@", "<bucket>") for text in (_FIX_TERRAFORM, _FIX_CLOUDFORMATION, provenance_gate.JSON)
    )  # the name is the bucket's, not the carrier's
    text = fix_for(carrier, terraform=terraform, cloudformation=cloudformation, command=command)
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
