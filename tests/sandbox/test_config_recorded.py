"""Items of the types that moto's Config doesn't record, in Config's spelling, and rules that look at them."""

from __future__ import annotations

import io
import json
import zipfile

import boto3
import pytest
from botocore.exceptions import ClientError

from averment.policies.runtime.handler import handler
from averment.policies.surfaces.config.surface import graph_from_items
from averment.sandbox.config_runner import items, recorded_types, run_rule

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
GRANT = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]})


@pytest.fixture
def config(sandbox):
    return boto3.client("config")


def the(config, kind):
    """The only item of ``kind``, its configuration parsed."""
    (item,) = [entry for entry in items(config, kind) if "aws/" not in entry["resourceName"]]
    return {**item, "configuration": json.loads(item["configuration"])}


def scanner():
    """A bucket whose uploads reach a queue through EventBridge; the function ``scan``."""
    s3, events, sqs = boto3.client("s3"), boto3.client("events"), boto3.client("sqs")
    s3.create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_tagging(Bucket="uploads", Tagging={"TagSet": [{"Key": "data-class", "Value": "ugc"}]})
    s3.put_bucket_notification_configuration(Bucket="uploads", NotificationConfiguration={"EventBridgeConfiguration": {}})
    role = boto3.client("iam").create_role(RoleName="scan", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("scan.py", "")
    functions = boto3.client("lambda")
    function = functions.create_function(
        FunctionName="scan",
        Runtime="python3.12",
        Role=role,
        Handler="scan.handler",
        Code={"ZipFile": archive.getvalue()},
        Tags={"team": "trust"},
    )
    functions.add_permission(FunctionName="scan", StatementId="config", Action="lambda:InvokeFunction", Principal="config.amazonaws.com")
    url = sqs.create_queue(QueueName="scan")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": ["uploads"]}}}
    events.put_rule(Name="scan", EventPattern=json.dumps(pattern))
    dead = sqs.create_queue(QueueName="scan-dead")["QueueUrl"]
    letters = {"Arn": sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]}
    targets = [{"Id": "function", "Arn": function["FunctionArn"]}, {"Id": "queue", "Arn": arn}]
    events.put_targets(Rule="scan", Targets=[{**target, "DeadLetterConfig": letters} for target in targets])
    return pattern


def test_an_event_rule_has_its_pattern_and_targets(config):
    """CloudFormation's spelling, the pattern parsed, both targets."""
    pattern = scanner()
    found = the(config, "AWS::Events::Rule")["configuration"]
    assert found["EventPattern"] == pattern
    assert sorted(target["Id"] for target in found["Targets"]) == ["function", "queue"]
    assert found["State"] == "ENABLED"


def test_a_function_and_a_queue(config):
    """Lambda in the SDK's spelling, SQS in CloudFormation's; tags as a map."""
    scanner()
    function = the(config, "AWS::Lambda::Function")
    assert (function["resourceId"], function["configuration"]["handler"], function["tags"]) == ("scan", "scan.handler", {"team": "trust"})
    (queue,) = [entry for entry in items(config, "AWS::SQS::Queue") if entry["resourceName"] == "scan"]
    queue = {**queue, "configuration": json.loads(queue["configuration"])}
    assert (queue["resourceName"], queue["configuration"]["QueueName"]) == ("scan", "scan")


def test_users_and_groups_carry_their_policies(config):
    """Inline documents URL-encoded, attached ones by ARN, groups by name."""
    iam = boto3.client("iam")
    managed = iam.create_policy(PolicyName="upload", PolicyDocument=GRANT)["Policy"]["Arn"]
    made = iam.create_user(UserName="seller", Tags=[{"Key": "partner", "Value": "yes"}])
    iam.put_user_policy(UserName="seller", PolicyName="inline", PolicyDocument=GRANT)
    iam.create_group(GroupName="sellers")
    iam.attach_group_policy(GroupName="sellers", PolicyArn=managed)
    iam.add_user_to_group(GroupName="sellers", UserName="seller")
    user, group = the(config, "AWS::IAM::User"), the(config, "AWS::IAM::Group")
    assert user["resourceId"] == made["User"]["UserId"]
    assert user["configuration"]["userPolicyList"][0]["policyDocument"].startswith("%7B")
    assert (user["configuration"]["groupList"], user["tags"]) == (["sellers"], {"partner": "yes"})
    assert group["configuration"]["attachedManagedPolicies"] == [{"policyName": "upload", "policyArn": managed}]


