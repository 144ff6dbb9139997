"""``media-states``: what lies in the media buckets, with the verdict and provenance of each object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from averment.core.canonical import JSON
from averment.core.period import iso
from averment.core.scope import MediaRole
from averment.detector.gate.verdict import TAG_SCORE, TAG_VERDICT, GateVerdict
from averment.evidence.collectors.fetch import Fetch
from averment.evidence.collectors.interface import Collector, CollectScope, Gathered
from averment.evidence.collectors.media_objects import LISTING, METHOD, MediaBucket, list_objects, media_buckets
from averment.evidence.record import Kind, Population, Record

PROVENANCE_METADATA = "provenance"

OBJECTS_PER_BUCKET = 5_000
"""Objects looked at one by one in a bucket, unless ``parameters: {media-states: {objects_per_bucket: n}}`` says otherwise."""

VERDICT_WITHIN = timedelta(hours=1)
"""An object without a verdict is overdue after this time: before, its scan may be under way."""

_THREADS = 8


class MediaStates(Collector):
    """Counts every object of every media bucket and looks at each, or at a reproducible sample of large buckets.

    Which buckets hold media, and in which role, is the organisation's scope (``Scope.media_role``). Present state only.

    Payload: ``{"buckets": [{"bucket", "role", "why", "total", "examined"}], "objects": [{"bucket", "key", "version", "size",
    "modified_at", "verdict", "score", "provenance"}], "summary": {"published_total", "published_without_verdict",
    "published_flagged", "upload_overdue", "quarantined_flagged", "generated_without_provenance", ...}, "sampling": {...}}``; of the
    summary, ``..._total`` counts what was listed, the rest what was examined, and ``..._overdue`` what has been there for over an
    hour (``VERDICT_WITHIN``) without a verdict.
    """

    name = "media-states"
    version = "1"
    kind = Kind.MEDIA_STATES
    permissions = (*LISTING, "s3:GetObject", "s3:GetObjectTagging")
    regional = False
    summary = "Objects in media buckets with their verdicts and provenance, from S3."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        fetch = Fetch(scope.connect("s3"), "s3")
        limit = scope.number(self.name, "objects_per_bucket", OBJECTS_PER_BUCKET)
        seed = scope.period.label
        buckets = list(media_buckets(fetch, scope.organisation.scope))
        refused = bool(fetch.problems) and not buckets
        objects: list[dict[str, Any]] = []
        rows: list[JSON] = []
        for bucket in buckets:
            list_objects(fetch, bucket, limit, seed)
            found = _look_at(fetch, bucket)
            objects.extend(found)
            rows.append({"bucket": bucket.name, "role": str(bucket.role), "why": bucket.why, "total": bucket.total, "examined": len(found)})
        total = sum(bucket.total for bucket in buckets)
        wholly = all(bucket.listed_wholly for bucket in buckets)
        payload: dict[str, JSON] = {
            "buckets": rows,
            "objects": objects,
            "summary": _summary(buckets, objects, due=iso(scope.clock() - VERDICT_WITHIN)),
            "sampling": {"objects_per_bucket": limit, "seed": seed, "method": METHOD},
        }
        yield self.record(
            scope,
            Gathered(
                source="S3 media buckets",
                query={"calls": fetch.calls},
                payload=None if refused else payload,
                problems=fetch.problems,
                population=None if refused else Population("objects", total if wholly else None, len(objects), not wholly),
            ),
        )


def _look_at(fetch: Fetch, bucket: MediaBucket) -> list[dict[str, Any]]:
    shown: dict[str, JSON] = {"Bucket": "of each in payload.objects", "Key": "of each in payload.objects"}

    def look(item: tuple[str, int]) -> dict[str, Any] | None:
        key, size = item
        where = {"Bucket": bucket.name, "Key": key}
        head = fetch.one("HeadObject", where, shown=shown)
        tagging = fetch.one("GetObjectTagging", where, shown=shown)
        if head is None or tagging is None:
            return None
        tags = {tag["Key"]: tag["Value"] for tag in tagging.get("TagSet", ())}
        metadata = {name.lower(): value for name, value in head.get("Metadata", {}).items()}
        return {
            "bucket": bucket.name,
            "key": key,
            "version": head.get("VersionId"),
            "size": size,
            "modified_at": head["LastModified"].isoformat().replace("+00:00", "Z"),
            "verdict": tags.get(TAG_VERDICT),
            "score": tags.get(TAG_SCORE),
            "provenance": metadata.get(PROVENANCE_METADATA),
        }

    with ThreadPoolExecutor(_THREADS) as pool:
        return [item for item in pool.map(look, bucket.chosen) if item is not None]


def _summary(buckets: list[MediaBucket], objects: list[dict[str, Any]], *, due: str) -> dict[str, JSON]:
    roles = {bucket.name: bucket.role for bucket in buckets}
    counts: Counter[str] = Counter()
    for item in objects:
        role = roles[item["bucket"]]
        counts[f"{role}_examined"] += 1
        counts[f"{role}_without_verdict"] += item["verdict"] is None
        counts[f"{role}_overdue"] += item["verdict"] is None and item["modified_at"] < due
        counts[f"{role}_flagged"] += item["verdict"] == GateVerdict.FLAGGED
        counts[f"{role}_in_review"] += item["verdict"] == GateVerdict.REVIEW
        counts[f"{role}_without_provenance"] += not item["provenance"]
    summary: dict[str, JSON] = {}
    for role in MediaRole:
        summary[f"{role}_buckets"] = sum(1 for bucket in buckets if bucket.role is role)
        summary[f"{role}_total"] = sum(bucket.total for bucket in buckets if bucket.role is role)
        for count in ("examined", "without_verdict", "overdue", "flagged", "in_review", "without_provenance"):
            summary[f"{role}_{count}"] = counts[f"{role}_{count}"]
    summary["quarantined_flagged"] = counts[f"{MediaRole.UPLOAD}_flagged"]
    return summary
