"""What nobody has answered of an incident yet, by the names under which it is answered."""

from __future__ import annotations

from collections.abc import Mapping

from averment.core.organisation import Organisation
from averment.governance.incidents.duties import load_duties, load_facts
from averment.governance.incidents.severity import load_matrix
from averment.governance.incidents.state import Incident
from averment.governance.incidents.words import Answer


def open_facts(organisation: Organisation, incident: Incident) -> dict[str, str]:
    """The facts without an answer on which a running clock hangs, or that would raise the severity, each with what it means.

    Raises:
        BadInputError: the organisation's contracts or its severity matrix are malformed.
    """
    running, severity = {clock.duty for clock in incident.running}, incident.severity
    asked = {
        fact
        for duty in load_duties(organisation)
        if duty.id in running
        for fact in (*duty.needs, *duty.unless, *(fact for fact, _ in duty.sooner))
    }
    asked |= {entry.fact for entry in load_matrix(organisation).raised if severity is None or entry.to.rank < severity.rank}
    known = incident.facts
    return {
        fact: meaning
        for fact, meaning in load_facts().items()
        if fact in asked and (fact not in known or known[fact].answer is Answer.UNKNOWN)
    }


def open_words(organisation: Organisation, incident: Incident) -> dict[str, Mapping[str, str]]:
    """``impact`` and ``reach`` with the words that the matrix knows, before the first triage; nothing after it.

    Raises:
        BadInputError: the severity matrix is malformed.
    """
    if incident.severity is not None:
        return {}
    matrix = load_matrix(organisation)
    return {"impact": matrix.impact, "reach": matrix.reach}
