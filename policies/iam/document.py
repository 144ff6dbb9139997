"""Policy documents as statements. What isn't a policy document becomes ``Unknown`` and never an empty policy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from averment.policies.graph.model import PropertyPath, Reference, Unknown
from averment.policies.iam.patterns import action_matches
from averment.policies.iam.truth import Truth, any_of, negate

Value = str | Reference | Unknown

MAX_JSON = 1_000_000
"""Longest policy text that is parsed; IAM's own limit is 20,480 characters."""

_NEGATED = frozenset(
    [
        "stringnotequals",
        "stringnotequalsignorecase",
        "stringnotlike",
        "numericnotequals",
        "datenotequals",
        "notipaddress",
        "arnnotequals",
        "arnnotlike",
    ]
)


@dataclass(frozen=True)
class Condition:
    """One operator on one key. ``operator`` is as written (``ForAnyValue:StringLikeIfExists``)."""

    operator: str
    key: str
    values: tuple[Value, ...]

    @property
    def base(self) -> str:
        """The operator in lower case without set qualifier and ``IfExists``."""
        return self.operator.rsplit(":", 1)[-1].lower().removesuffix("ifexists")

    @property
    def qualifier(self) -> str:
        """``forallvalues``, ``foranyvalue`` or nothing."""
        return self.operator.split(":", 1)[0].lower() if ":" in self.operator else ""

    @property
    def if_exists(self) -> bool:
        """Whether a missing key counts as a match."""
        return self.operator.lower().endswith("ifexists")

    @property
    def negated(self) -> bool:
        """Whether the operator is one of the ``Not`` ones."""
        return self.base in _NEGATED

    def when_missing(self) -> Truth:
        """The condition's value for a request that doesn't carry the key.

        IAM User Guide, "Condition operators": positive operators don't match, negated ones do, ``IfExists`` does,
        ``ForAllValues`` does (an empty set), ``ForAnyValue`` doesn't, ``Null`` asks for exactly this.
        """
        if self.base == "null":
            return any_of(_is_true(value) for value in self.values)
        if self.if_exists or self.qualifier == "forallvalues":
            return True
        if self.qualifier == "foranyvalue":
            return False
        return self.negated


@dataclass(frozen=True)
class Statement:
    """One statement. Absent elements are None, so that ``Action: []`` and no ``Action`` differ."""

    effect: str | Unknown
    path: PropertyPath
    sid: str | None = None
    actions: tuple[Value, ...] | None = None
    not_actions: tuple[Value, ...] | None = None
    resources: tuple[Value, ...] | None = None
    not_resources: tuple[Value, ...] | None = None
    principals: tuple[tuple[str, Value], ...] | None = None
    not_principals: tuple[tuple[str, Value], ...] | None = None
    conditions: tuple[Condition, ...] = ()
    conditions_unknown: Unknown | None = None

    @property
    def name(self) -> str:
        """How people find it: its Sid, or its number from 1."""
        number = next((step for step in reversed(self.path) if isinstance(step, int)), 0) + 1
        return f"statement '{self.sid}'" if self.sid else f"statement {number}"

    def covers_action(self, action: str) -> Truth:
        """Whether ``Action`` or ``NotAction`` takes in ``action``."""
        if self.not_actions is not None:
            return negate(any_of(_action(value, action) for value in self.not_actions))
        return any_of(_action(value, action) for value in self.actions or ())

    def action_text(self, action: str) -> str:
        """The entry by which ``action`` is covered, for messages: ``s3:*`` or ``NotAction``."""
        for value in self.actions or ():
            if isinstance(value, str) and action_matches(value, action):
                return value
        return "NotAction" if self.not_actions is not None else action


@dataclass(frozen=True)
class Document:
    """A parsed policy. ``unknown`` holds the reasons why some of its statements could not be read."""

    statements: tuple[Statement, ...] = ()
    unknown: tuple[Unknown, ...] = field(default=())

    def __iter__(self) -> Iterator[Statement]:
        return iter(self.statements)

    def of_effect(self, effect: str) -> Iterator[Statement]:
        """Statements with this effect; those of unknown effect count as both."""
        return (statement for statement in self.statements if statement.effect == effect or isinstance(statement.effect, Unknown))


