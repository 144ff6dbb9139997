"""No sequence of events, answers, changes of the model, decisions and faults publishes, or leaves published, what was not judged fit to be seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from averment.core.errors import BadInputError, IncompleteError
from averment.detector.gate.deferred import finish, results
from averment.detector.gate.reviews import Reviews

JPEG, MP4 = b"\xff\xd8\xff", b"\x00\x00\x00\x18ftypmp42"
BODIES = [kind + word for kind in (JPEG, MP4) for word in (b"clean", b"late", b"lost", b"fake", b"odd")]
OPERATIONS = (
    "HeadObject",
    "GetObject",
    "GetObjectTagging",
    "PutObjectTagging",
    "PutLogEvents",
    "PutMetricData",
    "CopyObject",
    "PutObject",
    "DeleteObject",
    "InvokeEndpointAsync",
    "PutItem",
    "BatchGetItem",
)
STEPS = st.tuples(
    st.sampled_from(
        ["upload", "event", "event", "event", "answer", "answer", "failure", "release", "release", "reject", "takedown", "model"]
    ),
    st.integers(0, 9),
    st.one_of(st.none(), st.tuples(st.sampled_from(OPERATIONS), st.sampled_from(["down", "throttled", "timeout"]), st.booleans())),
)


class World:
    """One key, its versions, what was asked and answered about them, and what people decided: the model beside the site."""

    def __init__(self, site: Any, double: Any, faults: Any) -> None:
        self.site, self.double, self.faults = site, double, faults
        self.bodies: list[bytes] = []
        self.targets: list[Any] = []
        self.asked: list[str] = []
        self.released: set[bytes] = set()
        self.forbidden: set[bytes] = set()
        self.scanned_clean: set[bytes] = set()
        self.found: dict[bytes, set[str]] = {}
        self.known: dict[bytes, set[str]] = {}
        self.doubted: set[bytes] = set()

    def play(self, step: str, number: int, fault: tuple[str, str, bool] | None) -> None:
        """One step, with one operation failing. What fails is left, as a queue or a person would find it again."""
        self.faults.failing, self.faults.kind, self.faults.answer_lost = fault or (None, "down", False)
        try:
            getattr(self, step)(number)
        except (IncompleteError, BadInputError):
            pass  # the queue delivers again, the person is told; what counts is what is published
        finally:
            self.faults.failing = None
            self.asked += [key for key in self.site.waiting() if key not in self.asked]

    def play_all(self, steps: list[tuple[str, int]]) -> None:
        """Without a fault, with a look after each step."""
        for step, number in steps:
            self.play(step, number, None)
            self.check()

    def upload(self, number: int) -> None:
        body = BODIES[number] + bytes([len(self.bodies)])
        self.targets.append(self.site.upload("x", body))
        self.bodies.append(body)

    def model(self, number: int) -> None:
        self.double.version = ("1.0", "2.0")[number % 2]

    def event(self, number: int) -> None:
        target, before = self.targets[number % len(self.targets)], len(self.double.asked)
        try:
            line = self.site.gate(self.double).handle(target)
        finally:
            for body in self.double.asked[before:]:  # also a newer one, where an old one is served: the gate catches up
                self._begins(body)
        self.scanned(line)

    def _begins(self, body: bytes) -> None:
        """A scan that found it clean may publish it even if a later step fails: from here on that is no surprise."""
        if self.double.one(body).highest == 0.1:
            self.scanned_clean.add(body)
            self.doubted.discard(body)

    def scanned(self, line: dict[str, Any]) -> None:
        """What a scan that went through to its end has made known. One that failed is delivered again, and counts then."""
        if line["event"] != "verdict":
            return
        body = next(body for body, target in zip(self.bodies, self.targets, strict=True) if target.version == line["version_id"])
        if line["verdict"] == "flagged":
            self.found.setdefault(body, set()).add(line["detector"]["version"])
        elif line["verdict"] == "review" and body not in self.released:
            self.doubted.add(body)

    def answer(self, number: int, failure: str | None = None) -> None:
        waiting = self.site.waiting()
        if self.asked:
            key = self.asked[number % len(self.asked)]
            # Scored only while the copy is there; an answer that comes again says what it said before.
            event = self.site.answer(key, self.double, failure=failure if key in waiting else "late")
            if failure is None and key in waiting:
                self._begins(self.site.s3.get_object(Bucket=self.site.work, Key=key)["Body"].read())
            for result in results(event, self.site.work):
                self.scanned(finish(self.site.gate(self.double), result))

    def failure(self, number: int) -> None:
        self.answer(number, failure="out of memory")

    def release(self, number: int) -> None:
        self._decide(number, "release")

    def reject(self, number: int) -> None:
        self._decide(number, "reject")

    def _decide(self, number: int, decision: str) -> None:
        reviews = Reviews(self.site.gate(self.double))
        open_cases = list(reviews.cases.listed(["open"]))
        if not open_cases:
            return
        case = open_cases[number % len(open_cases)]
        body = next(body for body, target in zip(self.bodies, self.targets, strict=True) if target.version == case.target.version)
        (self.released if decision == "release" else self.forbidden).add(body)
        if decision == "release":
            self.known[body] = set(self.found.get(body, ()))
            self.doubted.discard(body)
        reviews.decide(case.id, decision, by="trust/Ada", reason="seen")

    def takedown(self, number: int) -> None:
        served = self.site.published("x")
        if served is not None:
            Reviews(self.site.gate(self.double)).forbid_published("x", by="trust/Bob", reason="complaint")
            self.released.discard(served)
            self.forbidden.add(served)  # only if all of it worked: the person is told otherwise, and does it again

    def check(self) -> None:
        """What stands there now may be seen: judged clean or released by a person, taken down by nobody, and nothing has been found out about
        it since that the person didn't know."""
        served = self.site.published("x")
        if served is None:
            return
        assert served in self.bodies
        assert served in self.scanned_clean or served in self.released
        assert served not in self.forbidden - self.released
        assert self.found.get(served, set()) <= self.known.get(served, set()), "flagged, and still served"
        assert served not in self.doubted, "nobody can say any more, and it is still served"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=3, max_size=10))
