"""What must not matter doesn't: names, order and unrelated resources change no verdict, before the merge and at run time.

Every case of every rule is changed at random and judged again: its Terraform and its CloudFormation by all rules, what is deployed of
its template by its own. Origin of the data: the rules' cases; the unrelated resources are written for these tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from averment.core.scope import Scope
from averment.core.source import SourceRef
from averment.core.words import Verdict
from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.interface import Context, Kind, Rule
from averment.policies.rules.grants import about_identity, about_matching
from averment.policies.rules.registry import all_rules, rule
from averment.policies.runtime.evaluate import Evaluator
from averment.policies.runtime.neighbours import MemoryNeighbours
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.config.surface import graph_from_items
from averment.policies.surfaces.terraform.surface import TerraformSurface
from averment.sandbox.deployed.items import Deployment

RULES = Path(__file__).resolve().parents[2] / "policies" / "rules"
SCOPE = Scope(accounts=("123456789012",), organisation_id="o-exampleorg1")
INFRASTRUCTURE = [entry for entry in all_rules() if entry.kind is Kind.INFRASTRUCTURE]
FEW = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))

SETS = frozenset(
    [
        "Action",
        "Actions",
        "AdvancedEventSelectors",
        "AlarmActions",
        "AllowedMethods",
        "AllowedOrigins",
        "AllowedOAuthFlows",
        "AWS",
        "CorsRules",
        "DataResources",
        "Dimensions",
        "EnabledMfas",
        "Equals",
        "EventSelectors",
        "FieldSelectors",
        "Groups",
        "LambdaConfigurations",
        "ManagedPolicyArns",
        "MetricsConfigurations",
        "MonitorArnList",
        "NotAction",
        "NotificationsWithSubscribers",
        "NotPrincipal",
        "NotResource",
        "Origins",
        "Policies",
        "ProductionVariants",
        "QueueConfigurations",
        "Resource",
        "ResourceTypes",
        "Roles",
        "Rules",
        "Service",
        "source",
        "StartsWith",
        "Statement",
        "Subscribers",
        "Subscription",
        "SupportedIdentityProviders",
        "Tags",
        "Targets",
        "TopicConfigurations",
        "Users",
        "Values",
        "name",
        "detail-type",
    ]
)
"""Lists whose order means nothing to AWS. Cache behaviours and containers are not among them."""

NAMES = {
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudTrail::Trail": "TrailName",
}
"""Names that say nothing to any rule. Those of buckets, functions, endpoints, tables, documents and pools do."""


def files(*names: str, unknown: bool = True) -> list[Any]:
    found = [path for name in names for path in sorted(RULES.glob(f"*/cases/*/{name}"))]
    kept = [path for path in found if unknown or not path.parent.name.endswith(".unknown")]
    return [pytest.param(path, id=f"{path.parent.parent.parent.name}-{path.parent.name}-{path.suffix[1:]}") for path in kept]


@cache
def graph_of(path: Path) -> Graph:
    if path.suffix == ".tf":
        (graph,) = TerraformSurface().graphs(path.parent)
        return graph
    return read_template(path)


def changed(graph: Graph, rename: Callable[[str], str], change: Callable[[Any, str], Any]) -> Graph:
    """``graph`` with other addresses, and every value passed through ``change`` (with the key that it stands under)."""

    def walk(value: Any, key: str) -> Any:
        if isinstance(value, Reference):
            return replace(value, address=rename(value.address))
        if isinstance(value, Unknown):
            return (
                value
                if value.template is None
                else replace(value, template=_HOLE.sub(lambda hole: _renamed(hole, graph, rename), value.template))
            )
        if isinstance(value, Mapping):
            inner = "Values" if key == "Condition" else ""
            return change({name: walk(item, inner or str(name)) for name, item in value.items()}, key)
        if isinstance(value, list):
            return change([walk(item, key) for item in value], key)
        return change(value, key)

    found = [replace(resource, address=rename(resource.address), properties=walk(resource.properties, "")) for resource in graph]
    return Graph(found, graph.problems)


_HOLE = re.compile(r"\$\{(?P<address>[^}]*)\.(?P<attribute>[A-Za-z]+)\}")


def _renamed(hole: re.Match[str], graph: Graph, rename: Callable[[str], str]) -> str:
    known = any(resource.address == hole["address"] for resource in graph)
    return f"${{{rename(hole['address'])}.{hole['attribute']}}}" if known else hole[0]


def same(value: Any, _key: str) -> Any:
    return value


def readdressed(graph: Graph, random: Random) -> Graph:
    """Everything moved into a module: the last part of an address may mean something, the rest doesn't."""
    prefix = f"module.m{random.randrange(1000)}."
    return changed(graph, lambda address: f"{prefix}{address}", same)


