"""The page on the governance site: its templates hold what it says of them."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from averment.cli.main import run

PAGE = (Path(__file__).parents[2] / "governance" / "docs" / "site.md").read_text()


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """The CloudFormation template of the page, in a file of its own."""
    (block,) = (text for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE) if "AWSTemplateFormatVersion" in text)
    file = tmp_path / "site.yaml"
    file.write_text(block)
    return file


def test_the_template_passes_our_own_check(template: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``averment check`` finds nothing in it; the same template with a policy that lets anybody write does not get by."""
    monkeypatch.chdir(template.parent)
    settings = template.parent / "averment.yaml"
    settings.write_text("version: 1\n")
    assert run(["check", "--no-cache", "."]) == 0
    settings.write_text("version: 1\nscope: {media: [{role: upload, names: ['*']}]}\n")
    opened = (
        template.read_text().replace("Action: s3:GetObject", "Action: s3:PutObject").replace("{Service: cloudfront.amazonaws.com}", '"*"')
    )
    template.write_text(re.sub(r"            Condition:\n              StringEquals:\n.*\n", "", opened))
    capsys.readouterr()
    assert run(["check", "--no-cache", "."]) == 1
    assert "s3-put-object-gated" in capsys.readouterr().out


def test_the_template_passes_cfn_lint(template: Path) -> None:
    """cfn-lint has nothing to say."""
    result = subprocess.run(
        [str(Path(sysconfig.get_path("scripts")) / "cfn-lint"), str(template)], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, ""), result.stdout + result.stderr
