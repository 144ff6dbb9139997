"""Config keeps evaluations, answers for compliance, and runs a custom rule's function with the real event."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from averment.core.errors import BadInputError
from averment.policies.runtime.handler import handler as lambda_handler
from averment.sandbox.backends.config_service import issue_token
from averment.sandbox.config_runner import change, items, run_rule

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::uploads/*"}],
}
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def config(recorder, make_function):
    """A Config client; there are a recorder and the function ``rules``, as PutConfigRule demands."""
    make_function("rules")
    return boto3.client("config")


def put_rule(
    config, name="uploads-gated", types=("AWS::S3::Bucket",), message="ConfigurationItemChangeNotification", rule="s3-put-object-gated"
):
    source = {
        "Owner": "CUSTOM_LAMBDA",
        "SourceIdentifier": "arn:aws:lambda:eu-west-1:123456789012:function:rules",
        "SourceDetails": [{"EventSource": "aws.config", "MessageType": message}],
    }
    body = {"ConfigRuleName": name, "InputParameters": json.dumps({"rule": rule}), "Source": source}
    config.put_config_rule(ConfigRule={**body, "Scope": {"ComplianceResourceTypes": list(types)}} if types else body)


def bucket(name="uploads", policy=POLICY):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "data-class", "Value": "ugc"}]})
    if policy:
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    return s3


def evaluation(kind="NON_COMPLIANT", resource="uploads", at=NOW, **more):
    return {
        "ComplianceResourceType": "AWS::S3::Bucket",
        "ComplianceResourceId": resource,
        "ComplianceType": kind,
        "OrderingTimestamp": at,
        **more,
    }


def reporting(*evaluations):
    """A function that reports ``evaluations`` whatever it is asked."""

    def handler(event, context):
        boto3.client("config").put_evaluations(ResultToken=event["resultToken"], Evaluations=list(evaluations))

    return handler


def test_a_rule_runs_with_the_events_that_config_sends(config):
    """Names, nesting and JSON strings of the event are Config's; the function's context names the function."""
    bucket()
    put_rule(config)
    seen = []
    result = run_rule("uploads-gated", lambda event, context: seen.append((event, context)))
    assert result.invoked == (("AWS::S3::Bucket", "uploads"),)
    ((event, context),) = seen
    assert set(event) == {
        "invokingEvent", "ruleParameters", "resultToken", "eventLeftScope", "executionRoleArn",
        "configRuleArn", "configRuleName", "configRuleId", "accountId", "version",
    }  # fmt: skip
    assert json.loads(event["ruleParameters"]) == {"rule": "s3-put-object-gated"}
    invoking = json.loads(event["invokingEvent"])
    assert invoking["messageType"] == "ConfigurationItemChangeNotification"
    item = invoking["configurationItem"]
    assert (item["resourceType"], item["resourceId"], item["awsAccountId"]) == ("AWS::S3::Bucket", "uploads", "123456789012")
    assert item["configurationItemStatus"] == "ResourceDiscovered"
    assert item["tags"] == {"data-class": "ugc"}
    assert json.loads(item["supplementaryConfiguration"]["BucketPolicy"]["policyText"]) == POLICY
    assert context.function_name == "rules"


def test_our_handler_and_a_real_bucket(config):
    """The shipped Lambda handler on moto's bucket and role: verdicts arrive over PutEvaluations, through the AWS CLI too."""
    bucket()
    bucket("uploads-closed", policy=None)
    put_rule(config, types=("AWS::S3::Bucket", "AWS::IAM::Role"))
    result = run_rule("uploads-gated", lambda_handler)
    assert result.errors == ()
    found = config.get_compliance_details_by_config_rule(ConfigRuleName="uploads-gated", ComplianceTypes=["NON_COMPLIANT"])[
        "EvaluationResults"
    ]
    assert [item["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"] for item in found] == ["uploads"]
    assert "Principal *" in found[0]["Annotation"]
    listed = aws("configservice", "describe-compliance-by-config-rule", "--config-rule-names", "uploads-gated")["ComplianceByConfigRules"]
    assert listed == [
        {
            "ConfigRuleName": "uploads-gated",
            "Compliance": {"ComplianceType": "NON_COMPLIANT", "ComplianceContributorCount": {"CappedCount": 1, "CapExceeded": False}},
        }
    ]
    by_resource = aws(
        "configservice", "get-compliance-details-by-resource", "--resource-type", "AWS::S3::Bucket", "--resource-id", "uploads"
    )
    assert by_resource["EvaluationResults"][0]["ComplianceType"] == "NON_COMPLIANT"


