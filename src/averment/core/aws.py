"""The one place where AWS clients are made: bounded retries, bounded waits, errors that name the missing permission.

Where the calls go is boto3's business: profiles, regions and ``AWS_ENDPOINT_URL`` work as everywhere else.
"""

from __future__ import annotations

import os
import re
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from averment import __version__
from averment.core.errors import AvermentError, BadInputError, IncompleteError, SignedOutError
from averment.core.extras import require
from averment.core.regions import why_nobody_answers

_making = threading.Lock()
"""boto3's sessions aren't meant to make clients in several threads at once; the clients themselves may be shared."""

_REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
"""What can stand in a host name; whether there is such a region, only AWS knows."""

_PAGE = re.compile(rb"\s*<(?:!doctype\s+)?html\b", re.IGNORECASE)

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"})
_READING = "s3:GetObject and s3:ListBucket (without the latter S3 denies, too, what isn't there)"
_ACTIONS = {
    "CopyObject": "s3:PutObject on the copy and s3:GetObject on its source",
    "CreateMultipartUpload": "s3:PutObject",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "GetObject": _READING,
    "GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "HeadObject": _READING,
    "Invoke": "lambda:InvokeFunction",
    "ListBuckets": "s3:ListAllMyBuckets",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListObjectsV2": "s3:ListBucket",
    "UploadPart": "s3:PutObject",
}
"""What allows an operation, where IAM's action isn't called like it: nothing can be allowed that is called s3:HeadObject."""

_ARCHIVED = "InvalidObjectState"
"""What S3 says to GetObject of an object in a storage class that has to be restored from first."""

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_STALE = "Credentials were refreshed, but the refreshed credentials are still expired."
"""What botocore raises, as a bare RuntimeError, where the environment says that its credentials have ended (AWS_CREDENTIAL_EXPIRATION)."""

HELD_ELSEWHERE = frozenset({"UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", "InvalidToken"})
"""What services say to credentials that hold elsewhere: in another partition, or where the account has enabled the region (Account Management
reference guide)."""

_SIGN_IN = "the credentials have expired: sign in again, then run this again"
_EITHER = "set this machine's clock if it is wrong; else the credentials have expired: sign in again, then run this again"
"""Of ``RequestExpired``, which some services say for either."""

_SKEWED = ("RequestTimeTooSkewed", "Signature expired:", "Signature not yet current:")
"""S3's code, and what other services say whose code tells of any wrong signature, where a request was signed by a clock that is wrong."""


def client(
    service: str,
    *,
    region: str | None = None,
    patient: bool = False,
    session: Any = None,
    signature: str | None = None,
    read_timeout: int = 60,
) -> Any:
    """A boto3 client for ``service`` with standard retries (5 attempts) and time-outs (10 s to connect, ``read_timeout`` to read).

    ``patient`` clients, for long jobs, try up to 10 times and slow down when the service throttles them (botocore's adaptive mode);
    between attempts both kinds wait longer each time, by random amounts. ``session`` is a boto3 session, the default one if None.
    ``signature`` (``s3v4``) decides how requests are signed, where boto3 would still presign in the old way, which covers no headers; what is
    presigned so is for the region's own address.

    Raises:
        MissingExtraError: boto3 isn't installed.
        BadInputError: ``region`` or the endpoint's address is none.
        IncompleteError: no region, no such profile, or another flaw of the local AWS configuration.
    """
    if region is not None and not _REGION.fullmatch(region):
        raise BadInputError(f"no region is called {region!r}", fix="name it as AWS does: eu-west-1")
    boto3 = require("boto3", extra="aws", needed_for=f"talking to AWS ({service})")
    config = require("botocore.config", extra="aws", needed_for="talking to AWS").Config(
        retries={"mode": "adaptive", "max_attempts": 10} if patient else {"mode": "standard", "max_attempts": 5},
        connect_timeout=10,
        read_timeout=read_timeout,
        user_agent_extra=f"averment/{__version__}",
        # By default boto3 presigns for S3's address of the whole world, which newer regions don't know and others redirect from at first.
        **({"signature_version": signature, "s3": {"addressing_style": "virtual"}} if signature else {}),
    )
    with _making, aws_errors(f"set up the {service} client"):
        try:
            made = (session or boto3).client(service, region_name=region or _by_other_name(session or boto3.Session), config=config)
            made.meta.events.register("before-parse", _refuse_no_answer)
            made.meta.events.register("after-call", _refuse_a_part)
            return _to_address(made)
        except ValueError as error:
            raise BadInputError(f"could not set up the {service} client: {error}", fix=_SETTINGS) from error


