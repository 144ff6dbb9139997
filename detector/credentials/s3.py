"""Signing media in S3: read, sign, write with provenance metadata and a tag, log the event.

The metadata (``x-amz-meta-provenance``) and the tag say at a glance what the credential inside the object proves; they are a
convenience for listings and policies on tags, not evidence, for whoever may write the object may write them.
What is signed is one state of the object: its tags are those of the version that was read, and an object that is signed in place is written
only if it is still the one that was read (S3's conditional writes), so that no upload is lost that came meanwhile.
Permissions: s3:GetObject and s3:GetObjectTagging on the source (s3:GetObjectVersionTagging as well where it has versions), s3:PutObject and
s3:PutObjectTagging on the target, logs:CreateLogStream, logs:PutLogEvents, and logs:CreateLogGroup where the group isn't there yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from averment.core.aws import (
    MAX_METADATA_BYTES,
    MAX_TAGS,
    Attempts,
    aws_errors,
    client,
    error_code,
    metadata_bytes,
    object_state,
    version_pin,
)
from averment.core.canonical import JSON
from averment.core.errors import AvermentError, BadInputError, IncompleteError
from averment.core.log_lines import open_stream, put_line
from averment.core.period import utc_now
from averment.core.signing.interface import Signer
from averment.core.stopping import standing
from averment.detector.credentials.chains import ChainError
from averment.detector.credentials.entries import log_entry
from averment.detector.credentials.log import Entry
from averment.detector.credentials.naming import check_name, check_utf_8
from averment.detector.credentials.signing import Signed, Statement, sign_media

PROVENANCE_LOG_GROUP = "/averment/provenance"
PROVENANCE_METADATA = "provenance"
PROVENANCE_TAG = "provenance"
PROVENANCE_TAG_VALUE = "c2pa"
MAX_OBJECT_BYTES = 512 * 1024 * 1024

_OWN_PREFIX = "averment-"  # the media gate's verdicts
_CLASHES = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412"})
"""S3's answers to a conditional write of an object that isn't what it was, or that somebody else is writing."""

_KEPT_HEADERS = ("CacheControl", "ContentDisposition", "ContentLanguage", "Expires", "WebsiteRedirectLocation", "StorageClass")
_KEPT_KEY = ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled")


@dataclass(frozen=True)
class S3Place:
    """A bucket and a key."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str) -> S3Place | None:
        """The place in ``s3://bucket/key``; None when ``text`` isn't of S3 at all.

        Raises:
            BadInputError: ``s3://`` without a bucket or a key, or not UTF-8.
        """
        if not text.startswith("s3://"):
            return None
        bucket, _, key = text.removeprefix("s3://").partition("/")
        if not bucket or not key:
            raise BadInputError(f"'{text}' names no object", fix="write s3://bucket/key")
        check_utf_8(text, "the object's name")
        return cls(bucket, key)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def read_object(place: S3Place, s3: Any = None) -> bytes:
    """The object's bytes.

    Raises:
        BadInputError: it is larger than ``MAX_OBJECT_BYTES``.
        IncompleteError: S3 is out of reach, or there is no such object.
    """
    return _read(place, s3 or client("s3"))[0]


def _read(place: S3Place, s3: Any) -> tuple[bytes, Any]:
    with aws_errors(f"read {place}"):
        answer = s3.get_object(Bucket=place.bucket, Key=place.key)
        length = int(answer["ContentLength"])
        with closing(answer["Body"]) as body:
            data: bytes = b"" if length > MAX_OBJECT_BYTES else body.read(length + 1)
    if length > MAX_OBJECT_BYTES:
        raise BadInputError(
            f"{place} is larger than {MAX_OBJECT_BYTES:,} bytes and was not read", fix="hand it over as a file, or take a smaller rendition"
        )
    if len(data) != length:
        raise IncompleteError(f"could not read {place}: {len(data):,} of {length:,} bytes came", fix="run again")
    return data, answer


