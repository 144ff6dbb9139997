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

    CloudFront has room for 15 paths with a star at a time, and besides for 3,000 without. Where the former is full, the address itself is forgotten at
    once, and the refusal is raised all the same: what is cached under other query strings goes when this is done again.

    botocore's errors are the caller's to turn into words.
    """
    try:
        return _begin(cloudfront, distribution, path_of(key), reference)
    except cloudfront.exceptions.TooManyInvalidationsInProgress:
        _begin(cloudfront, distribution, path_of(key).removesuffix("*"), f"{reference}-bare")
        raise


def _begin(cloudfront: Any, distribution: str, path: str, reference: str) -> Mapping[str, Any]:
    batch = {"Paths": {"Quantity": 1, "Items": [path]}, "CallerReference": reference}
    made: Mapping[str, Any] = cloudfront.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)["Invalidation"]
    return made
