"""What an earlier execution of a runbook wrote down as the way back. Changes nothing."""

import json
from typing import Any

import boto3

PREFIX = "averment-"
DRY = "planned"
"""The step at which a dry run ends. What one wrote down as the way back may be out of date, and would undo what somebody did since."""

RUNNING = {"Pending", "InProgress", "Waiting", "Cancelling"}


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The calls that put back, out of the execution's outputs, which nobody can change. Systems Manager keeps them for 30 days."""
    execution = boto3.client("ssm").get_automation_execution(AutomationExecutionId=events["ExecutionId"])["AutomationExecution"]
    name = execution["DocumentName"]
    if not name.startswith(PREFIX):
        raise ValueError(f"{events['ExecutionId']} executed {name}, which is no runbook of Averment")
    if execution["AutomationExecutionStatus"] in RUNNING:
        raise ValueError(f"{events['ExecutionId']} is still {execution['AutomationExecutionStatus']}")
    if any(step["StepName"] == DRY for step in execution["StepExecutions"]):
        raise ValueError(f"{events['ExecutionId']} was a dry run: it changed nothing")
    undo = execution["Outputs"].get("plan.Undo", ["[]"])[0]
    calls = json.loads(undo)
    if not calls:
        raise ValueError(f"{name} ({events['ExecutionId']}) changed nothing that could be put back")
    what = ", ".join(f"{call['service']}:{call['operation']} of {_resource(call['parameters'])}" for call in calls)
    return {"Summary": f"put back what {name} changed: {what}", "DryRun": events["DryRun"], "Undo": undo}


def _resource(parameters: dict[str, Any]) -> str:
    """What a call is about, for the approver: its short arguments; a policy has its own place in the execution's outputs."""
    told = [str(value) for name, value in parameters.items() if name not in {"Policy", "Tags"} and isinstance(value, str)]
    return " ".join(told)
