"""Which conditions really gate.

A gate is judged by what happens to a request that doesn't carry the key: a gate refuses it. So on an Allow the
condition must not match when the key is missing; on a Deny it must. That settles the classic mistakes: ``IfExists``
and ``ForAllValues`` on an Allow let the request through, positive operators on a Deny never refuse it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from averment.core.scope import Scope
from averment.policies.graph.model import Graph, Reference, Unknown
from averment.policies.iam.document import Condition, Document, Statement, Value
from averment.policies.iam.patterns import is_wildcard
from averment.policies.iam.principals import OWN_ACCOUNT, UNIQUE_ID, Principal, Who, account_is_own, classify, same_account
from averment.policies.iam.truth import Truth, all_of, any_of, negate

OWN_ORGANISATION = ("data.aws_organizations_organization.",)


class Gate(StrEnum):
    """What a condition ties a request to."""

    IDENTITY = "identity"
    NETWORK = "network"
    PROVENANCE = "provenance"


_PROVENANCE_PREFIX = "s3:requestobjecttag/"
_PROVENANCE_KEYS = frozenset({"s3:requestobjecttagkeys"})
_ORGANISATION = frozenset({"aws:principalorgid", "aws:sourceorgid"})
_ORGANISATION_PATHS = frozenset({"aws:principalorgpaths", "aws:sourceorgpaths"})
_ACCOUNT = frozenset({"aws:principalaccount", "aws:sourceaccount", "aws:sourceowner", "s3:dataaccesspointaccount", "kms:calleraccount"})
_ARN = frozenset({"aws:principalarn", "aws:sourcearn", "s3:dataaccesspointarn"})
_USER_ID = "aws:userid"
_NETWORK = frozenset({"aws:sourcevpc", "aws:sourcevpce", "aws:sourceip"})
_NO_GATES = {
    "aws:resourceorgid": "is about whose the bucket is, not about who asks",
    "aws:resourceaccount": "is about whose the bucket is, not about who asks",
    "aws:vpcsourceip": "takes the same private addresses in anybody's VPC, unless aws:SourceVpc or aws:SourceVpce says which",
}
"""Keys that are taken for gates and are none, with what messages say of them."""

_ASKED_DIRECTLY: Mapping[str, str | None] = {
    "s3:objectcreationoperation": "true",  # of parts of a multipart upload it is false, and those can't carry tags
    "aws:calledvia": None,
    "aws:viaawsservice": "false",
    "aws:principalisawsservice": "false",
}
"""Keys that nobody outside can choose, with their value (None: there is none) for somebody who puts or gets an object himself."""


def gate_kind(key: str) -> Gate | None:
    """What ``key`` can gate; None for keys that only look like it (``s3:x-amz-acl``, ``aws:SecureTransport``, ``aws:Referer``)."""
    key = key.lower()
    if key.startswith(_PROVENANCE_PREFIX) or key in _PROVENANCE_KEYS:
        return Gate.PROVENANCE
    if key in _ORGANISATION | _ORGANISATION_PATHS | _ACCOUNT | _ARN or key == _USER_ID:
        return Gate.IDENTITY
    return Gate.NETWORK if key in _NETWORK else None


def allow_gates(statement: Statement, kinds: Iterable[Gate], scope: Scope, graph: Graph) -> Truth:
    """Whether one of the conditions of an Allow ``statement`` is a gate of one of ``kinds``."""
    wanted = set(kinds)
    found: list[Truth] = [
        all_of((_refused_when_missing(condition), _values_gate(condition, scope, graph)))
        for condition in statement.conditions
        if gate_kind(condition.key) in wanted and not condition.negated
    ]
    if statement.conditions_unknown is not None:
        found.append(statement.conditions_unknown)
    return any_of(found)


def deny_gates(
    document: Document,
    action: str,
    kinds: Iterable[Gate],
    scope: Scope,
    graph: Graph,
    *,
    reaches: Callable[[Statement], Truth],
    granted: Principal | None = None,
) -> Truth:
    """Whether a Deny in ``document`` refuses ``action`` to requests without the key of a gate of ``kinds``.

    ``reaches`` says whether a Deny statement takes in every resource in question. ``granted`` is the one whom the Deny has to hit: it
    may name him instead of everybody.
    """
    wanted = set(kinds)

    def refuses(statement: Statement) -> Truth:
        asked: tuple[Callable[[], Truth], ...] = (
            lambda: _is_deny(statement),
            lambda: statement.covers_action(action),
            lambda: reaches(statement),
            lambda: _deny_gate(statement, wanted, granted, scope, graph),
        )
        return all_of(ask() for ask in asked)  # what costs little first, and no further than to the first that doesn't hold

    return any_of(refuses(statement) for statement in document.of_effect("Deny"))


def asked_directly(condition: Condition) -> Truth:
    """Whether ``condition``, on a key that nobody outside can choose, holds for who puts or gets an object himself; False on other keys.

    Beside a gate in a Deny, such a condition only spares services that act for somebody, or the parts of an upload.
    """
    key = condition.key.lower()
    if key not in _ASKED_DIRECTLY:
        return False
    value = _ASKED_DIRECTLY[key]
    if value is None or condition.base == "null":
        return condition.when_missing() if value is None else negate(condition.when_missing())
    same = any_of(_says(entry, value) for entry in condition.values)
    return negate(same) if condition.negated else same


def near_miss(statement: Statement, document: Document) -> str | None:
    """Why a condition that looks like a gate is none, for the message; None if nothing looks like one."""
    for condition in statement.conditions:
        if reason := _why_not(condition, "Allow"):
            return reason
    for denied in document.of_effect("Deny"):
        for condition in denied.conditions:
            if reason := _why_not(condition, "Deny"):
                return reason
    return None


def _says(value: Value, text: str) -> Truth:
    if isinstance(value, str):
        return value.lower() == text
    return value if isinstance(value, Unknown) else Unknown(f"a condition's value is {value.address}, which was not resolved")


def _deny_gate(statement: Statement, wanted: set[Gate], granted: Principal | None, scope: Scope, graph: Graph) -> Truth:
    if statement.conditions_unknown is not None:
        return statement.conditions_unknown
    hit = _hits(statement, granted, scope, graph)
    excludes_own = all_of((hit, not statement.conditions))
    if statement.not_principals is None and not statement.conditions:
        return hit  # refuses everything, whatever a request carries
    if statement.not_principals is not None and Gate.IDENTITY in wanted and excludes_own is not False:
        return excludes_own
    gating = [condition for condition in statement.conditions if gate_kind(condition.key) in wanted]
    verdicts = []
    for condition in gating:
        others = [_escapable(other, scope, graph) for other in statement.conditions if other is not condition]
        verdicts.append(all_of((condition.when_missing(), _deny_values_gate(condition, scope, graph), *others)))
    return all_of((hit, any_of(verdicts)))


def _hits(statement: Statement, granted: Principal | None, scope: Scope, graph: Graph) -> Truth:
    """Whether a Deny applies to people outside: ``Principal: *``, ``NotPrincipal`` that spares one's own only, or one that names ``granted``."""
    if statement.not_principals is not None:
        return all_of(_is_own(kind, value, scope, graph) for kind, value in statement.not_principals)
    if statement.principals is None:  # an identity policy: it applies to whoever holds it
        return True
    if granted is not None and granted.who is not Who.ANYONE and any(value == granted.text for _, value in statement.principals):
        return True
    return any_of(_meets(classify(kind, value, scope, graph), granted) for kind, value in statement.principals)


