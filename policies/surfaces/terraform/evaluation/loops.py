"""``for`` expressions, and what they, ``for_each`` and ``dynamic`` go over."""

from __future__ import annotations

from typing import Any

from averment.policies.graph.model import Unknown
from averment.policies.graph.text import plain
from averment.policies.surfaces.terraform.evaluation.core import evaluate, named, short
from averment.policies.surfaces.terraform.evaluation.operations import truth
from averment.policies.surfaces.terraform.syntax.native import text_of
from averment.policies.surfaces.terraform.values import Env, EvaluationLimitError, Failed, SetValue, known, weighed

_MAX_ITEMS = 20_000


def for_expression(node: Any, env: Env) -> Any:
    """``[for x in y : z]`` and ``{for k, v in y : k => v}``."""
    inner = named(node)[0]
    intro = next(child for child in inner.children if child.type == "for_intro")
    names = [text_of(child) for child in intro.children if child.type == "identifier"]
    items = evaluate(next(child for child in intro.children if child.type == "expression"), env)
    pairs = pairs_of(items)
    if isinstance(pairs, Unknown):
        return pairs
    bodies = [child for child in inner.children if child.type == "expression"]
    condition = next((child for child in inner.children if child.type == "for_cond"), None)
    as_list = inner.type == "for_tuple_expr"
    out_list: list[Any] = []
    out_map: dict[str, Any] = {}
    grouped = any(child.type == "ellipsis" for child in inner.children)
    if len(pairs) > _MAX_ITEMS:
        raise EvaluationLimitError
    for key, value in pairs:
        scope = env.bind(**dict(zip(names, (key, value) if len(names) > 1 else (value,), strict=False)))
        if condition is not None:
            kept = truth(evaluate(next(child for child in condition.children if child.type == "expression"), scope))
            if isinstance(kept, Unknown):
                return kept
            if not kept:
                continue
        if as_list:
            out_list.append(evaluate(bodies[0], scope))
            continue
        name = evaluate(bodies[0], scope)
        if not known(name) or isinstance(name, dict | list):
            return Unknown(f"the key `{short(bodies[0])}` is not known")
        if grouped:
            out_map.setdefault(plain(name), []).append(evaluate(bodies[1], scope))
        else:
            if plain(name) in out_map:
                return Failed(f"the key '{plain(name)}' stands twice")
            out_map[plain(name)] = evaluate(bodies[1], scope)
    return weighed(out_list if as_list else out_map)


def pairs_of(items: Any) -> list[tuple[Any, Any]] | Unknown:
    """Keys and values of what ``for`` and ``for_each`` go over."""
    if isinstance(items, dict):
        return [(key, items[key]) for key in sorted(items, key=str)]
    if isinstance(items, SetValue):
        return [(item, item) for item in items]
    if isinstance(items, list):
        return list(enumerate(items))
    if items is None or isinstance(items, str | int | float):
        return Failed("goes over something that is neither list nor map")
    return items if isinstance(items, Unknown) else Unknown("goes over a value that is known only after apply")
