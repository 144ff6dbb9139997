"""Playing a quarter: configuration items and a recorder of the past, put into the embedded Config for tests and demonstrations.

In this process only: AWS has no such calls. Everything else goes through the API.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from averment.sandbox.server import ACCOUNT, REGION

JSON = dict[str, Any]


def put_item(
    resource_type: str,
    resource_id: str,
    captured: datetime,
    configuration: Mapping[str, Any] | None = None,
    *,
    status: str = "OK",
    account: str = ACCOUNT,
    region: str = REGION,
    **more: Any,
) -> None:
    """Let the embedded Config hold an item of ``resource_id``, captured at ``captured`` (with a time zone).

    ``configuration`` None with the status ``ResourceDeleted`` is the end of a resource. ``more`` are further members of the item as the
    API names them (``tags``, ``resourceName``, ``arn``, ``relationships``); of ``supplementaryConfiguration`` the values may be
    objects.

    Raises:
        ValueError: ``captured`` has no time zone.
    """
    from averment.sandbox.backends.config.recordings import put

    if captured.tzinfo is None:
        raise ValueError("the time of the capture needs a time zone")
    supplementary = more.pop("supplementaryConfiguration", {})
    item: JSON = {
        "version": "1.3",
        "accountId": account,
        "configurationItemCaptureTime": captured.timestamp(),
        "configurationItemStatus": status,
        "configurationStateId": str(int(captured.timestamp() * 1000)),
        "arn": f"arn:aws:config:{region}:{account}:{resource_type}/{resource_id}",
        "resourceType": resource_type,
        "resourceId": resource_id,
        "resourceName": resource_id,
        "awsRegion": region,
        "availabilityZone": "Not Applicable",
        "tags": {},
        "relatedEvents": [],
        "relationships": [],
        "supplementaryConfiguration": {name: _text(value) for name, value in supplementary.items()},
        **more,
    }
    if configuration is not None:
        item["configuration"] = _text(configuration)
    put(_backend(account, region), item)


def recorder_was(*, started: datetime | None = None, stopped: datetime | None = None) -> None:
    """Let the configuration recorder's status say that it was last started and stopped then; it runs if it was started later.

    Raises:
        LookupError: there is no recorder.
    """
    recorders = _backend(ACCOUNT, REGION).recorders.values()
    if not recorders:
        raise LookupError("there is no configuration recorder")
    for recorder in recorders:
        status = recorder.status
        status.last_start_time = int(started.timestamp()) if started else None
        status.last_stop_time = int(stopped.timestamp()) if stopped else None
        status.recording = started is not None and (stopped is None or stopped < started)
        status.last_status_change_time = max(status.last_start_time or 0, status.last_stop_time or 0)


def _backend(account: str, region: str) -> Any:
    from moto.config.models import config_backends

    return config_backends[account][region]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
