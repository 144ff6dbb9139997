"""The blueprints and runbooks that ship, as the remediation plan speaks of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from averment.core.located import parse_yaml
from averment.governance.remediation.runbooks import all_runbooks


@dataclass(frozen=True)
class Remedy:
    """Something that ships to put things right: its name, what it does, and for a runbook the permissions that its role needs."""

    name: str
    what: str
    permissions: tuple[str, ...] = ()


def blueprints() -> Mapping[str, Remedy]:
    """The blueprints that ship, by name: each a folder with a ``template.yaml``, of which the description says what it is.

    Raises:
        BadInputError: a template isn't YAML.
    """
    folder = resources.files("averment").joinpath("governance", "remediation", "blueprints")
    if not folder.is_dir():
        return {}
    found = sorted((item for item in folder.iterdir() if item.joinpath("template.yaml").is_file()), key=lambda item: item.name)
    return {item.name: Remedy(item.name, _description(item.joinpath("template.yaml"))) for item in found}


def runbooks() -> Mapping[str, Remedy]:
    """The runbooks that ship, by name.

    Raises:
        BadInputError: a file isn't a runbook.
    """
    found = all_runbooks()
    return {name: Remedy(name, str(item.content.get("description", "")).strip(), item.permissions) for name, item in found.items()}


def _description(template: Traversable) -> str:
    document: Any = parse_yaml(template.read_text(encoding="utf-8"), template.name, tags=lambda _, value: value).value
    return " ".join(str(document.get("Description", "no description")).split())
