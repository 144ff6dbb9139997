"""The site's pages as Markdown, from one view of the data: a module for each sort of page, and here all of them together."""

from __future__ import annotations

from averment.governance.site.data import SiteData
from averment.governance.site.pages.controls import control_page
from averment.governance.site.pages.evidence import claims_page, evidence_page, verify_page
from averment.governance.site.pages.home import changes_page, home_page
from averment.governance.site.pages.incidents import incident_pages, incidents_page
from averment.governance.site.pages.law import framework_page, law_page
from averment.governance.site.pages.plans import blueprint_pages, plan_pages
from averment.governance.site.pages.rules import rule_page, rules_page
from averment.governance.site.shipped import sheets

__all__ = ["all_pages"]


def all_pages(data: SiteData) -> dict[str, str]:
    """Every generated page: path below the documentation folder -> Markdown."""
    pages = {
        "index.md": home_page(data),
        "changes.md": changes_page(data),
        "law.md": law_page(data),
        "rules.md": rules_page(data),
        "evidence.md": evidence_page(data),
        "claims.md": claims_page(data),
        "verify.md": verify_page(data),
        "incidents.md": incidents_page(data),
    }
    pages |= {f"controls/{control.id}.md": control_page(data, control) for control in data.catalogue}
    pages |= {f"frameworks/{framework.id}.md": framework_page(data, framework) for framework in data.catalogue.frameworks.values()}
    pages |= {f"rules/{rule.id}.md": rule_page(data, rule) for rule in data.rules}
    return pages | incident_pages(data) | plan_pages(data) | blueprint_pages() | {path: text for path, (_, text) in sheets().items()}
