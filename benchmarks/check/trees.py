"""Trees to check, made from parameters: the same parameters give the same bytes.

Shapes follow what public monorepos look like: many root modules with a shared context file that is copied unchanged, calls of
local modules, variables with defaults, policy documents; templates of which few are CloudFormation among YAML and JSON of other
kinds. Every text is written here.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

CONTEXT = "".join(
    f'variable "context_{index}" {{\n  type        = string\n  default     = null\n  description = "Setting {index} that every component takes"\n}}\n\n'
    for index in range(40)
)
WORDS = ("orders", "media", "uploads", "reports", "audit", "search", "mail", "thumbs", "identity", "events", "billing", "export")


def tiny(folder: Path) -> int:
    """One module of three files: a bucket with its settings, a policy, a queue."""
    write(folder / "main.tf", _component(random.Random(1), "uploads", call=None))
    write(folder / "variables.tf", 'variable "environment" {\n  type    = string\n  default = "dev"\n}\n')
    write(folder / "versions.tf", _VERSIONS)
    return 3


def monorepo(folder: Path, files: int = 1_800, seed: int = 7) -> int:
    """Terraform root modules of five files each, some of which call one of the local modules; ``files`` files in all."""
    chance = random.Random(seed)
    modules = [f"store-{index}" for index in range(12)]
    made = 0
    for name in modules:
        write(folder / "modules" / name / "main.tf", _MODULE)
        write(folder / "modules" / name / "variables.tf", _MODULE_VARIABLES)
        write(folder / "modules" / name / "outputs.tf", 'output "arn" {\n  value = aws_s3_bucket.this.arn\n}\n')
        made += 3
    number = 0
    while made < files:
        kind = chance.choice(WORDS)
        here = folder / "components" / f"{kind}-{number:04d}"
        call = chance.choice(modules) if number % 3 == 0 else None
        texts = {
            "main.tf": _component(chance, f"{kind}-{number}", call),
            "variables.tf": "".join(_variable(name, chance) for name in ("environment", "stage", "owner", "retention", "extra")),
            "context.tf": CONTEXT,
            "versions.tf": _VERSIONS,
            "outputs.tf": f'output "name" {{\n  value = "{kind}-${{var.environment}}"\n}}\n',
        }
        for name, text in texts.items():
            if made < files:
                write(here / name, text)
                made += 1
        number += 1
    return made


def templates(folder: Path, files: int = 4_900, seed: int = 11) -> int:
    """YAML and JSON files, one in eight a CloudFormation or SAM template; the others are what stands beside them."""
    chance = random.Random(seed)
    for number in range(files):
        here = folder / f"pattern-{number // 8:04d}"
        kind = chance.choice(WORDS)
        if number % 8 == 0:
            write(here / "template.yaml", _template(chance, kind, number))
        elif number % 8 == 1:
            write(here / "package.json", json.dumps({"name": kind, "version": "1.0.0", "dependencies": {"left": "^1.0.0"}}, indent=2))
        elif number % 8 == 2:
            write(here / "example-pattern.json", json.dumps({"title": kind, "text": ["words about " + word for word in WORDS]}, indent=2))
        else:
            body = "".join(f"  key_{index}: {chance.choice(WORDS)}\n" for index in range(chance.randint(5, 60)))
            write(here / f"values-{number % 8}.yaml", f"settings:\n{body}")
    return files


def write(path: Path, text: str) -> None:
    """Put ``text`` at ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


_VERSIONS = 'terraform {\n  required_version = ">= 1.5"\n  required_providers {\n    aws = {\n      source  = "hashicorp/aws"\n      version = ">= 5.0"\n    }\n  }\n}\n'

_MODULE_VARIABLES = """variable "name" {
  type = string
}

variable "readers" {
  type    = list(string)
  default = []
}

variable "rules" {
  type = list(object({
    prefix = string
    days   = optional(number, 30)
  }))
  default = []
}
"""

_MODULE = """resource "aws_s3_bucket" "this" {
  bucket = var.name
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id
  versioning_configuration {
    status = "Enabled"
  }
}

data "aws_iam_policy_document" "this" {
  dynamic "statement" {
    for_each = var.readers
    content {
      sid       = "Read${statement.key}"
      actions   = ["s3:GetObject"]
      resources = ["${aws_s3_bucket.this.arn}/*"]
      principals {
        type        = "AWS"
        identifiers = [statement.value]
      }
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  count  = length(var.readers) > 0 ? 1 : 0
  bucket = aws_s3_bucket.this.id
  policy = data.aws_iam_policy_document.this.json
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  dynamic "rule" {
    for_each = var.rules
    content {
      id     = rule.value.prefix
      status = "Enabled"
      expiration {
        days = rule.value.days
      }
    }
  }
}
"""


def _variable(name: str, chance: random.Random) -> str:
    return f'variable "{name}" {{\n  type        = string\n  default     = "{chance.choice(WORDS)}"\n  description = "The {name} of this component"\n}}\n\n'


