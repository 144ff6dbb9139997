"""The commands of ``averment incident`` on media: what they do, what they say, and how they exit."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from rich.console import Console

from averment.cli.incident_show import list_table, print_events
from averment.cli.main import run
from averment.core.organisation import Organisation, load_organisation
from averment.core.period import iso
from averment.core.stopping import Terminated
from averment.detector.corpus import load
from averment.evidence.ledger.log import Ledger
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Kind
from averment.evidence.stores.interface import HeldError, StoreError
from averment.governance.incidents.filing import Act, file_step
from averment.governance.incidents.state import read_incidents
from averment.governance.incidents.words import Step

Command = Callable[..., tuple[int, str, str]]
BY = ("--by", "security-operations")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs ``averment incident`` for a shop of its own, in which an incident is open: exit code, stdout, stderr."""
    (tmp_path / "averment.yaml").write_text("version: 1\norganisation: {name: Shop}\n")
    monkeypatch.chdir(tmp_path)

    def make(*arguments: str) -> tuple[int, str, str]:
        try:
            code = run(["incident", *arguments])
        except Terminated as stop:
            code = int(str(stop.code))
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    assert make("open", "A faked product picture", *BY)[0] == 0
    return make


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture of the corpus that ships."""
    path = tmp_path / "fake.jpg"
    path.write_bytes(load()[0].read())
    return path


def records(tmp_path: Path) -> list[Any]:
    with open_ledger(load_organisation(tmp_path / "averment.yaml")) as ledger:
        return [entry.record for entry in ledger.records(Kind.INCIDENT)]


def test_a_dry_run_does_and_records_nothing(command: Command, tmp_path: Path) -> None:
    """What would be done, and how it is taken back, is said; the ledger stays as it was."""
    code, said, _ = command("contain", "latest", "--do", "disable-key=pixelpost/AKIA", "--dry-run", *BY, "--because", "It is live.")
    assert (code, said) == (0, "would set the access key pixelpost/AKIA to Inactive; undone by setting it to Active\n")
    assert len(records(tmp_path)) == 1


def test_latest_says_which_it_is_while_others_are_open(command: Command) -> None:
    """A colleague opens another incident between two commands: whoever writes "latest" again is told before they rely on it. Of one alone nothing is said."""
    assert "note" not in command("show", "latest")[2]
    _, name, _ = command("open", "A faked seller", *BY)
    first = next(line.split()[0] for line in command("list")[1].splitlines() if "A faked product picture" in line)
    _, _, said = command("contain", "latest", "--nothing", *BY, "--because", "It is down already.")
    assert f"note: latest is {name.strip()}, A faked seller; open as well: {first}" in " ".join(said.split())


def test_what_is_not_answered_yet_is_asked_by_the_option_that_answers_it(command: Command, tmp_path: Path) -> None:
    """Who reads at night that something "is not known yet" would have to know the fact's name, which only a wrong one brought up."""
    _, shown, _ = command("show", "latest")
    assert "not answered yet: averment incident triage INC-" in shown
    for option in ("--impact person ", "--reach public ", "--fact personal_data_breached=yes|no ", "--fact child_shown=yes|no "):
        assert option in shown
    answers = ("--impact", "person", "--reach", "public", "--fact", "personal_data_breached=no", "--fact", "crime_suspected=unknown")
    code, _, said = command("triage", "latest", *BY, "--because", "As far as we know.", *answers)
    assert code == 0
    shown = command("show", "latest")[1]
    for text in (said, shown):
        assert "--fact crime_suspected=yes|no " in text
        assert "--impact" not in text
        assert "personal_data_breached" not in text  # answered
        assert "risk_unlikely" not in text  # its duty doesn't apply any more
        assert "child_shown" not in text  # it is as grave as it gets
    (tmp_path / "averment.yaml").write_text(
        "version: 1\norganisation: {name: Shop}\n"
        "incidents: {contracts: [{id: partner, with: Partner, clause: 'clause 1', when: [no_such_fact], within: 48h, role: legal}]}\n"
    )
    code, shown, _ = command("show", "latest")
    assert code == 0
    assert "what is not answered yet can't be listed: " in shown
    assert "no_such_fact" in shown


def test_where_copies_lie_is_said(command: Command, picture: Path, tmp_path: Path) -> None:
    """Without a store in averment.yaml they go to a folder that nobody named."""
    code, _, said = command("preserve", "latest", str(picture), *BY, "--because", "It is live.")
    [incident] = (path.name for path in (tmp_path / ".averment" / "incidents").iterdir())
    assert code == 0
    assert f"kept in {tmp_path / '.averment' / 'incidents' / incident}\n" in said


