"""Lookups by value in a graph give what going through all of its resources would. Origin of the data: written for these tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from averment.core.organisation import Organisation
from averment.core.scope import Scope
from averment.core.source import SourceRef
from averment.core.words import Verdict
from averment.policies.graph.memo import per_graph_and
from averment.policies.graph.model import Dialect, Graph, Reference, Resource, Unknown
from averment.policies.graph.outside import Names
from averment.policies.iam.document import parse_document
from averment.policies.iam.resources import names_reached
from averment.policies.judging import judged
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.plan import read_plan


def policy(address: str, bucket: object) -> Resource:
    return Resource(address, "AWS::S3::BucketPolicy", {"Bucket": bucket}, SourceRef(), Dialect.CONFIG)


def test_resources_are_found_by_text_and_by_link() -> None:
    """In order, whatever the link's attribute; a value that isn't known is nobody's, and what is added later is found as well."""
    link = Reference("b", "Arn")
    graph = Graph([policy("p1", "acme"), policy("p2", link), policy("p3", Unknown("why")), policy("p4", "acme")])
    assert [found.address for found in graph.holding("AWS::S3::BucketPolicy", "Bucket", "acme")] == ["p1", "p4"]
    assert [found.address for found in graph.linking("AWS::S3::BucketPolicy", "Bucket", "b")] == ["p2"]
    graph.add(policy("p5", "acme"))
    assert [found.address for found in graph.holding("AWS::S3::BucketPolicy", "Bucket", "acme")] == ["p1", "p4", "p5"]


def test_a_lookup_counts_as_having_looked() -> None:
    """A verdict hangs on a type that was looked for, also where the answer was at hand."""
    graph = Graph([policy("p1", "acme")])
    for _ in range(2):
        graph.consulted.clear()
        graph.holding("AWS::S3::BucketPolicy", "Bucket", "other")
        assert graph.consulted == {"AWS::S3::BucketPolicy"}


def test_an_answer_for_another_scope_is_another() -> None:
    """What hangs on the scope is worked out anew for the next one, and once for the same; consulted types come with a kept answer."""
    asked: list[Scope] = []

    @per_graph_and
    def accounts(graph: Graph, scope: Scope) -> tuple[str, ...]:
        asked.append(scope)
        list(graph.of_type("AWS::S3::Bucket"))
        return scope.accounts

    graph, first, second = Graph(), Scope(accounts=("1",)), Scope(accounts=("2",))
    assert [accounts(graph, scope) for scope in (first, first, second)] == [("1",), ("1",), ("2",)]
    assert asked == [first, second]
    graph.consulted.clear()
    accounts(graph, second)
    assert graph.consulted == {"AWS::S3::Bucket"}


def test_only_a_statement_that_names_buckets_outright_is_narrowed() -> None:
    """A star, a symbol, NotResource or something unresolved may be any bucket's."""

    def names(**more: object) -> frozenset[str] | None:
        [statement] = parse_document({"Statement": [{"Effect": "Allow", "Action": "s3:*", **more}]})
        return names_reached(statement)

    assert names(Resource=["arn:aws:s3:::a/*", "arn:aws:s3:::b"]) == {"a", "b"}
    for resource in ("*", "arn:aws:s3:::a*", "arn:aws:s3:::a?/x", "arn:aws:s3:::${AWS::AccountId}-x/*", "arn:aws:s3:*:*:x"):
        assert names(Resource=["arn:aws:s3:::a/*", resource]) is None
    assert names(NotResource="arn:aws:s3:::a/*") is None


def estate(groups: int) -> dict[str, Any]:
    """A plan of what exists, where everything is named by ARN: upload buckets with a queue, its reader and the role of that for each."""
    found: list[dict[str, Any]] = []
    for number in range(groups):
        queue, role = f"arn:aws:sqs:eu-west-1:123456789012:q{number}", f"arn:aws:iam::123456789012:role/r{number}"
        trusted = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
        may = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::uploads-{number}/*"}]}
        told = [{"events": ["s3:ObjectCreated:*"], "queue_arn": queue}]
        for kind, values in (
            ("aws_s3_bucket", {"bucket": f"uploads-{number}", "tags": {"data-class": "ugc"}}),
            ("aws_s3_bucket_policy", {"bucket": f"uploads-{number}", "policy": json.dumps(may)}),
            ("aws_s3_bucket_notification", {"bucket": f"uploads-{number}", "queue": told}),
            ("aws_sqs_queue", {"name": f"q{number}"}),
            ("aws_iam_role", {"name": f"r{number}", "assume_role_policy": json.dumps(trusted)}),
            ("aws_iam_role_policy", {"name": "p", "role": f"r{number}", "policy": json.dumps(may)}),
            ("aws_lambda_function", {"function_name": f"f{number}", "role": role, "handler": "a.b", "runtime": "python3.12"}),
            ("aws_lambda_event_source_mapping", {"event_source_arn": queue, "function_name": f"f{number}", "enabled": True}),
        ):
            found.append({"address": f"{kind}.x{number}", "mode": "managed", "type": kind, "name": f"x{number}", "values": values})
    url = {"function_name": "f0", "authorization_type": "NONE"}
    found.append({"address": "aws_lambda_function_url.x", "mode": "managed", "type": "aws_lambda_function_url", "name": "x", "values": url})
    return {"format_version": "1.2", "planned_values": {"root_module": {"resources": found}}}


def test_what_is_looked_at_grows_with_the_estate_and_not_with_its_cube(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each bucket's queue was sought among all, and its reader among all of those: of 250 buckets the check gave up after 30 seconds."""
    looked = 0
    get = Resource.get

    def counted(resource: Resource, *path: str | int) -> object:
        nonlocal looked
        looked += 1
        return get(resource, *path)

    monkeypatch.setattr(Resource, "get", counted)
    counts: list[int] = []
    for groups in (10, 40):
        (tmp_path / "plan.json").write_text(json.dumps(estate(groups)))
        looked = 0
        found = judged([read_plan(tmp_path / "plan.json")], all_rules(), Organisation(root=tmp_path))
        assert not [problem for problem in found.problems if problem.blocking]
        assert {finding.verdict for finding, _ in found.findings} == {Verdict.PASS, Verdict.FAIL}
        counts.append(looked)
    assert counts[1] < 5 * counts[0]


def test_an_owner_is_found_by_its_name_however_late_it_is_met() -> None:
    """A holder that isn't among what was read is made where it is met, and the next attachment is to the same; what is outside is no owner."""
    resources: dict[str, Resource] = {"p": policy("p", "acme")}
    names = Names(resources)
    assert names.owner("AWS::IAM::Role", "RoleName", "late") is None
    resources["r"] = Resource("r", "AWS::IAM::Role", {"RoleName": "late"}, SourceRef(), Dialect.TERRAFORM)
    resources["s"] = Resource("s", "AWS::IAM::Role", {"RoleName": "late"}, SourceRef(), Dialect.TERRAFORM)
    resources["o"] = Resource("o", "AWS::IAM::Role", {"RoleName": "out"}, SourceRef(), Dialect.TERRAFORM, outside=True)
    assert names.owner("AWS::IAM::Role", "RoleName", "late") is resources["r"]
    assert names.owner("AWS::IAM::Role", "RoleName", "out") is None
    assert names.owner("AWS::S3::BucketPolicy", "Bucket", "acme") is resources["p"]
    assert names.owner("AWS::IAM::Role", "RoleName", None) is None
