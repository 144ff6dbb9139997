"""What the syntax nodes of JavaScript and TypeScript say by themselves: names, keys, types, imports."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from averment.policies.surfaces.code.files import asks
from averment.policies.surfaces.code.model import Import

_MAX_FAULTS = 50
_PROMISE = re.compile(r"new\s+Promise\s*(?:<[^()]*>)?\(\s*(?:async\s*)?(?:function\s*\w*\s*)?\(\s*([\w$]+)[^,()]*,")
"""What makes a promise by a function whose first parameter fulfils it."""
_LONGEST = 2_000
"""Bytes of a promise that is looked through for what fulfils it, wherever its name stands: a limit of time has fewer than two hundred."""

FUNCTIONS = frozenset({"arrow_function", "function_expression", "function", "generator_function"})
TRANSPARENT = frozenset(
    {"parenthesized_expression", "await_expression", "as_expression", "satisfies_expression", "non_null_expression", "expression_statement"}
)


def text_of(node: Any) -> str:
    """The source text of ``node``."""
    return str(node.text.decode("utf-8", "replace"))


def key_of(node: Any) -> str:
    """The name of an object literal's entry."""
    key = node.child_by_field_name("key") or node.child_by_field_name("name")
    if key is None:
        return text_of(node) if node.type == "shorthand_property_identifier" else ""
    return "" if key.type == "computed_property_name" else text_of(key).strip("'\"")


def required(node: Any) -> Import | None:
    """The import that ``require("./x")`` or ``await import("./x")`` (or ``.y`` of it) is."""
    name = ""
    if node.type == "member_expression":
        name, node = text_of(node.child_by_field_name("property")), node.child_by_field_name("object")
    while node.type in TRANSPARENT and node.named_children:
        node = node.named_children[0]
    if node.type != "call_expression" or text_of(node.child_by_field_name("function")) not in {"require", "import"}:
        return None
    args = node.child_by_field_name("arguments").named_children
    return Import(text_of(args[0]).strip("'\"`"), name) if args and args[0].type == "string" else None


def dotted(node: Any) -> str:
    """``a.b.c`` of a chain of names (also with literal subscripts); "" for anything else."""
    parts: list[str] = []
    while True:
        if node.type in TRANSPARENT and node.type != "await_expression" and node.named_children:
            node = node.named_children[0]
        elif node.type == "member_expression":
            parts.append(text_of(node.child_by_field_name("property")).lstrip("#"))
            node = node.child_by_field_name("object")
        elif node.type == "subscript_expression" and node.child_by_field_name("index").type == "string":
            parts.append(text_of(node.child_by_field_name("index"))[1:-1])
            node = node.child_by_field_name("object")
        elif node.type in {"identifier", "this", "shorthand_property_identifier_pattern", "shorthand_property_identifier"}:
            return ".".join([text_of(node), *reversed(parts)])
        else:
            return ""


def callable_at_once(node: Any) -> bool:
    """Whether ``node`` calls a function literal: ``(async () => { ... })()``."""
    inner = node.child_by_field_name("function")
    while inner is not None and inner.type == "parenthesized_expression" and inner.named_children:
        inner = inner.named_children[0]
    return inner is not None and inner.type in FUNCTIONS


def places(node: Any) -> list[Any]:
    """What stands at each place of an array or its pattern; None where one is left out (``[, second]``)."""
    found: list[Any] = [None]
    for part in node.children:
        if part.type == ",":
            found.append(None)
        elif part.is_named and part.type != "comment":
            found[-1] = part
    return found


def apart(pattern: Any, node: Any) -> list[tuple[Any, Any]]:
    """What each place of an array's pattern is bound to where that stands there; places that bind nothing have None for a pattern.

    That is an array, or what is waited for at once: ``const [a, b] = await Promise.all([x, y])``.
    """
    items, targets = at_once(node), places(pattern) if pattern.type == "array_pattern" else [None]
    if (
        pattern.type != "array_pattern"
        or len(targets) > len(items)
        or any(part is not None and part.type == "rest_pattern" for part in targets)
    ):
        return []
    targets += [None] * (len(items) - len(targets))
    return [(target, item) for target, item in zip(targets, items, strict=True) if item is not None]


def at_once(node: Any, *, waited: bool = False) -> list[Any]:
    """What stands at each place of an array, or of promises that are awaited at once (only of these if ``waited``); nothing if that isn't known."""
    node = unwrapped(node)
    if node.type == "call_expression" and text_of(node.child_by_field_name("function")) in {"Promise.all", "Promise.allSettled"}:
        given = node.child_by_field_name("arguments").named_children
        node, waited = (given[0], False) if len(given) == 1 else (node, waited)
    items = places(node) if node.type == "array" and not waited else []
    return [] if any(part is not None and part.type == "spread_element" for part in items) else items


def racing(node: Any, declared: Callable[[], Mapping[str, Any]]) -> list[int]:
    """The places of promises of which the first counts (``Promise.race``, ``Promise.any``), but of those that can only fail, as a limit of time does.

    ``declared`` gives what stands in the file under each name that is declared once.
    """
    if text_of(node.child_by_field_name("function")) not in {"Promise.race", "Promise.any"}:
        return []
    given = node.child_by_field_name("arguments").named_children
    items = [part for part in given[0].named_children if part.type != "comment"] if len(given) == 1 and given[0].type == "array" else []
    running = [index for index, item in enumerate(items) if not _only_fails(item) and not _only_fails(_meant(item, declared))]
    return running if len(running) > 1 else []


