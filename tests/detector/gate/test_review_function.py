"""Decisions through the function: filed under the name that AWS tells, refused to everybody else, and done as with rights of one's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from averment.cli.main import run
from averment.core.errors import BadInputError, IncompleteError
from averment.detector.gate import review_function
from averment.detector.gate.callers import Caller, sign
from averment.detector.gate.case import CaseState
from averment.detector.gate.cases import Cases
from averment.detector.gate.desks import GATES, ThroughFunction
from averment.detector.gate.review_function import Desk, review_handler
from averment.detector.gate.reviews import People, Reviews
from averment.detector.gate.verdict import GateVerdict

JPEG, REGION = b"\xff\xd8\xff", "eu-west-1"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
ROLES = "arn:aws:iam::123456789012:role/"
SignIn = Callable[..., None]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, site: Any) -> None:
    """The function's own environment; it runs in this process here, and in its own where the blueprint is deployed."""
    given = {
        "AVERMENT_PUBLISHED_BUCKET": site.published_bucket,
        "AVERMENT_CASES": site.table,
        "AVERMENT_REVIEWERS": f"{ROLES}reviewer,none",
        "AVERMENT_MEDIA_ADDRESS": "http://127.0.0.1:9",
    }
    monkeypatch.setattr(review_function, "os", SimpleNamespace(environ=given))


@pytest.fixture
def function(sandbox: Any, settings: None) -> str:
    """A function that is deployed under this name, and announced."""
    iam = boto3.client("iam")
    for role in ("reviewer", "review", "pipeline"):
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)
    boto3.client("lambda").create_function(
        FunctionName="gate-review",
        Role=f"{ROLES}review",
        PackageType="Image",
        Code={"ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/gate:1"},
    )
    sandbox.run_function_with("gate-review", review_handler)
    return "gate-review"


@pytest.fixture
def sign_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[SignIn]:
    """``sign_in("ada")``: from now on everything is asked as a session of the reviewers' role (or of ``role``) under that name."""
    first = boto3.client("sts")

    def become(name: str, role: str = "reviewer") -> None:
        found = first.assume_role(RoleArn=f"{ROLES}{role}", RoleSessionName=name)["Credentials"]
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
def case(site: Any, double: Any, function: str) -> Any:
    """A held upload's case."""
    reviews = Reviews(site.gate(double))
    reviews.gate.handle(site.upload("x.jpg", JPEG + b"fake"))
    [found] = reviews.cases.listed([CaseState.OPEN])
    return found


def invoke(asked: Any, proof: Any = None, **more: Any) -> Any:
    """What the function answers to an event that anybody may write who may invoke it."""
    event = {"asked": asked, "proof": proof, **more}
    answer = boto3.client("lambda").invoke(FunctionName="gate-review", Payload=json.dumps(event).encode())
    assert "FunctionError" not in answer
    return json.loads(answer["Payload"].read())


def logged(site: Any) -> list[tuple[str, str, bool]]:
    """What the log says of decisions: what was done, by which role, and whether AWS told who it was."""
    return [(line["did"], line["by"].partition("/")[0], line["authenticated"]) for line in site.logged() if line["event"] == "review"]


def people(site: Any, case: Any) -> list[str]:
    """Who did something about a case, by name, as its history has it."""
    return [step.by for step in Cases(site.table).get(case.id).history if step.by != "gate"]


def test_a_release_is_filed_under_the_name_that_aws_tells(site: Any, case: Any, sign_in: SignIn) -> None:
    """Published, and the log says who, and that it isn't only what they said of themselves."""
    sign_in("ada")
    decided = ThroughFunction("gate-review", site.table).decide(case.id, "release", reason="labelled")
    assert (decided.state, decided.applied) == (CaseState.RELEASED, True)
    assert site.published("x.jpg") == JPEG + b"fake"
    assert site.tags(site.published_bucket, "x.jpg")["averment-verdict"] == str(GateVerdict.RELEASED)
    assert people(site, case) == ["reviewer/ada"]
    assert logged(site) == [("release", "reviewer", True)]


