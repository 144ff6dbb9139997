"""A period's exceptions and gaps as findings in the AWS Security Finding Format. Pure; within the format's limits.

A deviation is a finding with the status FAILED (WARNING while a waiver accepts it), an assessment without a decision one with
NOT_AVAILABLE: it isn't known, which is not a pass. Limits are Security Hub's: titles of 256 characters, descriptions of 1,024,
ids and resources of 512, recommendations of 512, 32 requirements of 64 each, 1,024 characters in a product field.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from averment.controls.model import Catalogue
from averment.core.canonical import JSON, canonical_json, sha256_hex, stable_id
from averment.core.period import iso
from averment.evidence.judging.states import Gap
from averment.evidence.judging.waived import is_for, named_by, stands_for
from averment.evidence.reporting.report import PeriodReport
from averment.evidence.reporting.rows import AssessmentRow, FindingRow

GENERATOR = "averment"
ORGANISATION = "averment/organisation"
CONTENT = "averment/content"
JUDGED = "averment/judged-at"
"""The moment that a finding's state is of (RFC 3339 UTC), as it was when it was imported last."""

WAIVED_UNTIL = "averment/waived-until"

MAX_TITLE, MAX_TEXT, MAX_ID, MAX_RECOMMENDATION, MAX_FIELD, MAX_REQUIREMENTS, MAX_REQUIREMENT = 256, 1024, 512, 512, 1024, 32, 64
TYPES = ["Software and Configuration Checks/Industry and Regulatory Standards/Synthetic media"]

_ARN_REGION = re.compile(r"arn:[^:]+:[^:]+:([a-z0-9-]+):")
_NAME_AND_ID = re.compile(r"(\S+) \((\S+)\)")
_HEAD = ("SchemaVersion", "Id", "ProductArn", "GeneratorId", "AwsAccountId", "CreatedAt", "Title", "Description", "Resources")
_NO_EVIDENCE = frozenset({Gap.MISSING, Gap.COULD_NOT, Gap.PARTIAL, Gap.STALE})

Finding = dict[str, JSON]


@dataclass(frozen=True)
class Place:
    """Whose Security Hub it is. A finding belongs to the account that imports it; the resource may be in another."""

    partition: str
    account: str
    region: str

    @property
    def product(self) -> str:
        """The ARN of the account's default product, by which custom findings come in."""
        return f"arn:{self.partition}:securityhub:{self.region}:{self.account}:product/{self.account}/default"


def findings(report: PeriodReport, catalogue: Catalogue, place: Place) -> list[Finding]:
    """Every finding of ``report``, without ``UpdatedAt``; a resource that breaks an assessment in several ways is one finding."""
    grouped: dict[tuple[str, str], list[FindingRow]] = {}
    for row in report.findings:
        grouped.setdefault((row.assessment, row.resource), []).append(row)
    maker = _Maker(report, catalogue, place)
    return [maker.deviation(rows) for rows in grouped.values()] + [maker.gap(row) for row in report.gaps]


def content_of(finding: Mapping[str, JSON]) -> str | None:
    """The digest of what an imported finding of ours says; two findings with the same one needn't replace each other."""
    return (finding.get("ProductFields") or {}).get(CONTENT)


def still_open(finding: Mapping[str, JSON], report: PeriodReport) -> bool:
    """Whether an imported deviation that ``report`` doesn't have isn't mended by that: the period has no evidence, or too little, of its assessment,
    as at the beginning of each, be it of another account than that in which something is wrong. Of what was looked at and could not be told, what was known before is out of date."""
    lacking = {row.id for row in report.assessments if not _NO_EVIDENCE.isdisjoint((row.gap, *row.beside))}
    deviates = (finding.get("Compliance") or {}).get("Status") in {"FAILED", "WARNING"}
    return deviates and (finding.get("ProductFields") or {}).get("averment/assessment") in lacking


