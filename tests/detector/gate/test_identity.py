"""The identity gate against the embedded Rekognition: bound to one transaction, used once, and never a pass by failure."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from averment.core.errors import BadInputError, IncompleteError
from averment.detector.gate import identity
from averment.detector.gate.identity import Device, IdentityGate, Outcome, Risk
from averment.sandbox.backends.rekognition import play

NOW = datetime(2026, 12, 2, 10, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
PHONE = Device("phone-1", "Front Camera")


@pytest.fixture
def gate(sandbox: object) -> IdentityGate:
    boto3.client("dynamodb").create_table(
        TableName="liveness",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    return IdentityGate("liveness")


Started = Callable[..., str]


@pytest.fixture
def started(gate: IdentityGate) -> Started:
    def start(transaction: str = "order-1", risk: Risk = Risk.LOW, device: Device = PHONE, **played: Any) -> str:
        session = gate.start(transaction, "ada", risk, device, now=NOW)
        assert session is not None
        play(session, **played)
        return session

    return start


def finish(gate: IdentityGate, session: str, **more: Any) -> identity.Decision:
    given = {"transaction": "order-1", "person": "ada", "device": PHONE, "now": LATER, **more}
    return gate.finish(session=session, **given)


@pytest.mark.parametrize(
    ("risk", "confidence", "outcome"),
    [
        (Risk.LOW, 80.0, Outcome.PASS),
        (Risk.LOW, 79.9, Outcome.STEP_UP),
        (Risk.MEDIUM, 89.9, Outcome.STEP_UP),
        (Risk.MEDIUM, 90.0, Outcome.PASS),
        (Risk.HIGH, 94.9, Outcome.STEP_UP),
        (Risk.HIGH, 99.9, Outcome.STEP_UP),
    ],
)
def test_the_threshold_follows_the_risk(gate: IdentityGate, started: Started, risk: Risk, confidence: float, outcome: Outcome) -> None:
    """More at stake, more is asked; at high risk liveness alone is never enough."""
    assert finish(gate, started(risk=risk, confidence=confidence)).outcome is outcome


def test_a_session_counts_once(gate: IdentityGate, started: Started) -> None:
    """A replayed result is refused and recorded as a sign, and after a pass nothing new is begun."""
    session = started()
    assert finish(gate, session).outcome is Outcome.PASS
    again = finish(gate, session)
    assert (again.outcome, again.signals) == (Outcome.REFUSED, ("replayed-session",))
    assert gate.start("order-1", "ada", Risk.LOW, PHONE, now=NOW) is None


@pytest.mark.parametrize("change", [{"person": "bob"}, {"transaction": "order-2"}, {"session": "another"}])
def test_a_session_belongs_to_one_transaction_of_one_person(gate: IdentityGate, started: Started, change: dict[str, Any]) -> None:
    """A good session of somebody else's, or of another order, proves nothing here; and it isn't spent by the try."""
    mine = started()
    started(transaction="order-2")
    wrong = finish(gate, **{"session": mine, **change})
    assert (wrong.outcome, wrong.signals) == (Outcome.REFUSED, ("foreign-session",))
    assert finish(gate, mine).outcome is Outcome.PASS


def test_somebody_elses_transaction_cannot_be_begun(gate: IdentityGate, started: Started) -> None:
    """The transaction is whose it was at first."""
    started()
    with pytest.raises(BadInputError, match="belongs to somebody else"):
        gate.start("order-1", "bob", Risk.LOW, PHONE, now=NOW)


def test_an_old_result_does_not_count(gate: IdentityGate, started: Started) -> None:
    """After three minutes the session is over, however good it was; there may be another."""
    late = finish(gate, started(), now=NOW + timedelta(minutes=3, seconds=1))
    assert late.outcome is Outcome.RETRY
    assert finish(gate, started()).outcome is Outcome.PASS


@pytest.mark.parametrize("risk", [Risk.LOW, Risk.HIGH], ids=["below the threshold", "high risk"])
def test_whoever_is_sent_to_another_factor_tries_no_further_face(gate: IdentityGate, started: Started, risk: Risk) -> None:
    """Each further try would be one more chance to get a mask over the threshold, and the other factor would never be asked for."""
    assert finish(gate, started(risk=risk, confidence=79.0)).outcome is Outcome.STEP_UP
    assert gate.start("order-1", "ada", risk, PHONE, now=LATER) is None


def test_sessions_that_nobody_finishes_are_tries_too(gate: IdentityGate, started: Started) -> None:
    """Whoever leaves each session as soon as it goes badly has three of them like anybody else, and a person looks; that is on record."""
    for _ in range(identity.MAX_ATTEMPTS):
        session = started(confidence=99.0)
    assert gate.start("order-1", "ada", Risk.LOW, PHONE, now=NOW) is None
    events = boto3.client("logs").filter_log_events(logGroupName="/averment/identity")["events"]
    said = [json.loads(event["message"]) for event in events]
    assert [(line["outcome"], line["reason"]) for line in said if line["event"] == "decided"] == [("human", "no further try")]
    assert finish(gate, session).outcome is Outcome.PASS  # the last one is still a try


def test_a_session_that_rekognition_has_forgotten_is_no_pass(gate: IdentityGate) -> None:
    """It may have expired there before it was asked for: another try, and in the end a person."""
    outcomes = []
    for _ in range(identity.MAX_ATTEMPTS):
        session = gate.start("order-1", "ada", Risk.LOW, PHONE, now=NOW)
        assert session is not None
        gate._rekognition.meta.events.register("provide-client-params", _forgotten)
        outcomes.append(finish(gate, session).outcome)
        gate._rekognition.meta.events.unregister("provide-client-params", _forgotten)
    assert outcomes == [Outcome.RETRY, Outcome.RETRY, Outcome.HUMAN]


@pytest.mark.parametrize("status", ["FAILED", "EXPIRED", "IN_PROGRESS", "CREATED"])
def test_three_failures_lead_to_a_human(gate: IdentityGate, started: Started, status: str) -> None:
    """Retry, retry, human; no fourth session."""
    outcomes = [finish(gate, started(status=status)).outcome for _ in range(3)]
    assert outcomes == [Outcome.RETRY, Outcome.RETRY, Outcome.HUMAN]
    assert gate.start("order-1", "ada", Risk.LOW, PHONE, now=NOW) is None


@pytest.mark.parametrize(
    ("begun_on", "ended_on", "seconds", "signal"),
    [
        (Device("phone-1", "OBS Virtual Camera"), PHONE, 30, "virtual-camera"),
        (PHONE, Device("phone-1", "ManyCam"), 30, "virtual-camera"),
        (PHONE, Device("farm-9", "Front Camera"), 30, "other-device"),
        (PHONE, PHONE, 1, "too-fast"),
    ],
)
def test_signs_of_injection_never_pass_alone(
    gate: IdentityGate, started: Started, begun_on: Device, ended_on: Device, seconds: int, signal: str
) -> None:
    """Live by Rekognition, but a virtual camera, another device, or too fast: another factor is asked for, and the sign is on record."""
    decision = finish(gate, started(device=begun_on), device=ended_on, now=NOW + timedelta(seconds=seconds))
    assert (decision.outcome, decision.signals) == (Outcome.STEP_UP, (signal,))


def test_how_fast_a_session_was_played_is_told_by_more_than_whole_seconds(gate: IdentityGate) -> None:
    """Begun at the end of a second and finished at the beginning of the next but one, it was played in little more than one."""
    session = gate.start("order-1", "ada", Risk.LOW, PHONE, now=NOW + timedelta(seconds=0.95))
    assert session is not None
    play(session)
    assert finish(gate, session, now=NOW + timedelta(seconds=2.05)).signals == ("too-fast",)


@pytest.mark.parametrize("ended", [None, "FAILED"], ids=["left", "failed"])
def test_another_try_does_not_unsee_a_virtual_camera(gate: IdentityGate, started: Started, ended: str | None) -> None:
    """Whoever saw that the first try had shown it began a second one that called the camera something else, and passed."""
    virtual = Device("phone-1", "OBS Virtual Camera")
    if ended is None:
        started(device=virtual)
    else:
        assert finish(gate, started(status=ended), device=virtual).outcome is Outcome.RETRY
    decision = finish(gate, started())
    assert (decision.outcome, decision.signals) == (Outcome.STEP_UP, ("virtual-camera",))


def test_nothing_biometric_and_no_id_is_logged_or_kept(gate: IdentityGate, started: Started) -> None:
    """Lines have a fixed set of fields, ids are hashes, and neither images, boxes nor the confidence stand anywhere."""
    session = started(confidence=91.234)
    finish(gate, session)
    events = boto3.client("logs").filter_log_events(logGroupName="/averment/identity")["events"]
    lines = [json.loads(event["message"]) for event in events]
    assert {line["event"] for line in lines} == {"started", "decided"}
    allowed = {"event", "transaction", "session", "attempt", "risk", "outcome", "reason", "signals", "threshold"}
    assert set().union(*lines) <= allowed
    kept = json.dumps([lines, boto3.client("dynamodb").scan(TableName="liveness")["Items"]])
    for word in (session, "order-1", '"ada"', "phone-1", "91.234", "Bytes", "BoundingBox", "ReferenceImage"):
        assert word not in kept


def test_a_service_that_fails_is_no_pass(gate: IdentityGate, started: Started) -> None:
    """Rekognition or the table out of reach: an error that the caller answers with the fallback."""
    session = started()
    gate._rekognition.meta.events.register("provide-client-params", _down)
    with pytest.raises(IncompleteError, match="could not finish a liveness session"):
        finish(gate, session)
    with pytest.raises(IncompleteError, match="could not start a liveness session"):
        gate.start("order-2", "ada", Risk.LOW, PHONE, now=NOW)


def _down(model: Any, **_: Any) -> None:
    from botocore.exceptions import ClientError

    raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, model.name)


def _forgotten(model: Any, **_: Any) -> None:
    raise boto3.client("rekognition").exceptions.SessionNotFoundException({"Error": {"Code": "SessionNotFoundException"}}, model.name)


@pytest.mark.parametrize("value", [None, {}, {"fingerprint": ""}, {"fingerprint": 7}, {"fingerprint": "x", "camera": 7}])
def test_a_device_that_says_nothing_is_refused(value: Any) -> None:
    """The page's own words are needed to bind a session to it."""
    with pytest.raises(BadInputError, match="says nothing of itself"):
        Device.from_json(value)


