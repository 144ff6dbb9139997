"""Rebuilds the table of recorded types in ``governance/docs/run-time.md`` out of ``config.types.RECORDINGS``.

``python tests/policies/rebuild_config_types.py`` writes it; ``test_config_types`` compares.
"""

from __future__ import annotations

from pathlib import Path

from averment.policies.runtime.described.added import ADDITIONS
from averment.policies.runtime.described.table import DESCRIBED, ELSEWHERE
from averment.policies.surfaces.config.types import RECORDINGS, Origin, Recording, Spelling

PAGE = Path(__file__).resolve().parents[2] / "governance" / "docs" / "run-time.md"
BEGIN, END = "<!-- types: begin -->", "<!-- types: end -->"
_CONFIRMED = {("api", "schema"): "API and schema", ("api",): "API only", ("schema",): "schema only", (): ""}


def table() -> str:
    """The table in Markdown, in order of type."""
    rows = ["| Type | From | Spelling of its items | Known recorded by | Remarks | Actions |", "|---|---|---|---|---|---|"]
    rows += [_row(name, entry) for name, entry in sorted(RECORDINGS.items())]
    return "\n".join(rows)


def _row(name: str, entry: Recording) -> str:
    spelling = "" if entry.origin is Origin.SERVICE else ("lowerCamel" if entry.spelling is Spelling.SDK else "PascalCase")
    came = {
        Origin.CONFIG: "AWS Config",
        Origin.PART: f"AWS Config, in {', '.join(f'`{owner}`' for owner in entry.held_in)}",
        Origin.SERVICE: "the service",
    }[entry.origin]
    tables = (DESCRIBED, ELSEWHERE, ADDITIONS)
    actions = [action for owner in entry.held_in for table in tables if owner in table for action in table[owner].actions]
    if entry.origin is Origin.PART:
        actions = []
    cells = (f"`{name}`", came, spelling, _CONFIRMED[entry.confirmed], entry.lacks, ", ".join(f"`{action}`" for action in actions))
    return f"| {' | '.join(cells)} |"


def page(text: str) -> str:
    """The page with the table in its place."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
