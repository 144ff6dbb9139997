"""What an incident may oblige to: the duties that ship, and those of the organisation's contracts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from averment.controls.model import Reference
from averment.core.errors import BadInputError
from averment.core.located import Located, parse_yaml
from averment.core.organisation import Organisation
from averment.core.period import parse_duration

SCHEMA = "governance/incidents/schema/duties.schema.json"
"""Not checked on every run: a test holds the file that ships to it."""

AWARENESS = "awareness"
"""What most clocks start at: the moment from which the organisation knew. Other clocks start at another duty, by its id."""


@dataclass(frozen=True)
class Duty:
    """Something that is owed to somebody if the facts of ``needs`` are all so and none of ``unless`` is.

    ``reference`` is the provision that it comes from, None for a contract's or for one that no law names. ``within`` is its time from the
    moment ``starts`` (``AWARENESS`` or the id of a duty), shorter where a fact of ``sooner`` is so; None: no hours are named, ``note`` says what is.
    """

    id: str
    title: str
    to: str
    role: str
    needs: tuple[str, ...]
    unless: tuple[str, ...] = ()
    reference: Reference | None = None
    contract: str | None = None
    within: str | None = None
    starts: str = AWARENESS
    sooner: tuple[tuple[str, str], ...] = ()
    note: str | None = None


@cache
def _document() -> Located:
    shipped = resources.files("averment").joinpath("governance", "incidents", "duties.yaml")
    return parse_yaml(shipped.read_text(encoding="utf-8"), "governance/incidents/duties.yaml")


def load_facts() -> Mapping[str, str]:
    """The facts that are asked of every incident, each with what it means."""
    facts: Mapping[str, str] = _document().value["facts"]
    return facts


def load_duties(organisation: Organisation) -> tuple[Duty, ...]:
    """The duties that ship, then those of the organisation's contracts.

    Raises:
        BadInputError: a contract names a fact that there isn't, gives more time than there is, or bears a name that is taken.
    """
    found = [_duty(entry) for entry in _document().value["duties"]]
    shipped, facts = len(found), load_facts()
    for contract in organisation.incidents.contracts:
        if strange := [fact for fact in contract.when if fact not in facts]:
            raise BadInputError(
                f"there is no fact '{strange[0]}' of an incident", where=contract.where, fix=f"choose from: {', '.join(facts)}"
            )
        if contract.within and not contract.within.endswith(("month", "months")):
            try:
                parse_duration(contract.within)
            except BadInputError as error:
                raise BadInputError(
                    f"the contract {contract.id} gives {contract.within}, which no calendar holds",
                    where=contract.where,
                    fix="write 48h, 30d or 1 month",
                ) from error
        if taken := next((duty for duty in found if duty.id == contract.id), None):
            by = "another contract" if taken in found[shipped:] else "a duty that ships with Averment"
            raise BadInputError(
                f"the name '{contract.id}' is taken by {by} ({taken.title})",
                where=contract.where,
                fix=f"give this contract another id, such as contract-{contract.id}",
            )
        found.append(
            Duty(
                id=contract.id,
                title=f"Tell {contract.party}",
                to=contract.party,
                role=contract.role,
                needs=contract.when,
                contract=contract.clause,
                within=contract.within,
                note=None if contract.within else "the contract names no hours",
            )
        )
    return tuple(found)


def _duty(entry: Mapping[str, Any]) -> Duty:
    link = entry.get("reference")
    reference = Reference(link["framework"], link["ref"], "binding", when=tuple(link.get("when", ()))) if link else None
    return Duty(
        id=entry["id"],
        title=entry["title"],
        to=entry["to"],
        role=entry["role"],
        needs=tuple(entry["needs"]),
        unless=tuple(entry.get("unless", ())),
        reference=reference,
        within=entry.get("within"),
        starts=entry.get("from", AWARENESS),
        sooner=tuple((item["fact"], item["within"]) for item in entry.get("sooner", ())),
        note=entry.get("note"),
    )