def sign_object(
    source: S3Place,
    target: S3Place,
    signer: Signer,
    chain: bytes,
    *,
    s3: Any = None,
    logs: Any = None,
    log_group: str = PROVENANCE_LOG_GROUP,
    tsa_url: str | None = None,
    statement: Statement | None = None,
    now: datetime | None = None,
) -> Signed:
    """Sign the object at ``source`` into ``target`` (which may be the same) and log the event.

    Of the source are kept its metadata, its tags, the headers of ``_KEPT_HEADERS`` and, within its bucket, its key in KMS; not Averment's own:
    a verdict is about the bytes that were scanned, and these are others. Its access control list and its locks aren't: they take rights of
    their own. Signed in place, it is written only if it is still what was read. The log's stream is made before the object is written, so that a log out of reach leaves nothing unlogged, and the event is logged after, so a logged event has its object; if logging fails the error
    says that the object is there but unlogged, as is told if somebody ends the program in between; running again signs and logs anew.

    Raises:
        BadInputError: not a medium that can be signed as stated, too large, or the chain isn't the key's.
        IncompleteError: S3, the key, or the log is out of reach, or another object has come in the source's place; then nothing was written.
    """
    s3 = s3 or client("s3")
    data, answer = _read(source, s3)
    check_name(str(target), data)
    try:
        signed = sign_media(data, signer, chain, statement, title=source.key.rsplit("/", 1)[-1], tsa_url=tsa_url)
    except ChainError:
        raise
    except BadInputError as error:
        raise BadInputError(f"{source} {error.message}", fix=error.fix) from error
    moment = now or utc_now()
    source_type = signed.digital_source_type.rsplit("/", 1)[-1]
    provenance = f"c2pa; digital-source-type={source_type}; source-sha256={signed.source_sha256}"
    tags = {**_others(_tags(s3, source, answer)), PROVENANCE_TAG: PROVENANCE_TAG_VALUE}
    metadata = {**_others(answer.get("Metadata", {})), PROVENANCE_METADATA: provenance}
    _check_room(source, tags, metadata)
    # before the object is written: what takes time or fails here leaves nothing unlogged
    event, logs = log_entry(str(target), signed, signer, moment).to_json(), logs or client("logs")
    prepare_log(logs, log_group, moment, f"{target} was not written")
    unsure = f"{target} may be written and signed already, and isn't in the log group {log_group}"
    with standing(f"{unsure}: signing it again logs it"), _or_lost(s3, unsure):
        _put(
            s3,
            target,
            signed.data,
            ContentType=signed.media_type,
            Metadata=metadata,
            Tagging=urlencode(tags),
            **{header: answer[header] for header in _KEPT_HEADERS if answer.get(header)},
            **(_encryption(answer) if source.bucket == target.bucket else {}),
            **({"IfMatch": answer["ETag"]} if source == target else {}),
        )
    unlogged = f"{target} was written and is signed, but its entry may be missing in the log group {log_group}: signing it again logs it"
    with standing(unlogged):
        put_line(logs, log_group, _stream(moment), event, moment, f"log the signing of {target}, which was signed and written")
    return signed


def log_in_group(group: str, entry: Entry, moment: datetime) -> None:
    """Put ``entry`` into the log group ``group``, as signing in S3 does.

    Raises:
        IncompleteError: CloudWatch Logs is out of reach or refuses.
    """
    with aws_errors(f"write to the log group {group}"):
        log_event(client("logs"), group, entry.to_json(), moment)


def _encryption(answer: Any) -> dict[str, Any]:
    """How the object is encrypted with a key in KMS. Without one S3 does what the bucket says, which is no less."""
    if not str(answer.get("ServerSideEncryption", "")).startswith("aws:kms"):
        return {}
    return {header: answer[header] for header in _KEPT_KEY if answer.get(header)}


