"""Rebuilds expressions.json: what the Terraform CLI itself makes of each expression of expressions.txt.

Run it with a ``terraform`` on the PATH (no provider is needed: the configuration is locals only). The tests read the recording.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PRELUDE = HERE / "expressions.tf"


def expressions() -> list[str]:
    """One a line; blank lines and comments are left out."""
    lines = (HERE / "expressions.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def main() -> int:
    """Ask ``terraform console`` for every expression, in one session."""
    asked = expressions()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "main.tf").write_text(PRELUDE.read_text(encoding="utf-8"), encoding="utf-8")
        done = subprocess.run(["terraform", "version"], capture_output=True, text=True, check=True)
        version = re.search(r"Terraform v\S+", done.stdout)
        answers: list[dict[str, object]] = []
        for expression in asked:
            said = subprocess.run(
                ["terraform", f"-chdir={folder}", "console"],
                input=f"jsonencode({expression})\n",
                capture_output=True,
                text=True,
                check=False,
            )
            line = said.stdout.strip()
            if said.returncode == 0 and line.startswith('"') and line.endswith('"'):
                answers.append({"expression": expression, "value": json.loads(json.loads(line))})
            else:
                answers.append({"expression": expression, "error": True})
    out = {"origin": f"terraform console, {version[0] if version else 'unknown version'}, jsonencode of each expression", "cases": answers}
    (HERE / "expressions.json").write_text(json.dumps(out, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
