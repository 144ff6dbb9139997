"""Links inside a plan's lists, maps, sets of blocks and deferred statements: what stands there is missing until apply, and the configuration names it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from averment.policies.graph.model import Graph, Reference, Unknown
from averment.policies.surfaces.plan import read_plan


def names(*attributes: str) -> dict[str, Any]:
    """An expression that mentions ``attributes``, as a plan lists them."""
    return {"references": [name for attribute in attributes for name in (attribute, attribute.rpartition(".")[0])]}


def graph_of(folder: Path, changes: list[tuple[str, Any, Any, Any]]) -> Graph:
    """The graph of a plan of resources and data sources: address, values, what is hidden, expressions."""
    resources, changed, configured = [], [], []
    for address, values, hidden, expressions in changes:
        mode, kind = ("data", address.split(".")[1]) if address.startswith("data.") else ("managed", address.split(".")[0])
        if mode == "managed":
            resources.append({"address": address, "mode": mode, "type": kind, "name": "x", "values": values})
        changed.append({"address": address, "mode": mode, "type": kind, "change": {"after": values, "after_unknown": hidden}})
        configured.append({"address": address, "expressions": expressions})
    plan = {
        "format_version": "1.2",
        "planned_values": {"root_module": {"resources": resources}},
        "resource_changes": changed,
        "configuration": {"root_module": {"resources": configured}},
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    return read_plan(folder / "plan.json")


TOPICS: list[tuple[str, Any, Any, Any]] = [("aws_sns_topic.a", {}, {"arn": True}, {}), ("aws_sns_topic.b", {}, {"arn": True}, {})]
A, B = Reference("aws_sns_topic.a", "Arn"), Reference("aws_sns_topic.b", "Arn")


@pytest.mark.parametrize(
    ("value", "hidden", "expression", "expected"),
    [
        ([None], [True], names("aws_sns_topic.a.arn"), [A]),
        ([None, None], [True, True], names("aws_sns_topic.a.arn", "aws_sns_topic.b.arn"), [A, B]),
        (["arn:aws:sns:eu-west-1:123456789012:old", None], [False, True], names("aws_sns_topic.b.arn"), ["old", B]),
        ([None], [True], names("aws_sns_topic.a.arn", "aws_sns_topic.b.arn"), [None]),
        ([None], [True], names("aws_sns_topic.a.arn", "local.topic.arn"), [None]),
    ],
)
def test_what_a_list_names_is_linked_where_no_doubt_is_left(tmp_path: Path, value: Any, hidden: Any, expression: Any, expected: list[Any]):
    """An alarm's topics: whether somebody hears of it couldn't be told before the first apply."""
    alarm = ("aws_cloudwatch_metric_alarm.x", {"alarm_actions": value}, {"alarm_actions": hidden}, {"alarm_actions": expression})
    found = graph_of(tmp_path, [*TOPICS, alarm]).get("aws_cloudwatch_metric_alarm.x")
    assert found is not None
    actions = found.get("AlarmActions")
    assert len(actions) == len(expected)
    for action, one in zip(actions, expected, strict=True):
        assert action == one or (one is None and isinstance(action, Unknown)) or str(action).endswith(":old")


@pytest.mark.parametrize(("keys", "linked"), [(["unauthenticated"], True), (["authenticated", "unauthenticated"], False)])
def test_a_map_names_what_it_gives_to_one_key_alone(tmp_path: Path, keys: list[str], linked: bool):
    """The names of two come in the order of the file, their keys in that of the alphabet: which is whose can't be told."""
    roles = [(f"aws_iam_role.{key}", {"name": key}, {"arn": True}, {}) for key in keys]
    given = names(*(f"aws_iam_role.{key}.arn" for key in reversed(keys)))
    hidden = {"roles": dict.fromkeys(keys, True)}
    attachment = ("aws_cognito_identity_pool_roles_attachment.x", {"roles": {}} if linked else {}, hidden, {"roles": given})
    found = graph_of(tmp_path, [*roles, attachment]).get("aws_cognito_identity_pool_roles_attachment.x")
    assert found is not None
    role = found.get("Roles", "unauthenticated")
    assert role == Reference("aws_iam_role.unauthenticated", "Arn") if linked else isinstance(role, Unknown)


def test_what_a_map_gives_and_exists_already_is_linked(tmp_path: Path):
    """A role that guests take was an ARN as any other in the plan of what exists, and what it lets them do passed."""
    arn = "arn:aws:iam::123456789012:role/guest"
    role = ("aws_iam_role.guest", {"name": "guest", "arn": arn}, {}, {})
    attachment = (
        "aws_cognito_identity_pool_roles_attachment.x",
        {"roles": {"unauthenticated": arn, "authenticated": f"{arn}-not"}},
        {},
        {"roles": names("aws_iam_role.guest.arn")},
    )
    found = graph_of(tmp_path, [role, attachment]).get("aws_cognito_identity_pool_roles_attachment.x")
    assert found is not None
    assert found.get("Roles") == {"unauthenticated": Reference("aws_iam_role.guest", "Arn"), "authenticated": f"{arn}-not"}


