"""A role of a blueprint may do what its function does: the embedded AWS enforces no identity policies, and would let pass what a real account refuses.

The functions' code runs on the deployed stack. Each call that it makes is written down, turned into the actions and resources that IAM asks
about (keys of KMS that S3 uses in the caller's name included), and put to the policies of the role, as they stand in IAM.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from averment.core.period import utc_now
from averment.core.signing.kms import KmsSigner
from averment.detector import corpus
from averment.detector.credentials.authority import TestAuthority
from averment.detector.gate import deferred
from averment.detector.gate.case import CaseState
from averment.detector.gate.cases import Cases
from averment.detector.gate.events import ObjectVersion
from averment.detector.gate.identity import Device, IdentityGate, Risk
from averment.detector.gate.ingest import Gate
from averment.detector.gate.reviews import People, Reviews
from averment.detector.gate.sealing import SealSettings, seal
from averment.detector.gate.settings import Settings
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.detector.serving import info_to_json, score_to_json
from averment.governance.remediation.blueprints import all_blueprints
from averment.sandbox.policy import Decision, Request, decide
from averment.sandbox.server import ACCOUNT, REGION, Sandbox

VIDEO = b"\x1a\x45\xdf\xa3webm"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
pytestmark = [
    pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning"),  # of moto, for each type that it lacks
    pytest.mark.usefixtures("without_sockets"),
]


@cache
def picture() -> bytes:
    return next(image for image in corpus.load() if image.label == "synthetic").read()


@dataclass
class Double(Detector):
    """Says the same of everything."""

    says: float = 0.1
    version: str = "1.0"

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("double", self.version, "0" * 64, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Any) -> list[Score]:
        return [Score({Family.SYNTHETIC_IMAGE: self.says}) for _ in images]


@dataclass
class Watch:
    """What was asked of AWS since the last look: service, operation and parameters."""

    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    on: bool = False


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made, real = Watch(), BaseClient._make_api_call

    def noted(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if made.on:
            made.calls.append((self.meta.service_model.service_name, operation, deepcopy(parameters)))  # boto3 writes into them
        return real(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    return made


def deploy(name: str, given: Mapping[str, str]) -> dict[str, str]:
    """The stack of a blueprint: its resources' names."""
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=all_blueprints()[name].template.read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    made = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in made if "PhysicalResourceId" in item}


def variables(function: str) -> dict[str, str]:
    """A function's variables as they were deployed."""
    return dict(boto3.client("lambda").get_function_configuration(FunctionName=function)["Environment"]["Variables"])


