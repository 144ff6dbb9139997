"""Every template is deployed on the embedded AWS as far as CloudFormation there goes; what it can't create is what the page says."""

from __future__ import annotations

import json
import re
from typing import Any

import boto3
import pytest

from averment.governance.remediation.blueprints import all_blueprints
from averment.governance.remediation.blueprints.pages import read_template

ROLE = "arn:aws:iam::123456789012:role/"
GIVEN: dict[str, str] = {
    "ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/gate:1",
    "AlarmEmail": "trust@shop.example",
    "WriterRoleArn": f"{ROLE}collector",
    "ReaderRoleArn": f"{ROLE}auditor",
    "PublishedBucketDomain": "shop-media.s3.eu-west-1.amazonaws.com",
    "SealPublicKey": "A" * 124,
    "DomainName": "media.shop.example",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
    "LogBucketDomain": "shop-logs.s3.amazonaws.com",
    "WebAclArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/shop/1",
    "GeneratedBucket": "shop-generated",
    "PublishedBucket": "shop-media",
    "VerdictSealKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1",
    "CasesTable": "gate-cases",
    "CasesKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/2",
    "QuarantineBucket": "shop-uploads",
    "QuarantineKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/2",
    "Issuer": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_1",
    "Audience": "app",
    "Subnets": "subnet-1,subnet-2",
    "SecurityGroups": "sg-1",
    "WorkBucket": "shop-work",
    "WorkKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/3",
    "AnswersTopic": "arn:aws:sns:eu-west-1:123456789012:answers",
    "CaptureBucket": "shop-captured",
    "PackTemplate": "s3://shop-config/pack.yaml",
    "DeliveryBucket": "shop-config",
}
"""Values for parameters without a default."""


def long_form(value: Any) -> Any:
    """A template's short functions in the long form that JSON has."""
    if isinstance(value, dict):
        if len(value) == 1 and (name := next(iter(value))) in {"GetAtt", "Sub", "If", "Equals", "Not", "Split", "Join", "Select"}:
            inner = value[name]
            return {f"Fn::{name}": inner.split(".", 1) if name == "GetAtt" and isinstance(inner, str) else long_form(inner)}
        return {key: long_form(item) for key, item in value.items()}
    return [long_form(item) for item in value] if isinstance(value, list) else value


def pruned(template: dict[str, Any], types: tuple[str, ...]) -> dict[str, Any]:
    """``template`` without resources of ``types``: moto breaks off where something refers to an attribute of a type that it lacks."""
    kept = {name: item for name, item in template["Resources"].items() if item["Type"] not in types}
    return long_form({"Parameters": template["Parameters"], "Conditions": template["Conditions"], "Resources": kept})


@pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")  # of moto, for each type that it lacks
@pytest.mark.parametrize("name", sorted(all_blueprints()))
def test_it_deploys_and_what_does_not_is_on_the_page(sandbox: Any, name: str) -> None:
    """The stack completes; each of its resources exists, or its type is listed as one that can't be created here."""
    blueprint = all_blueprints()[name]
    template = read_template(blueprint)
    cloudformation = boto3.client("cloudformation")
    required = [key for key, item in template["Parameters"].items() if "Default" not in item]
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(pruned(template, blueprint.not_run)) if name == "edge" else blueprint.template.read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": GIVEN[key]} for key in required],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    made = {item.get("ResourceType") for item in cloudformation.describe_stack_resources(StackName=name)["StackResources"]}
    wanted = {resource["Type"] for resource in template["Resources"].values()}
    assert sorted(wanted - made) == sorted(blueprint.not_run)


PARTITIONS = {"us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}
EVERYWHERE = sorted(set(all_blueprints()) - {"edge"})
"""The edge is made in us-east-1, where alone AWS takes its code."""


@pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")
@pytest.mark.parametrize("region", PARTITIONS)
@pytest.mark.parametrize("name", EVERYWHERE)
@pytest.mark.usefixtures("sandbox")
def test_what_it_makes_in_another_partition_names_nothing_of_aws(name: str, region: str) -> None:
    """Policies with ARNs of aws are refused there, and so is the principal of CloudWatch Logs that China doesn't know."""
    blueprint, partition = all_blueprints()[name], PARTITIONS[region]
    template, text = read_template(blueprint), blueprint.template.read_text(encoding="utf-8")
    cloudformation = boto3.client("cloudformation", region_name=region)
    required = [key for key, item in template["Parameters"].items() if "Default" not in item]
    given = {key: GIVEN[key].replace("arn:aws:", f"arn:{partition}:").replace("eu-west-1", region) for key in required}
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=text.replace("${AWS::Partition}", partition).replace("!Ref AWS::Partition", partition),  # moto's is always aws
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    iam, kms = boto3.client("iam", region_name=region), boto3.client("kms", region_name=region)
    details = iam.get_account_authorization_details(Filter=["Role", "LocalManagedPolicy"])
    policies = [json.dumps(details[key], default=str) for key in ("RoleDetailList", "Policies")]
    keys = [json.dumps(kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"]) for key in kms.list_keys()["Keys"]]
    told = "".join([*policies, *keys])
    assert "arn:aws:" not in told
    logs = set(re.findall(r"logs\.[a-z0-9-]+\.amazonaws[a-z.]*", told))
    assert logs <= {f"logs.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"}
    assert bool(logs) == ("logs.${AWS::Region}" in text)
