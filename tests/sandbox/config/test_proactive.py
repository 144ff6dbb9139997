"""Proactive evaluation: what a resource would be if it were deployed, by the rules that are asked beforehand."""

from __future__ import annotations

import json
from datetime import timedelta

import boto3
import pytest
from botocore.exceptions import ClientError

CHANGED = {"EventSource": "aws.config", "MessageType": "ConfigurationItemChangeNotification"}
BOTH = [{"Mode": "DETECTIVE"}, {"Mode": "PROACTIVE"}]
VERSIONED = 'rule on { configuration.VersioningConfiguration.Status == "Enabled" <<versioning is off>> }'
OFF = {"BucketName": "uploads", "Tags": [{"Key": "data-class", "Value": "ugc"}]}
ON = {**OFF, "VersioningConfiguration": {"Status": "Enabled"}}


@pytest.fixture
def config(recorder):
    return boto3.client("config")


def put_policy(config, name="versioned", text=VERSIONED, modes=BOTH, kind="AWS::S3::Bucket"):
    source = {
        "Owner": "CUSTOM_POLICY",
        "SourceDetails": [CHANGED],
        "CustomPolicyDetails": {"PolicyRuntime": "guard-2.x.x", "PolicyText": text},
    }
    scope = {"ComplianceResourceTypes": [kind]}
    config.put_config_rule(ConfigRule={"ConfigRuleName": name, "Source": source, "Scope": scope, "EvaluationModes": modes})