def _by_other_name(session: Any) -> str | None:
    """The region that AWS_REGION names, where boto3, which reads AWS_DEFAULT_REGION and the profile alone, has none: other tools of AWS read both."""
    named = os.environ.get("AWS_REGION")
    if not named or os.environ.get("AWS_DEFAULT_REGION"):
        return None
    return None if (session() if isinstance(session, type) else session).region_name else named


def _refuse_no_answer(response_dict: Mapping[str, Any], operation_model: Any, **_: Any) -> None:
    """Raise botocore's ResponseParserError for a web page that comes with status 200 in place of an answer, and for a listing that comes without a
    body: botocore reads either, in JSON and S3's XML, as a listing that is empty. An object of S3 comes as a stream, whatever it is."""
    body = response_dict["body"]
    if response_dict["status_code"] >= 300 or not isinstance(body, bytes):
        return
    if _PAGE.match(body):
        raise _unread("the answer is a web page: a proxy has answered, and not AWS")
    if not body and operation_model.name.startswith(("List", "Describe")):
        raise _unread("the answer is empty, and not a listing: a proxy has answered, or AWS has broken off")


def _refuse_a_part(parsed: Mapping[str, Any], **_: Any) -> None:
    """Raise botocore's ResponseParserError for a listing that says there is more, and not where it goes on: botocore would end there, as if it were whole."""
    for found in (parsed, *(value for value in parsed.values() if isinstance(value, dict))):
        if found.get("IsTruncated") is True and not any(
            value for name, value in found.items() if name.startswith("Next") or name == "Marker"
        ):
            raise _unread("the listing breaks off: it says that there is more, and not where it goes on")


def _unread(reason: str) -> Exception:
    parsers = require("botocore.parsers", extra="aws", needed_for="talking to AWS")
    error: Exception = parsers.ResponseParserError(reason)
    return error


def _to_address(found: Any) -> Any:
    """``found``, sending to its endpoint itself where that is an IP address, below which there are no host names.

    Some services put a label before the host (S3 Control the account: ``123456789012.127.0.0.1``), which nothing resolves then.
    """
    endpoint = urlsplit(found.meta.endpoint_url)
    _ = endpoint.port  # which raises ValueError where there can't be one of this number, as botocore would at the first call
    try:
        ip_address(endpoint.hostname or "")
    except ValueError:
        return found

    def without_label(params: dict[str, Any], **_: Any) -> None:
        _, _, host_and_rest = params["url"].partition("://")
        _, slash, rest = host_and_rest.partition("/")
        params["url"] = f"{endpoint.scheme}://{endpoint.netloc}{slash}{rest}"

    found.meta.events.register("before-call", without_label)
    return found


def patient_client(service: str, *, region: str | None = None) -> Any:
    """``client`` for long jobs.

    Raises:
        MissingExtraError, IncompleteError: as ``client``.
    """
    return client(service, region=region, patient=True)


def missing_permission(error: Exception) -> str | None:
    """The operation that was denied, as the service named it, when ``error`` is botocore's ClientError for a denial."""
    response = getattr(error, "response", None)
    if isinstance(response, dict) and response.get("Error", {}).get("Code") in _DENIED:
        return str(getattr(error, "operation_name", "the operation"))
    return None


