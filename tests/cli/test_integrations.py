"""What other repositories include: pre-commit hooks, the GitHub Action, the GitLab template; run as far as that goes without a service."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from averment.policies.surfaces.sniff import TEMPLATE_SUFFIXES

ROOT = Path(__file__).parents[2]
FLAW = 'resource "aws_sagemaker_model" "m" {\n  name = "m"\n}\n'
CLEAN = 'resource "aws_sagemaker_model" "m" {\n  name                     = "m"\n  enable_network_isolation = true\n}\n'


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody's repository with a clean model, and the program on the path."""
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    git("init", "-q", "-b", "main", ".")
    (folder / "main.tf").write_text(CLEAN)
    git("add", ".")
    git("commit", "-q", "-m", "start")
    return folder


def git(*arguments: str) -> None:
    who = ["-c", "user.email=test@example.com", "-c", "user.name=Test", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


def test_pre_commit_takes_the_hooks() -> None:
    """pre-commit itself accepts the manifest, and each entry is a command of the program."""
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for hook in load(".pre-commit-hooks.yaml"):
        assert hook["stages"] == ["pre-commit", "pre-push", "manual"], (
            "where somebody checks before pushes alone, a hook for commits never ran"
        )
        words = hook["entry"].split()
        shown = subprocess.run([sys.executable, "-m", "averment", *words[1:2], "--help"], capture_output=True, text=True, check=True).stdout
        assert all(word in shown for word in words[2:] if word.startswith("--"))
        assert re.search(hook["files"], "policies/uploads.json.tftpl"), "what templatefile() reads is part of the configuration"


@pytest.mark.parametrize("source", [".pre-commit-hooks.yaml", "src/averment/cli/templates/pre-commit.yaml"])
def test_pre_commit_hears_of_all_that_is_read(source: str) -> None:
    """A commit that changed no more than what SAM gives a template ran no hook."""
    written = load(source)
    for hook in written if isinstance(written, list) else written["repos"][0]["hooks"]:
        for name in ("samconfig.toml", "a/samconfig.toml", "t.yaml", *(f"t{suffix}" for suffix in TEMPLATE_SUFFIXES)):
            assert re.search(hook["files"], name), name
        assert not re.search(hook["files"], "pyproject.toml")


@pytest.mark.parametrize("hook_id", ["averment-check", "averment-check-changed"])
def test_pre_commit_runs_the_hooks(repository: Path, tmp_path: Path, hook_id: str) -> None:
    """Run by pre-commit as the manifest says (but with the program that is installed here): passes, fails, and keeps to its files."""
    hook = next(item for item in load(".pre-commit-hooks.yaml") if item["id"] == hook_id)
    for key in ("additional_dependencies", "minimum_pre_commit_version"):
        del hook[key]
    hook["language"] = "system"
    (repository / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [{"repo": "local", "hooks": [hook]}]}))
    environment = os.environ | {"PRE_COMMIT_HOME": str(tmp_path / "home")}

    def run(*which: str) -> subprocess.CompletedProcess[str]:
        git("add", "-A")
        command = [sys.executable, "-m", "pre_commit", "run", "--color=never", *which]
        return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)

    (repository / "note.txt").write_text("nothing of ours\n")
    git("add", ".pre-commit-config.yaml")
    git("commit", "-q", "-m", "hooks")
    assert "Skipped" in run().stdout, "a text is no input of the check"
    (repository / "more.tf").write_text(CLEAN.replace('"m"', '"n"'))
    passed = run()
    assert passed.returncode == 0, passed.stdout
    assert "Passed" in passed.stdout
    (repository / "more.tf").write_text(FLAW.replace('"m"', '"n"'))
    failed = run()
    assert failed.returncode == 1
    assert "aws_sagemaker_model.n" in failed.stdout
    if hook_id == "averment-check-changed":
        git("commit", "-q", "-m", "flaw", "--no-verify")
        everywhere = run("--all-files")
        assert everywhere.returncode == 0
        assert "nothing differs from HEAD" in everywhere.stdout, "pre-commit keeps still of what passes, and in CI all of it does"


