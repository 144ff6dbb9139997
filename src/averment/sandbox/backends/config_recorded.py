"""Configuration items of types that moto's Config doesn't record, made out of the services' own answers.

Each maker asks the embedded service through its API, as a recorder does, and writes the item in the spelling that Config uses for
the type: lowerCamel SDK models for the older ones, CloudFormation's properties for the newer. Types that are neither here nor in
moto are refused aloud by ``config_service``: an empty inventory would say that there is nothing.
Not covered: relationships, and what the embedded services themselves don't keep.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

JSON = dict[str, Any]


@dataclass(frozen=True)
class Recorder:
    """Makes clients of the embedded services under the caller's key, and items of what they answer."""

    endpoint: str
    access_key: str
    region: str
    account: str

    def client(self, service: str) -> Any:
        """A client of one of the embedded services."""
        return _client(service, self.endpoint, self.access_key, self.region)

    def item(self, kind: str, identity: str, arn: str, configuration: Any, **more: Any) -> JSON:
        """An item as the API gives it: configuration and supplementary values as JSON text."""
        supplementary = more.pop("supplementary", {})
        value = {
            "version": "1.3",
            "accountId": self.account,
            "configurationItemStatus": "OK",
            "configurationItemCaptureTime": None,  # set when it is handed out
            "configurationStateId": "0",
            "configurationItemMD5Hash": "",
            "arn": arn,
            "resourceType": kind,
            "resourceId": identity,
            "resourceName": identity,
            "awsRegion": self.region,
            "availabilityZone": "Not Applicable",
            "relatedEvents": [],
            "relationships": [],
            "tags": {},
            "configuration": _text(configuration),
            "supplementaryConfiguration": {name: _text(part) for name, part in supplementary.items()},
            **more,
        }
        return {key: part for key, part in value.items() if part is not None or key == "configurationItemCaptureTime"}


@lru_cache(maxsize=64)
def _client(service: str, endpoint: str, access_key: str, region: str) -> Any:
    from boto3.session import Session
    from botocore.config import Config

    session: Any = Session(aws_access_key_id=access_key, aws_secret_access_key="sandbox", region_name=region)  # noqa: S106 - not a secret
    return session.client(service, endpoint_url=endpoint, config=Config(proxies={}, retries={"total_max_attempts": 1}))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=lambda item: item.isoformat())


def _lower(value: Any) -> Any:
    """Keys with a small first letter, at every depth, as the SDK's models are serialised."""
    if isinstance(value, Mapping):
        return {key[:1].lower() + key[1:]: _lower(item) for key, item in value.items()}
    return [_lower(item) for item in value] if isinstance(value, list) else value


def _pages(client: Any, operation: str, key: str, **request: Any) -> Iterator[Any]:
    if not client.can_paginate(operation):
        yield from getattr(client, operation)(**request).get(key, [])
        return
    for page in client.get_paginator(operation).paginate(**request):
        yield from page.get(key, [])


def _event_rules(recorder: Recorder) -> Iterator[JSON]:
    events = recorder.client("events")
    for bus in _pages(events, "list_event_buses", "EventBuses"):
        for rule in _pages(events, "list_rules", "Rules", EventBusName=bus["Name"]):
            name = {"Rule": rule["Name"], "EventBusName": bus["Name"]}
            wanted = ("Arn", "Name", "Description", "State", "ScheduleExpression", "RoleArn")
            configuration = {key: rule[key] for key in wanted if rule.get(key)}
            configuration["EventBusName"] = bus["Name"]
            if rule.get("EventPattern"):
                configuration["EventPattern"] = json.loads(rule["EventPattern"])
            configuration["Targets"] = list(_pages(events, "list_targets_by_rule", "Targets", **name))
            yield recorder.item("AWS::Events::Rule", f"{bus['Name']}|{rule['Name']}", rule["Arn"], configuration, resourceName=rule["Name"])