def answer_lost(error: BaseException) -> bool:
    """Whether the service may have done what was asked although ``error`` was raised: the network failed at one of the attempts, and one before it may
    have been heard. What was refused, or never sent for a flaw of the local configuration, was not done."""
    exceptions = require("botocore.exceptions", extra="aws", needed_for="talking to AWS")
    parsers = require("botocore.parsers", extra="aws", needed_for="talking to AWS")
    return isinstance(error.__cause__, (exceptions.HTTPClientError, exceptions.ConnectionError, parsers.ResponseParserError))


class Attempts:
    """Whether ``service`` may have heard of a call that failed. boto3 tries again by itself, and what it raises is about its last attempt alone: throttled or
    signed out at last, an earlier one may have been heard, its answer lost. Set ``in_doubt`` to False before a call."""

    def __init__(self, service: Any) -> None:
        self.in_doubt = False
        exceptions = require("botocore.exceptions", extra="aws", needed_for="talking to AWS")
        self._unsent = (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError, exceptions.ProxyConnectionError)
        self._refusal = exceptions.ClientError
        service.meta.events.register("response-received", self._note)

    def unheard(self, error: BaseException) -> bool:
        """Whether nothing was done of the call that ended with ``error``: at each attempt it was refused, or never sent."""
        return isinstance(error, (self._refusal, *self._unsent)) and not self.in_doubt

    def _note(self, parsed_response: Mapping[str, Any] | None, exception: Exception | None, **_: Any) -> None:
        status = (parsed_response or {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        self.in_doubt |= status >= 500 if exception is None else not isinstance(exception, self._unsent)


MAX_TAGS = 10
"""Tags that an object in S3 may have."""
MAX_METADATA_BYTES = 2048
"""Bytes of user metadata that S3 keeps with an object, names and values together."""


def s3_prefix(place: str) -> tuple[str, str]:
    """The bucket and the prefix (which may be empty) in ``s3://bucket/prefix``.

    Raises:
        BadInputError: no bucket is named.
    """
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    if not bucket:
        raise BadInputError(f"'{place}' names no bucket", fix="write s3://bucket/prefix")
    return bucket, prefix


def metadata_bytes(metadata: Mapping[str, str]) -> int:
    """How many bytes S3 counts for ``metadata``, names without ``x-amz-meta-``."""
    return sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())


ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
"""What S3 says of an object that isn't there: HeadObject's answer has no body and so no code but the status."""


def version_pin(answer: Mapping[str, Any]) -> dict[str, str]:
    """The argument that asks S3 for the version which ``answer`` (of HeadObject or GetObject) is about; none where no version stays what it is.

    ``null`` is the version of a bucket without versions, or with suspended ones: it is written over.
    """
    version = answer.get("VersionId")
    return {"VersionId": version} if version and version != "null" else {}


def object_state(answer: Mapping[str, Any]) -> tuple[object, ...]:
    """What tells one state of an object in S3 from another, by such an answer. An ETag can be an MD5, which two media can share; the time is S3's own."""
    return answer.get("ETag"), answer.get("LastModified"), answer.get("ContentLength")


def error_code(error: BaseException | None) -> str | None:
    """The service's error code (``NoSuchBucket``) when ``error`` is botocore's ClientError, or was raised from one."""
    response = getattr(error, "response", None) or getattr(getattr(error, "__cause__", None), "response", None)
    return str(response.get("Error", {}).get("Code")) if isinstance(response, dict) else None


def broken_off() -> tuple[Any, Any]:
    """What botocore raises where a connection fails, also in the middle of an answer's body: a failed TLS record it hands on as urllib3 has it."""
    exceptions: Any = require("botocore.exceptions", extra="aws", needed_for="talking to AWS")
    wire: Any = require("urllib3.exceptions", extra="aws", needed_for="talking to AWS")
    return exceptions.BotoCoreError, wire.HTTPError


_SET_UP = {
    "NoCredentialsError": ("no AWS credentials", "sign in, or set AWS_PROFILE"),
    "NoRegionError": ("no AWS region", "set AWS_REGION"),
}
"""What this machine lacks, by botocore's name for it, and what to do about that."""

_SETTINGS = (
    "correct the region, the address of the endpoint or where credentials come from "
    "(AWS_REGION, AWS_ENDPOINT_URL, other AWS_* variables, ~/.aws/config)"
)
_PROFILES = "correct AWS_PROFILE (aws configure list-profiles names those that there are)"


def _after_refusal(error: Exception, code: str | None) -> str | None:
    """What to do about a service's refusal, where that is known."""
    denied = missing_permission(error)
    if denied:
        return f"allow {_ACTIONS.get(denied, denied)} for this identity"
    if any(told in str(error) for told in _SKEWED):
        return "set this machine's clock, which differs from that of AWS by minutes or more"
    if code in HELD_ELSEWHERE:
        return "correct the region or the profile: credentials hold in one partition alone, and in regions that the account has enabled"
    if "role is unable to be assumed" in str(error):  # a runbook's: the code is that of any wrong parameter
        return "see that there is this role, and that it trusts Systems Manager: averment runbooks role NAME --trust --account ID"
    return "check the bucket's name: none is called this, or no longer" if code == "NoSuchBucket" else None


@contextmanager
def _credentials_read(doing: str) -> Iterator[None]:
    """Tell what the system says of where botocore is to take credentials from: a program, or the file of a token that a job is given."""
    try:
        yield
    except OSError as error:
        if all(frame.f_globals.get("__name__") != "botocore.credentials" for frame, _ in traceback.walk_tb(error.__traceback__)):
            raise
        told = f"credentials are to come from {error.filename}, which can't be used: {error.strerror}"
        raise IncompleteError(f"could not {doing}: {told}", fix=_SETTINGS) from error


@contextmanager
def aws_errors(doing: str) -> Iterator[None]:
    """Turn botocore's errors into ``IncompleteError``: "could not <doing>, because ...".

    Raises:
        SignedOutError: the credentials have expired, or could not be renewed.
        IncompleteError: the service refused, was out of reach, or the local configuration is incomplete.
    """
    exceptions = require("botocore.exceptions", extra="aws", needed_for="talking to AWS")
    parsers = require("botocore.parsers", extra="aws", needed_for="talking to AWS")
    try:
        with _credentials_read(doing):
            yield
    except AvermentError:
        raise
    except exceptions.ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code in _EXPIRED:
            raise SignedOutError(f"could not {doing}: {error}", fix=_EITHER if code == "RequestExpired" else _SIGN_IN) from error
        if code == _ARCHIVED:
            kind = error.response["Error"].get("StorageClass")
            told = f"it is archived{f' ({kind})' if kind else ''}, and can't be read before it is restored"
            raise IncompleteError(f"could not {doing}: {told}", fix="restore it (s3:RestoreObject), then run this again") from error
        raise IncompleteError(f"could not {doing}: {error}", fix=_after_refusal(error, code)) from error
    except (exceptions.CredentialRetrievalError, exceptions.SSOError, exceptions.TokenRetrievalError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and str(error) != _STALE:
            raise
        raise SignedOutError(f"could not {doing}: {error}", fix=_SIGN_IN) from error
    except (exceptions.NoCredentialsError, exceptions.NoRegionError, exceptions.ProfileNotFound) as error:
        told, fix = _SET_UP.get(type(error).__name__, (str(error), _PROFILES))
        raise IncompleteError(f"could not {doing}: {told}", fix=fix) from error
    except exceptions.ParamValidationError as error:
        told = " ".join(str(error).split())
        raise IncompleteError(f"could not {doing}: {told}", fix="correct what was given: AWS takes no such value") from error
    except exceptions.EndpointConnectionError as error:
        raise IncompleteError(f"could not {doing}: {error}", fix=why_nobody_answers(str(error.kwargs.get("endpoint_url")))) from error
    except (*broken_off(), parsers.ResponseParserError) as error:  # the last: a proxy answered, not the service
        raise IncompleteError(f"could not {doing}: {error}") from error
