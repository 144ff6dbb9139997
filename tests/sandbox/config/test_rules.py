"""Config rules: what is accepted as one, what an update keeps, who may delete which."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

VERSIONED = 'rule on { supplementaryConfiguration.BucketVersioningConfiguration.status == "Enabled" }'
CHANGED = {"EventSource": "aws.config", "MessageType": "ConfigurationItemChangeNotification"}
SCHEDULED = {"EventSource": "aws.config", "MessageType": "ScheduledNotification"}


@pytest.fixture
def config(recorder):
    return boto3.client("config")


def policy_rule(name="versioned", text=VERSIONED, **more):
    details = {"PolicyRuntime": "guard-2.x.x", "PolicyText": text}
    source = {"Owner": "CUSTOM_POLICY", "SourceDetails": [CHANGED], "CustomPolicyDetails": details}
    return {"ConfigRuleName": name, "Source": source, **more}


def lambda_rule(arn, *details, **more):
    source = {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": arn, "SourceDetails": list(details or (CHANGED,))}
    return {"ConfigRuleName": "gated", "Source": source, **more}


def managed_rule(name="managed", identifier="S3_BUCKET_VERSIONING_ENABLED", **more):
    return {"ConfigRuleName": name, "Source": {"Owner": "AWS", "SourceIdentifier": identifier}, **more}


def refusal(call, **request):
    """Code and message of the refusal of ``call``."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.guard
def test_a_custom_policy_rule_is_described_without_its_text(config):
    """DescribeConfigRules leaves the policy's text out; GetCustomRulePolicy has it; the modes are filled in."""
    config.put_config_rule(ConfigRule=policy_rule(Description="on"))
    (rule,) = config.describe_config_rules(ConfigRuleNames=["versioned"])["ConfigRules"]
    assert rule["Source"]["CustomPolicyDetails"] == {"PolicyRuntime": "guard-2.x.x", "PolicyText": "", "EnableDebugLogDelivery": False}
    assert rule["EvaluationModes"] == [{"Mode": "DETECTIVE"}]
    assert rule["ConfigRuleArn"] == f"arn:aws:config:eu-west-1:123456789012:config-rule/{rule['ConfigRuleId']}"
    assert config.get_custom_rule_policy(ConfigRuleName="versioned")["PolicyText"] == VERSIONED


@pytest.mark.guard
def test_the_aws_cli_puts_and_reads_a_policy_rule(config):
    """The same over the AWS CLI."""
    put = aws("put-config-rule", "--config-rule", json.dumps(policy_rule()), "--tags", "Key=control,Value=SM-UPL-01")
    assert put is None
    assert aws("get-custom-rule-policy", "--config-rule-name", "versioned") == {"PolicyText": VERSIONED}
    (rule,) = aws("describe-config-rules")["ConfigRules"]
    assert aws("list-tags-for-resource", "--resource-arn", rule["ConfigRuleArn"])["Tags"] == [{"Key": "control", "Value": "SM-UPL-01"}]


@pytest.mark.guard
def test_an_update_keeps_arn_id_and_tags(config):
    """By name or by ARN; tags are given once and only TagResource changes them."""
    config.put_config_rule(ConfigRule=policy_rule(), Tags=[{"Key": "control", "Value": "SM-UPL-01"}])
    (before,) = config.describe_config_rules()["ConfigRules"]
    config.put_config_rule(ConfigRule=policy_rule(Description="again"), Tags=[{"Key": "control", "Value": "other"}])
    by_arn = policy_rule(Description="by ARN", ConfigRuleArn=before["ConfigRuleArn"])
    del by_arn["ConfigRuleName"]
    config.put_config_rule(ConfigRule=by_arn)
    (after,) = config.describe_config_rules()["ConfigRules"]
    assert (after["ConfigRuleArn"], after["ConfigRuleId"]) == (before["ConfigRuleArn"], before["ConfigRuleId"])
    assert after["Description"] == "by ARN"
    tags = {"ResourceArn": before["ConfigRuleArn"]}
    assert config.list_tags_for_resource(**tags)["Tags"] == [{"Key": "control", "Value": "SM-UPL-01"}]
    config.tag_resource(**tags, Tags=[{"Key": "team", "Value": "trust"}])
    config.untag_resource(**tags, TagKeys=["control"])
    assert config.list_tags_for_resource(**tags)["Tags"] == [{"Key": "team", "Value": "trust"}]


def test_a_lambda_rule_has_its_triggers(config, make_function):
    """Changes and a schedule together; a schedule without a frequency is daily."""
    arn = make_function("rules")
    config.put_config_rule(ConfigRule=lambda_rule(arn, CHANGED, SCHEDULED))
    (rule,) = config.describe_config_rules()["ConfigRules"]
    assert rule["Source"]["SourceDetails"] == [CHANGED, {**SCHEDULED, "MaximumExecutionFrequency": "TwentyFour_Hours"}]


