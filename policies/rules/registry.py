"""The rules, written out: what isn't listed here doesn't exist."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import pairwise

from averment.core.errors import BadInputError
from averment.policies.interface import Rule
from averment.policies.rules.s3_put_object_gated.rule import RULE as S3_PUT_OBJECT_GATED

_RULES = (S3_PUT_OBJECT_GATED,)


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, in order of id.

    Raises:
        BadInputError: two rules have the same id.
    """
    return checked(_RULES)


def checked(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """``rules`` in order of id.

    Raises:
        BadInputError: two of them have the same id: one would hide the other.
    """
    ordered = tuple(sorted(rules, key=lambda rule: rule.id))
    for first, second in pairwise(ordered):
        if first.id == second.id:
            raise BadInputError(f"two rules are called '{first.id}'", fix="give one of them another id")
    return ordered


def rule(rule_id: str) -> Rule:
    """The rule called ``rule_id``.

    Raises:
        BadInputError: there is none.
    """
    found = next((entry for entry in all_rules() if entry.id == rule_id), None)
    if found is None:
        raise BadInputError(f"there is no rule '{rule_id}'", fix=f"known rules: {', '.join(entry.id for entry in all_rules())}")
    return found
