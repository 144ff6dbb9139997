"""The pages on law: a framework's crosswalk and gaps, and the register of dates."""

from __future__ import annotations

from averment.controls.binding import FACT_WORDS, law_register
from averment.controls.crosswalk import crosswalk
from averment.controls.model import Framework
from averment.core.words import Status
from averment.governance.site.data import SiteData
from averment.governance.site.pages.rendering import render


def framework_page(data: SiteData, framework: Framework) -> str:
    """The crosswalk from a framework's provisions to controls, states and rules, and its gaps."""
    rows = crosswalk(data.catalogue, framework, data.organisation.profile, data.today)
    known = {rule.id for rule in data.rules}
    mapped = [row for row in rows if row.mapped]
    states = {item.control.id: data.status(item.control.id) for row in mapped for item in row.mapped}
    totals = [(str(status), count) for status in Status if (count := list(states.values()).count(status))]
    return render(
        "framework.md", data=data, framework=framework, rows=rows, mapped=len(mapped), states=states, totals=totals, known_rules=known
    )


def law_page(data: SiteData) -> str:
    """The law register and the profile that decides what binds."""
    register = law_register(data.catalogue)
    ahead = [item for item in register if item.on >= data.today]
    past = sorted((item for item in register if item.on < data.today), key=lambda item: item.on, reverse=True)
    return render("law.md", data=data, ahead=ahead, past=past, facts=list(FACT_WORDS.items()))
