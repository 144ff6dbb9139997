"""The README's commands are real: each one exists with its options, and the five lines for one's own repository run."""

import importlib
import re
import shlex
from pathlib import Path

import click
import pytest

from averment.cli.main import COMMANDS, run
from averment.controls.loader import load_catalogue
from averment.policies.rules.registry import all_rules

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
SHOWN = [
    line.split("#")[0].strip()[2:]
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ ")
]
AVERMENT = [shlex.split(line)[1:] for line in SHOWN if line.startswith("averment ")]

UPLOADS = """\
resource "aws_s3_bucket" "uploads" {
  bucket = "acme-user-uploads"
}

resource "aws_s3_bucket_policy" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  policy = jsonencode({
    Statement = [{ Effect = "Allow", Principal = "*", Action = "s3:PutObject", Resource = "${aws_s3_bucket.uploads.arn}/*" }]
  })
}
"""


def test_the_readme_shows_commands() -> None:
    """The extraction itself works."""
    assert len(AVERMENT) >= 9
    assert {arguments[0] for arguments in AVERMENT} <= set(COMMANDS)


@pytest.mark.parametrize("arguments", AVERMENT, ids=[" ".join(arguments) for arguments in AVERMENT])
def test_each_shown_command_and_option_exists(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Words before the first option form the command; each option is in its help."""
    words = [word for word in arguments if not word.startswith("-")]
    command = importlib.import_module(COMMANDS[arguments[0]][0]).command
    depth = 2 if len(words) > 1 and isinstance(command, click.Group) else 1
    assert run([*words[:depth], "--help"]) == 0
    text = capsys.readouterr().out
    assert all(option in text for option in arguments if option.startswith("-"))


def test_the_readme_counts_what_there_is() -> None:
    """How many controls, laws and rules it says that there are, so that none is lost and none is added without a word there."""
    catalogue = load_catalogue()
    counted = (len(catalogue.controls), len(catalogue.frameworks), len(all_rules()))
    told = re.search(r"(\d+) controls as YAML.* to (\d+) laws and standards.*?(\d+) rules written once", README, re.DOTALL)
    assert told is not None
    assert tuple(map(int, told.groups())) == counted, "write these figures into the table of README.md"


def test_the_five_lines_work_in_somebodys_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stranger's repository with a real flaw: init, check, rules list, in the README's order."""
    (tmp_path / "main.tf").write_text(UPLOADS)
    monkeypatch.chdir(tmp_path)
    codes = [run(arguments) for arguments in AVERMENT[:3]]
    assert codes == [0, 1, 0]
    shown = capsys.readouterr().out
    assert "main.tf:" in shown
    assert "SM-UPL-03" in shown
