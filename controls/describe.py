"""Controls in words and as JSON, for listings, pages and reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from averment.controls.binding import Judgement
from averment.controls.model import Assessment, Catalogue, Control
from averment.controls.overlay import duration_text
from averment.core.canonical import JSON

FAMILIES: Mapping[str, str] = {
    "UPL": "Uploads",
    "DET": "Detection",
    "PRV": "Provenance and marking",
    "IDV": "Identity verification",
    "IAM": "Access",
    "DEL": "Delivery",
    "MON": "Monitoring",
    "IR": "Incident response",
    "GOV": "Governance",
}
"""The families of controls in the order in which media travel; others follow under their own letters."""

_BARS = {"at_least": "at least", "at_most": "at most", "equals": "exactly"}


def means(assessment: Assessment) -> str:
    """How an assessment finds out, in a line: what drives it, its bar, and how old its evidence may be."""
    age = f", at most {duration_text(assessment.max_age)} old" if assessment.max_age is not None else ""
    if assessment.claim is not None:
        rest = {key: value for key, value in assessment.claim.items() if key not in {"type", *_BARS}}
        return f"claim {assessment.claim['type']} {_bar(assessment.claim)} ({_pairs(rest)}){age}"
    if assessment.attestation is not None:
        return f"attestation by {assessment.attestation['role']}, valid for {assessment.attestation['valid_for']}"
    if assessment.policy is not None:
        source = f"as {assessment.collector} reports it" if assessment.collector else "in the code, before merge"
        others = f", which has to have something to look at where {' or '.join(assessment.goes_with)} had" if assessment.goes_with else ""
        return f"rule {assessment.policy}, {source}{others}{age}"
    expect = assessment.expect or {}
    needs = f", by {' and '.join(f'parameters.{path}' for path in assessment.needs)}" if assessment.needs else ""
    return f"{assessment.collector}: {expect.get('field')} {_bar(expect)}{needs}{age}"


def _bar(value: Mapping[str, Any]) -> str:
    return ", ".join(f"{words} {value[key]}" for key, words in _BARS.items() if key in value)


def _pairs(value: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_said(item)}" for key, item in value.items())


def _said(value: Any) -> str:
    """A value of a claim in words: ``{"kind": "face"}`` is "kind face", ``[{"jpeg": 75}, {"jpeg": 50}]`` "jpeg 75 and jpeg 50"."""
    if isinstance(value, Mapping):
        return " ".join(f"{key} {_said(item)}" for key, item in value.items())
    if isinstance(value, list):
        *most, last = map(_said, value) if value else ("none",)
        return f"{', '.join(most)} and {last}" if most else last
    return str(value)


def control_json(catalogue: Catalogue, control: Control, judgements: Iterable[Judgement]) -> dict[str, JSON]:
    """A control as JSON data, with the standing of its references."""
    return {
        "id": control.id,
        "title": control.title,
        "objective": control.objective,
        "rationale": control.rationale,
        "severity": str(control.severity),
        "owner": control.owner,
        "cadence": control.cadence,
        "where": str(control.where),
        "weakened": list(control.weakened),
        "tailored": list(control.tailored),
        "references": [_reference_json(catalogue, item) for item in judgements],
        "assessments": [_assessment_json(item) for item in control.assessments],
        "remediation": {"steps": list(control.steps), "runbook": control.runbook, "blueprint": control.blueprint},
    }


def _reference_json(catalogue: Catalogue, judgement: Judgement) -> dict[str, JSON]:
    reference, provision = judgement.reference, catalogue.provision(judgement.reference)
    return {
        "framework": reference.framework,
        "ref": reference.ref,
        "citation": catalogue.cite(reference),
        "draft": provision.draft if provision else None,
        "basis": reference.basis,
        "condition": reference.condition,
        "when": list(reference.when),
        "any_of": [list(way) for way in reference.any_of],
        "standing": str(judgement.standing),
        "since": judgement.since.isoformat() if judgement.since else None,
        "reason": judgement.reason,
        "confirmed": provision.confirmed if provision else False,
    }


def _assessment_json(assessment: Assessment) -> dict[str, JSON]:
    value: dict[str, JSON] = {"id": assessment.id, "method": str(assessment.method), "title": assessment.title, "how": means(assessment)}
    for name in ("policy", "collector", "claim", "attestation", "expect"):
        part = getattr(assessment, name)
        if part is not None:
            value[name] = dict(part) if isinstance(part, Mapping) else part
    if assessment.needs:
        value["needs"] = list(assessment.needs)
    if assessment.goes_with:
        value["goes_with"] = list(assessment.goes_with)
    if assessment.max_age is not None:
        value["max_age_seconds"] = int(assessment.max_age.total_seconds())
    return value
