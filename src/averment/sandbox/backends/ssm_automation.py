"""Systems Manager Automation: documents are checked when they are created, executions run, wait for approval and can be stopped.

An execution acts as its document's ``assumeRole``, which has to exist and to trust ``ssm.amazonaws.com``; without one it acts as whoever started it.
Not covered: rate control, targets, change requests, other accounts and regions, other modes than Auto, filters of step executions. Identity policies
aren't evaluated anywhere in the embedded AWS, so a role of too few rights isn't noticed here; what an execution called is kept (``executions``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from moto.core.exceptions import JsonRESTError
from moto.core.utils import get_service_model
from moto.ssm.responses import SimpleSystemManagerResponse

from averment.sandbox.automation import calls
from averment.sandbox.automation.calls import Access
from averment.sandbox.automation.document import Document, DocumentError, read
from averment.sandbox.automation.execution import RUNNING, Execution, StepRecord
from averment.sandbox.automation.values import resolve, text
from averment.sandbox.validation import message, violations

_DOCUMENT_ARN = re.compile(r"arn:[\w-]+:ssm:[\w-]+:\d{12}:(?:automation-definition|document)/(?P<name>[^:]+).*")
executions: dict[str, Execution] = {}
"""Every execution by its id."""


def forget() -> None:
    """Stop what runs and empty the list."""
    for execution in executions.values():
        execution.stop()
    for execution in executions.values():
        execution.join(10)
    executions.clear()
    calls.forget()


class AutomationOperations(SimpleSystemManagerResponse):  # type: ignore[misc]
    """Starting, watching, approving and stopping executions."""

    def create_document(self) -> str:
        request = json.loads(self.body or "{}")
        if request.get("DocumentType") == "Automation":
            _read(request["Content"], "InvalidDocumentContent")
        created: str = super().create_document()
        return created

    def start_automation_execution(self) -> str:
        request = self._checked("StartAutomationExecution")
        match = _DOCUMENT_ARN.fullmatch(request["DocumentName"])
        name = match["name"] if match else request["DocumentName"]
        found = self.ssm_backend._documents.get(name)
        if found is None:
            raise JsonRESTError("AutomationDefinitionNotFoundException", f"Automation definition {name} could not be found.")
        asked = request.get("DocumentVersion", "$DEFAULT")
        kept = found.find(None if asked == "$DEFAULT" else asked)
        if kept.document_type != "Automation":
            raise JsonRESTError("AutomationDefinitionNotFoundException", f"{name} is not an Automation document.")
        document = _read(kept.content, "InvalidAutomationExecutionParametersException")
        parameters = _parameters(document, request.get("Parameters") or {})
        access = self._access(resolve(document.assume_role or "", lambda reference: parameters.get(reference, "")))
        execution = Execution(
            name, kept.document_version, document, parameters, access, account=self.current_account, executed_by=self._caller()[0]
        )
        executions[execution.identifier] = execution
        execution.start()
        return json.dumps({"AutomationExecutionId": execution.identifier})

    def get_automation_execution(self) -> str:
        execution = self._execution(self._checked("GetAutomationExecution")["AutomationExecutionId"])
        steps = [_step(record) for record in execution.records]
        return json.dumps({"AutomationExecution": {**metadata(execution), "StepExecutions": steps, "StepExecutionsTruncated": False}})

    def describe_automation_step_executions(self) -> str:
        request = self._checked("DescribeAutomationStepExecutions")
        if request.get("Filters"):
            raise NotImplementedError("filters of DescribeAutomationStepExecutions")
        execution = self._execution(request["AutomationExecutionId"])
        return json.dumps({"StepExecutions": [_step(record) for record in execution.records]})

    def send_automation_signal(self) -> str:
        request = self._checked("SendAutomationSignal")
        execution = self._execution(request["AutomationExecutionId"])
        kind = request["SignalType"]
        if kind not in {"Approve", "Reject"}:
            raise NotImplementedError(f"the signal {kind}")
        comment = " ".join((request.get("Payload") or {}).get("Comment", []))
        if not any(execution.signal(name, kind == "Approve", comment) for name in self._caller()):
            raise JsonRESTError(
                "InvalidAutomationSignalException", "The signal is not valid: no step waits for the approval of this principal."
            )
        return "{}"

    def stop_automation_execution(self) -> str:
        execution = self._execution(self._checked("StopAutomationExecution")["AutomationExecutionId"])
        if execution.status not in RUNNING:
            raise JsonRESTError("InvalidAutomationStatusUpdateException", f"The execution is {execution.status}.")
        execution.stop()
        return "{}"

    def _checked(self, operation: str) -> dict[str, Any]:
        request: dict[str, Any] = json.loads(self.body or "{}")
        if wrong := list(violations(get_service_model("ssm").operation_model(operation).input_shape, request)):
            raise JsonRESTError("ValidationException", message(wrong))
        return request

    def _execution(self, identifier: str) -> Execution:
        found = executions.get(identifier)
        if found is None or (found.account, found.access.region) != (self.current_account, self.region):
            raise JsonRESTError("AutomationExecutionNotFoundException", f"Automation execution {identifier} could not be found.")
        return found

    def _caller(self) -> list[str]:
        """The names by which an approver may be listed: the ARN, for a role's session the role's, and the bare name."""
        from moto.sts.models import sts_backends

        _, arn, _ = sts_backends[self.current_account]["aws"].get_caller_identity(self.get_access_key(), self.region)
        names = [arn, arn.rpartition("/")[2]]
        if ":assumed-role/" in arn:
            role = arn.split("/")[1]
            names += [f"arn:aws:iam::{self.current_account}:role/{role}", role]
        return names

    def _access(self, role: str) -> Access:
        parts = urlsplit(self.uri)
        endpoint = f"{parts.scheme}://{parts.netloc}"
        if not role:
            return Access(endpoint, self.region, {"aws_access_key_id": self.get_access_key(), "aws_secret_access_key": "sandbox"})
        from moto.iam.models import iam_backends
        from moto.sts.models import sts_backends

        held = iam_backends[self.current_account]["aws"].roles.values()
        found = next((item for item in held if item.arn == role), None)
        if found is None or "ssm.amazonaws.com" not in str(found.assume_role_policy_document):
            raise JsonRESTError("InvalidAutomationExecutionParametersException", f"The defined assume role is unable to be assumed: {role}")
        session = sts_backends[self.current_account]["aws"].assume_role(
            region_name=self.region, role_session_name="Automation", role_arn=role, policy=None, duration=3600, external_id=None
        )
        keys = {"aws_access_key_id": session.access_key_id, "aws_secret_access_key": session.secret_access_key}
        return Access(endpoint, self.region, keys | {"aws_session_token": session.session_token})


def metadata(execution: Execution) -> dict[str, Any]:
    """An execution as the API's ``AutomationExecutionMetadata`` says it."""
    said = {
        "AutomationExecutionId": execution.identifier,
        "DocumentName": execution.name,
        "DocumentVersion": execution.version,
        "AutomationExecutionStatus": execution.status,
        "ExecutionStartTime": execution.began,
        "ExecutedBy": execution.executed_by,
        "Mode": "Auto",
        "Parameters": {name: _listed(value) for name, value in execution.parameters.items()},
        "Outputs": execution.outputs,
    }
    return (
        said
        | ({"ExecutionEndTime": execution.ended} if execution.ended else {})
        | ({"FailureMessage": execution.failure} if execution.failure else {})
    )


