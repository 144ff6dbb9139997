"""Puts what the shop's code describes into the embedded AWS, so that the run-time side has something to look at.

The CloudFormation template is deployed as it stands. The Terraform has no Terraform to run it here: its resource graph, which is in
CloudFormation's vocabulary already, is written as a template and deployed the same way. What can't be resolved stays out, and is counted.
"""

from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from averment.core.aws import aws_errors, client
from averment.core.errors import IncompleteError
from averment.policies.graph.model import Graph, Reference, Resource, find_unknown

DEPLOYED_TYPES = (
    "AWS::Events::Rule",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Role",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
)
"""What of a Terraform graph is deployed: the types that moto's CloudFormation creates and that the demo looks at."""

_BESIDES = ("AWS::CloudFront::Distribution", "AWS::IAM::Policy", "AWS::KMS::Key", "AWS::S3::BucketPolicy")
"""What is created by calls of its own, because moto's CloudFormation can't, or not wholly."""


@dataclass(frozen=True)
class Stack:
    """What was created: physical ids by address, and what was left out with the reason."""

    name: str
    physical: Mapping[str, str]
    left_out: tuple[str, ...] = ()


def deploy_graph(name: str, graph: Graph) -> Stack:
    """Create the resources of ``graph`` as the CloudFormation stack ``name``.

    Raises:
        IncompleteError: the embedded CloudFormation refused the stack.
    """
    logical = {resource.address: logical_id(resource.address) for resource in graph.of_type(*DEPLOYED_TYPES)}
    left_out: list[str] = []
    resources: dict[str, Any] = {}
    for resource in graph.of_type(*DEPLOYED_TYPES, *_BESIDES):
        missing = next(find_unknown(dict(resource.properties)), None)
        if missing is not None:
            left_out.append(f"{resource.address}: {missing.reason}")
            continue
        if resource.type in DEPLOYED_TYPES:
            resources[logical[resource.address]] = {"Type": resource.type, "Properties": _render(_plain_properties(resource), logical)}
    physical = _create(name, {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources})
    back = {ours: address for address, ours in logical.items()}
    known = {back[ours]: value for ours, value in physical.items()} | create_keys(graph)
    known |= create_distributions(graph, known)
    Finisher(graph, known).finish()
    others = Counter(item.type for item in graph if item.type not in (*DEPLOYED_TYPES, *_BESIDES))
    if others:
        left_out.append("what no rule of this demo asks for at run time: " + ", ".join(f"{n} {kind}" for kind, n in sorted(others.items())))
    return Stack(name, known, tuple(left_out))


def deploy_template(name: str, path: Path, graph: Graph) -> Stack:
    """Create the stack ``name`` from the template at ``path``, whose graph is ``graph``.

    Raises:
        IncompleteError: the embedded CloudFormation refused the stack.
    """
    put_code(graph)
    physical = _create(name, path.read_text(encoding="utf-8"))
    Finisher(graph, physical).finish()
    left_out = [f"{item.address}: the embedded CloudFormation has no {item.type}" for item in graph if item.address not in physical]
    return Stack(name, physical, tuple(left_out))


def create_keys(graph: Graph) -> dict[str, str]:
    """The KMS keys of ``graph``, created through KMS (moto's CloudFormation ignores the key spec): key ids by address.

    Raises:
        IncompleteError: a call was refused.
    """
    created = {}
    for key in graph.of_type("AWS::KMS::Key"):
        with aws_errors(f"create the key {key.address}"):
            answer = client("kms").create_key(
                Description=str(key.get("Description") or ""),
                KeyUsage=key.get("KeyUsage") or "ENCRYPT_DECRYPT",
                KeySpec=key.get("KeySpec") or "SYMMETRIC_DEFAULT",
            )
        created[key.address] = str(answer["KeyMetadata"]["KeyId"])
    return created