def reordered(graph: Graph, random: Random) -> Graph:
    """Resources, and entries of lists that are sets, in another order."""

    def shuffle(value: Any, key: str) -> Any:
        return random.sample(value, len(value)) if isinstance(value, list) and key in SETS else value

    moved = list(changed(graph, lambda address: address, shuffle))
    return Graph(random.sample(moved, len(moved)), graph.problems)


def renamed(graph: Graph, random: Random) -> Graph:
    """Physical names that carry no meaning replaced, wherever they are written: those that speak of faces stay."""
    free = {resource.get(NAMES[resource.type]) for resource in graph if resource.type in NAMES}
    taken = {*_names(graph), *(name for name in free if isinstance(name, str) and (about_identity(name) or about_matching(name)))}
    old = sorted(entry for entry in free if isinstance(entry, str) and entry not in taken)
    new = {name: f"n{random.randrange(10**6)}x{index}" for index, name in enumerate(old)}  # two of one name would be one
    if not new:
        return graph
    pattern = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, new))})(?![\w.-])")

    def replaced(value: Any, _key: str) -> Any:
        return pattern.sub(lambda match: new[match[0]], value) if isinstance(value, str) else value

    return changed(graph, lambda address: address, replaced)


def _names(graph: Graph) -> Iterator[str]:
    """Strings that are, or are part of, something else than a free name: other types' names, and words of policies and patterns."""
    for resource in graph:
        for key, value in resource.properties.items():
            if isinstance(value, str) and NAMES.get(resource.type) != key:
                yield value
                yield from re.split(r"[^\w-]+", value) if not value.startswith("arn:") else ()


def crowded(graph: Graph, random: Random) -> Graph:
    """Unrelated resources among those of the case."""
    dialect = next((resource.dialect for resource in graph), None)
    if dialect is None:
        return graph
    added = [Resource(f"Unrelated{index}", kind, values, SourceRef("unrelated"), dialect) for index, (kind, values) in enumerate(UNRELATED)]
    everything = [*graph, *random.sample(added, random.randrange(1, len(added) + 1))]
    return Graph(random.sample(everything, len(everything)), graph.problems)


PREFIX = "zz-unrelated"
UNRELATED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("AWS::EC2::VPC", {"CidrBlock": "10.0.0.0/16"}),
    ("AWS::Logs::LogGroup", {"LogGroupName": "/zz/unrelated", "RetentionInDays": 30}),
    ("AWS::S3::Bucket", {"BucketName": f"{PREFIX}-invoices"}),
    ("AWS::SNS::Topic", {"TopicName": f"{PREFIX}-news"}),
    ("AWS::SQS::Queue", {"QueueName": f"{PREFIX}-orders"}),
    ("AWS::KMS::Key", {"Description": "disks of the warehouse"}),
    ("AWS::DynamoDB::Table", {"TableName": f"{PREFIX}-stock"}),
    (
        "AWS::IAM::Role",
        {
            "RoleName": f"{PREFIX}-warehouse",
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
            },
            "Policies": [
                {
                    "PolicyName": "logs",
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [{"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}],
                    },
                }
            ],
        },
    ),
    (
        "AWS::CloudWatch::Alarm",
        {
            "AlarmName": f"{PREFIX}-cpu",
            "Namespace": "AWS/EC2",
            "MetricName": "CPUUtilization",
            "Dimensions": [{"Name": "InstanceId", "Value": "i-0a1b"}],
            "AlarmActions": [],
        },
    ),
    (
        "AWS::Events::Rule",
        {"Name": f"{PREFIX}-nightly", "State": "ENABLED", "ScheduleExpression": "rate(1 day)", "Targets": []},
    ),
)

CHANGES = (readdressed, reordered, renamed, crowded)


