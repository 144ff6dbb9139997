"""What lets media in or out by ways that no rule looks at: said once, so that a check which finds nothing isn't taken for having looked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from averment.policies.graph.joined import parsed_description
from averment.policies.graph.model import Resource, Unknown

_GRANTS = "who reads and writes objects by S3 Access Grants is not judged"
_SETS = "what people may do by permission sets of IAM Identity Center is not judged"
_LIGHTSAIL = "who reads and writes the objects of buckets of Lightsail is not judged"
_DIRECTORY = "who reads and writes the objects of directory buckets (S3 Express One Zone) is not judged"
_STREAMS = "whether anybody looks at what is recorded of live streams before it is shown is not judged"
_MAIL = "whether anybody looks at what comes by mail (Amazon SES) before it is shown is not judged"
_BALANCED = "who calls functions behind a load balancer is not judged"

_SAID: Mapping[str, str] = {
    "AWS::IVS::RecordingConfiguration": _STREAMS,
    "AWS::Lightsail::Bucket": _LIGHTSAIL,
    "AWS::S3::AccessGrant": _GRANTS,
    "AWS::S3Express::DirectoryBucket": _DIRECTORY,
    "AWS::SSO::PermissionSet": _SETS,
    "aws_ivs_recording_configuration": _STREAMS,
    "aws_lightsail_bucket": _LIGHTSAIL,
    "aws_s3_directory_bucket": _DIRECTORY,
    "aws_s3control_access_grant": _GRANTS,
    "aws_ssoadmin_customer_managed_policy_attachment": _SETS,
    "aws_ssoadmin_managed_policy_attachment": _SETS,
    "aws_ssoadmin_permission_set_inline_policy": _SETS,
}
"""By type, in the words of CloudFormation and of Terraform."""
_GROUPS = {
    "AWS::ElasticLoadBalancingV2::TargetGroup": "TargetType",
    "aws_alb_target_group": "target_type",
    "aws_lb_target_group": "target_type",
}


def unjudged(kind: str, values: Mapping[str, Any]) -> str | None:
    """What to say of a resource of the type ``kind`` with ``values``, if it is such a way."""
    if kind in _GROUPS:
        return _BALANCED if values.get(_GROUPS[kind]) == "lambda" else None
    if kind == "AWS::SES::ReceiptRule":
        rule = values.get("Rule")
        actions = rule.get("Actions") if isinstance(rule, Mapping) else None
        open_or_kept = (not isinstance(action, Mapping) or "S3Action" in action for action in actions) if isinstance(actions, list) else ()
        return _MAIL if any(open_or_kept) or isinstance(actions, Unknown) else None
    if kind == "aws_ses_receipt_rule":
        return _MAIL if values.get("s3_action") else None
    return _SAID.get(kind)


_APIS = frozenset({"AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api"})
UNDESCRIBED = "what it answers is described in what was not read: not judged"


def undescribed(resources: Mapping[str, Resource]) -> Iterator[Resource]:
    """APIs whose description stands elsewhere, is no JSON or YAML, or isn't known: who is let in by it can't be told."""
    for api in resources.values():
        if api.type in _APIS:
            written = [parsed_description(api.get(key)) for key in ("Body", "DefinitionBody")]
            elsewhere = any(api.get(key) is not None for key in ("DefinitionUri", "BodyS3Location"))
            if elsewhere or any(body is not None and not isinstance(body, Mapping) for body in written):
                yield api
