"""CloudFormation templates (YAML or JSON) as plain values that remember their lines.

Read from libyaml's event stream rather than its node tree: composing nodes recurses in C, so that a file of two hundred
thousand brackets would take the whole process down. Short intrinsics (``!Ref``, ``!Sub``) become their long form.
"""

from __future__ import annotations

from typing import Any

import yaml

from averment.core.errors import BadInputError
from averment.core.source import SourceRef
from averment.policies.surfaces.lined import LinedList, LinedMap

MAX_DEPTH = 200
MAX_EVENTS = 2_000_000
"""About 50 MB of ordinary template; beyond it a file is refused."""

MAX_SCALAR = 1_000_000
"""Characters of one value: CloudFormation takes no template that is larger than that as a whole."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_template(text: str, name: str, repeated: list[tuple[str, int]] | None = None, further: list[int] | None = None) -> Any:
    """The first document in ``text``; where ``further`` is given, the line of the next one is noted there, if there is one.

    A key that stands twice is refused; where ``repeated`` is given it is noted there with its line instead, and the last one
    counts, as CloudFormation has it.

    Raises:
        BadInputError: not YAML, nested too deeply, too large, or a key stands twice; names ``name`` and the line.
    """
    loader = _Loader(text)
    try:
        builder = _Builder(loader, name, repeated)
        value = builder.document()
        if further is not None:
            further += builder.next_document()
        return value
    except yaml.MarkedYAMLError as error:
        if text.lstrip()[:1] in {"{", "["} and (value := _json(text)) is not None:
            return value
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise BadInputError(
            f"is not valid YAML: {error.problem}",
            where=SourceRef(name, line),
            fix="mend the syntax there, or leave the file out with --skip",
        ) from error
    except yaml.YAMLError as error:
        raise BadInputError(
            f"is not valid YAML: {error}", where=SourceRef(name), fix="mend the syntax there, or leave the file out with --skip"
        ) from error
    finally:
        loader.dispose()


class _Frame:
    """A collection under construction."""

    __slots__ = ("anchor", "key", "key_line", "tag", "value")

    def __init__(self, value: LinedMap | LinedList, tag: str | None, anchor: str | None) -> None:
        self.value, self.tag, self.anchor = value, tag, anchor
        self.key: str | None = None
        self.key_line = 0


class _Builder:
    """Builds values from events with a stack of its own, so that depth costs no recursion."""

    def __init__(self, loader: Any, name: str, repeated: list[tuple[str, int]] | None) -> None:
        self.loader, self.name, self.repeated = loader, name, repeated
        self.stack: list[_Frame] = []
        self.anchors: dict[str, Any] = {}
        self.result: Any = None

    def document(self) -> Any:
        get, events = self.loader.get_event, 0
        while True:
            event = get()
            events += 1
            line: int = event.start_mark.line + 1
            if events > MAX_EVENTS:
                raise self.refuse("is too large to be a template", event)
            if isinstance(event, yaml.ScalarEvent):
                self.scalar(event)
            elif isinstance(event, yaml.MappingStartEvent):
                self.open(LinedMap(line), event)
            elif isinstance(event, yaml.SequenceStartEvent):
                self.open(LinedList(line), event)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self.close(event)
            elif isinstance(event, yaml.AliasEvent):
                if event.anchor not in self.anchors:
                    raise self.refuse(f"the alias *{event.anchor} has no anchor before it", event)
                self.put(self.anchors[event.anchor], line, event)
            elif isinstance(event, yaml.DocumentEndEvent):
                return self.result
            elif isinstance(event, yaml.StreamEndEvent):  # no document at all
                return None

    def next_document(self) -> list[int]:
        """The line of the document after the one that was read, if there is one."""
        event = self.loader.get_event()
        if event is None:  # behind the end of a text without any
            return []
        line: int = event.start_mark.line + 1
        return [line] if isinstance(event, yaml.DocumentStartEvent) else []

    def refuse(self, reason: str, event: Any) -> BadInputError:
        return BadInputError(
            reason, where=SourceRef(self.name, event.start_mark.line + 1), fix="mend the file there, or leave it out with --skip"
        )

    def scalar(self, event: Any) -> None:
        if len(event.value) > MAX_SCALAR:
            raise self.refuse(f"holds a value of {len(event.value):,} characters", event)
        line = event.start_mark.line + 1
        frame = self.stack[-1] if self.stack else None
        if frame is not None and isinstance(frame.value, LinedMap) and frame.key is None:
            frame.key, frame.key_line = event.value, line
            twice = event.value in frame.value.key_lines  # what a merge brought gives way to the key itself
            if twice and self.repeated is not None:
                self.repeated.append((event.value, line))
            elif twice:
                raise BadInputError(f"the key '{event.value}' stands twice", where=SourceRef(self.name, line), fix="keep one of them")
            return
        value = self.typed(event)
        if event.anchor:
            self.anchors[event.anchor] = value
        self.put(value, line, event)

    def typed(self, event: Any) -> Any:
        tag = event.tag
        if tag is not None and tag.startswith("!") and tag != "!":
            return intrinsic(tag, event.value, event.start_mark.line + 1)
        if not event.implicit[0] or event.style:
            return event.value
        resolved = self.loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        kind = resolved.rpartition(":")[2]
        if kind not in {"int", "float", "bool", "null"}:
            return event.value  # a date such as 2012-10-17 stays the text that was written
        try:
            return self.loader.construct_object(yaml.ScalarNode(resolved, event.value, event.start_mark, event.end_mark))
        except (ValueError, OverflowError):
            return event.value

    def open(self, value: LinedMap | LinedList, event: Any) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise self.refuse(f"is nested more than {MAX_DEPTH} levels deep", event)
        if self.stack and isinstance(self.stack[-1].value, LinedMap) and self.stack[-1].key is None:
            raise self.refuse("a list or map stands where a key belongs", event)
        self.stack.append(_Frame(value, event.tag, event.anchor))

    def close(self, event: Any) -> None:
        frame = self.stack.pop()
        value: Any = frame.value
        if isinstance(value, LinedMap):
            value.end = event.end_mark.line + 1
        if frame.tag is not None and frame.tag.startswith("!") and frame.tag != "!":
            value = intrinsic(frame.tag, value, frame.value.line)
        if frame.anchor:
            self.anchors[frame.anchor] = value
        self.put(value, frame.value.line, event)

    def put(self, value: Any, line: int, event: Any) -> None:
        if not self.stack:
            self.result = value
            return
        frame = self.stack[-1]
        if isinstance(frame.value, LinedList):
            frame.value.append(value)
            frame.value.item_lines.append(line)
            return
        if frame.key is None:
            raise self.refuse("an alias stands where a key belongs", event)
        merged = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
        if frame.key == "<<" and merged and all(isinstance(item, dict) for item in merged):
            for key, item in (pair for part in merged for pair in part.items()):
                frame.value.setdefault(key, item)
        else:
            frame.value[frame.key] = value
            frame.value.key_lines[frame.key] = frame.key_line
        frame.key = None


def _json(text: str) -> Any:
    """``text`` as JSON, which libyaml refuses in rare spots (escaped surrogates); places are all the first line. None if it isn't."""
    import json

    def lined(value: Any, depth: int = 0) -> Any:
        if depth > MAX_DEPTH:
            raise RecursionError
        if isinstance(value, dict):
            made = LinedMap(1)
            made.update({key: lined(item, depth + 1) for key, item in value.items()})
            made.key_lines = dict.fromkeys(value, 1)
            return made
        if isinstance(value, list):
            items = LinedList(1)
            items.extend(lined(item, depth + 1) for item in value)
            items.item_lines = [1] * len(value)
            return items
        return value

    try:
        return lined(json.loads(text))
    except (ValueError, RecursionError):
        return None


def intrinsic(tag: str, value: Any, line: int) -> Any:
    """The long form of a short intrinsic: ``!GetAtt a.b`` is ``{"Fn::GetAtt": ["a", "b"]}``."""
    name = tag[1:]
    if name == "GetAtt" and isinstance(value, str):
        value = list(value.split(".", 1))
    result = LinedMap(line)
    key = name if name in {"Ref", "Condition"} else f"Fn::{name}"
    result[key] = value
    result.key_lines[key] = line
    return result
