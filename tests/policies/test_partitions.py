"""China, GovCloud and the European sovereign cloud: ARNs, hosts and principals of theirs mean what those of ``aws`` do.

Origin of the data: the rules' cases, written over to another partition's names, and templates written for these tests.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph
from averment.policies.iam.partitions import is_identity_pools, names_own_identity, plain, pool_claim, service_of
from averment.policies.interface import Context
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import all_rules, rule
from averment.policies.runtime.neighbours import recorded_elsewhere
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.config.surface import graph_from_items
from averment.policies.surfaces.plan import read_plan
from averment.policies.surfaces.terraform.surface import TerraformSurface

RULES = Path(__file__).resolve().parents[2] / "policies" / "rules"
SCOPE = Scope(accounts=("123456789012",), organisation_id="o-exampleorg1")
POOLS = {
    "aws-us-gov": "cognito-identity-us-gov.amazonaws.com",
    "aws-cn": "cognito-identity.cn-north-1.amazonaws.com.cn",
    "aws-eusc": "cognito-identity.eusc-de-east-1.amazonaws.eu",
}
SUFFIX = {"aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-eusc": "amazonaws.eu"}
_NAMES = re.compile(r"(?<!acs\.)\b(?:cognito-identity|ssm|mediaconvert|elastictranscoder|\.s3[\w.${}:-]*?)\.amazonaws\.com")
"""Names that rules know by; groups of ACLs (``acs.amazonaws.com``) are called alike everywhere."""

PARTITIONS = pytest.mark.parametrize("partition", sorted(POOLS))


def elsewhere(text: str, partition: str) -> str:
    """The text of a case as it would be in another partition."""
    moved = text.replace("arn:aws:", f"arn:{partition}:").replace("cognito-identity.amazonaws.com", POOLS[partition])
    return _NAMES.sub(lambda found: found[0].replace("amazonaws.com", SUFFIX[partition]), moved) if partition != "aws-us-gov" else moved


def graph_of(path: Path) -> Graph:
    if path.suffix == ".tf":
        return next(iter(TerraformSurface().graphs(path.parent)))
    if path.suffix == ".yaml":
        return read_template(path)
    return read_plan(path) if path.name == "plan.json" else graph_from_items(json.loads(path.read_text("utf-8"))["configurationItems"])


def verdicts(graph: Graph) -> list[tuple[str, str, Verdict]]:
    """Of every rule on every resource. (At run time the address is an ARN, hence not among them.)"""
    context = Context(graph, SCOPE)
    return sorted(
        (entry.id, one.type, entry.evaluate(one, context).verdict) for entry in all_rules() for one in graph.of_type(*entry.types)
    )


def named(path: Path) -> bool:
    return path.name in ("main.tf", "template.yaml", "plan.json", "config.json") and _NAMES.search(path.read_text("utf-8")) is not None


@PARTITIONS
@pytest.mark.parametrize(
    "path", [path for path in sorted(RULES.glob("*/cases/*/*")) if named(path)], ids=lambda path: "-".join(path.parts[-4:])
)
def test_principals_and_hosts_of_another_partition_count_as_those_of_aws(path: Path, partition: str, tmp_path: Path) -> None:
    moved = tmp_path / path.name
    moved.write_text(path.read_text("utf-8"), encoding="utf-8")
    before = verdicts(graph_of(moved))
    moved.write_text(elsewhere(path.read_text("utf-8"), partition), encoding="utf-8")
    assert verdicts(graph_of(moved)) == before


BUCKET: dict[str, Any] = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "acme-uploads"}}
UPLOADS: dict[str, Any] = {**BUCKET, "Properties": {**BUCKET["Properties"], "Tags": [{"Key": "data-class", "Value": "ugc"}]}}
STRANGER = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"}, "Action": "sts:AssumeRole"}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def role(statement: dict[str, Any]) -> dict[str, Any]:
    inner = [{"PolicyName": "media", "PolicyDocument": policy({"Effect": "Allow", **statement})}]
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": policy(STRANGER), "Policies": inner}}


def bucket_policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": "Uploads"}, "PolicyDocument": policy(*statements)}}


def heard(resources: list[Any]) -> dict[str, Any]:
    """An upload bucket whose events go to EventBridge, and a rule on ARNs of buckets."""
    properties = {**UPLOADS["Properties"], "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}}
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "resources": resources}
    target = {"Id": "q", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}, "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Dead", "Arn"]}}}
    return {
        "Uploads": {**UPLOADS, "Properties": properties},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "scan"}},
        "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "scan-dead"}},
        "Reader": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {"EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]}, "FunctionName": "scan"},
        },
        "Rule": {"Type": "AWS::Events::Rule", "Properties": {"State": "ENABLED", "EventPattern": pattern, "Targets": [target]}},
    }


PUT = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"}, "Action": "s3:PutObject"}
READ = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
UNTAGGED = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Condition": {"Null": {"s3:RequestObjectTag/provenance": "true"}}}
LITERAL: dict[str, tuple[str, dict[str, Any], Verdict]] = {
    "puts into every bucket": (
        "s3-put-object-gated",
        {"Uploads": BUCKET, "Role": role({"Action": "s3:PutObject", "Resource": "arn:aws:s3:::*"})},
        Verdict.FAIL,
    ),
    "puts into none but another's": (
        "s3-put-object-gated",
        {"Uploads": UPLOADS, "Policy": bucket_policy({**PUT, "NotResource": "arn:aws:s3:::acme-uploads/*"})},
        Verdict.PASS,
    ),
    "is refused": (
        "s3-put-object-gated",
        {
            "Uploads": UPLOADS,
            "Policy": bucket_policy({**PUT, "Resource": "arn:aws:s3:::acme-uploads/*"}, {**UNTAGGED, "Resource": "arn:aws:s3:::acme*/*"}),
        },
        Verdict.PASS,
    ),
    "is refused elsewhere": (
        "s3-put-object-gated",
        {
            "Uploads": UPLOADS,
            "Policy": bucket_policy(
                {**PUT, "Resource": "arn:aws:s3:::acme-uploads/*"}, {**UNTAGGED, "NotResource": "arn:aws:s3:::acme-uploads/*"}
            ),
        },
        Verdict.FAIL,
    ),
    "is read by anybody": (
        "quarantine-not-served",
        {"Uploads": UPLOADS, "Policy": bucket_policy({**READ, "Resource": "arn:aws:s3:::acme-uploads/*"})},
        Verdict.FAIL,
    ),
    "events of the bucket": ("media-bucket-events-scanned", heard(["arn:aws:s3:::acme-uploads"]), Verdict.PASS),
    "events of another bucket": ("media-bucket-events-scanned", heard(["arn:aws:s3:::acme-invoices"]), Verdict.FAIL),
    "events of the bucket by prefix": ("media-bucket-events-scanned", heard([{"prefix": "arn:aws:s3:::acme-up"}]), Verdict.PASS),
}


@pytest.mark.parametrize("partition", ["aws", *sorted(POOLS)])
@pytest.mark.parametrize("name", LITERAL)
def test_an_arn_written_out_means_its_bucket_in_every_partition(name: str, partition: str, tmp_path: Path) -> None:
    rule_id, resources, verdict = LITERAL[name]
    path = tmp_path / "template.json"
    text = json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources})
    path.write_text(text.replace("arn:aws:", f"arn:{partition}:"), encoding="utf-8")
    subject, graph = rule(rule_id), read_template(path)
    assert worst_outcome(subject.evaluate(one, Context(graph, SCOPE)) for one in graph.of_type(*subject.types)).verdict is verdict


@pytest.mark.parametrize("partition", ["aws", *sorted(POOLS)])
def test_an_arn_around_a_variable_means_the_bucket_that_is_named_by_it(partition: str, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        f"""
variable "name" {{}}
resource "aws_s3_bucket" "uploads" {{
  bucket = var.name
  tags   = {{ data-class = "ugc" }}
}}
resource "aws_s3_bucket_policy" "uploads" {{
  bucket = aws_s3_bucket.uploads.id
  policy = jsonencode({{
    Version   = "2012-10-17"
    Statement = [{{ Effect = "Allow", Principal = "*", Action = "s3:*", Resource = "arn:{partition}:s3:::${{var.name}}/*" }}]
  }})
}}
""",
        encoding="utf-8",
    )
    (graph,) = TerraformSurface().graphs(tmp_path)
    for rule_id in ("quarantine-not-served", "s3-put-object-gated"):
        subject = rule(rule_id)
        found = worst_outcome(subject.evaluate(one, Context(graph, SCOPE)) for one in graph.of_type(*subject.types))
        assert found.verdict is Verdict.FAIL, rule_id


@pytest.mark.parametrize(
    ("principal", "service"),
    [
        ("ssm.amazonaws.com", "ssm"),
        ("ssm.amazonaws.com.cn", "ssm"),
        ("ssm.eu-south-1.amazonaws.com", "ssm"),
        ("ssm.cn-north-1.amazonaws.com.cn", "ssm"),
        ("ssm.us-gov-west-1.amazonaws.com", "ssm"),
        ("ssm.eusc-de-east-1.amazonaws.eu", "ssm"),
        ("logging.s3.amazonaws.com", "logging.s3"),
        ("ssm.amazonaws.com.evil.example", None),
        ("notssm.amazonaws.com", "notssm"),
        ("graph.facebook.com", None),
    ],
)
def test_a_principal_names_its_service_in_every_partition(principal: str, service: str | None) -> None:
    assert service_of(principal) == service


def test_identity_pools_are_known_by_each_of_their_principals() -> None:
    known = ["cognito-identity.amazonaws.com", "cognito-identity.us-gov-east-1.amazonaws.com", *POOLS.values()]
    assert [(is_identity_pools(name), pool_claim(f"{name}:AMR"), names_own_identity(f"in/${{{name}:sub}}/*")) for name in known] == [
        (True, "amr", True)
    ] * len(known)
    assert not is_identity_pools("cognito-identity.amazonaws.com.evil.example")
    assert not is_identity_pools("cognito-idp.us-east-1.amazonaws.com")
    assert pool_claim("graph.facebook.com:amr") is None


def test_only_what_comes_before_the_service_changes() -> None:
    assert plain("arn:aws-us-gov:s3:::arn:aws-cn:x") == "arn:aws:s3:::arn:aws-cn:x"
    assert [plain(value) for value in ("arn:aws:s3:::x", "not-arn:aws-cn:s3:::x", "", None, 3)] == [
        "arn:aws:s3:::x",
        "not-arn:aws-cn:s3:::x",
        "",
        None,
        3,
    ]


@pytest.mark.parametrize(
    ("default", "verdict"), [("", Verdict.UNKNOWN), ("default = true", Verdict.FAIL), ("default = false", Verdict.FAIL)]
)
def test_guests_of_one_partition_or_another_are_not_nobody(default: str, verdict: Verdict, tmp_path: Path) -> None:
    """Modules for several partitions choose the pool's principal by a variable; what isn't known of it was taken for nobody."""
    (tmp_path / "main.tf").write_text(
        f"""
