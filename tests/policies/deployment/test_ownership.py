"""Stacks and conformance packs that bear the names of a deployment and are somebody else's. Origin of the data: made here, on the embedded AWS."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import boto3
import pytest

from averment.cli.main import run
from averment.cli.rules_deploy import built

ACCOUNT = "123456789012"
STACK = "averment-config-rules"
FUNCTION = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{STACK}"
ORGANISATION = """
version: 1
controls: [SM-UPL-03]
scope:
  media:
    - {role: upload, names: ["*-uploads"]}
"""
OTHER_STACK = "{Description: \"Rules of the platform team\\n::error::\", Resources: {Topic: {Type: 'AWS::SNS::Topic'}}}"
OTHER_PACK = """
Resources:
  Versioned:
    Type: AWS::Config::ConfigRule
    Properties:
      ConfigRuleName: buckets-versioned
      Source: {Owner: AWS, SourceIdentifier: S3_BUCKET_VERSIONING_ENABLED}
"""


@pytest.fixture
def account(sandbox: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An account where AWS Config records, with a bucket for artifacts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text(ORGANISATION, encoding="utf-8")
    boto3.client("s3").create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    recorder = {"name": "default", "roleARN": f"arn:aws:iam::{ACCOUNT}:role/config", "recordingGroup": {"allSupported": True}}
    config = boto3.client("config")
    config.put_configuration_recorder(ConfigurationRecorder=recorder)
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "artifacts"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    return tmp_path


def averment(*arguments: str) -> int:
    return run(["rules", *arguments, "--artifacts", "artifacts"])


def put(name: str, body: str, **given: str) -> None:
    """A pack that is put without tags, and waited for."""
    config = boto3.client("config")
    parameters = [{"ParameterName": key, "ParameterValue": value} for key, value in given.items()]
    config.put_conformance_pack(ConformancePackName=name, TemplateBody=body, ConformancePackInputParameters=parameters)
    states = [config.describe_conformance_pack_status()["ConformancePackStatusDetails"] for _ in range(3)][-1]
    assert {item["ConformancePackState"] for item in states} == {"CREATE_COMPLETE"}, [
        item.get("ConformancePackStatusReason") for item in states
    ]


def packs() -> list[str]:
    return [item["ConformancePackName"] for item in boto3.client("config").describe_conformance_packs()["ConformancePackDetails"]]


def stacks() -> list[str]:
    return [item["StackName"] for item in boto3.client("cloudformation").describe_stacks()["Stacks"]]


def by_terraform() -> None:
    """The function with a role of its own, and the pack that calls it: what the Terraform of ``rules build`` makes, which has no stack."""
    role = boto3.client("iam").create_role(RoleName=f"{STACK}-20261130", AssumeRolePolicyDocument=json.dumps({"Statement": []}))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("x.py", "")
    boto3.client("lambda").create_function(
        FunctionName=STACK, Runtime="python3.12", Role=role["Role"]["Arn"], Handler="x.x", Code={"ZipFile": archive.getvalue()}
    )
    boto3.client("lambda").add_permission(
        FunctionName=STACK, StatementId="config", Action="lambda:InvokeFunction", Principal="config.amazonaws.com", SourceAccount=ACCOUNT
    )
    made = built(None)
    for runbook in made.plan.runbooks:
        boto3.client("ssm").create_document(Name=runbook.document, Content=json.dumps(runbook.content), DocumentType="Automation")
    [pack] = made.packs
    given = {"FunctionArn": FUNCTION, "RemediationRoleArn": f"arn:aws:iam::{ACCOUNT}:role/averment-runbooks-20261130"}
    put("averment", pack.body, **{name: value for name, value in given.items() if name in pack.parameters})


def test_a_stack_of_somebody_elses_is_left_alone(account: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It was updated to ours, which removed what was in it, and destroyed: its name was all that counted."""
    boto3.client("cloudformation").create_stack(StackName=STACK, TemplateBody=OTHER_STACK)
    for arguments in (("deploy",), ("deploy", "--dry-run"), ("diff",)):
        assert averment(*arguments) == 3
        error = capsys.readouterr().err
        assert f"stack {STACK} isn't of such a deployment" in error
        assert r"its description is 'Rules of the platform team\n" in error  # somebody else wrote it
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket="artifacts")
    assert averment("destroy", "--yes") == 3
    said = capsys.readouterr()
    assert f"  = stack {STACK} stays: somebody else made it: its description is 'Rules of the platform team\\n" in said.out
    assert f"left as it was: stack {STACK} in eu-west-1" in said.err
    assert len(boto3.client("sns").list_topics()["Topics"]) == 1


