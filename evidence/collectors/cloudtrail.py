"""What CloudTrail saw, for the collectors that count calls: who called what, when, on what.

There are two sources. The event history (LookupEvents) answers by name and forgets after 90 days; a trail's log files in S3 go back as far as
the bucket keeps them, and have to be read whole. ``TrailSettings`` says which is asked. By default the history is, and the files of a trail for
the days before it alone, so that a quarter that is collected at its end costs the reading of a few days. Either way a call counts once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from averment.core.canonical import JSON
from averment.core.fetch import Fetch
from averment.core.organisation import Organisation
from averment.core.period import iso
from averment.evidence.collectors.interface import Collector, CollectScope, end_of_history
from averment.evidence.collectors.progress import Progress, Row
from averment.evidence.collectors.trail_files import (
    CLOUDTRAIL_CALLS,
    DELIVERED_WITHIN,
    S3_CALLS,
    Owner,
    TrailFiles,
    Wanted,
    call_row,
)
from averment.evidence.collectors.trails import SETTINGS, Choice, Place, TrailSettings, find_trail, settings_of, told
from averment.evidence.record import Population, Record

KEPT_FOR = timedelta(days=90)
"""How long the event history reaches back (CloudTrail user guide)."""

MAX_CALLS = 20_000
"""Calls listed in one record; further ones are counted, and a note says so."""

_OVERLAP = timedelta(hours=2)
"""How far the files are read into the time of the event history, whose oldest events go while it is being read."""

_PLAN = "trail"


class CallCollector(Collector):
    """A collector that counts calls: what it may call depends on where the organisation has it look for them."""

    looks_back = True
    permissions = tuple(TrailSettings().allowed())
    goes_by: tuple[str, ...] = (SETTINGS,)

    def allowed(self, organisation: Organisation | None) -> Mapping[str, tuple[str, ...]]:
        return (settings_of(organisation) if organisation is not None else TrailSettings()).allowed()

    def calls(self, scope: CollectScope, source: str, names: Mapping[str, timedelta], more: Mapping[str, JSON] | None = None) -> Calls:
        """The calls of the operations ``names`` of the service ``source`` in the scope's period, each from so long before it on.

        ``more`` is what else the record depends on. Raises:
            BadInputError: the settings of CloudTrail in averment.yaml can't be used.
        """
        settings = settings_of(scope.organisation)
        asked: dict[str, JSON] = {
            "source": settings.source,
            "bucket": settings.bucket,
            "prefix": settings.prefix,
            "organisation": scope.organisation.scope.organisation_id,
            "names": {name: before.total_seconds() for name, before in names.items()},
            "late": _may_be_late(scope.period.end, scope.clock()),
            **(more or {}),
        }
        return Calls(scope, settings, source, names, self.progress(scope, asked))


class Calls:
    """The calls that were found, as a context manager. ``sources`` say what answered, from when to when.

    ``history_from`` is the moment from which the sources tell, ``until`` the last one. ``cut`` is set where they don't tell of all of it.
    """

    def __init__(
        self, scope: CollectScope, settings: TrailSettings, source: str, names: Mapping[str, timedelta], progress: Progress
    ) -> None:
        self._scope, self._settings, self._source, self._names, self._progress = scope, settings, source, names, progress
        self._cloudtrail = scope.fetch("cloudtrail")
        self._s3 = Fetch(scope.connect("s3"), "s3")
        self._notes: list[str] = []
        self.sources: list[dict[str, JSON]] = []
        self.until = end_of_history(scope, progress.began)
        self.history_from = scope.period.start
        self.cut = False
        self._obtained = False

    def __enter__(self) -> Calls:
        try:
            self._read()
            if _may_be_late(end := self._scope.period.end, self._progress.began):
                told = f"CloudTrail may take {DELIVERED_WITHIN // timedelta(minutes=1)} minutes to tell of a call, and the period has only just ended"
                self._cloudtrail.problem(f"{told}: collect again after {iso(end + DELIVERED_WITHIN)}")
        except BaseException:
            self._progress.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.close()

    @property
    def refused(self) -> bool:
        """Whether something was refused or could not be read, so that calls may be missing among those that were found."""
        return bool(self._cloudtrail.problems or self._s3.problems)

    @property
    def told_until(self) -> datetime:
        """The moment up to which CloudTrail should have told of every call."""
        return min(self.until, self._progress.began - DELIVERED_WITHIN)

    def of(self, name: str, *, latest_first: bool = False) -> Iterator[dict[str, Any]]:
        """The calls of one operation in the order of their time: ``{"id", "at", "name", "caller", "error", "resources"}``."""
        return self._progress.rows(name, latest_first=latest_first)

    def count(self, name: str) -> int:
        """How many calls of one operation there are."""
        return self._progress.count(name)

    def record(
        self, collector: Collector, payload: Mapping[str, Any], population: Population, *, asked: Mapping[str, JSON] | None = None
    ) -> Record:
        """The record of ``collector`` on these calls, with the sources' notes before its own. What was read of a trail is worth a record,
        even if no such call was in it."""
        counted = replace(population, truncated=population.truncated or self.cut)
        return collector.listing(
            self._scope,
            (self._cloudtrail, self._s3) if self._s3.calls else (self._cloudtrail,),
            {
                **payload,
                "history_from": iso(self.history_from),
                "sources": list(self.sources),
                "notes": [*self._notes, *payload.get("notes", ())],
            },
            counted,
            source="; ".join(str(item["source"]) for item in self.sources) or "CloudTrail",
            effective_at=self.until,
            obtained=self._obtained or population.examined > 0,
            asked=asked,
        )

    def _read(self) -> None:
        start, forgotten = self._scope.period.start, self._progress.began - KEPT_FOR
        told_from = forgotten + max(self._names.values())  # what is wanted from before a call has to be there as well
        if self._settings.source is Choice.TRAIL:
            place = self._find()
            self.until = min(self.until, self._progress.began - DELIVERED_WITHIN)
            if place is None:
                for note in self._notes:
                    self._cloudtrail.problem(note)
            elif start <= self.until:
                self._read_files(place, self.until)
            return
        earlier = start < told_from and self._settings.source is Choice.AUTO
        place = self._find() if earlier else None
        whole = place is not None and self._read_files(place, min(forgotten + _OVERLAP, self.until))
        begin = max(start, told_from)
        self.history_from = start if whole else begin
        self.cut = self.history_from > start
        self._read_history(begin)

    def _find(self) -> Place | None:
        """The place that an earlier run read from, or the one to read from now."""
        known = self._progress.get(_PLAN)
        if known is None:
            found = find_trail(self._cloudtrail, self._scope, self._settings, self._source)
            place = found.place
            known = {"place": told(place), "digests": place.digests if place else None, "notes": list(found.notes)}
            if not self._cloudtrail.problems:
                self._progress.save({_PLAN: known, CLOUDTRAIL_CALLS: self._cloudtrail.state})
        else:
            self._cloudtrail.go_on_from(self._progress.get(CLOUDTRAIL_CALLS))
            self._s3.go_on_from(self._progress.get(S3_CALLS))
        self._notes = list(known["notes"])
        where = known["place"]
        return None if where is None else Place(where["bucket"], where["prefix"], where["trail"], known["digests"])

    def _read_files(self, place: Place, until: datetime) -> bool:
        """Read the log files up to ``until``. Whether they tell of all of it."""
        scope = self._scope
        owner = Owner(str(scope.account), str(scope.region), scope.organisation.scope.organisation_id)
        files = TrailFiles(place, owner, self._s3, self._cloudtrail, self._progress)
        files.read(self._wanted(scope.period.start, until))
        path = f"s3://{place.bucket}/{place.prefix}" if place.prefix else f"s3://{place.bucket}"
        self.sources.append(
            {
                "source": f"CloudTrail log files in {path}",
                "trail": place.trail,
                "from": iso(scope.period.start),
                "to": iso(until),
                **files.to_json(),
            }
        )
        self.cut = self.cut or not files.whole
        self._obtained = files.obtained
        return files.whole

    def _read_history(self, start: datetime) -> None:
        self.sources.append({"source": "CloudTrail event history", "from": iso(start), "to": iso(self.until)})
        wanted, broken_off = self._wanted(start, self.until), self._cloudtrail.broken_off
        for name, since in wanted.since.items():
            if since < wanted.end:
                self._progress.add(_looked_up(self._cloudtrail, name, wanted))
        self._obtained = self._obtained or self._cloudtrail.broken_off == broken_off
        if not (self._cloudtrail.refused or self._s3.refused):
            self._progress.save({})

    def _wanted(self, start: datetime, end: datetime) -> Wanted:
        return Wanted(self._source, {name: start - before for name, before in self._names.items()}, end)


def _may_be_late(end: datetime, now: datetime) -> bool:
    """Whether calls of a period that is over may not be told of yet. While it isn't over, whoever collects later sees them."""
    return end <= now < end + DELIVERED_WITHIN


def _looked_up(fetch: Fetch, name: str, wanted: Wanted) -> Iterator[Row]:
    """The calls of ``name`` that the event history tells of, newest first."""
    since = wanted.since[name]
    asked = {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": name}], "StartTime": since, "EndTime": wanted.end}
    shown = {"LookupAttributes": f"EventName={name}", "StartTime": iso(since), "EndTime": iso(wanted.end)}
    for page in fetch.pages("LookupEvents", asked, shown=dict(shown)):
        for event in page.get("Events", ()):
            if event.get("EventSource") == wanted.source:
                yield _row(event)


def _row(event: Mapping[str, Any]) -> Row:
    try:
        detail = json.loads(event.get("CloudTrailEvent") or "{}")
    except ValueError:
        detail = {}
    identity = {"userName": event.get("Username"), **(detail.get("userIdentity") or {})}
    resources = [{"ARN": item.get("ResourceName")} for item in event.get("Resources", ())]
    known = {**detail, "eventName": event.get("EventName"), "userIdentity": identity, "resources": resources or detail.get("resources")}
    return call_row(known, str(event.get("EventId")), event["EventTime"])
