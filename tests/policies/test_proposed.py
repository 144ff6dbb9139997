"""Resources that aren't deployed yet, as AWS Config's proactive evaluation hands them over. Origin of the data: written for these tests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from averment.core.errors import BadInputError
from averment.core.words import Verdict
from averment.policies.runtime.evaluate import Evaluation
from averment.policies.runtime.handler import evaluate_event
from averment.policies.runtime.neighbours import MemoryNeighbours
from averment.policies.runtime.proposed import ALONE

ACCOUNT = "123456789012"
WRITES = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::acme-uploads/*"}


def proposal(rule: str, kind: str, configuration: Any) -> Evaluation:
    """The evaluation that the function makes of a proposed resource; reading neighbours would fail."""
    item = {"resourceType": kind, "resourceId": "proposed", "awsAccountId": ACCOUNT, "configuration": configuration}
    event = {
        "invokingEvent": json.dumps({"messageType": "ConfigurationItemChangeNotification", "configurationItem": item}),
        "ruleParameters": json.dumps({"rule": rule}),
        "resultToken": "token",
        "accountId": ACCOUNT,
        "evaluationMode": "PROACTIVE",
    }
    (found,) = evaluate_event(event, MemoryNeighbours(), {})
    return found


def test_what_is_wrong_in_the_resource_itself_fails() -> None:
    """The properties have CloudFormation's names, and a policy may come as text."""
    for document in ({"Statement": [WRITES]}, json.dumps({"Statement": [WRITES]})):
        found = proposal("s3-put-object-gated", "AWS::S3::BucketPolicy", {"Bucket": "acme-uploads", "PolicyDocument": document})
        assert found.verdict is not Verdict.PASS, found.annotation
    found = proposal("s3-put-object-gated", "AWS::S3::Bucket", {"BucketName": "acme-uploads", "AccessControl": "PublicReadWrite"})
    assert (found.verdict, found.resource_type, found.resource_id) == (Verdict.FAIL, "AWS::S3::Bucket", "proposed")


@pytest.mark.parametrize("open_", [{"Ref": "Isolated"}, {"Fn::If": ["Prod", True, False]}])
def test_what_only_cloudformation_can_resolve_is_unknown(open_: dict[str, Any]) -> None:
    """Others than ``rules evaluate`` start evaluations, too, and may hand over a template's properties as they are written."""
    found = proposal("detector-endpoint-guarded", "AWS::SageMaker::Model", {"EnableNetworkIsolation": open_})
    assert found.verdict is Verdict.UNKNOWN, found.annotation


def test_a_pass_that_hangs_on_neighbours_is_none() -> None:
    """Nobody knows yet what will stand beside the bucket, so nobody can say that it is hardened."""
    hardened = {
        "BucketName": "acme-uploads",
        "VersioningConfiguration": {"Status": "Enabled"},
        "PublicAccessBlockConfiguration": dict.fromkeys(
            ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
        ),
    }
    found = proposal("media-bucket-hardened", "AWS::S3::Bucket", hardened)
    assert found.verdict is not Verdict.PASS
    events = proposal("quarantine-not-served", "AWS::S3::Bucket", hardened)
    assert events.verdict is Verdict.UNKNOWN
    assert ALONE in events.annotation


def test_a_rule_that_looks_at_the_resource_alone_passes_it() -> None:
    """Network isolation is a property of the model and of nothing else."""
    model = {"ModelName": "detector", "EnableNetworkIsolation": True}
    assert proposal("detector-endpoint-guarded", "AWS::SageMaker::Model", model).verdict is Verdict.PASS
    assert proposal("detector-endpoint-guarded", "AWS::SageMaker::Model", json.dumps(model)).verdict is Verdict.PASS
    assert proposal("detector-endpoint-guarded", "AWS::S3::Bucket", {}).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize("configuration", ["not JSON", "[]", None, 7])
def test_what_is_no_resource_is_refused(configuration: Any) -> None:
    """A function that answered something here would answer for nothing."""
    with pytest.raises(BadInputError, match="proposed resource can't be read"):
        proposal("detector-endpoint-guarded", "AWS::SageMaker::Model", configuration)
