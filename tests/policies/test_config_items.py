"""Configuration items of AWS Config, in the several spellings in which they come.

Origin of the data: written for these tests in the structure that AWS documents for its items; no recorded item is copied.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Unknown
from averment.policies.interface import Context
from averment.policies.rules.registry import all_rules, rule
from averment.policies.runtime.evaluate import Evaluator
from averment.policies.runtime.neighbours import MemoryNeighbours
from averment.policies.surfaces.config.surface import ConfigSurface, graph_from_items

OWN, OTHER = "123456789012", "444455556666"
SCOPE = Scope(accounts=(OWN,))
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Partner",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::acme-uploads/*",
        }
    ],
}
CLOSED = {"blockPublicAcls": True, "ignorePublicAcls": True, "blockPublicPolicy": True, "restrictPublicBuckets": True}


def bucket_item(**changes: Any) -> dict[str, Any]:
    """A bucket's item as a rule's event has it."""
    item = {
        "relatedEvents": [],
        "relationships": [],
        "configuration": {
            "name": "acme-uploads",
            "owner": {"displayName": "acme", "id": "f" * 64},
            "creationDate": "2026-01-05T09:12:44.000Z",
        },
        "supplementaryConfiguration": {
            "AccessControlList": json.dumps(
                json.dumps(
                    {"grantSet": None, "grantList": [{"grantee": {"id": "f" * 64, "displayName": "acme"}, "permission": "FullControl"}]}
                )
            ),
            "BucketAccelerateConfiguration": {"status": None},
            "BucketNotificationConfiguration": {
                "configurations": {
                    "scan": {
                        "functionARN": f"arn:aws:lambda:eu-west-1:{OWN}:function:scan",
                        "events": ["s3:ObjectCreated:*"],
                        "filter": None,
                        "objectPrefixes": [],
                        "type": "LambdaConfiguration",
                    }
                }
            },
            "BucketPolicy": {"policyText": json.dumps(POLICY)},
            "BucketTaggingConfiguration": {"tagSets": [{"tags": {"data-class": "ugc"}}]},
            "BucketVersioningConfiguration": {"isMfaDeleteEnabled": None, "status": "Enabled"},
            "IsRequesterPaysEnabled": "false",
            "PublicAccessBlockConfiguration": CLOSED,
        },
        "tags": {"data-class": "ugc"},
        "configurationItemVersion": "1.3",
        "configurationItemCaptureTime": "2026-11-20T10:00:00.000Z",
        "configurationStateId": 1763632800000,
        "awsAccountId": OWN,
        "configurationItemStatus": "OK",
        "resourceType": "AWS::S3::Bucket",
        "resourceId": "acme-uploads",
        "resourceName": "acme-uploads",
        "ARN": "arn:aws:s3:::acme-uploads",
        "awsRegion": "eu-west-1",
        "availabilityZone": "Regional",
        "configurationStateMd5Hash": "",
        "resourceCreationTime": "2026-01-05T09:12:44.000Z",
    }
    return {**item, **changes}


def as_from_the_api(item: dict[str, Any]) -> dict[str, Any]:
    """The same item as ``BatchGetResourceConfig`` returns it: JSON text, other names, no tags."""
    return {
        "version": "1.3",
        "accountId": item["awsAccountId"],
        "arn": item["ARN"],
        **{key: item[key] for key in ("configurationItemStatus", "resourceType", "resourceId", "resourceName", "awsRegion")},
        "configuration": json.dumps(item["configuration"]),
        "supplementaryConfiguration": {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in item["supplementaryConfiguration"].items()
        },
    }


@pytest.mark.parametrize("spelling", [lambda item: item, as_from_the_api], ids=["event", "api"])
def test_a_bucket_is_read_alike_from_event_and_api(spelling: Any):
    """Both spellings give the same properties: name, tags, policy, notifications, access block."""
    graph = graph_from_items([spelling(bucket_item())])
    assert graph.problems == []
    (bucket,) = graph.of_type("AWS::S3::Bucket")
    assert bucket.get("BucketName") == "acme-uploads"
    assert bucket.tags == {"data-class": "ugc"}
    assert bucket.get("AccessControl") is None
    assert bucket.get("VersioningConfiguration", "Status") == "Enabled"
    assert bucket.get("PublicAccessBlockConfiguration", "BlockPublicPolicy") is True
    assert bucket.get("NotificationConfiguration", "LambdaConfigurations", 0, "Function").endswith(":function:scan")
    (policy,) = graph.of_type("AWS::S3::BucketPolicy")
    assert policy.get("PolicyDocument") == POLICY
    outcome = rule("s3-put-object-gated").evaluate(policy, Context(graph, SCOPE))
    assert outcome.verdict is Verdict.FAIL
    assert OTHER in outcome.message
    assert outcome.where is not None
    assert outcome.where.arn == "arn:aws:s3:::acme-uploads"


@pytest.mark.parametrize(
    ("grants", "acl"),
    [
        ([{"grantee": "AllUsers", "permission": "Read"}], "PublicRead"),
        ([{"grantee": "AllUsers", "permission": "Write"}], "PublicReadWrite"),
        ([{"grantee": "AuthenticatedUsers", "permission": "FullControl"}], "PublicReadWrite"),
        ([{"grantee": "AuthenticatedUsers", "permission": "Read"}], "AuthenticatedRead"),
        ([{"grantee": {"id": "f" * 64}, "permission": "FullControl"}], None),
        ([{"Grantee": {"URI": "http://acs.amazonaws.com/groups/global/AllUsers"}, "Permission": "WRITE"}], "PublicReadWrite"),
    ],
)
def test_grants_become_the_nearest_canned_acl(grants: list[Any], acl: str | None):
    """Config has grants, templates have canned ACLs; a rule reads one of them."""
    item = bucket_item()
    item["supplementaryConfiguration"]["AccessControlList"] = json.dumps({"grantList": grants})
    (bucket,) = graph_from_items([item]).of_type("AWS::S3::Bucket")
    assert bucket.get("AccessControl") == acl


def test_a_bucket_without_a_policy_has_none():
    """``policyText: null`` is no policy, not an unreadable one."""
    item = bucket_item()
    item["supplementaryConfiguration"]["BucketPolicy"] = {"policyText": None}
    assert list(graph_from_items([item]).of_type("AWS::S3::BucketPolicy")) == []


@pytest.mark.parametrize("part", [{"policy": "{}"}, {"Statement": []}])
def test_a_policy_of_another_shape_is_not_none(part: dict[str, Any]):
    """A part that is there without the policy's text was taken for a bucket without a policy, whose objects nobody else can read."""
    graph = graph_from_items(
        [bucket_item(supplementaryConfiguration={**bucket_item()["supplementaryConfiguration"], "BucketPolicy": part})]
    )
    (found,) = graph.of_type("AWS::S3::BucketPolicy")
    assert isinstance(found.get("PolicyDocument"), Unknown)


