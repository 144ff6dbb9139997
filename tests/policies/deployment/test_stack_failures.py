"""What is said of a stack that failed: AWS keeps the events of 90 days, of which the embedded AWS has none. Answers in the shapes of botocore's model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from averment.core.errors import IncompleteError
from averment.policies.deployment import cloudformation
from averment.policies.deployment.cloudformation import Stack

ARN = "arn:aws:cloudformation:eu-west-1:123456789012:stack/rules/1"
NOW = datetime(2026, 11, 29, tzinfo=UTC)
TEMPLATE = "Resources: {Topic: {Type: 'AWS::SNS::Topic'}}"


def event(minutes: int, status: str, reason: str = "", *, of: str = "Rules") -> dict[str, Any]:
    """An event of the stack's function ``of``, or of the stack itself (``stack``)."""
    physical = ARN if of == "stack" else of
    said = {"ResourceStatusReason": reason} if reason else {}
    place = {"StackId": ARN, "StackName": "rules", "EventId": f"{of}-{minutes}", "LogicalResourceId": of, "PhysicalResourceId": physical}
    return {**place, "ResourceStatus": status, "Timestamp": NOW + timedelta(minutes=minutes), **said}


LAST_WEEK = [
    event(-9000, "UPDATE_ROLLBACK_COMPLETE", of="stack"),
    event(-9001, "UPDATE_FAILED", "the bucket of the archive was not there"),
    event(-9002, "UPDATE_IN_PROGRESS", "User Initiated", of="stack"),
]
TODAY = [
    event(0, "UPDATE_ROLLBACK_COMPLETE", of="stack"),
    event(-1, "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update: [Rules].", of="stack"),
    event(-2, "UPDATE_FAILED", "Resource update cancelled", of="Log"),
    event(-3, "UPDATE_FAILED", "the role may not be assumed"),
    event(-4, "UPDATE_IN_PROGRESS", "User Initiated", of="stack"),
]


@pytest.mark.parametrize("pages", [[[*TODAY, *LAST_WEEK]], [TODAY[:3], [*TODAY[3:], *LAST_WEEK]]])
def test_the_reason_is_that_of_the_latest_deployment(monkeypatch: pytest.MonkeyPatch, pages: list[list[dict[str, Any]]]) -> None:
    """Not that of one which failed last week, on whatever page of the events it stands; of today's failures the one that began it."""
    client = boto3.client("cloudformation", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(cloudformation, "client", lambda *_, **__: client)
    stack = {"StackName": "rules", "StackId": ARN, "CreationTime": NOW, "StackStatus": "UPDATE_ROLLBACK_COMPLETE"}
    with Stubber(client) as stub:
        stub.add_response("describe_stacks", {"Stacks": [stack]})
        stub.add_response("update_stack", {"StackId": ARN})
        stub.add_response("describe_stacks", {"Stacks": [stack]})
        for number, page in enumerate(pages, start=1):
            stub.add_response("describe_stack_events", {"StackEvents": page, **({"NextToken": "more"} if number < len(pages) else {})})
        with pytest.raises(IncompleteError, match="Rules: the role may not be assumed") as caught:
            Stack("rules", TEMPLATE, {}, {}, sleep=lambda _: None).apply()
    assert "UPDATE_ROLLBACK_COMPLETE" in caught.value.message


def test_a_call_whose_answer_is_lost_is_the_same_call_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 asks once more by itself; without a token, CloudFormation takes that for another deployment, and refuses it. Each deployment has its own."""
    client = boto3.client("cloudformation", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(cloudformation, "client", lambda *_, **__: client)
    tokens: list[str] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        tokens.append(params["ClientRequestToken"])

    for operation in ("CreateStack", "UpdateStack"):
        client.meta.events.register(f"provide-client-params.cloudformation.{operation}", note)
    stack = {"StackName": "rules", "StackId": ARN, "CreationTime": NOW, "StackStatus": "CREATE_COMPLETE"}
    with Stubber(client) as stub:
        stub.add_client_error("describe_stacks", "ValidationError", "Stack with id rules does not exist")
        stub.add_response("create_stack", {"StackId": ARN})
        stub.add_response("describe_stacks", {"Stacks": [stack]})
        Stack("rules", TEMPLATE, {}, {}, sleep=lambda _: None).apply()
        stub.add_response("describe_stacks", {"Stacks": [stack]})
        stub.add_response("update_stack", {"StackId": ARN})
        stub.add_response("describe_stacks", {"Stacks": [stack]})
        Stack("rules", TEMPLATE, {}, {}, sleep=lambda _: None).apply()
    assert len(set(tokens)) == 2
