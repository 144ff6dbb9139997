"""The seam between a source of facts and the ledger.

A collector fetches and never judges. What it could not fetch is a record too, with the reason: a refusal by AWS is evidence of
something that nobody looked at, not an exception and never silence.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol

from averment.core.aws import patient_client
from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.fetch import Fetch
from averment.core.organisation import Organisation
from averment.core.period import Period, iso, utc_now
from averment.core.scope import Scope
from averment.core.source import SourceRef
from averment.core.words import counted
from averment.evidence.collectors.pace import keep_pace
from averment.evidence.collectors.progress import Progress, ProgressFolder, names
from averment.evidence.collectors.redact import hide_account, redact
from averment.evidence.record import Gathering, Kind, Population, Record

MAX_REASONS = 20
MAX_REASON = 500
"""Bounds of a record's reason (reasons, and characters of each): provenance has to fit into an entry of the ledger."""


_TAGS = "s3:GetBucketTagging"
"""What tells which buckets hold media, where tags say so."""


class ClientFactory(Protocol):
    """Makes boto3 clients (or what stands in for them)."""

    def __call__(self, service: str, *, region: str | None = None) -> Any:
        """A client for ``service`` in ``region``."""


@dataclass(frozen=True)
class CollectScope:
    """What to collect: whose facts, over which period, from which account and region, with which clients and clock.

    ``account`` is the account that the credentials belong to, None where it isn't known. ``redact_accounts`` hides account
    ids but for their last four digits. ``progress`` is where long listings keep how far they are; None: nowhere. ``regions`` are those
    that the same run looks into.
    """

    organisation: Organisation
    period: Period
    account: str | None = None
    region: str | None = None
    client: ClientFactory = patient_client
    clock: Callable[[], datetime] = utc_now
    redact_accounts: bool = False
    progress: ProgressFolder | None = None
    regions: tuple[str, ...] = ()

    def connect(self, service: str) -> Any:
        """A client for ``service`` in this scope's region, which keeps to the service's rate."""
        return keep_pace(self.client(service, region=self.region), service)

    def fetch(self, service: str) -> Fetch:
        """The remembering calls of ``service`` in this scope's region."""
        return Fetch(self.connect(service), service)

    def parameters(self, collector: str) -> Mapping[str, Any]:
        """The organisation's parameters of ``collector`` (``parameters:`` in averment.yaml).

        Raises:
            BadInputError: they aren't a mapping.
        """
        value = self.organisation.parameters.get(collector, {})
        if not isinstance(value, Mapping):
            raise BadInputError(
                f"parameters.{collector} is not a mapping",
                where=SourceRef(self.organisation.file),
                fix="write its parameters as name: value below it",
            )
        return value

    def number(self, collector: str, name: str, default: int) -> int:
        """The parameter ``name`` of ``collector``, a whole number from 1.

        Raises:
            BadInputError: it is something else.
        """
        value = self.parameters(collector).get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise BadInputError(
                f"parameters.{collector}.{name} is not a whole number from 1",
                where=SourceRef(self.organisation.file),
                fix="write a whole number, such as 30",
            )
        return value


@dataclass
class Gathered:
    """What a collector brought home. ``problems`` are reasons for what is missing; with ``payload`` None nothing was obtained.

    ``effective_at`` is when the facts held; None: when they were fetched. ``accounts`` are ids that the facts hold otherwise than in ARNs.
    """

    source: str
    query: Mapping[str, JSON]
    payload: Mapping[str, JSON] | None
    problems: list[str] = field(default_factory=list)
    population: Population | None = None
    effective_at: datetime | None = None
    accounts: frozenset[str] = frozenset()


