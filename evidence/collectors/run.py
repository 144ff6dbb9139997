"""Running collectors: over accounts and regions, one record after the other, so that what was obtained survives what fails later."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from averment.core.aws import aws_errors
from averment.core.canonical import JSON
from averment.core.errors import AvermentError, BadInputError
from averment.core.organisation import Organisation
from averment.core.period import Period, parse_period
from averment.core.regions import MAIN
from averment.core.threads import Unawaited
from averment.evidence.collectors.interface import ClientFactory, Collector, CollectScope, Gathered, media_asked
from averment.evidence.collectors.redact import hide_account, redact
from averment.evidence.record import Gathering, Record

RESUME_WITHIN = timedelta(hours=24)
"""How old a record may be that a resumed run takes for its own earlier work: what is older is collected anew."""

_WAITING = 16
"""Records that may wait for the ledger before collectors are held up: memory stays bounded."""

_ARN = f"arn:{MAIN}:"
"""How the ARNs begin that collectors name."""

Skip = Callable[[Collector, CollectScope], bool]
"""Whether nothing is left to do for a collector in a scope (one account and region)."""


@dataclass(frozen=True)
class AccountToAsk:
    """An account and how to act in it."""

    id: str
    client: ClientFactory


def present_quarter(moment: datetime) -> Period:
    """The calendar quarter that ``moment`` (UTC) lies in."""
    return parse_period(f"{moment.year}Q{(moment.month + 2) // 3}")


def whose_credentials(client: ClientFactory, region: str | None) -> str:
    """The account that the present credentials belong to (STS GetCallerIdentity, which needs no permission).

    Raises:
        IncompleteError: no credentials, no region, or STS is out of reach.
    """
    sts = client("sts", region=region)
    with aws_errors("find out whose credentials these are"):
        return str(sts.get_caller_identity()["Account"])


def collect(
    chosen: Sequence[Collector], scope: CollectScope, regions: Sequence[str | None], *, skip: Skip | None = None
) -> Iterator[Record]:
    """The records of each collector in each region (in the first alone where the source isn't regional), as they come.

    A collector that can't work, or crashes, leaves a record that says so, and the others go on. What ``skip`` says is done is left out.
    """
    for collector in chosen:
        for region in regions if collector.regional and collector.from_aws else regions[:1]:
            place = replace(scope, region=region)
            if skip is None or not skip(collector, place):
                yield from _collect_one(collector, place)


def collect_accounts(
    chosen: Sequence[Collector],
    scope: CollectScope,
    accounts: Sequence[AccountToAsk],
    regions: Sequence[str | None],
    *,
    parallel: int = 4,
    skip: Skip | None = None,
) -> Iterator[Record]:
    """The records of ``collect`` in each of ``accounts``, ``parallel`` accounts at a time, as they come.

    Within an account collectors run one after the other, so that rates are kept. An account that can't be entered leaves a record
    that says so for every collector that was to look at it. Collectors that span accounts are no matter of this.

    Raises:
        BadInputError: a missing extra or a wrong setting; what was obtained until then has been given out.
    """
    results: queue.Queue[Record | BaseException | None] = queue.Queue(maxsize=_WAITING)
    stopped = threading.Event()

    def give(item: Record | BaseException | None) -> None:
        while not stopped.is_set():
            with suppress(queue.Full):  # whoever reads is slower: asked again, unless nobody reads any more
                results.put(item, timeout=0.2)
                return

    def work(account: AccountToAsk) -> None:
        place = replace(scope, account=account.id, client=account.client)
        try:
            for record in collect(chosen, place, regions, skip=skip):
                if stopped.is_set():
                    return
                give(record)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that reads
            give(error)
        finally:
            give(None)

    with Unawaited(max(1, min(parallel, len(accounts))), name="account") as pool:
        try:
            for account in accounts:
                pool.submit(work, account)
            open_ones = len(accounts)
            while open_ones:
                item = results.get()
                if isinstance(item, BaseException):
                    raise item
                if item is None:
                    open_ones -= 1
                else:
                    yield item
        finally:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)


def already_collected(records: Iterable[Record], *, now: datetime) -> Skip:
    """What a run that starts ``now`` needn't do again, by the ``records`` of earlier runs: the same collector in the same version, for the
    same period, account and region, by the same parameters and the same notion of media, obtained wholly within ``RESUME_WITHIN``. Sources
    that keep no history count likewise. Of a period that is over by now, what was obtained before lacks the rest of it."""
    done: dict[tuple[object, ...], list[Mapping[str, JSON]]] = {}
    for record in records:
        if record.period_end is not None and record.effective_at + timedelta(seconds=1) < record.period_end <= now:
            continue
        if record.gathering is Gathering.COLLECTED and timedelta(0) <= now - record.collected_at <= RESUME_WITHIN:
            of = (record.collector, record.collector_version, record.account, record.region, record.period_start, record.period_end)
            done.setdefault(of, []).append(record.payload)

    def skip(collector: Collector, scope: CollectScope) -> bool:
        if collector.spans_accounts or collector.by_files:
            return False
        account = scope.account if collector.from_aws else None
        if account is not None and scope.redact_accounts:
            account = hide_account(account)
        region = scope.region if collector.from_aws and collector.regional else None
        of = (collector.name, collector.version, account, region, scope.period.start, scope.period.end)
        return any(_asked_alike(payload, collector, scope) for payload in done.get(of, ()))

    return skip


def _asked_alike(payload: Mapping[str, JSON], collector: Collector, scope: CollectScope) -> bool:
    """Whether what averment.yaml says counts, the parameters and which buckets hold media, it said so when ``payload`` was collected."""
    organisation = scope.organisation
    asked = payload.get("scope")
    pairs = [(then, organisation.parameter(path)) for path, then in asked.items()] if isinstance(asked, Mapping) else []
    if collector.by_media:
        pairs.append((payload.get("media_scope"), media_asked(organisation.scope)))
    known = tuple(account for account in (scope.account, *organisation.scope.accounts) if account)
    return all(redact(then, {}, accounts=known) == redact(now, {}, accounts=known) for then, now in pairs)  # however accounts are written


def _collect_one(collector: Collector, scope: CollectScope) -> Iterator[Record]:
    try:
        yield from collector.collect(scope)
    except BadInputError:
        raise  # a missing extra or a wrong setting is for the user to mend, and no fact about the source
    except AvermentError as error:
        yield _failed(collector, scope, error.message)
    except Exception as error:  # noqa: BLE001 - a defect in one collector is recorded as such; the others' evidence is kept
        yield _failed(collector, scope, f"the collector crashed: {type(error).__name__}: {error}")


def _failed(collector: Collector, scope: CollectScope, reason: str) -> Record:
    return collector.record(scope, Gathered(source=collector.name, query={"collector": collector.name}, payload=None, problems=[reason]))


def policy(chosen: Iterable[Collector], organisation: Organisation | None = None, partition: str = MAIN) -> dict[str, Any]:
    """The least-privilege IAM policy under which ``chosen`` work for ``organisation``; one statement per collector and kind of resource.

    ARNs are of ``partition``: IAM takes none of another.
    """
    statements = []
    for collector in chosen:
        by_resources: dict[tuple[str, ...], list[str]] = {}
        for action, resources in collector.allowed(organisation).items():
            there = tuple(f"arn:{partition}:{arn.removeprefix(_ARN)}" if arn.startswith(_ARN) else arn for arn in resources)
            by_resources.setdefault(there, []).append(action)
        name = "".join(part.capitalize() for part in collector.name.split("-"))
        for number, (resources, actions) in enumerate(sorted(by_resources.items()), start=1):
            statements.append(
                {
                    "Sid": f"{name}{number}",
                    "Effect": "Allow",
                    "Action": sorted(actions),
                    "Resource": resources[0] if len(resources) == 1 else list(resources),
                }
            )
    return {"Version": "2012-10-17", "Statement": statements}
