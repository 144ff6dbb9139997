"""``python -m averment.governance.remediation.runbooks``: write the runbooks' pages of the documentation anew."""

from __future__ import annotations

from pathlib import Path

from averment.core.files import write_atomic
from averment.governance.remediation.runbooks.pages import all_pages

if __name__ == "__main__":
    folder = Path(__file__).parents[2] / "docs" / "runbooks"
    for name, text in all_pages().items():
        write_atomic(folder / name, text.encode())
