"""Audit Manager's own assessment report: every evidence folder is added to it, it is made, waited for, and its integrity validated.

Permissions beyond those of the push: auditmanager:GetEvidenceFoldersByAssessment, AssociateAssessmentReportEvidenceFolder,
CreateAssessmentReport, ListAssessmentReports, GetAssessmentReportUrl, ValidateAssessmentReportIntegrity, and reading the bucket.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from averment.core.aws import aws_errors
from averment.core.errors import BadInputError, IncompleteError, VerificationError

NAME = re.compile(r"[a-zA-Z0-9\-_.]{1,300}")
"""Audit Manager's alphabet of report names."""

TRIES, PAUSE = 60, 10.0
"""How often the report is asked for, and the seconds in between: ten minutes in all."""


@dataclass(frozen=True)
class MadeReport:
    """A report that is there and whose signature Audit Manager validated. ``location`` is its S3 URL, ``at`` when it was begun."""

    name: str
    location: str
    algorithm: str
    key: str
    made: bool
    at: datetime


def check_name(name: str) -> str:
    """``name``, if Audit Manager takes it.

    Raises:
        BadInputError: it doesn't.
    """
    if not NAME.fullmatch(name):
        raise BadInputError(f"'{name}' is no name for an assessment report", fix="use letters, digits, '-', '_' and '.', at most 300")
    return name


def make_report(service: Any, assessment: Any, name: str, *, sleep: Callable[[float], None] = time.sleep) -> MadeReport:
    """The report called ``name`` of ``assessment`` (as GetAssessment gives it); one that exists is validated, not made again.

    Raises:
        IncompleteError: AWS refused, the report failed, or it wasn't there after ten minutes.
        VerificationError: Audit Manager says that the report was changed.
    """
    identifier = str(assessment["metadata"]["id"])
    destination = str(assessment["metadata"]["assessmentReportsDestination"]["destination"])
    with aws_errors(f"make the assessment report '{name}'"):
        found = _named(service, identifier, name)
        if found is None:
            _add_evidence(service, identifier)
            service.create_assessment_report(name=name, assessmentId=identifier)
        report = _wait(service, identifier, name, sleep)
        link = service.get_assessment_report_url(assessmentId=identifier, assessmentReportId=report["id"])["preSignedUrl"]["link"]
        location = s3_location(str(link), destination)
        answer = service.validate_assessment_report_integrity(s3RelativePath=location)
    if not answer.get("signatureValid"):
        why = "; ".join(map(str, answer.get("validationErrors") or ["no reason given"]))
        raise VerificationError(f"Audit Manager does not vouch for {location}: {why}", fix="make the report again under another name")
    return MadeReport(
        name, location, str(answer.get("signatureAlgorithm")), str(answer.get("signatureKeyId")), found is None, report["creationTime"]
    )


def s3_location(link: str, destination: str) -> str:
    """The ``s3://`` URL of what the presigned ``link`` leads to. ``destination`` tells the bucket, which either begins the host or
    the path.

    Raises:
        IncompleteError: the link leads into another bucket.
    """
    bucket = destination.partition("://")[2].partition("/")[0]
    parts = urlsplit(link)
    path = unquote(parts.path).lstrip("/")
    if (parts.hostname or "").startswith(f"{bucket}."):
        return f"s3://{bucket}/{path}"
    if path.startswith(f"{bucket}/"):
        return f"s3://{path}"
    raise IncompleteError(f"the report lies outside {destination}, where this assessment keeps its reports")


def _add_evidence(service: Any, assessment: str) -> None:
    """Select every evidence folder for the report; what is selected already stays."""
    token: dict[str, str] = {}
    while True:
        page = service.get_evidence_folders_by_assessment(assessmentId=assessment, maxResults=100, **token)
        for folder in page.get("evidenceFolders", []):
            if folder.get("assessmentReportSelectionCount", 0) < folder.get("totalEvidence", 0):
                service.associate_assessment_report_evidence_folder(assessmentId=assessment, evidenceFolderId=folder["id"])
        if not page.get("nextToken"):
            return
        token = {"nextToken": page["nextToken"]}


def _named(service: Any, assessment: str, name: str) -> Any:
    """The report's metadata, or None. One that failed doesn't count."""
    token: dict[str, str] = {}
    while True:
        page = service.list_assessment_reports(maxResults=100, **token)
        for report in page.get("assessmentReports", []):
            if report["assessmentId"] == assessment and report["name"] == name and report["status"] != "FAILED":
                return report
        if not page.get("nextToken"):
            return None
        token = {"nextToken": page["nextToken"]}


def _wait(service: Any, assessment: str, name: str, sleep: Callable[[float], None]) -> Any:
    for _ in range(TRIES):
        report = _named(service, assessment, name)
        if report is None:
            raise IncompleteError(f"Audit Manager could not make the report '{name}'", fix="look in Audit Manager for the reason")
        if report["status"] == "COMPLETE":
            return report
        sleep(PAUSE)
    raise IncompleteError(f"the report '{name}' is still being made", fix="run the same command again later")
