"""The YAML that ships, parsed once for each user.

Parsing it is a third of a short run. So what it says is kept in the user's cache, under a name that hangs on every byte of it: whoever
changes a file asks for another name. A folder that is not the shipped one is parsed each time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib.resources.abc import Traversable
from typing import Any

from averment import __version__
from averment.core.errors import BadInputError
from averment.core.located import Located, parse_yaml
from averment.core.observer import digest
from averment.core.source import SourceRef
from averment.core.user_cache import Store

_FORM = "documents 1"
"""Changes with what ``_plain`` writes, or with what ``parse_yaml`` makes of the same text."""


def yaml_files(folder: Traversable, name: str) -> Iterator[tuple[str, str]]:
    """The YAML files of ``folder``, by name, each with its text; ``name`` is what errors call the folder.

    Raises:
        BadInputError: the folder can't be listed, or one of them isn't UTF-8, can't be read, or is no file; passed over, it would be missed by
            nobody.
    """
    try:
        entries = sorted(folder.iterdir(), key=lambda item: item.name)
    except OSError as error:
        raise BadInputError(f"can't be listed: {error.strerror}", where=SourceRef(name), fix="check its permissions") from error
    for entry in entries:
        if not entry.name.endswith((".yaml", ".yml")):
            continue
        file = f"{name}/{entry.name}"
        if not entry.is_file():
            if entry.name.startswith("."):
                continue  # an editor's lock: a link that leads nowhere, beside the file that it edits
            fix = "put the file there, or take this away"
            raise BadInputError("is no file, but a folder, a pipe or a link that leads nowhere", where=SourceRef(file), fix=fix)
        try:
            yield file, entry.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise BadInputError("is not valid UTF-8", where=SourceRef(file), fix="save it as UTF-8") from error
        except OSError as error:
            raise BadInputError(f"can't be read: {error.strerror}", where=SourceRef(file), fix="check its permissions") from error


def documents(files: Iterable[tuple[str, str]], kept: Store | None = None) -> list[Located]:
    """What ``files`` (names and texts) say, from ``kept`` if it is there, which it is the next time.

    Raises:
        BadInputError: one of them isn't safe YAML.
    """
    told = list(files)
    if kept is None:
        return [parse_yaml(text, file) for file, text in told]
    name = f"documents-{digest(chr(0).join((_FORM, __version__, *(part for item in told for part in item))).encode())}"
    found = _again(kept.read(name))
    if found is None:
        found = documents(told)
        kept.write(name, json.dumps([_plain(item) for item in found], separators=(",", ":")).encode())
    return found


def _plain(document: Located) -> list[Any]:
    return [document.file, document.value, [[line, *path] for path, line in document.lines.items()]]


def _again(data: bytes | None) -> list[Located] | None:
    """The documents of a bundle; None if it is none."""
    if data is None:
        return None
    try:
        return [Located(file, value, {tuple(path): line for line, *path in lines}) for file, value, lines in json.loads(data)]
    except (ValueError, TypeError, RecursionError):
        return None
