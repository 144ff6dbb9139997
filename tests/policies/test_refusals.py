"""Which Deny refuses what a grant opens: by its resources, its principals and its further conditions. Origin of the data: written here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from averment.core.scope import Scope
from averment.core.source import SourceRef
from averment.core.words import Verdict
from averment.policies.graph.model import Dialect, Reference, Resource, Unknown
from averment.policies.iam.document import Statement, parse_document
from averment.policies.iam.resources import every_bucket, takes_in_all
from averment.policies.interface import Context, Outcome
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.terraform.surface import TerraformSurface

SCOPE = Scope(accounts=("123456789012",), organisation_id="o-exampleorg1")
ARN = "arn:aws:s3:::acme-uploads"
ALL = f"{ARN}/*"
PARTNER = {"AWS": "arn:aws:iam::999988887777:root"}
UNTAGGED = {"Null": {"s3:RequestObjectTag/provenance": "true"}}
UNSCANNED = {"StringNotEquals": {"s3:ExistingObjectTag/verdict": "clean"}}
PLAIN = {"Bool": {"aws:SecureTransport": "false"}}
OAI = {"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"}


def judged(tmp_path: Path, rule_id: str, *statements: dict[str, Any], **others: Any) -> Outcome:
    """The worst verdict of a rule on an upload bucket with these statements in its policy."""
    policy = {"Bucket": {"Ref": "Uploads"}, "PolicyDocument": {"Statement": list(statements)}}
    hardened = {
        "BucketName": "acme-uploads",
        "VersioningConfiguration": {"Status": "Enabled"},
        "PublicAccessBlockConfiguration": dict.fromkeys(
            ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
        ),
    }
    resources = {"Uploads": {"Type": "AWS::S3::Bucket", "Properties": hardened}, **others}
    if statements:
        resources["Policy"] = {"Type": "AWS::S3::BucketPolicy", "Properties": policy}
    path = tmp_path / "template.json"
    path.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}), encoding="utf-8")
    graph, subject = read_template(path), rule(rule_id)
    context = Context(graph, SCOPE)
    return worst_outcome(subject.evaluate(resource, context) for resource in graph.of_type(*subject.types))


def allow(action: str = "s3:PutObject", **fields: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": ALL, **fields}


def deny(action: str = "s3:PutObject", **fields: Any) -> dict[str, Any]:
    resource = {} if "NotResource" in fields else {"Resource": ALL}
    principal = {} if "NotPrincipal" in fields else {"Principal": "*"}
    return {"Effect": "Deny", "Action": action, **principal, **resource, **fields}


BUCKET = Resource("b", "AWS::S3::Bucket", {"BucketName": "acme-uploads"}, SourceRef("x.tf", 1), Dialect.TERRAFORM)
HOLES = Resource("b", "AWS::S3::Bucket", {"BucketName": Unknown("x", "${var.b}")}, SourceRef("x.tf", 1), Dialect.TERRAFORM)


def on(value: Any, key: str = "Resource") -> Statement:
    return parse_document({"Statement": {"Effect": "Deny", "Action": "s3:PutObject", key: value}}).statements[0]


@pytest.mark.parametrize(
    ("refused", "granted", "throughout"),
    [
        ("*", ALL, True),
        (ALL, ALL, True),
        ("arn:aws:s3:::acme-up*", ALL, True),
        ("arn:aws:s3:::acme-upload?/*", ALL, True),
        ("arn:aws:s3:::*/*", ALL, True),
        ([ARN, ALL], None, True),
        (ARN, ALL, False),
        (f"{ARN}/in/*", ALL, False),
        (f"{ARN}/in/*", None, False),
        (f"{ARN}/in/*", f"{ARN}/in/*", True),
        (f"{ARN}/in*", [f"{ARN}/in/*", "arn:aws:s3:::acme-other/*"], True),
        (f"{ARN}/in/*", [f"{ARN}/in/*", f"{ARN}/out/*"], False),
        ([f"{ARN}/in/*", f"{ARN}/out/*"], [f"{ARN}/in/*", f"{ARN}/out/a.jpg"], True),
        (f"{ARN}/*.jpg", f"{ARN}/in/*", False),
        (f"{ARN}/in/?", f"{ARN}/in/*", False),
        (f"{ARN}/in/*", "arn:aws:s3:::acme-*/in/*", False),
        ("arn:aws:s3:::acme*private*", ALL, False),
        ("arn:aws:s3:::acme-other/*", ALL, False),
        (Reference("b", "Arn", "/*"), ALL, True),
        (Reference("b", "Arn", "/in/*"), ALL, False),
        (Reference("b", "Arn", "/in/*"), Reference("b", "Arn", "/in/a*"), True),
        (Reference("b", "Arn"), ALL, False),
        (Reference("other", "Arn", "/*"), ALL, False),
        (Reference("b", "Arn", "/in/*"), [Reference("b", "Arn"), Reference("b", "Arn", "/in/*"), Reference("other", "Arn", "/*")], True),
    ],
)
def test_a_deny_takes_in_all_or_some_of_what_is_granted(refused: Any, granted: Any, throughout: bool):
    """Patterns are compared as sets of keys: that two overlap isn't enough."""
    assert takes_in_all(on(refused), BUCKET, on(granted) if granted is not None else None) is throughout