def role_item(document: Any, trust: Any, attached: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "resourceType": "AWS::IAM::Role",
        "resourceId": "AROAEXAMPLE",
        "resourceName": "checkout",
        "ARN": f"arn:aws:iam::{OWN}:role/checkout",
        "configurationItemStatus": "ResourceDiscovered",
        "configuration": {
            "path": "/",
            "roleName": "checkout",
            "roleId": "AROAEXAMPLE",
            "assumeRolePolicyDocument": trust,
            "rolePolicyList": [{"policyName": "faces", "policyDocument": document}],
            "attachedManagedPolicies": [{"policyName": arn.rsplit("/", 1)[-1], "policyArn": arn} for arn in attached],
        },
    }


FACES = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "rekognition:CompareFaces", "Resource": "*"}]}


@pytest.mark.parametrize("encode", [quote, lambda text: quote(text, safe=""), lambda text: text], ids=["quoted", "all", "plain"])
def test_iam_documents_are_read_url_encoded_or_plain(encode: Any):
    """IAM's own API returns documents URL-encoded, and Config passes them on."""
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    graph = graph_from_items([role_item(encode(json.dumps(FACES)), encode(json.dumps(trust)))])
    (role,) = graph
    assert role.get("Policies", 0, "PolicyDocument") == FACES
    assert role.get("AssumeRolePolicyDocument") == trust
    assert rule("face-match-needs-liveness").evaluate(role, Context(graph, SCOPE)).verdict is Verdict.FAIL