def test_a_key_with_its_policy_and_alias(config):
    """The key policy stands beside the key, as text; the alias leads to the key."""
    kms = boto3.client("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Tags=[{"TagKey": "use", "TagValue": "c2pa"}])["KeyMetadata"]
    kms.create_alias(AliasName="alias/sign", TargetKeyId=key["KeyId"])
    found = the(config, "AWS::KMS::Key")
    assert (found["configuration"]["keySpec"], found["tags"]) == ("ECC_NIST_P256", {"use": "c2pa"})
    assert "kms:*" in found["supplementaryConfiguration"]["Policy"]
    assert the(config, "AWS::KMS::Alias")["configuration"]["targetKeyId"] == key["KeyId"]


def test_a_distribution_is_global_and_lower_camel(config):
    """CloudFront's item: id, ARN, and the configuration in the SDK's spelling."""
    origin = {"Id": "media", "DomainName": "uploads.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    boto3.client("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": "1",
            "Comment": "media",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {"TargetOriginId": "media", "ViewerProtocolPolicy": "redirect-to-https"},
        }
    )
    found = the(config, "AWS::CloudFront::Distribution")
    assert found["awsRegion"] == "global"
    assert found["configuration"]["distributionConfig"]["origins"]["items"][0]["domainName"] == "uploads.s3.amazonaws.com"
    (resource,) = graph_from_items([found])
    assert resource.get("DistributionConfig", "DefaultCacheBehavior", "ViewerProtocolPolicy") == "redirect-to-https"


def test_a_rule_that_looks_at_event_rules_sees_them(config):
    """``media-bucket-events-scanned`` on a bucket that is scanned and on one that isn't, through Config alone."""
    scanner()
    recorder = {"name": "default", "roleARN": "arn:aws:iam::123456789012:role/config", "recordingGroup": {"allSupported": True}}
    config.put_configuration_recorder(ConfigurationRecorder=recorder)
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "uploads"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="uploads-unseen", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    source = {
        "Owner": "CUSTOM_LAMBDA",
        "SourceIdentifier": "arn:aws:lambda:eu-west-1:123456789012:function:scan",
        "SourceDetails": [{"EventSource": "aws.config", "MessageType": "ConfigurationItemChangeNotification"}],
    }
    scope = {"ComplianceResourceTypes": ["AWS::S3::Bucket"]}
    parameters = json.dumps({"rule": "media-bucket-events-scanned"})
    config.put_config_rule(ConfigRule={"ConfigRuleName": "scanned", "InputParameters": parameters, "Source": source, "Scope": scope})
    assert run_rule("scanned", handler).errors == ()
    found = config.get_compliance_details_by_config_rule(ConfigRuleName="scanned")["EvaluationResults"]
    verdicts = {item["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"]: item["ComplianceType"] for item in found}
    assert verdicts == {"uploads": "COMPLIANT", "uploads-unseen": "NON_COMPLIANT"}


def test_a_type_without_items_is_refused_not_empty(config):
    """An empty list would say that there is none; 501 says that nobody looked."""
    for call in (
        lambda: config.list_discovered_resources(resourceType="AWS::RDS::DBInstance"),
        lambda: config.batch_get_resource_config(resourceKeys=[{"resourceType": "AWS::RDS::DBInstance", "resourceId": "a"}]),
    ):
        with pytest.raises(ClientError, match="no items of AWS::RDS::DBInstance"):
            call()


def test_queries_that_nobody_runs_are_refused_not_empty(config):
    """Advanced queries and an aggregator's inventory of a type without items: 501."""
    source = {"AccountIds": ["123456789012"], "AllAwsRegions": True}
    config.put_configuration_aggregator(ConfigurationAggregatorName="own", AccountAggregationSources=[source])
    for call in (
        lambda: config.select_resource_config(Expression="SELECT resourceId WHERE resourceType = 'AWS::S3::Bucket'"),
        lambda: config.list_aggregate_discovered_resources(ConfigurationAggregatorName="own", ResourceType="AWS::KMS::Key"),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_every_recorded_type_can_be_listed_when_there_is_nothing(config):
    """No maker trips over an empty account."""
    for kind in recorded_types():
        assert list(items(config, kind)) == [] or kind == "AWS::KMS::Alias"


def test_moto_alone_has_no_items_of_event_rules(moto_alone):
    """When this fails, moto has caught up with one of the types."""
    moto_alone("events").put_rule(Name="scan", ScheduleExpression="rate(1 day)")
    listed = moto_alone("config").list_discovered_resources(resourceType="AWS::Events::Rule")
    assert listed["resourceIdentifiers"] == []
