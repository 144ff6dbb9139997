"""Several accounts: conformance packs of an organisation, and compliance as an aggregator sees it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError

from averment.sandbox.backends.config.state import issue_token

MANAGER = "123456789012"
CHANGED = {"EventSource": "aws.config", "MessageType": "ConfigurationItemChangeNotification"}
FUNCTION = {"Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:rules"}


def managed(name="public"):
    source = {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_PUBLIC_READ_PROHIBITED"}
    return {"Type": "AWS::Config::ConfigRule", "Properties": {"ConfigRuleName": name, "Source": source}}


def gated():
    source = {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": FUNCTION, "SourceDetails": [CHANGED]}
    return {"Type": "AWS::Config::ConfigRule", "Properties": {"ConfigRuleName": "gated", "Source": source}}


def template(**resources):
    return yaml.safe_dump({"Resources": resources})


def at(account, service="config", region="eu-west-1"):
    """A client in ``account``, through a role there."""
    if account == MANAGER:
        return boto3.client(service, region_name=region)
    role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
    session = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return boto3.client(
        service,
        region_name=region,
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )


def put_recorder(config):
    recorder = {"name": "default", "roleARN": "arn:aws:iam::123456789012:role/config", "recordingGroup": {"allSupported": True}}
    config.put_configuration_recorder(ConfigurationRecorder=recorder)


@pytest.fixture
def members(sandbox):
    """Two accounts in the organisation of the sandbox's own, all three with a recorder."""
    organisation = boto3.client("organizations")
    organisation.create_organization(FeatureSet="ALL")
    made = [
        organisation.create_account(AccountName=name, Email=f"{name}@example.com")["CreateAccountStatus"]["AccountId"]
        for name in ("shop", "media")
    ]
    for account in (MANAGER, *made):
        put_recorder(at(account))
    return made


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response["Error"]["Code"]


def statuses(config, name="media"):
    """Account -> state, of the organisation's pack ``name``."""
    read = config.get_organization_conformance_pack_detailed_status
    found = read(OrganizationConformancePackName=name)["OrganizationConformancePackDetailedStatuses"]
    return {entry["AccountId"]: entry["Status"] for entry in found}


def overall(config, name="media"):
    read = config.describe_organization_conformance_pack_statuses
    (found,) = read(OrganizationConformancePackNames=[name])["OrganizationConformancePackStatuses"]
    return found


def deploy(config, **request):
    config.put_organization_conformance_pack(OrganizationConformancePackName="media", **request)
    assert overall(config)["Status"].endswith("IN_PROGRESS")
    return overall(config)


def rules(account):
    return {rule["ConfigRuleName"]: rule for rule in at(account).describe_config_rules()["ConfigRules"]}


def test_an_organisations_pack_is_a_pack_in_every_account(members):
    """Excluded accounts aside; each account's own pack is out of its hands."""
    config = boto3.client("config")
    assert deploy(config, TemplateBody=template(A=managed()), ExcludedAccounts=[MANAGER])["Status"] == "CREATE_SUCCESSFUL"
    assert statuses(config) == dict.fromkeys(members, "CREATE_SUCCESSFUL")
    assert rules(MANAGER) == {}
    for account in members:
        (pack,) = at(account).describe_conformance_packs()["ConformancePackDetails"]
        assert pack["ConformancePackName"].startswith("OrgConformsPack-media-")
        assert pack["CreatedBy"] == "config-multiaccountsetup.amazonaws.com"
        assert pack["ConformancePackArn"].split(":")[4] == account
        (name,) = rules(account)
        assert name == f"public-{pack['ConformancePackId']}"
        assert refusal(at(account).delete_conformance_pack, ConformancePackName=pack["ConformancePackName"]) == "AccessDeniedException"
    (described,) = config.describe_organization_conformance_packs()["OrganizationConformancePacks"]
    assert described["ExcludedAccounts"] == [MANAGER]


