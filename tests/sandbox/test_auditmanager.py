"""The embedded Audit Manager keeps the real one's limits and answers in its shapes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from averment.sandbox.backends.auditmanager import AuditManagerResponse
from averment.sandbox.validation import pattern, violations

OWNER = {"roleType": "PROCESS_OWNER", "roleArn": "arn:aws:iam::123456789012:role/audit"}
SOURCE = {"sourceName": "manual", "sourceSetUpOption": "Procedural_Controls_Mapping", "sourceType": "MANUAL"}


@pytest.fixture
def service(sandbox):
    client = boto3.client("auditmanager")
    client.register_account()
    return client


@pytest.fixture
def place(service):
    """An assessment with one control: the parameters that name it."""
    control = service.create_control(name="SM-UPL-03", controlMappingSources=[SOURCE])["control"]
    framework = service.create_assessment_framework(name="media", controlSets=[{"name": "Uploads", "controls": [{"id": control["id"]}]}])
    assessment = service.create_assessment(
        name="2026Q4",
        assessmentReportsDestination={"destinationType": "S3", "destination": "s3://audit/reports"},
        scope={"awsAccounts": [{"id": "123456789012"}]},
        roles=[OWNER],
        frameworkId=framework["framework"]["id"],
    )["assessment"]
    return {"assessmentId": assessment["metadata"]["id"], "controlSetId": "Uploads", "controlId": control["id"]}


def import_(service, place, *items):
    return service.batch_import_evidence_to_assessment_control(**place, manualEvidence=list(items))["errors"]


def test_an_account_starts_unregistered(sandbox):
    """INACTIVE, and everything else is denied with the service's words."""
    client = boto3.client("auditmanager")
    assert client.get_account_status()["status"] == "INACTIVE"
    with pytest.raises(client.exceptions.AccessDeniedException, match="complete AWS Audit Manager setup"):
        client.list_controls(controlType="Custom")


def test_evidence_is_imported_counted_and_listed(service, place):
    """A text shows in its folder, in the counts of folder, control and control set, cut at 200 characters."""
    assert import_(service, place, {"textResponse": "x" * 1000}, {"textResponse": "second"}) == []
    (folder,) = service.get_evidence_folders_by_assessment_control(**place)["evidenceFolders"]
    assert (folder["totalEvidence"], folder["evidenceByTypeManualCount"], folder["controlName"]) == (2, 2, "SM-UPL-03")
    listing = {"assessmentId": place["assessmentId"], "controlSetId": place["controlSetId"], "evidenceFolderId": folder["id"]}
    shown = service.get_evidence_by_evidence_folder(**listing)["evidence"]
    assert [item["attributes"]["textResponse"] for item in shown] == ["x" * 200, "second"]
    (entry,) = service.get_assessment(assessmentId=place["assessmentId"])["assessment"]["framework"]["controlSets"]
    assert (entry["manualEvidenceCount"], entry["controls"][0]["evidenceCount"]) == (2, 2)


def test_exactly_one_kind_of_evidence_an_item(service, place):
    """A bad item is an error inside a successful answer; the good one is in."""
    (error,) = import_(service, place, {"textResponse": "good"}, {"textResponse": "a", "evidenceFileName": "b"})
    assert error["errorCode"] == "400"
    assert "Exactly one" in error["errorMessage"]
    (folder,) = service.get_evidence_folders_by_assessment_control(**place)["evidenceFolders"]
    assert folder["totalEvidence"] == 1


def test_one_hundred_uploads_a_day(service, place):
    """The 101st of a day is refused per item."""
    for _ in range(2):
        assert import_(service, place, *({"textResponse": f"{number}"} for number in range(50))) == []
    (error,) = import_(service, place, {"textResponse": "one more"})
    assert error["errorCode"] == "429"


