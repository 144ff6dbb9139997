"""The organisation's remediation plan, made of what it decided: profile, controls, contracts and contacts, and of what ships.

It is made anew whenever one of these changes, so that it can't grow old in a drawer. What is missing for it to work (a role that nobody can
reach, a clause without hours, a blueprint that a control names and that doesn't ship) stands in it as missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from averment.controls.binding import FACT_WORDS, Standing, judge
from averment.controls.describe import FAMILIES
from averment.controls.model import Catalogue, Control
from averment.core.organisation import Organisation
from averment.core.words import WORST_FIRST, Severity, Status, counted
from averment.governance.incidents.clocks import Situation, clocks
from averment.governance.incidents.document import Block, Document, Items, Section, Text, table
from averment.governance.incidents.duties import load_duties, load_facts
from averment.governance.incidents.remedies import blueprints, runbooks
from averment.governance.incidents.report import NO_ADVICE
from averment.governance.incidents.severity import load_matrix
from averment.governance.incidents.words import Standing as DutyStanding

RESPONDERS = ("security-operations", "trust-and-safety", "legal", "privacy")
"""Roles that any incident may need, whatever duties there are."""


@dataclass(frozen=True)
class Basis:
    """What a plan is made of. ``states`` are the controls' as the evidence has them, None where no evidence was asked."""

    organisation: Organisation
    catalogue: Catalogue
    day: date
    states: Mapping[str, Status] | None = None


OVERVIEW, REMEDIATION, OPERATIONS = "overview", "remediation", "operations"
PAGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    OVERVIEW: ("Why, and where it breaks", ("scope", "why", "where")),
    REMEDIATION: ("Patterns and remediation", ("patterns", "steps")),
    OPERATIONS: ("When it happens", ("operations", "severity", "clocks", "roles", "contacts", "missing")),
}
"""The plan's pages on the site: name, title, and the sections on each."""


def plan(basis: Basis) -> Document:
    """The whole plan.

    Raises:
        BadInputError: the severity matrix, a contract or a runbook can't be used.
    """
    name = basis.organisation.name
    lead = (
        f"What {name} does about synthetic media, as of {basis.day}: where it gets in, what keeps it out, and what happens in the hour in which "
        "it is live. Made by averment incident plan from averment.yaml, the controls, and the blueprints and runbooks that ship."
    )
    return Document(f"{name}: remediation plan for synthetic media", lead, tuple(_sections(basis)))


def _sections(basis: Basis) -> Iterable[Section]:
    yield Section("scope", "Scope", _scope(basis))
    yield Section("why", "Why: what binds, and from which day", _why(basis))
    yield Section("where", "Where it breaks", _where(basis))
    yield Section("patterns", "Patterns", _patterns(basis))
    yield Section("steps", "Remediation, control by control", _steps(basis))
    yield Section("operations", "Operations: from awareness to the report", _operations(basis))
    yield Section("severity", "Severity, and how soon somebody acts", _severity(basis))
    yield Section("clocks", "Clocks", _clocks(basis))
    yield Section("roles", "Roles", _roles(basis))
    yield Section("contacts", "Contacts", _contacts(basis))
    yield Section("missing", "What is missing", _missing(basis))


def _scope(basis: Basis) -> tuple[Block, ...]:
    scope = basis.organisation.scope
    media = [
        (matcher.role, ", ".join(f"{key}={value}" for key, value in matcher.tags.items()), ", ".join(matcher.names))
        for matcher in scope.media
    ]
    left = f"Not selected, so not part of this plan: {', '.join(basis.catalogue.left_out)}." if basis.catalogue.left_out else ""
    blocks: list[Block] = [
        Text(f"Accounts: {', '.join(scope.accounts) or 'none listed, so that every other account counts as a third party'}."),
        Text(f"Regions: {', '.join(scope.regions) or 'none listed'}. Controls: {len(basis.catalogue.controls)}."),
        table(("Buckets that hold", "known by tag", "or by name"), media, ""),
    ]
    if scope.guesses:
        blocks.append(Text("The organisation hasn't said which buckets hold media: the patterns above are guesses.", note=True))
    return (*blocks, Text(left)) if left else tuple(blocks)


def _why(basis: Basis) -> tuple[Block, ...]:
    profile = basis.organisation.profile
    facts = [
        (words, {True: "yes", False: "no"}.get(profile[fact]) if fact in profile else "not stated") for fact, words in FACT_WORDS.items()
    ]
    rows: dict[tuple[str, str], list[str]] = {}
    for control in basis.catalogue:
        for reference in control.references:
            judgement = judge(basis.catalogue, reference, profile, basis.day)
            if judgement.standing in (Standing.BINDS, Standing.LATER, Standing.OPEN):
                cited = basis.catalogue.cite(reference).replace(f", {reference.basis}", "")
                rows.setdefault((cited, f"{judgement.standing.replace('-', ' ')}: {judgement.reason}"), []).append(control.id)
    bound = [(cited, why, ", ".join(dict.fromkeys(names))) for (cited, why), names in sorted(rows.items())]
    return (
        table(("The organisation says that", ""), facts, ""),
        table(("Provision", "Standing", "Controls"), bound, "Nothing binds, by what the profile says."),
        Text(NO_ADVICE),
    )


