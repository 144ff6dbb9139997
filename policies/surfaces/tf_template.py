"""Rendering ``templatefile``: the file's text is read as the body of a heredoc."""

from __future__ import annotations

from typing import Any

from averment.policies.surfaces.hcl import parse_expression
from averment.policies.surfaces.tf_eval import evaluate
from averment.policies.surfaces.tf_values import Env, Unevaluated

_MARK = "AVERMENT_END_OF_TEMPLATE"


def render(text: str, env: Env) -> Any:
    """``text`` with its interpolations filled from ``env``."""
    if _MARK in text:
        return Unevaluated("the template holds its own end mark")
    node = parse_expression(f"<<{_MARK}\n{text}\n{_MARK}\n")
    if node is None:
        return Unevaluated("the template could not be parsed")
    value = evaluate(node, env)
    return value.removesuffix("\n") if isinstance(value, str) else value