def _step(record: StepRecord) -> dict[str, Any]:
    step = record.step
    said = {
        "StepName": step.name,
        "Action": step.action,
        "StepStatus": record.status,
        "StepExecutionId": record.identifier,
        "ExecutionStartTime": record.began,
        "OnFailure": step.on_failure,
        "IsCritical": step.critical,
        "IsEnd": step.end,
        "MaxAttempts": step.attempts,
        "TimeoutSeconds": step.seconds,
        "Inputs": {name: text(value)[:512] for name, value in record.inputs.items()},
        "Outputs": {name: _listed(value) for name, value in record.outputs.items()},
    }
    return (
        said | ({"ExecutionEndTime": record.ended} if record.ended else {}) | ({"FailureMessage": record.failure} if record.failure else {})
    )


def _listed(value: Any) -> list[str]:
    return [text(item) for item in value] if isinstance(value, list) else [text(value)]


def _read(content: str, code: str) -> Document:
    try:
        return read(content)
    except DocumentError as error:
        raise JsonRESTError(code, f"The document is not valid: {error}") from error


def _parameters(document: Document, given: Mapping[str, list[str]]) -> dict[str, Any]:
    """Every parameter of the document by its value.

    Raises:
        JsonRESTError: one that isn't the document's, is missing, or breaks its rules.
    """
    wrong = [f"there is no parameter {name}" for name in given if name not in document.parameters]
    found: dict[str, Any] = {}
    for name, entry in document.parameters.items():
        if name not in given and "default" not in entry:
            wrong.append(f"the parameter {name} has no value")
            continue
        try:
            found[name] = _typed(str(entry["type"]), given[name]) if name in given else entry["default"]
        except (ValueError, IndexError):
            wrong.append(f"the parameter {name} takes a value of type {entry['type']}")
            continue
        wrong += [f"the parameter {name} {flaw}" for flaw in _flaws(entry, found[name])]
    if wrong:
        raise JsonRESTError("InvalidAutomationExecutionParametersException", f"The parameters are not valid: {'; '.join(wrong)}")
    return found


def _typed(kind: str, values: list[str]) -> Any:
    if kind in {"StringList"} or kind.startswith("List<"):
        return list(values)
    (value,) = values
    if kind == "Boolean":
        return {"true": True, "false": False}[value.lower()] if value.lower() in {"true", "false"} else int("")
    if kind == "Integer":
        return int(value)
    return json.loads(value) if kind in {"StringMap", "MapList"} else value


def _flaws(entry: Mapping[str, Any], value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    flaws = []
    if "allowedValues" in entry and any(item not in entry["allowedValues"] for item in items):
        flaws.append(f"takes one of {', '.join(map(str, entry['allowedValues']))}")
    if "allowedPattern" in entry and not all(re.search(entry["allowedPattern"], text(item)) for item in items):
        flaws.append(f"doesn't match {entry['allowedPattern']}")
    if isinstance(value, list) and not int(entry.get("minItems", 0)) <= len(value) <= int(entry.get("maxItems", 10**6)):
        flaws.append(f"takes {entry.get('minItems', 0)} to {entry.get('maxItems', 'any number of')} values")
    return flaws
