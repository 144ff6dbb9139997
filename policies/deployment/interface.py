"""The seam of a deployment: steps that know what is there, what should be, and how to get from one to the other.

No step remembers anything: each looks at the account, so a deployment that broke off is resumed by running it again, and one that is
complete changes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What happens to a thing, by the mark that it has in a diff."""

    CREATE = "+"
    UPDATE = "~"
    DELETE = "-"


@dataclass(frozen=True)
class Change:
    """One thing that a step would change: ``what`` it is, and ``details``, one a line, of what differs."""

    action: Action
    what: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kept:
    """``what`` bears a name of ours, ``why`` it isn't this deployment's: it is neither changed nor removed."""

    what: str
    why: str


class Step(ABC):
    """One part of a deployment, in one account and region. ``name`` is how people are told of it."""

    name: str

    @abstractmethod
    def changes(self) -> tuple[Change, ...]:
        """What differs from what should be; empty if nothing does. Changes nothing.

        Raises:
            IncompleteError: the account can't be looked at.
        """

    @abstractmethod
    def apply(self) -> None:
        """Make it as it should be, and wait until it is.

        Raises:
            IncompleteError: it didn't come about; says what the service said.
        """

    @abstractmethod
    def present(self) -> tuple[str, ...]:
        """What of this step's is there now, in words: what ``remove`` would delete.

        Raises:
            IncompleteError: the account can't be looked at.
        """

    def kept(self) -> tuple[Kept, ...]:
        """What lies beside it and looks like this step's, and isn't: ``remove`` leaves it.

        Raises:
            IncompleteError: the account can't be looked at.
        """
        return ()

    def in_the_way(self) -> tuple[Kept, ...]:
        """What of somebody else's has a name that this step has to give: ``apply`` would change it.

        Raises:
            IncompleteError: the account can't be looked at.
        """
        return ()

    @abstractmethod
    def remove(self) -> None:
        """Delete it, and wait until it is gone; nothing if it isn't there.

        Raises:
            IncompleteError: something of it is still there; says why.
        """


class Unwanted(Step):
    """``step`` of an earlier deployment that nothing asks for any more: bringing it about is removing it."""

    def __init__(self, step: Step) -> None:
        self._step, self.name = step, step.name

    def changes(self) -> tuple[Change, ...]:
        return tuple(Change(Action.DELETE, what) for what in self._step.present())

    def apply(self) -> None:
        self._step.remove()

    def present(self) -> tuple[str, ...]:
        return self._step.present()

    def remove(self) -> None:
        self._step.remove()
