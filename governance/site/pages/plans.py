"""The remediation plan, and the blueprints that it and the controls name."""

from __future__ import annotations

from averment.governance.incidents.document import Document, markdown
from averment.governance.incidents.plan import PAGES, Basis, plan
from averment.governance.remediation.blueprints import all_blueprints
from averment.governance.site.data import SiteData


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


def blueprint_pages() -> dict[str, str]:
    """The page of each blueprint that ships, as it lies beside its templates."""
    return {f"blueprints/{name}.md": (item.folder / "README.md").read_text(encoding="utf-8") for name, item in all_blueprints().items()}
