"""Strings made of parts, some of which are references or unknown: what a template or a join evaluates to.

Apart from ``text``, which rules load: YAML is read here, and the function behind the rules has no library for that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from averment.core.errors import BadInputError
from averment.core.located import parse_yaml
from averment.policies.graph.model import Reference, Unknown
from averment.policies.graph.text import hole, parsed_json, plain

_MARK = "\ue000"  # a private-use character: stands for part number n as MARK n MARK


_DESCRIPTION = re.compile(r"(?:---[ \t]*\n)?(?:[ \t]*(?:#[^\n]*)?\n)*[\"']?(?:openapi|swagger)[\"']?[ \t]*:")
"""How a description of an API begins that is written in YAML."""
_MAX_DESCRIPTION = 1024 * 1024


def join_parts(parts: Iterable[Any]) -> Any:
    """The concatenation of ``parts`` (scalars, references, unknowns).

    All known: a string. Exactly one reference and the rest known: that reference with a prefix and suffix. Anything
    else: ``Unknown`` with the first reason and the template of what is known.
    """
    items = [part for part in parts if part != ""]
    if not items:
        return ""
    template = "".join(hole(item) for item in items)
    described = _DESCRIPTION.match(template) is not None
    if (described or template.lstrip()[:1] in {"{", "["}) and not all(isinstance(item, str) for item in items):
        document = _document_with_holes(items, _from_yaml if described else json.loads)
        if document is not None:
            return document
    for item in items:
        if isinstance(item, Unknown):
            return Unknown(item.reason, template)
        if isinstance(item, dict | list):
            return Unknown("a list or map stands inside a string", template)
    links = [item for item in items if isinstance(item, Reference)]
    if not links:
        return template
    if len(links) > 1:
        return Unknown("combines attributes of several resources", template)
    link, index = links[0], next(place for place, item in enumerate(items) if isinstance(item, Reference))
    before = "".join(plain(item) for item in items[:index])
    after = "".join(plain(item) for item in items[index + 1 :])
    return Reference(link.address, link.attribute, link.suffix + after, before + link.prefix)


def _from_yaml(text: str) -> Any:
    if len(text) > _MAX_DESCRIPTION:
        raise ValueError
    try:
        return parse_yaml(text, "").value
    except BadInputError as error:
        raise ValueError from error


def parsed_description(text: Any) -> Any:
    """The description of an API, parsed from JSON or YAML; whatever is neither comes back as it is."""
    value = parsed_json(text)
    if not isinstance(value, str) or _DESCRIPTION.match(value) is None:
        return value
    try:
        found = _from_yaml(value)
    except (ValueError, RecursionError):
        return value
    return found if isinstance(found, dict) else value


def _document_with_holes(items: list[Any], read: Callable[[str], Any]) -> Any:
    """A document written as text around references, parsed; None if it is none."""
    text = "".join(item if isinstance(item, str) else f"{_MARK}{index}{_MARK}" for index, item in enumerate(items))
    try:
        value = read(text)
    except (ValueError, RecursionError):
        return None

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [filled(item) for item in value]
        if not isinstance(value, str) or _MARK not in value:
            return value
        pieces = value.split(_MARK)
        return join_parts(items[int(piece)] if index % 2 else piece for index, piece in enumerate(pieces))

    return filled(value)
