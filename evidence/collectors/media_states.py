"""``media-states``: what lies in the media buckets, with the verdict and provenance of each object."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from averment.core.canonical import JSON
from averment.core.fetch import Fetch, Missing
from averment.core.organisation import Organisation
from averment.core.period import iso
from averment.core.scope import MediaRole
from averment.detector.gate.verdict import TAG_SCORE, TAG_VERDICT, GateVerdict
from averment.evidence.collectors.interface import Collector, CollectScope, Gathered
from averment.evidence.collectors.media_objects import (
    LISTING,
    MediaBucket,
    MediaListing,
    Sampling,
    inventory_actions,
    listed_at,
)
from averment.evidence.record import Kind, Record

PROVENANCE_METADATA = "provenance"

OBJECTS_PER_BUCKET = 5_000
"""Objects looked at one by one in a bucket, unless ``parameters: {media-states: {objects_per_bucket: n}}`` says otherwise."""

VERDICT_WITHIN = timedelta(hours=1)
"""An object without a verdict is overdue after this time: before, its scan may be under way."""

_THREADS = 8

_KNOWN = frozenset(map(str, GateVerdict))

_SAYS_NOTHING = re.compile(
    r"\s*(?:[-?]|declared;\s*origin=(?:undeclared)?(?:;.*)?|undeclared|unknown|unstated|none|null|n/a)?\s*", re.IGNORECASE | re.DOTALL
)
"""What stands in an object's metadata and tells no origin: words for none, and what the upload issuer writes for who declared none."""

_COUNTS = ("without_verdict", "overdue", "flagged", "in_review", "without_provenance")
"""What is counted of the objects of each role."""


class MediaStates(Collector):
    """Counts every object of every media bucket and looks at each, or at a reproducible sample of large buckets.

    Which buckets hold media, and in which role, is the organisation's scope (``Scope.media_role``). Present state only.

    Payload: ``{"buckets": [{"bucket", "role", "why", "region", "total", "examined", "gone", "frame"}], "objects": [{"bucket", "key",
    "version", "size", "modified_at", "verdict", "score", "provenance"}], "summary": {"published_total", "published_without_verdict",
    "published_flagged", "upload_overdue", "quarantined_flagged", "generated_without_provenance", ...}, "out_of", "whole", "sampling":
    {...}}``; of the summary, ``..._total`` counts what was listed, the rest what was examined, and ``..._overdue`` what has been there for
    over an hour (``VERDICT_WITHIN``) without a verdict, and ``..._without_provenance`` what has no metadata ``provenance``, or one that
    tells no origin ("undeclared"); ``whole`` are the figures of a role of which everything was examined. A tag that says another word than
    the gate's is no verdict; nor is one that waits for a person, of what is published. ``frame`` is what a bucket's objects were counted
    from, ``gone`` how many of the chosen ones weren't there any more. The facts are as old as the run that began the listing, or as the
    oldest inventory.
    """

    name = "media-states"
    version = "5"
    kind = Kind.MEDIA_STATES
    permissions = (*LISTING, "s3:GetObject", "s3:GetObjectTagging")
    regional = False
    by_media = True
    goes_by = ("media-states.objects_per_bucket", "s3-inventory")
    summary = "Objects in media buckets with their verdicts and provenance, from S3."

    def allowed(self, organisation: Organisation | None) -> Mapping[str, tuple[str, ...]]:
        return {**super().allowed(organisation), **inventory_actions(organisation)}

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        fetch = Fetch(scope.connect("s3"), "s3")
        limit = scope.number(self.name, "objects_per_bucket", OBJECTS_PER_BUCKET)
        sampling = Sampling.of(scope.organisation, limit, scope.period.label)
        with self.progress(scope, sampling.asked(scope.organisation.scope)) as progress:
            listing = MediaListing(fetch, sampling, progress)
            buckets = listing.buckets(scope.organisation.scope)
            objects: list[dict[str, Any]] = []
            rows: list[JSON] = []
            for bucket in buckets:
                listing.count(bucket)
                found = listing.look(bucket, _looker(fetch, bucket.name), _THREADS)
                objects.extend(found)
                rows.append(_told(bucket, len(found)))
            record = self._record(
                scope, fetch, listing, buckets, objects, {"buckets": rows, "sampling": sampling.to_json()}, progress.began
            )
        yield record

    def _record(
        self,
        scope: CollectScope,
        fetch: Fetch,
        listing: MediaListing,
        buckets: list[MediaBucket],
        objects: list[dict[str, Any]],
        more: Mapping[str, JSON],
        began: datetime,
    ) -> Record:
        refused = bool(fetch.problems) and not buckets
        summary = _summary(buckets, objects, due=iso(began - VERDICT_WITHIN))
        payload: dict[str, JSON] = {
            **more,
            "objects": list(objects),
            "out_of": _out_of(summary),
            "whole": _whole(buckets, summary),
            "summary": summary,
        }
        return self.record(
            scope,
            Gathered(
                source="S3 media buckets",
                query={"calls": fetch.calls, "began_at": iso(began)},
                payload=None if refused else payload,
                problems=fetch.problems,
                population=None if refused else listing.population(buckets, len(objects)),
                effective_at=listed_at(buckets, began),
            ),
        )