def parse_document(document: Any, path: PropertyPath = ()) -> Document:
    """Read a policy document (a dict, or its JSON text). ``path`` is where it stands in its resource.

    Nothing is raised: whatever can't be read is in ``Document.unknown``.
    """
    if isinstance(document, str):
        document = _from_text(document)
    if isinstance(document, Unknown):
        return Document(unknown=(document,))
    if isinstance(document, Reference):
        return Document(unknown=(Unknown(f"the policy is {document.address}.{document.attribute}, which was not resolved"),))
    if not isinstance(document, Mapping):
        return Document(unknown=(Unknown("the policy document is not an object"),)) if document is not None else Document()
    key = next((name for name in document if isinstance(name, str) and name.lower() == "statement"), None)
    if key is None:
        return Document(unknown=(Unknown("the policy document has no Statement"),))
    listed = document[key]
    base = (*path, key)
    single = not isinstance(listed, list)
    statements: list[Statement] = []
    doubts: list[Unknown] = []
    for index, entry in enumerate([listed] if single else listed):
        if isinstance(entry, Mapping):
            statements.append(_statement(entry, base if single else (*base, index)))
        elif isinstance(entry, Unknown):
            doubts.append(entry)
        else:
            doubts.append(Unknown(f"statement {index + 1} of the policy could not be read"))
    return Document(tuple(statements), tuple(doubts))


def _from_text(text: str) -> Any:
    if len(text) > MAX_JSON:
        return Unknown(f"the policy text is longer than {MAX_JSON:,} characters")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        return Unknown(f"the policy text is not JSON: {error}")


def _statement(entry: Mapping[str, Any], path: PropertyPath) -> Statement:
    fields = {name.lower(): value for name, value in entry.items() if isinstance(name, str)}
    effect = fields.get("effect")
    if isinstance(effect, str) and effect in ("Allow", "Deny"):
        known: str | Unknown = effect
    else:
        known = effect if isinstance(effect, Unknown) else Unknown("the statement's Effect is neither Allow nor Deny")
    sid = fields.get("sid")
    conditions, doubt = _conditions(fields.get("condition"))
    return Statement(
        effect=known,
        path=path,
        sid=sid if isinstance(sid, str) and sid else None,
        actions=_values(fields.get("action")),
        not_actions=_values(fields.get("notaction")),
        resources=_values(fields.get("resource")),
        not_resources=_values(fields.get("notresource")),
        principals=_principals(fields.get("principal")),
        not_principals=_principals(fields.get("notprincipal")),
        conditions=conditions,
        conditions_unknown=doubt,
    )


def _values(value: Any) -> tuple[Value, ...] | None:
    if value is None:
        return None
    entries = value if isinstance(value, list | tuple) else [value]
    flat: list[Value] = []
    for entry in entries:
        if isinstance(entry, list | tuple):
            flat.extend(_values(entry) or ())
        elif isinstance(entry, bool):
            flat.append(str(entry).lower())
        elif isinstance(entry, str | Reference | Unknown):
            flat.append(entry)
        elif isinstance(entry, int | float):
            flat.append(str(entry))
        else:
            flat.append(Unknown("a value of the policy could not be read"))
    return tuple(flat)


def _principals(value: Any) -> tuple[tuple[str, Value], ...] | None:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return tuple((str(kind), entry) for kind, entries in value.items() for entry in _values(entries) or ())
    return tuple(("AWS", entry) for entry in _values(value) or ())


def _conditions(value: Any) -> tuple[tuple[Condition, ...], Unknown | None]:
    if value is None:
        return (), None
    if isinstance(value, Unknown):
        return (), value
    if not isinstance(value, Mapping):
        return (), Unknown("the Condition is not an object")
    found: list[Condition] = []
    doubt: Unknown | None = None
    for operator, block in value.items():
        if isinstance(block, Mapping):
            found.extend(Condition(str(operator), str(key), _values(values) or ()) for key, values in block.items())
        else:
            doubt = block if isinstance(block, Unknown) else Unknown(f"the Condition's {operator} is not an object")
    return tuple(found), doubt


def _action(value: Value, action: str) -> Truth:
    if isinstance(value, str):
        return action_matches(value, action)
    return value if isinstance(value, Unknown) else Unknown(f"an Action is {value.address}, which was not resolved")


def _is_true(value: Value) -> Truth:
    if isinstance(value, str):
        return value.lower() == "true"
    return value if isinstance(value, Unknown) else Unknown(f"a condition's value is {value.address}, which was not resolved")
