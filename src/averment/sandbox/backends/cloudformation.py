"""CloudFormation: what moto makes of a template but leaves half of out is made as the template says it.

A key has its KeySpec and KeyUsage (moto: always a symmetric one), a bucket its versioning and Object Lock, a function from an image its
command, and its variables as text (moto keeps numbers), a document of Systems Manager its content as text (moto: an object). What is
``AWS::NoValue`` is left out (moto: null). Everything else is moto's, also which types it lacks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.awslambda.models import ImageConfig, LambdaFunction
from moto.cloudformation import parsing
from moto.cloudformation.urls import url_paths
from moto.kms.models import Key, kms_backends
from moto.s3.models import FakeBucket, s3_backends
from moto.ssm.models import Document
from moto.utilities.utils import get_partition

__all__ = ["url_paths"]


_moto_clean = parsing.clean_json


def _clean(value: Any, resources: Any) -> Any:
    """moto's value of a part of a template, without what has none; moto's own recursion comes by here as well."""
    found = _moto_clean(value, resources)
    if isinstance(found, list):
        return [item for item in found if item is not None]
    return {key: item for key, item in found.items() if item is not None} if isinstance(found, dict) else found


def _key(_moto: Callable[..., Any], _cls: Any, _name: str, resource: dict[str, Any], account_id: str, region_name: str, **_: Any) -> Any:
    properties = resource["Properties"]
    key = kms_backends[account_id][region_name].create_key(
        policy=properties["KeyPolicy"],
        key_usage=properties.get("KeyUsage", "ENCRYPT_DECRYPT"),
        key_spec=properties.get("KeySpec", "SYMMETRIC_DEFAULT"),
        description=properties.get("Description"),
        tags=properties.get("Tags", []),
    )
    key.key_rotation_status = properties.get("EnableKeyRotation", False)
    key.enabled = properties.get("Enabled", True)
    return key


def _bucket(moto: Callable[..., Any], cls: Any, name: str, resource: dict[str, Any], account_id: str, region_name: str, **more: Any) -> Any:
    bucket = moto(cls, name, resource, account_id, region_name, **more)
    properties = resource.get("Properties", {})
    if "VersioningConfiguration" in properties:
        s3_backends[account_id][get_partition(region_name)].put_bucket_versioning(name, properties["VersioningConfiguration"]["Status"])
    bucket.object_lock_enabled = str(properties.get("ObjectLockEnabled", False)).lower() == "true"
    return bucket


def _function(moto: Callable[..., Any], cls: Any, name: str, resource: dict[str, Any], *arguments: Any, **more: Any) -> Any:
    function = moto(cls, name, resource, *arguments, **more)
    properties = resource["Properties"]
    function.package_type = properties.get("PackageType", function.package_type)
    function.image_config = ImageConfig(properties.get("ImageConfig", {}))
    function.environment_vars = {variable: str(value) for variable, value in function.environment_vars.items()}
    return function


def _document(moto: Callable[..., Any], cls: Any, name: str, resource: dict[str, Any], *arguments: Any, **more: Any) -> Any:
    properties = resource["Properties"]
    content = properties.get("Content")
    text = content if isinstance(content, str) else json.dumps(content)
    return moto(cls, name, {**resource, "Properties": {**properties, "Content": text}}, *arguments, **more)


def _correct(model: Any, ours: Callable[..., Any]) -> None:
    moto = model.create_from_cloudformation_json.__func__

    def create(cls: Any, *arguments: Any, **more: Any) -> Any:
        return ours(moto, cls, *arguments, **more)

    model.create_from_cloudformation_json = classmethod(create)


parsing.clean_json = _clean
for _model, _ours in ((Key, _key), (FakeBucket, _bucket), (LambdaFunction, _function), (Document, _document)):
    _correct(_model, _ours)
