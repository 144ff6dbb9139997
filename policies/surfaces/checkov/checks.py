"""One Checkov check class a rule and registry, made from the rules: those that ship, and one's own.

Terraform code and plans share Checkov's Terraform registry, templates have their own. Checkov drops "unknown" results without a word;
under plain Checkov they are logged as warnings (shown on stderr by default), and ``averment check --engine checkov`` reports them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from averment.core.extras import require
from averment.core.words import Severity, Verdict
from averment.policies.interface import Finding, Kind, Rule
from averment.policies.surfaces.checkov.asked import Asked, asked
from averment.policies.surfaces.checkov.verdicts import Verdicts, shared
from averment.policies.waivers import checkov_id

_LOG = logging.getLogger("averment.checkov")

REGISTRIES = ("terraform", "cloudformation")
"""Checkov's registries of checks on resources, by the name of their module; plans are asked about through Terraform's."""

Source = Callable[[str], Verdicts]
_source: list[Source] = [shared]
"""Where verdicts come from: the last wins (``averment check --engine checkov`` puts its own there for the time of its run)."""

_made: dict[tuple[str, str], Any] = {}
"""The checks that were made here, by registry and rule."""

crashed: list[str] = []
"""Checks that raised, in words: Checkov would go on and exit 0."""


def use(source: Source | None) -> None:
    """Take verdicts from ``source``; None goes back to the shared ones."""
    del _source[1:]
    if source is not None:
        _source.append(source)


def register(rules: Iterable[Rule]) -> None:
    """Register every one of ``rules`` that is about infrastructure with Checkov's registries, once.

    Raises:
        MissingExtraError: Checkov isn't installed.
    """
    mine = [rule for rule in rules if rule.kind is Kind.INFRASTRUCTURE]
    for registry in REGISTRIES:
        for rule in mine:
            make(registry, rule.id, checkov_id(rule.id), rule.title, rule.severity, _run(rule, registry))


def registered(registry: str) -> frozenset[str]:
    """The ids of the rules whose check a registry really holds. Checkov drops a check whose id another has, without a word."""
    module = require(f"checkov.{registry}.checks.resource.registry", extra="checkov", needed_for="running rules in Checkov")
    held = module.resource_registry if registry == "terraform" else module.cfn_registry
    groups = [*held.checks.values(), *held.wildcard_checks.values()]
    there = {id(check) for group in groups for check in group}
    return frozenset(rule for (where, rule), check in _made.items() if where == registry and id(check) in there)


def make(registry: str, rule: str, name: str, title: str, severity: Severity, run: Callable[..., Any]) -> None:
    """Make the check of ``rule``, called ``name``, that asks ``run`` about every resource, and register it, unless that was done."""
    if (registry, rule) in _made:
        return
    module = f"checkov.{registry}.checks.resource.base_resource_check"
    base = require(module, extra="checkov", needed_for="running rules in Checkov").BaseResourceCheck
    enums = require("checkov.common.models.enums", extra="checkov", needed_for="running rules in Checkov")

    def scan(_self: Any, _conf: Any) -> Any:
        return enums.CheckResult.UNKNOWN  # never reached: run() answers

    kind = type(
        f"Averment{name.title().replace('_', '')}{registry.title()}",
        (base,),
        {"run": run, "scan_resource_conf": scan, "__module__": __name__},
    )
    instance = kind(name=title, id=name, categories=[enums.CheckCategories.GENERAL_SECURITY], supported_resources=["*"])
    instance.severity = _severity(severity)
    _made[registry, rule] = instance


def _run(rule: Rule, registry: str) -> Callable[..., Any]:
    """What Checkov calls for each block: looks the verdict of ``rule`` up."""
    enums = require("checkov.common.models.enums", extra="checkov", needed_for="running rules in Checkov")

    def run(self: Any, scanned_file: str, entity_configuration: dict[str, Any], entity_name: str, entity_type: str, skip_info: Any) -> Any:
        try:
            about = asked(registry, scanned_file, entity_configuration, entity_name, entity_type)
            return _answer(self, rule, registry, about, skip_info, enums.CheckResult)
        except Exception as error:
            crashed.append(f"check {checkov_id(rule.id)} raised on {scanned_file} {entity_name}: {type(error).__name__}: {error}")
            _LOG.exception("%s", crashed[-1])
            raise

    return run


def _severity(severity: Severity) -> Any:
    module = require("checkov.common.bridgecrew.severities", extra="checkov", needed_for="running rules in Checkov")
    return module.Severities[getattr(module.BcSeverities, severity.name)]


def _answer(check: Any, rule: Rule, registry: str, about: Asked, skip_info: Any, results: Any) -> dict[str, Any]:
    check.details = []
    check.evaluated_keys = []
    check.guideline = None
    finding = _source[-1](about.root).ask(rule.id, about.block)
    if skip_info:
        return {"result": results.SKIPPED, "suppress_comment": skip_info["suppress_comment"], "evaluated_keys": []}
    if finding is None:
        return {"result": results.UNKNOWN, "evaluated_keys": []}
    if finding.message:
        check.details = [f"{finding.where}: {finding.message}"]
        check.guideline = check.details[0] if registry == "cloudformation" else None  # its records carry no details
    if finding.waived_by is not None:
        return {"result": results.SKIPPED, "suppress_comment": finding.waived_by, "evaluated_keys": []}
    return {"result": _result(finding, results), "evaluated_keys": []}


def _result(finding: Finding, results: Any) -> Any:
    if finding.verdict is Verdict.FAIL:
        return results.FAILED
    if finding.verdict is Verdict.PASS:
        return results.PASSED
    _LOG.warning("could not tell: %s: %s [%s]: %s", finding.where, finding.resource, finding.rule, finding.message)
    return results.UNKNOWN
