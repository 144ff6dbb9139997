"""CloudFront's copies of what was published: dropping them, by one request that can be repeated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

_AS_IT_IS = "/!$&'()+,:;=@"
"""Signs of a path that CloudFront wants as they are in an invalidation: one that encodes them completes, and the copy stays (its guide, of RFC 1738)."""

_ENCODED = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*")


def addresses_of(key: str) -> list[str]:
    """The paths under which ``key`` may be cached: with nothing encoded but what CloudFront's guide names, which is how most pages link to it, and
    with everything encoded, which is how the edge's function writes it. For most keys they are one."""
    return list(dict.fromkeys([f"/{quote(key, safe=_AS_IT_IS).replace('~', '%7E')}", f"/{quote(key)}"]))


def written_paths(path: str) -> list[str]:
    """What somebody wrote as a path to invalidate (``/a b.jpg``, ``/a%2Cb.jpg?w=2``, ``/thumbs/*``), in each way that it may be cached under; a star at
    its end stays one."""
    bare, mark, query = path.partition("?")
    if mark:
        mark += quote(query, safe=_AS_IT_IS + "?*%")
    elif bare.endswith("*"):
        bare, mark = bare[:-1], "*"
    if not _ENCODED.fullmatch(bare):  # a percent sign that stands for itself
        return [f"{way}{mark}" for way in addresses_of(bare[1:])]
    ways = [*addresses_of(unquote(bare[1:])), quote(bare, safe=_AS_IT_IS + "%")]
    return list(dict.fromkeys(f"{way}{mark}" for way in ways))


def begin_invalidation(cloudfront: Any, distribution: str, key: str, reference: str) -> Mapping[str, Any]:
    """Tell ``distribution`` to forget ``key``, also what is cached under other query strings; returns CloudFront's ``Invalidation``. The same
    ``reference`` again begins no second one.

    CloudFront has room for 15 paths with a star at a time, and besides for 3,000 without. Where the former is full, the addresses themselves are
    forgotten at once, and the refusal is raised all the same: what is cached under other query strings goes when this is done again.

    botocore's errors are the caller's to turn into words.
    """
    addresses = addresses_of(key)
    try:
        return _begin(cloudfront, distribution, [f"{address}*" for address in addresses], reference)
    except cloudfront.exceptions.TooManyInvalidationsInProgress:
        _begin(cloudfront, distribution, addresses, f"{reference}-bare")
        raise


def _begin(cloudfront: Any, distribution: str, paths: list[str], reference: str) -> Mapping[str, Any]:
    batch = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": reference}
    made: Mapping[str, Any] = cloudfront.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)["Invalidation"]
    return made
