"""The statement that refuses objects without a good verdict, in each dialect. ``@`` stands for the bucket, ``<tag>`` for the verdict's key."""

from __future__ import annotations

TERRAFORM = """\
# in the policy of aws_s3_bucket.@
statement {
  sid       = "RefuseUnscanned"
  effect    = "Deny"
  actions   = ["s3:GetObject", "s3:GetObjectVersion"]
  resources = ["${aws_s3_bucket.@.arn}/*"]
  principals {
    type        = "*"
    identifiers = ["*"]
  }
  condition {
    test     = "StringNotEquals"
    variable = "s3:ExistingObjectTag/<tag>"
    values   = ["clean"]
  }
  condition {
    test     = "ArnNotEquals"
    variable = "aws:PrincipalArn"
    values   = [<the scanner's role>.arn]
  }
}"""
CLOUDFORMATION = """\
# in the AWS::S3::BucketPolicy of @
- Sid: RefuseUnscanned
  Effect: Deny
  Principal: '*'
  Action: [s3:GetObject, s3:GetObjectVersion]
  Resource: !Sub '${@.Arn}/*'
  Condition:
    StringNotEquals:
      s3:ExistingObjectTag/<tag>: clean
    ArnNotEquals:
      aws:PrincipalArn: !GetAtt <ScannerRole>.Arn"""
COMMAND = (
    '# in its bucket policy: {"Sid": "RefuseUnscanned", "Effect": "Deny", "Principal": "*",'
    ' "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": "arn:aws:s3:::@/*", "Condition":'
    ' {"StringNotEquals": {"s3:ExistingObjectTag/<tag>": "clean"}, "ArnNotEquals": {"aws:PrincipalArn": "<the scanner\'s role>"}}}'
)
