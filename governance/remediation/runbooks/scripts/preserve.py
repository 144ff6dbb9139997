"""Copy every version into the evidence bucket, and write what was copied, and what not, into a manifest with hashes."""

import json
from datetime import datetime
from typing import Any

import boto3


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The manifest is written in any case; metadata ``complete`` says whether all went well. Raises RuntimeError if not."""
    s3 = boto3.client("s3")
    folder = f"averment/{events['Execution']}"
    retention: dict[str, Any] = {}
    lock: dict[str, Any] = {}
    if events["RetainUntil"]:
        until = datetime.fromisoformat(events["RetainUntil"].replace("Z", "+00:00"))
        retention = {"Mode": "COMPLIANCE", "RetainUntilDate": until}
        lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
    copied: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    markers: list[dict[str, str]] = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=events["BucketName"], Prefix=events["Prefix"]):
        gone = page.get("DeleteMarkers", [])
        markers += [{"key": item["Key"], "version": item["VersionId"], "at": item["LastModified"].isoformat()} for item in gone]
        for item in page.get("Versions", []):
            key, version = item["Key"], item["VersionId"]
            target = f"{folder}/{events['BucketName']}/{key}/{version}"
            try:
                answer = s3.copy_object(
                    Bucket=events["EvidenceBucket"],
                    Key=target,
                    CopySource={"Bucket": events["BucketName"], "Key": key, "VersionId": version},
                    MetadataDirective="COPY",
                    TaggingDirective="COPY",
                    ChecksumAlgorithm="SHA256",
                )
                result = answer["CopyObjectResult"]
                if retention:  # after the copy, which S3 refuses to lock in one go without a checksum of the caller's
                    s3.put_object_retention(Bucket=events["EvidenceBucket"], Key=target, VersionId=answer["VersionId"], Retention=retention)
                told = {"at": item["LastModified"].isoformat(), "bytes": item["Size"], "etag": item["ETag"].strip('"')}
                copied.append({"key": key, "version": version, "latest": item["IsLatest"], "sha256": result.get("ChecksumSHA256"), **told})
            except Exception as error:  # noqa: BLE001 - the others are preserved all the same; raised below
                failed.append({"key": key, "version": version, "reason": str(error)})
    manifest = {"bucket": events["BucketName"], "prefix": events["Prefix"], "copied": copied, "delete_markers": markers, "failed": failed}
    s3.put_object(
        Bucket=events["EvidenceBucket"],
        Key=f"{folder}/manifest.json",
        Body=json.dumps(manifest, indent=1, sort_keys=True).encode(),
        ContentType="application/json",
        ChecksumAlgorithm="SHA256",
        Metadata={"complete": "false" if failed else "true"},
        **lock,
    )
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(failed) + len(copied)} versions could not be copied; the manifest names them")
    return {"Copied": len(copied), "Manifest": f"{folder}/manifest.json"}
