"""A site with all that the gate may use, a detector that scores by words, and services that fail when they are told to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from averment.core.errors import IncompleteError
from averment.detector.gate import asking, cases, deferred, ingest
from averment.detector.gate.events import ObjectVersion
from averment.detector.gate.ingest import Gate, Settings
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.detector.serving import info_to_json, score_to_json

QUARANTINE, PUBLISHED, WORK, TABLE = "shop-uploads", "shop-media", "shop-work", "gate-cases"
JPEG, MP4 = b"\xff\xd8\xff", b"\x00\x00\x00\x18ftypmp42"


class Double(Detector):
    """Scores by the words after the signature, and remembers what it was asked. Its version 2.0 also flags "late", and is at a loss about "lost"."""

    def __init__(self, name: str = "double") -> None:
        self.name, self.version = name, "1.0"
        self.asked: list[bytes] = []
        self.broken = False

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo(self.name, self.version, "0" * 64, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        if self.broken:
            raise IncompleteError("the detector is down")
        self.asked += images
        return [self.one(image) for image in images]

    def one(self, image: bytes) -> Score:
        second = self.version == "2.0"
        if b"odd" in image or (second and b"lost" in image):
            return Score(cannot_say="odd")
        return Score({Family.SYNTHETIC_IMAGE: 0.9 if b"fake" in image or (second and b"late" in image) else 0.1})


class Site:
    """Buckets, the table of cases, and shorthands for looking at them and for being the asynchronous endpoint."""

    quarantine, published_bucket, work, table = QUARANTINE, PUBLISHED, WORK, TABLE

    def __init__(self) -> None:
        self.s3: Any = boto3.client("s3")
        for bucket in (QUARANTINE, PUBLISHED, WORK):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        for bucket in (QUARANTINE, PUBLISHED):
            self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "state", "opened_at")],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-state",
                    "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}, {"AttributeName": "opened_at", "KeyType": "RANGE"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        self.create_endpoint("video", AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": f"s3://{WORK}/unread/"}})
        self.answers = 0

    def create_endpoint(self, name: str, **more: Any) -> None:
        """An endpoint. What the asynchronous one answers by itself goes where nobody looks: the tests answer in its place, when and as they want to."""
        sagemaker = boto3.client("sagemaker")
        image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/detector:1"
        role = "arn:aws:iam::123456789012:role/inference"
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": image})
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[{"VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}],
            **more,
        )
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

    def settings(self, **more: Any) -> Settings:
        return Settings(PUBLISHED, async_endpoint="video", work_bucket=WORK, cases=TABLE, **more)

    def gate(self, double: Detector, *, large: Detector | None = None, **more: Any) -> Gate:
        return Gate(self.settings(**more), double, large=large)

    def upload(self, key: str, body: bytes, **more: Any) -> ObjectVersion:
        answer = self.s3.put_object(Bucket=QUARANTINE, Key=key, Body=body, **more)
        return ObjectVersion(QUARANTINE, key, answer["VersionId"], answer["ETag"].strip('"'))

    def published(self, key: str) -> bytes | None:
        try:
            return bytes(self.s3.get_object(Bucket=PUBLISHED, Key=key)["Body"].read())
        except self.s3.exceptions.NoSuchKey:
            return None

    def waiting(self) -> list[str]:
        """The inputs that the endpoint has yet to answer, as keys."""
        return [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=WORK, Prefix="inputs/").get("Contents", [])]

    def answer(self, key: str, double: Double, *, failure: str | None = None, body: bytes | None = None) -> dict[str, Any]:
        """What the endpoint does with an input: score it, write the answer, and notify (as SNS delivers to SQS)."""
        value: dict[str, Any] = {
            "awsRegion": "eu-west-1",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
            "invocationStatus": "Failed" if failure else "Completed",
            "requestParameters": {"endpointName": "video", "inputLocation": f"s3://{WORK}/{key}", "contentType": "video/mp4"},
            "inferenceId": key.removeprefix("inputs/").replace("/", "-"),
        }
        if failure:
            value["failureReason"] = failure
        else:
            self.answers += 1
            if body is None:
                scored = double.score([self.s3.get_object(Bucket=WORK, Key=key)["Body"].read()])[0]
                body = json.dumps({"detector": info_to_json(double.info), **score_to_json(scored)}).encode()
            place = f"outputs/{self.answers}.out"
            self.s3.put_object(Bucket=WORK, Key=place, Body=body)
            # As if the endpoint had said so when it was asked: its own answer goes elsewhere.
            self.s3.put_object(Bucket=WORK, Key=key.replace("inputs/", "asked/", 1), Body=f"s3://{WORK}/{place}".encode())
            value["responseParameters"] = {"contentType": "application/json", "outputLocation": f"s3://{WORK}/{place}"}
        wrapped = {"Type": "Notification", "Message": json.dumps(value)}
        return {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(wrapped)}]}

    def tags(self, bucket: str, key: str, version: str | None = None) -> dict[str, str]:
        pinned = {"VersionId": version} if version else {}
        return {tag["Key"]: tag["Value"] for tag in self.s3.get_object_tagging(Bucket=bucket, Key=key, **pinned)["TagSet"]}

    def distribution(self) -> str:
        """A distribution over the published bucket, by its id."""
        origin = {"Id": "o", "DomainName": f"{PUBLISHED}.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
        config = {
            "CallerReference": "x",
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only"},
        }
        return str(boto3.client("cloudfront").create_distribution(DistributionConfig=config)["Distribution"]["Id"])

    def invalidated(self, where: str) -> list[list[str]]:
        """The paths of each invalidation of the distribution ``where``."""
        cloudfront = boto3.client("cloudfront")
        found = cloudfront.list_invalidations(DistributionId=where)["InvalidationList"].get("Items", [])
        batches = [cloudfront.get_invalidation(DistributionId=where, Id=item["Id"])["Invalidation"]["InvalidationBatch"] for item in found]
        return [batch["Paths"]["Items"] for batch in batches]

    def logged(self) -> list[dict[str, Any]]:
        events = boto3.client("logs").filter_log_events(logGroupName="/averment/verdicts")["events"]
        return [json.loads(event["message"]) for event in events]


FAULTS: dict[str, Exception] = {
    "down": ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "down"}}, "any"),
    "throttled": ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "any"),
    "denied": ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "any"),
    "timeout": ReadTimeoutError(endpoint_url="https://aws.invalid"),
}


class FaultyClients:
    """Clients whose chosen operation fails, before the service sees it or after it did what was asked (the answer is lost).

    ``failing`` names an operation, each call of which fails; ``countdown`` is the number of the call that fails, whatever it is."""

    kinds = FAULTS

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make, self._made = make, dict[tuple[str, str], Any]()
        self.failing: str | None = None
        self.countdown: int | None = None
        self.calls: list[str] = []
        self.kind = "down"
        self.ways: Iterator[str] = iter(())
        self.answer_lost = False
        self.raised = 0

    def __call__(self, service: str, **options: Any) -> Any:
        """The client, one for the whole test: to make one costs more than ten calls."""
        known = (service, repr(options))
        if known in self._made:
            return self._made[known]
        made = self._made[known] = self._make(service, **options)
        made.meta.events.register("provide-client-params", self._before)
        made.meta.events.register("after-call", self._after)
        return made

    def _before(self, model: Any, **_: Any) -> None:
        self.calls.append(model.name)
        if not self.answer_lost and self._is_due(model.name):
            self._fail()

    def _after(self, model: Any, **_: Any) -> None:
        if self.answer_lost and self._is_due(model.name):
            self._fail()

    def _is_due(self, operation: str) -> bool:
        return operation == self.failing or self.countdown == len(self.calls) - 1

    def _fail(self) -> None:
        self.raised += 1
        self.countdown = None
        raise FAULTS[self.kind]


@pytest.fixture
def site(sandbox: Any) -> Site:
    sandbox.answer_endpoints_with(lambda *_: b"{}")  # what it answers by itself isn't read
    return Site()


@pytest.fixture
def new_site(sandbox: Any) -> Callable[[], Site]:
    """An empty embedded AWS and a site in it, as often as a property test wants one."""

    def make() -> Site:
        sandbox.reset()
        sandbox.answer_endpoints_with(lambda *_: b"{}")
        return Site()

    return make


@pytest.fixture
def double() -> Double:
    return Double()


@pytest.fixture
def new_double() -> type[Double]:
    return Double


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> FaultyClients:
    faulty = FaultyClients(ingest.client)
    for module in (ingest, asking, cases, deferred):
        monkeypatch.setattr(module, "client", faulty)
    return faulty


@pytest.fixture(autouse=True)
def _quick(without_sockets: None) -> None:
    """These tests make tens of thousands of calls."""
