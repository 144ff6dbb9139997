"""``averment init`` writes a file that the program itself accepts, and destroys nothing."""

from pathlib import Path

import pytest
import yaml

from averment.cli.main import run
from averment.core.organisation import load_organisation
from averment.core.scope import DEFAULT_MEDIA


def test_the_written_file_is_valid_and_states_the_default_scope(tmp_path: Path) -> None:
    """A user who runs init and changes nothing gets the same media scope as one without a file."""
    assert run(["init", str(tmp_path)]) == 0
    organisation = load_organisation(tmp_path / "averment.yaml")
    assert {matcher.role: set(matcher.names) for matcher in organisation.scope.media} == {m.role: set(m.names) for m in DEFAULT_MEDIA}
    assert organisation.evidence.ledger == ".averment/ledger"


def test_hook_and_ci_files_are_yaml_that_call_the_check(tmp_path: Path) -> None:
    """The snippets run `averment check`."""
    assert run(["init", str(tmp_path), "--pre-commit", "--ci", "github"]) == 0
    hook = yaml.safe_load((tmp_path / ".pre-commit-config.yaml").read_text())
    assert hook["repos"][0]["hooks"][0]["entry"] == "averment check"
    job = yaml.safe_load((tmp_path / ".github/workflows/averment.yml").read_text())
    assert any("averment check" in step.get("run", "") for step in job["jobs"]["check"]["steps"])


@pytest.mark.parametrize("existing", ["averment.yaml", ".pre-commit-config.yaml"])
def test_nothing_is_written_when_one_file_exists(tmp_path: Path, existing: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An existing file is named, kept, and no other file appears."""
    (tmp_path / existing).write_text("mine: true\n")
    assert run(["init", str(tmp_path), "--pre-commit"]) == 2
    assert existing in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == [existing]
    assert (tmp_path / existing).read_text() == "mine: true\n"


def test_the_private_folder_is_ignored_by_git_once(tmp_path: Path) -> None:
    """The ledger's key must not be committed by accident."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("build")
    assert run(["init", str(tmp_path)]) == 0
    (tmp_path / "averment.yaml").unlink()
    assert run(["init", str(tmp_path)]) == 0
    assert (tmp_path / ".gitignore").read_text() == "build\n.averment/\n"


def test_what_the_file_only_suggests_is_valid_too(tmp_path: Path) -> None:
    """The commented settings of the check load once the comment signs are taken away."""
    assert run(["init", str(tmp_path)]) == 0
    file = tmp_path / "averment.yaml"
    text = file.read_text()
    start, end = text.index("# check:"), text.index("# Folders of rules of your own")
    file.write_text(text[:start] + text[start:end].replace("# check", "check").replace("#   ", "  ") + text[end:])
    settings = load_organisation(file).check
    assert (settings.severity, settings.fail_on, settings.skip) == ("low", "fail", ("examples/*",))
