"""What suspending a role or a user would change, and how to put it back. Changes nothing."""

import json
from typing import Any

import boto3

SUSPENDED = "AvermentSuspended"


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The policies to attach, the keys to disable, and the calls that undo it.

    What is not undone is the revocation of sessions that were open: whoever had one has to sign in again.
    """
    iam = boto3.client("iam")
    role, user = events["RoleName"], events["UserName"]
    if bool(role) is bool(user):
        raise ValueError("name a role or a user: one of the two")
    if role and events["OwnRole"].rpartition("/")[2] == role:
        raise ValueError(f"{role} is the role that this runbook acts as")
    undo: list[dict[str, Any]] = []
    keys: list[str] = []
    if role:
        iam.get_role(RoleName=events["RoleName"])
        held = iam.list_role_policies(RoleName=events["RoleName"])["PolicyNames"]
        if SUSPENDED not in held:
            undo.append(_call("delete_role_policy", RoleName=role, PolicyName=SUSPENDED))
    else:
        held = iam.list_user_policies(UserName=events["UserName"])["PolicyNames"]
        listed = iam.list_access_keys(UserName=events["UserName"])["AccessKeyMetadata"]
        keys = [item["AccessKeyId"] for item in listed if item["Status"] == "Active"]
        if SUSPENDED not in held:
            undo.append(_call("delete_user_policy", UserName=user, PolicyName=SUSPENDED))
        undo += [_call("update_access_key", UserName=user, AccessKeyId=key, Status="Active") for key in keys]
    everything = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    already = " (it is suspended already)" if SUSPENDED in held else ""
    return {
        "Summary": f"deny everything to {'the role ' + role if role else 'the user ' + user}{already}; disable {len(keys)} access keys",
        "DryRun": events["DryRun"],
        "IsRole": bool(role),
        "Keys": keys,
        "HasKeys": bool(keys),
        "Suspension": json.dumps({"Version": "2012-10-17", "Statement": [everything]}),
        "Undo": json.dumps(undo),
    }


def _call(operation: str, **parameters: Any) -> dict[str, Any]:
    return {"service": "iam", "operation": operation, "parameters": parameters}
