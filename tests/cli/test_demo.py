"""The whole job, end to end, as a newcomer sees it."""

import base64
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from averment.cli.common import stdout
from averment.cli.demo.stage import Stage, prepared
from averment.cli.main import run

_THEIRS = {
    "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z",
    "AWS_ENDPOINT_URL_SQS": "https://sqs.invalid",
    "AVERMENT_CASES": "our-cases",
    "AVERMENT_QUARANTINE_BUCKET": "our-uploads",
    "HTTP_PROXY": "http://proxy.invalid:3128",
}
"""What a user's shell may hold: of signing in, of their own media gate, of their network. The demo goes by none of it."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The demo's workspace and what it printed, from a process of its own, as `make demo` runs it."""
    folder = tmp_path_factory.mktemp("demo")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | _THEIRS
    command = [sys.executable, "-m", "averment", "demo", "--workspace", "my demo/played"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    return folder / "my demo" / "played", done.stdout


def test_the_check_finds_the_shops_flaws(played: tuple[Path, str]) -> None:
    """Every rule finds at least one flaw in the shop, with file, line and fix, and passes somewhere too."""
    report = json.loads((played[0] / "check.json").read_text())
    failed = [finding for finding in report["findings"] if finding["verdict"] == "fail"]
    assert {finding["rule"] for finding in failed} >= {
        "s3-put-object-gated",
        "media-bucket-events-scanned",
        "quarantine-not-served",
        "cdn-media-gated",
        "face-match-needs-liveness",
        "detector-endpoint-guarded",
        "signing-key-fit",
    }
    assert all(finding["fix"] for finding in failed)
    assert {finding["verdict"] for finding in report["findings"]} == {"fail", "pass", "unknown"}


def test_what_was_not_tested_says_why(played: tuple[Path, str]) -> None:
    """The summary names the assessment and the reason, not the kind of claim alone."""
    assert "Not tested   SM-DET-03/gaps (subgroup-gap): nothing is known of the population 'reviewed-media'" in played[1]


def test_what_is_to_be_opened_is_where_it_is_said_to_be(played: tuple[Path, str]) -> None:
    """The paths were those of a workspace beside the working folder, wherever it was; and a blank in one ends no argument."""
    here = played[0].parents[1]
    listed = re.findall(r"^   (my demo/.*?) {2,}", played[1].split("\nOpen\n", 1)[1], re.MULTILINE)
    assert len(listed) == 6
    assert all((here / path).exists() for path in listed)
    command = shlex.split(played[1].rsplit("cryptography): ", 1)[1].splitlines()[0])
    assert [(here / path).exists() for path in command] == [False, True, True]


def test_the_readme_shows_what_the_demo_prints(played: tuple[Path, str]) -> None:
    """Each line of the README's excerpt is printed; ``...`` stands for anything, spaces for as many as there are."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    excerpt = readme.split("an excerpt of what the demo prints", 1)[1].split("```text\n", 1)[1].split("```", 1)[0]
    said = " ".join(played[1].split())
    for line in filter(None, map(str.strip, excerpt.splitlines())):
        parts = [r"\s+".join(map(re.escape, part.split())) for part in line.split("...")]
        assert re.search(r"\s*.*?\s*".join(parts), said), line


def test_the_run_time_agrees_with_the_code(played: tuple[Path, str]) -> None:
    """Where both sides could tell, they say the same."""
    lines = played[1].split("before merge", 1)[1].split("4. Pictures", 1)[0].splitlines()
    rows = [parts for line in lines if len(parts := line.split()) == 4]
    assert len(rows) >= 10
    told = [(before, after) for _, _, before, after in rows if before in {"pass", "fail"} and after != "NOT_APPLICABLE"]
    assert {("pass", "COMPLIANT"), ("fail", "NON_COMPLIANT")} == set(told)
    assert all(after != "COMPLIANT" for _, _, before, after in rows if before == "unknown")


def test_the_package_verifies_and_a_changed_bit_is_named(played: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The package that the demo leaves behind is genuine; the demo's own forgery was found."""
    (package,) = played[0].glob("evidence-*")
    assert run(["verify", str(package)]) == 0
    assert "report.json was changed" in played[1]
    capsys.readouterr()


def test_no_flagged_picture_was_published(played: tuple[Path, str]) -> None:
    """The record of the media's states says that nothing without a clean verdict lies in the published bucket."""
    (package,) = played[0].glob("evidence-*")
    envelopes = [json.loads(path.read_text()) for path in (package / "records").iterdir()]
    records = [json.loads(base64.b64decode(envelope["payload"]))["predicate"]["record"] for envelope in envelopes]
    states = next(record["payload"]["summary"] for record in records if record["kind"] == "media-states")
    assert states["published_total"] > 0
    assert states["published_without_verdict"] == 0
    assert states["published_flagged"] == 0
    assert states["upload_without_verdict"] > 0  # what sellers sent was never scanned: the shop's flaw is seen


def test_the_incident_is_closed_reported_and_evidence(played: tuple[Path, str]) -> None:
    """What slipped in was contained and reported; its records are in the package, and no clock of it is overdue or was missed."""
    (package,) = played[0].glob("evidence-*")
    assert "synthetic model wears Pixelpost" in (played[0] / "incident.html").read_text(encoding="utf-8")
    envelopes = [json.loads(path.read_text()) for path in (package / "records").iterdir()]
    records = [json.loads(base64.b64decode(envelope["payload"]))["predicate"]["record"] for envelope in envelopes]
    steps = [record["payload"]["step"] for record in records if record["collector"]["name"] == "incident"]
    assert sorted(steps) == sorted(["open", "triage", "preserve", "contain", "contain", "analyse", "notify", "recover", "close"])
    contained = [
        record["payload"] for record in records if record["collector"]["name"] == "incident" and record["payload"]["step"] == "contain"
    ]
    assert [payload["outcome"] for payload in contained] == ["holds", "holds"]
    rows = {row["id"]: row["status"] for row in json.loads((package / "report.json").read_text())["assessments"]}
    assert (rows["SM-IR-03/clocks"], rows["SM-IR-03/in-time"]) == ("satisfied", "satisfied")


def test_claims_come_out_with_their_intervals(played: tuple[Path, str]) -> None:
    """One disclosure claim is refuted by a census; the detector's claim has an interval; what the shop has no data for isn't tested."""
    (package,) = played[0].glob("evidence-*")
    listed = json.loads((package / "report.json").read_text())["claims"]
    claims = {name: claim for claim in listed for name in claim["assessments"]}
    assert claims["SM-PRV-01/coverage"]["verdict"] == "refuted"
    assert {claim["verdict"] for claim in listed} == {"supported", "refuted", "inconclusive", "not tested"}
    untested = {name for name, claim in claims.items() if claim["verdict"] == "not tested"}
    assert untested == {"SM-DET-03/gaps", "SM-DET-03/scores"}
    performance = claims["SM-DET-03/performance"]
    assert performance["verdict"] in {"supported", "inconclusive"}
    assert performance["low"] < performance["estimate"] <= performance["high"]


def test_the_sarif_names_the_controls(played: tuple[Path, str]) -> None:
    """The file for code scanning has each flaw with its place (`make test-node` holds it to the official schema)."""
    (result_run,) = json.loads((played[0] / "check.sarif").read_text())["runs"]
    assert {"s3-put-object-gated", "cdn-media-gated"} <= {result["ruleId"] for result in result_run["results"]}
    assert all(result["locations"][0]["physicalLocation"]["region"]["startLine"] > 0 for result in result_run["results"])


def test_the_site_has_a_page_for_each_control(played: tuple[Path, str]) -> None:
    """Each control's page shows its state."""
    for control in ("SM-UPL-01", "SM-UPL-03", "SM-IDV-01", "SM-DEL-01", "SM-PRV-01", "SM-DET-03"):
        (page,) = [path for path in (played[0] / "site").rglob("*.html") if control.lower() in str(path).lower()]
        assert "ot satisfied" in page.read_text(encoding="utf-8")


def test_a_folder_that_the_demo_did_not_make_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody's files are deleted by a demo."""
    (tmp_path / "mine").write_text("precious")
    assert run(["demo", "--workspace", str(tmp_path)]) == 2
    assert (tmp_path / "mine").read_text() == "precious"
    assert "--workspace" in capsys.readouterr().err


@pytest.mark.parametrize(("stands_in", "workspace"), [("real", "."), ("real/shop/terraform", "../.."), (".", "link")])
def test_a_workspace_is_emptied_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stands_in: str, workspace: str
) -> None:
    """In the workspace itself, deeper in it, or beside a link to it: the shop is new, and the folder is still the one in which the shell stands."""
    with prepared(tmp_path / "real") as folder:
        (folder / "old.json").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path / stands_in)
    before = folder.stat().st_ino
    with prepared(Path(workspace)) as again:
        assert (again, again.stat().st_ino) == (folder, before)
        assert sorted(path.name for path in again.iterdir()) == [".averment-demo", "shop"]
        assert (again / "shop" / "averment.yaml").is_file()
    assert Path.cwd().is_dir()


