"""Evaluating Terraform expressions as far as the files alone allow, keeping references to resources as references."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from averment.core.source import SourceRef
from averment.policies.graph.model import Reference, Unknown, find_unknown
from averment.policies.graph.text import plain
from averment.policies.surfaces.cfn_yaml import LinedMap
from averment.policies.surfaces.hcl import text_of
from averment.policies.surfaces.tf_functions import AT_DEPLOYMENT, ERRORS, STRICT, TOLERANT, known
from averment.policies.surfaces.tf_functions_text import Failed
from averment.policies.surfaces.tf_strings import unescape
from averment.policies.surfaces.tf_values import (
    MAX_LENGTH,
    Env,
    EvaluationLimitError,
    Handle,
    PlacedMap,
    Unevaluated,
    attribute_reference,
    weighed,
)

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
_MAX_ITEMS = 20_000
_LARGEST = 10**40  # repeated squaring would fill the memory

FILE_FUNCTIONS = frozenset(
    {
        *("file", "templatefile", "fileexists", "fileset", "filebase64", "filemd5", "filesha1", "filesha256", "filesha512"),
        *("filebase64sha256", "filebase64sha512"),
    }
)
"""Functions that ``tf_files`` answers."""


def evaluate(node: Any, env: Env) -> Any:
    """The value of an expression: plain data, ``Reference``, ``Unknown`` (``Unevaluated`` where only this module gave up)."""
    env.module.loader.step()
    if node.has_error:  # the parser went on after what it couldn't read; what it made of the rest is a guess
        return Unevaluated(f"`{short(node)}` is not valid HCL")
    handler = _HANDLERS.get(node.type)
    if handler is None:
        return Unevaluated(f"`{short(node)}` is not evaluated")
    try:
        return handler(node, env)
    except (ArithmeticError, IndexError, KeyError, TypeError, ValueError) as error:
        # Hostile text finds what nobody thought of: that makes this value unknown, and ends neither the file nor the run.
        return Unevaluated(f"`{short(node)}` could not be evaluated ({type(error).__name__})")


def short(node: Any) -> str:
    """An expression's source on one line, cut to 60 characters."""
    text = " ".join(text_of(node).split())
    return text if len(text) <= 60 else text[:57] + "..."


def _named(node: Any) -> list[Any]:
    return [child for child in node.children if child.is_named and child.type != "comment"]


def _expression(node: Any, env: Env) -> Any:
    return _sequence(_named(node), env, node)


def _sequence(parts: list[Any], env: Env, node: Any) -> Any:
    """A value and the steps that follow it; in operations the grammar lays operands out side by side."""
    if not parts:
        return Unevaluated("an empty expression")
    value = evaluate(parts[0], env)
    return _walk(value, parts[1:], env, node) if len(parts) > 1 or parts[0].type == "variable_expr" else value


def _walk(value: Any, steps: list[Any], env: Env, node: Any) -> Any:
    """Follow ``.attribute``, ``[index]`` and splats from ``value``."""
    for position, step in enumerate(steps):
        if isinstance(value, Failed):
            return value
        if isinstance(value, Unknown):
            return type(value)(value.reason, f"${{{short(node)}}}")
        if step.type == "splat":
            inner = step.children[0]
            after = [*_named(inner), *steps[position + 1 :]]
            if inner.type == "attr_splat":  # `.*` takes the attributes that follow with it, `[*]` also the indexes
                own = next((place for place, item in enumerate(after) if item.type != "get_attr"), len(after))
                return _walk(_splat(value, after[:own], env, node), after[own:], env, node)
            return _splat(value, after, env, node)
        key = _step_key(step, env)
        if step.type != "get_attr" and isinstance(value, Handle) and {"count", "for_each"} & value.block.attributes.keys():
            value = _any_instance(value, key)
            continue
        if isinstance(key, Unknown):
            return key
        value = lookup(value, key)
    return value if not isinstance(value, Unknown) else type(value)(value.reason, value.template or f"${{{short(node)}}}")


def _any_instance(handle: Handle, key: Any) -> Handle:
    """One instance of a block whose number isn't known: the block stands for all of them, the index is bound where it is known."""
    if isinstance(key, Unknown):
        return handle
    counted = "count" in handle.block.attributes
    each = {"key": key, "value": Unknown("for_each goes over values that are not known")}
    return replace(handle, env=handle.env.bind(count={"index": key}) if counted else handle.env.bind(each=each))