def _meant(node: Any, declared: Callable[[], Mapping[str, Any]]) -> Any:
    """What a name stands for, or what the function that is called gives, if that is all that it does: ``timeout(5000)``."""
    called = node.child_by_field_name("function") if node.type == "call_expression" else None
    name = called if called is not None else node
    made = declared().get(text_of(name)) if name.type == "identifier" else None
    if made is None or called is None:
        return made if made is not None else node
    body = made.child_by_field_name("body") if made.type in {*FUNCTIONS, "function_declaration"} else None
    if body is not None and body.type == "statement_block":
        inside = [part for part in body.named_children if part.type != "comment"]
        gives = inside[0].named_children if len(inside) == 1 and inside[0].type == "return_statement" else []
        return gives[0] if gives else node
    return body if body is not None else node


def declared_once(root: Any) -> dict[str, Any]:
    """What stands under each name that a variable or a function of a file has, if nothing else there has that name, no parameter either."""
    found: dict[str, Any] = {}
    queue = [root]
    while queue:
        node = queue.pop()
        if node.type == "formal_parameters":
            patterns = (part.child_by_field_name("pattern") or part for part in node.named_children)
            found.update(dict.fromkeys(text_of(part) for part in patterns if part.type == "identifier"))
        if node.type in {"variable_declarator", "function_declaration"}:
            name = node.child_by_field_name("name")
            made = node.child_by_field_name("value") if node.type == "variable_declarator" else node
            if name is not None and name.type == "identifier":
                found[text_of(name)] = made if text_of(name) not in found else None
        queue += node.named_children
    return {name: made for name, made in found.items() if made is not None}


def _only_fails(node: Any) -> bool:
    """Whether a promise is made here that nothing fulfils: ``new Promise((_, reject) => setTimeout(() => reject(late), 5000))``."""
    if node.end_byte - node.start_byte > _LONGEST:
        return False
    made = _PROMISE.match(text_of(node))
    if made is not None:
        return len(re.findall(rf"(?<![\w$]){re.escape(made[1])}(?![\w$])", text_of(node))) == 1
    return text_of(node).startswith("Promise.reject(")


def settles(node: Any) -> bool:
    """Whether promises are awaited at once in such a way that none of them fails the rest: ``await Promise.allSettled([...])``."""
    node = unwrapped(node)
    return node.type == "call_expression" and text_of(node.child_by_field_name("function")) == "Promise.allSettled"


def unwrapped(node: Any) -> Any:
    """The expression in parentheses, behind ``await`` or ``as``."""
    while node.type in TRANSPARENT and node.named_children:
        node = next((part for part in node.named_children if part.type != "comment"), node.named_children[0])
    return node


def exported_name(name: str) -> str | None:
    """What an assignment exports: ``compare`` of ``exports.compare``, "" of ``module.exports``; None if it exports nothing."""
    if name in {"module.exports", "exports"}:
        return ""
    for head in ("module.exports.", "exports."):
        if name.startswith(head):
            return name.removeprefix(head)
    return None


def line_of(node: Any) -> int:
    """The line (from 1) on which ``node`` begins."""
    return int(node.start_point[0]) + 1


def type_name(node: Any) -> str:
    """The name of a type annotation: ``Faces`` of ``: Faces``, ``: Faces | null`` and ``: Promise<Faces>``."""
    if node is None:
        return ""
    names = [leaf for leaf in leaves(node) if text_of(leaf) not in {"Promise", "Partial", "Readonly"}]
    return text_of(names[0]) if names else ""


def leaves(node: Any) -> list[Any]:
    """The first few names within ``node``, in order."""
    found: list[Any] = []
    queue = [node]
    while queue and len(found) < 8:
        here = queue.pop()
        if here.type in {"type_identifier", "identifier", "property_identifier"}:
            found.append(here)
        queue += reversed(here.named_children)
    return found


def _of_types_alone(node: Any) -> bool:
    """Whether ``node`` is the word of ``export type * from "./x"`` that the grammar doesn't know: nothing that runs comes that way."""
    return bool(node.is_error and node.text == b"type" and node.parent is not None and node.parent.type == "export_statement")


def faults_in(root: Any) -> list[tuple[int, str, bool]]:
    """The first place that could not be parsed, and whether any such place holds something about faces."""
    lines: list[int] = []
    matters = False
    queue = [root]
    while queue and len(lines) < _MAX_FAULTS:
        node = queue.pop()
        if _of_types_alone(node):
            continue
        if node.is_error or node.is_missing:
            lines.append(node.start_point[0] + 1)
            matters = matters or asks(node.text)
        elif node.has_error:
            queue += reversed(node.children)
    more = " (and elsewhere)" if len(lines) > 1 else ""
    return [(lines[0], f"can't be parsed here{more}; the rest of the file was read", matters)] if lines else []
