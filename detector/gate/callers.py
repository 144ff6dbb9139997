"""Who asks a function of the gate for something: proven by AWS's Security Token Service (STS), and bound to what is asked.

An invocation of Lambda doesn't tell the function who invoked it, and all of its event is the caller's to write. A function URL and API
Gateway put the caller's ARN into ``requestContext``, but whoever may invoke the function directly can write the same words. So nothing
in the event is believed for being there. The caller signs a request of its own for STS, GetCallerIdentity, with a header among what
is signed that holds the digest of what is asked. The function writes that header itself, from what it was asked, and sends the
request on. STS checks the signature and answers with the ARN: a signature that was made for anything else, by anybody else, or longer
ago than ``FRESH`` names nobody. The signed request can do nothing but that, and the caller's secret stays with the caller.

A session's name is chosen by whoever assumes the role. It means a person only where the role's trust policy pins it
(``sts:RoleSessionName``), as the blueprint's does, or where the identity provider sets it, as IAM Identity Center does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from averment.core.aws import aws_errors, client
from averment.core.canonical import JSON, canonical_json, sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.extras import require
from averment.core.http import Answer, post
from averment.core.period import utc_now

ASKS = "X-Averment-Asks"
"""The signed header that holds the digest of what is asked."""

FRESH = timedelta(minutes=5)

_BODY, _TYPE = b"Action=GetCallerIdentity&Version=2011-06-15", "application/x-www-form-urlencoded; charset=utf-8"
_SENT = frozenset({"Authorization", "X-Amz-Date", "X-Amz-Security-Token"})
_DEMANDED = frozenset({"host", "x-amz-date", ASKS.lower()})
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/,\s]+/\d{8}/(?P<region>[a-z0-9-]+)/sts/aws4_request, ?"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=[0-9a-f]{64}"
)
_VISIBLE = re.compile(r"[\x21-\x7e ]{1,8192}")
_SESSION = re.compile(r"arn:[a-z-]+:sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/(?P<name>.+)")
_USER = re.compile(r"arn:[a-z-]+:iam::(?P<account>\d{12}):user/(?:.+/)?(?P<name>[^/]+)")


@dataclass(frozen=True)
class Caller:
    """Who signed: ``arn`` as STS names it; ``role`` is the role's name, or ``user`` for a user of IAM; ``name`` is the session's or the user's."""

    arn: str
    account: str
    role: str
    name: str

    @property
    def by(self) -> str:
        """As decisions name people: ``ROLE/NAME``."""
        return f"{self.role}/{self.name}"

    def is_one_of(self, principals: Sequence[str]) -> bool:
        """Whether one of ``principals``, ARNs of roles and users as IAM has them, is this one (or its role)."""
        kind, name = ("role", self.role) if ":assumed-role/" in self.arn else ("user", self.name)
        return any(
            (parts := principal.split(":"))[2:5] == ["iam", "", self.account]
            and len(parts) == 6
            and parts[5].partition("/")[0] == kind
            and parts[5].rpartition("/")[2] == name
            for principal in principals
        )


def sign(asked: Mapping[str, JSON], function: str, region: str, *, session: Any = None) -> dict[str, JSON]:
    """The proof that goes with ``asked`` to the function of that name, signed with the credentials of ``session`` (boto3's, or the default).

    Raises:
        MissingExtraError: boto3 isn't installed.
        BadInputError: what is asked is not UTF-8.
        IncompleteError: nobody is signed in.
    """
    boto3 = require("boto3", extra="aws", needed_for="signing a decision")
    auth = require("botocore.auth", extra="aws", needed_for="signing a decision")
    requests = require("botocore.awsrequest", extra="aws", needed_for="signing a decision")
    exceptions = require("botocore.exceptions", extra="aws", needed_for="signing a decision")
    with aws_errors("sign the decision"):
        found = (session or boto3.Session()).get_credentials()
        if found is None:
            raise exceptions.NoCredentialsError
        headers = {"Content-Type": _TYPE, ASKS: _digest(asked, function, region)}
        request = requests.AWSRequest("POST", _address(region), data=_BODY, headers=headers)
        auth.SigV4Auth(found.get_frozen_credentials(), "sts", region).add_auth(request)
    return {name: value for name, value in request.headers.items() if name in _SENT}


