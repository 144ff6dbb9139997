"""The statement that refuses objects without a provenance tag, in each dialect. ``@`` stands for the bucket."""

from __future__ import annotations

TERRAFORM = """\
statement {
  sid       = "RefuseWithoutProvenance"
  effect    = "Deny"
  actions   = ["s3:PutObject"]
  resources = ["${aws_s3_bucket.@.arn}/*"]
  principals {
    type        = "*"
    identifiers = ["*"]
  }
  condition {
    test     = "Null"
    variable = "s3:RequestObjectTag/provenance"
    values   = ["true"]
  }
}"""
CLOUDFORMATION = """\
- Sid: RefuseWithoutProvenance
  Effect: Deny
  Principal: '*'
  Action: s3:PutObject
  Resource: !Sub '${@.Arn}/*'
  Condition:
    'Null':
      s3:RequestObjectTag/provenance: 'true'"""
JSON = (
    '{"Sid": "RefuseWithoutProvenance", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",'
    ' "Resource": "arn:aws:s3:::@/*", "Condition": {"Null": {"s3:RequestObjectTag/provenance": "true"}}}'
)