def test_one_account_that_fails_fails_the_pack(members, make_function):
    """The state names the account and the reason; mended and put again, it goes."""
    make_function("rules")
    config = boto3.client("config")
    failed = deploy(config, TemplateBody=template(A=gated()), ExcludedAccounts=members[1:])
    assert failed["Status"] == "CREATE_FAILED"
    assert members[0] in failed["ErrorMessage"]
    assert "cannot be invoked" in failed["ErrorMessage"]
    assert statuses(config) == {MANAGER: "CREATE_SUCCESSFUL", members[0]: "CREATE_FAILED"}
    filters = {"Status": "CREATE_FAILED"}
    read = config.get_organization_conformance_pack_detailed_status
    (entry,) = read(OrganizationConformancePackName="media", Filters=filters)["OrganizationConformancePackDetailedStatuses"]
    assert entry["AccountId"] == members[0]
    done = deploy(config, TemplateBody=template(A=gated()), ExcludedAccounts=members)
    assert done["Status"] == "UPDATE_SUCCESSFUL"
    assert rules(members[0]) == {}


def test_an_accounts_limit_is_that_accounts_failure(members):
    """Fifty packs there already: refused at once, and told."""
    for number in range(50):
        at(members[0]).put_conformance_pack(ConformancePackName=f"own{number}", TemplateBody=template(A=managed()))
    failed = deploy(boto3.client("config"), TemplateBody=template(A=managed()))
    assert (failed["Status"], failed["ErrorCode"]) == ("CREATE_FAILED", "MaxNumberOfConformancePacksExceededException")


def test_a_deleted_pack_is_gone_everywhere(members):
    """In progress first; then neither pack nor rules."""
    config = boto3.client("config")
    deploy(config, TemplateBody=template(A=managed()))
    config.delete_organization_conformance_pack(OrganizationConformancePackName="media")
    assert overall(config)["Status"] == "DELETE_IN_PROGRESS"
    name = {"OrganizationConformancePackNames": ["media"]}
    code = "NoSuchOrganizationConformancePackException"
    assert refusal(config.describe_organization_conformance_pack_statuses, **name) == code
    assert all(rules(account) == {} for account in (MANAGER, *members))
    assert refusal(config.delete_organization_conformance_pack, OrganizationConformancePackName="media") == code


def test_who_may_speak_for_an_organisation(members, sandbox):
    """The management account and whom it delegates to; nobody without an organisation, or with billing alone."""
    put = {"OrganizationConformancePackName": "media", "TemplateBody": template(A=managed())}
    member = at(members[0])
    assert refusal(member.put_organization_conformance_pack, **put) == "OrganizationAccessDeniedException"
    assert refusal(member.describe_organization_conformance_packs) == "OrganizationAccessDeniedException"
    boto3.client("organizations").register_delegated_administrator(
        AccountId=members[0], ServicePrincipal="config-multiaccountsetup.amazonaws.com"
    )
    member.put_organization_conformance_pack(**put)
    sandbox.reset()
    assert refusal(boto3.client("config").put_organization_conformance_pack, **put) == "NoAvailableOrganizationException"
    boto3.client("organizations").create_organization(FeatureSet="CONSOLIDATED_BILLING")
    assert refusal(boto3.client("config").put_organization_conformance_pack, **put) == "OrganizationAllFeaturesNotEnabledException"


def test_what_an_organisations_pack_cannot_be(members):
    """A broken template, a delivery bucket of another name, one in progress."""
    put = boto3.client("config").put_organization_conformance_pack
    name = {"OrganizationConformancePackName": "media"}
    broken = template(A={**managed(), "Type": "AWS::S3::Bucket"})
    assert refusal(put, **name, TemplateBody=broken) == "OrganizationConformancePackTemplateValidationException"
    good = {**name, "TemplateBody": template(A=managed())}
    assert refusal(put, **good, DeliveryS3Bucket="mine") == "ValidationException"
    put(**good)
    assert refusal(put, **good) == "ResourceInUseException"


def test_rules_of_an_organisation_are_refused(members):
    """501: they aren't to be had here."""
    with pytest.raises(ClientError) as caught:
        boto3.client("config").put_organization_config_rule(
            OrganizationConfigRuleName="public", OrganizationManagedRuleMetadata={"RuleIdentifier": "S3_BUCKET_PUBLIC_READ_PROHIBITED"}
        )
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


# --- Aggregators -----------------------------------------------------------------------------------------------------