def caller_of(proof: Any, asked: Mapping[str, JSON], function: str, region: str, *, now: datetime | None = None) -> Caller:
    """Who signed ``proof`` for exactly ``asked``, as STS says.

    Raises:
        BadInputError: the proof is none, too old, for something else, or of somebody that is neither a role's session nor a user.
        IncompleteError: STS is out of reach.
    """
    headers = _checked(proof, region, now or utc_now())
    answer = post(_address(region), _BODY, _TYPE, headers={**headers, ASKS: _digest(asked, function, region)})
    if answer.status >= 500:
        raise IncompleteError(f"STS answered {answer.status}, so that it isn't known who asks", fix="ask again")
    said = _parsed(answer)
    if answer.status != 200:
        code = said.get("Error", {}).get("Code", answer.status)
        raise BadInputError(f"AWS does not confirm who asks ({code})", fix="sign in again, then ask again")
    arn = str(said.get("Arn", ""))
    if named := _SESSION.fullmatch(arn):
        return Caller(arn, named["account"], named["role"], named["name"])
    if named := _USER.fullmatch(arn):
        return Caller(arn, named["account"], "user", named["name"])
    raise BadInputError(f"'{arn}' is neither a role's session nor a user", fix="sign in as a role that may decide")


def _checked(proof: Any, region: str, now: datetime) -> dict[str, str]:
    if not isinstance(proof, Mapping) or not {"Authorization", "X-Amz-Date"} <= set(proof) <= _SENT:
        raise BadInputError("the request carries no proof of who asks", fix="ask with `averment review`, which signs it")
    headers = {str(name): str(value) for name, value in proof.items()}
    signed = _AUTHORIZATION.fullmatch(headers["Authorization"])
    if signed is None or not all(_VISIBLE.fullmatch(value) for value in headers.values()):
        raise BadInputError("the proof of who asks is no signature for STS", fix="ask with `averment review`, which makes one")
    if not set(signed["headers"].split(";")) >= _DEMANDED:
        raise BadInputError("the proof of who asks does not sign what is asked", fix=f"sign host, x-amz-date and {ASKS}")
    if signed["region"] != region:
        raise BadInputError(f"the proof of who asks is for {signed['region']}, and this is {region}", fix="name the function by its ARN")
    try:
        made = datetime.strptime(headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadInputError("the proof of who asks has no time", fix="ask with `averment review`, which makes one") from error
    if abs(now - made) > FRESH:
        raise BadInputError("the proof of who asks is not of now", fix="set the clock, then ask again")
    return headers


def _digest(asked: Mapping[str, JSON], function: str, region: str) -> str:
    try:
        return sha256_hex(canonical_json({"asked": dict(asked), "function": function, "region": region}))
    except UnicodeEncodeError as error:  # half a character, in JSON or on a command line of another encoding
        raise BadInputError("what is asked is not UTF-8", fix="write it in UTF-8") from error


def _address(region: str) -> str:
    """STS in ``region``. Older boto3 takes the global one for some regions, which signs for us-east-1."""
    found = str(client("sts", region=region).meta.endpoint_url).rstrip("/")
    return f"https://sts.{region}.amazonaws.com/" if found == "https://sts.amazonaws.com" else f"{found}/"


def _parsed(answer: Answer) -> dict[str, Any]:
    parsers = require("botocore.parsers", extra="aws", needed_for="asking STS")
    session = require("botocore.session", extra="aws", needed_for="asking STS")
    shape = session.get_session().get_service_model("sts").operation_model("GetCallerIdentity").output_shape
    with aws_errors("read what STS says"):
        parsed = parsers.create_parser("query").parse({"status_code": answer.status, "headers": {}, "body": answer.body}, shape)
    return dict(parsed)