def test_a_customer_managed_policy_is_found_by_its_arn():
    """Config calls a managed policy AWS::IAM::Policy and lists its versions; the default one counts."""
    arn = f"arn:aws:iam::{OWN}:policy/liveness"
    liveness = {"Statement": [{"Effect": "Allow", "Action": ["rekognition:GetFaceLivenessSessionResults"], "Resource": "*"}]}
    managed = {
        "resourceType": "AWS::IAM::Policy",
        "resourceId": "ANPAEXAMPLE",
        "ARN": arn,
        "configuration": {
            "policyName": "liveness",
            "policyVersionList": [
                {"document": quote(json.dumps(FACES)), "versionId": "v1", "isDefaultVersion": False},
                {"document": quote(json.dumps(liveness)), "versionId": "v2", "isDefaultVersion": True},
            ],
        },
    }
    role = role_item(quote(json.dumps(FACES)), None, (arn,))
    subject = rule("face-match-needs-liveness")
    for items, verdict in (([role, managed], Verdict.PASS), ([role], Verdict.UNKNOWN)):
        graph = graph_from_items(items)
        (found,) = graph.of_type("AWS::IAM::Role")
        assert subject.evaluate(found, Context(graph, SCOPE)).verdict is verdict


def test_a_distribution_s_wrapped_lists_are_unwrapped():
    """CloudFront's API wraps every list as quantity and items; origin groups keep it, as in CloudFormation."""
    config = {
        "enabled": True,
        "origins": {
            "quantity": 1,
            "items": [
                {"id": "media", "domainName": "acme-published.s3.eu-west-1.amazonaws.com", "s3OriginConfig": {"originAccessIdentity": ""}},
            ],
        },
        "originGroups": {
            "quantity": 1,
            "items": [{"id": "group", "members": {"quantity": 1, "items": [{"originId": "media"}]}}],
        },
        "defaultCacheBehavior": {
            "targetOriginId": "group",
            "trustedSigners": {"enabled": False, "quantity": 0},
            "trustedKeyGroups": {"enabled": False, "quantity": 0},
            "lambdaFunctionAssociations": {
                "quantity": 1,
                "items": [{"lambdaFunctionARN": "arn:aws:lambda:us-east-1:1:function:g:1", "eventType": "origin-request"}],
            },
            "functionAssociations": {"quantity": 0},
        },
        "cacheBehaviors": {"quantity": 0},
    }
    item = {
        "resourceType": "AWS::CloudFront::Distribution",
        "resourceId": "E1",
        "ARN": f"arn:aws:cloudfront::{OWN}:distribution/E1",
        "configuration": {"id": "E1", "distributionConfig": config},
    }
    subject = rule("cdn-media-gated")
    graph = graph_from_items([item])
    (distribution,) = graph
    outcome = subject.evaluate(distribution, Context(graph, SCOPE))
    assert (outcome.verdict, "without origin access control" in outcome.message) == (Verdict.FAIL, True)
    config["origins"]["items"][0]["originAccessControlId"] = "E2"
    signing = {"Id": "E2", "OriginAccessControlConfig": {"SigningBehavior": "always"}}
    control = {"resourceType": "AWS::CloudFront::OriginAccessControl", "resourceId": "E2", "ARN": "E2", "configuration": signing}
    graph = graph_from_items([item, control])
    assert subject.evaluate(next(iter(graph)), Context(graph, SCOPE)).verdict is Verdict.PASS
    config["defaultCacheBehavior"]["lambdaFunctionAssociations"] = {"quantity": 0}
    graph = graph_from_items([item])
    assert "no edge gate" in subject.evaluate(next(iter(graph)), Context(graph, SCOPE)).message


