"""What the embedded Audit Manager remembers: controls, frameworks, assessments, evidence. The requests are checked before.

Quotas and limits are AWS's defaults (user guide, "Quotas and restrictions"); how evidence is presented follows the API's shapes.
Not covered: standard frameworks and controls, automated evidence, delegations, editing and deletion, Organizations.
"""

from __future__ import annotations

import importlib
import re
import uuid
from datetime import UTC, datetime
from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend

from averment.sandbox.backends.auditmanager_errors import AuditManagerError, invalid, missing
from averment.sandbox.backends.auditmanager_reports import Reports

MAX_CONTROLS = 500
MAX_FRAMEWORKS = 100
MAX_RUNNING = 100
MAX_FRAMEWORK_CONTROLS = 1_400
MAX_UPLOADS_A_DAY = 100
"""Manual uploads per control and day (UTC)."""

_EVIDENCE_KINDS = ("s3ResourcePath", "textResponse", "evidenceFileName")
_ATTRIBUTE_CHARACTERS = 200  # EvidenceAttributeValue in the service model

JSON = dict[str, Any]


def _quota(text: str) -> AuditManagerError:
    return AuditManagerError("ServiceQuotaExceededException", text)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class AuditManagerBackend(Reports, BaseBackend):  # type: ignore[misc]
    """Audit Manager of one account in one region. An account starts INACTIVE, as everywhere before RegisterAccount."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.status = "INACTIVE"
        self.settings: JSON = {"isAwsOrgEnabled": False, "kmsKey": "DEFAULT"}
        self.controls: dict[str, JSON] = {}
        self.frameworks: dict[str, JSON] = {}
        self.assessments: dict[str, JSON] = {}
        self.folders: dict[str, JSON] = {}
        self.evidence: dict[str, list[JSON]] = {}
        self.reports: dict[str, JSON] = {}
        self.report_digests: dict[str, str] = {}

    @property
    def _url_module(self) -> Any:
        """moto derives this module's name from the class's, which only works inside moto."""
        return importlib.import_module("averment.sandbox.backends.auditmanager")

    def require_active(self) -> None:
        """Refuse everything but the account's own operations until it is registered."""
        if self.status != "ACTIVE":
            raise AuditManagerError(
                "AccessDeniedException", "Please complete AWS Audit Manager setup from home page to enable this action in this account."
            )

    def create_control(self, request: JSON) -> JSON:
        if len(self.controls) >= MAX_CONTROLS:
            raise _quota(f"You can have at most {MAX_CONTROLS} custom controls.")
        sources = [{**source, "sourceId": str(uuid.uuid4())} for source in request["controlMappingSources"]]
        control: JSON = {
            **self._created("control"),
            **{key: request[key] for key in _CONTROL_TEXTS if key in request},
            "type": "Custom",
            "controlSources": ", ".join(sorted({str(source.get("sourceType", "MANUAL")) for source in sources})),
            "controlMappingSources": sources,
            "tags": request.get("tags", {}),
            "state": "ACTIVE",
        }
        self.controls[control["id"]] = control
        return control

    def create_framework(self, request: JSON) -> JSON:
        if len(self.frameworks) >= MAX_FRAMEWORKS:
            raise _quota(f"You can have at most {MAX_FRAMEWORKS} custom frameworks.")
        wanted = request["controlSets"]
        if sum(len(entry.get("controls", ())) for entry in wanted) > MAX_FRAMEWORK_CONTROLS:
            raise _quota(f"A framework can have at most {MAX_FRAMEWORK_CONTROLS} controls.")
        names = [entry["name"] for entry in wanted]
        if len(names) != len(set(names)):
            raise invalid("Control set names must be unique within a framework.")
        sets = [
            {"id": str(uuid.uuid4()), "name": entry["name"], "controls": [self.control(item["id"]) for item in entry.get("controls", ())]}
            for entry in wanted
        ]
        framework: JSON = {
            **self._created("assessmentFramework"),
            **{key: request[key] for key in ("name", "description", "complianceType") if key in request},
            "type": "Custom",
            "controlSets": sets,
            "controlSources": ", ".join(sorted({control["controlSources"] for entry in sets for control in entry["controls"]})),
            "tags": request.get("tags", {}),
        }
        self.frameworks[framework["id"]] = framework
        return framework

    def create_assessment(self, request: JSON) -> JSON:
        running = sum(1 for item in self.assessments.values() if item["metadata"]["status"] == "ACTIVE")
        if running >= MAX_RUNNING:
            raise _quota(f"You can have at most {MAX_RUNNING} running assessments.")
        framework = self.framework(request["frameworkId"])
        if not any(role["roleType"] == "PROCESS_OWNER" for role in request["roles"]):
            raise invalid("An assessment needs an audit owner (PROCESS_OWNER).")
        created = self._created("assessment")
        sets = [_assessment_control_set(entry, request["roles"]) for entry in framework["controlSets"]]
        assessment: JSON = {
            "arn": created["arn"],
            "awsAccount": {"id": self.account_id},
            "metadata": {
                "id": created["id"],
                **{
                    key: request[key] for key in ("name", "description", "assessmentReportsDestination", "scope", "roles") if key in request
                },
                "complianceType": framework.get("complianceType"),
                "status": "ACTIVE",
                "delegations": [],
                "creationTime": created["createdAt"],
                "lastUpdated": created["createdAt"],
            },
            "framework": {
                "id": framework["id"],
                "arn": framework["arn"],
                "metadata": {"name": framework["name"], "complianceType": framework.get("complianceType")},
                "controlSets": sets,
            },
            "tags": request.get("tags", {}),
        }
        self.assessments[created["id"]] = assessment
        return assessment

    def import_evidence(self, request: JSON) -> list[JSON]:
        """Import what is good and return ``errors[]`` for the rest: a successful answer can carry failures."""
        assessment = self.assessment(request["assessmentId"])
        entry, control = self.assessment_control(request)
        if assessment["metadata"]["status"] != "ACTIVE":
            raise invalid("Evidence can't be added to an inactive assessment.")
        if control["status"] == "INACTIVE":
            raise invalid("Evidence can't be added to a control that is inactive.")
        folder = self._folder_of_today(request, control)
        errors = []
        for item in request["manualEvidence"]:
            if problem := self._problem_with(item, folder):
                code, text = problem
                errors.append({"manualEvidence": item, "errorCode": code, "errorMessage": text[:300]})
                continue
            self.evidence[folder["id"]].append(self._evidence(item, folder))
            folder["totalEvidence"] += 1
            folder["evidenceByTypeManualCount"] += 1
            control["evidenceCount"] += 1
            entry["manualEvidenceCount"] += 1
            control["status"] = "UNDER_REVIEW"
        return errors

    def control(self, identifier: str) -> JSON:
        """The custom control, or ResourceNotFoundException."""
        return _get(self.controls, "Control", identifier)

    def framework(self, identifier: str) -> JSON:
        """The custom framework, or ResourceNotFoundException."""
        return _get(self.frameworks, "AssessmentFramework", identifier)

    def assessment(self, identifier: str) -> JSON:
        """The assessment, or ResourceNotFoundException."""
        return _get(self.assessments, "Assessment", identifier)

    def assessment_control_set(self, request: JSON) -> JSON:
        """The control set of an assessment; its id is its name."""
        sets = self.assessment(request["assessmentId"])["framework"]["controlSets"]
        return _get({item["id"]: item for item in sets}, "AssessmentControlSet", request["controlSetId"])

    def assessment_control(self, request: JSON) -> tuple[JSON, JSON]:
        """A control set of an assessment and the control in it."""
        entry = self.assessment_control_set(request)
        return entry, _get({item["id"]: item for item in entry["controls"]}, "AssessmentControl", request["controlId"])

    def _created(self, kind: str) -> JSON:
        identifier, now = str(uuid.uuid4()), _now()
        arn = f"arn:{self.partition}:auditmanager:{self.region_name}:{self.account_id}:{kind}/{identifier}"
        return {"id": identifier, "arn": arn, "createdAt": now, "lastUpdatedAt": now, "createdBy": "sandbox", "lastUpdatedBy": "sandbox"}

    def _folder_of_today(self, request: JSON, control: JSON) -> JSON:
        today = _now().replace(hour=0, minute=0, second=0)
        place = {key: request[key] for key in ("assessmentId", "controlSetId", "controlId")}
        for folder in self.folders.values():
            if folder["date"] == today and all(folder[key] == value for key, value in place.items()):
                return folder
        counts = ("Configuration data", "Compliance check", "Compliance check issues", "User activity")
        folder = {
            **place,
            **{f"evidenceByType{''.join(word.capitalize() for word in name.split())}Count": 0 for name in counts},
            "id": str(uuid.uuid4()),
            "name": today.date().isoformat(),
            "date": today,
            "dataSource": "Manual",
            "author": "sandbox",
            "controlName": control["name"],
            "totalEvidence": 0,
            "evidenceByTypeManualCount": 0,
            "evidenceResourcesIncludedCount": 0,
            "evidenceAwsServiceSourceCount": 0,
            "assessmentReportSelectionCount": 0,
        }
        self.folders[folder["id"]], self.evidence[folder["id"]] = folder, []
        return folder

    def _problem_with(self, item: JSON, folder: JSON) -> tuple[str, str] | None:
        given = [kind for kind in _EVIDENCE_KINDS if item.get(kind) is not None]
        if len(given) != 1:
            return "400", f"Exactly one of {', '.join(_EVIDENCE_KINDS)} must be given."
        if folder["evidenceByTypeManualCount"] >= MAX_UPLOADS_A_DAY:
            return "429", f"A control accepts at most {MAX_UPLOADS_A_DAY} manual uploads a day."
        if given == ["s3ResourcePath"]:
            return self._problem_with_object(item["s3ResourcePath"])
        if given == ["evidenceFileName"]:
            return "400", "The file was not uploaded through GetEvidenceFileUploadUrl, which the embedded Audit Manager doesn't have."
        return None

    def _problem_with_object(self, url: str) -> tuple[str, str] | None:
        """Audit Manager copies the object, so it must exist; at most 100 MB."""
        from moto.s3.models import s3_backends

        bucket, _, key = re.sub(r"^[sS]3://", "", url).partition("/")
        store = s3_backends[self.account_id][self.partition]
        found = store.buckets.get(bucket) and store.get_object(bucket, key)
        if not found:
            return "404", f"The object {url} was not found."
        if found.size > 100 * 1024 * 1024:
            return "400", "The file is larger than 100 MB."
        return None

    def _evidence(self, item: JSON, folder: JSON) -> JSON:
        attributes = {key: str(value)[:_ATTRIBUTE_CHARACTERS] for key, value in item.items() if value is not None}
        return {
            "id": str(uuid.uuid4()),
            "evidenceFolderId": folder["id"],
            "awsAccountId": self.account_id,
            "evidenceAwsAccountId": self.account_id,
            "dataSource": "Manual",
            "evidenceByType": "Manual",
            "eventName": "Manual evidence",
            "time": _now(),
            "attributes": attributes,
            "resourcesIncluded": [],
            "assessmentReportSelection": "No",
        }


_CONTROL_TEXTS = ("name", "description", "testingInformation", "actionPlanTitle", "actionPlanInstructions")


def _get(items: dict[str, JSON], kind: str, identifier: str) -> JSON:
    if identifier not in items:
        raise missing(kind, identifier)
    return items[identifier]


def _assessment_control_set(entry: JSON, roles: list[JSON]) -> JSON:
    controls = [
        {
            "id": control["id"],
            "name": control["name"],
            "description": control.get("description"),
            "status": "UNDER_REVIEW",
            "response": "MANUAL",
            "comments": [],
            "evidenceSources": [control["controlSources"]],
            "evidenceCount": 0,
            "assessmentReportEvidenceCount": 0,
        }
        for control in entry["controls"]
    ]
    return {
        "id": entry["name"],
        "status": "ACTIVE",
        "roles": roles,
        "controls": controls,
        "delegations": [],
        "systemEvidenceCount": 0,
        "manualEvidenceCount": 0,
    }


auditmanager_backends = BackendDict(AuditManagerBackend, "auditmanager")
