"""The media gate as it is deployed on the embedded AWS: who may do what in it, and that people decide through its function.

The stack is the blueprint's template. Bucket policies, which the embedded CloudFormation doesn't make, are put from the template's text with
its references resolved; the embedded S3 evaluates them. Identity policies aren't enforced there: they are read from IAM and evaluated here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from averment.cli.main import run
from averment.detector.gate.case import CaseState
from averment.detector.gate.cases import Cases
from averment.detector.gate.events import ObjectVersion
from averment.detector.gate.ingest import Gate
from averment.detector.gate.settings import Settings
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.governance.incidents.originals import find_originals, take
from averment.governance.remediation.blueprints import all_blueprints
from averment.governance.remediation.blueprints.pages import read_template
from averment.governance.remediation.permissions import trust_policy
from averment.governance.remediation.runbooks import shipped_runbook
from averment.sandbox.policy import Decision, Request, decide
from averment.sandbox.server import ACCOUNT, REGION, Sandbox

FAKE = b"\xff\xd8\xfffake"
RESPONDER, STRANGER, ENDPOINT = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("responder", "stranger", "endpoint"))
DISTRIBUTION = f"arn:aws:cloudfront::{ACCOUNT}:distribution/E2EXAMPLE"
STORE = f"arn:aws:cloudfront::{ACCOUNT}:key-value-store/takedowns"
GIVEN = {
    "ImageUri": f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/gate:1",
    "AlarmEmail": "trust@shop.example",
    "ResponderRoleArn": RESPONDER,
    "EndpointRoleArn": ENDPOINT,
    "Disclosed": "publish",
    "TrustAnchors": "shop-trust/anchors.pem",
    "OriginKeys": "shop-trust/partners.pem",
    "DistributionArn": DISTRIBUTION,
    "KeyValueStoreArn": STORE,
    "MediaAddress": "https://media.shop.example",
}
PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Partition": "aws", "AWS::Region": REGION}
SignIn = Callable[[str, str], None]
pytestmark = [
    pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning"),  # of moto, for each type that it lacks
    pytest.mark.usefixtures("without_sockets"),
]


class Double(Detector):
    """Finds everything fake."""

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("double", "1.0", "0" * 64, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Any) -> list[Score]:
        return [Score({Family.SYNTHETIC_IMAGE: 0.9}) for _ in images]


@dataclass(frozen=True)
class Deployed:
    """The stack: what its resources are called, and what of the template stands in for what CloudFormation here lacks."""

    names: dict[str, str]
    template: dict[str, Any]

    def arn(self, resource: str) -> str:
        kinds = {"AWS::S3::Bucket": "arn:aws:s3:::{}", "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{{}}"}
        kinds["AWS::Lambda::Function"] = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{}}"
        return kinds[self.template["Resources"][resource]["Type"]].format(self.names[resource])

    def resolved(self, value: Any) -> Any:
        """``value`` of the template with its references resolved."""
        if isinstance(value, list):
            return [item for part in value if (item := self.resolved(part)) is not None]
        if not isinstance(value, dict):
            return value
        name, inner = next(iter(value.items())) if len(value) == 1 else ("", None)
        if name == "Ref":
            return None if inner == "AWS::NoValue" else self._known(inner)
        if name == "GetAtt":
            return self.arn(inner.removesuffix(".Arn"))
        if name == "Sub":
            for known in {*self.names, *self.template["Parameters"], *PSEUDO}:
                inner = inner.replace(f"${{{known}.Arn}}", self.arn(known) if f"${{{known}.Arn}}" in inner else "")
                inner = inner.replace(f"${{{known}}}", str(self._known(known)))
            return inner
        if name == "If":
            return self.resolved(inner[1])  # every parameter is given
        return {key: self.resolved(item) for key, item in value.items()}

    def _known(self, name: str) -> Any:
        if name in self.names:
            return self.names[name]
        return PSEUDO.get(name) or GIVEN.get(name) or self.template["Parameters"][name]["Default"]

    def policy(self, resource: str) -> str:
        """The document of a bucket policy of the template."""
        return json.dumps(self.resolved(self.template["Resources"][resource]["Properties"]["PolicyDocument"]))

    def environment(self, function: str) -> dict[str, str]:
        """The variables of a function, as they were deployed."""
        answer = boto3.client("lambda").get_function_configuration(FunctionName=self.names[function])
        return dict(answer["Environment"]["Variables"])


@pytest.fixture
def deployed(sandbox: Sandbox) -> Deployed:
    """The stack ``media-gate`` with its bucket policies, and two roles of other people."""
    blueprint = all_blueprints()["media-gate"]
    cloudformation, iam, s3 = boto3.client("cloudformation"), boto3.client("iam"), boto3.client("s3")
    for role in ("responder", "stranger"):
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust_policy(ACCOUNT)))
    cloudformation.create_stack(
        StackName="media-gate",
        TemplateBody=blueprint.template.read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in GIVEN.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    made = cloudformation.describe_stack_resources(StackName="media-gate")["StackResources"]
    found = Deployed(
        {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in made if "PhysicalResourceId" in item}, read_template(blueprint)
    )
    for bucket in ("Quarantine", "Published", "Work"):
        s3.put_bucket_policy(Bucket=found.names[bucket], Policy=found.policy(f"{bucket}Policy"))
    return found


@pytest.fixture
def sign_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[SignIn]:
    """``sign_in(role_arn, name)``: from now on this process is a session of that role."""
    first = boto3.client("sts")

    def become(role: str, name: str) -> None:
        found = first.assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
        for variable, part in (
            ("ACCESS_KEY_ID", "AccessKeyId"),
            ("SECRET_ACCESS_KEY", "SecretAccessKey"),
            ("SESSION_TOKEN", "SessionToken"),
        ):
            monkeypatch.setenv(f"AWS_{variable}", found[part])
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)

    yield become
    boto3.DEFAULT_SESSION = None


@pytest.fixture
def held(deployed: Deployed, sign_in: SignIn) -> ObjectVersion:
    """An upload that the gate, as its own role and under its deployed settings, held."""
    put = boto3.client("s3").put_object(Bucket=deployed.names["Quarantine"], Key="x.jpg", Body=FAKE)
    target = ObjectVersion(deployed.names["Quarantine"], "x.jpg", put["VersionId"], put["ETag"].strip('"'))
    sign_in(deployed.arn("GateRole"), "scan")
    settings = Settings.from_environment({**deployed.environment("Scan"), "AVERMENT_TRUST": "", "AVERMENT_ORIGIN_KEYS": ""})
    assert Gate(settings, Double()).handle(target)["action"] == "hold"
    return target


def allowed(role: str) -> Callable[[str, str], bool]:
    """Whether the identity policies of ``role`` allow an action on a resource, read from IAM."""
    iam = boto3.client("iam")
    documents = [
        iam.get_policy_version(PolicyArn=item["PolicyArn"], VersionId="v1")["PolicyVersion"]["Document"]
        for item in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    ]
    documents += [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    return lambda action, resource: (
        Decision.ALLOW
        in {
            decide(json.dumps(document), Request(action, resource, (), {"kms:viaservice": ("s3.eu-west-1.amazonaws.com",)}, lambda _: True))
            for document in documents
        }
    )


def cases_table(deployed: Deployed) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{deployed.names['Cases']}"


def denied(call: Callable[..., Any], **request: Any) -> bool:
    with pytest.raises(ClientError) as caught:
        call(**request)
    return bool(caught.value.response["Error"]["Code"] == "AccessDenied")


def test_a_reviewer_decides_through_the_function_and_cannot_publish_past_it(
    deployed: Deployed, held: ObjectVersion, sign_in: SignIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """Signed in as a reviewer: what is held can be looked at and decided by `averment review`, which finds the function; nothing can be put
    into the published bucket by hand. The function runs in a process of its own, under its own role and variables."""
    sign_in(deployed.arn("ReviewerRole"), "ada")
    s3, published = boto3.client("s3"), deployed.names["Published"]
    assert s3.get_object(Bucket=held.bucket, Key=held.key, VersionId=held.version)["Body"].read() == FAKE
    assert denied(s3.put_object, Bucket=published, Key="x.jpg", Body=FAKE)
    [case] = Cases(deployed.names["Cases"]).listed([CaseState.OPEN])
    assert run(["review", "decide", case.id, "release", "--reason", "an advert that is labelled"]) == 0, capsys.readouterr().err
    assert "released" in capsys.readouterr().out
    found = s3.get_object(Bucket=published, Key="x.jpg")
    assert (found["Body"].read(), found["Metadata"]["averment-verdict"]) == (FAKE, "released")
    assert found["Metadata"]["averment-seal"]
    lines = [json.loads(event["message"]) for event in boto3.client("logs").filter_log_events(logGroupName="/averment/verdicts")["events"]]
    [line] = [line for line in lines if line["event"] == "review"]
    assert (line["by"].partition("/")[0], line["authenticated"]) == (deployed.names["ReviewerRole"], True)
    assert Cases(deployed.names["Cases"]).get(case.id).history[-2].by == f"{deployed.names['ReviewerRole']}/ada"


def test_a_reviewers_rights_end_at_the_function(deployed: Deployed) -> None:
    """Looking, reading the queue, calling the one function; neither publishing nor signing nor writing cases nor the log. The function has these,
    and with the edge's parameters the caches and the store."""
    published, cases = f"{deployed.arn('Published')}/x.jpg", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{deployed.names['Cases']}"
    seal = next(key["KeyArn"] for key in boto3.client("kms").list_keys()["Keys"] if key["KeyId"] == deployed.names["SealKey"])
    verdicts = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/averment/verdicts"
    deciding = [
        ("s3:PutObject", published),
        ("s3:DeleteObject", published),
        ("kms:Sign", seal),
        ("dynamodb:PutItem", cases),
        ("cloudfront:CreateInvalidation", DISTRIBUTION),
        ("cloudfront-keyvaluestore:PutKey", STORE),
        ("cloudfront-keyvaluestore:DeleteKey", STORE),
    ]
    reviewer, function = allowed(deployed.names["ReviewerRole"]), allowed(deployed.names["ReviewRole"])
    assert [what for what in deciding if reviewer(*what)] == []
    assert [what for what in deciding if not function(*what)] == []
    assert not reviewer("logs:PutLogEvents", verdicts)
    assert reviewer("lambda:InvokeFunction", deployed.arn("Review"))
    assert not reviewer("lambda:InvokeFunction", deployed.arn("Scan"))
    assert reviewer("s3:GetObjectVersion", f"{deployed.arn('Quarantine')}/x.jpg")
    assert not reviewer("s3:PutObjectTagging", f"{deployed.arn('Quarantine')}/x.jpg")


