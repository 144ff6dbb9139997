"""The day at hand and those to come in the law register, with the selected controls that each concerns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from averment.controls.binding import LawDate, Standing, judge, law_register
from averment.controls.model import Catalogue, Reference

_CONCERNS = frozenset({Standing.BINDS, Standing.LATER, Standing.OPEN})


@dataclass(frozen=True)
class Deadline:
    """Today or a day to come. ``days`` are left until then; ``controls`` are the selected ones with a reference to the provision that binds,
    will bind or may bind the organisation; none where nothing selected covers it."""

    event: LawDate
    days: int
    controls: tuple[str, ...]


def deadlines(catalogue: Catalogue, profile: Mapping[str, bool], day: date) -> tuple[Deadline, ...]:
    """Every event of the register on ``day`` and after it that can concern an organisation with ``profile``, soonest first.

    Left out is what only controls refer to whose reference doesn't bind it or is voluntary, and the end of a transition that it says not
    to have. What no selected control refers to stays in: that nothing covers it is no reason to keep quiet about it.
    """
    references: dict[tuple[str, str], list[tuple[str, Reference]]] = {}
    for control in catalogue:
        for reference in control.references:
            references.setdefault((reference.framework, reference.ref), []).append((control.id, reference))
    found = []
    for event in law_register(catalogue):
        if event.on < day or _others_transition(catalogue, event, profile):
            continue
        named = references.get((event.framework, event.ref), [])
        concerned = [name for name, reference in named if judge(catalogue, reference, profile, event.on).standing in _CONCERNS]
        if concerned or not named:
            found.append(Deadline(event, (event.on - day).days, tuple(dict.fromkeys(concerned))))
    return tuple(found)


def _others_transition(catalogue: Catalogue, event: LawDate, profile: Mapping[str, bool]) -> bool:
    """Whether ``event`` is the end of a transition, and nothing else, that an organisation with ``profile`` denies to have."""
    provision = catalogue.frameworks[event.framework].provisions.get(event.ref)
    late = provision.transition if provision else None
    if provision is None or late is None or event.on in (provision.applies_from, provision.first_binds):
        return False
    return event.on == late.until and profile.get(late.fact) is False