@pytest.mark.parametrize(("named", "linked"), [({"constant_value": "%s"}, True), ({"references": ["local.%s"]}, False)])
def test_blocks_of_a_set_are_known_by_what_they_say(tmp_path: Path, named: dict[str, Any], linked: bool):
    """A distribution's origins stand in a plan in another order than in its configuration: one had the other's bucket."""
    buckets = [
        (f"aws_s3_bucket.{name}", {"bucket": f"acme-{name}"}, {"bucket_regional_domain_name": True}, {}) for name in ("site", "media")
    ]
    written = [
        {
            "origin_id": json.loads(json.dumps(named) % name),
            "domain_name": names(f"aws_s3_bucket.{name}.bucket_regional_domain_name"),
        }
        for name in ("site", "media")
    ]
    planned = {"origin": [{"origin_id": "media"}, {"origin_id": "site"}]}
    hidden = {"origin": [{"domain_name": True}, {"domain_name": True}]}
    found = graph_of(tmp_path, [*buckets, ("aws_cloudfront_distribution.x", planned, hidden, {"origin": written})])
    distribution = found.get("aws_cloudfront_distribution.x")
    assert distribution is not None
    for index, name in enumerate(("media", "site")):
        domain = distribution.get("DistributionConfig", "Origins", index, "DomainName")
        assert domain == Reference(f"aws_s3_bucket.{name}", "RegionalDomainName") if linked else isinstance(domain, Unknown)


def test_blocks_beside_dynamic_ones_have_no_expression_of_another(tmp_path: Path):
    """``dynamic`` blocks stand in no configuration of a plan, and come first or last: the one that is written out isn't known to be which."""
    origin = {"domain_name": names("aws_s3_bucket.site.bucket_regional_domain_name"), "origin_id": {"references": ["local.id"]}}
    bucket: tuple[str, Any, Any, Any] = ("aws_s3_bucket.site", {"bucket": "acme-site"}, {"bucket_regional_domain_name": True}, {})
    planned, hidden = {"origin": [{"origin_id": "a"}, {"origin_id": "b"}]}, {"origin": [{"domain_name": True}, {"domain_name": True}]}
    found = graph_of(tmp_path, [bucket, ("aws_cloudfront_distribution.x", planned, hidden, {"origin": [origin]})])
    distribution = found.get("aws_cloudfront_distribution.x")
    assert distribution is not None
    assert isinstance(distribution.get("DistributionConfig", "Origins", 0, "DomainName"), Unknown)


@pytest.mark.parametrize("after", [{"resources": [None]}, {"resources": []}, {}])
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_what_a_deferred_statement_allows_it_allows_there(tmp_path: Path, effect: str, after: dict[str, Any]):
    """On a new bucket's ARN, whatever follows it; a Deny may leave out a part. APIs behind which such a role wrote weren't asked at all."""
    document = "data.aws_iam_policy_document.d"
    statement = {"effect": effect, "actions": ["s3:PutObject"], **after}
    graph = graph_of(
        tmp_path,
        [
            ("aws_s3_bucket.b", {"bucket": "acme-uploads"}, {"arn": True}, {}),
            (
                document,
                {"statement": [statement]},
                {"statement": [{"resources": [True]}]},
                {"statement": [{"resources": names("aws_s3_bucket.b.arn")}]},
            ),
            ("aws_iam_policy.p", {}, {"policy": True}, {"policy": names(f"{document}.json")}),
        ],
    )
    policy = graph.get("aws_iam_policy.p")
    assert policy is not None
    (resource,) = policy.get("PolicyDocument", "Statement", 0, "Resource")
    assert resource == Reference("aws_s3_bucket.b", "Arn", "/*") if effect == "Allow" else isinstance(resource, Unknown)


def test_blocks_without_number_are_not_told_apart(tmp_path: Path):
    """Each was compared with each expression, and what that leads to was looked up anew each time: thousands of them kept the check busy."""
    kind, many = "aws_cloudfront_distribution", range(2_500)
    one = {"address": f"{kind}.d", "mode": "managed", "type": kind, "name": "d"}
    names = [{"origin_id": {}, "domain_name": {"references": [f"aws_s3_bucket.b{index}.bucket_regional_domain_name"]}} for index in many]
    plan = {
        "format_version": "1.2",
        "planned_values": {"root_module": {"resources": [{**one, "values": {"origin": [{"origin_id": f"o{index}"} for index in many]}}]}},
        "resource_changes": [{**one, "change": {"after_unknown": {"origin": [{"domain_name": True} for _ in many]}}}],
        "configuration": {"root_module": {"resources": [{**one, "expressions": {"origin": names}}]}},
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    began = time.monotonic()
    found = read_plan(tmp_path / "plan.json").get(f"{kind}.d")
    assert time.monotonic() - began < 10
    assert found is not None
    assert isinstance(found.get("DistributionConfig", "Origins", 0, "DomainName"), Unknown)
