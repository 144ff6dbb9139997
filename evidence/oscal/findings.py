"""What results and the plan of action share: observations with their evidence, risks, and the resources that they are about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from averment.core.canonical import JSON
from averment.core.period import parse_duration
from averment.evidence.judging.states import place_of
from averment.evidence.oscal.components import actors, component_for, component_of, method_for
from averment.evidence.oscal.parts import NS, Node, View, filled, line, moment, oscal_id, plain, prop, prose, token
from averment.evidence.reporting.rows import EvidenceRow, FindingRow


def observation_id(record: str) -> str:
    """The identifier of the observation that ``record`` is."""
    return oscal_id("observation", record)


def resource_id(record: str) -> str:
    """The identifier of the back-matter resource that holds ``record``'s file."""
    return oscal_id("evidence", record)


def item_id(view: View, resource: str) -> str:
    """The identifier of an assessed resource as an inventory item of the organisation: another's may be called the same."""
    return oscal_id("inventory-item", view.report.organisation, resource)


def risk_id(view: View, row: FindingRow) -> str:
    """The identifier of a risk: what is wrong with which resource of whose, whichever record showed it, and on whichever line it stands."""
    return oscal_id("risk", view.report.organisation, row.control, row.assessment, row.resource, row.message, place_of(row.where))


def inventory(view: View, rows: Iterable[FindingRow]) -> list[JSON]:
    """The resources that ``rows`` are about, each once."""
    names = sorted({row.resource for row in rows})
    return [{"uuid": item_id(view, name), "description": prose(name), "props": [prop("asset-id", name, ns=None)]} for name in names]


def observation(view: View, row: EvidenceRow, about: Iterable[str]) -> Node:
    """A record as an observation about the resources ``about``; it expires when the first assessment would call it stale, or when
    the statement that it is ends."""
    counted = (
        []
        if row.unit is None
        else [
            prop("population-unit", row.unit),
            prop("population-total", "unknown" if row.total is None else row.total),
            prop("population-examined", row.examined),
            prop("listing-cut-short", "yes" if row.truncated else "no"),
        ]
    )
    place = [prop(name, value) for name, value in (("account", row.account), ("region", row.region)) if value]
    component = component_for(row.kind)
    return filled(
        uuid=observation_id(row.record),
        title=line(f"{row.kind} by {row.collector}"),
        description=prose(f"{row.gathering} from {row.source}" + (f": {row.reason}" if row.reason else "")),
        props=[
            prop("record", row.record),
            prop("ledger-index", row.index),
            prop("gathering", row.gathering),
            prop("effective-at", moment(row.effective_at)),
            *place,
            *counted,
            *(prop("redacted", what) for what in row.redactions),
        ],
        methods=[str(method_for(row.kind))],
        types=["control-objective"] if row.used_by else [],
        origins=actors(component),
        subjects=[{"subject-uuid": item_id(view, name), "type": "inventory-item"} for name in sorted(set(about))],
        relevant_evidence=[{"href": f"#{resource_id(row.record)}", "description": prose(f"The signed record {row.record}.")}],
        collected=moment(row.collected_at),
        expires=_expires(view, row),
    )


def _expires(view: View, row: EvidenceRow) -> str | None:
    ages: list[timedelta] = []
    for name in row.used_by:
        found = view.assessment(name)
        if found and found[1].max_age is not None:
            ages.append(found[1].max_age)
        if found and (valid_for := (found[1].attestation or {}).get("valid_for")):
            ages.append(parse_duration(str(valid_for)))
    ends = [row.effective_at + min(ages)] if ages else []
    if until := view.valid_until.get(row.record):  # out of a workbook, an answer is older than its record
        ends.append(until)
    return moment(min(ends)) if ends else None


def evidence_resource(view: View, row: EvidenceRow) -> Node:
    """A record's file, with its SHA-256."""
    href, digest = view.files.get(row.record, (f"urn:uuid:{row.record}", ""))
    hashes: list[JSON] = [{"algorithm": "SHA-256", "value": digest}] if digest else []
    return {
        "uuid": resource_id(row.record),
        "title": line(f"Record {row.record}"),
        "props": [prop("type", "evidence", ns=None), prop("record-sha256", row.sha256)],
        "rlinks": [filled(href=href, media_type="application/json", hashes=hashes)],
    }


def risk(view: View, row: FindingRow, observations: Iterable[str]) -> Node:
    """A deviation as a risk: open, or an approved deviation until its waiver ends."""
    found = view.assessment(row.assessment)
    control = view.catalogue.get(row.control)
    component = component_of(found[1]) if found else component_for("check")
    steps = "\n".join(control.steps) if control and control.steps else f"Put right what {row.assessment} found."
    return filled(
        uuid=risk_id(view, row),
        title=line(f"{row.control} {row.resource}"),
        description=prose(f"{row.message}\n{row.resource}" + (f" ({row.where})" if row.where else "")),
        statement=prose(control.objective if control else row.message),
        props=[
            prop("control", row.control),
            prop("assessment", row.assessment),
            prop("resource", row.resource),
            prop("owner", row.owner),
            *([prop("where", row.where)] if row.where else []),
        ],
        status="deviation-approved" if row.waived_until else "open",
        origins=actors(component),
        characterizations=[
            {"origin": actors(component)[0], "facets": [{"name": "severity", "system": NS, "value": plain(row.severity)}]},
        ],
        deadline=_end_of(row) if row.waived_until else None,
        remediations=[
            {
                "uuid": oscal_id("remediation", risk_id(view, row)),
                "lifecycle": "recommendation",
                "title": line(f"Mend {row.control}"),
                "description": prose(steps),
                "props": [prop("type", "mitigate", ns=None), prop("role", token(row.owner))],
            }
        ],
        related_observations=[{"observation-uuid": observation_id(name)} for name in sorted(set(observations))],
    )


_LAST_YEAR = 2999
"""OSCAL's schemas take no later day."""


def _end_of(row: FindingRow) -> str | None:
    if row.waived_until is None or row.waived_until.year > _LAST_YEAR:
        return None
    return moment(datetime.combine(row.waived_until, time(23, 59, 59), UTC))


def by_risk(view: View, rows: Iterable[FindingRow]) -> list[list[FindingRow]]:
    """``rows`` by the risk that they tell of, the gravest first: what one place accepted and another didn't is open, and what several
    accepted is until the first of them ends."""
    grouped: dict[str, list[FindingRow]] = {}
    for row in rows:
        grouped.setdefault(risk_id(view, row), []).append(row)
    return [sorted(group, key=lambda row: row.waived_until or date.min) for group in grouped.values()]


def unique_risks(view: View, rows: Iterable[FindingRow]) -> list[JSON]:
    """The risks that ``rows`` tell of, each once with every record that shows it."""
    known = {row.record for row in view.evidence}
    return [risk(view, group[0], [row.record for row in group if row.record in known]) for group in by_risk(view, rows)]
