"""What lies where in a package, and how its manifest is signed.

The manifest gives size and SHA-256 of every file but itself and its signature. ``MANIFEST.sig`` is a signed note (C2SP) in the
log's name over four lines: the type, the log's origin, the period, and the manifest's SHA-256. A checkpoint's second
line is a number, so neither can be taken for the other.
"""

from __future__ import annotations

MANIFEST = "MANIFEST.json"
SIGNATURE = "MANIFEST.sig"
README = "README.html"
WORKBOOK = "workbook.xlsx"
REPORT = "report.json"
CHECKPOINT = "checkpoint.txt"
TIMESTAMP = "timestamp.tsr"
LEAVES = "leaf-hashes.bin"
GUIDE = "verify.md"
VERIFIER = "verify.py"
RECORDS = "records/"
PAYLOADS = "payloads/"
PROOFS = "proofs/"
KEYS = "keys/"
WITNESSES = "witnesses/"
OSCAL = "oscal/"
CLAIMS = "claims.html"
PLOTS = "plots/"

SCHEMA = "urn:averment:package:v1"


def manifest_text(origin: str, period: str, manifest_sha256: str) -> str:
    """The text of ``MANIFEST.sig``."""
    return f"{SCHEMA}\n{origin}\n{period}\nsha256 {manifest_sha256}\n"


def record_name(record_id: str) -> str:
    """Where a record's envelope lies."""
    return f"{RECORDS}{record_id}.json"


def proof_name(record_id: str) -> str:
    """Where a record's stand-alone proof lies."""
    return f"{PROOFS}{record_id}.txt"


def payload_name(digest: str) -> str:
    """Where a detached payload lies."""
    return f"{PAYLOADS}{digest}.json"
