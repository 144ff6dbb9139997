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
from averment.core.organisation import Organisation, find_file, load_organisation
from averment.core.words import Verdict
from averment.policies.engine import check_graphs
from averment.policies.graph.model import Dialect, Graph, Problem, Resource
from averment.policies.interface import Finding, Rule
from averment.policies.surfaces.code.surface import TYPE as FUNCTION_OF_CODE
from averment.policies.surfaces.registry import discover, graphs_of
from averment.policies.surfaces.sam import FUNCTION

Block = tuple[str, str]
"""A block as Checkov names it: absolute file, and ``type.name`` (Terraform) or logical id (CloudFormation)."""

WORST = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS)


@dataclass
class Verdicts:
    """Everything that the rules say under ``root``, and which of it Checkov has asked about."""

    root: Path
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
    verdicts = Verdicts(root, problems=list(inputs.problems), skipped=tuple(inputs.skipped))
    for graph in graphs_of(inputs):
        result = check_graphs([graph], rules, organisation, catalogue)
        verdicts.problems += result.problems
        verdicts.notes = tuple(dict.fromkeys((*verdicts.notes, *result.notes)))
        verdicts.graphs += 1
        verdicts.resources += len(graph)
        blocks = _blocks(graph)
        for finding in result.findings:
            block = blocks[finding.resource, finding.resource_type]
            if root.is_file() and block[0] != os.path.realpath(root):
                continue  # the rest of the module is context
            verdicts.findings.setdefault((finding.rule, block), []).append(finding)
            if finding.resource_type == FUNCTION_OF_CODE:
                verdicts.asked.add((finding.rule, block))  # Checkov has no surface for source: these are taken as they are
    return verdicts


def _blocks(graph: Graph) -> dict[tuple[str, str], Block]:
    """Each resource's block; what a transform generated belongs to the function that asked for it."""
    functions = [resource for resource in graph if resource.native_type == FUNCTION and resource.type == "AWS::Lambda::Function"]
    return {(resource.address, resource.type): _block(resource, functions) for resource in graph}


def _block(resource: Resource, functions: Sequence[Resource]) -> Block:
    file = os.path.realpath(resource.source.file or "")
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
    """The verdicts under ``root`` with the organisation that is found from there; computed once a process."""
    from averment.policies.rules.registry import all_rules

    path = Path(root)
    file = find_file(path)
    organisation = load_organisation(file) if file is not None else Organisation(root=path)
    return verdicts_under(path, all_rules(), organisation, load_catalogue(organisation))