def _meets(refused: Principal, granted: Principal | None) -> Truth:
    """Whether a Deny for ``refused`` hits everybody or, if somebody is ``granted`` the right, him. That of an account hits all in it."""
    if isinstance(refused.who, Unknown) or refused.who is Who.ANYONE:
        return refused.who if isinstance(refused.who, Unknown) else True
    return granted is not None and granted.who is not Who.ANYONE and same_account(refused.text, granted.text)


def _is_own(kind: str, value: Value, scope: Scope, graph: Graph) -> Truth:
    who = classify(kind, value, scope, graph).who
    return who if isinstance(who, Unknown) else who in (Who.OWN, Who.SERVICE)


def _escapable(other: Condition, scope: Scope, graph: Graph) -> Truth:
    """Whether a second condition of a Deny still lets it hit outsiders."""
    key = other.key.lower()
    if key in _ASKED_DIRECTLY:
        return asked_directly(other)
    if gate_kind(key) is Gate.IDENTITY and other.negated:  # "everyone but our own"
        return _deny_values_gate(other, scope, graph)
    return gate_kind(key) is Gate.PROVENANCE and other.base == "null"


def _is_deny(statement: Statement) -> Truth:
    return statement.effect if isinstance(statement.effect, Unknown) else statement.effect == "Deny"