INPUTS = {name: spec["default"] for name, spec in load("action.yml")["inputs"].items()}


def action(repository: Path, tmp_path: Path, **inputs: str) -> tuple[int, str, dict[str, str], str]:
    """Run the check step of the action as a runner does: exit code, log, outputs, summary."""
    (step,) = (step for step in load("action.yml")["runs"]["steps"] if step["id"] == "check")
    given = INPUTS | {name.replace("_", "-"): value for name, value in inputs.items()}
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    for name, expression in step["env"].items():
        environment[name] = given[re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", expression)[1]]  # type: ignore[index]
    output, summary, script = tmp_path / "output", tmp_path / "summary", tmp_path / "step.sh"
    output.write_text("")
    summary.write_text("")
    script.write_text(step["run"])
    environment |= {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return done.returncode, done.stdout + done.stderr, outputs, summary.read_text()


def test_the_action_checks_annotates_and_reports(repository: Path, tmp_path: Path) -> None:
    """Findings fail the step after all reports are written; the log holds annotations, the summary the Markdown."""
    code, log, outputs, summary = action(repository, tmp_path)
    assert (code, outputs["exit-code"]) == (0, "0"), log
    (repository / "main.tf").write_text(FLAW)
    code, log, outputs, summary = action(repository, tmp_path)
    assert (code, outputs) == (1, {"exit-code": "1", "sarif": "averment.sarif", "markdown": "averment.md"})
    assert "::warning file=main.tf,line=1" in log
    assert "### averment check: 1 finding" in summary
    assert json.loads((repository / "averment.sarif").read_text())["runs"][0]["results"][0]["ruleId"] == "detector-endpoint-guarded"


def test_the_action_passes_each_input_on(repository: Path, tmp_path: Path) -> None:
    """Threshold, soft failing, baseline, change and paths do what they do on the command line."""
    (repository / "main.tf").write_text(FLAW)
    assert action(repository, tmp_path, severity="critical")[0] == 0
    assert action(repository, tmp_path, fail_on="never")[0] == 0
    assert action(repository, tmp_path, baseline="nowhere.json")[0] == 2
    assert action(repository, tmp_path, config="nowhere.yaml")[0] == 2
    git("commit", "-q", "-am", "flaw")
    assert action(repository, tmp_path, changed_since="HEAD")[0] == 0
    (repository / "a b").mkdir()
    (repository / "a b" / "x.tf").write_text(CLEAN)
    assert action(repository, tmp_path, paths="a b\n")[0] == 0
    assert action(repository, tmp_path, paths="a b\nmain.tf\n")[0] == 1
    (repository / "averment.yaml").write_text("version: 1\nrules: [nowhere]\n")
    assert action(repository, tmp_path, fail_on="never")[0] == 2
    assert action(repository, tmp_path, fail_on="never", own_rules="false")[0] == 0
    code, log, outputs, _ = action(repository, tmp_path, own_rules="no")
    assert (code, outputs) == (2, {"exit-code": "2"}), (
        "neither run a stranger's code nor leave rules out on a word that isn't one of the two"
    )
    assert "own-rules is neither true nor false" in log


def test_the_action_removes_nothing_of_somebodys(repository: Path, tmp_path: Path) -> None:
    """A report that is called as a source file is refused, and the file stays; an earlier report is neither removed nor handed on as this run's."""
    assert action(repository, tmp_path)[2]["sarif"] == "averment.sarif"
    for inputs in ({"sarif": "main.tf"}, {"markdown": "main.tf"}, {"config": "100%.yaml"}, {"severity": "grave"}):
        code, log, outputs, summary = action(repository, tmp_path, **inputs)
        assert (code, outputs, summary) == (2, {"exit-code": "2"}, "")
        (told,) = re.findall("^::error title=averment check did not come to a result::(.+)$", log, re.MULTILINE)
        assert "".join(inputs.values()).replace("%", "%25") in told, "the page of a pull request shows annotations alone"
        assert "%0A" in told, "with its fix on a line of its own"
    code, log, outputs, _ = action(repository, tmp_path, sarif="main.tf/a.sarif")
    assert (code, outputs) == (3, {"exit-code": "3", "markdown": "averment.md"})
    assert re.search("^::error title=averment check did not come to a result::.*main.tf/a.sarif: could not be written", log, re.MULTILINE)
    assert (repository / "main.tf").read_text() == CLEAN
    assert action(repository, tmp_path)[2] == {"exit-code": "0", "sarif": "averment.sarif", "markdown": "averment.md"}


def test_the_action_writes_no_report_that_nobody_wants(repository: Path, tmp_path: Path) -> None:
    """An empty place for one was bad input, whatever the repository held; what is wrong with another input is told all the same."""
    (repository / "main.tf").write_text(FLAW)
    code, log, outputs, summary = action(repository, tmp_path, sarif="", markdown="")
    assert (code, outputs, summary) == (1, {"exit-code": "1"}, "")
    assert "::warning file=main.tf,line=1" in log
    assert action(repository, tmp_path, sarif="")[2] == {"exit-code": "1", "markdown": "averment.md"}
    code, log, outputs, _ = action(repository, tmp_path, sarif="", markdown="", config="nowhere.yaml")
    assert (code, outputs) == (2, {"exit-code": "2"})
    assert re.search("^::error title=averment check did not come to a result::.*nowhere.yaml", log, re.MULTILINE)


def test_the_action_says_of_a_run_that_broke_off_that_it_did(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a report that is missing nothing said so on the pull request's page; of a check that is open in part the annotations tell."""
    averment = tmp_path / "bin" / "averment"
    averment.parent.mkdir()
    monkeypatch.setenv("PATH", f"{averment.parent}:{os.environ['PATH']}")
    for does, code, why in (
        ("echo 'averment: disk full' >&2; exit 3", 3, "averment: disk full"),
        ("exit 137", 137, "it ended with 137 and said nothing"),
        ("echo '::warning::could not be told'; echo a note >&2; exit 3", 3, None),
    ):
        averment.write_text(f"#!/bin/sh\n{does}\n")
        averment.chmod(0o755)
        ended, log, outputs, _ = action(repository, tmp_path, sarif="", markdown="")
        assert (ended, outputs) == (code, {"exit-code": str(code)})
        told = re.findall("^::error title=averment check did not come to a result::(.+)$", log, re.MULTILINE)
        assert told == ([why] if why else [])


def test_inputs_of_the_action_cannot_run(repository: Path, tmp_path: Path) -> None:
    """Whatever a branch's name or a path holds, it stays a value; after bad input no stale report is handed on."""
    for text in ("$(touch ran)", "`touch ran`", '"; touch ran; "', "--output=ran"):
        code, _, outputs, _ = action(repository, tmp_path, changed_since=text, paths=text)
        assert code == 2
        assert outputs == {"exit-code": "2"}
    assert not (repository / "ran").exists()
    for step in load("action.yml")["runs"]["steps"]:
        assert "${{" not in step["run"]


def test_the_action_installs_from_its_own_checkout(tmp_path: Path) -> None:
    """The install step makes an environment and asks it for this checkout with what Terraform needs (pip stands in for itself)."""
    (step,) = (step for step in load("action.yml")["runs"]["steps"] if step["id"] == "install")
    tools = tmp_path / "tools"
    tools.mkdir()
    fake = tools / "python3"
    fake.write_text(
        '#!/bin/bash\n[ "$1" = -c ] && exit\nmkdir -p "$3/bin"\nprintf \'#!/bin/bash\\necho "pip $*"\\n\' > "$3/bin/pip"\nchmod +x "$3/bin/pip"\n'
    )
    fake.chmod(0o755)
    environment = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(tmp_path / "runner temp"),
        "GITHUB_ACTION_PATH": "/the/action",
        "GITHUB_PATH": str(tmp_path / "path"),
    }
    done = subprocess.run(["bash", "-c", step["run"]], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("/the/action[iac]")
    named = Path((tmp_path / "path").read_text().removesuffix("\n"))
    assert named.is_relative_to(tmp_path / "runner temp")
    (command,) = named.iterdir()  # a python or pip there would be that of the job's later steps
    assert (command.name, command.resolve()) == ("averment", tmp_path / "runner temp" / "averment" / "bin" / "averment")


def test_the_action_says_which_python_it_lacks(tmp_path: Path) -> None:
    """Ubuntu 22.04's is 3.10, and Amazon Linux 2023's 3.9: the step failed in pip's words, and nothing stood on the pull request's page."""
    (step,) = (step for step in load("action.yml")["runs"]["steps"] if step["id"] == "install")
    fake = tmp_path / "python3"
    fake.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.25" && exit\nexit 1\n')
    fake.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", step["run"]], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    (told,) = done.stdout.splitlines()
    assert told.startswith("::error title=averment::It needs Python 3.11 or newer, and python3 is Python 3.9.25.")


def test_the_action_declares_what_it_uses() -> None:
    """Each input is described, has a default, and is handed on; each output is set by the step."""
    document = load("action.yml")
    step = document["runs"]["steps"][-1]
    used = {re.search(r"inputs\.([\w-]+)", value)[1] for value in step["env"].values()}  # type: ignore[index]
    assert used == set(document["inputs"])
    assert all(spec["description"] and "default" in spec for spec in document["inputs"].values())
    for name, spec in document["outputs"].items():
        assert spec["value"] == f"${{{{ steps.check.outputs.{name} }}}}"
        assert f"{name}=" in step["run"]


@pytest.mark.parametrize(
    ("variables", "code"),
    [({}, 1), ({"AVERMENT_ONLY_CHANGED": "true", "CI_MERGE_REQUEST_DIFF_BASE_SHA": "HEAD"}, 0), ({"AVERMENT_OWN_RULES": "false"}, 1)],
)
def test_the_gitlab_job_runs_as_written(repository: Path, variables: dict[str, str], code: int) -> None:
    """Its script in a plain shell, with the variables' defaults: the exit code, and the reports that its artifacts name."""
    document = load("ci/gitlab/averment.yml")
    (repository / "main.tf").write_text(FLAW)
    git("commit", "-q", "-am", "flaw")
    job = document["averment"]
    script = "set -e\n" + "\n".join(job["script"])
    environment = {"PATH": os.environ["PATH"], "HOME": str(repository), **document["variables"], **variables}
    done = subprocess.run(["sh", "-c", script], cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    entries = json.loads((repository / job["artifacts"]["reports"]["codequality"]).read_text())
    assert len(entries) == code
    assert (repository / job["artifacts"]["reports"]["junit"]).is_file()
    assert all((repository / name).is_file() for name in job["artifacts"]["paths"])


def test_the_gitlab_job_takes_true_and_false_alone(repository: Path) -> None:
    """Whether a stranger's rules are run doesn't hang on how somebody spells no."""
    document = load("ci/gitlab/averment.yml")
    environment = {"PATH": os.environ["PATH"], "HOME": str(repository), **document["variables"], "AVERMENT_OWN_RULES": "False"}
    script = "set -e\n" + "\n".join(document["averment"]["script"])
    done = subprocess.run(["sh", "-c", script], cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "AVERMENT_OWN_RULES is neither true nor false\n")


@pytest.mark.parametrize(("version", "wanted"), [("", "averment[iac]"), ("0.1.0", "averment[iac]==0.1.0")])
def test_the_gitlab_job_installs_the_version_asked_for(tmp_path: Path, version: str, wanted: str) -> None:
    """An empty version is the newest, another exactly that."""
    fake = tmp_path / "pip"
    fake.write_text('#!/bin/sh\necho "$3"\n')
    fake.chmod(0o755)
    (line,) = load("ci/gitlab/averment.yml")["averment"]["before_script"]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "AVERMENT_VERSION": version}
    assert subprocess.run(["sh", "-c", line], env=environment, capture_output=True, text=True, check=True).stdout.strip() == wanted
