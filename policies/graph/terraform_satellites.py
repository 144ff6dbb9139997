"""Terraform's resources that are settings of another one: what each belongs to, and how its words go into its owner.

The table is the whole list. An owner that isn't among what was read appears in the graph with these settings, where rules judge a
setting by itself (``outside``); where they don't, the satellite is said not to have been judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from averment.policies.graph import outside, terraform_s3, terraform_tables
from averment.policies.graph.joined import parsed_description
from averment.policies.graph.terraform_map import Fields, Mapped, TerraformResource
from averment.policies.graph.text import parsed_json


@dataclass(frozen=True)
class Satellite:
    """``link`` is the attribute that names the owner, ``owner`` the owner's type, ``name`` its property that may be named.

    ``outside``: an owner that wasn't read is judged by what is set here. ``entry`` is the list in the owner to which this adds one.
    """

    link: str
    owner: str
    name: str
    fill: Callable[[TerraformResource], Mapped]
    outside: bool = False
    entry: str = ""


def _filled(fields: Fields) -> Callable[[TerraformResource], Mapped]:
    def fill(item: TerraformResource) -> Mapped:
        out = Mapped(item.places)
        out.fill(item.values, fields, rest=False)
        return out

    return fill


def _document(key: str, attribute: str, read: Callable[[Any], Any] = parsed_json) -> Callable[[TerraformResource], Mapped]:
    def fill(item: TerraformResource) -> Mapped:
        out = Mapped(item.places)
        out.put((key,), read(item.values.get(attribute)), (attribute,))
        return out

    return fill


def _notification(item: TerraformResource) -> Mapped:
    out = Mapped(item.places)
    out.properties["NotificationConfiguration"] = terraform_s3.notification(item.values)
    return out


def _target(item: TerraformResource) -> Mapped:
    out = Mapped(item.places)
    out.fill(item.values, terraform_tables.TARGET)
    return out


def _grant(item: TerraformResource) -> Mapped:
    """A KMS grant as the statement that it amounts to."""
    out = Mapped(item.places)
    words = item.values.get("operations")
    actions = [f"kms:{word}" if isinstance(word, str) else word for word in (words if isinstance(words, list) else [words])]
    who = item.values.get("grantee_principal")
    out.properties["Statement"] = [{"Effect": "Allow", "Principal": {"AWS": who}, "Action": actions, "Resource": "*"}]
    out.lines[("Statement",)] = item.source
    return out


def _of_bucket(fill: Callable[[TerraformResource], Mapped]) -> Satellite:
    return Satellite("bucket", outside.BUCKET, outside.NAMES[outside.BUCKET], fill, outside=True)


SATELLITES: Mapping[str, Satellite] = {
    **{kind: _of_bucket(_filled(fields)) for kind, fields in terraform_s3.SETTINGS.items()},
    "aws_s3_bucket_notification": _of_bucket(_notification),
    "aws_kms_key_policy": Satellite("key_id", outside.KEY, outside.NAMES[outside.KEY], _document("KeyPolicy", "policy"), outside=True),
    "aws_s3control_access_point_policy": Satellite("access_point_arn", "AWS::S3::AccessPoint", "Name", _document("Policy", "policy")),
    "aws_sqs_queue_redrive_policy": Satellite("queue_url", "AWS::SQS::Queue", "QueueName", _document("RedrivePolicy", "redrive_policy")),
    "aws_api_gateway_rest_api_policy": Satellite("rest_api_id", "AWS::ApiGateway::RestApi", "Name", _document("Policy", "policy")),
    "aws_api_gateway_rest_api_put": Satellite(
        "rest_api_id", "AWS::ApiGateway::RestApi", "Name", _document("Body", "body", parsed_description)
    ),
    "aws_kms_grant": Satellite("key_id", outside.KEY, outside.NAMES[outside.KEY], _grant, outside=True, entry="Grants"),
    "aws_cloudwatch_event_target": Satellite("rule", "AWS::Events::Rule", "Name", _target, entry="Targets"),
}
