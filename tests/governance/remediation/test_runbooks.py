"""What holds of every shipped runbook before it is run, and what the commands say of them."""

from __future__ import annotations

import ast
import json
import re
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from averment.cli.main import run as averment
from averment.cli.runbooks import given_parameters
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError, IncompleteError
from averment.governance.known import known_parts
from averment.governance.remediation.permissions import document_actions, role_policy, trust_policy
from averment.governance.remediation.runbooks import runbook_names, shipped_runbook, undo_digest
from averment.governance.remediation.runbooks.parameters import check_values
from averment.policies.deployment.documents import bring
from averment.sandbox.automation.calls import fail
from averment.sandbox.automation.document import read
from averment.sandbox.server import ACCOUNT, Sandbox

NAMES = runbook_names()
MAX_DOCUMENT = 64 * 1024
"""Bytes that Systems Manager takes (service quotas of Systems Manager documents)."""


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_document_that_works(name: str):
    """Structure, steps, API calls against botocore's models, references: nothing that would fail only when it is needed."""
    runbook = shipped_runbook(name)
    assert runbook.name == name
    text = json.dumps(runbook.content)
    assert len(text) < MAX_DOCUMENT
    document = read(text)
    assert document.assume_role == "{{ AutomationAssumeRole }}"


@pytest.mark.parametrize("name", NAMES)
def test_it_has_a_dry_run_an_approval_and_a_way_back(name: str):
    """Before any step that changes something stand the plan, the end of a dry run and the approval; how it is undone is written down."""
    runbook = shipped_runbook(name)
    steps = [step["name"] for step in runbook.content["mainSteps"]]
    assert steps[:4] == ["plan", "howToGoOn", "planned", "approve"]
    assert {"DryRun", "Approvers"} <= set(runbook.content["parameters"])
    assert {"plan.Summary", "plan.DryRun", "plan.Undo"} <= set(runbook.content["outputs"])
    assert runbook.rollback
    changing = ("Put", "Delete", "Update", "Disable", "Create")
    for step in runbook.content["mainSteps"][4:]:
        if step["inputs"].get("Api", "").startswith(changing) and "putBack" in steps and (name, step["name"]) not in ALONE:
            assert step.get("onFailure") == "step:putBack", f"{step['name']} leaves things half done when it fails"


ALONE = frozenset(("pause-pipeline", step) for step in ("deleteEndpoint", "disableEventSource", "disableRule", "stopFunction"))
"""The first and only change of their way: where it fails nothing is half done."""


@pytest.mark.parametrize("name", [name for name in NAMES if name != "isolate-bucket"])
def test_by_default_nothing_is_changed(name: str):
    """But for the one that AWS Config starts beside a finding, a runbook that is merely started says what it would do."""
    assert shipped_runbook(name).content["parameters"]["DryRun"]["default"] is True


@pytest.mark.parametrize("name", NAMES)
def test_its_permissions_are_real_and_no_wildcards(name: str):
    """Every action is one of the service's, by the list that cfn-lint brings; none is a pattern."""
    listed = json.loads(resources.files("cfnlint").joinpath("data", "AdditionalSpecs", "Policies.json").read_text(encoding="utf-8"))
    for action in document_actions(shipped_runbook(name).content):
        service, _, verb = action.partition(":")
        assert verb.lower() in listed[service]["Actions"], action


