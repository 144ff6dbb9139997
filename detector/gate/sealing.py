"""The seal: what the organisation generates itself is marked before it is served.

Each new object in the generated-media bucket gets a content credential that says who made it and that AI did (C2PA, signed with a key in
KMS, time-stamped where an authority is named; the credential that its generator gave it stays in there as its parent's), stands in the provenance log, and goes to the published bucket as ``disclosed``, with the
verdict's seal for the edge. A medium that can't be marked isn't published, nor one that a person took down, nor an older version over a newer
one, however often its event comes: where the newer one came in while the older was signed, and was published first, it is marked once more.

The function's role needs s3:GetObject(Version) and s3:ListBucket on the generated bucket, s3:PutObject, s3:PutObjectTagging and, for what is
taken back, s3:GetObject and s3:DeleteObject on the published one, kms:Sign and kms:GetPublicKey on both keys, dynamodb:BatchGetItem on the table of cases,
and to write to the log group.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from averment.core.aws import aws_errors, client, error_code
from averment.core.canonical import JSON, sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.files import read_bounded
from averment.core.period import iso, utc_now
from averment.core.signing.interface import Signer
from averment.core.source import SourceRef
from averment.detector.credentials.chains import ChainError
from averment.detector.credentials.entries import log_entry
from averment.detector.credentials.formats import container_type
from averment.detector.credentials.keys import open_media_signer
from averment.detector.credentials.s3 import (
    MAX_OBJECT_BYTES,
    PROVENANCE_LOG_GROUP,
    PROVENANCE_METADATA,
    PROVENANCE_TAG,
    PROVENANCE_TAG_VALUE,
    S3Place,
    log_event,
    prepare_log,
)
from averment.detector.credentials.signing import Edit, Signed, Statement, carries, sign_media
from averment.detector.credentials.xmp import AI_GENERATED
from averment.detector.gate.cases import Cases
from averment.detector.gate.events import ObjectVersion, object_versions
from averment.detector.gate.ingest import handle_all
from averment.detector.gate.seals import META_SOURCE, verdict_seal
from averment.detector.gate.store import Fetched, Served, Store, kept_metadata
from averment.detector.gate.verdict import TAG_DETECTOR, TAG_SCORE, TAG_VERDICT, GateVerdict
from averment.detector.gate.withholding import at_version


@dataclass(frozen=True)
class SealSettings:
    """Which key signs the credential (with its chain) and which the verdict, where the marked medium goes, and the gate's table of what
    must not be published. ``generated_bucket`` is the only one that is marked from (None: any that an event names and the role may read)."""

    published_bucket: str
    key: str
    certificate: str
    tsa: str | None = None
    seal_key: str | None = None
    log_group: str = PROVENANCE_LOG_GROUP
    cases: str | None = None
    generated_bucket: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> SealSettings:
        """From ``AVERMENT_PUBLISHED_BUCKET``, ``AVERMENT_SIGNING_KEY``, ``AVERMENT_CERTIFICATE`` (required), ``AVERMENT_TSA``,
        ``AVERMENT_SEAL_KEY``, ``AVERMENT_PROVENANCE_LOG_GROUP``, ``AVERMENT_CASES``, ``AVERMENT_GENERATED_BUCKET``.

        Raises:
            BadInputError: one that is required isn't set.
        """

        def given(name: str) -> str | None:
            return environment.get(f"AVERMENT_{name}", "").strip() or None

        bucket, key, certificate = given("PUBLISHED_BUCKET"), given("SIGNING_KEY"), given("CERTIFICATE")
        if bucket is None or key is None or certificate is None:
            wanted = {"PUBLISHED_BUCKET": bucket, "SIGNING_KEY": key, "CERTIFICATE": certificate}
            missing = next(name for name, value in wanted.items() if value is None)
            raise BadInputError(
                f"AVERMENT_{missing} is not set", fix="set the bucket, the signing key, and the path of its certificate chain"
            )
        group = given("PROVENANCE_LOG_GROUP") or PROVENANCE_LOG_GROUP
        return cls(bucket, key, certificate, given("TSA"), given("SEAL_KEY"), group, given("CASES"), given("GENERATED_BUCKET"))


def seal_handler(event: Mapping[str, Any], context: object) -> dict[str, JSON]:
    """The Lambda entry point behind the generated-media bucket.

    Raises:
        BadInputError: an event of another kind, or missing settings.
        IncompleteError: at least one medium could not be marked; the queue delivers all of them again.
    """
    settings = SealSettings.from_environment(os.environ)
    return handle_all(object_versions(event), lambda target: seal(settings, target), context)


def seal(settings: SealSettings, target: ObjectVersion) -> dict[str, JSON]:
    """Mark one object version and publish it; returns the line of the provenance log, or why it wasn't published.

    Raises:
        BadInputError: the generated bucket is the published one, or the object lies in another bucket.
        IncompleteError: it can't be marked, a service failed, or it was forbidden meanwhile: nothing unmarked was published.
    """
    if target.bucket == settings.published_bucket:
        raise BadInputError(f"{target.bucket} is both source and published bucket", fix="use two buckets")
    if settings.generated_bucket not in {None, target.bucket}:
        raise BadInputError(f"{target} is not in {settings.generated_bucket}", fix="announce what is generated there, and nothing else")
    s3 = client("s3")
    store, cases = Store(s3), Cases(settings.cases) if settings.cases else None
    signer, chain = _signer(settings.key), read_bounded(Path(settings.certificate))
    with aws_errors(f"mark {target}"):
        fetched = store.fetch(target, whole_up_to=MAX_OBJECT_BYTES)
        if fetched is None:
            return _unpublished("gone", target)
        target = at_version(target, fetched.head)
        if not fetched.whole:
            raise IncompleteError(f"{target} has {fetched.size:,} bytes; more than {MAX_OBJECT_BYTES:,} are not signed here")
        digest = sha256_hex(fetched.data)
        if cases is not None and cases.held(target, digest) is not None:
            # What an earlier delivery published and couldn't look at again, because the table or S3 refused just then.
            if (served := _served(settings, store, target)) is not None:
                store.withdraw(settings.published_bucket, target.key, etag=str(served.head["ETag"]))
            return _unpublished("forbidden", target)
        if _catch_up(settings, store, target, fetched):
            return _unpublished("superseded", target)
        try:
            title = target.key.rsplit("/", 1)[-1]
            signed = sign_media(fetched.data, signer, chain, _statement(fetched.data, title), title=title, tsa_url=settings.tsa)
        except ChainError as error:
            raise IncompleteError(error.message, where=SourceRef(settings.certificate), fix=error.fix) from error
        except BadInputError as error:
            raise IncompleteError(f"{target} {error.message}", fix=error.fix) from error
        moment = utc_now()
        metadata = _metadata(settings, target, fetched, signed, iso(moment))
        tags = {TAG_VERDICT: str(GateVerdict.DISCLOSED), TAG_SCORE: "none", TAG_DETECTOR: "none", PROVENANCE_TAG: PROVENANCE_TAG_VALUE}
        event, logs = log_entry(str(S3Place(settings.published_bucket, target.key)), signed, signer, moment).to_json(), client("logs")
        prepare_log(logs, settings.log_group, moment, "nothing was published")
        # Before it is published: what is logged and then not published is logged anew with what the next delivery signs.
        log_event(logs, settings.log_group, event, moment, fate="nothing was published")
        published = s3.put_object(
            Bucket=settings.published_bucket,
            Key=target.key,
            Body=signed.data,
            ContentType=signed.media_type,
            Metadata=metadata,
            Tagging=urlencode(tags),
        )
        # As in the gate: a takedown first forbids and then withdraws, so one of the two sees the other.
        if cases is not None and (why := cases.held(target, digest)) is not None:
            store.withdraw(settings.published_bucket, target.key, etag=str(published["ETag"]))
            raise IncompleteError(f"{target} was forbidden while it was published, and taken back ({why})")
        _catch_up(settings, store, target, fetched)
    return {"event": "sealed", **event}


def _metadata(settings: SealSettings, target: ObjectVersion, fetched: Fetched, signed: Signed, moment: str) -> dict[str, str]:
    """What the published object says of itself: where it is from, how it was marked and, for the edge, the verdict's seal; and of what the
    generated one said as much as there is room for."""
    verdict = str(GateVerdict.DISCLOSED)
    ours = {
        META_SOURCE: quote(f"{target.bucket}/{target.version or fetched.head['ETag'].strip(chr(34))}"),
        **(verdict_seal(_signer(settings.seal_key), target.key, len(signed.data), verdict, moment) if settings.seal_key else {}),
        PROVENANCE_METADATA: f"c2pa; digital-source-type=trainedAlgorithmicMedia; source-sha256={signed.source_sha256}",
    }
    return {**kept_metadata(fetched.metadata, ours), **ours}


def _statement(data: bytes, title: str) -> Statement:
    """Made by a trained algorithm; of what has its generator's credential already, that it is published, with the credential kept."""
    return Statement(AI_GENERATED, edit=Edit(data, title, ("published",)) if container_type(data) and carries(data) else None)


def _catch_up(settings: SealSettings, store: Store, target: ObjectVersion, fetched: Fetched) -> bool:
    """Whether there is a newer version than ``target``. Where ``target`` is published all the same, it came in while ``target`` was signed, and its
    own marking may have been over before: the older one would stand over it for good, so it is marked once more."""
    if store.is_latest(target, fetched.head["ETag"]):
        return False
    if _served(settings, store, target) is not None and (latest := store.latest(target)) is not None:
        seal(settings, latest)
    return True


def _served(settings: SealSettings, store: Store, target: ObjectVersion) -> Served | None:
    """What is published of ``target``, None if nothing is. That it isn't known is raised: the delivery would be over, and what it should have taken
    back or replaced stay."""
    try:
        served = store.served(settings.published_bucket, target.key)
    except store.refused as error:
        if error_code(error) in {"403", "AccessDenied"}:  # what isn't there, by the rights of this function
            return None
        raise
    return served if served is not None and served.is_of(target) else None


def _unpublished(why: str, target: ObjectVersion) -> dict[str, JSON]:
    return {"event": why, "bucket": target.bucket, "key": target.key, "version_id": target.version}


@cache
def _signer(key: str) -> Signer:
    return open_media_signer(key, Path())