TAGGED = Scope((OWN,), media=(MediaMatcher(MediaRole.PUBLISHED, {"data-class": "media"}),))
NAMED = Scope((OWN,), media=(MediaMatcher(MediaRole.PUBLISHED, {}, ("acme-media-*",)),))


@pytest.mark.parametrize(
    ("scope", "name", "gate", "verdict"),
    [
        (TAGGED, "acme-pictures", None, Verdict.UNKNOWN),
        (TAGGED, "acme-pictures", "viewer-request", Verdict.NOT_APPLICABLE),
        (TAGGED, "acme-frontend", None, Verdict.NOT_APPLICABLE),
        (NAMED, "acme-pictures", None, Verdict.NOT_APPLICABLE),
        (Scope((OWN,)), "acme-stuff", None, Verdict.NOT_APPLICABLE),
    ],
)
def test_a_bucket_of_another_region_may_be_media_by_its_tags(scope: Scope, name: str, gate: str | None, verdict: Verdict):
    """Distributions are recorded in us-east-1, and their buckets where they are: a bucket that is known by its tag was taken for none."""
    gates = {"quantity": 1, "items": [{"functionARN": "f", "eventType": gate}]} if gate else {"quantity": 0}
    host = f"{name}.s3.eu-west-1.amazonaws.com"
    config = {
        "origins": {"quantity": 1, "items": [{"id": "o", "domainName": host, "originAccessControlId": "E2"}]},
        "defaultCacheBehavior": {"targetOriginId": "o", "functionAssociations": gates},
        "cacheBehaviors": {"quantity": 0},
    }
    item = {
        "resourceType": "AWS::CloudFront::Distribution",
        "resourceId": "E1",
        "ARN": f"arn:aws:cloudfront::{OWN}:distribution/E1",
        "configuration": {"id": "E1", "distributionConfig": config},
    }
    graph = graph_from_items([item])
    outcome = rule("cdn-media-gated").evaluate(next(iter(graph)), Context(graph, scope))
    assert outcome.verdict is verdict
    assert verdict is not Verdict.UNKNOWN or "whether that bucket holds media: its tags were not read" in outcome.message


@pytest.mark.parametrize("configuration", [{"Tags": [{"Key": "public", "Value": "true"}]}, {"tags": {"public": "true"}}, {}])
def test_a_tag_is_a_text_whatever_it_says(configuration: dict[str, Any]):
    """A rule of one's own that asks for ``public: "true"`` found ``True``, and passed."""
    queue = {
        "resourceType": "AWS::SQS::Queue",
        "resourceId": "in",
        "ARN": f"arn:aws:sqs:eu-west-1:{OWN}:in",
        "configuration": {"QueueName": "in", **configuration},
        "tags": {"public": "true"},
    }
    (found,) = graph_from_items([queue])
    assert dict(found.tags) == {"public": "true"}


