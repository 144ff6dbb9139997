"""SAM connectors: ``AWS::Serverless::Connector`` and a resource's own ``Connectors`` become the policy that they stand for.

Source: the SAM developer guide, "AWS SAM connector reference". Targets that aren't listed here give an unknown statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from averment.policies.graph.model import PropertyPath, Reference, Resource, Unknown

CONNECTOR = "AWS::Serverless::Connector"

_S3_READ = ("GetObject", "GetObjectAcl", "GetObjectLegalHold", "GetObjectRetention", "GetObjectTorrent", "GetObjectVersion", "ListBucket")
_S3_DELETE = ("AbortMultipartUpload", "DeleteObject", "DeleteObjectVersion")
_S3_WRITE = ("PutObject", "PutObjectLegalHold", "PutObjectRetention", "RestoreObject", *_S3_DELETE)
_ALLOWED: Mapping[str, tuple[str, Mapping[str, tuple[str, ...]]]] = {
    "AWS::S3::Bucket": ("s3", {"Read": _S3_READ, "Write": _S3_WRITE}),
    "AWS::SQS::Queue": ("sqs", {"Read": ("ReceiveMessage", "GetQueueAttributes"), "Write": ("DeleteMessage", "SendMessage", "PurgeQueue")}),
    "AWS::SNS::Topic": ("sns", {"Write": ("Publish",)}),
    "AWS::Lambda::Function": ("lambda", {"Write": ("InvokeAsync", "InvokeFunction")}),
    "AWS::Serverless::Function": ("lambda", {"Write": ("InvokeAsync", "InvokeFunction")}),
    "AWS::StepFunctions::StateMachine": ("states", {"Read": ("DescribeExecution",), "Write": ("StartExecution", "StopExecution")}),
    "AWS::Serverless::StateMachine": ("states", {"Read": ("DescribeExecution",), "Write": ("StartExecution", "StopExecution")}),
    "AWS::Events::EventBus": ("events", {"Write": ("PutEvents",)}),
    "AWS::DynamoDB::Table": (
        "dynamodb",
        {"Read": ("GetItem", "Query", "Scan", "BatchGetItem"), "Write": ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem")},
    ),
    "AWS::Serverless::SimpleTable": (
        "dynamodb",
        {"Read": ("GetItem", "Query", "Scan", "BatchGetItem"), "Write": ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem")},
    ),
}
_HOLDERS = {
    "AWS::Serverless::Function": "Role",
    "AWS::Lambda::Function": "Role",
    "AWS::Serverless::StateMachine": "Role",
    "AWS::StepFunctions::StateMachine": "RoleArn",
}
"""Sources that act with a role; for any other, the policy stands on the destination."""


def policies_of(resources: Mapping[str, Resource]) -> Iterator[tuple[Resource, Resource]]:
    """All connectors among ``resources`` (as written, before functions are expanded), or what they stand in, with their managed policies."""
    for resource in resources.values():
        if resource.type == CONNECTOR:
            yield from _policies(resource, resource.properties, resource.get("Source"), resources, ())
        own = resource.properties.get("Connectors")
        for name, connector in own.items() if isinstance(own, dict) else ():
            values = connector.get("Properties") if isinstance(connector, dict) else None
            if isinstance(values, dict):
                yield from _policies(resource, values, {"Id": resource.address.rpartition(".")[2]}, resources, ("Connectors", name))


def _policies(
    at: Resource, values: Mapping[str, Any], source: Any, resources: Mapping[str, Resource], path: PropertyPath
) -> Iterator[tuple[Resource, Resource]]:
    holder = _beside(at, source, resources)
    key = _HOLDERS.get(holder.type) if holder is not None else None
    if holder is None or key is None:
        return  # the destination's own policy names the service that calls it; no principal gains rights
    role = holder.properties.get(key)
    roles = [role] if role is not None else [Reference(f"{holder.address}Role")]
    destinations = values.get("Destination")
    permissions = values.get("Permissions")
    for index, destination in enumerate(destinations if isinstance(destinations, list) else [destinations]):
        statements = [
            _statement(destination, _beside(at, destination, resources), name)
            for name in (permissions if isinstance(permissions, list) else [permissions])
        ]
        document = {"Version": "2012-10-17", "Statement": statements}
        address = f"{at.address}{''.join(str(part) for part in path[1:])}Policy{index or ''}"
        properties = {"PolicyDocument": document, "Roles": roles}
        yield at, replace(at, address=address, type="AWS::IAM::ManagedPolicy", properties=properties, source=at.where(*path), lines={})


def _beside(at: Resource, end: Any, resources: Mapping[str, Resource]) -> Resource | None:
    """The resource that one end of a connector names, in the same template."""
    name = end.get("Id") if isinstance(end, dict) else None
    stack = at.address.rpartition(".")[0]
    return resources.get(f"{stack}.{name}" if stack else str(name)) if name is not None else None


def _statement(destination: Any, target: Resource | None, permission: Any) -> Any:
    kind = target.type if target is not None else destination.get("Type") if isinstance(destination, dict) else None
    service, allowed = _ALLOWED.get(str(kind), ("", {}))
    if permission not in allowed:
        return Unknown(f"what a connector allows ({permission}) on {kind or 'a resource that is not known'} is not expanded")
    where = Reference(target.address, "Arn") if target is not None else destination.get("Arn", Unknown("the destination is not known"))
    places = [where, replace(where, suffix=where.suffix + "/*")] if service == "s3" and isinstance(where, Reference) else [where]
    return {"Effect": "Allow", "Action": [f"{service}:{action}" for action in allowed[permission]], "Resource": places}