@pytest.mark.parametrize(
    ("played", "outcome"), [({"confidence": 99.0}, Outcome.PASS), ({"confidence": 79.0}, Outcome.STEP_UP)], ids=["passed", "below"]
)
def test_no_session_is_begun_over_an_answer_that_comes_meanwhile(
    gate: IdentityGate, started: Started, monkeypatch: pytest.MonkeyPatch, played: dict[str, Any], outcome: Outcome
) -> None:
    """Whoever asks for another try while the first is being judged gets none once it was: one transaction would pass twice, or after a decision."""
    session, real, decided = started(**played), gate._put, []

    def slow(*arguments: Any, **named: Any) -> None:
        decided.append(finish(gate, session).outcome)
        real(*arguments, **named)

    monkeypatch.setattr(gate, "_put", slow)
    with pytest.raises(IncompleteError, match="at once"):
        gate.start("order-1", "ada", Risk.LOW, PHONE, now=NOW)
    monkeypatch.undo()
    assert decided == [outcome]
    assert gate.start("order-1", "ada", Risk.LOW, PHONE, now=NOW) is None


def test_what_was_played_for_one_session_does_not_count_for_the_next(
    gate: IdentityGate, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another try is begun while the first is being judged: the first is over by then, however live, and the second isn't spent by it."""
    first, real, second = started(), gate._use, []

    def slow(*arguments: Any, **named: Any) -> bool:
        second.append(started())
        return real(*arguments, **named)

    monkeypatch.setattr(gate, "_use", slow)
    assert finish(gate, first).outcome is Outcome.REFUSED
    monkeypatch.undo()
    assert finish(gate, second[0]).outcome is Outcome.PASS


def test_half_a_character_in_what_a_client_sends_is_no_flaw_of_the_program(gate: IdentityGate, started: Started) -> None:
    """JSON can hold it: a session of that name is foreign, and a device of that name another one."""
    odd = Device.from_json({"fingerprint": "\ud800", "camera": "\udfff"})
    session = started()
    assert finish(gate, "\ud800").signals == ("foreign-session",)
    assert finish(gate, session, device=odd).signals == ("other-device",)
    assert finish(gate, started(transaction="\ud800", device=odd), transaction="\ud800", device=odd).outcome is Outcome.PASS
