"""Media buckets and a reproducible choice of their objects, for the collectors that look at media in S3.

A bucket's objects are counted from its listing, page by page, or from an S3 Inventory where the organisation names one. How far that is, and
which objects were looked at, stands in the record's progress.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from averment.core.canonical import JSON
from averment.core.fetch import Fetch, Missing
from averment.core.inventory import InventoryRow, InventorySettings, Report, inventory_settings, newest_report, read_file
from averment.core.inventory_filter import ACTION, filter_of
from averment.core.organisation import Organisation
from averment.core.scope import MediaRole, Scope
from averment.core.threads import Unawaited
from averment.evidence.collectors.interface import media_asked
from averment.evidence.collectors.progress import Progress, Row
from averment.evidence.record import Population

METHOD = "the objects with the smallest SHA-256 of seed, newline and key"
"""How objects are chosen: whoever has the same listing and seed chooses the same."""

LISTING = ("s3:ListAllMyBuckets", "s3:GetBucketTagging", "s3:ListBucket")
"""The IAM actions that finding and listing media buckets needs."""

BUCKETS_A_PAGE = 1_000
"""Said outright, because S3 tells a bucket's region only to who gives a parameter, and refuses to list without pages for accounts with a quota
above 10,000 buckets (S3 API reference, ``ListBuckets``)."""

_PAGES_PER_SAVE = 10
"""Pages of a thousand objects, after which it is kept how far the listing is: the choice of objects is written each time."""

_LOOKS_PER_SAVE = 200

_STATE, _BUCKETS, _LACKING = "calls", "buckets", "buckets lacking"


def inventory_actions(organisation: Organisation | None) -> dict[str, tuple[str, ...]]:
    """What counting by inventories needs besides, with the buckets that they list; nothing where the organisation names none.

    Raises:
        BadInputError: they can't be read from averment.yaml.
    """
    listed = inventory_settings(organisation).reports if organisation is not None else {}
    return {ACTION: tuple(f"arn:aws:s3:::{bucket}" for bucket in sorted(listed))} if listed else {}


@dataclass
class MediaBucket:
    """A media bucket and its objects. ``why`` is why it is thought to hold media in ``role``, ``region`` where it lies (None: S3 doesn't say);
    ``chosen`` are (key, size) by key.

    ``total`` counts every object listed; ``listed_wholly`` is False when the listing was refused or broke off, or isn't known to be of the whole bucket. ``frame`` is what was listed
    (an inventory, with its date), ``gone`` counts chosen objects that weren't there any more when they were looked at.
    """

    name: str
    role: MediaRole
    why: str
    region: str | None = None
    total: int = 0
    listed_wholly: bool = True
    chosen: list[tuple[str, int]] = field(default_factory=list)
    frame: Mapping[str, JSON] = field(default_factory=lambda: {"source": "ListObjectsV2"})
    as_of: datetime | None = None
    gone: int = 0


def listed_at(buckets: Sequence[MediaBucket], began: datetime) -> datetime:
    """The moment that a record on ``buckets`` speaks of: the oldest inventory's, or when it ``began``."""
    return min(began, *(bucket.as_of or began for bucket in buckets)) if buckets else began


def media_buckets(
    fetch: Fetch,
    scope: Scope,
    roles: Collection[MediaRole] = tuple(MediaRole),
    *,
    region: str | None = None,
    regions: Collection[str] = (),
) -> Iterator[MediaBucket]:
    """The buckets of the account that hold media in one of ``roles``, by the organisation's scope.

    With ``region``, buckets that S3 says lie elsewhere are left to the run in that region. One in none of the ``regions`` that are looked into
    is a problem, unless the scope says which regions are the organisation's.
    """
    for page in fetch.pages("ListBuckets", {"MaxBuckets": BUCKETS_A_PAGE}):
        for found in page.get("Buckets", ()):
            name = found["Name"]
            lies_in = found.get("BucketRegion", region)
            if region is not None and lies_in != region and (scope.regions or lies_in in regions):
                continue
            shown: dict[str, JSON] = {"Bucket": "each bucket listed"}
            asked = {"Bucket": name}
            tagging = (
                (fetch.one("GetBucketTagging", asked, shown=shown, absent="NoSuchTagSet", gone="NoSuchBucket") or {})
                if scope.by_tags
                else {}
            )
            if tagging is Missing.GONE:
                continue  # deleted since it was listed: it holds nothing
            known = scope.media_role(name, {tag["Key"]: tag["Value"] for tag in tagging.get("TagSet", ())})
            if known is None or known[0] not in roles:
                continue
            if region is None or lies_in == region:
                yield MediaBucket(name, *known, lies_in)
            else:
                why = f"the {known[0]} bucket {name} lies in {lies_in}, which nobody looked into: name every region in scope.regions"
                fetch.problem(why, lasting=True)


@dataclass(frozen=True)
class Sampling:
    """How many objects of a bucket are looked at, and the seed that decides which; where inventories are."""

    limit: int
    seed: str
    inventories: InventorySettings

    @classmethod
    def of(cls, organisation: Organisation, limit: int, seed: str) -> Sampling:
        """With the inventories that averment.yaml names.

        Raises:
            BadInputError: they can't be read from it.
        """
        return cls(limit, seed, inventory_settings(organisation))

    def asked(self, scope: Scope) -> dict[str, JSON]:
        """What a record depends on that is made with this: its progress is of no use for another question."""
        return {"limit": self.limit, "seed": self.seed, "inventories": self.inventories.to_json(), "media": media_asked(scope)}

    def to_json(self) -> dict[str, JSON]:
        """As a record tells it."""
        return {"objects_per_bucket": self.limit, "seed": self.seed, "method": METHOD}


class _Choice:
    """So many objects as are counted, and those with the smallest rank; memory grows with the number chosen alone."""

    def __init__(self, sampling: Sampling, total: int = 0, chosen: Iterable[tuple[str, int]] = ()) -> None:
        self._sampling, self.total = sampling, total
        self._best: list[tuple[int, str, int]] = []  # a heap with the worst rank (negated) on top
        for key, size in chosen:
            self._push(key, size)

    def take(self, key: str, size: int) -> None:
        """Count an object, and choose it if it is among the first so far."""
        if key.endswith("/") and size == 0:
            return  # a folder drawn by the console
        self.total += 1
        self._push(key, size)

    def of(self, objects: Iterable[InventoryRow]) -> _Choice:
        """A new choice among ``objects`` alone."""
        made = _Choice(self._sampling)
        for item in objects:
            made.take(item.key, item.size)
        return made

    def add(self, other: _Choice) -> None:
        """Count what ``other`` counted, and choose among both."""
        self.total += other.total
        for _, key, size in other._best:
            self._push(key, size)

    @property
    def chosen(self) -> list[tuple[str, int]]:
        """The chosen objects by key."""
        return sorted((key, size) for _, key, size in self._best)

    def to_json(self) -> dict[str, JSON]:
        """As kept with the progress."""
        return {"total": self.total, "chosen": [[key, size] for key, size in self.chosen]}

    def _push(self, key: str, size: int) -> None:
        rank = -int.from_bytes(hashlib.sha256(f"{self._sampling.seed}\n{key}".encode()).digest(), "big")
        if len(self._best) < self._sampling.limit:
            heapq.heappush(self._best, (rank, key, size))
        else:
            heapq.heappushpop(self._best, (rank, key, size))


class MediaListing:
    """The media buckets of one record: found, counted and looked into, or taken from the progress where an earlier run did."""

    def __init__(self, fetch: Fetch, sampling: Sampling, progress: Progress) -> None:
        self._fetch, self._sampling, self._progress = fetch, sampling, progress
        self._lacking = bool(progress.get(_LACKING))  # a bucket may hold media that is none of those found
        fetch.go_on_from(progress.get(_STATE))

    def buckets(
        self,
        scope: Scope,
        roles: Collection[MediaRole] = tuple(MediaRole),
        *,
        region: str | None = None,
        regions: Collection[str] = (),
    ) -> list[MediaBucket]:
        """As ``media_buckets``."""
        known = self._progress.get(_BUCKETS)
        if known is not None:
            return [MediaBucket(name, MediaRole(role), *more) for name, role, *more in known]
        problems = self._fetch.refusals
        found = list(media_buckets(self._fetch, scope, roles, region=region, regions=regions))
        self._lacking = self._fetch.refusals > problems
        told = [[bucket.name, str(bucket.role), bucket.why, bucket.region] for bucket in found]
        self._save({_BUCKETS: told, _LACKING: self._lacking})
        return found

    def population(self, buckets: Sequence[MediaBucket], looked_at: int) -> Population:
        """The objects of ``buckets``, of which ``looked_at`` were (and some were gone by then). Where a listing broke off, or not every bucket of media
        was found or is looked into, nobody knows how many there are."""
        wholly = not self._lacking and all(bucket.listed_wholly for bucket in buckets)
        examined = looked_at + sum(bucket.gone for bucket in buckets)
        return Population("objects", sum(bucket.total for bucket in buckets) if wholly else None, examined, not wholly)

    def count(self, bucket: MediaBucket) -> None:
        """Count the objects of ``bucket`` to the last one and choose some; from an inventory if one is named."""
        known = self._progress.get(f"listed {bucket.name}") or {"total": 0, "chosen": [], "after": None, "done": False}
        choice = _Choice(self._sampling, known["total"], ((key, size) for key, size in known["chosen"]))
        if bucket.name in self._sampling.inventories.reports:
            self._read_inventory(bucket, choice, known["after"] or 0)
        elif not known["done"]:
            self._list(bucket, choice, known["after"])
        bucket.total, bucket.chosen = choice.total, choice.chosen

    def look(self, bucket: MediaBucket, look: Callable[[str, int], dict[str, Any] | Missing | None], threads: int) -> list[dict[str, Any]]:
        """What ``look`` (key, size) sees of the chosen objects, by key; None is something that it couldn't see. What is gone is counted."""
        step, kind = f"looked at {bucket.name}", f"object in {bucket.name}"
        done, bucket.gone = self._progress.get(step) or (0, 0)
        with Unawaited(threads, name="look") as pool:
            for start in range(done, len(bucket.chosen), _LOOKS_PER_SAVE):
                part = bucket.chosen[start : start + _LOOKS_PER_SAVE]
                for (key, _), seen in zip(part, pool.map(lambda item: look(*item), part), strict=True):
                    bucket.gone += seen is Missing.GONE
                    if isinstance(seen, dict):
                        self._progress.add([Row(kind, key, key, seen)])
                self._save({step: [start + len(part), bucket.gone]})
        return list(self._progress.rows(kind))

    def _list(self, bucket: MediaBucket, choice: _Choice, after: str | None) -> None:
        broken_off = self._fetch.broken_off
        asked = {"Bucket": bucket.name, **({"StartAfter": after} if after else {})}
        for number, page in enumerate(self._fetch.pages("ListObjectsV2", asked, shown={"Bucket": "each in payload.buckets"}), start=1):
            for item in page.get("Contents", ()):
                choice.take(item["Key"], item["Size"])
                after = item["Key"]
            if number % _PAGES_PER_SAVE == 0:
                self._keep(bucket, choice, after, done=False)
        bucket.listed_wholly = self._fetch.broken_off == broken_off
        self._keep(bucket, choice, after, done=True)

    def _read_inventory(self, bucket: MediaBucket, choice: _Choice, after: int) -> None:
        report, lists = self._report(bucket.name)
        if report is None:
            bucket.listed_wholly, bucket.frame = False, {"source": "S3 Inventory", "manifest": None}
            return
        bucket.frame, bucket.as_of = {**report.frame(), "filter": lists}, report.created
        bucket.listed_wholly = lists.get("prefix") == ""
        for number, file in enumerate(report.files[after:], start=after + 1):
            found = read_file(self._fetch, report, file, choice.of)
            if found is None:
                bucket.listed_wholly = False
            else:
                choice.add(found)
            self._keep(bucket, choice, number, done=number == len(report.files))

    def _report(self, bucket: str) -> tuple[Report | None, Mapping[str, JSON]]:
        """The report to count ``bucket`` by, and which keys it lists; what isn't the whole bucket is a problem."""
        step = f"inventory of {bucket}"
        known = self._progress.get(step)
        if known is not None and (known["report"] is None or "filter" in known):
            return (Report.from_json(known["report"]), known["filter"]) if known["report"] else (None, {})
        report = (
            newest_report(self._fetch, self._sampling.inventories, bucket, self._progress.began)
            if known is None
            else Report.from_json(known["report"])
        )
        lists = filter_of(self._fetch, report) if report is not None else None
        if lists is not None and not lists.covers(""):
            words = f"lists only keys that begin with '{lists.prefix}'" if lists.prefix else f"may be of a part of it: {lists.unknown}"
            self._fetch.problem(f"the S3 Inventory of {bucket} {words}", lasting=True)
        told = lists.to_json() if lists is not None else {}
        self._save({step: {"report": report.to_json() if report is not None else None, "filter": told}})
        return report, told

    def _keep(self, bucket: MediaBucket, choice: _Choice, after: str | int | None, *, done: bool) -> None:
        self._save({f"listed {bucket.name}": {**choice.to_json(), "after": after, "done": done}})

    def _save(self, steps: Mapping[str, JSON]) -> None:
        if self._fetch.refused:
            self._progress.stop_here()
        self._progress.save({**steps, _STATE: self._fetch.state})
