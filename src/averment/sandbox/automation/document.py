"""An Automation document (schema 0.3), read and checked: structure, actions and their inputs, API calls against botocore's models, and that every
reference leads somewhere.

Stricter than the service where it can be: Systems Manager finds a misspelt member of an API call when the step runs, which is too late in an incident.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from averment.sandbox.automation.values import references

GLOBALS = frozenset(
    {"global:ACCOUNT_ID", "global:REGION", "global:AWS_PARTITION", "global:DATE", "global:DATE_TIME", "automation:EXECUTION_ID"}
)

REQUIRED: Mapping[str, frozenset[str]] = {
    "aws:approve": frozenset({"Approvers"}),
    "aws:assertAwsResourceProperty": frozenset({"Service", "Api", "PropertySelector", "DesiredValues"}),
    "aws:branch": frozenset({"Choices"}),
    "aws:executeAwsApi": frozenset({"Service", "Api"}),
    "aws:executeScript": frozenset({"Runtime", "Handler", "Script"}),
    "aws:loop": frozenset({"Steps"}),
    "aws:sleep": frozenset(),
    "aws:waitForAwsResourceProperty": frozenset({"Service", "Api", "PropertySelector", "DesiredValues"}),
}
"""The actions that are executed here, each with the inputs that it can't do without."""

_OPTIONAL: Mapping[str, frozenset[str]] = {
    "aws:approve": frozenset({"NotificationArn", "Message", "MinRequiredApprovals"}),
    "aws:branch": frozenset({"Default"}),
    "aws:executeScript": frozenset({"InputPayload"}),
    "aws:loop": frozenset({"Iterators", "IteratorDataType", "LoopCondition", "MaxIterations"}),
    "aws:sleep": frozenset({"Duration", "Timestamp"}),
}
"""Their other inputs; an action that isn't here takes the members of its API call."""

RUNTIMES = frozenset({"python3.8", "python3.9", "python3.10", "python3.11", "PowerShell Core 6.0", "PowerShell 7.0"})
OUTPUT_TYPES = frozenset({"String", "StringList", "Boolean", "Integer", "MapList", "StringMap"})
_AWS_TYPE = re.compile(r"(?:List<)?AWS::[A-Za-z0-9]+::[A-Za-z]+::[A-Za-z]+>?")
_STEP_NAME = re.compile(r"[A-Za-z0-9_]{1,128}")
_STEP_KEYS = frozenset(
    [
        "name",
        "action",
        "description",
        "inputs",
        "outputs",
        "onFailure",
        "onCancel",
        "isCritical",
        "isEnd",
        "nextStep",
        "maxAttempts",
        "timeoutSeconds",
    ]
)
_TOP_KEYS = frozenset({"schemaVersion", "description", "assumeRole", "parameters", "mainSteps", "outputs", "variables", "files"})
_CALL_INPUTS = frozenset({"Service", "Api", "PropertySelector", "DesiredValues"})


class DocumentError(ValueError):
    """What is wrong with a document, one line each."""

    def __init__(self, complaints: list[str]) -> None:
        super().__init__("; ".join(complaints))


@dataclass(frozen=True)
class Step:
    """One step; ``outputs`` are (name, selector, type)."""

    name: str
    action: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[tuple[str, str, str], ...] = ()
    on_failure: str = "Abort"
    critical: bool = True
    end: bool = False
    next_step: str | None = None
    attempts: int = 1
    seconds: int = 3600

    @property
    def targets(self) -> Iterator[str]:
        """Names of the steps that it may lead to besides the following one."""
        if self.next_step is not None:
            yield self.next_step
        if self.on_failure.startswith("step:"):
            yield self.on_failure.removeprefix("step:")
        if self.action == "aws:branch":
            yield from (choice["NextStep"] for choice in self.inputs["Choices"] if "NextStep" in choice)
            if "Default" in self.inputs:
                yield self.inputs["Default"]


