"""Whom an identity pool lets take on a role: people who aren't signed in, that is anyone."""

from __future__ import annotations

from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.iam.carriers import trust
from averment.policies.iam.document import Condition, Statement
from averment.policies.iam.partitions import is_identity_pools, pool_claim
from averment.policies.iam.principals import role_with_arn
from averment.policies.iam.truth import Truth

ATTACHMENT, POOL = "AWS::Cognito::IdentityPoolRoleAttachment", "AWS::Cognito::IdentityPool"
GUEST_NEIGHBOURS = (ATTACHMENT, POOL)
"""What a rule names as neighbours that asks which role an identity pool gives to guests."""


def given_to_guests(role: Resource, graph: Graph) -> Resource | None:
    """The role attachment by which an identity pool gives ``role`` to people who aren't signed in."""
    if not _may_be_taken(role, graph):
        return None
    given = (one for one in graph.of_type(ATTACHMENT) if _role(one.get("Roles", "unauthenticated"), graph) is role)
    return next((attachment for attachment in given if not _closed(attachment, graph)), None)


def _role(value: object, graph: Graph) -> Resource | Unknown | None:
    """The role that an attachment names: by a link, or by its ARN as in a plan of what exists."""
    return role_with_arn(value, graph) if isinstance(value, str) else graph.target(value)


def perhaps_given_to_guests(role: Resource, graph: Graph) -> Unknown | None:
    """Why ``role``, which a pool may take, may be the one for guests: which one it gives to them could not be resolved."""
    pools = any(takes_pools(statement) and not claims(statement) for statement in trust(role).of_effect("Allow"))
    for attachment in graph.of_type(ATTACHMENT) if pools else ():
        given = attachment.get("Roles", "unauthenticated")
        if isinstance(given, Unknown) and not _closed(attachment, graph):
            return Unknown(f"which role {attachment.address} gives to unauthenticated identities: {given.reason}")
    return None


def _may_be_taken(role: Resource, graph: Graph) -> bool:
    """Whether the trust policy of ``role`` lets in people of an identity pool who aren't signed in, or may: not where all of it is known,
    and none does."""
    document = trust(role)
    return bool(document.unknown) or any(
        statement.conditions_unknown is not None
        or (takes_pools(statement) and not claims(statement))
        or lets_guests_in(statement, graph) is not False
        or any(isinstance(value, Unknown | Reference) for value in _providers(statement))
        for statement in document.of_effect("Allow")
    )


def _closed(attachment: Resource, graph: Graph) -> bool:
    """Whether the pool of ``attachment`` takes nobody who isn't signed in."""
    return _takes_nobody(attachment.get("IdentityPoolId"), graph)


def _takes_nobody(given: object, graph: Graph) -> bool:
    """Whether the identity pool that is ``given``, by a link or by its id, is known to take nobody who isn't signed in."""
    if isinstance(given, str):
        named = (pool for pool in graph.of_type(POOL) if pool.address.rpartition("/")[2] == given)
        pool: Resource | Unknown | None = next(named, None)
    else:
        pool = graph.target(given)
    return isinstance(pool, Resource) and pool.get("AllowUnauthenticatedIdentities") is False


def _of_closed_pools(statement: Statement, graph: Graph) -> bool:
    """Whether a trust statement is for certain pools only, each of which takes nobody who isn't signed in."""
    pools = (one for one in statement.conditions if pool_claim(one.key) == "aud" and one.base == "stringequals" and not one.if_exists)
    return any(one.values and all(_takes_nobody(value, graph) for value in one.values) for one in pools)


def for_guests(statement: Statement, graph: Graph) -> Condition | None:
    """The condition by which a trust statement is for people who aren't signed in, unless no pool that it is for takes any."""
    if _of_closed_pools(statement, graph):
        return None
    return next((claim for claim in claims(statement) if not claim.negated and "unauthenticated" in claim.values), None)


def lets_guests_in(statement: Statement, graph: Graph) -> Truth:
    """Whether a trust statement is for people who aren't signed in; Unknown where it is for an identity pool's and which isn't known."""
    if for_guests(statement, graph) is not None:
        return True
    if _of_closed_pools(statement, graph):
        return False
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
