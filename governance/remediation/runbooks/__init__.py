"""The runbooks that ship: Automation documents of AWS Systems Manager, each with a dry run, an approval, a way back, and the role that it needs.

A file holds ``name``, ``title``, ``rollback`` (how it is undone), ``when`` to use it, what ``remains`` for a real account, and ``document``;
``resource_type`` and ``parameter`` where AWS Config can offer it beside a finding. A step's ``Script: {file: undo.py}`` stands for the text of that file in ``scripts/``, and is replaced when the document is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any

from averment.core.errors import BadInputError
from averment.core.located import load_yaml
from averment.governance.remediation.permissions import document_actions
from averment.policies.deployment.names import PREFIX
from averment.policies.deployment.plan import Runbook


@dataclass(frozen=True)
class ShippedRunbook:
    """One runbook. ``content`` is the document as Systems Manager takes it; ``target`` the resource type of AWS Config whose finding it mends, and
    the parameter that takes the resource's id. ``remains`` is what only a real account shows."""

    name: str
    title: str
    rollback: str
    when: str
    remains: tuple[str, ...]
    content: Mapping[str, Any]
    target: tuple[str, str] | None

    @property
    def document(self) -> str:
        """The document's name in the account."""
        return f"{PREFIX}{self.name}"

    @property
    def required(self) -> tuple[str, ...]:
        """The parameters without a default, the role left out."""
        return tuple(
            name for name, entry in self.content["parameters"].items() if "default" not in entry and name != "AutomationAssumeRole"
        )


def runbook_names() -> list[str]:
    """The names of the runbooks that ship, in order."""
    return sorted(item.name.removesuffix(".yaml") for item in _folder().iterdir() if item.name.endswith(".yaml"))


def shipped_runbook(name: str) -> ShippedRunbook:
    """The runbook ``name``.

    Raises:
        BadInputError: there is none of this name, or its file isn't a runbook.
    """
    if name not in runbook_names():
        raise BadInputError(f"there is no runbook '{name}'", fix=f"one of {', '.join(runbook_names())}")
    document = load_yaml(Path(str(_folder().joinpath(f"{name}.yaml"))))
    value: dict[str, Any] = document.value
    try:
        target = (value["resource_type"], value["parameter"]) if "resource_type" in value else None
        return ShippedRunbook(
            value["name"],
            value["title"],
            value["rollback"],
            value["when"],
            tuple(value["remains"]),
            _with_scripts(value["document"]),
            target,
        )
    except (KeyError, TypeError) as error:
        raise BadInputError(f"is not a runbook: {error}", where=document.where(()), fix="see governance/remediation/runbooks") from error


@cache
def all_runbooks() -> Mapping[str, Runbook]:
    """Every shipped runbook by its name, which is what a control's ``remediation.runbook`` says. They are read once, as they don't change while the
    program runs.

    One that AWS Config can't offer beside a finding has no resource type (an empty text), which fits no rule.

    Raises:
        BadInputError: a file isn't a runbook.
    """
    found = (shipped_runbook(name) for name in runbook_names())
    runbooks = (Runbook(item.name, *(item.target or ("", "")), item.content, tuple(document_actions(item.content))) for item in found)
    return MappingProxyType({item.name: item for item in runbooks})


UNDO = "plan.Undo"
"""The output in which a runbook writes down the calls that take it back; all of ours have it, if only with an empty list."""


_NO_OUTPUT = "No output available yet"
"""How the sentence begins that Systems Manager answers in place of an output whose step has not succeeded."""


def outputs_of(execution: Mapping[str, Any]) -> dict[str, list[str]]:
    """What the document put out of an execution, as GetAutomationExecution tells of it: without those outputs that there are none of."""
    told = {str(name): [str(item) for item in values] for name, values in execution.get("Outputs", {}).items()}
    return {name: values for name, values in told.items() if not any(value.startswith(_NO_OUTPUT) for value in values[:1])}


def undo_digest(outputs: Mapping[str, Sequence[str]]) -> str | None:
    """The SHA-256 of the way back in an execution's outputs, which ``restore`` asks for; None if there is nothing to put back."""
    undo = next(iter(outputs.get(UNDO, ())), "[]")
    return None if undo == "[]" else hashlib.sha256(undo.encode()).hexdigest()


def _folder() -> Traversable:
    return resources.files("averment").joinpath("governance", "remediation", "runbooks")


def _with_scripts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _script(item) if key == "Script" else _with_scripts(item) for key, item in value.items()}
    return [_with_scripts(item) for item in value] if isinstance(value, list) else value


def _script(value: Any) -> str:
    name = value["file"] if isinstance(value, dict) else None
    if name is None:
        return str(value)
    return _folder().joinpath("scripts", name).read_text(encoding="utf-8")