@dataclass(frozen=True)
class Document:
    """A document that was found good."""

    assume_role: str | None
    parameters: Mapping[str, Mapping[str, Any]]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]


def read(content: str | Mapping[str, Any]) -> Document:
    """The document in ``content`` (JSON, YAML or parsed).

    Raises:
        DocumentError: everything that is wrong with it.
    """
    value = _parsed(content)
    wrong = list(_shape(value))
    if wrong:
        raise DocumentError(wrong)
    steps = tuple(_step(item) for item in value["mainSteps"])
    parameters = value.get("parameters") or {}
    wrong = [*_parameters(parameters), *_flow(steps), *(line for step in _every(steps) for line in _inputs(step))]
    wrong += _dangling(value, steps, parameters)
    if wrong:
        raise DocumentError(wrong)
    return Document(value.get("assumeRole"), parameters, steps, tuple(value.get("outputs") or ()))


def nested(step: Step) -> tuple[Step, ...]:
    """The steps within a loop."""
    return tuple(_step(item) for item in step.inputs.get("Steps") or ()) if step.action == "aws:loop" else ()


def _parsed(content: str | Mapping[str, Any]) -> dict[str, Any]:
    import yaml

    if isinstance(content, Mapping):
        return dict(content)
    try:
        value = json.loads(content) if content.lstrip().startswith("{") else yaml.safe_load(content)
    except (ValueError, yaml.YAMLError) as error:
        raise DocumentError([f"neither JSON nor YAML: {error}"]) from error
    if not isinstance(value, dict):
        raise DocumentError(["not an object"])
    return value


def _shape(value: Mapping[str, Any]) -> Iterator[str]:
    if value.get("schemaVersion") != "0.3":
        yield f"schemaVersion is {value.get('schemaVersion')!r}, an Automation document has '0.3'"
    yield from (f"unknown member {key}" for key in value if key not in _TOP_KEYS)
    steps = value.get("mainSteps")
    if not isinstance(steps, list) or not steps:
        yield "mainSteps is missing or empty"
        return
    yield from _step_shapes(steps)


def _step_shapes(steps: list[Any]) -> Iterator[str]:
    for number, item in enumerate(steps, start=1):
        if not isinstance(item, Mapping) or not isinstance(item.get("name"), str) or not isinstance(item.get("action"), str):
            yield f"step {number} has no name or no action"
            continue
        name = item["name"]
        if not _STEP_NAME.fullmatch(name):
            yield f"'{name}' can't be the name of a step"
        yield from (f"step {name} has an unknown member {key}" for key in item if key not in _STEP_KEYS)
        if not isinstance(item.get("inputs") or {}, Mapping):
            yield f"the inputs of step {name} aren't an object"
        if item["action"] == "aws:loop":
            yield from _step_shapes(list((item.get("inputs") or {}).get("Steps") or ()))


def _step(item: Mapping[str, Any]) -> Step:
    outputs = tuple((str(entry.get("Name")), str(entry.get("Selector")), str(entry.get("Type"))) for entry in item.get("outputs") or ())
    return Step(
        name=item["name"],
        action=item["action"],
        inputs=item.get("inputs") or {},
        outputs=outputs,
        on_failure=str(item.get("onFailure", "Abort")),
        critical=_true(item.get("isCritical", True)),
        end=_true(item.get("isEnd", False)),
        next_step=item.get("nextStep"),
        attempts=int(item.get("maxAttempts", 1)),
        seconds=int(item.get("timeoutSeconds", 3600)),
    )


