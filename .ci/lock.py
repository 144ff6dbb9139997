"""Resolve the development lock files from the ranges in pyproject.toml. No index or host is written into them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "requirements/dev.lock": ["--extra", "all", "--group", "test", "--group", "lint"],
    "requirements/checkov.lock": ["--extra", "checkov"],
}


def main() -> None:
    """Write each lock; pip-tools runs with this interpreter, so run it with the oldest supported Python."""
    for name, what in LOCKS.items():
        command = [sys.executable, "-m", "piptools", "compile", "--quiet", "--strip-extras", "--upgrade", "--no-emit-index-url"]
        command += [
            "--no-emit-find-links",
            "--no-emit-trusted-host",
            "--no-header",
            "--no-annotate",
            "--output-file",
            name,
            *what,
            "pyproject.toml",
        ]
        subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
