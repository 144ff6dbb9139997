"""Calls of functions."""

from __future__ import annotations

from typing import Any

from averment.policies.graph.model import Reference, Unknown, find_unknown
from averment.policies.surfaces.terraform.evaluation.core import evaluate, short
from averment.policies.surfaces.terraform.evaluation.files import FILE_FUNCTIONS, call_file_function, render_text
from averment.policies.surfaces.terraform.evaluation.shaped import kept, template_of
from averment.policies.surfaces.terraform.functions.table import AT_DEPLOYMENT, ERRORS, STRICT, TOLERANT
from averment.policies.surfaces.terraform.syntax.native import text_of
from averment.policies.surfaces.terraform.values import MAX_LENGTH, Env, EvaluationLimitError, Failed, Handle, Unevaluated, known, weighed


def function_call(node: Any, env: Env) -> Any:
    """A call of any function."""
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
        return call_file_function(name, arguments, env)
    if name == "templatestring" and len(arguments) == 2:
        return render_text(arguments[0], arguments[1], env)
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
            if name in AT_DEPLOYMENT:
                return Unknown(f"{name} is known only at deployment")
            return _left_over(f"the function {name} is not evaluated", arguments)
        if not known(*arguments):
            return _at_deployment(name, arguments, node)
    try:
        value = function(*arguments)
        if isinstance(value, str) and len(value) > MAX_LENGTH:
            raise EvaluationLimitError
        return weighed(value)
    except ERRORS:
        return _left_over(f"`{short(node)}` could not be evaluated", arguments)


def _left_over(reason: str, arguments: list[Any]) -> Unknown:
    """What isn't evaluated here. Of a value that only the deployment knows nobody is asked more: tfparse makes one up, another each time, and what
    hides it (a digest, a date) looks like a value."""
    return Unevaluated(reason) if all(map(_settled, arguments)) else Unknown(reason)


def _settled(value: Any) -> bool:
    """Whether nothing in ``value`` is known only at deployment."""
    if isinstance(value, dict | list):
        return all(map(_settled, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Unevaluated) or not isinstance(value, Unknown | Reference | Handle)


def _at_deployment(name: str, arguments: list[Any], node: Any) -> Any:
    """A function of values of which one is known only at deployment: what stays of a text that it changes."""
    if (link := kept(name, arguments)) is not None:
        return link
    template = template_of(name, arguments)
    hidden = next((argument for argument in arguments if isinstance(argument, Unknown)), None)
    if hidden is not None:
        return type(hidden)(hidden.reason, template or f"${{{short(node)}}}")
    return Unknown(f"{name} of a value that is known only after apply", template)


def _attempt(name: str, nodes: list[Any], env: Env) -> Any:
    for node in nodes:
        value = evaluate(node, env)
        if not any(isinstance(item, Failed) for item in find_unknown(value)):
            if name == "can":
                return value if isinstance(value, Unknown) else True
            return value
    return False if name == "can" else Failed("no alternative of try succeeded")
