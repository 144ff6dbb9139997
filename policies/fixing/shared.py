"""Which configurations a block is part of: a module may be called by several root modules, a nested stack by several templates."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from averment.policies.graph.model import Dialect
from averment.policies.surfaces.registry import load_graphs


def users(paths: Sequence[Path], skip: Callable[[str], str | None]) -> Mapping[str, set[str]]:
    """By module (its folder) or template, the root modules or outermost templates under ``paths`` in which it makes something.

    All is read once more, since a finding tells of those alone in which something is wrong. What ``skip`` leaves out doesn't count.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for graph in (graph for path in paths for graph in load_graphs(path)):
        for resource in graph:
            root = next(graph.callers(resource.address), resource.source.file)
            if root is None or resource.dialect not in (Dialect.TERRAFORM, Dialect.CLOUDFORMATION) or skip(root) is not None:
                continue
            for file in {where.file for where in (resource.source, *resource.lines.values()) if where.file is not None}:
                found[start(resource.dialect, file)].add(start(resource.dialect, root))
    return found


def start(dialect: Dialect, file: str) -> str:
    """What ``file`` is a part of by itself: its folder in Terraform, in templates the file."""
    here = os.path.abspath(file)  # noqa: PTH100  (a link's own name counts)
    return os.path.dirname(here) if dialect is Dialect.TERRAFORM else here  # noqa: PTH120
