"""Remediation configurations: what is accepted as one, what is filled in, what can't be touched."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError

DOCUMENT = {
    "schemaVersion": "0.3",
    "parameters": {"BucketName": {"type": "String"}},
    "mainSteps": [{"name": "wait", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}}],
}


@pytest.fixture
def config(recorder):
    """Two rules to be remedied, and the document ``Isolate`` of the account."""
    boto3.client("ssm").create_document(Name="Isolate", DocumentType="Automation", Content=json.dumps(DOCUMENT))
    config = boto3.client("config")
    for name in ("first", "second"):
        source = {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_VERSIONING_ENABLED"}
        config.put_config_rule(ConfigRule={"ConfigRuleName": name, "Source": source})
    return config


def remediation(rule="first", document="Isolate", **more):
    return {"ConfigRuleName": rule, "TargetType": "SSM_DOCUMENT", "TargetId": document, **more}


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response["Error"]["Code"]


def test_a_remediation_is_kept_and_completed(config):
    """An ARN, not automatic unless asked; automatic: five attempts in sixty seconds; an update keeps the ARN."""
    role = {"AutomationAssumeRole": {"StaticValue": {"Values": ["arn:aws:iam::123456789012:role/fix"]}}}
    given = [remediation(), remediation("second", "AWS-DisableS3BucketPublicReadWrite", Automatic=True, Parameters=role)]
    assert config.put_remediation_configurations(RemediationConfigurations=given)["FailedBatches"] == []
    read = config.describe_remediation_configurations
    first, second = read(ConfigRuleNames=["first", "second", "none"])["RemediationConfigurations"]
    assert (first["Automatic"], second["MaximumAutomaticAttempts"], second["RetryAttemptSeconds"]) == (False, 5, 60)
    config.put_remediation_configurations(RemediationConfigurations=[remediation(TargetVersion="1")])
    (again,) = read(ConfigRuleNames=["first"])["RemediationConfigurations"]
    assert (again["Arn"], again["TargetVersion"]) == (first["Arn"], "1")


def test_one_bad_remediation_keeps_all_out(config):
    """Nothing of a refused batch is kept."""
    batch = [remediation(), remediation("second", "Not-There")]
    assert refusal(config.put_remediation_configurations, RemediationConfigurations=batch) == "InvalidParameterValueException"
    assert config.describe_remediation_configurations(ConfigRuleNames=["first"])["RemediationConfigurations"] == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (remediation("none"), "NoSuchConfigRuleException"),
        (remediation(document="Not-There"), "InvalidParameterValueException"),
        (remediation(document="arn:aws:ssm:eu-west-1:210987654321:document/Isolate"), "InvalidParameterValueException"),
        (remediation(TargetType="LAMBDA"), "ValidationException"),
        (remediation(Parameters={"P": {}}), "InvalidParameterValueException"),
        (
            remediation(Parameters={"P": {"StaticValue": {"Values": ["a"]}, "ResourceValue": {"Value": "RESOURCE_ID"}}}),
            "InvalidParameterValueException",
        ),
        (
            remediation(Parameters={f"P{number}": {"StaticValue": {"Values": ["a"]}} for number in range(26)}),
            "ValidationException",
        ),
        (remediation(Automatic=True), "InvalidParameterValueException"),
        (remediation(MaximumAutomaticAttempts=26), "ValidationException"),
    ],
)
def test_what_is_no_remediation(config, given, code):
    """Rules and documents that exist, one value a parameter, at most 25 of them, a role for what is automatic."""
    assert refusal(config.put_remediation_configurations, RemediationConfigurations=[given]) == code


def test_at_most_25_at_once(config):
    """By the service model."""
    assert refusal(config.put_remediation_configurations, RemediationConfigurations=[remediation()] * 26) == "ValidationException"


def test_a_deleted_remediation_is_gone(config):
    """And a second deletion is an error."""
    config.put_remediation_configurations(RemediationConfigurations=[remediation()])
    config.delete_remediation_configuration(ConfigRuleName="first")
    assert config.describe_remediation_configurations(ConfigRuleNames=["first"])["RemediationConfigurations"] == []
    assert refusal(config.delete_remediation_configuration, ConfigRuleName="first") == "NoSuchRemediationConfigurationException"


def test_running_a_remediation_is_refused(config):
    """Nothing here runs an automation: 501, not a queued execution that never comes."""
    config.put_remediation_configurations(RemediationConfigurations=[remediation()])
    keys = [{"resourceType": "AWS::S3::Bucket", "resourceId": "uploads"}]
    with pytest.raises(ClientError) as caught:
        config.start_remediation_execution(ConfigRuleName="first", ResourceKeys=keys)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
