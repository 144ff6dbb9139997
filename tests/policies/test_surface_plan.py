"""Plans in Terraform's JSON output format become graphs; what is known only after apply is a link or unknown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from averment.policies.graph.model import Graph, Reference, Unknown
from averment.policies.surfaces.plan import PlanSurface, read_plan


def resource(address: str, **values: Any) -> dict[str, Any]:
    bare = address.rsplit("module.m.", 1)[-1]
    return {"address": address, "mode": "managed", "type": bare.split(".")[0], "name": "x", "values": values}


def graph_of(folder: Path, resources: list[Any], *, changes: list[Any] = (), configured: list[Any] = (), **more: Any) -> Graph:  # type: ignore[assignment]
    path = folder / "plan.json"
    plan = {
        "format_version": "1.2",
        "planned_values": {"root_module": {"resources": resources, **more}},
        "resource_changes": list(changes),
        "configuration": {"root_module": {"resources": list(configured)}},
    }
    path.write_text(json.dumps(plan))
    assert PlanSurface().recognises(path)
    return read_plan(path)


def test_values_known_after_apply_are_links(tmp_path: Path):
    """The id of a new bucket isn't known, but the configuration says which bucket it is."""
    graph = graph_of(
        tmp_path,
        [
            resource("aws_s3_bucket.b", bucket="uploads"),
            resource("aws_s3_bucket_versioning.v", versioning_configuration=[{"status": "Enabled"}]),
        ],
        changes=[{"address": "aws_s3_bucket_versioning.v", "mode": "managed", "change": {"after_unknown": {"bucket": True}}}],
        configured=[
            {"address": "aws_s3_bucket_versioning.v", "expressions": {"bucket": {"references": ["aws_s3_bucket.b.id", "aws_s3_bucket.b"]}}}
        ],
    )
    bucket = graph.get("aws_s3_bucket.b")
    assert bucket is not None
    assert bucket.get("VersioningConfiguration", "Status") == "Enabled"


BY_PROVIDER = {
    "aws": {"name": "aws", "expressions": {"default_tags": [{"tags": {"constant_value": {"data-class": "ugc", "team": "web"}}}]}}
}


@pytest.mark.parametrize(
    ("values", "hidden", "expected"),
    [
        ({"tags": None, "tags_all": {"data-class": "ugc"}}, {"tags_all": {}}, {"data-class": "ugc"}),
        ({"tags": {"team": "media"}, "tags_all": {"data-class": "ugc", "team": "media"}}, {}, {"data-class": "ugc", "team": "media"}),
        ({"tags": {"team": "media"}}, {"tags": {"owner": True}, "tags_all": True}, {"data-class": "ugc", "team": "media"}),
        ({"tags": {"team": "media"}, "tags_all": {"team": "media"}}, {}, {"team": "media"}),
    ],
)
def test_the_tags_of_the_provider_are_the_buckets(tmp_path: Path, values: dict[str, Any], hidden: dict[str, Any], expected: dict[str, str]):
    """``default_tags { data-class = "ugc" }``: the plan has them in ``tags_all`` alone, and no bucket was taken for media by them."""
    graph_of(
        tmp_path,
        [resource("aws_s3_bucket.b", bucket="acme-x", **values)],
        changes=[{"address": "aws_s3_bucket.b", "mode": "managed", "change": {"after_unknown": hidden}}],
        configured=[{"address": "aws_s3_bucket.b", "provider_config_key": "aws", "expressions": {}}],
    )
    plan = json.loads((tmp_path / "plan.json").read_text())
    plan["configuration"]["provider_config"] = BY_PROVIDER
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    bucket = read_plan(tmp_path / "plan.json").get("aws_s3_bucket.b")
    assert bucket is not None
    assert bucket.tags == expected