def _where(basis: Basis) -> tuple[Block, ...]:
    order = list(FAMILIES)
    ordered = sorted(basis.catalogue, key=lambda item: (order.index(item.family) if item.family in order else len(order), item.id))
    rows = [
        (
            FAMILIES.get(control.family, control.family),
            f"{control.id} {control.title}",
            _state(basis, control),
            _first_sentence(control.rationale),
        )
        for control in ordered
    ]
    lead = "No evidence was asked for this plan." if basis.states is None else "The state is the evidence's on the day of this plan."
    return (Text(lead), table(("Where", "What must be true", "State", "What breaks otherwise"), rows, ""))


def _state(basis: Basis, control: Control) -> str:
    if basis.states is None:
        return "not asked"
    return str(basis.states.get(control.id, Status.NOT_ASSESSED)).replace("-", " ")


def _first_sentence(text: str) -> str:
    joined = " ".join(text.split())
    end = joined.find(". ")
    return joined if end < 0 else joined[: end + 1]


def _patterns(basis: Basis) -> tuple[Block, ...]:
    shipped, books = blueprints(), runbooks()
    named = sorted({control.blueprint for control in basis.catalogue if control.blueprint} | set(shipped))
    rows = [
        (
            name,
            shipped[name].what if name in shipped else "does not ship: build it by the steps of the controls",
            _naming(basis, blueprint=name),
        )
        for name in named
    ]
    run = [(name, book.what, ", ".join(book.permissions), _naming(basis, runbook=name)) for name, book in books.items()]
    return (
        Text("Blueprints are templates to deploy; runbooks are Automation documents of Systems Manager to start."),
        table(("Blueprint", "What it is", "Controls"), rows, "No blueprint ships or is named by a control."),
        table(("Runbook", "What it does", "Permissions", "Controls"), run, "No runbook ships."),
    )


def _naming(basis: Basis, *, blueprint: str | None = None, runbook: str | None = None) -> str:
    found = [
        control.id
        for control in basis.catalogue
        if (blueprint and control.blueprint == blueprint) or (runbook and control.runbook == runbook)
    ]
    return ", ".join(found) or "none names it"


def _steps(basis: Basis) -> tuple[Block, ...]:
    states = basis.states or {}
    ordered = sorted(
        basis.catalogue, key=lambda item: (WORST_FIRST.index(states.get(item.id, Status.NOT_ASSESSED)), item.severity.rank, item.id)
    )
    blocks: list[Block] = []
    for control in ordered:
        by = ", ".join(f"{kind} {name}" for kind, name in (("blueprint", control.blueprint), ("runbook", control.runbook)) if name)
        blocks.append(
            Text(f"{control.id} {control.title} ({control.severity}, {control.owner}; {_state(basis, control)}{'; ' + by if by else ''})")
        )
        blocks.append(Items(control.steps) if control.steps else Text("No steps are written down."))
    return tuple(blocks)


_HOUR = (
    "Open it with the moment of awareness: averment incident open. The clocks run from there, also those that may not be due.",
    "Triage: answer the questions that are known, leave the others unknown: averment incident triage. Severity follows from the matrix.",
    "Preserve before anything is taken down: every version, under Object Lock: averment incident preserve.",
    "Contain by what can be taken back, or by a runbook: averment incident contain (first with --dry-run).",
    "Analyse: a person's opinion, a second detector, look-alikes, exposure by the access logs: averment incident analyse.",
    "Decide on every duty that is due or may be, and write down the no as well: averment incident notify.",
    "Recover the last verified version, look at it again, write down what changes and by when: averment incident recover.",
    "Close, and read the report with those who acted: averment incident close, averment incident report.",
)


def _operations(basis: Basis) -> tuple[Block, ...]:
    settings = basis.organisation.incidents
    place = f"{settings.store or 'no place is set (incidents.store)'}, for {settings.keep_days} days"
    drills = [
        (f"{control.id}/{item.id}", item.title, control.cadence)
        for control in basis.catalogue
        for item in control.assessments
        if control.family == "IR" or "drill" in item.id or "drill" in item.title.lower()
    ]
    targets = [(step, within) for step, within in settings.targets.items()]
    return (
        Items(_HOUR, ordered=True),
        Text(f"Media is preserved in: {place}."),
        table(("Step", "Within, from awareness"), targets, "No times are set for the steps (incidents.targets)."),
        table(("Asked of incidents and drills", "What", "Cadence"), drills, ""),
    )


