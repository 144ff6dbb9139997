"""Long listings at the size of a real quarter: ``python benchmarks/collect/scale.py [--only trail --only listing --only inventory]``.

Each figure comes out of a process of its own: CPU time of the collector (answers included, which a client in the same process makes up), and
peak resident memory of the process. ``trail``: a trail's log files, of 200 events each. ``listing``: a bucket listed page by page, 5,000
objects of it looked at. ``inventory``: the same bucket from an S3 Inventory in CSV. All with progress kept on disk. A ratio compares two
figures of this one run; no call goes over a network.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SIZES = {"trail": (1_000, 10_000), "listing": (100_000, 1_000_000), "inventory": (100_000, 3_000_000)}
UNITS = {"trail": "files", "listing": "objects", "inventory": "objects"}
ACCOUNT, REGION, BUCKET = "123456789012", "eu-west-1", "shop-media"
DAYS, EVENTS, SIGNED = 92, 200, 20
START = datetime(2026, 7, 1, tzinfo=UTC)
NOW = datetime(2026, 10, 1, 1, tzinfo=UTC)
PAGE = 1_000
ROWS_A_FILE = 250_000


class Aws:
    """What stands for clients of S3 and CloudTrail: answers are made up as they are asked for, so that none lies in memory."""

    def __init__(self, what: str, number: int, folder: Path) -> None:
        self.number = number
        self.meta = self
        self.events = self
        self._folder = folder
        self._files = [self._csv(first) for first in range(0, number, ROWS_A_FILE)] if what == "inventory" else []
        self._manifest = self._made_manifest()

    def register(self, *_: Any) -> None:
        """botocore's hook for keeping pace: nobody is asked here."""

    def can_paginate(self, _: str) -> bool:
        return True

    def get_paginator(self, method: str) -> Any:
        owner = self

        class Pages:
            def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
                return getattr(owner, f"pages_of_{method}")(request)

        return Pages()

    def describe_trails(self, **_: Any) -> dict[str, Any]:
        return {"trailList": []}

    def pages_of_list_public_keys(self, _: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield {"PublicKeyList": []}

    def pages_of_list_buckets(self, _: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield {"Buckets": [{"Name": BUCKET}]}

    def get_bucket_tagging(self, **_: Any) -> dict[str, Any]:
        return {"TagSet": []}

    def get_bucket_inventory_configuration(self, **request: Any) -> dict[str, Any]:
        target = {"Bucket": "arn:aws:s3:::reports", "Prefix": "daily"}
        return {"InventoryConfiguration": {"Id": request["Id"], "Destination": {"S3BucketDestination": target}}}

    def head_object(self, **_: Any) -> dict[str, Any]:
        return {"LastModified": START, "Metadata": {}}

    def get_object_tagging(self, **_: Any) -> dict[str, Any]:
        return {"TagSet": [{"Key": "averment-verdict", "Value": "clean"}]}

    def pages_of_list_objects_v2(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        prefix = request.get("Prefix", "")
        if "CloudTrail-Digest" in prefix:
            yield {}
        elif "/CloudTrail/" in prefix:
            day = datetime.strptime(f"{prefix[-11:-1]} +0000", "%Y/%m/%d %z")
            each = self.number // DAYS if START <= day < START + timedelta(days=DAYS) else 0
            name = f"{prefix}{ACCOUNT}_CloudTrail_{REGION}_{day:%Y%m%d}T"
            keys = [f"{name}{number // 60 % 24:02}{number % 60:02}Z_{number:016}.json.gz" for number in range(each)]
            for first in range(0, len(keys), PAGE):
                yield {"Contents": [{"Key": key} for key in keys[first : first + PAGE]]}
        elif prefix:
            yield {"CommonPrefixes": [{"Prefix": f"{prefix}{NOW - timedelta(hours=5):%Y-%m-%dT%H-%MZ}/"}]}
        else:
            for first in range(0, self.number, PAGE):
                yield {"Contents": [{"Key": key_of(number), "Size": 1} for number in range(first, min(first + PAGE, self.number))]}

    def get_object(self, **request: Any) -> dict[str, Any]:
        key = request["Key"]
        if key.endswith(".csv.gz"):
            return {"Body": (self._folder / key.rpartition("/")[2]).open("rb"), "Metadata": {}}
        data = log_file(key) if "/CloudTrail/" in key else self._manifest
        if key.endswith("manifest.checksum"):
            data = hashlib.md5(data).hexdigest().encode()
        return {"Body": io.BytesIO(data), "Metadata": {}}

    def _csv(self, first: int) -> Path:
        path = self._folder / f"{first // ROWS_A_FILE}.csv.gz"
        with gzip.open(path, "wt", newline="") as text:
            writer = csv.writer(text, quoting=csv.QUOTE_ALL)
            writer.writerows((BUCKET, key_of(number), 1) for number in range(first, min(first + ROWS_A_FILE, self.number)))
        return path

    def _made_manifest(self) -> bytes:
        files = [
            {"key": f"daily/{BUCKET}/all/data/{path.name}", "size": path.stat().st_size, "MD5checksum": md5_of(path)}
            for path in self._files
        ]
        created = str(int((NOW - timedelta(hours=5)).timestamp() * 1000))
        named = {"sourceBucket": BUCKET, "destinationBucket": "arn:aws:s3:::reports", "creationTimestamp": created}
        return json.dumps({**named, "fileFormat": "CSV", "fileSchema": "Bucket, Key, Size", "files": files}).encode()


def md5_of(path: Path) -> str:
    """As a manifest has it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def key_of(number: int) -> str:
    """Keys of sixty characters, as those of uploads by day and hash are."""
    return f"uploads/{number // 86_400:06}/{hashlib.md5(str(number).encode()).hexdigest()}-{number:09}.jpg"


def log_file(key: str) -> bytes:
    """Events of some 900 characters; ``SIGNED`` of them are signatures."""
    day = datetime.strptime(f"{key.split('_')[-2]} +0000", "%Y%m%dT%H%MZ %z")
    events = [
        {
            "eventVersion": "1.11",
            "userIdentity": {"type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/shop/{number}", "accountId": ACCOUNT},
            "eventTime": f"{day:%Y-%m-%dT%H:%M}:00Z",
            "eventSource": "kms.amazonaws.com",
            "eventName": "Sign" if number < SIGNED else "Decrypt",
            "awsRegion": REGION,
            "sourceIPAddress": "203.0.113.9",
            "requestParameters": {"keyId": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1", "encryptionContext": {"context": "x" * 300}},
            "eventID": f"{key[-24:-8]}-{day:%Y%m%d%H%M}-{number:06}",
            "readOnly": True,
            "resources": [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"}],
        }
        for number in range(EVENTS)
    ]
    return gzip.compress(json.dumps({"Records": events}, separators=(",", ":")).encode(), 1)


def measure(what: str, number: int) -> dict[str, Any]:
    """One record over ``number`` things, in this process."""
    from averment.core.organisation import Organisation
    from averment.core.period import parse_period
    from averment.evidence.collectors.interface import CollectScope
    from averment.evidence.collectors.progress import ProgressFolder
    from averment.evidence.collectors.registry import collectors

    parameters: dict[str, Any] = {
        "trail": {"cloudtrail": {"bucket": "shop-trail"}},
        "listing": {},
        "inventory": {"s3-inventory": {"reports": {BUCKET: f"s3://reports/daily/{BUCKET}/all"}}},
    }[what]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as reports:
        aws = Aws(what, number, Path(reports))
        scope = CollectScope(
            Organisation(parameters=parameters),
            parse_period("2026Q3"),
            ACCOUNT,
            REGION,
            lambda *_, **__: aws,
            lambda: NOW,
            progress=ProgressFolder(Path(folder), resume=True),
        )
        [collector] = collectors(("signing-calls" if what == "trail" else "media-states",))
        before, start = peak_memory(), time.process_time()
        [record] = collector.collect(scope)
        seconds = time.process_time() - start
        kept = sum(path.stat().st_size for path in Path(folder).iterdir())
    if record.reason is not None:
        raise SystemExit(f"{what}: {record.reason}")
    told = record.payload["summary"]["calls"] if what == "trail" else record.population.total  # type: ignore[index,call-overload,union-attr]
    return {"seconds": seconds, "memory": peak_memory(), "before": before, "kept": kept / 2**20, "told": told}


def peak_memory() -> float:
    """Of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(what: str) -> None:
    """The lines of one kind of listing."""
    first: dict[str, Any] | None = None
    for number in SIZES[what]:
        command = [sys.executable, __file__, "--child", what, str(number)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        grown = f"   memory {found['memory'] / first['memory']:.2f} x" if first else ""
        first = first or found
        print(
            f"  {what:<10} {number:>9,} {UNITS[what]:<8} {found['told']:>9,} told {number / found['seconds']:9,.0f} a second and core"
            f" {found['memory']:6,.0f} MiB ({found['before']:,.0f} before) {found['kept']:6,.1f} MiB of progress{grown}",
            flush=True,
        )


def main() -> None:
    """Measure and print, or be one of the measured processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(SIZES), action="append")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measure(given.child[0], int(given.child[1]))))
        return
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    )
    for what in given.only or SIZES:
        report(what)


if __name__ == "__main__":
    main()
