"""Source files under a folder as a surface. What parses and follows calls is imported only where there is something to parse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from averment.core.observer import Observer, digest
from averment.policies.graph.model import Graph
from averment.policies.surfaces.code.files import Sources, is_source, select
from averment.policies.surfaces.units import Unit
from averment.policies.surfaces.walk import walk


class CodeSurface:
    """Python, JavaScript and TypeScript that asks Amazon Rekognition about faces."""

    def graphs(self, root: Path) -> Iterator[Graph]:
        """One graph for Python under ``root``, and one for JavaScript and TypeScript."""
        files = [path for path in walk(root).files if is_source(path)]
        yield from code_graphs(select(files, root if root.is_dir() else root.parent), root)


def code_unit(sources: Sources, root: Path) -> Unit:
    """All of ``sources`` as one unit, for calls go across files. They were read already, so that their contents are part of its name."""
    told = [f"{path}\0{digest(data)}" for path, data in sorted(sources.parsed.items())] + [str(problem) for problem in sources.problems]
    told += [".".join(handler) for handler in sorted(sources.handlers)]
    return Unit(
        f"code:{digest(chr(0).join(told).encode('utf-8', 'surrogateescape'))}", root, lambda observer: code_graphs(sources, root, observer)
    )


def code_graphs(sources: Sources, root: Path, observer: Observer | None = None) -> Iterator[Graph]:
    """The graphs of ``sources``: Python's, and that of JavaScript and TypeScript; none where nothing is about faces."""
    if sources.problems:
        yield Graph(problems=sources.problems)
    if sources.parsed:
        from averment.policies.surfaces.code.graphs import parsed_graphs

        yield from parsed_graphs(sources, root if root.is_dir() else root.parent, observer if observer is not None else Observer())
