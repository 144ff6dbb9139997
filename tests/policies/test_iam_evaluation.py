"""Statements, principals and gates: what a policy lets whom do. Origin of the data: written for these tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from averment.core.scope import Scope
from averment.core.source import SourceRef
from averment.policies.graph.model import Dialect, Graph, Reference, Resource, Unknown
from averment.policies.iam.access_points import buckets_named
from averment.policies.iam.carriers import identity_documents, policy_carriers, unread_policies
from averment.policies.iam.document import Condition, parse_document
from averment.policies.iam.gates import Gate, allow_gates, deny_gates, near_miss
from averment.policies.iam.managed import managed_policy
from averment.policies.iam.principals import Who, classify
from averment.policies.iam.resources import reaches_objects
from averment.policies.iam.truth import all_of, any_of, negate

OWN, OTHER = "123456789012", "444455556666"
SCOPE = Scope(accounts=(OWN,), organisation_id="o-exampleorg1")
NOWHERE = Graph()
TAG = "s3:RequestObjectTag/provenance"


def resource(kind: str, address: str = "a", **properties: Any) -> Resource:
    return Resource(address, kind, properties, SourceRef("x.tf", 1), Dialect.TERRAFORM)


def statement(**fields: Any) -> Any:
    return parse_document({"Statement": {"Effect": "Allow", **fields}}).statements[0]


# --- what AWS manages ---

ASKED_FOR = (
    *("s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "sagemaker:InvokeEndpoint", "bedrock:InvokeModel", "kms:Sign"),
    *("rekognition:CompareFaces", "rekognition:SearchFacesByImage", "rekognition:SearchUsersByImage", "rekognition:DetectModerationLabels"),
)
"""Some of the actions that rules ask about."""


def everywhere(document: Any) -> Iterator[str]:
    """Which of them a document allows on everything, under no condition."""
    for allowed in parse_document(document).of_effect("Allow"):
        if not allowed.conditions and {"*", "arn:aws:s3:::*", "arn:aws:s3:::*/*"} & {str(value) for value in allowed.resources or ()}:
            yield from (action for action in ASKED_FOR if allowed.covers_action(action) is True)


def test_no_policy_of_aws_grants_more_than_is_known_of_it():
    """AWSLambdaExecute lets whoever has it read and write every bucket. Its name doesn't say so, and it counted as one that grants nothing.

    Origin of the data: moto's copy of AWS's own policies. Service-linked roles act for their service alone; what bounds a role or a session
    grants nothing; that ReadOnlyAccess takes in matching faces is left out on purpose.
    """
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    missed = {}
    for name, policy in json.loads(aws_managed_policies_data).items():
        ours = managed_policy(f"arn:aws:iam::aws:policy{policy['Path']}{name}")
        if isinstance(ours, Unknown) or policy["Path"].startswith("/aws-service-role") or name.endswith(("Boundary", "SessionPolicy")):
            continue
        more = set(everywhere(policy["Document"])) - set(everywhere(ours or {"Statement": []}))
        if more and (name != "ReadOnlyAccess" or not all(action.startswith("rekognition:") for action in more)):
            missed[name] = more
    assert missed == {}


# --- three values ---


@given(st.lists(st.sampled_from([True, False, Unknown("x")])))
def test_doubt_never_turns_into_certainty(values: list[Any]):
    """Filling in an Unknown either way must not contradict what was said before."""
    for known in (True, False):
        filled = [known if isinstance(value, Unknown) else value for value in values]
        for combine in (any_of, all_of):
            said = combine(values)
            assert isinstance(said, Unknown) or said == combine(filled)
    assert negate(any_of(values)) == all_of(negate(value) for value in values)


# --- documents ---


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        7,
        {"Version": "2012-10-17"},
        {"Statement": ["Allow"]},
        Unknown("no default"),
        Reference("data.x", "json"),
        "x" * 2_000_000,
    ],
)
def test_what_is_not_a_policy_is_unknown_and_not_empty(document: Any):
    """An empty policy allows nothing and would pass; an unreadable one must not."""
    parsed = parse_document(document)
    assert parsed.statements == ()
    assert parsed.unknown


def test_scalars_lists_and_text_read_alike():
    """IAM takes a single entry for a list of one, and a document as text."""
    short = parse_document('{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*"}}')
    long = parse_document({"Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"], "Principal": {"AWS": ["*"]}}]})
    for one, other in zip(short, long, strict=True):
        assert (one.actions, one.resources, one.principals) == (other.actions, other.resources, other.principals)


def test_not_action_covers_everything_else():
    """``NotAction`` is the usual way to grant more than was meant."""
    assert statement(NotAction=["s3:Get*"]).covers_action("s3:PutObject") is True
    assert statement(NotAction=["s3:Put*"]).covers_action("s3:PutObject") is False
    assert isinstance(statement(NotAction=[Unknown("x")]).covers_action("s3:PutObject"), Unknown)


def test_an_unresolved_action_is_a_doubt_unless_another_decides():
    """One unresolved entry beside ``s3:*`` changes nothing."""
    assert statement(Action=[Unknown("x"), "s3:*"]).covers_action("s3:PutObject") is True
    assert isinstance(statement(Action=[Unknown("x"), "s3:Get*"]).covers_action("s3:PutObject"), Unknown)


# --- conditions ---

OPERATORS = [
    "StringEquals",
    "StringLike",
    "StringNotEquals",
    "StringNotLike",
    "ArnLike",
    "ArnNotEquals",
    "StringEqualsIgnoreCase",
    "NotIpAddress",
]


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("qualifier", ["", "ForAllValues:", "ForAnyValue:"])
@pytest.mark.parametrize("suffix", ["", "IfExists"])
def test_a_missing_key_is_judged_as_iam_judges_it(operator: str, qualifier: str, suffix: str):
    """The table of the IAM User Guide, written out: IfExists and ForAllValues match, ForAnyValue doesn't, else Not operators do."""
    matches = bool(suffix) or qualifier == "ForAllValues:" or (qualifier == "" and "Not" in operator)
    assert Condition(f"{qualifier}{operator}{suffix}", "k", ("v",)).when_missing() is matches


