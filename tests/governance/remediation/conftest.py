"""The shipped runbooks, executed in the embedded AWS as a role of exactly the permissions that are generated for them."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest

from averment.core.files import write_atomic
from averment.governance.remediation.permissions import ACTIONS, role_policy, trust_policy
from averment.governance.remediation.runbooks import executed, shipped_runbook, undo_digest
from averment.sandbox.automation.calls import Call
from averment.sandbox.automation.execution import Execution
from averment.sandbox.policy import Decision, Request, decide
from averment.sandbox.server import ACCOUNT, REGION, Sandbox

ROLE = f"arn:aws:iam::{ACCOUNT}:role/runbook"


WRITE = "AVERMENT_WRITE_EXECUTED"
"""Set, the executions are written into the record that the runbooks' pages are made from; otherwise they are held to it."""


@pytest.fixture
def run(sandbox: Sandbox, request: pytest.FixtureRequest) -> Iterator[Callable[..., Execution]]:
    """``run("isolate-bucket", BucketName="media")``: for real, approved by ``lead`` where it asks; ``DryRun="true"`` says what it would do, and
    ``meanwhile`` is what happens while the approval is waited for.

    At the end every call that was made is looked up in the policy that is generated for this runbook and these parameters, and what was executed is held
    to the record (executed.json).
    """
    done: list[executed.Executed] = []
    iam, ssm = boto3.client("iam"), boto3.client("ssm")
    iam.create_role(RoleName="runbook", AssumeRolePolicyDocument=json.dumps(trust_policy(ACCOUNT)))
    iam.create_user(UserName="lead")
    key = iam.create_access_key(UserName="lead")["AccessKey"]
    lead = boto3.client("ssm", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])

    digests: dict[str, str | None] = {}

    def start(name: str, meanwhile: Callable[[], object] = lambda: None, **given: str) -> Execution:
        runbook = shipped_runbook(name)
        if runbook.document not in {item["Name"] for item in ssm.list_documents()["DocumentIdentifiers"]}:
            ssm.create_document(Name=runbook.document, DocumentType="Automation", Content=json.dumps(runbook.content))
        values = {"AutomationAssumeRole": ROLE, "DryRun": "false", **given}
        if name == "restore":  # as a responder has it, from what was written down when it was run
            values.setdefault("UndoSha256", digests.get(given["ExecutionId"]) or "0" * 64)
        if "Approvers" in runbook.required:
            values.setdefault("Approvers", "lead")
        identifier = ssm.start_automation_execution(
            DocumentName=runbook.document, Parameters={parameter: value.split(",") for parameter, value in values.items()}
        )["AutomationExecutionId"]
        execution = sandbox.automation(identifier)
        execution.wait_until_waiting(120)
        approved = execution.status == "Waiting"
        if approved:
            assert not mutating(execution), "something was changed before the approval"
            meanwhile()
            lead.send_automation_signal(AutomationExecutionId=identifier, SignalType="Approve")
            execution.join(120)
        digests[identifier] = undo_digest(execution.outputs)
        policy = json.dumps(role_policy(runbook.content, values, region=REGION, account=ACCOUNT))
        denied = [what for call in execution.access.calls for what in needs(call) if not allowed(policy, *what)]
        assert not denied, f"{name} made calls that its role doesn't allow"
        done.append(recorded(name, execution, dry_run=values["DryRun"] == "true", approved=approved))
        return execution

    yield start
    keep(request, executed.Shown(" ".join(inspect.getdoc(request.function).split()), tuple(done)))


def recorded(name: str, execution: Execution, *, dry_run: bool, approved: bool) -> executed.Executed:
    """What the record says of an execution."""
    return executed.Executed(
        runbook=name,
        dry_run=dry_run,
        approved=approved,
        status=execution.status,
        steps=executed.once(record.step.name for record in execution.records),
        failed=executed.once(record.step.name for record in execution.records if record.status == "Failed"),
        calls=tuple(sorted({f"{call.service}:{call.operation}" for call in execution.access.calls})),
        refused=tuple(execution.access.refused),
    )


def keep(request: pytest.FixtureRequest, shown: executed.Shown) -> None:
    """Hold ``shown`` to the record, or write it there, where what is of no test any more goes."""
    known, test = executed.executed() if executed.path().exists() else {}, request.node.name
    if os.environ.get(WRITE):
        chosen = {item.name for item in request.session.items}
        functions = {name.partition("[")[0] for name in chosen}

        def stays(name: str) -> bool:
            function = name.partition("[")[0]
            return hasattr(request.module, function) and (function not in functions or name in chosen)

        kept = {name: item for name, item in known.items() if stays(name)}
        write_atomic(executed.path(), executed.as_text({**kept, test: shown}).encode())
        return
    assert known.get(test) == shown, f"what was executed is not what the runbooks' pages say: {WRITE}=1 writes the record anew (make pages)"


def mutating(execution: Execution) -> list[str]:
    """The calls of an execution that change something."""
    reading = ("Get", "List", "Describe", "Head")
    return [f"{call.service}:{call.operation}" for call in execution.access.calls if not call.operation.startswith(reading)]


def needs(call: Call) -> list[tuple[str, str]]:
    """The IAM actions of a call that was made, each with the resource that it was made on."""
    name = f"{call.service}:{re.sub(r'(?<!^)(?=[A-Z])', '_', call.operation).lower()}"
    given = {"partition": "aws", "account": ACCOUNT, "region": REGION, **flat(call.parameters)}
    optional = {"s3:PutObjectRetention": "ObjectLockMode" in given or call.operation == "PutObjectRetention"}
    found = ((action, re.sub(r"\{([\w.]+)\}", lambda hole: last(hole[1], given), template)) for action, template in ACTIONS[name])
    return [what for what in found if optional.get(what[0], True)]


def last(argument: str, given: Mapping[str, str]) -> str:
    value = given.get(argument, "any")
    return value.rpartition("/")[2] if argument == "QueueUrl" else value.removeprefix("/")


def flat(parameters: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, value in parameters.items():
        if isinstance(value, str):
            found[name] = value
        elif isinstance(value, dict):
            found |= {f"{name}.{inner}": text for inner, text in value.items() if isinstance(text, str)}
    return found


def allowed(policy: str, action: str, resource: str) -> bool:
    request = Request(action, resource, (ROLE,), {}, lambda _: True)
    return decide(policy, request) is Decision.ALLOW


@pytest.fixture(autouse=True)
def _quick(without_sockets: None) -> None:
    """Most of these tests ask the embedded AWS many things."""