class Collector(ABC):
    """One source of facts.

    ``permissions`` are the IAM actions that it may call, and all that it calls; ``resources`` narrows some of them to ARNs.
    ``regional`` collectors are asked once a region, others once an account. ``from_aws`` is False for those that need no AWS account. ``looks_back`` says that the
    source keeps history; the others can only tell the present, which is no evidence for a past period. ``spans_accounts`` ones speak of many accounts
    and are asked once, with the credentials at hand; the others give one record for each account and region. ``by_media`` ones look at what
    averment.yaml calls media (``scope.media``): their records tell what it called so (``payload.media_scope``). ``by_files`` ones go by files beside
    averment.yaml: a resumed run reads them again, which costs little, as one may be new, mended or missing in between, or another repository's.
    ``goes_by`` are the parameters that decide what is in a record; it tells them as they stood (``payload.scope``), so that a resumed run sees a change.
    """

    name: str
    version: str
    kind: Kind
    permissions: tuple[str, ...] = ()
    resources: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    regional: bool = True
    from_aws: bool = True
    looks_back: bool = False
    spans_accounts: bool = False
    by_media: bool = False
    by_files: bool = False
    goes_by: tuple[str, ...] = ()
    summary: str = ""

    def allowed(self, organisation: Organisation | None) -> Mapping[str, tuple[str, ...]]:
        """The IAM actions that it may call, each with the ARNs that it may call it on, as ``organisation`` has set it up; None: as a rule."""
        without = {_TAGS} if self.by_media and organisation is not None and not organisation.scope.by_tags else set()
        return {action: self.resources.get(action, ("*",)) for action in self.permissions if action not in without}

    def progress(self, scope: CollectScope, asked: Mapping[str, JSON]) -> Progress:
        """How far an earlier run came with this record, if it was to answer the same question ``asked``; else that nothing is done yet."""
        now = scope.clock()
        if scope.progress is None:
            return Progress(now)
        account = hide_account(scope.account) if scope.redact_accounts and scope.account else scope.account
        period = (iso(scope.period.start), iso(scope.period.end))
        named = names(self.name, self.version, account if self.from_aws else None, scope.region if self.regional else None, period)
        return scope.progress.open(named, asked, now)

    @abstractmethod
    def collect(self, scope: CollectScope) -> Iterator[Record]:
        """The facts, as records. What AWS refuses becomes a record with a reason.

        Raises:
            AvermentError: the collector can't work at all here (a missing extra, no credentials).
        """

    def record(self, scope: CollectScope, gathered: Gathered) -> Record:
        """``gathered`` as a record, redacted, with its provenance."""
        now = scope.clock()
        hidden: dict[str, int] = {}
        accounts = (scope.account, *scope.organisation.scope.accounts, *sorted(gathered.accounts)) if scope.redact_accounts else None
        known = tuple(account for account in accounts if account) if accounts is not None else None

        def clean(value: JSON) -> JSON:
            return redact(value, hidden, accounts=known)

        payload = dict(gathered.payload or {})
        if self.goes_by and gathered.payload is not None:
            told = payload.get("scope")
            payload["scope"] = {path: scope.organisation.parameter(path) for path in self.goes_by} | (
                told if isinstance(told, dict) else {}
            )
        if self.by_media and gathered.payload is not None:
            payload["media_scope"] = media_asked(scope.organisation.scope)
        gathering, effective_at = Gathering.COLLECTED, gathered.effective_at or now
        if gathered.problems:
            gathering = Gathering.COULD_NOT if gathered.payload is None else Gathering.PARTIAL
        if gathering is Gathering.COULD_NOT and self.looks_back:  # of the period that was asked about, and of no other
            effective_at = end_of_history(scope, effective_at)
        return Record(
            kind=self.kind,
            collector=self.name,
            collector_version=self.version,
            source=clean(gathered.source),
            query=clean(dict(gathered.query)),
            effective_at=effective_at,
            collected_at=now,
            payload=clean(payload),
            gathering=gathering,
            reason=_join([str(clean(problem)) for problem in gathered.problems]) or None,
            account=clean(scope.account) if self.from_aws else None,
            region=scope.region if self.from_aws and self.regional else None,
            period_start=scope.period.start,
            period_end=scope.period.end,
            population=gathered.population,
            redactions=tuple(f"{what}: {times}" for what, times in sorted(hidden.items())),
        )

    def listing(
        self,
        scope: CollectScope,
        fetches: Sequence[Fetch],
        payload: Mapping[str, JSON],
        population: Population,
        *,
        source: str,
        effective_at: datetime | None = None,
        obtained: bool | None = None,
        asked: Mapping[str, JSON] | None = None,
        accounts: frozenset[str] = frozenset(),
    ) -> Record:
        """A record of what ``fetches`` brought: nothing at all if something was refused and nothing was ``obtained`` (None: examined); and
        where anything was refused, a population whose total nobody knows. ``population.total`` is what was listed if nothing was refused.
        ``asked``: the parameters that say what counts, as they stand (``named.asked_for``)."""
        problems = [problem for fetch in fetches for problem in fetch.problems]
        refused = bool(problems) and not (population.examined > 0 if obtained is None else obtained)
        counted = replace(population, total=None, truncated=True) if problems else population
        return self.record(
            scope,
            Gathered(
                source=source,
                query={
                    "calls": [call for fetch in fetches for call in fetch.calls],
                    **({"start": iso(scope.period.start), "end": iso(effective_at or end_of_history(scope))} if self.looks_back else {}),
                },
                payload=None if refused else {**payload, **({"scope": dict(asked)} if asked is not None else {})},
                problems=problems,
                population=None if refused else counted,
                effective_at=effective_at,
                accounts=accounts,
            ),
        )


def media_asked(scope: Scope) -> list[JSON]:
    """Which buckets hold media by ``scope``, in the order in which that is decided: what a record of them depends on."""
    return [{"role": str(matcher.role), "tags": dict(matcher.tags), "names": list(matcher.names)} for matcher in scope.media]


def _join(problems: list[str]) -> str:
    more = f"; and {counted(len(problems) - MAX_REASONS, 'further reason')}" if len(problems) > MAX_REASONS else ""
    return "; ".join(problem[:MAX_REASON] for problem in problems[:MAX_REASONS]) + more


def end_of_history(scope: CollectScope, now: datetime | None = None) -> datetime:
    """The last second that a source with history can speak of: ``now`` (None: the clock's), or the period's last second once it is over."""
    return min(now or scope.clock(), scope.period.end - timedelta(seconds=1))
