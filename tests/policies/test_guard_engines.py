"""The Guard text of rules, run by a real engine (cfn-guard-rs: Guard 3.0.1 in process) beside the rules themselves.

``tests/node`` does the same with Guard 2.1.3 and 3.1.1. Origin of the data: the rules' cases, and generated.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.core.words import Severity, Verdict
from averment.policies.guard.emit import guard_text, refusal
from averment.policies.guard.literals import comment, literal, message, names
from averment.policies.interface import Rule
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
    NamedBy,
    Not,
    Predicate,
    Some,
    Tagged,
    Text,
)
from averment.policies.rules.registry import all_rules
from averment.policies.runtime.evaluate import Evaluator
from averment.policies.runtime.neighbours import MemoryNeighbours
from averment.policies.surfaces.cloudformation.template import read_template
from averment.sandbox.deployed.items import Deployment

cfn_guard_rs = pytest.importorskip("cfn_guard_rs", reason="cfn-guard-rs has no wheel for this Python").cfn_guard_rs
RULES = Path(__file__).resolve().parents[2] / "policies" / "rules"
SCOPE = Scope(
    accounts=("123456789012",),
    media=(MediaMatcher(MediaRole.UPLOAD, {"data-class": "ugc*", "it's": 'a "b" \\c'}, ("acme-up[l-o]*", "x/y")),),
)
EMITTED = [rule for rule in all_rules() if refusal(rule, SCOPE) is None]
CONFIG, MODEL, BUCKET = "AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Model", "AWS::S3::Bucket"
STATUSES = ["OK", "ResourceDiscovered", "ResourceNotRecorded", "ResourceDeleted", "ResourceDeletedNotRecorded", None]


def guard(text: str, item: Mapping[str, Any]) -> str:
    """The engine's verdict, from its record of the evaluation: the short report loses its beginning once it is long (cfn-guard-rs 0.3.3)."""
    return str(json.loads(cfn_guard_rs.run_checks_rs(json.dumps(item), text, True))["container"]["FileCheck"]["status"])


def rules_own(rule: Rule, item: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    """The verdict of the Lambda function on the same item, in Guard's words: whatever isn't a pass or a failure is skipped."""
    verdict = Evaluator(rule, MemoryNeighbours([]), SCOPE, parameters).one(item).verdict
    return {Verdict.PASS: "PASS", Verdict.FAIL: "FAIL"}.get(verdict, "SKIP")


def made_up(kind: str, *demands: Condition, asks: Condition = ALWAYS) -> Rule:
    """A rule of one predicate, with each of ``demands`` in a chain of its own."""
    chains = tuple((Demand(holds, "it doesn't hold", "not resolved"),) for holds in demands)
    evaluate = Stated((Predicate(kind, chains, asks),))
    return Rule("made-up", "Made up", Severity.LOW, (kind,), evaluate, "-")


def item_of(kind: str, configuration: Any, **more: Any) -> dict[str, Any]:
    base = {"resourceType": kind, "resourceId": "i-1", "resourceName": "i-1", "arn": "arn:aws:x:::i-1", "accountId": "123456789012"}
    return {**base, "configurationItemStatus": "OK", "configuration": configuration, **more}


@pytest.mark.parametrize("rule", EMITTED, ids=lambda rule: rule.id)
@pytest.mark.parametrize("parameters", [{}, {"detector_endpoints": ["detector*", "vision-?"]}], ids=["all", "named"])
def test_guard_agrees_with_the_rule_on_every_case(rule: Rule, parameters: dict[str, Any]):
    """Each item that any case of any rule deploys: those of other types are skipped; the rule's own cases come to pass and to fail."""
    text = guard_text(rule, SCOPE, parameters).text
    seen = set()
    for template in sorted(RULES.glob("*/cases/*/template.yaml")):
        if template.parent.suffix == ".unknown":
            continue  # can't be deployed: what isn't resolved has no item
        for item in Deployment(read_template(template)).items():
            verdict = guard(text, item)
            assert verdict == rules_own(rule, item, parameters), (template, item["resourceId"])
            if item["resourceType"] in rule.types:
                seen.add(verdict)
            else:
                assert verdict == "SKIP"
    assert {"PASS", "FAIL"} <= seen or parameters


TEXTS = st.sampled_from(["", "null", "0", "true", "a", "arn:aws:kms:x:1:key/a", "ml.g5.xlarge", "ml.m5.large", "detector-1", "other"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-1, 2), TEXTS)
KEYS = ["ServerlessConfig", "InstanceType", "EnableCapture", "InitialSamplingPercentage", "VariantName"]
JSON = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)), max_leaves=6
)
VARIANTS = st.lists(st.one_of(st.fixed_dictionaries({}, optional={key: st.one_of(TEXTS, JSON) for key in KEYS[:2]}), JSON), max_size=3)
NAMES = st.sampled_from(["detector-1", "other", "a"])
CONFIGURATION = st.fixed_dictionaries(
    {"EndpointConfigName": NAMES, "ModelName": NAMES},
    optional={
        "KmsKeyId": JSON,
        "ProductionVariants": st.one_of(VARIANTS, JSON),
        "DataCaptureConfig": st.one_of(st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS[2:4], JSON)), JSON),
        "EnableNetworkIsolation": JSON,
    },
)


