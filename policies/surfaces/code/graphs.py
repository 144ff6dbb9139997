"""Graphs of source files: one a language family, one resource a function that asks Rekognition about faces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from averment.core.files import relative_posix
from averment.core.observer import Observer
from averment.core.source import SourceRef
from averment.policies.graph.model import Dialect, Graph, Problem, PropertyPath, Resource, Unknown
from averment.policies.rules.code import FUNCTION
from averment.policies.surfaces.code import python
from averment.policies.surfaces.code.apis import ATTRIBUTES, MATCHES, RESULT, THRESHOLDS, snake
from averment.policies.surfaces.code.arguments import attributes_asked
from averment.policies.surfaces.code.files import Sources, asks
from averment.policies.surfaces.code.model import Function, Module
from averment.policies.surfaces.code.paths import Walker
from averment.policies.surfaces.code.project import Project
from averment.policies.surfaces.code.python import SourceError
from averment.policies.surfaces.code.reach import MAX_CALLERS, Asked, Reach
from averment.policies.surfaces.code.similarity import Similarities
from averment.policies.surfaces.code.state import Budget, Match, Seen
from averment.policies.surfaces.comments import above

_READS = re.compile(rf"\b[gG]{RESULT[1:]}|\b{snake(RESULT)}\b".encode())
MAX_CALLS = 200
MAX_PATHS = 1_000


def parsed_graphs(sources: Sources, folder: Path, observer: Observer) -> Iterator[Graph]:
    """The graphs of ``sources``, which stand below ``folder``."""
    families: dict[bool, list[Path]] = {}
    for path in sorted(sources.parsed):
        families.setdefault(path.suffix in python.SUFFIXES, []).append(path)
    for is_python, paths in sorted(families.items(), reverse=True):
        others = (path for path in families.get(not is_python, ()) if _READS.search(sources.parsed[path]))
        elsewhere = next((relative_posix(path, folder) for path in others), None)
        yield _graph(Project(folder, observer=observer, handlers=sources.handlers), paths, sources.parsed, elsewhere, is_python=is_python)


def _graph(project: Project, paths: Iterable[Path], texts: Mapping[Path, bytes], elsewhere: str | None, *, is_python: bool) -> Graph:
    problems: list[Problem] = []
    for path in paths:
        try:
            project.modules[path] = _parse(path, texts[path], is_python=is_python)
        except SourceError as error:
            problems.append(Problem(error.reason, SourceRef(str(path), error.line), blocking=asks(texts[path])))
            continue
        faults = project.modules[path].faults
        problems += [Problem(reason, SourceRef(str(path), line), blocking=matters) for line, reason, matters in faults]
    try:
        return Graph(_resources(project, elsewhere), problems)
    except RecursionError:
        problems.append(Problem("the calls between these files are nested too deeply to be followed", SourceRef(str(project.root))))
        return Graph(problems=problems)


def _parse(path: Path, data: bytes, *, is_python: bool) -> Module:
    if is_python:
        return python.parse(path, data)
    from averment.policies.surfaces.code.javascript import parse as parse_script

    return parse_script(path, data)


def _resources(project: Project, elsewhere: str | None) -> list[Resource]:
    reach = Reach(project)
    paths, alike = _Paths(reach), Similarities(reach)
    found: list[Resource] = []
    for function, asked in reach.asked.items():
        calls = [one for one in asked if one.operation in THRESHOLDS or one.operation in ATTRIBUTES or not one.operation]
        if not calls:
            continue
        matches, cut = paths.to(function) if any(one.operation in MATCHES for one in calls) else ([], "")
        if len(calls) > MAX_CALLS:
            rest = Asked(
                "", calls[MAX_CALLS].line, certain=False, reason=f"it makes more than {MAX_CALLS} requests; the rest was not judged"
            )
            calls = [*calls[:MAX_CALLS], rest]
        found.append(_resource(function, calls, matches, cut, alike, elsewhere))
    return found


class _Paths:
    """The ways to comparisons of faces; each entry point is walked once, all of them within one budget."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._walked: dict[Function, tuple[list[Match], str]] = {}
        self._budget = Budget()

    def to(self, function: Function) -> tuple[list[Match], str]:
        """The comparisons in ``function``, once for each way to them; and why these aren't all, "" if they are."""
        entries, complete = self._reach.entries(function)
        cut = "" if complete else f"{MAX_CALLERS} functions or more lead there"
        matches: list[Match] = []
        for entry in entries:
            if entry not in self._walked:
                walker = Walker(self._reach, entry, self._budget)
                self._walked[entry] = (walker.walk(), walker.cut)
                self._budget.left -= walker.steps
            found, stopped = self._walked[entry]
            matches += [match for match in found if match.function is function]
            cut = cut or stopped
        if len(matches) > MAX_PATHS:
            cut = cut or f"there are more than {MAX_PATHS:,}"
        return matches[:MAX_PATHS], cut