@pytest.mark.parametrize("text", [json.dumps(json.dumps(POLICY)), json.dumps(POLICY)])
def test_a_key_s_policy_stands_in_the_supplement(text: str):
    """KMS items have the policy as JSON text, once or twice encoded; without one nothing is known."""
    item = {
        "resourceType": "AWS::KMS::Key",
        "resourceId": "0a1b",
        "ARN": f"arn:aws:kms:eu-west-1:{OWN}:key/0a1b",
        "configuration": {"keyId": "0a1b", "keyUsage": "SIGN_VERIFY", "customerMasterKeySpec": "ECC_NIST_P256"},
        "supplementaryConfiguration": {"Policy": text},
    }
    (key,) = graph_from_items([item])
    assert key.get("KeyPolicy") == POLICY
    (bare,) = graph_from_items([{**item, "supplementaryConfiguration": {}}])
    assert isinstance(bare.get("KeyPolicy"), Unknown)
    assert rule("signing-key-fit").evaluate(bare, Context(graph_from_items([]), SCOPE)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("status", ["ResourceDeleted", "ResourceDeletedNotRecorded"])
def test_deleted_resources_are_gone(status: str):
    """A deleted bucket can't fail a rule."""
    graph = graph_from_items([bucket_item(configurationItemStatus=status, configuration=None, supplementaryConfiguration={})])
    assert (len(graph), graph.problems) == (0, [])


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"resourceType": "AWS::S3::Bucket"},
        {"resourceType": "AWS::S3::Bucket", "resourceId": "x", "configuration": "[1"},
        {"resourceType": "AWS::S3::Bucket", "resourceId": "x", "configuration": [1]},
        {"resourceType": "AWS::S3::Bucket", "resourceId": "x", "configurationItemStatus": "ResourceNotRecorded"},
        "not an item",
    ],
)
def test_what_can_t_be_read_is_a_problem(item: Any):
    """An item that says nothing isn't an empty resource."""
    graph = graph_from_items([item])
    assert len(graph) == 0
    assert len(graph.problems) == 1


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 9), st.sampled_from(["", "{", "[1]", "%7B", '{"a": 1}', "Enabled", "AllUsers"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "policyText",
                    "items",
                    "quantity",
                    "configurations",
                    "grantList",
                    "grantee",
                    "tagSets",
                    "tags",
                    "rolePolicyList",
                    "policyDocument",
                    "attachedManagedPolicies",
                    "policyVersionList",
                    "isDefaultVersion",
                    "document",
                    "distributionConfig",
                    "origins",
                    "originGroups",
                    "defaultCacheBehavior",
                    "cacheBehaviors",
                    "trustedKeyGroups",
                    "targetKeyId",
                    "EventPattern",
                    "events",
                ]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=20,
)
PARTS = [
    "AccessControlList",
    "BucketNotificationConfiguration",
    "BucketPolicy",
    "BucketTaggingConfiguration",
    "BucketVersioningConfiguration",
    "PublicAccessBlockConfiguration",
    "BucketWebsiteConfiguration",
    "Policy",
    "Tags",
]
KINDS = [
    "AWS::S3::Bucket",
    "AWS::IAM::Role",
    "AWS::IAM::Policy",
    "AWS::CloudFront::Distribution",
    "AWS::KMS::Key",
    "AWS::KMS::Alias",
    "AWS::Events::Rule",
    "AWS::SageMaker::Model",
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KINDS), JSON, st.dictionaries(st.sampled_from(PARTS), JSON, max_size=4), JSON)
def test_no_item_makes_the_surface_crash(kind: str, configuration: Any, supplementary: dict[str, Any], tags: Any):
    """Items change their shape over the years; what doesn't fit is a problem or an unknown, and rules answer on it."""
    item = {
        "resourceType": kind,
        "resourceId": "x",
        "configuration": configuration,
        "supplementaryConfiguration": supplementary,
        "tags": tags,
    }
    graph = graph_from_items([item])
    for resource in graph:
        for subject in all_rules():
            if resource.type in subject.types:
                subject.evaluate(resource, Context(graph, SCOPE))


def test_snapshot_files_are_read(tmp_path: Path):
    """What Config delivers to S3 can be checked as a file; a broken one is a problem."""
    surface = ConfigSurface()
    good, bad, other = tmp_path / "a.json", tmp_path / "b.json", tmp_path / "c.json"
    good.write_text(json.dumps({"fileVersion": "1.0", "configurationItems": [bucket_item()]}))
    bad.write_text('{"configurationItems": [')
    other.write_text("{}")
    first, second = surface.graphs(tmp_path)
    assert len(first) == 2
    assert "not a snapshot" in second.problems[0].reason
    assert not surface.recognises(other)


def test_of_several_states_in_a_history_file_the_last_counts(tmp_path: Path):
    """History files hold every state of an hour; earlier ones are not what is deployed, and a deletion ends them."""
    first = bucket_item(configurationItemCaptureTime="2026-11-20T10:00:00.000Z")
    second = bucket_item(configurationItemCaptureTime="2026-11-20T10:20:00.000Z", tags={"data-class": "internal"})
    second["supplementaryConfiguration"] = {**second["supplementaryConfiguration"], "BucketTaggingConfiguration": None}
    gone = bucket_item(resourceId="old", configurationItemStatus="ResourceDeleted", configuration=None)
    path = tmp_path / "history.json"
    path.write_text(json.dumps({"fileVersion": "1.0", "configurationItems": [second, first, {**first, "resourceId": "old"}, gone]}))
    (graph,) = ConfigSurface().graphs(tmp_path)
    assert graph.problems == []
    (bucket,) = graph.of_type("AWS::S3::Bucket")
    assert bucket.tags == {"data-class": "internal"}