def test_a_workspace_that_can_not_be_made_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A place that can't be written to is the machine's matter (exit 3) and no flaw of the program."""
    (tmp_path / "file").write_text("")
    assert run(["demo", "--workspace", str(tmp_path / "file" / "demo")]) == 3
    said = " ".join(capsys.readouterr().err.split())
    assert "the workspace could not be made" in said
    assert "flaw of averment" not in said


def test_what_the_demo_lacks_is_told_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With averment[sandbox] alone it ended at its first step, as a defect to report."""
    monkeypatch.setattr("averment.cli.demo.find_spec", lambda name: None if name in {"tfparse", "mkdocs"} else object())
    assert run(["demo", "--workspace", str(tmp_path / "demo")]) == 2
    assert capsys.readouterr().err == (
        "averment: the demo needs what is not installed: tfparse, mkdocs\n  fix: pip install 'averment[all]'\n"
    )
    assert not (tmp_path / "demo").exists()


def test_a_demo_that_is_interrupted_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C inside one of the demo's commands ends the demo; nobody is asked to report a defect."""
    monkeypatch.setattr("averment.cli.main.run", lambda _arguments: 130)
    with pytest.raises(KeyboardInterrupt):
        Stage(tmp_path, Console()).averment("check", ".")
    assert "unknown" not in capsys.readouterr().out


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_an_excerpt_is_as_wide_as_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of 80 columns a newcomer saw tables of 180, folded into a heap, and nothing of what the colours say."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = _Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    Stage(tmp_path, stdout()).averment("controls", "list", lines=6)
    shown = screen.getvalue()
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
    assert max(map(len, lines[1:])) <= 80
    assert any(line.strip().endswith("more lines ...") for line in lines)
    assert "\x1b[" in shown
    assert "\\x1b" not in shown
