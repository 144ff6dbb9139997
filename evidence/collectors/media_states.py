"""``media-states``: what lies in the media buckets, with the verdict and provenance of each object."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from averment.core.canonical import JSON
from averment.core.scope import MediaRole
from averment.evidence.collectors.fetch import Fetch
from averment.evidence.collectors.interface import Collector, CollectScope, Gathered
from averment.evidence.record import Kind, Population, Record

VERDICT_TAG = "averment-verdict"
SCORE_TAG = "averment-score"
PROVENANCE_METADATA = "provenance"
FLAGGED = "flagged"

OBJECTS_PER_BUCKET = 5_000
"""Objects looked at one by one in a bucket, unless ``parameters: {media-states: {objects_per_bucket: n}}`` says otherwise."""

_THREADS = 8


@dataclass
class _Bucket:
    """One media bucket while it is read. ``chosen`` holds the sample as ``(-rank, key, size)``, the worst rank on top."""

    name: str
    role: MediaRole
    why: str
    total: int = 0
    listed_wholly: bool = True
    chosen: list[tuple[int, str, int]] = field(default_factory=list)


class MediaStates(Collector):
    """Counts every object of every media bucket and looks at each, or at a reproducible sample of large buckets.

    Which buckets hold media, and in which role, is the organisation's scope (``Scope.media_role``). The sample is the objects
    with the smallest SHA-256 of seed and key, so that anybody with the same listing draws the same. Present state only.

    Payload: ``{"buckets": [{"bucket", "role", "why", "total", "examined"}], "objects": [{"bucket", "key", "version", "size",
    "verdict", "score", "provenance"}], "summary": {"published_total", "published_without_verdict", "published_flagged",
    "quarantined_flagged", "generated_without_provenance", ...}, "sampling": {...}}``; the summary counts examined objects.
    """

    name = "media-states"
    version = "1"
    kind = Kind.MEDIA_STATES
    permissions = ("s3:ListAllMyBuckets", "s3:GetBucketTagging", "s3:ListBucket", "s3:GetObject", "s3:GetObjectTagging")
    regional = False
    summary = "Objects in media buckets with their verdicts and provenance, from S3."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        fetch = Fetch(scope.connect("s3"), "s3")
        limit = int(scope.parameters(self.name).get("objects_per_bucket", OBJECTS_PER_BUCKET))
        seed = scope.period.label
        buckets = list(_media_buckets(fetch, scope))
        refused = bool(fetch.problems) and not buckets
        objects: list[dict[str, Any]] = []
        for bucket in buckets:
            _list(fetch, bucket, limit, seed)
            objects.extend(_look_at(fetch, bucket))
        total = sum(bucket.total for bucket in buckets)
        wholly = all(bucket.listed_wholly for bucket in buckets)
        payload: dict[str, JSON] = {
            "buckets": [
                {"bucket": b.name, "role": str(b.role), "why": b.why, "total": b.total, "examined": len(b.chosen)} for b in buckets
            ],
            "objects": objects,
            "summary": _summary(buckets, objects),
            "sampling": {"objects_per_bucket": limit, "seed": seed, "method": "smallest sha256(seed + newline + key)"},
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


def _media_buckets(fetch: Fetch, scope: CollectScope) -> Iterator[_Bucket]:
    for page in fetch.pages("ListBuckets", {}):
        for found in page.get("Buckets", ()):
            name = found["Name"]
            tags = fetch.one("GetBucketTagging", {"Bucket": name}, shown={"Bucket": "each bucket listed"}, absent="NoSuchTagSet") or {}
            pairs = {tag["Key"]: tag["Value"] for tag in tags.get("TagSet", ())}
            role = scope.organisation.scope.media_role(name, pairs)
            if role is not None:
                yield _Bucket(name, *role)


def _list(fetch: Fetch, bucket: _Bucket, limit: int, seed: str) -> None:
    before = len(fetch.problems)
    for page in fetch.pages("ListObjectsV2", {"Bucket": bucket.name}, shown={"Bucket": "each in payload.buckets"}):
        for item in page.get("Contents", ()):
            key, size = item["Key"], item["Size"]
            if key.endswith("/") and size == 0:
                continue  # a folder drawn by the console
            bucket.total += 1
            rank = -int.from_bytes(hashlib.sha256(f"{seed}\n{key}".encode()).digest()[:8], "big")
            if len(bucket.chosen) < limit:
                heapq.heappush(bucket.chosen, (rank, key, size))
            else:
                heapq.heappushpop(bucket.chosen, (rank, key, size))
    bucket.listed_wholly = len(fetch.problems) == before
    bucket.chosen.sort(key=lambda item: item[1])


def _look_at(fetch: Fetch, bucket: _Bucket) -> list[dict[str, Any]]:
    def look(item: tuple[int, str, int]) -> dict[str, Any] | None:
        _, key, size = item
        where = {"Bucket": bucket.name, "Key": key}
        shown: dict[str, JSON] = {"Bucket": "of each in payload.objects", "Key": "of each in payload.objects"}
        head = fetch.one("HeadObject", where, shown=shown)
        tagging = fetch.one("GetObjectTagging", where, shown=shown)
        if head is None or tagging is None:
            return None
        tags = {tag["Key"]: tag["Value"] for tag in tagging.get("TagSet", ())}
        return {
            "bucket": bucket.name,
            "key": key,
            "version": head.get("VersionId"),
            "size": size,
            "verdict": tags.get(VERDICT_TAG),
            "score": tags.get(SCORE_TAG),
            "provenance": _metadata(head).get(PROVENANCE_METADATA),
        }

    with ThreadPoolExecutor(_THREADS) as pool:
        return [item for item in pool.map(look, bucket.chosen) if item is not None]


def _metadata(head: Mapping[str, Any]) -> dict[str, str]:
    return {key.lower(): value for key, value in head.get("Metadata", {}).items()}


def _summary(buckets: list[_Bucket], objects: list[dict[str, Any]]) -> dict[str, JSON]:
    roles = {bucket.name: bucket.role for bucket in buckets}
    counts: Counter[str] = Counter()
    for item in objects:
        role = roles[item["bucket"]]
        counts[f"{role}_examined"] += 1
        counts[f"{role}_without_verdict"] += item["verdict"] is None
        counts[f"{role}_flagged"] += item["verdict"] == FLAGGED
        counts[f"{role}_without_provenance"] += not item["provenance"]
    summary: dict[str, JSON] = {}
    for role in MediaRole:
        summary[f"{role}_buckets"] = sum(1 for bucket in buckets if bucket.role is role)
        summary[f"{role}_total"] = sum(bucket.total for bucket in buckets if bucket.role is role)
        for count in ("examined", "without_verdict", "flagged", "without_provenance"):
            summary[f"{role}_{count}"] = counts[f"{role}_{count}"]
    summary["quarantined_flagged"] = counts[f"{MediaRole.UPLOAD}_flagged"]
    return summary
