"""How many versions came in since a moment. Changes nothing."""

from datetime import datetime
from typing import Any

import boto3


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Counts; refuses more than ``MaxObjects`` instead of re-scanning a part."""
    since = datetime.fromisoformat(events["Since"].replace("Z", "+00:00"))
    count = 0
    for page in boto3.client("s3").get_paginator("list_object_versions").paginate(Bucket=events["BucketName"], Prefix=events["Prefix"]):
        count += sum(item["LastModified"] >= since for item in page.get("Versions", []))
        if count > int(events["MaxObjects"]):
            raise ValueError(f"more than {events['MaxObjects']} versions since {events['Since']}: narrow the prefix, or raise MaxObjects")
    return {
        "Summary": f"scan {count} versions of s3://{events['BucketName']}/{events['Prefix']} again that came in since {events['Since']}",
        "DryRun": events["DryRun"],
        "Count": count,
        "NeedsApproval": bool(events["Approvers"]),
        "Undo": "[]",
    }
