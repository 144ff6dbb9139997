"""The IAM actions that the function behind the rules needs, so that its role can be generated for the rules that an organisation deploys and for
nothing more. What each type takes stands beside what asks about it (``described``).
"""

from __future__ import annotations

from collections.abc import Iterable

from averment.core.scope import Scope
from averment.policies.interface import Kind, Rule
from averment.policies.runtime.described.added import ADDITIONS
from averment.policies.runtime.described.table import DESCRIBED, ELSEWHERE
from averment.policies.surfaces.config.types import Origin, held_in, recording

REPORTING = frozenset({"config:GetComplianceDetailsByConfigRule", "config:PutEvaluations"})
"""To tell AWS Config the verdicts, and of what it holds one from before."""

INVENTORY = frozenset(
    {
        "config:BatchGetResourceConfig",
        "config:DescribeConfigurationRecorderStatus",
        "config:DescribeConfigurationRecorders",
        "config:GetResourceConfigHistory",
        "config:ListDiscoveredResources",
        "config:SelectResourceConfig",
    }
)
"""To read the items of a recorded type with their tags, one that is too large for an event, and to know whether somebody keeps them up
to date."""


def permissions(rules: Iterable[Rule], scope: Scope) -> frozenset[str]:
    """The IAM actions that the function needs to run ``rules`` in an organisation with this ``scope``. Rules about source code need none:
    they don't run there."""
    actions: set[str] = set(REPORTING)
    for rule in rules:
        if rule.kind is Kind.INFRASTRUCTURE:
            actions |= INVENTORY  # for an oversized item of any type, too
            for name in (*rule.types, *rule.looks_up(scope)):
                actions |= _of_type(name, rule)
    return frozenset(actions)


def _of_type(name: str, rule: Rule) -> set[str]:
    actions: set[str] = set()
    for resource_type in held_in((name,)):
        if recording(name).origin is Origin.SERVICE:
            actions.update(DESCRIBED[resource_type].actions)
        if (described := ELSEWHERE.get(resource_type)) is not None:
            actions.update(described.actions)
        addition = ADDITIONS.get(resource_type)
        if addition is not None and addition.concerns(rule.id, subject=resource_type in held_in(rule.types)):
            actions.update(addition.actions)
    return actions
