"""AWS Security Hub: what is open, waived or not known in a period, as findings of the account's default product.

What is there is read first, so that a push can be repeated: the same finding is not imported again, a changed one is updated,
and one of ours that no longer holds is archived; one that the period has no evidence about stays as it is, but for a
warning whose waiver is over, which is a failure again. The workflow (who works on it, what was suppressed) is the customer's and is
never touched. Permissions: securityhub:DescribeHub, securityhub:GetFindings, securityhub:BatchImportFindings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from averment.controls.model import Catalogue
from averment.core.aws import aws_errors, client, error_code
from averment.core.errors import BadInputError, IncompleteError
from averment.core.period import from_iso, iso, utc_now
from averment.evidence.ledger.log import Entry
from averment.evidence.reporting.report import PeriodReport
from averment.evidence.sinks.interface import PushResult, Refusal, Sink
from averment.evidence.sinks.security_hub_findings import (
    JUDGED,
    ORGANISATION,
    Finding,
    Place,
    as_imported,
    closed,
    content_of,
    findings,
    no_longer_waived,
    still_open,
    waiver_ended,
)

BATCH = 100
"""Findings in one call of BatchImportFindings."""

RENEW = timedelta(days=30)
"""A finding that still holds is imported again after so long: Security Hub deletes what had no update for 90 days, with what people decided."""

_NOT_ENABLED = frozenset({"InvalidAccessException", "ResourceNotFoundException"})


@dataclass
class _Run:
    """The running account of one push."""

    created: int = 0
    refused: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class SecurityHubSink(Sink):
    """Pushes to Security Hub in ``region`` (default: the AWS configuration's). With ``dry_run`` nothing is imported: the notes are
    the difference, ``created`` counts what would be imported."""

    def __init__(self, catalogue: Catalogue, *, region: str | None = None, dry_run: bool = False) -> None:
        self._catalogue, self._region, self._dry_run = catalogue, region, dry_run

    def push(self, report: PeriodReport, entries: Iterable[Entry]) -> PushResult:  # noqa: ARG002 - findings rest on the report alone
        """See ``Sink.push``.

        Raises:
            BadInputError: a later state was pushed already.
            IncompleteError: Security Hub isn't enabled here, or AWS is out of reach or refuses.
        """
        place = self._place()
        hub = client("securityhub", region=self._region)
        _require_enabled(hub, place)
        with aws_errors("push to Security Hub"):
            there = {str(item["Id"]): item for item in _ours(hub, report, place)}
        _require_latest(there.values(), report)
        wanted = {str(item["Id"]): item for item in findings(report, self._catalogue, place)}
        run, now = _Run(), utc_now()
        fresh = [item for key, item in wanted.items() if key not in there]
        changed = [item for key, item in wanted.items() if key in there and not _same(there[key], item)]
        held = [item for key, item in wanted.items() if key in there and _same(there[key], item)]
        renewed = [item for item in held if _is_old(there[str(item["Id"])], now)]
        others = [item for key, item in there.items() if key not in wanted and item.get("RecordState") == "ACTIVE"]
        unseen = [item for item in others if still_open(item, report)]
        gone = [closed(item, report.judged_at) for item in others if item not in unseen]
        ended = [item for item in unseen if waiver_ended(item, report, self._catalogue)]
        changed += [no_longer_waived(item, report.judged_at) for item in ended]
        unseen = [item for item in unseen if item not in ended]
        held += unseen
        renewed += [as_imported(item) for item in unseen if _is_old(item, now)]
        for mark, items in (("+", fresh), ("~", changed), ("=", renewed), ("-", gone), ("?", unseen)):
            run.notes += [f"{mark} {item['Id']} {item['Title']}" for item in items] if self._dry_run else _counted(mark, items)
        outgoing = [_dated(item, there.get(str(item["Id"])), now) for item in (*fresh, *changed, *renewed, *gone)]
        if self._dry_run:
            run.created = len(outgoing)
        else:
            for start in range(0, len(outgoing), BATCH):
                _import(hub, outgoing[start : start + BATCH], run)
        return PushResult(place.product, run.created, len(held) - len(renewed), tuple(run.refused), tuple(run.notes))

    def _place(self) -> Place:
        sts = client("sts", region=self._region)
        with aws_errors("find out whose credentials these are"):
            identity = sts.get_caller_identity()
        return Place(str(identity["Arn"]).split(":")[1], str(identity["Account"]), str(sts.meta.region_name))


def _require_enabled(hub: Any, place: Place) -> None:
    try:
        with aws_errors("look at Security Hub"):
            hub.describe_hub()
    except IncompleteError as error:
        if error_code(error) in _NOT_ENABLED:
            raise IncompleteError(
                f"Security Hub is not enabled in {place.account}, {place.region}", fix="enable it there, or choose another --region"
            ) from error
        raise


def _require_latest(there: Iterable[dict[str, Any]], report: PeriodReport) -> None:
    """Security Hub shows one state, which should be the latest: an earlier one would archive what was found since, as if it were mended.

    Raises:
        BadInputError: a later state than the report's was pushed already.
    """
    latest = max((str((item.get("ProductFields") or {}).get(JUDGED, "")) for item in there), default="")
    if latest > iso(report.judged_at):
        raise BadInputError(
            f"Security Hub has the state of {latest}; that of {report.period.label} is of {iso(report.judged_at)}, and would archive what was found since",
            fix="push the period that is running; what an earlier one came to is in its package (averment export)",
        )


def _ours(hub: Any, report: PeriodReport, place: Place) -> Iterator[dict[str, Any]]:
    """The findings that earlier pushes for this organisation left, to the last page."""
    filters = {
        "ProductArn": [{"Value": place.product, "Comparison": "EQUALS"}],
        "ProductFields": [{"Key": ORGANISATION, "Value": " ".join(report.organisation.split())[:1024], "Comparison": "EQUALS"}],
    }
    for page in hub.get_paginator("get_findings").paginate(Filters=filters, PaginationConfig={"PageSize": 100}):
        yield from page["Findings"]


def _same(there: dict[str, Any], wanted: Finding) -> bool:
    return content_of(there) == content_of(wanted) and there.get("RecordState", "ACTIVE") == wanted["RecordState"]


def _is_old(there: dict[str, Any], now: datetime) -> bool:
    return now - from_iso(str(there["UpdatedAt"])) > RENEW


def _dated(finding: Finding, there: dict[str, Any] | None, now: datetime) -> Finding:
    """``finding`` with its times: Security Hub ignores an update that isn't newer than what it has."""
    if there is None:
        return {**finding, "UpdatedAt": iso(now)}
    newer = max(now, from_iso(str(there["UpdatedAt"])) + timedelta(seconds=1))
    return {**finding, "CreatedAt": there["CreatedAt"], "UpdatedAt": iso(newer)}


def _counted(mark: str, items: list[Finding]) -> list[str]:
    words = {
        "+": "new",
        "~": "changed",
        "=": "renewed, or Security Hub would delete them",
        "-": "no longer hold and were archived",
        "?": "stay as they were: the period has no evidence of whether they hold",
    }
    return [f"{len(items)} {words[mark]}"] if items else []


def _import(hub: Any, batch: list[Finding], run: _Run) -> None:
    """One call. A batch that is refused as a whole is a refusal of each, and the next is tried."""
    try:
        with aws_errors(f"import {len(batch)} findings"):
            answer = hub.batch_import_findings(Findings=batch)
    except IncompleteError as error:
        run.refused += [Refusal(str(item["Id"]), error.message) for item in batch]
        return
    failed = answer.get("FailedFindings", [])
    run.refused += [Refusal(str(item["Id"]), f"{item['ErrorCode']}: {item['ErrorMessage']}") for item in failed]
    run.created += int(answer["SuccessCount"])
