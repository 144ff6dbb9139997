"""What the syntax nodes of Python say by themselves: names, types, patterns."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def keys_of(pattern: ast.pattern) -> Iterator[str]:
    """The keys and attributes that a pattern of ``match`` looks at: ``Status`` of ``{"Status": "SUCCEEDED"}``."""
    if isinstance(pattern, ast.MatchMapping):
        yield from (key.value for key in pattern.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))
    elif isinstance(pattern, ast.MatchClass):
        yield from pattern.kwd_attrs
    for inner in ast.iter_child_nodes(pattern):
        if isinstance(inner, ast.pattern):
            yield from keys_of(inner)


def lambdas(node: ast.Call) -> list[ast.Lambda]:
    """The lambdas among the arguments of a call."""
    return [arg for arg in [*node.args, *(keyword.value for keyword in node.keywords)] if isinstance(arg, ast.Lambda)]


def apart(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """What each part of ``target`` is bound to where that stands there: ``a, b = x, y``, ``a, b = await gather(x, y)``; else nothing."""
    items = gathered(value) or (value.elts if isinstance(value, ast.Tuple | ast.List) else [])
    parts = target.elts if isinstance(target, ast.Tuple | ast.List) else []
    if len(parts) != len(items) or any(isinstance(part, ast.Starred) for part in [*parts, *items]):
        return []
    bound = {name for part in parts for name in _names(part)}
    return list(zip(parts, items, strict=True)) if bound.isdisjoint(name for item in items for name in _names(item)) else []


def gathered(value: ast.expr) -> list[ast.expr]:
    """What is awaited at once, each for a place in the answer: ``await asyncio.gather(x, y)``; nothing if it is something else or isn't known."""
    value = value.value if isinstance(value, ast.Await) else value
    if not isinstance(value, ast.Call) or dotted(value.func).rpartition(".")[2] != "gather":
        return []
    return [] if any(isinstance(arg, ast.Starred) for arg in value.args) else value.args


def settles(value: ast.expr) -> bool:
    """Whether what is awaited at once fails nothing: ``await asyncio.gather(..., return_exceptions=True)``, ``await asyncio.wait(...)``."""
    value = value.value if isinstance(value, ast.Await) else value
    if isinstance(value, ast.Call) and dotted(value.func) == "asyncio.wait":
        return True
    keywords = value.keywords if isinstance(value, ast.Call) else []
    return any(one.arg == "return_exceptions" and not (isinstance(one.value, ast.Constant) and not one.value.value) for one in keywords)


def all_done(node: ast.Assign) -> str:
    """The name of what is done after ``done, pending = await asyncio.wait(tasks)``; "" where that may not be all of it: time is limited, or
    one counts."""
    value, target = node.value.value if isinstance(node.value, ast.Await) else node.value, node.targets[0]
    if (
        not isinstance(value, ast.Call)
        or dotted(value.func) != "asyncio.wait"
        or not isinstance(target, ast.Tuple)
        or len(node.targets) > 1
    ):
        return ""
    whole = all(one.arg == "return_when" and dotted(one.value).endswith(("ALL_COMPLETED", "FIRST_EXCEPTION")) for one in value.keywords)
    first = target.elts[0] if target.elts else None
    return first.id if whole and isinstance(first, ast.Name) else ""


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    for child in ast.iter_child_nodes(node):
        yield from _names(child)


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of an attribute chain (also with literal subscripts, ``a["b"]``); "" for anything else."""
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            parts.append(node.slice.value)
            node = node.value
        elif isinstance(node, ast.Name):
            return ".".join([node.id, *reversed(parts)])
        else:
            return ""


def type_name(node: ast.expr | None) -> str:
    """The name of an annotation's class: ``Faces`` of ``faces.Faces``, ``"Faces"``, ``Faces | None`` and ``Optional[Faces]``."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.rsplit(".", 1)[-1].strip()
    if isinstance(node, ast.Name | ast.Attribute):
        return dotted(node).rsplit(".", 1)[-1]
    if isinstance(node, ast.BinOp):
        return type_name(node.left)
    if isinstance(node, ast.Subscript):
        return type_name(node.slice)
    return ""
