"""Running claims: the one way in for the command line, reports and tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from averment.core.extras import require
from averment.detector.claims.interface import ClaimContext, ClaimPlan, ClaimResult, Looks
from averment.detector.claims.registry import claim_type
from averment.detector.claims.sequential import DEFAULT_CONFIDENCE, level


def require_statistics() -> None:
    """Find out before any work whether claims can be tested here.

    Raises:
        MissingExtraError: numpy or scipy isn't installed.
    """
    for package in ("numpy", "scipy"):
        require(package, extra="detector", needed_for="testing claims")


def run_claim(spec: Mapping[str, Any], context: ClaimContext) -> ClaimResult:
    """Test the statement ``spec`` (as in a control's ``claim:``).

    Raises:
        BadInputError: the statement can't be tested as it stands.
        MissingExtraError: numpy or scipy isn't installed.
        IncompleteError: its population or its detector is out of reach.
    """
    require_statistics()
    kind = claim_type(spec)
    kind.check(spec)
    return kind.run(spec, context)


def plan_claim(spec: Mapping[str, Any], looks: Looks | None = None) -> ClaimPlan:
    """How many samples the statement needs, at the level that a look at new data has after the earlier ``looks``.

    Raises:
        BadInputError: the statement can't be tested as it stands.
    """
    require_statistics()
    kind = claim_type(spec)
    plan = kind.plan(spec)
    if looks is None or not kind.sequential:
        return plan
    confidence = float(spec.get("confidence", DEFAULT_CONFIDENCE))
    next_look = level(spec, confidence, looks, None)
    stricter = kind.plan({**spec, "confidence": next_look.confidence})
    return replace(stricter, statement=f"{plan.statement}{next_look.note()}")


def check_claim(spec: Mapping[str, Any]) -> None:
    """Refuse a statement that can't be tested, without running it.

    Raises:
        BadInputError: an unknown type or field, or a bar out of range.
    """
    claim_type(spec).check(spec)
