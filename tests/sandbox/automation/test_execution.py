"""Automation documents run step by step, and what each action does is seen in the embedded AWS."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from averment.sandbox.automation import calls
from averment.sandbox.automation.execution import Execution
from averment.sandbox.server import Sandbox

Execute = Callable[..., Execution]


def api(name: str, service: str, operation: str, **rest: Any) -> dict[str, Any]:
    """A step that calls the API; keywords in lower case are the step's, the others the call's."""
    step = {key: value for key, value in rest.items() if key[0].islower()}
    inputs = {key: value for key, value in rest.items() if not key[0].islower()}
    return {"name": name, "action": "aws:executeAwsApi", "inputs": {"Service": service, "Api": operation, **inputs}, **step}


def put(name: str, value: str, **rest: Any) -> dict[str, Any]:
    """A step that leaves a trace: the SSM parameter ``name``."""
    return api(f"put{name}", "ssm", "PutParameter", Name=name, Value=value, Type="String", Overwrite=True, **rest)


def script(name: str, text: str, **rest: Any) -> dict[str, Any]:
    payload = rest.pop("payload", {})
    inputs = {"Runtime": "python3.11", "Handler": "handler", "Script": text, "InputPayload": payload}
    return {"name": name, "action": "aws:executeScript", "inputs": inputs, **rest}


def trace(name: str) -> str | None:
    try:
        return str(boto3.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
    except ClientError:
        return None


def statuses(execution: Execution) -> list[tuple[str, str]]:
    """As the API tells them."""
    told = boto3.client("ssm").get_automation_execution(AutomationExecutionId=execution.identifier)["AutomationExecution"]
    return [(step["StepName"], step["StepStatus"]) for step in told["StepExecutions"]]


def test_outputs_of_a_step_are_inputs_of_the_next(execute: Execute):
    """An answer is picked by its selector, keeps its type where it stands alone, and becomes text within text."""
    boto3.client("sqs").create_queue(QueueName="one")
    execution = execute(
        [
            api("list", "sqs", "ListQueues", outputs=[{"Name": "Urls", "Selector": "$.QueueUrls", "Type": "StringList"}]),
            script(
                "count",
                "def handler(events, context):\n    return {'n': len(events['urls'])}",
                payload={"urls": "{{ list.Urls }}"},
                outputs=[{"Name": "N", "Selector": "$.Payload.n", "Type": "Integer"}],
            ),
            put("count", "{{ count.N }} queue in {{ global:REGION }} of {{ Owner }}: {{ list.Urls }}"),
        ],
        parameters={"Owner": {"type": "String"}},
        outputs=["count.N"],
        Owner=["shop"],
    )
    assert (execution.status, execution.failure) == ("Success", "")
    assert str(trace("count")).startswith('1 queue in eu-west-1 of shop: ["http://')
    assert execution.outputs == {"count.N": ["1"]}


def test_a_failure_ends_the_execution_and_says_where(execute: Execute):
    """What stands behind the failed step doesn't happen; an output that it owes is a sentence, as with AWS."""
    owed = [{"Name": "Policy", "Selector": "$.Policy", "Type": "String"}]
    execution = execute([api("gone", "s3", "GetBucketPolicy", Bucket="gone", outputs=owed), put("after", "x")], outputs=["gone.Policy"])
    told = boto3.client("ssm").get_automation_execution(AutomationExecutionId=execution.identifier)["AutomationExecution"]
    assert told["Outputs"] == {"gone.Policy": ["No output available yet because the step is not successfully executed"]}
    assert execution.status == "Failed"
    assert "gone" in execution.failure
    assert "NoSuchBucket" in execution.failure
    assert trace("after") is None
    assert statuses(execution) == [("gone", "Failed")]


@pytest.mark.parametrize(("critical", "status"), [(True, "Failed"), (False, "Success")])
def test_a_failure_that_is_passed_over_counts_unless_it_was_said_not_to(execute: Execute, critical: bool, status: str):
    """onFailure: Continue goes on; whether the whole failed is what isCritical says."""
    execution = execute([api("gone", "s3", "GetBucketPolicy", Bucket="gone", onFailure="Continue", isCritical=critical), put("after", "x")])
    assert (execution.status, trace("after")) == (status, "x")


