"""The step that keeps one CloudFormation stack as a template says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from averment.core.aws import aws_errors, client, error_code
from averment.core.errors import BadInputError, IncompleteError
from averment.core.located import parse_yaml
from averment.policies.deployment.interface import Action, Change, Kept, Step
from averment.policies.deployment.names import BUILD_TAG
from averment.policies.deployment.waiting import Sleep, settled

STANDS = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"})
"""States in which a stack can be updated."""

_NEVER_CAME = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS"})
"""States out of which a stack can only be deleted."""

_BEGINS = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"})
"""What a stack's own event says where somebody set something going; a rollback belongs to that."""

MAX_WAIT_S = 900
MAX_BODY_BYTES = 51_200


class Stack(Step):
    """The stack ``name`` with ``template`` (YAML) and ``parameters``. One that has neither the template's description nor the tag of a build is
    somebody else's. ``also`` gives further parameters, which depend on what is in the account.

    Needs ``cloudformation:DescribeStacks``, ``GetTemplate``, ``CreateStack``, ``UpdateStack``, ``DeleteStack``, ``DescribeStackEvents``,
    and what the template's resources need.
    """

    def __init__(
        self,
        name: str,
        template: str,
        parameters: Mapping[str, str],
        tags: Mapping[str, str],
        *,
        region: str | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        if len(template.encode()) > MAX_BODY_BYTES:
            raise BadInputError(f"the template of the stack {name} is larger than {MAX_BODY_BYTES:,} bytes", fix="deploy fewer runbooks")
        self.stack, self.template, self.parameters, self.tags = name, template, dict(parameters), dict(tags)
        self.name = f"stack {name}"
        self.also: Callable[[], Mapping[str, str]] = dict
        self._sleep = sleep
        self._cloudformation: Any = client("cloudformation", region=region)

    def changes(self) -> tuple[Change, ...]:
        found = self._described()
        if found is None or found["StackStatus"] in _NEVER_CAME:
            names = tuple(f"{kind} {name}" for name, kind in sorted(_resources(self.template, self._arguments()).items()))
            return (Change(Action.CREATE, self.name, names),)
        details = (*self._template_differences(), *self._parameter_differences(found))
        if not details and found["StackStatus"] not in STANDS:
            details = (f"it is {found['StackStatus']}",)
        return (Change(Action.UPDATE, self.name, details),) if details else ()

    def apply(self) -> None:
        found = self._settled()
        if found is not None and found["StackStatus"] in _NEVER_CAME:
            self.remove()
            found = None
        given = {
            "StackName": self.stack,
            "TemplateBody": self.template,
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(self._arguments().items())],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "Tags": [{"Key": key, "Value": value} for key, value in sorted(self.tags.items())],
            "ClientRequestToken": f"averment-{uuid4()}",  # by which CloudFormation knows a call again whose answer was lost
        }
        call = self._cloudformation.create_stack if found is None else self._cloudformation.update_stack
        try:
            with aws_errors(f"deploy the stack {self.stack}"):
                call(**given)
        except IncompleteError as error:
            if not (error_code(error) == "ValidationError" and "No updates are to be performed" in error.message):
                raise
        found = self._settled()
        if found is None or found["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            status = found["StackStatus"] if found is not None else "gone"
            raise IncompleteError(f"the stack {self.stack} is {status}: {self._reason()}", fix="see the stack's events")

    def outputs(self) -> dict[str, str]:
        """The stack's outputs; empty while there is no stack."""
        found = self._own()
        return {item["OutputKey"]: item["OutputValue"] for item in (found or {}).get("Outputs", ())}

    def given(self, parameter: str) -> str | None:
        """The value that the stack has of ``parameter``; None while there is no stack, or it has none."""
        found = self._own()
        return next((item.get("ParameterValue") for item in (found or {}).get("Parameters", ()) if item["ParameterKey"] == parameter), None)

    def makes(self, resource: str) -> bool:
        """Whether the stack as it is deployed has a ``resource`` of that name in its template, be it on a condition."""
        found = self._own()
        return found is not None and found["StackStatus"] not in _NEVER_CAME and resource in (self._deployed().get("Resources") or {})

    def present(self) -> tuple[str, ...]:
        return () if self._own() is None else (self.name,)

    def kept(self) -> tuple[Kept, ...]:
        found = self._described()
        if found is None or self._ours(found):
            return ()
        says = f"its description is {found['Description']!r}" if found.get("Description") else "it has no description"
        return (Kept(self.name, f"somebody else made it: {says}, and it has no tag {BUILD_TAG}"),)

    def in_the_way(self) -> tuple[Kept, ...]:
        return self.kept()

    def remove(self) -> None:
        found = self._settled()
        if found is None or not self._ours(found):
            return
        with aws_errors(f"delete the stack {self.stack}"):
            self._cloudformation.delete_stack(StackName=self.stack)
        left = self._settled()
        if left is not None:
            raise IncompleteError(f"the stack {self.stack} is {left['StackStatus']}: {self._reason()}", fix="see the stack's events")

    def _arguments(self) -> dict[str, str]:
        return {**self.parameters, **self.also()}

    def _described(self) -> dict[str, Any] | None:
        try:
            with aws_errors(f"describe the stack {self.stack}"):
                found: Sequence[dict[str, Any]] = self._cloudformation.describe_stacks(StackName=self.stack)["Stacks"]
        except IncompleteError as error:
            if error_code(error) == "ValidationError" and "does not exist" in error.message:
                return None
            raise
        return next((item for item in found if item["StackStatus"] != "DELETE_COMPLETE"), None)

    def _own(self) -> dict[str, Any] | None:
        found = self._described()
        return found if found is not None and self._ours(found) else None

    def _ours(self, found: Mapping[str, Any]) -> bool:
        described = parse_yaml(self.template, self.stack).value.get("Description")
        return found.get("Description") == described or any(tag["Key"] == BUILD_TAG for tag in found.get("Tags", ()))

    def _settled(self) -> dict[str, Any] | None:
        """The stack once nothing is in progress.

        Raises:
            IncompleteError: it took too long.
        """
        return settled(self._described, _busy, f"the stack {self.stack}", MAX_WAIT_S, self._sleep)

    def _deployed(self) -> Mapping[str, Any]:
        """The template that the stack was made by last."""
        with aws_errors(f"read the template of the stack {self.stack}"):
            body = self._cloudformation.get_template(StackName=self.stack, TemplateStage="Original")["TemplateBody"]
        there: Mapping[str, Any] = parse_yaml(body, self.stack).value if isinstance(body, str) else body
        return there

    def _template_differences(self) -> Iterator[str]:
        there = self._deployed()
        wanted = parse_yaml(self.template, self.stack).value
        for part in sorted({*there, *wanted} - {"Resources"}):
            if there.get(part) != wanted.get(part):
                yield f"{part} of the template"
        before, after = there.get("Resources") or {}, wanted["Resources"]
        for name in sorted({*before, *after}):
            if name not in before:
                yield f"+ {after[name]['Type']} {name}"
            elif name not in after:
                yield f"- {before[name]['Type']} {name}"
            elif before[name] != after[name]:
                yield f"~ {after[name]['Type']} {name}"

    def _parameter_differences(self, found: Mapping[str, Any]) -> Iterator[str]:
        there = {item["ParameterKey"]: item.get("ParameterValue") for item in found.get("Parameters", ())}
        for key, value in sorted(self._arguments().items()):
            if there.get(key) != value:
                yield f"parameter {key}: {there.get(key)} -> {value}"

    def _reason(self) -> str:
        """The first reason that the stack's events give for the failure of what was done last."""
        try:
            with aws_errors(f"read the events of the stack {self.stack}"):
                events = list(self._latest_events())
        except IncompleteError as error:
            return error.message
        failed = [item for item in events if "FAILED" in item.get("ResourceStatus", "") and item.get("ResourceStatusReason")]
        return f"{failed[-1]['LogicalResourceId']}: {failed[-1]['ResourceStatusReason']}" if failed else "its events give no reason"

    def _latest_events(self) -> Iterator[Mapping[str, Any]]:
        """Newest first, down to where the latest operation began: those of earlier ones, and why they failed, stay for 90 days."""
        for page in self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=self.stack):
            for event in page["StackEvents"]:
                yield event
                if event.get("PhysicalResourceId") == event["StackId"] and event.get("ResourceStatus") in _BEGINS:
                    return


def _busy(stack: Mapping[str, Any]) -> str | None:
    status = str(stack["StackStatus"])
    return status if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS" else None


def _resources(template: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """The resources that come of a template; a condition in it has the name of the parameter that it hangs on."""
    found = parse_yaml(template, "template").value["Resources"]
    return {name: item["Type"] for name, item in found.items() if parameters.get(item.get("Condition", "")) != "false"}