def test_what_a_deposed_object_lacks_says_nothing_of_the_one_that_stays(tmp_path: Path):
    """Terraform lists an old object that is still to go under the same address: its "nothing is unknown" hid what is."""
    change = {"address": "aws_s3_bucket_policy.p", "mode": "managed", "change": {"after_unknown": {"policy": True}}}
    gone = {
        "address": "aws_s3_bucket_policy.p",
        "mode": "managed",
        "deposed": "0a1b2c3d",
        "change": {"actions": ["delete"], "after_unknown": {}},
    }
    graph = graph_of(
        tmp_path,
        [resource("aws_s3_bucket.b", bucket="uploads"), resource("aws_s3_bucket_policy.p", bucket="uploads")],
        changes=[change, gone],
    )
    (policy,) = graph.of_type("AWS::S3::BucketPolicy")
    assert isinstance(policy.get("PolicyDocument"), Unknown)


def test_a_link_that_may_be_a_modules_is_nobodys(tmp_path: Path):
    """``var.own ? aws_s3_bucket.b.id : module.other.id``: the versioning was taken for this bucket's, whichever it will be."""
    names = ["var.own", "aws_s3_bucket.b.id", "aws_s3_bucket.b", "module.other.id", "module.other"]
    graph = graph_of(
        tmp_path,
        [
            resource("aws_s3_bucket.b", bucket="uploads"),
            resource("aws_s3_bucket_versioning.v", versioning_configuration=[{"status": "Enabled"}]),
        ],
        changes=[{"address": "aws_s3_bucket_versioning.v", "mode": "managed", "change": {"after_unknown": {"bucket": True}}}],
        configured=[{"address": "aws_s3_bucket_versioning.v", "expressions": {"bucket": {"references": names}}}],
    )
    bucket = graph.get("aws_s3_bucket.b")
    assert bucket is not None
    assert bucket.get("VersioningConfiguration", "Status") != "Enabled"


def test_a_document_around_a_link_is_not_the_link(tmp_path: Path):
    """A policy that mentions a new bucket is unknown as a whole; taking it for the bucket's ARN would hide it."""
    graph = graph_of(
        tmp_path,
        [resource("aws_s3_bucket.b"), resource("aws_iam_policy.p", name="p")],
        changes=[{"address": "aws_iam_policy.p", "mode": "managed", "change": {"after_unknown": {"policy": True}}}],
        configured=[{"address": "aws_iam_policy.p", "expressions": {"policy": {"references": ["aws_s3_bucket.b.arn", "aws_s3_bucket.b"]}}}],
    )
    policy = graph.get("aws_iam_policy.p")
    assert policy is not None
    assert isinstance(policy.get("PolicyDocument"), Unknown)


def test_policy_documents_rendered_during_apply_are_rebuilt(tmp_path: Path):
    """A deferred data source is in the plan with its statements: what they allow is known even if the ARN isn't."""
    data = {
        "address": "data.aws_iam_policy_document.d",
        "mode": "data",
        "type": "aws_iam_policy_document",
        "change": {
            "after": {"statement": [{"actions": ["s3:PutObject"], "effect": "Allow", "principals": [{"type": "*", "identifiers": ["*"]}]}]},
            "after_unknown": {"json": True, "statement": [{"resources": True}]},
        },
    }
    graph = graph_of(
        tmp_path,
        [resource("aws_iam_policy.p")],
        changes=[data, {"address": "aws_iam_policy.p", "mode": "managed", "change": {"after_unknown": {"policy": True}}}],
        configured=[
            {
                "address": "aws_iam_policy.p",
                "expressions": {"policy": {"references": ["data.aws_iam_policy_document.d.json", "data.aws_iam_policy_document.d"]}},
            }
        ],
    )
    policy = graph.get("aws_iam_policy.p")
    assert policy is not None
    statement = policy.get("PolicyDocument", "Statement", 0)
    assert (statement["Action"], statement["Principal"]) == (["s3:PutObject"], "*")
    assert isinstance(statement["Resource"], Unknown)


