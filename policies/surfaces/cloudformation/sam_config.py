"""What ``sam deploy`` gives the parameters of the template beside a ``samconfig.toml`` (or ``.yaml``), if nobody tells it otherwise.

Of its environments ``default`` is taken, as ``terraform.tfvars`` is; that others are deployed as well is said where they give parameters, too.
Format: AWS SAM Developer Guide, "AWS SAM CLI configuration file" and "sam deploy".
"""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.files import MAX_TEXT_BYTES
from averment.core.located import parse_yaml
from averment.core.observer import Observer
from averment.core.source import SourceRef
from averment.core.words import first_of
from averment.policies.graph.model import Problem

FILE_NAMES = ("samconfig.toml", "samconfig.yaml", "samconfig.yml")
"""The first of them that is there counts."""

_TEMPLATES = ("template.yaml", "template.yml", "template.json")
"""What the template is called that it deploys, unless ``template_file`` names another."""

_OTHERWISE = "default"
_MOST_NAMED = 6
_COMMANDS = ("global", "build", "deploy")
_NAMED = re.compile(r"ParameterKey=([^,\s]+),ParameterValue=(.*)", re.DOTALL)


def overrides_of(template: Path, top: Path, observer: Observer) -> tuple[dict[str, Any], list[Problem]]:
    """What the parameters of a ``template`` are given by default, with what can't be told of it; nothing without such a file.

    That stands beside the template, or else in a folder above it, below ``top``, and names the template: who deploys from there gives them.
    """
    for folder in (template.parent, *_above(template, top, observer)):
        path = next((path for name in FILE_NAMES if observer.is_file(path := folder / name)), None)
        if path is not None:
            return _overrides(path, template, observer)
    return {}, []


def _above(template: Path, top: Path, observer: Observer) -> Iterator[Path]:
    """The folders above that of ``template``, up to ``top``, as ``template`` itself is named: from the root or from here."""
    for folder in Path(os.path.abspath(template)).parents[1:]:  # noqa: PTH100  (by the way that led to it, links and all)
        if not observer.real(folder).is_relative_to(top):
            return
        yield folder if template.is_absolute() else Path(os.path.relpath(folder))


def _overrides(path: Path, template: Path, observer: Observer) -> tuple[dict[str, Any], list[Problem]]:
    """What the settings in ``path`` give the parameters of ``template``."""
    where, text = SourceRef(str(path)), ""
    try:
        text = observer.read(path, limit=MAX_TEXT_BYTES).decode("utf-8")
        written = tomllib.loads(text) if path.suffix == ".toml" else parse_yaml(text, str(path)).value
    except (BadInputError, ValueError, RecursionError):
        written = None
    if not isinstance(written, dict):
        if path.parent != template.parent and template.name not in text:
            return {}, []  # of every template below it the same would be said
        kind = "TOML" if path.suffix == ".toml" else "YAML of settings"
        reason = f"is not valid {kind}, so that the parameters' defaults stand in in {template.name}"
        return {}, [Problem(reason, where, blocking=False)]
    given = {name: value for name, stage in written.items() if (value := _given(stage, path, template, observer)) is not None}
    problems = []
    own = given.pop(_OTHERWISE, [])
    if others := [name for name, value in given.items() if value]:
        stand_in = f"as '{_OTHERWISE}' is deployed" if own else "with its parameters' defaults"
        reason = f"{template.name} is checked {stand_in}; what is given to {first_of(others, _MOST_NAMED)} here was not"
        problems.append(Problem(reason, where, blocking=False))
    read = {name: value for text in own for name, value in _parameter(text)}
    if len(read) < len(own):
        problems.append(Problem(f"not all parameters that it gives to {template.name} could be read", where, blocking=False))
    return read, problems


def _given(stage: Any, path: Path, template: Path, observer: Observer) -> list[str] | None:
    """The parameters that an environment of ``path`` gives to ``template``, each as it is written; None where it deploys another."""
    settings: dict[str, Any] = {}
    for command in _COMMANDS:
        part = stage.get(command) if isinstance(stage, Mapping) else None
        found = part.get("parameters") if isinstance(part, Mapping) else None
        settings |= found if isinstance(found, Mapping) else {}
    if not _is_meant(settings.get("template_file", settings.get("template")), path, template, observer):
        return None
    written = settings.get("parameter_overrides", [])
    try:
        return [text for item in (written if isinstance(written, list) else [written]) for text in _words(item)]
    except ValueError:  # a quotation that isn't closed
        return [""]


def _is_meant(named: Any, path: Path, template: Path, observer: Observer) -> bool:
    """Whether ``template`` is what the settings in ``path`` deploy by ``named``: it, what a build makes of it, or, unnamed, what is called so.

    What is named and isn't there is made on the way (``packaged.yaml``, ``.aws-sam/build``): of the template beside, which has the usual name.
    """
    beside = path.parent == template.parent
    if not isinstance(named, str):
        return named is None and beside and template.name in _TEMPLATES
    try:
        if not beside:
            return observer.real(path.parent / named) == observer.real(template)
        return Path(named).name == template.name or (template.name in _TEMPLATES and not observer.is_file(path.parent / named))
    except (OSError, ValueError, RuntimeError):  # no name that a file can have
        return False


def _words(item: Any) -> list[str]:
    """A text may hold several parameters, as a shell would part them."""
    return shlex.split(item) if isinstance(item, str) else [str(item)]


def _parameter(text: str) -> Iterator[tuple[str, str]]:
    named = _NAMED.fullmatch(text)
    name, mark, value = (named[1], "=", named[2]) if named is not None else text.partition("=")
    if mark and name.isalnum():
        yield name, value
