"""Evaluating Terraform expressions as far as the files alone allow, keeping references to resources as references.

What answers a kind of syntax node stands in the modules beside this one; the package writes them into ``HANDLERS``, because each of
them evaluates the expressions inside its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from averment.policies.surfaces.terraform.syntax.native import text_of
from averment.policies.surfaces.terraform.values import Env, Unevaluated

Handler = Callable[[Any, Env], Any]
HANDLERS: dict[str, Handler] = {}
"""Syntax node type -> what evaluates such a node; filled by the package."""


def evaluate(node: Any, env: Env) -> Any:
    """The value of an expression: plain data, ``Reference``, ``Unknown`` (``Unevaluated`` where only this module gave up)."""
    env.module.loader.step()
    if node.has_error:  # the parser went on after what it couldn't read; what it made of the rest is a guess
        return Unevaluated(f"`{short(node)}` is not valid HCL")
    handler = HANDLERS.get(node.type)
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


def named(node: Any) -> list[Any]:
    """The children that mean something: no punctuation, no comments."""
    return [child for child in node.children if child.is_named and child.type != "comment"]