def test_a_function_must_exist_and_let_config_invoke_it(config, make_function):
    """No function, no permission, a permission for another service or another account: all the same refusal."""
    missing = "arn:aws:lambda:eu-west-1:123456789012:function:none"
    closed = make_function("closed", principal=None)
    others = make_function("others", principal="events.amazonaws.com")
    elsewhere = make_function("elsewhere", SourceAccount="210987654321")
    for arn in (missing, closed, others, elsewhere, "none"):
        code, words = refusal(config.put_config_rule, ConfigRule=lambda_rule(arn))
        assert (code, "cannot be invoked" in words) == ("InsufficientPermissionsException", True)
    config.put_config_rule(ConfigRule=lambda_rule(make_function("ours", SourceAccount="123456789012")))


def test_no_rule_without_a_recorder(sandbox):
    """Config says so before anything else."""
    assert refusal(boto3.client("config").put_config_rule, ConfigRule=managed_rule())[0] == "NoAvailableConfigurationRecorderException"


@pytest.mark.parametrize(
    ("rule", "code", "words"),
    [
        (policy_rule(text="x" * 10_001), "ValidationException", "less than or equal to 10000"),
        (policy_rule(InputParameters=json.dumps({"a": "x" * 1024})), "ValidationException", "less than or equal to 1024"),
        (policy_rule(InputParameters="not json"), "InvalidParameterValueException", "Invalid json"),
        (policy_rule(InputParameters='["a"]'), "InvalidParameterValueException", "Invalid json"),
        (policy_rule(name="n" * 129), "ValidationException", "less than or equal to 128"),
        (policy_rule(name="   "), "ValidationException", "regular expression"),
        (policy_rule(Scope={"ComplianceResourceTypes": ["AWS::S3::Bucket"] * 101}), "ValidationException", "less than or equal to 100"),
        (policy_rule(Scope={"TagValue": "ugc"}), "InvalidParameterValueException", "Tag key should not be empty"),
        (
            policy_rule(Scope={"TagKey": "a", "ComplianceResourceTypes": ["AWS::S3::Bucket"]}),
            "InvalidParameterValueException",
            "both resource and tag",
        ),
        (policy_rule(Scope={"ComplianceResourceId": "uploads"}), "InvalidParameterValueException", "A single resourceType"),
        (policy_rule(ConfigRuleState="DELETING"), "InvalidParameterValueException", "ConfigRuleState"),
        (policy_rule(CreatedBy="me"), "InvalidParameterValueException", "CreatedBy"),
        (policy_rule(ConfigRuleId="config-rule-mine"), "InvalidParameterValueException", "can not be specified"),
        (policy_rule(MaximumExecutionFrequency="One_Hour"), "InvalidParameterValueException", "not allowed"),
        (policy_rule(EvaluationModes=[{"Mode": "SOMETIMES"}]), "ValidationException", "enum value set"),
        (managed_rule(identifier="NO_SUCH_RULE"), "InvalidParameterValueException", "sourceIdentifier NO_SUCH_RULE is invalid"),
        (managed_rule(InputParameters='{"wrong": "1"}'), "InvalidParameterValueException", "Unknown parameters"),
        (managed_rule(identifier="REQUIRED_TAGS"), "InvalidParameterValueException", "tag1Key"),
    ],
)
def test_what_is_no_rule_is_refused(config, rule, code, words):
    """Lengths, enums and patterns by the service model, the rest in the service's words."""
    found, said = refusal(config.put_config_rule, ConfigRule=rule)
    assert found == code
    assert words in said


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"Owner": "CUSTOM_POLICY", "SourceDetails": [CHANGED]}, "CustomPolicyDetails should be provided"),
        ({"Owner": "CUSTOM_POLICY", "CustomPolicyDetails": {"PolicyRuntime": "guard-2.x.x", "PolicyText": VERSIONED}}, "SourceDetails"),
        ({"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": "rules"}, "SourceDetails should be provided"),
        ({"Owner": "AWS", "SourceIdentifier": "REQUIRED_TAGS", "SourceDetails": [CHANGED]}, "SourceDetails should be null"),
        (
            {
                "Owner": "CUSTOM_LAMBDA",
                "SourceIdentifier": "rules",
                "SourceDetails": [{**CHANGED, "MaximumExecutionFrequency": "One_Hour"}],
            },
            "not allowed",
        ),
        ({**policy_rule()["Source"], "SourceDetails": [SCHEDULED]}, "ScheduledNotification is not allowed"),
        ({**policy_rule()["Source"], "Owner": "AWS", "SourceDetails": []}, "CustomPolicyDetails should be null"),
    ],
)
def test_sources_that_do_not_fit_their_owner(config, source, words):
    """A policy only for a policy rule, triggers for custom ones, frequencies for schedules."""
    code, said = refusal(config.put_config_rule, ConfigRule={"ConfigRuleName": "odd", "Source": source})
    assert code == "InvalidParameterValueException"
    assert words in said