def test_an_object_must_exist(service, place):
    """s3ResourcePath to nothing is an item's error, to an object it is imported."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="audit", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="audit", Key="a.json", Body=b"{}")
    (error,) = import_(service, place, {"s3ResourcePath": "s3://audit/a.json"}, {"s3ResourcePath": "s3://audit/b.json"})
    assert (error["errorCode"], error["manualEvidence"]) == ("404", {"s3ResourcePath": "s3://audit/b.json"})


@pytest.mark.parametrize(
    ("operation", "request_", "words"),
    [
        ("create_control", {"name": "a\\b", "controlMappingSources": [SOURCE]}, "regular expression"),
        ("create_control", {"name": "x" * 301, "controlMappingSources": [SOURCE]}, "less than or equal to 300"),
        ("create_control", {"name": "x", "controlMappingSources": []}, "greater than or equal to 1"),
        ("create_control", {"name": "x", "controlMappingSources": [{**SOURCE, "sourceType": "PAPER"}]}, "enum value set"),
        ("create_control", {"name": "x", "description": "d" * 1001, "controlMappingSources": [SOURCE]}, "less than or equal to 1000"),
        ("create_assessment_framework", {"name": "f", "controlSets": [{"name": "a_b"}]}, "regular expression"),
        ("create_assessment_framework", {"name": "f"}, "must not be null"),
        ("get_control", {"controlId": "0" * 36}, "regular expression"),
    ],
)
def test_requests_are_checked_against_the_model(sandbox, operation, request_, words):
    """What boto3 lets through and the service refuses is refused here, with the field named."""
    client = boto3.client("auditmanager", config=Config(parameter_validation=False))
    client.register_account()
    with pytest.raises(client.exceptions.ValidationException) as caught:
        getattr(client, operation)(**request_)
    assert words in caught.value.response["Error"]["Message"]
    assert caught.value.response["reason"] == "fieldValidationFailed"
    assert caught.value.response["fields"][0]["name"]


@pytest.mark.parametrize("count", [0, 51])
def test_one_to_fifty_items_a_call(sandbox, service, place, count):
    """The batch's size is checked by the service."""
    client = boto3.client("auditmanager", config=Config(parameter_validation=False))
    with pytest.raises(client.exceptions.ValidationException):
        import_(client, place, *({"textResponse": str(number)} for number in range(count)))


def test_an_inactive_control_rejects_uploads(service, place):
    """And so does an inactive assessment."""
    service.update_assessment_control(**place, controlStatus="INACTIVE")
    with pytest.raises(service.exceptions.ValidationException, match="inactive"):
        import_(service, place, {"textResponse": "x"})
    service.update_assessment_control(**place, controlStatus="UNDER_REVIEW")
    service.update_assessment_status(assessmentId=place["assessmentId"], status="INACTIVE")
    with pytest.raises(service.exceptions.ValidationException, match="inactive"):
        import_(service, place, {"textResponse": "x"})


def test_what_does_not_exist_is_named(service, place):
    """ResourceNotFoundException carries the id and the type, 404."""
    other = place["controlId"]
    with pytest.raises(service.exceptions.ResourceNotFoundException) as caught:
        service.get_assessment(assessmentId=other)
    response = caught.value.response
    assert (response["resourceId"], response["resourceType"]) == (other, "Assessment")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_quotas(service, monkeypatch):
    """The custom-control quota is enforced, with the service's error and 402."""
    monkeypatch.setattr("averment.sandbox.backends.auditmanager_state.MAX_CONTROLS", 1)
    service.create_control(name="first", controlMappingSources=[SOURCE])
    with pytest.raises(service.exceptions.ServiceQuotaExceededException) as caught:
        service.create_control(name="second", controlMappingSources=[SOURCE])
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 402


def test_an_assessment_needs_an_audit_owner(service):
    """RESOURCE_OWNER alone is not enough."""
    control = service.create_control(name="c", controlMappingSources=[SOURCE])["control"]
    framework = service.create_assessment_framework(name="f", controlSets=[{"name": "s", "controls": [{"id": control["id"]}]}])["framework"]
    with pytest.raises(service.exceptions.ValidationException, match="PROCESS_OWNER"):
        service.create_assessment(
            name="a",
            assessmentReportsDestination={"destinationType": "S3", "destination": "s3://audit"},
            scope={},
            roles=[{**OWNER, "roleType": "RESOURCE_OWNER"}],
            frameworkId=framework["id"],
        )


def test_listings_are_paged(service):
    """nextToken leads through all, and a made-up token is refused."""
    for number in range(5):
        service.create_control(name=f"c{number}", controlMappingSources=[SOURCE])
    names, token = [], {}
    while True:
        page = service.list_controls(controlType="Custom", maxResults=2, **token)
        names += [item["name"] for item in page["controlMetadataList"]]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert names == [f"c{number}" for number in range(5)]
    with pytest.raises(ClientError, match="nextToken"):
        service.list_controls(controlType="Custom", nextToken="abcd")