def _true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _every(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from _every(nested(step))


def _parameters(parameters: Mapping[str, Any]) -> Iterator[str]:
    for name, entry in parameters.items():
        kind = str(entry.get("type"))
        if kind not in OUTPUT_TYPES and not _AWS_TYPE.fullmatch(kind):
            yield f"the parameter {name} has an unknown type {kind}"
        if "default" in entry and "allowedValues" in entry and entry["default"] not in entry["allowedValues"]:
            yield f"the default of {name} isn't among its allowed values"


def _flow(steps: tuple[Step, ...], within: str = "") -> Iterator[str]:
    names = [step.name for step in steps]
    yield from (f"two steps{within} are called {name}" for name in sorted(set(names)) if names.count(name) > 1)
    for step in steps:
        if step.on_failure not in {"Abort", "Continue"} and not step.on_failure.startswith("step:"):
            yield f"onFailure of step {step.name} is '{step.on_failure}'"
        yield from (f"step {step.name} leads to {target}, which isn't there" for target in step.targets if target not in names)
        if step.action == "aws:loop":
            yield from _flow(nested(step), f" in {step.name}")


def _inputs(step: Step) -> Iterator[str]:
    if step.action not in REQUIRED:
        yield f"step {step.name} has the action {step.action}, which the embedded AWS doesn't execute"
        return
    given = set(step.inputs)
    yield from (f"step {step.name} lacks the input {name}" for name in sorted(REQUIRED[step.action] - given))
    if "Api" in REQUIRED[step.action]:
        yield from _call(step)
    else:
        yield from (
            f"step {step.name} has an unknown input {name}" for name in sorted(given - REQUIRED[step.action] - _OPTIONAL[step.action])
        )
    if step.action == "aws:executeScript" and step.inputs.get("Runtime") not in RUNTIMES:
        yield f"step {step.name} has the runtime {step.inputs.get('Runtime')!r}"
    for name, selector, kind in step.outputs:
        if not selector.startswith("$") or kind not in OUTPUT_TYPES:
            yield f"the output {name} of step {step.name} has the selector {selector!r} and the type {kind!r}"


def _call(step: Step) -> Iterator[str]:
    """What is wrong with the API call of a step, by botocore's model of the service."""
    service, api = str(step.inputs.get("Service")), str(step.inputs.get("Api"))
    model = service_model(service)
    if model is None:
        yield f"step {step.name} calls an unknown service {service}"
        return
    if api not in model.operation_names:
        yield f"step {step.name} calls {service}:{api}, which doesn't exist"
        return
    shape = model.operation_model(api).input_shape
    known = set(shape.members) if shape is not None else set()
    given = set(step.inputs) - _CALL_INPUTS
    yield from (f"step {step.name}: {service}:{api} takes no {name}" for name in sorted(given - known))
    needed = set(shape.required_members) if shape is not None else set()
    yield from (f"step {step.name}: {service}:{api} needs {name}" for name in sorted(needed - given))


@cache
def service_model(service: str) -> Any:
    """botocore's model of a service, None if there is no such service."""
    from botocore.exceptions import UnknownServiceError
    from botocore.model import ServiceModel

    try:
        return ServiceModel(loader().load_service_model(service, "service-2"), service)
    except UnknownServiceError:
        return None


@cache
def loader() -> Any:
    """What reads botocore's models. One for all clients and checks: it remembers what it read."""
    from botocore.loaders import Loader

    return Loader()


def _dangling(value: Mapping[str, Any], steps: tuple[Step, ...], parameters: Mapping[str, Any]) -> list[str]:
    """References that lead nowhere. A step's outputs are those that it names and those that its action has by itself."""
    outputs = {f"{step.name}.{name}" for step in _every(steps) for name in [item[0] for item in step.outputs] + list(own_outputs(step))}
    good = GLOBALS | set(parameters) | outputs
    wrong = [f"'{{{{ {name} }}}}' leads nowhere" for name in references([value.get("assumeRole"), value["mainSteps"]]) if name not in good]
    wrong += [f"the output '{name}' leads nowhere" for name in value.get("outputs") or () if name not in good]
    return sorted(set(wrong))


def own_outputs(step: Step) -> tuple[str, ...]:
    """What a step puts out without being told."""
    return {
        "aws:approve": ("ApprovalStatus", "ApproverDecisions"),
        "aws:executeScript": ("Payload", "OutputPayload"),
        "aws:loop": ("CurrentIteratorValue", "CurrentIteration"),
    }.get(step.action, ())
