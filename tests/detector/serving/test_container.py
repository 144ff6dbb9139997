"""The container as SageMaker uses it: started by its command, called through boto3, in real time and asynchronously."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

import averment
from averment.detector import corpus
from averment.detector.embedded import EmbeddedDetector
from averment.detector.opening import open_detector
from averment.detector.serving_http import Application, Limits
from averment.detector.serving_server import PORT, Server
from averment.sandbox.server import Sandbox

ENDPOINT = "deepfake-scan"


@pytest.fixture
def create(sandbox: Sandbox) -> Callable[..., str]:
    """``create()``: a real-time endpoint; with an output path, one for asynchronous calls."""

    def make(**asynchronous: Any) -> str:
        sagemaker = boto3.client("sagemaker")
        role, image = "arn:aws:iam::123456789012:role/inference", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/detector:1"
        sagemaker.create_model(ModelName=ENDPOINT, ExecutionRoleArn=role, PrimaryContainer={"Image": image})
        variant = {"VariantName": "AllTraffic", "ModelName": ENDPOINT, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        more = {"AsyncInferenceConfig": {"OutputConfig": asynchronous}} if asynchronous else {}
        sagemaker.create_endpoint_config(EndpointConfigName=ENDPOINT, ProductionVariants=[variant], **more)
        sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)
        return ENDPOINT

    return make


@pytest.fixture
def container(sandbox: Sandbox) -> Iterator[Server]:
    """The embedded detector over HTTP, behind every endpoint of the embedded AWS."""
    with Server(Application(EmbeddedDetector(), Limits(workers=2)), port=0) as server:
        sandbox.answer_endpoints_at(server.url)
        yield server


def portrait() -> bytes:
    return next(image.read() for image in corpus.load() if image.label == "synthetic")


def test_scores_through_the_endpoint_are_those_of_the_model(create: Callable[..., str], container: Server):
    """boto3, SageMaker's run time and HTTP in between change no score, and the detector is named the same."""
    through = open_detector(f"sagemaker:{create()}")
    images = [portrait(), b"not an image", b""]
    assert through.info == EmbeddedDetector().info
    assert through.score(images) == EmbeddedDetector().score(images)


def test_the_containers_refusal_is_a_model_error_with_its_reason(create: Callable[..., str], container: Server):
    """A wrong content type comes back as ModelError with the container's status and words."""
    runtime = boto3.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError, match=r"client error \(415\)") as caught:
        runtime.invoke_endpoint(EndpointName=create(), Body=b"x", ContentType="text/html")
    assert caught.value.response["OriginalStatusCode"] == 415
    assert "image/jpeg" in caught.value.response["OriginalMessage"]


def test_custom_attributes_travel_through_sagemaker(create: Callable[..., str], container: Server):
    """What the caller sends along reaches the container and comes back."""
    runtime = boto3.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName=create(), Body=portrait(), ContentType="image/jpeg", CustomAttributes="upload=7")
    assert answer["CustomAttributes"] == "upload=7"


def test_a_container_that_takes_too_long_is_a_model_error(create: Callable[..., str], sandbox: Sandbox, told: Any, serve: Any):
    """After SageMaker's minute (here: a fraction of a second) the caller isn't kept."""
    told.free.clear()
    sandbox.answer_endpoints_at(serve().url, seconds=0.3)
    runtime = boto3.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError, match="timed out"):
        runtime.invoke_endpoint(EndpointName=create(), Body=b"x", ContentType="image/jpeg")


