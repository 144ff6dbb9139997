"""Predicates as verdicts: three-valued, with the message, the place and the fix of what doesn't hold.

Origin of the data: written for these tests.
"""

from __future__ import annotations

from typing import Any

import pytest

from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.core.source import SourceRef
from averment.core.words import Verdict
from averment.policies.graph.model import Dialect, Graph, Reference, Resource, Unknown
from averment.policies.interface import Change, Context, Outcome
from averment.policies.predicates.evaluate import Stated
from averment.policies.predicates.language import (
    ALWAYS,
    All,
    AnyOf,
    Block,
    Condition,
    Demand,
    Every,
    HoldsMedia,
    Is,
    Matches,
    Named,
    NamedBy,
    Not,
    Predicate,
    Some,
    Tagged,
    Text,
)
from averment.policies.predicates.patterns import read

BUCKET = "AWS::S3::Bucket"
OPEN = Unknown("variable 'x' has no default")
PASS, FAIL, UNKNOWN, AWAY = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN, Verdict.NOT_APPLICABLE


def judged(holds: Condition, properties: dict[str, Any], asks: Condition = ALWAYS, **context: Any) -> Outcome:
    place = SourceRef("main.tf", 1)
    bucket = Resource("aws_s3_bucket.mine", BUCKET, properties, place, Dialect.TERRAFORM, lines={("A",): SourceRef("main.tf", 3)})
    fix = ("terraform @", "cloudformation @", "command @")
    change = Change(("A",), True, ("a",))
    demand = Demand(holds, "A is wrong", "A could not be resolved", ("A",), fix, (change,), lambda found: f" ({found.get('A')})")
    return Stated((Predicate(BUCKET, ((demand,),), asks),))(bucket, Context(Graph([bucket]), **context))


@pytest.mark.parametrize(
    ("condition", "value", "verdict"),
    [
        (Is(("A",), True), True, PASS),
        (Is(("A",), True), "true", PASS),
        (Is(("A",), True), "True", FAIL),
        (Is(("A",), False), "false", PASS),
        (Is(("A",), 0), "0", PASS),
        (Is(("A",), 0), False, FAIL),
        (Is(("A",), "0"), 0, FAIL),
        (Is(("A",), True), 1, FAIL),
        (Is(("A",), 1), True, FAIL),
        (Is(("A",), True), None, FAIL),
        (Is(("A",), True), OPEN, UNKNOWN),
        (Is(("A",), "x"), Reference("b"), UNKNOWN),
        (Is(("A", "B"), "x"), {"B": "x"}, PASS),
        (Is(("A", "B"), "x"), OPEN, UNKNOWN),
        (Text(("A",)), "x", PASS),
        (Text(("A",)), Reference("b"), PASS),
        (Text(("A",)), "", FAIL),
        (Text(("A",)), "null", FAIL),
        (Text(("A",)), "true", FAIL),
        (Text(("A",)), ["x"], FAIL),
        (Matches(("A",), r"^ml\.g5\."), "ml.g5.xlarge", PASS),
        (Matches(("A",), r"^ml\.g5\."), "xml.g5.xlarge", FAIL),
        (Matches(("A",), "x$"), "x\n", FAIL),
        (Matches(("A",), "."), "false", FAIL),
        (Matches(("A",), "x"), OPEN, UNKNOWN),
        (Block(("A",)), {}, PASS),
        (Block(("A",)), [{}], FAIL),
        (Every(("A",), (Is(("B",), 1),)), [{"B": 1}, {"B": 1}], PASS),
        (Every(("A",), (Is(("B",), 1),)), [{"B": 1}, {}], FAIL),
        (Every(("A",), (Is(("B",), 1),)), [], FAIL),
        (Every(("A",), (Is(("B",), 1),)), [{"B": 1}, OPEN], UNKNOWN),
        (Every(("A",), (Is(("B",), 1),)), [{"B": 2}, OPEN], FAIL),
        (Some(("A",), (Is(("B",), 1),)), [{"B": 2}, {"B": 1}], PASS),
        (Some(("A",), (Is(("B",), 1),)), [{"B": 2}, {"B": OPEN}], UNKNOWN),
        (Some(("A",), (Is(("B",), 1), Is(("C",), 1))), [{"B": 1}, {"C": 1}], FAIL),
        (Some(("A",), (Is(("B",), 1),)), "B", FAIL),
        (Not(Is(("A",), True)), OPEN, UNKNOWN),
        (Not(Is(("A",), True)), False, PASS),
        (AnyOf((Is(("A",), True), Not(Is(("A",), True)))), OPEN, UNKNOWN),
        (AnyOf((Is(("A",), True), All())), OPEN, PASS),
        (All((Is(("A",), True), AnyOf(()))), OPEN, FAIL),
    ],
)
def test_a_condition_holds_or_not_or_can_t_be_told(condition: Condition, value: Any, verdict: Verdict):
    """What isn't resolved is unknown unless the rest decides; another type than the one asked for doesn't hold."""
    assert judged(condition, {} if value is None else {"A": value}).verdict is verdict


