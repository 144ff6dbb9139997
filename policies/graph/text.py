"""Text within values: how what isn't known is shown in it, and JSON that was written as text."""

from __future__ import annotations

import json
import re
from typing import Any

from averment.policies.graph.model import Reference, Unknown

HOLE = re.compile(r"\$\{[^}$]*(?:\$(?!\{)[^}$]*)*\}")
"""A hole in ``Unknown.template``. Where another one begins before it is closed it is none: a text of beginnings alone would be gone through from each
of them to its end."""


def plain(value: Any) -> str:
    """A scalar as it is spelt within a string: ``true`` for True, ``3`` for 3.0, "" for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def hole(value: Any) -> str:
    """How ``value`` is shown within ``Unknown.template``."""
    if isinstance(value, Unknown):
        return value.template if value.template is not None else "${?}"
    if isinstance(value, Reference):
        return f"{value.prefix}${{{value.address}.{value.attribute}}}{value.suffix}"
    return plain(value)


class JsonText(str):
    """JSON that was encoded from a structure which is still at hand, with its places."""

    value: Any

    def __new__(cls, text: str, value: Any) -> JsonText:
        """``text`` is the encoding of ``value``."""
        made = super().__new__(cls, text)
        made.value = value
        return made


def parsed_json(text: Any) -> Any:
    """A policy document that was written as text, parsed; whatever isn't text or isn't JSON comes back as it is."""
    if isinstance(text, JsonText):
        return text.value
    if not isinstance(text, str):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict | list) else text