@pytest.mark.parametrize(
    "script", sorted((Path(__file__).parents[3] / "governance/remediation/runbooks/scripts").glob("*.py")), ids=lambda path: path.stem
)
def test_its_scripts_need_what_the_service_has(script: Path):
    """Standard library, boto3 and botocore: Automation's runtime has nothing else."""
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        names = (
            [item.name for item in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | {"boto3", "botocore"}


def test_every_runbook_that_a_control_names_is_there():
    """The catalogue sends people to runbooks that exist."""
    named = {control.runbook for control in load_catalogue() if control.runbook}
    assert named <= known_parts().runbooks
    assert "isolate-bucket" in named


def test_restore_knows_each_runbooks_way_back_and_no_other_call():
    """What it takes from an execution are the calls that this runbook itself would put back with, and what it may do is all of these."""
    plan, *_, put_back = shipped_runbook("restore").content["mainSteps"]
    known = {name.removeprefix("averment-"): set(calls) for name, calls in plan["inputs"]["InputPayload"]["Runbooks"].items()}
    assert set().union(*known.values()) == set(put_back["inputs"]["InputPayload"]["Allowed"])
    for name in set(NAMES) - {"restore"}:
        steps = {step["name"]: step for step in shipped_runbook(name).content["mainSteps"]}
        if "putBack" in steps:
            assert set(steps["putBack"]["inputs"]["InputPayload"]["Allowed"]) <= known[name]
    for name, calls in known.items():
        [script] = [step["inputs"]["Script"] for step in shipped_runbook(name).content["mainSteps"] if step["name"] == "plan"]
        assert all(call.partition(":")[2] in script for call in calls), f"{name} plans no such call"


def test_a_role_is_as_narrow_as_its_parameters():
    """With a bucket's name the statements are about that bucket; without, about any; the evidence bucket is never written as the source."""
    content = shipped_runbook("preserve-evidence").content
    narrow = role_policy(content, {"BucketName": "media", "EvidenceBucket": "proof"}, account=ACCOUNT)
    where = {action: statement["Resource"] for statement in narrow["Statement"] for action in statement["Action"]}
    assert where["s3:PutObject"] == ["arn:aws:s3:::proof/*"]
    assert where["s3:ListBucketVersions"] == ["arn:aws:s3:::media"]
    assert where["s3:GetObjectVersion"] == ["arn:aws:s3:::media/*"]
    wide = role_policy(content)
    assert {resource for statement in wide["Statement"] for resource in statement["Resource"]} == {"arn:aws:s3:::*", "arn:aws:s3:::*/*"}


def test_a_role_for_an_endpoint_names_it_as_its_arn_does():
    """SageMaker's ARNs are in small letters, and IAM compares them letter by letter: a role for endpoint/Media-Detector could pause nothing."""
    narrow = role_policy(shipped_runbook("pause-pipeline").content, {"Kind": "endpoint", "Name": "Media-Detector"}, account=ACCOUNT)
    where = {action: statement["Resource"] for statement in narrow["Statement"] for action in statement["Action"]}
    assert where["sagemaker:DeleteEndpoint"] == [f"arn:aws:sagemaker:*:{ACCOUNT}:endpoint/media-detector"]
    assert where["events:DisableRule"] == [f"arn:aws:events:*:{ACCOUNT}:rule/Media-Detector"]


class Systems:
    """Systems Manager as it answers: at once, with a version that is still being made, and that ``answers`` tell of one by one."""

    def __init__(self, answers: list[Any], version: str = "1") -> None:
        self.answers, self.asked, self.version = answers, 0, version

    def create_document(self, **_: Any) -> Any:
        if self.version != "1":
            raise refusal("CreateDocument", "DocumentAlreadyExists")
        return {"DocumentDescription": {"DocumentVersion": "1", "Status": "Creating"}}

    def update_document(self, **_: Any) -> Any:
        return {"DocumentDescription": {"DocumentVersion": self.version, "Status": "Updating"}}

    def get_document(self, **given: Any) -> Any:
        assert given["DocumentVersion"] == self.version
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"Status": answer, "StatusInformation": "it said no"}


def refusal(operation: str, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


@pytest.mark.parametrize("version", ["1", "4"])
def test_a_document_is_waited_for_until_it_can_be_run(version: str) -> None:
    """CreateDocument and UpdateDocument answer before the version is Active (botocore's ``DocumentStatus``): to start it at once is refused."""
    systems, pauses = Systems([refusal("GetDocument", "InvalidDocument"), "Creating", "Updating", "Active"], version), list[float]()
    assert bring(systems, "averment-isolate-bucket", {}, sleep=pauses.append) == version
    assert (systems.asked, len(pauses)) == (4, 3)
    assert bring(Systems([refusal("GetDocument", "AccessDeniedException")], version), "x", {}, sleep=pauses.append) == version
    with pytest.raises(IncompleteError, match="failed at the document x: it said no"):
        bring(Systems(["Failed"], version), "x", {}, sleep=pauses.append)
    with pytest.raises(IncompleteError, match="still Creating after 60 s"):
        bring(Systems(["Creating"] * 20, version), "x", {}, sleep=pauses.append)


def test_the_trust_policy_is_to_be_had_for_an_account_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Who makes a role needs it as much as the policy; without the account it would let in Systems Manager for anybody's."""
    assert averment(["runbooks", "role", "isolate-bucket", "--trust", "--account", ACCOUNT]) == 0
    assert json.loads(capsys.readouterr().out) == trust_policy(ACCOUNT)
    assert averment(["runbooks", "role", "isolate-bucket", "--trust"]) == 2
    assert "--account with its twelve digits" in capsys.readouterr().err


def test_a_role_for_a_user_has_no_rights_on_roles():
    """What may stay empty and does needs no permission; with nothing given everything is in it."""
    content = shipped_runbook("suspend-access").content
    narrow = role_policy(content, {"UserName": "agency"}, account=ACCOUNT)
    assert {resource for statement in narrow["Statement"] for resource in statement["Resource"]} == {
        f"arn:aws:iam::{ACCOUNT}:user/{path}agency"
        for path in ("", "*/")  # no call names the path that a user or role stands below, and its ARN has it
    }
    assert {resource for statement in role_policy(content)["Statement"] for resource in statement["Resource"]} == {
        "arn:aws:iam::*:role/*",
        "arn:aws:iam::*:user/*",
    }


def document(script: str, **payload: Any) -> dict[str, Any]:
    return {"mainSteps": [{"name": "s", "action": "aws:executeScript", "inputs": {"Script": script, "InputPayload": payload}}]}


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("import boto3\nboto3.client('s3').delete_bucket(Bucket='x')", "s3:delete_bucket needs is not known"),
        ("import boto3\ngetattr(boto3.client('s3'), 'x')()", "makes calls that can't be told"),
        ("def broken(", "is not Python"),
    ],
)
def test_a_call_whose_permissions_are_not_known_is_an_error(script: str, says: str):
    """A role that lacks something silently would fail in the incident."""
    with pytest.raises(BadInputError, match=says):
        document_actions(document(script))


