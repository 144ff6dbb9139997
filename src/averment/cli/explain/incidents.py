"""What an incident's clocks hang on, as topics: duties, the organisation's contracts among them, and facts."""

from __future__ import annotations

from collections.abc import Iterator

from averment.cli.explain.catalogue import Shelf
from averment.cli.explain.topics import Topic, section
from averment.core.organisation import Organisation
from averment.governance.incidents.duties import AWARENESS, Duty, load_duties, load_facts


def incident_topics(thing: str, shelf: Shelf) -> tuple[Topic, ...]:
    """The duty or the fact called ``thing``."""
    name, facts = thing.strip().lower(), load_facts()
    duties = load_duties(shelf.organisation)
    if duty := next((duty for duty in duties if duty.id == name), None):
        return (_duty(duty, shelf),)
    if name not in facts:
        return ()
    hanging = [duty.id for duty in duties if name in (*duty.needs, *duty.unless, *(fact for fact, _ in duty.sooner))]
    sections = (
        *section("Asks whether", facts[name]),
        *section("Decides on", ", ".join(hanging) or "no duty so far; a contract of yours, or the severity, may ask for it"),
    )
    answer = f"averment incident triage latest --fact {name}=yes --by ROLE --because TEXT"
    return (Topic("fact of an incident", name, name, sections, (answer, *(f"averment explain {duty}" for duty in hanging))),)


def duty_of_law(thing: str, shelf: Shelf) -> tuple[Topic, ...]:
    """The duty called ``thing``, where an article is written so as well (``gdpr-33``): what the law says of it isn't on what it hangs in an incident."""
    return tuple(_duty(duty, shelf) for duty in load_duties(Organisation()) if duty.id == thing.lower())


def incident_names(shelf: Shelf) -> Iterator[str]:
    """Facts, and duties that aren't called as an article is written."""
    yield from load_facts()
    yield from (duty.id for duty in load_duties(shelf.organisation) if not shelf.law(duty.id))


def _duty(duty: Duty, shelf: Shelf) -> Topic:
    facts = load_facts()
    starts = "awareness" if duty.starts == AWARENESS else f"what went out for {duty.starts}"
    times = [f"{duty.within} from {starts}"] if duty.within else []
    times += [f"{within} if {facts[fact]} ({fact})" for fact, within in duty.sooner]
    told = [f"contract: {duty.contract}"] if duty.contract else [shelf.catalogue.cite(duty.reference)] if duty.reference else []
    sections = (
        *section("To", duty.to),
        *section("Decided by", duty.role),
        *section("By", told or "no law: good practice"),
        *section("Hangs on", [f"{fact}: {facts[fact]}" for fact in duty.needs]),
        *section("Unless", [f"{fact}: {facts[fact]}" for fact in duty.unless]),
        *section("Time", times or None),
        *section("Note", duty.note),
    )
    decide = f"averment incident notify latest {duty.id} --decision sent --by {duty.role} --because TEXT"
    return Topic("duty in an incident", duty.id, duty.title, sections, ("averment incident show latest --all", decide))