def test_the_list_can_be_used_on_80_columns_and_without_colours(tmp_path: Path) -> None:
    """An id is whole, to be copied, and which incident has something overdue is told by a word: it was a red line alone."""
    moment = datetime(2026, 11, 22, 6, tzinfo=UTC)
    clock = {"duty": "dsa-notice", "title": "x", "source": "DSA Art 16", "standing": "due", "reason": "it is live"}
    due = {"due_by": "2026-11-23T06:00:00Z", "within": "24h", "role": "legal", "to": "x", "starts": "awareness"}
    values = {"title": "A face", "summary": "x", "noticed_by": "x", "aware_at": "2026-11-22T06:00:00Z", "media": [], "facts": {}}
    opened = file_step("INC-2026-11-22-bbbbbb", Step.OPEN, Act("x", moment, moment), {**values, "clocks": [{**clock, **due}]})
    with open_ledger(Organisation(root=tmp_path), write=True) as ledger:
        ledger.append([opened])
        [found] = read_incidents(ledger.records(Kind.INCIDENT)).values()
    for hours, late in ((1, False), (25, True)):
        out = Console(width=80, file=io.StringIO(), no_color=True)
        out.print(list_table([found], moment + timedelta(hours=hours)))
        text = out.file.getvalue()  # type: ignore[attr-defined]
        assert {"INC-2026-11-22-bbbbbb", "2026-11-22", "2026-11-23"} <= set(text.split())
        assert ("overdue:" in text) is late
        assert max(map(len, text.splitlines())) <= 80


def test_steps_can_be_read_on_80_columns(tmp_path: Path) -> None:
    """A moment stood as 2026-11-22T06:00: and 00Z below it, and security-operations in two pieces; then a bucket's name in a column of nineteen
    characters, from which nobody copies it."""
    moment = datetime(2026, 11, 22, 6, tzinfo=UTC)
    values = {
        "title": "A face",
        "summary": "It is no face of ours, and " * 4 + "s3://larkspur-prod-seller-uploads/pixelpost/scarf-on-model.jpg shows it",
        "noticed_by": "x",
        "aware_at": iso(moment),
        "media": [],
        "facts": {},
    }
    opened = file_step("INC-2026-11-22-bbbbbb", Step.OPEN, Act("security-operations", moment, moment), {**values, "clocks": []})
    with open_ledger(Organisation(root=tmp_path), write=True) as ledger:
        ledger.append([opened])
        [found] = read_incidents(ledger.records(Kind.INCIDENT)).values()
    out = Console(width=80, file=io.StringIO(), no_color=True)
    print_events(out, found.events)
    text = out.file.getvalue()  # type: ignore[attr-defined]
    told = {"2026-11-22T06:00:00Z", "open", "security-operations", "s3://larkspur-prod-seller-uploads/pixelpost/scarf-on-model.jpg"}
    assert told <= set(text.split())
    assert max(map(len, text.splitlines())) <= 80


