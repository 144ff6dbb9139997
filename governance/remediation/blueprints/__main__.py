"""``python -m averment.governance.remediation.blueprints``: write the blueprints' pages anew."""

from __future__ import annotations

from averment.core.files import write_atomic
from averment.governance.remediation.blueprints import all_blueprints
from averment.governance.remediation.blueprints.pages import render

if __name__ == "__main__":
    for blueprint in all_blueprints().values():
        write_atomic(blueprint.folder / "README.md", render(blueprint).encode())
