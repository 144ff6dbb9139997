"""What the how-to pages lead to, beyond what they print (``tests/documentation`` follows every page to the letter)."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from averment.cli.main import run as averment
from averment.core.organisation import load_organisation

DOCS = Path(__file__).parents[2] / "governance" / "docs"


def fenced(page: str) -> list[tuple[str, str]]:
    """Every fenced block of a page: language and text."""
    return re.findall(r"^```(\w+)\n(.*?)^```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)


def steps(page: str) -> list[tuple[str, list[str]]]:
    """Each command of a page with the lines that it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for language, text in fenced(page):
        for line in text.splitlines() if language == "console" else ():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository with the example of the page on adopting."""
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    _, text = next(block for block in fenced("adopting.md") if block[0] == "terraform")
    file = tmp_path / text.splitlines()[0].removeprefix("# ")
    file.parent.mkdir()
    file.write_text(text)
    who = ["-c", "user.email=test@example.com", "-c", "user.name=Test", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q", "."], ["add", "."], ["commit", "-q", "-m", "start"]):
        subprocess.run(["git", *who, *command], check=True)
    return tmp_path


def follow(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command, printed in steps(page):
        code = averment(shlex.split(command)[1:])
        captured = capsys.readouterr()
        said = captured.out + captured.err
        assert code in (0, 1), f"{page}: {command}\n{said}"
        for line in printed:
            assert line in said, f"{page}: {command}\n{said}"


def test_the_page_on_own_rules_works(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the scaffold to the rule of averment.yaml."""
    settings = next(text for language, text in fenced("own-rules.md") if language == "yaml" and text.startswith("version"))
    for number, (command, printed) in enumerate(steps("own-rules.md")):
        if number == len(steps("own-rules.md")) - 1:
            (folder / "averment.yaml").write_text(settings)
        averment(shlex.split(command)[1:])
        captured = capsys.readouterr()
        for line in printed:
            assert line in captured.out + captured.err, command
    assert averment(["check", ".", "--rule", "bucket-has-owner", "-f", "json"]) == 1
    assert '"aws_s3_bucket.orphan"' not in capsys.readouterr().out, "the rule's own cases are left out"


def test_the_page_on_guard_works(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page's own rule is emitted with the page's scope, judges Terraform as it says, and without a scope is refused with the page's reason."""
    rule = folder / "own-rules" / "media_bucket_closed" / "rule.py"
    rule.parent.mkdir(parents=True)
    rule.write_text(next(text for language, text in fenced("guard.md") if language == "python"))
    assert averment(["rules", "guard", "media-bucket-closed", "--rules", "own-rules"]) == 2
    assert "which hold media is guessed by default" in capsys.readouterr().err
    (folder / "averment.yaml").write_text(next(text for language, text in fenced("guard.md") if language == "yaml"))
    follow("guard.md", capsys)
    (folder / "main.tf").write_text('resource "aws_s3_bucket" "a" {\n  bucket = "acme-uploads-1"\n}\n')
    assert averment(["check", "main.tf", "--rule", "media-bucket-closed"]) == 1
    assert "this media bucket doesn't block public access; also: this media bucket keeps no versions" in capsys.readouterr().out


def test_settings_on_the_pages_load(tmp_path: Path) -> None:
    """Each averment.yaml of the pages is valid, and each hook and input that they name exists."""
    root = DOCS.parents[1]
    hooks = {hook["id"] for hook in yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())}
    action = yaml.safe_load((root / "action.yml").read_text())
    for page in ("adopting.md", "own-rules.md", "guard.md"):
        for text in (text for language, text in fenced(page) if language == "yaml"):
            document = yaml.safe_load(text)
            if "version" in document:
                (tmp_path / "averment.yaml").write_text(text)
                load_organisation(tmp_path / "averment.yaml")
            if "repos" in document:
                assert {hook["id"] for hook in document["repos"][0]["hooks"]} <= hooks
            if "jobs" in document:
                step = next(item for item in document["jobs"]["averment"]["steps"] if item.get("id") == "averment")
                assert set(step["with"]) <= set(action["inputs"])
                assert set(re.findall(r"steps\.averment\.outputs\.([\w-]+)", text)) <= set(action["outputs"])
    assert (root / "ci/gitlab/averment.yml").is_file()
