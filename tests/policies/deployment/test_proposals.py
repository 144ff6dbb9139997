"""``averment rules evaluate`` against the embedded AWS Config, over HTTP. Origin of the data: made here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from averment.cli.main import run
from averment.policies.deployment.proposals import UNCOVERED, Account, State, evaluate_template

ACCOUNT = "123456789012"
TEMPLATE = """
Parameters:
  Isolated: {Type: String}
Resources:
  Runner:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: sagemaker.amazonaws.com}, Action: "sts:AssumeRole"}]
  Detector:
    Type: AWS::SageMaker::Model
    Properties:
      ExecutionRoleArn: !GetAtt Runner.Arn
      EnableNetworkIsolation: !Ref Isolated
"""
SETTINGS = f"""
version: 1
controls: [SM-DET-03]
scope: {{accounts: ["{ACCOUNT}"]}}
"""


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with a parameter in it, and a role that no proactive rule looks at."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text(SETTINGS, encoding="utf-8")
    file = tmp_path / "template.yaml"
    file.write_text(TEMPLATE, encoding="utf-8")
    return file


@pytest.fixture
def config(sandbox: Any) -> Any:
    """AWS Config, recording."""
    client = boto3.client("config")
    recorder = {"name": "default", "roleARN": f"arn:aws:iam::{ACCOUNT}:role/config", "recordingGroup": {"allSupported": True}}
    client.put_configuration_recorder(ConfigurationRecorder=recorder)
    return client


@pytest.fixture
def deployed(template: Path, config: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The account with Averment's rules, those that can run before deployment included."""
    boto3.client("s3").create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert run(["rules", "deploy", "--artifacts", "artifacts", "--proactive"]) == 0
    capsys.readouterr()


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, tuple[str, str, str]]]:
    """Exit code, and by resource the rule, the verdict and the reason."""
    code = run(["rules", "evaluate", "template.yaml", "--format", "json", *arguments])
    results = json.loads(capsys.readouterr().out)["results"]
    return code, {item["resource"]: (item["rule"], item["state"], item["reason"]) for item in results}


def test_each_resource_is_judged_before_deployment(deployed: None, capsys: pytest.CaptureFixture[str]) -> None:
    """A broken rule is exit 1 with its reason; what no rule looks at is listed as not checked, never as a pass."""
    code, found = told(capsys, "-p", "Isolated=false")
    assert code == 1
    assert found["Detector"][:2] == ("averment-detector-endpoint-guarded", "fail")
    assert "EnableNetworkIsolation" in found["Detector"][2]
    assert found["Runner"] == ("", "not-checked", UNCOVERED)
    code, found = told(capsys, "-p", "Isolated=true")
    assert (code, found["Detector"][1], found["Runner"][1]) == (0, "pass", "not-checked")