def _component(chance: random.Random, name: str, call: str | None) -> str:
    parts = [
        f'locals {{\n  name = join("-", compact(["{name}", var.environment]))\n  tags = merge({{ component = "{name}" }}, {{ env = var.environment }})\n}}\n',
        'data "aws_caller_identity" "current" {}\n',
        'resource "aws_s3_bucket" "main" {\n  bucket = local.name\n  tags   = local.tags\n}\n',
        (
            'resource "aws_s3_bucket_public_access_block" "main" {\n  bucket                  = aws_s3_bucket.main.id\n'
            "  block_public_acls       = true\n  block_public_policy     = true\n  ignore_public_acls      = true\n  restrict_public_buckets = true\n}\n"
        ),
        'resource "aws_sqs_queue" "work" {\n  count = 2\n  name  = "${local.name}-${count.index}"\n}\n',
        (
            'resource "aws_iam_role" "task" {\n  name = "${local.name}-task"\n  assume_role_policy = jsonencode({\n    Version   = "2012-10-17"\n'
            '    Statement = [{ Effect = "Allow", Principal = { Service = "ecs-tasks.amazonaws.com" }, Action = "sts:AssumeRole" }]\n  })\n}\n'
        ),
        (
            'data "aws_iam_policy_document" "task" {\n  statement {\n'
            f'    actions   = ["s3:GetObject", "{chance.choice(["s3:PutObject", "s3:ListBucket", "sqs:SendMessage", "rekognition:DetectFaces"])}"]\n'
            '    resources = ["${aws_s3_bucket.main.arn}/*"]\n  }\n}\n'
        ),
        'resource "aws_iam_role_policy" "task" {\n  name   = "task"\n  role   = aws_iam_role.task.id\n  policy = data.aws_iam_policy_document.task.json\n}\n',
        (
            'resource "aws_security_group" "task" {\n  name   = local.name\n  vpc_id = "vpc-1"\n  dynamic "ingress" {\n    for_each = toset(["443", "8443"])\n'
            '    content {\n      from_port = ingress.value\n      to_port   = ingress.value\n      protocol  = "tcp"\n    }\n  }\n}\n'
        ),
    ]
    if call is not None:
        parts.append(
            f'module "store" {{\n  source   = "../../modules/{call}"\n  for_each = toset(["eu", "us"])\n  name     = "${{local.name}}-${{each.key}}"\n'
            '  readers  = ["arn:aws:iam::${data.aws_caller_identity.current.account_id}:root"]\n  rules    = [{ prefix = "tmp" }]\n}\n'
        )
    return "\n".join(parts)


def _template(chance: random.Random, kind: str, number: int) -> str:
    sam = number % 16 == 0
    lines = ["AWSTemplateFormatVersion: '2010-09-09'"]
    lines += ["Transform: AWS::Serverless-2016-10-31"] if sam else []
    lines += ["Parameters:", "  Stage:", "    Type: String", "    Default: dev", "Resources:"]
    lines += ["  Bucket:", "    Type: AWS::S3::Bucket", "    Properties:", f"      BucketName: !Sub '{kind}-{number}-${{Stage}}'"]
    lines += ["  Queue:", "    Type: AWS::SQS::Queue", "    Properties:", "      VisibilityTimeout: 60"]
    lines += ["  Role:", "    Type: AWS::IAM::Role", "    Properties:", "      AssumeRolePolicyDocument:", "        Version: '2012-10-17'"]
    lines += ["        Statement:", "          - Effect: Allow", "            Principal: {Service: lambda.amazonaws.com}"]
    lines += ["            Action: sts:AssumeRole", "      Policies:", "        - PolicyName: work", "          PolicyDocument:"]
    lines += ["            Version: '2012-10-17'", "            Statement:"]
    for _ in range(chance.randint(1, 6)):
        lines += ["              - Effect: Allow", f"                Action: [s3:GetObject, {chance.choice(['s3:PutObject', 'sqs:*'])}]"]
        lines += ["                Resource: !Sub '${Bucket.Arn}/*'"]
    if sam:
        lines += [
            "  Function:",
            "    Type: AWS::Serverless::Function",
            "    Properties:",
            "      Handler: app.handler",
            "      Runtime: python3.12",
        ]
        lines += ["      CodeUri: src/", "      Policies:", "        - S3ReadPolicy: {BucketName: !Ref Bucket}", "      Events:"]
        lines += ["        Uploaded:", "          Type: S3", "          Properties: {Bucket: !Ref Bucket, Events: s3:ObjectCreated:*}"]
    for index in range(chance.randint(0, 10)):
        lines += [
            f"  Alarm{index}:",
            "    Type: AWS::CloudWatch::Alarm",
            "    Properties:",
            "      Namespace: AWS/SQS",
            "      Threshold: 1",
        ]
        lines += ["      Dimensions:", "        - Name: QueueName", "          Value: !GetAtt Queue.QueueName"]
    return "\n".join(lines) + "\n"
