"""What pausing an endpoint or a pipeline would change, and how to put it back. Changes nothing."""

import json
from typing import Any

import boto3


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The state now, as the calls that bring it back. An endpoint is deleted and made again from its configuration, which stays."""
    plan = {"endpoint": _endpoint, "event-source": _event_source, "rule": _rule, "function": _function}[events["Kind"]]
    summary, undo = plan(events)
    return {"Summary": summary, "DryRun": events["DryRun"], "Undo": json.dumps(undo)}


def _endpoint(events: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    sagemaker = boto3.client("sagemaker")
    found = sagemaker.describe_endpoint(EndpointName=events["Name"])
    sagemaker.describe_endpoint_config(EndpointConfigName=found["EndpointConfigName"])
    held = sagemaker.list_tags(ResourceArn=found["EndpointArn"])["Tags"]
    tags = [tag for tag in held if not tag["Key"].lower().startswith("aws:")]  # those of CloudFormation, which nobody else may give
    given = {"EndpointName": events["Name"], "EndpointConfigName": found["EndpointConfigName"], "Tags": tags}
    return f"delete the endpoint {events['Name']}; its configuration {found['EndpointConfigName']} stays", [
        {"service": "sagemaker", "operation": "create_endpoint", "parameters": given}
    ]


def _event_source(events: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    state = boto3.client("lambda").get_event_source_mapping(UUID=events["Name"])["State"]
    given = {"UUID": events["Name"], "Enabled": True}
    on = state in {"Enabled", "Enabling", "Creating", "Updating"}
    undo = [{"service": "lambda", "operation": "update_event_source_mapping", "parameters": given}] if on else []
    return f"disable the event source {events['Name']}, which is {state}; what comes in waits in its queue", undo


def _rule(events: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    state = boto3.client("events").describe_rule(Name=events["Name"])["State"]
    undo = [{"service": "events", "operation": "enable_rule", "parameters": {"Name": events["Name"]}}] if state != "DISABLED" else []
    less = "" if state in {"ENABLED", "DISABLED"} else "; restore makes it ENABLED alone"
    return f"disable the rule {events['Name']}, which is {state}; events meanwhile are lost{less}", undo


def _function(events: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    amount = boto3.client("lambda").get_function_concurrency(FunctionName=events["Name"]).get("ReservedConcurrentExecutions")
    if amount == 0:  # put back as it is now it would go on answering nobody
        return f"let the function {events['Name']} answer nobody (it does so already: restore the execution that did it)", []
    given: dict[str, Any] = {"FunctionName": events["Name"]}
    operation = "delete_function_concurrency" if amount is None else "put_function_concurrency"
    more = {} if amount is None else {"ReservedConcurrentExecutions": amount}
    return f"let the function {events['Name']} answer nobody", [
        {"service": "lambda", "operation": operation, "parameters": {**given, **more}}
    ]
