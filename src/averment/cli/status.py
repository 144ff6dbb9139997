"""``averment status``: one screen with the state of every control, what is missing, and who owns it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from averment.cli.common import config_option, note, organisation_for, print_document, stderr
from averment.cli.status_table import show, show_accounts, show_checked, show_deadlines, show_drift, show_left_out, show_scope
from averment.controls.deadlines import Deadline, deadlines
from averment.controls.loader import load_catalogue
from averment.controls.model import Catalogue
from averment.core.canonical import JSON
from averment.core.errors import ExitCode
from averment.core.organisation import Organisation
from averment.core.period import Period, iso, parse_period, utc_now
from averment.core.words import Status
from averment.evidence.judging.assess import Evidence, assess, moment_of
from averment.evidence.judging.by_account import by_account
from averment.evidence.judging.judges import asked_later
from averment.evidence.judging.lately import Lately
from averment.evidence.judging.outside import outside, told_of_outside
from averment.evidence.judging.since import RUNS, Since, since
from averment.evidence.judging.states import FROM_NOWHERE, OF_THAT_ONE, AssessmentState, ControlState, Gap
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import DRILLS, Record
from averment.evidence.reporting.drift import DriftRow, drift
from averment.evidence.reporting.operation import operation, throughout
from averment.evidence.reporting.plain import plain
from averment.evidence.reporting.report import assessment_rows, control_rows
from averment.evidence.reporting.unseen import Looks, told_of_unseen


@click.command()
@click.option("--period", "period_text", metavar="PERIOD", help="Judge this period's evidence alone; a past one as of its end.")
@click.option("--all", "everything", is_flag=True, help="A line for every control and every missing assessment.")
@click.option("--by-account", "accounts_only", is_flag=True, help="A line for every account, the worst first, in place of the controls.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@config_option
def command(period_text: str | None, everything: bool, accounts_only: bool, form: str, config: Path | None) -> int:
    """Show the state of the controls by the evidence in the ledger, since when, and what is stale or missing, by owner.

    Without --period by the latest evidence of each kind, from whichever quarter, for as long as it isn't stale: where you stand now. A
    quarter's package is judged by that quarter's own evidence, as --period does. The first line says which it is.

    What was found wrong has a line of its own; --all gives one to every control and every missing assessment. Where the code and what is
    deployed don't say the same of a resource, both verdicts are shown. Last comes the next day on which something in the law starts or ends that can concern this organisation.

    Exit codes: 0 all satisfied, waived or not applicable; 1 something is not satisfied; 3 something is not assessed, or in a record that is dated ahead.

    Example: averment status --period 2026Q4
    """
    organisation = organisation_for(config)
    catalogue = load_catalogue(organisation)
    period, now = (parse_period(period_text) if period_text else None), utc_now()
    lately, looks = _gone_through(organisation, period, now)
    known = _known(organisation, catalogue, lately, period, now)
    elsewhere = outside(known.evidence, organisation.scope, known.judged_at)
    unseen = looks.unseen(catalogue, organisation.scope) if looks else ()
    if form == "json":
        print_document(json.dumps(_document(known, elsewhere, unseen), indent=2, ensure_ascii=False))
    else:
        show_scope(period, known.judged_at, rests_on(known.states, lately.now))
        if accounts_only:
            show_accounts(by_account(known.states, known.evidence, organisation.scope.accounts), everything=everything)
        else:
            _show(known, everything=everything)
        if not lately.count:
            stderr.print("The ledger is empty: run `averment collect`, `averment prove` and `averment attest` first.")
    _caution((lately.ahead.told, told_of_outside(elsewhere), told_of_unseen(unseen) if unseen else None), period, now)
    code = exit_code(known.states)
    return ExitCode.INCOMPLETE if code is ExitCode.CLEAN and lately.ahead.unheard else code


@dataclass(frozen=True)
class _Known:
    """Where an organisation stands by its ledger: ``states`` as of ``judged_at``, by what was known ``now``."""

    organisation: Organisation
    catalogue: Catalogue
    lately: Lately
    period: Period | None
    now: datetime
    judged_at: datetime
    evidence: Evidence
    states: list[ControlState]
    parted: Sequence[DriftRow]
    held: Mapping[str, Since]
    coming: Sequence[Deadline]


def _known(organisation: Organisation, catalogue: Catalogue, lately: Lately, period: Period | None, now: datetime) -> _Known:
    judged_at = moment_of(period, now)
    states = assess(catalogue, organisation, lately.now, period=period, as_of=now)
    evidence = Evidence(lately.now, period=period, as_of=now, accounts=organisation.scope.accounts)
    states = states if period is None else throughout(states, operation(catalogue, evidence))
    parted = drift(catalogue, organisation, evidence, judged_at)
    held = since(catalogue, organisation, lately, states, period=period, as_of=now)
    coming = deadlines(catalogue, organisation.profile, now.date())
    return _Known(organisation, catalogue, lately, period, now, judged_at, evidence, states, parted, held, coming)


def _document(known: _Known, elsewhere: Sequence[str], unseen: Sequence[str]) -> dict[str, JSON]:
    """All of it as JSON data."""
    organisation, states, begins = known.organisation, known.states, known.period.start.date() if known.period else None
    facts = rests_on(states, known.lately.now)
    return {
        "as_of": iso(known.now),  # when all of this was known; the report of a package has the same two instants
        "judged_at": iso(known.judged_at),
        "period": plain(known.period),
        "rests_on": {"from": iso(facts[0]), "to": iso(facts[1])} if facts else None,
        "records": known.lately.count,
        "ahead": known.lately.ahead.told,
        "outside": list(elsewhere),
        "unseen": list(unseen),
        "totals": {str(status): sum(1 for state in states if state.status is status) for status in Status},
        "left_out": list(known.catalogue.left_out),
        "controls": plain(control_rows(known.catalogue, states, organisation.profile, known.judged_at.date(), begins=begins)),
        "assessments": plain(assessment_rows(states)),
        "accounts": plain(by_account(states, known.evidence, organisation.scope.accounts)),
        "drift": plain(known.parted),
        "since": plain(known.held),
        "deadlines": plain(known.coming),
    }


def _show(known: _Known, *, everything: bool) -> None:
    over = known.period if known.judged_at < known.now else None
    show(known.states, partial(next_step, over=over), everything=everything, held=known.held)
    show_left_out(known.catalogue.left_out, everything=everything)
    if known.organisation.parameter("check.repositories") is None:
        show_checked(list(known.evidence.by_place("check")))
    show_drift(known.parted, everything=everything)
    show_deadlines(known.coming, everything=everything)


def _gone_through(organisation: Organisation, period: Period | None, now: datetime) -> tuple[Lately, Looks | None]:
    """What decides of the ledger's records, and when of a ``period`` somebody looked, in one go."""
    looks = Looks(period) if period else None
    with open_ledger(organisation) as ledger:
        every = (entry.record for entry in ledger.records())
        return Lately(looks.through(every) if looks else every, period, now, runs=RUNS), looks