def create_distributions(graph: Graph, physical: Mapping[str, str]) -> dict[str, str]:
    """The CloudFront distributions of ``graph`` in front of the buckets of ``physical``: ids by address.

    Origins and where each path leads, without which a rule at run time would take every bucket for unserved. Functions of
    behaviours are left out: moto doesn't keep them.

    Raises:
        IncompleteError: a call was refused.
    """
    created = {}
    region = client("s3").meta.region_name
    for distribution in graph.of_type("AWS::CloudFront::Distribution"):
        settings = distribution.get("DistributionConfig")
        origins = [_origin(origin, physical, region) for origin in settings["Origins"]]
        behaviours = [{**_behaviour(entry), "PathPattern": entry["PathPattern"]} for entry in settings.get("CacheBehaviors") or ()]
        configuration = {
            "CallerReference": distribution.address,
            "Comment": distribution.address,
            "Enabled": True,
            "Origins": {"Quantity": len(origins), "Items": origins},
            "DefaultCacheBehavior": _behaviour(settings["DefaultCacheBehavior"]),
            "CacheBehaviors": {"Quantity": len(behaviours), "Items": behaviours},
        }
        with aws_errors(f"create the distribution {distribution.address}"):
            answer = client("cloudfront").create_distribution(DistributionConfig=configuration)
        created[distribution.address] = str(answer["Distribution"]["Id"])
    return created


def _origin(origin: Mapping[str, Any], physical: Mapping[str, str], region: str) -> dict[str, Any]:
    domain = origin["DomainName"]
    if isinstance(domain, Reference):
        domain = f"{physical[domain.address]}.s3.{region}.amazonaws.com"
    return {"Id": origin["Id"], "DomainName": domain, "S3OriginConfig": {"OriginAccessIdentity": ""}}


def _behaviour(behaviour: Mapping[str, Any]) -> dict[str, Any]:
    return {key: behaviour[key] for key in ("TargetOriginId", "ViewerProtocolPolicy", "CachePolicyId") if key in behaviour}


def logical_id(address: str) -> str:
    """A CloudFormation logical id (letters and digits) that is unique for ``address``."""
    return "".join(part.capitalize() for part in re.split(r"[^A-Za-z0-9]+", address))


class Finisher:
    """Sets what moto's CloudFormation leaves out: buckets' versioning, public access block, notifications and policies, and roles'
    inline policies (which it keeps as the text of a Python dict)."""

    def __init__(self, graph: Graph, physical: Mapping[str, str]) -> None:
        self._graph = graph
        self._physical = physical
        self._account = client("sts").get_caller_identity()["Account"]
        self._region = client("s3").meta.region_name

    def finish(self) -> None:
        """Set everything.

        Raises:
            IncompleteError: a call was refused.
        """
        s3, iam = client("s3"), client("iam")
        for bucket in self._graph.of_type("AWS::S3::Bucket"):
            self._bucket(s3, bucket)
        for policy in self._graph.of_type("AWS::S3::BucketPolicy"):
            if next(find_unknown(dict(policy.properties)), None) is None:
                name = self._text(policy.get("Bucket"))
                with aws_errors(f"put the policy of the bucket {name}"):
                    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(self._resolve(policy.get("PolicyDocument"))))
        for role in self._graph.of_type("AWS::IAM::Role"):
            for inline in role.get("Policies") or ():
                self._role_policy(iam, self._physical[role.address], inline)
            for arn in role.get("ManagedPolicyArns") or ():
                with aws_errors(f"attach {arn} to the role {role.address}"):
                    iam.attach_role_policy(RoleName=self._physical[role.address], PolicyArn=arn)
        for policy in self._graph.of_type("AWS::IAM::Policy"):
            for role_name in policy.get("Roles") or ():
                self._role_policy(iam, self._text(role_name), policy.properties)

    def _bucket(self, s3: Any, bucket: Resource) -> None:
        name = self._physical[bucket.address]
        with aws_errors(f"configure the bucket {name}"):
            if bucket.get("VersioningConfiguration", "Status") == "Enabled":
                s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
            if isinstance(block := bucket.get("PublicAccessBlockConfiguration"), Mapping):
                s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict(block))
            if bucket.get("NotificationConfiguration", "EventBridgeConfiguration") is not None:
                s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})

    def _role_policy(self, iam: Any, role: str, policy: Mapping[str, Any]) -> None:
        with aws_errors(f"put the policy {policy['PolicyName']} of the role {role}"):
            document = json.dumps(self._resolve(policy["PolicyDocument"]))
            iam.put_role_policy(RoleName=role, PolicyName=policy["PolicyName"], PolicyDocument=document)

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, Reference):
            return self._text(value)
        if isinstance(value, Mapping):
            return {key: self._resolve(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._resolve(item) for item in value]
        return value

    def _text(self, value: Any) -> str:
        if not isinstance(value, Reference):
            return str(value)
        target = self._graph.get(value.address)
        kind = target.type if target else ""
        physical = self._physical.get(value.address, f"not-deployed-{logical_id(value.address)}")
        wants_arn = value.attribute.lower().endswith("arn")
        core = self._arn(kind, physical) if wants_arn and not physical.startswith("arn:") else physical
        return f"{value.prefix}{core}{value.suffix}"

    def _arn(self, kind: str, physical: str) -> str:
        last = physical.rsplit("/", 1)[-1]
        return {
            "AWS::S3::Bucket": f"arn:aws:s3:::{physical}",
            "AWS::IAM::Role": f"arn:aws:iam::{self._account}:role/{physical}",
            "AWS::SQS::Queue": f"arn:aws:sqs:{self._region}:{self._account}:{last}",
            "AWS::KMS::Key": f"arn:aws:kms:{self._region}:{self._account}:key/{physical}",
            "AWS::CloudFront::Distribution": f"arn:aws:cloudfront::{self._account}:distribution/{physical}",
            "AWS::Events::Rule": f"arn:aws:events:{self._region}:{self._account}:rule/{physical}",
        }.get(kind, physical)


def put_code(graph: Graph) -> None:
    """An archive for every function whose code lies in S3: CloudFormation wants to see it there."""
    s3 = client("s3")
    for function in graph.of_type("AWS::Lambda::Function"):
        bucket, key = function.get("Code", "S3Bucket"), function.get("Code", "S3Key")
        if isinstance(bucket, str) and isinstance(key, str):
            with aws_errors(f"put the code of {function.address} into s3://{bucket}/{key}"):
                s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
                s3.put_object(Bucket=bucket, Key=key, Body=_archive())


def create_function(name: str, principal: str) -> str:
    """A Lambda function that ``principal`` may invoke; its ARN. The embedded AWS calls the real handler in its place.

    Raises:
        IncompleteError: a call was refused.
    """
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    functions = client("lambda")
    with aws_errors(f"create the function {name}"):
        role = client("iam").create_role(
            RoleName=f"{name}-function", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )["Role"]["Arn"]
        created = functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=role,
            Handler="averment.policies.runtime.handler.handler",
            Code={"ZipFile": _archive()},
        )
        functions.add_permission(FunctionName=name, StatementId="config", Action="lambda:InvokeFunction", Principal=principal)
    return str(created["FunctionArn"])


