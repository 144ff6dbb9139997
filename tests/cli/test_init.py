"""``averment init`` writes a file that the program itself accepts, and destroys nothing."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from averment.cli import init
from averment.cli.main import run
from averment.controls.binding import FACT_WORDS
from averment.core.errors import IncompleteError
from averment.core.organisation import load_organisation
from averment.core.period import utc_now
from averment.core.scope import DEFAULT_MEDIA, MediaRole
from averment.governance.onboarding import account
from averment.governance.onboarding.account import PERMISSIONS, AccountBucket, AccountSurvey
from averment.governance.onboarding.proposal import ASK

SHOP = """\
provider "aws" {
  region = "eu-central-1"
}

resource "aws_s3_bucket" "intake" {
  bucket = "shop-uploads"
}

resource "aws_iam_policy" "faces" {
  policy = jsonencode({ Statement = [{ Effect = "Allow", Action = "rekognition:CompareFaces", Resource = "*" }] })
}
"""


@pytest.fixture(autouse=True)
def _nobodys_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whoever runs the tests may have credentials; these tests never use them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path_factory.mktemp("none") / "credentials"))


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
    looked_at = re.compile(hook["repos"][0]["hooks"][0]["files"])
    for name in ("main.tf", "main.tofu", "plan.json", "stack.template", "app/match.py", "web/match.tsx", "averment.yaml"):
        assert looked_at.search(name), name
    job = yaml.safe_load((tmp_path / ".github/workflows/averment.yml").read_text())
    assert job[True] == ["pull_request", "merge_group"]  # YAML's "on"; without the second a merge queue never hears of a required check
    (checks,) = [step["run"] for step in job["jobs"]["check"]["steps"] if "averment check" in step.get("run", "")]
    assert checks == "averment check -o sarif=averment.sarif"  # and so the table is in the job's log
    assert job["permissions"] == {"actions": "read", "contents": "read", "security-events": "write"}  # the first for private repositories
    (upload,) = [step for step in job["jobs"]["check"]["steps"] if "upload-sarif" in step.get("uses", "")]
    assert upload["if"] == "always() && hashFiles('averment.sarif') != ''"  # without a report the upload's error hid the check's


def test_the_gitlab_job_can_install_from_a_mirror(tmp_path: Path) -> None:
    """The way that its comment names needs git, which python's slim images haven't got."""
    assert run(["init", str(tmp_path), "--ci", "gitlab"]) == 0
    text = (tmp_path / ".gitlab/averment.yml").read_text()
    assert "git+https://" in text
    assert yaml.safe_load(text)["averment"]["image"] == "python:3.12"


@pytest.mark.parametrize("existing", ["averment.yaml", ".pre-commit-config.yaml"])
def test_nothing_is_written_when_one_file_exists(tmp_path: Path, existing: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An existing file is named, kept and compared with what would be written, and no other file appears."""
    (tmp_path / existing).write_text("mine: true\n")
    assert run(["init", str(tmp_path), "--pre-commit"]) == 2
    captured = capsys.readouterr()
    assert existing in captured.err
    assert "-mine: true\n" in captured.out
    assert re.search(r"^\+(?:version: 1|repos:)$", captured.out, re.MULTILINE)
    assert sorted(p.name for p in tmp_path.iterdir()) == [existing]
    assert (tmp_path / existing).read_text() == "mine: true\n"


def test_a_dry_run_writes_nothing_beside_an_existing_file_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The proposal alone goes to stdout, as a file that loads."""
    (tmp_path / "averment.yaml").write_text("mine: true\n")
    assert run(["init", str(tmp_path), "--dry-run"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["version"] == 1
    assert (tmp_path / "averment.yaml").read_text() == "mine: true\n"


def test_what_was_seen_is_proposed_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Buckets stand under their role with the reason, facts with the line that shows them; both are said on the screen too."""
    (tmp_path / "infrastructure").mkdir()
    (tmp_path / "infrastructure" / "main.tf").write_text(SHOP)
    assert run(["init", str(tmp_path)]) == 0
    text, shown = (tmp_path / "averment.yaml").read_text(), capsys.readouterr().out
    place = "infrastructure/main.tf:5: name matches *upload*"
    assert f"#   aws_s3_bucket.intake (shop-uploads), {place}" in text
    assert place in shown
    organisation = load_organisation(tmp_path / "averment.yaml")
    assert organisation.profile == {"deployer": True, "uses_rekognition": True, "processes_biometrics": True}
    assert "infrastructure/main.tf:10" in next(line for line in text.splitlines() if line.strip().startswith("uses_rekognition: true"))
    assert organisation.scope.regions == ("eu-central-1",)
    assert organisation.iac == ("infrastructure",)
    assert "EU AI Act: binds you by Art 4" in text
    assert "suggests users in the EU" in text


