"""The gate's way of a video with nothing in its place: the real container behind the asynchronous endpoint, topics, queue and all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import boto3
import numpy as np
import pytest

from averment.detector.gate.deferred import finish, results
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.detector.serving_http import Application, Limits
from averment.detector.serving_server import Server


class ByBrightness(Detector):
    """Flags bright frames."""

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("by-brightness", "1", "0" * 64, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        from averment.detector.imaging import decode

        return [Score({Family.SYNTHETIC_IMAGE: float(np.asarray(decode(image)).mean()) / 255}) for image in images]


@pytest.fixture
def film(tmp_path: Path) -> Callable[[int], bytes]:
    """``film(200)``: two seconds of one grey, as an MP4 that PyAV makes here."""

    def make(grey: int) -> bytes:
        path = tmp_path / f"{grey}.mp4"
        with av.open(str(path), "w") as out:
            track = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
            track.width, track.height, track.pix_fmt = 160, 120, "yuv420p"
            for _ in range(50):
                out.mux(track.encode(av.VideoFrame.from_ndarray(np.full((120, 160, 3), grey, np.uint8), format="rgb24")))
            out.mux(track.encode())
        return path.read_bytes()

    return make


@pytest.fixture
def answers(site: Any, sandbox: Any) -> Iterator[Callable[[], dict[str, Any]]]:
    """The container over HTTP behind an asynchronous endpoint that writes to the work bucket and tells a topic; gives the queue's next event."""
    sqs, sns, sagemaker = boto3.client("sqs"), boto3.client("sns"), boto3.client("sagemaker")
    queue = sqs.create_queue(QueueName="answers")["QueueUrl"]
    topic = sns.create_topic(Name="answers")["TopicArn"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sagemaker.create_endpoint_config(
        EndpointConfigName="answering",
        ProductionVariants=[{"VariantName": "AllTraffic", "ModelName": "video", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}],
        AsyncInferenceConfig={
            "OutputConfig": {
                "S3OutputPath": f"s3://{site.work}/outputs",
                "NotificationConfig": {"SuccessTopic": topic, "ErrorTopic": topic},
            }
        },
    )
    sagemaker.delete_endpoint(EndpointName="video")
    sagemaker.create_endpoint(EndpointName="video", EndpointConfigName="answering")

    def event() -> dict[str, Any]:
        sandbox.settle()
        [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return {"Records": [{"messageId": message["MessageId"], "eventSource": "aws:sqs", "body": message["Body"]}]}

    with Server(Application(ByBrightness(), Limits(max_clip=64 * 1024 * 1024)), port=0) as server:
        sandbox.answer_endpoints_at(server.url)
        yield event


@pytest.mark.parametrize(("grey", "verdict", "action"), [(40, "clean", "publish"), (220, "flagged", "hold")])
def test_a_video_is_judged_by_the_container(
    site: Any, double: Any, film: Callable[[int], bytes], answers: Callable[[], dict[str, Any]], grey: int, verdict: str, action: str
) -> None:
    """Upload, question, decoded and scored behind HTTP, answer in S3, notification, verdict: published, or held with a case."""
    gate, body = site.gate(double), film(grey)
    assert gate.handle(site.upload("v.mp4", body))["event"] == "asked"
    assert site.published("v.mp4") is None
    [line] = [finish(gate, result) for result in results(answers(), site.work)]
    assert (line["verdict"], line["action"], line["detector"]["name"]) == (verdict, action, "by-brightness")
    assert site.published("v.mp4") == (body if action == "publish" else None)
    assert [case.verdict for case in gate.cases.listed(["open"])] == ([] if action == "publish" else ["flagged"])
    assert site.waiting() == []
    assert double.asked == []


def test_a_file_that_only_looks_like_a_video_is_for_a_person(site: Any, double: Any, answers: Callable[[], dict[str, Any]]) -> None:
    """The container answers that it can't say, which is no failure: nobody asks again, and nothing is published."""
    gate = site.gate(double)
    gate.handle(site.upload("v.mp4", b"\x00\x00\x00\x18ftypmp42" + bytes(5000)))
    event = answers()
    assert json.loads(json.loads(event["Records"][0]["body"])["Message"])["invocationStatus"] == "Completed"
    [line] = [finish(gate, result) for result in results(event, site.work)]
    assert (line["verdict"], line["action"]) == ("review", "hold")
    assert site.published("v.mp4") is None
    assert site.waiting() == []
