"""The Guard text of rules on Guard's own command line, 2.1.3 (the major version that AWS Config runs) and 3.1.1.

Both binaries come in versions of the npm package @cdklabs/cdk-validator-cfnguard (Apache-2.0). Origin of the data: the rules' cases, and
values written for these tests.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.core.words import Severity, Verdict
from averment.policies.guard.emit import guard_text, refusal
from averment.policies.interface import Rule
from averment.policies.predicates import language as say
from averment.policies.predicates.evaluate import Stated
from averment.policies.rules.registry import all_rules
from averment.policies.runtime.evaluate import Evaluator
from averment.policies.runtime.neighbours import MemoryNeighbours
from averment.policies.surfaces.cloudformation.template import read_template
from averment.sandbox.deployed.items import Deployment

RULES = Path(__file__).resolve().parents[2] / "policies" / "rules"
CONFIG, MODEL, BUCKET = "AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Model", "AWS::S3::Bucket"
SCOPE = Scope(media=(MediaMatcher(MediaRole.UPLOAD, {"data-class": "ugc*", "it's": 'a "b" \\c'}, ("acme-up[l-o]*", "x/y")),))
PLACES = {
    "2.1.3": {("Linux", "x86_64"): "cfn-guard-2/bin/ubuntu", ("Darwin", "x86_64"): "cfn-guard-2/bin/macos"},
    "3.1.1": {
        (system, machine): f"@cdklabs/cdk-validator-cfnguard/bin/{folder}/{name}"
        for system, folder in (("Linux", "ubuntu"), ("Darwin", "macos"))
        for machine, name in (("x86_64", "x86_64"), ("aarch64", "aarch64"), ("arm64", "aarch64"))
    },
}


@pytest.fixture(scope="module", params=sorted(PLACES))
def engine(request: pytest.FixtureRequest) -> Path:
    place = PLACES[request.param].get((platform.system(), platform.machine()))
    if place is None:
        pytest.skip(f"the package has no Guard {request.param} for {platform.system()} on {platform.machine()}")
    binary = Path(os.environ["AVERMENT_NODE_MODULES"]) / place / "cfn-guard"
    binary.chmod(0o755)
    said = subprocess.run([binary, "--version"], check=True, capture_output=True, text=True).stdout
    assert request.param in said
    return binary


def verdicts(engine: Path, text: str, items: Sequence[Mapping[str, Any]], folder: Path) -> list[str]:
    """The engine's verdict on each item."""
    data = folder / "data"
    data.mkdir(parents=True)
    (folder / "rule.guard").write_text(text, encoding="utf-8")
    for index, item in enumerate(items):
        (data / f"{index:05}.json").write_text(json.dumps(item), encoding="utf-8")
    command = [engine, "validate", "--rules", folder / "rule.guard", "--data", data, "--alphabetical"]
    done = subprocess.run([*command, "--output-format", "json", "--show-summary", "none"], check=False, capture_output=True, text=True)
    assert done.stderr == ""
    found: dict[str, str] = {}
    decoder, rest = json.JSONDecoder(), done.stdout.strip()
    while rest:
        report, end = decoder.raw_decode(rest)
        found[Path(report.get("name") or report["data_from"]).name] = status(report)
        rest = rest[end:].strip()
    assert len(found) == len(items)
    return [found[name] for name in sorted(found)]


def status(report: Mapping[str, Any]) -> str:
    """Guard 3 names it; Guard 2 lists the rules by what became of them."""
    if "status" in report:
        return str(report["status"])
    return "FAIL" if report["not_compliant"] else "PASS" if report["compliant"] else "SKIP"


def rules_own(rule: Rule, items: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]) -> list[str]:
    words = {Verdict.PASS: "PASS", Verdict.FAIL: "FAIL"}
    return [words.get(Evaluator(rule, MemoryNeighbours([]), SCOPE, parameters).one(item).verdict, "SKIP") for item in items]


def made_up(kind: str, holds: say.Condition, asks: say.Condition = say.ALWAYS) -> Rule:
    evaluate = Stated((say.Predicate(kind, ((say.Demand(holds, "it doesn't hold", "not resolved"),),), asks),))
    return Rule("made-up", "Made up", Severity.LOW, (kind,), evaluate, "-")


def item_of(kind: str, configuration: Any, **more: Any) -> dict[str, Any]:
    base = {"resourceType": kind, "resourceId": "i-1", "resourceName": "i-1", "arn": "arn:aws:x:::i-1", "accountId": "123456789012"}
    return {**base, "configurationItemStatus": "OK", "configuration": configuration, **more}


@pytest.mark.parametrize("rule", [rule for rule in all_rules() if refusal(rule, SCOPE) is None], ids=lambda rule: rule.id)
@pytest.mark.parametrize("parameters", [{}, {"detector_endpoints": ["detector*", "vision-?"]}], ids=["all", "named"])
def test_the_engine_agrees_with_the_rule_on_every_case(engine: Path, rule: Rule, parameters: dict[str, Any], tmp_path: Path):
    """Each item that any case of any rule deploys, and what becomes of it when it is deleted or not recorded."""
    templates = [path for path in sorted(RULES.glob("*/cases/*/template.yaml")) if path.parent.suffix != ".unknown"]
    items = [item for template in templates for item in Deployment(read_template(template)).items()]
    own = [item for item in items if item["resourceType"] in rule.types]
    items += [{**item, "configurationItemStatus": gone} for item in own for gone in ("ResourceDeleted", "ResourceNotRecorded")]
    items += [{**item, "configuration": nothing} for item in own for nothing in ({}, None)]
    found = verdicts(engine, guard_text(rule, SCOPE, parameters).text, items, tmp_path)
    assert found == rules_own(rule, items, parameters)
    assert {"PASS", "FAIL", "SKIP"} == set(found) or parameters


