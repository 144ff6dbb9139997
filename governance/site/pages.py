"""The site's pages as Markdown, from one view of the data. Templates print nothing unescaped that isn't made here."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from datetime import date
from functools import cache
from itertools import groupby
from typing import Any

from markupsafe import Markup

from averment.controls.binding import FACT_WORDS, law_register
from averment.controls.crosswalk import crosswalk
from averment.controls.describe import FAMILIES, means
from averment.controls.model import Control, Framework, Provision
from averment.core.extras import require
from averment.core.words import Status
from averment.evidence.rows import AssessmentRow, FindingRow
from averment.governance.incidents.document import Document, markdown
from averment.governance.incidents.plan import PAGES, Basis, plan
from averment.governance.site import words
from averment.governance.site.data import SiteData, model_card, rule_cases, rule_summary, rule_text
from averment.governance.site.plots import interval, pictures
from averment.policies.interface import Rule

_SHOWN = (Status.SATISFIED, Status.NOT_SATISFIED, Status.NOT_ASSESSED, Status.WAIVED, Status.NOT_APPLICABLE)
_SEVERITIES = ("critical", "high", "medium", "low")
_LINES_A_DAY = 4


def home_page(data: SiteData) -> str:
    """The state of every control by family, open findings, gaps with their owners, and the next dates."""
    return _render(
        "home.md",
        data=data,
        totals=[(str(status), data.report.totals[str(status)]) for status in _SHOWN],
        open_findings=_open_findings(data),
        upcoming=_next_dates(data),
        gaps=_gaps_by_owner(data),
        summary=lambda control_id: _summary(data, control_id),
        weakened_mark=Markup('<span class="av-weakened">weakened</span>'),
    )


def control_page(data: SiteData, control: Control) -> str:
    """One control with its state, its law, and the evidence."""
    used = {assessment.policy for assessment in control.assessments}
    return _render(
        "control.md",
        data=data,
        control=control,
        row=data.row(control.id),
        family=FAMILIES.get(control.family, control.family),
        how={f"{control.id}/{item.id}": means(item) for item in control.assessments},
        law=data.law(control.id),
        rules=[rule for rule in data.rules if rule.id in used],
        interval=interval,
        pictures=lambda record: pictures(data.claim_records.get(record), "../"),
    )


def framework_page(data: SiteData, framework: Framework) -> str:
    """The crosswalk from a framework's provisions to controls, states and rules, and its gaps."""
    rows = crosswalk(data.catalogue, framework, data.organisation.profile, data.today)
    known = {rule.id for rule in data.rules}
    return _render("framework.md", data=data, framework=framework, rows=rows, known_rules=known)


def rule_page(data: SiteData, rule: Rule) -> str:
    """What the rule's author wrote, with its facts, its cases, and the controls that rest on it."""
    written = rule_text(rule)
    own = Markup("# {}\n\n{}").format(words.text(rule.title), words.text(rule_summary(rule)))
    body = Markup(written) if written else own  # noqa: S704 - the author's page, shipped with the rule
    cases = [(case, _code_block(case.terraform)) for case in rule_cases(rule)]
    return _render("rule.md", data=data, rule=rule, body=body, controls=data.catalogue.for_policy(rule.id), cases=cases)


def law_page(data: SiteData) -> str:
    """The law register and the profile that decides what binds."""
    register = law_register(data.catalogue)
    ahead = [item for item in register if item.on >= data.today]
    past = sorted((item for item in register if item.on < data.today), key=lambda item: item.on, reverse=True)
    return _render("law.md", data=data, ahead=ahead, past=past, facts=list(FACT_WORDS.items()))


def evidence_page(data: SiteData) -> str:
    """The index of the evidence behind this view."""
    return _render("evidence.md", data=data)


def plan_pages(data: SiteData) -> dict[str, str]:
    """The remediation plan in three pages, with the state of the controls in this view."""
    states = None if data.ledger is None else {control.id: data.status(control.id) for control in data.catalogue}
    document = plan(Basis(data.organisation, data.catalogue, data.today, states))
    sections = {section.name: section for section in document.sections}
    pages = {}
    for name, (title, members) in PAGES.items():
        chosen = tuple(sections[member] for member in members)
        pages[f"plan/{name}.md"] = markdown(Document(title, document.lead, chosen))
    return pages


def all_pages(data: SiteData) -> dict[str, str]:
    """Every generated page: path below the documentation folder -> Markdown."""
    pages = {"index.md": home_page(data), "law.md": law_page(data), "evidence.md": evidence_page(data)}
    pages |= {f"controls/{control.id}.md": control_page(data, control) for control in data.catalogue}
    pages |= {f"frameworks/{framework.id}.md": framework_page(data, framework) for framework in data.catalogue.frameworks.values()}
    pages |= {f"rules/{rule.id}.md": rule_page(data, rule) for rule in data.rules}
    pages |= plan_pages(data)
    card = model_card()
    return pages if card is None else {**pages, "model-card.md": card}