def test_list_show_render_and_role(capsys: pytest.CaptureFixture[str]):
    """What one needs before one starts a runbook; an unknown name is answered with those that there are."""
    assert averment(["runbooks", "list", "--format", "json"]) == 0
    assert [item["name"] for item in json.loads(capsys.readouterr().out)] == NAMES
    assert averment(["runbooks", "show", "suspend-access"]) == 0
    shown = capsys.readouterr().out
    assert "iam:UpdateAccessKey" in shown
    assert "restore takes the denial off" in shown
    assert averment(["runbooks", "render", "restore"]) == 0
    assert json.loads(capsys.readouterr().out) == shipped_runbook("restore").content
    assert averment(["runbooks", "role", "isolate-bucket", "-p", "BucketName=media"]) == 0
    (statement,) = json.loads(capsys.readouterr().out)["Statement"]
    assert statement["Resource"] == ["arn:aws:s3:::media"], "what puts things back is about the same bucket"
    assert averment(["runbooks", "role", "isolate-bucket", "-p", "BucketName=media", "--region", "cn-north-1"]) == 0
    (statement,) = json.loads(capsys.readouterr().out)["Statement"]
    assert statement["Resource"] == ["arn:aws-cn:s3:::media"], "IAM of a partition takes ARNs of its own alone"
    assert averment(["runbooks", "show", "isolate"]) == 2
    assert "one of invalidate-cdn, isolate-bucket" in capsys.readouterr().err


