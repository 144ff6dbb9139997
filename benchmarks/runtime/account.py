"""A made-up account, as AWS Config records it: buckets with their policies, roles, keys with their aliases.

Written for the benchmark. The spelling is that of AWS Config's items (``policies/surfaces/config/items.py``); a third of the buckets
hold media, one in fifty of those has something wrong with it, and each role may write to one bucket by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from averment.core.scope import MediaMatcher, MediaRole, Scope

ACCOUNT, REGION = "123456789012", "eu-west-1"
MOMENT = "2026-11-23T08:00:00.000Z"
SCOPE = Scope(
    accounts=(ACCOUNT,),
    organisation_id="o-exampleorg1",
    media=(MediaMatcher(MediaRole.UPLOAD, {"data-class": "ugc"}, ("*-uploads-*",)),),
)

Item = dict[str, Any]


def items(rule: str, number: int) -> Iterator[Item]:
    """``number`` items of the types that ``rule`` judges or looks at: the subjects first, a fifth of them what stands beside."""
    beside = number // 5
    if rule == "signing-key-fit":
        keys = number - beside
        yield from (key(index) for index in range(keys))
        yield from (alias(index) for index in range(beside // 2))
        yield from (role(index, keys, "kms:Decrypt", key_arn(index)) for index in range(beside - beside // 2))
        return
    buckets = number - beside if rule == "s3-put-object-gated" else number
    yield from (bucket(index) for index in range(buckets))
    for index in range(number - buckets):
        yield role(index, buckets, "s3:PutObject", f"arn:aws:s3:::{bucket_name(index * 4 % buckets)}/in/*")


def envelope(kind: str, identity: str, arn: str, configuration: Item, supplementary: Item | None = None, **tags: str) -> Item:
    """The item around a configuration."""
    return {
        "version": "1.3",
        "accountId": ACCOUNT,
        "awsRegion": REGION,
        "configurationItemCaptureTime": MOMENT,
        "configurationItemStatus": "OK",
        "resourceType": kind,
        "resourceId": identity,
        "resourceName": identity,
        "arn": arn,
        "tags": tags,
        "relationships": [],
        "configuration": json.dumps(configuration),
        "supplementaryConfiguration": {name: json.dumps(value) for name, value in (supplementary or {}).items()},
    }


def bucket_name(index: int) -> str:
    """Every third bucket takes uploads by its name."""
    return f"acme-{'uploads' if index % 3 == 0 else 'records'}-{index:06d}"


def bucket(index: int) -> Item:
    """A bucket with its policy, versions and access block; of every fiftieth one of the three is missing."""
    name, broken = bucket_name(index), index % 50 == 0
    arn = f"arn:aws:s3:::{name}"
    refused = {
        "Sid": "RefusePlainHttp",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    writer = "*" if broken else {"AWS": f"arn:aws:iam::{ACCOUNT}:role/writer-{index:06d}"}
    granted = {"Sid": "Write", "Effect": "Allow", "Principal": writer, "Action": "s3:PutObject", "Resource": f"{arn}/in/*"}
    policy = {"Version": "2012-10-17", "Statement": [granted] if broken else [refused, granted]}
    names = ("blockPublicAcls", "ignorePublicAcls", "blockPublicPolicy", "restrictPublicBuckets")
    supplementary = {
        "AccessControlList": {"grantSet": None, "grantList": [{"grantee": {"id": "0" * 64}, "permission": "FullControl"}]},
        "BucketLifecycleConfiguration": {"rules": [{"id": "old", "status": "Enabled", "expirationInDays": 400}]},
        "BucketNotificationConfiguration": {"configurations": {}, "eventBridgeConfiguration": {}},
        "BucketPolicy": {"policyText": json.dumps(policy)},
        "BucketVersioningConfiguration": {"status": "Enabled"},
        "PublicAccessBlockConfiguration": dict.fromkeys(names, True),
        "ServerSideEncryptionConfiguration": {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}]},
    }
    configuration = {"name": name, "owner": {"id": "0" * 64}, "creationDate": MOMENT}
    return envelope("AWS::S3::Bucket", name, arn, configuration, supplementary, team=f"team-{index % 40}")


def role(index: int, others: int, action: str, resource: str) -> Item:
    """A role that may do ``action`` on ``resource``, for a function."""
    name = f"worker-{index:06d}"
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": [action, "logs:PutLogEvents"], "Resource": resource}]}
    configuration = {
        "roleName": name,
        "roleId": f"AROA{index:017d}",
        "path": "/",
        "arn": arn,
        "assumeRolePolicyDocument": quote(json.dumps(trust)),
        "rolePolicyList": [{"policyName": "work", "policyDocument": quote(json.dumps(policy))}],
        "attachedManagedPolicies": [],
    }
    return envelope("AWS::IAM::Role", f"AROA{index:017d}", arn, configuration, of=str(others))


def key_id(index: int) -> str:
    """The id of a key."""
    return f"00000000-0000-4000-8000-{index:012d}"


def key_arn(index: int) -> str:
    """The ARN of a key."""
    return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key_id(index)}"


def key(index: int) -> Item:
    """A key: every tenth signs, the others encrypt; the policy of every fiftieth is open to anyone."""
    signs = index % 10 == 0
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    anyone = [{"Sid": "Anyone", "Effect": "Allow", "Principal": "*", "Action": "kms:Sign", "Resource": "*"}] if index % 50 == 0 else []
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}, *anyone]}
    configuration = {
        "keyId": key_id(index),
        "arn": key_arn(index),
        "description": f"of service {index % 40}",
        "keyUsage": "SIGN_VERIFY" if signs else "ENCRYPT_DECRYPT",
        "customerMasterKeySpec": "ECC_NIST_P256" if signs else "SYMMETRIC_DEFAULT",
        "keyState": "Enabled",
    }
    return envelope("AWS::KMS::Key", key_id(index), key_arn(index), configuration, {"Policy": json.dumps(policy)})


def alias(index: int) -> Item:
    """An alias of the key of the same number."""
    name = f"alias/service-{index:06d}"
    arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:{name}"
    return envelope("AWS::KMS::Alias", name, arn, {"AliasName": name, "TargetKeyId": key_id(index)})
