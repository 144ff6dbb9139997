"""Rules on whatever a file may hold: no crash, no pass out of nothing, and nothing that depends on order or names.

Origin of the data: generated.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from averment.core.scope import Scope
from averment.core.source import SourceRef
from averment.core.words import Verdict
from averment.policies.graph.model import Dialect, Graph, Reference, Resource, Unknown
from averment.policies.interface import Context, Kind, Outcome, Rule
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.cloudformation.template import read_template

SCOPE = Scope(accounts=("123456789012",), organisation_id="o-exampleorg1")
RULES = Path(__file__).resolve().parents[2] / "policies" / "rules"
KEYS = [
    "Calls",
    "Paths",
    "Api",
    "Line",
    "Certain",
    "Liveness",
    "Attributes",
    "BucketName",
    "Bucket",
    "PolicyDocument",
    "Statement",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "Condition",
    "Tags",
    "Key",
    "Value",
    "Policies",
    "ManagedPolicyArns",
    "AssumeRolePolicyDocument",
    "Roles",
    "RoleName",
    "KeyPolicy",
    "KeyUsage",
    "KeySpec",
    "NotificationConfiguration",
    "EventBridgeConfiguration",
    "LambdaConfigurations",
    "Event",
    "Function",
    "EventPattern",
    "source",
    "detail",
    "bucket",
    "name",
    "Targets",
    "Arn",
    "State",
    "DistributionConfig",
    "Origins",
    "DomainName",
    "Id",
    "DefaultCacheBehavior",
    "CacheBehaviors",
    "TargetOriginId",
    "FunctionAssociations",
    "EventType",
    "OriginGroups",
    "Items",
    "Members",
    "PublicAccessBlockConfiguration",
    "AccessControl",
    "ProductionVariants",
    "InstanceType",
    "DataCaptureConfig",
    "EnableCapture",
    "KmsKeyId",
    "Description",
    "AWS",
    "Null",
    "StringEquals",
    "aws:SourceIp",
    "s3:RequestObjectTag/a",
    "StringLikeIfExists",
]
TEXTS = (
    "CompareFaces",
    "DetectFaces",
    "checked",
    "ignored",
    "ALL",
    "*",
    "Allow",
    "Deny",
    "s3:PutObject",
    "s3:*",
    "kms:Sign",
    "rekognition:CompareFaces",
    "acme-uploads",
    "arn:aws:s3:::acme-uploads/*",
    "arn:aws:iam::444455556666:root",
    "arn:aws:iam::${AWS::AccountId}:root",
    "acme-uploads.s3.eu-west-1.amazonaws.com",
    "data-class",
    "ugc",
    "SIGN_VERIFY",
    "viewer-request",
    "true",
    "10.0.0.0/8",
    "{",
    "",
)
LEAVES = st.one_of(
    st.sampled_from(TEXTS),
    st.booleans(),
    st.none(),
    st.integers(-1, 3),
    st.builds(Unknown, st.just("not resolved"), st.sampled_from([None, "${var.x}-uploads", "arn:aws:s3:::${var.x}-uploads/*"])),
    st.builds(Reference, st.sampled_from(["a", "b", "gone"]), st.sampled_from(["Ref", "Arn"]), st.sampled_from(["", "/*"])),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)),
    max_leaves=25,
)
TYPES = sorted({name for rule in all_rules() for name in (*rule.types, *rule.neighbours)})


def judge(graph: Graph) -> dict[tuple[str, str], Outcome]:
    context = Context(graph, SCOPE)
    return {(rule.id, one.address): rule.evaluate(one, context) for one in graph for rule in all_rules() if one.type in rule.types}


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6)), min_size=1, max_size=3),
    st.sampled_from(list(Dialect)),
)
def test_no_configuration_makes_a_rule_crash(parts: list[tuple[str, dict[str, Any]]], dialect: Dialect):
    """Files are other people's: whatever stands where, a rule answers, and a failure or unknown says something."""
    graph = Graph(
        Resource(name, kind, properties, SourceRef("x.tf", 1), dialect) for name, (kind, properties) in zip("abc", parts, strict=False)
    )
    for outcome in judge(graph).values():
        assert outcome.message or outcome.verdict in (Verdict.PASS, Verdict.NOT_APPLICABLE)


