"""Media buckets and a reproducible choice of their objects, for the collectors that look at media in S3."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from averment.core.scope import MediaRole, Scope
from averment.evidence.collectors.fetch import Fetch

METHOD = "the objects with the smallest SHA-256 of seed, newline and key"
"""How objects are chosen: whoever has the same listing and seed chooses the same."""

LISTING = ("s3:ListAllMyBuckets", "s3:GetBucketTagging", "s3:ListBucket")
"""The IAM actions that finding and listing media buckets needs."""


@dataclass
class MediaBucket:
    """A media bucket and its objects. ``why`` is why it is thought to hold media in ``role``; ``chosen`` are (key, size) by key.

    ``total`` counts every object listed; ``listed_wholly`` is False when the listing was refused or broke off.
    """

    name: str
    role: MediaRole
    why: str
    total: int = 0
    listed_wholly: bool = True
    chosen: list[tuple[str, int]] = field(default_factory=list)


def media_buckets(
    fetch: Fetch, scope: Scope, roles: Collection[MediaRole] = tuple(MediaRole), *, region: str | None = None
) -> Iterator[MediaBucket]:
    """The buckets of the account that hold media in one of ``roles``, by the organisation's scope.

    With ``region``, buckets that S3 says lie elsewhere are left to the run in that region.
    """
    for page in fetch.pages("ListBuckets", {}):
        for found in page.get("Buckets", ()):
            name = found["Name"]
            if region is not None and found.get("BucketRegion", region) != region:
                continue
            tagging = fetch.one("GetBucketTagging", {"Bucket": name}, shown={"Bucket": "each bucket listed"}, absent="NoSuchTagSet") or {}
            known = scope.media_role(name, {tag["Key"]: tag["Value"] for tag in tagging.get("TagSet", ())})
            if known is not None and known[0] in roles:
                yield MediaBucket(name, *known)


def list_objects(fetch: Fetch, bucket: MediaBucket, limit: int, seed: str) -> None:
    """Count the objects of ``bucket`` to the last page and choose at most ``limit``; memory grows with ``limit`` alone."""
    before = len(fetch.problems)
    best: list[tuple[int, str, int]] = []  # a heap with the worst rank (negated) on top
    for page in fetch.pages("ListObjectsV2", {"Bucket": bucket.name}, shown={"Bucket": "each in payload.buckets"}):
        for item in page.get("Contents", ()):
            key, size = item["Key"], item["Size"]
            if key.endswith("/") and size == 0:
                continue  # a folder drawn by the console
            bucket.total += 1
            rank = -int.from_bytes(hashlib.sha256(f"{seed}\n{key}".encode()).digest(), "big")
            if len(best) < limit:
                heapq.heappush(best, (rank, key, size))
            else:
                heapq.heappushpop(best, (rank, key, size))
    bucket.listed_wholly = len(fetch.problems) == before
    bucket.chosen = sorted((key, size) for _, key, size in best)