def test_a_failure_can_lead_to_a_step_that_puts_back(execute: Execute):
    """onFailure: step:NAME jumps there; isEnd stops there; the execution has failed all the same."""
    execution = execute(
        [
            put("state", "changed"),
            api("gone", "s3", "GetBucketPolicy", Bucket="gone", onFailure="step:putstate2"),
            put("never", "x"),
            {**put("state", "as before"), "name": "putstate2", "isEnd": True},
            put("behind", "x"),
        ]
    )
    assert (execution.status, trace("state"), trace("never"), trace("behind")) == ("Failed", "as before", None, None)


def test_a_step_is_tried_as_often_as_it_says(execute: Execute):
    """maxAttempts: a refusal that passes is no failure."""
    calls.fail("ssm", "PutParameter", code="ThrottlingException")
    execution = execute([put("a", "x", maxAttempts=2)])
    assert (execution.status, trace("a")) == ("Success", "x")
    assert [call.operation for call in execution.access.calls] == ["PutParameter", "PutParameter"]


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        ({"Variable": "{{ Word }}", "StringEquals": "yes"}, "left"),
        ({"Variable": "{{ Word }}", "StringEquals": "no"}, "right"),
        ({"Variable": "{{ Flag }}", "BooleanEquals": True}, "left"),
        ({"Variable": "{{ Number }}", "NumericGreater": 7}, "right"),
        ({"Variable": "{{ Number }}", "NumericGreaterOrEquals": 7}, "left"),
        ({"Not": {"Variable": "{{ Word }}", "StartsWith": "y"}}, "right"),
        ({"And": [{"Variable": "{{ Word }}", "EndsWith": "es"}, {"Variable": "{{ Number }}", "NumericLesser": 8}]}, "left"),
        ({"Or": [{"Variable": "{{ Word }}", "Contains": "q"}, {"Variable": "{{ Number }}", "NumericEquals": 8}]}, "right"),
    ],
)
def test_a_branch_goes_where_its_choice_says(execute: Execute, choice: dict[str, Any], taken: str):
    """The first choice that holds, else the default."""
    left = {**put("left", "x"), "isEnd": True}
    execution = execute(
        [
            {"name": "fork", "action": "aws:branch", "inputs": {"Choices": [{**choice, "NextStep": "putleft"}], "Default": "putright"}},
            left,
            put("right", "x"),
        ],
        parameters={"Word": {"type": "String"}, "Flag": {"type": "Boolean"}, "Number": {"type": "Integer"}},
        Word=["yes"],
        Flag=["true"],
        Number=["7"],
    )
    assert execution.status == "Success"
    assert [side for side in ("left", "right") if trace(side)] == [taken]


def test_a_loop_runs_its_steps_for_each_item(execute: Execute):
    """CurrentIteratorValue and CurrentIteration change from round to round; a failure within ends it."""
    body = [put("{{ each.CurrentIteratorValue }}", "{{ each.CurrentIteration }}")]
    body[0]["name"] = "note"
    loop = {"name": "each", "action": "aws:loop", "inputs": {"Iterators": "{{ Names }}", "IteratorDataType": "String", "Steps": body}}
    names = {"Names": {"type": "StringList"}}
    execution = execute([loop], parameters=names, Names=["a", "b"])
    assert (execution.status, execution.failure) == ("Success", "")
    assert (trace("a"), trace("b")) == ("1", "2")
    calls.fail("ssm", "PutParameter", when=lambda given: given["Name"] == "d")
    execution = execute([loop], parameters=names, Names=["c", "d", "e"])
    assert (execution.status, trace("c"), trace("d"), trace("e")) == ("Failed", "1", None, None)


