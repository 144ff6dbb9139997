"""CloudFront's copies of what was published: dropping them, by one request that can be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote


def path_of(key: str) -> str:
    """The path to invalidate for ``key``; with the star also what is cached under other query strings."""
    return f"/{quote(key)}*"


def begin_invalidation(cloudfront: Any, distribution: str, key: str, reference: str) -> Mapping[str, Any]:
    """Tell ``distribution`` to forget ``key``; returns CloudFront's ``Invalidation``. The same ``reference`` again begins no second one.

    botocore's errors are the caller's to turn into words.
    """
    batch = {"Paths": {"Quantity": 1, "Items": [path_of(key)]}, "CallerReference": reference}
    made: Mapping[str, Any] = cloudfront.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)["Invalidation"]
    return made