def _queues(recorder: Recorder) -> Iterator[JSON]:
    sqs = recorder.client("sqs")
    for url in _pages(sqs, "list_queues", "QueueUrls"):
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        name = url.rpartition("/")[2]
        counted = ("ApproximateNumber", "CreatedTimestamp", "LastModifiedTimestamp")
        configuration = {key: value for key, value in found.items() if not key.startswith(counted) and key not in ("QueueArn", "Policy")}
        for key in ("RedrivePolicy", "RedriveAllowPolicy"):
            if key in configuration:
                configuration[key] = json.loads(configuration[key])
        configuration |= {"QueueName": name, "QueueUrl": url, "Arn": found["QueueArn"]}
        tags = sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
        yield recorder.item("AWS::SQS::Queue", url, found["QueueArn"], configuration, resourceName=name, tags=tags)


def _functions(recorder: Recorder) -> Iterator[JSON]:
    service = recorder.client("lambda")
    for function in _pages(service, "list_functions", "Functions"):
        arn = function["FunctionArn"].removesuffix(":$LATEST")
        tags = service.list_tags(Resource=arn).get("Tags", {})
        yield recorder.item("AWS::Lambda::Function", function["FunctionName"], arn, _lower(function), tags=tags)


def _state_machines(recorder: Recorder) -> Iterator[JSON]:
    service = recorder.client("stepfunctions")
    for entry in _pages(service, "list_state_machines", "stateMachines"):
        found = service.describe_state_machine(stateMachineArn=entry["stateMachineArn"])
        configuration = {
            "Arn": found["stateMachineArn"],
            "Name": found["name"],
            "StateMachineName": found["name"],
            "StateMachineType": found.get("type", "STANDARD"),
            "RoleArn": found["roleArn"],
            "DefinitionString": found["definition"],
        }
        arn = found["stateMachineArn"]
        yield recorder.item("AWS::StepFunctions::StateMachine", arn, arn, configuration, resourceName=found["name"])


def _distributions(recorder: Recorder) -> Iterator[JSON]:
    service = recorder.client("cloudfront")
    for page in service.get_paginator("list_distributions").paginate():
        for entry in page["DistributionList"].get("Items", []):
            found = service.get_distribution(Id=entry["Id"])["Distribution"]
            listed = service.list_tags_for_resource(Resource=found["ARN"])["Tags"].get("Items", [])
            tags = {tag["Key"]: tag.get("Value", "") for tag in listed}
            yield recorder.item("AWS::CloudFront::Distribution", found["Id"], found["ARN"], _lower(found), awsRegion="global", tags=tags)


def _users(recorder: Recorder) -> Iterator[JSON]:
    iam = recorder.client("iam")
    for user in _pages(iam, "list_users", "Users"):
        name = {"UserName": user["UserName"]}
        inline = [iam.get_user_policy(PolicyName=policy, **name) for policy in _pages(iam, "list_user_policies", "PolicyNames", **name)]
        configuration = {
            **_lower(user),
            "userPolicyList": _documents(inline),
            "groupList": [group["GroupName"] for group in _pages(iam, "list_groups_for_user", "Groups", **name)],
            "attachedManagedPolicies": _lower(list(_pages(iam, "list_attached_user_policies", "AttachedPolicies", **name))),
        }
        tags = {tag["Key"]: tag["Value"] for tag in _pages(iam, "list_user_tags", "Tags", **name)}
        place = {"resourceName": user["UserName"], "awsRegion": "global", "tags": tags}
        yield recorder.item("AWS::IAM::User", user["UserId"], user["Arn"], configuration, **place)


def _groups(recorder: Recorder) -> Iterator[JSON]:
    iam = recorder.client("iam")
    for group in _pages(iam, "list_groups", "Groups"):
        name = {"GroupName": group["GroupName"]}
        inline = [iam.get_group_policy(PolicyName=policy, **name) for policy in _pages(iam, "list_group_policies", "PolicyNames", **name)]
        configuration = {
            **_lower(group),
            "groupPolicyList": _documents(inline),
            "attachedManagedPolicies": _lower(list(_pages(iam, "list_attached_group_policies", "AttachedPolicies", **name))),
        }
        place = {"resourceName": group["GroupName"], "awsRegion": "global"}
        yield recorder.item("AWS::IAM::Group", group["GroupId"], group["Arn"], configuration, **place)


