"""What a plan has of a resource without its being configured: AWS's defaults, and what stood there before this plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph
from averment.policies.interface import Context
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.plan import read_plan

NAME = {"constant_value": "acme-uploads"}
OF_BUCKET = {"references": ["aws_s3_bucket.b.id", "aws_s3_bucket.b"]}
NEW = ("acl", "cors_rule", "grant", "lifecycle_rule", "logging", "object_lock_configuration", "policy", "versioning", "website")
"""Some of what Terraform calls "known after apply" of each new bucket."""

LIVE: dict[str, Any] = {
    "acl": None,
    "cors_rule": [],
    "grant": [{"id": "0a1b", "permissions": ["FULL_CONTROL"], "type": "CanonicalUser", "uri": ""}],
    "lifecycle_rule": [],
    "logging": [],
    "policy": "",
    "versioning": [{"enabled": False, "mfa_delete": False}],
}
"""What a plan has of a bucket that exists and of which only the name is configured."""

BLOCKED = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")


def statement(effect: str, action: str, **more: Any) -> str:
    both = ["arn:aws:s3:::acme-uploads", "arn:aws:s3:::acme-uploads/*"]
    return json.dumps({"Statement": [{"Effect": effect, "Principal": "*", "Action": action, "Resource": both, **more}]})


TLS = statement("Deny", "s3:*", Condition={"Bool": {"aws:SecureTransport": "false"}})
OPEN = statement("Allow", "s3:PutObject")
Changes = list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any] | None]]


def planned(folder: Path, changes: Changes, actions: tuple[str, ...] = ("update",)) -> Graph:
    """The graph of a plan of resources: address, values, what is hidden, expressions (none: the plan has no configuration of it)."""
    parts = [{"address": address, "mode": "managed", "type": address.split(".")[0], "name": "x"} for address, *_ in changes]
    plan = {
        "format_version": "1.2",
        "planned_values": {"root_module": {"resources": [{**part, "values": one[1]} for part, one in zip(parts, changes, strict=True)]}},
        "resource_changes": [
            {**part, "change": {"actions": list(actions), "after_unknown": one[2]}} for part, one in zip(parts, changes, strict=True)
        ],
        "configuration": {
            "root_module": {
                "resources": [{**part, "expressions": one[3]} for part, one in zip(parts, changes, strict=True) if one[3] is not None]
            }
        },
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    return read_plan(folder / "plan.json")


def verdict(graph: Graph, rule_id: str) -> Verdict:
    subject = rule(rule_id)
    context = Context(graph, Scope(accounts=("123456789012",)))
    return worst_outcome(subject.evaluate(one, context) for one in graph.of_type(*subject.types)).verdict


def bucket(values: dict[str, Any] | None = None, hidden: dict[str, Any] | None = None, **expressions: Any) -> Changes:
    blocked = {**dict.fromkeys(BLOCKED, True), "bucket": "acme-uploads"}
    return [
        ("aws_s3_bucket.b", {"bucket": "acme-uploads", **(values or {})}, hidden or {}, {"bucket": NAME, **expressions}),
        ("aws_s3_bucket_public_access_block.b", blocked, {}, {"bucket": OF_BUCKET}),
    ]


def setting(kind: str, **values: Any) -> Changes:
    return [
        (f"{kind}.b", {"bucket": "acme-uploads", **values}, {}, {"bucket": OF_BUCKET, **{name: {"constant_value": 1} for name in values}})
    ]


VERSIONED = setting("aws_s3_bucket_versioning", versioning_configuration=[{"status": "Enabled"}])


def test_a_new_bucket_has_what_is_configured(tmp_path: Path):
    """All that AWS fills in is "known after apply": every bucket and its policy, of which there was none, could not be read."""
    graph = planned(tmp_path, bucket(hidden=dict.fromkeys(NEW, True)))
    assert verdict(graph, "media-bucket-hardened") is Verdict.FAIL
    assert verdict(graph, "media-access-logged") is Verdict.FAIL
    assert verdict(graph, "s3-put-object-gated") is Verdict.NOT_APPLICABLE
    assert verdict(graph, "quarantine-not-served") is Verdict.PASS
    assert [one.type for one in graph] == ["AWS::S3::Bucket"]


@pytest.mark.parametrize(
    ("before", "after", "hardened", "gated"),
    [
        (TLS, OPEN, Verdict.FAIL, Verdict.FAIL),
        (OPEN, TLS, Verdict.PASS, Verdict.PASS),
        (TLS, None, Verdict.FAIL, Verdict.NOT_APPLICABLE),
    ],
)
def test_the_policy_that_a_plan_replaces_counts_no_more(tmp_path: Path, before: str, after: str | None, hardened: Verdict, gated: Verdict):
    """The bucket itself still has the old one: a plan that takes the refusal of plain HTTP away passed as refusing it."""
    policy = setting("aws_s3_bucket_policy", policy=after) if after is not None else []
    graph = planned(tmp_path, [*bucket({**LIVE, "policy": before}), *VERSIONED, *policy])
    assert verdict(graph, "media-bucket-hardened") is hardened
    assert verdict(graph, "s3-put-object-gated") is gated
    assert graph.problems == []


def test_a_configured_policy_of_the_bucket_itself_counts(tmp_path: Path):
    """As an attribute it stands in the configuration."""
    graph = planned(tmp_path, bucket({**LIVE, "policy": OPEN}, policy={"constant_value": OPEN}))
    assert verdict(graph, "s3-put-object-gated") is Verdict.FAIL


@pytest.mark.parametrize(
    ("enabled", "more", "expected"),
    [(True, [], Verdict.UNKNOWN), (False, [], Verdict.FAIL), (True, VERSIONED, Verdict.PASS), (False, VERSIONED, Verdict.PASS)],
)
def test_versions_that_nothing_here_configures_are_a_question(tmp_path: Path, enabled: bool, more: Changes, expected: Verdict):
    """The plan may be about to give them up, or a ``dynamic`` block, which stands in no expression, keeps them: it passed."""
    values = {**LIVE, "versioning": [{"enabled": enabled, "mfa_delete": False}]}
    graph = planned(tmp_path, [*bucket(values), *more, *setting("aws_s3_bucket_policy", policy=TLS)])
    assert verdict(graph, "media-bucket-hardened") is expected


@pytest.mark.parametrize("actions", [("create",), ("delete", "create"), ("create", "delete")])
def test_versions_of_a_new_bucket_are_those_of_a_dynamic_block(tmp_path: Path, actions: tuple[str, ...]):
    """Nothing stood there before, and what AWS fills in would be "known after apply": it was a question all the same."""
    hidden = {**dict.fromkeys(NEW, True), "versioning": [{}]}
    values = bucket({"versioning": [{"enabled": True, "mfa_delete": False}]}, hidden)
    graph = planned(tmp_path, [*values, *setting("aws_s3_bucket_policy", policy=TLS)], actions)
    assert verdict(graph, "media-bucket-hardened") is Verdict.PASS


@pytest.mark.parametrize("actions", [("create",), ("update",), ("no-op",)])
@pytest.mark.parametrize(("acl", "expected"), [(None, Verdict.FAIL), ("private", Verdict.PASS)])
def test_grants_of_a_dynamic_block_count(tmp_path: Path, actions: tuple[str, ...], acl: str | None, expected: Verdict):
    """They stand in no expression: a bucket that such a block let anyone write to was one without grants. Those of an ACL take their place."""
    anyone = [{"id": "", "type": "Group", "uri": "http://acs.amazonaws.com/groups/global/AllUsers", "permissions": ["WRITE"]}]
    graph = planned(tmp_path, [*bucket({"grant": anyone})[:1], *(setting("aws_s3_bucket_acl", acl=acl) if acl else [])], actions)
    assert verdict(graph, "s3-put-object-gated") is expected


ROLE = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


def test_policies_of_a_new_role_are_those_that_are_configured(tmp_path: Path):
    """Its attachments are "known after apply": of every new role something could not be read."""
    graph = planned(
        tmp_path,
        [
            (
                "aws_iam_role.r",
                {"name": "r", "assume_role_policy": ROLE},
                {"inline_policy": True, "managed_policy_arns": True},
                {"name": {"constant_value": "r"}, "assume_role_policy": {}},
            ),
            (
                "aws_iam_role_policy_attachment.r",
                {"role": "r", "policy_arn": "arn:aws:iam::aws:policy/AmazonRekognitionReadOnlyAccess"},
                {},
                {"role": {"references": ["aws_iam_role.r.name", "aws_iam_role.r"]}, "policy_arn": {}},
            ),
        ],
    )
    role = graph.get("aws_iam_role.r")
    assert role is not None
    assert role.get("ManagedPolicyArns") == ["arn:aws:iam::aws:policy/AmazonRekognitionReadOnlyAccess"]
    assert role.get("Policies") is None


@pytest.mark.parametrize(("hidden", "expected"), [({"cost_filter": True, "cost_types": True}, Verdict.PASS), ({}, Verdict.PASS)])
def test_a_new_budget_without_filters_is_one_of_everything(tmp_path: Path, hidden: dict[str, Any], expected: Verdict):
    """Of which services it is was "known after apply"."""
    heard = {"subscriber_email_addresses": ["who-pays@acme.example"], "threshold": 80}
    budget = {"name": "all", "budget_type": "COST", "notification": [heard]}
    graph = planned(
        tmp_path,
        [
            ("aws_budgets_budget.b", budget, hidden, {"name": {}, "budget_type": {}, "notification": [{}]}),
            ("aws_sagemaker_endpoint.e", {"name": "detector", "endpoint_config_name": "c"}, {}, {"name": {}}),
        ],
    )
    assert verdict(graph, "inference-cost-watched") is expected


def test_a_plan_without_configuration_is_taken_as_it_is(tmp_path: Path):
    """What is configured can't be told then."""
    graph = planned(tmp_path, [("aws_s3_bucket.b", {"bucket": "acme-uploads", **LIVE, "policy": OPEN}, {}, None)])
    assert verdict(graph, "s3-put-object-gated") is Verdict.FAIL
