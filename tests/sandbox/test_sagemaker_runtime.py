"""InvokeEndpoint runs a model behind an endpoint that exists."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

from averment.sandbox.backends.sagemaker_runtime import MAX_BODY


@pytest.fixture
def endpoint(sandbox):
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model(
        ModelName="detector", ExecutionRoleArn="arn:aws:iam::123456789012:role/detector", PrimaryContainer={"Image": "detector:1"}
    )
    variant = {"VariantName": "AllTraffic", "ModelName": "detector", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName="detector", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="detector", EndpointConfigName="detector")
    return "detector"


def test_the_model_gets_the_bytes_and_the_content_type(sandbox, endpoint):
    """Binary bodies arrive unchanged; the answer comes back as the model gave it."""
    seen = []
    sandbox.answer_endpoints_with(lambda body, content_type: seen.append((body, content_type)) or b'{"score": 0.5}')
    body = bytes(range(256)) * 8
    answer = boto3.client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=body, ContentType="image/jpeg")
    assert answer["Body"].read() == b'{"score": 0.5}'
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert seen == [(body, "image/jpeg")]


def test_an_endpoint_that_does_not_exist_is_refused(sandbox):
    """SageMaker's own error, with the name."""
    sandbox.answer_endpoints_with(lambda body, content_type: b"{}")
    with pytest.raises(ClientError, match="Endpoint nobody of account 123456789012 not found") as caught:
        boto3.client("sagemaker-runtime").invoke_endpoint(EndpointName="nobody", Body=b"x")
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_a_crash_of_the_model_is_a_model_error(sandbox, endpoint):
    """The caller sees ModelError with the original status, as from a container that answered 500."""

    def crash(body, content_type):
        raise KeyError("weights")

    sandbox.answer_endpoints_with(crash)
    runtime = boto3.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        runtime.invoke_endpoint(EndpointName=endpoint, Body=b"x")
    assert caught.value.response["OriginalStatusCode"] == 500


def test_bad_input_to_the_model_is_its_400(sandbox, endpoint):
    """ValueError from the model is a client error."""

    def picky(body, content_type):
        raise ValueError("not an image")

    sandbox.answer_endpoints_with(picky)
    runtime = boto3.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError, match="not an image") as caught:
        runtime.invoke_endpoint(EndpointName=endpoint, Body=b"x")
    assert caught.value.response["OriginalStatusCode"] == 400


def test_the_payload_limit_holds(sandbox, endpoint):
    """6,291,456 bytes pass, one more doesn't."""
    sandbox.answer_endpoints_with(lambda body, content_type: str(len(body)).encode())
    runtime = boto3.client("sagemaker-runtime")
    assert runtime.invoke_endpoint(EndpointName=endpoint, Body=bytes(MAX_BODY))["Body"].read() == b"6291456"
    with pytest.raises(ClientError, match="exceeds the limit of 6291456"):
        runtime.invoke_endpoint(EndpointName=endpoint, Body=bytes(MAX_BODY + 1))


def test_moto_alone_answers_for_endpoints_that_do_not_exist(moto_alone):
    """When this fails, moto has caught up."""
    assert moto_alone("sagemaker-runtime").invoke_endpoint(EndpointName="nobody", Body=b"x")["Body"].read() == b"body"
