"""``averment blueprints``: out of the package into a folder of the reader's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from averment.cli.main import run
from averment.governance.remediation.blueprints import all_blueprints
from averment.governance.remediation.blueprints.pages import read_template, render

NAMES = sorted(all_blueprints())


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_list_has_every_blueprint(capsys: pytest.CaptureFixture[str]) -> None:
    """With the controls that each serves, for people and for programs."""
    assert run(["blueprints", "list", "--format", "json"]) == 0
    assert {item["name"]: tuple(item["controls"]) for item in json.loads(capsys.readouterr().out)} == {
        name: item.controls for name, item in all_blueprints().items()
    }
    assert run(["blueprints", "list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_whole(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Template, Terraform, what that reads beside itself, and the page; nothing that only the page is made of."""
    assert run(["blueprints", "write", name]) == 0
    written = {Path(line).name for line in capsys.readouterr().out.splitlines()}
    assert written == {path.name for path in Path(name).iterdir()}
    assert written >= {"template.yaml", "main.tf", "README.md"}
    assert "blueprint.yaml" not in written
    named = re.findall(r'file\("\$\{path\.module\}/([\w.]+)"\)', Path(name, "main.tf").read_text())
    assert set(named) <= written
    assert run(["blueprints", "show", name]) == 0
    assert capsys.readouterr().out == Path(name, "README.md").read_text()


def test_nothing_is_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    """Again is the same; what somebody changed since stops it before anything is written."""
    assert run(["blueprints", "write", "edge", "--output", "mine/edge"]) == 0
    assert run(["blueprints", "write", "edge", "--output", "mine/edge"]) == 0
    changed, gone = Path("mine/edge/template.yaml"), Path("mine/edge/README.md")
    changed.write_text("ours")
    gone.unlink()
    assert run(["blueprints", "write", "edge", "--output", "mine/edge"]) == 2
    assert "template.yaml: is there already" in capsys.readouterr().err
    assert changed.read_text() == "ours"
    assert not gone.exists()


def test_a_link_that_leads_nowhere_is_not_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    """It is somebody's, too: into a volume that isn't there now, for instance."""
    Path("mine").mkdir()
    Path("mine/template.yaml").symlink_to("nowhere/template.yaml")
    assert run(["blueprints", "write", "edge", "--output", "mine"]) == 2
    assert "template.yaml: is there already" in capsys.readouterr().err
    assert [path.name for path in Path("mine").iterdir()] == ["template.yaml"]


def test_an_unknown_one_is_answered_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, for each command that takes a name."""
    for verb in ("show", "write"):
        assert run(["blueprints", verb, "gate"]) == 2
        assert "media-gate" in capsys.readouterr().err


def test_a_folder_that_can_not_be_made_is_one_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A file stands where the folder should: could not complete, as wherever a file can't be written."""
    Path("file").write_text("")
    assert run(["blueprints", "write", "edge", "--output", "file/edge"]) == 3
    assert "could not be written" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_the_page_asks_for_what_has_no_default(name: str) -> None:
    """In both forms: the deploy command's parameters are the template's without a default, the module's inputs Terraform's."""
    blueprint = all_blueprints()[name]
    page, parameters = render(blueprint), read_template(blueprint).get("Parameters", {})
    command = next(line for line in page.splitlines() if line.startswith("$ aws cloudformation deploy"))
    assert re.findall(r"(\w+)=\.\.\.", command) == [key for key, item in parameters.items() if "Default" not in item]
    asked = re.findall(r"^  (\w+) += \.\.\.$", page, re.MULTILINE)
    declared = re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', blueprint.terraform.read_text(), re.MULTILINE | re.DOTALL)
    assert sorted(asked) == sorted(key for key, body in declared if not re.search(r"^  default\b", body, re.MULTILINE))
    iam = any(item["Type"].startswith("AWS::IAM::") for item in read_template(blueprint)["Resources"].values())
    assert ("CAPABILITY_NAMED_IAM" in command) is iam


def test_the_edge_is_deployed_where_lambda_at_edge_is_taken_from() -> None:
    """By both forms in us-east-1: Terraform would make all of it where the configuration around it is, and fail at the distribution."""
    page = render(all_blueprints()["edge"])
    assert "--stack-name edge --region us-east-1" in page
    assert re.search(r"^  providers += \{ aws = aws\.us_east_1 \}$", page, re.MULTILINE)
    assert "aws.us_east_1" not in render(all_blueprints()["media-gate"])