def _archive() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("worker.py", "def handler(event, context):\n    return {}\n")
    return archive.getvalue()


def _create(name: str, template: Mapping[str, Any] | str) -> dict[str, str]:
    body = template if isinstance(template, str) else json.dumps(template)
    cloudformation = client("cloudformation")
    with aws_errors(f"create the stack {name}"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # moto warns of each type that it skips; what it created is listed below
        cloudformation.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])
        status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if status["StackStatus"] != "CREATE_COMPLETE":
            raise IncompleteError(f"the stack {name} came out as {status['StackStatus']}: {status.get('StackStatusReason', '')}")
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        listed = [resource for page in pages for resource in page["StackResourceSummaries"]]
    return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in listed if item.get("LogicalResourceId")}


def _plain_properties(resource: Resource) -> dict[str, Any]:
    properties = dict(resource.properties)
    if resource.type == "AWS::S3::Bucket":  # the rest is set by the Finisher
        return {key: value for key, value in properties.items() if key in {"BucketName", "Tags"}}
    if resource.type == "AWS::IAM::Role":
        properties.pop("Policies", None)
    if resource.type == "AWS::Events::Rule":  # Terraform's provider makes up an id for a target that has none
        targets = properties.get("Targets") or []
        properties["Targets"] = [{"Id": f"target-{number}", **target} for number, target in enumerate(targets)]
    return properties


def _render(value: Any, logical: Mapping[str, str]) -> Any:
    """``value`` as template JSON: references become ``Ref``, ``Fn::GetAtt`` or ``Fn::Join``."""
    if isinstance(value, Reference):
        return _reference(value, logical)
    if isinstance(value, Mapping):
        return {key: _render(item, logical) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_render(item, logical) for item in value]
    return value  # never Unknown: resources with unknown values are left out before


def _reference(value: Reference, logical: Mapping[str, str]) -> Any:
    target = logical.get(value.address)
    if target is None:
        return f"{value.prefix}not-deployed-{logical_id(value.address)}{value.suffix}"
    core: Any = {"Ref": target} if value.attribute == "Ref" else {"Fn::GetAtt": [target, value.attribute]}
    return {"Fn::Join": ["", [value.prefix, core, value.suffix]]} if value.prefix or value.suffix else core