def test_a_scheduled_rule_is_invoked_once(config):
    """One ScheduledNotification for the account."""
    put_rule(config, types=None, message="ScheduledNotification")
    seen = []
    run_rule("uploads-gated", lambda event, context: seen.append(json.loads(event["invokingEvent"])))
    assert [item["messageType"] for item in seen] == ["ScheduledNotification"]
    assert seen[0]["awsAccountId"] == "123456789012"


def test_what_config_has_no_items_of_is_told(config):
    """A type in scope that the embedded Config doesn't record is named; nothing was checked there."""
    put_rule(config, types=("AWS::S3::Bucket", "AWS::RDS::DBInstance"))
    assert run_rule("uploads-gated", lambda event, context: None).unrecorded == ("AWS::RDS::DBInstance",)


def test_a_function_that_fails_is_told_and_the_next_resource_still_runs(config):
    """An error of the function is an error of that invocation."""
    for name in ("a-uploads", "b-uploads"):
        bucket(name, policy=None)
    put_rule(config)

    def picky(event, context):
        if "a-uploads" in event["invokingEvent"]:
            raise RuntimeError("no permission")

    result = run_rule("uploads-gated", picky)
    assert len(result.invoked) == 2
    assert result.errors == ("AWS::S3::Bucket a-uploads: RuntimeError: no permission",)


