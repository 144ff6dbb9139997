"""Announce every version that came in since a moment to the media gate's queue again, as S3 announces it."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

import boto3

BATCH = 10


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """How many were announced. The gate handles the same version as often as it is told, so a second run does no harm."""
    since = datetime.fromisoformat(events["Since"].replace("Z", "+00:00"))
    messages: list[str] = []
    for page in boto3.client("s3").get_paginator("list_object_versions").paginate(Bucket=events["BucketName"], Prefix=events["Prefix"]):
        messages += [_message(events["BucketName"], item) for item in page.get("Versions", []) if item["LastModified"] >= since]
    sqs = boto3.client("sqs")
    for start in range(0, len(messages), BATCH):
        entries = [{"Id": str(number), "MessageBody": text} for number, text in enumerate(messages[start : start + BATCH])]
        answer = sqs.send_message_batch(QueueUrl=events["QueueUrl"], Entries=entries)
        if answer.get("Failed"):
            raise RuntimeError(f"{start} of {len(messages)} were announced; then the queue refused: {answer['Failed'][0].get('Message')}")
    return {"Announced": len(messages)}


def _message(bucket: str, item: dict[str, Any]) -> str:
    announced = {"key": quote_plus(item["Key"]), "size": item["Size"], "eTag": item["ETag"].strip('"')}
    if item["VersionId"] != "null":
        announced["versionId"] = item["VersionId"]
    record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": announced}}
    return json.dumps({"Records": [record]})