def put_lambda(config, arn):
    source = {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": arn, "SourceDetails": [CHANGED]}
    scope = {"ComplianceResourceTypes": ["AWS::S3::Bucket"]}
    config.put_config_rule(ConfigRule={"ConfigRuleName": "gated", "Source": source, "Scope": scope, "EvaluationModes": BOTH})


def start(config, properties, **more):
    details = {
        "ResourceId": "uploads",
        "ResourceType": "AWS::S3::Bucket",
        "ResourceConfiguration": json.dumps(properties),
        "ResourceConfigurationSchemaType": "CFN_RESOURCE_SCHEMA",
    }
    return config.start_resource_evaluation(ResourceDetails=details, EvaluationMode="PROACTIVE", **more)["ResourceEvaluationId"]


def finished(config, identity):
    """The summary once it isn't in progress; it is for the first look."""
    first = config.get_resource_evaluation_summary(ResourceEvaluationId=identity)
    assert first["EvaluationStatus"]["Status"] == "IN_PROGRESS"
    assert "Compliance" not in first
    return config.get_resource_evaluation_summary(ResourceEvaluationId=identity)


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response["Error"]["Code"]


@pytest.mark.guard
def test_guard_judges_what_would_be_deployed(config):
    """In the spelling of CloudFormation; the details say which rule, and why; nothing of it is in the detective results."""
    put_policy(config)
    good, bad = start(config, ON), start(config, OFF)
    assert finished(config, good)["Compliance"] == "COMPLIANT"
    summary = finished(config, bad)
    assert (summary["EvaluationStatus"], summary["Compliance"]) == ({"Status": "SUCCEEDED"}, "NON_COMPLIANT")
    (found,) = config.get_compliance_details_by_resource(ResourceEvaluationId=bad)["EvaluationResults"]
    identifier = found["EvaluationResultIdentifier"]
    assert identifier["EvaluationResultQualifier"]["EvaluationMode"] == "PROACTIVE"
    assert (identifier["ResourceEvaluationId"], found["Annotation"]) == (bad, "versioning is off")
    assert config.describe_compliance_by_resource()["ComplianceByResources"] == []


@pytest.mark.guard
def test_only_proactive_rules_of_the_type_are_asked(config):
    """Without any, there is no verdict to give."""
    put_policy(config, "detective", modes=[{"Mode": "DETECTIVE"}])
    put_policy(config, "tables", kind="AWS::DynamoDB::Table")
    assert finished(config, start(config, OFF))["Compliance"] == "INSUFFICIENT_DATA"


def test_a_function_is_sent_the_resource(config, make_function, sandbox):
    """As a change of a resource that isn't there yet, with the mode beside it; its report belongs to the evaluation alone."""
    put_lambda(config, make_function("rules"))
    seen = []

    def handler(event, context):
        seen.append(event)
        item = json.loads(event["invokingEvent"])["configurationItem"]
        evaluation = {
            "ComplianceResourceType": item["resourceType"],
            "ComplianceResourceId": item["resourceId"],
            "ComplianceType": "NON_COMPLIANT",
            "OrderingTimestamp": item["configurationItemCaptureTime"],
        }
        boto3.client("config").put_evaluations(ResultToken=event["resultToken"], Evaluations=[evaluation])

    sandbox.run_function_with("rules", handler)
    assert finished(config, start(config, OFF))["Compliance"] == "NON_COMPLIANT"
    (event,) = seen
    item = json.loads(event["invokingEvent"])["configurationItem"]
    assert (event["evaluationMode"], event["eventLeftScope"]) == ("PROACTIVE", False)
    assert (item["configuration"], item["tags"], item["resourceId"]) == (OFF, {"data-class": "ugc"}, "uploads")
    assert config.get_compliance_details_by_config_rule(ConfigRuleName="gated")["EvaluationResults"] == []


@pytest.mark.guard
@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (lambda event, context: None, "reported nothing"),
        (lambda event, context: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_rule_that_cannot_be_run_fails_the_evaluation(config, make_function, sandbox, handler, words):
    """Half a verdict would read as a whole one."""
    put_policy(config)
    put_lambda(config, make_function("rules"))
    sandbox.run_function_with("rules", handler)
    summary = finished(config, start(config, ON))
    assert summary["EvaluationStatus"]["Status"] == "FAILED"
    assert words in summary["EvaluationStatus"]["FailureReason"]
    assert "Compliance" not in summary


def test_managed_rules_and_lost_functions_fail_it_too(config, make_function):
    """Each with its reason."""
    put_lambda(config, make_function("rules"))
    boto3.client("lambda").delete_function(FunctionName="rules")
    source = {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_VERSIONING_ENABLED"}
    config.put_config_rule(ConfigRule={"ConfigRuleName": "managed", "Source": source, "EvaluationModes": BOTH})
    reason = finished(config, start(config, ON))["EvaluationStatus"]["FailureReason"]
    assert "gated: the embedded AWS has no code" in reason
    assert "managed: a managed rule" in reason


def test_a_function_of_its_own_archive(config, make_function):
    """The uploaded code is asked too."""
    source = """
import json, boto3
def handler(event, context):
    item = json.loads(event["invokingEvent"])["configurationItem"]
    boto3.client("config").put_evaluations(ResultToken=event["resultToken"], Evaluations=[{
        "ComplianceResourceType": item["resourceType"], "ComplianceResourceId": item["resourceId"],
        "ComplianceType": "COMPLIANT", "OrderingTimestamp": item["configurationItemCaptureTime"]}])
"""
    put_lambda(config, make_function("rules", source))
    assert finished(config, start(config, ON))["Compliance"] == "COMPLIANT"


def test_evaluations_are_listed_by_context(config):
    """In the order of their start, in pages, by context."""
    stack = {"EvaluationContext": {"EvaluationContextIdentifier": "stack"}}
    first, second = start(config, ON, **stack), start(config, OFF)
    listed = config.list_resource_evaluations(Limit=1)
    assert [item["ResourceEvaluationId"] for item in listed["ResourceEvaluations"]] == [first]
    rest = config.list_resource_evaluations(NextToken=listed["NextToken"])["ResourceEvaluations"]
    assert [item["ResourceEvaluationId"] for item in rest] == [second]
    by_context = config.list_resource_evaluations(Filters=stack["EvaluationContext"])["ResourceEvaluations"]
    assert [item["ResourceEvaluationId"] for item in by_context] == [first]
    started = listed["ResourceEvaluations"][0]["EvaluationStartTimestamp"]
    window = {"TimeWindow": {"StartTime": started, "EndTime": started - timedelta(days=365)}}
    assert refusal(config.list_resource_evaluations, Filters=window) == "InvalidTimeRangeException"
    assert refusal(config.list_resource_evaluations, Filters={"EvaluationMode": "DETECTIVE"}) == "InvalidParameterValueException"
    assert config.get_resource_evaluation_summary(ResourceEvaluationId=first)["EvaluationContext"] == stack["EvaluationContext"]


def test_the_same_token_is_the_same_evaluation(config):
    """And with other parameters an error."""
    token = {"ClientToken": "t" * 64}
    assert start(config, ON, **token) == start(config, ON, **token)
    with pytest.raises(config.exceptions.IdempotentParameterMismatch):
        start(config, OFF, **token)


def test_what_cannot_be_evaluated(config):
    """Detective mode, no JSON, no object, too long, no such id."""
    call = config.start_resource_evaluation
    details = {"ResourceId": "a", "ResourceType": "AWS::S3::Bucket", "ResourceConfiguration": "{}"}
    assert refusal(call, ResourceDetails=details, EvaluationMode="DETECTIVE") == "InvalidParameterValueException"
    for text in ("{", "[]"):
        bad = {**details, "ResourceConfiguration": text}
        assert refusal(call, ResourceDetails=bad, EvaluationMode="PROACTIVE") == "InvalidParameterValueException"
    long = {**details, "ResourceConfiguration": json.dumps({"a": "x" * 51_200})}
    assert refusal(call, ResourceDetails=long, EvaluationMode="PROACTIVE") == "ValidationException"
    odd = {**details, "ResourceConfigurationSchemaType": "TERRAFORM"}
    assert refusal(call, ResourceDetails=odd, EvaluationMode="PROACTIVE") == "ValidationException"
    assert refusal(call, ResourceDetails=details, EvaluationMode="PROACTIVE", EvaluationTimeout=3601) == "ValidationException"
    assert refusal(config.get_resource_evaluation_summary, ResourceEvaluationId="none") == "ResourceNotFoundException"


def test_moto_alone_evaluates_nothing_beforehand(moto_alone):
    """When this fails, moto has caught up."""
    with pytest.raises(ClientError):
        start(moto_alone("config"), ON)
