"""Canonical bytes and stable identifiers: the same facts give the same bytes.

Canonical JSON is RFC 8785 (JCS), through the ``rfc8785`` package; identifiers are UUIDv5 (RFC 9562).
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import rfc8785

JSON = Any
"""A JSON value: None, bool, int, float, str, list and dict of the same."""

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:averment")
"""The UUIDv5 namespace of everything that Averment names."""


def canonical_json(value: JSON) -> bytes:
    """``value`` in the JSON Canonicalization Scheme (RFC 8785).

    Raises:
        ValueError: a value that JSON or I-JSON can't carry (NaN, an integer beyond 2**53, a non-string key).
    """
    return rfc8785.dumps(value)


def sha256_hex(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def stable_id(kind: str, value: JSON) -> str:
    """A UUIDv5 that depends on ``kind`` and on the canonical bytes of ``value`` alone."""
    return str(uuid.uuid5(NAMESPACE, f"{kind}:{sha256_hex(canonical_json(value))}"))
