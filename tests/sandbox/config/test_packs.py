"""Conformance packs: from the template to rules and remediations, in progress first, whole or not at all; and their compliance."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError

VERSIONED = 'rule on { supplementaryConfiguration.BucketVersioningConfiguration.status == "Enabled" <<versioning is off>> }'
CHANGED = {"EventSource": "aws.config", "MessageType": "ConfigurationItemChangeNotification"}
STATE = "ConformancePackState"


@pytest.fixture
def config(recorder):
    return boto3.client("config")


def policy(name="versioned", text=VERSIONED):
    details = {"PolicyRuntime": "guard-2.x.x", "PolicyText": text}
    source = {"Owner": "CUSTOM_POLICY", "SourceDetails": [CHANGED], "CustomPolicyDetails": details}
    scope = {"ComplianceResourceTypes": ["AWS::S3::Bucket"]}
    return {"Type": "AWS::Config::ConfigRule", "Properties": {"ConfigRuleName": name, "Source": source, "Scope": scope}}


def managed(name="public", identifier="S3_BUCKET_PUBLIC_READ_PROHIBITED", **more):
    source = {"Owner": "AWS", "SourceIdentifier": identifier}
    return {"Type": "AWS::Config::ConfigRule", "Properties": {"ConfigRuleName": name, "Source": source, **more}}


def gated(arn):
    source = {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": arn, "SourceDetails": [CHANGED]}
    return {"Type": "AWS::Config::ConfigRule", "Properties": {"ConfigRuleName": "gated", "Source": source}}


def remediation(rule="versioned", document="AWS-ConfigureS3BucketVersioning", **more):
    parameters = {"BucketName": {"ResourceValue": {"Value": "RESOURCE_ID"}}}
    properties = {"ConfigRuleName": rule, "TargetType": "SSM_DOCUMENT", "TargetId": document, "Parameters": parameters, **more}
    return {"Type": "AWS::Config::RemediationConfiguration", "Properties": properties}


def template(**resources):
    return yaml.safe_dump({"Resources": resources})


def status(config, name="media"):
    (found,) = config.describe_conformance_pack_status(ConformancePackNames=[name])["ConformancePackStatusDetails"]
    return found


def deploy(config, name="media", **request):
    """Put a pack and look until it is done: its status."""
    config.put_conformance_pack(ConformancePackName=name, **request)
    assert status(config, name)[STATE].endswith("IN_PROGRESS")
    return status(config, name)


def rules(config):
    return {rule["ConfigRuleName"]: rule for rule in config.describe_config_rules()["ConfigRules"]}


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.guard
def test_a_pack_becomes_rules_that_only_it_may_touch(config):
    """Names end in the pack's id, CreatedBy names Config's service, and neither update nor deletion is the account's."""
    done = deploy(config, TemplateBody=template(A=policy(), B=managed()))
    assert (done[STATE], done["Type"]) == ("CREATE_COMPLETE", "CUSTOM")
    assert done["LastUpdateCompletedTime"] >= done["LastUpdateRequestedTime"]
    pack_id = done["ConformancePackId"]
    assert done["ConformancePackArn"] == f"arn:aws:config:eu-west-1:123456789012:conformance-pack/media/{pack_id}"
    found = rules(config)
    assert set(found) == {f"versioned-{pack_id}", f"public-{pack_id}"}
    name = f"versioned-{pack_id}"
    assert found[name]["CreatedBy"] == "config-conforms.amazonaws.com"
    assert config.get_custom_rule_policy(ConfigRuleName=name)["PolicyText"] == VERSIONED
    owned = (
        "AccessDeniedException",
        "An AWS service owns ServiceLinkedConfigRule. You do not have permissions to take action on this rule.",
    )
    assert refusal(config.delete_config_rule, ConfigRuleName=name) == owned
    touched = {key: found[name][key] for key in ("ConfigRuleName", "Source", "Scope")}
    touched["Source"]["CustomPolicyDetails"]["PolicyText"] = VERSIONED
    assert refusal(config.put_config_rule, ConfigRule=touched) == owned


