"""Whom an identity pool lets take on a role: people who aren't signed in, that is anyone."""

from __future__ import annotations

from averment.policies.graph.model import Unknown
from averment.policies.iam.document import Condition, Statement
from averment.policies.iam.partitions import is_identity_pools, pool_claim
from averment.policies.iam.truth import Truth


def for_guests(statement: Statement) -> Condition | None:
    """The condition by which a trust statement is for people who aren't signed in."""
    return next((claim for claim in claims(statement) if not claim.negated and "unauthenticated" in claim.values), None)


def lets_guests_in(statement: Statement) -> Truth:
    """Whether a trust statement is for people who aren't signed in; Unknown where it is for an identity pool's and which isn't known."""
    if for_guests(statement) is not None:
        return True
    hidden = [value for value in (statement.conditions_unknown, *_providers(statement)) if isinstance(value, Unknown)]
    if statement.conditions_unknown is not None and (takes_pools(statement) or any(_tells_pool(value) for value in hidden)):
        return statement.conditions_unknown
    values = (value for claim in claims(statement) for value in claim.values if isinstance(value, Unknown))
    return next(values, False) if takes_pools(statement) else False


def takes_pools(statement: Statement) -> bool:
    """Whether a trust statement names Cognito's identity pools."""
    return any(isinstance(value, str) and is_identity_pools(value) for value in _providers(statement))


def claims(statement: Statement) -> list[Condition]:
    """The conditions on whether somebody is signed in."""
    return [condition for condition in statement.conditions if pool_claim(condition.key) == "amr"]


def _providers(statement: Statement) -> list[object]:
    return [value for _, value in statement.principals or ()]


def _tells_pool(value: Unknown) -> bool:
    return "cognito-identity" in (value.template or "")
