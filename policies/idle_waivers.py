"""Waivers in ``averment.yaml`` that accept nothing since nothing is called as they say: told, as whoever mistyped a name thinks that it counts.

Only after a check of everything: in a part, what a waiver is for may not have been looked at. A pattern may be meant for other repositories, and
what isn't called as code is (an ARN, an assessment, an alarm's name) for what runs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path

from averment.controls.model import Catalogue
from averment.core.files import relative_posix
from averment.core.organisation import Organisation, Waiver
from averment.policies.interface import Finding, Rule, in_its_file
from averment.policies.waivers import Waivers, checkov_id, kind_of

_PATTERN = frozenset("*?")
_ELSEWHERE = re.compile(r"arn:|[A-Z]{2,}-[A-Z]+-\d+/")
_OF_CODE = re.compile(r"(?:module\.|data\.|aws_[a-z0-9_]+\.)|.+\.(?:py|js|ts|mjs|cjs|jsx|tsx):")
"""An address of Terraform, or a function of source code. A logical id of a template may as well be the name of something that runs."""

_NEAR = 0.85


def idle_waivers(
    findings: Sequence[Finding], notes: Sequence[str], organisation: Organisation, catalogue: Catalogue, rules: Sequence[Rule], today: date
) -> Iterator[str]:
    """A line for each waiver of ``organisation`` that names no control and no rule, or no resource among ``findings``, which are of a check
    of everything by all ``rules``; none for one that is told of in ``notes``, is over, or isn't about what a check finds."""
    waivers = Waivers((), catalogue, today, [rule.id for rule in rules], organisation.root)
    names, asked = _names(findings, organisation.root), _asked(catalogue, rules)
    ids = [*(control.id for control in catalogue), *(rule.id for rule in rules)]
    for waiver in dict.fromkeys(item for item in organisation.waivers if item.until >= today):
        place = waivers.place(waiver)
        if waivers.is_nobodys(waiver.control):
            if not any(note.startswith(f"{place}: the waiver for ") for note in notes):
                near = get_close_matches(waiver.control, ids, n=1)
                yield f"{place}: the waiver for {waiver.resource} is void: there is no {kind_of(waiver.control)} {waiver.control}{_meant(near)}"
        elif waiver.control in asked and _is_named(waiver) and waiver.resource not in names:
            near = get_close_matches(waiver.resource, names, n=1, cutoff=_NEAR)
            if near or _OF_CODE.match(waiver.resource):
                why = "nothing that was checked, and that a rule has something to say of, is called so"
                yield f"{place}: the waiver of {waiver.control} for {waiver.resource} accepts nothing: {why}{_meant(near)}"


def looked_at_all(paths: Sequence[Path], organisation: Organisation) -> bool:
    """Whether ``paths`` take in all of the code that ``organisation`` names (``iac``)."""
    tops = [Path(os.path.realpath(path)) for path in paths]
    return all(any(Path(os.path.realpath(organisation.path(text))).is_relative_to(top) for top in tops) for text in organisation.iac)


def _is_named(waiver: Waiver) -> bool:
    return not _PATTERN & set(waiver.resource) and _ELSEWHERE.match(waiver.resource) is None


def _names(findings: Sequence[Finding], root: Path) -> list[str]:
    """What a waiver may call the resources of ``findings``."""
    found: dict[str, None] = {}
    for finding in findings:
        found[finding.resource] = None
        file = finding.defined.file if finding.defined is not None else finding.where.file
        if file is not None and (own := in_its_file(finding.resource, file)) != finding.resource:
            found[f"{relative_posix(file, root)}:{own}"] = None
    return list(found)


def _asked(catalogue: Catalogue, rules: Sequence[Rule]) -> frozenset[str]:
    """The controls and rules by which a check accepts something."""
    own = {name for rule in rules for name in (rule.id, checkov_id(rule.id))}
    return frozenset(own | {control.id for rule in rules for control in catalogue.for_policy(rule.id)})


def _meant(near: Sequence[str]) -> str:
    return f"; did you mean {near[0]}?" if near else ""
