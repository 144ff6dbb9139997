"""What each action does. A function takes the execution and the step with its inputs resolved, and returns the step's outputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from averment.sandbox.automation.document import Step, nested, service_model
from averment.sandbox.automation.values import MissingError, plain, select, text

if TYPE_CHECKING:
    from averment.sandbox.automation.execution import Execution

POLL_SECONDS = 5
MAX_ITERATIONS = 100
"""The service's bound on a loop."""

MAX_MESSAGE = 4096
"""Characters of the message that asks for an approval."""

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


class StepFailedError(Exception):
    """The step's own failure: an assertion that doesn't hold, a rejection, a time-out."""


Action = Callable[["Execution", Step, Mapping[str, Any]], dict[str, Any]]


def execute_aws_api(execution: Execution, step: Step, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """``aws:executeAwsApi``: the answer, for the step's selectors."""
    return _outputs(step, _call(execution, inputs))


def execute_script(execution: Execution, step: Step, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """``aws:executeScript`` in Python."""
    if not str(inputs["Runtime"]).startswith("python"):
        raise NotImplementedError(f"the runtime {inputs['Runtime']}")
    returned, printed = execution.access.run_script(inputs["Script"], inputs["Handler"], inputs.get("InputPayload") or {})
    answer = {"Payload": returned, "OutputPayload": {"Payload": returned, "ExecutionLog": printed}}
    return {**answer, **_outputs(step, answer)}


def assert_property(execution: Execution, step: Step, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """``aws:assertAwsResourceProperty``."""
    answer = _call(execution, inputs)
    found = text(select(answer, inputs["PropertySelector"]))
    if not _desired(found, inputs["DesiredValues"]):
        raise StepFailedError(f"{inputs['PropertySelector']} is {found}, not {' or '.join(map(str, inputs['DesiredValues']))}")
    return _outputs(step, answer)


def wait_for_property(execution: Execution, step: Step, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """``aws:waitForAwsResourceProperty``: asks until the property has a desired value, for ``timeoutSeconds``."""
    found = "nothing"
    for _ in range(max(1, step.seconds // POLL_SECONDS)):
        answer = _call(execution, inputs)
        try:
            found = text(select(answer, inputs["PropertySelector"]))
        except MissingError:
            found = "nothing"
        if _desired(found, inputs["DesiredValues"]):
            return _outputs(step, answer)
        execution.sleep(POLL_SECONDS)
    raise StepFailedError(f"timed out after {step.seconds} s: {inputs['PropertySelector']} is {found}")


def sleep(execution: Execution, step: Step, inputs: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - an action's signature
    """``aws:sleep``, in the execution's own time."""
    if "Timestamp" in inputs:
        until = datetime.fromisoformat(str(inputs["Timestamp"]).replace("Z", "+00:00"))
        execution.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()))
        return {}
    match = _DURATION.fullmatch(str(inputs.get("Duration", "")))
    if match is None or not any(match.groups()):
        raise StepFailedError(f"'{inputs.get('Duration')}' is no ISO 8601 duration")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    execution.sleep(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    return {}


def branch(execution: Execution, step: Step, inputs: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - an action's signature
    """``aws:branch``: where to go on, as the output ``NextStep``."""
    for choice in inputs["Choices"]:
        if holds(choice):
            return {"NextStep": choice["NextStep"]}
    return {"NextStep": inputs["Default"]} if "Default" in inputs else {}


def approve(execution: Execution, step: Step, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """``aws:approve``: waits for enough of the approvers, or for one rejection."""
    approvers = {str(item) for item in inputs["Approvers"]}
    needed = int(inputs.get("MinRequiredApprovals", 1))
    if len(str(inputs.get("Message", ""))) > MAX_MESSAGE:
        raise StepFailedError(f"the message of an approval has at most {MAX_MESSAGE} characters")
    if not approvers or needed > len(approvers):
        raise StepFailedError(f"{needed} approvals are needed of {len(approvers)} approvers")
    if inputs.get("NotificationArn"):
        message = str(inputs.get("Message", ""))
        execution.access.client("sns").publish(TopicArn=inputs["NotificationArn"], Subject=f"Approval needed: {step.name}", Message=message)
    decisions = execution.wait_for_approval(approvers, needed)
    if decisions is None:
        raise StepFailedError("cancelled while waiting for approval")
    rejected = [who for who, good, _ in decisions if not good]
    told = [{"Approver": who, "Decision": "Approved" if good else "Rejected", "Comment": said} for who, good, said in decisions]
    if rejected:
        raise StepFailedError(f"rejected by {rejected[0]}")
    return {"ApprovalStatus": "Approved", "ApproverDecisions": told}


def loop(execution: Execution, step: Step, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """``aws:loop``, for each of ``Iterators`` or while ``LoopCondition`` holds."""
    steps = nested(step)
    if "LoopCondition" in inputs:
        for count in range(1, min(int(inputs.get("MaxIterations", MAX_ITERATIONS)), MAX_ITERATIONS) + 1):
            if not holds(execution.resolve(step.inputs["LoopCondition"])):
                return {"CurrentIteration": count - 1}
            execution.iterate(step, steps, {"CurrentIteration": count})
        raise StepFailedError("the loop's condition still holds after the last iteration")
    items = inputs.get("Iterators") or []
    if len(items) > MAX_ITERATIONS:
        raise StepFailedError(f"{len(items)} iterations; a loop has at most {MAX_ITERATIONS}")
    for count, item in enumerate(items, start=1):
        execution.iterate(step, steps, {"CurrentIteration": count, "CurrentIteratorValue": item})
    return {"CurrentIteration": len(items)}


ACTIONS: Mapping[str, Action] = {
    "aws:approve": approve,
    "aws:assertAwsResourceProperty": assert_property,
    "aws:branch": branch,
    "aws:executeAwsApi": execute_aws_api,
    "aws:executeScript": execute_script,
    "aws:loop": loop,
    "aws:sleep": sleep,
    "aws:waitForAwsResourceProperty": wait_for_property,
}
UNRESOLVED: Mapping[str, frozenset[str]] = {"aws:loop": frozenset({"Steps", "LoopCondition"}), "aws:executeScript": frozenset({"Script"})}
"""Inputs that are resolved later (a loop's steps, with each iteration) or never (a script's text)."""


def holds(choice: Mapping[str, Any]) -> bool:
    """Whether a choice of a branch holds: one comparison, or ``And``, ``Or``, ``Not`` of some."""
    if "And" in choice:
        return all(holds(item) for item in choice["And"])
    if "Or" in choice:
        return any(holds(item) for item in choice["Or"])
    if "Not" in choice:
        return not holds(choice["Not"])
    value = choice.get("Variable")
    for name, compare in _COMPARISONS.items():
        if name in choice:
            return compare(value, choice[name])
    raise NotImplementedError(f"the comparison in {dict(choice)}")


def _boolean(value: Any) -> bool:
    return str(value).lower() == "true"


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "StringEquals": lambda value, wanted: text(value) == str(wanted),
    "EqualsIgnoreCase": lambda value, wanted: text(value).lower() == str(wanted).lower(),
    "StartsWith": lambda value, wanted: text(value).startswith(str(wanted)),
    "EndsWith": lambda value, wanted: text(value).endswith(str(wanted)),
    "Contains": lambda value, wanted: str(wanted) in text(value),
    "BooleanEquals": lambda value, wanted: _boolean(value) is _boolean(wanted),
    "NumericEquals": lambda value, wanted: float(value) == float(wanted),
    "NumericGreater": lambda value, wanted: float(value) > float(wanted),
    "NumericGreaterOrEquals": lambda value, wanted: float(value) >= float(wanted),
    "NumericLesser": lambda value, wanted: float(value) < float(wanted),
    "NumericLesserOrEquals": lambda value, wanted: float(value) <= float(wanted),
}


def _desired(found: str, desired: Any) -> bool:
    return found in {text(item) for item in desired}


def _call(execution: Execution, inputs: Mapping[str, Any]) -> dict[str, Any]:
    from botocore import xform_name

    given = {name: value for name, value in inputs.items() if name not in {"Service", "Api", "PropertySelector", "DesiredValues"}}
    shape = service_model(inputs["Service"]).operation_model(inputs["Api"]).input_shape
    texts = {name for name, member in shape.members.items() if member.type_name == "string"} if shape is not None else set()
    # Outputs travel as text in the service, so a number is good for a string. The other way round nothing is bent here.
    given = {name: text(value) if name in texts and isinstance(value, int) else value for name, value in given.items()}
    answer: dict[str, Any] = getattr(execution.access.client(inputs["Service"]), xform_name(inputs["Api"]))(**given)
    answer.pop("ResponseMetadata", None)
    shown: dict[str, Any] = plain(answer)
    return shown


def _outputs(step: Step, answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: select(answer, selector) for name, selector, _ in step.outputs}