def test_the_aws_cli_deploys_a_pack(config, tmp_path):
    """From a file, with a parameter and tags, as the AWS documentation does it."""
    body = yaml.safe_dump(
        {
            "Parameters": {"Age": {"Type": "String", "Default": "90"}},
            "Resources": {"Keys": managed("keys", "ACCESS_KEYS_ROTATED", InputParameters={"maxAccessKeyAge": {"Ref": "Age"}})},
        }
    )
    (tmp_path / "pack.yaml").write_text(body)
    made = aws(
        "put-conformance-pack",
        "--conformance-pack-name",
        "media",
        "--template-body",
        f"file://{tmp_path}/pack.yaml",
        "--conformance-pack-input-parameters",
        "ParameterName=Age,ParameterValue=30",
        "--tags",
        "Key=control,Value=SM-IAM-01",
    )
    states = [aws("describe-conformance-pack-status")["ConformancePackStatusDetails"][0][STATE] for _ in range(2)]
    assert states == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    (rule,) = aws("describe-config-rules")["ConfigRules"]
    assert rule["InputParameters"] == '{"maxAccessKeyAge": "30"}'
    assert aws("list-tags-for-resource", "--resource-arn", made["ConformancePackArn"])["Tags"] == [{"Key": "control", "Value": "SM-IAM-01"}]
    (pack,) = aws("describe-conformance-packs")["ConformancePackDetails"]
    assert pack["ConformancePackInputParameters"] == [{"ParameterName": "Age", "ParameterValue": "30"}]


@pytest.mark.guard
def test_a_template_in_s3(config):
    """In the same region, up to 300 KB; what can't be read is refused."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="templates", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="templates", Key="packs/media.yaml", Body=(template(A=policy()) + "#" * 200_000).encode())
    assert deploy(config, TemplateS3Uri="s3://templates/packs/media.yaml")[STATE] == "CREATE_COMPLETE"
    s3.put_object(Bucket="templates", Key="large.yaml", Body=(template(A=policy()) + "#" * 310_000).encode())
    put = config.put_conformance_pack
    assert refusal(put, ConformancePackName="large", TemplateS3Uri="s3://templates/large.yaml")[0].startswith("ConformancePackTemplate")
    assert refusal(put, ConformancePackName="none", TemplateS3Uri="s3://templates/none.yaml")[0] == "InsufficientPermissionsException"


@pytest.mark.guard
def test_an_update_changes_what_changed(config):
    """A rule of the same name keeps its id, another one comes, a third goes with its results; the pack keeps its own id and tags."""
    made = deploy(config, TemplateBody=template(A=policy(), B=managed()), Tags=[{"Key": "a", "Value": "1"}])
    suffix = made["ConformancePackId"]
    before = rules(config)
    config.put_conformance_pack(
        ConformancePackName="media", TemplateBody=template(A=policy(text="rule on { tags !empty }"), C=managed("c"))
    )
    assert [status(config)[STATE] for _ in range(2)] == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]
    after = rules(config)
    assert set(after) == {f"versioned-{suffix}", f"c-{suffix}"}
    assert after[f"versioned-{suffix}"]["ConfigRuleId"] == before[f"versioned-{suffix}"]["ConfigRuleId"]
    assert config.get_custom_rule_policy(ConfigRuleName=f"versioned-{suffix}")["PolicyText"] == "rule on { tags !empty }"
    assert config.list_tags_for_resource(ResourceArn=made["ConformancePackArn"])["Tags"] == [{"Key": "a", "Value": "1"}]


@pytest.mark.guard
def test_a_pack_that_fails_leaves_nothing(config, make_function):
    """The third resource can't be made: the state says why, no rule stays; once the permission is there, the same pack goes."""
    arn = make_function("rules", principal=None)
    body = template(A=policy(), B=managed(), C=gated(arn))
    failed = deploy(config, TemplateBody=body)
    assert failed[STATE] == "CREATE_FAILED"
    assert "AWS::Config::ConfigRule C failed" in failed["ConformancePackStatusReason"]
    assert "cannot be invoked" in failed["ConformancePackStatusReason"]
    assert "LastUpdateCompletedTime" not in failed
    assert rules(config) == {}
    boto3.client("lambda").add_permission(
        FunctionName="rules", StatementId="config", Action="lambda:InvokeFunction", Principal="config.amazonaws.com"
    )
    done = deploy(config, TemplateBody=body)
    assert (done[STATE], len(rules(config))) == ("CREATE_COMPLETE", 3)
    assert "ConformancePackStatusReason" not in done


@pytest.mark.guard
def test_an_update_that_fails_keeps_what_was(config):
    """Rules, their definitions and results as before the update."""
    deploy(config, TemplateBody=template(A=policy()))
    (name,) = rules(config)
    config.put_conformance_pack(
        ConformancePackName="media",
        TemplateBody=template(A=policy(text="rule on { tags !empty }"), B=gated("arn:aws:lambda:eu-west-1:123456789012:function:none")),
    )
    assert [status(config)[STATE] for _ in range(2)] == ["UPDATE_IN_PROGRESS", "UPDATE_FAILED"]
    assert set(rules(config)) == {name}
    assert config.get_custom_rule_policy(ConfigRuleName=name)["PolicyText"] == VERSIONED


def test_without_a_recorder_a_pack_fails(sandbox):
    """As its rules do."""
    failed = deploy(boto3.client("config"), TemplateBody=template(A=policy()))
    assert "Configuration recorder is not available" in failed["ConformancePackStatusReason"]


