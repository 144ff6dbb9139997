"""Conditions as clauses of Guard 2.

Guard's clauses are joined by "and" from line to line and by "or" within one, and are not symmetric: ``x != 1`` fails where ``x`` is missing
or a text, an empty list passes any comparison, and a filter that finds nothing makes a comparison be skipped. So every condition is written
only as what it demands, in a form that fails on all that doesn't meet it, and a negation as the condition of a ``when`` block with a
clause inside that fails. (Tried with Guard 2.1.3, 3.0.1 and 3.1.1; the tests do it again.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TypeVar

from averment.policies.guard.literals import NO_TEXT, literal, message, names, regular
from averment.policies.predicates.evaluate import NO_TEXT as NO_TEXTS
from averment.policies.predicates.language import (
    All,
    AnyOf,
    Block,
    Condition,
    Every,
    HoldsMedia,
    Is,
    Leaf,
    Matches,
    Named,
    NamedBy,
    Not,
    Path,
    Simple,
    Some,
    Tagged,
)
from averment.policies.predicates.patterns import read

Lines = list[list[str]]
"""Clauses: lines that must all hold, each a list of alternatives."""

Where = Callable[[Path], str]
"""Where the configuration item keeps a property."""

_MOST = 64
_T = TypeVar("_T")


class CannotSayError(Exception):
    """Guard 2 can't state a condition; the message is the reason, as people are told it."""


@dataclass(frozen=True)
class Clause:
    """``needs`` hold together only if one of ``then`` does; an empty ``then`` forbids them, and with no ``needs`` either it never holds."""

    needs: tuple[Simple, ...]
    then: tuple[Simple, ...]


def normal(condition: Condition, *, holds: bool = True) -> list[Clause]:
    """``condition`` (or, without ``holds``, its opposite) as clauses that must all hold.

    Raises:
        CannotSayError: there would be too many.
    """
    if isinstance(condition, Not):
        return normal(condition.of, holds=not holds)
    if isinstance(condition, NamedBy | HoldsMedia):
        raise CannotSayError(f"{type(condition).__name__} within a condition was left unresolved")
    if not isinstance(condition, All | AnyOf):
        return [Clause((), (condition,))] if holds else [Clause((condition,), ())]
    parts = [normal(part, holds=holds) for part in condition.of]
    if isinstance(condition, All) is holds:
        return [clause for part in parts for clause in part]
    return [_joined(chosen) for chosen in _choices(parts)]


def _choices(parts: Sequence[Sequence[_T]]) -> list[tuple[_T, ...]]:
    """Every way to take one of each of ``parts``."""
    if (count := prod(len(part) for part in parts)) > _MOST:
        raise CannotSayError(f"has too many alternatives, which would take {count:,} clauses")
    return list(product(*parts))


def _joined(clauses: Iterable[Clause]) -> Clause:
    listed = list(clauses)
    needs = dict.fromkeys(need for clause in listed for need in clause.needs)
    return Clause(tuple(needs), tuple(dict.fromkeys(entry for clause in listed for entry in clause.then)))


def demanded(condition: Condition, where: Where, says: str) -> list[str]:
    """The lines of a rule's body that fail, saying ``says``, exactly where ``condition`` doesn't hold.

    Raises:
        CannotSayError: Guard 2 can't state it.
    """
    found: list[str] = []
    for clause in normal(condition):
        never = _root(clause.needs[0], where) if clause.needs else "resourceType"
        body = _told(_either(clause.then, where), says) if clause.then else [f"{never} !exists {message(says)}"]
        if not clause.needs:
            found += body
            continue
        needed = [line for need in clause.needs for line in _lines(need, where)]
        found += ["when", *_indented(" or ".join(line) for line in needed), "{", *_indented(body), "}"]
    return found


def asked(condition: Condition, where: Where) -> list[str]:
    """The lines of a ``when`` that hold exactly where ``condition`` does.

    Raises:
        CannotSayError: Guard 2 can't state it; a ``when`` can't negate.
    """
    found: list[str] = []
    for clause in normal(condition):
        if clause.needs or not clause.then:
            raise CannotSayError("which resources it asks about is said by a negation, which Guard 2 has no form for")
        found += [" or ".join(line) for line in _either(clause.then, where)]
    return found