def _summary(data: SiteData, control_id: str) -> str:
    """Why a control has its state, in few words: how many of its assessments decide it, and the first reason."""
    rows = data.assessments(control_id)
    status = data.status(control_id)
    deciding = [row for row in rows if row.status is status]
    if status is Status.SATISFIED:
        return f"all {len(rows)} assessments"
    if not deciding:
        return "it has no assessment"
    reason = deciding[0].reason
    cut = reason if len(reason) <= 140 else reason[:139].rsplit(" ", 1)[0] + " …"
    return f"{len(deciding)} of {len(rows)} assessments; {deciding[0].title}: {cut}"


def _gaps_by_owner(data: SiteData) -> list[tuple[str, list[AssessmentRow]]]:
    owners = sorted({row.owner for row in data.report.gaps})
    return [(owner, [row for row in data.report.gaps if row.owner == owner]) for owner in owners]


def _next_dates(data: SiteData) -> list[tuple[date, int, Markup, str]]:
    """The next days of the law register; many provisions of one law on one day share a line."""
    lines: list[tuple[date, int, Markup, str]] = []
    for (day, left, framework), group in groupby(data.upcoming(), key=lambda entry: (entry[0].on, entry[1], entry[0].framework)):
        items = [item for item, _ in group]
        places = [words.link(item.label, f"frameworks/{framework}.md#{words.slug(item.ref)}") for item in items]
        if len(items) > _LINES_A_DAY:
            lines.append((day, left, Markup(", ").join(places), f"{len(items)} provisions start to apply"))
            continue
        for item, place in zip(items, places, strict=True):
            unsure = "" if item.confirmed or "unconfirmed" in item.what else " (unconfirmed)"
            lines.append((day, left, place, item.what + unsure))
    return lines


def _open_findings(data: SiteData) -> list[FindingRow]:
    rows = [row for row in data.report.findings if row.waived_until is None]
    return sorted(rows, key=lambda row: (_SEVERITIES.index(row.severity), row.control, row.resource))


def _code_block(terraform: str | None) -> Markup:
    """Terraform as a fenced block that can stand inside a collapsed one (indented by four)."""
    if terraform is None:
        return Markup("")
    return Markup(textwrap.indent(f"~~~~~~hcl\n{terraform}\n~~~~~~", "    "))  # noqa: S704 - a case shipped with the rule


def _provision(provision: Provision) -> Markup:
    """The first cells of a provision's line: its number, and what it says, with whom it binds and from when."""
    number = Markup("{}**{}**").format(words.anchor(provision.ref), words.text(provision.label))
    for note in (f"draft {provision.draft}" if provision.draft else "", "" if provision.confirmed else "unconfirmed"):
        number += Markup(" <br> {}").format(words.text(note)) if note else Markup("")
    says = words.text(provision.title) + (Markup(" <br> *{}*").format(words.text(provision.note)) if provision.note else Markup(""))
    lines = [Markup("Binds {}.").format(words.text(provision.binds))] if provision.binds else []
    lines += [Markup("Applies from {}.").format(words.text(provision.applies_from))] if provision.applies_from else []
    lines += [Markup("It binds nobody before {}.").format(words.text(provision.first_binds))] if provision.first_binds else []
    lines += [Markup("{}: {}.").format(words.text(item.on), words.text(item.what)) for item in provision.dates]
    return Markup("{} | {}").format(number, Markup(" <br> ").join([says, *lines]))


def _wrapped(value: str) -> Markup:
    """A long name in the fixed-width face that may break after its separators."""
    return Markup("<code>{}</code>").format(words.text(value).replace("/", Markup("/<wbr>")).replace(Markup("&#58;"), Markup("&#58;<wbr>")))


@cache
def _environment() -> Any:
    jinja2 = require("jinja2", extra="site", needed_for="building the site")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("averment.governance.site", "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # `finalize` escapes for HTML and Markdown both, which autoescape does not
        finalize=words.text,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    helpers: dict[str, Callable[..., Any]] = {
        "badge": words.badge,
        "standing": words.standing,
        "code": words.code,
        "link": words.link,
        "anchor": words.anchor,
        "slug": words.slug,
        "short": words.short,
        "days": words.days,
        "wrapped": _wrapped,
        "provision": _provision,
        "rules_of": lambda control: sorted({item.policy for item in control.assessments if item.policy}),
        "plain": words.plain,
    }
    environment.globals.update(helpers)
    return environment


def _render(template: str, **values: Any) -> str:
    rendered: str = _environment().get_template(template).render(**values)
    return rendered
