"""What to write instead: the gate in a bucket's policy, the bucket in an identity's, the private ACL."""

from __future__ import annotations

import re

from averment.policies.graph.model import Dialect, Resource
from averment.policies.iam.access_points import DOCUMENTS as DOORS
from averment.policies.rules import provenance_gate
from averment.policies.rules.judge import fix_for, naming

_REFUSE = "refuse objects that carry no provenance tag"
_FIX_TERRAFORM = f"# in the policy that grants the upload: {_REFUSE}\n{provenance_gate.TERRAFORM}"
_FIX_CLOUDFORMATION = f"# in the bucket policy: {_REFUSE}\n{provenance_gate.CLOUDFORMATION}"
_LAST_CALL = re.compile(r"module\.[\w-]+(?:\[[^\]]*\])?\.$")


def gate_fix(carrier: Resource, bucket: Resource) -> str:
    """A statement that refuses objects without a provenance tag, in the dialect of ``carrier``, the policy that grants the upload."""
    terraform, cloudformation, command = (
        text.replace("@", "<bucket>") for text in (_FIX_TERRAFORM, _FIX_CLOUDFORMATION, provenance_gate.JSON)
    )  # the name is the bucket's, not the carrier's
    text = fix_for(carrier, terraform=terraform, cloudformation=cloudformation, command=command)
    if carrier.type in DOORS:
        text = text.replace("in the policy that grants the upload", "in the bucket policy")
    return naming(text if carrier.dialect is Dialect.CLOUDFORMATION else _handed_in(text, carrier, bucket), bucket, "<bucket>")


def identity_fix(carrier: Resource, bucket: Resource) -> str:
    """The bucket named instead of every one, in the dialect of ``carrier``."""
    text = fix_for(
        carrier,
        terraform='resources = ["${aws_s3_bucket.<bucket>.arn}/<prefix>/*"]  # instead of *, or of the managed policy',
        cloudformation="Resource: !Sub '${<bucket>.Arn}/<prefix>/*'  # instead of *, or of the managed policy",
        command='"Resource": "arn:aws:s3:::<bucket>/<prefix>/*"',
    )
    return naming(_handed_in(text, carrier, bucket), bucket, "<bucket>")


def _handed_in(text: str, carrier: Resource, bucket: Resource) -> str:
    """``text`` for where ``carrier`` is written: the bucket of another module or template can't be named there, only what is handed in or out."""
    here, there = _around(carrier), _around(bucket)
    if bucket.outside or here == there:
        return text
    inner = there.startswith(here)
    arn = f"<ARN of {bucket.address}, handed %s>"
    text = text.replace("${aws_s3_bucket.<bucket>.arn}", arn % ("out as an output" if inner else "in as a variable"))
    return text.replace("!Sub '${<bucket>.Arn}", f"'{arn % ('out as an output' if inner else 'in as a parameter')}")


def _around(resource: Resource) -> str:
    """The module, or the nested stack, in which ``resource`` is written. What a public module makes is written where that is called."""
    address = resource.address.partition("#")[0]
    if resource.dialect is Dialect.CLOUDFORMATION:
        return "".join(address.rpartition(".")[:2])
    around = address.rpartition(f"{resource.native_type}.")[0]
    return _LAST_CALL.sub("", around) if resource.module else around


def acl_fix(bucket: Resource) -> str:
    """The private ACL."""
    command = "aws s3api put-bucket-acl --bucket @ --acl private"
    return fix_for(bucket, terraform='acl = "private"', cloudformation="AccessControl: Private", command=command)
