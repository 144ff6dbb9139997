"""Terraform and OpenTofu folders: one graph a root module, evaluated offline with variable defaults and ``*.tfvars``.

A root module is a folder with ``.tf`` files that no other module under the same path calls. Nothing is downloaded: a module
from a registry is reported as not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from averment.core.observer import Observer
from averment.policies.graph.model import Graph
from averment.policies.surfaces.terraform.units import root_units
from averment.policies.surfaces.units import Forgetful
from averment.policies.surfaces.walk import walk


class TerraformSurface:
    """Folders of ``.tf`` and ``.tofu`` files."""

    def graphs(self, root: Path) -> Iterator[Graph]:
        """One graph for each root module under ``root``."""
        for unit in root_units(walk(root).files, root, Forgetful()):
            yield from unit.read(Observer())
