"""See that a bucket's policy is still the one that a plan was made on: an approval may take an hour. Changes nothing."""

import hashlib
from typing import Any

import boto3
from botocore.exceptions import ClientError


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """``Before``: the SHA-256 of the policy as the plan saw it. Raises ValueError if it is another one now, which the planned one would undo."""
    policy = ""
    try:
        policy = boto3.client("s3").get_bucket_policy(Bucket=events["BucketName"])["Policy"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise
    if hashlib.sha256(policy.encode()).hexdigest() != events["Before"]:
        raise ValueError(f"the policy of {events['BucketName']} was changed since this was planned; nothing was done: run it again")
    return {"Unchanged": True}
