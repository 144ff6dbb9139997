"""Adopting the check on an old repository: baseline, what changed, thresholds, paths left out, settings in averment.yaml."""

from __future__ import annotations

import json
import subprocess
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from averment.cli.main import run as averment
from averment.core.source import SourceRef
from averment.core.words import Severity, Verdict
from averment.policies.baseline import Entry, entry_of
from averment.policies.interface import Finding

MODEL = 'resource "aws_sagemaker_model" "{0}" {{\n  name = "{0}"\n  execution_role_arn = "arn:aws:iam::123456789012:role/m"\n}}\n'
OPEN = 'variable "isolated" {}\n' + MODEL.format("open").replace("}\n", "  enable_network_isolation = var.isolated\n}\n")
ONLY = ["--rule", "detector-endpoint-guarded"]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Git repository with one flaw in each of two folders."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.tf").write_text(MODEL.format(name))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GIT_DIR", raising=False)
    git("init", "-q", "-b", "main", ".")
    commit("start")
    return tmp_path


def git(*arguments: str) -> str:
    who = ["-c", "user.email=test@example.com", "-c", "user.name=Test", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *who, *arguments], check=True, capture_output=True, text=True).stdout


def commit(message: str) -> None:
    git("add", "-A")
    git("commit", "-q", "-m", message)


def check(*arguments: str) -> int:
    return averment(["check", *ONLY, *arguments])