@pytest.mark.guard
def test_while_a_pack_is_in_progress_it_is_in_use(config):
    """Neither update nor deletion; afterwards both, and the deletion takes the rules along."""
    config.put_conformance_pack(ConformancePackName="media", TemplateBody=template(A=policy()))
    assert (
        refusal(config.put_conformance_pack, ConformancePackName="media", TemplateBody=template(A=policy()))[0] == "ResourceInUseException"
    )
    config.delete_conformance_pack(ConformancePackName="media")
    assert status(config)[STATE] == "DELETE_IN_PROGRESS"
    assert refusal(config.describe_conformance_pack_status, ConformancePackNames=["media"])[0] == "NoSuchConformancePackException"
    assert rules(config) == {}
    assert refusal(config.delete_conformance_pack, ConformancePackName="media")[0] == "NoSuchConformancePackException"


@pytest.mark.guard
def test_remediations_belong_to_the_packs_rules(config):
    """By name or by Ref; owned by Config's service; gone with the template that had them."""
    by_ref = {**remediation(), "Properties": {**remediation()["Properties"], "ConfigRuleName": {"Ref": "B"}}}
    made = deploy(config, TemplateBody=template(A=policy(), B=managed(), Fix=remediation(), Close=by_ref))
    names = [f"versioned-{made['ConformancePackId']}", f"public-{made['ConformancePackId']}"]
    found = config.describe_remediation_configurations(ConfigRuleNames=names)["RemediationConfigurations"]
    assert [item["ConfigRuleName"] for item in found] == names
    assert {item["CreatedByService"] for item in found} == {"config-conforms.amazonaws.com"}
    assert refusal(config.delete_remediation_configuration, ConfigRuleName=names[0])[0] == "InvalidParameterValueException"
    config.put_conformance_pack(ConformancePackName="media", TemplateBody=template(A=policy(), B=managed(), Fix=remediation()))
    status(config)
    left = config.describe_remediation_configurations(ConfigRuleNames=names)["RemediationConfigurations"]
    assert [item["ConfigRuleName"] for item in left] == names[:1]


@pytest.mark.guard
@pytest.mark.parametrize(
    ("fix", "words"),
    [
        (remediation(rule="elsewhere"), "isn't a rule of this conformance pack"),
        (remediation(document="Not-There"), "Cannot find the SSM document"),
        (remediation(Automatic="true"), "AutomationAssumeRole"),
        (remediation(Parameters={f"P{number}": {"StaticValue": {"Values": ["v"]}} for number in range(26)}), "less than or equal to 25"),
        (remediation(Surprise=1), "extraneous key"),
    ],
)
def test_a_remediation_that_does_not_hold_fails_the_pack(config, fix, words):
    """The reason names it."""
    failed = deploy(config, TemplateBody=template(A=policy(), Fix=fix))
    assert failed[STATE] == "CREATE_FAILED"
    assert words in failed["ConformancePackStatusReason"]
    assert rules(config) == {}


@pytest.mark.guard
def test_the_limits_of_packs(config):
    """130 rules, 60 parameters, 51,200 bytes, 50 packs, one template."""
    put = config.put_conformance_pack
    many = {f"R{number}": managed(f"r{number}") for number in range(131)}
    slim = yaml.safe_dump({"Resources": many}, default_flow_style=True, width=10**6)
    code, words = refusal(put, ConformancePackName="media", TemplateBody=slim)
    assert code == "ConformancePackTemplateValidationException"
    assert "Number of resources provided in the template exceeds the allowed limit" in words
    parameters = [{"ParameterName": f"P{number}", "ParameterValue": "v"} for number in range(61)]
    request = {"ConformancePackName": "media", "TemplateBody": template(A=policy())}
    assert "at most 60" in refusal(put, **request, ConformancePackInputParameters=parameters)[1]
    large = {**request, "TemplateBody": request["TemplateBody"] + "#" * 51_200}
    assert refusal(put, **large)[0] == "ValidationException"
    wide = {**request, "TemplateBody": request["TemplateBody"] + "#" + "\u00e9" * 25_700}
    assert "51200 bytes" in refusal(put, **wide)[1]
    assert refusal(put, ConformancePackName="media")[0] == "InvalidParameterValueException"
    assert refusal(put, **request, TemplateS3Uri="s3://a/b")[0] == "InvalidParameterValueException"
    assert refusal(put, **{**request, "ConformancePackName": "1media"})[0] == "ValidationException"
    for number in range(50):
        put(ConformancePackName=f"pack{number}", TemplateBody=request["TemplateBody"])
    assert refusal(put, **request)[0] == "MaxNumberOfConformancePacksExceededException"
    assert status(config, "pack0")[STATE] == "CREATE_IN_PROGRESS"
    put(ConformancePackName="pack0", TemplateBody=template(A=managed()))