def test_what_does_not_hold_is_told_with_its_place_its_fix_and_what_is_mechanical():
    """The fix in the resource's dialect and name, the offending value in the message."""
    outcome = judged(Is(("A",), True), {"A": "no"})
    assert outcome.message == "A is wrong (no)"
    assert (outcome.where, outcome.fix) == (SourceRef("main.tf", 3), "terraform mine")
    assert [change.path for change in outcome.changes] == [("A",)]
    doubt = judged(Is(("A",), True), {"A": OPEN})
    assert (doubt.message, doubt.changes) == ("A could not be resolved: variable 'x' has no default", ())


def test_a_chain_reports_its_first_break_and_chains_are_told_together():
    """A later demand takes an earlier one for granted; what is independent is said beside it."""
    first, second, other = (Demand(Is((name,), True), f"{name} is off", f"{name}?") for name in "ABC")
    rule = Stated((Predicate(BUCKET, ((first, second), (other,))),))
    bucket = Resource("b", BUCKET, {}, SourceRef("main.tf", 1), Dialect.TERRAFORM)
    assert rule(bucket, Context(Graph([bucket]))).message == "A is off; also: C is off"


@pytest.mark.parametrize(
    ("asks", "properties", "verdict"),
    [
        (Named(("BucketName",), ("x-*", "acme-*")), {"BucketName": "ACME-uploads"}, FAIL),
        (Named(("BucketName",), ("x-*",)), {"BucketName": "acme-uploads"}, AWAY),
        (Named(("BucketName",), ("mine",)), {"BucketName": OPEN}, FAIL),
        (Named(("BucketName",), ("x-*",)), {"BucketName": OPEN}, UNKNOWN),
        (Named(("BucketName",), ("x-*",)), {"BucketName": Reference("random_pet.name", "id")}, UNKNOWN),
        (Named(("BucketName",), ("x-*",)), {}, AWAY),
        (Named(("BucketName",), ("*-uploads",)), {"BucketName": Unknown("var", "${var.env}-uploads")}, FAIL),
        (Named(("BucketName",), ("*-uploads",)), {"BucketName": Unknown("var", "${var.env}-logs")}, UNKNOWN),
        (NamedBy(("BucketName",), "ours"), {"BucketName": "acme"}, FAIL),
        (NamedBy(("BucketName",), "ours"), {"BucketName": "other"}, AWAY),
        (NamedBy(("BucketName",), "unset"), {"BucketName": "other"}, FAIL),
        (Tagged("k", "v*"), {"Tags": [{"Key": "k", "Value": "v1"}]}, FAIL),
        (Tagged("k", "v*"), {"Tags": [{"Key": "k", "Value": "w"}]}, AWAY),
        (Tagged("k"), {"Tags": [{"Key": "K", "Value": "w"}]}, AWAY),
        (Tagged("k"), {"Tags": OPEN}, UNKNOWN),
        (HoldsMedia(), {"BucketName": "acme-uploads"}, FAIL),
        (HoldsMedia(), {"BucketName": "acme-logs"}, AWAY),
        (HoldsMedia(), {"BucketName": "acme-logs", "Tags": OPEN}, UNKNOWN),
        (Not(Tagged("k")), {}, FAIL),
    ],
)
def test_only_whom_a_predicate_asks_is_judged(asks: Condition, properties: dict[str, Any], verdict: Verdict):
    """By name, tag, parameter or media scope; whether it asks may itself be unknown, which is no pass."""
    scope = Scope(media=(MediaMatcher(MediaRole.UPLOAD, {"data-class": "ugc"}, ("acme-up*",)),))
    assert judged(Is(("A",), True), properties, asks, scope=scope, parameters={"ours": ["acme*"]}).verdict is verdict


def test_what_holds_anyway_passes_whether_or_not_it_is_asked():
    """An unknown tag is no reason for doubt where nothing is wrong."""
    assert judged(Is(("A",), True), {"A": True, "Tags": OPEN}, Tagged("k")).verdict is PASS
    assert judged(Is(("A",), True), {"A": False, "Tags": OPEN}, Tagged("k")).message.startswith("whether the rule asks about this resource")


def test_two_predicates_for_one_type_are_refused():
    """The second would never be asked, while a text in Guard would demand both."""
    with pytest.raises(ValueError, match="two predicates for AWS::S3::Bucket"):
        Stated((Predicate(BUCKET, ()), Predicate("AWS::SNS::Topic", ()), Predicate(BUCKET, ())))


def test_other_types_are_not_asked():
    """A rule may list a type that no predicate is about."""
    other = Resource("t", "AWS::SNS::Topic", {}, SourceRef("main.tf", 1), Dialect.TERRAFORM)
    assert Stated((Predicate(BUCKET, ()),))(other, Context(Graph([other]))).verdict is AWAY


@pytest.mark.parametrize(
    "pattern", ["(?i)x", "(?=x)", "(?<!x)y", r"(a)\1", r"\bx", r"\w", r"x\Z", "x++", "x**", "[[:alpha:]]", "(x", "x{2"]
)
def test_a_pattern_that_guard_may_read_otherwise_is_refused(pattern: str):
    """What isn't the same in Python and in Rust never gets as far as a verdict."""
    with pytest.raises(ValueError, match="the pattern"):
        read(pattern)