def _severity(basis: Basis) -> tuple[Block, ...]:
    matrix = load_matrix(basis.organisation)
    levels = [(str(level), _spelled(matrix.respond_within[level].total_seconds()), matrix.meanings[level]) for level in Severity]
    cells = [(meaning, *(str(matrix.cells[name][at]) for at in matrix.reach)) for name, meaning in matrix.impact.items()]
    raised = tuple(f"{item.to} at least: {item.because}" for item in matrix.raised)
    return (
        table(("Level", "Somebody acts within", "Meaning"), levels, ""),
        table(("", *matrix.reach.values()), cells, ""),
        Items(raised) if raised else Text("No fact raises the level."),
        Text(f"From {matrix.name}."),
    )


def _spelled(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= length and seconds % length == 0:
            number = int(seconds // length)
            return f"{number} {unit if number > 1 else unit[:-1]}"
    return counted(int(seconds), "second")


def _clocks(basis: Basis) -> tuple[Block, ...]:
    """Every duty as it stands before anything is known of an incident."""
    moment = datetime.combine(basis.day, time(), UTC)
    duties = load_duties(basis.organisation)
    found = clocks(duties, basis.catalogue, basis.organisation, Situation(moment, {}, {}))
    words = load_facts()
    rows = [
        (
            clock.title,
            clock.to,
            clock.source,
            f"{duty.within} from {duty.starts}" if duty.within else duty.note,
            clock.role,
            "; ".join(words[fact] for fact in duty.needs),
        )
        for clock, duty in zip(found, duties, strict=True)
        if clock.standing is not DutyStanding.NOT_APPLICABLE
    ]
    denied = [(clock.title, clock.source, clock.reason) for clock in found if clock.standing is DutyStanding.NOT_APPLICABLE]
    return (
        table(("Duty", "To", "Source", "Within", "Role", "If"), rows, "Nothing can be due, by what the profile says."),
        Text("What can't be due on this day, and why:"),
        table(("Duty", "Source", "Because"), denied, "Every duty may be due."),
        Text(NO_ADVICE),
    )


def _roles(basis: Basis) -> tuple[Block, ...]:
    work: dict[str, list[str]] = {}
    for control in basis.catalogue:
        work.setdefault(control.owner, []).append(f"owns {control.id}")
        for item in control.assessments:
            if item.attestation:
                work.setdefault(str(item.attestation["role"]), []).append(f"answers {control.id}/{item.id}")
    for duty in load_duties(basis.organisation):
        work.setdefault(duty.role, []).append(f"decides on {duty.id}")
    rows = [(role, ", ".join(dict.fromkeys(items))) for role, items in sorted(work.items())]
    return (table(("Role", "Does"), rows, ""),)


def _contacts(basis: Basis) -> tuple[Block, ...]:
    contacts = basis.organisation.incidents.contacts
    rows = [(role, contacts.get(role, "none: nobody can reach this role")) for role in _reachable(basis)]
    others = [(role, how) for role, how in contacts.items() if role not in dict(rows)]
    return (table(("Role", "How to reach it"), [*rows, *others], ""),)


def _reachable(basis: Basis) -> list[str]:
    """The roles that an incident may need at night."""
    return list(dict.fromkeys((*RESPONDERS, *(duty.role for duty in load_duties(basis.organisation)))))


def _missing(basis: Basis) -> tuple[Block, ...]:
    organisation = basis.organisation
    settings, profile = organisation.incidents, organisation.profile
    shipped, books = blueprints(), runbooks()
    gaps = [f"the role {role} has no contact (incidents.contacts)" for role in _reachable(basis) if role not in settings.contacts]
    if not settings.store:
        gaps.append("no place is set in which media is preserved (incidents.store)")
    if not settings.targets:
        gaps.append("no times are set for the steps (incidents.targets), so that no drill can be late")
    if not settings.contracts:
        gaps.append("no contract is listed (incidents.contracts): those that ask to be told of incidents have no clock")
    if unstated := [words for fact, words in FACT_WORDS.items() if fact not in profile]:
        gaps.append(f"the profile doesn't say whether {'; or whether '.join(unstated)}")
    gaps += [
        f"{control.id} names the blueprint {control.blueprint}, which does not ship"
        for control in basis.catalogue
        if control.blueprint and control.blueprint not in shipped
    ]
    gaps += [
        f"{control.id} names the runbook {control.runbook}, which does not ship"
        for control in basis.catalogue
        if control.runbook and control.runbook not in books
    ]
    return (Items(tuple(gaps)) if gaps else Text("Nothing that this plan asks for."),)