@pytest.mark.parametrize("rule", EMITTED, ids=lambda rule: rule.id)
@settings(max_examples=250, deadline=None)
@given(kind=st.sampled_from([CONFIG, MODEL, BUCKET]), configuration=st.one_of(CONFIGURATION, SCALARS), status=st.sampled_from(STATUSES))
def test_guard_agrees_with_the_rule_on_whatever_an_item_holds(rule: Rule, kind: str, configuration: Any, status: str | None):
    """Values of any type at every path, empty lists, nulls, unrecorded and deleted items: one verdict, and never a pass of its own."""
    item = item_of(kind, configuration if isinstance(configuration, dict) else None, configurationItemStatus=status)
    assert guard(guard_text(rule, SCOPE).text, item) == rules_own(rule, item, {})


PATHS = [("EnableNetworkIsolation",), ("ExecutionRoleArn",), ("VpcConfig",)]
LEAVES = st.one_of(
    st.builds(Is, st.sampled_from(PATHS), st.sampled_from([True, False, 0, 1, "a", "0", 'it\'s a \\ / "x"'])),
    st.builds(Matches, st.sampled_from(PATHS), st.sampled_from(["a", "^a$", r"^ml\.[a-z/]+\d", "(?:a|b)?x{1,2}", "."])),
    st.builds(Text, st.sampled_from(PATHS)),
    st.builds(Block, st.sampled_from(PATHS)),
    st.builds(Tagged, st.sampled_from(["k", "data-class"]), st.sampled_from([None, "a", "u?c", "*"])),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(inner, min_size=1, max_size=2).map(lambda parts: AnyOf(tuple(parts))),
    ),
    max_leaves=5,
)
VALUES = st.one_of(st.sampled_from(["a", "true", 'it\'s a \\ / "x"', "ml.a/1", "ugc", "x"]), JSON)
TAGS = st.dictionaries(st.sampled_from(["k", "data-class", "dataClass"]), st.sampled_from(["a", "ugc", "uc", "x"]), max_size=2)


@settings(max_examples=400, deadline=None)
@given(
    demand=CONDITIONS,
    asks=LEAVES,
    configuration=st.fixed_dictionaries({"ModelName": NAMES}, optional={path[0]: VALUES for path in PATHS}),
    tags=TAGS,
    listed=st.booleans(),
)
def test_any_condition_of_the_language_means_the_same_in_guard(
    demand: Condition, asks: Condition, configuration: dict[str, Any], tags: dict[str, str], listed: bool
):
    """Nested as deep as you like, in what is demanded and in whom it is asked of; tags as a map or as a list."""
    rule = made_up(MODEL, demand, asks=asks)
    if refusal(rule, SCOPE) is not None:
        return  # too many alternatives: refused aloud
    shape = [{"key": key, "value": value, "tag": f"{key}={value}"} for key, value in tags.items()] if listed else tags
    item = item_of(MODEL, configuration, tags=shape)
    assert guard(guard_text(rule, SCOPE).text, item) == rules_own(rule, item, {})


@settings(max_examples=300, deadline=None)
@example(leaves=[Is(("InstanceType",), True)], negated=False, every=True, variants=[{"InstanceType": "true"}, {"InstanceType": True}])
@given(
    leaves=st.lists(
        st.sampled_from(
            [
                Is(("InstanceType",), "a"),
                Is(("InstanceType",), True),
                Text(("InstanceType",)),
                Block(("ServerlessConfig",)),
                Matches(("VariantName",), "^a"),
            ]
        ),
        min_size=1,
        max_size=2,
        unique=True,
    ),
    negated=st.booleans(),
    every=st.booleans(),
    variants=st.one_of(VARIANTS, JSON),
)
def test_lists_mean_the_same_in_guard(leaves: list[Any], negated: bool, every: bool, variants: Any):
    """Of every element, of some, and of none; of lists that are empty, nested, or no lists."""
    asked: Condition = (Every if every else Some)(("ProductionVariants",), tuple(leaves))
    rule = made_up(CONFIG, Not(asked) if negated else asked)
    item = item_of(CONFIG, {"EndpointConfigName": "x", "ProductionVariants": variants})
    assert guard(guard_text(rule, SCOPE).text, item) == rules_own(rule, item, {})


ANY = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
AWKWARD = st.one_of(ANY, st.text(alphabet="\"'\\/[]!-*?^$(){}|.#<> a\n", max_size=10))


@settings(max_examples=250, deadline=None)
@given(value=AWKWARD, other=AWKWARD)
def test_a_text_is_equal_to_itself_alone_whatever_it_holds(value: str, other: str):
    """Quotes, backslashes, slashes, line ends: nothing ends the text early, and nothing else matches."""
    if value in ("", "null"):
        return
    text = f"rule r when top exists {{ top exists\n x == {literal(value)} {message(other)}\n}}\n{comment(other)}\n"
    assert guard(text, {"top": 1, "x": value}) == "PASS"
    if other != value:
        assert guard(text, {"top": 1, "x": other}) == "FAIL"


