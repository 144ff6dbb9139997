"""What a check tells besides what it found: what somebody wrote who thinks that it counts, and it doesn't, and where failures stand aside.

- A waiver in ``averment.yaml`` accepts nothing, since nothing is called as it says. Only after a check of everything: in a part, what a waiver is for
  may not have been looked at. A pattern may be meant for other repositories, and what isn't called as code is (an ARN, an assessment, an alarm's
  name) for what runs.
- Settings lie below what the check goes by, where they aren't read.
- A rule of somebody's own looks for resources by another name than they have here: it is asked about nothing, which looks like a pass.
- Failures stand in examples, tests and stacks for development: whoever deploys none of them wants to leave them out.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path

from averment.controls.model import Catalogue
from averment.core.files import relative_posix
from averment.core.organisation import FILE_NAME, Organisation, Waiver
from averment.core.words import first_of
from averment.policies.graph.terraform_graph import becomes, kinds
from averment.policies.interface import Finding, Rule, in_its_file
from averment.policies.surfaces.config.types import RECORDINGS
from averment.policies.waivers import Waivers, checkov_id, kind_of

_PATTERN = frozenset("*?")
_ELSEWHERE = re.compile(r"arn:|[A-Z]{2,}-[A-Z]+-\d+/")
_OF_CODE = re.compile(r"(?:module\.|data\.|aws_[a-z0-9_]+\.)|.+\.(?:py|js|ts|mjs|cjs|jsx|tsx):")
"""An address of Terraform, or a function of source code. A logical id of a template may as well be the name of something that runs."""

_NEAR = 0.85
_NAMED = 3
_TERRAFORM = "Terraform::"
_NEVER_THERE = ("Averment::", "Custom::", "Alexa::")
"""How types begin that Terraform has none of: what is worked out here, and what is in templates alone."""
_ASIDE = frozenset(
    {"demo", "demos", "example", "examples", "sample", "samples", "test", "tests", "fixtures", "localstack", "playground", "docs"}
)
_ASIDE_AT_TOP = frozenset({"dev", "local", "sandbox"})
"""Further down (``environments/dev``) these are environments that somebody deploys."""


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
        elif waiver.control in asked and not waiver.only_in and _is_named(waiver) and waiver.resource not in names:
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


def nearer_settings(findings: Sequence[Finding], roots: Sequence[Path], organisation: Organisation) -> Iterator[str]:
    """A line that names each ``averment.yaml`` between one of ``roots`` and a file that was judged, and isn't the one that counts; none if
    there is none."""
    tops = {os.path.realpath(root) for root in roots}
    own = os.path.realpath(organisation.file) if organisation.file is not None else None
    looked: set[Path] = set()
    found: set[str] = set()
    for file in {finding.where.file for finding in findings if finding.where.file is not None}:
        folder = Path(os.path.realpath(file)).parent
        above = [here for here in (folder, *folder.parents) if any(here.is_relative_to(top) for top in tops)]
        for here in above:
            if here not in looked and (here / FILE_NAME).is_file() and os.path.realpath(here / FILE_NAME) != own:
                found.add(relative_posix(here, os.path.realpath(Path.cwd())))
            looked.add(here)
    if found:
        yield (
            f"the {FILE_NAME} in {first_of(sorted(found), _NAMED)} is not read from here, neither its scope nor its waivers: "
            f"check that folder by itself, or name the file with --config"
        )


def called_otherwise(rules: Iterable[Rule], *, templates_alone: bool = False) -> Iterator[str]:
    """For each type of a rule that doesn't ship, and that no resource of Terraform or AWS Config has here, a note that says so.

    One that isn't nearly another's name may be of templates. It is no matter where a rule looks at a type by Terraform's name as well, nor
    in a run of ``templates_alone``.
    """
    known = {*RECORDINGS, *kinds()}
    for rule in rules:
        for kind in rule.types if rule.origin else ():
            if kind.startswith(_TERRAFORM):
                proper = becomes(kind.removeprefix(_TERRAFORM))
                if proper is not None:
                    yield f"rule {rule.id} looks at {kind}, which is called {proper} here: it is asked about none"
            elif kind not in known and not kind.startswith(_NEVER_THERE):
                near = get_close_matches(kind, known, n=1, cutoff=0.9)
                if not near and (templates_alone or any(other.startswith(_TERRAFORM) for other in rule.types)):
                    continue
                meant = f"is {near[0]} meant?" if near else f"other types of Terraform's are called {_TERRAFORM}aws_..."
                yield f"rule {rule.id} looks at {kind}: nothing of Terraform, plans and AWS Config is called that here, so it is asked about templates alone; {meant}"


def aside_note(findings: Sequence[Finding], roots: Sequence[Path]) -> Iterator[str]:
    """A line that says how many open failures stand in such folders below ``roots``, and how to leave them out; none if none does."""
    failures = [finding for finding in findings if finding.counts]
    folders: Counter[str] = Counter()
    for finding in failures:
        if (folder := _folder(finding.where.file, roots)) is not None:
            folders[folder] += 1
    if folders:
        yield (
            f"{folders.total()} of {len(failures)} failures stand under {first_of(sorted(folders), _NAMED)}, which looks like examples, tests or "
            f"development; if nobody deploys that, leave it out: --skip '{min(folders)}/*', or check.skip in averment.yaml"
        )


def _folder(file: str | None, roots: Sequence[Path]) -> str | None:
    """The outermost such folder that ``file`` stands in, below the root that it was found under; None if it stands in none."""
    for root in roots:
        if file is None or not Path(file).is_relative_to(root):
            continue
        parts = Path(file).relative_to(root).parts[:-1]
        for number, part in enumerate(parts):
            if part.lower() in _ASIDE or (number == 0 and part.lower() in _ASIDE_AT_TOP):
                folder, here = Path(root, *parts[: number + 1]), Path.cwd()
                return (folder.relative_to(here) if folder.is_absolute() and folder.is_relative_to(here) else folder).as_posix()
    return None
