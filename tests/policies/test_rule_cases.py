"""Every rule on every case on every surface: one verdict.

Origin of the data: written for these tests; ``plan.json`` and ``config.json`` are derived by ``rebuild_rule_cases.py``.
"""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from averment.core.errors import BadInputError
from averment.core.organisation import described_parameters
from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph
from averment.policies.interface import Context, Kind, Outcome, Rule
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import all_rules, checked, rule
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.code.surface import CodeSurface
from averment.policies.surfaces.config.surface import ConfigSurface
from averment.policies.surfaces.plan import read_plan
from averment.policies.surfaces.terraform.surface import TerraformSurface

RULES = Path(__file__).resolve().parents[2] / "policies" / "rules"
SCOPE = Scope(accounts=("123456789012",), organisation_id="o-exampleorg1")
SURFACES = {"main.tf": "terraform", "plan.json": "terraform-plan", "template.yaml": "cloudformation", "config.json": "aws-config"}
LANGUAGES = ("python", "javascript", "typescript")
"""Folders of source in the cases of rules about code."""

INFRASTRUCTURE = [rule for rule in all_rules() if rule.kind is Kind.INFRASTRUCTURE]
CODE = [rule for rule in all_rules() if rule.kind is Kind.CODE]
CASES = [
    pytest.param(folder, name, id=f"{folder.parent.parent.name}-{folder.name}-{surface}")
    for folder in sorted(RULES.glob("*/cases/*"))
    for name, surface in (*SURFACES.items(), *zip(LANGUAGES, LANGUAGES, strict=True))
    if (folder / name).exists()
]


def load(path: Path) -> Graph:
    """The one graph of a case's file."""
    if path.name == "main.tf":
        (graph,) = TerraformSurface().graphs(path.parent)
        return graph
    if path.name == "template.yaml":
        return read_template(path)
    if path.name == "plan.json":
        return read_plan(path)
    if path.is_dir():
        (graph,) = CodeSurface().graphs(path)
        return graph
    (graph,) = ConfigSurface().graphs(path)
    return graph


def verdicts(graph: Graph, subject: Rule) -> list[Outcome]:
    return [subject.evaluate(resource, Context(graph, SCOPE)) for resource in graph if resource.type in subject.types]


@cache
def rebuild() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rebuild_rule_cases", Path(__file__).with_name("rebuild_rule_cases.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("folder", "name"), CASES)
def test_case_has_its_verdict(folder: Path, name: str):
    """A case's folder name ends in the verdict, which is that of its worst resource, on each surface."""
    graph = load(folder / name)
    assert graph.problems == []
    outcome = worst_outcome(verdicts(graph, rule(folder.parent.parent.name.replace("_", "-"))))
    assert outcome.verdict == Verdict(folder.name.rsplit(".", 1)[-1]), outcome
    if outcome.verdict in (Verdict.FAIL, Verdict.UNKNOWN):
        assert outcome.message


@pytest.mark.parametrize("subject", all_rules(), ids=lambda subject: subject.id)
def test_each_rule_has_pass_and_fail_on_each_surface(subject: Rule):
    """A rule whose cases leave out a surface or a verdict there is untested on it; rules about code have languages as surfaces."""
    folder = RULES / subject.id.replace("-", "_") / "cases"
    for name in SURFACES if subject.kind is Kind.INFRASTRUCTURE else LANGUAGES:
        ends = {path.parent.name.rsplit(".", 1)[-1] for path in folder.glob(f"*/{name}")}
        assert {"pass", "fail"} <= ends, f"give {subject.id} a case <name>.pass and one <name>.fail with {name}"
    assert list(folder.glob("*.unknown")), f"give {subject.id} a case <name>.unknown"


@pytest.mark.parametrize("subject", INFRASTRUCTURE, ids=lambda subject: subject.id)
def test_each_failure_says_how_to_mend_it_in_its_dialect(subject: Rule):
    """A failing case on Terraform shows no CloudFormation and the other way round, and every failure has a place."""
    for path in (RULES / subject.id.replace("-", "_") / "cases").glob("*.fail"):
        for name, foreign in (("main.tf", "!Ref"), ("template.yaml", 'resource "aws_')):
            for outcome in verdicts(load(path / name), subject):
                if outcome.verdict is Verdict.FAIL:
                    assert outcome.fix, f"hand fail() a fix: {path / name}, {outcome.message}"
                    assert foreign not in outcome.fix
                    assert outcome.where is not None
                    assert outcome.where.line is not None


@pytest.mark.parametrize("subject", CODE, ids=lambda subject: subject.id)
def test_each_failure_in_code_says_how_to_mend_it_in_its_language(subject: Rule):
    """A failing case in Python is shown Python, one in JavaScript isn't, and every failure has a line."""
    for path in (RULES / subject.id.replace("-", "_") / "cases").glob("*.fail/*"):
        for outcome in verdicts(load(path), subject):
            if outcome.verdict is Verdict.FAIL:
                assert outcome.fix, path
                marks = (": [", ': "', ": 9", "const ")
                assert any(mark in outcome.fix for mark in marks) is (path.name != "python"), outcome.fix
                assert outcome.where is not None
                assert outcome.where.line is not None


def test_a_rule_about_code_has_no_resource_types_of_aws():
    """Source isn't recorded by AWS Config nor seen by Checkov: a rule is about one or the other."""
    for subject in all_rules():
        assert all(name.startswith("Averment::Code::") is (subject.kind is Kind.CODE) for name in subject.types), subject.id


def test_every_folder_is_a_registered_rule():
    """A rule's folder and its id are one name; nothing lies about unregistered, and each rule has its page."""
    folders = {path.parent.name for path in RULES.glob("*/rule.py")}
    assert folders == {entry.id.replace("-", "_") for entry in all_rules()}, "policies/rules/registry.py lists the rules"
    for folder in folders:
        assert (RULES / folder / "README.md").is_file(), f"write policies/rules/{folder}/README.md"


def test_every_parameter_of_a_rule_is_described_for_averment_yaml():
    """One that isn't is not checked: a wrong type or a misspelt name would leave the rule at its default, in silence."""
    named = {
        name for path in RULES.glob("*/README.md") for name in re.findall(r"^\| `([a-z_]+)` \|", path.read_text("utf-8"), re.MULTILINE)
    }
    assert "evidence_retention_days" in named
    assert named <= set(described_parameters()), "describe them under parameters in averment.schema.json"


def test_two_rules_of_one_id_are_refused():
    """The second would hide the first."""
    with pytest.raises(BadInputError, match="two rules are called"):
        checked([all_rules()[0], all_rules()[0]])


def test_an_unknown_rule_is_named_with_those_that_exist():
    """Whoever misspells a rule's id is shown the right ones."""
    with pytest.raises(BadInputError, match="there is no rule 's3-put'") as error:
        rule("s3-put")
    assert "s3-put-object-gated" in (error.value.fix or "")


@pytest.mark.parametrize("folder", rebuild().cases(), ids=lambda folder: f"{folder.parent.parent.name}-{folder.name}")
def test_derived_inputs_are_up_to_date(folder: Path):
    """plan.json and config.json are what their script makes of main.tf and template.yaml."""
    for path, text in rebuild().derived(folder):
        written = path.read_text(encoding="utf-8") if path.is_file() else None
        assert written == text, f"run tests/policies/rebuild_rule_cases.py ({path})"