def test_what_is_not_known_is_not_sent(deployed: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the argument the property would be missing, which another resource might be passed for: exit 3, and the reason."""
    code, found = told(capsys)
    assert code == 3
    assert found["Detector"] == ("", "unknown", "not all of its properties are known: parameter 'Isolated' has no default")


def test_the_table_says_the_same(deployed: None, capsys: pytest.CaptureFixture[str]) -> None:
    """One row a resource and rule, and the counts on stderr."""
    assert run(["rules", "evaluate", "template.yaml", "-p", "Isolated=false"]) == 1
    out, err = capsys.readouterr()
    assert "averment-detector-endpoint-guarded" in out
    assert "1 fail, 1 not-checked" in err


def test_a_templates_words_are_no_markup(template: Path, config: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Who writes the template chooses the names in it: they break no table and hide nothing."""
    template.write_text('Resources:\n  "Na[/x]me":\n    Type: "AWS::Any[/y]::Thing[black]"\n', encoding="utf-8")
    assert run(["rules", "evaluate", "template.yaml"]) == 3
    out = capsys.readouterr().out
    assert "AWS::Any[/y]::Thing[black]" in out
    assert "Na[/x]me" in out


def test_an_account_without_proactive_rules_is_no_pass(template: Path, config: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing ran, nothing was found, and the user is told what would bring rules."""
    assert run(["rules", "evaluate", "template.yaml", "-p", "Isolated=true"]) == 3
    assert "averment rules deploy --proactive" in capsys.readouterr().err


@pytest.mark.parametrize(("argument", "said"), [("Isolatd=true", "no parameter 'Isolatd'"), ("Isolated", "not an argument of a template")])
def test_a_mistyped_argument_is_refused(template: Path, config: Any, capsys: pytest.CaptureFixture[str], argument: str, said: str) -> None:
    """A default in the place of what was meant would be judged in silence."""
    assert run(["rules", "evaluate", "template.yaml", "-p", argument]) == 2
    assert said in capsys.readouterr().err


def test_a_template_that_cannot_be_read_is_no_pass(template: Path, config: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """What couldn't be read is a line of its own, with its place."""
    template.write_text("Resources: [", encoding="utf-8")
    code, found = told(capsys)
    assert code == 3
    assert found[""][1] == "unknown"


@pytest.fixture
def stubbed(template: Path) -> Iterator[tuple[Account, Stubber]]:
    """AWS Config by botocore's stub, which holds answers to the service's model; nobody waits."""
    template.write_text("Resources: {Topic: {Type: 'AWS::SNS::Topic'}}", encoding="utf-8")
    client = boto3.client("config", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        yield Account(client, ACCOUNT, "eu-west-1", lambda _: None), stub


def summary(status: str, **more: str) -> dict[str, Any]:
    return {"ResourceEvaluationId": "e", "EvaluationStatus": {"Status": status, **more}}


def test_an_evaluation_is_waited_for_and_its_failure_told(stubbed: tuple[Account, Stubber], template: Path) -> None:
    """A failed evaluation keeps what rules said before, and says why the rest is missing."""
    account, stub = stubbed
    stub.add_response("start_resource_evaluation", {"ResourceEvaluationId": "e"})
    stub.add_response("get_resource_evaluation_summary", summary("IN_PROGRESS"))
    stub.add_response("get_resource_evaluation_summary", summary("FAILED", FailureReason="a function raised"))
    stub.add_response("get_compliance_details_by_resource", {"EvaluationResults": []})
    [line] = evaluate_template(template, {}, account)
    assert (line.state, line.reason) == (State.UNKNOWN, "the evaluation failed: a function raised")


def test_a_refusal_is_told_for_the_resource(stubbed: tuple[Account, Stubber], template: Path) -> None:
    """A type that AWS Config doesn't take, or a missing permission, is a line with the service's words."""
    account, stub = stubbed
    stub.add_client_error("start_resource_evaluation", "AccessDeniedException", "not allowed")
    [line] = evaluate_template(template, {}, account)
    assert line.state is State.UNKNOWN
    assert "not allowed" in line.reason


def test_an_evaluation_that_never_ends_is_given_up(stubbed: tuple[Account, Stubber], template: Path) -> None:
    """The wait is bounded, and what it waited for is no pass."""
    account, stub = stubbed
    stub.add_response("start_resource_evaluation", {"ResourceEvaluationId": "e"})
    for _ in range(40):
        stub.add_response("get_resource_evaluation_summary", summary("IN_PROGRESS"))
    [line] = evaluate_template(template, {}, account)
    assert line.state is State.UNKNOWN
    assert "still in progress" in line.reason


def test_an_unknown_of_ours_is_no_pass(stubbed: tuple[Account, Stubber], template: Path) -> None:
    """AWS Config has no value for "could not check": the annotation has it."""
    account, stub = stubbed
    qualifier = {"ConfigRuleName": "averment-x-conformance-pack-abc123def", "ResourceType": "AWS::SNS::Topic", "ResourceId": "Topic"}
    result = {
        "EvaluationResultIdentifier": {"EvaluationResultQualifier": qualifier},
        "ComplianceType": "NOT_APPLICABLE",
        "Annotation": "could not check: nobody knows",
    }
    stub.add_response("start_resource_evaluation", {"ResourceEvaluationId": "e"})
    stub.add_response("get_resource_evaluation_summary", summary("SUCCEEDED"))
    stub.add_response("get_compliance_details_by_resource", {"EvaluationResults": [result]})
    [line] = evaluate_template(template, {}, account)
    assert (line.rule, line.state, line.reason) == ("averment-x", State.UNKNOWN, "nobody knows")