@pytest.mark.parametrize(
    ("spared", "throughout"),
    [(f"{ARN}/open/*", False), (ALL, False), (ARN, True), ("arn:aws:s3:::acme-other/*", True), (Reference("b", "Arn", "/open/*"), False)],
)
def test_what_notresource_spares_is_open(spared: Any, throughout: bool):
    """A Deny on everything but a folder leaves that folder to whoever was granted the bucket."""
    assert takes_in_all(on(spared, "NotResource"), BUCKET, on(ALL)) is throughout


def test_folders_of_a_bucket_whose_name_is_not_known_are_compared_all_the_same():
    """``arn:aws:s3:::${var.b}/in/*`` tells the folder; a hole in the folder tells nothing, unless both are written alike."""

    def arn(keys: str) -> Unknown:
        return Unknown("no default", f"arn:aws:s3:::${{var.b}}/{keys}")

    assert takes_in_all(on(arn("*")), HOLES, on(arn("in/*"))) is True
    assert takes_in_all(on(arn("in/*")), HOLES, on(arn("*"))) is False
    assert isinstance(takes_in_all(on(arn("${var.p}/*")), HOLES, on(arn("*"))), Unknown)
    assert takes_in_all(on(arn("${var.p}/*")), HOLES, on(arn("${var.p}/*"))) is True
    assert isinstance(takes_in_all(on(ALL), HOLES, on(arn("*"))), Unknown)


@pytest.mark.parametrize(
    ("statements", "verdict"),
    [
        ([allow(), deny(Condition=UNTAGGED)], Verdict.PASS),
        ([allow(), deny(Resource=f"{ARN}/private/*", Condition=UNTAGGED)], Verdict.FAIL),
        ([allow(Resource=f"{ARN}/in/*"), deny(Resource=f"{ARN}/in/*", Condition=UNTAGGED)], Verdict.PASS),
        (
            [
                allow(Resource=[f"{ARN}/a/*", f"{ARN}/b/*"]),
                deny(Resource=f"{ARN}/a/*", Condition=UNTAGGED),
                deny(Resource=f"{ARN}/b/*", Condition=UNTAGGED),
            ],
            Verdict.PASS,
        ),
        (
            [
                allow(Resource=[f"{ARN}/a/*", f"{ARN}/b/*", f"{ARN}/c/*"]),
                deny(Resource=f"{ARN}/a/*", Condition=UNTAGGED),
                deny(Resource=f"{ARN}/b/*", Condition=UNTAGGED),
            ],
            Verdict.FAIL,
        ),
        ([allow(), deny(NotResource=f"{ARN}/open/*", Condition=UNTAGGED)], Verdict.FAIL),
        ([allow(), deny(Principal=PARTNER, Condition=UNTAGGED)], Verdict.FAIL),
        ([allow(Principal=PARTNER), deny(Principal=PARTNER, Condition=UNTAGGED)], Verdict.PASS),
        ([allow(Principal={"AWS": "arn:aws:iam::999988887777:role/x"}), deny(Principal=PARTNER, Condition=UNTAGGED)], Verdict.PASS),
        ([allow(Principal=PARTNER), deny(Principal={"AWS": "111122223333"}, Condition=UNTAGGED)], Verdict.FAIL),
        ([allow(), deny()], Verdict.PASS),
        ([allow(), deny(Condition={"StringNotLike": {"aws:userId": ["AROAEXAMPLEID0000:*", "123456789012"]}})], Verdict.PASS),
        ([allow(), deny(Condition={"StringNotLike": {"aws:userId": "*:uploader"}})], Verdict.FAIL),
        ([allow(), deny(Condition={**UNTAGGED, "Bool": {"aws:ViaAWSService": "false"}})], Verdict.PASS),
        ([allow(), deny(Condition={**UNTAGGED, "Bool": {"aws:ViaAWSService": "true"}})], Verdict.FAIL),
        ([allow(), deny(Condition={**UNTAGGED, "ForAnyValue:StringEquals": {"aws:CalledVia": "athena.amazonaws.com"}})], Verdict.FAIL),
        ([allow(), deny(Condition={**UNTAGGED, "Bool": {"s3:ObjectCreationOperation": "true"}})], Verdict.PASS),
        ([allow(), deny(Condition={**UNTAGGED, "Bool": {"s3:ObjectCreationOperation": "false"}})], Verdict.FAIL),
    ],
)
def test_a_grant_is_gated_by_a_deny_that_meets_it(tmp_path: Path, statements: list[dict[str, Any]], verdict: Verdict):
    """A Deny for other objects, other people, or requests that nobody outside makes is no gate."""
    assert judged(tmp_path, "s3-put-object-gated", *statements).verdict is verdict


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"StringEquals": {"aws:ResourceOrgID": "o-exampleorg1"}}, "not about who asks"),
        ({"StringEquals": {"aws:ResourceAccount": "123456789012"}}, "not about who asks"),
        ({"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}, "in anybody's VPC"),
    ],
)
def test_what_every_stranger_s_request_carries_is_no_gate(tmp_path: Path, condition: dict[str, Any], words: str):
    """The bucket's own organisation is the same whoever asks, and private addresses are everybody's."""
    outcome = judged(tmp_path, "s3-put-object-gated", allow(Condition=condition))
    assert outcome.verdict is Verdict.FAIL
    assert words in outcome.message


