"""What is deployed goes by ARNs: of aliases, and of others' resources of the same name. Origin of the data: written here."""

from __future__ import annotations

from typing import Any

import pytest

from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Unknown
from averment.policies.interface import Context
from averment.policies.rules.alarms import tells
from averment.policies.rules.registry import rule
from averment.policies.surfaces.config.surface import graph_from_items

OWN, OTHER = "123456789012", "444455556666"


def item(kind: str, arn: str, configuration: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "resourceType": kind,
        "resourceId": arn.rsplit(":", 1)[-1],
        "ARN": arn,
        "awsAccountId": OWN,
        "configuration": configuration,
        **more,
    }


def function(account: str = OWN) -> str:
    return f"arn:aws:lambda:eu-west-1:{account}:function:scan"


@pytest.mark.parametrize(
    ("target", "verdict"),
    [
        (function(), Verdict.PASS),
        (f"{function()}:live", Verdict.PASS),
        (f"{function()}:7", Verdict.PASS),
        (function(OTHER), Verdict.UNKNOWN),
        (f"{function()}ner", Verdict.UNKNOWN),
    ],
)
def test_a_notification_reaches_an_alias_of_a_function_and_not_another_account_s(target: str, verdict: Verdict):
    """An alias is its function, which is there; of a function of the same name elsewhere nobody knows whether it is."""
    notified = {"functionARN": target, "events": ["s3:ObjectCreated:*"], "type": "LambdaConfiguration"}
    supplementary = {
        "AccessControlList": {"grantList": []},
        "BucketNotificationConfiguration": {"configurations": {"scan": notified}},
        "BucketPolicy": {"policyText": None},
        "BucketVersioningConfiguration": {"status": "Enabled"},
    }
    scanner = {"functionName": "scan", "functionArn": function(), "environment": {"variables": {}}}
    bucket = item("AWS::S3::Bucket", "arn:aws:s3:::acme-uploads", {"name": "acme-uploads"}, supplementaryConfiguration=supplementary)
    graph = graph_from_items([bucket, item("AWS::Lambda::Function", function(), scanner)])
    outcome = rule("media-bucket-events-scanned").evaluate(next(graph.of_type("AWS::S3::Bucket")), Context(graph, Scope((OWN,))))
    assert outcome.verdict is verdict, outcome.message


@pytest.mark.parametrize(("account", "told"), [(OWN, True), (OTHER, None)])
def test_an_alarm_is_heard_by_who_subscribes_to_its_own_topic(account: str, told: bool | None):
    """Somebody subscribes to a topic of the same name in this account: that says nothing of the other's, which the alarm tells."""
    mine = f"arn:aws:sns:eu-west-1:{OWN}:on-call"
    alarm = {"alarmName": "uploads", "alarmActions": [mine.replace(OWN, account)], "actionsEnabled": True}
    graph = graph_from_items(
        [
            item("AWS::CloudWatch::Alarm", f"arn:aws:cloudwatch:eu-west-1:{OWN}:alarm:uploads", alarm),
            item("AWS::SNS::Topic", mine, {"TopicArn": mine, "Owner": OWN}),
            item("AWS::SNS::Subscription", f"{mine}:1", {"TopicArn": mine, "Protocol": "email", "Endpoint": "a@acme.example"}),
        ]
    )
    found = tells(next(graph.of_type("AWS::CloudWatch::Alarm")), graph)
    assert found is True if told else isinstance(found, Unknown)