def _caution(told: Iterable[str | None], period: Period | None, now: datetime) -> None:
    """Say what of the ledger, or of the period, isn't to be taken for more than it is."""
    for text in filter(None, told):
        note(text)
    if period is not None and now < period.start:
        stderr.print(f"note: {period.label} has not begun: only what people stated before it counts", markup=False)


def rests_on(states: Iterable[ControlState], records: Iterable[Record]) -> tuple[datetime, datetime] | None:
    """From when to when the facts are that ``states`` rest on; None without any."""
    cited = {name for state in states for item in state.assessments for name in item.records}
    moments = [record.effective_at for record in records if record.id in cited]
    return (min(moments), max(moments)) if moments else None


def exit_code(states: list[ControlState]) -> ExitCode:
    """1 when a control is not satisfied, else 3 when one is not assessed (or there is none), else 0."""
    found = {state.status for state in states}
    if Status.NOT_SATISFIED in found:
        return ExitCode.FINDINGS
    if Status.NOT_ASSESSED in found or not found:
        return ExitCode.INCOMPLETE
    return ExitCode.CLEAN


def next_step(state: AssessmentState, *, over: Period | None = None) -> str:
    """What would settle an assessment that is not assessed: a command, or what has to be mended before it. Of a period that is ``over`` only what
    looks back can still tell, and reports of it."""
    assessment = state.assessment
    period = asked_later(assessment.collector, over) if over else ""
    if over is not None and period is None:
        return f"{over.label} is over: what is obtained now is no evidence for it"
    if assessment.attestation is not None:
        return f"averment attest {state.id}"
    if assessment.claim is not None:
        mend = "mend what the reason names, then "
        first: dict[Gap | None, str] = {Gap.UNDECIDED: "more samples, then ", Gap.PARTIAL: mend, Gap.COULD_NOT: mend}
        detector = " --detector DETECTOR" if state.reason.endswith(OF_THAT_ONE) else ""
        return f"{first.get(state.gap, '')}averment prove{detector} {state.id}"
    not_run = assessment.policy is not None and state.gap is Gap.MISSING and state.records and not state.reason.startswith(FROM_NOWHERE)
    if not_run and assessment.collector == "config-compliance":
        return f"deploy the AWS Config rule averment-{assessment.policy}"
    if not_run and assessment.collector == "config-history":
        listed = f"name {assessment.policy} in parameters.config-history.rules of averment.yaml where these are listed"
        return f"{listed}, then averment collect{period} --collector config-history"
    if state.gap is Gap.UNSCOPED:
        return f"write {' and '.join(f'parameters.{path}' for path in assessment.needs)} in averment.yaml, then collect{period}"
    if assessment.collector == DRILLS:
        return "averment incident drill"
    command = f"averment collect{period} --collector {assessment.collector or 'check'}"
    return command if state.gap in (Gap.MISSING, Gap.STALE) else f"mend what the reason names, then {command}"
