"""Audit Manager, which moto lacks: what a client needs to build an assessment, import evidence, and list it back.

Every request is checked against botocore's service model first (``averment.sandbox.validation``), so that what passes here
passes there as far as the model tells; errors have the service's own shapes.
"""

from __future__ import annotations

import base64
from typing import Any

from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import get_service_model

from averment.sandbox.backends.auditmanager_errors import invalid, missing
from averment.sandbox.backends.auditmanager_state import JSON, AuditManagerBackend, auditmanager_backends
from averment.sandbox.validation import message, violations

__all__ = ["AuditManagerResponse", "auditmanager_backends", "url_bases", "url_paths"]


class AuditManagerResponse(BaseResponse):  # type: ignore[misc]
    """The operations, each named as moto's dispatcher expects: the API's name in snake case."""

    automated_parameter_parsing = True

    def __init__(self) -> None:
        super().__init__(service_name="auditmanager")
        self.automated_parameter_parsing = True

    @property
    def _backend(self) -> AuditManagerBackend:
        backend: AuditManagerBackend = auditmanager_backends[self.current_account][self.region]
        return backend

    def _request(self) -> JSON:
        """The request's parameters, checked: first the account's state, then the model."""
        self._backend.require_active()
        return self._checked()

    def _checked(self) -> JSON:
        operation = get_service_model("auditmanager").operation_model(self._get_action())
        params = {key: value for key, value in dict(self.params or {}).items() if value is not None}
        found = list(violations(operation.input_shape, params)) if operation.input_shape else []
        if found:
            raise invalid(message(found), [{"name": item.path, "message": item.constraint} for item in found])
        return params

    def get_account_status(self) -> ActionResult:
        return ActionResult({"status": self._backend.status})

    def register_account(self) -> ActionResult:
        """Works here for every account; the real service takes no new ones since 2026-04-30."""
        self._checked()
        self._backend.status = "ACTIVE"
        return ActionResult({"status": "ACTIVE"})

    def deregister_account(self) -> ActionResult:
        self._backend.status = "INACTIVE"
        return ActionResult({"status": "INACTIVE"})

    def get_settings(self) -> ActionResult:
        self._request()
        return ActionResult({"settings": self._backend.settings})

    def update_settings(self) -> ActionResult:
        request = self._request()
        self._backend.settings.update({key: request[key] for key in _SETTINGS if key in request})
        return ActionResult({"settings": self._backend.settings})

    def create_control(self) -> ActionResult:
        return ActionResult({"control": self._backend.create_control(self._request())})

    def get_control(self) -> ActionResult:
        return ActionResult({"control": self._backend.control(self._request()["controlId"])})

    def list_controls(self) -> ActionResult:
        request = self._request()
        controls = list(self._backend.controls.values()) if request["controlType"] == "Custom" else []
        keys = ("arn", "id", "name", "controlSources", "createdAt", "lastUpdatedAt")
        return _page(request, "controlMetadataList", [_pick(item, keys) for item in controls])

    def create_assessment_framework(self) -> ActionResult:
        return ActionResult({"framework": self._backend.create_framework(self._request())})

    def get_assessment_framework(self) -> ActionResult:
        return ActionResult({"framework": self._backend.framework(self._request()["frameworkId"])})

    def list_assessment_frameworks(self) -> ActionResult:
        request = self._request()
        keys = ("arn", "id", "type", "name", "description", "complianceType", "createdAt", "lastUpdatedAt")
        frameworks = [
            {
                **_pick(item, keys),
                "controlSetsCount": len(item["controlSets"]),
                "controlsCount": sum(len(entry["controls"]) for entry in item["controlSets"]),
            }
            for item in self._backend.frameworks.values()
            if item["type"] == request["frameworkType"]
        ]
        return _page(request, "frameworkMetadataList", frameworks)

    def create_assessment(self) -> ActionResult:
        return ActionResult({"assessment": self._backend.create_assessment(self._request())})

    def get_assessment(self) -> ActionResult:
        assessment = self._backend.assessment(self._request()["assessmentId"])
        return ActionResult({"assessment": assessment, "userRole": assessment["metadata"]["roles"][0]})

    def list_assessments(self) -> ActionResult:
        request = self._request()
        keys = ("name", "id", "complianceType", "status", "roles", "delegations", "creationTime", "lastUpdated")
        found = [_pick(item["metadata"], keys) for item in self._backend.assessments.values()]
        return _page(request, "assessmentMetadata", [item for item in found if request.get("status") in (None, item["status"])])

    def update_assessment_status(self) -> ActionResult:
        request = self._request()
        assessment = self._backend.assessment(request["assessmentId"])
        assessment["metadata"]["status"] = request["status"]
        return ActionResult({"assessment": assessment})

    def update_assessment_control(self) -> ActionResult:
        request = self._request()
        _, control = self._backend.assessment_control(request)
        if "controlStatus" in request:
            control["status"] = request["controlStatus"]
        if "commentBody" in request:
            control["comments"].append({"authorName": "sandbox", "commentBody": request["commentBody"]})
        return ActionResult({"control": control})

    def update_assessment_control_set_status(self) -> ActionResult:
        request = self._request()
        entry = self._backend.assessment_control_set(request)
        entry["status"] = request["status"]
        return ActionResult({"controlSet": entry})

    def batch_import_evidence_to_assessment_control(self) -> ActionResult:
        return ActionResult({"errors": self._backend.import_evidence(self._request())})

    def get_evidence_folders_by_assessment(self) -> ActionResult:
        request = self._request()
        self._backend.assessment(request["assessmentId"])
        return _page(request, "evidenceFolders", self._folders(request, ("assessmentId",)))

    def get_evidence_folders_by_assessment_control(self) -> ActionResult:
        request = self._request()
        self._backend.assessment_control(request)
        return _page(request, "evidenceFolders", self._folders(request, ("assessmentId", "controlSetId", "controlId")))

    def get_evidence_folder(self) -> ActionResult:
        return ActionResult({"evidenceFolder": self._folder(self._request())})

    def get_evidence_by_evidence_folder(self) -> ActionResult:
        request = self._request()
        return _page(request, "evidence", self._backend.evidence[self._folder(request)["id"]])

    def get_evidence(self) -> ActionResult:
        request = self._request()
        for item in self._backend.evidence[self._folder(request)["id"]]:
            if item["id"] == request["evidenceId"]:
                return ActionResult({"evidence": item})
        raise missing("Evidence", request["evidenceId"])

    def create_assessment_report(self) -> ActionResult:
        return ActionResult({"assessmentReport": self._backend.create_report(self._request())})

    def list_assessment_reports(self) -> ActionResult:
        request = self._request()
        shown = [dict(item) for item in self._backend.reports.values()]
        self._backend.finish_reports()
        return _page(request, "assessmentReports", shown)

    def associate_assessment_report_evidence_folder(self) -> ActionResult:
        request = self._request()
        self._backend.select_folder(request["assessmentId"], request["evidenceFolderId"])
        return ActionResult({})

    def get_assessment_report_url(self) -> ActionResult:
        request = self._request()
        return ActionResult({"preSignedUrl": self._backend.report_link(request["assessmentId"], request["assessmentReportId"])})

    def validate_assessment_report_integrity(self) -> ActionResult:
        return ActionResult(self._backend.validate_report(self._request()["s3RelativePath"]))

    def _folders(self, request: JSON, keys: tuple[str, ...]) -> list[JSON]:
        found = [item for item in self._backend.folders.values() if all(item[key] == request[key] for key in keys)]
        return sorted(found, key=lambda item: (item["date"], item["controlSetId"], item["controlId"]))

    def _folder(self, request: JSON) -> JSON:
        folder = self._backend.folders.get(request["evidenceFolderId"])
        if folder is None or any(folder[key] != request[key] for key in ("assessmentId", "controlSetId")):
            raise missing("AssessmentEvidenceFolder", request["evidenceFolderId"])
        return folder


_SETTINGS = ("defaultAssessmentReportsDestination", "defaultProcessOwners")


def _pick(item: JSON, keys: tuple[str, ...]) -> JSON:
    return {key: item[key] for key in keys if item.get(key) is not None}


def _page(request: JSON, key: str, items: list[Any]) -> ActionResult:
    """One page of ``items``: ``nextToken`` is the base64 of the next offset, as the token's pattern allows."""
    try:
        start = int(base64.b64decode(request["nextToken"], validate=True)) if "nextToken" in request else 0
    except ValueError as error:
        raise invalid("The nextToken isn't one that this service gave out.") from error
    stop = start + int(request.get("maxResults", 100))
    answer: JSON = {key: items[start:stop]}
    if stop < len(items):
        answer["nextToken"] = base64.b64encode(str(stop).encode()).decode()
    return ActionResult(answer)


url_bases = [r"https?://auditmanager\.(.+)\.amazonaws\.com"]
url_paths = {"{0}/.*$": AuditManagerResponse.dispatch}
