"""What the site shows of what ships, or of what the organisation keeps beside its file: pages of rules and their cases, cards, data sheets."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from averment.core.words import Verdict
from averment.governance.known import rule_folder
from averment.policies.interface import Rule
from averment.policies.rules.registry import all_rules

SHEETS = {
    "model-card.md": ("Model card", ("detector", "model", "CARD.md")),
    "data-sheet.md": ("Data of the detector", ("detector", "model", "DATASHEET.md")),
    "corpus-sheet.md": ("Reference corpus", ("detector", "corpus", "DATASHEET.md")),
}
"""Pages on the detector that ships and on its data: where each lies on the site, its name in the menu, and its file in the package."""


@dataclass(frozen=True)
class RuleCase:
    """A situation that a rule is tested with: its name, the verdict it must get, and its Terraform, if it has some."""

    name: str
    verdict: Verdict
    terraform: str | None


@cache
def shipped_rules() -> frozenset[str]:
    """The ids of the rules that come with Averment."""
    return frozenset(rule.id for rule in all_rules())


def rule_text(rule: Rule, own: Path | None = None) -> str | None:
    """The page that the rule's author wrote on it (``README.md``), if there is one; ``own`` is the folder of a rule that doesn't ship."""
    readme = _folder(rule, own).joinpath("README.md")
    return readme.read_text(encoding="utf-8") if readme.is_file() else None


def rule_summary(rule: Rule) -> str:
    """What the rule's module says of itself, in one paragraph each."""
    return inspect.cleandoc(inspect.getmodule(rule.evaluate).__doc__ or rule.title)


def rule_cases(rule: Rule, own: Path | None = None) -> tuple[RuleCase, ...]:
    """The rule's cases that stand in folders ``<name>.<verdict>``, failing ones first."""
    folder = _folder(rule, own).joinpath("cases")
    found = [_rule_case(entry) for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    order = [Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS, Verdict.NOT_APPLICABLE]
    return tuple(sorted((case for case in found if case is not None), key=lambda case: (order.index(case.verdict), case.name)))


def _folder(rule: Rule, own: Path | None) -> Traversable:
    return own or rule_folder(rule.id)


def _rule_case(entry: Traversable) -> RuleCase | None:
    name, _, verdict = entry.name.rpartition(".")
    if not name or verdict not in set(Verdict):
        return None
    terraform = entry.joinpath("main.tf")
    text = terraform.read_text(encoding="utf-8").strip() if terraform.is_file() else None
    return RuleCase(name.replace("_", " "), Verdict(verdict), text)


def sheets() -> dict[str, tuple[str, str]]:
    """By its place on the site, the name and the text of each page on the detector and its data that is there."""
    found = {}
    for path, (title, parts) in SHEETS.items():
        file = resources.files("averment").joinpath(*parts)
        if file.is_file():
            found[path] = (title, file.read_text(encoding="utf-8"))
    return found
