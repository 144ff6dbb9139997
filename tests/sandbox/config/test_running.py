"""Rules run over HTTP: Guard on the recorded items, a function's registered handler, and what the status says of it."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError

from averment.policies.runtime.handler import handler as lambda_handler
from averment.sandbox.backends.config.guard import FUNCTIONS, check_policy, evaluate

CHANGED = {"EventSource": "aws.config", "MessageType": "ConfigurationItemChangeNotification"}
VERSIONED = """
rule on when resourceType == "AWS::S3::Bucket" {
    supplementaryConfiguration.BucketVersioningConfiguration.status == "Enabled" << versioning is off >>
}
"""
TAGGED = """
rule tagged when CONFIG_RULE_PARAMETERS !empty {
    let key = CONFIG_RULE_PARAMETERS.key
    tags.%key !empty
}
"""


@pytest.fixture
def config(recorder):
    return boto3.client("config")


@pytest.fixture
def buckets(sandbox):
    """``on`` is versioned, ``off`` isn't, ``tagged`` has a tag and no versioning."""
    s3 = boto3.client("s3")
    for name in ("off-bucket", "on-bucket", "tagged-bucket"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket="on-bucket", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_tagging(Bucket="tagged-bucket", Tagging={"TagSet": [{"Key": "data-class", "Value": "ugc"}]})
    return s3


def put_policy(config, text, **more):
    source = {
        "Owner": "CUSTOM_POLICY",
        "SourceDetails": [CHANGED],
        "CustomPolicyDetails": {"PolicyRuntime": "guard-2.x.x", "PolicyText": text},
    }
    scope = {"ComplianceResourceTypes": ["AWS::S3::Bucket"]}
    config.put_config_rule(ConfigRule={"ConfigRuleName": "policy", "Source": source, "Scope": scope, **more})


def verdicts(config, name="policy"):
    config.start_config_rules_evaluation(ConfigRuleNames=[name])
    found = config.get_compliance_details_by_config_rule(ConfigRuleName=name)["EvaluationResults"]
    return {item["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"]: item for item in found}


@pytest.mark.guard
def test_guard_judges_the_recorded_items(config, buckets):
    """The item is the document: its supplementary configuration parsed, the message as annotation."""
    put_policy(config, VERSIONED)
    found = verdicts(config)
    assert {name: item["ComplianceType"] for name, item in found.items()} == {
        "off-bucket": "NON_COMPLIANT",
        "on-bucket": "COMPLIANT",
        "tagged-bucket": "NON_COMPLIANT",
    }
    assert found["off-bucket"]["Annotation"] == "versioning is off"
    (status,) = config.describe_config_rule_evaluation_status()["ConfigRulesEvaluationStatus"]
    assert status["FirstEvaluationStarted"] is True
    assert status["LastSuccessfulEvaluationTime"] >= status["LastSuccessfulInvocationTime"].replace(microsecond=0)


@pytest.mark.guard
def test_guard_sees_the_input_parameters_and_the_tag_scope(config, buckets):
    """Parameters under CONFIG_RULE_PARAMETERS; a tag scope leaves the other buckets alone; no parameters: not applicable."""
    put_policy(config, TAGGED, InputParameters='{"key": "data-class"}')
    assert {name: item["ComplianceType"] for name, item in verdicts(config).items()}["tagged-bucket"] == "COMPLIANT"
    put_policy(config, TAGGED, Scope={"TagKey": "data-class", "TagValue": "ugc"})
    assert {name: item["ComplianceType"] for name, item in verdicts(config).items()} == {"tagged-bucket": "NOT_APPLICABLE"}


@pytest.mark.guard
def test_a_scope_of_one_resource(config, buckets):
    """Type and id."""
    put_policy(config, VERSIONED, Scope={"ComplianceResourceTypes": ["AWS::S3::Bucket"], "ComplianceResourceId": "on-bucket"})
    assert set(verdicts(config)) == {"on-bucket"}


@pytest.mark.guard
def test_what_is_gone_has_no_result(config, buckets):
    """A deleted bucket's result goes with the next evaluation."""
    put_policy(config, VERSIONED)
    assert "off-bucket" in verdicts(config)
    buckets.delete_bucket(Bucket="off-bucket")
    assert "off-bucket" not in verdicts(config)


@pytest.mark.guard
def test_deleted_results_come_back_with_an_evaluation(config, buckets):
    """DeleteEvaluationResults empties a rule; the rule stays."""
    put_policy(config, VERSIONED)
    assert len(verdicts(config)) == 3
    config.delete_evaluation_results(ConfigRuleName="policy")
    compliance = config.describe_compliance_by_config_rule()["ComplianceByConfigRules"][0]["Compliance"]
    assert compliance == {"ComplianceType": "INSUFFICIENT_DATA"}
    assert len(verdicts(config)) == 3


@pytest.mark.guard
def test_a_policy_that_cannot_be_evaluated_fails_and_says_so(config, buckets):
    """An undefined variable: no result, and the status has the reason."""
    put_policy(config, "rule on { %nothing == 1 }")
    assert verdicts(config) == {}
    (status,) = config.describe_config_rule_evaluation_status()["ConfigRulesEvaluationStatus"]
    assert "nothing" in status["LastErrorMessage"]
    assert "LastSuccessfulInvocationTime" not in status


def test_a_functions_registered_handler_runs(config, buckets, make_function, sandbox):
    """StartConfigRulesEvaluation invokes it; its results arrive through PutEvaluations."""
    arn = make_function("rules")
    source = {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": arn, "SourceDetails": [CHANGED]}
    rule = {"ConfigRuleName": "gated", "Source": source, "Scope": {"ComplianceResourceTypes": ["AWS::S3::Bucket"]}}
    config.put_config_rule(ConfigRule={**rule, "InputParameters": json.dumps({"rule": "s3-put-object-gated"})})
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::tagged-bucket/*"}
    buckets.put_bucket_policy(Bucket="tagged-bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    sandbox.run_function_with("rules", lambda_handler)
    assert verdicts(config, "gated")["tagged-bucket"]["ComplianceType"] == "NON_COMPLIANT"


REPORTING = """
import json
import os

import boto3

print("what a function prints is its log")


def handler(event, context):
    item = json.loads(event["invokingEvent"])["configurationItem"]
    boto3.client("config").put_evaluations(
        ResultToken=event["resultToken"],
        Evaluations=[
            {
                "ComplianceResourceType": item["resourceType"],
                "ComplianceResourceId": item["resourceId"],
                "ComplianceType": "NON_COMPLIANT",
                "Annotation": context.function_name + " as " + boto3.client("sts").get_caller_identity()["Arn"],
                "OrderingTimestamp": item["configurationItemCaptureTime"],
            }
        ],
    )
"""


def put_gated(config, arn):
    source = {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": arn, "SourceDetails": [CHANGED]}
    rule = {"ConfigRuleName": "gated", "Source": source, "Scope": {"ComplianceResourceTypes": ["AWS::S3::Bucket"]}}
    config.put_config_rule(ConfigRule=rule)


def status_of(config):
    (status,) = config.describe_config_rule_evaluation_status(ConfigRuleNames=["gated"])["ConfigRulesEvaluationStatus"]
    return status


def test_a_functions_own_code_runs(config, buckets, make_function):
    """The archive that was uploaded, in a process of its own and under the function's role."""
    put_gated(config, make_function("rules", REPORTING))
    found = verdicts(config, "gated")
    assert set(found) == {"off-bucket", "on-bucket", "tagged-bucket"}
    assert found["on-bucket"]["Annotation"] == "rules as arn:aws:sts::123456789012:assumed-role/rules/rules"
    assert "LastErrorCode" not in status_of(config)


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("def handler(event, context):\n    raise PermissionError('no')", "PermissionError", "no"),
        ("import averment", "ModuleNotFoundError", "averment"),
        ("import pytest", "ModuleNotFoundError", "pytest"),
        ("def handler(event, context):\n    import os\n    os._exit(7)", "Runtime.ExitError", "7"),
        ("", "AttributeError", "handler"),
    ],
)
def test_code_that_fails_is_told(config, buckets, make_function, source, code, words):
    """What it raised, a module that isn't in its archive, the end of its process, no handler: in the rule's status."""
    put_gated(config, make_function("rules", source))
    assert verdicts(config, "gated") == {}
    status = status_of(config)
    assert status["LastErrorCode"] == code
    assert words in status["LastErrorMessage"]


def test_a_function_that_is_gone_fails_and_says_so(config, buckets, make_function):
    """The call goes through, as in the service; the status has the failure."""
    put_gated(config, make_function("rules", REPORTING))
    boto3.client("lambda").delete_function(FunctionName="rules")
    assert verdicts(config, "gated") == {}
    assert status_of(config)["LastErrorCode"] == "Lambda.ResourceNotFoundException"
    assert status_of(config)["LastFailedInvocationTime"]


def test_managed_rules_are_refused_not_passed(config):
    """Nobody here has their code."""
    source = {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_VERSIONING_ENABLED"}
    config.put_config_rule(ConfigRule={"ConfigRuleName": "managed", "Source": source})
    with pytest.raises(ClientError, match="managed rule") as caught:
        config.start_config_rules_evaluation(ConfigRuleNames=["managed"])
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


@pytest.mark.parametrize("function", FUNCTIONS)
def test_guard_3_functions_are_refused(config, function):
    """AWS Config runs Guard 2, which has none of them."""
    with pytest.raises(ClientError, match=f"{function} is a Guard 3 function"):
        put_policy(config, f"rule on {{ let x = {function}(configuration.name)\n %x !empty }}")


@pytest.mark.guard
@pytest.mark.parametrize(
    "text",
    [
        'rule on { configuration.name != "count(all)" }',
        "rule on { configuration.name == /now()/ }",
        "# json_parse(x) would do\nrule on { configuration.count exists << to_lower(it) >> }",
        "let now = ['a']\nrule on { configuration.name in %now }",
    ],
)
def test_words_that_only_look_like_guard_3(text):
    """In strings, expressions, comments, messages and names of properties or variables they mean nothing."""
    check_policy(text)


@pytest.mark.guard
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rule on {", "Pars"),
        ("", "has no rule"),
        ("# nothing\n", "has no rule"),
        ("rule on { configuration.size is_float }", "is_float is a Guard 3 operator"),
        ("rule on { configuration.size IS_NULL }", "IS_NULL is a Guard 3 operator"),
    ],
)
def test_text_that_is_no_policy(config, text, words):
    """Refused when it is put, with the parser's words."""
    with pytest.raises(ClientError, match=words):
        put_policy(config, text)


@pytest.mark.guard
def test_every_failing_rule_is_in_the_annotation():
    """Their messages once each, names where there is no message, cut to what Config takes."""
    text = "rule a { x == 1 <<first>> }\nrule b { y == 1 <<second>> }\nrule c { z == 1 <<first>> }"
    assert evaluate(text, {"x": 0, "y": 0, "z": 0}, {}) == ("NON_COMPLIANT", "first; second")
    assert evaluate("rule a { x == 1 }", {"x": 0}, {}) == ("NON_COMPLIANT", "failed: a")
    assert len(evaluate(f"rule a {{ x == 1 <<{'m' * 300}>> }}", {"x": 0}, {})[1]) == 256


def test_without_guards_engine_policies_are_refused(config, monkeypatch):
    """501, not an unchecked rule."""
    import sys

    monkeypatch.setitem(sys.modules, "cfn_guard_rs.cfn_guard_rs", None)
    with pytest.raises(ClientError, match="Guard's engine") as caught:
        put_policy(config, VERSIONED)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
