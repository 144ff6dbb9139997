"""``averment check`` with its cache: where it is, when it isn't used, and that nothing else about a check changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from averment.cli import check_cache
from averment.cli.check_cache import tell
from averment.cli.main import run as averment
from averment.core.user_cache import Store
from averment.policies.cache.memory import Cache

UPLOADS = 'resource "aws_s3_bucket" "{0}" {{\n  bucket = "{0}-uploads"\n}}\n'
GIT = ("git", "-c", "user.email=test@example.com", "-c", "user.name=Test", "-c", "commit.gpgsign=false")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of one's own, and no folder named for the cache."""
    monkeypatch.delenv("AVERMENT_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "caches"))
    return tmp_path / "home"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Git repository with a bucket in each of two folders; the working folder of the test."""
    top = tmp_path / "repository"
    for name in ("a", "b"):
        (top / name).mkdir(parents=True)
        (top / name / "main.tf").write_text(UPLOADS.format(name))
    monkeypatch.chdir(top)
    monkeypatch.delenv("GIT_DIR", raising=False)
    for arguments in (("init", "-q", "-b", "main", "."), ("add", "-A"), ("commit", "-q", "-m", "start")):
        subprocess.run([*GIT, *arguments], check=True)
    return top


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and JSON report of a check; the report has no time in it."""
    capsys.readouterr()
    code = averment(["check", "-f", "json", *arguments])
    return code, capsys.readouterr().out


def bundles(folder: Path) -> list[Path]:
    """What was kept of checks; the shipped catalogue lies beside it."""
    return sorted(file for file in folder.rglob("*.bundle") if not file.name.startswith("documents-"))


def test_the_cache_lies_in_the_users_folder_unless_named(home: Path, repository: Path, capsys: pytest.CaptureFixture[str]):
    """Nothing is left in the repository; --cache-dir and AVERMENT_CACHE_DIR name another folder, --no-cache none."""
    first = report(capsys, ".")
    assert len(bundles(home / "caches" / "averment")) == 1
    before = bundles(home)[0].read_bytes()
    assert report(capsys, ".") == first
    assert report(capsys, ".", "--no-cache") == first
    assert report(capsys, ".", "--cache-dir", str(home / "named")) == first
    assert len(bundles(home / "named")) == 1
    os.environ["AVERMENT_CACHE_DIR"] = str(home / "told")
    try:
        assert report(capsys, ".") == first
        assert len(bundles(home / "told")) == 1
    finally:
        del os.environ["AVERMENT_CACHE_DIR"]
    assert bundles(home / "caches")[0].read_bytes() == before
    assert sorted(path.name for path in repository.iterdir()) == [".git", "a", "b"]


def test_no_cache_leaves_nothing(home: Path, repository: Path, capsys: pytest.CaptureFixture[str]):
    """Neither a folder nor a note."""
    assert averment(["check", ".", "--no-cache"]) == 1
    assert not home.exists()
    assert "cache" not in capsys.readouterr().err


def test_a_repository_cannot_bring_its_own_cache(repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Where the user's folder lies inside of what is checked it isn't used, and that is said; one that was named is used, and that is said."""
    monkeypatch.delenv("AVERMENT_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(repository / ".cache"))
    assert averment(["check", "a"]) == 1
    assert "is not used" in capsys.readouterr().err
    assert bundles(repository) == []
    assert averment(["check", "a", "--cache-dir", ".cache"]) == 1
    assert "decides what this check says" in capsys.readouterr().err
    assert len(bundles(repository)) == 1


def test_trouble_with_the_cache_is_one_line_and_changes_nothing(home: Path, repository: Path, capsys: pytest.CaptureFixture[str]):
    """A damaged bundle, a folder that others may write, a file in the folder's place."""
    expected = report(capsys, ".")
    (file,) = bundles(home)

    def damage() -> None:
        file.write_bytes(b"nonsense")

    def open_up() -> None:
        file.parent.chmod(0o777)

    def block() -> None:
        for path in sorted(home.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        home.rmdir()
        home.write_text("a file")

    changes: tuple[Callable[[], None], ...] = (damage, open_up, block)
    for change in changes:
        change()
        assert averment(["check", "-f", "json", "."]) == expected[0]
        told = capsys.readouterr()
        assert told.err.count("\n") == 1, told.err
        assert "the cache in" in told.err
        assert told.out == expected[1]


def test_fix_checks_again_what_it_wrote(home: Path, repository: Path, capsys: pytest.CaptureFixture[str]):
    """From a warm cache: the edits are made, and the second check sees them."""
    (repository / "a" / "main.tf").write_text(
        UPLOADS.format("a") + 'resource "aws_s3_bucket_versioning" "a" {\n  bucket = aws_s3_bucket.a.id\n'
        '  versioning_configuration {\n    status = "Suspended"\n  }\n}\n'
    )
    os.utime(repository / "a" / "main.tf", (1_700_000_000, 1_700_000_000))
    only = ("a", "--rule", "media-bucket-hardened")
    assert report(capsys, *only)[0] == 1
    assert averment(["check", *only, "--fix", "--diff"]) == 1
    assert '+    status = "Enabled"' in capsys.readouterr().out
    averment(["check", *only, "--fix"])
    assert "fixed a/main.tf" in capsys.readouterr().err
    assert 'status = "Enabled"' in (repository / "a" / "main.tf").read_text()
    assert report(capsys, *only) == report(capsys, *only, "--no-cache")


def test_baseline_and_changes_apply_to_what_is_recalled(home: Path, repository: Path, capsys: pytest.CaptureFixture[str]):
    """--write-baseline, --baseline and --changed-since say the same with and without the cache."""
    report(capsys, ".")
    assert averment(["check", ".", "--write-baseline", str(home / "known.json")]) == 0
    with_baseline = (".", "--baseline", str(home / "known.json"))
    assert report(capsys, *with_baseline)[0] == 0
    (repository / "b" / "more.tf").write_text(UPLOADS.format("more"))
    for arguments in (with_baseline, (".", "--changed-since", "HEAD"), (*with_baseline, "--changed-since", "HEAD"), (".",)):
        assert report(capsys, *arguments) == report(capsys, *arguments, "--no-cache")
    code, text = report(capsys, ".", "--changed-since", "HEAD")
    assert code == 1
    assert {finding["file"] for finding in json.loads(text)["findings"]} == {"b/more.tf"}


def test_another_process_recalls_whatever_its_hash_seed(home: Path, repository: Path):
    """The order of sets differs from process to process; what is kept and its name don't."""
    written = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-m", "averment", "check", "."], env=environment, capture_output=True, check=False)
        (file,) = bundles(home)
        written.append((file.name, file.stat().st_ino))
    assert written[0] == written[1]


def test_the_checkov_engine_has_no_cache(home: Path, repository: Path):
    """It is there to run the rules another way."""
    averment(["check", ".", "--engine", "checkov"])
    assert not home.exists()


def test_only_somebody_who_waits_is_told_what_was_spared(home: Path, repository: Path, monkeypatch: pytest.MonkeyPatch):
    """A line on a terminal, once something was recalled; none in a log."""
    said: list[str] = []
    monkeypatch.setattr(check_cache, "_say", said.append)
    cache = Cache(Store(home))
    cache.units, cache.unchanged = 40, 12
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    tell(cache)
    assert said == []
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    tell(cache)
    tell(Cache(Store(home)))
    assert said == ["12 of 40 configurations are unchanged since the last run"]
