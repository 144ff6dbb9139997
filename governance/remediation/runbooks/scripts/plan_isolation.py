"""What isolating a bucket, a prefix or an object would change, and how to put it back. Changes nothing."""

import hashlib
import json
import re
from typing import Any

import boto3
from botocore.exceptions import ClientError

SID = "IsolatedByAverment"
ACTIONS = ["s3:GetObject*", "s3:PutObject*", "s3:DeleteObject*", "s3:RestoreObject", "s3:Replicate*"]
MAX_POLICY = 20_480


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The new policy, the calls that undo it, and a sentence for people. Versions are covered: ``s3:GetObject*`` is also GetObjectVersion.

    What is isolated already isn't in the way back: put back as it is now it would stay isolated, and the restoring would have succeeded.
    """
    s3 = boto3.client("s3")
    bucket, prefix = events["BucketName"], events["Prefix"]
    if events["Exact"] and not prefix:
        raise ValueError("Exact isolates one object: give its key as Prefix")
    policy = block = None
    try:
        policy = s3.get_bucket_policy(Bucket=events["BucketName"])["Policy"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise
    try:
        block = s3.get_public_access_block(Bucket=events["BucketName"])["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
            raise
    deny = {
        "Sid": SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": ACTIONS,
        "Resource": f"arn:{events['Partition']}:s3:::{bucket}/{_literal(prefix)}{'' if events['Exact'] else '*'}",
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": events["Exempt"]}},
    }
    held = json.loads(policy)["Statement"] if policy else []
    statements = held if isinstance(held, list) else [held]
    isolated = any(str(item.get("Sid", "")).startswith(SID) and {**item, "Sid": SID} == deny for item in statements)
    kept = [item for item in statements if item.get("Sid") != SID or item["Resource"] != deny["Resource"]]
    taken = {item.get("Sid") for item in kept}
    for item in kept:  # isolating one more prefix: ids of statements have to differ
        if item.get("Sid") == SID:
            item["Sid"] = next(free for number in range(len(kept) + 1) if (free := f"{SID}{number}") not in taken)
            taken.add(item["Sid"])
    new = policy if policy and isolated else json.dumps({"Version": "2012-10-17", "Statement": [*kept, deny]})
    if len(new) > MAX_POLICY:
        raise ValueError(f"with the isolation the policy of {bucket} would have {len(new)} characters; S3 takes {MAX_POLICY}")
    undo = _way_back(bucket, policy, block, whole=not prefix, isolated=isolated)
    what = f"s3://{bucket}/{prefix}" if prefix else f"all of s3://{bucket}"
    already = " (it is isolated already: restore the execution that did it)" if isolated else ""
    return {
        "Summary": f"{what}, every version: nobody but {', '.join(events['Exempt'])} may read, write or delete{already}",
        "DryRun": events["DryRun"],
        "NewPolicy": new,
        "Before": hashlib.sha256((policy or "").encode()).hexdigest(),
        "WholeBucket": not prefix,
        "NeedsApproval": bool(events["Approvers"]),
        "Undo": json.dumps(undo),
    }


def _way_back(bucket: str, policy: str | None, block: dict[str, bool] | None, *, whole: bool, isolated: bool) -> list[dict[str, Any]]:
    """The calls that put things back as they are now, but for what is isolated already."""
    undo: list[dict[str, Any]] = []
    if whole and not (isolated and block and all(block.values())):
        undo.append(
            _call("put_public_access_block", Bucket=bucket, PublicAccessBlockConfiguration=block)
            if block
            else _call("delete_public_access_block", Bucket=bucket)
        )
    if not isolated:
        undo.append(_call("put_bucket_policy", Bucket=bucket, Policy=policy) if policy else _call("delete_bucket_policy", Bucket=bucket))
    return undo


def _literal(key: str) -> str:
    """``key`` in a policy's resource: whoever uploads chooses it, and a star, a question mark or ``${...}`` there would mean something else."""
    return re.sub(r"[*?$]", lambda found: f"${{{found[0]}}}", key)


def _call(operation: str, **parameters: Any) -> dict[str, Any]:
    return {"service": "s3", "operation": operation, "parameters": parameters}
