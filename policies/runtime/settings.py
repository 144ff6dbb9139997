"""The organisation's scope without YAML: what the bundle carries as JSON, and what a Config rule's parameters add."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from averment.core.errors import BadInputError
from averment.core.scope import DEFAULT_MEDIA, MediaMatcher, MediaRole, Scope

SCOPE_VARIABLE = "AVERMENT_SCOPE"
"""The environment variable of the function that holds ``scope_to_json``."""


_TEXTS = ("rule", "accounts", "organisation_id")
SWITCHES = ("config_recorder_expected", "inference_cost_watched_elsewhere", "isolation_runbook_expected")
"""Parameters that are true or false: whatever else they were given would be taken for off."""


def scope_to_json(scope: Scope) -> str:
    """``scope`` as JSON text, for ``AVERMENT_SCOPE``."""
    media = [{"role": str(entry.role), "tags": dict(entry.tags), "names": list(entry.names)} for entry in scope.media]
    value = {"accounts": list(scope.accounts), "regions": list(scope.regions), "organisation_id": scope.organisation_id, "media": media}
    return json.dumps(value, sort_keys=True)


def scope_from_json(text: str | None) -> Scope:
    """The inverse of ``scope_to_json``; the defaults where there is no text.

    Raises:
        BadInputError: not JSON of this shape.
    """
    if not text:
        return Scope()
    try:
        value = json.loads(text)
        media = tuple(
            MediaMatcher(MediaRole(entry["role"]), dict(entry.get("tags") or {}), tuple(entry.get("names") or ()))
            for entry in value.get("media") or ()
        )
        return Scope(
            accounts=tuple(str(account) for account in value.get("accounts") or ()),
            regions=tuple(value.get("regions") or ()),
            organisation_id=value.get("organisation_id"),
            media=media or DEFAULT_MEDIA,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f"{SCOPE_VARIABLE} can't be read: {error}", fix="write what scope_to_json writes") from error


def rule_parameters(event: Mapping[str, Any]) -> dict[str, Any]:
    """The rule's ``InputParameters`` out of a Config event.

    AWS Config takes texts alone as their values: a number, true, false, or a list in JSON is read as what it says, since rules ask for
    those as ``averment.yaml`` has them. ``rule`` and what is said of the organisation stay texts.

    Raises:
        BadInputError: not a JSON object, or a switch that is neither true nor false.
    """
    text = event.get("ruleParameters") or "{}"
    try:
        value = json.loads(text) if isinstance(text, str) else dict(text)
    except (ValueError, TypeError) as error:
        raise BadInputError(f"ruleParameters are not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadInputError("ruleParameters are not an object")
    return {name: given if name in _TEXTS else _switch(name, given) if name in SWITCHES else _read(given) for name, given in value.items()}


def _switch(name: str, given: Any) -> bool:
    read = _read(given.strip().lower() if isinstance(given, str) else given)
    if not isinstance(read, bool):
        raise BadInputError(f"the rule's parameter {name} is {given!r}, which is neither true nor false", fix="write true or false")
    return read


def _read(given: Any) -> Any:
    try:
        return json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        return given


def with_account(scope: Scope, account: str, parameters: Mapping[str, Any]) -> Scope:
    """``scope`` with the account that is evaluated and those in the parameter ``accounts`` (comma-separated) added.

    The account whose Config runs the rule is the organisation's own by definition.
    """
    listed = parameters.get("accounts") or ""
    more = [part.strip() for part in str(listed).split(",") if part.strip()]
    accounts = tuple(dict.fromkeys([*scope.accounts, *more, *([account] if account else [])]))
    organisation = parameters.get("organisation_id") or scope.organisation_id
    return Scope(accounts, scope.regions, str(organisation) if organisation else None, scope.media)
