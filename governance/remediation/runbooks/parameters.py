"""Whether a runbook takes the parameters that it is given, by its document's own rules: Systems Manager tells only once the document is asked to run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from averment.core.errors import BadInputError
from averment.core.showing import printable
from averment.governance.remediation.runbooks import ShippedRunbook

MAX_VALUE = 512
"""Characters of a parameter's value in Systems Manager; a key of S3 may have more."""


def check_values(runbook: ShippedRunbook, values: Mapping[str, Sequence[str]]) -> None:
    """Whether the parameters take ``values``.

    Raises:
        BadInputError: one doesn't.
    """
    for parameter, given in values.items():
        for value in given:
            _check_value(runbook, parameter, runbook.content["parameters"][parameter], value)


def check_all(runbook: ShippedRunbook, values: Mapping[str, Sequence[str]]) -> None:
    """Whether ``values`` are all that a start of the document needs, the role that it acts as among them.

    Raises:
        BadInputError: one is missing, is no parameter, has more than one value where it takes one, or isn't taken.
    """
    known: Mapping[str, Any] = runbook.content["parameters"]
    if strange := [name for name in values if name not in known]:
        raise BadInputError(f"{runbook.name} has no parameter '{printable(strange[0])}'", fix=f"one of {', '.join(known)}")
    if missing := [name for name, entry in known.items() if "default" not in entry and name not in values]:
        told = "; ".join(f"{name}: {known[name]['description']}" for name in missing)
        raise BadInputError(f"{runbook.name} needs {', '.join(missing)}", fix=told)
    if several := [name for name, given in values.items() if len(given) > 1 and known[name]["type"] != "StringList"]:
        raise BadInputError(f"{several[0]} is given more than once", fix=f"run {runbook.name} once for each")
    check_values(runbook, values)


def _check_value(runbook: ShippedRunbook, parameter: str, entry: Mapping[str, Any], value: str) -> None:
    rules: list[tuple[bool, str]] = [
        (not value, "leave it out where it may be empty"),
        (len(value) > MAX_VALUE, f"Systems Manager takes at most {MAX_VALUE} characters"),
        (entry["type"] == "Boolean" and value.lower() not in {"true", "false"}, "write true or false"),
        (entry["type"] == "Integer" and not value.isdecimal(), "write a number"),
        (entry["type"] == "AWS::IAM::Role::Arn" and not value.startswith("arn:"), "write the role's ARN"),
        ("allowedValues" in entry and value not in entry.get("allowedValues", ()), f"one of {', '.join(entry.get('allowedValues', ()))}"),
        (not re.fullmatch(entry.get("allowedPattern", ".*"), value, re.DOTALL), entry["description"]),
    ]
    for broken, fix in rules:
        if broken:
            raise BadInputError(f"{runbook.name} takes no {parameter} '{printable(value)}'", fix=fix)
