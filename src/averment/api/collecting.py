"""Collecting evidence into the ledger, as a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from averment.api.common import AnyPath, Conclusion, Note, Notes, Progress, ledger_for_writing, organisation_of, period_of, several, text_of
from averment.core.aws import client, patient_client
from averment.core.errors import AvermentError, BadInputError, IncompleteError, MissingExtraError, SignedOutError
from averment.core.organisation import Organisation
from averment.core.period import Period, iso, utc_now
from averment.core.threads import Unawaited
from averment.evidence.collectors.accounts import (
    ACTIVE,
    RoleToAssume,
    accounts_of_organisation,
    check_accounts,
    check_told_apart,
    clients_in,
    role_to_assume,
)
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.collectors.progress import ProgressFolder
from averment.evidence.collectors.registry import collectors
from averment.evidence.collectors.run import (
    AccountToAsk,
    Skip,
    already_collected,
    collect_accounts,
    present_quarter,
    whose_credentials,
)
from averment.evidence.collectors.run import (
    collect as collect_here,
)
from averment.evidence.judging.judges import asked_later
from averment.evidence.judging.places import regions_of_media
from averment.evidence.ledger.log import Ledger
from averment.evidence.record import Gathering, Record

PROGRESS = ".averment/collect"
"""Where it stands how far long listings came, below the folder of averment.yaml."""

_AT_ONCE = 16
"""Regions that are asked at a time whose the credentials are."""


@dataclass(frozen=True)
class Collected:
    """What was collected; every record is in the ledger already.

    ``errors`` kept whole groups of collectors from running (no credentials, an organisation that can't be listed): what they would have
    collected has no record. ``notes`` say what went otherwise than asked, without harm.
    """

    records: tuple[Record, ...]
    errors: tuple[AvermentError, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def incomplete(self) -> tuple[Record, ...]:
        """The records of what could not be collected, or not all of it, each with its reason."""
        return tuple(record for record in self.records if record.gathering is not Gathering.COLLECTED)

    @property
    def conclusion(self) -> Conclusion:
        """Clean if all was collected, else incomplete. A collector doesn't judge, so there are no findings."""
        return Conclusion.INCOMPLETE if self.incomplete or self.errors else Conclusion.CLEAN


def collect(
    *names: str,
    organisation: Organisation | AnyPath | None = None,
    period: Period | str | None = None,
    regions: Sequence[str] = (),
    accounts: Sequence[str] = (),
    whole_organisation: bool = False,
    role: str | None = None,
    parallel: int = 4,
    resume: bool = False,
    redact_accounts: bool = False,
    on_note: Note | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Collected:
    """Collect facts with the collectors called ``names`` (default: all that are set up) into the organisation's ledger.

    ``period`` is as ``2026Q4``, ``2026-10`` or ``2026-10-01..2026-12-31``; by default the present quarter. ``regions`` default to those of the
    scope, or to that of the AWS settings. ``accounts``, or the ``whole_organisation``, are entered through ``role`` (default:
    ``parameters.collect.role``), ``parallel`` at a time. ``resume`` goes on where an earlier run of the last 24 hours stopped;
    ``redact_accounts`` keeps only the last four digits of account ids. A source that can't be read leaves a record that says so, and the
    others go on.

    Raises:
        BadInputError: an unknown collector, a period that isn't one or has not begun, a wrong setting, accounts without a role, or ones that can't
            be told apart once their ids are hidden.
        MissingExtraError: AWS is to be asked without ``averment[aws]``.
        AvermentError: the ledger can't be opened or written to.
    """
    settings = organisation_of(organisation)
    notes = Notes(on_note)
    job = _Job(
        settings,
        present_quarter(utc_now()) if period is None else period_of(period),
        tuple(map(str, several("regions", regions))),
        redact_accounts,
        parallel,
        resume,
        notes,
        on_progress or (lambda _progress: None),
    )
    selected = collectors(tuple(text_of("a collector", name) for name in names), settings)
    asked = _accounts(settings, tuple(map(str, several("accounts", accounts))), whole_organisation, role)
    if redact_accounts:
        check_told_apart((*settings.scope.accounts, *asked.listed))
    _check_begun(job.period)
    _note_about_the_present(selected, job.period, notes)
    with ledger_for_writing(settings, notes) as ledger:
        records, errors = job.run(selected, asked, ledger)
    return Collected(tuple(records), tuple(errors), tuple(notes.told))


@dataclass(frozen=True)
class _Accounts:
    """Which accounts to look into: those ``listed`` (by default those of the scope), with all of the organisation if it is the ``whole``; without a
    ``role`` only that of the credentials."""

    listed: tuple[str, ...]
    whole: bool
    role: RoleToAssume | None

    def to_ask(self, own: str, region: str | None, note: Note) -> list[AccountToAsk]:
        """The accounts with their clients; the own one needs no role. ``note`` hears of those of the organisation that are left out."""
        if self.role is None:
            return [AccountToAsk(own, patient_client)]
        wanted = self._of_organisation(region, note) if self.whole else self.listed or (own,)
        return [AccountToAsk(account, patient_client if account == own else clients_in(account, self.role, region)) for account in wanted]

    def _of_organisation(self, region: str | None, note: Note) -> list[str]:
        """The active accounts, and those of the scope that aren't among them: whether or not they can be entered goes on record."""
        states = accounts_of_organisation(patient_client, region)
        resting = [f"{name} ({state})" for name, state in states.items() if state != ACTIVE and name not in self.listed]
        if resting:
            note(f"{', '.join(resting)} of the organisation not looked into: AWS Organizations doesn't have it as active")
        return list(dict.fromkeys((*(name for name, state in states.items() if state == ACTIVE), *self.listed)))


def _accounts(organisation: Organisation, listed: tuple[str, ...], whole: bool, role: str | None) -> _Accounts:
    found = role_to_assume(organisation, role)
    if (listed or whole) and found is None:
        raise BadInputError(
            "no role is named for the other accounts", fix="add --assume-role NAME, or parameters.collect.role in averment.yaml"
        )
    if listed and whole:
        raise BadInputError(
            "single accounts and the whole organisation exclude each other", fix="name accounts, or take all of the organisation"
        )
    return _Accounts(check_accounts(listed) or organisation.scope.accounts, whole, found)


def _own_account(places: Sequence[str | None]) -> tuple[str, str | None]:
    """The account of the credentials, and the first of ``places`` where STS says so: one that is mistyped, that the account hasn't opted in to or
    that is of another partition answers nobody, and is no reason to leave out the others.

    Raises:
        IncompleteError: none of them answers; what the first said.
    """
    try:
        return whose_credentials(patient_client, places[0]), places[0]
    except SignedOutError:
        raise
    except IncompleteError as error:
        failures = [error]
    with Unawaited(_AT_ONCE, name="whose-credentials") as threads:  # without a network each is long in giving up
        for place, answer in [(place, threads.submit(whose_credentials, client, place)) for place in places[1:]]:
            try:
                return answer.result(), place
            except SignedOutError:
                raise
            except IncompleteError as error:
                failures.append(error)
    raise failures[0]


@dataclass(frozen=True)
class _Job:
    """One run over collectors, accounts and regions."""

    organisation: Organisation
    period: Period
    regions: tuple[str, ...]
    redact: bool
    parallel: int
    resume: bool
    note: Note
    heard: Callable[[Progress], None]

    def run(self, selected: Sequence[Collector], accounts: _Accounts, ledger: Ledger) -> tuple[list[Record], list[AvermentError]]:
        """The records, each in the ledger already, and what kept whole groups of collectors from running."""
        here = [collector for collector in selected if not collector.from_aws]
        across = [collector for collector in selected if collector.from_aws and collector.spans_accounts]
        there = [collector for collector in selected if collector.from_aws and not collector.spans_accounts]
        places: list[str | None] = list(self.regions or self.organisation.scope.regions) or [None]
        progress = self._progress()
        scope = CollectScope(self.organisation, self.period, redact_accounts=self.redact, progress=progress)
        skip = already_collected((entry.record for entry in ledger.records()), now=utc_now()) if self.resume else None
        records: list[Record] = []
        # How many records there will be, nobody knows before the accounts are.
        known, doing = None if across or there else len(here), "collecting here ..."
        if here:
            self.heard(Progress(doing, 0, known))
        for record in collect_here(here, scope, [None], skip=skip):
            ledger.append([record])
            records.append(record)
            self.heard(Progress(f"{doing} {record.collector}", len(records), None if known is None else max(len(records), known)))
        if not across and not there:
            return records, []
        try:
            own, answers = _own_account(places)
            places = [place or str(patient_client("sts").meta.region_name) for place in places]
            to_ask = accounts.to_ask(own, answers, self.note)
        except MissingExtraError:
            raise  # to be mended here, and no fact about the source
        except AvermentError as error:
            return records, [error]
        scope = replace(scope, regions=tuple(map(str, places)))
        self._note_about_the_scope([account.id for account in to_ask], places, role=accounts.role is not None)
        if self.redact:
            check_told_apart((*self.organisation.scope.accounts, *(account.id for account in to_ask)))
        found = chain(
            collect_here(across, replace(scope, account=own), places),
            collect_accounts(there, scope, to_ask, places, parallel=self.parallel, skip=_counted(skip, self.note)),
        )
        doing = f"collecting from {len(to_ask):,} account{'' if len(to_ask) == 1 else 's'} ..."
        done = len(records)
        total = done + _runs(across, places) + len(to_ask) * _runs(there, places)
        self.heard(Progress(doing, done, total))
        media: dict[str, str] = {}
        for number, record in enumerate(found, start=done + 1):
            ledger.append([record])
            if progress is not None:
                progress.finished(record)
            records.append(record)
            media |= regions_of_media(record)
            self.heard(Progress(f"{doing} {where(record)}: {record.collector}", number, max(number, total)))
        self._note_about_elsewhere(media, scope.regions)
        return records, []

    def _note_about_the_scope(self, accounts: Sequence[str], regions: Sequence[str | None], *, role: bool) -> None:
        """Say which accounts of the scope nobody looks into, and what is looked into and counts for nothing."""
        scope = self.organisation.scope
        if not role and (left := [account for account in scope.accounts if account not in accounts]):
            self.note(f"{', '.join(left)} of the scope not looked into: no role is named (--assume-role, or parameters.collect.role)")
        strange = [account for account in accounts if scope.accounts and account not in scope.accounts]
        strange += [str(region) for region in regions if scope.regions and region not in scope.regions]
        if strange:
            self.note(f"{', '.join(strange)} not in the scope of averment.yaml: what is collected there counts for no assessment")

    def _note_about_elsewhere(self, media: Mapping[str, str], looked_into: Sequence[str]) -> None:
        """Say in which regions ``media`` lie that nobody looks into, where averment.yaml doesn't say which are the organisation's."""
        left = [f"{region} ({bucket})" for region, bucket in sorted(media.items()) if region not in looked_into]
        if left and not self.organisation.scope.regions:
            self.note(f"{', '.join(left)} not looked into, though media lie there: name every region in scope.regions of averment.yaml")

    def _progress(self) -> ProgressFolder | None:
        folder = ProgressFolder(self.organisation.path(PROGRESS), self.resume)
        try:
            folder.prepare(utc_now())
        except OSError as error:
            self.note(f"how far listings come is not kept in {folder.folder}: {error.strerror}")
            return None
        return folder


def _runs(chosen: Sequence[Collector], places: Sequence[str | None]) -> int:
    """How many records ``chosen`` make in one account, one for each run of a collector."""
    return sum(len(places) if collector.regional else 1 for collector in chosen)


def _counted(skip: Skip | None, note: Note) -> Skip | None:
    """``skip``, noting what it leaves out."""
    if skip is None:
        return None

    def told(collector: Collector, scope: CollectScope) -> bool:
        done = skip(collector, scope)
        if done:
            place = " ".join(part for part in (scope.account, scope.region if collector.regional else None) if part)
            note(f"{collector.name} of {place} was collected already")
        return done

    return told


def where(record: Record) -> str:
    """The account and region that ``record`` is of, or its source."""
    return " ".join(part for part in (record.account, record.region) if part) or record.source


def _check_begun(period: Period) -> None:
    """Whether there can be facts about ``period``: those of now would count for the present one.

    Raises:
        BadInputError: it has not begun.
    """
    now = utc_now()
    if now < period.start:
        raise BadInputError(f"{period.label} has not begun", fix=f"collect for the present quarter: --period {present_quarter(now).label}")


def _note_about_the_present(selected: Sequence[Collector], period: Period, note: Note) -> None:
    now = utc_now()
    if now not in period and (present := [item.name for item in selected if asked_later(item.name, period) is None]):
        note(f"{', '.join(present)} can only tell the present ({iso(now)}), which is no evidence for {period.label}")
