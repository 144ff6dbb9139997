"""Terraform and OpenTofu folders: one graph a root module, evaluated offline with variable defaults and ``*.tfvars``.

A root module is a folder with ``.tf`` files that no other module under the same path calls. Nothing is downloaded: a module
from a registry is reported as not read. Expressions are evaluated by ``evaluation`` so that links between resources stay
links; what it doesn't know is asked of tfparse, in a child process (``hints``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from averment.core.source import SourceRef
from averment.policies.graph.model import Graph, Problem
from averment.policies.graph.terraform_graph import normal_graph
from averment.policies.interface import Surface
from averment.policies.surfaces.terraform.hints import Hints
from averment.policies.surfaces.terraform.modules.instance import ModuleInstance
from averment.policies.surfaces.terraform.modules.loader import Loader
from averment.policies.surfaces.terraform.resources import Reader
from averment.policies.surfaces.terraform.roots import root_modules
from averment.policies.surfaces.terraform.settings import variable_files, variables
from averment.policies.surfaces.terraform.syntax.native import ALL_SUFFIXES, Module
from averment.policies.surfaces.terraform.values import EvaluationLimitError
from averment.policies.surfaces.walk import folders_of, walk


class TerraformSurface(Surface):
    """Folders of ``.tf`` and ``.tofu`` files."""

    name = "terraform"

    def recognises(self, path: Path) -> bool:
        if path.is_dir():
            return any(item.name.endswith(ALL_SUFFIXES) for item in path.iterdir())
        return path.name.endswith(ALL_SUFFIXES)

    def graphs(self, root: Path) -> Iterator[Graph]:
        yield from module_graphs(walk(root).files, root)


def module_graphs(files: list[Path], root: Path) -> Iterator[Graph]:
    """A graph for each root module among ``files``; ``root`` bounds what ``file()`` may read.

    Where ``root`` is a single file, its whole module is read: a file alone doesn't mean anything in Terraform.
    """
    folders = dict(folders_of(files, ALL_SUFFIXES))
    top = root if root.is_dir() else root.parent
    known: dict[Path, Module] = {}
    for folder in root_modules(folders, known):
        yield read_root(folder, top, known)


def read_root(folder: Path, top: Path, known: dict[Path, Module] | None = None) -> Graph:
    """The graph of one root module; ``known`` are modules read before."""
    loader = Loader(top, folder, known)
    module = loader.read(folder)
    paths = variable_files(folder)
    given = variables(paths, module, loader)
    hints = Hints(folder, tuple(path for path in paths if path.name.endswith(".tfvars")))
    reader = Reader(hints, loader)
    try:
        reader.module(ModuleInstance(module, loader, given=given))
    except (RecursionError, EvaluationLimitError):
        loader.problems.append(
            Problem("the module expands beyond all bounds, or refers to itself; it was not read in full", SourceRef(str(folder)))
        )
    return normal_graph(reader.found, [*loader.problems, *hints.problems])
