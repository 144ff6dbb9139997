"""What preserving would copy. Changes nothing."""

from datetime import UTC, datetime
from typing import Any

import boto3


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Versions, delete markers and bytes below the prefix; refuses more than ``MaxObjects`` instead of preserving a part."""
    if events["RetainUntil"] and datetime.fromisoformat(events["RetainUntil"].replace("Z", "+00:00")) <= datetime.now(UTC):
        raise ValueError(f"RetainUntil is {events['RetainUntil']}, which is past: S3 would lock nothing")
    s3 = boto3.client("s3")
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
