"""Systems Manager: ``DescribeAutomationExecutions``, which moto lacks, and Automation itself (``ssm_automation``). Parameters are moto's.

The list holds what was executed here and what was put there by ``ran``, which is checked against botocore's service model as requests
are. An execution is kept for 30 days, and a page has at most 50.
Not covered: filters on other fields than the ones below.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.utils import get_service_model

from averment.sandbox.backends import ssm_automation
from averment.sandbox.backends.ssm_automation import AutomationOperations
from averment.sandbox.validation import message, violations

KEPT_FOR = timedelta(days=30)
_PAGE = 50
_FILTERS = {"ExecutionStatus": "AutomationExecutionStatus", "ExecutionId": "AutomationExecutionId"}
_executions: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)


def ran(
    document: str,
    *,
    at: datetime,
    status: str = "Success",
    seconds: int | None = 30,
    account: str = "123456789012",
    region: str = "eu-west-1",
    **more: Any,
) -> str:
    """Let ``account`` have executed ``document`` in ``region`` at a moment, for ``seconds`` (None: it isn't over), and return the
    execution's id. ``more`` are further members of the API's ``AutomationExecutionMetadata``.

    Raises:
        ValueError: the API could not answer with such an execution.
    """
    execution: dict[str, Any] = {
        "AutomationExecutionId": str(uuid.uuid4()),
        "DocumentName": document,
        "DocumentVersion": "1",
        "AutomationExecutionStatus": status,
        "ExecutedBy": f"arn:aws:iam::{account}:role/averment-runbooks",
        "Mode": "Auto",
        **more,
    }
    shape = _model().shape_for("AutomationExecutionMetadata")
    if wrong := [*violations(shape, execution), *(f"no member {name}" for name in execution if name not in shape.members)]:
        raise ValueError("; ".join(str(item) for item in wrong))
    times = {"ExecutionStartTime": at.timestamp()} | ({"ExecutionEndTime": at.timestamp() + seconds} if seconds is not None else {})
    _executions[(account, region)].append({**execution, **times})
    return str(execution["AutomationExecutionId"])


def forget() -> None:
    """Stop what runs, and empty every list of executions."""
    ssm_automation.forget()
    _executions.clear()


class CorrectedSystemsManager(AutomationOperations):
    """moto's Systems Manager with Automation and its list of executions."""

    def describe_automation_executions(self) -> str:
        request = json.loads(self.body or "{}")
        if wrong := list(violations(_model().operation_model("DescribeAutomationExecutions").input_shape, request)):
            raise JsonRESTError("ValidationException", message(wrong))
        oldest = (datetime.now(UTC) - KEPT_FOR).timestamp()
        here = (self.current_account, self.region)
        real = [ssm_automation.metadata(item) for item in ssm_automation.executions.values() if (item.account, item.access.region) == here]
        for item in real:
            item.pop("Parameters")
        found = [item for item in (*_executions[here], *real) if item["ExecutionStartTime"] >= oldest]
        for condition in request.get("Filters", ()):
            found = [item for item in found if _fits(item, condition["Key"], condition["Values"])]
        found.sort(key=lambda item: -item["ExecutionStartTime"])
        first = _position(request.get("NextToken"), len(found))
        last = first + int(request.get("MaxResults", _PAGE))
        more = {"NextToken": str(last)} if last < len(found) else {}
        return json.dumps({"AutomationExecutionMetadataList": found[first:last], **more})


def _fits(execution: dict[str, Any], key: str, values: list[str]) -> bool:
    if key == "DocumentNamePrefix":
        return str(execution["DocumentName"]).startswith(tuple(values))
    if key not in _FILTERS:
        raise NotImplementedError(f"the filter {key} of DescribeAutomationExecutions")
    return str(execution[_FILTERS[key]]) in values


def _position(token: str | None, length: int) -> int:
    if token is None:
        return 0
    if not token.isdecimal() or int(token) >= length:
        raise JsonRESTError("InvalidNextToken", "The specified token isn't valid.")
    return int(token)


def _model() -> Any:
    return get_service_model("ssm")


url_paths = {"{0}/$": CorrectedSystemsManager.dispatch}
