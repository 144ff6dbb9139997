"""Containing by runbooks: Automation documents of Systems Manager, started and followed, or looked at after somebody else started them."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from averment.core.aws import answer_lost, aws_errors, client, error_code
from averment.core.errors import AvermentError, BadInputError, IncompleteError
from averment.core.stopping import STOPPED
from averment.governance.incidents.measure import Effect, Measure, Outcome
from averment.governance.incidents.words import visible
from averment.governance.remediation.runbooks import UNDO, outputs_of, runbook_names, shipped_runbook, undo_digest
from averment.governance.remediation.runbooks.parameters import check_all
from averment.policies.deployment.names import PREFIX

POLL_SECONDS = 2.0
"""Between two looks at an execution."""


CONTAIN_NOTHING = {
    "preserve-evidence": (
        "it copies, and stops nothing",
        "averment runbooks run preserve-evidence, then incident preserve of what it copied",
    ),
    "rescan-since": (
        "it announces what is to be judged again",
        "averment runbooks run rescan-since, then --done for what the gate withdrew",
    ),
    "restore": ("it puts back what was stopped", "averment runbooks run restore, then incident recover --restored"),
}
"""Runbooks that ship and whose success contains nothing: each with why, and the way to run and record it."""

EXAMPLE = "write runbook=isolate-bucket:BucketName=shop-published,AutomationAssumeRole=ARN"


class Runbook(Measure):
    """``NAME`` or ``NAME:Parameter=value,Parameter=value``: an Automation document that is deployed in this account.

    A runbook that ships is meant by its own name, and is run for real unless ``DryRun`` is given: whether it defaults to a dry run differs
    from one to the next, and a dry run contains nothing.
    """

    name = "runbook"

    def __init__(self, target: str, *, wait_seconds: float = 600, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(target)
        self._wait, self._sleep = wait_seconds, sleep

    def plan(self) -> str:
        document, parameters = self._parts()
        given = ", ".join(f"{name}={','.join(values)}" for name, values in parameters.items()) or "no parameters"
        return f"start the Automation document {visible(document)} ({visible(given)}) and wait for its end; undone as its own page says"

    def hindrance(self) -> str | None:
        document, _ = self._parts()
        try:
            with aws_errors(f"look for the Automation document {document}"):
                client("ssm").get_document(Name=document)
        except AvermentError as error:
            if error_code(error) == "InvalidDocument":
                fix = _deployed_by(document) or "see that its name, the account and the region are meant"
                return f"the Automation document {visible(document)} is not deployed here: {fix}"
            return f"whether the Automation document {visible(document)} is deployed is not known: {error.message}"
        return None

    def apply(self) -> Effect:
        document, parameters = self._parts()
        ssm = client("ssm")
        asked = {"DocumentName": document, "ClientToken": str(uuid.uuid4())}  # repeated, it starts once
        given = {"Parameters": parameters} if parameters else {}  # Systems Manager refuses an empty map
        try:
            with aws_errors(f"run the Automation document {document}"):
                execution = str(ssm.start_automation_execution(**asked, **given)["AutomationExecutionId"])
        except AvermentError as error:
            if error_code(error) == "AutomationDefinitionNotFoundException" and (fix := _deployed_by(document)):
                raise IncompleteError(error.message, fix=f"{fix}, then run this again") from error
            if not answer_lost(error):
                raise
            look = "look for it (aws ssm describe-automation-executions), then --do execution=ID"
            return Effect(Outcome.UNDER_WAY, f"whether it was started is not known: {error.message}; {look}")
        try:
            return _came_of(self._followed(ssm, execution), execution)
        except AvermentError as error:
            return Effect(Outcome.UNDER_WAY, f"it was started, and what came of it is not known: {error.message}", execution)
        except STOPPED:  # the runbook goes on: its id has to come into the record
            self.broken_off = True
            again = f"look again with --do execution={execution}"
            return Effect(Outcome.UNDER_WAY, f"it was started, and the waiting for it was broken off; {again}", execution)

    def undo(self, effect: Effect) -> Effect:
        digest = (effect.before or {}).get("undo_sha256", "DIGEST")
        raise BadInputError(
            f"a runbook is undone by a runbook: {visible(self.target)} is not",
            fix=f"averment runbooks run restore -p ExecutionId={effect.reference} -p UndoSha256={digest} -p Approvers=NAME --role ARN "
            "--for-real, if it is one that ships: the digest is of the way back that this incident's record holds; "
            "what stood there before is in the outputs that the record holds",
        )

    def _followed(self, ssm: Any, execution: str) -> Mapping[str, Any]:
        """The execution when it is over, waits for somebody, or has taken too long."""
        deadline = time.monotonic() + self._wait
        with aws_errors(f"follow the execution {execution}"):
            while True:
                found: Mapping[str, Any] = ssm.get_automation_execution(AutomationExecutionId=execution)["AutomationExecution"]
                if str(found["AutomationExecutionStatus"]) not in {"Pending", "InProgress", "Cancelling"} or time.monotonic() >= deadline:
                    return found
                self._sleep(POLL_SECONDS)

    def _parts(self) -> tuple[str, dict[str, list[str]]]:
        document, _, rest = self.target.partition(":")
        parameters: dict[str, list[str]] = {}
        for part in filter(None, rest.split(",")):
            name, equals, value = part.partition("=")
            if not (name and equals):
                raise BadInputError(f"'{visible(part)}' is no parameter", fix=EXAMPLE)
            parameters.setdefault(name, []).append(value)
        if not document:
            raise BadInputError("no document is named", fix=EXAMPLE)
        if document.removeprefix(PREFIX) in CONTAIN_NOTHING:
            why, way = CONTAIN_NOTHING[document.removeprefix(PREFIX)]
            raise BadInputError(f"the runbook {document} contains nothing: {why}", fix=way)
        if document in runbook_names():
            shipped, parameters = shipped_runbook(document), {"DryRun": ["false"], **parameters}
            check_all(shipped, parameters)
            return shipped.document, parameters
        return document, parameters


class Execution(Runbook):
    """``ID``: a runbook that was started before and waited for an approval, or was started elsewhere; what came of it is looked at."""

    name = "execution"

    def plan(self) -> str:
        self._id()
        return f"look what came of the execution {visible(self.target)}, and start nothing; undone as its runbook's own page says"

    def hindrance(self) -> str | None:
        return None

    def apply(self) -> Effect:
        execution = self._id()
        return _came_of(self._followed(client("ssm"), execution), execution)

    def _id(self) -> str:
        if not re.fullmatch(r"[0-9A-Za-z-]{36}", self.target):
            text = f"'{visible(self.target)}' is no execution of Systems Manager"
            raise BadInputError(text, fix="write execution=ID, as `averment runbooks run` printed it, or the console names it")
        return self.target


_HOLDS = frozenset({"Success", "CompletedWithSuccess"})
_GOES_ON = frozenset({"Pending", "InProgress", "Cancelling", "Waiting", "PendingApproval", "Approved", "Scheduled"})
_BROKE = frozenset({"Failed", "TimedOut", "Cancelled", "Rejected"})


def _came_of(found: Mapping[str, Any], execution: str) -> Effect:
    """What an execution, as GetAutomationExecution tells of it, means for the incident. One that only planned holds nothing."""
    status = str(found["AutomationExecutionStatus"])
    said = f"the execution of {found.get('DocumentName', 'the document')} is {status}" + _with_message(found)
    outputs = outputs_of(found)
    outcome = Outcome.HOLDS if status in _HOLDS else Outcome.UNDER_WAY if status in _GOES_ON else Outcome.FAILED
    if outcome is Outcome.HOLDS and _was_dry(found, outputs):
        outcome, said = Outcome.FAILED, f"{said}, but it was a dry run, which changes nothing; give DryRun=false"
    elif outcome is Outcome.HOLDS and (nothing := CONTAIN_NOTHING.get(str(found.get("DocumentName", "")).removeprefix(PREFIX))):
        outcome, said = Outcome.FAILED, f"{said}, but it contains nothing: {nothing[0]}"
    elif outcome is Outcome.HOLDS and not outputs.get(UNDO) and _is_called_like_ours(found):
        outcome = Outcome.FAILED
        said += f", but it wrote down no way back (no output {UNDO}), as each of ours does: the document of that name in the account is another's"
    if outcome is Outcome.FAILED:
        said += _from_the_failure_on(found.get("StepExecutions", ()))
    if status == "Waiting":
        said += (
            f", for an approval (aws ssm send-automation-signal --automation-execution-id {execution} --signal-type Approve); "
            f"then look again with --do execution={execution}"
        )
    if outcome is Outcome.HOLDS and not outputs.get(UNDO):
        said += f"; it wrote down no way back (no output {UNDO}), so restore can't take it back"
    # The digest by itself, taken now: the record may leave out parts of the outputs that nobody should read there.
    digest = undo_digest(outputs)
    return Effect(outcome, said, execution, {"outputs": outputs, **({"undo_sha256": digest} if digest else {})})


def _deployed_by(document: str) -> str | None:
    """What deploys ``document``; None where it is none of ours."""
    shipped = document.removeprefix(PREFIX)
    return f"deploy it by a dry run, `averment runbooks run {shipped} -p ... --role ARN`" if shipped in runbook_names() else None


def _is_called_like_ours(found: Mapping[str, Any]) -> bool:
    name = str(found.get("DocumentName", ""))
    return name.startswith(PREFIX) and name.removeprefix(PREFIX) in runbook_names()


def _was_dry(found: Mapping[str, Any], outputs: Mapping[str, list[str]]) -> bool:
    """By the parameters, or by what the document says of itself (a default isn't always among the parameters)."""
    told = [*found.get("Parameters", {}).items(), *outputs.items()]
    return any(name.rpartition(".")[2] == "DryRun" and [item.lower() for item in values] == ["true"] for name, values in told)


def _from_the_failure_on(steps: Sequence[Mapping[str, Any]]) -> str:
    """The steps from the first that broke, by name and status: whether the way back was taken, and whether that broke too."""
    taken = [step for step in steps if step["StepStatus"] != "Pending"]
    first = next((place for place, step in enumerate(taken) if step["StepStatus"] in _BROKE), None)
    if first is None:
        return ""
    broke, *after = taken[first:]
    return "; steps from there: " + ", ".join(
        [f"{broke['StepName']} {broke['StepStatus']}", *(f"{step['StepName']} {step['StepStatus']}{_with_message(step)}" for step in after)]
    )


def _with_message(found: Mapping[str, Any]) -> str:
    return f": {visible(found['FailureMessage'])}" if found.get("FailureMessage") else ""