def test_an_appeal_is_decided_by_another_session(site: Any, case: Any, sign_in: SignIn) -> None:
    """Ada can't decide the appeal against herself, whatever she says; Bob can."""
    desk = "gate-review", site.table
    sign_in("ada")
    ThroughFunction(*desk).decide(case.id, "reject", reason="the hands")
    ThroughFunction(*desk).appeal(case.id, reason="the seller brought the raw file")
    with pytest.raises(BadInputError, match="reviewer/ada decided the case that is appealed"):
        ThroughFunction(*desk).decide(case.id, "release", reason="hm")
    sign_in("bob")
    ThroughFunction(*desk).decide(case.id, "release", reason="the raw file is genuine")
    assert people(site, case) == ["reviewer/ada", "reviewer/ada", "reviewer/bob"]


def test_what_an_event_says_of_its_caller_is_not_believed(site: Any, case: Any, sign_in: SignIn) -> None:
    """The words that a function URL or API Gateway would put there, and a name in what is asked: nothing is decided."""
    sign_in("mallory", "pipeline")
    asked = {"do": "decide", "case": case.id, "revision": 0, "decision": "release", "reason": "x"}
    context = {"authorizer": {"iam": {"userArn": "arn:aws:sts::123456789012:assumed-role/reviewer/ada"}}}
    assert "no proof of who asks" in invoke(asked, requestContext=context)["error"]["message"]
    assert "is not as it should be" in invoke({**asked, "by": "reviewer/ada"})["error"]["message"]
    proof = sign(asked, "gate-review", REGION)
    assert "assumed-role/pipeline/mallory is none of the gate's reviewers" in invoke(asked, proof)["error"]["message"]
    assert (site.published("x.jpg"), people(site, case), logged(site)) == (None, [], [])


def test_a_proof_of_one_decision_carries_no_other_and_not_twice(site: Any, case: Any, sign_in: SignIn) -> None:
    """Somebody who sees a request go by can neither turn it round nor send it again."""
    sign_in("ada")
    asked = {"do": "decide", "case": case.id, "revision": 0, "decision": "reject", "reason": "the hands"}
    proof = sign(asked, "gate-review", REGION)
    sign_in("mallory", "pipeline")
    assert "does not confirm" in invoke({**asked, "decision": "release"}, proof)["error"]["message"]
    assert "does not confirm" in invoke({**asked, "revision": 2}, proof)["error"]["message"]
    assert invoke(asked, proof)["case"]["state"] == "rejected"
    again = invoke(asked, proof)["error"]
    assert (again["kind"], "went on meanwhile" in again["message"]) == ("incomplete", True)
    assert len(logged(site)) == 1
    sign_in("ada")
    asked = {"do": "appeal", "case": case.id, "revision": Cases(site.table).get(case.id).revision, "reason": "the raw file"}
    proof = sign(asked, "gate-review", REGION)
    assert invoke(asked, proof)["case"]["state"] == "appealed"
    Reviews(site.gate(People())).decide(case.id, "reject", by="reviewer/bob", reason="no")
    assert "went on meanwhile" in invoke(asked, proof)["error"]["message"]


@pytest.mark.parametrize(
    "asked",
    [
        None,
        {},
        {"do": "publish", "key": "x.jpg"},
        {"do": ["decide"]},
        {"do": "decide", "case": "x", "revision": True, "decision": "release", "reason": "x"},
        {"do": "decide", "case": "x", "revision": 0, "decision": "release"},
        {"do": "takedown", "key": "x.jpg", "reason": "x", "addresses": ["http://169.254.169.254/"]},
    ],
)
def test_what_cannot_be_done_is_refused(settings: None, sandbox: Any, asked: Any) -> None:
    """Anything but the three things, with exactly their parts: above all no address of the caller's choosing."""

    class Context:
        function_name, invoked_function_arn = "gate-review", f"arn:aws:lambda:{REGION}:123456789012:function:gate-review"

    error = review_handler({"asked": asked, "proof": {}}, Context())["error"]
    assert error["kind"] == "bad-input"
    assert "asked" in error["message"]


