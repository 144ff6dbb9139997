"""STS: GetCallerIdentity names nobody whose signature doesn't hold (moto reads the access key and looks no further).

What is checked: Signature Version 4 in the Authorization header, over every header that it names and the body, for access keys that IAM
or STS made here; and that it is of the last fifteen minutes. Keys that were not made here, as the sandbox's own, pass as in moto.
"""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core.exceptions import SignatureDoesNotMatchError
from moto.iam.models import iam_backends
from moto.sts.responses import TokenResponse
from moto.sts.urls import url_paths as _moto_paths

_AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/([^/]+)/sts/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)")


class CorrectedSts(TokenResponse):  # type: ignore[misc]
    """moto's STS that checks who signs where the answer is who signed."""

    def get_caller_identity(self) -> Any:
        secret = self._secret()
        if secret is not None and not self._signed_with(secret):
            raise SignatureDoesNotMatchError()
        return super().get_caller_identity()

    def _secret(self) -> tuple[str, str | None] | None:
        """The secret of the caller's access key, and the session's token that has to come with it."""
        identifier = self.get_access_key()
        role = self.backend.get_assumed_role_from_access_key(identifier)
        if role is not None:
            return role.secret_access_key, role.session_token
        for user in iam_backends[self.current_account][self.partition].users.values():
            for key in user.access_keys:
                if key.access_key_id == identifier:
                    return key.secret_access_key, None
        return None

    def _signed_with(self, secret: tuple[str, str | None]) -> bool:
        found = _AUTHORIZATION.fullmatch(self.headers.get("Authorization", ""))
        stamp = self.headers.get("X-Amz-Date", "")
        if found is None or self.headers.get("X-Amz-Security-Token") != secret[1] or not _is_recent(stamp):
            return False
        region, names, signature = found.groups()
        auth = SigV4Auth(Credentials(self.get_access_key(), secret[0]), "sts", region)
        signed = {name: self.headers.get(name, "") for name in names.split(";")}
        request = AWSRequest("POST", f"http://{self.headers['Host']}/", headers=signed, data=_body(self.querystring))
        request.context["timestamp"] = stamp
        wanted = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        return hmac.compare_digest(str(wanted), signature)


def _body(form: dict[str, list[str]]) -> bytes:
    """The body anew, as moto has read it already and keeps the form alone."""
    return urlencode(form, doseq=True).encode()


def _is_recent(stamp: str) -> bool:
    try:
        made = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(datetime.now(UTC) - made) < timedelta(minutes=15)


url_paths = dict.fromkeys(_moto_paths, CorrectedSts.dispatch)
