"""S3: bucket policies are evaluated with their conditions, for the action that S3 asks for; retention can be read, and holds.

moto ignores conditions (a conditional Deny always denies), asks for ``s3:HeadObject`` and ``s3:PostObject``, which don't exist, and
answers a denial without a body. Here an explicit Deny denies exactly what it says, on object operations, and on a copy at its source as
well; an Allow matters for anonymous requests, as in moto: who signs a request is the bucket's owner. ``aws:SecureTransport`` is true:
the loopback stands for TLS. What the evaluator doesn't cover is answered with 501, not guessed. GetObjectRetention answers (moto
fails), and a COMPLIANCE retention can only be lengthened (moto lets anyone shorten it). Names have at most 1,024 bytes and metadata 2 KB, and a
retention ends in the future (moto takes all of these); multipart uploads and forms aren't asked for the latter two.
Not covered: policies on bucket operations and presigned POST forms, the tags in PutObjectTagging's body, identity policies, ACLs
and object ownership.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit
from xml.parsers.expat import ExpatError

from moto.core.responses import ActionResult
from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import S3AccessDeniedError, S3ClientError
from moto.s3.models import FakeBucket, FakeDeleteMarker
from moto.s3.responses import S3Response

from averment.core.aws import MAX_METADATA_BYTES
from averment.sandbox.policy import Decision, Request, decide

_RESULTS = {
    Decision.ALLOW: PermissionResult.PERMITTED,
    Decision.DENY: PermissionResult.DENIED,
    Decision.NEUTRAL: PermissionResult.NEUTRAL,
}

_HEADER_KEYS = (
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
    "if-match",
    "if-none-match",
)
"""S3 condition keys that are the request header of the same name."""

_ABSENT = (
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:vpcsourceip",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:sourceorgid",
    "aws:multifactorauthpresent",
    "aws:multifactorauthage",
    "aws:principalservicename",
    "aws:calledvia",
    "aws:referer",
    "aws:username",
    "s3:delimiter",
    "s3:prefix",
    "s3:max-keys",
    "s3:versionid",
    "s3:object-lock-mode",
    "s3:object-lock-retain-until-date",
    "s3:object-lock-legal-hold",
    "s3:object-lock-remaining-retention-days",
)
"""Real condition keys that a request here lacks unless ``_context`` gives them."""

_PREFIXES = ("s3:requestobjecttag/", "s3:existingobjecttag/", "aws:principaltag/", "aws:resourcetag/")

_SUBRESOURCES = {
    "acl": ("GetObjectAcl", "PutObjectAcl", None),
    "tagging": ("GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging"),
    "retention": ("GetObjectRetention", "PutObjectRetention", None),
    "legal-hold": ("GetObjectLegalHold", "PutObjectLegalHold", None),
    "attributes": ("GetObjectAttributes", None, None),
}
"""Query parameter: the actions of GET, PUT and DELETE."""

_MAX_KEY = 1024
"""Bytes of an object's name in UTF-8."""

_judge: ContextVar[Callable[[Any, str, str], Any] | None] = ContextVar("averment-s3-judge", default=None)
_moto_permission = FakeBucket.get_permission


def _get_permission(self: Any, action: str, resource: str) -> Any:
    """moto's question to a bucket; answered by us inside our server's requests, by moto everywhere else."""
    judge = _judge.get()
    return judge(self, action, resource) if judge else _moto_permission(self, action, resource)


FakeBucket.get_permission = _get_permission


