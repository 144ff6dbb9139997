"""The after-action report: what the records of an incident say, in the order in which an auditor asks. Nothing in it is written by hand.

Every line names the entry of the ledger that it rests on, and the head of the ledger that it was read from stands at its end, so that
whoever has the ledger can check each of them. The same records give the same report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from averment.core.period import iso
from averment.core.words import counted
from averment.evidence.judging.judges import spell
from averment.governance.incidents.clocks import Clock
from averment.governance.incidents.document import Block, Document, Items, Section, Text, table
from averment.governance.incidents.duties import load_facts
from averment.governance.incidents.state import Event, Incident
from averment.governance.incidents.steps import owed_before_closing
from averment.governance.incidents.words import Standing, Step

NO_ADVICE = "References to law are facts with their dates and sources, not legal advice."


@dataclass(frozen=True)
class Head:
    """The ledger's head as it was read: its name, its size, and its root hash in hexadecimal."""

    origin: str
    size: int
    root: str


def after_action(incident: Incident, organisation: str, head: Head) -> Document:
    """The report on ``incident``, as far as it has come."""
    sections = (
        Section("summary", "Summary", _summary(incident)),
        Section("timeline", "What happened", (_timeline(incident),)),
        Section("severity", "Severity", _severity(incident)),
        Section("media", "The media, and its custody", _custody(incident)),
        Section("findings", "What was found out", _findings(incident)),
        Section("containment", "What was done about it", _containment(incident)),
        Section("duties", "Who had to be told, and who didn't", _duties(incident)),
        Section("recovery", "Recovery, and what changes", _recovery(incident)),
        Section("open", "What is open", _open(incident)),
        Section("proof", "What this rests on", _proof(incident, head)),
    )
    title = f"After-action report {incident.id}: {incident.title}"
    lead = f"{organisation}. Written from the records of the incident in the evidence ledger, by roles and without names of people."
    return Document(title, lead if incident.closed_at else f"{lead} The incident is not closed: this is how far it has come.", sections)


def _summary(incident: Incident) -> tuple[Block, ...]:
    opening = incident.opening
    steps = {step: incident.came_to_hold(step) for step in (Step.PRESERVE, Step.CONTAIN, Step.CLOSE)}
    since = [
        (f"to the first record of {word}", _after(incident, min(event.at for event in events)) if events else "not recorded")
        for word, events in (("preserving", steps[Step.PRESERVE]), ("containing", steps[Step.CONTAIN]), ("recovery", incident.restored))
    ]
    rows = [
        ("What", opening["summary"]),
        ("Noticed by", opening["noticed_by"]),
        ("Aware at", iso(incident.aware_at)),
        ("Severity", str(incident.severity or "never triaged")),
        ("Phase", incident.phase),
        *((f"From awareness {what}", value) for what, value in since),
        ("Closed at", iso(incident.closed_at) if incident.closed_at else "not closed"),
        ("Cause", steps[Step.CLOSE][0].payload["cause"] if steps[Step.CLOSE] else "not stated yet"),
        ("Follows", opening.get("follows")),
        ("Media named at the opening", ", ".join(opening.get("media", ())) or None),
    ]
    return (table(("", ""), [row for row in rows if row[1] is not None], ""),)


def _after(incident: Incident, moment: datetime) -> str:
    seconds = int((moment - incident.aware_at).total_seconds())
    return f"{spell(seconds)} ({iso(moment)})" if seconds >= 60 else f"{counted(seconds, 'second')} ({iso(moment)})"


def _timeline(incident: Incident) -> Block:
    rows = [
        (iso(event.at), str(event.step), event.payload["by"], _said(event), f"{event.index}{_written_late(event)}")
        for event in incident.events
    ]
    return table(("At (UTC)", "Step", "Role", "What", "Entry"), rows, "")


def _written_late(event: Event) -> str:
    late = int((event.record.collected_at - event.at).total_seconds())
    return f", written down {spell(late)} later" if late >= 60 else ""


def _said(event: Event) -> str:
    payload = event.payload
    lead = {
        Step.TRIAGE: f"{payload.get('severity')}: ",
        Step.NOTIFY: f"{payload.get('duty')}: {payload.get('decision')}. ",
        Step.CONTAIN: f"{payload.get('measure')} {payload.get('target')}: {payload.get('outcome')}. "
        if payload.get("measure")
        else "nothing: ",
    }.get(event.step, "")
    kind = f"{payload['kind']}: " if payload.get("kind") else ""
    words = next((payload[key] for key in ("summary", "restored", "cause", "because") if payload.get(key)), "")
    checked = f"Checked: {counted(len(payload['checked']), 'copy')}. " if isinstance(payload.get("checked"), list) else ""
    return f"{lead}{kind}{checked}{words}"


