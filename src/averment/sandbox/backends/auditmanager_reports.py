"""Assessment reports of the embedded Audit Manager: made of selected evidence, put into the bucket, signed, validated.

A report is in progress when it is first listed and complete afterwards, as the service takes its time. The file is a list of the
evidence in it, not the service's PDF; what is kept of the signature is the file's digest, by which a change is found.
Not covered: removing evidence from a report, deleting reports, reports from evidence finder.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Protocol
from urllib.parse import quote

from averment.sandbox.backends.auditmanager_errors import JSON, invalid, missing


class _Assessments(Protocol):
    """What the reports need of the back end that they belong to."""

    account_id: str
    region_name: str
    partition: str
    folders: dict[str, JSON]
    evidence: dict[str, list[JSON]]
    reports: dict[str, JSON]
    report_digests: dict[str, str]

    def assessment(self, identifier: str) -> JSON: ...
    def _created(self, kind: str) -> JSON: ...


class Reports:
    """The operations on reports."""

    def select_folder(self: _Assessments, assessment: str, identifier: str) -> None:
        """Add a folder's evidence to the next report."""
        self.assessment(assessment)
        folder = self.folders.get(identifier)
        if folder is None or folder["assessmentId"] != assessment:
            raise missing("AssessmentEvidenceFolder", identifier)
        for item in self.evidence[identifier]:
            item["assessmentReportSelection"] = "Yes"
        folder["assessmentReportSelectionCount"] = len(self.evidence[identifier])

    def create_report(self: _Assessments, request: JSON) -> JSON:
        """Make the report's file out of the selected evidence and put it where the assessment keeps its reports."""
        assessment = self.assessment(request["assessmentId"])
        own = [name for name, folder in self.folders.items() if folder["assessmentId"] == request["assessmentId"]]
        chosen = [item["id"] for name in own for item in self.evidence[name] if item["assessmentReportSelection"] == "Yes"]
        if not chosen:
            raise invalid("An assessment report needs evidence: none was added to it.")
        created = self._created("assessmentReport")
        bucket, _, prefix = assessment["metadata"]["assessmentReportsDestination"]["destination"].partition("://")[2].partition("/")
        store = _buckets(self)
        if bucket not in store.buckets:
            raise invalid(f"The bucket {bucket} for assessment reports does not exist.")
        key = "/".join(part for part in (prefix.strip("/"), created["id"], f"{request['name']}.json") if part)
        data = json.dumps({"report": request["name"], "evidence": sorted(chosen)}).encode()
        store.put_object(bucket, key, data)
        self.report_digests[f"s3://{bucket}/{key}"] = hashlib.sha256(data).hexdigest()
        self.reports[created["id"]] = {
            "id": created["id"],
            "name": request["name"],
            "description": request.get("description"),
            "awsAccountId": self.account_id,
            "assessmentId": request["assessmentId"],
            "assessmentName": assessment["metadata"]["name"],
            "author": "sandbox",
            "status": "IN_PROGRESS",
            "creationTime": created["createdAt"],
            "key": f"{bucket}/{key}",
        }
        return self.reports[created["id"]]

    def finish_reports(self: _Assessments) -> None:
        """Complete what is in progress."""
        for report in self.reports.values():
            report["status"] = "COMPLETE"

    def report_link(self: _Assessments, assessment: str, identifier: str) -> JSON:
        """The address of a complete report's file, as a presigned one looks."""
        report = self.reports.get(identifier)
        if report is None or report["assessmentId"] != assessment or report["status"] != "COMPLETE":
            raise missing("AssessmentReport", identifier)
        bucket, _, key = report["key"].partition("/")
        link = f"https://{bucket}.s3.{self.region_name}.amazonaws.com/{quote(key)}?X-Amz-Signature=sandbox"
        return {"hyperlinkName": report["name"], "link": link}

    def validate_report(self: _Assessments, url: str) -> JSON:
        """Whether the file at ``url`` is a report as it was made."""
        known = self.report_digests.get(url)
        if known is None:
            raise missing("AssessmentReport", url)
        bucket, _, key = url.partition("://")[2].partition("/")
        found = _buckets(self).get_object(bucket, key)
        same = found is not None and hashlib.sha256(found.value).hexdigest() == known
        return {
            "signatureValid": same,
            "signatureAlgorithm": "SHA256withRSA",
            "signatureKeyId": f"arn:{self.partition}:kms:{self.region_name}:{self.account_id}:key/sandbox",
            "validationErrors": [] if same else ["The file is not the one that was signed."],
        }


def _buckets(backend: _Assessments) -> Any:
    from moto.s3.models import s3_backends

    return s3_backends[backend.account_id][backend.partition]