def _resource(
    function: Function, calls: list[Asked], matches: list[Match], cut: str, alike: Similarities, elsewhere: str | None
) -> Resource:
    path, reach = function.module.path, alike.reach
    where = SourceRef(str(path), function.line, function.end)
    listed, lines = [], dict[PropertyPath, SourceRef]()
    for index, asked in enumerate(calls):
        listed.append(_call(asked, function, alike))
        lines["Calls", index] = SourceRef(str(path), asked.line)
    properties: dict[str, Any] = {
        "Language": function.module.language,
        "Function": function.label,
        "Calls": listed,
        "Paths": [_path(match) for match in matches],
        "PathsCut": cut or None,
        "LivenessElsewhere": _elsewhere(matches, reach, elsewhere),
    }
    relative = relative_posix(path, reach.project.root)
    mark, written = "#" if function.module.language == "python" else "//", function.module.lines
    inside = (line.partition(mark)[2].strip() for line in written[function.line - 1 : function.end] if mark in line)
    comments = (*above(written, function.line, mark), *inside)
    return Resource(f"{relative}:{function.name}", FUNCTION, properties, where, Dialect.SOURCE, function.module.language, lines, comments)


def _call(asked: Asked, function: Function, alike: Similarities) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "Api": asked.operation or Unknown(asked.reason),
        "Line": asked.line,
        "Certain": asked.certain,
        "Http": asked.call is None,
    }
    if asked.operation in ATTRIBUTES:
        entry["Attributes"] = attributes_asked(asked, function, alike.reach.project)
    if asked.operation in THRESHOLDS:
        entry["Similarity"] = alike.asked(asked, function)
    return entry


def _path(match: Match) -> dict[str, Any]:
    """One path as plain data: where it begins, what it passes, and what it did about liveness before the comparison."""
    return {
        "Api": match.asked.operation,
        "Line": match.asked.line,
        "Entry": match.entry.label,
        "EntryFile": str(match.entry.module.path),
        "EntryLine": match.entry.line,
        "Via": list(match.via),
        "Liveness": liveness(match),
        "Opened": match.state.opened,
        "ReadAt": match.state.read_at,
    }


def liveness(match: Match) -> str | Unknown:
    """``checked``, ``ended`` (only its Status looked at), ``ignored`` (read, but not looked at), ``none``; or why it can't be told."""
    state = match.state
    read = state.seen is not Seen.NOTHING
    weighed = state.seen is Seen.WEIGHED or (read and match.weighed_later)
    if state.seen is Seen.CHECKED or (read and match.checked_later) or (weighed and match.answered):
        return "checked"
    if read:
        if state.handed:
            return Unknown(f"the liveness result is handed to {state.handed}(), which isn't part of what was read")
        if match.answered:
            return Unknown("the liveness result is returned to the caller, who has to look at it")
        if state.best is Seen.CHECKED:
            return Unknown(f"the liveness result ({state.read_at}) is looked at only on one branch before the comparison")
        if weighed or state.noted or match.noted_later:
            return Unknown(f"the liveness result ({state.read_at}) is compared with something, but nothing on the way is decided by that")
        if match.low:
            return Unknown(f"the liveness result ({state.read_at}) is compared with {match.low}, and its Confidence counts from 0 to 100")
        return "ended" if state.ended or match.ended_later else "ignored"
    if state.best is not Seen.NOTHING and state.left:
        return Unknown(f"the liveness result ({state.read_at}) is read by {state.left}")
    if state.best is not Seen.NOTHING:
        return Unknown(f"the liveness result ({state.read_at}) is read only on one branch before the comparison")
    if match.read_later is not None:
        return Unknown(f"the liveness result is read only after the comparison (line {match.read_later})")
    if state.other:
        return Unknown(f"{state.other}, which isn't a liveness result of Rekognition as far as can be told")
    return Unknown(state.opaque) if state.opaque else "none"


def _elsewhere(matches: list[Match], reach: Reach, elsewhere: str | None) -> str | None:
    """Where else liveness results are read, when no path to a comparison does: in these files, or ``elsewhere`` in the other language."""
    if any(liveness(match) != "none" for match in matches):
        return None
    reader = next(iter(reach.readers()), None)
    return f"{relative_posix(reader[0].module.path, reach.project.root)}:{reader[1].line}" if reader is not None else elsewhere