def prepare_log(logs: Any, group: str, moment: datetime, fate: str) -> None:
    """Make the stream of ``log_event`` before the medium is written, so that a log out of reach leaves none unlogged; ``fate`` says so.

    Raises:
        IncompleteError: CloudWatch Logs is out of reach or refuses.
    """
    with aws_errors(f"make ready the log group {group}; {fate}"):
        open_stream(logs, group, _stream(moment))


def log_event(logs: Any, group: str, event: dict[str, JSON], moment: datetime, *, fate: str = "") -> None:
    """Put ``event`` as one JSON line into ``group``, in a stream a day; both are made when they are missing. ``fate`` says what became of the
    medium where that fails.

    Raises:
        IncompleteError: as ``put_line``.
    """
    put_line(logs, group, _stream(moment), event, moment, f"write to the log group {group}" + (f"; {fate}" if fate else ""))


def _stream(moment: datetime) -> str:
    return f"{moment:%Y/%m/%d}"


def _tags(s3: Any, source: S3Place, answer: Any) -> dict[str, str]:
    """The source's tags. ``TagCount`` of the answer isn't relied on: S3 leaves it out, too, for who may not read tags, and they would be lost."""
    pinned = version_pin(answer)
    with aws_errors(f"read the tags of {source}"):
        found = s3.get_object_tagging(Bucket=source.bucket, Key=source.key, **pinned)["TagSet"]
        if not pinned and object_state(s3.head_object(Bucket=source.bucket, Key=source.key)) != object_state(answer):
            raise _replaced(source)
    return {tag["Key"]: tag["Value"] for tag in found}


def _check_room(source: S3Place, tags: Mapping[str, str], metadata: Mapping[str, str]) -> None:
    """Refuse what S3 would: nothing of the source's is dropped to make room.

    Raises:
        BadInputError: with ours there are more tags, or more bytes of metadata, than an object may have.
    """
    if len(tags) > MAX_TAGS:
        raise BadInputError(
            f"{source} has {len(tags) - 1} tags to keep; S3 allows {MAX_TAGS} with {PROVENANCE_TAG}={PROVENANCE_TAG_VALUE}",
            fix="take a tag away from it, then sign it",
        )
    if (size := metadata_bytes(metadata)) > MAX_METADATA_BYTES:
        raise BadInputError(
            f"{source} has so much metadata that with x-amz-meta-{PROVENANCE_METADATA} it would be {size:,} bytes; S3 allows {MAX_METADATA_BYTES:,}",
            fix="shorten its metadata, then sign it",
        )


def _put(s3: Any, target: S3Place, data: bytes, **more: Any) -> None:
    """Write ``data``; ``IfMatch`` among ``more`` is the ETag that the object has to have still."""
    with aws_errors(f"write {target}"):
        try:
            s3.put_object(Bucket=target.bucket, Key=target.key, Body=data, **more)
        except Exception as error:
            if "IfMatch" not in more or error_code(error) not in _CLASHES:
                raise
            if not _holds(s3, target, data):
                raise _replaced(target) from error


@contextmanager
def _or_lost(s3: Any, unsure: str) -> Iterator[None]:
    """If a write by ``s3`` fails of which S3 may have heard, say with the error what is ``unsure``."""
    attempts = Attempts(s3)
    try:
        yield
    except IncompleteError as error:
        if error.__cause__ is None or attempts.unheard(error.__cause__):
            raise
        raise IncompleteError(f"{error.message}; {unsure}", fix="sign it again, which logs it") from error


def _holds(s3: Any, target: S3Place, data: bytes) -> bool:
    """Whether ``target`` is ``data`` already: where S3's answer to a write is lost, the same request is sent again and clashes with the first."""
    try:
        return _read(target, s3)[0] == data
    except AvermentError:
        return False


def _replaced(place: S3Place) -> IncompleteError:
    return IncompleteError(
        f"{place} was replaced or removed while it was signed, and nothing was written",
        fix="look at what is there now, and sign that if it is to be signed",
    )


def _others(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if not name.lower().startswith(_OWN_PREFIX)}
