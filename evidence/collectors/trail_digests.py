"""CloudTrail's digests: signed each hour, chained, and naming each log file with its hash. With them a reader can tell whether files in the
bucket were changed, removed or slipped in.

Checked as the user guide describes for validations of one's own ("Custom implementations of CloudTrail log file integrity validation"): RSA
with SHA-256 over the digest's end, place, hash and the signature before it, by the public keys that CloudTrail gives out for the region.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from averment.core.canonical import JSON
from averment.core.fetch import Fetch
from averment.core.period import iso
from averment.evidence.collectors.progress import Progress, Row
from averment.evidence.collectors.trail_log import Unpacked

NAME = re.compile(r"_CloudTrail-Digest_[^/]*_(\d{8}T\d{6}Z)(_backfill)?\.json\.gz$")
MAX_DIGEST = 64 * 1024 * 1024
"""Bytes that a digest may unpack to: it names the log files of an hour."""

NAMED = "file-in-digest"
"""The kind of the rows that tell a log file's hash. Whoever reads the file takes its row; what is left was not in the bucket."""

_CHAIN = "digest"


@dataclass
class Digests:
    """What the digests of some days say. ``counts`` has ``read``, ``valid``, ``invalid`` and ``breaks`` (a digest that doesn't follow on
    the one before it, so that some may be missing); ``days`` are those of which a digest speaks."""

    counts: Counter[str] = field(default_factory=Counter)
    days: set[str] = field(default_factory=set)

    def to_json(self) -> dict[str, JSON]:
        """As kept with the progress."""
        return {"counts": dict(self.counts), "days": sorted(self.days)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Digests:
        """The inverse of ``to_json``; of None: nothing was read yet."""
        return cls(Counter(value["counts"]), set(value["days"])) if value else cls()


def public_keys(fetch: Fetch, start: datetime, end: datetime) -> dict[str, bytes]:
    """The keys (DER, PKCS #1) by fingerprint that CloudTrail signed digests with in the region between ``start`` and ``end``."""
    shown: dict[str, JSON] = {"StartTime": iso(start), "EndTime": iso(end)}
    pages = fetch.pages("ListPublicKeys", {"StartTime": start, "EndTime": end}, shown=shown)
    return {key["Fingerprint"]: bytes(key["Value"]) for page in pages for key in page.get("PublicKeyList", ())}


def read_digest(bucket: str, key: str, answer: Any, keys: Mapping[str, bytes]) -> list[Row]:
    """The rows of one digest, if its signature holds: a row for the chain, then one for each log file that it names.

    Raises:
        ValueError, OSError, EOFError, zlib.error: it isn't a digest, lies elsewhere than it says, or its signature doesn't hold.
    """
    unpacked = Unpacked(answer["Body"])
    data = bytearray()
    for piece in unpacked:
        data += piece
        if len(data) > MAX_DIGEST:
            raise ValueError(f"unpacks to more than {MAX_DIGEST:,} bytes")
    try:
        digest = json.loads(data)
        signature = bytes.fromhex(answer["Metadata"]["signature"])
        if (digest["digestS3Bucket"], digest["digestS3Object"]) != (bucket, key):
            raise ValueError("the digest was made for another place")
        before = digest["previousDigestSignature"]
        signed = "\n".join((digest["digestEndTime"], f"{bucket}/{key}", unpacked.sha256, before if before is not None else "null"))
        _check_signature(keys, digest["digestPublicKeyFingerprint"], signature, signed.encode())
        link: dict[str, JSON] = {
            "object": key,
            "sha256": unpacked.sha256,
            "before": digest["previousDigestS3Object"],
            "before_sha256": digest["previousDigestHashValue"],
        }
        rows = [Row(_CHAIN, key, f"{_chain_of(key)}/{digest['digestEndTime']}", link)]
        rows += [
            Row(NAMED, item["s3Object"], item["s3Object"], {"object": item["s3Object"], "sha256": item["hashValue"]})
            for item in digest["logFiles"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a digest of CloudTrail: {type(error).__name__}: {error}") from error
    return rows


def count_breaks(progress: Progress) -> int:
    """How many digests don't follow on the one that was read before them in their chain. The first of a chain may follow on one from
    before the days that were read, or begin the chain anew."""
    breaks = 0
    last: dict[str, Any] = {}
    for link in progress.rows(_CHAIN):
        chain = _chain_of(link["object"])
        before = last.get(chain)
        if before is not None and (link["before"], link["before_sha256"]) != (before["object"], before["sha256"]):
            breaks += 1
        last[chain] = link
    return breaks


def _chain_of(key: str) -> str:
    """Digests of one trail follow on each other; those that were delivered later (``_backfill``) on their own kind."""
    name = key.rpartition("/")[2]
    found = NAME.search(name)
    return f"{name[: found.start(1)]}{found[2] or ''}" if found else name


def _check_signature(keys: Mapping[str, bytes], fingerprint: str, signature: bytes, signed: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    if fingerprint not in keys:
        raise ValueError(f"CloudTrail gives out no public key {fingerprint} for the time and region")
    public = load_der_public_key(keys[fingerprint])
    if not isinstance(public, rsa.RSAPublicKey):
        raise ValueError("the public key is not one of RSA")
    try:
        public.verify(signature, signed, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        raise ValueError("the signature of the digest doesn't hold") from None
