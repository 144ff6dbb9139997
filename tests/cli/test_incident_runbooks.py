"""``averment incident contain`` by the runbooks that ship, over a connection to the embedded AWS: the account afterwards, and the ledger's word."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from averment.cli.main import run
from averment.core.organisation import load_organisation
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Gathering, Kind, Record
from averment.governance.incidents import runbook_measures
from averment.governance.remediation.permissions import trust_policy
from averment.governance.remediation.runbooks import shipped_runbook
from averment.sandbox.automation import calls
from averment.sandbox.server import ACCOUNT, Sandbox

Contain = Callable[..., tuple[int, str, Record]]
ROLE = f"AutomationAssumeRole=arn:aws:iam::{ACCOUNT}:role/runbook"
BY = ("--by", "security-operations")
OPEN = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "Shop", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::published/*"}],
}


@pytest.fixture
def contain(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Contain:
    """Contains by ``--do`` in a shop whose account has the runbooks and their role: exit code, what was said, the ledger's last record."""
    boto3.client("iam").create_role(RoleName="runbook", AssumeRolePolicyDocument=json.dumps(trust_policy(ACCOUNT)))
    for name in ("isolate-bucket", "suspend-access", "restore"):
        runbook = shipped_runbook(name)
        boto3.client("ssm").create_document(Name=runbook.document, DocumentType="Automation", Content=json.dumps(runbook.content))
    (tmp_path / "averment.yaml").write_text("version: 1\norganisation: {name: Shop}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runbook_measures, "POLL_SECONDS", 0.1)
    assert run(["incident", "open", "A faked product picture", *BY]) == 0
    assert run(["incident", "preserve", "latest", "--nothing", *BY, "--because", "The bytes lie at the partner's."]) == 0
    capsys.readouterr()

    def make(measure: str) -> tuple[int, str, Record]:
        code = run(["incident", "contain", "latest", "--do", measure, *BY, "--because", "It is live."])
        with open_ledger(load_organisation(tmp_path / "averment.yaml")) as ledger:
            *_, last = ledger.records(Kind.INCIDENT)
        return code, capsys.readouterr().out, last.record

    return make


@pytest.fixture
def published(sandbox: Sandbox) -> Any:
    """A bucket with a picture and a policy of its own."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="published", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="published", Key="autumn/4.jpg", Body=b"fake")
    s3.put_bucket_policy(Bucket="published", Policy=json.dumps(OPEN))
    return s3


def policy(s3: Any) -> Any:
    return json.loads(s3.get_bucket_policy(Bucket="published")["Policy"])


def test_an_isolation_holds_and_the_record_names_its_execution(contain: Contain, published: Any, sandbox: Sandbox) -> None:
    """By the runbook's own name: nobody reads the picture any more; the record has the execution and what stood there before."""
    code, said, record = contain(f"runbook=isolate-bucket:BucketName=published,{ROLE}")
    assert (code, said.split(":")[0]) == (0, "holds")
    with pytest.raises(ClientError, match="AccessDenied"):
        published.get_object(Bucket="published", Key="autumn/4.jpg")
    execution = sandbox.automation(str(record.payload["reference"]))
    assert (execution.name, execution.status) == ("averment-isolate-bucket", "Success")
    assert (record.payload["outcome"], record.gathering) == ("holds", Gathering.COLLECTED)
    undo = execution.outputs["plan.Undo"][0]
    assert record.payload["before"] == {"outputs": execution.outputs, "undo_sha256": sha256(undo.encode()).hexdigest()}
    assert "put_bucket_policy" in execution.outputs["plan.Undo"][0]


def test_another_s_document_under_a_runbook_s_name_contains_nothing(contain: Contain, published: Any) -> None:
    """It ended well and did nothing, and the record said of it that it holds."""
    ssm, own = boto3.client("ssm"), shipped_runbook("isolate-bucket")
    theirs = {**own.content, "mainSteps": [{"name": "rest", "action": "aws:sleep", "inputs": {"Duration": "PT0S"}}]}
    theirs.pop("outputs")
    ssm.update_document(Name=own.document, Content=json.dumps(theirs), DocumentFormat="JSON", DocumentVersion="$LATEST")
    ssm.update_document_default_version(Name=own.document, DocumentVersion="2")
    code, said, record = contain(f"runbook=isolate-bucket:BucketName=published,{ROLE}")
    assert (code, said.split(":")[0], record.payload["outcome"]) == (3, "failed", "failed")
    assert "the document of that name in the account is another's" in str(record.reason)
    assert policy(published) == OPEN


def test_taking_it_back_is_left_to_the_runbook_that_restores(contain: Contain, published: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """``recover --undo`` of a runbook is refused with the very command that restores, and the digest that the ledger has of the way back."""
    _, _, record = contain(f"runbook=isolate-bucket:BucketName=published,{ROLE}")
    assert run(["incident", "recover", "latest", "--undo", "2", *BY, "--because", "It was genuine."]) == 2
    told = f"averment runbooks run restore -p ExecutionId={record.payload['reference']} -p UndoSha256={record.payload['before']['undo_sha256']}"
    assert told in " ".join(capsys.readouterr().err.split())


def test_an_isolation_that_fails_half_way_is_no_containment(contain: Contain, published: Any) -> None:
    """The policy was changed when the next call was refused: it is as before, the record says failed, at what, and that it was put back; exit 3."""
    calls.fail("s3", "PutPublicAccessBlock")
    code, said, record = contain(f"runbook=isolate-bucket:BucketName=published,{ROLE}")
    assert (code, said.split(":")[0]) == (3, "failed")
    assert policy(published) == OPEN
    assert published.get_object(Bucket="published", Key="autumn/4.jpg")["Body"].read() == b"fake"
    assert (record.payload["outcome"], record.gathering) == ("failed", Gathering.PARTIAL)
    assert "PutPublicAccessBlock" in str(record.reason)
    assert str(record.payload["reason"]).endswith("steps from there: blockPublicAccess Failed, putBack Success")


def test_a_way_back_that_failed_too_is_on_record(contain: Contain, published: Any) -> None:
    """Whoever reads the record must know that the account is neither contained nor as it was."""
    calls.fail("s3", "PutPublicAccessBlock")
    calls.fail("s3", "PutBucketPolicy", when=lambda given: json.loads(given["Policy"]) == OPEN)
    code, _, record = contain(f"runbook=isolate-bucket:BucketName=published,{ROLE}")
    assert (code, policy(published) == OPEN) == (3, False)
    assert "putBack Failed" in str(record.payload["reason"])
    assert "s3:put_bucket_policy" in str(record.payload["reason"])


def test_stopping_the_wait_records_the_execution_and_tries_nothing_further(
    contain: Contain, published: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Ctrl-C while a runbook runs: the ledger names the execution, which goes on, and the measures after it are left and named."""
    boto3.client("iam").create_user(UserName="pixelpost")
    key = boto3.client("iam").create_access_key(UserName="pixelpost")["AccessKey"]["AccessKeyId"]

    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(runbook_measures.Runbook, "_followed", stopped)
    measures = ("--do", f"runbook=isolate-bucket:BucketName=published,{ROLE}", "--do", f"disable-key=pixelpost/{key}")
    assert run(["incident", "contain", "latest", *measures, *BY, "--because", "It is live."]) == 3
    assert capsys.readouterr().out.splitlines()[-1] == f"not tried: disable-key pixelpost/{key}"
    with open_ledger(load_organisation(tmp_path / "averment.yaml")) as ledger:
        *_, last = ledger.records(Kind.INCIDENT)
    assert sandbox.automation(str(last.record.payload["reference"])).name == "averment-isolate-bucket"
    assert boto3.client("iam").list_access_keys(UserName="pixelpost")["AccessKeyMetadata"][0]["Status"] == "Active"


def test_of_several_measures_none_is_taken_while_one_is_mistyped(contain: Contain, sandbox: Sandbox, tmp_path: Path) -> None:
    """Whoever mends the mistake runs all of them again; until then nothing was done that a second run would find done already."""
    boto3.client("iam").create_user(UserName="pixelpost")
    key = boto3.client("iam").create_access_key(UserName="pixelpost")["AccessKey"]["AccessKeyId"]
    measures = ("--do", f"disable-key=pixelpost/{key}", "--do", "hide-object=autumn/4.jpg")
    assert run(["incident", "contain", "latest", *measures, *BY, "--because", "It is live."]) == 2
    assert boto3.client("iam").list_access_keys(UserName="pixelpost")["AccessKeyMetadata"][0]["Status"] == "Active"
    with open_ledger(load_organisation(tmp_path / "averment.yaml")) as ledger:
        assert ledger.size == 2


@pytest.mark.parametrize("dry", ["true", "True"])
def test_a_dry_run_of_a_runbook_is_never_a_containment(contain: Contain, published: Any, dry: str) -> None:
    """The execution is a success in which nothing happened."""
    code, _, record = contain(f"runbook=isolate-bucket:BucketName=published,DryRun={dry},{ROLE}")
    assert (code, record.payload["outcome"]) == (3, "failed")
    assert "it was a dry run, which changes nothing" in str(record.reason)
    assert policy(published) == OPEN


def test_a_dry_run_by_default_is_seen_too(contain: Contain, sandbox: Sandbox) -> None:
    """By the document's full name nothing is added to the parameters: its default is a dry run, and the record says that nothing was done."""
    iam = boto3.client("iam")
    iam.create_role(RoleName="partner", AssumeRolePolicyDocument="{}")
    code, _, record = contain(f"runbook=averment-suspend-access:RoleName=partner,Approvers=lead,{ROLE}")
    assert (code, record.payload["outcome"]) == (3, "failed")
    assert "it was a dry run" in str(record.reason)
    assert iam.list_role_policies(RoleName="partner")["PolicyNames"] == []


def _answered(sandbox: Sandbox, execution: str, answer: str) -> None:
    """``lead`` answers the approval that ``execution`` waits for."""
    iam = boto3.client("iam")
    iam.create_user(UserName="lead")
    key = iam.create_access_key(UserName="lead")["AccessKey"]
    lead = boto3.client("ssm", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    lead.send_automation_signal(AutomationExecutionId=execution, SignalType=answer)
    sandbox.automation(execution).join(60)


@pytest.mark.parametrize(
    ("answer", "exit_code", "outcome", "policies"),
    [("Approve", 0, "holds", ["AvermentRevokedSessions", "AvermentSuspended"]), ("Reject", 3, "failed", [])],
)
def test_what_waits_for_an_approval_is_under_way_until_it_is_answered(
    contain: Contain, sandbox: Sandbox, answer: str, exit_code: int, outcome: str, policies: list[str]
) -> None:
    """Nothing is changed before; the record says how to approve; looking again at the execution records what came of it."""
    iam = boto3.client("iam")
    iam.create_role(RoleName="partner", AssumeRolePolicyDocument="{}")
    code, said, record = contain(f"runbook=suspend-access:RoleName=partner,Approvers=lead,{ROLE}")
    execution = str(record.payload["reference"])
    assert (code, said.split(":")[0], record.payload["outcome"]) == (3, "under-way", "under-way")
    assert f"--do execution={execution}" in said
    assert iam.list_role_policies(RoleName="partner")["PolicyNames"] == []
    _answered(sandbox, execution, answer)
    code, _, record = contain(f"execution={execution}")
    assert (code, record.payload["outcome"], record.payload["reference"]) == (exit_code, outcome, execution)
    assert sorted(iam.list_role_policies(RoleName="partner")["PolicyNames"]) == policies


@pytest.mark.parametrize(
    ("measure", "says"),
    [
        ("runbook=no-such-document:BucketName=published", "AutomationDefinitionNotFound"),
        (
            f"runbook=invalidate-cdn:DistributionId=E1ABCDEFGHIJKL,Paths=/a,{ROLE}",
            "deploy it by a dry run, `averment runbooks run invalidate-cdn",
        ),
        (
            "runbook=isolate-bucket:BucketName=published,AutomationAssumeRole=arn:aws:iam::123456789012:role/nobody",
            "trusts Systems Manager: averment runbooks role NAME --trust",
        ),
        (f"runbook=averment-isolate-bucket:Bucket=published,{ROLE}", "there is no parameter Bucket"),
        ("execution=4105a4fc-f944-11e6-9d32-0a1b2c3d4951", "AutomationExecutionNotFound"),
    ],
)
def test_what_could_not_be_started_is_on_record_as_failed(contain: Contain, measure: str, says: str) -> None:
    """A document that isn't deployed, a role that nobody made for it, a parameter that it doesn't have, an execution that there isn't: each with AWS's
    reason, and what to do where that is known."""
    code, _, record = contain(measure)
    assert (code, record.payload["outcome"], record.payload["reference"]) == (3, "failed", None)
    assert says in str(record.reason)