def test_an_asynchronous_call_writes_its_answer_to_s3(create: Callable[..., str], container: Server, sandbox: Sandbox):
    """Input from S3, larger than a real-time call may be; the answer at the place that the call named, and a topic is told."""
    s3, queue = boto3.client("s3"), boto3.client("sqs").create_queue(QueueName="done")["QueueUrl"]
    topic = boto3.client("sns").create_topic(Name="done")["TopicArn"]
    arn = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    s3.create_bucket(Bucket="media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    image = portrait() + bytes(7_000_000)  # what follows a JPEG's end is no part of the picture
    s3.put_object(Bucket="media", Key="in/one.jpg", Body=image)
    endpoint = create(S3OutputPath="s3://media/out/", S3FailurePath="s3://media/failed", NotificationConfig={"SuccessTopic": topic})
    answer = boto3.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName=endpoint, InputLocation="s3://media/in/one.jpg", ContentType="image/jpeg", InferenceId="one"
    )
    assert (answer["InferenceId"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("one", 202)
    assert (answer["OutputLocation"], answer["FailureLocation"]) == ("s3://media/out/one.out", "s3://media/failed/one-error.out")
    sandbox.settle()
    said = json.loads(s3.get_object(Bucket="media", Key="out/one.out")["Body"].read())
    (score,) = EmbeddedDetector().score([image])
    assert said["probabilities"] == {str(family): value for family, value in score.probabilities.items()}
    (message,) = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    told = json.loads(json.loads(message["Body"])["Message"])
    assert (told["invocationStatus"], told["responseParameters"]["outputLocation"]) == ("Completed", answer["OutputLocation"])


def test_a_failed_asynchronous_call_writes_why(create: Callable[..., str], container: Server, sandbox: Sandbox):
    """Nothing lies at the answer's place; the failure's place says what the container, or S3, said."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="media", Key="in/page.html", Body=b"<p>")
    endpoint = create(S3OutputPath="s3://media/out", S3FailurePath="s3://media/failed")
    runtime = boto3.client("sagemaker-runtime")
    for name, kind, says in (("page.html", "text/html", "client error (415)"), ("gone.jpg", "image/jpeg", "no such object")):
        runtime.invoke_endpoint_async(
            EndpointName=endpoint, InputLocation=f"s3://media/in/{name}", ContentType=kind, InferenceId=name.partition(".")[0]
        )
        sandbox.settle()
        key = f"failed/{name.partition('.')[0]}-error.out"
        assert says in s3.get_object(Bucket="media", Key=key)["Body"].read().decode()
    assert s3.list_objects_v2(Bucket="media", Prefix="out/")["KeyCount"] == 0


def test_an_endpoint_is_for_one_kind_of_call(create: Callable[..., str], container: Server):
    """As on SageMaker: an asynchronous endpoint refuses real-time calls, and the other way round; a body and a place are one too many."""
    runtime = boto3.client("sagemaker-runtime")
    endpoint = create(S3OutputPath="s3://media/out")
    with pytest.raises(ClientError, match="does not support this inference type"):
        runtime.invoke_endpoint(EndpointName=endpoint, Body=b"x", ContentType="image/jpeg")
    with pytest.raises(ClientError, match="exactly one of Body and InputLocation"):
        runtime.invoke_endpoint_async(EndpointName=endpoint, Body=b"x", InputLocation="s3://media/in/a.jpg")
    with pytest.raises(ClientError, match="exactly one of Body and InputLocation"):
        runtime.invoke_endpoint_async(EndpointName=endpoint)


def _start(*arguments: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "averment", "detector", "serve", "--host", "127.0.0.1", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    found = re.search(r"http://\S+", first)
    return process, found.group() if found else first


def test_the_command_serves_until_sigterm():
    """``serve`` on the port that SageMaker names in the environment: it answers, and ends with 0 when SageMaker stops it."""
    process, url = _start(SAGEMAKER_BIND_TO_PORT="0", AVERMENT_WORKERS="1")
    try:
        sent = subprocess.run(
            ["curl", "-s", "--data-binary", "@-", "-H", "Content-Type: image/jpeg", f"{url}/invocations"],
            input=portrait(),
            capture_output=True,
            check=True,
        )
        assert json.loads(sent.stdout)["detector"]["name"] == EmbeddedDetector().info.name
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.communicate()


def recipe() -> dict[str, str]:
    """The instructions of the container's recipe, by their name, lines that go on put together; comments are left out."""
    text = (Path(averment.__file__).parent / "detector" / "container" / "Dockerfile").read_text()
    lines = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", text)).splitlines()
    return dict(line.split(" ", 1) for line in lines if line.strip())


def test_the_recipe_of_the_container_names_what_there_is():
    """No Docker is here to build it: its extras are the package's, its command is one, and its port is the one that is served."""
    found = recipe()
    extras = re.search(r"\[([a-z,]+)\]\" ", found["RUN"])
    assert extras is not None
    known = {key.lower() for key in metadata("averment").get_all("Provides-Extra") or []}
    assert set(extras[1].split(",")) == {"serve", "video"} <= known
    words = [*json.loads(found["ENTRYPOINT"])[1:], *json.loads(found["CMD"])]
    told = subprocess.run([sys.executable, "-m", "averment", *words, "--help"], capture_output=True, text=True, check=True).stdout
    assert f"default: {found['EXPOSE'].strip()}" in told
    assert "POST /invocations" in told
    assert f"or {PORT})" in found["HEALTHCHECK"]


def test_the_containers_health_is_asked_where_it_serves(told: Any, serve: Any, monkeypatch: pytest.MonkeyPatch):
    """It was asked on port 8080, and of a proxy: a container that SageMaker tells to listen elsewhere, or that has HTTP_PROXY set, was never well."""
    *_, program = json.loads(recipe()["HEALTHCHECK"].split(" CMD ", 1)[1])
    port = serve().url.rpartition(":")[2]
    for name, value in (("SAGEMAKER_BIND_TO_PORT", port), ("HTTP_PROXY", "http://127.0.0.1:9"), ("http_proxy", "http://127.0.0.1:9")):
        monkeypatch.setenv(name, value)

    def ends_with() -> Any:
        names: dict[str, Any] = {}
        with pytest.raises(SystemExit) as ended:
            exec(program, names)
        names["ask"].close()
        return ended.value.code

    assert ends_with() is False
    told.broken = True
    with closing(http.client.HTTPConnection("127.0.0.1", int(port))) as client:
        client.request("POST", "/invocations", b"x", {"Content-Type": "image/jpeg"})
        assert client.getresponse().status == 503
    assert ends_with() is True


@pytest.mark.parametrize(("wheels", "told"), [(1, "averment-0-py3-none-any.whl[serve,video]"), (2, "the folder holds 2 wheels")])
def test_two_wheels_beside_the_recipe_are_told(wheels: int, told: str, tmp_path: Path):
    """Which one was meant isn't guessed."""
    for number in range(wheels):
        (tmp_path / f"averment-{number}-py3-none-any.whl").touch()
    (tmp_path / "pip").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "pip").chmod(0o755)
    shell = recipe()["RUN"].replace("/opt/wheel", str(tmp_path)).replace("rm -r", "true")
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["/bin/sh", "-c", shell], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
    assert told in done.stdout + done.stderr
    assert done.returncode == wheels - 1


def test_a_taken_port_and_a_broken_detector_end_the_command(tmp_path: Path, container: Server):
    """No server that can't serve: exit 3 for the port, 2 for a host or a spec that isn't one."""
    process, said = _start("--port", container.url.rpartition(":")[2])
    assert "could not listen" in said + process.communicate(timeout=30)[1]
    assert process.returncode == 3
    process, said = _start("--host", "300.1.1.1", "--port", "0")
    assert "'300.1.1.1' is no address to listen on" in said + process.communicate(timeout=30)[1]
    assert process.returncode == 2
    process, said = _start("--detector", str(tmp_path / "gone.yaml"), "--port", "0")
    process.communicate(timeout=30)
    assert process.returncode == 2


def test_what_is_being_answered_when_it_stops_is_answered(told: Any):
    """SIGTERM lets the last request finish: ``run`` returns when it has."""
    server = Server(Application(told, Limits(workers=1)), port=0)
    answers: list[int] = []

    def client() -> None:
        from http.client import HTTPConnection

        connection = HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=30)
        connection.request("POST", "/invocations", b"x", {"Content-Type": "image/jpeg"})
        assert told.entered.acquire(timeout=20)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.2)
        told.free.set()
        answers.append(connection.getresponse().status)
        connection.close()

    told.free.clear()
    caller = threading.Thread(target=client)
    caller.start()
    server.run()
    caller.join()
    assert answers == [200]