def test_known_arns_keep_their_link_with_what_stands_around_them(tmp_path: Path):
    """Where the other resource exists already, its ARN in a value is a link, prefix and suffix kept."""
    arn = "arn:aws:sqs:eu-west-1:123456789012:q"
    graph = graph_of(
        tmp_path,
        [
            resource("aws_sqs_queue.q", name="q", arn=arn),
            resource("aws_lambda_event_source_mapping.m", event_source_arn=arn),
        ],
        configured=[
            {
                "address": "aws_lambda_event_source_mapping.m",
                "expressions": {"event_source_arn": {"references": ["aws_sqs_queue.q.arn", "aws_sqs_queue.q"]}},
            }
        ],
    )
    mapping = graph.get("aws_lambda_event_source_mapping.m")
    assert mapping is not None
    assert mapping.get("EventSourceArn") == Reference("aws_sqs_queue.q", "Arn")


def test_resources_in_child_modules_are_read(tmp_path: Path):
    """Module instances are part of the plan at any depth."""
    child = {"address": "module.m", "resources": [resource("module.m.aws_s3_bucket.b", bucket="x")]}
    graph = graph_of(tmp_path, [], child_modules=[child])
    assert [item.get("BucketName") for item in graph] == ["x"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"planned_values": {}, "format_version": "9.0"}', "known format version"),
        ('{"planned_values": ', "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "known format version"),
    ],
)
def test_broken_plans_are_problems(tmp_path: Path, text: str, reason: str):
    """Whatever isn't a plan is said, with an empty graph."""
    path = tmp_path / "plan.json"
    path.write_text(text)
    graph = read_plan(path)
    assert len(graph) == 0
    assert reason in graph.problems[0].reason


OPEN = resource("aws_s3_bucket.b", bucket="acme-uploads", acl="public-read-write")


@pytest.mark.parametrize(
    ("said", "blocking", "words"),
    [
        ({"errored": True, "complete": False}, True, "broke off with an error"),
        ({"errored": False, "complete": False}, False, "is not complete"),
        (
            {"deferred_changes": [{"resource_change": {"address": "aws_s3_bucket.later", "mode": "managed"}}]},
            False,
            "aws_s3_bucket.later: put off to a later plan",
        ),
    ],
)
def test_what_a_plan_says_is_not_in_it_is_said(tmp_path: Path, said: dict[str, Any], blocking: bool, words: str):
    """A plan that broke off isn't checked in full (exit 3); one that was narrowed or put off is named as not read in full."""
    graph_of(tmp_path, [OPEN])
    plan = json.loads((tmp_path / "plan.json").read_text())
    (tmp_path / "plan.json").write_text(json.dumps({**plan, **said}))
    (problem,) = read_plan(tmp_path / "plan.json").problems
    assert (problem.blocking, words in problem.reason) == (blocking, True)


def test_a_whole_plan_has_no_problem(tmp_path: Path):
    """Neither has one of an older Terraform, which says nothing of it, nor one that puts off reading data only."""
    graph_of(tmp_path, [OPEN])
    plan = json.loads((tmp_path / "plan.json").read_text())
    data = [{"resource_change": {"address": "data.aws_s3_bucket.x", "mode": "data"}}]
    for said in ({}, {"errored": False, "complete": True}, {"deferred_changes": data}):
        (tmp_path / "plan.json").write_text(json.dumps({**plan, **said}))
        assert read_plan(tmp_path / "plan.json").problems == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_plan_that_powershell_wrote_is_read(tmp_path: Path, encoding: str):
    """``terraform show -json plan > plan.json`` there writes a byte order mark, or UTF-16."""
    graph_of(tmp_path, [OPEN])
    plan = tmp_path / "plan.json"
    plan.write_text(plan.read_text(), encoding=encoding)
    assert PlanSurface().recognises(plan)
    assert [item.address for item in read_plan(plan)] == ["aws_s3_bucket.b"]