@settings(max_examples=400, deadline=None)
@given(pattern=AWKWARD, name=st.one_of(AWKWARD, st.from_regex(r"[a-z\]/-]{0,4}", fullmatch=True)), any_case=st.booleans())
def test_a_name_pattern_of_the_scope_means_what_fnmatch_says(pattern: str, name: str, any_case: bool):
    """``*``, ``?`` and classes, and everything that a regular expression would take for its own."""
    try:
        wanted = names([pattern], any_case=any_case)
    except ValueError:
        return  # a range that runs backwards: refused aloud
    if not name.isascii() or name in ("", "null"):
        return  # cases beyond ASCII differ; AWS has no such names
    matches = fnmatch.fnmatchcase(name.lower(), pattern.lower()) if any_case else fnmatch.fnmatchcase(name, pattern)
    assert guard(f"rule r when top exists {{ x == {wanted} }}", {"top": 1, "x": name}) == ("PASS" if matches else "FAIL")


@pytest.mark.parametrize(
    "configuration", [{}, None, {"Arn": "a"}, {"ModelName": None, "EnableNetworkIsolation": True}, "text", []], ids=str
)
def test_an_item_that_cannot_be_judged_is_skipped_and_never_passes(configuration: Any):
    """Not recorded, of another shape, or without a name: AWS Config shows NOT_APPLICABLE, as for an unknown of the function."""
    rule = made_up(MODEL, Not(Is(("EnableNetworkIsolation",), False)))
    assert guard(guard_text(rule, SCOPE).text, item_of(MODEL, configuration)) == "SKIP"
    versioned = made_up(BUCKET, Not(Is(("VersioningConfiguration", "Status"), "Suspended")))
    assert guard(guard_text(versioned, SCOPE).text, item_of(BUCKET, {"name": "x"}, supplementaryConfiguration={})) == "SKIP"


@pytest.mark.parametrize("name", ["acme-upload", "acme-uplift", "x/y", "other"])
@pytest.mark.parametrize(
    "tags", [{}, {"data-class": "ugc-raw"}, {"data-class": "x"}, {"dataClass": "ugc"}, {"it's": 'a "b" \\c'}, {"it's": "a"}]
)
@pytest.mark.parametrize("block", [None, {"blockPublicAcls": True, "blockPublicPolicy": True}, {"blockPublicAcls": False}])
def test_the_media_scope_is_compiled_in(name: str, tags: dict[str, str], block: dict[str, bool] | None):
    """A rule about media buckets asks those that the organisation's tags and name patterns name, and no others."""
    flags = [Is(("PublicAccessBlockConfiguration", flag), True) for flag in ("BlockPublicAcls", "BlockPublicPolicy")]
    rule = made_up(BUCKET, Block(("PublicAccessBlockConfiguration",)), All(tuple(flags)), asks=HoldsMedia())
    parts = {"BucketVersioningConfiguration": {"status": "Off"}, "PublicAccessBlockConfiguration": block}  # the first every bucket has
    item = item_of(BUCKET, {"name": name}, tags=tags, supplementaryConfiguration=parts)
    assert guard(guard_text(rule, SCOPE).text, item) == rules_own(rule, item, {})


@pytest.mark.parametrize("letter", ["\x80", "ö", "ÿ", "ł", "名", "😀"])
def test_the_scope_may_be_in_any_script(letter: str):
    """Tags with letters of every length in hexadecimal: those of Western Europe, of two digits, were refused as a flaw of the program."""
    scope = Scope(media=(MediaMatcher(MediaRole.UPLOAD, {f"Gr{letter}sse": f"f{letter}r*"}, ()),))
    text = guard_text(made_up(BUCKET, Is(("VersioningConfiguration", "Status"), "Enabled"), asks=HoldsMedia()), scope).text
    versions = {"BucketVersioningConfiguration": {"status": "Off"}}
    for tags, verdict in (({f"Gr{letter}sse": f"f{letter}r alle"}, "FAIL"), ({"Grxsse": f"f{letter}r"}, "SKIP")):
        assert guard(text, item_of(BUCKET, {"name": "b"}, tags=tags, supplementaryConfiguration=versions)) == verdict


def test_a_parameter_narrows_the_rule():
    """Patterns of the organisation become one expression; without them, every resource is asked."""
    rule = made_up(MODEL, Is(("EnableNetworkIsolation",), True), asks=NamedBy(("ModelName",), "ours"))
    for patterns, verdicts in (([], ["FAIL", "FAIL"]), (["det*", "b?"], ["FAIL", "SKIP"]), (["x"], ["SKIP", "SKIP"])):
        text = guard_text(rule, SCOPE, {"ours": patterns}).text
        items = [item_of(MODEL, {"ModelName": name}) for name in ("DETECTOR-1", "bbb")]
        assert [guard(text, item) for item in items] == verdicts
        assert [rules_own(rule, item, {"ours": patterns}) for item in items] == verdicts
