"""What is there to implement assessments: the one place that knows rules, collectors and claim types at once."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from averment.controls.lint import Known
from averment.core.errors import BadInputError
from averment.core.located import parse_yaml
from averment.core.organisation import Organisation


def known_parts(organisation: Organisation | None = None) -> Known:
    """The rules, collectors, claim types, runbooks and blueprints of this installation and of ``organisation``, for ``controls.lint``.

    A rule whose folder has no case in which it fails counts as never failing. Rules of installed packages travel without cases, so
    nothing is said of them.

    Raises:
        BadInputError, IncompleteError: a rule of the organisation's own doesn't load.
    """
    from averment.detector.claims.registry import CLAIM_TYPES
    from averment.evidence.collectors.registry import names
    from averment.evidence.record import DRILLS
    from averment.governance.remediation.blueprints import all_blueprints
    from averment.governance.remediation.runbooks import runbook_names
    from averment.policies.own_rules import own_folders, rules_of
    from averment.policies.rules.registry import all_rules

    shipped = frozenset(rule.id for rule in all_rules())
    rules = frozenset(rule.id for rule in rules_of(organisation or Organisation()))
    folders: dict[str, Traversable] = {rule: rule_folder(rule) for rule in shipped}
    if organisation is not None:
        folders.update(own_folders(organisation))
    return Known(
        rules=rules,
        never_failing=frozenset(rule for rule, folder in folders.items() if not has_failing_case(folder)),
        own_rules=rules - shipped,
        collectors=frozenset((*names(), DRILLS)),
        claim_types=frozenset(kind.name for kind in CLAIM_TYPES),
        unbounded_claims=frozenset(kind.name for kind in CLAIM_TYPES if not kind.share),
        claim_problem=_claim_problem,
        runbooks=frozenset(runbook_names()),
        blueprints=frozenset(all_blueprints()),
    )


def _claim_problem(spec: Mapping[str, Any]) -> str | None:
    from averment.detector.claims.registry import claim_type

    try:
        claim_type(spec).read(spec)
    except BadInputError as error:
        return error.message
    return None


def rule_folder(rule_id: str) -> Traversable:
    """The folder of a rule inside the package; its name is the id with underscores."""
    return resources.files("averment").joinpath("policies", "rules", rule_id.replace("-", "_"))


def has_failing_case(folder: Traversable) -> bool:
    """Whether the rule's ``cases`` hold one that must fail: a folder ``<name>.fail``, or a ``fail`` in an ``expect.yaml``."""
    cases = folder.joinpath("cases")
    if not cases.is_dir():
        return False
    return any(entry.name.endswith(".fail") or (entry.name == "expect.yaml" and _expects_failure(entry)) for entry in cases.iterdir())


def _expects_failure(entry: Traversable) -> bool:
    value = parse_yaml(entry.read_text(encoding="utf-8"), entry.name).value
    cases = value.get("cases", ()) if isinstance(value, dict) else ()
    wanted = [verdict for case in cases for verdict in case.get("expect", {}).values()]
    return any((verdict.get("verdict") if isinstance(verdict, dict) else verdict) == "fail" for verdict in wanted)
