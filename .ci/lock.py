"""Resolve the development lock files from the ranges in pyproject.toml: names and versions, no index, no host.

pip itself resolves (a dry run with a report). Run it with the oldest interpreter in use: Debian 12 has 3.11.2, and some packages ask for 3.11.5.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "requirements/dev.lock": [".[all]", "--group", "test", "--group", "lint"],
    "requirements/browser.lock": [".[report,site]", "--group", "browser"],
    "requirements/checkov.lock": [".[checkov]", "pytest>=8.3"],
    "requirements/oscal.lock": [".", "--group", "oscal"],
    "requirements/spark.lock": [".[spark,sandbox]", "pytest>=8.3"],
}


def main() -> None:
    """Write each lock as pip constraints, sorted by name."""
    for name, what in LOCKS.items():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-", *what]
        report = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
        found = sorted((item["metadata"]["name"].lower(), item["metadata"]["version"]) for item in report["install"])
        lines = [f"{package}=={version}" for package, version in found if package != "averment"]
        (ROOT / name).parent.mkdir(exist_ok=True)
        (ROOT / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{name}: {len(lines)} packages")


if __name__ == "__main__":
    main()