def test_one_part_of_another_shape_leaves_the_rest_readable():
    """What can't be read of a bucket is unknown by itself, with its name: the others are what the item says."""
    item = {
        "resourceType": "AWS::S3::Bucket",
        "resourceId": "acme-uploads",
        "arn": "arn:aws:s3:::acme-uploads",
        "configuration": {"name": "acme-uploads"},
        "supplementaryConfiguration": {
            "BucketVersioningConfiguration": '{"status": "Enabled"}',
            "BucketLifecycleConfiguration": '{"rules": ["of", "text"]}',
        },
    }
    (bucket, _) = graph_from_items([item])
    assert bucket.get("VersioningConfiguration", "Status") == "Enabled"
    rules = bucket.get("LifecycleConfiguration")
    assert isinstance(rules, Unknown)
    assert rules.reason.startswith("LifecycleConfiguration of AWS::S3::Bucket acme-uploads has another shape than expected")
    assert "LoggingConfiguration" not in bucket.properties
    assert dict(bucket.properties)["BucketName"] == "acme-uploads"


PARTS = [{"type": "LifecyclePrefixPredicate", "prefix": "scans/"}, {"type": "LifecycleTagPredicate", "tag": {"key": "a", "value": "b"}}]


@pytest.mark.parametrize(
    ("chosen", "verdict", "said"),
    [
        (None, Verdict.PASS, ""),
        ({"predicate": None}, Verdict.PASS, ""),
        ({"predicate": {"type": "LifecyclePrefixPredicate", "prefix": ""}}, Verdict.PASS, ""),
        ({"predicate": PARTS[0]}, Verdict.UNKNOWN, "below 'scans/'"),
        ({"predicate": {"type": "LifecycleAndOperator", "operands": PARTS}}, Verdict.UNKNOWN, "below 'scans/'"),
        ({"prefix": "scans/"}, Verdict.UNKNOWN, "below 'scans/'"),
        ({"and": {"prefix": "scans/", "tags": []}}, Verdict.UNKNOWN, "below a prefix that isn't resolved"),
        ({"predicate": {"type": "LifecycleAgePredicate", "age": 9}}, Verdict.UNKNOWN, "below a prefix that isn't resolved"),
    ],
)
def test_a_lifecycle_s_filter_that_cannot_be_read_is_not_none(chosen: Any, verdict: Verdict, said: str):
    """A rule that ends some objects isn't one that ends all of them, however an item spells what it is limited to."""
    kept = {"id": "end", "status": "Enabled", "expirationInDays": 30, **({"filter": chosen} if chosen is not None else {})}
    parts = bucket_item()["supplementaryConfiguration"] | {"BucketLifecycleConfiguration": {"rules": [kept]}}
    parts |= {"BucketVersioningConfiguration": {"status": "Off"}, "BucketTaggingConfiguration": None}
    graph = graph_from_items(
        [bucket_item(resourceId="face-templates", configuration={"name": "face-templates"}, supplementaryConfiguration=parts)]
    )
    (bucket,) = graph.of_type("AWS::S3::Bucket")
    outcome = rule("biometric-retention-limited").evaluate(bucket, Context(graph, SCOPE, {}, {}))
    assert (outcome.verdict, said in outcome.message) == (verdict, True), outcome