def test_nothing_is_published_that_was_not_judged_fit(new_site: Callable[[], Any], new_double: Any, faults: Any, steps: list[Any]) -> None:
    """Pictures and videos under one key; events and answers late, repeated, out of order; people deciding; any service failing at any time."""
    faults.failing = None
    world = World(new_site(), new_double(), faults)
    world.play("upload", 0, None)
    for step, number, fault in steps:
        world.play(step, number, fault)
        world.check()


@pytest.mark.parametrize("broken", ["publishes anything", "leaves it", "forgets what was known"])
def test_the_property_can_fail(
    new_site: Callable[[], Any], new_double: Any, faults: Any, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """The check above isn't empty: it catches a gate that publishes whatever comes, one that leaves published what a later scan flags, and one
    that takes a person's release for an answer to everything."""
    from averment.detector.gate.case import Case
    from averment.detector.gate.ingest import Gate
    from averment.detector.gate.withholding import Withholding

    world = World(new_site(), new_double(), faults)
    steps = [("upload", 1), ("event", 0), ("model", 1), ("event", 0)]  # clean for the first model, flagged by the second
    if broken == "publishes anything":
        monkeypatch.setattr(Gate, "_action", lambda *_: "publish")
        monkeypatch.setattr("averment.detector.gate.ingest.SERVABLE", frozenset({"clean", "flagged", "review"}))
        steps = [("upload", 3), ("event", 0)]
    elif broken == "leaves it":
        monkeypatch.setattr(Withholding, "withdraw_if_served", lambda *_: False)
    else:
        monkeypatch.setattr(Case, "after_scan", lambda case, _: case)
        steps = [("upload", 3), ("event", 0), ("release", 0), ("model", 1), ("event", 0)]  # released, then flagged by another model
    with pytest.raises(AssertionError):
        world.play_all(steps)