def verdicts(graph: Graph) -> dict[str, list[tuple[str, Verdict]]]:
    """Of each rule: the verdicts on resources of the case, by the last part of their address."""
    context = Context(graph, SCOPE)
    resources = [resource for resource in graph if not resource.address.startswith("Unrelated")]
    return {
        entry.id: sorted(
            (_last(resource), entry.evaluate(resource, context).verdict) for resource in resources if resource.type in entry.types
        )
        for entry in INFRASTRUCTURE
    }


def _last(resource: Resource) -> str:
    return re.sub(r"^module\.m\d+\.", "", resource.address)


@cache
def verdicts_of(path: Path) -> dict[str, list[tuple[str, Verdict]]]:
    return verdicts(graph_of(path))


@pytest.mark.parametrize("path", files("template.yaml", "main.tf"))
@FEW
@given(random=st.randoms(use_true_random=False), chosen=st.sets(st.sampled_from(CHANGES), min_size=1))
def test_before_the_merge_no_verdict_changes(path: Path, random: Random, chosen: set[Callable[[Graph, Random], Graph]]):
    """All rules, on a module or template under other addresses and names, in another order, with more around it."""
    graph = graph_of(path)
    for change in (entry for entry in CHANGES if entry in chosen):
        graph = change(graph, random)
    assert verdicts(graph) == verdicts_of(path)


def told(path: Path, graph: Graph, shuffle: Callable[[list[Any]], list[Any]]) -> list[tuple[str, Verdict]]:
    items = Deployment(graph).items()
    subject = rule(path.parent.parent.parent.name.replace("_", "-"))
    evaluator = Evaluator(subject, MemoryNeighbours(shuffle(items)), SCOPE, {}, "123456789012")
    mine = (entry for entry in evaluator.every() if not entry.resource_id.startswith((PREFIX, "unrelated")))
    return sorted((entry.resource_type, entry.verdict) for entry in mine)


@cache
def told_of(path: Path) -> list[tuple[str, Verdict]]:
    return told(path, graph_of(path), list)


@pytest.mark.parametrize("path", files("template.yaml", unknown=False))
@FEW
@given(random=st.randoms(use_true_random=False), chosen=st.sets(st.sampled_from(CHANGES), min_size=1))
def test_at_run_time_no_verdict_changes(path: Path, random: Random, chosen: set[Callable[[Graph, Random], Graph]]):
    """The case's rule on what is deployed, with the items in any order as AWS Config lists them."""
    graph = graph_of(path)
    for change in (entry for entry in CHANGES if entry in chosen):
        graph = change(graph, random)
    assert told(path, graph, lambda items: random.sample(items, len(items))) == told_of(path)


def test_the_changes_change_something():
    """Each of them would otherwise prove nothing."""
    path = RULES / "upload_api_authorised" / "cases" / "rest_by_iam.pass" / "template.yaml"
    graph, random = graph_of(path), Random(1)
    assert {resource.address for resource in readdressed(graph, random)}.isdisjoint(resource.address for resource in graph)
    orders = {tuple(resource.address for resource in reordered(graph, random)) for _ in range(20)}
    assert len(orders) > 1
    assert len(crowded(graph, random)) > len(graph)
    other = RULES / "upload_anomaly_alarm" / "cases" / "requests_watched.pass" / "template.yaml"
    (topic,) = renamed(graph_of(other), random).of_type("AWS::SNS::Topic")
    assert topic.get("TopicName") != "on-call"


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov"])
@pytest.mark.parametrize("subject", INFRASTRUCTURE, ids=lambda subject: subject.id)
def test_what_is_deployed_in_another_partition_gets_the_same_verdicts(subject: Rule, partition: str) -> None:
    """In China and GovCloud every ARN begins otherwise, and nothing else differs."""
    for case in sorted(RULES.glob(f"{subject.id.replace('-', '_')}/cases/*/config.json")):
        text = case.read_text(encoding="utf-8")
        said = []
        for begins in ("aws", partition):
            graph = graph_from_items(json.loads(text.replace("arn:aws:", f"arn:{begins}:"))["configurationItems"])
            judged = [subject.evaluate(resource, Context(graph, SCOPE, {}, {})) for resource in graph if resource.type in subject.types]
            said.append([outcome.verdict for outcome in judged])
        assert said[0] == said[1], case
