"""The graph of one root module, with the modules that it calls.

Expressions are evaluated by ``evaluation`` so that links between resources stay links; what it doesn't know is asked of tfparse, in a
child process (``hints``).
"""

from __future__ import annotations

from pathlib import Path

from averment.core.observer import Observer
from averment.core.source import SourceRef
from averment.policies.graph.model import Graph, Problem
from averment.policies.graph.terraform_graph import normal_graph
from averment.policies.surfaces.service_calls import service_calls
from averment.policies.surfaces.states.machines import add_machines
from averment.policies.surfaces.terraform.closure import told_by_files
from averment.policies.surfaces.terraform.confinement import refusal
from averment.policies.surfaces.terraform.hints import Hints
from averment.policies.surfaces.terraform.modules.instance import ModuleInstance
from averment.policies.surfaces.terraform.modules.loader import Loader, Modules
from averment.policies.surfaces.terraform.resources import Reader
from averment.policies.surfaces.terraform.settings import variables
from averment.policies.surfaces.terraform.syntax.folders import variable_files
from averment.policies.surfaces.terraform.values import EvaluationLimitError


def read_root(folder: Path, top: Path, modules: Modules | None = None, observer: Observer | None = None) -> Graph:
    """The graph of one root module; ``modules`` are shared with others below ``top``, ``observer`` notes what was looked at."""
    loader = Loader(top, folder, modules, observer)
    module = loader.read(folder)
    paths = variable_files(folder, loader.observer)
    given = variables(paths, module, loader)
    told = tuple(path for path in paths if path.name.endswith(".tfvars"))
    hints = Hints(folder, told, refusal=lambda: refusal(module, loader, told))
    reader = Reader(hints, loader)
    try:
        reader.root(ModuleInstance(module, loader, given=given))
    except (RecursionError, EvaluationLimitError):
        loader.problems.append(
            Problem("the module expands beyond all bounds, or refers to itself; it was not read in full", SourceRef(str(folder)))
        )
    if hints.asked and not told_by_files(module, loader, paths):
        loader.observer.complete = False
    graph = normal_graph(reader.found, [*loader.problems, *hints.problems])
    graph.called = reader.called
    for asked in service_calls(graph):
        graph.add(asked)
    add_machines(graph, top, loader.observer)
    return graph
