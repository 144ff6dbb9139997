"""The scan function behind the quarantine bucket: scores an upload, says so, and publishes only what may be seen.

For each object version, in this order:

1. read it, pinned to the version (or, without versioning, to the ETag) that the event named;
2. look at its provenance, score it and judge; what a request can't carry (a video) goes to the asynchronous endpoint, see ``deferred``;
3. if it must not be seen: file a case for a person, and withdraw it if an earlier verdict let it in (see ``withholding``);
4. tag the version in quarantine, log the verdict, put the metrics;
5. only then, only if the verdict allows it, nobody forbade it, and it is still the latest version: copy these very bytes to the
   published bucket; then see once more that nobody forbade it meanwhile, or take it back.

A fault at any step raises, so that the queue delivers again and in the end to its dead-letter queue: nothing is published by
accident. Every step can be repeated. Tags found on the upload are never trusted: whoever uploads can set them.

The function's role needs, and needs no more: on the quarantine bucket s3:GetObject(Version), s3:GetObject(Version)Tagging,
s3:PutObject(Version)Tagging and s3:ListBucket (without it S3 answers 403 for what is gone); on the published bucket s3:PutObject,
s3:PutObjectTagging and, for what is taken back, s3:GetObject, s3:ListBucket and s3:DeleteObject, with cloudfront:CreateInvalidation if a
distribution is named; on the log group logs:CreateLogStream and logs:PutLogEvents;
cloudwatch:PutMetricData for the namespace ``Averment/Detector``; sagemaker:InvokeEndpoint if an endpoint scores,
sagemaker:InvokeEndpointAsync and s3:PutObject on the work bucket if one does so asynchronously; dynamodb:BatchGetItem,
GetItem and PutItem on the table of cases; kms:Sign and kms:GetPublicKey on the seal's key.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from averment.core.aws import aws_errors, client
from averment.core.canonical import JSON, sha256_hex
from averment.core.errors import AvermentError, BadInputError, IncompleteError
from averment.core.period import iso, utc_now
from averment.core.signing.interface import Signer
from averment.detector.credentials.formats import container_type
from averment.detector.gate.asking import Pending, ask, input_key
from averment.detector.gate.cases import Cases
from averment.detector.gate.events import ObjectVersion, object_versions
from averment.detector.gate.provenance import look, unread
from averment.detector.gate.seals import verdict_seal
from averment.detector.gate.settings import LOG_GROUP, Settings
from averment.detector.gate.store import Fetched, Store
from averment.detector.gate.verdict import SERVABLE, GateVerdict, Judgement, judge
from averment.detector.gate.verdict_log import METRICS, Route, VerdictLog
from averment.detector.gate.withholding import FORBIDDEN, HOLD, STANDS, Withholding, at_version
from averment.detector.imaging import MAX_BYTES
from averment.detector.interface import Detector, Score
from averment.detector.opening import open_detector
from averment.detector.remote import ChangedError
from averment.detector.serving import MAX_PAYLOAD
from averment.detector.sniffing import media_type

__all__ = ["LOG_GROUP", "METRICS", "Gate", "Settings", "scan_handler"]

MAX_ASYNC_BYTES = 1024 * 1024 * 1024
"""What an asynchronous endpoint accepts as one request."""

_Target = TypeVar("_Target")

LEAST_SECONDS = 10
"""With less time left than this the function takes up no further object: it would be stopped half-way and the next delivery does it."""


def scan_handler(event: Mapping[str, Any], context: object) -> dict[str, JSON]:
    """The Lambda entry point: handles every object version in ``event`` and returns the verdicts' log lines.

    Raises:
        BadInputError: an event of another kind, or missing settings.
        IncompleteError: at least one version could not be handled; the others were. The queue delivers all of them again.
    """
    gate = gate_of(Settings.from_environment(os.environ))
    return handle_all(object_versions(event), gate.handle, context)


def handle_all(targets: Sequence[_Target], handle: Callable[[_Target], dict[str, JSON]], context: object) -> dict[str, JSON]:
    """Handle each of ``targets``, and raise if one failed, once the others are done.

    Raises:
        IncompleteError: which failed and why. Raised even if some succeeded: a partial answer would make a queue without
            ReportBatchItemFailures forget the rest.
    """
    lines: list[JSON] = []
    failures: list[str] = []
    for target in targets:
        try:
            _check_time(context)
            lines.append(handle(target))
        except AvermentError as error:  # also one that is refused, as of another bucket: it is no reason to leave those that come after it
            failures.append(f"{target}: {error.message}")
    if failures:
        raise IncompleteError(f"{len(failures)} of {len(failures) + len(lines)} objects were not handled: {'; '.join(failures)}")
    return {"verdicts": lines}


def _check_time(context: object) -> None:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    if remaining is not None and remaining() < LEAST_SECONDS * 1000:
        raise IncompleteError(f"less than {LEAST_SECONDS} s were left")


def gate_of(settings: Settings) -> Gate:
    """The gate as ``settings`` want it, with the detectors that they name.

    Raises:
        BadInputError: a detector is none.
    """
    return Gate(settings, detector_of(settings.detector), large=detector_of(settings.large_detector) if settings.large_detector else None)


@cache
def detector_of(text: str) -> Detector:
    """The detector that ``text`` names, opened once per process."""
    return open_detector(text)


class Gate:
    """The gate with its settings and detectors; ``handle`` is the whole way of one object version.

    ``large`` scores images above ``settings.small_bytes``; without one ``detector`` scores them all.
    """

    def __init__(self, settings: Settings, detector: Detector, *, large: Detector | None = None) -> None:
        self.settings = settings
        self.detector = detector
        self.large = large
        self.store = Store(client("s3"))
        self.log = VerdictLog(settings.log_group, detector.info.name, client("logs"), client("cloudwatch"))
        self.cases = Cases(settings.cases, client("dynamodb")) if settings.cases else None
        self.withholding = Withholding(settings, self.store, self.cases, self.log, lambda: client("cloudfront"))
        self._signer = _signer(settings.seal_key) if settings.seal_key else None

    def handle(self, target: ObjectVersion) -> dict[str, JSON]:
        """Scan, judge, record, and publish if it may be seen; returns the line that was logged.

        Raises:
            IncompleteError: a service or the detector failed; nothing was published, unless the copy itself was among the last steps.
            BadInputError: the quarantine bucket is the published bucket.
        """
        self.check_buckets(target)
        with aws_errors(f"handle {target}"):
            fetched = self.store.fetch(target, whole_up_to=MAX_BYTES)
            if fetched is None:
                return self.gone(target)
            pinned, route = at_version(target, fetched.head), self._route(fetched)
            self._count(pinned, _kind(_type(fetched.data)), route)
            if route is Route.ASYNCHRONOUS:
                kind, digest = _type(fetched.data) or "application/octet-stream", sha256_hex(fetched.data) if fetched.whole else None
                question = Pending(pinned, 1, input_key(pinned, 1), kind, digest)
                return ask(self.settings, self.log, question) or self.gone(target)
            return self.settle(pinned, fetched.head, self._judge(fetched, route), _type(fetched.data), route)

    def settle(
        self, target: ObjectVersion, head: Mapping[str, Any], judgement: Judgement, content_type: str | None, route: Route | None
    ) -> dict[str, JSON]:
        """Record ``judgement`` and do what follows from it; returns the line that was logged. ``target`` has its ETag, and ``route`` says
        which detector gave an answer (None: none did)."""
        action = self._action(target, head, judgement)
        if action in {HOLD, FORBIDDEN}:
            action = self.withholding.withhold(target, judgement, content_type, action)
        if action != STANDS:  # a release that stands keeps its tags
            self.store.tag(target, judgement.tags())
        line = judgement.log_line(target, head, action)
        self.log.write(line)
        self.log.measure(judgement, route)
        if action == "publish":
            self.publish(target, head, judgement, content_type)
        if action == "superseded" or (action == "publish" and not self.store.is_latest(target, head["ETag"])):
            self._catch_up(target)
        return line

    def _catch_up(self, target: ObjectVersion) -> None:
        """There is a newer version than ``target``. If it came in while ``target`` was copied, its own scan may have been over before, and the older
        one would stand over the newer one for good: so that one is done again."""
        if self.withholding.serves(target) and (latest := self.store.latest(target)) is not None:
            self.handle(latest)

    def publish(self, target: ObjectVersion, head: Mapping[str, Any], judgement: Judgement, content_type: str | None) -> None:
        """Copy what ``judgement`` allows to be seen to the published bucket, and take it back if it was forbidden meanwhile.

        Raises:
            AssertionError: the verdict doesn't allow it; a mistake of the caller.
            BadInputError: it isn't in the quarantine bucket.
            IncompleteError: it was forbidden meanwhile, and taken back.
        """
        if judgement.verdict not in SERVABLE:
            raise AssertionError(f"{judgement.verdict} is not published")
        self.check_buckets(target)
        target, verdict, bucket = at_version(target, head), str(judgement.verdict), self.settings.published_bucket
        seal = verdict_seal(self._signer, target.key, int(head["ContentLength"]), verdict, iso(utc_now())) if self._signer else {}
        self.store.publish(target, head, bucket, content_type=content_type, tags=judgement.tags(), seal=seal)
        # A takedown first forbids, and another scan files its case, before they withdraw: one of the two sees the other, whichever was first.
        if (why := self.held(target, judgement.sha256)) is not None:
            self.withholding.withdraw_if_served(target)  # not what another version's scan put there meanwhile
            self.withholding.forget(target, iso(utc_now()))
            raise IncompleteError(f"{target} was forbidden while it was published, and taken back ({why})")

    def held(self, target: ObjectVersion, sha256: str | None) -> str | None:
        """Why this version must not be published, if somebody forbade it."""
        return self.cases.held(target, sha256) if self.cases is not None else None

    def gone(self, target: ObjectVersion) -> dict[str, JSON]:
        """Say in the log that there is nothing to judge."""
        line: dict[str, JSON] = {"event": "gone", "bucket": target.bucket, "key": target.key, "version_id": target.version}
        self.log.write(line)
        return line

    def check_buckets(self, target: ObjectVersion) -> None:
        """Refuse a set-up in which there is no gate, and what is of another bucket: whoever can reach the queue can write any event.

        Raises:
            BadInputError: the quarantine bucket is the published bucket, or the work bucket either of them, or the target is not in it.
        """
        wanted = self.settings.quarantine_bucket
        if wanted is not None and target.bucket != wanted:
            raise BadInputError(
                f"{target} is not in the quarantine bucket {wanted}", fix="announce what is uploaded there, and nothing else"
            )
        if target.bucket == self.settings.published_bucket:
            raise BadInputError(f"{target.bucket} is both quarantine and published bucket", fix="use two buckets")
        if self.settings.work_bucket in {target.bucket, self.settings.published_bucket}:
            raise BadInputError(
                f"{self.settings.work_bucket} is the work bucket and another one as well", fix="give it a bucket of its own"
            )

    def _action(self, target: ObjectVersion, head: Mapping[str, Any], judgement: Judgement) -> str:
        wanted = judgement.verdict is GateVerdict.CLEAN or (judgement.verdict is GateVerdict.DISCLOSED and self.settings.publish_disclosed)
        if not wanted:
            return HOLD
        if self.held(target, judgement.sha256) is not None:
            return FORBIDDEN
        return "publish" if self.store.is_latest(target, head["ETag"]) else "superseded"

    def _count(self, target: ObjectVersion, kind: str, route: Route | None) -> None:
        """Count the version as an upload: once, however often its event comes. (Twice, if the function is stopped between the two calls;
        each time where there is no table to remember it in.)"""
        if self.cases is not None and self.cases.counted(target):
            return
        self.log.count_upload(kind, route)
        if self.cases is not None:
            self.cases.remember_counted(target)

    def _route(self, fetched: Fetched) -> Route | None:
        """Who scores it; None if nothing here does."""
        if self._is_for_async(fetched):
            return Route.ASYNCHRONOUS
        if not fetched.whole or media_type(fetched.data) is None:
            return None
        return Route.ENDPOINT if self.large is not None and self.settings.small_bytes < fetched.size else Route.OWN

    def _is_for_async(self, fetched: Fetched) -> bool:
        if self.settings.async_endpoint is None or fetched.size > MAX_ASYNC_BYTES:
            return False
        kind = _type(fetched.data)
        if kind is not None and kind.startswith("video/"):
            return True
        # An image that a real-time endpoint can't take; the embedded detector reads up to its own bound without any request.
        return media_type(fetched.data) is not None and (not fetched.whole or (self.large is not None and fetched.size > MAX_PAYLOAD))

    def _judge(self, fetched: Fetched, route: Route | None) -> Judgement:
        data, metadata, info = fetched.data, fetched.metadata, self.detector.info
        if not fetched.whole:
            problem = f"the file has {fetched.size:,} bytes; more than {MAX_BYTES:,} are not read"
            return judge(Score(cannot_say=problem), info, None, unread(metadata, "the file is too large to be read here"))
        digest = sha256_hex(data) if data else None
        if route is None:
            kind = _type(data)
            problem = f"nothing here scores {kind}" if kind else "not a JPEG, PNG or WebP image"
            return judge(Score(cannot_say=problem), info, digest, look(data, metadata, self.settings))
        chosen = self.large if self.large is not None and route is Route.ENDPOINT else self.detector
        return judge(_score(chosen, data), chosen.info, digest, look(data, metadata, self.settings))


def _score(detector: Detector, data: bytes) -> Score:
    """The score of ``data``. Where another model answers than the function knows, the next delivery opens the detector anew: a warm function
    would refuse the new model for as long as it lives.

    Raises:
        IncompleteError: there is none.
    """
    try:
        return detector.score([data])[0]
    except ChangedError:
        detector_of.cache_clear()
        raise


def _kind(media_type: str | None) -> str:
    """``image``, ``video`` or ``other``: few enough for a metric's dimension."""
    kind = (media_type or "").partition("/")[0]
    return kind if kind in {"image", "video"} else "other"


def _type(data: bytes) -> str | None:
    """The media type by the signature, for more kinds than the detector scores."""
    if data[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm" if b"webm" in data[:64] else "video/x-matroska"
    return container_type(data)


@cache
def _signer(key: str) -> Signer:
    from pathlib import Path

    from averment.core.signing.opening import open_signer

    return open_signer(key, Path())