@pytest.mark.parametrize(
    ("condition", "gates"),
    [
        ({"StringEquals": {TAG: "c2pa"}}, True),
        ({"StringLike": {TAG: ["c2pa-*"]}}, True),
        ({"stringequals": {TAG.upper().replace("S3:REQUESTOBJECTTAG", "s3:requestobjecttag"): "c2pa"}}, True),
        ({"Null": {TAG: "false"}}, True),
        ({"Null": {TAG: "true"}}, False),
        ({"StringEqualsIfExists": {TAG: "c2pa"}}, False),
        ({"StringLike": {TAG: "*"}}, False),
        ({"StringLike": {TAG: ["c2pa", "*"]}}, False),
        ({"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["provenance"]}}, False),
        ({"ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": ["provenance"]}}, True),
        ({"ForAnyValue:StringNotEquals": {"s3:RequestObjectTagKeys": ["internal"]}}, False),
        ({"StringNotEquals": {TAG: "none"}}, False),
        ({"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"StringEquals": {"s3:x-amz-meta-provenance": "c2pa"}}, False),
        ({"StringEqualsIfExists": {TAG: "c2pa"}, "Null": {TAG: "false"}}, True),
    ],
)
def test_only_conditions_that_refuse_untagged_objects_gate_an_allow(condition: dict[str, Any], gates: bool):
    """The classic mistakes let untagged objects through, and there is no key for user metadata at all."""
    assert allow_gates(statement(Condition=condition), (Gate.PROVENANCE,), SCOPE, NOWHERE) is gates


@pytest.mark.parametrize(
    ("deny", "gates"),
    [
        ({"Condition": {"Null": {TAG: "true"}}}, True),
        ({"Condition": {"StringNotEquals": {TAG: ["c2pa", "declared"]}}}, True),
        ({"Condition": {"StringNotEqualsIfExists": {TAG: "c2pa"}}}, True),
        ({"Condition": {"StringNotLike": {TAG: "c2pa*"}}}, True),
        ({"Condition": {"Null": {TAG: "false"}}}, False),
        ({"Condition": {"StringEquals": {TAG: "none"}}}, False),
        ({"Condition": {"ForAnyValue:StringNotEquals": {"s3:RequestObjectTagKeys": ["provenance"]}}}, False),
        ({"Condition": {"StringNotLike": {TAG: "*"}}}, False),
        ({"Condition": {"Null": {TAG: "true"}}, "Action": "s3:DeleteObject"}, False),
        ({"Condition": {"Null": {TAG: "true"}}, "Principal": {"AWS": f"arn:aws:iam::{OWN}:root"}}, False),
        ({"Condition": {"Null": {TAG: "true"}, "StringEquals": {"aws:Referer": "x"}}}, False),
        ({"Condition": {"Null": {TAG: "true"}, "StringNotEquals": {"aws:PrincipalAccount": OWN}}}, True),
        ({"Condition": {"Null": {TAG: "true"}, "StringNotEquals": {"aws:PrincipalAccount": OTHER}}}, False),
        ({"Condition": {"Null": {TAG: "true"}, "StringNotEquals": {"s3:ObjectCreationOperation": "UploadPart"}}}, True),
    ],
)
def test_only_a_deny_that_hits_untagged_objects_of_outsiders_gates(deny: dict[str, Any], gates: bool):
    """Polarity, further conditions, action and principal of the Deny all count."""
    document = parse_document({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "*", **deny}]})
    assert deny_gates(document, "s3:PutObject", (Gate.PROVENANCE,), SCOPE, NOWHERE, reaches=lambda _: True) is gates


@pytest.mark.parametrize(
    ("allow", "deny", "told"),
    [
        ({"StringEqualsIfExists": {TAG: "c2pa"}}, None, f"StringEqualsIfExists on {TAG} lets requests without it through"),
        ({"StringLike": {"aws:PrincipalOrgID": "*"}}, None, "StringLike on aws:PrincipalOrgID accepts any value"),
        ({"StringEquals": {"aws:ResourceAccount": OWN}}, None, "StringEquals on aws:ResourceAccount is about whose the bucket is, not"),
        ({"StringEquals": {"aws:Referer": "x"}}, None, None),
        ({"StringEquals": {TAG: "c2pa"}}, None, None),
        ({}, {"StringEquals": {TAG: "none"}}, f"a Deny with StringEquals on {TAG} doesn't refuse requests without it"),
        ({}, {"StringNotLike": {TAG: "*"}}, f"StringNotLike on {TAG} accepts any value"),
        ({}, {"StringNotEquals": {TAG: "c2pa"}}, None),
    ],
)
def test_a_condition_that_looks_like_a_gate_is_told_with_what_is_wrong_about_it(
    allow: dict[str, Any], deny: dict[str, Any] | None, told: str | None
):
    """Whoever wrote it thinks that the bucket is gated: the message says what lets the request through, of the statement it stands in."""
    denied = [{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "*", "Condition": deny}] if deny else []
    said = near_miss(statement(Condition=allow), parse_document({"Statement": denied}))
    assert said == told if told is None else said is not None and said.startswith(told)


def test_a_deny_for_all_but_one_s_own_gates_by_identity():
    """NotPrincipal in a Deny spares those it names; that is a gate as long as they are one's own."""
    for account, gates in ((OWN, True), (OTHER, False)):
        document = parse_document(
            {"Statement": {"Effect": "Deny", "NotPrincipal": {"AWS": f"arn:aws:iam::{account}:role/x"}, "Action": "s3:*", "Resource": "*"}}
        )
        assert deny_gates(document, "s3:PutObject", (Gate.IDENTITY,), SCOPE, NOWHERE, reaches=lambda _: True) is gates


@pytest.mark.parametrize(
    ("condition", "gates"),
    [
        ({"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-somebodyelse"}}, False),
        ({"StringLike": {"aws:PrincipalOrgID": "o-*"}}, False),
        ({"StringEquals": {"aws:ResourceOrgID": "o-exampleorg1"}}, False),
        ({"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/16"}}, False),
        ({"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/16"}, "StringEquals": {"aws:SourceVpc": "vpc-0a1b"}}, True),
        ({"StringLike": {"aws:SourceVpce": "vpce-?????????????????"}}, False),
        ({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-exampleorg1"}}, False),
        ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-exampleorg1/r-ab12/*"}}, True),
        ({"StringEquals": {"aws:PrincipalAccount": OWN}}, True),
        ({"StringEquals": {"aws:PrincipalAccount": [OWN, OTHER]}}, False),
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{OWN}:role/*"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/uploader"}}, False),
        ({"StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"}}, True),
        ({"StringLike": {"aws:userid": ["AROAEXAMPLEID0000:*", OWN]}}, True),
        ({"StringLike": {"aws:userid": "AROA*"}}, False),
        ({"StringLike": {"aws:userid": ["AROAEXAMPLEID0000:*", "*:uploader"]}}, False),
        ({"StringEquals": {"aws:userid": OTHER}}, False),
        ({"StringEquals": {"aws:SourceVpce": "vpce-0a1b"}}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, True),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, False),
        ({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "::/0"]}}, False),
        ({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, False),
    ],
)
def test_a_tie_to_identity_or_network_has_to_be_narrow(condition: dict[str, Any], gates: bool):
    """A key that ties a request to somebody does so only with values that are one's own."""
    assert allow_gates(statement(Condition=condition), (Gate.IDENTITY, Gate.NETWORK), SCOPE, NOWHERE) is gates


@pytest.mark.parametrize(
    ("condition", "gates"),
    [
        ({"StringLike": {"aws:PrincipalOrgID": "o-??????????"}}, False),
        ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-*/r-*/*"}}, False),
        ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-exampleorg1/*"}}, True),
    ],
)
def test_an_organisation_that_is_not_known_can_t_be_any_organisation(condition: dict[str, Any], gates: bool):
    """Where nothing says which is one's own, a pattern that many match still ties a request to nobody."""
    assert allow_gates(statement(Condition=condition), (Gate.IDENTITY,), Scope(), NOWHERE) is gates


def test_an_unresolved_value_of_a_gate_is_a_doubt():
    """The operator gates, but for whom isn't known."""
    condition = {"StringEquals": {"aws:PrincipalOrgID": Unknown("variable 'org' has no default")}}
    assert isinstance(allow_gates(statement(Condition=condition), (Gate.IDENTITY,), SCOPE, NOWHERE), Unknown)


# --- principals ---


@pytest.mark.parametrize(
    ("kind", "value", "who"),
    [
        ("AWS", "*", Who.ANYONE),
        ("AWS", "arn:aws:iam::*:root", Who.ANYONE),
        ("AWS", OWN, Who.OWN),
        ("AWS", f"arn:aws:iam::{OWN}:role/x", Who.OWN),
        ("AWS", "arn:aws:iam::${AWS::AccountId}:root", Who.OWN),
        ("AWS", OTHER, Who.OUTSIDER),
        ("AWS", f"arn:aws-cn:iam::{OTHER}:user/x", Who.OUTSIDER),
        ("AWS", f"arn:aws:sts::{OTHER}:assumed-role/x/y", Who.OUTSIDER),
        ("AWS", "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1", Who.SERVICE),
        ("Service", "lambda.amazonaws.com", Who.SERVICE),
        ("Federated", "cognito-identity.amazonaws.com", Who.FEDERATED),
        ("AWS", Reference("role", "Arn"), Who.OWN),
    ],
)
def test_principals_are_seen_from_the_organisation(kind: str, value: Any, who: Who):
    """One's own accounts, others, services, everybody."""
    graph = Graph([resource("AWS::IAM::Role", "role")])
    assert classify(kind, value, SCOPE, graph).who is who


@pytest.mark.parametrize("value", [Unknown("x"), Reference("gone", "Arn"), "not an arn", "a" * 64, "AIDAEXAMPLE"])
def test_a_principal_that_can_t_be_placed_is_unknown(value: Any):
    """Neither trusted nor accused."""
    assert isinstance(classify("AWS", value, SCOPE, NOWHERE).who, Unknown)


def test_whoever_was_deleted_is_called_that():
    """AWS shows the id of a role in a policy once the role is gone: "not an ARN" told nobody what to do about it."""
    who = classify("AWS", "AROAEXAMPLEID0000", SCOPE, NOWHERE).who
    assert isinstance(who, Unknown)
    assert "deleted: take it out of the policy" in who.reason


def test_without_known_accounts_only_a_whole_account_counts_as_foreign():
    """A named role may be in one's own account; a policy needn't name its own account's root."""
    assert classify("AWS", f"arn:aws:iam::{OTHER}:root", Scope(), NOWHERE).who is Who.OUTSIDER
    assert isinstance(classify("AWS", f"arn:aws:iam::{OTHER}:role/x", Scope(), NOWHERE).who, Unknown)


# --- resources ---


@pytest.mark.parametrize(
    ("pattern", "reaches"),
    [
        ("*", True),
        ("arn:aws:s3:::*", True),
        ("arn:aws:s3:::acme-uploads/*", True),
        ("arn:aws:s3:::acme-up*", True),
        ("arn:aws:s3:::*-uploads/in/*", True),
        ("arn:aws:s3:::acme-uploads/in/*.jpg", True),
        ("arn:aws:s3:::acme-uploads/in/banner.jpg", True),
        ("arn:aws:s3:::acme-uploads", False),
        ("arn:aws:s3:::acme-other/*", False),
        ("arn:aws:kms:eu-west-1:1:key/*", False),
        (Reference("b", "Arn", "/*"), True),
        (Reference("b", "Arn"), False),
        (Reference("c", "Arn", "/*"), False),
    ],
)
def test_which_objects_a_resource_reaches(pattern: Any, reaches: bool):
    """The bucket's own ARN isn't its objects; patterns may overlap in the middle."""
    bucket = resource("AWS::S3::Bucket", "b", BucketName="acme-uploads")
    assert reaches_objects(statement(Resource=[pattern]), bucket) is reaches


@pytest.mark.parametrize(
    ("spared", "reaches"),
    [
        ("*", False),
        ("arn:aws:s3:::acme-uploads/*", False),
        ("arn:aws:s3:::acme-uploads/in/*", True),
        ("arn:aws:s3:::acme-other/*", True),
        (Reference("b", "Arn", "/*"), False),
        (Reference("b", "Arn", "*"), False),
        (Reference("b", "Arn", "/in/*"), True),
        (Reference("c", "Arn", "/*"), True),
    ],
)
def test_notresource_reaches_what_it_does_not_name(spared: Any, reaches: bool):
    """A role that may write to all but another bucket, or to all but one folder of this, may write to this one."""
    bucket = resource("AWS::S3::Bucket", "b", BucketName="acme-uploads")
    assert reaches_objects(statement(NotResource=[spared]), bucket) is reaches


def test_a_bucket_s_own_arn_is_not_its_objects_whatever_the_bucket_is_called():
    """Beside a name that isn't resolved it is no question either: ``s3:ListBucket`` on some bucket would be one for each."""
    unnamed = resource("AWS::S3::Bucket", "b", BucketName=Unknown("no default", "${var.bucket}"))
    assert reaches_objects(statement(Resource="arn:aws:s3:::acme-uploads"), unnamed) is False
    assert isinstance(reaches_objects(statement(Resource="arn:aws:s3:::acme-uploads/*"), unnamed), Unknown)


def test_the_same_unresolved_expression_is_the_same_bucket():
    """``arn:aws:s3:::${var.bucket}/*`` beside ``bucket = var.bucket`` needs no value to be recognised."""
    bucket = resource("AWS::S3::Bucket", "b", BucketName=Unknown("no default", "${var.bucket}"))
    same = Unknown("no default", "arn:aws:s3:::${var.bucket}/*")
    other = Unknown("no default", "arn:aws:s3:::${var.other}/*")
    assert reaches_objects(statement(Resource=same), bucket) is True
    assert isinstance(reaches_objects(statement(Resource=other), bucket), Unknown)


def test_a_name_that_the_deployment_fills_in_is_not_every_bucket():
    """``arn:aws:s3:::${var.other}/*`` with a default of "" means one bucket: this one where it has the same empty name, else who knows which."""
    given = statement(Resource="arn:aws:s3:::/*")
    assert isinstance(reaches_objects(given, resource("AWS::S3::Bucket", "b", BucketName="acme-uploads")), Unknown)
    assert reaches_objects(given, resource("AWS::S3::Bucket", "b", BucketName="")) is True


# --- access points ---


def test_a_link_that_leads_to_no_access_point_names_no_bucket():
    """To what wasn't read, or to something else: whose bucket the policy opens isn't known then, and another's isn't taken for it."""
    other = resource("AWS::S3::AccessPoint", "other", Bucket="acme-logs")
    graph = Graph([other])
    for link in (Reference("gone", "Ref"), Reference("other", "Ref")):
        policy = resource("AWS::S3ObjectLambda::AccessPointPolicy", ObjectLambdaAccessPoint=link)
        assert [type(value) for value in buckets_named(policy, graph)] == [Unknown]
    assert list(buckets_named(other, graph)) == ["acme-logs"]


# --- carriers ---

DOCUMENT = {"Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]}


def test_every_place_of_a_policy_is_found():
    """Inline, attached by either side, by ARN, AWS managed, bucket policy, key policy."""
    graph = Graph(
        [
            resource(
                "AWS::IAM::Role",
                "role",
                RoleName="r",
                Policies=[{"PolicyName": "p", "PolicyDocument": DOCUMENT}],
                ManagedPolicyArns=["arn:aws:iam::aws:policy/AmazonS3FullAccess", Reference("managed", "Ref")],
            ),
            resource("AWS::IAM::ManagedPolicy", "managed", PolicyDocument=DOCUMENT),
            resource("AWS::IAM::ManagedPolicy", "by-role", PolicyDocument=DOCUMENT, Roles=[Reference("role")]),
            resource("AWS::IAM::Policy", "inline", PolicyDocument=DOCUMENT, Roles=["r"]),
            resource("AWS::IAM::RolePolicy", "single", PolicyDocument=DOCUMENT, RoleName=Reference("role")),
            resource("AWS::IAM::User", "user", Policies=[{"PolicyName": "u", "PolicyDocument": DOCUMENT}]),
            resource("AWS::S3::Bucket", "bucket", BucketName="b"),
            resource("AWS::S3::BucketPolicy", "bucket-policy", Bucket="b", PolicyDocument=DOCUMENT),
            resource("AWS::KMS::Key", "key", KeyPolicy=DOCUMENT),
        ]
    )
    found = {carrier.resource.address for carrier in policy_carriers(graph)}
    assert found == {"role", "managed", "by-role", "inline", "single", "user", "bucket-policy", "key"}
    role = graph.get("role")
    assert role is not None
    assert len(list(identity_documents(role, graph))) == 6
    assert list(unread_policies(role, graph)) == []
    owner = next(carrier for carrier in policy_carriers(graph) if carrier.resource.address == "bucket-policy").holders[0]
    assert owner is graph.get("bucket")


@pytest.mark.parametrize("arn", [Unknown("no default"), Reference("gone"), f"arn:aws:iam::{OWN}:policy/elsewhere"])
def test_an_attachment_that_was_not_read_is_named(arn: Any):
    """A role isn't known as long as one of its policies isn't."""
    role = resource("AWS::IAM::Role", "role", ManagedPolicyArns=[arn])
    assert len(list(unread_policies(role, Graph([role])))) == 1
