"""A unit: the smallest part of what is checked that makes sense alone, such as a Terraform root module or a template."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from averment.core.observer import Observer
from averment.policies.graph.model import Graph


@dataclass(frozen=True)
class Unit:
    """``name`` tells it from the others under the same path, ``place`` is its file or folder; ``read`` builds its graphs, asking the observer for all
    that it looks at."""

    name: str
    place: Path
    read: Callable[[Observer], Iterable[Graph]]


class Memory(Protocol):
    """What earlier runs found out, for as long as nothing that they looked at has changed."""

    def recall(self, name: str) -> Any | None:
        """The value that was kept under ``name``, as JSON has it; None if there is none, or something changed."""

    def keep(self, name: str, observer: Observer, value: Any) -> None:
        """Remember ``value``, which hangs on what ``observer`` saw and on nothing else."""

    def close(self) -> None:
        """Nothing more will be asked."""


class Forgetful:
    """A memory that keeps nothing."""

    def recall(self, name: str) -> Any | None:  # noqa: ARG002  (the protocol's signature)
        """Never anything."""
        return None

    def keep(self, name: str, observer: Observer, value: Any) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing to do."""
