"""The upload issuer: short-lived permissions to upload one medium, which pin where it goes, what it is, and what it says of its origin.

S3 has no condition on user metadata in policies, so provenance is pinned by signing it: a POST policy with exact conditions, or a
presigned PUT whose signed headers have to be sent. Both name one key that the issuer makes up, one type, one size and one SHA-256; a
client that sends anything else is refused by S3. The issuer's role needs s3:PutObject and s3:PutObjectTagging on the prefix alone.
"""

from __future__ import annotations

import base64
import json
import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from averment.core.aws import aws_errors, client
from averment.core.canonical import JSON
from averment.core.errors import BadInputError, IncompleteError
from averment.core.period import iso, utc_now

EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/quicktime": "mov",
}
ORIGINS = ("camera", "edited", "ai-generated", "licensed", "undeclared")
"""What an uploader may say of a medium's origin. A claim, not a proof: the gate looks for itself."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_UPLOADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=@-]{0,127}")


@dataclass(frozen=True)
class Terms:
    """What a deployment allows. ``sizes`` gives the most bytes of each type; a type that isn't there is refused."""

    bucket: str
    prefix: str = "uploads/"
    sizes: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(("image/jpeg", "image/png", "image/webp"), 32 * 1024 * 1024))
    lifetime: timedelta = timedelta(minutes=10)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Terms:
        """From ``AVERMENT_UPLOAD_BUCKET`` (required), ``AVERMENT_UPLOAD_PREFIX``, ``AVERMENT_UPLOAD_SIZES`` (JSON: type to bytes).

        Raises:
            BadInputError: no bucket, or sizes that aren't such a table.
        """
        bucket = environment.get("AVERMENT_UPLOAD_BUCKET", "").strip()
        if not bucket:
            raise BadInputError("AVERMENT_UPLOAD_BUCKET is not set", fix="name the quarantine bucket")
        more: dict[str, Any] = {}
        if prefix := environment.get("AVERMENT_UPLOAD_PREFIX", "").strip():
            more["prefix"] = prefix.rstrip("/") + "/"
        if sizes := environment.get("AVERMENT_UPLOAD_SIZES", "").strip():
            more["sizes"] = _sizes(sizes)
        return cls(bucket, **more)


@dataclass(frozen=True)
class Wanted:
    """What a client asks to upload. ``uploader`` is who signed in, never what the client says it is."""

    uploader: str
    media_type: str
    size: int
    sha256: str
    origin: str

    @classmethod
    def from_json(cls, value: Any, uploader: str) -> Wanted:
        """The request ``{"media_type", "size", "sha256", "origin"}``.

        Raises:
            BadInputError: a field is missing or of another kind.
        """
        fields = {"media_type": str, "size": int, "sha256": str, "origin": str}
        if not isinstance(value, Mapping):
            raise BadInputError("the request is not a JSON object", fix=f"send {', '.join(fields)}")
        for name, kind in fields.items():
            if not isinstance(value.get(name), kind) or isinstance(value.get(name), bool):
                raise BadInputError(f"'{name}' is missing or no {kind.__name__}", fix=f"send {', '.join(fields)}")
        return cls(uploader, value["media_type"], value["size"], value["sha256"].lower(), value["origin"])


def check(terms: Terms, wanted: Wanted) -> None:
    """Refuse what ``terms`` don't allow.

    Raises:
        BadInputError: which part, and what is allowed.
    """
    if not _UPLOADER.fullmatch(wanted.uploader):
        raise BadInputError("the uploader's id can't stand in a key", fix="use ids of letters, digits, and ._=@-")
    if wanted.media_type not in terms.sizes or wanted.media_type not in EXTENSIONS:
        raise BadInputError(f"'{wanted.media_type[:100]}' is not taken", fix=f"send one of {', '.join(sorted(terms.sizes))}")
    if not 0 < wanted.size <= terms.sizes[wanted.media_type]:
        raise BadInputError(f"{wanted.size:,} bytes are not taken", fix=f"send 1 to {terms.sizes[wanted.media_type]:,} bytes")
    if not _SHA256.fullmatch(wanted.sha256):
        raise BadInputError("'sha256' is not 64 hexadecimal digits", fix="hash the file that is to be uploaded")
    if wanted.origin not in ORIGINS:
        raise BadInputError(f"'{wanted.origin[:100]}' is no origin", fix=f"say one of {', '.join(ORIGINS)}")


def issue_post(terms: Terms, wanted: Wanted, *, now: datetime | None = None) -> dict[str, JSON]:
    """A form that uploads exactly ``wanted`` with POST: ``{"method", "url", "fields", "key", "expires_at"}``.

    Raises:
        BadInputError: the terms don't allow it.
        IncompleteError: no credentials to sign with.
    """
    check(terms, wanted)
    key, moment = _key(terms, wanted), now or utc_now()
    fields = {
        "Content-Type": wanted.media_type,
        "x-amz-meta-provenance": _provenance(wanted),
        "x-amz-checksum-algorithm": "SHA256",
        "x-amz-checksum-sha256": _digest(wanted),
        "tagging": f"<Tagging><TagSet><Tag><Key>provenance</Key><Value>{wanted.origin}</Value></Tag></TagSet></Tagging>",
    }
    conditions = [{name: value} for name, value in fields.items()] + [["content-length-range", wanted.size, wanted.size]]
    with aws_errors("sign the upload form"):
        made = client("s3", signature="s3v4").generate_presigned_post(
            terms.bucket, key, Fields=fields, Conditions=conditions, ExpiresIn=int(terms.lifetime.total_seconds())
        )
    return {"method": "POST", "url": made["url"], "fields": made["fields"], "key": key, "expires_at": iso(moment + terms.lifetime)}