def judge(account, verdicts, region="eu-west-1", name="public"):
    """The rule ``name`` in ``account`` with a verdict for each bucket."""
    config = at(account, region=region)
    put_recorder(config)
    config.put_config_rule(ConfigRule={"ConfigRuleName": name, "Source": managed()["Properties"]["Source"]})
    if verdicts:
        config.put_evaluations(
            ResultToken=issue_token(account, region, name),
            Evaluations=[
                {
                    "ComplianceResourceType": "AWS::S3::Bucket",
                    "ComplianceResourceId": bucket,
                    "ComplianceType": verdict,
                    "OrderingTimestamp": time.time(),
                }
                for bucket, verdict in verdicts.items()
            ],
        )


@pytest.fixture
def aggregated(members):
    """An aggregator over the organisation; one account clean, one not (in two regions), one with a rule that never ran."""
    judge(members[0], {"a": "COMPLIANT"})
    judge(members[1], {"b": "NON_COMPLIANT", "c": "COMPLIANT"})
    judge(members[1], {"d": "NON_COMPLIANT"}, region="eu-central-1")
    judge(MANAGER, {})
    config = boto3.client("config")
    source = {"RoleArn": f"arn:aws:iam::{MANAGER}:role/aggregate", "AllAwsRegions": True}
    config.put_configuration_aggregator(ConfigurationAggregatorName="all", OrganizationAggregationSource=source)
    return config


def test_an_aggregator_sees_every_account_and_region(aggregated, members):
    """Rules with results, by account and region, filtered and in pages; the details with where they are from."""
    read = aggregated.describe_aggregate_compliance_by_config_rules
    found = read(ConfigurationAggregatorName="all")["AggregateComplianceByConfigRules"]
    assert {(item["AccountId"], item["AwsRegion"], item["Compliance"]["ComplianceType"]) for item in found} == {
        (members[0], "eu-west-1", "COMPLIANT"),
        (members[1], "eu-west-1", "NON_COMPLIANT"),
        (members[1], "eu-central-1", "NON_COMPLIANT"),
    }
    filters = {"AccountId": members[1], "AwsRegion": "eu-west-1", "ComplianceType": "NON_COMPLIANT", "ConfigRuleName": "public"}
    assert len(read(ConfigurationAggregatorName="all", Filters=filters)["AggregateComplianceByConfigRules"]) == 1
    page = read(ConfigurationAggregatorName="all", Limit=2)
    assert len(read(ConfigurationAggregatorName="all", NextToken=page["NextToken"])["AggregateComplianceByConfigRules"]) == 1
    request = {"ConfigurationAggregatorName": "all", "ConfigRuleName": "public", "AccountId": members[1], "AwsRegion": "eu-west-1"}
    details = aggregated.get_aggregate_compliance_details_by_config_rule
    (bad,) = details(**request, ComplianceType="NON_COMPLIANT")["AggregateEvaluationResults"]
    assert (bad["AccountId"], bad["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"]) == (members[1], "b")
    assert len(details(**request)["AggregateEvaluationResults"]) == 2
    assert refusal(details, **{**request, "AccountId": "210987654321"}) == "ValidationException"


def test_counts_of_an_aggregator(aggregated, members):
    """Rules by account, by region, and altogether; over the AWS CLI too."""
    read = aggregated.get_aggregate_config_rule_compliance_summary
    by_account = read(ConfigurationAggregatorName="all", GroupByKey="ACCOUNT_ID")["AggregateComplianceCounts"]
    counts = {item["GroupName"]: item["ComplianceSummary"]["NonCompliantResourceCount"]["CappedCount"] for item in by_account}
    assert counts == {members[0]: 0, members[1]: 2}
    command = ["configservice", "get-aggregate-config-rule-compliance-summary", "--configuration-aggregator-name", "all"]
    (whole,) = aws(*command)["AggregateComplianceCounts"]
    assert whole["ComplianceSummary"]["CompliantResourceCount"]["CappedCount"] == 1


