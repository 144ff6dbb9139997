"""Refusals as AWS Config words them."""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import JsonRESTError

SERVICE_LINKED = "An AWS service owns ServiceLinkedConfigRule. You do not have permissions to take action on this rule."
"""What Config says to whoever touches a rule that a conformance pack or another service made."""


def refused(code: str, message: str) -> Any:
    """The error ``code`` (a name from Config's service model) with ``message``, to be raised."""
    return JsonRESTError(code, message)


def invalid(message: str) -> Any:
    """InvalidParameterValueException."""
    return refused("InvalidParameterValueException", message)


def no_such_rule(name: str) -> Any:
    """NoSuchConfigRuleException for the rule ``name``."""
    return refused(
        "NoSuchConfigRuleException",
        f"The ConfigRule '{name}' provided in the request is invalid. Please check the configRule name",
    )


def no_such_pack(names: list[str]) -> Any:
    """NoSuchConformancePackException."""
    return refused(
        "NoSuchConformancePackException", f"Cannot find the conformance packs: {', '.join(names)}. Check the names and try again."
    )