def issue_put(terms: Terms, wanted: Wanted, *, now: datetime | None = None) -> dict[str, JSON]:
    """A URL that takes exactly ``wanted`` with PUT, and the headers that have to be sent: ``{"method", "url", "headers", ...}``.

    Raises:
        BadInputError: the terms don't allow it.
        IncompleteError: no credentials to sign with, or signatures of the old kind, which don't cover headers.
    """
    check(terms, wanted)
    key, moment = _key(terms, wanted), now or utc_now()
    parameters = {
        "Bucket": terms.bucket,
        "Key": key,
        "ContentType": wanted.media_type,
        "ContentLength": wanted.size,
        "ChecksumSHA256": _digest(wanted),
        "Metadata": {"provenance": _provenance(wanted)},
        "Tagging": urlencode({"provenance": wanted.origin}),
    }
    with aws_errors("sign the upload's URL"):
        url = client("s3", signature="s3v4").generate_presigned_url(
            "put_object", Params=parameters, ExpiresIn=int(terms.lifetime.total_seconds())
        )
    if "X-Amz-SignedHeaders=" not in url:
        raise IncompleteError("the URL was signed without its headers, which then pin nothing", fix="let boto3 sign with s3v4")
    headers: dict[str, JSON] = {
        "Content-Type": wanted.media_type,
        "Content-Length": str(wanted.size),
        "x-amz-checksum-sha256": _digest(wanted),
        "x-amz-meta-provenance": _provenance(wanted),
        "x-amz-tagging": urlencode({"provenance": wanted.origin}),
    }
    return {"method": "PUT", "url": url, "headers": headers, "key": key, "expires_at": iso(moment + terms.lifetime)}


def upload_handler(event: Mapping[str, Any], context: object) -> dict[str, JSON]:  # noqa: ARG001 - AWS Lambda passes both
    """The Lambda entry point behind an API of API Gateway (REST or HTTP) with an authorizer. ``?method=put`` asks for a PUT.

    Answers 200 with the permission, 400 with the reason, 401 if nobody signed in.

    Raises:
        BadInputError: the function's settings are missing.
        IncompleteError: nothing can be signed.
    """
    terms = Terms.from_environment(os.environ)
    uploader = _signed_in(event)
    if uploader is None:
        return _answer(401, {"error": "sign in first"})
    try:
        wanted = Wanted.from_json(_body(event), uploader)
        put = (event.get("queryStringParameters") or {}).get("method") == "put"
        return _answer(200, (issue_put if put else issue_post)(terms, wanted))
    except BadInputError as error:
        return _answer(400, {"error": error.message, "fix": error.fix})


def _signed_in(event: Mapping[str, Any]) -> str | None:
    """Who an authorizer of API Gateway says it is: JWT (HTTP API), Cognito (REST API), Lambda (both)."""
    authorizer = (event.get("requestContext") or {}).get("authorizer") or {}
    for claims in ((authorizer.get("jwt") or {}).get("claims"), authorizer.get("claims"), authorizer.get("lambda"), authorizer):
        if isinstance(claims, Mapping) and isinstance(found := claims.get("sub") or claims.get("principalId"), str):
            return found
    return None


def _body(event: Mapping[str, Any]) -> Any:
    text = event.get("body") or ""
    try:
        return json.loads(base64.b64decode(text) if event.get("isBase64Encoded") else text)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadInputError("the body is not JSON", fix="send media_type, size, sha256, origin") from error


def _answer(status: int, body: Mapping[str, JSON]) -> dict[str, JSON]:
    headers: dict[str, JSON] = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}


def _key(terms: Terms, wanted: Wanted) -> str:
    return f"{terms.prefix}{wanted.uploader}/{uuid.uuid4()}.{EXTENSIONS[wanted.media_type]}"


def _provenance(wanted: Wanted) -> str:
    return f"declared; origin={wanted.origin}; uploader={wanted.uploader}"


def _digest(wanted: Wanted) -> str:
    return base64.b64encode(bytes.fromhex(wanted.sha256)).decode()


def _sizes(text: str) -> dict[str, int]:
    try:
        value = json.loads(text)
        found = {str(kind): int(size) for kind, size in value.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise BadInputError("AVERMENT_UPLOAD_SIZES is not a JSON table of types and bytes", fix='write {"image/jpeg": 33554432}') from error
    if unknown := sorted(set(found) - set(EXTENSIONS)):
        raise BadInputError(f"AVERMENT_UPLOAD_SIZES names types that aren't issued: {', '.join(unknown)}", fix=", ".join(EXTENSIONS))
    return found
