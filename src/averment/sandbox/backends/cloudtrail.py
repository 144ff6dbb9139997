"""CloudTrail: ``LookupEvents`` and ``ListPublicKeys``, which moto lacks. Trails are moto's.

The embedded AWS doesn't log its own calls: what the event history holds is put there by ``happened``, what a trail's bucket holds by
``sandbox.trail_delivery``. Requests are checked against botocore's service model, and the history's own rules (one attribute, 90 days,
50 events a page) are kept. Digests are signed by one key, made for the process, whatever the region and time.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.exceptions import JsonRESTError
from moto.core.utils import get_service_model

from averment.sandbox.validation import message, violations

KEPT_FOR = timedelta(days=90)
_PAGE = 50
_FIELDS = {"EventName": "EventName", "EventSource": "EventSource", "EventId": "EventId", "Username": "Username"}
_events: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)


def happened(
    name: str,
    source: str,
    *,
    caller: str,
    at: datetime,
    resources: tuple[str, ...] = (),
    error: str | None = None,
    event_id: str | None = None,
    region: str = "eu-west-1",
) -> None:
    """Let the history of the account in ``region`` hold a call of ``name`` by the role ``caller`` (an ARN)."""
    identity = {"type": "AssumedRole", "arn": f"{caller}/session", "sessionContext": {"sessionIssuer": {"arn": caller}}}
    detail = {"eventName": name, "eventSource": source, "userIdentity": identity, "sourceIPAddress": "203.0.113.9", "errorCode": error}
    _events[("123456789012", region)].append(
        {
            "EventId": event_id or str(uuid.uuid4()),
            "EventName": name,
            "EventSource": source,
            "EventTime": at.timestamp(),
            "Username": "session",
            "ReadOnly": "true",
            "Resources": [{"ResourceName": resource} for resource in resources],
            "CloudTrailEvent": json.dumps({key: value for key, value in detail.items() if value is not None}),
        }
    )


@cache
def signing_key() -> Any:
    """The RSA key (``cryptography``'s) that signs digests."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(65537, 2048)


def public_key() -> bytes:
    """Its public half as CloudTrail gives it out: DER, PKCS #1."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    encoded: bytes = signing_key().public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return encoded


def fingerprint() -> str:
    """What digests and ``ListPublicKeys`` call it."""
    return sha256(public_key()).hexdigest()[:32]


def forget() -> None:
    """Empty every history."""
    _events.clear()


class CorrectedCloudTrail(CloudTrailResponse):  # type: ignore[misc]
    """moto's CloudTrail with an event history."""

    def lookup_events(self) -> str:
        request = json.loads(self.body)
        shape = get_service_model("cloudtrail").operation_model("LookupEvents").input_shape
        times = {key: request.pop(key) for key in ("StartTime", "EndTime") if key in request}
        if found := list(violations(shape, request)):
            raise JsonRESTError("ValidationException", message(found))
        attributes = request.get("LookupAttributes", [])
        if len(attributes) > 1:
            raise JsonRESTError("InvalidLookupAttributesException", "You can specify only one lookup attribute.")
        oldest = (datetime.now(UTC) - KEPT_FOR).timestamp()
        start, end = max(times.get("StartTime", oldest), oldest), times.get("EndTime", float("inf"))
        if start > end:
            raise JsonRESTError("InvalidTimeRangeException", "The start time is after the end time.")
        matching = [event for event in _events[(self.current_account, self.region)] if start <= event["EventTime"] <= end]
        for attribute in attributes:
            key = _FIELDS.get(attribute["AttributeKey"])
            if key is None:
                raise NotImplementedError(f"LookupEvents by {attribute['AttributeKey']}")
            matching = [event for event in matching if event[key] == attribute["AttributeValue"]]
        matching.sort(key=lambda event: -event["EventTime"])
        first = int(base64.b64decode(request["NextToken"])) if "NextToken" in request else 0
        last = first + int(request.get("MaxResults", _PAGE))
        answer: dict[str, Any] = {"Events": matching[first:last]}
        if last < len(matching):
            answer["NextToken"] = base64.b64encode(str(last).encode()).decode()
        return json.dumps(answer)

    def get_event_selectors(self) -> str:
        """moto knows of no selectors until some are put; a trail of AWS records all management events until then."""
        answer = json.loads(super().get_event_selectors())
        if not answer.get("EventSelectors") and not answer.get("AdvancedEventSelectors"):
            everything = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": [], "ExcludeManagementEventSources": []}
            answer["EventSelectors"] = [everything]
        return json.dumps(answer)

    def list_public_keys(self) -> str:
        request = json.loads(self.body or "{}")
        times = [request.pop(name, None) for name in ("StartTime", "EndTime")]
        shape = get_service_model("cloudtrail").operation_model("ListPublicKeys").input_shape
        if found := list(violations(shape, request)):
            raise JsonRESTError("ValidationException", message(found))
        if None not in times and times[0] > times[1]:
            raise JsonRESTError("InvalidTimeRangeException", "The start time is after the end time.")
        key = {
            "Value": base64.b64encode(public_key()).decode(),
            "ValidityStartTime": datetime(2014, 1, 1, tzinfo=UTC).timestamp(),
            "ValidityEndTime": datetime(2100, 1, 1, tzinfo=UTC).timestamp(),
            "Fingerprint": fingerprint(),
        }
        return json.dumps({"PublicKeyList": [key]})


url_paths = {"{0}/$": CorrectedCloudTrail.dispatch}
