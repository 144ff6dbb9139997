"""The rules' verdicts under one root, by file and block: what a Checkov check looks up for the block that it is asked about.

Checkov's own view of a resource lacks what the rules need (policy-document data sources, dynamic blocks, links), so the graph is
ours; Checkov drives, filters, skips and reports.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from averment.controls.loader import load_catalogue
from averment.controls.model import Catalogue
from averment.core.errors import AvermentError, BadInputError
from averment.core.organisation import Organisation, find_file, load_organisation
from averment.core.source import SourceRef
from averment.core.words import Verdict
from averment.policies.engine import check_graphs
from averment.policies.graph.model import Dialect, Graph, Problem, Resource
from averment.policies.interface import Finding, Rule
from averment.policies.own_rules import with_own
from averment.policies.rules.code import FUNCTION as FUNCTION_OF_CODE
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.cloudformation.sam import FUNCTION
from averment.policies.surfaces.registry import Inputs, discover, graphs_of

Block = tuple[str, str]
"""A block as Checkov knows it: absolute file, and ``type@line`` (Terraform), logical id (CloudFormation) or address (a plan)."""

OWN_RULES = "AVERMENT_OWN_RULES"
"""Set to 1, it lets plain Checkov run rules of one's own."""

WORST = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS)


@dataclass
class Verdicts:
    """Everything that the rules say on ``inputs``, and which of it Checkov has asked about."""

    inputs: Inputs
    rules: tuple[Rule, ...]
    findings: dict[tuple[str, Block], list[Finding]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    graphs: int = 0
    resources: int = 0
    asked: set[tuple[str, Block]] = field(default_factory=set)

    def ask(self, rule_id: str, block: Block) -> Finding | None:
        """The worst verdict of a rule on a block; None where the rule doesn't apply."""
        self.asked.add((rule_id, block))
        found = self.findings.get((rule_id, block), [])
        open_first = sorted(found, key=lambda item: (WORST.index(item.verdict), item.waived_by is not None))
        return open_first[0] if open_first else None


def verdicts_under(root: Path, rules: Sequence[Rule], organisation: Organisation, catalogue: Catalogue) -> Verdicts:
    """Run ``rules`` on everything under ``root``."""
    inputs = discover(root)
    verdicts = Verdicts(inputs, tuple(rules), problems=[*inputs.problems, *inputs.apps], skipped=tuple(inputs.skipped))
    for graph in graphs_of(inputs):
        result = check_graphs([graph], rules, organisation, catalogue)
        verdicts.problems += result.problems
        verdicts.notes = tuple(dict.fromkeys((*verdicts.notes, *result.notes)))
        verdicts.graphs += 1
        verdicts.resources += len(graph)
        blocks = _blocks(graph)
        for finding in result.findings:
            block = blocks[finding.resource, finding.resource_type]
            elsewhere = root.is_file() and block[0] != os.path.realpath(root)
            if elsewhere and os.path.realpath(finding.where.file or "") != os.path.realpath(root):
                continue  # the rest of the module is context
            verdicts.findings.setdefault((finding.rule, block), []).append(finding)
            if elsewhere or finding.resource_type == FUNCTION_OF_CODE:
                # Checkov has no surface for source, and is not given the file of a block whose flaw stands here: taken as they are
                verdicts.asked.add((finding.rule, block))
    return verdicts


def _blocks(graph: Graph) -> dict[tuple[str, str], Block]:
    """Each resource's block; what a transform generated belongs to the function that asked for it."""
    functions = [resource for resource in graph if resource.native_type == FUNCTION and resource.type == "AWS::Lambda::Function"]
    return {(resource.address, resource.type): _block(resource, functions) for resource in graph}


def _block(resource: Resource, functions: Sequence[Resource]) -> Block:
    file = os.path.realpath(resource.source.file or "")
    if resource.dialect is Dialect.TERRAFORM_PLAN:
        return file, resource.address
    if resource.dialect is not Dialect.CLOUDFORMATION:
        return file, f"{resource.native_type}@{resource.source.line}"
    line = resource.source.line or 0
    owner = resource
    if resource.native_type == FUNCTION:
        same = (item for item in functions if item.source.file == resource.source.file)
        owner = next((item for item in same if (item.source.line or 0) <= line <= (item.source.end_line or line)), resource)
    return file, owner.label  # its logical id: Checkov knows nothing of the stack that a template is nested in


@cache
def shared(root: str) -> Verdicts:
    """The verdicts under ``root`` with the organisation and the rules that are found from there; computed once a process.

    Where a rule of one's own doesn't load, those that ship still run, and where ``averment.yaml`` can't be read, none does; either is among
    the problems.
    """
    try:
        organisation = organisation_of(Path(root))
        catalogue = load_catalogue(organisation)
    except AvermentError as error:
        return Verdicts(Inputs(Path(root)), (), problems=[Problem(error.message, error.where or SourceRef(root))])
    try:
        rules, amiss = rules_of(organisation), []
    except AvermentError as error:
        rules, amiss = all_rules(), [Problem(error.message, error.where or SourceRef(root))]
    verdicts = verdicts_under(Path(root), rules, organisation, catalogue)
    verdicts.problems += amiss
    return verdicts


def organisation_of(path: Path) -> Organisation:
    """The organisation of the nearest ``averment.yaml`` from ``path`` upward, or the defaults.

    Raises:
        BadInputError: the file is malformed.
    """
    file = find_file(path)
    return load_organisation(file) if file is not None else Organisation(root=path if path.is_dir() else path.parent)


def rules_of(organisation: Organisation) -> tuple[Rule, ...]:
    """The rules that plain Checkov runs: those that ship, and one's own where the environment says so.

    The folders that ``averment.yaml`` names are code of the repository that is checked, which Checkov's user has not chosen by naming
    ``--external-checks-dir``: so they run only if ``AVERMENT_OWN_RULES`` is set to 1.

    Raises:
        BadInputError: the variable is neither 1 nor 0, or as ``with_own``.
        IncompleteError: a rule doesn't load.
    """
    asked = os.environ.get(OWN_RULES, "0")
    if asked not in ("0", "1", ""):
        raise BadInputError(f"the environment variable {OWN_RULES} is '{asked}'", fix="set it to 1 to run rules of your own, or to 0")
    if asked != "1":
        return all_rules()
    return with_own(dict.fromkeys(organisation.path(text) for text in organisation.rules))