VALUES: tuple[Any, ...] = (
    *(True, False, 0, 1, "", "a", "true", "0", "null", 'it\'s a \\ / "x"', "ml.g5/1", "b\na"),
    *(None, [], ["a"], [True], [[]], {}, {"a": 1}),
)
NAME, FLAG, LIST, KEYED = ("ModelName",), ("EnableNetworkIsolation",), ("ProductionVariants",), ("InstanceType",)
CONDITIONS: tuple[say.Condition, ...] = (
    say.Is(FLAG, True),
    say.Is(FLAG, 0),
    say.Is(FLAG, "a"),
    say.Is(FLAG, 'it\'s a \\ / "x"'),
    say.Matches(FLAG, r"^ml\.[a-z/]+\d/1$"),
    say.Matches(FLAG, "a$"),
    say.Text(FLAG),
    say.Block(FLAG),
    say.AnyOf((say.Is(FLAG, True), say.Is(FLAG, "a"), say.Block(FLAG))),
    say.All((say.Not(say.Is(FLAG, False)), say.Not(say.Text(FLAG)))),
    say.AnyOf((say.Not(say.Text(FLAG)), say.Is(FLAG, "a"))),
    say.Not(say.All()),
)


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
@pytest.mark.parametrize("negated", [False, True], ids=["is", "is-not"])
def test_the_engine_reads_each_condition_as_it_is_meant(engine: Path, condition: say.Condition, negated: bool, tmp_path: Path):
    """On values of every type, and on none at all."""
    rule = made_up(MODEL, say.Not(condition) if negated else condition)
    items = [item_of(MODEL, {"ModelName": "x", **more}) for more in ({}, *({"EnableNetworkIsolation": value} for value in VALUES))]
    found = verdicts(engine, guard_text(rule, SCOPE).text, items, tmp_path)
    assert found == rules_own(rule, items, {})
    assert "SKIP" not in found


@pytest.mark.parametrize("leaf", [say.Is(KEYED, "a"), say.Text(KEYED), say.Block(("ServerlessConfig",)), say.Matches(KEYED, "a")], ids=str)
@pytest.mark.parametrize("kind", [say.Every, say.Some])
@pytest.mark.parametrize("negated", [False, True], ids=["is", "is-not"])
def test_the_engine_reads_lists_as_they_are_meant(engine: Path, leaf: Any, kind: Any, negated: bool, tmp_path: Path):
    """Of none, one and two elements, with and without what is asked about; and what is no list."""
    elements = [{"InstanceType": value} for value in VALUES] + [{"ServerlessConfig": value} for value in VALUES] + [{}, "a", None, []]
    lists = [*VALUES, *([one] for one in elements), *([{"InstanceType": "a"}, one] for one in elements)]
    rule = made_up(CONFIG, say.Not(kind(LIST, (leaf,))) if negated else kind(LIST, (leaf,)))
    items = [item_of(CONFIG, {"EndpointConfigName": "x", **more}) for more in ({}, *({"ProductionVariants": value} for value in lists))]
    assert verdicts(engine, guard_text(rule, SCOPE).text, items, tmp_path) == rules_own(rule, items, {})


def test_the_engine_reads_the_scope_as_it_is_meant(engine: Path, tmp_path: Path):
    """Whom a rule asks: by tags (as a map and as a list) and names of the organisation's media scope, and by a parameter's patterns."""
    tags: list[Any] = [
        {},
        {"data-class": "ugc-1"},
        {"data-class": "x"},
        {"dataClass": "ugc"},
        {"it's": 'a "b" \\c'},
        {"k": "v"},
        {"k": "it"},
    ]
    tags += [[{"key": key, "value": value} for key, value in entry.items()] for entry in tags]
    names = ["acme-upload", "acme-uppity", "ACME-UPLOAD", "x/y", "x", "a\nx/y"]
    suspended = {"BucketVersioningConfiguration": {"status": "Suspended"}}
    buckets = [item_of(BUCKET, {"name": name}, tags=entry, supplementaryConfiguration=suspended) for name in names for entry in tags]
    versioned = say.Is(("VersioningConfiguration", "Status"), "Enabled")
    models = [item_of(MODEL, {"ModelName": name}) for name in names]
    rules = (
        (made_up(BUCKET, versioned, say.HoldsMedia()), buckets, {}),
        (made_up(BUCKET, say.AnyOf((say.Tagged("k"), say.Tagged("it's", "a*"))), say.ALWAYS), buckets, {}),
        (made_up(BUCKET, say.Not(say.Tagged("k", "v?")), say.Tagged("k", "*")), buckets, {}),
        (made_up(MODEL, say.Is(FLAG, True), say.NamedBy(NAME, "ours")), models, {"ours": ["acme-*", "[w-y]/?"]}),
    )
    for index, (rule, items, parameters) in enumerate(rules):
        found = verdicts(engine, guard_text(rule, SCOPE, parameters).text, items, tmp_path / str(index))
        assert found == rules_own(rule, items, parameters), index
        assert len(set(found)) > 1, index
