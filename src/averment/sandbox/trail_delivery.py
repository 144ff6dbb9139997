"""What CloudTrail delivers into a trail's bucket: log files, and digests that are signed and chained.

The embedded AWS doesn't log its own calls: what is delivered is said here. Files are laid out, named and signed as the user guide describes
(the AWS CLI's ``cloudtrail validate-logs`` agrees), and put there over an ordinary S3 connection.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import uuid
from datetime import datetime, timedelta
from typing import Any

from averment.sandbox.backends.cloudtrail import fingerprint, signing_key
from averment.sandbox.server import ACCOUNT, REGION

_EARLIEST = timedelta(hours=1)


def logged(
    name: str,
    source: str,
    *,
    caller: str,
    at: datetime,
    resources: tuple[str, ...] = (),
    error: str | None = None,
    event_id: str | None = None,
) -> dict[str, Any]:
    """A call of ``name`` by the role ``caller`` (an ARN) as a log file holds it."""
    event = {
        "eventVersion": "1.11",
        "userIdentity": {"type": "AssumedRole", "arn": f"{caller}/session", "sessionContext": {"sessionIssuer": {"arn": caller}}},
        "eventTime": _time(at),
        "eventSource": source,
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": "203.0.113.9",
        "userAgent": "checkout/1.0",
        "errorCode": error,
        "requestParameters": None,
        "eventID": event_id or str(uuid.uuid4()),
        "readOnly": True,
        "resources": [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": resource} for resource in resources] or None,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "eventCategory": "Management",
        "recipientAccountId": ACCOUNT,
    }
    return {key: value for key, value in event.items() if value is not None}


class TrailDelivery:
    """The deliveries of the trail ``name`` (home region ``home``) about ``account`` in ``region`` into ``bucket``, over ``s3`` (boto3)."""

    def __init__(
        self, s3: Any, bucket: str, *, name: str = "shop", prefix: str = "", region: str = REGION, organisation: str | None = None
    ) -> None:
        self._s3, self._bucket, self._name, self._region = s3, bucket, name, region
        owner = f"{organisation}/{ACCOUNT}" if organisation else ACCOUNT
        self._top = f"{prefix}/AWSLogs/{owner}" if prefix else f"AWSLogs/{owner}"
        self._due: list[dict[str, Any]] = []
        self._before: dict[str, Any] | None = None

    def deliver(self, *events: dict[str, Any], at: datetime) -> str:
        """Put a log file of ``events``, delivered ``at``; its key."""
        data = json.dumps({"Records": list(events)}, separators=(",", ":")).encode()
        unique = hashlib.sha256(f"{at.isoformat()}{len(self._due)}".encode() + data).hexdigest()[:16]
        key = f"{self._top}/CloudTrail/{self._region}/{at:%Y/%m/%d}/{ACCOUNT}_CloudTrail_{self._region}_{at:%Y%m%dT%H%MZ}_{unique}.json.gz"
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=gzip.compress(data))
        times = sorted(event["eventTime"] for event in events)
        self._due.append(
            {
                "s3Bucket": self._bucket,
                "s3Object": key,
                "hashValue": hashlib.sha256(data).hexdigest(),
                "hashAlgorithm": "SHA-256",
                "newestEventTime": times[-1] if times else _time(at),
                "oldestEventTime": times[0] if times else _time(at),
            }
        )
        return key

    def digest(self, end: datetime) -> str:
        """Put the digest of the hour that ends at ``end``, with the log files since the one before; its key."""
        from cryptography.hazmat.primitives.asymmetric import padding
        from cryptography.hazmat.primitives.hashes import SHA256

        stamp = f"{end:%Y%m%dT%H%M%SZ}"
        name = f"{ACCOUNT}_CloudTrail-Digest_{self._region}_{self._name}_{REGION}_{stamp}.json.gz"
        key = f"{self._top}/CloudTrail-Digest/{self._region}/{end:%Y/%m/%d}/{name}"
        before = self._before or dict.fromkeys(("bucket", "key", "sha256", "signature"))
        content = {
            "awsAccountId": ACCOUNT,
            "digestStartTime": _time(end - _EARLIEST),
            "digestEndTime": _time(end),
            "digestS3Bucket": self._bucket,
            "digestS3Object": key,
            "digestPublicKeyFingerprint": fingerprint(),
            "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": max((entry["newestEventTime"] for entry in self._due), default=None),
            "oldestEventTime": min((entry["oldestEventTime"] for entry in self._due), default=None),
            "previousDigestS3Bucket": before["bucket"],
            "previousDigestS3Object": before["key"],
            "previousDigestHashValue": before["sha256"],
            "previousDigestHashAlgorithm": "SHA-256" if before["sha256"] else None,
            "previousDigestSignature": before["signature"],
            "logFiles": self._due,
        }
        data = json.dumps(content, separators=(",", ":")).encode()
        digest = hashlib.sha256(data).hexdigest()
        text = f"{_time(end)}\n{self._bucket}/{key}\n{digest}\n{before['signature'] or 'null'}"
        signature = signing_key().sign(text.encode(), padding.PKCS1v15(), SHA256()).hex()
        metadata = {"signature": signature, "signature-algorithm": "SHA256withRSA"}
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=gzip.compress(data), Metadata=metadata)
        self._before = {"bucket": self._bucket, "key": key, "sha256": digest, "signature": signature}
        self._due = []
        return key


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
