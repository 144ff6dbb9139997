"""Functions that read files: ``file``, ``templatefile``, ``fileset``, hashes of files. Only in the checkout, never elsewhere. And ``templatestring``.

A pull request must not make the machine that checks it read other files than its own.
"""

from __future__ import annotations

import base64
import hashlib
import re
from fnmatch import translate
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.policies.graph.model import Unknown
from averment.policies.surfaces.terraform.evaluation.templates import render
from averment.policies.surfaces.terraform.values import Env, Failed, Scope, Unevaluated

FILE_FUNCTIONS = frozenset(
    {
        *("file", "templatefile", "fileexists", "fileset", "filebase64", "filemd5", "filesha1", "filesha256", "filesha512"),
        *("filebase64sha256", "filebase64sha512"),
    }
)
"""Functions that are answered here."""

MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_LISTED = 10_000
MAX_TEMPLATE_DEPTH = 8
_MAX_GLOB = 500
_MAX_ALTERNATIVES = 100
_ANY = re.compile("")
"""Stands for ``**``: any number of folders."""


def call_file_function(function: str, arguments: list[Any], env: Env) -> Any:
    """``function`` on evaluated ``arguments``, the first of which is a path."""
    hidden = next((item for item in arguments[:1] if isinstance(item, Unknown)), None)
    if hidden is not None:
        return hidden
    if not arguments or not isinstance(arguments[0], str):
        return Unknown(f"the path of {function} is not known")
    if function == "fileset":
        return _fileset(arguments, env.module)
    found = _found(arguments[0], env.module)
    if function == "fileexists":
        return found if isinstance(found, Unknown) else found is not None
    if found is None:
        return Failed(f"the file {arguments[0]} does not exist")
    if isinstance(found, Unknown):
        return found
    try:
        data = env.module.loader.observer.read(found, limit=MAX_FILE_BYTES)
    except BadInputError as error:
        return Unknown(f"{arguments[0]} {error.message}")
    return _contents(function, data, arguments, env)


def _contents(function: str, data: bytes, arguments: list[Any], env: Env) -> Any:
    if function not in {"file", "templatefile"}:
        return _digest(function, data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return Unknown(f"{arguments[0]} is not valid UTF-8")
    if function == "file":
        return text
    return render_text(text, arguments[1] if len(arguments) > 1 else {}, env)


def render_text(text: Any, values: Any, env: Env) -> Any:
    """``text`` as ``templatestring`` renders it, and ``templatefile`` what is in a file; only ``values`` have names in it."""
    if not isinstance(text, str):
        return text if isinstance(text, Unknown) else Unknown("the template of templatestring is known only after apply")
    if not isinstance(values, dict):
        return values if isinstance(values, Unknown) else Unevaluated("the variables of a template")
    loader = env.module.loader
    if loader.templates >= MAX_TEMPLATE_DEPTH:
        return Failed("templates render each other in circles")
    loader.templates += 1
    try:
        return render(text, env.module.env.bind(**values))
    finally:
        loader.templates -= 1


def _digest(function: str, data: bytes) -> str:
    if function == "filebase64":
        return base64.b64encode(data).decode()
    name = function.removeprefix("file")
    digest = hashlib.new(name.removeprefix("base64"), data, usedforsecurity=False)
    return base64.b64encode(digest.digest()).decode() if name.startswith("base64") else digest.hexdigest()


def _found(text: str, module: Scope) -> Path | Unknown | None:
    """The file that a path in an expression means: relative to the root module (as Terraform does), or to its own module."""
    if "\0" in text or len(text) > 4096:
        return Unknown("the path is not a path")
    for base in (module.loader.folder, module.module.folder):
        path = base / text
        try:
            if module.loader.observer.is_file(path):
                return path if module.loader.within(path) else Unknown(_outside(text, module))
        except OSError as error:
            return Unknown(f"{text} can't be looked at: {error.strerror}")
    return None


def _outside(text: str, module: Scope) -> str:
    return f"{text} lies outside of {module.loader.boundary.name}, and was not read"


def _fileset(arguments: list[Any], module: Scope) -> Any:
    if len(arguments) < 2 or not isinstance(arguments[1], str):
        return Unknown("the pattern of fileset is not known")
    observer = module.loader.observer
    bases = (folder / arguments[0] for folder in (module.loader.folder, module.module.folder))
    base = next((item for item in bases if observer.is_dir(item)), None)
    if base is None:
        return []
    if not module.loader.within(base):
        return Unknown(_outside(arguments[0], module))
    names = observer.below(base, limit=MAX_LISTED)
    if names is None:
        return Unknown(f"{arguments[0]} holds too many files to list")
    patterns = _patterns(arguments[1])
    if patterns is None:
        return Unknown(f"the pattern '{arguments[1][:80]}' of fileset is not read")
    return [name for name in names if any(_matches(pattern, name.split("/")) for pattern in patterns)]


def _patterns(glob: str) -> list[list[re.Pattern[str]]] | None:
    """What the parts of a name have to match, for each of the alternatives ``{a,b}`` that ``glob`` has; None for one that isn't read.

    ``*`` and ``?`` stay within a part, ``**`` is ``_ANY``. No pattern takes long on any name, as those from a stranger's file mustn't:
    ``translate`` never goes back behind a star.
    """
    if len(glob) > _MAX_GLOB or re.search(r"[\[\\]", glob):
        return None
    spelled, waiting = [], [glob]
    while waiting:
        text = waiting.pop()
        inner = re.search(r"\{([^{}]*)\}", text)
        if inner is not None:
            waiting += [text[: inner.start()] + choice + text[inner.end() :] for choice in inner[1].split(",")]
        elif "{" in text or "}" in text:
            return None
        else:
            spelled.append(text)
        if len(spelled) + len(waiting) > _MAX_ALTERNATIVES:
            return None
    paths = [[part for part in text.split("/") if part not in ("", ".")] for text in spelled]
    if any(".." in parts for parts in paths):
        return None
    return [[_ANY if part == "**" else re.compile(translate(part)) for part in parts] for parts in paths]


def _matches(pattern: list[re.Pattern[str]], parts: list[str]) -> bool:
    reached = {0}
    """How many of ``parts`` the pattern so far may have taken."""
    for wanted in pattern:
        if wanted is _ANY:
            reached = set(range(min(reached), len(parts) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(parts) and wanted.match(parts[at])}
        if not reached:
            return False
    return len(parts) in reached