def test_rules_that_cannot_run_here_are_refused(config):
    """No such rule, or a managed one: bad input, in words."""
    with pytest.raises(BadInputError, match="no rule 'none'"):
        run_rule("none", lambda event, context: None)
    managed = {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_VERSIONING_ENABLED"}
    config.put_config_rule(ConfigRule={"ConfigRuleName": "managed", "Source": managed})
    with pytest.raises(BadInputError, match="only custom Lambda rules"):
        run_rule("managed", lambda event, context: None)


def test_a_result_token_must_be_real(config):
    """Config refuses a token that it didn't hand out; in TestMode it keeps nothing."""
    put_rule(config)
    with pytest.raises(config.exceptions.InvalidResultTokenException):
        config.put_evaluations(ResultToken="made-up", Evaluations=[evaluation()])
    config.put_evaluations(ResultToken="TESTMODE", TestMode=True, Evaluations=[evaluation()])
    assert config.describe_compliance_by_resource()["ComplianceByResources"] == []


@pytest.mark.parametrize(
    ("evaluations", "words"),
    [
        ([evaluation(Annotation="x" * 257)], "less than or equal to 256"),
        ([evaluation(resource=f"bucket-{number}") for number in range(101)], "less than or equal to 100"),
        ([evaluation("PERHAPS")], "enum value set"),
        ([evaluation("INSUFFICIENT_DATA")], "not accepted"),
        ([{**evaluation(), "ComplianceResourceType": "AWS::Account"}], "AWS::Account is invalid"),
    ],
)
def test_the_limits_of_put_evaluations(config, evaluations, words):
    """Annotation, batch size, compliance types: what the service refuses is refused here."""
    bucket()
    put_rule(config)
    refused = []

    def handler(event, context):
        with pytest.raises(ClientError) as caught:
            reporting(*evaluations)(event, context)
        refused.append(caught.value.response["Error"]["Message"])

    run_rule("uploads-gated", handler)
    assert words in refused[0]


def test_an_older_evaluation_never_replaces_a_newer_one(config):
    """Ordering is by OrderingTimestamp, not by arrival."""
    bucket()
    put_rule(config)
    run_rule("uploads-gated", reporting(evaluation("COMPLIANT", at=NOW)))
    run_rule("uploads-gated", reporting(evaluation("NON_COMPLIANT", at=NOW - timedelta(hours=1))))
    (found,) = config.get_compliance_details_by_config_rule(ConfigRuleName="uploads-gated")["EvaluationResults"]
    assert found["ComplianceType"] == "COMPLIANT"


def test_compliance_of_rules_and_resources(config):
    """Never evaluated: INSUFFICIENT_DATA; one bad resource makes a rule non-compliant; counts stop at 25; filters filter."""
    bucket()
    put_rule(config)
    put_rule(config, "never-run")
    run_rule(
        "uploads-gated", reporting(*(evaluation(resource=f"bucket-{number:02}") for number in range(30)), evaluation("COMPLIANT", "good"))
    )
    by_rule = {
        item["ConfigRuleName"]: item["Compliance"] for item in config.describe_compliance_by_config_rule()["ComplianceByConfigRules"]
    }
    assert by_rule["never-run"] == {"ComplianceType": "INSUFFICIENT_DATA"}
    assert by_rule["uploads-gated"]["ComplianceContributorCount"] == {"CappedCount": 25, "CapExceeded": True}
    good = config.describe_compliance_by_resource(ComplianceTypes=["COMPLIANT"])["ComplianceByResources"]
    assert [item["ResourceId"] for item in good] == ["good"]
    pages = config.get_paginator("get_compliance_details_by_config_rule").paginate(ConfigRuleName="uploads-gated")
    assert sum(len(page["EvaluationResults"]) for page in pages) == 31


def test_summaries_count_rules_and_resources(config):
    """Rules at most 25, resources by type at most 100; a resource is as its worst rule says."""
    bucket()
    put_rule(config)
    put_rule(config, "second")
    many = [evaluation(resource=f"bucket-{number:03}") for number in range(101)]
    config.put_evaluations(ResultToken=issue_token("123456789012", "eu-west-1", "uploads-gated"), Evaluations=many[:100])
    config.put_evaluations(ResultToken=issue_token("123456789012", "eu-west-1", "uploads-gated"), Evaluations=many[100:])
    good = [evaluation("COMPLIANT", "bucket-000"), evaluation("COMPLIANT", "fine")]
    config.put_evaluations(ResultToken=issue_token("123456789012", "eu-west-1", "second"), Evaluations=good)
    rules = config.get_compliance_summary_by_config_rule()["ComplianceSummary"]
    assert rules["CompliantResourceCount"] == {"CappedCount": 1, "CapExceeded": False}
    assert rules["NonCompliantResourceCount"] == {"CappedCount": 1, "CapExceeded": False}
    (whole,) = config.get_compliance_summary_by_resource_type()["ComplianceSummariesByResourceType"]
    assert whole["ComplianceSummary"]["NonCompliantResourceCount"] == {"CappedCount": 100, "CapExceeded": True}
    assert whole["ComplianceSummary"]["CompliantResourceCount"]["CappedCount"] == 1
    (roles,) = config.get_compliance_summary_by_resource_type(ResourceTypes=["AWS::IAM::Role"])["ComplianceSummariesByResourceType"]
    assert (roles["ResourceType"], roles["ComplianceSummary"]["CompliantResourceCount"]["CappedCount"]) == ("AWS::IAM::Role", 0)


def test_a_process_check_is_answered_by_hand(config):
    """PutExternalEvaluation, for that rule and no other."""
    source = {"Owner": "AWS", "SourceIdentifier": "AWS_CONFIG_PROCESS_CHECK"}
    config.put_config_rule(ConfigRule={"ConfigRuleName": "trained", "Source": source})
    put_rule(config)
    answer = {**evaluation("COMPLIANT", "123456789012"), "ComplianceResourceType": "AWS::::Account"}
    config.put_external_evaluation(ConfigRuleName="trained", ExternalEvaluation=answer)
    compliance = config.describe_compliance_by_config_rule(ConfigRuleNames=["trained"])["ComplianceByConfigRules"][0]["Compliance"]
    assert compliance == {"ComplianceType": "COMPLIANT"}
    with pytest.raises(config.exceptions.NoSuchConfigRuleException):
        config.put_external_evaluation(ConfigRuleName="uploads-gated", ExternalEvaluation=answer)


def test_a_deleted_rule_takes_its_results_along(config):
    """And a new rule of the same name begins with none; a token of the old one is worth nothing."""
    bucket()
    put_rule(config)
    tokens = []
    run_rule("uploads-gated", lambda event, context: (tokens.append(event["resultToken"]), reporting(evaluation())(event, context)))
    config.delete_config_rule(ConfigRuleName="uploads-gated")
    put_rule(config)
    assert config.get_compliance_details_by_config_rule(ConfigRuleName="uploads-gated")["EvaluationResults"] == []
    with pytest.raises(config.exceptions.NoSuchConfigRuleException):
        config.put_evaluations(ResultToken=tokens[0], Evaluations=[evaluation()])


def test_unknown_rules_are_errors(config):
    """Every read names a rule that exists."""
    for read in (
        lambda: config.describe_compliance_by_config_rule(ConfigRuleNames=["none"]),
        lambda: config.get_compliance_details_by_config_rule(ConfigRuleName="none"),
        lambda: config.describe_config_rule_evaluation_status(ConfigRuleNames=["none"]),
    ):
        with pytest.raises(config.exceptions.NoSuchConfigRuleException):
            read()


def test_a_buckets_item_has_what_config_records(config):
    """Versioning, encryption, notifications with EventBridge and a function's ARN, beside what moto gives."""
    s3 = bucket()
    s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/media"}, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket="uploads", ServerSideEncryptionConfiguration={"Rules": [rule]})
    function = {"Id": "scan", "LambdaFunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:rules", "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket="uploads", NotificationConfiguration={"EventBridgeConfiguration": {}, "LambdaFunctionConfigurations": [function]}
    )
    (item,) = items(config, "AWS::S3::Bucket")
    extra = change(item)["configurationItem"]["supplementaryConfiguration"]
    assert extra["BucketVersioningConfiguration"]["status"] == "Enabled"
    assert extra["ServerSideEncryptionConfiguration"]["rules"][0]["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms"
    assert extra["BucketNotificationConfiguration"]["eventBridgeConfiguration"] == {}
    assert extra["BucketNotificationConfiguration"]["configurations"]["scan"]["functionARN"].endswith(":function:rules")
    assert json.loads(extra["AccessControlList"])["grantSet"] is None


def test_a_roles_item_has_its_id_its_path_and_its_tags(config):
    """Config names a role by its unique id; ARNs have the path; tags are a map; documents are URL-encoded."""
    (item,) = [entry for entry in items(config, "AWS::IAM::Role") if entry["resourceName"] == "rules"]
    assert item["resourceId"].startswith("AROA")
    assert item["arn"] == "arn:aws:iam::123456789012:role/service/rules"
    assert item["tags"] == {"team": "sec"}
    assert json.loads(item["configuration"])["assumeRolePolicyDocument"].startswith("%7B")


def test_moto_alone_keeps_no_evaluations(moto_alone):
    """When this fails, moto has caught up."""
    config = moto_alone("config")
    with pytest.raises(ClientError) as caught:
        config.put_evaluations(ResultToken="any", Evaluations=[evaluation()])
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    with pytest.raises(ClientError):
        config.describe_compliance_by_config_rule()


def test_moto_alone_leaves_things_out_of_items(moto_alone):
    """When this fails, a correction of items can go."""
    s3 = moto_alone("s3")
    s3.create_bucket(Bucket="plain", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    (item,) = moto_alone("config").get_resource_config_history(resourceType="AWS::S3::Bucket", resourceId="plain")["configurationItems"]
    assert "BucketVersioningConfiguration" not in item["supplementaryConfiguration"]


def aws(*arguments):
    """The AWS CLI's answer."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("aws")), *arguments, "--output", "json"], capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stdout)
