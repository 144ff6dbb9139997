"""A document that is created and executed in one call."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import boto3
import pytest

from averment.sandbox.automation.execution import Execution
from averment.sandbox.server import Sandbox


@pytest.fixture
def execute(sandbox: Sandbox) -> Callable[..., Execution]:
    """``execute(steps, parameters={...}, Name=["value"])``: start it and wait until it is over or waits for approval."""

    numbers = count()
    ssm = boto3.client("ssm")

    def run(
        steps: list[dict[str, Any]], *, parameters: dict[str, Any] | None = None, outputs: list[str] | None = None, **given: list[str]
    ) -> Execution:
        content = {"schemaVersion": "0.3", "parameters": parameters or {}, "mainSteps": steps, "outputs": outputs or []}
        name = f"test-{next(numbers)}"
        ssm.create_document(Name=name, DocumentType="Automation", DocumentFormat="JSON", Content=json.dumps(content))
        more: dict[str, Any] = {"Parameters": given} if given else {}
        identifier = ssm.start_automation_execution(DocumentName=name, **more)["AutomationExecutionId"]
        execution = sandbox.automation(identifier)
        execution.wait_until_waiting()
        return execution

    return run