def test_a_policy_runtime_other_than_guard_2(config):
    """The service model knows one runtime."""
    rule = policy_rule()
    rule["Source"]["CustomPolicyDetails"]["PolicyRuntime"] = "guard-3.x.x"
    assert "guard" in refusal(config.put_config_rule, ConfigRule=rule)[1]


def test_a_thousand_rules_and_no_more(config):
    """The limit of an account and region; an update of one of them still goes."""
    from moto.config.models import config_backends

    rules = config_backends["123456789012"]["eu-west-1"].config_rules
    config.put_config_rule(ConfigRule=managed_rule())
    rules.update({f"rule-{number}": rules["managed"] for number in range(999)})
    assert refusal(config.put_config_rule, ConfigRule=policy_rule())[0] == "MaxNumberOfConfigRulesExceededException"
    config.put_config_rule(ConfigRule=managed_rule(Description="still"))


@pytest.mark.guard
def test_rules_come_in_pages_and_by_mode(config):
    """25 a page in the order of names; a filter on the evaluation mode; an unknown name is an error; a made-up token too."""
    for number in range(26):
        config.put_config_rule(ConfigRule=managed_rule(f"rule-{number:02}"))
    config.put_config_rule(ConfigRule=policy_rule("a-proactive", EvaluationModes=[{"Mode": "PROACTIVE"}]))
    first = config.describe_config_rules()
    assert (len(first["ConfigRules"]), first["ConfigRules"][0]["ConfigRuleName"]) == (25, "a-proactive")
    assert len(config.describe_config_rules(NextToken=first["NextToken"])["ConfigRules"]) == 2
    proactive = config.describe_config_rules(Filters={"EvaluationMode": "PROACTIVE"})["ConfigRules"]
    assert [rule["ConfigRuleName"] for rule in proactive] == ["a-proactive"]
    assert refusal(config.describe_config_rules, ConfigRuleNames=["none"])[0] == "NoSuchConfigRuleException"
    assert refusal(config.describe_config_rules, NextToken="made up")[0] == "InvalidNextTokenException"


@pytest.mark.guard
def test_a_rule_with_a_remediation_stays(config):
    """Delete the remediation first."""
    config.put_config_rule(ConfigRule=policy_rule())
    remediation = {"ConfigRuleName": "versioned", "TargetType": "SSM_DOCUMENT", "TargetId": "AWS-ConfigureS3BucketVersioning"}
    config.put_remediation_configurations(RemediationConfigurations=[remediation])
    code, words = refusal(config.delete_config_rule, ConfigRuleName="versioned")
    assert (code, "currently has a RemediationConfiguration" in words) == ("ResourceInUseException", True)
    config.delete_remediation_configuration(ConfigRuleName="versioned")
    config.delete_config_rule(ConfigRuleName="versioned")
    assert refusal(config.get_custom_rule_policy, ConfigRuleName="versioned")[0] == "NoSuchConfigRuleException"


def test_only_policy_rules_have_a_policy(config):
    """GetCustomRulePolicy of a managed rule is an error, not an empty text."""
    config.put_config_rule(ConfigRule=managed_rule())
    assert refusal(config.get_custom_rule_policy, ConfigRuleName="managed")[0] == "NoSuchConfigRuleException"


def test_moto_alone_has_no_policy_rules(moto_alone):
    """When this fails, moto has caught up."""
    with pytest.raises(ClientError) as caught:
        moto_alone("config").put_config_rule(ConfigRule=policy_rule())
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


def test_moto_alone_overwrites_tags(moto_alone):
    """When this fails, moto keeps a rule's tags as the service does."""
    config = moto_alone("config")
    config.put_config_rule(ConfigRule=managed_rule(), Tags=[{"Key": "a", "Value": "1"}])
    config.put_config_rule(ConfigRule=managed_rule())
    arn = config.describe_config_rules()["ConfigRules"][0]["ConfigRuleArn"]
    assert config.list_tags_for_resource(ResourceArn=arn)["Tags"] == []


def aws(*arguments):
    """The AWS CLI's answer; None where it has none."""
    command = [str(Path(sys.executable).with_name("aws")), "configservice", *arguments, "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout) if done.stdout.strip() else None