def test_clocks_can_be_read_on_80_columns(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A duty's name stays whole, to be copied, and its reason isn't a column of ten letters and thirty lines."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    lines = command("show", "latest")[1].splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("nis2-early-warning  may be due by "))
    assert re.search(r", (1 d 0 h|23 h 59 min)$", lines[at])
    assert lines[at + 1].startswith("    security-operations. NIS2 Art 23: the profile does not say")
    reason = " ".join(line.strip() for line in lines[at + 1 : at + 6])
    assert "grave disruption or loss, or considerable damage to others" in reason
    assert max(map(len, lines[: at + 6])) <= 80


def test_clocks_can_be_read_beside_an_id_that_goes_elsewhere(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The id goes into a variable (``ID=$(averment incident open ...)``), and the clocks to a terminal that is as narrow as another."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    code, identifier, said = command("open", "Another faked picture", *BY)
    assert (code, len(identifier.split())) == (0, 1)
    clocks, questions, _ = said.partition("not answered yet: ")
    assert "nis2-early-warning  may be due by " in clocks
    assert questions
    assert max(map(len, clocks.splitlines())) <= 80


def test_containing_tries_every_measure_and_says_which_failed(command: Command, sandbox: Any, tmp_path: Path) -> None:
    """One measure that is refused doesn't keep the next from being tried; exit 3, and both are on record; undoing goes by the entry."""
    iam = boto3.client("iam")
    iam.create_user(UserName="pixelpost")
    key = iam.create_access_key(UserName="pixelpost")["AccessKey"]["AccessKeyId"]
    assert command("preserve", "latest", "--nothing", *BY, "--because", "The bytes lie at the partner's.")[0] == 0
    both = ("--do", "revoke-sessions=nobody", "--do", f"disable-key=pixelpost/{key}")
    code, said, _ = command("contain", "latest", *both, *BY, "--because", "It is live.")
    assert code == 3
    assert [line.split(":")[0] for line in said.splitlines()] == ["failed", "holds"]
    assert [record.payload.get("outcome") for record in records(tmp_path)[-2:]] == ["failed", "holds"]
    code, said, _ = command("recover", "latest", "--undo", "3", *BY, "--because", "The partner has a new key.")
    assert (code, said) == (0, "holds: the key is Active\n")
    code, _, error = command("recover", "latest", "--undo", "2", *BY, "--because", "Which never held.")
    assert code == 3  # the failed one has nothing that could be taken back, and AWS says so
    assert "recorded as entry" in error


def test_analyses_are_recorded_one_by_one(command: Command, picture: Path, tmp_path: Path) -> None:
    """An opinion, and look-alikes in a folder, by the command; what couldn't be compared makes the exit code 3."""
    assert command("preserve", "latest", str(picture), *BY, "--because", "It is live.")[0] == 0
    assert command("analyse", "latest", "--opinion", "synthetic", *BY, "--because", "Two reviewers, apart.")[0] == 0
    stored = tmp_path / "stored"
    stored.mkdir()
    (stored / "again.jpg").write_bytes(picture.read_bytes())
    code, said, _ = command("analyse", "latest", "--look-alikes", str(stored), *BY)
    assert (code, said) == (0, "1 images look like a preserved one, of 1 that were compared\n")
    (stored / "broken.jpg").write_bytes(b"x")
    assert command("analyse", "latest", "--look-alikes", str(stored), *BY)[0] == 3
    assert command("preserve", "latest", "--check", *BY, "--because", "After the analysis.")[0] == 0
    shown = json.loads(command("show", "latest", "--format", "json")[1])
    assert [event["payload"].get("kind") for event in shown["events"][2:5]] == ["opinion", "look-alikes", "look-alikes"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("analyse", "latest", *BY), "give one of --opinion, --detector, --look-alikes and --access-logs"),
        (("analyse", "latest", *BY, "--opinion", "genuine"), "--opinion needs --because"),
        (("contain", "latest", *BY, "--because", "x"), "give --do, or --done, or --nothing"),
        (("contain", "latest", *BY, "--because", "x", "--done", "Blocked"), "--done needs --target"),
        (("contain", "latest", *BY, "--because", "x", "--do", "erase=all"), "is no measure"),
        (("preserve", "latest", *BY, "--because", "x", "--check", "--nothing"), "one of these alone"),
        (("preserve", "latest", *BY, "--because", "x"), "names no media"),
        (("recover", "latest", *BY), "give --restored, or --undo"),
        (("recover", "latest", *BY, "--restored", "x", "--action", "soon/legal/Do it"), "'soon' is not a day"),
        (("notify", "latest", "weather", *BY, "--decision", "sent", "--because", "It rains outside."), "there is no duty 'weather'"),
    ],
)
def test_wrong_use_is_told_and_leaves_no_record(command: Command, tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    """Each wrong use exits 2 with one sentence that says what to give."""
    code, _, error = command(*arguments)
    assert code == 2
    assert says in error
    assert len(records(tmp_path)) == 1


@pytest.mark.parametrize(
    ("failure", "code", "says", "ends"),
    [
        (StoreError("the disk is full"), 3, "may NOT be in the ledger, where the next record brings in what was begun", "the disk is full"),
        (HeldError("another writes"), 3, "is NOT in the ledger", "another writes"),
        (KeyboardInterrupt(), 130, "may NOT be in the ledger", "interrupted"),
        (Terminated(143), 143, "may NOT be in the ledger", "}\n"),
    ],
)
def test_what_was_done_is_not_lost_with_a_record_that_failed(
    command: Command,
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException,
    code: int,
    says: str,
    ends: str,
) -> None:
    """If the ledger can't be written after something was done, or somebody doesn't wait for whoever holds it, what was done is shown to be kept."""

    def refuse(*_: Any) -> Any:
        raise failure

    monkeypatch.setattr(Ledger, "append", refuse)
    ended, _, error = command("preserve", "latest", str(picture), *BY, "--because", "It is live.")
    assert ended == code
    assert says in error
    assert "perceptual_hash" in error
    assert ends in error
