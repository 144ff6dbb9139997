"""The rule reference: all rules at a glance, and a page for each."""

from __future__ import annotations

import re
import textwrap

from markupsafe import Markup

from averment.governance.site import words
from averment.governance.site.data import SiteData
from averment.governance.site.pages.rendering import render
from averment.governance.site.services import services_of
from averment.governance.site.shipped import rule_cases, rule_summary, rule_text, shipped_rules
from averment.policies.interface import Kind, Rule

_LEFT_OUT = "What its author wrote of it, and the cases that it is tested with, are left out: the rule is the organisation's own."
_FENCE = re.compile(r"^(`{3,}|~{3,})(\w*)", re.MULTILINE)
_FIX = re.compile(r"^## Fix\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_DIALECTS = {"hcl": "Terraform", "terraform": "Terraform", "yaml": "CloudFormation", "yml": "CloudFormation", "json": "CloudFormation"}


def rule_page(data: SiteData, rule: Rule) -> str:
    """What the rule's author wrote, with its facts, what it found, its cases, and the controls that rest on it."""
    own, written = data.own_rules.get(rule.id), _written(data, rule)
    said = _LEFT_OUT if _left_out(data, rule) else rule_summary(rule)
    summary = Markup("# {}\n\n{}").format(words.text(rule.title), words.text(said))
    body = Markup(written) if written else summary  # noqa: S704 - the author's page, shipped with the rule or the organisation's own
    cases = [] if _left_out(data, rule) else [(case, _code_block(case.terraform)) for case in rule_cases(rule, own)]
    controls = data.catalogue.for_policy(rule.id)
    return render(
        "rule.md",
        data=data,
        rule=rule,
        body=body,
        controls=controls,
        cases=cases,
        findings=found_by(data, rule),
        source_code=rule.kind is Kind.CODE,
        found=(rule.id, *services_of(None, [rule])),
        where=_surfaces(rule),
    )


def rules_page(data: SiteData) -> str:
    """Every rule in a line: what it asks for, where it runs, for which dialects its page has a fix, and what it found."""
    rows = [(rule, data.catalogue.for_policy(rule.id), dialects(_written(data, rule)), _count(data, rule)) for rule in data.rules]
    return render("rules.md", rows=rows, runs_on=_runs_on, own={rule.id for rule in data.rules} - shipped_rules())


def _left_out(data: SiteData, rule: Rule) -> bool:
    """Whether readers get to see no more of the rule than its title and its facts: what an organisation wrote for itself can name anything."""
    return bool(data.notice) and rule.id not in shipped_rules()


def _written(data: SiteData, rule: Rule) -> str | None:
    """The page of the rule's author, for those who may read it."""
    return None if _left_out(data, rule) else rule_text(rule, data.own_rules.get(rule.id))


def dialects(text: str | None) -> list[str]:
    """The dialects in which a rule's page shows the fix: those of the code blocks below its heading "Fix"."""
    found = _FIX.search(text or "")
    names = {_DIALECTS[match[2]] for match in _FENCE.finditer(found[1]) if match[2] in _DIALECTS} if found else set()
    return sorted(names, reverse=True)


def found_by(data: SiteData, rule: Rule) -> list[str]:
    """The resources that the rule's assessments found at fault and nobody waived, each once, in order."""
    asked = _asked(data, rule)
    return sorted({row.resource for row in data.report.findings if row.assessment in asked and row.waived_until is None})


def _asked(data: SiteData, rule: Rule) -> set[str]:
    return {f"{control.id}/{item.id}" for control in data.catalogue for item in control.assessments if item.policy == rule.id}


def _count(data: SiteData, rule: Rule) -> str:
    """How many resources the rule found at fault, and of how many of its assessments that tells nothing: none found is no pass then."""
    asked = _asked(data, rule)
    found, missing = len(found_by(data, rule)), sum(1 for row in data.report.gaps if row.id in asked)
    if missing == len(asked) and not found:
        return "unknown: not assessed" if asked else "–"
    unseen = f" ({missing} of {len(asked)} assessments not made)" if missing else ""
    return f"{found:,}{unseen}"


def _surfaces(rule: Rule) -> str:
    if rule.kind is Kind.CODE:
        return "before a merge, in source code"
    return "before a merge (Terraform, plans, CloudFormation), and at run time"


def _runs_on(rule: Rule) -> str:
    return "source code" if rule.kind is Kind.CODE else "code, deployment"


def _code_block(terraform: str | None) -> Markup:
    """Terraform as a fenced block that can stand inside a collapsed one (indented by four)."""
    if terraform is None:
        return Markup("")
    return Markup(textwrap.indent(f"~~~~~~hcl\n{terraform}\n~~~~~~", "    "))  # noqa: S704 - a case kept with the rule