def _told(lines: Lines, says: str) -> list[str]:
    return [f"{' or '.join(line)} {message(says)}" for line in lines]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _either(alternatives: Sequence[Simple], where: Where) -> Lines:
    """Lines that hold where one of ``alternatives`` does: each takes one line of every alternative."""
    each = [_lines(alternative, where) for alternative in alternatives]
    return [list(dict.fromkeys(part for line in chosen for part in line)) for chosen in _choices(each)]


def _lines(condition: Simple, where: Where) -> Lines:
    if isinstance(condition, Tagged):
        return _tagged(condition)
    if isinstance(condition, Named):
        place = where(condition.path)
        return [[f"{place} !is_list"], [f"{place} == {_names(condition.patterns, any_case=True)}"]]
    if isinstance(condition, Every | Some):
        return _listed(condition, where)
    return _leaf(condition, where(condition.path))


def _root(condition: Simple, where: Where) -> str:
    """A place that exists wherever ``condition`` holds."""
    return "tags" if isinstance(condition, Tagged) else where(condition.path)


def _listed(condition: Every | Some, where: Where) -> Lines:
    place = where(condition.path)
    inner = [(leaf, where((*condition.path, *leaf.path)).removeprefix(f"{place}.")) for leaf in condition.leaves]
    if isinstance(condition, Some):
        clauses = " ".join(" or ".join(line) for leaf, path in inner for line in _leaf(leaf, path))
        return [[f"{place} is_list"], [f"{place}[ {clauses} ] !empty"]]  # a map has values to look through, too
    return [[f"{place} is_list"], *(line for leaf, path in inner for line in _leaf(leaf, f"{place}[*].{path}"))]


def _leaf(leaf: Leaf, place: str) -> Lines:
    """Lines that all hold exactly where ``leaf`` does. A list is ruled out first: an empty one would pass, one of one is unwrapped."""
    if isinstance(leaf, Block):
        return [[f"{place} is_struct"]]
    lines = [[f"{place} !is_list"]]
    if isinstance(leaf, Is):
        if leaf.value in NO_TEXTS:
            raise CannotSayError(f"compares with '{leaf.value}', which isn't told from a value that is no text")
        spelt = leaf.value if isinstance(leaf.value, str) else str(leaf.value).lower()
        spellings = dict.fromkeys((literal(leaf.value), literal(spelt)))
        if len(spellings) == 1:
            return [*lines, [f"{place} == {literal(spelt)}"]]
        return [*lines, [f"{place} IN [{', '.join(spellings)}]"]]  # not one comparison or the other: of a list all had to be spelt alike
    lines.append([f"{place} != {NO_TEXT}"])
    return [*lines, [f"{place} == {_pattern(leaf)}"]] if isinstance(leaf, Matches) else lines


def _pattern(leaf: Matches) -> str:
    if not leaf.pattern:
        raise CannotSayError("looks for an empty pattern, which Guard 2 has no form for")
    try:
        return regular(read(leaf.pattern)[1])
    except ValueError as error:
        raise CannotSayError(str(error)) from error


def _tagged(tag: Tagged) -> Lines:
    """Tags are a map in a rule's event, and a list of keys and values in what the API gives: either is looked into.

    That the key is there is asked by itself, since a comparison of what a filter doesn't find is skipped.
    """
    key = literal(tag.key)
    mapped, listed = f"tags[ keys == {key} ]", f"key == {key}"
    if tag.pattern is None:
        return [[f"{mapped} !empty", f"tags[ {listed} ] !empty"]]
    value = _names((tag.pattern,), any_case=False)
    inside = f"tags[ {listed} value == {value} ] !empty"
    return [[f"{mapped} !empty", inside], [f"{mapped} == {value}", inside]]


def _names(patterns: Iterable[str], *, any_case: bool) -> str:
    try:
        return names(patterns, any_case=any_case)
    except ValueError as error:
        raise CannotSayError(str(error)) from error