def as_imported(finding: Mapping[str, JSON]) -> Finding:
    """An imported finding of ours as it can be imported once more, to be kept: without what Security Hub and people added."""
    kept = (*_HEAD, "FindingProviderFields", "Remediation", "RecordState")
    return {
        **{name: finding[name] for name in kept if name in finding},
        "Compliance": {name: finding["Compliance"][name] for name in ("Status", "RelatedRequirements") if name in finding["Compliance"]},
        "ProductFields": _own_fields(finding),
    }


def waiver_ended(finding: Mapping[str, JSON], report: PeriodReport, catalogue: Catalogue) -> bool:
    """Whether the waiver that made an imported finding a warning is over when ``report`` is made, and averment.yaml has no other for its resource."""
    fields = finding.get("ProductFields") or {}
    until = str(fields.get(WAIVED_UNTIL) or "")
    if not until or until >= report.judged_at.date().isoformat():
        return False
    control, assessment = catalogue.get(str(fields.get("averment/control"))), str(fields.get("averment/assessment")).rpartition("/")[2]
    policy = next((item.policy for item in (control.assessments if control else ()) if item.id == assessment), None)
    names, day = named_by(str(fields.get("averment/control")), policy), report.judged_at.date()
    resource = finding["Resources"][0]
    here = [row for row in report.waivers if row.control in names and row.until >= day and is_for(row.regions, resource.get("Region"))]
    valid = [row for row in here if any(stands_for(row.resource, called) for called in _called(str(resource["Id"])))]
    accounts = str(fields.get("averment/account") or "").split(", ")
    return not all(any(is_for(row.accounts, account or None) for row in valid) for account in accounts)


def _called(resource: str) -> tuple[str, ...]:
    """What a waiver may call ``resource``: of one that is told as its name with AWS's id behind it, either is enough."""
    both = _NAME_AND_ID.fullmatch(resource)
    return (resource, *both.groups()) if both else (resource,)


def no_longer_waived(finding: Mapping[str, JSON], judged_at: datetime) -> Finding:
    """An imported finding of ours that a waiver accepted, as what it is without one."""
    kept = as_imported(finding)
    fields = {name: value for name, value in kept["ProductFields"].items() if name != WAIVED_UNTIL}
    compliance = {**kept["Compliance"], "Status": "FAILED"}
    return {**kept, "Compliance": compliance, "ProductFields": {**fields, CONTENT: "waiver ended", JUDGED: iso(judged_at)}}


def closed(finding: Mapping[str, JSON], judged_at: datetime) -> Finding:
    """An imported finding of ours that no longer holds at ``judged_at``, archived. Whether it was mended or is out of scope the ledger tells."""
    return {
        **{name: finding[name] for name in _HEAD},
        "FindingProviderFields": {"Severity": {"Label": "INFORMATIONAL"}, "Types": TYPES},
        "ProductFields": {**_own_fields(finding), CONTENT: "closed", JUDGED: iso(judged_at)},
        "RecordState": "ARCHIVED",
    }


def _own_fields(finding: Mapping[str, JSON]) -> dict[str, JSON]:
    return {name: value for name, value in (finding.get("ProductFields") or {}).items() if name.startswith("averment/")}


