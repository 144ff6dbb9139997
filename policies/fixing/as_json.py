"""A fix for a template in JSON. Rules write their CloudFormation fixes once, in YAML; who keeps JSON can't paste that."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

_CODE = re.compile(r"(?:- |[\w':-]+:(?:\s|$))")
"""How a line of YAML begins, at the left edge; a sentence ("remove the website configuration") doesn't."""
_NOTE = re.compile(r"\s\s#\s(.*)$")
_OWN_FILE = "# averment.yaml"


class _Loader(yaml.SafeLoader):
    """Plain values, and the short forms of CloudFormation's functions as their long ones."""


def _function(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]  # the last of the three kinds
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _function)


def as_json(fix: str) -> str:
    """The YAML in ``fix`` as JSON to paste: members without the braces around them, entries without the brackets.

    JSON has no comments: they stand before the code, each on a line of its own that begins with ``#``. Sentences stay, and so does what
    belongs into ``averment.yaml``.
    """
    if fix.startswith(_OWN_FILE):
        return fix
    try:
        return _converted(fix)
    except (yaml.YAMLError, ValueError, RecursionError):  # a resource's name isn't YAML: better the code in YAML than none
        return fix


def _converted(fix: str) -> str:
    parts: list[str] = []
    code: list[str] = []
    for line in [*fix.splitlines(), ""]:
        if line and not line.startswith("#") and (code or _CODE.match(line)):
            code.append(line)
            continue
        if code:
            parts.append(_pasted(code))
            code = []
        parts.append(line)
    return "\n".join(parts).rstrip("\n")


def _pasted(code: list[str]) -> str:
    notes = [f"# {found[1]}" for line in code if (found := _NOTE.search(line))]
    value = yaml.load("\n".join(code), _Loader)  # noqa: S506  (a SafeLoader with CloudFormation's functions, on our own text)
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    inner = "\n".join(line[2:] for line in text.splitlines()[1:-1])
    return "\n".join([*notes, inner])
