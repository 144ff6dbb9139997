"""Plans in Terraform's JSON output format become graphs; what is known only after apply is a link or unknown."""

from __future__ import annotations

import json
import time
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


OWN = {"effect": "Allow", "actions": ["s3:ListBucket"], "principals": [{"type": "AWS", "identifiers": ["arn:aws:iam::123456789012:root"]}]}
OPEN_TO_ALL = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "*"}]})
OF_DOCUMENT = {"policy": {"references": ["data.aws_iam_policy_document.d.json", "data.aws_iam_policy_document.d"]}}


def deferred(name: str, statement: dict[str, Any], hidden: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A data source that is read during apply, as ``resource_changes`` has it."""
    return {
        "address": f"data.aws_iam_policy_document.{name}",
        "mode": "data",
        "type": "aws_iam_policy_document",
        "change": {"after": {"statement": [statement], **more}, "after_unknown": {"statement": [{"resources": True}], **(hidden or {})}},
    }


def of_policy(folder: Path, changes: list[Any], references: list[str], configured: list[Any] = ()) -> Any:  # type: ignore[assignment]
    policy = {"address": "aws_iam_policy.p", "mode": "managed", "change": {"after_unknown": {"policy": True}}}
    told = {"address": "aws_iam_policy.p", "expressions": {"policy": {"references": references}}}
    graph = graph_of(folder, [resource("aws_iam_policy.p")], changes=[*changes, policy], configured=[told, *configured])
    found = graph.get("aws_iam_policy.p")
    assert found is not None
    return found.get("PolicyDocument")


@pytest.mark.parametrize("name", ["source_json", "source_policy_documents", "override_json", "override_policy_documents"])
def test_what_a_deferred_document_takes_in_is_part_of_it(tmp_path: Path, name: str):
    """Only its own statements were: a bucket open to anyone by ``source_policy_documents`` passed, and so did one of which that isn't known."""
    names = OF_DOCUMENT["policy"]["references"]
    several = name.endswith("documents")
    document = of_policy(tmp_path, [deferred("d", OWN, **{name: [OPEN_TO_ALL] if several else OPEN_TO_ALL})], names)
    assert "s3:PutObject" in [statement["Action"] for statement in document["Statement"]]
    for hidden in ({name: True}, {name: [True]} if several else {name: True}):
        document = of_policy(tmp_path, [deferred("d", OWN, hidden, **({name: [None]} if isinstance(hidden[name], list) else {}))], names)
        assert any(isinstance(statement, Unknown) for statement in document["Statement"])


def test_a_deferred_document_of_deferred_documents_is_rebuilt(tmp_path: Path):
    """Where as many are missing as are named, they are those."""
    names = ["data.aws_iam_policy_document.base.json", "data.aws_iam_policy_document.base"]
    base = deferred("base", {"effect": "Allow", "actions": ["s3:PutObject"], "principals": [{"type": "*", "identifiers": ["*"]}]})
    d = deferred("d", OWN, {"source_policy_documents": [True]}, source_policy_documents=[None])
    told = {"address": "data.aws_iam_policy_document.d", "expressions": {"source_policy_documents": {"references": names}}}
    document = of_policy(tmp_path, [base, d], OF_DOCUMENT["policy"]["references"], [told])
    assert [statement["Action"] for statement in document["Statement"]] == [["s3:PutObject"], ["s3:ListBucket"]]


@pytest.mark.parametrize("other", ["data.aws_iam_policy_document.e.json", "local.own", "aws_s3_bucket.b.arn"])
def test_a_document_that_is_one_of_several_is_not_the_first(tmp_path: Path, other: str):
    """``var.open ? data...e.json : data...d.json``: the first that was named was taken for it."""
    changes = [deferred("d", OWN), deferred("e", OWN)]
    assert isinstance(of_policy(tmp_path, changes, [*OF_DOCUMENT["policy"]["references"], other]), Unknown)


def versioned(folder: Path, *, setting: str, bucket: str, root: dict[str, Any], keys: list[str]) -> list[Any]:
    """The versioning that a plan gives to its buckets, by the expressions that its configuration ``root`` has."""
    addresses = [(bucket.replace("KEY", key), setting.replace("KEY", key)) for key in keys]
    plan = {
        "format_version": "1.2",
        "planned_values": {
            "root_module": {
                "resources": [
                    {"address": address, "mode": "managed", "type": kind, "name": "x", "values": values}
                    for one, other in addresses
                    for address, kind, values in (
                        (one, "aws_s3_bucket", {"bucket": f"acme-{one[-6:]}"}),
                        (other, "aws_s3_bucket_versioning", {"versioning_configuration": [{"status": "Enabled"}]}),
                    )
                ]
            }
        },
        "resource_changes": [
            {"address": other, "mode": "managed", "change": {"after_unknown": {"bucket": True}}} for _, other in addresses
        ],
        "configuration": {"root_module": root},
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    graph = read_plan(folder / "plan.json")
    return [item.get("VersioningConfiguration", "Status") if (item := graph.get(one)) else None for one, _ in addresses]


def told(address: str, *names: str, **more: Any) -> dict[str, Any]:
    return {"address": address, "expressions": {"bucket": {"references": list(names)}}, **more}


V = "aws_s3_bucket_versioning.v"
MADE = {
    "resources": [{"address": "aws_s3_bucket.b"}],
    "outputs": {"id": {"expression": {"references": ["aws_s3_bucket.b.id", "aws_s3_bucket.b"]}}},
}
OVER = {"for_each_expression": {"references": ["aws_s3_bucket.b"]}}
TAKES = {"resources": [told(V, "var.bucket")], "variables": {"bucket": {}}}


def calls(**modules: Any) -> dict[str, Any]:
    return {name: {"expressions": {}, **call} for name, call in modules.items()}


@pytest.mark.parametrize(
    ("setting", "bucket", "root", "keys"),
    [
        (
            "aws_s3_bucket_versioning.v[KEY]",
            "aws_s3_bucket.b[KEY]",
            {"resources": [told(V, "aws_s3_bucket.b", "each.key")]},
            ['"a"', '"b"'],
        ),
        ("aws_s3_bucket_versioning.v[KEY]", "aws_s3_bucket.b[KEY]", {"resources": [told(V, "aws_s3_bucket.b", "count.index")]}, ["0", "1"]),
        (
            "aws_s3_bucket_versioning.v[KEY]",
            "aws_s3_bucket.b[KEY]",
            {"resources": [told(V, "each.value.id", "each.value", **OVER)]},
            ['"a.b"'],
        ),
        (
            V,
            "module.m.aws_s3_bucket.b",
            {"resources": [told(V, "module.m.id", "module.m")], "module_calls": calls(m={"module": MADE})},
            [""],
        ),
        (
            "aws_s3_bucket_versioning.v[KEY]",
            "module.m[KEY].aws_s3_bucket.b",
            {
                "resources": [told("aws_s3_bucket_versioning.v", 'module.m["a"].id', 'module.m["a"]', "module.m")],
                "module_calls": calls(m={"module": MADE, "for_each_expression": {}}),
            },
            ['"a"'],
        ),
        (
            "module.v.aws_s3_bucket_versioning.v",
            "module.m.aws_s3_bucket.b",
            {
                "module_calls": calls(
                    m={"module": MADE}, v={"module": TAKES, "expressions": {"bucket": {"references": ["module.m.id", "module.m"]}}}
                )
            },
            [""],
        ),
        (
            "module.v[KEY].aws_s3_bucket_versioning.v",
            "aws_s3_bucket.b[KEY]",
            {
                "module_calls": calls(
                    v={"module": TAKES, "expressions": {"bucket": {"references": ["each.value.id", "each.value"]}}, **OVER},
                )
            },
            ['"a"'],
        ),
    ],
)
def test_links_lead_through_modules_and_keys(tmp_path: Path, setting: str, bucket: str, root: dict[str, Any], keys: list[str]):
    """As they do in the files: what a plan's modules, ``for_each`` and ``count`` set on buckets was nobody's, and the buckets stayed open."""
    found = versioned(tmp_path, setting=setting, bucket=bucket, root=root, keys=keys)
    assert found == ["Enabled"] * len(keys)


def settled(folder: Path, names: list[str], *, planned: list[str], index: str) -> Any:
    """The public access block that a bucket gets by ``names``, where besides both the policy ``planned`` is planned."""
    named = {"references": ["aws_s3_bucket.b[0].id", "aws_s3_bucket.b[0]", "aws_s3_bucket.b"]}
    graph = graph_of(
        folder,
        [
            resource(f"aws_s3_bucket.b{index}", bucket="uploads"),
            resource("aws_s3_bucket_public_access_block.p", block_public_acls=True),
            *(resource(address, policy="{}") for address in planned),
        ],
        changes=[
            {"address": address, "mode": "managed", "change": {"after_unknown": {"bucket": True}}}
            for address in ("aws_s3_bucket_public_access_block.p", *planned)
        ],
        configured=[
            {"address": "aws_s3_bucket.b", "expressions": {}},
            {"address": "aws_s3_bucket_policy.p", "expressions": {"bucket": named}},
            {"address": "aws_s3_bucket_public_access_block.p", "expressions": {"bucket": {"references": names}}},
        ],
    )
    bucket = graph.get(f"aws_s3_bucket.b{index}")
    assert bucket is not None
    return bucket.get("PublicAccessBlockConfiguration", "BlockPublicAcls")


EITHER = ["local.policy", "aws_s3_bucket_policy.p[0].id", "aws_s3_bucket_policy.p[0]", "aws_s3_bucket.b[0].id", "aws_s3_bucket.b[0]"]


@pytest.mark.parametrize("planned", [[], ["aws_s3_bucket_policy.p[0]"]])
def test_a_setting_that_waits_for_the_policy_is_the_buckets(tmp_path: Path, planned: list[str]):
    """``var.policy ? aws_s3_bucket_policy.p[0].id : aws_s3_bucket.b[0].id``, as the most called module has it, was nobody's."""
    assert settled(tmp_path, EITHER, planned=planned, index="[0]") is True


@pytest.mark.parametrize("index", ["", "[0]", '["only"]'])
def test_the_only_instance_is_meant_by_its_resource(tmp_path: Path, index: str):
    """``one(aws_s3_bucket.b[*].id)`` and ``values(aws_s3_bucket.b)[0].id`` name the resource alone in a plan."""
    assert settled(tmp_path, ["aws_s3_bucket.b"], planned=[], index=index) is True


def test_blocks_that_are_none_are_not_resolved(tmp_path: Path):
    """A plan that somebody wrote by hand: the check broke off with a flaw of its own."""
    rule = {"status": "Enabled", "filter": [{"tag": ["mine"]}], "expiration": "soon"}
    graph = graph_of(tmp_path, [resource("aws_s3_bucket.b", bucket="uploads", lifecycle_rule=[rule, "all"], logging=["x"])])
    bucket = graph.get("aws_s3_bucket.b")
    assert bucket is not None
    assert isinstance(bucket.get("LifecycleConfiguration", "Rules", 0, "TagFilters", 0), Unknown)
    assert isinstance(bucket.get("LifecycleConfiguration", "Rules", 1), Unknown)
    assert isinstance(bucket.get("LoggingConfiguration"), Unknown)


@pytest.mark.parametrize(
    "names",
    [
        ["aws_s3_bucket.b"],
        ["aws_s3_bucket.b", "each.value"],
        ["aws_s3_bucket.b", "each.key", "local.of"],
        ['aws_s3_bucket.b["c"].id', 'aws_s3_bucket.b["c"]', "aws_s3_bucket.b"],
    ],
)
def test_a_link_under_another_key_is_nobodys(tmp_path: Path, names: list[str]):
    """Which of them is meant hangs on more than the instance's own key."""
    root = {"resources": [told(V, *names)]}
    found = versioned(tmp_path, setting="aws_s3_bucket_versioning.v[KEY]", bucket="aws_s3_bucket.b[KEY]", root=root, keys=['"a"', '"b"'])
    assert found == [None, None]


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


def test_ways_that_multiply_are_not_all_gone(tmp_path: Path):
    """Each module hands ten names on ten times: a hundred thousand million ways, and documents that take each other in."""
    names = [f"var.v{index}" for index in range(10)]
    module: dict[str, Any] = {"resources": [{"address": "aws_s3_bucket_versioning.v", "expressions": {"bucket": {"references": names}}}]}
    for _ in range(12):
        handed = {f"v{index}": {"references": names} for index in range(10)}
        module = {"module_calls": {"m": {"module": module, "expressions": handed}}}
    setting = "module.m." * 12 + "aws_s3_bucket_versioning.v"
    documents = [f"data.aws_iam_policy_document.d{index}" for index in range(30)]
    changes = [
        {
            "address": address,
            "mode": "data",
            "type": "aws_iam_policy_document",
            "change": {"after": {}, "after_unknown": {"source_policy_documents": [True] * len(documents)}},
        }
        for address in documents
    ]
    module["resources"] = [
        {"address": "aws_iam_policy.p", "expressions": {"policy": {"references": [f"{documents[0]}.json"]}}},
        *(
            {"address": one, "expressions": {"source_policy_documents": {"references": [f"{address}.json" for address in documents]}}}
            for one in documents
        ),
    ]
    plan = {
        "format_version": "1.2",
        "planned_values": {
            "root_module": {
                "resources": [
                    {"address": address, "mode": "managed", "type": address.split(".")[-2], "values": {}}
                    for address in (setting, "aws_iam_policy.p")
                ]
            }
        },
        "resource_changes": [
            {"address": setting, "change": {"after_unknown": {"bucket": True}}},
            {"address": "aws_iam_policy.p", "change": {"after_unknown": {"policy": True}}},
            *changes,
        ],
        "configuration": {"root_module": module},
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    started = time.monotonic()
    graph = read_plan(tmp_path / "plan.json")
    assert time.monotonic() - started < 10
    assert graph.get("aws_iam_policy.p") is not None


@pytest.mark.parametrize(
    ("values", "hidden", "written", "provider", "region"),
    [
        ({"region": "us-east-1"}, {}, {}, {"constant_value": "eu-west-1"}, "us-east-1"),
        ({}, {}, {}, {"constant_value": "eu-west-1"}, "eu-west-1"),
        ({}, {}, {}, {"references": ["var.region"]}, "eu-north-1"),
        ({}, {"region": True}, {}, {"constant_value": "eu-west-1"}, "eu-west-1"),
        ({}, {"region": True}, {"region": {"references": ["data.aws_region.x.region"]}}, {"constant_value": "eu-west-1"}, ""),
        ({}, {}, {}, {"references": ["local.region"]}, ""),
        ({}, {}, {}, {}, "${AWS::Region}"),
    ],
)
def test_a_plan_says_for_which_region_a_resource_is(
    tmp_path: Path, values: dict[str, Any], hidden: dict[str, Any], written: dict[str, Any], provider: dict[str, Any], region: str
):
    """By its own argument, which every resource has since AWS's provider 6.0, or by its provider's."""
    path = tmp_path / "plan.json"
    here = {"address": "aws_s3_bucket.b", "mode": "managed", "type": "aws_s3_bucket", "name": "b"}
    configured = {**here, "provider_config_key": "aws.x", "expressions": written}
    plan = {
        "format_version": "1.2",
        "variables": {"region": {"value": "eu-north-1"}},
        "planned_values": {"root_module": {"resources": [{**here, "values": {"bucket": "uploads", **values}}]}},
        "resource_changes": [{**here, "change": {"actions": ["create"], "after_unknown": hidden}}],
        "configuration": {
            "provider_config": {"aws.x": {"name": "aws", "alias": "x", "expressions": {"region": provider} if provider else {}}},
            "root_module": {"resources": [configured]},
        },
    }
    path.write_text(json.dumps(plan))
    (bucket,) = read_plan(path)
    assert bucket.region == region


@pytest.mark.parametrize(
    ("regions", "provider", "region"),
    [
        (["eu-west-1"], {"name": "aws"}, "eu-west-1"),  # from the environment
        (["eu-west-1"], {"expressions": {"region": {"references": ["local.region"]}}}, "eu-west-1"),
        ([], {"expressions": {"region": {"references": ["var.zone"]}}}, ""),  # substr(var.zone, 0, 9)
        ([], {"module_address": "module.m"}, ""),  # before Terraform 1.1, also of one that it is handed
        ([], {"module_address": "module.m", "expressions": {"region": {"references": ["var.region"]}}}, ""),
        (["eu-west-1", "us-east-1"], {"expressions": {"region": {"references": ["each.value"]}}}, ""),
        ([], {"name": "aws"}, "${AWS::Region}"),
        ([], None, ""),
    ],
)
def test_a_bucket_tells_the_region_of_its_provider(tmp_path: Path, regions: list[str], provider: dict[str, Any] | None, region: str):
    """Before AWS's provider 6.0 it alone says where it is: a rule beside it was a question, wherever the region comes from the environment."""
    path = tmp_path / "plan.json"
    values = {f"aws_s3_bucket.b{index}": {"bucket": "uploads", "region": at} for index, at in enumerate(regions)}
    values["aws_sqs_queue.q"] = {"name": "q"}
    heads = [{"address": name, "mode": "managed", "type": name.split(".")[0], "name": name.split(".")[1]} for name in values]
    plan = {
        "format_version": "1.2",
        "variables": {"region": {"value": "eu-north-1"}, "zone": {"value": "eu-west-1a"}},
        "planned_values": {"root_module": {"resources": [{**head, "values": values[head["address"]]} for head in heads]}},
        "configuration": {
            "provider_config": {"aws": provider} if provider is not None else {},
            "root_module": {"resources": [{**head, "provider_config_key": "aws", "expressions": {}} for head in heads]},
        },
    }
    path.write_text(json.dumps(plan))
    queue = read_plan(path).get("aws_sqs_queue.q")
    assert queue is not None
    assert queue.region == region


@pytest.mark.parametrize("wrong", [5, "x", True, [5], [["x"]], {"x": "y"}], ids=json.dumps)
@pytest.mark.parametrize("at", ["resource_changes", "deferred_changes", "resources", "child_modules", "topic", "recording_group"])
def test_no_value_of_another_type_makes_the_reading_crash(tmp_path: Path, at: str, wrong: Any):
    """A plan is a file like any other, and somebody may have written it by hand."""
    bucket = resource("aws_s3_bucket.b", bucket="b")
    notified = resource("aws_s3_bucket_notification.n", bucket="b", topic=wrong if at == "topic" else [])
    recorder = resource("aws_config_configuration_recorder.r", recording_group=wrong if at == "recording_group" else [])
    planned = {"resources": [bucket, notified, recorder], "child_modules": []}
    plan = {
        "format_version": "1.2",
        "planned_values": {"root_module": {**planned, **({at: wrong} if at in planned else {})}},
        "configuration": {"root_module": {"resources": [{"address": item["address"], "expressions": {}} for item in planned["resources"]]}},
        **({at: wrong} if at.endswith("changes") else {}),
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    graph = read_plan(tmp_path / "plan.json")
    assert at == "resources" or graph.get("aws_s3_bucket.b") is not None
    listed = isinstance(wrong, list) or at in ("topic", "recording_group")
    assert [problem.reason.partition(",")[0] for problem in graph.problems if problem.blocking] == (
        [] if listed else [f"'{at}' is not a list"]
    )
