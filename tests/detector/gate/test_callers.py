"""Who asks is who AWS says signed exactly what is asked, just now; nothing else names anybody."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest

from averment.core.errors import BadInputError, IncompleteError
from averment.core.period import utc_now
from averment.detector.gate import callers
from averment.detector.gate.callers import Caller, caller_of, sign

REGION, ROLE = "eu-west-1", "arn:aws:iam::123456789012:role/reviewer"
ASKED = {"do": "decide", "case": "5f0c", "revision": 0, "decision": "release", "reason": "müßig"}


@pytest.fixture
def ada(sandbox: Any) -> boto3.Session:
    """A session of the reviewers' role under the name of Ada."""
    boto3.client("iam").create_role(RoleName="reviewer", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
    found = boto3.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="ada")["Credentials"]
    return boto3.Session(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])


def test_a_session_and_a_user_are_named(ada: boto3.Session) -> None:
    """A session by its role and its name, a user by name; both as decisions name people."""
    caller = caller_of(sign(ASKED, "review", REGION, session=ada), ASKED, "review", REGION)
    assert (caller.by, caller.arn) == ("reviewer/ada", "arn:aws:sts::123456789012:assumed-role/reviewer/ada")
    boto3.client("iam").create_user(UserName="bob", Path="/trust/")
    key = boto3.client("iam").create_access_key(UserName="bob")["AccessKey"]
    bob = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"])
    assert caller_of(sign(ASKED, "review", REGION, session=bob), ASKED, "review", REGION).by == "user/bob"


def test_a_proof_is_for_what_was_asked_and_for_nothing_else(ada: boto3.Session) -> None:
    """Another decision, another case, another function: STS refuses the signature."""
    proof = sign(ASKED, "review", REGION, session=ada)
    for asked, function in (({**ASKED, "decision": "reject"}, "review"), ({**ASKED, "case": "77aa"}, "review"), (ASKED, "other-review")):
        with pytest.raises(BadInputError, match=r"does not confirm who asks \(SignatureDoesNotMatch\)"):
            caller_of(proof, asked, function, REGION)


def test_who_has_no_secret_proves_nothing(ada: boto3.Session) -> None:
    """An access key that is known and a signature with a guessed secret: nobody."""
    found = ada.get_credentials().get_frozen_credentials()
    guessed = boto3.Session(found.access_key, "guessed", found.token)
    with pytest.raises(BadInputError, match="does not confirm who asks"):
        caller_of(sign(ASKED, "review", REGION, session=guessed), ASKED, "review", REGION)


def test_an_old_proof_is_refused(ada: boto3.Session) -> None:
    """Before STS, which takes signatures of the last quarter of an hour, is asked at all."""
    proof = sign(ASKED, "review", REGION, session=ada)
    for moment in (utc_now() + timedelta(minutes=6), utc_now() - timedelta(minutes=6)):
        with pytest.raises(BadInputError, match="not of now"):
            caller_of(proof, ASKED, "review", REGION, now=moment)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda proof: None, "carries no proof"),
        (lambda proof: {"Authorization": proof["Authorization"]}, "carries no proof"),
        (lambda proof: {**proof, "Host": "sts.attacker.example"}, "carries no proof"),
        (lambda proof: {**proof, "X-Amz-Security-Token": "a\r\nX-Averment-Asks: b"}, "no signature for STS"),
        (lambda proof: {**proof, "Authorization": proof["Authorization"].replace("/sts/", "/s3/")}, "no signature for STS"),
        (lambda proof: {**proof, "Authorization": proof["Authorization"].replace(";x-averment-asks", "")}, "does not sign what is asked"),
        (lambda proof: {**proof, "Authorization": proof["Authorization"].replace(REGION, "us-east-1")}, "is for us-east-1"),
        (lambda proof: {**proof, "X-Amz-Date": "yesterday"}, "has no time"),
    ],
)
def test_what_is_no_proof_is_refused_before_anybody_is_asked(
    ada: boto3.Session, monkeypatch: pytest.MonkeyPatch, change: Any, wrong: str
) -> None:
    """Headers beyond the signature's own, line breaks, another service, and above all a signature that leaves out what is asked."""
    monkeypatch.setattr(callers, "post", lambda *_, **__: pytest.fail("STS was asked"))
    with pytest.raises(BadInputError, match=wrong):
        caller_of(change(sign(ASKED, "review", REGION, session=ada)), ASKED, "review", REGION)


def test_where_sts_cannot_say_nobody_is_named(ada: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of reach is not refused: it is unknown, and to be tried again."""
    proof = sign(ASKED, "review", REGION, session=ada)
    monkeypatch.setattr(callers, "_address", lambda _: "http://127.0.0.1:9/")
    with pytest.raises(IncompleteError, match="could not be reached"):
        caller_of(proof, ASKED, "review", REGION)
    monkeypatch.setattr(callers, "post", lambda *_, **__: callers.Answer(503, "text/xml", b""))
    with pytest.raises(IncompleteError, match="STS answered 503"):
        caller_of(proof, ASKED, "review", REGION)


def test_an_account_itself_is_nobody(sandbox: Any) -> None:
    """A root user or a federated one has no role and no name that a reviewer could be told by."""
    with pytest.raises(BadInputError, match="neither a role's session nor a user"):
        caller_of(sign(ASKED, "review", REGION), ASKED, "review", REGION)  # moto names whom it doesn't know in a way of its own


@pytest.mark.parametrize(
    ("principals", "is_one"),
    [
        ([ROLE], True),
        (["arn:aws:iam::123456789012:role/trust/reviewer"], True),
        (["none", ROLE], True),
        (["arn:aws:iam::999999999999:role/reviewer"], False),
        (["arn:aws:iam::123456789012:role/reviewer-of-books"], False),
        (["arn:aws:iam::123456789012:user/reviewer"], False),
        (["arn:aws:iam::123456789012:root"], False),
        (["none"], False),
        ([], False),
    ],
)
def test_a_session_is_its_roles(principals: list[str], is_one: bool) -> None:
    """By account and name, whatever the path; a role's name is no user's and no part of another's."""
    caller = Caller("arn:aws:sts::123456789012:assumed-role/reviewer/ada", "123456789012", "reviewer", "ada")
    assert caller.is_one_of(principals) is is_one
    namesake = Caller("arn:aws:sts::123456789012:assumed-role/user/ada", "123456789012", "user", "ada")
    assert not namesake.is_one_of(["arn:aws:iam::123456789012:user/ada"])
    user = Caller("arn:aws:iam::123456789012:user/ada", "123456789012", "user", "ada")
    assert user.is_one_of(["arn:aws:iam::123456789012:user/ada"])
    assert not user.is_one_of(["arn:aws:iam::123456789012:role/user", "arn:aws:iam::123456789012:role/ada"])