def _splat(value: Any, rest: list[Any], env: Env, node: Any) -> Any:
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    return [_walk(item, rest, env, node) for item in items]


def _step_key(step: Any, env: Env) -> Any:
    if step.type == "get_attr":
        return text_of(_named(step)[0])
    inner = step.children[0] if step.children else step
    if inner.type == "legacy_index":
        return int("".join(filter(str.isdigit, text_of(inner))) or 0)
    parts = _named(inner)
    key = evaluate(parts[0], env) if parts else Unevaluated(f"`{short(inner)}` is no index")
    return key if isinstance(key, str | int | Unknown) else Unknown(f"the index `{short(inner)}` is not known")


def lookup(value: Any, key: str | int) -> Any:
    """``value.key`` or ``value[key]``; ``Failed`` where it isn't there."""
    if hasattr(value, "get_attribute"):
        return value.get_attribute(key)
    if isinstance(value, Handle):
        return handle_attribute(value, str(key))
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Reference):
        return Unknown(f"{value.address}.{value.attribute} is known only after apply")
    if isinstance(value, dict):
        return value[key] if key in value else value.get(str(key), Failed(f"there is no '{key}'"))
    if isinstance(value, list):
        try:
            return value[int(key)]
        except (ValueError, IndexError):
            return Failed(f"there is no item {key}")
    return Failed(f"there is no '{key}'")


def handle_attribute(handle: Handle, name: str) -> Any:
    """An attribute of a resource: a reference if it names it, else what its block says, else a reference to the computed one."""
    if handle.data:
        return handle.env.module.data_attribute(handle, name)
    reference = attribute_reference(handle.address, name)
    if reference is not None:
        return reference
    written = handle.block.attributes.get(name)
    if written is not None:
        return evaluate(written.node, handle.env.within(handle.block.file))
    return Reference(handle.address, name)


def _literal(node: Any, _env: Env) -> Any:
    child = _named(node)[0]
    text = text_of(child)
    if child.type == "numeric_lit":
        number = float(text)
        if not math.isfinite(number):
            return Unevaluated(f"{short(node)} is too large a number")
        return int(number) if number.is_integer() else number
    if child.type == "bool_lit":
        return text == "true"
    if child.type == "null_lit":
        return None
    return unescape(text[1:-1])


def _template(node: Any, env: Env) -> Any:
    from averment.policies.surfaces.tf_template import evaluate_template  # it comes back here for what stands inside

    return evaluate_template(node, env)


def _json(node: Any, env: Env) -> Any:
    """A value of a JSON configuration: strings are templates, maps may hold ``dynamic`` blocks."""
    return _json_value(node.value, env)


def _json_value(value: Any, env: Env) -> Any:
    env.module.loader.step()
    if isinstance(value, str):
        from averment.policies.surfaces.tf_template import render

        return render(value, env, unwrap=True) if "{" in value else value
    if isinstance(value, list):
        return [_json_value(item, env) for item in value]
    if not isinstance(value, LinedMap):
        return value
    if _holds_dynamic(value):
        from averment.policies.surfaces.tf_blocks import attributes_of
        from averment.policies.surfaces.tf_json import body_block

        return attributes_of(body_block(value, env.file), env, None, ("",))
    out = {key: _json_value(item, env) for key, item in value.items() if key != "//"}
    return PlacedMap(out, SourceRef(env.file or None, value.line, max(value.line, value.end - 1)))


def _holds_dynamic(value: dict[str, Any]) -> bool:
    inner = value.get("dynamic")
    bodies = inner if isinstance(inner, list) else [inner]
    parts = [part for body in bodies if isinstance(body, dict) for part in body.values()]
    return any(isinstance(part, dict | list) and ("for_each" in part or any("for_each" in x for x in part)) for part in parts)


def _collection(node: Any, env: Env) -> Any:
    inner = _named(node)[0]
    if inner.type == "tuple":
        return weighed([evaluate(child, env) for child in _named(inner) if child.type == "expression"])
    out: dict[str, Any] = {}
    for element in _named(inner):
        if element.type == "object_elem":
            key_node, value_node = [child for child in _named(element) if child.type == "expression"][:2]
            key = _key(key_node, env)
            if not isinstance(key, str):
                return Unknown(f"the key `{short(key_node)}` is not known")
            out[key] = evaluate(value_node, env)
    return PlacedMap(weighed(out), SourceRef(env.file or None, node.start_point[0] + 1, node.end_point[0] + 1))


