"""The seam between a check's result and how it is shown."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from averment.controls.binding import STRONGEST_FIRST, Judgement, Standing, judge
from averment.controls.model import Catalogue, Reference
from averment.core.files import relative_posix
from averment.core.period import utc_now
from averment.policies.engine import CheckResult
from averment.policies.graph.model import Problem
from averment.policies.interface import Finding, Rule, in_its_file


@dataclass(frozen=True)
class Why:
    """Why a finding matters: a control and the provisions it serves, as they are cited. ``brief`` says it in one line."""

    control: str
    title: str
    citations: tuple[str, ...]
    brief: str = ""


@dataclass(frozen=True)
class Report:
    """Everything that a format may show. ``base`` is the folder that shown paths are relative to.

    ``profile`` and ``day`` decide which references come first: those that bind the organisation on that day.
    """

    result: CheckResult
    rules: Mapping[str, Rule]
    catalogue: Catalogue
    base: Path = field(default_factory=Path.cwd)
    profile: Mapping[str, bool] = field(default_factory=dict)
    day: date = field(default_factory=lambda: utc_now().date())
    _whys: dict[str, tuple[Why, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def why(self, rule_id: str) -> tuple[Why, ...]:
        """The controls that the rule ``rule_id`` serves, with the law that they cite and since when it applies."""
        if rule_id not in self._whys:
            self._whys[rule_id] = self._judged(rule_id)
        return self._whys[rule_id]

    def _judged(self, rule_id: str) -> tuple[Why, ...]:
        return tuple(
            Why(control.id, control.title, tuple(self._cited(control.references)), self._brief(control.references))
            for control in self.catalogue.for_policy(rule_id)
        )

    def _brief(self, references: tuple[Reference, ...]) -> str:
        """The reference that weighs most, and how many more there are: what binds before what may, what applies before what will."""
        judged = sorted((judge(self.catalogue, reference, self.profile, self.day) for reference in references), key=_weight)
        if not judged:
            return ""
        more = f"; +{len(judged) - 1} more" if len(judged) > 1 else ""
        return self._told(judged[0]) + more

    def _told(self, judgement: Judgement) -> str:
        basis = judgement.reference.basis
        label = self.catalogue.cite(judgement.reference).replace(f", {basis}", "", 1)
        words = _STANDING.get(judgement.standing)
        if words is None:
            return f"{label}, {basis}"
        if judgement.since is None:
            return f"{label} {words}"
        return f"{label} {words} {'since' if judgement.since <= self.day else 'from'} {judgement.since}"

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
        return relative_posix(absolute, base) if inside else file.replace(os.sep, "/")

    def fingerprint(self, finding: Finding) -> str:
        """An identity that survives moved lines: rule, file and resource, whose names need not be text (a file's may be any bytes)."""
        file = self.path(finding.where.file)
        parts = (finding.rule, file, in_its_file(finding.resource, file))
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


_STANDING = {Standing.BINDS: "binds you", Standing.OPEN: "may bind you", Standing.LATER: "may bind you"}


def heading(problem: Problem) -> str:
    """What reports call ``problem``: what makes the check incomplete could not be checked, the rest was not read, or not in full."""
    return "could not check" if problem.blocking else "not read"


def _weight(judgement: Judgement) -> tuple[int, date]:
    return STRONGEST_FIRST.index(judgement.standing), judgement.since or date.max


class Format(ABC):
    """A way to show a report. Implementations stand in ``policies/report``, one file each, and in its registry."""

    name: str

    @abstractmethod
    def render(self, report: Report) -> str:
        """The report as text, ending with a newline unless empty."""

    def left_out(self, report: Report) -> str | None:  # noqa: ARG002 - most formats hold whatever there is
        """In a sentence, what of the results the text has no room for; None where it holds them all."""
        return None