def test_what_is_seen_outside_of_the_union_is_not_said_to_bind_without_more(tmp_path: Path) -> None:
    """A call in the code shows that AI is used, and not where: who has no users in the Union must not read that its law binds."""
    (tmp_path / "main.tf").write_text(SHOP.replace("eu-central-1", "us-east-2"))
    assert run(["init", str(tmp_path)]) == 0
    text = (tmp_path / "averment.yaml").read_text()
    assert "EU AI Act: binds you by Art 4" in text
    assert "without any, what is said here of the AI Act, the GDPR and the DSA doesn't bind you" in text
    assert "GDPR: binds you" not in text


def test_nothing_is_stated_that_was_not_seen(tmp_path: Path) -> None:
    """An empty repository gets questions and no facts: "false" out of thin air would say that a law doesn't bind."""
    assert run(["init", str(tmp_path)]) == 0
    text = (tmp_path / "averment.yaml").read_text()
    assert load_organisation(tmp_path / "averment.yaml").profile == {}
    assert set(ASK) == set(FACT_WORDS)
    for fact in FACT_WORDS:
        assert re.search(rf"^    # {fact}: false  # ", text, re.MULTILINE), fact


def test_every_question_can_be_answered_by_taking_the_sign_away(tmp_path: Path) -> None:
    """The profile with all its comment signs removed loads, and so does the list that makes the media exact."""
    (tmp_path / "main.tf").write_text(SHOP)
    for name, start in (("full", SHOP), ("empty", "")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "main.tf").write_text(start)
        assert run(["init", str(folder)]) == 0
        file = folder / "averment.yaml"
        text = file.read_text().replace("  # profile: ", "  profile: ")
        file.write_text(re.sub(r"^    # (\w+: false)", r"    \1", text, flags=re.MULTILINE))
        assert set(load_organisation(file).profile) == set(FACT_WORDS)
    file = tmp_path / "full" / "averment.yaml"
    before, mark, after = file.read_text().partition("    # - role: upload")
    block, rest = (mark + after).split("\n\n", 1)
    head = before[: before.index("    - role: upload")]
    file.write_text(head + block.replace("    # ", "    ").replace("    #   ", "      ") + "\n\n" + rest)
    [matcher] = load_organisation(file).scope.media
    assert (matcher.role, matcher.names) == (MediaRole.UPLOAD, ("shop-uploads",))


def test_a_strangers_names_cannot_write_into_the_file(tmp_path: Path) -> None:
    """A bucket's name with a line break, a colon and a quote in it stays inside of its comment or string."""
    evil = 'upload\\ncontrols: []\\n\\"x: \\u001b[31m'
    (tmp_path / "main.tf").write_text(f'resource "aws_s3_bucket" "intake" {{\n  bucket = "{evil}"\n}}\n')
    assert run(["init", str(tmp_path)]) == 0
    text = (tmp_path / "averment.yaml").read_text()
    organisation = load_organisation(tmp_path / "averment.yaml")
    assert organisation.controls == ("SM-*",)
    assert "\x1b" not in text
    assert "aws_s3_bucket.intake" in text


