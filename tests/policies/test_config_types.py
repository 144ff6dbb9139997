"""What the table of recorded types says, held against the rules and against the model of AWS Config's API in botocore."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import botocore.session
import pytest

from averment.core.scope import Scope
from averment.policies.graph.model import Graph
from averment.policies.interface import Context, Kind, Rule
from averment.policies.rules.malware import PLAN
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.config.types import ABOVE_AWS, API, RECORDINGS, Origin, held_in, recording

RULES = Path(__file__).resolve().parents[2] / "policies" / "rules"
INFRASTRUCTURE = [rule for rule in all_rules() if rule.kind is Kind.INFRASTRUCTURE]
SCOPE = Scope(accounts=("123456789012",), organisation_id="o-exampleorg1")
INLINE = frozenset({"AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy"})
NOT_FETCHED = frozenset({PLAN})
"""Types whose absence from the graph proves nothing to the rules that look for them: without one they can't tell."""


def recorded_by_the_api() -> set[str]:
    model = botocore.session.get_session().get_service_model("config")
    return set(model.shape_for("ResourceType").enum)


@pytest.mark.parametrize("rule", INFRASTRUCTURE, ids=lambda rule: rule.id)
def test_every_type_that_a_rule_names_is_in_the_table(rule: Rule):
    """Whether Config records it, and where its facts come from if not, has been found out for each."""
    missing = [name for name in (*rule.types, *rule.looks_up(Scope())) if name not in RECORDINGS]
    assert missing == [], "say in policies/surfaces/config/types.py where each comes from"


def test_what_is_said_to_be_confirmed_by_the_api_is():
    """The enumeration of types in the API's model is the one source that this machine can check."""
    recorded = recorded_by_the_api()
    claimed = {owner for entry in RECORDINGS.values() if API in entry.confirmed for owner in entry.held_in}
    assert claimed <= recorded
    plain = {name for name, entry in RECORDINGS.items() if entry.origin is Origin.SERVICE and not entry.confirmed}
    assert plain & recorded == set()


def test_what_config_lacks_is_said():
    """Each type that isn't simply recorded says why, for the page that shows the table."""
    for name, entry in RECORDINGS.items():
        assert entry.origin is Origin.CONFIG or entry.lacks or entry.origin is Origin.PART, name
        assert entry.held_in, name
        assert entry.origin is not Origin.CONFIG or entry.confirmed, name


def test_types_of_own_rules_count_as_recorded():
    """An organisation's rule may look at any type; Config has it under its own name, if it has it."""
    assert held_in(("AWS::EC2::Instance",)) == ("AWS::EC2::Instance",)
    assert recording("AWS::EC2::Instance").origin is Origin.CONFIG


def test_the_page_shows_the_table():
    """What the documentation says of each type is what the code does."""
    spec = importlib.util.spec_from_file_location("rebuild_config_types", Path(__file__).with_name("rebuild_config_types.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = module.PAGE.read_text(encoding="utf-8")
    assert text == module.page(text), "run tests/policies/rebuild_config_types.py"


@pytest.fixture(scope="module")
def looked_for() -> dict[str, set[str]]:
    """The types that each rule looks for in any case's template, as Config has them."""
    graphs = [read_template(path) for path in sorted(RULES.glob("*/cases/*/template.yaml"))]
    found: dict[str, set[str]] = {}
    asked: set[str] = set()
    original = Graph.of_type

    def of_type(graph: Graph, *types: str):
        asked.update(types)
        return original(graph, *types)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Graph, "of_type", of_type)
        for rule in INFRASTRUCTURE:
            asked.clear()
            for graph in graphs:
                fresh = Graph(graph)
                for resource in fresh:
                    if resource.type in rule.types:
                        rule.evaluate(resource, Context(fresh, SCOPE))
            found[rule.id] = set(asked)
    return found


@pytest.mark.parametrize("rule", INFRASTRUCTURE, ids=lambda rule: rule.id)
def test_a_rule_names_every_type_that_it_looks_for_as_a_neighbour(rule: Rule, looked_for: dict[str, set[str]]):
    """What it doesn't name isn't fetched at run time: it would find none, and the verdict would be another than before the merge.

    Inline policies are no resources of their own by then: whoever names their holders has them.
    """
    asked = tuple(sorted(name for name in looked_for[rule.id] - INLINE - NOT_FETCHED if not name.startswith(ABOVE_AWS)))
    missing = set(held_in(asked)) - set(held_in(rule.looks_up(SCOPE)))
    assert missing == set(), f"name them among the neighbours of {rule.id}, or, if their absence leaves it unknown, in NOT_FETCHED here"