def test_errors_arrive_as_what_they_are(site: Any, case: Any, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal is bad input with its fix, a service that fails is incomplete, and so is a function that breaks."""
    sign_in("ada")
    desk = ThroughFunction("gate-review", site.table)
    with pytest.raises(BadInputError, match="there is no decision to appeal") as refused:
        desk.appeal(case.id, reason="x")
    assert refused.value.fix == "wait for one"
    site.s3.delete_bucket(Bucket=site.published_bucket)
    with pytest.raises(IncompleteError, match="could not apply the decision"):
        desk.decide(case.id, "release", reason="x")
    monkeypatch.setattr(review_function, "caller_of", lambda *_: 1 / 0)
    with pytest.raises(IncompleteError, match="the function gate-review failed: division by zero"):
        desk.decide(case.id, "release", reason="x")


def test_a_takedown_asks_the_deployments_own_address(
    site: Any, case: Any, double: Any, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Withdrawn, forbidden, and proven at the address that the deployment names, with the key in each way that a URL writes it."""
    from averment.core.http import Probe
    from averment.detector.gate import delivery

    asked: list[str] = []
    monkeypatch.setattr(delivery, "probe", lambda url: asked.append(url) or Probe(url, 403, {}))
    site.gate(double).handle(site.upload("año 1(2).jpg", JPEG + b"clean"))
    sign_in("ada")
    boto3.client("ssm").put_parameter(
        Name=f"{GATES}shop", Type="String", Value=json.dumps({"function": "gate-review", "cases": site.table})
    )
    monkeypatch.setenv("AVERMENT_CASES", "another-gates")  # which gate is meant was said
    assert run(["media", "takedown", "año 1(2).jpg", "--gate", "shop", "--reason", "ticket 512"]) == 0
    assert asked == ["http://127.0.0.1:9/a%C3%B1o%201(2).jpg", "http://127.0.0.1:9/a%C3%B1o%201%282%29.jpg"]
    assert site.published("año 1(2).jpg") is None
    [line] = [line for line in site.logged() if line["event"] == "takedown"]
    assert (line["by"].partition("/")[0], line["authenticated"]) == ("reviewer", True)
    assert json.loads(capsys.readouterr().out)["withdrawn"] is True
    # A key that was mistyped is refused at its own address too, which proves nothing.
    assert run(["media", "takedown", "ano 1(2).jpg", "--gate", "shop", "--reason", "ticket 512"]) == 3
    assert "Not proven: if the key is as it stands" in capsys.readouterr().err


@pytest.mark.parametrize(("left", "patience"), [(100.0, 70.0), (10.0, 0.0), (2000.0, 900.0)])
def test_a_takedown_reaches_the_deployments_edge_within_the_functions_time(
    settings: None, monkeypatch: pytest.MonkeyPatch, left: float, patience: float
) -> None:
    """The key is refused and the copies are dropped where the deployment says, and a release lets the key in there again. Waited is no longer than the
    function may run: it would be stopped before the takedown is in the log."""
    edge = {"distribution": "E2EXAMPLE", "key_value_store": "arn:store"}
    review_function.os.environ.update({f"AVERMENT_{name.upper()}": value for name, value in edge.items()})
    told, admitted = dict[str, Any](), list[tuple[str, ...]]()

    def take_down(reviews: Reviews, key: str, **given: Any) -> Any:
        told.update(given)
        reviews._admit(key)  # type: ignore[misc]
        return SimpleNamespace(to_json=dict)

    class Context:
        function_name, invoked_function_arn = "gate-review", f"arn:aws:lambda:{REGION}:123456789012:function:gate-review"
        get_remaining_time_in_millis = staticmethod(lambda: left * 1000)

    ada = Caller("arn:aws:sts::123456789012:assumed-role/reviewer/ada", "123456789012", "reviewer", "ada")
    monkeypatch.setattr(review_function, "caller_of", lambda *_: ada)
    monkeypatch.setattr(review_function, "take_down", take_down)
    monkeypatch.setattr(review_function, "admit_at_edge", lambda *given: admitted.append(given))
    assert review_handler({"asked": {"do": "takedown", "key": "x.jpg", "reason": "ticket"}}, Context()) == {"takedown": {}}
    assert {name: told[name] for name in edge} == edge
    assert (told["patience"], told["by"], admitted) == (patience, "reviewer/ada", [("arn:store", "x.jpg")])


def test_the_function_that_is_deployed_is_used_unless_a_table_is_named(
    site: Any, case: Any, sign_in: SignIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """Found by the gate's name; there --by is refused, since AWS says who it is; with --table it is one's own rights, and --by is asked for."""
    table = site.table
    boto3.client("ssm").put_parameter(
        Name=f"{GATES}media-gate", Type="String", Value=json.dumps({"function": "gate-review", "cases": table})
    )
    sign_in("ada")
    decide = ["review", "decide", case.id, "reject", "--reason", "the hands"]
    assert run(["review", "list"]) == 1
    assert run([*decide, "--by", "trust/Eve"]) == 2
    assert "the gate's function knows that from AWS" in capsys.readouterr().err
    assert run([*decide, "--table", table, "--published", site.published_bucket]) == 2
    assert "nobody says who decides" in capsys.readouterr().err
    assert run([*decide, "--gate", "else"]) == 2
    assert "no gate called else is deployed here" in capsys.readouterr().err
    assert run(decide) == 0
    assert run(["review", "list"]) == 0
    assert (
        run(["review", "appeal", case.id, "--table", table, "--published", site.published_bucket, "--by", "seller/Cem", "--reason", "mine"])
        == 0
    )
    assert people(site, case) == ["reviewer/ada", "seller/Cem"]
    assert logged(site) == [("reject", "reviewer", True), ("appeal", "seller", False)]


def test_a_deployment_in_which_nobody_may_decide_is_a_mistake() -> None:
    """The function fails aloud instead of letting anybody in, and takes no address that is none."""
    with pytest.raises(BadInputError, match="names nobody who may decide"):
        Desk.from_environment({"AVERMENT_REVIEWERS": "none"})
    with pytest.raises(BadInputError, match="is no address on the web"):
        Desk.from_environment({"AVERMENT_REVIEWERS": f"{ROLES}reviewer", "AVERMENT_MEDIA_ADDRESS": "media.shop.example"})


def test_a_release_accepts_nothing_that_was_found_between_two_looks_at_the_case(
    site: Any, case: Any, double: Any, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another model flags the medium right after the function compared the revision with what the person saw: the release is refused, and doesn't stand
    against what nobody knew."""
    sign_in("ada")
    desk, real, scans = ThroughFunction("gate-review", site.table), Cases.get, [site.gate(double)]
    asked = {"do": "decide", "case": case.id, "revision": case.revision, "decision": "release", "reason": "labelled"}
    proof = sign(asked, "gate-review", REGION)
    double.version = "2.0"

    def looked(cases: Cases, identifier: str) -> Any:
        found = real(cases, identifier)
        if scans:
            scans.pop().handle(case.target)
        return found

    monkeypatch.setattr(Cases, "get", looked)
    assert invoke(asked, proof)["error"]["kind"] == "incomplete"
    now = real(desk._cases, case.id)
    assert (site.published("x.jpg"), now.accepted, len(now.findings)) == (None, (), 2)


def test_one_person_does_not_decide_an_appeal_against_themselves_under_another_role(site: Any, double: Any) -> None:
    """A name is a user's own whatever role it is taken to: Ada as a user of IAM, or in a second role of reviewers, is still Ada."""
    reviews = Reviews(site.gate(double))
    reviews.gate.handle(site.upload("x.jpg", JPEG + b"fake"))
    [case] = reviews.cases.listed([CaseState.OPEN])
    reviews.decide(case.id, "reject", by="reviewer/ada", reason="the hands")
    reviews.appeal(case.id, by="seller/cem", reason="it is my photograph")
    for again in ("user/ada", "senior/Ada"):
        with pytest.raises(BadInputError, match="reviewer/ada decided the case that is appealed"):
            reviews.decide(case.id, "release", by=again, reason="hm")
    assert reviews.decide(case.id, "release", by="reviewer/bob", reason="the raw file is genuine").applied


def test_a_reason_that_is_no_utf_8_is_refused_by_the_command_and_by_the_function(
    site: Any, case: Any, sign_in: SignIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with rights of one's own: one clear error, and nothing is filed."""
    boto3.client("ssm").put_parameter(
        Name=f"{GATES}media-gate", Type="String", Value=json.dumps({"function": "gate-review", "cases": site.table})
    )
    sign_in("ada")
    assert run(["review", "decide", case.id, "reject", "--reason", "f\udcfcr"]) == 2
    assert "is not UTF-8" in capsys.readouterr().err
    asked = {"do": "decide", "case": case.id, "revision": case.revision, "decision": "reject", "reason": "x"}
    answer = invoke({**asked, "reason": "\ud800"}, sign(asked, "gate-review", REGION))
    assert (answer["error"]["kind"], people(site, case)) == ("bad-input", [])