def _severity(incident: Incident) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for event in incident.of(Step.TRIAGE):
        rating: Mapping[str, Any] = event.payload["rating"]
        against = (
            f" Set against the matrix, which gave {rating['severity']}: {event.payload['because']}" if event.payload["overridden"] else ""
        )
        blocks.append(Text(f"{iso(event.at)}, entry {event.index}, by {event.payload['by']}: {event.payload['severity']}.{against}"))
        blocks.append(Items((*rating["reasons"], *(f"would be {text}" for text in rating["open_questions"]))))
    words = load_facts()
    rows = [(words.get(name, name), str(fact.answer), fact.by, iso(fact.at), fact.because) for name, fact in incident.facts.items()]
    blocks.append(table(("Question", "Answer", "Role", "At", "Why"), rows, "No question on the incident was answered."))
    return tuple(blocks)


def _custody(incident: Incident) -> tuple[Block, ...]:
    rows = [
        (
            number,
            item["name"],
            item["described"].get("version_id"),
            f"{item['size']:,}",
            item["sha256"],
            item["perceptual_hash"] or f"none: {item['perceptual_hash_reason']}",
            item["credential"] or f"not read: {item['credential_reason']}",
            item["stored"],
            item["locked_until"] or "not locked",
        )
        for number, item in incident.items.items()
    ]
    head = ("Item", "Where it lay", "Version", "Bytes", "SHA-256", "Perceptual hash", "Credential", "Copy", "Locked until")
    nothing = [event for event in incident.of(Step.PRESERVE) if event.payload.get("nothing")]
    otherwise = f"Nothing was preserved: {nothing[0].payload['because']}" if nothing else "Nothing was preserved."
    # A table for each: of nine columns beside each other, a digest took eight lines and an address twenty.
    blocks: list[Block] = [table(("", ""), zip(head, row, strict=True), "") for row in rows] or [Text(otherwise)]
    handled = [
        (
            iso(event.at),
            event.payload["by"],
            f"took {len(event.payload['items'])}" if event.payload.get("items") else f"checked {len(event.payload['checked'])}",
            "; ".join(f"item {row['number']} {row['outcome']}" for row in event.payload.get("checked", ())) or event.payload["because"],
            f"entry {event.index}" + (f"; incomplete: {event.record.reason}" if event.record.reason else ""),
        )
        for event in incident.of(Step.PRESERVE)
        if event.payload.get("items") or event.payload.get("checked")
    ]
    if handled:
        blocks.append(table(("At", "Role", "Did", "What came of it", "Where"), handled, ""))
    blocks += [Text(str(event.payload["caution"]), note=True) for event in incident.of(Step.PRESERVE) if event.payload.get("caution")]
    return tuple(blocks)


def _findings(incident: Incident) -> tuple[Block, ...]:
    blocks: list[Block] = []
    opinions = [
        (
            ", ".join(row["item"] for row in event.payload["items"]),
            event.payload["opinion"],
            event.payload["by"],
            event.payload["because"],
            event.index,
        )
        for event in incident.analyses("opinion")
    ]
    blocks.append(table(("Item", "A person says", "Role", "Why", "Entry"), opinions, "No person gave a second opinion."))
    scored = [
        (
            row["item"],
            f"{info['name']} {info['version']}",
            row["cannot_say"] or _scores(row),
            f"{info['threshold']:g}",
            event.index,
        )
        for event in incident.analyses("detector")
        for info in (event.payload["detector"],)
        for row in event.payload["items"]
    ]
    blocks.append(table(("Item", "Detector", "Says", "Flags from", "Entry"), scored, "No second detector was asked."))
    for event in incident.analyses("look-alikes"):
        blocks.append(
            Text(f"Look-alikes at {event.payload['place']}, entry {event.index}: {event.payload['because']}. {event.payload['method']}.")
        )
        rows = [(row["item"], row["name"], row["distance"]) for row in event.payload["matches"][:50]]
        blocks.append(table(("Like item", "Found", "Bits that differ"), rows, "None was found."))
    for event in incident.analyses("exposure"):
        blocks.append(
            Text(f"Exposure by {event.payload['place']}, entry {event.index}: {event.payload['because']}. {event.payload['limits']}.")
        )
        exposed = [
            (
                row["item"],
                row["served"],
                f"{'at least ' if row['at_least'] else ''}{row['addresses']}",
                row["refused"],
                row["first"],
                row["last"],
            )
            for row in event.payload["items"]
        ]
        blocks.append(table(("Item", "Served", "Addresses", "Refused", "First", "Last"), exposed, ""))
    blocks += [
        Text(f"Entry {event.index} is incomplete: {event.record.reason}", note=True)
        for event in incident.of(Step.ANALYSE)
        if event.record.reason
    ]
    return tuple(blocks)


