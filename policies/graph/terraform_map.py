"""From Terraform's words to the normal form: the engine. The tables stand in ``terraform_tables*``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from averment.core.source import SourceRef
from averment.policies.graph.model import Dialect, Graph, Problem, PropertyPath, Resource


@dataclass(frozen=True)
class TerraformResource:
    """A resource in Terraform's own words: attributes by name, nested blocks as lists of dicts."""

    address: str
    type: str
    values: Mapping[str, Any]
    source: SourceRef
    dialect: Dialect
    places: Mapping[PropertyPath, SourceRef] = field(default_factory=dict)
    comments: tuple[str, ...] = ()


def normal_graph(found: Iterable[TerraformResource], problems: Iterable[Problem]) -> Graph:
    """The graph of a root module."""
    return Graph(
        (Resource(r.address, f"Terraform::{r.type}", r.values, r.source, r.dialect, r.type, r.places, r.comments) for r in found), problems
    )
