"""Conditions, arithmetic, comparison."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

from averment.policies.graph.model import Reference, Unknown
from averment.policies.surfaces.terraform.evaluation.core import evaluate, named, short
from averment.policies.surfaces.terraform.evaluation.traversals import sequence
from averment.policies.surfaces.terraform.functions.table import ERRORS
from averment.policies.surfaces.terraform.syntax.native import text_of
from averment.policies.surfaces.terraform.values import Env, Failed, Handle, Unevaluated

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_LARGEST = 10**40  # repeated squaring would fill the memory


def conditional(node: Any, env: Env) -> Any:
    """``test ? yes : no``; both sides where the test isn't known and they agree."""
    test, yes, no = [child for child in named(node) if child.type == "expression"][:3]
    decided = truth(evaluate(test, env))
    if isinstance(decided, Failed):
        return decided
    if isinstance(decided, bool):
        return evaluate(yes if decided else no, env)
    first, second = evaluate(yes, env), evaluate(no, env)
    if first == second:
        return first
    return Unknown(f"depends on `{short(test)}`: {decided.reason}", f"${{{short(node)}}}")


def conjuncts(node: Any, env: Env) -> Iterator[tuple[str, Any]]:
    """What all has to hold for ``a && b ? 1 : 0`` (or ``a && b``) to come to something: each part as it is written, with its value."""
    while node.type == "expression" and len(named(node)) == 1:
        node = named(node)[0]
    if node.type == "conditional":
        test, yes, no = [child for child in named(node) if child.type == "expression"][:3]
        if _comes_to_something(evaluate(yes, env)) is True and _comes_to_something(evaluate(no, env)) is False:
            yield from conjuncts(test, env)
            return
    inner = named(node)[0] if node.type == "operation" else node
    middle = next((index for index, child in enumerate(inner.children) if text_of(child) == "&&"), None)
    if inner.type != "binary_operation" or middle is None:
        yield " ".join(text_of(node).split()), evaluate(node, env)
        return
    for side in (inner.children[:middle], inner.children[middle + 1 :]):
        parts = [child for child in side if child.is_named]
        if len(parts) == 1:
            yield from conjuncts(parts[0], env)
        else:
            yield " ".join("".join(text_of(part) for part in parts).split()), sequence(parts, env, node)


def _comes_to_something(value: Any) -> bool | None:
    """Whether a count or a collection that is known makes any instance; None for one that isn't."""
    return bool(value) if isinstance(value, bool | int | float | list | dict) else None


def truth(value: Any) -> bool | Unknown:
    """``value`` as a condition."""
    if isinstance(value, bool | Unknown):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    return Unknown("a condition that is known only after apply")


def operation(node: Any, env: Env) -> Any:
    """Arithmetic, comparison, logic."""
    inner = named(node)[0]
    if inner.type == "unary_operation":
        value = sequence(named(inner), env, node)
        if text_of(inner.children[0]) == "!":
            decided = truth(value)
            return decided if isinstance(decided, Unknown) else not decided
        return -value if isinstance(value, int | float) else Unevaluated(f"`{short(node)}` is not evaluated")
    children = inner.children
    middle = next((index for index, child in enumerate(children) if not child.is_named and child.type not in {"(", ")"}), None)
    if middle is None:
        return Unevaluated(f"`{short(node)}` is not evaluated")
    sign = text_of(children[middle])
    before, after = [[child for child in side if child.is_named] for side in (children[:middle], children[middle + 1 :])]
    left = sequence(before, env, node)
    if sign in {"&&", "||"}:
        return _logic(sign == "||", left, lambda: sequence(after, env, node))
    right = sequence(after, env, node)
    if sign in {"==", "!="}:
        same = equal(left, right)
        return same if isinstance(same, Unknown) else same is (sign == "==")
    hidden = next((value for value in (left, right) if isinstance(value, Unknown)), None)
    if hidden is not None:
        return hidden
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return Unevaluated(f"`{short(node)}` is not evaluated")
    try:
        return number(_OPERATORS[sign](left, right))
    except (KeyError, *ERRORS):
        return Unevaluated(f"`{short(node)}` is not evaluated")


def number(value: Any) -> Any:
    """Terraform has one kind of number: 4 / 2 is 2, not 2.0."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise OverflowError
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _logic(any_of: bool, left: Any, right: Callable[[], Any]) -> Any:
    first = truth(left)
    if first is any_of:
        return any_of
    second = truth(right())
    if second is any_of:
        return any_of
    return first if isinstance(first, Unknown) else second


def equal(left: Any, right: Any) -> bool | Unknown:
    """Terraform's ``==``; a reference is never null, and else not comparable before apply."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Unknown):
            return one
        if isinstance(one, Reference | Handle) and (other is None or other == ""):
            return False
    if isinstance(left, Reference | Handle) or isinstance(right, Reference | Handle):
        return True if left == right else Unknown("compares values that are known only after apply")
    if isinstance(left, bool) != isinstance(right, bool):
        return False  # Terraform compares types too: "1" is not 1, true is not "true"
    return bool(left == right)