def _documents(policies: list[JSON]) -> list[JSON]:
    """Inline policies with URL-encoded documents, as IAM keeps them."""
    return [{"policyName": item["PolicyName"], "policyDocument": quote(_text(item["PolicyDocument"]))} for item in policies]


def _keys(recorder: Recorder) -> Iterator[JSON]:
    kms = recorder.client("kms")
    for entry in _pages(kms, "list_keys", "Keys"):
        found = kms.describe_key(KeyId=entry["KeyId"])["KeyMetadata"]
        policy = kms.get_key_policy(KeyId=entry["KeyId"], PolicyName="default")["Policy"]
        tags = {tag["TagKey"]: tag["TagValue"] for tag in _pages(kms, "list_resource_tags", "Tags", KeyId=entry["KeyId"])}
        extra = {"Policy": json.dumps(policy)}
        yield recorder.item("AWS::KMS::Key", found["KeyId"], found["Arn"], _lower(found), supplementary=extra, tags=tags)


def _aliases(recorder: Recorder) -> Iterator[JSON]:
    for alias in _pages(recorder.client("kms"), "list_aliases", "Aliases"):
        yield recorder.item("AWS::KMS::Alias", alias["AliasArn"], alias["AliasArn"], _lower(alias), resourceName=alias["AliasName"])


def _access_points(recorder: Recorder) -> Iterator[JSON]:
    """CloudFormation's spelling, without the policy, which the published schema lacks."""
    from moto.s3control.models import s3control_backends  # the API wants the account in the host name, which the loopback has not

    for point in s3control_backends[recorder.account]["aws"].access_points.get(recorder.account, {}).values():
        if f":s3:{recorder.region}:" not in point.arn:
            continue
        configuration = {
            "Name": point.name,
            "Bucket": point.bucket,
            "Alias": point.alias,
            "Arn": point.arn,
            "NetworkOrigin": point.network_origin,
            "PublicAccessBlockConfiguration": {name: str(flag).lower() == "true" for name, flag in point.pubc.items()},
            **({"VpcConfiguration": {"VpcId": point.vpc_id}} if point.vpc_id else {}),
        }
        yield recorder.item("AWS::S3::AccessPoint", point.name, point.arn, configuration)


def _regions_points(recorder: Recorder) -> Iterator[JSON]:
    """None, as long as there are none: what their items would hold, and in which region, isn't published."""
    from moto.s3control.models import s3control_backends

    if s3control_backends[recorder.account]["aws"].multi_region_access_points.get(recorder.account):
        raise NotImplementedError("AWS Config has no items of multi-region access points here")
    yield from ()


def _recorders(_recorder: Recorder) -> Iterator[JSON]:
    """None: of its own recorder this Config keeps no items; its status is asked of the service."""
    yield from ()


RECORDED: Mapping[str, Callable[[Recorder], Iterator[JSON]]] = {
    "AWS::CloudFront::Distribution": _distributions,
    "AWS::Config::ConfigurationRecorder": _recorders,
    "AWS::Events::Rule": _event_rules,
    "AWS::IAM::Group": _groups,
    "AWS::IAM::User": _users,
    "AWS::KMS::Alias": _aliases,
    "AWS::KMS::Key": _keys,
    "AWS::Lambda::Function": _functions,
    "AWS::S3::AccessPoint": _access_points,
    "AWS::S3::MultiRegionAccessPoint": _regions_points,
    "AWS::SQS::Queue": _queues,
    "AWS::StepFunctions::StateMachine": _state_machines,
}
"""Resource type: what makes its items."""