def _told(bucket: MediaBucket, examined: int) -> JSON:
    more: dict[str, JSON] = {"total": bucket.total, "examined": examined, "gone": bucket.gone, "frame": dict(bucket.frame)}
    return {"bucket": bucket.name, "role": str(bucket.role), "why": bucket.why, "region": bucket.region, **more}


def _looker(fetch: Fetch, bucket: str) -> Callable[[str, int], dict[str, Any] | Missing | None]:
    """What tells an object's verdict and provenance."""
    shown: dict[str, JSON] = {"Bucket": "of each in payload.objects", "Key": "of each in payload.objects"}

    def look(key: str, size: int) -> dict[str, Any] | Missing | None:
        where = {"Bucket": bucket, "Key": key}
        head = fetch.one("HeadObject", where, shown=shown, absent="404")
        tagging = fetch.one("GetObjectTagging", where, shown=shown, absent="NoSuchKey") if head else {}
        if head is None or tagging is None:
            return None
        if not head or not tagging:
            return Missing.GONE
        tags = {tag["Key"]: tag["Value"] for tag in tagging.get("TagSet", ())}
        metadata = {name.lower(): value for name, value in head.get("Metadata", {}).items()}
        return {
            "bucket": bucket,
            "key": key,
            "version": head.get("VersionId"),
            "size": size,
            "modified_at": head["LastModified"].isoformat().replace("+00:00", "Z"),
            "verdict": tags.get(TAG_VERDICT),
            "score": tags.get(TAG_SCORE),
            "provenance": metadata.get(PROVENANCE_METADATA),
        }

    return look


def _summary(buckets: list[MediaBucket], objects: list[dict[str, Any]], *, due: str) -> dict[str, JSON]:
    roles = {bucket.name: bucket.role for bucket in buckets}
    counts: Counter[str] = Counter()
    for item in objects:
        role = roles[item["bucket"]]
        counts[f"{role}_examined"] += 1
        silent = item["verdict"] not in _KNOWN  # a word that is none of the gate's clears nothing
        counts[f"{role}_without_verdict"] += silent or (role is MediaRole.PUBLISHED and item["verdict"] == GateVerdict.REVIEW)
        counts[f"{role}_overdue"] += silent and item["modified_at"] < due
        counts[f"{role}_flagged"] += item["verdict"] == GateVerdict.FLAGGED
        counts[f"{role}_in_review"] += item["verdict"] == GateVerdict.REVIEW
        counts[f"{role}_without_provenance"] += _SAYS_NOTHING.fullmatch(item["provenance"] or "") is not None
    summary: dict[str, JSON] = {}
    for role in MediaRole:
        summary[f"{role}_buckets"] = sum(1 for bucket in buckets if bucket.role is role)
        summary[f"{role}_total"] = sum(bucket.total for bucket in buckets if bucket.role is role)
        for count in ("examined", *_COUNTS):
            summary[f"{role}_{count}"] = counts[f"{role}_{count}"]
    summary["quarantined_flagged"] = counts[f"{MediaRole.UPLOAD}_flagged"]
    return summary


def _out_of(summary: Mapping[str, JSON]) -> dict[str, JSON]:
    """Of how many objects each figure of ``summary`` is: those of its role alone. Uploads say nothing of what is published."""
    return {figure: summary[f"{role}_examined"] for role in MediaRole for figure in _figures(role)}


def _whole(buckets: list[MediaBucket], summary: Mapping[str, JSON]) -> list[JSON]:
    """The figures of a role of which each object was examined, but for those that were gone by then: uploads without number, of which a sample
    was drawn, leave what is known of everything published as it is."""
    whole: list[JSON] = []
    for role in MediaRole:
        own = [bucket for bucket in buckets if bucket.role is role]
        left = sum(bucket.total - bucket.gone for bucket in own)
        if all(bucket.listed_wholly for bucket in own) and summary[f"{role}_examined"] == left:
            whole += _figures(role)
    return whole


def _figures(role: MediaRole) -> list[str]:
    counted = [f"summary.{role}_{count}" for count in _COUNTS]
    return [*counted, "summary.quarantined_flagged"] if role is MediaRole.UPLOAD else counted