def test_run_says_what_it_would_do_then_does_it(sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """The document is brought into the account; a dry run by default; --for-real changes; a failure is exit 3 with the step."""
    monkeypatch.setattr("averment.cli.runbooks.POLL_SECONDS", 0.05)
    boto3.client("s3").create_bucket(Bucket="media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ssm.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    role = boto3.client("iam").create_role(RoleName="runbook", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    started = ["runbooks", "run", "isolate-bucket", "--role", role, "-p", "BucketName=media"]
    assert averment([*started, "-p", "BucketName=other"]) == 2
    assert "BucketName is given twice, as 'media' and as 'other'" in capsys.readouterr().err
    assert averment(started) == 0
    assert "would: all of s3://media" in capsys.readouterr().out
    with pytest.raises(boto3.client("s3").exceptions.ClientError, match="NoSuchBucketPolicy"):
        boto3.client("s3").get_bucket_policy(Bucket="media")
    assert averment([*started, "--for-real"]) == 0
    done = capsys.readouterr()
    assert "done: all of s3://media" in done.out
    told = re.search(r"restore -p (ExecutionId=\S+) -p (UndoSha256=[0-9a-f]{64}) ", " ".join(done.err.split()))
    assert told is not None, "how it is undone is told while it can still be written down"
    assert "IsolatedByAverment" in boto3.client("s3").get_bucket_policy(Bucket="media")["Policy"]
    back = ["runbooks", "run", "restore", "--role", role, "-p", told[1], "-p", told[2], "-p", "Approvers=lead"]
    assert averment(back) == 0
    assert "would: put back what averment-isolate-bucket changed" in capsys.readouterr().out
    assert averment([*started[:-1], "BucketName=gone", "--for-real"]) == 3
    assert "NoSuchBucket" in capsys.readouterr().err
    assert averment([*started[:3], "--role", role]) == 2
    assert "isolate-bucket needs BucketName" in capsys.readouterr().err
    assert averment([*started, "-p", "Bucket=x"]) == 2
    assert "is no parameter of isolate-bucket" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "given", "fix"),
    [
        ("isolate-bucket", "Exact=perhaps", "true or false"),
        ("isolate-bucket", "BucketName=", "leave it out"),
        ("isolate-bucket", f"Prefix={'x' * 513}", "at most 512 characters"),
        ("suspend-access", "Approvers=lead,", "leave it out"),
        ("suspend-access", "UserName=a/b", "The user to suspend"),
        ("pause-pipeline", "Kind=queue", "one of endpoint, event-source, rule, function"),
        ("preserve-evidence", "MaxObjects=all", "write a number"),
        ("restore", "UndoSha256=abc", "from where it was written down"),
    ],
)
def test_a_value_that_no_runbook_takes_is_bad_input(name: str, given: str, fix: str) -> None:
    """It is told before anything is brought into the account, with what would do. A role may be narrowed to a pattern."""
    with pytest.raises(BadInputError) as caught:
        check_values(shipped_runbook(name), given_parameters(shipped_runbook(name), [given]))
    assert given.partition("=")[0] in caught.value.message
    assert fix in str(caught.value.fix)


@pytest.fixture
def role(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> str:
    """The role that runbooks act as, in an account whose executions are looked at often."""
    monkeypatch.setattr("averment.cli.runbooks.POLL_SECONDS", 0.05)
    made = boto3.client("iam").create_role(RoleName="runbook", AssumeRolePolicyDocument=json.dumps(trust_policy(ACCOUNT)))
    return str(made["Role"]["Arn"])


def undone_by(said: str) -> tuple[str, str]:
    """The execution and the digest that were printed with how it is undone."""
    told = re.search(r"run restore -p ExecutionId=(\S+) -p UndoSha256=([0-9a-f]{64}) ", " ".join(said.split()))
    assert told is not None, said
    return told[1], told[2]


@pytest.mark.parametrize("may", [True, False])
def test_a_renewed_runbook_is_the_one_that_everybody_runs(
    role: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], may: bool
) -> None:
    """An earlier release's document is in the account: the new version becomes the default, which ``incident contain`` runs, or a note says that it isn't."""
    ssm, content = boto3.client("ssm"), dict(shipped_runbook("isolate-bucket").content)
    name = shipped_runbook("isolate-bucket").document
    ssm.create_document(Name=name, DocumentType="Automation", Content=json.dumps({**content, "description": "of an earlier release"}))
    boto3.client("s3").create_bucket(Bucket="media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    if not may:
        asked = BaseClient._make_api_call

        def make(self: Any, operation: str, kwargs: Any) -> Any:
            if operation == "UpdateDocumentDefaultVersion":
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)
            return asked(self, operation, kwargs)

        monkeypatch.setattr(BaseClient, "_make_api_call", make)
    assert averment(["runbooks", "run", "isolate-bucket", "--role", role, "-p", "BucketName=media"]) == 0
    told = ssm.describe_document(Name=name)["Document"]
    assert (told["LatestVersion"], told["DefaultVersion"]) == ("2", "2" if may else "1")
    assert ("goes on running another version" in " ".join(capsys.readouterr().err.split())) is not may


