"""Where on the site a thing has its page that another module writes: paths below the documentation folder."""

from __future__ import annotations

from functools import cache
from importlib import resources

from averment.governance.remediation.blueprints import all_blueprints
from averment.governance.site.words import plain

_RUNBOOKS = "runbooks.md"


def runbook_place(name: str) -> str:
    """The page on a runbook, as seen from a control's: its own if the documentation has one, else the one on all of them."""
    own = resources.files("averment").joinpath("governance", "docs", "runbooks", f"{name}.md")
    return f"../about/runbooks/{name}.md" if own.is_file() else f"../about/{_RUNBOOKS}"


@cache
def blueprint_names() -> frozenset[str]:
    """The blueprints that have a page; what ships doesn't change while the program runs."""
    return frozenset(all_blueprints())


def incident_place(incident: str) -> str:
    """The page of an incident; whatever its id holds, the page lies in the folder for incidents."""
    return f"incidents/{plain(incident)}.md"