class CorrectedS3(S3Response):  # type: ignore[misc]
    """moto's S3 with bucket policies that mean what they say."""

    def _key_response(self, request: Any, full_url: str) -> Any:
        def judge(bucket: Any, _action: str, resource: str) -> Any:
            decision = self._decision(bucket, request, action_of(request.method, dict(request.args)), resource)
            if decision is PermissionResult.DENIED:
                raise S3AccessDeniedError()
            return decision

        self._judge_copied(request)
        self._check_limits(request)
        token = _judge.set(judge)
        try:
            return super()._key_response(request, full_url)
        finally:
            _judge.reset(token)

    def _bucket_response(self, request: Any, full_url: str) -> Any:
        token = _judge.set(lambda bucket, action, resource: self._decision(bucket, request, action, resource))
        try:
            return super()._bucket_response(request, full_url)
        finally:
            _judge.reset(token)

    def _key_response_get(self, query: dict[str, Any], key_name: str) -> Any:
        if "retention" not in query:
            return super()._key_response_get(query, key_name)
        key, _ = self._get_key()
        if not key.lock_mode or not key.lock_until:
            raise NoRetentionError()
        self.data["Action"] = "GetObjectRetention"
        retention = {"Mode": key.lock_mode, "RetainUntilDate": _moment(key.lock_until)}
        return self.serialized(ActionResult({"Retention": retention}))

    def put_object_retention(self) -> Any:
        """As in S3, a COMPLIANCE retention is only ever lengthened, by nobody shortened; GOVERNANCE yields to its bypass header."""
        key = self.backend.get_object(self.bucket_name, self.parse_key_name(), version_id=self._get_param("versionId"))
        _check_until(self._mode_until_from_body()[1])
        if key is not None and key.lock_mode and key.lock_until and _moment(key.lock_until) > datetime.now(UTC):
            mode, until = self._mode_until_from_body()
            weaker = not mode or not until or mode != key.lock_mode or _moment(until) < _moment(key.lock_until)
            bypass = key.lock_mode == "GOVERNANCE" and self.headers.get("x-amz-bypass-governance-retention", "").lower() == "true"
            if weaker and not bypass:
                raise S3AccessDeniedError()
        return super().put_object_retention()

    def _check_limits(self, request: Any) -> None:
        """What S3 says of a request to write that is too large in its headers, or would hold until a time that is over."""
        if len(self.parse_key_name().encode()) > _MAX_KEY:
            raise S3ClientError("KeyTooLongError", "Your key is too long")
        named = "x-amz-meta-"
        given = [(name.lower(), value) for name, value in request.headers.items() if name.lower().startswith(named)]
        if sum(len(name) - len(named) + len(value.encode()) for name, value in given) > MAX_METADATA_BYTES:
            raise S3ClientError("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
        _check_until(request.headers.get("x-amz-object-lock-retain-until-date"))

    def _judge_copied(self, request: Any) -> None:
        """A copy reads its source: what the source's bucket policy denies there, it denies here."""
        if request.method != "PUT" or "x-amz-copy-source" not in request.headers:
            return
        source = urlsplit(request.headers["x-amz-copy-source"])
        name, _, key = unquote(source.path).lstrip("/").partition("/")
        bucket = self.backend.get_bucket(name)
        action = "s3:GetObjectVersion" if "versionId" in parse_qs(source.query) else "s3:GetObject"
        if self._decision(bucket, request, action, f"arn:{self.partition}:s3:::{name}/{key}") is PermissionResult.DENIED:
            raise S3AccessDeniedError()

    def _decision(self, bucket: Any, request: Any, action: str, resource: str) -> Any:
        if bucket.policy is None:
            return PermissionResult.NEUTRAL
        asked = Request(action, resource, self._principals(request), self._context(bucket, request, resource), _known)
        return _RESULTS[decide(bucket.policy, asked)]

    def _principals(self, request: Any) -> tuple[str, ...]:
        """The ARNs of who asks: a session's and its role's, a user's, the account's root for keys that IAM here didn't make."""
        if "Authorization" not in request.headers and "Signature=" not in request.url:
            return ()
        from moto.iam.models import iam_backends
        from moto.sts.models import sts_backends

        key = dict(request.args).get("X-Amz-Credential", "").partition("/")[0] or self.get_access_key()
        for role in sts_backends[self.current_account][self.partition].assumed_roles:
            if role.access_key_id == key:
                return role.arn, role.role_arn
        for user in iam_backends[self.current_account][self.partition].users.values():
            if any(item.access_key_id == key for item in user.access_keys):
                return (user.arn,)
        return (f"arn:{self.partition}:iam::{self.current_account}:root",)

    def _context(self, bucket: Any, request: Any, resource: str) -> dict[str, tuple[str, ...]]:
        principals, query = self._principals(request), dict(request.args)
        signed = "X-Amz-Signature" in query or "Signature" in query
        context: dict[str, tuple[str, ...]] = {
            "aws:securetransport": ("true",),
            "aws:sourceip": (request.remote_addr or "127.0.0.1",),
            "aws:viaawsservice": ("false",),
            "aws:requestedregion": (bucket.region_name,),
            "aws:resourceaccount": (bucket.account_id,),
            "s3:resourceaccount": (bucket.account_id,),
            "s3:tlsversion": ("1.3",),
            "s3:objectcreationoperation": (str(_creates(request.method, query)).lower(),),
            "aws:principaltype": ("Anonymous" if not principals else "AssumedRole" if len(principals) == 2 else "Account",),
        }
        if user_agent := request.headers.get("User-Agent"):
            context["aws:useragent"] = (user_agent,)
        if principals:
            context["aws:principalarn"] = (principals[-1],)
            context["aws:principalaccount"] = (self.current_account,)
            context["s3:authtype"] = ("REST-QUERY-STRING" if signed else "REST-HEADER",)
            context["s3:signatureversion"] = ("AWS4-HMAC-SHA256",)
        if "versionId" in query:
            context["s3:versionid"] = (query["versionId"],)
        context.update({f"s3:{name}": (request.headers[name],) for name in _HEADER_KEYS if name in request.headers})
        context.update(_request_tags(self._tags_of(request)))
        context.update(self._existing_tags(bucket, resource))
        return context

    def _tags_of(self, request: Any) -> list[tuple[str, str]]:
        """The tags that a request gives: PutObjectTagging's stand in its body, everybody else's in a header."""
        if request.method != "PUT" or "tagging" not in request.args:
            return parse_qsl(request.headers.get("x-amz-tagging", ""), keep_blank_values=True)
        with suppress(ExpatError, KeyError, TypeError):  # no XML, or no tags: moto answers that
            return list(self._tagging_from_xml().items())
        return []

    def _existing_tags(self, bucket: Any, resource: str) -> dict[str, tuple[str, ...]]:
        name = resource.partition(f":::{bucket.name}/")[2]
        key = bucket.keys.get(name)
        if key is None or isinstance(key, FakeDeleteMarker):  # a deletion has no tags
            return {}
        tags = self.backend.tagger.get_tag_dict_for_resource(key.arn)
        return {f"s3:existingobjecttag/{tag.lower()}": (value,) for tag, value in tags.items()}


class NoRetentionError(S3ClientError):  # type: ignore[misc]
    """The object has no retention: 404, as S3 says it."""

    def __init__(self) -> None:
        super().__init__("NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _check_until(retained: str | None) -> None:
    if retained and _moment(retained) <= datetime.now(UTC):
        raise S3ClientError("InvalidArgument", "The retain until date must be in the future!")


def action_of(method: str, query: Mapping[str, Any]) -> str:
    """The IAM action of an object operation: HEAD needs GetObject, every step of an upload PutObject, subresources their own."""
    column = {"GET": 0, "HEAD": 0, "PUT": 1, "DELETE": 2}.get(method)
    for name, actions in _SUBRESOURCES.items():
        if name in query and column is not None and actions[column]:
            return f"s3:{actions[column]}"
    if "uploadId" in query and method in ("GET", "DELETE"):
        return "s3:ListMultipartUploadParts" if method == "GET" else "s3:AbortMultipartUpload"
    if method == "POST":
        return "s3:RestoreObject" if "restore" in query else "s3:GetObject" if "select" in query else "s3:PutObject"
    version = "Version" if "versionId" in query and method != "PUT" else ""
    return f"s3:{('Get', 'Put', 'Delete')[column or 0]}Object{version}"


def _creates(method: str, query: Mapping[str, Any]) -> bool:
    """Whether the request makes an object: a single PUT, a copy, or the completion of a multipart upload; not its parts."""
    return (method == "PUT" and "partNumber" not in query) or (method == "POST" and "uploadId" in query)


def _request_tags(pairs: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {f"s3:requestobjecttag/{key.lower()}": (value,) for key, value in pairs}
    return {**found, "s3:requestobjecttagkeys": tuple(key for key, _ in pairs)} if pairs else found


def _known(key: str) -> bool:
    if key.startswith(_PREFIXES) or key in _ABSENT or key == "s3:requestobjecttagkeys":
        return True
    if key.startswith("s3:") and key[3:] in _HEADER_KEYS:
        return True
    return key in ("aws:useragent", "aws:principalarn", "aws:principalaccount", "s3:authtype", "s3:signatureversion")


swaps = (("moto.s3.responses", "S3Response", CorrectedS3),)
"""moto reloads its S3 URLs whenever it needs them, so the class under them is exchanged, not the URLs."""