variable "gov" {{
  type = bool
  {default}
}}
locals {{
  pools = var.gov ? "cognito-identity-us-gov.amazonaws.com" : "cognito-identity.amazonaws.com"
}}
data "aws_iam_policy_document" "trust" {{
  statement {{
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {{
      type        = "Federated"
      identifiers = [local.pools]
    }}
    condition {{
      test     = "ForAnyValue:StringLike"
      variable = "${{local.pools}}:amr"
      values   = ["unauthenticated"]
    }}
  }}
}}
resource "aws_iam_role" "guest" {{
  name               = "guest"
  assume_role_policy = data.aws_iam_policy_document.trust.json
  inline_policy {{
    name   = "faces"
    policy = jsonencode({{ Version = "2012-10-17", Statement = [{{ Effect = "Allow", Action = "rekognition:CompareFaces", Resource = "*" }}] }})
  }}
}}
""",
        encoding="utf-8",
    )
    (graph,) = TerraformSurface().graphs(tmp_path)
    subject = rule("inference-least-privilege")
    assert worst_outcome(subject.evaluate(one, Context(graph, SCOPE)) for one in graph.of_type(*subject.types)).verdict is verdict


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ("eu-west-1", "AWS Config has AWS::CloudFront::Distribution in us-east-1 only, not in eu-west-1"),
        ("us-gov-west-1", "AWS Config isn't known to have AWS::CloudFront::Distribution in us-gov-west-1"),
        ("cn-north-1", "AWS Config isn't known to have AWS::CloudFront::Distribution in cn-north-1"),
    ],
)
def test_what_is_recorded_elsewhere_is_said_to_be_in_a_region_that_there_is(region: str, said: str) -> None:
    """``us-east-1`` is in no reach of GovCloud."""
    assert recorded_elsewhere("AWS::CloudFront::Distribution", region) == said
