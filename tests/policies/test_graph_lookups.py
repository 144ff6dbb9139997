"""Lookups by value in a graph give what going through all of its resources would. Origin of the data: written for these tests."""

from __future__ import annotations

from averment.core.scope import Scope
from averment.core.source import SourceRef
from averment.policies.graph.memo import per_graph_and
from averment.policies.graph.model import Dialect, Graph, Reference, Resource, Unknown
from averment.policies.iam.document import parse_document
from averment.policies.iam.resources import names_reached


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
