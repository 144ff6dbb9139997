"""The scan function behind the quarantine bucket: scores an upload, says so, and publishes only what is clean.

For each object version, in this order:

1. read it, pinned to the version (or, without versioning, to the ETag) that the event named;
2. score it and judge;
3. tag the version in quarantine, log the verdict, put the metrics;
4. only then, and only if clean and still the latest version: copy these very bytes to the published bucket.

A fault at any step raises, so that the queue delivers again and in the end to its dead-letter queue: nothing is published by
accident. Every step can be repeated. Tags found on the upload are never trusted: whoever uploads can set them.

The function's role needs, and needs no more: on the quarantine bucket s3:GetObject(Version), s3:GetObject(Version)Tagging,
s3:PutObject(Version)Tagging and s3:ListBucket (without it S3 answers 403 for what is gone); on the published bucket s3:PutObject and
s3:PutObjectTagging; on the log group logs:CreateLogStream and logs:PutLogEvents; cloudwatch:PutMetricData for the namespace
``Averment/Detector``; sagemaker:InvokeEndpoint if an endpoint scores.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

from averment.core.aws import aws_errors, client
from averment.core.canonical import JSON, sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.extras import require
from averment.detector.gate.events import ObjectVersion, object_versions
from averment.detector.gate.verdict import GateVerdict, Judgement, judge
from averment.detector.imaging import MAX_BYTES
from averment.detector.interface import Detector, Score
from averment.detector.opening import open_detector
from averment.detector.sniffing import media_type

LOG_GROUP = "/averment/verdicts"
METRICS = "Averment/Detector"
MAX_TAGS = 10
OURS = "averment-"


@dataclass(frozen=True)
class Settings:
    """Where clean media goes, what scores it, and where verdicts are logged."""

    published_bucket: str
    detector: str = "embedded"
    log_group: str = LOG_GROUP

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """From ``AVERMENT_PUBLISHED_BUCKET`` (required), ``AVERMENT_DETECTOR``, ``AVERMENT_LOG_GROUP``.

        Raises:
            BadInputError: the published bucket isn't named.
        """
        bucket = environment.get("AVERMENT_PUBLISHED_BUCKET", "").strip()
        if not bucket:
            raise BadInputError("AVERMENT_PUBLISHED_BUCKET is not set", fix="name the bucket that clean media is published to")
        return cls(bucket, environment.get("AVERMENT_DETECTOR") or "embedded", environment.get("AVERMENT_LOG_GROUP") or LOG_GROUP)


def scan_handler(event: Mapping[str, Any], context: object) -> dict[str, JSON]:  # noqa: ARG001 - AWS Lambda passes both
    """The Lambda entry point: handles every object version in ``event`` and returns the verdicts' log lines.

    Raises:
        BadInputError: an event of another kind, or missing settings.
        IncompleteError: at least one version could not be handled; the others were. The queue delivers all of them again.
    """
    settings = Settings.from_environment(os.environ)
    gate = Gate(settings, _detector(settings.detector))
    lines: list[JSON] = []
    failures: list[str] = []
    for target in object_versions(event):
        try:
            lines.append(gate.handle(target))
        except IncompleteError as error:
            failures.append(f"{target}: {error.message}")
    if failures:
        # Raised even if some succeeded: a partial answer would make a queue without ReportBatchItemFailures forget the rest.
        raise IncompleteError(f"{len(failures)} of {len(failures) + len(lines)} objects were not handled: {'; '.join(failures)}")
    return {"verdicts": lines}


@cache
def _detector(text: str) -> Detector:
    return open_detector(text)


class Gate:
    """The gate with its settings and detector; ``handle`` is the whole way of one object version."""

    def __init__(self, settings: Settings, detector: Detector) -> None:
        self.settings = settings
        self.detector = detector
        self._s3: Any = client("s3")
        self._logs: Any = client("logs")
        self._cloudwatch: Any = client("cloudwatch")
        self._exceptions: Any = require("botocore.exceptions", extra="aws", needed_for="the media gate")

    def handle(self, target: ObjectVersion) -> dict[str, JSON]:
        """Scan, judge, record, and publish if clean; returns the line that was logged.

        Raises:
            IncompleteError: a service or the detector failed; nothing was published, unless the copy itself was the last step.
            BadInputError: the quarantine bucket is the published bucket.
        """
        if target.bucket == self.settings.published_bucket:
            raise BadInputError(f"{target.bucket} is both quarantine and published bucket", fix="use two buckets")
        with aws_errors(f"handle {target}"):
            fetched = self._fetch(target)
            if fetched is None:
                line: dict[str, JSON] = {"event": "gone", "bucket": target.bucket, "key": target.key, "version_id": target.version}
                self._log(line)
                return line
            head, data, problem = fetched
            judgement = self._judge(data, problem)
            publish = judgement.verdict is GateVerdict.CLEAN
            latest = self._is_latest(target, head) if publish else False
            action = ("publish" if latest else "superseded") if publish else "hold"
            self._tag(target, judgement)
            line = judgement.log_line(target, head, action)
            self._log(line)
            self._measure(judgement)
            if action == "publish":
                self._publish(target, head, judgement, media_type(data))
            return line

    def _fetch(self, target: ObjectVersion) -> tuple[dict[str, Any], bytes, str | None] | None:
        """Head and bytes of the version; a reason in place of the bytes if it is too large; None if it is gone."""
        pinned: dict[str, Any] = {"Bucket": target.bucket, "Key": target.key}
        if target.version:
            pinned["VersionId"] = target.version
        elif target.etag:
            pinned["IfMatch"] = f'"{target.etag}"'
        try:
            head = self._s3.head_object(**pinned)
            if head["ContentLength"] > MAX_BYTES:
                return head, b"", f"the file has {head['ContentLength']:,} bytes; more than {MAX_BYTES:,} are not read"
            # What was looked at by name is now pinned by content: the bytes scored are the bytes described and, later, copied.
            data = self._s3.get_object(**{**pinned, "IfMatch": head["ETag"]})["Body"].read(MAX_BYTES + 1)
        except self._exceptions.ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NoSuchVersion", "412", "PreconditionFailed"}:
                return None  # deleted, or replaced by an upload that has an event of its own
            raise
        return head, data, None

    def _judge(self, data: bytes, problem: str | None) -> Judgement:
        if problem is None and media_type(data) is None:
            problem = "not a JPEG, PNG or WebP image"
        if problem is not None:
            return judge(Score(cannot_say=problem), self.detector.info, sha256_hex(data) if data else None)
        return judge(self.detector.score([data])[0], self.detector.info, sha256_hex(data))

    def _is_latest(self, target: ObjectVersion, head: Mapping[str, Any]) -> bool:
        """Whether no newer upload has the same key: events come in any order, and an old version must not replace a new one."""
        try:
            now = self._s3.head_object(Bucket=target.bucket, Key=target.key)
        except self._exceptions.ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchKey"}:
                return False  # the latest version is a deletion
            raise
        return bool(now["ETag"] == head["ETag"] and (target.version is None or now.get("VersionId") == target.version))

    def _tag(self, target: ObjectVersion, judgement: Judgement) -> None:
        pinned = {"Bucket": target.bucket, "Key": target.key, **({"VersionId": target.version} if target.version else {})}
        theirs = {tag["Key"]: tag["Value"] for tag in self._s3.get_object_tagging(**pinned)["TagSet"] if not tag["Key"].startswith(OURS)}
        self._s3.put_object_tagging(**pinned, Tagging={"TagSet": _tag_set(theirs, judgement)})

    def _publish(self, target: ObjectVersion, head: Mapping[str, Any], judgement: Judgement, content_type: str | None) -> None:
        """Copy the scored bytes, with the uploader's metadata (provenance), our tags, and the type that the bytes really have."""
        source = {"Bucket": target.bucket, "Key": target.key, **({"VersionId": target.version} if target.version else {})}
        self._s3.copy_object(
            Bucket=self.settings.published_bucket,
            Key=target.key,
            CopySource=source,
            CopySourceIfMatch=head["ETag"],
            MetadataDirective="REPLACE",
            Metadata=head.get("Metadata", {}),
            ContentType=content_type or "application/octet-stream",
            TaggingDirective="REPLACE",
            Tagging=urlencode(judgement.tags()),
        )

    def _log(self, line: Mapping[str, JSON]) -> None:
        stream = f"{self.detector.info.name}/{time.strftime('%Y-%m-%d', time.gmtime())}"
        entry = {"timestamp": int(time.time() * 1000), "message": json.dumps(line, sort_keys=True, ensure_ascii=False)}
        missing = self._logs.exceptions.ResourceNotFoundException
        for _ in range(3):  # at most: the group is missing, the stream is missing, then it works
            try:
                self._logs.put_log_events(logGroupName=self.settings.log_group, logStreamName=stream, logEvents=[entry])
                return
            except missing:
                self._make_stream(stream)
        raise IncompleteError(f"the verdict could not be logged to {self.settings.log_group}")

    def _make_stream(self, stream: str) -> None:
        exists = self._logs.exceptions.ResourceAlreadyExistsException
        missing = self._logs.exceptions.ResourceNotFoundException
        try:
            with suppress(exists):  # another scan was first
                self._logs.create_log_stream(logGroupName=self.settings.log_group, logStreamName=stream)
        except missing:
            with suppress(exists):
                self._logs.create_log_group(logGroupName=self.settings.log_group)

    def _measure(self, judgement: Judgement) -> None:
        dimensions = [{"Name": "Detector", "Value": judgement.detector.name}]
        values: list[tuple[str, float]] = [
            ("Scanned", 1.0),
            ("Flagged", float(judgement.verdict is GateVerdict.FLAGGED)),
            ("CouldNotSay", float(judgement.verdict is GateVerdict.REVIEW)),
        ]
        if judgement.score.highest is not None:
            values.append(("Score", judgement.score.highest))
        self._cloudwatch.put_metric_data(
            Namespace=METRICS,
            MetricData=[
                {"MetricName": name, "Dimensions": dimensions, "Value": value, "Unit": "None" if name == "Score" else "Count"}
                for name, value in values
            ],
        )


def _tag_set(theirs: Mapping[str, str], judgement: Judgement) -> Sequence[dict[str, str]]:
    """Our tags, and as many of the uploader's as S3 allows beside them, so that ten tags of theirs can't keep ours off."""
    ours = judgement.tags()
    kept = dict(sorted(theirs.items())[: MAX_TAGS - len(ours)])
    return [{"Key": key, "Value": value} for key, value in {**kept, **ours}.items()]
