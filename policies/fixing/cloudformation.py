"""Changes to CloudFormation in YAML and JSON, also as a ``serverless.yml`` has it: a property set where it stands, or added to its parent.

The text is changed in place, so comments, order, indentation and quoting stay as they are; afterwards the template is parsed again and
must be the old one but for the one property.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from averment.core.errors import BadInputError
from averment.policies.fixing.json_text import changed_json
from averment.policies.fixing.refusal import RefusedError
from averment.policies.fixing.yaml_text import changed_yaml
from averment.policies.interface import Edit, Entries
from averment.policies.surfaces.cloudformation.parsing import parse_template
from averment.policies.surfaces.cloudformation.serverless_framework import is_serverless
from averment.policies.surfaces.lined import LinedList, LinedMap

_SYNTHESISED = ("aws:cdk:path", "AWS::CDK::Metadata")
"""Marks of a template that the AWS CDK writes: the next synthesis would undo the change."""

_SECTIONS = (("Resources",), ("resources", "Resources"), ())
"""Where resources stand: in a template, in a file of the Serverless Framework, in one of nothing else that such a file includes."""


def changed_template(data: bytes, edit: Edit) -> bytes:
    """``data`` with ``edit`` made.

    Raises:
        RefusedError: the change isn't mechanical here.
    """
    try:
        marked = data.decode("utf-8")
        text = marked.removeprefix("\ufeff")  # libyaml counts places without the mark of byte order
        before = parse_template(text, edit.file)
    except (UnicodeDecodeError, BadInputError) as error:
        raise RefusedError(f"the template can't be read: {error}") from error
    if any(mark in text for mark in _SYNTHESISED):
        raise RefusedError("the template is written by the AWS CDK: change the program that synthesises it")
    path = (*_section(before, edit), _logical_id(edit), "Properties", *edit.change.path)
    changed = (changed_json if _is_json(text) else changed_yaml)(text, path, edit.change.value)
    _verify(before, changed, edit, path)
    return (marked[: len(marked) - len(text)] + changed).encode()


def _is_json(text: str) -> bool:
    if not text.lstrip("\ufeff \t\r\n").startswith("{"):
        return False
    try:
        json.loads(text.lstrip("\ufeff"))
    except ValueError:
        return False  # YAML in flow style
    return True


def _section(template: Any, edit: Edit) -> tuple[str, ...]:
    """The path to the section of ``template`` in which the resource is written."""
    for section in _SECTIONS:
        if _stands(template, section, edit):
            return section
    if isinstance(template, LinedMap) and is_serverless(template):
        parts = template.get("resources")
        if isinstance(parts, LinedList) and any(_stands(part, _SECTIONS[0], edit) for part in parts):
            raise RefusedError(f"{edit.address} is written in a list of resources, in which nothing is changed: set it by hand")
        raise RefusedError(f"{edit.address} is not written under resources: write it there, as {edit.native_type}, to set this")
    raise RefusedError(f"{edit.address} is not written in this file as {edit.native_type}")


def _stands(here: Any, section: tuple[str, ...], edit: Edit) -> bool:
    for key in (*section, _logical_id(edit)):
        here = here.get(key) if isinstance(here, LinedMap) else None
    return isinstance(here, LinedMap) and here.get("Type") == edit.native_type


def _logical_id(edit: Edit) -> str:
    """The resource's name in its own template: without the nested stacks around it."""
    return edit.address.rpartition(".")[2]


def _verify(before: Any, changed: str, edit: Edit, path: tuple[str, ...]) -> None:
    """The new template must be the old one with the one property set."""
    wanted = copy.deepcopy(before)
    here: Any = wanted
    for key in path[:-1]:
        if not isinstance(here.get(key), dict):
            here[key] = {}
        here = here[key]
    value = edit.change.value
    if isinstance(value, Entries):
        old = here.get(path[-1]) or []
        here[path[-1]] = [*old, *(item for item in value.items if item not in old)]
    else:
        here[path[-1]] = value
    try:
        after = parse_template(changed, edit.file)
    except BadInputError as error:
        raise RefusedError(f"the changed template would not parse: {error.message}") from error
    if after != wanted:
        raise RefusedError("the change would touch more than the property")
