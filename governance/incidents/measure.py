"""What a measure of containing is: it says what it would do, does it, looks whether it holds, and undoes it. The measures are in ``measures``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from averment.core.canonical import JSON


class Outcome(StrEnum):
    """How a measure stands. ``UNDER_WAY``: it was accepted and isn't complete; ``FAILED`` always has its reason."""

    HOLDS = "holds"
    UNDER_WAY = "under-way"
    FAILED = "failed"


@dataclass(frozen=True)
class Effect:
    """What a measure did: ``reference`` names it at AWS (a version, an execution), ``before`` is what its undoing needs."""

    outcome: Outcome
    reason: str
    reference: str | None = None
    before: Mapping[str, JSON] | None = None


class Measure(ABC):
    """One thing to be done. ``name`` and ``target`` are how it is asked for and recorded. ``broken_off``: somebody stopped waiting for it (Ctrl-C,
    SIGTERM), which what was begun doesn't hear of."""

    name: str = ""
    broken_off = False

    def __init__(self, target: str) -> None:
        self.target = target

    @abstractmethod
    def plan(self) -> str:
        """What would be done, and how it is undone, in a sentence.

        Raises:
            BadInputError: the target makes no sense; ``apply`` would refuse it.
        """

    def hindrance(self) -> str | None:
        """What ``apply`` would meet, or why that can't be asked, as far as a read of the account tells; None where nothing is known to stand against it.

        Raises:
            BadInputError: as ``plan``.
        """
        return None

    @abstractmethod
    def apply(self) -> Effect:
        """Do it and look whether it holds.

        What was done and couldn't be looked at is under way: its reference and its way back are in the effect.

        Raises:
            AvermentError: it was refused, or its target isn't there; nothing was changed.
        """

    @abstractmethod
    def undo(self, effect: Effect) -> Effect:
        """Take it back.

        Raises:
            AvermentError: that was refused, or can't be done.
        """
