"""The surfaces, written out, and the one way in for whoever wants graphs: ``load_graphs(path)``.

``load_graphs`` yields a ``Graph`` for every Terraform root module, plan and template under a path (a folder or a file). What
can't be read is a ``Problem`` of a graph, never silence. AWS Config (``policies.surfaces.config``) has no files to find and
is used directly.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from averment.policies.graph.model import Graph
from averment.policies.interface import Surface
from averment.policies.surfaces.cloudformation import CloudFormationSurface
from averment.policies.surfaces.plan import PlanSurface
from averment.policies.surfaces.terraform import TerraformSurface

SURFACES: tuple[Surface, ...] = (TerraformSurface(), PlanSurface(), CloudFormationSurface())


def load_graphs(path: Path) -> Iterator[Graph]:
    """Every graph under ``path``, surface by surface, in order of file name."""
    for surface in SURFACES:
        yield from surface.graphs(path)
