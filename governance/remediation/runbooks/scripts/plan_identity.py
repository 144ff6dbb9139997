"""What stopping an identity path would change, and how to put it back. Changes nothing."""

import json
from typing import Any

import boto3


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The mode now, and for ``stopped`` the function's reserved concurrency now, as the calls that bring them back.

    Raises ValueError for a SecureString: what is read of it here is encrypted, and put back it would be the mode.
    """
    before = boto3.client("ssm").get_parameter(Name=events["ParameterName"])["Parameter"]
    if before["Type"] == "SecureString":
        raise ValueError(f"{events['ParameterName']} is a SecureString, which could not be put back; keep the mode in a String")
    undo = [
        {
            "service": "ssm",
            "operation": "put_parameter",
            "parameters": {"Name": events["ParameterName"], "Value": before["Value"], "Type": before["Type"], "Overwrite": True},
        }
    ]
    stops = events["Mode"] == "stopped" and bool(events["FunctionName"])
    if stops:
        reserved = boto3.client("lambda").get_function_concurrency(FunctionName=events["FunctionName"])
        amount = reserved.get("ReservedConcurrentExecutions")
        given = {"FunctionName": events["FunctionName"]}
        if amount is None:
            undo.append({"service": "lambda", "operation": "delete_function_concurrency", "parameters": given})
        else:
            more = {**given, "ReservedConcurrentExecutions": amount}
            undo.append({"service": "lambda", "operation": "put_function_concurrency", "parameters": more})
    also = f", and {events['FunctionName']} answers nobody" if stops else ""
    return {
        "Summary": f"{events['ParameterName']}: from '{_short(before['Value'])}' to '{events['Mode']}'{also}",
        "DryRun": events["DryRun"],
        "Type": before["Type"],
        "StopsFunction": stops,
        "Undo": json.dumps(undo),
    }


def _short(value: str) -> str:
    """``value`` for the summary, which asks for the approval and may have 4,096 characters; a parameter may have twice as many."""
    return value if len(value) <= 200 else f"{value[:200]}…"