def test_names_in_any_script_are_told_as_they_are(tmp_path: Path) -> None:
    """Whoever names folders and resources in Japanese finds them in the proposal; what turns text around comes as an escape."""
    (tmp_path / "素材").mkdir()
    (tmp_path / "素材" / "main.tf").write_text(
        'resource "aws_s3_bucket" "媒体" {\n  bucket = "shop-uploads-\u202egnp"\n}\n', encoding="utf-8"
    )
    assert run(["init", str(tmp_path)]) == 0
    text = (tmp_path / "averment.yaml").read_text(encoding="utf-8")
    assert "aws_s3_bucket.媒体 (shop-uploads-\\x202egnp), 素材/main.tf:1: name matches *upload*" in text
    load_organisation(tmp_path / "averment.yaml")


def test_a_strangers_names_reach_no_terminal_as_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A resource's name in a template clears no line and writes none."""
    (tmp_path / "t.yaml").write_text(
        'Resources:\n  "Uploads\\e[2K\\n  none":\n    Type: AWS::S3::Bucket\n    Properties: {BucketName: media-uploads}\n'
    )
    assert run(["init", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "Uploads\\x1b[2K\\x0a  none" in shown
    assert "\x1b" not in shown


def _seen(services: dict[str, int] | None = None, refused: list[str] | None = None) -> AccountSurvey:
    photos = AccountBucket("live-photos", MediaRole.PUBLISHED, "name matches *photo*")
    return AccountSurvey("444455556666", "eu-west-1", "o-exampleorgid", [photos], 2, services or {}, {}, refused or [])


def test_the_account_is_looked_at_on_demand_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With credentials at hand and no terminal nothing is asked of AWS; the user is told how. With --account its buckets are proposed."""
    monkeypatch.setenv("AWS_PROFILE", "shop")
    looked: list[bool] = []

    def look() -> AccountSurvey:
        looked.append(True)
        return _seen(services={"Rekognition collections": 3})

    monkeypatch.setattr(account, "survey_account", look)
    assert run(["init", str(tmp_path), "--dry-run"]) == 0
    assert not looked
    assert "averment init --account" in capsys.readouterr().err
    assert run(["init", str(tmp_path), "--account"]) == 0
    assert looked
    organisation = load_organisation(tmp_path / "averment.yaml")
    assert (organisation.scope.accounts, organisation.scope.organisation_id) == (("444455556666",), "o-exampleorgid")
    assert organisation.profile["uses_rekognition"] is True
    assert "live-photos, in the account: name matches *photo*" in (tmp_path / "averment.yaml").read_text()


def test_what_the_account_refused_is_in_the_file_and_in_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A proposal from half an account says so: on the screen, in the file, and by exit code 3."""
    monkeypatch.setattr(account, "survey_account", lambda: _seen(refused=["the buckets: not allowed to call ListBuckets"]))
    assert run(["init", str(tmp_path), "--account"]) == 3
    assert "not allowed to call ListBuckets" in capsys.readouterr().err
    assert "# In the account 444455556666 could not be looked at: the buckets" in (tmp_path / "averment.yaml").read_text()


def test_an_account_out_of_reach_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for the account and can't have it gets the reason and no file that would look as if somebody had looked."""

    def refuse() -> AccountSurvey:
        raise IncompleteError("could not ask AWS whose credentials these are: no AWS credentials", fix="sign in")

    monkeypatch.setattr(account, "survey_account", refuse)
    assert run(["init", str(tmp_path), "--account"]) == 3
    assert list(tmp_path.iterdir()) == []


def test_the_policy_of_the_look_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """What --account may call can be read before it is granted."""
    assert run(["init", "--print-policy"]) == 0
    assert json.loads(capsys.readouterr().out)["Statement"][0]["Action"] == list(PERMISSIONS)


def test_the_private_folder_is_ignored_by_git_once_and_only_if_agreed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger's key must not be committed by accident; yet a file that exists is changed with consent alone."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("build")
    assert run(["init", str(tmp_path)]) == 0
    assert (tmp_path / ".gitignore").read_text() == "build"
    hint = capsys.readouterr().err
    assert "Add the line .averment/ to" in hint
    assert "--yes" not in hint  # the file is there by now, and init doesn't run over it
    for answer in (["--yes"], ["--yes"]):
        (tmp_path / "averment.yaml").unlink()
        assert run(["init", str(tmp_path), *answer]) == 0
    assert (tmp_path / ".gitignore").read_text() == "build\n.averment/\n"
    (tmp_path / ".gitignore").unlink()
    (tmp_path / "averment.yaml").unlink()
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)

    def refuse(text: str, **_: object) -> bool:
        asked.append(text)
        return False

    monkeypatch.setattr(click, "confirm", refuse)
    assert run(["init", str(tmp_path)]) == 0
    assert asked
    assert not (tmp_path / ".gitignore").exists()


def test_a_run_that_broke_off_before_the_private_folder_was_ignored_is_taken_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said to run again, and the second run that nothing was to be done: the ledger went into the next commit."""
    (tmp_path / ".git").mkdir()
    write = init.write_atomic

    def full(path: Path, data: bytes) -> None:
        if path.name == ".gitignore":
            raise IncompleteError("could not be written: No space left on device", fix="free space, then run again")
        write(path, data)

    monkeypatch.setattr(init, "write_atomic", full)
    assert run(["init", str(tmp_path), "--yes"]) == 3
    monkeypatch.setattr(init, "write_atomic", write)
    capsys.readouterr()
    assert run(["init", str(tmp_path), "--yes"]) == 0
    assert capsys.readouterr().out == f"added .averment/ to {tmp_path / '.gitignore'}\n"
    assert (tmp_path / ".gitignore").read_text() == ".averment/\n"
    assert run(["init", str(tmp_path), "--yes"]) == 2
    assert "nothing is to be done about it" in capsys.readouterr().err


def test_a_folder_within_a_repository_is_told_too_unless_the_repository_ignores_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a part of a repository of many, the key is as near to a commit as at its root; a line at the root holds for all of them."""
    (tmp_path / ".git").mkdir()
    for name in ("one", "[two]"):
        (tmp_path / name).mkdir()
    assert run(["init", str(tmp_path / "[two]")]) == 0
    assert f"Add the line .averment/ to {tmp_path / '[two]' / '.gitignore'}" in capsys.readouterr().err
    (tmp_path / ".gitignore").write_text(".averment/\n")
    assert run(["init", str(tmp_path / "one"), "--yes"]) == 0
    assert not (tmp_path / "one" / ".gitignore").exists()


@pytest.mark.parametrize("options", [["--pre-commit"], ["--ci", "gitlab"]])
def test_no_hook_and_no_job_is_written_where_nobody_looks_for_it(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Git's hooks and CI are read at the root alone: below it they seemed to be switched on, and never ran. The command that is told works."""
    (tmp_path / "my repository" / ".git").mkdir(parents=True)
    part = tmp_path / "my repository" / "infra"
    part.mkdir()
    assert run(["init", str(part), *options]) == 2
    assert list(part.iterdir()) == []
    said = capsys.readouterr().err
    told = shlex.split(said.partition("fix: averment ")[2].partition("  #")[0])
    assert run(told) == 0
    assert len(list((tmp_path / "my repository").iterdir())) > len([".git", "infra", "averment.yaml"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a\r\nb\r\n", b"a\r\nb\r\n.averment/\r\n"),  # line ends stay
        (b"caf\xe9", b"caf\xe9\n.averment/\n"),  # as does what is no UTF-8
        (b"build\r\n.averment/\r\n", b"build\r\n.averment/\r\n"),
    ],
)
def test_what_git_ignored_before_stays_byte_by_byte(tmp_path: Path, before: bytes, after: bytes) -> None:
    """A line is added to ``.gitignore``, and nothing of it is written anew."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_bytes(before)
    assert run(["init", str(tmp_path), "--yes"]) == 0
    assert (tmp_path / ".gitignore").read_bytes() == after


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_a_gitignore_that_is_no_file_is_left_to_its_owner(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A link isn't replaced by a file, and a folder is no failure: the line to add is said."""
    (tmp_path / ".git").mkdir()
    path = tmp_path / ".gitignore"
    if kind == "link":
        (tmp_path / "shared").write_text("build\n")
        path.symlink_to("shared")
    else:
        path.mkdir()
    assert run(["init", str(tmp_path), "--yes"]) == 0
    assert "Add .averment/ to what git ignores" in capsys.readouterr().err
    assert path.is_symlink() is (kind == "link")
    assert kind == "folder" or (tmp_path / "shared").read_text() == "build\n"


@pytest.mark.parametrize("kind", ["a link that leads nowhere", "a folder"])
def test_what_bears_the_name_and_is_no_file_is_left_alone(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A link whose file isn't there yet isn't replaced by the proposal."""
    path = tmp_path / "averment.yaml"
    if kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to("shared/averment.yaml")
    assert run(["init", str(tmp_path)]) == 2
    assert "exists and is no file, so nothing was written" in capsys.readouterr().err
    assert path.is_symlink() is (kind != "a folder")


def test_a_file_that_is_in_the_way_of_others_says_how_to_get_those(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After a first ``init`` whose file was corrected, whoever asks for the CI job as well is told how to get it."""
    (tmp_path / "averment.yaml").write_text("version: 1\n")
    assert run(["init", str(tmp_path), "--ci", "github"]) == 2
    assert "run this again; the other files are printed by the same command with --dry-run" in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["averment.yaml"]
    assert run(["init", str(tmp_path), "--ci", "github", "--dry-run"]) == 0
    assert "averment check -o sarif=averment.sarif" in capsys.readouterr().out


def test_what_the_file_only_suggests_is_valid_too(tmp_path: Path) -> None:
    """The commented settings of the check, the waiver and the incidents load once the comment signs are taken away."""
    assert run(["init", str(tmp_path)]) == 0
    file = tmp_path / "averment.yaml"
    text = file.read_text()
    start, end = text.index("# check:"), text.index("# Folders of rules of your own")
    file.write_text(text[:start] + text[start:end].replace("# check", "check").replace("#   ", "  ") + text[end:])
    settings = load_organisation(file).check
    assert (settings.severity, settings.fail_on, settings.skip) == ("low", "fail", ("examples/*",))
    file.write_text("version: 1\n" + re.sub(r"^# ( .*|waivers:|incidents:)$", r"\1", text[end:], flags=re.MULTILINE))
    organisation = load_organisation(file)
    assert [waiver.control for waiver in organisation.waivers] == ["SM-UPL-03"]
    assert organisation.waivers[0].until > utc_now().date()
    assert [contract.id for contract in organisation.incidents.contracts] == ["partner-terms"]


def test_a_second_look_proposes_what_the_first_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file that the first run wrote is no code: it changes nothing in what is proposed."""
    (tmp_path / "app.py").write_text("client = boto3.client('rekognition')\nclient.compare_faces()\n")
    assert run(["init", str(tmp_path)]) == 0
    written = (tmp_path / "averment.yaml").read_text()
    capsys.readouterr()
    assert run(["init", str(tmp_path), "--dry-run"]) == 0
    assert capsys.readouterr().out == written
    assert run(["init", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert (told.out, "exists already, as it would be proposed now" in told.err) == ("", True)
    assert run(["init", str(tmp_path), "--pre-commit"]) == 0, "whoever wants the hook only afterwards"
    assert (tmp_path / ".pre-commit-config.yaml").is_file()
    assert (tmp_path / "averment.yaml").read_text() == written


def test_a_program_that_was_not_run_is_said_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a repository of the CDK nothing is there to be read: the terminal and the file say so, and the next step is to synthesise."""
    (tmp_path / "cdk.json").write_text('{"app": "node app.js"}')
    assert run(["init", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert "Not seen: cdk.json is an AWS CDK app whose templates are not here" in told.out
    assert "run `averment init` again" in " ".join(told.err.split())
    assert "# Not seen: cdk.json is an AWS CDK app" in (tmp_path / "averment.yaml").read_text()


def test_a_template_that_was_copied_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same bucket in a copy for each region is one line, with the number of its places, and counted as it stands there."""
    for region in ("eu-west-1", "us-east-1", "us-west-2"):
        (tmp_path / f"{region}.yaml").write_text("Resources:\n  Uploads: {Type: AWS::S3::Bucket, Properties: {BucketName: shop-uploads}}\n")
    assert run(["init", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "(3 of 3)" in out
    assert out.count("Uploads,") == 1
    assert "eu-west-1.yaml:2 and 2 more: name matches" in out