def test_a_session_of_the_reviewers_role_has_the_users_name(deployed: Deployed) -> None:
    """The role is assumed with a second factor and under one's own name alone: otherwise one person could decide the appeal against themselves."""
    role = boto3.client("iam").get_role(RoleName=deployed.names["ReviewerRole"])["Role"]
    document = json.dumps(role["AssumeRolePolicyDocument"])

    def assumes(**context: str) -> bool:
        given = {
            {"mfa": "aws:multifactorauthpresent", "user": "aws:username", "session": "sts:rolesessionname"}[key]: (value,)
            for key, value in context.items()
        }
        request = Request("sts:AssumeRole", role["Arn"], (f"arn:aws:iam::{ACCOUNT}:root",), given, lambda _: True)
        resource_less = json.loads(document)
        resource_less["Statement"] = [{**statement, "Resource": "*"} for statement in resource_less["Statement"]]
        return decide(json.dumps(resource_less), request) is Decision.ALLOW

    assert assumes(mfa="true", user="ada", session="ada")
    assert not assumes(mfa="true", user="ada", session="bob")
    assert not assumes(mfa="false", user="ada", session="ada")


def test_a_responder_preserves_what_is_in_quarantine_and_changes_nothing(
    deployed: Deployed, held: ObjectVersion, sign_in: SignIn, sandbox: Sandbox
) -> None:
    """Exempted by the parameter: `averment incident preserve` and the runbook read every version, and a hold keeps one from expiry; a role that
    isn't named is refused, also by the runbook, which says so."""
    place, bucket = f"s3://{held.bucket}/{held.key}", held.bucket
    evidence = boto3.client("s3").create_bucket(Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": REGION})
    assert evidence["ResponseMetadata"]["HTTPStatusCode"] == 200
    ssm, runbook = boto3.client("ssm"), shipped_runbook("preserve-evidence")
    ssm.create_document(Name=runbook.document, DocumentType="Automation", Content=json.dumps(runbook.content))
    for role, status in ((RESPONDER, "Success"), (STRANGER, "Failed")):
        given = {"AutomationAssumeRole": role, "BucketName": bucket, "EvidenceBucket": "evidence", "DryRun": "false"}
        execution = sandbox.automation(
            ssm.start_automation_execution(DocumentName=runbook.document, Parameters={name: [value] for name, value in given.items()})[
                "AutomationExecutionId"
            ]
        )
        execution.join(120)
        assert execution.status == status, execution.failure
    assert "1 of 1 versions could not be copied" in execution.failure
    sign_in(RESPONDER, "dee")
    s3 = boto3.client("s3")
    [original] = find_originals(place, all_versions=True)
    with take(original) as taken:
        assert taken.body.read() == FAKE
    s3.put_object_legal_hold(Bucket=bucket, Key=held.key, VersionId=held.version, LegalHold={"Status": "ON"})
    assert s3.get_object_legal_hold(Bucket=bucket, Key=held.key, VersionId=held.version)["LegalHold"]["Status"] == "ON"
    sign_in(STRANGER, "eve")
    assert denied(boto3.client("s3").get_object, Bucket=bucket, Key=held.key, VersionId=held.version)


def test_a_responders_policy_reads_and_holds(deployed: Deployed) -> None:
    """What the blueprint hands out for that role: every version, its tags and its hold; no write, no deletion, no other bucket."""
    boto3.client("iam").attach_role_policy(RoleName="responder", PolicyArn=deployed.names["ResponderPolicy"])
    may, quarantine = allowed("responder"), deployed.arn("Quarantine")
    for action in ("GetObject", "GetObjectVersion", "GetObjectVersionTagging", "GetObjectLegalHold", "PutObjectLegalHold"):
        assert may(f"s3:{action}", f"{quarantine}/x.jpg")
    assert may("s3:ListBucketVersions", quarantine)
    for action in (
        "PutObject",
        "PutObjectTagging",
        "PutObjectRetention",
        "DeleteObject",
        "DeleteObjectVersion",
        "BypassGovernanceRetention",
    ):
        assert not may(f"s3:{action}", f"{quarantine}/x.jpg")
    assert not may("s3:GetObject", f"{deployed.arn('Work')}/x.jpg")


def test_nobody_else_seals_a_verdict(deployed: Deployed) -> None:
    """The edge serves what carries a verdict under this key: a role that may use every key of the account can't make one, nor can a reviewer."""
    document = deployed.resolved(deployed.template["Resources"]["SealKey"]["Properties"]["KeyPolicy"])
    for statement in document["Statement"]:
        statement["Principal"] = "*" if statement["Principal"] != "*" else statement["Principal"]  # the account's root stands for all in it

    def decision(principal: str) -> Decision:
        request = Request("kms:Sign", "*", (principal,), {"aws:principalarn": (principal,)}, lambda _: True)
        return decide(json.dumps(document), request)

    assert {decision(deployed.arn(role)) for role in ("GateRole", "ReviewRole")} == {Decision.ALLOW}
    assert {decision(principal) for principal in (STRANGER, deployed.arn("ReviewerRole"))} == {Decision.DENY}


def test_the_quarantine_is_read_by_those_who_are_named(deployed: Deployed) -> None:
    """By name, in the policy as it stands: the gate, its function, its reviewers, the responder; everybody else is denied, root included."""
    document, resource = deployed.policy("QuarantinePolicy"), f"{deployed.arn('Quarantine')}/x.jpg"

    def decision(principal: str) -> Decision:
        context = {"aws:principalarn": (principal,), "aws:securetransport": ("true",)}
        return decide(document, Request("s3:GetObjectVersion", resource, (principal,), context, lambda _: True))

    named = [RESPONDER, *(deployed.arn(role) for role in ("GateRole", "ReviewRole", "ReviewerRole"))]
    assert {decision(principal) for principal in named} == {Decision.NEUTRAL}
    assert {decision(principal) for principal in (STRANGER, f"arn:aws:iam::{ACCOUNT}:root")} == {Decision.DENY}


def test_what_the_endpoint_is_asked_and_answers_is_nobody_elses(deployed: Deployed, sign_in: SignIn) -> None:
    """The work bucket has copies of what is in quarantine, and answers that publish it: who may read and write everything else in the account reads
    none of the first and writes none of the second."""
    document, resource = deployed.policy("WorkPolicy"), f"{deployed.arn('Work')}/outputs/1.out"

    def decisions(principal: str) -> set[Decision]:
        context = {"aws:principalarn": (principal,), "aws:securetransport": ("true",)}
        actions = ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:ReplicateObject")
        return {decide(document, Request(action, resource, (principal,), context, lambda _: True)) for action in actions}

    assert {*decisions(ENDPOINT), *decisions(deployed.arn("GateRole"))} == {Decision.NEUTRAL}
    assert {*decisions(STRANGER), *decisions(f"arn:aws:iam::{ACCOUNT}:root")} == {Decision.DENY}
    sign_in(deployed.arn("GateRole"), "scan")
    boto3.client("s3").put_object(Bucket=deployed.names["Work"], Key="inputs/x/1", Body=FAKE)
    sign_in(STRANGER, "eve")
    assert denied(boto3.client("s3").get_object, Bucket=deployed.names["Work"], Key="inputs/x/1")
    assert denied(boto3.client("s3").put_object, Bucket=deployed.names["Work"], Key="outputs/1.out", Body=b"{}")


def test_an_uploader_gives_no_verdict(deployed: Deployed, held: ObjectVersion, sign_in: SignIn) -> None:
    """Tags of the gate's names come from the gate alone, at the upload and afterwards: an upload that no scan ever gets through, and what is
    published, would otherwise stand in the evidence with a verdict of somebody's own."""
    quarantine, published = deployed.names["Quarantine"], deployed.names["Published"]
    boto3.client("s3").put_object(Bucket=published, Key="y.jpg", Body=FAKE)  # as the gate's role, which the fixture is signed in as
    sign_in(STRANGER, "eve")
    s3, verdict = boto3.client("s3"), {"TagSet": [{"Key": "averment-verdict", "Value": "clean"}]}
    s3.put_object(Bucket=quarantine, Key="a.jpg", Body=FAKE, Tagging="provenance=camera")
    assert denied(s3.put_object, Bucket=quarantine, Key="a.jpg", Body=FAKE, Tagging="provenance=camera&averment-verdict=clean")
    assert denied(s3.put_object_tagging, Bucket=quarantine, Key="a.jpg", Tagging=verdict)
    assert denied(s3.put_object_tagging, Bucket=quarantine, Key=held.key, VersionId=held.version, Tagging=verdict)
    assert denied(s3.put_object_tagging, Bucket=published, Key="y.jpg", Tagging=verdict)


def test_nobody_brings_back_what_was_withdrawn(deployed: Deployed, held: ObjectVersion, sign_in: SignIn) -> None:
    """What is withdrawn lies under a delete marker. Whoever may delete everywhere can't take that away, nor put another file there, nor replicate
    one into the bucket; the responder, who may have hidden it, can."""
    s3, place = boto3.client("s3"), {"Bucket": deployed.names["Published"], "Key": "y.jpg"}
    s3.put_object(**place, Body=FAKE)  # as the gate's role, which the fixture is signed in as
    marker = s3.delete_object(**place)["VersionId"]
    sign_in(STRANGER, "eve")
    stranger = boto3.client("s3")
    assert denied(stranger.delete_object, **place, VersionId=marker)
    assert denied(stranger.put_object, **place, Body=FAKE)
    context = {"aws:principalarn": (STRANGER,), "aws:securetransport": ("true",)}
    request = Request("s3:ReplicateObject", f"{deployed.arn('Published')}/y.jpg", (STRANGER,), context, lambda _: True)
    assert decide(deployed.policy("PublishedPolicy"), request) is Decision.DENY
    sign_in(RESPONDER, "dee")
    boto3.client("s3").delete_object(**place, VersionId=marker)
    assert boto3.client("s3").get_object(**place)["Body"].read() == FAKE


def test_the_parameters_reach_the_functions(deployed: Deployed) -> None:
    """Whom to trust and what to do with what is disclosed are settings of every function that judges, and the gate's role may read these files and
    no others; without parameters nobody is trusted and nothing disclosed is published."""
    for function in ("Scan", "Finish", "Sweep"):
        settings = Settings.from_environment(deployed.environment(function))
        assert (settings.trust, settings.publish_disclosed) == ("s3://shop-trust/anchors.pem", True)
        assert settings.origin_keys == "s3://shop-trust/partners.pem"
        assert settings.quarantine_bucket == deployed.names["Quarantine"]
    template = deployed.template["Resources"]["GatePolicy"]["Properties"]["PolicyDocument"]
    [statement] = [item for item in template["Statement"] if item.get("Sid") == "WhomToTrust"]
    assert deployed.resolved(statement["Resource"]) == ["arn:aws:s3:::shop-trust/anchors.pem", "arn:aws:s3:::shop-trust/partners.pem"]
    parameters = deployed.template["Parameters"]
    assert {parameters[name]["Default"] for name in ("TrustAnchors", "OriginKeys")} == {"none"}
    assert parameters["Disclosed"]["Default"] == "hold"
    environment = deployed.environment("Review")
    assert environment["AVERMENT_QUARANTINE_BUCKET"] == deployed.names["Quarantine"]
    assert deployed.environment("Sweep")["AVERMENT_REVIEW_HOURS"] == "24"
    assert allowed(deployed.names["GateRole"])("dynamodb:Query", f"{cases_table(deployed)}/index/by-state")
    assert environment["AVERMENT_REVIEWERS"].split(",") == [deployed.arn("ReviewerRole"), "none"]
    assert (environment["AVERMENT_DISTRIBUTION"], environment["AVERMENT_KEY_VALUE_STORE"]) == ("E2EXAMPLE", STORE)


@pytest.mark.parametrize("name", sorted(all_blueprints()))
def test_a_function_writes_into_its_own_log_and_no_other(name: str) -> None:
    """No role of a blueprint may write into any function's log: each names the groups that are made for it, in both forms."""
    blueprint = all_blueprints()[name]
    for source in (blueprint.template, blueprint.terraform):
        assert "log-group:/aws/lambda/*" not in source.read_text(encoding="utf-8")
    resources = read_template(blueprint)["Resources"]
    groups = {key for key, item in resources.items() if item["Type"] == "AWS::Logs::LogGroup"}
    images = {
        key: item["Properties"]
        for key, item in resources.items()
        if item["Type"] == "AWS::Lambda::Function" and "ImageConfig" in item["Properties"]
    }
    assert all(properties["LoggingConfig"]["LogGroup"]["Ref"] in groups for properties in images.values())
