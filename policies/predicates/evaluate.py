"""The verdict that predicates come to on a resource."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from averment.core.scope import Scope
from averment.policies.graph.model import Reference, Resource, Unknown
from averment.policies.iam.truth import Truth, all_of, any_of, negate
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, fail, unknown
from averment.policies.predicates.language import (
    All,
    AnyOf,
    Block,
    Condition,
    Demand,
    Every,
    HoldsMedia,
    Is,
    Leaf,
    Matches,
    Named,
    NamedBy,
    Not,
    Path,
    Predicate,
    Some,
    Tagged,
    Text,
)
from averment.policies.predicates.patterns import read
from averment.policies.rules.judge import fix_for, short_name, worst_outcome
from averment.policies.rules.media import media_role, role_unclear

NO_TEXT = ("", "null", "true", "false")


@dataclass(frozen=True)
class Stated:
    """A rule's ``evaluate`` that is nothing but predicates, at most one a type.

    Raises:
        ValueError: there are two for a type, of which one would never be asked.
    """

    predicates: tuple[Predicate, ...]

    def __post_init__(self) -> None:
        types = [entry.type for entry in self.predicates]
        twice = next((name for name in types if types.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"there are two predicates for {twice}: put their chains into one")

    def __call__(self, resource: Resource, context: Context) -> Outcome:
        """The verdict on ``resource``: not applicable where no predicate asks about it."""
        predicate = next((entry for entry in self.predicates if entry.type == resource.type), None)
        if predicate is None:
            return NOT_APPLICABLE
        asked = truth(with_scope(predicate.asks, context.parameters), resource, context.scope)
        if asked is False:
            return NOT_APPLICABLE
        outcomes = [outcome for chain in predicate.chains if (outcome := _first_broken(chain, resource, context)) is not None]
        if not isinstance(asked, Unknown):
            return worst_outcome((PASS, *outcomes))
        return unknown(f"whether the rule asks about this resource could not be resolved: {asked.reason}") if outcomes else PASS


def with_scope(condition: Condition, parameters: Mapping[str, Any]) -> Condition:
    """``condition`` with the organisation's parameters put in."""
    if isinstance(condition, NamedBy):
        patterns = parameters.get(condition.parameter)
        listed = tuple(str(pattern) for pattern in patterns) if isinstance(patterns, list | tuple) else ()
        return Named(condition.path, listed) if listed else All()
    if isinstance(condition, Not):
        return Not(with_scope(condition.of, parameters))
    if isinstance(condition, All | AnyOf):
        return type(condition)(tuple(with_scope(part, parameters) for part in condition.of))
    return condition


def truth(condition: Condition, resource: Resource, scope: Scope) -> Truth:
    """Whether ``condition`` holds of ``resource``."""
    if isinstance(condition, All | AnyOf):
        join = all_of if isinstance(condition, All) else any_of
        return join(truth(part, resource, scope) for part in condition.of)
    if isinstance(condition, Not):
        return negate(truth(condition.of, resource, scope))
    if isinstance(condition, Every | Some):
        return _among(condition, resource.get(*condition.path))
    if isinstance(condition, Is | Matches | Text | Block):
        return _leaf(condition, resource.get(*condition.path))
    return _about(condition, resource, scope)


def _about(condition: Named | Tagged | NamedBy | HoldsMedia, resource: Resource, scope: Scope) -> Truth:
    """Whether the resource is one of those that are meant, by its name, its tags, or what it holds."""
    if isinstance(condition, HoldsMedia):
        doubt = role_unclear(resource, scope)
        return doubt if doubt is not None else media_role(resource, scope) is not None
    if isinstance(condition, Tagged):
        value = resource.tags.get(condition.key)
        if value is None:
            return resource.tags_unknown or False
        return condition.pattern is None or fnmatch.fnmatchcase(value, condition.pattern)
    if isinstance(condition, Named):
        return _named(condition, resource)
    raise TypeError(f"{condition} has no truth before the parameters are put in")


def _named(condition: Named, resource: Resource) -> Truth:
    """A name that isn't known may be recognised by what is known of it, or by the short name; else it can't be told."""
    name = resource.get(*condition.path)
    if isinstance(name, str):
        return _fits(name, condition.patterns)
    if _fits(short_name(resource), condition.patterns):
        return True
    if isinstance(name, Unknown):
        return True if name.template and _fits(name.template, condition.patterns) else name
    return Unknown(f"its name is that of {name.address}") if isinstance(name, Reference) else False


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


def _among(condition: Every | Some, value: Any) -> Truth:
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Reference):
        return Unknown(f"it is {value.address}")
    if not isinstance(value, list) or not value:
        return False
    found = (all_of(_leaf(leaf, _inside(element, leaf.path)) for leaf in condition.leaves) for element in value)
    return all_of(found) if isinstance(condition, Every) else any_of(found)


def _inside(element: Any, path: Path) -> Any:
    for step in path:
        if isinstance(element, Unknown | Reference):
            return element
        element = element.get(step) if isinstance(element, Mapping) else None
    return element


def _leaf(leaf: Leaf, value: Any) -> Truth:
    if isinstance(value, Unknown):
        return value
    if isinstance(leaf, Text):
        return isinstance(value, Reference) or _is_text(value)
    if isinstance(leaf, Block):
        return isinstance(value, Mapping)
    if isinstance(value, Reference):
        return Unknown(f"it is {value.address}")
    if isinstance(leaf, Matches):
        return _is_text(value) and read(leaf.pattern)[0].search(value) is not None
    wanted = leaf.value
    if isinstance(value, str) and not isinstance(wanted, str):
        return value == str(wanted).lower()
    return bool(isinstance(value, bool) is isinstance(wanted, bool) and value == wanted)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value not in NO_TEXT


def _first_broken(chain: tuple[Demand, ...], resource: Resource, context: Context) -> Outcome | None:
    """The outcome of the first demand of ``chain`` that doesn't hold, if there is one."""
    for demand in chain:
        holds = truth(demand.holds, resource, context.scope)
        if holds is True:
            continue
        where = resource.where(*demand.where)
        if isinstance(holds, Unknown):
            return unknown(f"{demand.doubt}: {holds.reason}", where=where)
        detail = demand.detail(resource) if demand.detail is not None else ""
        return fail(f"{demand.says}{detail}", where=where, fix=_fix(demand, resource), changes=demand.changes)
    return None


def _fix(demand: Demand, resource: Resource) -> str | None:
    if demand.fix is None:
        return None
    terraform, cloudformation, command = demand.fix
    return fix_for(resource, terraform=terraform, cloudformation=cloudformation, command=command)
