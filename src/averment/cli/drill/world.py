"""The drill's own little shop on the embedded AWS: a published bucket behind a CDN, an evidence bucket under Object Lock, a partner's key."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from averment.core.aws import aws_errors, client
from averment.core.extras import require
from averment.detector.corpus import load

PUBLISHED, EVIDENCE, LOGS = "drill-published", "drill-evidence", "drill-logs"
PICTURE = "autumn/lamp.jpg"
COPY = "thumbnails/lamp-small.jpg"
PARTNER = "drill-partner"
ROLE = "drill-checkout"
VIEWS = 3


@dataclass(frozen=True)
class World:
    """What was set up: the genuine picture and the fake, the partner's key, the distribution."""

    genuine: bytes
    fake: bytes
    key_id: str
    distribution: str


def build_world(now: datetime) -> World:
    """Set it up, with a fake that came in over the genuine picture and was served ``VIEWS`` times.

    Raises:
        IncompleteError: the embedded AWS refused.
    """
    s3, iam = client("s3"), client("iam")
    place = {"CreateBucketConfiguration": {"LocationConstraint": s3.meta.region_name}}
    images = load()
    genuine = next(image for image in images if image.label == "real").read()
    fake = next(image for image in images if image.label == "synthetic").read()
    with aws_errors("set up the drill"):
        for bucket in (PUBLISHED, LOGS):
            s3.create_bucket(Bucket=bucket, **place)
        s3.put_bucket_versioning(Bucket=PUBLISHED, VersioningConfiguration={"Status": "Enabled"})
        s3.create_bucket(Bucket=EVIDENCE, ObjectLockEnabledForBucket=True, **place)
        s3.put_object(Bucket=PUBLISHED, Key=PICTURE, Body=genuine, ContentType="image/jpeg")
        iam.create_user(UserName=PARTNER)
        key = str(iam.create_access_key(UserName=PARTNER)["AccessKey"]["AccessKeyId"])
        iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument="{}")
        s3.put_object(Bucket=PUBLISHED, Key=PICTURE, Body=fake, ContentType="image/jpeg", Metadata={"uploaded-by": PARTNER})
        s3.put_object(Bucket=PUBLISHED, Key=COPY, Body=smaller(fake), ContentType="image/jpeg")
        s3.put_object(Bucket=LOGS, Key="cdn/E1DRILL.gz", Body=_log(now - timedelta(minutes=10)))
        distribution = client("cloudfront").create_distribution(DistributionConfig=_configuration(s3.meta.region_name))
    return World(genuine, fake, key, str(distribution["Distribution"]["Id"]))


def smaller(picture: bytes) -> bytes:
    """The picture at three quarters of its size, recompressed: what a thumbnail or a repost does to it."""
    images: Any = require("PIL.Image", extra="detector", needed_for="making the drill's pictures")
    image = images.open(io.BytesIO(picture)).convert("RGB")
    out = io.BytesIO()
    image.resize((image.width * 3 // 4, image.height * 3 // 4)).save(out, "JPEG", quality=75)
    return out.getvalue()


def _log(start: datetime) -> bytes:
    """A log of the CDN in its standard form. The addresses are of the range that is reserved for documentation (RFC 5737)."""
    head = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status\n"
    moments = [start + timedelta(seconds=number) for number in range(VIEWS)]
    rows = [
        f"{moment:%Y-%m-%d}\t{moment:%H:%M:%S}\tFRA56-P1\t5000\t203.0.113.{number}\tGET\td1.example.net\t/media/{PICTURE}\t200\n"
        for number, moment in enumerate(moments)
    ]
    return gzip.compress((head + "".join(rows)).encode(), mtime=0)


def _configuration(region: str) -> dict[str, Any]:
    origin = {"Id": "media", "DomainName": f"{PUBLISHED}.s3.{region}.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    return {
        "CallerReference": "drill",
        "Comment": "drill",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {"TargetOriginId": "media", "ViewerProtocolPolicy": "https-only"},
    }
