"""The seam between a check's result and how it is shown."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from averment.controls.model import Catalogue, Reference
from averment.policies.engine import CheckResult
from averment.policies.interface import Finding, Rule


@dataclass(frozen=True)
class Why:
    """Why a finding matters: a control and the provisions it serves, as they are cited."""

    control: str
    title: str
    citations: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """Everything that a format may show. ``base`` is the folder that shown paths are relative to."""

    result: CheckResult
    rules: Mapping[str, Rule]
    catalogue: Catalogue
    base: Path = field(default_factory=Path.cwd)

    def why(self, rule_id: str) -> tuple[Why, ...]:
        """The controls that the rule ``rule_id`` serves, with the law that they cite and since when it applies."""
        return tuple(
            Why(control.id, control.title, tuple(self._cited(control.references))) for control in self.catalogue.for_policy(rule_id)
        )

    def _cited(self, references: tuple[Reference, ...]) -> list[str]:
        out: list[str] = []
        for reference in references:
            text = self.catalogue.cite(reference)
            provision = self.catalogue.provision(reference)
            since = f" (applies from {provision.applies_from})" if provision is not None and provision.applies_from else ""
            out.append(text + since)
        return out

    def path(self, file: str | None) -> str:
        """``file`` relative to ``base`` with forward slashes where it lies below, else as it was given."""
        if file is None:
            return ""
        # Not resolved: a link's own name is what the reader knows.
        absolute = os.path.abspath(file)  # noqa: PTH100
        base = os.path.abspath(self.base)  # noqa: PTH100
        inside = absolute == base or absolute.startswith(base.rstrip(os.sep) + os.sep)
        return (os.path.relpath(absolute, base) if inside else file).replace(os.sep, "/")

    def fingerprint(self, finding: Finding) -> str:
        """An identity that survives moved lines: rule, file and resource."""
        parts = (finding.rule, self.path(finding.where.file), finding.resource)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


class Format(ABC):
    """A way to show a report. Implementations stand in ``policies/report``, one file each, and in its registry."""

    name: str

    @abstractmethod
    def render(self, report: Report) -> str:
        """The report as text, ending with a newline unless empty."""