@pytest.mark.parametrize(
    ("statements", "verdict"),
    [
        ([allow("s3:GetObject"), deny("s3:GetObject", Condition=UNSCANNED)], Verdict.PASS),
        ([allow("s3:GetObject"), deny("s3:GetObject", Resource=f"{ARN}/in/*", Condition=UNSCANNED)], Verdict.FAIL),
        (
            [allow("s3:GetObject", Resource=f"{ARN}/in/*"), deny("s3:GetObject", Resource=f"{ARN}/in/*", Condition=UNSCANNED)],
            Verdict.PASS,
        ),
        (
            [
                allow("s3:GetObject", Resource=[f"{ARN}/a/*", f"{ARN}/b/*"]),
                deny("s3:GetObject", Resource=f"{ARN}/a/*", Condition=UNSCANNED),
                deny("s3:GetObject", Resource=f"{ARN}/b/*", Condition=UNSCANNED),
            ],
            Verdict.PASS,
        ),
        ([allow("s3:GetObject", Principal=OAI), deny("s3:GetObject", NotPrincipal=OAI, Condition=UNSCANNED)], Verdict.FAIL),
        (
            [allow("s3:GetObject"), deny("s3:GetObject", NotPrincipal={"AWS": "arn:aws:iam::123456789012:role/s"}, Condition=UNSCANNED)],
            Verdict.PASS,
        ),
        (
            [
                allow("s3:GetObject"),
                deny("s3:GetObject", Condition={**UNSCANNED, "ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}),
            ],
            Verdict.FAIL,
        ),
    ],
)
def test_unscanned_objects_are_refused_to_whom_they_are_granted(tmp_path: Path, statements: list[dict[str, Any]], verdict: Verdict):
    """Neither a Deny on one folder, nor one that spares the CDN or whoever has a role, keeps readers of the bucket out."""
    assert judged(tmp_path, "unscanned-not-readable", *statements).verdict is verdict


@pytest.mark.parametrize(
    ("spared", "verdict"),
    [
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:sts::123456789012:assumed-role/scanner/*"}}, Verdict.PASS),
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/scan*"}}, Verdict.PASS),
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/*"}}, Verdict.FAIL),
        ({"StringNotEquals": {**UNSCANNED["StringNotEquals"], "aws:SourceVpce": "vpce-0a1b"}}, Verdict.PASS),
        ({"StringNotLike": {"aws:SourceVpce": "vpce-*"}}, Verdict.FAIL),
        ({"StringNotLike": {"aws:userid": "AROAEXAMPLEID0000:*"}}, Verdict.PASS),
        ({"StringNotLike": {"aws:userid": "*:scanner"}}, Verdict.FAIL),
    ],
)
def test_a_deny_spares_the_scanner_and_not_everybody(tmp_path: Path, spared: dict[str, Any], verdict: Verdict):
    """What spares every role, every endpoint of every network, or whoever names his session so, spares readers."""
    refusal = deny("s3:GetObject", Condition={**UNSCANNED, **spared})
    assert judged(tmp_path, "unscanned-not-readable", allow("s3:GetObject"), refusal).verdict is verdict


@pytest.mark.parametrize(("folder", "verdict"), [("", Verdict.PASS), ("in/", Verdict.FAIL)])
def test_an_upload_bucket_is_served_by_what_no_deny_takes_back(tmp_path: Path, folder: str, verdict: Verdict):
    """A Deny for strangers that leaves other folders out leaves them served."""
    stranger = {"StringNotEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}
    refusal = deny("s3:GetObject", Resource=f"{ARN}/{folder}*", Condition=stranger)
    assert judged(tmp_path, "quarantine-not-served", allow("s3:GetObject"), refusal).verdict is verdict


@pytest.mark.parametrize(
    ("fields", "verdict", "words"),
    [
        ({}, Verdict.PASS, ""),
        ({"Resource": [ARN, f"{ARN}/public/*"]}, Verdict.FAIL, "reaches some of its objects only"),
        ({"Condition": {"Bool": {"aws:SecureTransport": "false", "aws:PrincipalIsAWSService": "false"}}}, Verdict.PASS, ""),
        ({"Condition": {"Bool": {"aws:SecureTransport": "false", "aws:PrincipalIsAWSService": "true"}}}, Verdict.FAIL, "plain HTTP"),
    ],
)
def test_plain_http_is_refused_for_every_object_and_to_everyone(tmp_path: Path, fields: dict[str, Any], verdict: Verdict, words: str):
    """A Deny on one folder, or on AWS services alone, leaves the rest readable over HTTP."""
    outcome = judged(tmp_path, "media-bucket-hardened", deny("s3:*", **{"Condition": PLAIN, **fields}))
    assert outcome.verdict is verdict
    assert words in outcome.message


@pytest.mark.parametrize(
    ("granted", "refused", "verdict"),
    [("*", "*", Verdict.PASS), ("in/*", "in/*", Verdict.PASS), ("*", "in/*", Verdict.FAIL), ("in/*", "out/*", Verdict.FAIL)],
)
def test_an_access_point_s_folders_are_told_apart(tmp_path: Path, granted: str, refused: str, verdict: Verdict):
    """A Deny in an access point's own policy gates what it names in the same words as the grant, or everything."""
    door = "arn:aws:s3:eu-west-1:123456789012:accesspoint/in/object/"
    statements = [allow(Resource=door + granted), deny(Resource=door + refused, Condition=UNTAGGED)]
    point = {
        "Type": "AWS::S3::AccessPoint",
        "Properties": {"Bucket": {"Ref": "Uploads"}, "Name": "in", "Policy": {"Statement": statements}},
    }
    assert judged(tmp_path, "s3-put-object-gated", Point=point).verdict is verdict


def test_whether_uploads_outside_of_a_tagged_folder_come_is_not_known(tmp_path: Path):
    """A demand for provenance on one folder isn't one on every upload; nor is it certain that others come."""
    outcome = judged(tmp_path, "upload-provenance-tagged", deny(Resource=f"{ARN}/in/*", Condition=UNTAGGED))
    assert outcome.verdict is Verdict.UNKNOWN
    assert "some objects only" in outcome.message


@pytest.mark.parametrize(
    ("rule_id", "action"),
    [("s3-put-object-gated", "s3:PutObject"), ("quarantine-not-served", "s3:GetObject"), ("unscanned-not-readable", "s3:GetObject")],
)
@pytest.mark.parametrize(
    ("network", "verdict"),
    [
        (None, Verdict.FAIL),
        ({"VpcId": "vpc-0abc"}, Verdict.PASS),
        ({"VpcId": {"Ref": "Nowhere"}}, Verdict.PASS),
        ({"Ref": "Nowhere"}, Verdict.UNKNOWN),
    ],
)
def test_whether_an_access_point_keeps_to_a_network_has_to_be_known(
    tmp_path: Path, rule_id: str, action: str, network: Any, verdict: Verdict
):
    """Which VPC it is may be left open. One that stands there in some environments only (``Fn::If``, a dynamic block) keeps nobody out of the others."""
    grant = allow(action, Resource="arn:aws:s3:eu-west-1:123456789012:accesspoint/in/object/*")
    door: dict[str, Any] = {"Bucket": {"Ref": "Uploads"}, "Name": "in", "Policy": {"Statement": grant}}
    if network is not None:
        door["VpcConfiguration"] = network
    outcome = judged(tmp_path, rule_id, Door={"Type": "AWS::S3::AccessPoint", "Properties": door})
    assert outcome.verdict is verdict
    assert verdict is not Verdict.UNKNOWN or "takes requests from one VPC only" in outcome.message


@pytest.mark.parametrize(
    ("fields", "wide"),
    [
        ({"Resource": "*"}, "*"),
        ({"Resource": "arn:*:s3:::*"}, "arn:*:s3:::*"),
        ({"Resource": "arn:aws:s3:::*/*"}, "arn:aws:s3:::*/*"),
        ({"Resource": "arn:aws:s3:::???*"}, "arn:aws:s3:::???*"),
        ({"NotResource": "arn:aws:s3:::secret/*"}, "NotResource"),
        ({"Resource": "arn:aws:s3:::acme-*"}, None),
        ({"Resource": "arn:aws:s3:::/*"}, None),
        ({"Resource": ALL}, None),
    ],
)
def test_every_bucket_has_more_than_one_spelling(tmp_path: Path, fields: dict[str, Any], wide: str | None):
    """Wildcards for the partition or a name's letters, and NotResource, reach every bucket as a star does: also one without a name."""
    statement = {"Effect": "Allow", "Action": "s3:PutObject", **fields}
    assert every_bucket(parse_document({"Statement": statement}).statements[0]) == wide
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}},
            "Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": statement}}],
        },
    }
    nameless = {"Type": "AWS::S3::Bucket", "Properties": {"Tags": [{"Key": "data-class", "Value": "ugc"}]}}
    outcome = judged(tmp_path, "s3-put-object-gated", Role=role, Others=nameless)
    assert outcome.verdict is (Verdict.PASS if wide is None else Verdict.FAIL)
    assert wide is None or "1 more media bucket" in outcome.message


@pytest.mark.parametrize(
    ("resource", "verdict"),
    [
        ({"Ref": "Nowhere"}, Verdict.UNKNOWN),
        ([{"Ref": "Nowhere"}, {"Fn::Sub": "${Nowhere}/*"}], Verdict.PASS),
        ([{"Ref": "Nowhere"}, ALL], Verdict.PASS),
        ({"Fn::Sub": "${Nowhere}/*"}, Verdict.PASS),
    ],
)
def test_a_resource_of_which_nothing_is_known_may_be_every_bucket(tmp_path: Path, resource: Any, verdict: Verdict):
    """What is told apart from a bucket's own ARN, which people write beside its objects."""
    statement = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": resource}
    properties = {
        "AssumeRolePolicyDocument": {"Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}},
        "Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": statement}}],
    }
    assert judged(tmp_path, "s3-put-object-gated", Role={"Type": "AWS::IAM::Role", "Properties": properties}).verdict is verdict


@pytest.mark.parametrize(
    ("trusted", "verdict"),
    [
        ({"Principal": "*"}, Verdict.FAIL),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}}, Verdict.PASS),
        ({"Principal": "*", "Condition": {"StringEquals": {"sts:ExternalId": "x"}}}, Verdict.FAIL),
        ({"Principal": PARTNER}, Verdict.FAIL),
        ({"Principal": PARTNER, "Action": "sts:TagSession"}, Verdict.PASS),
    ],
)
def test_a_role_that_the_organisation_may_assume_is_no_stranger_s(tmp_path: Path, trusted: dict[str, Any], verdict: Verdict):
    """``Principal: "*"`` tied to one's own organisation trusts one's own; a right to tag sessions alone opens nothing."""
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", **trusted}},
            "Policies": [
                {"PolicyName": "p", "PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "s3:PutObject", "Resource": ALL}}}
            ],
        },
    }
    assert judged(tmp_path, "s3-put-object-gated", Role=role).verdict is verdict


def test_terraform_s_folders_are_told_apart_too(tmp_path: Path):
    """The same in a module whose bucket's name isn't known."""
    (tmp_path / "main.tf").write_text(
        """
variable "env" {}
resource "aws_s3_bucket" "uploads" { bucket = "${var.env}-uploads" }
resource "aws_s3_bucket_policy" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  policy = jsonencode({ Statement = [
    { Effect = "Allow", Principal = "*", Action = "s3:PutObject", Resource = "arn:aws:s3:::${var.env}-uploads/*" },
    { Effect = "Deny", Principal = "*", Action = "s3:PutObject", Resource = "arn:aws:s3:::${var.env}-uploads/in/*",
      Condition = { Null = { "s3:RequestObjectTag/provenance" = "true" } } },
  ] })
}
""",
        encoding="utf-8",
    )
    (graph,) = TerraformSurface().graphs(tmp_path)
    subject = rule("s3-put-object-gated")
    outcomes = [subject.evaluate(resource, Context(graph, SCOPE)) for resource in graph.of_type(*subject.types)]
    assert worst_outcome(outcomes).verdict is Verdict.FAIL
