"""Neighbours at run time: fetched when a rule looks for their type, once, and with the same graph as if all had been there.

Origin of the items: the rules' cases, made into items by ``Deployment``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from averment.core.errors import IncompleteError
from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import EVERYTHING, Graph, Reference, Resource
from averment.policies.runtime.beside import Beside, Unread
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.config.surface import graph_from_items
from averment.sandbox.deployed.items import Deployment

CASES = Path(__file__).resolve().parents[2] / "policies" / "rules"
BUCKET, POLICY, ROLE = "AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::IAM::Role"


class Account:
    """Hands out items by type and keeps what was asked for; ``denied`` types are refused."""

    def __init__(self, items: Sequence[Mapping[str, Any]], denied: Sequence[str] = ()) -> None:
        self.items, self.denied = items, denied
        self.asked: list[str] = []

    def fetch(self, kind: str) -> list[Mapping[str, Any]]:
        self.asked.append(kind)
        if kind in self.denied:
            raise IncompleteError(f"no {kind} for you")
        return [item for item in self.items if item["resourceType"] == kind]

    def graph(self, *kinds: str, subjects: Sequence[Mapping[str, Any]] = ()) -> Beside:
        return Beside(subjects, kinds or sorted({str(item["resourceType"]) for item in self.items}), self.fetch)


def account(case: str, *denied: str) -> Account:
    items = Deployment(read_template(CASES / case / "template.yaml")).items()
    assert items, case
    return Account(items, denied)


def plain(resource: Resource) -> tuple[str, str, dict[str, Any]]:
    return resource.address, resource.type, dict(resource.properties)


def test_nothing_is_fetched_until_it_is_looked_for():
    """A bucket's policy stands in the bucket's item, so asking for one brings both, once; other types stay where they are."""
    found = account("s3_put_object_gated/cases/access_point.fail")
    graph = found.graph(BUCKET, ROLE)
    assert found.asked == []
    assert next(graph.of_type(BUCKET)).get("BucketName") == "acme-uploads"
    list(graph.of_type(POLICY))
    graph.holding(BUCKET, "BucketName", "acme-uploads")
    assert found.asked == [BUCKET]
    assert EVERYTHING not in graph.consulted


@pytest.mark.parametrize("look", [list, len, lambda graph: graph.get("arn:aws:s3:::not-there")], ids=["all", "count", "get"])
def test_whoever_looks_at_everything_gets_everything(look: Any):
    """The same resources as in a graph that had them from the start."""
    found = account("upload_api_authorised/cases/route_by_jwt.pass")
    graph = found.graph()
    look(graph)
    assert sorted(found.asked) == sorted({item["resourceType"] for item in found.items})
    whole = graph_from_items(found.items)
    assert sorted(map(plain, graph), key=lambda entry: entry[0]) == sorted(map(plain, whole), key=lambda entry: entry[0])


def test_whoever_looks_through_names_gets_those_that_tell_something():
    """Nobody asks for trails and pipes for the sake of their names, which would be a call for each; whoever looks at everything gets them."""
    found = account("media_bucket_events_scanned/cases/trail_of_uploads.pass")
    graph = found.graph()
    named = [resource.type for resource in graph.named()]
    assert BUCKET in named
    assert "AWS::CloudTrail::Trail" not in [*named, *found.asked]
    assert EVERYTHING not in graph.consulted
    assert "AWS::CloudTrail::Trail" in [resource.type for resource in graph]


def test_what_is_there_by_its_address_is_found_without_a_doubt():
    """A resource that was only waiting isn't one that could be anywhere."""
    graph = account("s3_put_object_gated/cases/access_point.fail").graph()
    assert graph.get("arn:aws:s3:::acme-uploads") is not None
    assert graph.consulted == set()


def test_links_lead_to_what_is_fetched_for_them():
    """A route's integration is there once the route is, also if the route is what is judged."""
    found = account("upload_api_authorised/cases/route_by_jwt.pass")
    (route,) = [item for item in found.items if item["resourceType"] == "AWS::ApiGatewayV2::Route"]
    graph = found.graph(subjects=[route])
    assert sorted(found.asked) == ["AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Integration"]
    (judged,) = graph.of_type("AWS::ApiGatewayV2::Route")
    target = judged.get("Target")
    assert isinstance(target, Reference)
    assert graph.get(target.address) is not None


def test_a_refusal_is_known_by_whoever_asks_about_the_type():
    """Asking for the reason is looking: it is fetched; of types that nobody asked about nothing is said."""
    found = account("s3_put_object_gated/cases/access_point.fail", BUCKET, ROLE)
    graph = found.graph(BUCKET, ROLE)
    unread = Unread(graph, (ROLE, BUCKET, POLICY))
    assert (list(unread), len(unread)) == ([], 0)
    assert POLICY in unread
    assert unread[BUCKET] == "no AWS::S3::Bucket for you"
    assert (list(unread), found.asked) == ([BUCKET, POLICY], [BUCKET])
    assert "AWS::KMS::Key" not in unread


def test_an_item_that_can_not_be_read_flaws_its_type():
    """The type is known by what was asked for, whatever the item says of itself."""
    broken = {"resourceType": ROLE, "resourceId": 7}
    graph = Account([broken]).graph(ROLE)
    assert list(graph.of_type(ROLE)) == []
    assert list(graph.flawed) == [ROLE]
    assert "could not be read" in graph.flawed[ROLE]


def test_what_was_worked_out_holds_while_more_is_fetched():
    """Fetching adds nothing that wasn't the graph's before; adding a resource does."""
    calls: list[int] = []

    @per_graph
    def count(graph: Graph) -> int:
        calls.append(1)
        return sum(1 for _ in graph.of_type(BUCKET))

    graph = account("s3_put_object_gated/cases/access_point.fail").graph()
    assert count(graph) == 1
    len(graph)
    assert (count(graph), len(calls)) == (1, 1)
    (bucket,) = graph.of_type(BUCKET)
    graph.add(Resource("other", BUCKET, {}, bucket.source, bucket.dialect))
    assert (count(graph), len(calls)) == (2, 2)
