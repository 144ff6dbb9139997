"""What a deployment of the gate decides: where media goes, what scores it, whom it trusts. From a function's environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from averment.core.errors import BadInputError

LOG_GROUP = "/averment/verdicts"
SMALL_BYTES = 1024 * 1024
"""Up to this size the function's own detector scores an image, unless the deployment says otherwise; larger ones go to the endpoint."""

REVIEW_HOURS = 24

NOBODY = "none"
"""The value of ``AVERMENT_TRUST`` under which credentials are read and no signer is trusted."""


@dataclass(frozen=True)
class Settings:
    """How one deployment works. Every part that isn't set is off, and what would have needed it is held, never published.

    ``detector`` scores images of up to ``small_bytes``, ``large_detector`` larger ones. ``async_endpoint`` scores what a request can't
    carry (videos, images above a real-time endpoint's limit) by way of ``work_bucket``. ``trust`` is a PEM file of anchors (a path, or
    ``s3://bucket/key``): None means that credentials aren't looked at, ``none`` that they are and nobody is trusted. ``cases`` is the
    DynamoDB table of what waits for a person and of what must not be published, and ``review_hours`` for how long it may wait before that is
    counted as overdue. ``seal_key`` signs verdicts for the edge.
    ``origin_keys`` is a PEM file, found likewise, of public keys whose holders may vouch for where an upload comes from. ``distribution`` is the CloudFront
    distribution whose copies are dropped when something is withdrawn. ``quarantine_bucket`` is the only one that is published from (None: any
    that an event names and the role may read). ``keep_unjudged`` leaves served what an earlier scan let in and a later
    one can't judge; otherwise it is withdrawn.
    """

    published_bucket: str
    detector: str = "embedded"
    log_group: str = LOG_GROUP
    small_bytes: int = SMALL_BYTES
    large_detector: str | None = None
    async_endpoint: str | None = None
    work_bucket: str | None = None
    trust: str | None = None
    publish_disclosed: bool = False
    cases: str | None = None
    seal_key: str | None = None
    origin_keys: str | None = None
    distribution: str | None = None
    keep_unjudged: bool = False
    quarantine_bucket: str | None = None
    review_hours: int = REVIEW_HOURS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """From ``AVERMENT_PUBLISHED_BUCKET`` (required), ``AVERMENT_DETECTOR``, ``AVERMENT_LOG_GROUP``, ``AVERMENT_SMALL_BYTES``,
        ``AVERMENT_LARGE_DETECTOR``, ``AVERMENT_ASYNC_ENDPOINT`` with ``AVERMENT_WORK_BUCKET``, ``AVERMENT_TRUST``, ``AVERMENT_DISCLOSED``
        (``publish`` or ``hold``), ``AVERMENT_CASES``, ``AVERMENT_SEAL_KEY``, ``AVERMENT_ORIGIN_KEYS``, ``AVERMENT_DISTRIBUTION``,
        ``AVERMENT_UNJUDGED`` (``withdraw`` or ``keep``), ``AVERMENT_QUARANTINE_BUCKET``, ``AVERMENT_REVIEW_HOURS``.

        Raises:
            BadInputError: the published bucket isn't named, a value isn't what it has to be, or one of a pair is missing.
        """

        def given(name: str) -> str | None:
            return environment.get(f"AVERMENT_{name}", "").strip() or None

        bucket = given("PUBLISHED_BUCKET")
        if bucket is None:
            raise BadInputError("AVERMENT_PUBLISHED_BUCKET is not set", fix="name the bucket that clean media is published to")
        disclosed = given("DISCLOSED") or "hold"
        if disclosed not in {"publish", "hold"}:
            raise BadInputError(f"AVERMENT_DISCLOSED is '{disclosed}'", fix="write publish or hold")
        unjudged = given("UNJUDGED") or "withdraw"
        if unjudged not in {"withdraw", "keep"}:
            raise BadInputError(f"AVERMENT_UNJUDGED is '{unjudged}'", fix="write withdraw or keep")
        if (given("ASYNC_ENDPOINT") is None) is not (given("WORK_BUCKET") is None):
            raise BadInputError(
                "AVERMENT_ASYNC_ENDPOINT and AVERMENT_WORK_BUCKET belong together",
                fix="set both: the endpoint reads and writes that bucket",
            )
        return cls(
            published_bucket=bucket,
            detector=given("DETECTOR") or "embedded",
            log_group=given("LOG_GROUP") or LOG_GROUP,
            small_bytes=_whole("SMALL_BYTES", given("SMALL_BYTES"), SMALL_BYTES),
            large_detector=given("LARGE_DETECTOR"),
            async_endpoint=given("ASYNC_ENDPOINT"),
            work_bucket=given("WORK_BUCKET"),
            trust=given("TRUST"),
            publish_disclosed=disclosed == "publish",
            cases=given("CASES"),
            seal_key=given("SEAL_KEY"),
            origin_keys=given("ORIGIN_KEYS"),
            distribution=given("DISTRIBUTION"),
            keep_unjudged=unjudged == "keep",
            quarantine_bucket=given("QUARANTINE_BUCKET"),
            review_hours=_whole("REVIEW_HOURS", given("REVIEW_HOURS"), REVIEW_HOURS),
        )


def _whole(name: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.isdecimal():
        raise BadInputError(f"AVERMENT_{name} is '{text}'", fix="write a whole number")
    return int(text)