def findings(*arguments: str) -> dict[str, str]:
    """Resource -> verdict of what is open, as the JSON report has it."""
    check("-f", "json", "-o", "out.json", *arguments)
    document = json.loads(Path("out.json").read_text())
    schema = json.loads(resources.files("averment").joinpath("policies/report/schemas/check.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(document)
    Path("out.json").unlink()
    return {item["resource"]: item["verdict"] for item in document["findings"] if not item["baseline"] and not item["waived_by"]}


def test_a_baseline_lets_old_findings_be_and_fails_new_ones(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is listed doesn't fail and is counted; what is new fails; moved lines and another working folder don't matter."""
    assert check("--write-baseline", "known.json") == 0
    assert "wrote known.json with 2 findings" in capsys.readouterr().err
    schema = json.loads(resources.files("averment").joinpath("policies/report/schemas/baseline.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(Path("known.json").read_text()))
    (repository / "a" / "main.tf").write_text("# a line more\n\n" + MODEL.format("a"))
    assert check("--baseline", "known.json") == 0
    assert "no failures: 0 failed, 0 could not be told, 0 passed, 2 known from the baseline" in capsys.readouterr().out
    (repository / "b" / "new.tf").write_text(MODEL.format("fresh"))
    assert check("--baseline", "known.json") == 1
    assert findings("--baseline", "known.json") == {"aws_sagemaker_model.fresh": "fail"}


@pytest.mark.parametrize(("mark", "ends"), [("\ufeff", "\n"), ("\ufeff", "\r\n"), ("", "\r\n")])
def test_a_baseline_is_read_as_windows_tools_leave_it(repository: Path, mark: str, ends: str) -> None:
    """A byte order mark and other ends of lines change nothing of what is listed; written anew it has neither."""
    assert check("--write-baseline", "known.json") == 0
    known = Path("known.json").read_bytes()
    Path("known.json").write_bytes((mark + known.decode().replace("\n", ends)).encode())
    assert check("--baseline", "known.json") == 0
    assert check("--write-baseline", "known.json") == 0
    assert Path("known.json").read_bytes() == known


def test_a_baseline_works_from_another_folder(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Paths count from the baseline, not from where the check is run; what wasn't checked isn't called stale."""
    assert check("--write-baseline", "known.json") == 0
    monkeypatch.chdir(repository / "a")
    assert check("--baseline", "../known.json") == 0
    assert "stale" not in capsys.readouterr().out


def test_what_is_called_from_elsewhere_is_not_stale_in_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A check of the modules alone, or without the folder that calls them, called everything stale, and said to write the baseline again: what was
    known in the rest would have been open. Once the call is gone, a check of all says so."""
    monkeypatch.chdir(tmp_path)
    for folder in ("infra", "modules/net"):
        (tmp_path / folder).mkdir(parents=True)
    call = 'module "net" {\n  source = "../modules/net"\n}\n'
    (tmp_path / "infra" / "main.tf").write_text(call + MODEL.format("own"))
    (tmp_path / "modules" / "net" / "main.tf").write_text(MODEL.format("this"))
    assert check("--write-baseline", "known.json") == 0
    assert "module.net.aws_sagemaker_model.this" in (tmp_path / "known.json").read_text()
    for asked in (["modules"], ["--skip", "infra"], [".", "--skip", "infra/*"]):
        capsys.readouterr()
        assert check(*asked, "--baseline", "known.json") == 1, "the module by its defaults is another finding"
        assert "stale" not in capsys.readouterr().out
    assert check("--write-baseline", "known.json", "--skip", "infra") == 0
    assert "no longer lists 1 finding of other rules" in capsys.readouterr().out
    (tmp_path / "infra" / "main.tf").write_text(call + MODEL.format("own"))
    assert check("--write-baseline", "known.json") == 0
    (tmp_path / "infra" / "main.tf").write_text(MODEL.format("own"))
    capsys.readouterr()
    check("--baseline", "known.json")
    assert "stale: module.net.aws_sagemaker_model.this in modules/net/main.tf" in capsys.readouterr().out


def test_a_baseline_that_loses_what_was_not_looked_for_is_said(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Written anew by a check of one folder, it lists that folder alone: the rest would be open for everybody else."""
    assert check("--write-baseline", "known.json") == 0
    assert "no longer lists" not in capsys.readouterr().out
    assert check("a", "--write-baseline", "known.json") == 0
    assert "known.json: no longer lists 1 finding of other rules or under other paths" in capsys.readouterr().out
    (repository / "a" / "main.tf").write_text("")
    assert check(".", "--write-baseline", "known.json") == 0
    assert "no longer lists" not in capsys.readouterr().out, "what is mended goes without a word"


def test_a_function_is_the_same_wherever_the_check_begins(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Source code goes by its file and name; the file's path counted from the path that was checked, and was another for each."""
    (repository / "a" / "faces.py").write_text(
        'import boto3\n\nrekognition = boto3.client("rekognition")\n\n\ndef handler(event, context):\n'
        '    return rekognition.compare_faces(SourceImage=event["a"], TargetImage=event["b"])\n'
    )
    only = ["check", "--rule", "face-call-after-liveness"]
    assert averment([*only, "--write-baseline", "known.json"]) == 0
    marks = []
    for path in (".", "a", "a/faces.py"):
        capsys.readouterr()
        assert averment([*only, path, "--baseline", "known.json", "-f", "json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert not any("stale" in note for note in document["notes"])
        marks += [item["fingerprint"] for item in document["findings"]]
    assert len(marks) == 3
    assert len(set(marks)) == 1


def test_a_new_baseline_is_named_as_the_settings_have_to_name_it(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the last part of its name was told, which averment.yaml in another folder doesn't find; brackets are no markup."""
    (repository / "averment.yaml").write_text("version: 1\n")
    (repository / "[red]").mkdir()
    monkeypatch.chdir(repository / "a")
    assert averment(["check", "--write-baseline", "../[red]/known.json", "-o", "sarif=../[red]/a.sarif"]) == 0
    said = capsys.readouterr().err
    assert "(check: {baseline: [red]/known.json})" in said
    assert "wrote ../[red]/a.sarif" in said
    (repository / "averment.yaml").write_text("version: 1\ncheck: {baseline: '[red]/known.json'}\n")
    assert averment(["check"]) == 0


def test_stale_entries_are_said_and_do_not_hide_a_return(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mended flaw makes its entry stale, which is said and doesn't fail; other rules' entries aren't stale when these didn't run."""
    assert averment(["check", "--write-baseline", "known.json"]) == 0
    (repository / "a" / "main.tf").write_text(MODEL.format("a").replace("}\n", "  enable_network_isolation = true\n}\n"))
    assert check("--baseline", "known.json") == 0
    out = capsys.readouterr().out
    assert "stale: aws_sagemaker_model.a in a/main.tf no longer breaks detector-endpoint-guarded" in out
    assert out.count("stale:") == 1
    (repository / "broken.tf").write_text("resource {{")
    assert check("--baseline", "known.json") == 3
    assert "stale" not in capsys.readouterr().out, "an incomplete run doesn't know what is gone"


def test_another_flaw_of_a_listed_resource_is_open(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The baseline accepts the flaw that it lists, not whatever else comes to be wrong with the resource."""
    assert check("--write-baseline", "known.json") == 0
    text = Path("known.json").read_text()
    Path("known.json").write_text(text.replace("EnableNetworkIsolation is not true", "it was something else", 1))
    assert check("--baseline", "known.json") == 1
    assert "is in the baseline with another flaw of detector-endpoint-guarded" in capsys.readouterr().out


def test_a_baseline_forgives_moved_lines_and_no_other_account() -> None:
    """A line within a message may move; the account in an ARN was taken for one, so that a second partner passed for the first."""

    def entry(message: str) -> Entry:
        where = SourceRef("main.tf", 1)
        return entry_of(Finding("r", Severity.HIGH, Verdict.FAIL, message, "x", "AWS::S3::Bucket", where), Path("known.json"))

    assert entry("read by x (main.tf:12)") == entry("read by x (main.tf:340-351)")
    assert entry("sent to arn:aws:sns:eu-west-1:111122223333:t") != entry("sent to arn:aws:sns:eu-west-1:444455556666:t")


def test_a_baseline_lists_unknowns_too(repository: Path) -> None:
    """With --fail-on unknown a new unknown fails and a listed one doesn't."""
    (repository / "b" / "open.tf").write_text(OPEN)
    assert check("b/open.tf", "--fail-on", "unknown") == 1
    assert check("--write-baseline", "known.json") == 0
    assert check("--baseline", "known.json", "--fail-on", "unknown") == 0
    assert findings("--baseline", "known.json") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "no such baseline"), ("{", "is not JSON"), ('{"version": 2, "findings": []}', "version"), ("[]", "holds a list")],
)
def test_a_baseline_that_cannot_be_used_is_bad_input(
    repository: Path, capsys: pytest.CaptureFixture[str], text: str | None, said: str
) -> None:
    """A missing or malformed baseline is exit 2, never a check without one."""
    if text is not None:
        Path("known.json").write_text(text)
    assert check("--baseline", "known.json") == 2
    assert said in capsys.readouterr().err


def test_what_is_said_of_a_baseline_that_a_merge_left_open_can_be_done(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Writing it again is refused while it is there, since it is no baseline: so the fix says to delete it first."""
    assert check("--write-baseline", "known.json") == 0
    text = Path("known.json").read_text()
    Path("known.json").write_text(f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> other\n")
    assert check("--baseline", "known.json") == 2
    assert "known.json:1: is not JSON\n  fix: take back what changed it (a merge, say), or delete it and run" in capsys.readouterr().err


def test_a_baseline_is_never_written_over_something_else(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped name costs nobody their settings; a baseline that is there is replaced."""
    Path("averment.yaml").write_text("version: 1\n")
    assert check("--write-baseline", "averment.yaml") == 2
    assert "is no baseline, and was left as it is" in capsys.readouterr().err
    assert Path("averment.yaml").read_text() == "version: 1\n"
    assert check("--write-baseline", "known.json") == 0
    assert check("--write-baseline", "known.json") == 0


@pytest.mark.parametrize("output", ["", "sarif=", ".", "sarif=a", "-", "sarif=-"])
def test_an_output_that_is_no_file_is_bad_input(repository: Path, capsys: pytest.CaptureFixture[str], output: str) -> None:
    """An empty name, a folder, or what means stdout elsewhere, is told before anything is checked."""
    assert check("--output", output) == 2
    assert "names no file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("-o", "a/main.tf"),
        ("-o", "json=settings.yaml"),
        ("-o", "json=out.json", "-o", "sarif=./out.json"),
        ("--plan", "plan.json", "-o", "json=plan.json"),
        ("--write-baseline", "known.json", "-o", "json=known.json"),
        ("-o", "sarif=template.json"),
        ("-o", "gitlab=known.json"),
    ],
)
def test_an_output_never_takes_the_place_of_what_is_read(
    repository: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """A slip of the keys costs nobody their Terraform, template, plan, baseline or the other report; the file is named, and left as it was."""
    Path("settings.yaml").write_text("a: 1\n")
    Path("template.json").write_text('{"Resources": {"Model": {"Type": "AWS::SageMaker::Model"}}}')
    Path("known.json").write_text('{"version": 1, "findings": []}')
    Path("plan.json").write_text('{"format_version": "1.2", "terraform_version": "1.9.0", "planned_values": {}}')
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file() and ".git" not in path.parts}
    assert check(*arguments) == 2
    assert "is another output, or something that is read or no earlier report, and was left as it is" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file() and ".git" not in path.parts} == before


def test_an_earlier_report_is_written_over(repository: Path) -> None:
    """And devices take several."""
    Path("out.sarif").write_text("{}\n")
    for _ in range(2):
        assert (
            check(
                "-o",
                "json=out.json",
                "-o",
                "sarif=out.sarif",
                "-o",
                "gitlab=quality.json",
                "-o",
                "table=/dev/null",
                "-o",
                "junit=/dev/null",
            )
            == 1
        )


@pytest.mark.parametrize("paths", [["a", "a"], [".", "a"], ["a/main.tf", "a"], ["a", "b/../a"]])
def test_what_two_paths_have_in_common_is_told_once(repository: Path, capsys: pytest.CaptureFixture[str], paths: list[str]) -> None:
    """A plan or file that is named beside its folder: each of its flaws was two, in every report."""
    check("-f", "json", *paths)
    found = [item["resource"] for item in json.loads(capsys.readouterr().out)["findings"]]
    assert sorted(found) == sorted(set(found))
    assert "aws_sagemaker_model.a" in found


def test_changed_since_keeps_to_what_the_branch_changed(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Committed, staged, unstaged and untracked changes since the fork count; what main did since doesn't; the rest is counted."""
    git("checkout", "-q", "-b", "feature")
    (repository / "a" / "main.tf").write_text("# touched\n" + MODEL.format("a"))
    commit("touch a")
    (repository / "new.tf").write_text(MODEL.format("fresh"))
    git("checkout", "-q", "main")
    (repository / "b" / "main.tf").write_text("# main went on\n" + MODEL.format("b"))
    git("add", "b")
    git("commit", "-q", "-m", "main goes on")
    git("checkout", "-q", "feature")
    assert findings("--changed-since", "main") == {"aws_sagemaker_model.a": "fail", "aws_sagemaker_model.fresh": "fail"}
    assert check("--changed-since", "main") == 1
    assert "2 failed, 0 could not be told, 0 passed, 1 outside what changed" in capsys.readouterr().out
    commit("all")
    capsys.readouterr()
    assert check("--changed-since", "HEAD") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "nothing differs from HEAD, so none of what is open counted" in told, "a job that compares a fresh checkout with itself is green"


def test_a_range_of_commits_that_pre_commit_looks_at_is_what_changed(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``pre-commit run --from-ref main --to-ref HEAD`` in CI, and a push: all is committed, and the hook that compares with HEAD passed."""
    git("checkout", "-q", "-b", "feature")
    (repository / "new.tf").write_text(MODEL.format("fresh"))
    commit("more")
    assert findings("--changed-since", "HEAD") == {}
    monkeypatch.setenv("PRE_COMMIT_FROM_REF", "main")
    assert findings("--changed-since", "HEAD") == {"aws_sagemaker_model.fresh": "fail"}
    assert findings("--changed-since", "feature") == {}, "what somebody names is what they mean"
    monkeypatch.delenv("PRE_COMMIT_FROM_REF")
    monkeypatch.setenv("PRE_COMMIT_REMOTE_NAME", "origin")
    everything = {"aws_sagemaker_model.a": "fail", "aws_sagemaker_model.b": "fail", "aws_sagemaker_model.fresh": "fail"}
    assert findings("--changed-since", "HEAD") == everything, "the first push of a repository has no beginning, and passed whole"


def test_changed_values_and_deleted_files_concern_their_folder(repository: Path) -> None:
    """A flaw may come from a changed .tfvars or from what was deleted, though its own file is as it was."""
    (repository / "a" / "terraform.tfvars").write_text('x = "y"\n')
    assert findings("--changed-since", "HEAD") == {"aws_sagemaker_model.a": "fail"}
    (repository / "a" / "terraform.tfvars").unlink()
    (repository / "a" / "samconfig.toml").write_text("")
    assert findings("--changed-since", "HEAD") == {"aws_sagemaker_model.a": "fail"}
    (repository / "a" / "samconfig.toml").unlink()
    (repository / "b" / "gone.tf").write_text("locals {}\n")
    commit("more")
    (repository / "b" / "gone.tf").unlink()
    assert findings("--changed-since", "HEAD") == {"aws_sagemaker_model.b": "fail"}


def test_changed_settings_of_sam_concern_the_templates_below_them(repository: Path) -> None:
    """They give their parameters values from a folder above: a change that did no more than switch isolation off passed."""
    template = "Parameters: {On: {Type: String, Default: 'true'}}\nResources:\n  M:\n    Type: AWS::SageMaker::Model\n"
    (repository / "a" / "template.yaml").write_text(template + "    Properties: {EnableNetworkIsolation: !Ref On}\n")
    (repository / "samconfig.toml").write_text("")
    commit("more")
    given = '[default.deploy.parameters]\ntemplate_file = "a/template.yaml"\nparameter_overrides = "On=false"\n'
    (repository / "samconfig.toml").write_text(given)
    assert findings("--changed-since", "HEAD") == {"M": "fail"}


@pytest.mark.parametrize(
    ("name", "before", "after", "code"),
    [
        ("variables.tf", 'variable "on" {\n  default = true\n}\n', 'variable "on" {\n  default = false\n}\n', 1),
        ("variables.tf", 'variable "on" {\n  default = true\n}\n', '# on\n\nvariable "on" {\n  # off\n  default = true\n}\n', 0),
        (
            "variables.tf",
            'variable "on" {\n  default = true\n}\n',
            'variable "on" {\n  default = true\n}\noutput "x" { value = var.on }\n',
            0,
        ),
        (
            "locals.tf",
            'locals {\n  x = 1\n}\nvariable "on" { default = true }\n',
            'locals {\n  x = 1\n}\nvariable "on" { default = false }\n',
            1,
        ),
    ],
)
def test_what_a_module_goes_by_concerns_all_of_it(repository: Path, name: str, before: str, after: str, code: int) -> None:
    """A variable that is off now is what breaks the resource in the file beside it, which is as it was."""
    (repository / "a" / name).write_text(before)
    (repository / "a" / "main.tf").write_text(OPEN.partition("\n")[2].replace("var.isolated", "var.on"))
    commit("a variable")
    assert check("a", "--no-cache") == 0
    git("switch", "-q", "-c", "branch")
    (repository / "a" / name).write_text(after)
    commit("another value")
    assert check("--changed-since", "main", "--no-cache") == code


def test_a_block_that_is_gone_concerns_what_it_was_for(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The bucket's versions are switched off by taking away the block that switched them on; the file of the bucket didn't change."""
    (repository / "a" / "main.tf").write_text('resource "aws_s3_bucket" "u" {\n  bucket = "shop-uploads"\n}\n')
    kept = (
        'resource "aws_s3_bucket_logging" "u" {\n  bucket        = aws_s3_bucket.u.id\n  target_bucket = "logs"\n  target_prefix = "u"\n}\n'
    )
    switched = 'resource "aws_s3_bucket_versioning" "u" {\n  bucket = aws_s3_bucket.u.id\n  versioning_configuration {\n    status = "Enabled"\n  }\n}\n'
    (repository / "a" / "settings.tf").write_text(kept + switched)
    commit("a bucket")
    git("switch", "-q", "-c", "branch")
    (repository / "a" / "settings.tf").write_text(kept)
    commit("without versions")
    assert averment(["check", "--rule", "media-bucket-hardened", "--changed-since", "main"]) == 1
    assert "keeps no versions" in capsys.readouterr().out


def test_a_submodule_that_moved_on_concerns_all_that_lies_in_it(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git names the submodule alone, and keeps still of it where the branch's own .gitmodules says so: its flaws were outside of every change."""
    git("init", "-q", "-b", "main", "a/library")
    (repository / "a" / "library" / "main.tf").write_text(MODEL.format("library"))
    for message in ("first", "second"):
        git("-C", "a/library", "add", "-A")
        git("-C", "a/library", "commit", "-q", "--allow-empty", "-m", message)
    git("-C", "a/library", "checkout", "-q", "HEAD~1")
    (repository / ".gitmodules").write_text('[submodule "l"]\n  path = a/library\n  url = ./x\n  ignore = all\n')
    commit("with a submodule")
    assert findings("--changed-since", "HEAD") == {}
    git("-C", "a/library", "checkout", "-q", "main")
    assert findings("--changed-since", "HEAD") == {"aws_sagemaker_model.library": "fail"}
    part = findings("--changed-since", "HEAD", "a/library")
    assert part == {"aws_sagemaker_model.library": "fail"}, "named by itself, it is still a part of the repository that moved it on"
    monkeypatch.chdir("a/library")
    assert findings("--changed-since", "HEAD") == {}, "who works in it means its own history"


def test_a_link_that_leads_elsewhere_now_concerns_what_it_leads_to(repository: Path) -> None:
    """The file behind it is as it was: a flaw that came by the link was outside of the change."""
    (repository / "c").mkdir()
    (repository / "c" / "main.tf").write_text('variable "nothing" {}\n')
    (repository / "c" / "model.tf").symlink_to("main.tf")
    commit("a link")
    (repository / "c" / "model.tf").unlink()
    (repository / "c" / "model.tf").symlink_to("../a/main.tf")
    check("-f", "json", "-o", "out.json", "--changed-since", "HEAD")
    assert {item["file"] for item in json.loads(Path("out.json").read_text())["findings"]} == {"c/model.tf"}


def test_a_template_that_git_ignores_is_never_outside_the_change(repository: Path) -> None:
    """What cdk synth writes is in no commit, so that nothing tells what of it is new: all of it was outside, in every pull request."""
    (repository / "cdk.out").mkdir()
    template = {
        "Resources": {"Model": {"Type": "AWS::SageMaker::Model", "Properties": {"ExecutionRoleArn": "arn:aws:iam::123456789012:role/m"}}}
    }
    (repository / "cdk.out" / "Stack.template.json").write_text(json.dumps(template))
    (repository / "own.tf").write_text(MODEL.format("own"))
    (repository / ".gitignore").write_text("cdk.out\nown.tf\n")
    commit("ignore")
    assert findings("--changed-since", "HEAD") == {"Model": "fail"}


def test_a_hook_in_a_worktree_looks_at_that_worktree(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git tells hooks in GIT_DIR which repository they work on; with it, a folder was taken for the whole, and all in it was new."""
    git("worktree", "add", "-q", "w", "-b", "w")
    monkeypatch.chdir(repository / "w")
    monkeypatch.setenv("GIT_DIR", str(repository / ".git" / "worktrees" / "w"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(repository / ".git" / "worktrees" / "w" / "index"))
    Path("a", "new.tf").write_text(MODEL.format("new"))
    assert findings("a", "--changed-since", "HEAD") == {"aws_sagemaker_model.new": "fail"}


def test_what_a_module_makes_belongs_to_the_change_of_its_call(repository: Path) -> None:
    """The arguments of a call decide: a switch that was turned off there, and a call that is new, were outside of the change."""
    (repository / "m").mkdir()
    switched = MODEL.format("m").replace("}\n", "  enable_network_isolation = var.isolated\n}\n")
    (repository / "m" / "main.tf").write_text('variable "isolated" {}\n' + switched)
    call = 'module "{0}" {{\n  source   = "./m"\n  isolated = {1}\n}}\n'
    (repository / "main.tf").write_text(call.format("x", "true"))
    commit("a module")
    (repository / "main.tf").write_text(call.format("x", "false"))
    assert findings("--changed-since", "HEAD") == {"module.x.aws_sagemaker_model.m": "fail"}
    assert findings("--changed-since", "HEAD") == {"module.x.aws_sagemaker_model.m": "fail"}, "also as recalled"
    commit("switched off")
    assert findings("--changed-since", "HEAD") == {}
    (repository / "more.tf").write_text(call.format("y", "false"))
    assert findings("--changed-since", "HEAD") == {"module.y.aws_sagemaker_model.m": "fail"}


def test_what_a_nested_stack_makes_belongs_to_the_change_of_its_call(repository: Path) -> None:
    """As of a module: the parent's arguments decide."""
    model = {"Type": "AWS::SageMaker::Model", "Properties": {"EnableNetworkIsolation": {"Ref": "Isolated"}}}
    child = {"Parameters": {"Isolated": {"Type": "String"}}, "Resources": {"Model": model}}
    (repository / "child.json").write_text(json.dumps(child))

    def parent(isolated: str) -> None:
        properties = {"TemplateURL": "child.json", "Parameters": {"Isolated": isolated}}
        stack = {"Type": "AWS::CloudFormation::Stack", "Properties": properties}
        (repository / "parent.json").write_text(json.dumps({"Resources": {"Stack": stack}}))

    parent("true")
    commit("stacks")
    parent("false")
    assert findings("--changed-since", "HEAD") == {"Stack.Model": "fail"}


def test_what_cannot_be_checked_is_never_outside_the_change(repository: Path) -> None:
    """A file that doesn't parse leaves the run incomplete, whoever broke it."""
    (repository / "b" / "broken.tf").write_text("resource {{")
    commit("broken")
    assert check("--changed-since", "HEAD") == 3


@pytest.mark.parametrize("rev", ["nowhere", "--output=x", "HEAD:a/main.tf"])
def test_an_unknown_revision_is_bad_input(repository: Path, capsys: pytest.CaptureFixture[str], rev: str) -> None:
    """A revision that doesn't exist (a shallow clone), or isn't one, is exit 2 with what to do."""
    assert check(f"--changed-since={rev}") == 2
    assert "is no revision" in capsys.readouterr().err
    assert not Path("x").exists()


@pytest.mark.parametrize("rev", ["", "origin/"])
def test_a_target_branch_that_is_not_set_is_called_that(repository: Path, capsys: pytest.CaptureFixture[str], rev: str) -> None:
    """``origin/${{ github.base_ref }}`` on a push: to fetch it was the advice, and helps nobody."""
    assert check(f"--changed-since={rev}") == 2
    assert "outside of a pull request there is no target branch" in " ".join(capsys.readouterr().err.split())


def test_settings_further_down_are_said_not_to_count(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a repository of many, the scope and the waivers of its parts went unread from the top, without a word."""
    (repository / "b" / "averment.yaml").write_text("version: 1\n")
    check()
    told = "the averment.yaml in b is not read from here"
    assert told in " ".join(capsys.readouterr().out.split())
    check("b")
    assert "is not read from here" not in capsys.readouterr().out
    (repository / "averment.yaml").write_text("version: 1\n")
    check("a")
    assert "is not read from here" not in capsys.readouterr().out
    check(".", "-f", "json")
    assert [note for note in json.loads(capsys.readouterr().out)["notes"] if note.startswith(told)]


def test_before_the_first_commit_everything_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hook of a repository that begins refused its first commit: HEAD was said to be something to fetch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GIT_DIR", raising=False)
    git("init", "-q", "-b", "main", ".")
    for name in ("staged", "untracked", "ignored"):
        (tmp_path / f"{name}.tf").write_text(MODEL.format(name))
    (tmp_path / ".gitignore").write_text("ignored.tf\n")
    git("add", "staged.tf")
    assert findings("--changed-since", "HEAD") == {"aws_sagemaker_model.staged": "fail", "aws_sagemaker_model.untracked": "fail"}
    assert check("--changed-since", "main") == 2
    assert "'main' is no revision" in capsys.readouterr().err
    commit("start")
    assert findings("--changed-since", "HEAD") == {}


def test_changed_since_needs_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Outside of Git it is exit 2, not a check of nothing."""
    (tmp_path / "main.tf").write_text(MODEL.format("a"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert check("--changed-since", "HEAD") == 2
    assert "needs a Git repository" in capsys.readouterr().err


def test_a_repository_that_git_refuses_is_not_called_none(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a container the checkout is often another user's: what Git says of it is told, with the setting that lets it in."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert check("--changed-since", "main", "a") == 2
    told = capsys.readouterr().err
    assert "Git refuses the one of a: detected dubious ownership" in told
    assert f"fix: git config --global --add safe.directory '{repository}'" in told


def test_a_repository_does_not_run_its_own_programs(repository: Path) -> None:
    """A repository's fsmonitor would be run by a plain ``git ls-files``."""
    program = repository / "program.sh"
    program.write_text("#!/bin/sh\ntouch was-run\n")
    program.chmod(0o755)
    git("config", "core.fsmonitor", str(program))
    check("--changed-since", "HEAD")
    assert not (repository / "was-run").exists()


def test_files_of_a_branch_that_make_up_a_repository_are_obeyed_in_nothing(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder may hold what Git takes for a repository, with settings that run a program and a history in which nothing changed: both were
    believed, so that a flaw passed and a stranger's command was run."""
    git("init", "-q", "--bare", "-b", "main", "a")
    git("-C", "a", "config", "core.bare", "false")
    git("-C", "a", "config", "core.worktree", ".")
    git("-C", "a", "add", "main.tf")
    git("-C", "a", "commit", "-q", "-m", "all that there ever was")
    git("-C", "a", "config", "filter.x.clean", f"touch '{tmp_path}/was-run'; cat")
    Path("a", ".gitattributes").write_text("* filter=x\n")
    Path("a", "main.tf").touch()
    assert check("--changed-since", "main", "a") == 2
    told = capsys.readouterr().err
    assert "Git refuses the one of a: cannot use bare repository" in told
    assert "HEAD, config, objects and refs there pass for a repository of their own" in told
    assert not (tmp_path / "was-run").exists()


def settings(text: str) -> None:
    Path("averment.yaml").write_text(f"version: 1\ncheck: {text}\n")


def test_settings_of_averment_yaml_hold_and_options_override(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Threshold, fail_on, baseline and skip come from the nearest averment.yaml upward; the command line wins."""
    settings("{severity: high}")
    assert check() == 0
    assert "2 below the severity threshold" in capsys.readouterr().out
    assert check("--severity", "low") == 1
    settings("{fail_on: never}")
    assert check() == 0
    assert "2 open findings do not fail this run" in capsys.readouterr().err
    assert check("--fail-on", "fail") == 1
    settings('{skip: ["b"]}')
    assert findings() == {"aws_sagemaker_model.a": "fail"}
    check("--write-baseline", "known.json")
    settings("{baseline: known.json}")
    monkeypatch.chdir(repository / "a")
    assert check() == 0, "found upward, and relative to the file"
    assert check("--no-baseline") == 1
    monkeypatch.chdir(repository)
    settings("{fail_on: sometimes}")
    assert check() == 2
    assert "averment.yaml:2" in capsys.readouterr().err


def test_paths_left_out_are_named(repository: Path) -> None:
    """Skipping says what and why; a folder's pattern takes in all below, also at the top; problems there don't count."""
    (repository / "b" / "broken.tf").write_text("resource {{")
    assert check("--skip", "**/b") == 1
    check("-f", "json", "-o", "out.json", "--skip", "b/")
    document = json.loads(Path("out.json").read_text())
    assert document["complete"] is True
    assert any("2 files under . (left out by the pattern b/)" in text for text in document["skipped"])


def test_leaving_everything_out_is_not_clean(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pattern that takes in all is bad input, and the pattern is named."""
    assert check("--skip", "*") == 2
    assert "left out by the pattern *" in capsys.readouterr().err


def test_exit_zero_is_seen_and_does_not_hide_what_was_not_checked(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Soft failing says how much it lets through; 3 stays 3."""
    assert check("--exit-zero") == 0
    assert "2 open findings do not fail this run" in capsys.readouterr().err
    (repository / "broken.tf").write_text("resource {{")
    assert check("--exit-zero") == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["--exit-zero", "--fail-on", "unknown"],
        ["--baseline", "x", "--no-baseline"],
        ["--write-baseline", "x", "--changed-since", "HEAD"],
        ["--write-baseline", "x", "--fix"],
        ["--no-own-rules", "--rules", "x"],
    ],
)
def test_contradicting_options_are_refused(repository: Path, arguments: list[str]) -> None:
    """Two options that can't both hold are exit 2, whatever one of them would have done."""
    assert check(*arguments) == 2


@pytest.mark.parametrize("content", ["PK\x03\x04", "", '{"format_version": "1.0", "values": {}}', 'resource "aws_sns_topic" "t" {}'])
def test_what_is_called_a_plan_and_is_none_is_refused(repository: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    """``--plan`` with the binary plan or a state, beside a folder that holds something to check: it would have been passed over."""
    Path("tfplan").write_text(content)
    assert check(".", "--plan", "tfplan") == 2
    told = capsys.readouterr().err
    assert "tfplan: is not a plan in JSON" in told
    assert "terraform show -json plan.out > plan.json" in told
    assert check(".", "--plan", "missing.json") == 2


def test_a_path_with_nothing_to_check_is_named(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One of several paths is empty, as where a build wrote no templates: it is said to be not read, and fails what must not be left open."""
    Path("cdk.out").mkdir()
    Path("only.tf").write_text('resource "aws_sns_topic" "t" {}')
    assert check("only.tf", "cdk.out") == 0
    assert "cdk.out: nothing in it is infrastructure code" in capsys.readouterr().out
    assert check("only.tf", "cdk.out", "--fail-on", "unknown") == 1
    assert check("only.tf", "--fail-on", "unknown") == 0