@pytest.mark.parametrize(("partition", "place"), [("aws", "eu-west-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")])
def test_an_alias_leads_to_its_key_in_every_partition(partition: str, place: str):
    """An alias's item names its key by id alone: what a key is called is known in China and GovCloud as well."""
    base = f"arn:{partition}:kms:{place}:{OWN}"
    common = {"awsAccountId": OWN, "awsRegion": place, "configurationItemStatus": "OK"}
    key = {"keyId": "0a1b", "keyUsage": "ENCRYPT_DECRYPT", "keySpec": "SYMMETRIC_DEFAULT"}
    alias = {"aliasName": "alias/c2pa-signing", "targetKeyId": "0a1b"}
    graph = graph_from_items(
        [
            {**common, "resourceType": "AWS::KMS::Key", "resourceId": "0a1b", "ARN": f"{base}:key/0a1b", "configuration": key},
            {**common, "resourceType": "AWS::KMS::Alias", "resourceId": "a", "ARN": f"{base}:alias/c2pa-signing", "configuration": alias},
        ]
    )
    (found,) = graph.of_type("AWS::KMS::Key")
    outcome = rule("signing-key-fit").evaluate(found, Context(graph, SCOPE, {}, {}))
    assert (outcome.verdict, "alias/c2pa-signing" in outcome.message) == (Verdict.FAIL, True)


def test_a_service_linked_role_is_the_service_s_own():
    """Nobody can give its policy to another role, or change it: that its text isn't known leaves nothing open."""
    kept = "arn:aws:iam::aws:policy/aws-service-role/AmazonSageMakerNotebooksServiceRolePolicy"
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    for attached, verdict in ((kept, Verdict.NOT_APPLICABLE), (kept.replace("aws-service-role", "service-role"), Verdict.UNKNOWN)):
        configuration = {
            "roleName": "AWSServiceRoleForAmazonSageMakerNotebooks",
            "assumeRolePolicyDocument": json.dumps(trust),
            "rolePolicyList": [],
            "attachedManagedPolicies": [{"policyArn": attached}],
        }
        role = {"resourceType": "AWS::IAM::Role", "resourceId": "AROA1", "arn": "arn:aws:iam::1:role/x", "configuration": configuration}
        graph = graph_from_items([role, bucket_item()])
        (found,) = graph.of_type("AWS::IAM::Role")
        for name in ("inference-least-privilege", "s3-put-object-gated"):
            assert rule(name).evaluate(found, Context(graph, SCOPE, {}, {})).verdict is verdict, name


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ({}, Verdict.FAIL),
        ({"marker": None}, Verdict.FAIL),
        ({"marker": "more"}, Verdict.UNKNOWN),
        ({"items": "[...]"}, Verdict.UNKNOWN),
        ({"items": None}, Verdict.UNKNOWN),
        ({"items": [{"id": "q"}]}, Verdict.UNKNOWN),
        ({"quantity": 2}, Verdict.UNKNOWN),
    ],
)
def test_a_distribution_whose_origins_can_t_be_read_may_serve_anything(more: dict[str, Any], verdict: Verdict):
    """What was found to be served must not stop being so by a list that is wrapped otherwise; a null in it says nothing."""
    origin = {"id": "q", "domainName": "acme-quarantine.s3.eu-west-1.amazonaws.com"}
    config = {
        "enabled": True,
        "origins": {"quantity": 1, "items": [origin], **more},
        "defaultCacheBehavior": {"targetOriginId": "q"},
    }
    edge = {
        "resourceType": "AWS::CloudFront::Distribution",
        "resourceId": "E1",
        "awsAccountId": OWN,
        "ARN": f"arn:aws:cloudfront::{OWN}:distribution/E1",
        "configuration": {"id": "E1", "distributionConfig": config},
    }
    parts = bucket_item()["supplementaryConfiguration"] | {"BucketTaggingConfiguration": None, "BucketPolicy": {"policyText": None}}
    shut = bucket_item(
        resourceId="acme-quarantine",
        ARN="arn:aws:s3:::acme-quarantine",
        configuration={"name": "acme-quarantine"},
        supplementaryConfiguration=parts,
    )
    evaluator = Evaluator(rule("quarantine-not-served"), MemoryNeighbours([shut, edge]), SCOPE, {}, OWN)
    (found,) = evaluator.every()
    assert found.verdict is verdict, found
