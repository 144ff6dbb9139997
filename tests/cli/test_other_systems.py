"""Windows and macOS, as far as they can be tried elsewhere: names of files, line ends, places with drives, and no POSIX modules at hand."""

from __future__ import annotations

import json
import ntpath
import subprocess
import sys
from collections import Counter
from pathlib import Path, PureWindowsPath

import pytest

from averment.cli.explain.findings import looks_like_finding
from averment.cli.main import run
from averment.core.organisation import load_organisation

ROOT = Path(__file__).parents[2]
FORBIDDEN = frozenset('<>:"|?*\\') | {chr(number) for number in range(32)}
BUCKET = 'resource "aws_s3_bucket" "uploads" {\n  bucket = "shop-uploads"\n}\n'

POSIX_ALONE = ("fcntl", "resource", "pwd", "grp", "termios", "pty", "tty", "syslog")
WITHOUT = (
    f"import sys\nfor name in {POSIX_ALONE!r}: sys.modules[name] = None\nfrom averment.cli.main import run\nsys.exit(run(sys.argv[1:]))\n"
)
"""The program on a system that lacks what Python has on POSIX systems only."""


def without_posix(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program, in ``folder``, without the modules that Windows lacks."""
    command = [sys.executable, "-c", WITHOUT, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)


def reserved(name: str) -> bool:
    """Whether Windows keeps ``name`` for a device."""
    newer = getattr(ntpath, "isreserved", None)  # from Python 3.13 on, which warns of the other
    return bool(newer(name) if newer is not None else PureWindowsPath(name).is_reserved())


def unfit(names: list[str]) -> list[str]:
    """The names (with ``/``) that Windows can't hold, or that a file system which ignores case takes for one."""
    bad = [name for name in names for part in name.split("/") if FORBIDDEN & set(part) or part[-1] in ". "]
    bad += [name for name in names if any(reserved(part) for part in name.split("/"))]
    alike = Counter(name.lower() for name in names)
    return bad + [name for name in names if alike[name.lower()] > 1]


def test_a_checkout_fits_every_system() -> None:
    """Nobody fails to clone because of a name."""
    listed = subprocess.run(["git", "ls-files", "-z"], check=False, capture_output=True, text=True, cwd=ROOT)
    names = [name for name in listed.stdout.split("\0") if name]
    if not names:
        pytest.skip("not a git checkout")
    assert unfit(names) == []


def test_what_the_program_writes_fits_every_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ledger, key, baseline, configuration, package and proofs have names without colons, also where they hold times and ids."""
    (tmp_path / "main.tf").write_text(BUCKET)
    monkeypatch.chdir(tmp_path)
    assert run(["init", "--no-account", "--pre-commit", "--ci", "github"]) == 0
    assert run(["collect", "--collector", "check"]) == 0
    assert run(["check", ".", "--write-baseline", "baseline.json"]) == 0
    assert run(["export", "--period", "2026Q4", "--output", "package"]) == 0
    names = [file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*")]
    assert len(names) > 40
    assert unfit(names) == []


@pytest.mark.parametrize(
    "arguments", [["--help"], ["rules", "list"], ["controls", "lint"], ["explain", "SM-UPL-03"], ["init", "--dry-run"]]
)
def test_commands_run_without_posix_modules(arguments: list[str], tmp_path: Path) -> None:
    """What needs no lock doesn't ask for one."""
    done = without_posix(tmp_path, *arguments)
    assert done.returncode == 0, done.stderr


def test_a_check_runs_without_posix_modules(tmp_path: Path) -> None:
    """A template is judged as elsewhere."""
    (tmp_path / "template.json").write_text(json.dumps({"Resources": {"Uploads": {"Type": "AWS::S3::Bucket"}}}))
    done = without_posix(tmp_path, "check", ".")
    assert done.returncode == 1, done.stderr
    assert "Uploads" in done.stdout


def test_a_ledger_in_a_folder_is_refused_where_there_are_no_locks(tmp_path: Path) -> None:
    """Two writers could spoil it, so it isn't written; the error names what to do, and there is no traceback."""
    (tmp_path / "main.tf").write_text(BUCKET)
    done = without_posix(tmp_path, "collect", "--collector", "check")
    assert done.returncode == 3
    assert "no POSIX file locks" in done.stderr
    assert "WSL" in done.stderr
    assert "Traceback" not in done.stderr


def test_files_with_line_ends_of_windows_are_read_as_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Configuration, Terraform with a waiver beside it, and a template: the same findings, and the waiver's reason has no trailing control
    character."""
    waived = BUCKET.replace("{\n", '{\n  # averment:waive=media-bucket-hardened until=2099-01-01 owner=media reason="moves"\n', 1)
    settings = "version: 1\norganisation:\n  name: Shop\nscope:\n  regions: [eu-west-1]\n"
    template = "Resources:\n  Uploads:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: shop-uploads\n"
    told = {}
    for name, end in (("unix", "\n"), ("windows", "\r\n")):
        folder = tmp_path / name
        folder.mkdir()
        for file, text in (("main.tf", waived), ("averment.yaml", settings), ("template.yaml", template)):
            (folder / file).write_bytes(text.replace("\n", end).encode())
        monkeypatch.chdir(folder)
        assert load_organisation(folder / "averment.yaml").name == "Shop"
        run(["check", ".", "--no-cache", "-f", "json"])
        found = json.loads(capsys.readouterr().out)
        told[name] = [
            (item["rule"], item["resource"], item["verdict"], item["line"], item["waived_by"], item["message"])
            for item in found["findings"]
        ]
    assert told["unix"] == told["windows"]
    assert any(item[4] and "moves" in item[4] for item in told["windows"])


@pytest.mark.parametrize(
    ("thing", "is_one"),
    [
        (r"C:\shop\main.tf:12", True),
        (r"C:\shop\main.tf:12:3", True),
        ("infra/main.tf:12", True),
        (r"C:\shop\main.tf", False),
        ("SM-UPL-03", False),
        ("AI Act 50:2", False),
    ],
)
def test_a_place_with_a_drive_is_a_place(thing: str, is_one: bool) -> None:
    """The colon of a drive isn't the one before the line."""
    assert looks_like_finding(thing) is is_one
