"""How grave an incident is: read from a matrix, with the reason, and lifted by facts that outweigh it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.located import Located, load_yaml, parse_yaml
from averment.core.organisation import Organisation
from averment.core.period import parse_duration
from averment.core.schema import check_schema
from averment.core.words import Severity
from averment.governance.incidents.duties import load_facts
from averment.governance.incidents.words import Answer

SCHEMA = "governance/incidents/schema/severity.schema.json"


@dataclass(frozen=True)
class Raise:
    """A fact that lifts the level to ``to`` at least."""

    fact: str
    to: Severity
    because: str


@dataclass(frozen=True)
class Matrix:
    """The levels, what the words for reach and impact mean, and the level for each pair (``cells[impact][reach]``). ``name`` is its file."""

    name: str
    respond_within: Mapping[Severity, timedelta]
    meanings: Mapping[Severity, str]
    reach: Mapping[str, str]
    impact: Mapping[str, str]
    cells: Mapping[str, Mapping[str, Severity]]
    raised: tuple[Raise, ...]


@dataclass(frozen=True)
class Rating:
    """How grave it is, why, and what would lift it if it were so. ``within`` is how soon somebody has to act, from awareness."""

    severity: Severity
    within: timedelta
    reasons: tuple[str, ...]
    open_questions: tuple[str, ...]
    matrix: str

    def to_json(self) -> dict[str, JSON]:
        """As part of a record's payload."""
        return {
            "severity": str(self.severity),
            "respond_within_seconds": int(self.within.total_seconds()),
            "reasons": list(self.reasons),
            "open_questions": list(self.open_questions),
            "matrix": self.matrix,
        }


def load_matrix(organisation: Organisation) -> Matrix:
    """The organisation's own matrix, or the one that ships.

    Raises:
        BadInputError: the file breaks its schema, leaves a pair out, or names a fact that there isn't; names file and line.
    """
    own = organisation.incidents.severity
    if own is not None:
        document = load_yaml(organisation.path(own), name=own)
    else:
        shipped = resources.files("averment").joinpath("governance", "incidents", "severity.yaml")
        document = parse_yaml(shipped.read_text(encoding="utf-8"), "governance/incidents/severity.yaml")
    check_schema(document, SCHEMA)
    return _matrix(document)


def _matrix(document: Located) -> Matrix:
    value: dict[str, Any] = document.value
    reach, impact = value["reach"], value["impact"]
    for name in impact:
        if missing := [at for at in reach if at not in value["matrix"].get(name, {})]:
            raise BadInputError(
                f"the matrix has no level for the impact '{name}' at the reach '{missing[0]}'",
                where=document.where(("matrix", name)),
                fix=f"write {missing[0]}: critical, high, medium or low",
            )
    for name, row in value["matrix"].items():
        if strange := next((at for at in (() if name in impact else (name,)) or row if name not in impact or at not in reach), None):
            raise BadInputError(
                f"the matrix speaks of '{strange}', which is neither among impact nor among reach",
                where=document.where(("matrix", name)),
                fix="write one of the words that impact and reach define",
            )
    facts = load_facts()
    for index, entry in enumerate(value.get("raised", ())):
        if entry["fact"] not in facts:
            raise BadInputError(
                f"there is no fact '{entry['fact']}'",
                where=document.where(("raised", index, "fact")),
                fix=f"choose from: {', '.join(facts)}",
            )
    return Matrix(
        name=document.file,
        respond_within={Severity(level): parse_duration(entry["respond_within"]) for level, entry in value["levels"].items()},
        meanings={Severity(level): entry["meaning"] for level, entry in value["levels"].items()},
        reach=reach,
        impact=impact,
        cells={name: {at: Severity(level) for at, level in row.items()} for name, row in value["matrix"].items()},
        raised=tuple(Raise(entry["fact"], Severity(entry["to"]), entry["because"]) for entry in value.get("raised", ())),
    )


def rate(matrix: Matrix, impact: str, reach: str, facts: Mapping[str, Answer]) -> Rating:
    """The rating of an incident with this ``impact`` and ``reach`` and these ``facts`` (those left out are unknown).

    Raises:
        BadInputError: the matrix doesn't know the impact or the reach.
    """
    for word, known, what in ((impact, matrix.impact, "impact"), (reach, matrix.reach, "reach")):
        if word not in known:
            raise BadInputError(f"'{word}' is no {what} of {matrix.name}", fix=f"choose from: {', '.join(known)}")
    severity = matrix.cells[impact][reach]
    reasons = [f"{severity} by the matrix: {matrix.impact[impact]} ({impact}), {matrix.reach[reach]} ({reach})"]
    for entry in matrix.raised:
        if facts.get(entry.fact) is Answer.YES and entry.to.rank < severity.rank:
            severity = entry.to
            reasons.append(f"raised to {severity}: {entry.because}")
    still_open = tuple(
        f"{entry.to} if it turns out that {entry.because}"
        for entry in matrix.raised
        if facts.get(entry.fact, Answer.UNKNOWN) is Answer.UNKNOWN and entry.to.rank < severity.rank
    )
    return Rating(severity, matrix.respond_within[severity], tuple(reasons), still_open, matrix.name)
