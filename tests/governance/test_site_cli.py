"""``averment site`` and ``averment controls`` as a user calls them."""

from __future__ import annotations

import inspect
import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from averment.cli.drill import play
from averment.cli.main import run
from averment.controls.lint import lint
from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.core.period import from_iso
from averment.core.scope import MediaRole
from averment.evidence.collectors.registry import COLLECTORS, CONFIGURED
from averment.governance.known import known_parts
from averment.governance.site.data import SiteData
from averment.governance.site.serve import serve

View = Callable[..., SiteData]


def test_the_site_and_the_plan_say_what_is_dated_ahead(
    site_data: View, organisation: Organisation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evidence that is dated after this machine's clock is neither on the site nor in the plan, which is said, but not where an earlier moment was asked for."""
    site_data()
    build = ["site", "build", "--output", str(organisation.root / "public"), "--config", str(organisation.file)]
    monkeypatch.setattr("averment.governance.site.build.build_site", lambda *_arguments, **_options: Path("index.html"))
    monkeypatch.setattr("averment.cli.site.utc_now", lambda: from_iso("2026-11-01T00:00:00Z"))
    assert run(build) == 0
    assert "dated after this machine's clock" in capsys.readouterr().err
    assert run([*build, "--as-of", "2026-11-01T00:00:00Z"]) == 0
    assert "dated after" not in capsys.readouterr().err
    monkeypatch.setattr("averment.cli.incident_report.utc_now", lambda: from_iso("2026-11-01T00:00:00Z"))
    assert run(["incident", "plan", "--config", str(organisation.file)]) == 0
    assert "dated after this machine's clock" in capsys.readouterr().err


def test_site_build_without_evidence_says_so(organisation: Organisation, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty ledger builds a site that says that nothing was assessed, and the command says so too."""
    output = organisation.root / "public"
    assert run(["site", "build", "--output", str(output), "--config", str(organisation.file)]) == 0
    assert "nothing was assessed yet" in capsys.readouterr().err
    assert not (organisation.root / ".averment").exists()


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "0938-06-01T00:00:00Z"])
def test_a_moment_that_no_calendar_holds_is_refused(organisation: Organisation, moment: str, capsys: pytest.CaptureFixture[str]) -> None:
    """There is no quarter before the first year and none after the last: that is said, and no flaw."""
    assert run(["site", "build", "--config", str(organisation.file), "--as-of", moment]) == 2
    assert f"'{moment}' is too far off to judge anything as of it" in " ".join(capsys.readouterr().err.split())


def test_site_without_its_extra_says_which(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Where MkDocs isn't installed the command names the extra, exits with 2, and shows no traceback."""
    monkeypatch.setitem(__import__("sys").modules, "mkdocs", None)
    monkeypatch.chdir(tmp_path)
    assert run(["site", "build"]) == 2
    assert "pip install 'averment[site]'" in capsys.readouterr().err


def test_served_site_answers_on_the_loopback(tmp_path: Path) -> None:
    """The server announces its address, serves the folder, and binds to this machine alone."""
    (tmp_path / "index.html").write_text("<p>here</p>")
    announced: list[str] = []
    ready = threading.Event()

    def announce(url: str) -> None:
        announced.append(url)
        ready.set()

    threading.Thread(target=serve, args=(tmp_path, 0), kwargs={"announce": announce}, daemon=True).start()
    assert ready.wait(10)
    assert announced[0].startswith("http://127.0.0.1:")
    with urllib.request.urlopen(announced[0], timeout=10) as answer:
        assert answer.read() == b"<p>here</p>"
    local = urllib.request.Request(announced[0], headers={"Host": "localhost:8000"})
    with urllib.request.urlopen(local, timeout=10) as answer:
        assert answer.read() == b"<p>here</p>"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("host", ["shop.example", "shop.example:8000", "127.0.0.1.shop.example", ""])
def test_the_served_site_is_read_under_no_name_of_somebody_elses(tmp_path: Path, host: str, method: str) -> None:
    """A page's own name may lead to this machine (DNS rebinding): its scripts would have read what only the inside may."""
    (tmp_path / "index.html").write_text("<p>inside</p>")
    announced: list[str] = []
    ready = threading.Event()
    told = {"announce": lambda url: (announced.append(url), ready.set())}
    threading.Thread(target=serve, args=(tmp_path, 0), kwargs=told, daemon=True).start()
    assert ready.wait(10)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(announced[0], headers={"Host": host}, method=method), timeout=10)
    with refused.value as answer:
        assert answer.code == 421
        assert b"inside" not in answer.read()


def test_binding_on_lists_what_binds_this_organisation(organisation: Organisation, capsys: pytest.CaptureFixture[str]) -> None:
    """A deployer that generates media is bound to disclose, not to mark; GDPR's conditions stay open."""
    assert run(["controls", "list", "--binding-on", "2026-12-02", "--format", "json", "--config", str(organisation.file)]) == 0
    value = json.loads(capsys.readouterr().out)
    bound = {control["id"] for control in value["controls"]}
    assert {"SM-UPL-01", "SM-DEL-01"} <= bound
    assert "SM-PRV-01" not in bound
    assert {"SM-UPL-03", "SM-IDV-01"} <= {control["id"] for control in value["may_bind"]}


def test_nothing_of_the_ai_act_binds_before_its_day(organisation: Organisation, capsys: pytest.CaptureFixture[str]) -> None:
    """On 1 August 2026 Article 50 did not apply yet."""
    assert run(["controls", "list", "--binding-on", "2026-08-01", "--format", "json", "--config", str(organisation.file)]) == 0
    value = json.loads(capsys.readouterr().out)
    binding = [ref["ref"] for control in value["controls"] for ref in control["references"] if ref["standing"] == "binds"]
    assert "art-50-4" not in binding
    assert "art-4" in binding


def test_list_and_show_print_tables(organisation: Organisation, capsys: pytest.CaptureFixture[str]) -> None:
    """Without JSON there is a table with every control, and a page for one; a weakened control is marked and explained."""
    assert run(["controls", "list", "--config", str(organisation.file)]) == 0
    out = capsys.readouterr()
    assert "SM-DET-03 *" in out.out
    assert "* SM-DET-03 is weakened by an overlay: performance: claim at_least 0.8 → 0.75" in out.err
    assert run(["controls", "show", "sm-upl-03", "--config", str(organisation.file)]) == 0
    page = capsys.readouterr().out
    assert "rule s3-put-object-gated, as config-compliance reports it" in page
    assert "GDPR Art 28" in page


def test_diff_tells_what_an_organisation_changed(organisation: Organisation, capsys: pytest.CaptureFixture[str]) -> None:
    """What was left out and what was weakened, with its reason, and nothing else."""
    assert organisation.file is not None
    file = Path(organisation.file)
    file.write_text(file.read_text() + "controls: [SM-DET-03, SM-UPL-*]\n")
    assert run(["controls", "diff", "--config", str(file)]) == 0
    chosen = {"SM-DET-03", "SM-UPL-01", "SM-UPL-02", "SM-UPL-03"}
    assert capsys.readouterr().out.splitlines() == [
        *(f"{control.id}: left out" for control in load_catalogue() if control.id not in chosen),
        "SM-DET-03: weakened: performance: claim at_least 0.8 → 0.75 (reason: The corpus is small until the second labelling round.)",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["controls", "show", "SM-UPL-99"], "there is no control 'SM-UPL-99'"),
        (["controls", "list", "--binding-on", "soon"], "'soon' is not a day"),
        (["site", "build", "--as-of", "yesterday"], "'yesterday' is not an RFC 3339 time"),
    ],
)
def test_wrong_use_exits_with_2(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], organisation: Organisation) -> None:
    """A mistake of the caller is explained on stderr, with exit code 2."""
    assert run([*arguments, "--config", str(organisation.file)]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


UNJUDGED = frozenset({"checkov-report", "prowler-report"})


UNCLAIMED = frozenset({"latency"})


def test_catalogue_and_what_implements_it_agree() -> None:
    """Everything that the shipped catalogue names is implemented, and every rule, collector and claim type is put to use.

    The collector ``check`` serves the policies before merge, which name no collector; ``config-aggregate`` brings what ``config-compliance``
    does, for many accounts. ``UNJUDGED`` bring the results of other tools' checks, which no control asks for; an organisation that wants some
    of them to count adds an assessment of its own (``test_collect_named.py``). ``UNCLAIMED`` are for claims of one's own: how fast is fast
    enough, and on which machine, no law or control says.
    """
    known = known_parts()
    catalogue = load_catalogue()
    assert [f"{item.where}: {item.message}" for item in lint(catalogue, known) if not item.advice] == []
    assert known.collectors is not None
    assert known.collectors - {"check", "config-aggregate"} - UNJUDGED == {
        item.collector for control in catalogue for item in control.assessments if item.collector
    }
    assert known.claim_types is not None
    assert known.claim_types - UNCLAIMED == {item.claim["type"] for control in catalogue for item in control.assessments if item.claim}


DRILL_SOURCE = inspect.getsource(play)
"""What makes the records of drills, which are by a command and no collector."""


def test_expectations_name_fields_that_collectors_write() -> None:
    """A misspelt field would leave its assessment open for ever: each stands in what its collector says of its payload."""
    kinds = {kind.name: kind for kind in (*COLLECTORS, *CONFIGURED)}
    roles = "|".join(MediaRole)
    unknown = []
    for control in load_catalogue():
        for item in control.assessments:
            if item.expect is None:
                continue
            made_by = kinds.get(str(item.collector))
            source = inspect.getsource(inspect.getmodule(made_by) or made_by) if made_by else DRILL_SOURCE
            name = re.sub(rf"^({roles})_", "", str(item.expect["field"]).removeprefix("summary."))
            unknown += [f"{control.id}/{item.id}: {field}" for field in (name, item.expect.get("each", name)) if f'"{field}"' not in source]
    assert unknown == []