def test_a_property_is_asserted_and_waited_for(execute: Execute):
    """An assertion that doesn't hold fails; waiting passes the execution's own time, not ours, and ends with timeoutSeconds."""
    boto3.client("ssm").put_parameter(Name="mode", Value="on", Type="String")
    inputs = {"Service": "ssm", "Api": "GetParameter", "Name": "mode", "PropertySelector": "$.Parameter.Value"}
    good = {"name": "on", "action": "aws:assertAwsResourceProperty", "inputs": {**inputs, "DesiredValues": ["on"]}}
    late = {"name": "off", "action": "aws:waitForAwsResourceProperty", "timeoutSeconds": 60, "inputs": {**inputs, "DesiredValues": ["off"]}}
    execution = execute([good, late])
    assert statuses(execution) == [("on", "Success"), ("off", "Failed")]
    assert "timed out after 60 s: $.Parameter.Value is on" in execution.failure
    assert execution.slept == 60
    assert "not off" in execute([{**late, "action": "aws:assertAwsResourceProperty"}]).failure


def test_sleeping_costs_no_time_of_ours(execute: Execute):
    """Three days pass at once."""
    execution = execute([{"name": "wait", "action": "aws:sleep", "inputs": {"Duration": "P3DT1H"}}])
    assert (execution.status, execution.slept) == ("Success", 262_800)


def test_a_script_sees_the_standard_library_and_boto3_alone(execute: Execute):
    """As in the service's runtime; what it prints is kept, what it raises is the step's failure."""
    good = script(
        "ok",
        "import json\nimport boto3\n\ndef handler(events, context):\n    print('seen')\n    return boto3.client('sts').get_caller_identity()['Account']",
    )
    execution = execute([good])
    assert execution.records[0].outputs["Payload"] == "123456789012"
    assert execution.records[0].outputs["OutputPayload"]["ExecutionLog"] == "seen\n"
    execution = execute([script("bad", "import numpy\n\ndef handler(events, context):\n    return {}")])
    assert "No module named 'numpy'" in execution.failure


def test_a_script_does_not_take_what_the_program_prints_meanwhile(capsys: pytest.CaptureFixture[str]):
    """Executions run beside the program that started them: its lines went to a script's log, and were lost."""
    began, go_on = threading.Event(), threading.Event()
    access = calls.Access("http://localhost", "eu-west-1", {})
    access._clients["s3"] = SimpleNamespace(wait=lambda: (began.set(), go_on.wait(10)))
    text = "import boto3\n\ndef handler(events, context):\n    print('seen')\n    boto3.client('s3').wait()\n    return 1"
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(access.run_script, text, "handler", {})
        assert began.wait(10)
        sys.stdout.write("the program's own line\n")
        go_on.set()
        assert result.result(10) == (1, "seen\n")
    assert capsys.readouterr().out == "the program's own line\n"


@pytest.fixture
def approval(execute: Execute) -> Execution:
    """An execution that waits for ``lead`` or ``second``, then leaves a trace."""
    for name in ("lead", "second", "stranger"):
        boto3.client("iam").create_user(UserName=name)
    approvers = ["arn:aws:iam::123456789012:user/lead", "second"]
    step = {"name": "ask", "action": "aws:approve", "inputs": {"Approvers": approvers, "MinRequiredApprovals": 1, "Message": "Close it?"}}
    return execute([step, put("closed", "x")])


