"""Lambda's Invoke runs what it can and refuses the rest aloud; STS names nobody whose signature doesn't hold."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/reader"


def function(name: str, command: str, **variables: str) -> Any:
    """A function from an image, whose role exists; returns the client that invokes it."""
    iam = boto3.client("iam")
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
    lambda_ = boto3.client("lambda")
    lambda_.create_function(
        FunctionName=name,
        Role=ROLE,
        PackageType="Image",
        Code={"ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/gate:1"},
        ImageConfig={"Command": [command]},
        Environment={"Variables": variables},
        Timeout=60,
    )
    return lambda_


def test_a_handler_of_ours_runs_under_the_functions_own_variables(sandbox: Any) -> None:
    """In a process of its own: it has the function's settings, not this process's, and what it raises comes back as Lambda says it."""
    lambda_ = function("upload", "averment.detector.gate.issuing.upload_handler", AVERMENT_UPLOAD_BUCKET="shop-uploads")
    answer = lambda_.invoke(FunctionName="upload", Payload=b"{}")
    assert json.loads(answer["Payload"].read())["statusCode"] == 401
    lambda_.update_function_configuration(FunctionName="upload", Environment={"Variables": {}})
    failed = lambda_.invoke(FunctionName="upload", Payload=b"{}")
    assert failed["FunctionError"] == "Unhandled"
    assert json.loads(failed["Payload"].read()) == {"errorType": "BadInputError", "errorMessage": "AVERMENT_UPLOAD_BUCKET is not set"}


def test_a_registered_handler_answers_for_its_function(sandbox: Any) -> None:
    """It gets event and context, also by ARN; what it raises is an error of the function, and a reset forgets it."""

    def handler(event: Any, context: Any) -> Any:
        if "fail" in event:
            raise ValueError("no")
        return {"got": event, "by": context.function_name}

    lambda_ = function("any", "somebody.elses.handler")
    sandbox.run_function_with("any", handler)
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:any"
    assert json.loads(lambda_.invoke(FunctionName=arn, Payload=b'{"a": 1}')["Payload"].read()) == {"got": {"a": 1}, "by": "any"}
    failed = lambda_.invoke(FunctionName="any", Payload=b'{"fail": true}')
    assert (failed["FunctionError"], json.loads(failed["Payload"].read())["errorType"]) == ("Unhandled", "ValueError")
    sandbox.reset()
    with pytest.raises(ClientError, match="NotImplemented"):
        function("any", "somebody.elses.handler").invoke(FunctionName="any")


def test_what_cannot_run_is_refused_aloud(sandbox: Any) -> None:
    """Neither another image nor an asynchronous invocation is answered as if it had run."""
    lambda_ = function("other", "app.handler")
    with pytest.raises(ClientError, match=r"can't do this: the code of the function other"):
        lambda_.invoke(FunctionName="other")
    with pytest.raises(ClientError, match="an invocation of type Event"):
        lambda_.invoke(FunctionName="other", InvocationType="Event")


def test_a_wrong_secret_names_nobody(sandbox: Any) -> None:
    """Who has the access key alone is refused, for users and for sessions; with the secret they are named."""
    iam = boto3.client("iam")
    iam.create_user(UserName="ada")
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    session = boto3.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="ada")["Credentials"]
    for access, secret, token, name in (
        (key["AccessKeyId"], key["SecretAccessKey"], None, "user/ada"),
        (session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"], "assumed-role/reader/ada"),
    ):
        assert boto3.Session(access, secret, token).client("sts").get_caller_identity()["Arn"].endswith(name)
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            boto3.Session(access, "guessed", token).client("sts").get_caller_identity()
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        boto3.Session(session["AccessKeyId"], session["SecretAccessKey"], "another").client("sts").get_caller_identity()