@pytest.mark.parametrize("default", ["1", "2"])
def test_a_version_that_somebody_put_above_it_is_not_run(role: str, default: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What was brought before was there "already", and the latest was run: somebody else's, which isolated nothing, and ``done`` was said of it."""
    runbook, ssm = shipped_runbook("isolate-bucket"), boto3.client("ssm")
    boto3.client("s3").create_bucket(Bucket="media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    started = ["runbooks", "run", "isolate-bucket", "--role", role, "-p", "BucketName=media"]
    assert averment(started) == 0
    theirs = {**runbook.content, "mainSteps": [{"name": "rest", "action": "aws:sleep", "inputs": {"Duration": "PT0S"}}]}
    theirs.pop("outputs")
    ssm.update_document(Name=runbook.document, Content=json.dumps(theirs), DocumentFormat="JSON", DocumentVersion="$LATEST")
    ssm.update_document_default_version(Name=runbook.document, DocumentVersion=default)
    assert averment([*started, "--for-real"]) == 0
    assert "done: all of s3://media" in capsys.readouterr().out
    assert "IsolatedByAverment" in boto3.client("s3").get_bucket_policy(Bucket="media")["Policy"]
    assert ssm.get_document(Name=runbook.document)["DocumentVersion"] == "1"


def test_who_may_not_change_documents_runs_what_is_deployed(
    role: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A responder needs no right to write runbooks: one that is in the account is run as it is, which is said, and one that isn't can't be."""
    runbook = shipped_runbook("isolate-bucket")
    boto3.client("s3").create_bucket(Bucket="media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    asked = BaseClient._make_api_call

    def make(self: Any, operation: str, kwargs: Any) -> Any:
        if operation in {"CreateDocument", "UpdateDocument"}:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)
        return asked(self, operation, kwargs)

    monkeypatch.setattr(BaseClient, "_make_api_call", make)
    started = ["runbooks", "run", "isolate-bucket", "--role", role, "-p", "BucketName=media"]
    assert averment(started) == 3
    capsys.readouterr()
    asked(
        boto3.client("ssm"),
        "CreateDocument",
        {"Name": runbook.document, "DocumentType": "Automation", "Content": json.dumps(runbook.content)},
    )
    assert averment(started) == 0
    said = capsys.readouterr()
    assert "would: all of s3://media" in said.out
    assert "is run as it is deployed in the account" in " ".join(said.err.split())

    theirs = {**runbook.content, "mainSteps": [{"name": "rest", "action": "aws:sleep", "inputs": {"Duration": "PT0S"}}]}
    theirs.pop("outputs")
    boto3.client("ssm").delete_document(Name=runbook.document)
    emptied = {"Name": runbook.document, "DocumentType": "Automation", "Content": json.dumps(theirs)}
    asked(boto3.client("ssm"), "CreateDocument", emptied)
    assert averment([*started, "--for-real"]) == 3
    said = capsys.readouterr()
    assert "done" not in said.out, "what is deployed isolated nothing"
    assert "another's document bears this one's name" in " ".join(said.err.split())


def test_who_does_not_wait_hears_where_the_way_back_is_put_on_record(role: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The digest that ``restore`` asks for is told once; of an execution that nobody follows it was told never."""
    boto3.client("s3").create_bucket(Bucket="media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    started = ["runbooks", "run", "isolate-bucket", "--role", role, "-p", "BucketName=media", "--no-wait"]
    assert averment([*started, "--for-real"]) == 0
    said = capsys.readouterr()
    assert f"contain ID --do execution={said.out.strip()} --by" in " ".join(said.err.split())
    assert averment(started) == 0
    assert "execution=" not in capsys.readouterr().err


def test_how_it_is_undone_is_told_before_the_approval(role: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]):
    """Three runbooks always wait for an approver, and the command doesn't wait with them: afterwards nobody has the digest any more."""
    boto3.client("ssm").put_parameter(Name="/mode", Value="automatic", Type="String")
    given = ["-p", "ParameterName=/mode", "-p", "Mode=stopped", "-p", "Approvers=lead"]
    assert averment(["runbooks", "run", "stop-identity-path", *given, "--role", role, "--for-real"]) == 3  # nothing is stopped yet
    said = capsys.readouterr().err
    identifier, digest = undone_by(said)
    assert "once it is approved, it is undone by" in " ".join(said.split())
    assert digest == undo_digest({"plan.Undo": [sandbox.automation(identifier).resolve("{{ plan.Undo }}")]})
    boto3.client("ssm").stop_automation_execution(AutomationExecutionId=identifier)


def test_what_asks_for_an_approval_fits_there(role: str, capsys: pytest.CaptureFixture[str]):
    """The message of an approval has at most 4,096 characters: a long mode, or many paths, ended the runbook before anybody was asked."""
    boto3.client("ssm").put_parameter(Name="/mode", Value="x" * 4096, Type="String")
    origin = {"Id": "media", "DomainName": "media.s3.eu-west-1.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    distribution = boto3.client("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": "1",
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {"TargetOriginId": "media", "ViewerProtocolPolicy": "https-only"},
        }
    )["Distribution"]["Id"]
    paths = [part for number in range(20) for part in ("-p", f"Paths=/products/{number}/{'x' * 400}")]
    for given in (
        ["stop-identity-path", "-p", "ParameterName=/mode", "-p", "Mode=stopped"],
        ["invalidate-cdn", "-p", f"DistributionId={distribution}", *paths],
    ):
        assert averment(["runbooks", "run", *given, "-p", "Approvers=lead", "--role", role, "--for-real"]) == 3
        said = capsys.readouterr()
        assert "nothing was changed yet, it waits for approval" in said.err
        boto3.client("ssm").stop_automation_execution(AutomationExecutionId=said.out.split()[0])


def test_how_it_is_undone_is_told_of_what_broke_half_way(role: str, capsys: pytest.CaptureFixture[str]):
    """The way back broke as well: the bucket stays isolated, and restore asks for the digest. Where nothing was begun, none is told."""
    boto3.client("s3").create_bucket(Bucket="media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    isolate = ["runbooks", "run", "isolate-bucket", "-p", "BucketName=media", "--role", role, "--for-real"]
    fail("s3", "PutPublicAccessBlock")
    fail("s3", "DeleteBucketPolicy")
    assert averment(isolate) == 3
    said = capsys.readouterr().err
    assert "IsolatedByAverment" in boto3.client("s3").get_bucket_policy(Bucket="media")["Policy"]
    identifier, digest = undone_by(said)
    assert "if a part of it was done and not put back" in " ".join(said.split())
    back = ["runbooks", "run", "restore", "-p", f"ExecutionId={identifier}", "-p", f"UndoSha256={digest}", "-p", "Approvers=lead"]
    assert averment([*back, "--role", role]) == 0
    fail("s3", "PutBucketPolicy")
    assert averment(isolate) == 3  # and everything was put back
    assert "run restore" not in capsys.readouterr().err
    assert averment([*isolate[:4], "BucketName=gone", *isolate[5:]]) == 3
    said_of_none = capsys.readouterr()
    assert "run restore" not in said_of_none.err
    assert averment([*back[:4], f"ExecutionId={said_of_none.out.strip()}", *back[5:], "--role", role]) == 3
    assert "wrote down no way back" in " ".join(capsys.readouterr().err.split())


def test_a_list_may_be_given_a_value_at_a_time() -> None:
    """Every approver counts, however they are named: of two of them one would wait in vain to be asked."""
    runbook = shipped_runbook("isolate-bucket")
    assert given_parameters(runbook, ["Approvers=lead", "Approvers=chief,owner"]) == {"Approvers": ["lead", "chief", "owner"]}
