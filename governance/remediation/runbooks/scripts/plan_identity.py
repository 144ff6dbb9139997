"""What stopping an identity path would change, and how to put it back. Changes nothing."""

import json
from typing import Any

import boto3


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The mode now, and for ``stopped`` the function's reserved concurrency now, as the calls that bring them back.

    What is so already isn't in the way back: put back as it is now it would stay stopped, and the restoring would have succeeded. Raises
    ValueError for a SecureString: what is read of it here is encrypted, and put back it would be the mode.
    """
    before = boto3.client("ssm").get_parameter(Name=events["ParameterName"])["Parameter"]
    if before["Type"] == "SecureString":
        raise ValueError(f"{events['ParameterName']} is a SecureString, which could not be put back; keep the mode in a String")
    undo: list[dict[str, Any]] = []
    if before["Value"] != events["Mode"]:
        given = {"Name": events["ParameterName"], "Value": before["Value"], "Type": before["Type"], "Overwrite": True}
        undo.append({"service": "ssm", "operation": "put_parameter", "parameters": given})
    stops = events["Mode"] == "stopped" and bool(events["FunctionName"])
    if stops:
        reserved = boto3.client("lambda").get_function_concurrency(FunctionName=events["FunctionName"])
        amount = reserved.get("ReservedConcurrentExecutions")
        given = {"FunctionName": events["FunctionName"]}
        if amount is None:
            undo.append({"service": "lambda", "operation": "delete_function_concurrency", "parameters": given})
        elif amount:
            more = {**given, "ReservedConcurrentExecutions": amount}
            undo.append({"service": "lambda", "operation": "put_function_concurrency", "parameters": more})
    also = f", and {events['FunctionName']} answers nobody" if stops else ""
    also += "" if undo else " (it is so already: restore the execution that did it)"
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