def _refused_when_missing(condition: Condition) -> Truth:
    missing = condition.when_missing()
    return missing if isinstance(missing, Unknown) else not missing


def _values_gate(condition: Condition, scope: Scope, graph: Graph) -> Truth:
    """Whether the values of a positive condition are narrow enough: each has to be, since they are alternatives."""
    if condition.base == "null":
        return gate_kind(condition.key) is Gate.PROVENANCE  # presence says who made it only where absence means nobody
    return all_of((bool(condition.values), *(_value_gates(condition.key.lower(), value, scope, graph) for value in condition.values)))


def _deny_values_gate(condition: Condition, scope: Scope, graph: Graph) -> Truth:
    """For a Deny on a missing key, ``Null`` has no values to widen it; ``Not`` operators spare their values."""
    if condition.base == "null":
        return gate_kind(condition.key) is Gate.PROVENANCE
    if not condition.negated:
        return False
    return all_of((bool(condition.values), *(_value_gates(condition.key.lower(), value, scope, graph) for value in condition.values)))


def _value_gates(key: str, value: Value, scope: Scope, graph: Graph) -> Truth:
    if isinstance(value, Unknown):
        return Unknown(f"the value of {key} could not be resolved: {value.reason}")
    if gate_kind(key) is Gate.PROVENANCE:
        return not (isinstance(value, str) and is_wildcard(value))
    if isinstance(value, Reference):
        own = graph.get(value.address) is not None or value.address.startswith((*OWN_ORGANISATION, "data.aws_caller_identity."))
        return True if own else Unknown(f"the value of {key} is {value.address}, which is not part of what was read")
    if is_wildcard(value) or not value:
        return False
    if key in _ORGANISATION:
        return not _holds_wildcard(value) and scope.organisation_id in (None, value)
    if key in _ORGANISATION_PATHS:
        return not _holds_wildcard(value.partition("/")[0]) and (
            scope.organisation_id is None or value.startswith(f"{scope.organisation_id}/")
        )
    if key in _ACCOUNT:
        return False if _holds_wildcard(value) else account_is_own(value, scope, whole=not scope.accounts)
    if key == _USER_ID:
        return _user_gates(value.partition(":")[0], scope)
    if key in _ARN:
        return _arn_gates(value, scope)
    return _narrow_network(value) if key == "aws:sourceip" else not _holds_wildcard(value)


def _holds_wildcard(value: str) -> bool:
    return "*" in value or "?" in value


def _user_gates(unique: str, scope: Scope) -> Truth:
    """Whether the part of a user id before the session's name means somebody: one role or user, or the root of one's own account."""
    if _holds_wildcard(unique):
        return False
    return True if UNIQUE_ID.fullmatch(unique) else account_is_own(unique, scope, whole=not scope.accounts)


def _arn_gates(value: str, scope: Scope) -> Truth:
    parts = value.replace("${AWS::AccountId}", OWN_ACCOUNT).split(":", 5)
    if len(parts) < 6:
        return Unknown(f"'{value}' is not an ARN")
    service, account = parts[2], parts[4]
    if service == "s3" and not account:  # a bucket's ARN names no account: bucket names are unique, so it is narrow
        return not _holds_wildcard(parts[5])
    if _holds_wildcard(account) or not account:
        return False
    return account_is_own(account, scope, whole=False)


def _narrow_network(value: str) -> Truth:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return Unknown(f"'{value}' is not a range of addresses")
    return network.prefixlen >= (8 if network.version == 4 else 32)


def _why_not(condition: Condition, effect: str) -> str | None:
    label = f"{condition.operator} on {condition.key}"
    if (reason := _NO_GATES.get(condition.key.lower())) is not None:
        return f"{label} {reason}"
    if gate_kind(condition.key) is None:
        return None
    missing = condition.when_missing()
    if effect == "Allow" and missing is True:
        return f"{label} lets requests without it through"
    if effect == "Deny" and missing is False:
        return f"a Deny with {label} doesn't refuse requests without it"
    if any(isinstance(value, str) and is_wildcard(value) for value in condition.values):
        return f"{label} accepts any value"
    return None