def test_what_packs_cannot_be_here(config):
    """Managed packs and SSM documents: 501; a delivery bucket that isn't there: a failure."""
    for more in ({"Source": {"SourceIdentifier": "x"}}, {"TemplateSSMDocumentDetails": {"DocumentName": "some-document"}}):
        with pytest.raises(ClientError) as caught:
            config.put_conformance_pack(ConformancePackName="media", **more)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    failed = deploy(config, TemplateBody=template(A=policy()), DeliveryS3Bucket="not-there")
    assert "not-there does not exist" in failed["ConformancePackStatusReason"]


@pytest.mark.guard
def test_compliance_of_a_pack(config):
    """By rule, by resource with filters, as a whole and as a score; a rule without results is insufficient data."""
    s3 = boto3.client("s3")
    for name in ("off-bucket", "on-bucket", "other-bucket"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket="on-bucket", VersioningConfiguration={"Status": "Enabled"})
    made = deploy(config, TemplateBody=template(A=policy(), B=managed()))
    deploy(config, "empty", TemplateBody=template(A=policy()))
    name, other = f"versioned-{made['ConformancePackId']}", f"public-{made['ConformancePackId']}"
    config.start_config_rules_evaluation(ConfigRuleNames=[name])
    by_rule = config.describe_conformance_pack_compliance(ConformancePackName="media")["ConformancePackRuleComplianceList"]
    assert {item["ConfigRuleName"]: item["ComplianceType"] for item in by_rule} == {name: "NON_COMPLIANT", other: "INSUFFICIENT_DATA"}
    read = config.get_conformance_pack_compliance_details
    found = read(ConformancePackName="media", Limit=2)
    assert len(found["ConformancePackRuleEvaluationResults"]) == 2
    assert len(read(ConformancePackName="media", NextToken=found["NextToken"])["ConformancePackRuleEvaluationResults"]) == 1
    filters = {"ComplianceType": "NON_COMPLIANT", "ResourceType": "AWS::S3::Bucket", "ResourceIds": ["off-bucket", "on-bucket"]}
    (bad,) = read(ConformancePackName="media", Filters=filters)["ConformancePackRuleEvaluationResults"]
    assert bad["Annotation"] == "versioning is off"
    assert refusal(read, ConformancePackName="media", Filters={"ResourceIds": ["a"]})[0] == "InvalidParameterValueException"
    unknown = {"ConfigRuleNames": ["versioned"]}
    assert refusal(read, ConformancePackName="media", Filters=unknown)[0] == "NoSuchConfigRuleInConformancePackException"
    summary = config.get_conformance_pack_compliance_summary(ConformancePackNames=["media", "empty"])[
        "ConformancePackComplianceSummaryList"
    ]
    assert [item["ConformancePackComplianceStatus"] for item in summary] == ["NON_COMPLIANT", "INSUFFICIENT_DATA"]
    scores = config.list_conformance_pack_compliance_scores(SortBy="SCORE", SortOrder="DESCENDING")["ConformancePackComplianceScores"]
    assert [(item["ConformancePackName"], item["Score"]) for item in scores] == [("media", "33.33"), ("empty", "INSUFFICIENT_DATA")]


def test_packs_that_are_not_there(config):
    """Every read of a pack names one that exists."""
    for read in (
        config.describe_conformance_packs,
        config.describe_conformance_pack_status,
        config.get_conformance_pack_compliance_summary,
    ):
        assert refusal(read, ConformancePackNames=["none"])[0] == "NoSuchConformancePackException"
    for read in (
        config.describe_conformance_pack_compliance,
        config.get_conformance_pack_compliance_details,
        config.delete_conformance_pack,
    ):
        assert refusal(read, ConformancePackName="none")[0] == "NoSuchConformancePackException"


@pytest.mark.guard
def test_tags_of_a_pack(config):
    """Added, replaced, removed."""
    arn = config.put_conformance_pack(ConformancePackName="media", TemplateBody=template(A=policy()))["ConformancePackArn"]
    config.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    config.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert config.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert (
        refusal(config.tag_resource, ResourceArn=arn, Tags=[{"Key": f"k{n}", "Value": ""} for n in range(50)])[0] == "TooManyTagsException"
    )


def test_moto_alone_has_no_packs(moto_alone):
    """When this fails, moto has caught up."""
    with pytest.raises(ClientError):
        moto_alone("config").put_conformance_pack(ConformancePackName="media", TemplateBody=template(A=policy()))


def aws(*arguments):
    """The AWS CLI's answer."""
    command = [str(Path(sys.executable).with_name("aws")), "configservice", *arguments, "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)