class _Maker:
    """Makes the findings of one report."""

    def __init__(self, report: PeriodReport, catalogue: Catalogue, place: Place) -> None:
        self._report, self._catalogue, self._place = report, catalogue, place
        self._records = {row.record: row for row in report.evidence}
        self._references = {row.id: row.references for row in report.controls}

    def deviation(self, rows: Sequence[FindingRow]) -> Finding:
        """What breaks one assessment at one resource."""
        row = rows[0]
        waived = all(item.waived_until for item in rows)
        said = list(dict.fromkeys(f"{item.message} ({item.where})" if item.where else item.message for item in rows))
        until = min((item.waived_until for item in rows if item.waived_until), default=None)
        fields = {"severity": row.severity, "owner": row.owner, "record": row.record}
        if waived:
            fields["waived-until"] = str(until)
        seen = [self._records[item.record] for item in rows if item.record in self._records]
        if accounts := {item.account for item in seen if item.account}:
            fields["account"] = ", ".join(sorted(accounts))
        return self._finding(
            control=row.control,
            assessment=row.assessment,
            resource=row.resource,
            regions={item.region for item in seen if item.region},
            title=f"{row.control}: {said[0]}",
            description="; ".join(said),
            severity=row.severity.upper(),
            status="WARNING" if waived else "FAILED",
            since=min(item.effective_at for item in rows),
            fields=fields,
        )

    def gap(self, row: AssessmentRow) -> Finding:
        """An assessment that came to no decision."""
        return self._finding(
            control=row.control,
            assessment=row.id,
            resource=row.id,
            title=f"{row.id} is not assessed",
            description=f"{row.gap or 'not assessed'}: {row.reason}",
            severity="INFORMATIONAL",
            status="NOT_AVAILABLE",
            since=row.effective_at or self._report.judged_at,
            fields={"owner": row.owner, "gap": str(row.gap)},
        )

    def _finding(
        self,
        *,
        control: str,
        assessment: str,
        resource: str,
        regions: Collection[str] = (),
        title: str,
        description: str,
        severity: str,
        status: str,
        since: datetime,
        fields: Mapping[str, str],
    ) -> Finding:
        report, place = self._report, self._place
        identifier = stable_id("security-hub", [report.organisation, assessment, resource, status == "NOT_AVAILABLE"])
        finding: Finding = {
            "SchemaVersion": "2018-10-08",
            "Id": f"averment/{identifier}",
            "ProductArn": place.product,
            "GeneratorId": f"{GENERATOR}/{assessment}",
            "AwsAccountId": place.account,
            "CreatedAt": iso(since),
            "Title": _cut(title, MAX_TITLE),
            "Description": _cut(description, MAX_TEXT),
            "FindingProviderFields": {"Severity": {"Label": severity}, "Types": TYPES},
            "Resources": [self._resource(resource, regions)],
            "Compliance": {"Status": status, "RelatedRequirements": self._requirements(control)},
            "Remediation": {"Recommendation": {"Text": _cut(self._steps(control), MAX_RECOMMENDATION)}},
            "RecordState": "ACTIVE",
        }
        own = {"control": control, "assessment": assessment, **fields}
        finding["ProductFields"] = {ORGANISATION: _cut(report.organisation, MAX_FIELD)} | {
            f"averment/{name}": _cut(value, MAX_FIELD) for name, value in own.items()
        }
        finding["ProductFields"][CONTENT] = sha256_hex(canonical_json(_without_time(finding)))
        finding["ProductFields"][JUDGED] = iso(report.judged_at)
        return finding

    def _resource(self, name: str, regions: Collection[str]) -> dict[str, JSON]:
        """The resource called ``name``, which was seen in ``regions``; where that isn't one, or is code, nothing is said of a region."""
        kind = "AwsS3Bucket" if name.startswith(f"arn:{self._place.partition}:s3:::") and "/" not in name else "Other"
        named = _ARN_REGION.match(name)
        where = [named[1]] if named else list(regions)
        told = {"Region": where[0]} if len(where) == 1 else {}
        return {"Type": kind, "Id": _cut(name, MAX_ID), "Partition": self._place.partition, **told}

    def _requirements(self, control: str) -> list[JSON]:
        return list(_distinct(_cut(text, MAX_REQUIREMENT) for text in self._references.get(control, ())))[:MAX_REQUIREMENTS] or [control]

    def _steps(self, control_id: str) -> str:
        control = self._catalogue.get(control_id)
        return " ".join(control.steps) if control and control.steps else f"See control {control_id}."


def _without_time(finding: Mapping[str, JSON]) -> dict[str, JSON]:
    """What a finding says, but for when and by which record it was seen: seen again is no news."""
    fields = {name: value for name, value in finding["ProductFields"].items() if name != "averment/record"}
    return {**{name: value for name, value in finding.items() if name != "CreatedAt"}, "ProductFields": fields}


def _distinct(items: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(items)


def _cut(text: str, limit: int) -> str:
    plain = " ".join(text.split()) or "-"
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"
