"""The closed vocabularies of the product: methods, verdicts, statuses, severities.

"Could not check" is a value with a reason in each of them, and never counts as a pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum


class Method(StrEnum):
    """How an assessment finds out (NIST SP 800-53A)."""

    EXAMINE = "EXAMINE"
    TEST = "TEST"
    INTERVIEW = "INTERVIEW"


class Severity(StrEnum):
    """How much a finding matters; ordered by ``rank``."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the gravest, growing with harmlessness."""
        return list(Severity).index(self)


class Verdict(StrEnum):
    """What a rule says of one resource. ``UNKNOWN`` always travels with a reason."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


class ClaimVerdict(StrEnum):
    """What a statistical test says of a claim. ``INCONCLUSIVE``: the interval straddles the bar, or there was too little data."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


class Status(StrEnum):
    """What is known of an assessment; a control has the worst of its assessments'."""

    SATISFIED = "satisfied"
    NOT_SATISFIED = "not-satisfied"
    NOT_ASSESSED = "not-assessed"
    WAIVED = "waived"
    NOT_APPLICABLE = "not-applicable"


WORST_FIRST = (Status.NOT_SATISFIED, Status.NOT_ASSESSED, Status.WAIVED, Status.SATISFIED, Status.NOT_APPLICABLE)


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of ``statuses``: not satisfied, not assessed, waived, satisfied, not applicable.

    A control without any assessment is ``NOT_ASSESSED``: nothing passes in silence.
    """
    found = set(statuses)
    return next((status for status in WORST_FIRST if status in found), Status.NOT_ASSESSED)


def counted(number: int, name: str) -> str:
    """``1 copy``, ``2,000 copies``, ``3 days``."""
    many = f"{name.removesuffix('y')}ies" if name.endswith("y") and name[-2:-1] not in set("aeou") else f"{name}s"
    return f"{number:,} {name if number == 1 else many}"


def first_of(names: Sequence[str], most: int) -> str:
    """``names`` as a sentence has them, ``most`` at the most: ``a, b and 3 more``."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