@pytest.mark.parametrize("kind", TYPES)
def test_what_is_not_resolved_never_passes(kind: str):
    """A resource of which every property is unknown isn't fine."""
    names = {key for key in KEYS if key[0].isupper()}
    tags = [{"Key": "data-class", "Value": "ugc"}]
    properties = {**dict.fromkeys(names, Unknown("not resolved")), "Tags": tags}
    graph = Graph([Resource("a", kind, properties, SourceRef("x.tf", 1), Dialect.TERRAFORM)])
    for (rule, _), outcome in judge(graph).items():
        assert outcome.verdict is not Verdict.PASS, rule


@pytest.mark.parametrize(
    "template", sorted(RULES.glob("*/cases/*/template.yaml")), ids=lambda path: f"{path.parents[2].name}-{path.parent.name}"
)
def test_order_names_and_unrelated_resources_change_nothing(template: Path):
    """Verdicts depend on what is configured, not on what comes first, what it is called, or what stands beside it."""
    graph = read_template(template)
    before = {key: outcome.verdict for key, outcome in judge(graph).items()}
    resources = [renamed(resource) for resource in graph]
    resources.append(Resource("Zz", "AWS::Kinesis::Stream", {"Name": "orders"}, SourceRef("x", 1), Dialect.CLOUDFORMATION))
    random.Random(7).shuffle(resources)
    after = {key: outcome.verdict for key, outcome in judge(Graph(resources)).items()}
    assert {(rule, f"X{address}"): verdict for (rule, address), verdict in before.items()} == after


def renamed(resource: Resource) -> Resource:
    return replace(resource, address=f"X{resource.address}", properties=relinked(resource.properties))


def relinked(value: Any) -> Any:
    if isinstance(value, Reference):
        return replace(value, address=f"X{value.address}")
    if isinstance(value, dict):
        return {key: relinked(item) for key, item in value.items()}
    return [relinked(item) for item in value] if isinstance(value, list) else value


MISPLACED = ([], {}, [[]], [None], {"x": "y"}, [["x"]], True, 5, "x", float("inf"))
"""What may stand in the place of any value of a file, whatever belongs there."""


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of everything within ``value``."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in inside:
        yield (*path, step)
        yield from places(item, (*path, step))


def with_another(value: Any, path: tuple[str | int, ...], other: Any) -> Any:
    """``value`` with ``other`` at ``path``."""
    if not path:
        return other
    if isinstance(value, dict):
        return {key: with_another(item, path[1:], other) if key == path[0] else item for key, item in value.items()}
    return [with_another(item, path[1:], other) if index == path[0] else item for index, item in enumerate(value)]


@pytest.mark.parametrize("subject", [rule for rule in all_rules() if rule.kind is Kind.INFRASTRUCTURE], ids=lambda subject: subject.id)
def test_no_value_of_another_type_makes_a_rule_crash(subject: Rule):
    """A list in the place of a name, a map in that of a list, a number beyond all: each property of the rule's cases has each of them once.

    The whole rule could not be checked for it, on everything that was read, and nobody was told which value it was.
    """
    seen: set[tuple[str, tuple[str | int, ...]]] = set()
    for template in sorted((RULES / subject.id.replace("-", "_") / "cases").glob("*/template.yaml")):
        resources = list(read_template(template))
        for index, resource in enumerate(resources):
            for path in places(dict(resource.properties)):
                kind = (resource.type, tuple("" if isinstance(step, int) else step for step in path))
                for other in () if kind in seen else MISPLACED:
                    wrong = replace(resource, properties=with_another(dict(resource.properties), path, other))
                    graph = Graph([*resources[:index], wrong, *resources[index + 1 :]])
                    for one in graph.of_type(*subject.types):
                        assert isinstance(subject.evaluate(one, Context(graph, SCOPE)), Outcome)
                seen.add(kind)
