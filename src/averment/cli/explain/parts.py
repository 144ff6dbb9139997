"""Rules, collectors, kinds of claims, runbooks and blueprints as topics: what implements and mends the controls."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

from averment.cli.explain.catalogue import rule_controls
from averment.cli.explain.topics import Section, Topic, section
from averment.controls.model import Catalogue
from averment.core.organisation import Organisation
from averment.core.scope import Scope
from averment.policies.interface import Rule
from averment.policies.own_rules import own_folders, rules_of

_HEADING = re.compile(r"^##\s+(.+)$")


def rule_topics(thing: str, organisation: Organisation, catalogue: Catalogue) -> tuple[Topic, ...]:
    """The rule called ``thing``, shipped or of the organisation's own; its Checkov id (``AVERMENT_...``) will do."""
    name = thing.strip().lower().removeprefix("averment_").replace("_", "-")
    rule = next((rule for rule in rules_of(organisation) if rule.id == name), None)
    if rule is None:
        return ()
    sections = (
        *section("Looks at", ", ".join(rule.types)),
        *section("And, beside it, at", ", ".join(rule.looks_up(Scope()))),
        *rule_controls(catalogue, rule.id),
        *section("In short", rule.remediation),
        *_readme(rule, organisation),
    )
    from averment.policies.guard.emit import refusal

    see = (
        f"averment check --rule {rule.id}",
        *(f"averment explain {control.id}" for control in catalogue.for_policy(rule.id)),
        *((f"averment rules guard {rule.id}",) if refusal(rule, organisation.scope, organisation.parameters) is None else ()),
    )
    return (Topic(f"rule ({rule.severity})", rule.id, rule.title, sections, see),)


def _readme(rule: Rule, organisation: Organisation) -> tuple[Section, ...]:
    """The page of a rule by its headings: what it checks, why, how to mend it in each dialect, what it can't see."""
    from averment.governance.known import rule_folder

    folder = own_folders(organisation).get(rule.id) or rule_folder(rule.id)
    page = folder.joinpath("README.md")
    if not page.is_file():
        return ()
    found: list[Section] = []
    heading, lines = "", list[str]()
    for line in [*page.read_text(encoding="utf-8").splitlines(), "## end"]:
        if match := _HEADING.match(line):
            text = "\n".join(lines).strip()
            if heading and text:
                found.append(Section(heading, tuple(text.splitlines()), code=True))
            heading, lines = match[1], []
        else:
            lines.append(line)
    return tuple(found)


def collector_topics(thing: str) -> tuple[Topic, ...]:
    """The collector called ``thing``."""
    from averment.evidence.collectors.registry import COLLECTORS, CONFIGURED

    kind = next((kind for kind in (*CONFIGURED, *COLLECTORS) if kind.name == thing.strip().lower()), None)
    if kind is None:
        return ()
    sections = (
        *section("Tells", kind.summary or _first(kind)),
        *section("May call", ", ".join(kind.permissions) or "nothing in AWS"),
        *section("Runs", "where averment.yaml has parameters for it, or by name" if kind in CONFIGURED else None),
        *section("Of the past", None if kind.looks_back else "nothing: its source tells only the present"),
    )
    return (Topic("collector", kind.name, f"Collector {kind.name}", sections, (f"averment collect --collector {kind.name}",)),)


def claim_topics(thing: str) -> tuple[Topic, ...]:
    """The kind of claim called ``thing``."""
    from averment.detector.claims.registry import CLAIM_TYPES

    kind = next((kind for kind in CLAIM_TYPES if kind.name == thing.strip().lower()), None)
    if kind is None:
        return ()
    sections = (
        *section("States", _first(kind)),
        *section("Needs", "a detector and a labelled population" if kind.needs_detector else None),
        *section("Looks", "Each test of it is a look and is counted: a later one has less error left." if kind.sequential else None),
    )
    return (Topic("claim", kind.name, f"Claim {kind.name}", sections, ("averment prove --plan", "averment prove")),)


def remedy_topics(thing: str) -> tuple[Topic, ...]:
    """The runbook or blueprint called ``thing``."""
    from averment.governance.remediation.blueprints import all_blueprints, folder
    from averment.governance.remediation.runbooks import runbook_names, shipped_runbook

    name = thing.strip().lower().removeprefix("averment-")
    found: list[Topic] = []
    if name in runbook_names():
        runbook = shipped_runbook(name)
        sections = (*section("Needs", ", ".join(runbook.required)), *section("Way back", runbook.rollback))
        found.append(Topic("runbook", name, runbook.title, sections, (f"averment runbooks show {name}",)))
    blueprint = all_blueprints().get(name) if name in {item.name for item in folder().iterdir()} else None
    if blueprint is not None:
        sections = (
            *section("What", " ".join(blueprint.what.split())),
            *section("Serves", ", ".join(blueprint.controls)),
            *section("Costs", blueprint.costs),
            *section("What only a real account shows", blueprint.remains),
        )
        found.append(
            Topic("blueprint", name, blueprint.title, sections, (f"averment blueprints show {name}", f"averment blueprints write {name}"))
        )
    return tuple(found)


def _first(kind: Callable[..., object] | type) -> str:
    """The first paragraph of what a class says of itself."""
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
