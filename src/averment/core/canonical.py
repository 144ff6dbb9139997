"""Canonical bytes and stable identifiers: the same facts give the same bytes.

Canonical JSON is RFC 8785 (JCS), through the ``rfc8785`` package; identifiers are UUIDv5 (RFC 9562). What holds no fractions, no
integers beyond 2**53 and no names outside ASCII, as nearly all records do, is written the same by the standard library, ten
times as fast: a ledger of a million records is made of four million such texts.
"""

from __future__ import annotations

import hashlib
import json
import re
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
    if _is_plain(value):
        return _PLAIN.encode(value).encode("utf-8")
    return rfc8785.dumps(value)


def parse_canonical(data: bytes) -> JSON:
    """The value whose canonical bytes are ``data``, so that ``canonical_json`` gives them again.

    To RFC 8785 every number is a double. One beyond 2**53 that is whole is written without a fraction up to 1e21, and to Python that would be
    an integer, which has no canonical bytes.

    Raises:
        ValueError: it isn't JSON.
        RecursionError: it is nested too deeply.
    """
    return json.loads(data, parse_int=_number if _MAY_BE_LARGE.search(data) else None)


def _number(text: str) -> int | float:
    return number if -LARGEST <= (number := int(text)) <= LARGEST else float(text)


def is_canonical(value: JSON) -> bool:
    """Whether ``value``, as a parser of JSON made it, has canonical bytes: not what holds NaN, an integer beyond 2**53, or half a character."""
    try:
        canonical_json(value)
    except (ValueError, RecursionError):
        return False
    return True


_PLAIN = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False)
LARGEST = 2**53 - 1
"""The largest whole number that every reader of JSON takes for what it is (RFC 8785, as I-JSON)."""
_MAY_BE_LARGE = re.compile(rb"[0-9]{16}")


def _is_plain(value: JSON) -> bool:
    """Whether the standard library writes ``value`` as RFC 8785 asks; subclasses (an enumeration of texts) are left to the package."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is dict:
        for key, item in value.items():  # a generator for each object and a call for each text would take as long as writing it
            if type(key) is not str or not key.isascii() or (type(item) is not str and not _is_plain(item)):
                return False
        return True
    if kind is list:
        return all(map(_is_plain, value))
    return kind is int and -LARGEST <= value <= LARGEST


def sha256_hex(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def stable_id(kind: str, value: JSON) -> str:
    """A UUIDv5 that depends on ``kind`` and on the canonical bytes of ``value`` alone."""
    return id_of_bytes(kind, canonical_json(value))


def id_of_bytes(kind: str, canonical: bytes) -> str:
    """``stable_id`` of the value whose canonical bytes are at hand already."""
    return str(uuid.uuid5(NAMESPACE, f"{kind}:{sha256_hex(canonical)}"))
