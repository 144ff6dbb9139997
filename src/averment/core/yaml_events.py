"""A YAML document from PyYAML's events, with bounds on depth and size.

PyYAML's own C composer recurses: a file of 100,000 opening brackets crashes the process there, and nested aliases grow without limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from averment.core.errors import BadInputError
from averment.core.located import KeyPath, Located, TagReader
from averment.core.source import SourceRef

MAX_NODES = 1_000_000
"""A document that expands to more values than this is refused (alias bombs)."""

MAX_DEPTH = 100
"""No file that a person wrote nests deeper."""

_JSON_SCALARS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str"))
_TIMESTAMP = "tag:yaml.org,2002:timestamp"

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_document(text: str, name: str, tags: TagReader | None) -> Located:
    """The one document of ``text``; ``name`` is what errors call the file.

    Raises:
        BadInputError: not YAML, unknown tag, duplicate key, several documents, too deep or too large.
    """
    try:
        loader = _Loader(text)
        try:
            return _Builder(loader, name, tags).document()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise BadInputError(
            f"is not valid YAML: {error.problem}", where=SourceRef(name, line), fix="mend the syntax there; strings with : or # need quotes"
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise BadInputError(
            f"is not valid YAML: {error}", where=SourceRef(name), fix="mend the syntax there; strings with : or # need quotes"
        ) from error


@dataclass(frozen=True, slots=True)
class _Anchored:
    value: Any
    size: int


class _Builder:
    """Builds one document from the parser's events."""

    def __init__(self, loader: Any, name: str, tags: TagReader | None) -> None:
        self._loader = loader
        self._name = name
        self._tags = tags
        self._lines: dict[KeyPath, int] = {}
        self._anchors: dict[str, _Anchored] = {}
        self._size = 0

    def document(self) -> Located:
        loader = self._loader
        loader.get_event()  # StreamStart
        value = None
        if not loader.check_event(yaml.StreamEndEvent):
            loader.get_event()  # DocumentStart
            value = self._node(())
            loader.get_event()  # DocumentEnd
            if not loader.check_event(yaml.StreamEndEvent):
                raise self._refuse("is not valid YAML: it holds more than one document", loader.peek_event())
        return Located(self._name, value, self._lines)

    def _node(self, path: KeyPath) -> Any:
        event: Any = self._loader.get_event()
        if isinstance(event, yaml.AliasEvent):
            known = self._anchors.get(event.anchor or "")
            if known is None:
                raise self._refuse(f"the alias *{event.anchor} has no anchor before it, or contains itself", event)
            self._grow(known.size, event)
            return known.value
        self._grow(1, event)
        if len(path) > MAX_DEPTH:
            raise self._refuse(f"is nested deeper than {MAX_DEPTH} levels", event)
        self._lines.setdefault(path, _line(event))
        size_before = self._size - 1
        value = self._collection(event, path)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, self._size - size_before)
        return value

    def _collection(self, event: Any, path: KeyPath) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        mapping = isinstance(event, yaml.MappingStartEvent)
        value = self._mapping(path) if mapping else self._sequence(path)
        return self._tagged(event, value, "tag:yaml.org,2002:map" if mapping else "tag:yaml.org,2002:seq")

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not self._loader.check_event(yaml.MappingEndEvent):
            event: Any = self._loader.peek_event()
            if not isinstance(event, yaml.ScalarEvent):
                raise self._refuse("a key that isn't plain text", event)
            self._loader.get_event()
            key: str = event.value  # `on:` and `2026:` are meant as the words they look like
            line = _line(event)
            if key == "<<" and event.implicit[0]:
                raise self._refuse("merge keys (<<) are not read", event)
            if key in result:
                raise BadInputError(f"the key '{key}' stands twice", where=SourceRef(self._name, line), fix="keep one of them")
            self._lines[(*path, key)] = line
            result[key] = self._node((*path, key))
        self._loader.get_event()
        return result

    def _sequence(self, path: KeyPath) -> list[Any]:
        result: list[Any] = []
        while not self._loader.check_event(yaml.SequenceEndEvent):
            result.append(self._node((*path, len(result))))
        self._loader.get_event()
        return result

    def _scalar(self, event: Any) -> Any:
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag in _JSON_SCALARS:
            return self._loader.construct_object(yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark))
        if tag == _TIMESTAMP:
            return event.value  # a date stays the text that was written: JSON has no dates, and schemas check the form
        return self._tagged(event, event.value, "")

    def _tagged(self, event: Any, value: Any, plain: str) -> Any:
        if event.tag in {None, "!", plain}:
            return value
        if self._tags is None or event.tag.startswith("tag:yaml.org,2002:"):
            raise self._refuse(f"is not valid YAML: the tag {event.tag} is not read", event)
        return self._tags(event.tag, value)

    def _grow(self, by: int, event: Any) -> None:
        self._size += by
        if self._size > MAX_NODES:
            raise self._refuse(f"expands to too many values (over {MAX_NODES:,}); remove the aliases", event)

    def _refuse(self, message: str, event: Any) -> BadInputError:
        return BadInputError(message, where=SourceRef(self._name, _line(event)), fix="write plain YAML 1.2 without this")


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1
