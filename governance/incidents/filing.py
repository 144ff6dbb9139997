"""From a step to its record: redacted, dated, and with the controls that it is evidence for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from averment import __version__
from averment.core.canonical import JSON, stable_id
from averment.core.errors import BadInputError
from averment.core.period import iso, utc_now
from averment.evidence.collectors.redact import redact
from averment.evidence.record import Gathering, Kind, Population, Record
from averment.governance.incidents.state import COLLECTOR
from averment.governance.incidents.words import Step

CONTROLS: Mapping[Step, tuple[str, ...]] = {
    Step.OPEN: ("SM-IR-01",),
    Step.TRIAGE: ("SM-IR-01",),
    Step.PRESERVE: ("SM-IR-02",),
    Step.CONTAIN: ("SM-IR-02", "SM-DEL-02"),
    Step.ANALYSE: ("SM-IR-01",),
    Step.NOTIFY: ("SM-IR-03",),
    Step.RECOVER: ("SM-IR-02", "SM-DEL-02"),
    Step.CLOSE: ("SM-IR-01",),
}
"""The controls that a step of each kind is evidence for."""


@dataclass(frozen=True)
class Act:
    """Who does something and when: ``by`` is a role, ``at`` when it happened, ``now`` when it is written down."""

    by: str
    at: datetime
    now: datetime

    @classmethod
    def at_moment(cls, by: str, at: datetime | None) -> Act:
        """An act of the role ``by`` at ``at`` (None: now).

        Raises:
            BadInputError: ``at`` is to come.
        """
        moment = utc_now()
        when = at or moment
        if when > moment:
            raise BadInputError(f"{iso(when)} is to come: only what has happened is recorded", fix="give the time in UTC, ending in Z")
        return cls(by, when, moment)


def new_id(act: Act, title: str) -> str:
    """An incident's id: the day, and six digits that hang on who opens it, when, and what it is called."""
    return f"INC-{act.at:%Y-%m-%d}-{stable_id('incident', [act.by, iso(act.at), iso(act.now), title])[:6]}"


def file_step(
    incident: str,
    step: Step,
    act: Act,
    payload: Mapping[str, JSON],
    *,
    population: Population | None = None,
    problems: tuple[str, ...] = (),
    query: Mapping[str, JSON] | None = None,
) -> Record:
    """The record of a step. E-mail and IP addresses are removed wherever they stand, and counted; with ``problems`` it is partial."""
    hidden: dict[str, int] = {}
    clean = redact({"incident": incident, "step": str(step), "by": act.by, **payload}, hidden, accounts=None)
    return Record(
        kind=Kind.INCIDENT,
        collector=COLLECTOR,
        collector_version=__version__,
        source=f"averment incident {step}",
        query=redact({"incident": incident, **(query or {})}, hidden, accounts=None),
        effective_at=act.at,
        collected_at=act.now,
        payload=clean,
        gathering=Gathering.PARTIAL if problems else Gathering.COLLECTED,
        reason=redact("; ".join(problems), hidden, accounts=None) or None,
        population=population,
        redactions=tuple(f"{what}: {times}" for what, times in sorted(hidden.items())),
        controls=CONTROLS[step],
    )
