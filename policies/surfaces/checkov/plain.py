"""Plain Checkov with ``--external-checks-dir``: which rules it is given, and a check that fails where they could not all do their work.

Checkov logs an external check that doesn't load, drops what is unknown and a check that raises, and exits 0. So a check of its own,
``AVERMENT_RUN_COMPLETE``, fails on the first resource that Checkov asks about under a root where something is amiss: ``averment.yaml``
or a rule that doesn't load, a rule that crashed, a file that could not be read. Elsewhere it says nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from averment.core.errors import AvermentError
from averment.core.extras import require
from averment.core.words import Severity
from averment.policies.interface import Kind
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.checkov import checks
from averment.policies.surfaces.checkov.asked import asked, scanned
from averment.policies.surfaces.checkov.verdicts import organisation_of, rules_of, shared

COMPLETE = "AVERMENT_RUN_COMPLETE"
_LOG = logging.getLogger("averment.checkov")
_SHOWN = 5

_told: set[tuple[str, str]] = set()
"""Registries and roots of which it was told already."""


def register_for_checkov() -> None:
    """Register the shipped rules, those of one's own if they are asked for, and the check that the run is complete.

    Raises:
        MissingExtraError: Checkov isn't installed.
    """
    for registry in checks.REGISTRIES:
        checks.make(registry, COMPLETE, COMPLETE, "Averment's rules could be run on everything", Severity.HIGH, _run(registry))
    checks.register(all_rules())
    try:
        checks.register(rules_of(organisation_of(scanned())))
    except AvermentError as error:
        _LOG.info("rules of your own are not run: %s", error)  # AVERMENT_RUN_COMPLETE says so aloud, once, and fails


def _run(registry: str) -> Any:
    results = require("checkov.common.models.enums", extra="checkov", needed_for="running rules in Checkov").CheckResult

    def run(self: Any, scanned_file: str, entity_configuration: dict[str, Any], entity_name: str, entity_type: str, skip_info: Any) -> Any:
        self.details = []
        self.evaluated_keys = []
        self.guideline = None
        root = asked(registry, scanned_file, entity_configuration, entity_name, entity_type).root
        reasons = list(dict.fromkeys(_amiss(root, registry))) if (registry, root) not in _told else []
        _told.add((registry, root))
        if not reasons or skip_info:
            return {"result": results.UNKNOWN, "evaluated_keys": []}
        more = [f"and {len(reasons) - _SHOWN} more"] if len(reasons) > _SHOWN else []
        self.details = [*reasons[:_SHOWN], *more]
        self.guideline = "; ".join(self.details) if registry == "cloudformation" else None  # its records carry no details
        for reason in reasons:
            _LOG.error("could not check: %s", reason)
        return {"result": results.FAILED, "evaluated_keys": []}

    return run


def _amiss(root: str, registry: str) -> Iterator[str]:
    """What keeps the rules from having looked at everything under ``root``."""
    verdicts = shared(root)
    held = checks.registered(registry)
    for rule in verdicts.rules:
        if rule.kind is Kind.INFRASTRUCTURE and rule.id not in held:
            yield f"rule {rule.id} is not registered with Checkov's {registry} checks"
    for problem in verdicts.problems:
        if problem.blocking:
            yield f"{problem.where}: {problem.reason}"
