"""The runbooks that ship: Automation documents of AWS Systems Manager, each with the permissions that it needs and no more."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.located import load_yaml
from averment.policies.deployment.plan import Runbook


def all_runbooks() -> dict[str, Runbook]:
    """Every shipped runbook by its name, which is what a control's ``remediation.runbook`` says.

    Raises:
        BadInputError: a file isn't a runbook.
    """
    folder = resources.files("averment").joinpath("governance", "remediation", "runbooks")
    files = sorted((item for item in folder.iterdir() if item.name.endswith(".yaml")), key=lambda item: item.name)
    found = [_runbook(Path(str(file))) for file in files]
    return {runbook.name: runbook for runbook in found}


def _runbook(path: Path) -> Runbook:
    document = load_yaml(path)
    value: dict[str, Any] = document.value
    try:
        return Runbook(value["name"], value["resource_type"], value["parameter"], value["document"], tuple(value["permissions"]))
    except (KeyError, TypeError) as error:
        raise BadInputError(f"is not a runbook: {error}", where=document.where(()), fix="see governance/remediation/runbooks") from error
