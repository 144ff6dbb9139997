"""The language: conditions on property paths, and the demands that are made of them.

A path is a tuple of property names in the graph's normal form (CloudFormation's), without indexes: what is in a list is asked about
with ``Every`` and ``Some``, whose inner conditions have paths that begin at the element. A condition is true, false, or unknown with
its reason; a value of another kind than the one asked for makes it false.

Values are taken for what they mean, as items of AWS Config write a boolean or a number as a text now and then: ``"true"`` is ``True``, and ``"0"`` is
0. So ``true`` and ``false`` count as no text, and neither do an empty string and the word ``null``, as which Guard 2 reads a JSON null.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from averment.policies.graph.model import Resource
from averment.policies.interface import Change

Path = tuple[str, ...]


@dataclass(frozen=True)
class Is:
    """The value is this one. A boolean or a number may be written as text, but ``True`` isn't 1."""

    path: Path
    value: bool | int | str


@dataclass(frozen=True)
class Matches:
    """The value is a text in which ``pattern`` is found, written in what ``patterns.read`` knows."""

    path: Path
    pattern: str


@dataclass(frozen=True)
class Text:
    """The value is a text that isn't empty, or a link to another resource."""

    path: Path


@dataclass(frozen=True)
class Block:
    """The value is a block of settings."""

    path: Path


@dataclass(frozen=True)
class Named:
    """The name at ``path`` fits one of ``patterns`` (``fnmatch``, in any case).

    A resource without one goes by its short name; so does one whose name isn't known, but where that doesn't fit, it can't be told.
    """

    path: Path
    patterns: tuple[str, ...]


@dataclass(frozen=True)
class Tagged:
    """The resource has a tag ``key``, with a value that fits ``pattern`` (``fnmatch``) if there is one."""

    key: str
    pattern: str | None = None


Leaf = Is | Matches | Text | Block


@dataclass(frozen=True)
class Every:
    """The value is a list that isn't empty, and ``leaves`` hold of every element."""

    path: Path
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True)
class Some:
    """The value is a list, and ``leaves`` hold together of one element."""

    path: Path
    leaves: tuple[Leaf, ...]


Simple = Leaf | Named | Tagged | Every | Some
"""What is looked up; the rest puts it together."""


@dataclass(frozen=True)
class All:
    """Every one of ``of`` holds; true of none."""

    of: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class AnyOf:
    """One of ``of`` holds."""

    of: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """``of`` doesn't hold."""

    of: Condition


@dataclass(frozen=True)
class NamedBy:
    """``Named`` with the patterns in the organisation's parameter ``parameter`` (a list); true where it isn't set."""

    path: Path
    parameter: str


@dataclass(frozen=True)
class HoldsMedia:
    """The bucket is one that the organisation's scope says holds media, in whatever role."""


Condition = Is | Matches | Text | Block | Named | Tagged | Every | Some | All | AnyOf | Not | NamedBy | HoldsMedia
ALWAYS = All()


@dataclass(frozen=True)
class Demand:
    """Something that must hold, and what to say where it doesn't.

    ``says`` is the message of the failure, ``detail`` adds the offending value to it. ``doubt`` begins the message where the condition
    is unknown. ``where`` is the property to point at. ``fix`` is the mending in Terraform, in CloudFormation and as a command.
    """

    holds: Condition
    says: str
    doubt: str
    where: Path = ()
    fix: tuple[str, str, str] | None = None
    changes: tuple[Change, ...] = ()
    detail: Callable[[Resource], str] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Predicate:
    """What is demanded of resources of one type, of those that ``asks`` holds for.

    ``chains`` are independent of each other; of each the first demand that doesn't hold is reported, so a later one may take an
    earlier one for granted.
    """

    type: str
    chains: tuple[tuple[Demand, ...], ...]
    asks: Condition = ALWAYS
