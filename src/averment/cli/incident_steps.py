"""``averment incident open``, ``triage``, ``notify``, ``recover``, ``close``: the steps that are words."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click

from averment.cli.common import config_option, ledger_for_writing, organisation_for, stderr, stdout
from averment.cli.incident_common import (
    at_option,
    because_option,
    by_option,
    desk_for,
    fact_option,
    incident_argument,
    incident_in,
    moment_option,
    print_clocks,
    question_lines,
    read_facts,
    take_step,
    width,
)
from averment.core.errors import BadInputError, ExitCode
from averment.core.organisation import Organisation
from averment.core.source import SourceRef
from averment.core.words import Severity
from averment.governance.incidents.containing import undo
from averment.governance.incidents.filing import Act
from averment.governance.incidents.measure import Outcome
from averment.governance.incidents.state import Event, Incident
from averment.governance.incidents.steps import Lesson, Notification, Opening, Triage, close, notify, open_incident, recover, triage
from averment.governance.incidents.words import Decision, role


@click.command("open")
@click.argument("title")
@by_option
@click.option("--summary", metavar="TEXT", help="What is known so far. Default: the title.")
@click.option(
    "--noticed-by", default="not said", show_default=True, metavar="TEXT", help="How it came up: the detector, a customer, the press."
)
@moment_option("--aware-at", "When it became known; most clocks start here. Default: now.")
@click.option("--media", multiple=True, metavar="PLACE", help="A file or s3:// object that it is about; may be repeated.")
@fact_option
@click.option("--follows", metavar="ID", help="An earlier incident that this one takes up.")
@at_option
@config_option
def open_command(
    title: str,
    by: str,
    summary: str | None,
    noticed_by: str,
    aware_at: datetime | None,
    media: tuple[str, ...],
    facts: tuple[str, ...],
    follows: str | None,
    at: datetime | None,
    config: Path | None,
) -> int:
    """Open an incident. Its id goes to stdout, the clocks that run to stderr; nothing but TITLE and --by is needed to begin.

    What isn't known is unknown: a duty that hangs on it shows as "may be due", with the time by which it would be.

    \b
    Example: averment incident open "Faked product picture on the autumn page" --by trust-and-safety \\
               --media s3://shop-published/autumn/4.jpg --fact third_party_access=yes
    """
    desk = desk_for(organisation_for(config))
    act = Act.at_moment(by, at)
    with ledger_for_writing(desk.organisation) as ledger:
        before = incident_in(ledger, follows).id if follows else None
        opening = Opening(title, summary or title, noticed_by, aware_at or act.at, media, read_facts(facts), before)
        record = open_incident(desk, act, opening)
        appended = ledger.append([record])[0]
    incident = Incident(str(record.payload["incident"]), (Event(appended.index, record),))
    _show_running(incident)
    _show_questions(desk.organisation, incident)
    click.echo(incident.id)
    return ExitCode.CLEAN


@click.command("triage")
@incident_argument
@by_option
@because_option
@fact_option
@click.option("--impact", metavar="WORD", help="What it does: a word of the severity matrix. Needed the first time.")
@click.option("--reach", metavar="WORD", help="How far it came: a word of the severity matrix. Needed the first time.")
@click.option("--severity", type=click.Choice([str(level) for level in Severity]), help="Another level than the matrix gives; say why.")
@at_option
@config_option
def triage_command(
    incident: str,
    by: str,
    because: str,
    facts: tuple[str, ...],
    impact: str | None,
    reach: str | None,
    severity: str | None,
    at: datetime | None,
    config: Path | None,
) -> int:
    """Answer what is known by now. Severity comes from the matrix, with its reasons, and clocks are computed anew; may be repeated.

    \b
    Example: averment incident triage latest --by security-operations --impact trust --reach public \\
               --fact personal_data_breached=no --because "The partner's key wrote pictures only; no account was touched."
    """
    decided = Triage(read_facts(facts), because, impact, reach, Severity(severity) if severity else None)
    state, record = take_step(
        config, incident, by, at, lambda organisation, found, act: triage(desk_for(organisation), found, act, decided), again=True
    )
    rating = record.payload["rating"]
    stdout().print(f"severity {record.payload['severity']}", markup=False)
    for reason in (*rating["reasons"], *(f"would be {text}" for text in rating["open_questions"])):
        stdout().print(f"  {reason}", markup=False)
    if record.payload["overridden"]:
        stdout().print(f"  set by {by} against the matrix's {rating['severity']}: {record.payload['because']}", markup=False)
    _show_running(state)
    _show_questions(organisation_for(config), state)
    return ExitCode.CLEAN


@click.command("notify")
@incident_argument
@click.argument("duty")
@click.option(
    "--decision", required=True, type=click.Choice([str(item) for item in Decision]), help="not-due is the no, which needs its reason."
)
@by_option
@because_option
@moment_option("--sent-at", "When it went out. Default with --decision sent: now.")
@click.option("--receipt", metavar="TEXT", help="What proves that it went out, such as a reference number.")
@click.option(
    "--receipt-file", type=click.Path(path_type=Path, dir_okay=False), help="A file that proves it: its name and SHA-256 are recorded."
)
@at_option
@config_option
def notify_command(
    incident: str,
    duty: str,
    decision: str,
    by: str,
    because: str,
    sent_at: datetime | None,
    receipt: str | None,
    receipt_file: Path | None,
    at: datetime | None,
    config: Path | None,
) -> int:
    """Record the decision on DUTY (as `averment incident show` names it). Nothing is sent by this: it records who decided what, and why.

    \b
    Example: averment incident notify latest gdpr-33 --decision not-due --by privacy \\
               --because "No account and no personal data was touched; the key could write pictures only."
    """
    if receipt_file is not None:
        receipt = "; ".join(part for part in (receipt, _digest_of(receipt_file)) if part)
    decided = Notification(duty, Decision(decision), because, sent_at, receipt)
    state, record = take_step(
        config, incident, by, at, lambda organisation, found, act: notify(desk_for(organisation), found, act, decided), again=True
    )
    made = state.decisions[duty]
    if made.in_time is False:
        stderr.print(f"sent after it was due ({record.payload['due_by']}): say why in the notification itself", markup=False)
    _show_running(state)
    return ExitCode.CLEAN


@click.command("recover")
@incident_argument
@by_option
@click.option("--restored", metavar="TEXT", help="What was put back.")
@click.option(
    "--undo",
    "entry",
    type=click.IntRange(0),
    metavar="ENTRY",
    help="Instead: take back the measure of this entry of the ledger; with --because.",
)
@click.option("--because", metavar="TEXT", help="With --undo: why it can be taken back.")
@click.option("--checked", default="", metavar="TEXT", help="How it was checked, such as a re-scan and what it gave.")
@click.option(
    "--action", "actions", multiple=True, metavar="DAY/ROLE/TEXT", help="What has to be changed, by whom and by when; may be repeated."
)
@at_option
@config_option
def recover_command(
    incident: str,
    by: str,
    restored: str | None,
    entry: int | None,
    because: str | None,
    checked: str,
    actions: tuple[str, ...],
    at: datetime | None,
    config: Path | None,
) -> int:
    """Record what was restored, how that was checked, and the actions that come out of it; or take back a measure of contain.

    Exit codes: 0 recorded; 3 the undoing was refused, which is recorded too.

    \b
    Example: averment incident recover latest --by platform-delivery --restored "autumn/4.jpg, the version of 3 November" \\
               --checked "re-scanned: clean" --action "2027-01-15/platform-security/The partner moves to the upload API"
    """
    if (restored is None) == (entry is None):
        raise BadInputError(
            "give --restored, or --undo, and one of these alone", fix="averment incident recover --help shows an example of each"
        )
    if entry is not None:
        if because is None:
            raise BadInputError("--undo needs --because: why it can be taken back", fix='add --because "why it is safe now"')
        place, why = entry, because
        _, record = take_step(config, incident, by, at, lambda _, found, act: undo(found, act, place, because=why))
        stdout().print(f"{record.payload['outcome']}: {record.payload['reason']}", markup=False)
        return ExitCode.CLEAN if record.payload["outcome"] == str(Outcome.HOLDS) else ExitCode.INCOMPLETE
    lessons, text = [_lesson(action) for action in actions], str(restored)
    take_step(config, incident, by, at, lambda _, found, act: recover(found, act, restored=text, lessons=lessons, checked=checked))
    return ExitCode.CLEAN


@click.command("close")
@incident_argument
@by_option
@click.option("--cause", required=True, metavar="TEXT", help="What it came from, as far as that is known.")
@click.option("--leave-open", metavar="TEXT", help="Why it is closed although something is owed; that is recorded too.")
@at_option
@config_option
def close_command(incident: str, by: str, cause: str, leave_open: str | None, at: datetime | None, config: Path | None) -> int:
    """Close an incident: triaged, preserved, contained, and every duty that is due or may be decided on.

    Example: averment incident close latest --by security-operations --cause "The partner's key was in a public repository."
    """
    take_step(config, incident, by, at, lambda _, found, act: close(found, act, cause=cause, leave_open=leave_open), again=True)
    return ExitCode.CLEAN


def _show_running(incident: Incident) -> None:
    from averment.cli.console import GuardedConsole

    running = incident.running
    if running:
        print_clocks(GuardedConsole(stderr=True, highlight=False, width=width(errors=True)), running)
    else:
        stderr.print("no clock is running")


def _show_questions(organisation: Organisation, incident: Incident) -> None:
    for line in question_lines(organisation, incident):
        stderr.print(line, markup=False)


def _lesson(text: str) -> Lesson:
    day, _, rest = text.partition("/")
    who, _, what = rest.partition("/")
    try:
        date.fromisoformat(day)
    except ValueError as error:
        raise BadInputError(
            f"--action {text}: '{day}' is not a day", fix="write 2027-01-15/platform-security/What is to be done"
        ) from error
    return Lesson(what.strip(), role(who.strip()), day)


def _digest_of(path: Path) -> str:
    from averment.core.canonical import sha256_hex
    from averment.core.files import read_bounded

    data = read_bounded(path)
    if not data:
        raise BadInputError("is empty", where=SourceRef(str(path)), fix="name a file with something in it")
    return f"{path.name}, SHA-256 {sha256_hex(data)}"
