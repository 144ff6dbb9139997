"""Evaluating a resource policy on one request, conditions included, as IAM does it.

Covered: Principal, NotPrincipal, Action, NotAction, Resource, NotResource; the String, Numeric, Date, Bool, Null, IpAddress and
Arn operators with ``IfExists``, ``ForAllValues`` and ``ForAnyValue``. Anything else is refused aloud (``NotCoveredError``)
instead of being taken for a match or a miss. Not covered: Binary operators, policy variables other than ``${aws:username}``, in resources and conditions alike.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Decision(StrEnum):
    """What a policy says of a request; ``NEUTRAL`` where no statement speaks of it."""

    ALLOW = "allow"
    DENY = "deny"
    NEUTRAL = "neutral"


class NotCoveredError(NotImplementedError):
    """The policy asks for something that isn't evaluated here; the answer would be a guess."""


@dataclass(frozen=True)
class Request:
    """Who asks for what. ``context``: condition key in lower case -> its values; a key that isn't in it is absent.

    ``known`` says whether a key that is absent from ``context`` is a real one that this request merely lacks.
    """

    action: str
    resource: str
    principals: tuple[str, ...]
    context: Mapping[str, tuple[str, ...]]
    known: Callable[[str], bool]


def decide(document: str | bytes, request: Request) -> Decision:
    """The decision of the policy ``document`` (JSON): an explicit Deny wins.

    Raises:
        NotCoveredError: a statement that would apply uses what isn't covered.
    """
    statements = json.loads(document).get("Statement", [])
    found = {_effect(item) for item in _listed(statements) if _applies(item, request)}
    if Decision.DENY in found:
        return Decision.DENY
    return Decision.ALLOW if found else Decision.NEUTRAL


def _effect(statement: Mapping[str, Any]) -> Decision:
    return Decision.DENY if statement.get("Effect") == "Deny" else Decision.ALLOW


def _applies(statement: Mapping[str, Any], request: Request) -> bool:
    if not _element(statement, "Action", lambda item: _like(request.action.lower(), str(item).lower())):
        return False
    if not _element(statement, "Resource", lambda item: _like(request.resource, _substituted(str(item), request))):
        return False
    if "Principal" in statement or "NotPrincipal" in statement:
        named = _principal(statement.get("Principal", statement.get("NotPrincipal")), request)
        if named is ("NotPrincipal" in statement):
            return False
    return all(
        _condition(operator, key, _texts(values), request)
        for operator, block in statement.get("Condition", {}).items()
        for key, values in block.items()
    )


def _element(statement: Mapping[str, Any], name: str, matches: Callable[[Any], bool]) -> bool:
    if f"Not{name}" in statement:
        return not any(matches(item) for item in _listed(statement[f"Not{name}"]))
    return any(matches(item) for item in _listed(statement.get(name, [])))


def _principal(value: Any, request: Request) -> bool:
    if value == "*":
        return True
    if not isinstance(value, Mapping):
        raise NotCoveredError(f"the principal {value!r} of a policy")
    for item in _listed(value.get("AWS", [])):
        if item == "*":
            return True
        account = re.fullmatch(r"(?:arn:[\w-]+:iam::)?(\d{12})(?::root)?", str(item))
        if account and any(principal.split(":")[4:5] == [account[1]] for principal in request.principals):
            return True
        if item in request.principals:
            return True
    return False


def _condition(operator: str, key: str, wanted: list[str], request: Request) -> bool:
    name, quantifier = operator, ""
    if ":" in name:
        quantifier, name = name.split(":", 1)
    optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    present = key.lower() in request.context
    if not present and not request.known(key.lower()):
        raise NotCoveredError(f"the condition key {key} of a policy (no such key, or not known here)")
    given = request.context.get(key.lower(), ())
    if name == "Null":
        return any((item.lower() == "true") is not present for item in wanted)
    if name not in _OPERATORS:
        raise NotCoveredError(f"the condition operator {operator} of a policy")
    compare, negated = _OPERATORS[name]
    if not present:
        return optional or negated or quantifier == "ForAllValues"
    hits = [any(compare(value, _substituted(item, request)) for item in wanted) is not negated for value in given]
    return all(hits) if quantifier == "ForAllValues" or (negated and not quantifier) else any(hits)


def _substituted(text: str, request: Request) -> str:
    """``text`` with ``${aws:username}`` and the escapes ``${*}``, ``${?}``, ``${$}``; other variables are refused."""

    def value(match: re.Match[str]) -> str:
        name = match[1].lower()
        if name in ("*", "?", "$"):
            return f"[{name}]"
        if name == "aws:username" and request.context.get(name):
            return request.context[name][0]
        raise NotCoveredError(f"the policy variable {match[0]}")

    return re.sub(r"\$\{([^}]*)\}", value, text)


def _like(value: str, pattern: str) -> bool:
    """``*`` and ``?`` alone are wildcards (``fnmatch`` knows brackets too, so those are escaped; ours from escapes stay)."""
    kept = re.sub(r"\[(?![*?$]\])", "[[]", pattern)
    return fnmatch.fnmatchcase(value, kept)


def _ip(value: str, wanted: str) -> bool:
    return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)


def _date(text: str) -> datetime:
    if text.isdigit():
        return datetime.fromtimestamp(int(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _ordered(read: Callable[[str], Any]) -> dict[str, tuple[Callable[[str, str], bool], bool]]:
    return {
        "Equals": (lambda value, wanted: read(value) == read(wanted), False),
        "NotEquals": (lambda value, wanted: read(value) == read(wanted), True),
        "LessThan": (lambda value, wanted: read(value) < read(wanted), False),
        "LessThanEquals": (lambda value, wanted: read(value) <= read(wanted), False),
        "GreaterThan": (lambda value, wanted: read(value) > read(wanted), False),
        "GreaterThanEquals": (lambda value, wanted: read(value) >= read(wanted), False),
    }


_OPERATORS: dict[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (lambda value, wanted: value == wanted, False),
    "StringNotEquals": (lambda value, wanted: value == wanted, True),
    "StringEqualsIgnoreCase": (lambda value, wanted: value.lower() == wanted.lower(), False),
    "StringNotEqualsIgnoreCase": (lambda value, wanted: value.lower() == wanted.lower(), True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    "ArnEquals": (_like, False),
    "ArnLike": (_like, False),
    "ArnNotEquals": (_like, True),
    "ArnNotLike": (_like, True),
    "Bool": (lambda value, wanted: value.lower() == wanted.lower(), False),
    "IpAddress": (_ip, False),
    "NotIpAddress": (_ip, True),
    **{f"Numeric{name}": pair for name, pair in _ordered(float).items()},
    **{f"Date{name}": pair for name, pair in _ordered(_date).items()},
}
"""Operator: (does one value match one wanted value, is the operator negated). A negated operator is true of an absent key."""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _texts(values: Any) -> list[str]:
    """Condition values as text: JSON true is ``true``."""
    items: Iterable[Any] = _listed(values)
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in items]
