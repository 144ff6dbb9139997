"""The measure of a first check counts what the check says, keeps runs, and takes judgements at their word."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "check" / "noise.py"
BUCKET = 'resource "aws_s3_bucket" "uploads" {\n  bucket = "shop-uploads"\n}\n'


def noise(folder: Path, *arguments: str) -> str:
    """What the script prints, run in ``folder``."""
    done = subprocess.run([sys.executable, str(SCRIPT), *arguments], check=True, capture_output=True, text=True, cwd=folder)
    return done.stdout


def test_failures_are_counted_listed_and_judged(tmp_path: Path) -> None:
    """The fingerprints of the list are those of the judgements; what has none is unjudged; an empty repository has no figure per 1,000."""
    for name, text in (("acme+shop", BUCKET), ("acme+notes", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / ("main.tf" if text else "README.md")).write_text(text)
    repos = ["acme+shop", "acme+notes", "--keep", "kept"]
    listed = [line.split() for line in noise(tmp_path, *repos, "--list").splitlines()]
    assert {line[0] for line in listed} == {"acme+shop"}
    (tmp_path / "judged.json").write_text(json.dumps({"acme+shop": {listed[0][1]: "act", listed[1][1]: "dismiss"}}))
    table = noise(tmp_path, *repos, "--judged", "judged.json")
    assert f"| acme/shop | 1 | 1 | {len(listed)} | {1000 * len(listed):.1f} | 1 | 0 | 0 | 0 |  |" in table
    assert "| acme/notes | 2 | 0 | 0 |  | 0 |" in table
    assert f"Judged: 1 act, 1 dismiss, {len(listed) - 2} unjudged" in table


def test_checkovs_failures_stand_beside_and_a_run_that_broke_has_no_figure(tmp_path: Path) -> None:
    """One report or several are summed; output that is no report is an empty cell and never a zero."""
    (tmp_path / "acme+shop").mkdir()
    (tmp_path / "acme+shop" / "main.tf").write_text(BUCKET)
    for answer, cell in (('[{"summary": {"failed": 3}}, {"summary": {"failed": 4}}]', "7"), ('{"failed": 0}', "0"), ("Traceback", "")):
        (tmp_path / "checkov").write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\n")
        (tmp_path / "checkov").chmod(0o755)
        (tmp_path / "kept" / "acme+shop.checkov.json").unlink(missing_ok=True)
        table = noise(tmp_path, "acme+shop", "--keep", "kept", "--checkov", str(tmp_path / "checkov"))
        assert table.splitlines()[2].endswith(f"| {cell} |")