def _scores(row: Mapping[str, Any]) -> str:
    """The figures, the families that say nothing and why, and of a video how much of it was judged."""
    said = [f"{family} {value:.4f}" for family, value in row["probabilities"].items()]
    said += [f"{family} can't say ({reason})" for family, reason in row.get("silent", {}).items()]
    clip = row.get("clip")
    return ", ".join(said) + (f" ({clip['judged']} of {clip['sampled']} frames of a video)" if clip else "")


def _containment(incident: Incident) -> tuple[Block, ...]:
    rows = [
        (
            iso(event.at),
            event.payload.get("measure") or "nothing",
            event.payload.get("target"),
            _still(incident, event),
            event.payload.get("reason") or event.payload["because"],
            event.payload.get("reference"),
            event.index,
        )
        for event in incident.of(Step.CONTAIN)
    ]
    blocks: list[Block] = [
        table(("At", "Measure", "Target", "Outcome", "What was seen", "Reference", "Entry"), rows, "Nothing was contained.")
    ]
    blocks += [
        Text(f"Entry {event.index} came before anything was preserved: {event.payload['unpreserved']}", note=True)
        for event in incident.of(Step.CONTAIN)
        if event.payload.get("unpreserved")
    ]
    return tuple(blocks)


def _still(incident: Incident, event: Event) -> str | None:
    """How a measure ended, and that it was taken back: what held then holds no more."""
    back = incident.taken_back.get(event.index)
    return f"{event.payload['outcome']} until {iso(back.at)}: taken back by entry {back.index}" if back else event.payload.get("outcome")


def _duties(incident: Incident) -> tuple[Block, ...]:
    rows = [_duty(incident, clock) for clock in incident.clocks if clock.standing is not Standing.NOT_APPLICABLE]
    denied = [(clock.title, clock.source, clock.reason) for clock in incident.clocks if clock.standing is Standing.NOT_APPLICABLE]
    return (
        table(("Duty", "Source", "Due by", "Decision", "Why", "Receipt"), rows, "No duty is due, and none may be."),
        Text("What doesn't apply, and why:"),
        table(("Duty", "Source", "Because"), denied, "Every duty is due or may be."),
        Text(NO_ADVICE),
    )


def _duty(incident: Incident, clock: Clock) -> tuple[Any, ...]:
    made = incident.decisions.get(clock.duty)
    due = iso(clock.due_by) if clock.due_by else "no hours named"
    if made is None:
        standing = "due" if clock.standing is Standing.DUE else "may be due"
        return (clock.title, clock.source, due, f"{standing}, undecided", clock.reason, None)
    sent = f" at {iso(made.sent_at)}" if made.sent_at else ""
    late = {True: ", in time", False: ", LATE"}.get(made.in_time, "") if made.in_time is not None else ""
    overtaken = f"; {clock.standing} by what is known since, undecided" if clock.duty in incident.overtaken else ""
    return (clock.title, clock.source, due, f"{made.decision}{sent}{late}, by {made.by}{overtaken}", made.because, made.receipt)


def _recovery(incident: Incident) -> tuple[Block, ...]:
    rows = [(iso(event.at), event.payload["restored"], event.payload.get("checked"), event.index) for event in incident.of(Step.RECOVER)]
    lessons = [
        (row["what"], row["role"], row["due"], event.index)
        for event in incident.of(Step.RECOVER)
        for row in event.payload.get("lessons", ())
    ]
    return (
        table(("At", "Restored", "Checked", "Entry"), rows, "No recovery is recorded."),
        table(("Action", "Role", "By", "Entry"), lessons, "No action came out of it."),
    )


def _open(incident: Incident) -> tuple[Block, ...]:
    closings = incident.of(Step.CLOSE)
    if not closings:
        owed = tuple(owed_before_closing(incident))
        return (Items(owed) if owed else Text("Nothing is owed: it can be closed."),)
    left = tuple(closings[0].payload["left_open"])
    if not left:
        return (Text("Nothing was left open."),)
    return (Text(f"Closed all the same: {closings[0].payload['because']}", note=True), Items(left))


def _proof(incident: Incident, head: Head) -> tuple[Block, ...]:
    rows = [(event.index, event.record.id, str(event.step), iso(event.record.collected_at)) for event in incident.events]
    removed = sorted({text for event in incident.events for text in event.record.redactions})
    return (
        Text(
            f"The ledger {head.origin} with {counted(head.size, 'entry')} and the root {head.root}. One entry is proven by: averment ledger prove RECORD."
        ),
        table(("Entry", "Record", "Step", "Written down at"), rows, ""),
        Text(f"Removed from the records: {', '.join(removed)}." if removed else "Nothing was removed from the records."),
    )
