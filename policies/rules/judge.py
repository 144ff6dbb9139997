"""Putting several findings about one resource together."""

from __future__ import annotations

from collections.abc import Iterable

from averment.core.words import Verdict
from averment.policies.interface import NOT_APPLICABLE, Outcome

_ORDER = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS, Verdict.NOT_APPLICABLE)


def worst_outcome(outcomes: Iterable[Outcome]) -> Outcome:
    """The gravest of ``outcomes`` (the first of equals); how many more there are of its kind is added to its message."""
    found = list(outcomes)
    for verdict in _ORDER:
        same = list(dict.fromkeys(outcome for outcome in found if outcome.verdict is verdict))
        if not same:
            continue
        first = same[0]
        if len(same) == 1 or not first.message:
            return first
        return Outcome(verdict, f"{first.message} (and {len(same) - 1} more like it)", first.where, first.fix)
    return NOT_APPLICABLE