def test_accounts_and_regions_are_apart(service):
    """Another region is another Audit Manager."""
    assert boto3.client("auditmanager", region_name="us-east-1").get_account_status()["status"] == "INACTIVE"


def test_the_aws_cli_builds_and_lists(service, place):
    """The AWS CLI imports evidence, closes a control set and orders a report, and lists them back."""
    flat = ["--assessment-id", place["assessmentId"], "--control-set-id", "Uploads"]
    evidence = json.dumps([{"textResponse": "from the command line"}])
    aws("batch-import-evidence-to-assessment-control", *flat, "--control-id", place["controlId"], "--manual-evidence", evidence)
    (folder,) = aws("get-evidence-folders-by-assessment", "--assessment-id", place["assessmentId"])["evidenceFolders"]
    assert folder["totalEvidence"] == 1
    closed = aws("update-assessment-control-set-status", *flat, "--status", "REVIEWED", "--comment", "done")
    assert closed["controlSet"]["status"] == "REVIEWED"
    own = ["--assessment-id", place["assessmentId"]]
    destination = service.get_assessment(assessmentId=place["assessmentId"])["assessment"]["metadata"]["assessmentReportsDestination"]
    bucket = destination["destination"].removeprefix("s3://").split("/")[0]
    boto3.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    with pytest.raises(service.exceptions.ValidationException, match="needs evidence"):
        service.create_assessment_report(name="q4-report", assessmentId=place["assessmentId"])
    aws("associate-assessment-report-evidence-folder", *own, "--evidence-folder-id", folder["id"])
    aws("create-assessment-report", "--name", "q4-report", *own)
    assert aws("list-assessment-reports")["assessmentReports"][0]["status"] == "IN_PROGRESS"
    (report,) = aws("list-assessment-reports")["assessmentReports"]
    assert (report["name"], report["status"]) == ("q4-report", "COMPLETE")
    link = aws("get-assessment-report-url", *own, "--assessment-report-id", report["id"])["preSignedUrl"]["link"]
    place_in_s3 = "s3://" + bucket + link.split("amazonaws.com", 1)[1].split("?")[0]
    assert aws("validate-assessment-report-integrity", "--s3-relative-path", place_in_s3)["signatureValid"] is True


def test_every_pattern_of_a_request_can_be_checked():
    """The model's patterns, written for Java, compile; none is skipped unseen."""
    model = botocore.session.get_session().get_service_model("auditmanager")
    known = {name for name in vars(AuditManagerResponse) if not name.startswith("_")}
    operations = [name for name in model.operation_names if re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() in known]
    assert len(operations) >= 25
    for name in operations:
        for shape in shapes(model.operation_model(name).input_shape):
            if shape.metadata.get("pattern"):
                assert pattern(shape.metadata["pattern"])


def test_violations_name_the_path():
    """Paths are as AWS writes them, list members counted from 1."""
    model = botocore.session.get_session().get_service_model("auditmanager")
    shape = model.operation_model("BatchImportEvidenceToAssessmentControl").input_shape
    uuid = "aaaaaaaa-0000-4000-8000-000000000000"
    request = {
        "assessmentId": uuid,
        "controlSetId": "s",
        "controlId": uuid,
        "manualEvidence": [{"textResponse": "a"}, {"textResponse": ""}],
    }
    (violation,) = violations(shape, request)
    assert violation.path == "manualEvidence.2.member.textResponse"


def test_moto_alone_has_no_audit_manager(moto_alone):
    """When this fails, moto has caught up."""
    with pytest.raises(ClientError):
        moto_alone("auditmanager").get_account_status()


def shapes(shape, seen=()):
    if shape is None or shape.name in seen:
        return
    yield shape
    if shape.type_name == "structure":
        for member in shape.members.values():
            yield from shapes(member, (*seen, shape.name))
    elif shape.type_name == "list":
        yield from shapes(shape.member, (*seen, shape.name))


def aws(*arguments):
    """The AWS CLI's answer."""
    command = [str(Path(sys.executable).with_name("aws")), "auditmanager", *arguments, "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout or "{}")
