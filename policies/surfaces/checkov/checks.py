"""One Checkov check class a rule and framework, generated from the rule registry.

Checkov drops "unknown" results without a word; under plain Checkov they are logged as warnings (shown on stderr by default), and
``averment check --engine checkov`` reports them.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from averment.core.extras import require
from averment.core.words import Severity, Verdict
from averment.policies.interface import Finding, Kind, Rule
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.checkov.verdicts import Block, Verdicts, shared
from averment.policies.waivers import checkov_id

_LOG = logging.getLogger("averment.checkov")

FRAMEWORKS = ("terraform", "cloudformation")

Source = Callable[[str], Verdicts]
_source: list[Source] = [shared]
"""Where verdicts come from: the last wins (``averment check --engine checkov`` puts its own there for the time of its run)."""

crashed: list[str] = []
"""Checks that raised, in words: Checkov would go on and exit 0."""


def use(source: Source | None) -> None:
    """Take verdicts from ``source``; None goes back to the shared ones."""
    del _source[1:]
    if source is not None:
        _source.append(source)


def register() -> tuple[str, ...]:
    """Register every rule about infrastructure with Checkov's registries, once; the ids.

    Raises:
        MissingExtraError: Checkov isn't installed.
    """
    ids = [_register(rule, framework) for rule in all_rules() if rule.kind is Kind.INFRASTRUCTURE for framework in FRAMEWORKS]
    return tuple(dict.fromkeys(ids))


def registered(framework: str) -> frozenset[str]:
    """The ids that a framework's registry really holds."""
    module = require(f"checkov.{framework}.checks.resource.registry", extra="checkov", needed_for="running rules in Checkov")
    registry = module.resource_registry if framework == "terraform" else module.cfn_registry
    groups = [*registry.checks.values(), *registry.wildcard_checks.values()]
    return frozenset(check.id for group in groups for check in group)


def _register(rule: Rule, framework: str) -> str:
    name = checkov_id(rule.id)
    if name in registered(framework):
        return name
    base = require(
        f"checkov.{framework}.checks.resource.base_resource_check", extra="checkov", needed_for="running rules in Checkov"
    ).BaseResourceCheck
    enums = require("checkov.common.models.enums", extra="checkov", needed_for="running rules in Checkov")

    def run(self: Any, scanned_file: str, entity_configuration: dict[str, Any], entity_name: str, entity_type: str, skip_info: Any) -> Any:
        try:
            block = _block(framework, scanned_file, entity_configuration, entity_name, entity_type)
            return _answer(self, rule, framework, block, skip_info, enums.CheckResult)
        except Exception as error:
            crashed.append(f"check {name} raised on {scanned_file} {entity_name}: {type(error).__name__}: {error}")
            _LOG.exception("%s", crashed[-1])
            raise

    def scan(_self: Any, _conf: Any) -> Any:
        return enums.CheckResult.UNKNOWN  # never reached: run() answers

    made = type(
        f"Averment{name.title().replace('_', '')}{framework.title()}",
        (base,),
        {"run": run, "scan_resource_conf": scan, "__module__": __name__},
    )
    instance = made(name=rule.title, id=name, categories=[enums.CheckCategories.GENERAL_SECURITY], supported_resources=["*"])
    instance.severity = _severity(rule.severity)
    return name


def _severity(severity: Severity) -> Any:
    module = require("checkov.common.bridgecrew.severities", extra="checkov", needed_for="running rules in Checkov")
    return module.Severities[getattr(module.BcSeverities, severity.name)]


def _block(framework: str, scanned_file: str, conf: dict[str, Any], name: str, kind: str) -> tuple[Verdicts, Block]:
    root = _root()
    file = os.path.realpath(Path(root) / scanned_file.lstrip("/"))
    if framework == "cloudformation":
        return _source[-1](root), (file, name)
    return _source[-1](root), (file, f"{kind}@{conf.get('__start_line__')}")


def _root() -> str:
    """The folder that Checkov scans. Its checks are told only a relative path; the folder is a local of the runner above."""
    frame = sys._getframe()
    here: Any = frame
    while here is not None:
        if str(here.f_globals.get("__name__", "")).startswith("checkov.") and here.f_locals.get("root_folder"):
            return os.path.abspath(str(here.f_locals["root_folder"]))  # noqa: PTH100
        here = here.f_back
    return str(Path.cwd())


def _answer(check: Any, rule: Rule, framework: str, asked: tuple[Verdicts, Block], skip_info: Any, results: Any) -> dict[str, Any]:
    verdicts, block = asked
    check.details = []
    check.evaluated_keys = []
    check.guideline = None
    finding = verdicts.ask(rule.id, block)
    if skip_info:
        return {"result": results.SKIPPED, "suppress_comment": skip_info["suppress_comment"], "evaluated_keys": []}
    if finding is None:
        return {"result": results.UNKNOWN, "evaluated_keys": []}
    if finding.message:
        check.details = [f"{finding.where}: {finding.message}"]
        check.guideline = check.details[0] if framework == "cloudformation" else None  # its records carry no details
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