def test_packs_of_an_aggregator(aggregated, members):
    """Rules counted in each pack, packs counted in each account."""
    at(members[0]).put_conformance_pack(ConformancePackName="media", TemplateBody=template(A=managed(), B=managed("other")))
    (name, _) = sorted(name for name in rules(members[0]) if "-conformance-pack-" in name)
    token = issue_token(members[0], "eu-west-1", name)
    evaluation = {
        "ComplianceResourceType": "AWS::S3::Bucket",
        "ComplianceResourceId": "a",
        "ComplianceType": "COMPLIANT",
        "OrderingTimestamp": time.time(),
    }
    at(members[0]).put_evaluations(ResultToken=token, Evaluations=[evaluation])
    read = aggregated.describe_aggregate_compliance_by_conformance_packs
    (found,) = read(ConfigurationAggregatorName="all")["AggregateComplianceByConformancePacks"]
    counts = {"CompliantRuleCount": 1, "NonCompliantRuleCount": 0, "TotalRuleCount": 2}
    assert found["Compliance"] == {"ComplianceType": "COMPLIANT", **counts}
    summary = aggregated.get_aggregate_conformance_pack_compliance_summary
    (group,) = summary(ConfigurationAggregatorName="all", GroupByKey="ACCOUNT_ID")["AggregateConformancePackComplianceSummaries"]
    assert (group["GroupName"], group["ComplianceSummary"]["CompliantConformancePackCount"]) == (members[0], 1)


def test_an_account_has_to_authorise_an_aggregator(aggregated, members):
    """Until it does, nothing of it is there, and the status of the sources says so."""
    source = {"AccountIds": members, "AwsRegions": ["eu-west-1"]}
    aggregated.put_configuration_aggregator(ConfigurationAggregatorName="two", AccountAggregationSources=[source])
    at(members[0]).put_aggregation_authorization(AuthorizedAccountId=MANAGER, AuthorizedAwsRegion="eu-west-1")
    found = aggregated.describe_aggregate_compliance_by_config_rules(ConfigurationAggregatorName="two")
    assert [item["AccountId"] for item in found["AggregateComplianceByConfigRules"]] == [members[0]]
    read = aggregated.describe_configuration_aggregator_sources_status
    listed = read(ConfigurationAggregatorName="two")["AggregatedSourceStatusList"]
    assert {item["SourceId"]: item["LastUpdateStatus"] for item in listed} == {members[0]: "SUCCEEDED", members[1]: "FAILED"}
    (failed,) = read(ConfigurationAggregatorName="two", UpdateStatus=["FAILED"])["AggregatedSourceStatusList"]
    assert "not authorised" in failed["LastErrorMessage"]


def test_aggregators_that_are_not_there_or_not_kept(aggregated):
    """An unknown name is an error; filters, which nobody here would heed, are refused."""
    unknown = {"ConfigurationAggregatorName": "none"}
    assert refusal(aggregated.describe_aggregate_compliance_by_config_rules, **unknown) == "NoSuchConfigurationAggregatorException"
    with pytest.raises(ClientError) as caught:
        aggregated.put_configuration_aggregator(
            ConfigurationAggregatorName="some",
            OrganizationAggregationSource={"RoleArn": f"arn:aws:iam::{MANAGER}:role/aggregate", "AllAwsRegions": True},
            AggregatorFilters={"ResourceType": {"Type": "INCLUDE", "Value": ["AWS::S3::Bucket"]}},
        )
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_moto_alone_deploys_nothing_for_an_organisation(moto_alone):
    """When this fails, moto has caught up: it says CREATE_SUCCESSFUL, without an organisation and without a rule."""
    config = moto_alone("config")
    config.put_organization_conformance_pack(
        OrganizationConformancePackName="media", TemplateS3Uri="s3://none/none", DeliveryS3Bucket="none"
    )
    assert list(statuses(config).values()) == ["CREATE_SUCCESSFUL"]


def test_moto_alone_aggregates_no_compliance(moto_alone):
    """When this fails, moto has caught up."""
    with pytest.raises(ClientError):
        moto_alone("config").describe_aggregate_compliance_by_config_rules(ConfigurationAggregatorName="all")


def aws(*arguments):
    """The AWS CLI's answer."""
    command = [str(Path(sys.executable).with_name("aws")), *arguments, "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)
