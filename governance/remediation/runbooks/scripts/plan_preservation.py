"""What preserving would copy. Changes nothing."""

from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Versions, delete markers and bytes below the prefix; refuses more than ``MaxObjects`` instead of preserving a part, and an evidence bucket that
    isn't there, or could not lock what it gets.
    """
    if events["RetainUntil"] and datetime.fromisoformat(events["RetainUntil"].replace("Z", "+00:00")) <= datetime.now(UTC):
        raise ValueError(f"RetainUntil is {events['RetainUntil']}, which is past: S3 would lock nothing")
    s3 = boto3.client("s3")
    if events["EvidenceBucket"] == events["BucketName"]:
        raise ValueError(f"{events['BucketName']} can't keep its own copies: name another EvidenceBucket")
    try:
        s3.head_bucket(Bucket=events["EvidenceBucket"])
        if events["RetainUntil"]:
            s3.get_object_lock_configuration(Bucket=events["EvidenceBucket"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchBucket", "ObjectLockConfigurationNotFoundError"}:
            raise
        lacks = "has no Object Lock, which RetainUntil needs" if "Lock" in error.response["Error"]["Code"] else "is not there"
        raise ValueError(f"the evidence bucket {events['EvidenceBucket']} {lacks}") from error
    versions = markers = size = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=events["BucketName"], Prefix=events["Prefix"]):
        versions += len(page.get("Versions", []))
        markers += len(page.get("DeleteMarkers", []))
        size += sum(item["Size"] for item in page.get("Versions", []))
        if versions > int(events["MaxObjects"]):
            raise ValueError(
                f"more than {events['MaxObjects']} versions below '{events['Prefix']}': narrow the prefix, or raise MaxObjects"
            )
    if not versions + markers:
        raise ValueError(f"there is nothing below s3://{events['BucketName']}/{events['Prefix']}")
    return {
        "Summary": f"copy {versions} versions ({size} bytes) and note {markers} delete markers of s3://{events['BucketName']}/{events['Prefix']}",
        "DryRun": events["DryRun"],
        "Versions": versions,
        "NeedsApproval": bool(events["Approvers"]),
        "Undo": "[]",
    }