def missing(watch: Watch, role: str, act: Callable[[], Any]) -> list[tuple[str, str]]:
    """What ``act`` asks AWS for and the identity policies of ``role`` don't allow, as actions with their resources."""
    iam, watch.calls, watch.on = boto3.client("iam"), [], True
    act()
    watch.on = False
    documents = [
        json.dumps(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    assert documents
    assert watch.calls

    def may(action: str, resource: str, context: Mapping[str, str]) -> bool:
        request = Request(action, resource, (), {key: (value,) for key, value in context.items()}, lambda _: True)
        return any(decide(document, request) is Decision.ALLOW for document in documents)

    asked = {(*needed, tuple(context.items())): context for call in watch.calls for *needed, context in needs(*call)}
    return sorted((action, resource) for (action, resource, _), context in asked.items() if not may(action, resource, context))


def needs(service: str, operation: str, given: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The actions of one call, each with its resource and its context."""
    if service == "s3":
        yield from ((action, resource, {"s3:resourceaccount": ACCOUNT}) for action, resource in _s3(operation, given))
    elif service == "dynamodb":
        for table in given.get("RequestItems", {given.get("TableName"): None}):
            place = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"
            yield f"dynamodb:{operation}", place + (f"/index/{given['IndexName']}" if "IndexName" in given else ""), {}
    elif service == "logs":
        yield f"logs:{operation}", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{given['logGroupName']}", {}
    elif service == "cloudwatch":
        yield "cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": given["Namespace"]}
    elif service == "kms":
        yield f"kms:{operation}", given["KeyId"], {}
    elif service == "sagemaker-runtime":
        yield f"sagemaker:{operation}", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{given['EndpointName']}", {}
    elif service == "cloudfront":
        yield f"cloudfront:{operation}", f"arn:aws:cloudfront::{ACCOUNT}:distribution/{given['DistributionId']}", {}
    elif service == "rekognition":
        yield f"rekognition:{operation}", "*", {}
    else:
        raise AssertionError(f"what {service}:{operation} needs isn't known here")


def _s3(operation: str, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    bucket = f"arn:aws:s3:::{given['Bucket']}"
    if operation == "ListObjectsV2":
        yield "s3:ListBucket", bucket
        return
    place, of_version = f"{bucket}/{given['Key']}", "Version" if "VersionId" in given else ""
    if operation in {"HeadObject", "GetObject"}:
        yield f"s3:GetObject{of_version}", place
        yield "s3:ListBucket", bucket  # or what is gone is answered with 403
        yield from _key(given["Bucket"], "kms:Decrypt")
    elif operation in {"GetObjectTagging", "PutObjectTagging"}:
        yield f"s3:{operation.replace('Object', f'Object{of_version}')}", place
    elif operation in {"PutObject", "CopyObject"}:
        yield from _source(given.get("CopySource"))
        yield "s3:PutObject", place
        yield from _key(given["Bucket"], "kms:GenerateDataKey")
        if "Tagging" in given:
            yield "s3:PutObjectTagging", place
    elif operation == "DeleteObject":
        yield "s3:DeleteObject", place
        yield "s3:GetObject", place  # for the condition on the bytes
    else:
        raise AssertionError(f"what s3:{operation} needs isn't known here")


def _source(source: Mapping[str, str] | None) -> Iterator[tuple[str, str]]:
    if source is not None:
        of_version = "Version" if "VersionId" in source else ""
        yield f"s3:GetObject{of_version}", f"arn:aws:s3:::{source['Bucket']}/{source['Key']}"
        yield from _key(source["Bucket"], "kms:Decrypt")


def _key(bucket: str, action: str) -> Iterator[tuple[str, str]]:
    """What S3 asks KMS for in the caller's name, where the bucket is encrypted with a key of ours."""
    try:
        rules = boto3.client("s3").get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    except ClientError:  # no bucket of a blueprint
        return
    if key := rules[0]["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID"):
        yield action, key


@dataclass
class Site:
    """The media gate, deployed, with an asynchronous endpoint that answers when it is told to."""

    names: dict[str, str]

    def settings(self, function: str) -> Settings:
        return Settings.from_environment(variables(self.names[function]))

    def upload(self, key: str, body: bytes) -> ObjectVersion:
        put = boto3.client("s3").put_object(Bucket=self.names["Quarantine"], Key=key, Body=body)
        return ObjectVersion(self.names["Quarantine"], key, put["VersionId"], put["ETag"].strip('"'))

    def answer(self, double: Double, *, failed: bool = False) -> dict[str, Any]:
        """What the endpoint tells of the one question that waits."""
        s3, work = boto3.client("s3"), self.names["Work"]
        [key] = [item["Key"] for item in s3.list_objects_v2(Bucket=work, Prefix="inputs/")["Contents"]]
        value: dict[str, Any] = {
            "invocationStatus": "Failed" if failed else "Completed",
            "requestParameters": {"inputLocation": f"s3://{work}/{key}"},
        }
        if not failed:
            body = {"detector": info_to_json(double.info), **score_to_json(double.score([b""])[0])}
            s3.put_object(Bucket=work, Key="outputs/1.out", Body=json.dumps(body).encode())
            s3.put_object(Bucket=work, Key=key.replace("inputs/", "asked/", 1), Body=f"s3://{work}/outputs/1.out".encode())
            value["responseParameters"] = {"outputLocation": f"s3://{work}/outputs/1.out"}
        return {"Records": [{"body": json.dumps(value)}]}


@pytest.fixture
def site(sandbox: Sandbox) -> Site:
    sagemaker, s3 = boto3.client("sagemaker"), boto3.client("s3")
    sagemaker.create_model(ModelName="v", ExecutionRoleArn=f"{ROLE}endpoint", PrimaryContainer={"Image": "detector:1"})
    variant = {"VariantName": "AllTraffic", "ModelName": "v", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    output = {"OutputConfig": {"S3OutputPath": "s3://unread/outputs"}}
    sagemaker.create_endpoint_config(EndpointConfigName="v", ProductionVariants=[variant], AsyncInferenceConfig=output)
    sagemaker.create_endpoint(EndpointName="video", EndpointConfigName="v")
    s3.create_bucket(Bucket="shop-trust", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="shop-trust", Key="anchors.pem", Body=TestAuthority.create().anchors)
    given = {"ImageUri": "gate:1", "AlarmEmail": "trust@shop.example", "TrustAnchors": "shop-trust/anchors.pem", "AsyncEndpoint": "video"}
    return Site(deploy("media-gate", given))


def test_the_gates_role_may_do_what_its_functions_do(site: Site, watch: Watch) -> None:
    """Publish, hold, withdraw; ask about a video, finish it, ask again after a failure; sweep."""
    gate, role = Gate(site.settings("Scan"), Double()), site.names["GateRole"]
    stricter, finisher = Gate(site.settings("Scan"), Double(0.9, "2.0")), Gate(site.settings("Finish"), Double())
    upload = site.upload("x.jpg", picture())

    def finish(event: dict[str, Any]) -> dict[str, Any]:
        [result] = deferred.results(event, site.names["Work"])
        return deferred.finish(finisher, result)

    def all_of_it() -> None:
        assert gate.handle(upload)["action"] == "publish"
        assert stricter.handle(upload)["action"] == "hold"
        assert gate.handle(site.upload("v.mp4", VIDEO))["event"] == "asked"
        assert finish(site.answer(Double(), failed=True))["event"] == "asked"
        assert finish(site.answer(Double()))["action"] == "publish"
        assert list(deferred._overdue(site.names["Work"], utc_now())) == []
        assert deferred._waiting(Cases(site.names["Cases"]), utc_now() + timedelta(days=1)) == 1

    by_the_test = {
        (f"s3:{verb}", f"arn:aws:s3:::{site.names[bucket]}/{key}")
        for verb, bucket, key in [("PutObject", "Quarantine", "v.mp4"), ("PutObject", "Work", "outputs/1.out")]
    }
    assert set(missing(watch, role, all_of_it)) - by_the_test - TRUSTED_FILES == set()


TRUSTED_FILES = {("s3:ListBucket", "arn:aws:s3:::shop-trust")}
"""Whether a file of anchors is missing or refused makes no difference: nobody is trusted, and the scan fails with the reason."""


def test_the_review_functions_role_may_do_what_it_does(site: Site, watch: Watch) -> None:
    """Release, reject, take down."""
    gate = Gate(site.settings("Scan"), Double(0.9))
    for key in ("a.jpg", "b.jpg"):
        gate.handle(site.upload(key, picture() + key.encode()))
    reviews = Reviews(Gate(site.settings("Review"), People()), authenticated=True)
    first, second = reviews.cases.listed([CaseState.OPEN])

    def all_of_it() -> None:
        reviews.decide(first.id, "release", by="trust/Ada", reason="an advert")
        reviews.decide(second.id, "reject", by="trust/Ada", reason="a fake")
        assert reviews.forbid_published(first.target.key, by="trust/Ada", reason="a court order") is not None

    assert missing(watch, site.names["ReviewRole"], all_of_it) == []


def test_the_signers_role_may_do_what_its_function_does(site: Site, watch: Watch, tmp_path: Path) -> None:
    """Mark what was generated, publish it, and log it in the group that the blueprint makes; and take it back where it was forbidden meanwhile."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="shop-generated", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket="shop-generated", VersioningConfiguration={"Status": "Enabled"})
    seal_key, data_key = (f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{site.names[name]}" for name in ("SealKey", "Key"))
    given = {
        "ImageUri": "gate:1",
        "GeneratedBucket": "shop-generated",
        "PublishedBucket": site.names["Published"],
        "VerdictSealKeyArn": seal_key,
        "CasesTable": site.names["Cases"],
        "CasesKeyArn": data_key,
    }
    names = deploy("signing", given)
    signer, chain = KmsSigner(variables(names["Seal"])["AVERMENT_SIGNING_KEY"].removeprefix("kms:")), tmp_path / "chain.pem"
    chain.write_bytes(TestAuthority.create().issue(signer.public_key(), "studio"))
    settings = SealSettings.from_environment({**variables(names["Seal"]), "AVERMENT_CERTIFICATE": str(chain), "AVERMENT_TSA": ""})
    put = s3.put_object(Bucket="shop-generated", Key="1.jpg", Body=picture())
    target = ObjectVersion("shop-generated", "1.jpg", put["VersionId"], put["ETag"].strip('"'))

    def all_of_it() -> None:
        assert seal(settings, target)["event"] == "sealed"

    found = missing(watch, names["SignerRole"], all_of_it)
    # Where nothing is published under the key S3 answers 403 then, which the code takes for that.
    assert set(found) - {("s3:ListBucket", f"arn:aws:s3:::{site.names['Published']}")} == set()


def test_the_identity_services_role_may_do_what_it_does(sandbox: Sandbox, watch: Watch) -> None:
    """Start a session and finish it."""
    names = deploy("identity", {"AlarmEmail": "trust@shop.example"})
    device = Device("a phone")

    def all_of_it() -> None:
        gate = IdentityGate(names["Sessions"])
        session = gate.start("payment 1", "ada", Risk.LOW, device)
        assert session is not None
        gate.finish("payment 1", "ada", session, device)

    assert missing(watch, names["ServiceRole"], all_of_it) == []
