"""What the bundle brings along besides code: the organisation's settings and its own rules.

In a checkout, and in tests, there is no bundle, and the defaults apply.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.policies.interface import Rule

SETTINGS_FILE = "averment-bundle.json"
OWN_RULES = "averment_own_rules"
"""The folder in the archive that holds folders of the organisation's own rules."""

_ID = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


@dataclass(frozen=True)
class Settings:
    """``scope``: the organisation's, as JSON text (None: the defaults). ``parameters`` of rules. ``own_rules``: folders."""

    scope: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    own_rules: tuple[Path, ...] = ()


def load_settings(root: Path | None = None) -> Settings:
    """The settings of the bundle that this module lies in (or that lies at ``root``); the defaults outside of a bundle.

    Raises:
        BadInputError: the file isn't what the build wrote.
    """
    top = root or Path(__file__).absolute().parents[3]  # <bundle>/averment/policies/runtime/bundled.py
    file = top / SETTINGS_FILE
    if not file.is_file():
        return Settings()
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
        folders = tuple(top / name for name in value["rules"])
        return Settings(json.dumps(value["scope"]), dict(value["parameters"]), folders)
    except (ValueError, KeyError, TypeError) as error:
        raise BadInputError(f"{SETTINGS_FILE} can't be read: {error}", fix="build the bundle anew: averment rules build") from error


def rule_called(rule_id: str, own_rules: tuple[Path, ...] = ()) -> Rule:
    """The rule called ``rule_id``: a shipped one, imported alone (a cold start shouldn't pay for all), or one of ``own_rules``.

    Raises:
        BadInputError: there is none.
        IncompleteError: an own rule doesn't load.
    """
    if _ID.fullmatch(rule_id):
        name = f"averment.policies.rules.{rule_id.replace('-', '_')}"
        try:
            found = importlib.import_module(f"{name}.rule").RULE
        except ModuleNotFoundError as error:
            if error.name not in (name, f"{name}.rule"):
                raise
        else:
            if isinstance(found, Rule) and found.id == rule_id:
                return found
    if own_rules and _ID.fullmatch(rule_id):
        from averment.policies.own_rules import FILE_NAME, rule_in

        for folder in own_rules:
            file = folder / rule_id.replace("-", "_") / FILE_NAME
            if file.is_file():  # alone: another one may be about source code, and need what isn't here
                return rule_in(file)
    raise BadInputError(f"there is no rule '{rule_id}' in this bundle", fix="build and deploy the bundle anew: averment rules deploy")