def signal(execution: Execution, user: str, kind: str) -> None:
    key = boto3.client("iam").create_access_key(UserName=user)["AccessKey"]
    ssm = boto3.client("ssm", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    ssm.send_automation_signal(AutomationExecutionId=execution.identifier, SignalType=kind, Payload={"Comment": ["by phone"]})


def test_nothing_happens_before_the_approval_and_only_an_approver_gives_it(approval: Execution):
    """It waits; a stranger's word is refused; the approver's lets it go on."""
    assert (approval.status, trace("closed")) == ("Waiting", None)
    with pytest.raises(ClientError, match="InvalidAutomationSignal"):
        signal(approval, "stranger", "Approve")
    assert approval.status == "Waiting"
    signal(approval, "lead", "Approve")
    approval.join(30)
    assert (approval.status, trace("closed")) == ("Success", "x")
    assert approval.records[0].outputs["ApproverDecisions"][0]["Comment"] == "by phone"


def test_a_message_that_is_too_long_asks_nobody(execute: Execute):
    """4,096 characters are the most that an approval's message has."""
    inputs = {"Approvers": ["lead"], "Message": "x" * 4097}
    execution = execute([{"name": "ask", "action": "aws:approve", "inputs": inputs}])
    assert (execution.status, "at most 4096 characters" in execution.failure) == ("Failed", True)


def test_a_rejection_fails_it(approval: Execution):
    """One approver's no is enough."""
    signal(approval, "second", "Reject")
    approval.join(30)
    assert (approval.status, trace("closed")) == ("Failed", None)
    assert "rejected by" in approval.failure


def test_what_waits_can_be_stopped(approval: Execution):
    """StopAutomationExecution cancels; a second time it is refused."""
    ssm = boto3.client("ssm")
    ssm.stop_automation_execution(AutomationExecutionId=approval.identifier)
    approval.join(30)
    assert (approval.status, trace("closed")) == ("Cancelled", None)
    with pytest.raises(ClientError, match="InvalidAutomationStatusUpdate"):
        ssm.stop_automation_execution(AutomationExecutionId=approval.identifier)


def test_the_list_of_executions_holds_what_ran(execute: Execute):
    """DescribeAutomationExecutions, which evidence is collected from, tells of real executions."""
    execution = execute([put("a", "x")])
    (found,) = boto3.client("ssm").describe_automation_executions()["AutomationExecutionMetadataList"]
    assert (found["AutomationExecutionId"], found["AutomationExecutionStatus"]) == (execution.identifier, "Success")
    steps = boto3.client("ssm").describe_automation_step_executions(AutomationExecutionId=execution.identifier)["StepExecutions"]
    assert [step["StepName"] for step in steps] == ["puta"]


def test_a_role_has_to_exist_and_trust_the_service(sandbox: Sandbox):
    """As in the service, nothing starts as a role that can't be assumed; with one that can, calls are the role's."""
    import json

    ssm, iam = boto3.client("ssm"), boto3.client("iam")
    content = {
        "schemaVersion": "0.3",
        "assumeRole": "{{ Role }}",
        "parameters": {"Role": {"type": "AWS::IAM::Role::Arn"}},
        "mainSteps": [
            script("who", "import boto3\n\ndef handler(events, context):\n    return boto3.client('sts').get_caller_identity()['Arn']")
        ],
    }
    ssm.create_document(Name="who", DocumentType="Automation", Content=json.dumps(content))
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ssm.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    for name, document in (("trusts", trust), ("other", {"Version": "2012-10-17", "Statement": []})):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
    for name in ("other", "gone"):
        with pytest.raises(ClientError, match="unable to be assumed"):
            ssm.start_automation_execution(DocumentName="who", Parameters={"Role": [f"arn:aws:iam::123456789012:role/{name}"]})
    started = ssm.start_automation_execution(DocumentName="who", Parameters={"Role": ["arn:aws:iam::123456789012:role/trusts"]})
    execution = sandbox.automation(started["AutomationExecutionId"])
    execution.join(30)
    assert execution.records[0].outputs["Payload"] == "arn:aws:sts::123456789012:assumed-role/trusts/Automation"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "the parameter Bucket has no value"),
        ({"Bucket": ["b"], "Extra": ["x"]}, "there is no parameter Extra"),
        ({"Bucket": ["B!"]}, "doesn't match"),
        ({"Bucket": ["b"], "Days": ["many"]}, "takes a value of type Integer"),
        ({"Bucket": ["b"], "Mode": ["sideways"]}, "takes one of on, off"),
        ({"Bucket": ["b"], "Approvers": []}, "takes 1 to"),
    ],
)
def test_parameters_are_checked_before_anything_runs(execute: Execute, given: dict[str, list[str]], says: str):
    """A misspelt, missing or wrong value is refused with its name."""
    parameters = {
        "Bucket": {"type": "String", "allowedPattern": "^[a-z]+$"},
        "Days": {"type": "Integer", "default": 1},
        "Mode": {"type": "String", "allowedValues": ["on", "off"], "default": "on"},
        "Approvers": {"type": "StringList", "minItems": 1, "default": ["lead"]},
    }
    with pytest.raises(ClientError, match=says):
        execute([put("a", "{{ Bucket }}")], parameters=parameters, **given)
