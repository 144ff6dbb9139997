"""Whom a role lets in from outside, by its trust policy."""

from __future__ import annotations

from collections.abc import Iterator

from averment.core.scope import Scope
from averment.policies.graph.memo import per_graph_and
from averment.policies.graph.model import Graph, Resource, Unknown
from averment.policies.iam.carriers import trust
from averment.policies.iam.gates import Gate, allow_gates
from averment.policies.iam.principals import Principal, Who, principals_of
from averment.policies.iam.truth import any_of

_ASSUMING = ("sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity")
"""What lets somebody take a role on: ``sts:TagSession`` or ``sts:SetSourceIdentity`` alone doesn't."""


def trusted_strangers(role: Resource, scope: Scope, graph: Graph) -> Iterator[Principal]:
    """Those outside, or possibly outside (``who`` is Unknown), who may assume ``role``.

    ``Principal: "*"`` that is tied to one's own organisation or account lets in nobody from outside.
    """
    for statement in trust(role).of_effect("Allow"):
        if any_of(statement.covers_action(action) for action in _ASSUMING) is False:
            continue
        tied = allow_gates(statement, (Gate.IDENTITY,), scope, graph)
        for principal in principals_of(statement, scope, graph):
            if principal.who is Who.ANYONE and tied is not False:
                if isinstance(tied, Unknown):
                    yield Principal(principal.text, tied)
            elif principal.who in (Who.ANYONE, Who.OUTSIDER) or isinstance(principal.who, Unknown):
                yield principal


@per_graph_and
def lent(graph: Graph, scope: Scope) -> list[tuple[Resource, Principal]]:
    """The roles that somebody outside may assume, or perhaps may, each with who; of several the one of whom it is certain."""
    found: list[tuple[Resource, Principal]] = []
    for role in graph.of_type("AWS::IAM::Role"):
        strangers = list(trusted_strangers(role, scope, graph))
        known = [one for one in strangers if not isinstance(one.who, Unknown)]
        found += [(role, one) for one in (known or strangers)[:1]]
    return found