def test_a_pack_of_somebody_elses_whose_name_isn_t_needed_hinders_nothing(account: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second pack of ours would have that name: it was removed with every deployment as one that no control fills any more."""
    put("averment-2", OTHER_PACK)
    assert averment("deploy") == 0
    assert averment("diff") == 0
    capsys.readouterr()
    assert averment("destroy", "--yes") == 0
    said = capsys.readouterr().out
    assert "  - conformance pack averment\n" in said
    assert "  = conformance pack averment-2 stays: somebody else made it: it has the rule buckets-versioned" in said
    assert (packs(), stacks()) == (["averment-2"], [])


def test_a_pack_of_somebody_elses_isn_t_written_over(account: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is begun: neither the archive nor the stack."""
    put("averment", OTHER_PACK)
    assert averment("deploy") == 3
    assert "conformance pack averment isn't of such a deployment, and would be written over" in capsys.readouterr().err
    assert stacks() == []
    assert averment("destroy", "--yes") == 3
    assert packs() == ["averment"]


def test_what_terraform_made_is_terraforms(account: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Same names, same rules: destroying took the pack away from under Terraform, and said 'removed' of a function that stayed."""
    by_terraform()
    assert averment("deploy") == 3
    assert f"its rules call the function {STACK}, which no stack of this deployment made" in capsys.readouterr().err
    assert averment("destroy", "--yes") == 3
    assert "eu-west-1: nothing was removed\n" in capsys.readouterr().out
    assert packs() == ["averment"]


def test_a_deployment_without_tags_is_known_by_its_rules(account: Path) -> None:
    """An older boto3 put packs without any; also where somebody deleted the stack with the function by hand."""
    assert averment("deploy") == 0
    config = boto3.client("config")
    for deleted in (False, True):
        [pack] = config.describe_conformance_packs()["ConformancePackDetails"]
        config.untag_resource(ResourceArn=pack["ConformancePackArn"], TagKeys=["averment:build"])
        if deleted:
            boto3.client("cloudformation").delete_stack(StackName=STACK)
        assert averment("diff") == int(deleted)
    assert averment("deploy") == 0
    assert averment("destroy", "--yes") == 0
    assert (packs(), stacks()) == ([], [])


def test_a_pack_with_our_tag_is_ours_whatever_was_done_to_it(account: Path) -> None:
    """A rule that somebody put into it by hand is no reason to leave it: a deployment puts it right."""
    assert averment("deploy") == 0
    config = boto3.client("config")
    config.put_conformance_pack(ConformancePackName="averment", TemplateBody=OTHER_PACK, Tags=[{"Key": "averment:build", "Value": "x"}])
    assert averment("deploy") == 0
    assert averment("diff") == 0


@pytest.mark.parametrize("name", ["averment", "averment-2"])
def test_an_organisations_pack_of_somebody_elses_is_left_alone(account: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """One without the parameter of a build: only one whose name is needed hinders."""
    boto3.client("organizations").create_organization(FeatureSet="ALL")
    config = boto3.client("config")
    config.put_organization_conformance_pack(OrganizationConformancePackName=name, TemplateBody=OTHER_PACK)
    for _ in range(4):
        config.describe_organization_conformance_pack_statuses()
    assert averment("deploy") == 0
    hinders = name == "averment"
    assert averment("deploy", "--organisation") == (3 if hinders else 0)
    capsys.readouterr()
    assert averment("destroy", "--organisation", "--yes") == (3 if hinders else 0)
    assert f"  = conformance pack {name} of the organisation stays: somebody else made it" in capsys.readouterr().out
    left = config.describe_organization_conformance_packs()["OrganizationConformancePacks"]
    assert [item["OrganizationConformancePackName"] for item in left] == [name]