def _key(node: Any, env: Env) -> Any:
    parts = _named(node)
    if len(parts) == 1 and parts[0].type == "variable_expr":
        return text_of(parts[0])
    value = evaluate(node, env)
    return plain(value) if known(value) and not isinstance(value, dict | list) else value


def _call(node: Any, env: Env) -> Any:
    name = text_of(node.children[0]).removeprefix("core::")
    argument_nodes: list[Any] = []
    spread = False
    for child in node.children:
        if child.type == "function_arguments":
            argument_nodes = [item for item in child.children if item.type == "expression"]
            spread = any(item.type == "ellipsis" for item in child.children)
    if name in {"try", "can"}:
        return _attempt(name, argument_nodes, env)
    arguments = [evaluate(argument, env) for argument in argument_nodes]
    if spread and arguments:
        last = arguments.pop()
        if not isinstance(last, list):
            return Unknown(f"the arguments of {name} are not known")
        arguments += last
    if name in FILE_FUNCTIONS:
        from averment.policies.surfaces import tf_files  # it renders templates, which come back here

        return tf_files.call(name, arguments, env)
    return apply(name, arguments, node)


def apply(name: str, arguments: list[Any], node: Any) -> Any:
    """The function ``name`` on evaluated arguments."""
    failed = next((argument for argument in arguments if isinstance(argument, Failed)), None)
    if failed is not None:
        return failed
    function = TOLERANT.get(name)
    if function is None:
        function = STRICT.get(name)
        if function is None:
            return (
                Unknown(f"{name} is known only at deployment")
                if name in AT_DEPLOYMENT
                else Unevaluated(f"the function {name} is not evaluated")
            )
        hidden = next((argument for argument in arguments if isinstance(argument, Unknown)), None)
        if hidden is not None:
            return type(hidden)(hidden.reason, f"${{{short(node)}}}")
        if not known(*arguments):
            return Unknown(f"{name} of a value that is known only after apply")
    try:
        value = function(*arguments)
        if isinstance(value, str) and len(value) > MAX_LENGTH:
            raise EvaluationLimitError
        return weighed(value)
    except ERRORS:
        return Unevaluated(f"`{short(node)}` could not be evaluated")


def _attempt(name: str, nodes: list[Any], env: Env) -> Any:
    for node in nodes:
        value = evaluate(node, env)
        if not any(isinstance(item, Failed) for item in find_unknown(value)):
            if name == "can":
                return value if isinstance(value, Unknown) else True
            return value
    return False if name == "can" else Failed("no alternative of try succeeded")


def _conditional(node: Any, env: Env) -> Any:
    test, yes, no = [child for child in _named(node) if child.type == "expression"][:3]
    decided = truth(evaluate(test, env))
    if isinstance(decided, Failed):
        return decided
    if isinstance(decided, bool):
        return evaluate(yes if decided else no, env)
    first, second = evaluate(yes, env), evaluate(no, env)
    if first == second:
        return first
    return Unknown(f"depends on `{short(test)}`: {decided.reason}", f"${{{short(node)}}}")


def truth(value: Any) -> bool | Unknown:
    """``value`` as a condition."""
    if isinstance(value, bool | Unknown):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    return Unknown("a condition that is known only after apply")


def _operation(node: Any, env: Env) -> Any:
    inner = _named(node)[0]
    if inner.type == "unary_operation":
        value = _sequence(_named(inner), env, node)
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
    left = _sequence(before, env, node)
    if sign in {"&&", "||"}:
        return _logic(sign == "||", left, lambda: _sequence(after, env, node))
    right = _sequence(after, env, node)
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


def _for(node: Any, env: Env) -> Any:
    inner = _named(node)[0]
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
    if isinstance(items, list):
        return list(enumerate(items))
    if items is None or isinstance(items, str | int | float):
        return Failed("goes over something that is neither list nor map")
    return items if isinstance(items, Unknown) else Unknown("goes over a value that is known only after apply")


_HANDLERS: dict[str, Callable[[Any, Env], Any]] = {
    "expression": _expression,
    "literal_value": _literal,
    "string_lit": lambda node, _env: unescape(text_of(node)[1:-1]),
    "template_expr": _template,
    "collection_value": _collection,
    "function_call": _call,
    "conditional": _conditional,
    "operation": _operation,
    "for_expr": _for,
    "json": _json,
    "variable_expr": lambda node, env: env.module.name(text_of(node), env),
}
