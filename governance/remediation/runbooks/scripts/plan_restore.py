"""What an earlier execution of a runbook wrote down as the way back, if it is what was written down elsewhere then. Changes nothing."""

import hashlib
import json
import re
from typing import Any

import boto3
from botocore.exceptions import ClientError

ISOLATED = "IsolatedByAverment"
"""How the ids of the statements begin by which a bucket, or a part of it, is isolated."""

DRY = "planned"
"""The step at which a dry run ends. What one wrote down as the way back may be out of date, and would undo what somebody did since."""

LOOKS = {"plan", "unchanged", "moment"}
"""Steps that only look; branches, approvals and pauses do nothing either."""

RUNNING = {"Pending", "InProgress", "Waiting", "Cancelling"}


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The calls that put back, out of the execution's outputs. Systems Manager keeps them for 30 days.

    Anybody who may create documents can name one as ours and write calls into its outputs. So the document has to be one of ``Runbooks``, by its
    whole name; the outputs have to have the digest ``UndoSha256``, which the responder has from the ledger; and the calls have to be of the
    kind that this runbook's way back has. And something has to have been changed, and not put back already: the state of then would be written
    over what others did since. So it would be over an isolation of something else in the same bucket. Raises ValueError with the reason otherwise.
    """
    execution = boto3.client("ssm").get_automation_execution(AutomationExecutionId=events["ExecutionId"])["AutomationExecution"]
    name = execution["DocumentName"]
    if name not in events["Runbooks"]:
        raise ValueError(f"{events['ExecutionId']} executed {name}, which is no runbook of Averment that can be restored")
    if execution["AutomationExecutionStatus"] in RUNNING:
        raise ValueError(f"{events['ExecutionId']} is still {execution['AutomationExecutionStatus']}")
    if any(step["StepName"] == DRY for step in execution["StepExecutions"]):
        raise ValueError(f"{events['ExecutionId']} was a dry run: it changed nothing")
    kept = execution["Outputs"].get("plan.Undo")
    if not kept or kept[0].startswith("No output available yet"):  # what stands there when the plan failed
        raise ValueError(f"{name} ({events['ExecutionId']}) wrote down no way back: its outputs have no plan.Undo; undo it by hand")
    undo = kept[0]
    if undo == "[]":  # no digest is told of it
        raise ValueError(
            f"{name} ({events['ExecutionId']}) changed nothing that could be put back: what was so before, another execution did"
        )
    digest = hashlib.sha256(undo.encode()).hexdigest()
    if digest != events["UndoSha256"]:
        raise ValueError(
            f"the way back of {name} ({events['ExecutionId']}) is not the one that was written down: its SHA-256 is {digest}, not "
            f"{events['UndoSha256']}; look who ran what before anything is restored"
        )
    calls = json.loads(undo)
    strange = sorted({f"{call['service']}:{call['operation']}" for call in calls} - set(events["Runbooks"][name]))
    if strange:
        raise ValueError(f"{name} ({events['ExecutionId']}) names calls that are not of its way back: {', '.join(strange)}")
    taken = [step for step in execution["StepExecutions"] if step["StepStatus"] != "Pending"]
    idle = {"aws:approve", "aws:branch", "aws:sleep"}
    if all(step["StepName"] in LOOKS or step["Action"] in idle for step in taken):
        raise ValueError(f"{name} ({events['ExecutionId']}) ended before it changed anything: there is nothing to put back")
    if any(step["StepName"] == "putBack" and step["StepStatus"] == "Success" for step in taken):
        raise ValueError(f"{name} ({events['ExecutionId']}) failed, and put back by itself what it had changed")
    if others := _isolated_since(execution, calls):
        raise ValueError(
            f"that would lift what was isolated since: {', '.join(others)}; restore the later isolations first, or put back by hand"
        )
    what = ", ".join(f"{call['service']}:{call['operation']} of {_resource(call['parameters'])}" for call in calls)
    return {"Summary": f"put back what {name} changed: {what}", "DryRun": events["DryRun"], "Undo": undo}


def _isolated_since(execution: dict[str, Any], calls: list[dict[str, Any]]) -> list[str]:
    """What stands isolated in the bucket now by other executions, and wouldn't any more: objects as ``bucket/key``, prefixes with a star."""
    given = {name: values[0] for name, values in execution.get("Parameters", {}).items() if values}
    prefix = re.sub(r"[*?$]", lambda found: f"${{{found[0]}}}", given.get("Prefix", ""))  # as plan_isolation writes it
    own = f"{given.get('BucketName')}/{prefix}{'' if given.get('Exact', 'false').lower() == 'true' else '*'}"
    found: set[str] = set()
    for call in calls:
        if call["operation"] in {"put_bucket_policy", "delete_bucket_policy"}:
            try:
                now = boto3.client("s3").get_bucket_policy(Bucket=call["parameters"]["Bucket"])["Policy"]
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
                    raise
                continue
            found |= _isolations(now) - _isolations(call["parameters"].get("Policy", "{}")) - {own}
    return sorted(found)


def _isolations(policy: str) -> set[str]:
    held = json.loads(policy).get("Statement", [])
    isolating = [item for item in (held if isinstance(held, list) else [held]) if str(item.get("Sid", "")).startswith(ISOLATED)]
    return {str(item["Resource"]).partition(":::")[2] for item in isolating}


def _resource(parameters: dict[str, Any]) -> str:
    """What a call is about, for the approver: its short arguments; a policy has its own place in the execution's outputs."""
    told = [
        value if len(value) <= 200 else f"{value[:200]}…"
        for name, value in parameters.items()
        if name not in {"Policy", "Tags"} and isinstance(value, str)
    ]
    return " ".join(told)
