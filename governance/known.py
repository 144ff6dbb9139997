"""What is there to implement assessments: the one place that knows rules, collectors and claim types at once."""

from __future__ import annotations

import importlib.util
from importlib import resources
from importlib.resources.abc import Traversable

from averment.controls.lint import Known


def known_parts() -> Known:
    """The rules, collectors and claim types of this installation, for ``controls.lint``.

    A rule whose folder ships cases, but none in which it fails, counts as never failing.
    """
    from averment.detector.claims.registry import CLAIM_TYPES
    from averment.policies.rules.registry import all_rules

    rules = frozenset(rule.id for rule in all_rules())
    return Known(
        rules=rules,
        never_failing=frozenset(rule for rule in rules if not _has_failing_case(rule_folder(rule))),
        collectors=_collectors(),
        claim_types=frozenset(kind.name for kind in CLAIM_TYPES),
    )


def rule_folder(rule_id: str) -> Traversable:
    """The folder of a rule inside the package; its name is the id with underscores."""
    return resources.files("averment").joinpath("policies", "rules", rule_id.replace("-", "_"))


def _has_failing_case(folder: Traversable) -> bool:
    cases = folder.joinpath("cases")
    if not cases.is_dir():
        return True  # a rule without cases on disk is the rules' own tests' business
    return any(entry.name.startswith("fail") or _has_failing_case_below(entry) for entry in cases.iterdir())


def _has_failing_case_below(entry: Traversable) -> bool:
    return entry.is_dir() and any(child.name.startswith("fail") for child in entry.iterdir())


def _collectors() -> frozenset[str] | None:
    if importlib.util.find_spec("averment.evidence.collectors.registry") is None:
        return None
    registry = importlib.import_module("averment.evidence.collectors.registry")
    return frozenset(registry.names())
