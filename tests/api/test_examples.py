"""The programs on the page about the Python API run, and say what the page is about. Their input is written here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from averment import api
from averment.core.period import utc_now

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "examples" / "api"
PAGE = ROOT / "governance" / "docs" / "python-api.md"


def start(name: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One of the programs, as a user starts it."""
    return subprocess.run([sys.executable, PROGRAMS / name, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_the_page_shows_the_programs_to_the_letter() -> None:
    """Every Python block is a file that the tests below run, and every file is on the page."""
    shown = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert sorted(shown) == sorted(path.read_text(encoding="utf-8") for path in PROGRAMS.glob("*.py"))


def test_a_deployment_is_stopped(tmp_path: Path) -> None:
    """By a finding with its place, by what can't be read, and by bad input; a clean folder lets it go on."""
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "uploads" {\n  bucket = "shop-uploads"\n}\n')
    done = start("before_a_deployment.py", ".", folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "main.tf:1: fail (high): this upload bucket" in done.stdout
    (tmp_path / "main.tf").write_text("resource {{{\n")
    done = start("before_a_deployment.py", ".", folder=tmp_path)
    assert done.returncode == 3
    assert "could not be checked" in done.stdout
    (tmp_path / "main.tf").write_text('resource "aws_sns_topic" "news" {\n  name = "news"\n}\n')
    assert start("before_a_deployment.py", ".", folder=tmp_path).returncode == 0
    done = start("before_a_deployment.py", "nowhere", folder=tmp_path)
    assert done.returncode == 2
    assert "nowhere: does not exist" in done.stderr


def test_a_quarter_is_closed_and_judged(tmp_path: Path, sandbox: object) -> None:
    """The second program leaves a package, which the third then finds genuine, until a file in it is changed."""
    (tmp_path / "main.tf").write_text('resource "aws_sns_topic" "news" {\n  name = "news"\n}\n')
    (tmp_path / "generated").mkdir()
    (tmp_path / "generated" / "1.txt").write_text("no medium")
    now = utc_now()
    quarter = f"{now.year}Q{(now.month + 2) // 3}"
    done = start("end_of_quarter.py", quarter, "generated", folder=tmp_path)
    assert done.stderr == ""
    assert done.returncode == api.Conclusion.INCOMPLETE.exit_code, "there is no medium to test the claim on"
    assert "SM-PRV-01/coverage: " in done.stdout
    assert f"evidence-{quarter}: 3 records; controls: " in done.stdout
    key = next((tmp_path / ".averment" / "ledger" / "keys").glob("*.pub.pem"))
    done = start("judge_a_package.py", f"evidence-{quarter}", str(key), folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "shown: 3 records of the period stand in a log of 3 entries" in done.stdout
    assert "not shown: Unchanged is not complete" in done.stdout
    (tmp_path / f"evidence-{quarter}" / "report.json").write_text("{}")
    done = start("judge_a_package.py", f"evidence-{quarter}", str(key), folder=tmp_path)
    assert done.returncode == 1
    assert "report.json was changed" in done.stdout


def test_what_cannot_be_used_is_no_finding(tmp_path: Path) -> None:
    """A mistyped path ended in a traceback and 1: a pipeline took the package for a changed one."""
    for name, arguments in (("judge_a_package.py", ("nowhere", "no.pem")), ("end_of_quarter.py", ("2026Q5", "generated"))):
        done = start(name, *arguments, folder=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert "fix: " in done.stderr
        assert "Traceback" not in done.stderr
