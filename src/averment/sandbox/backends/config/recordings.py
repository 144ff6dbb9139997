"""The recorder: what resources looked like, and when. It looks when it is asked, not by itself.

Each time somebody asks for a resource (or a list of them), what is there now is compared with the newest item that is held of it: a change is
a new item, captured now; a resource that was there and isn't is a ResourceDeleted item; unchanged, the item stays as it was
captured. A recorder that was stopped looks at nothing: what happened meanwhile is seen, as one change, when it runs again. (One that was
never started counts as running, and so does none.) Items of the past come in through ``put``.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from averment.sandbox.backends.config.state import JSON, state

DELETED = ("ResourceDeleted", "ResourceDeletedNotRecorded")

_TIMING = ("configurationItemCaptureTime", "configurationStateId", "configurationItemStatus", "configurationItemMD5Hash")


@dataclass
class Recording:
    """What is held of one resource: ``items`` in the order of their capture; ``live``: it was seen in this AWS, not only put."""

    items: list[JSON] = field(default_factory=list)
    live: bool = False

    @property
    def present(self) -> JSON | None:
        """The newest item, if the resource is there by it."""
        newest = self.items[-1] if self.items else None
        return None if newest is None or newest["configurationItemStatus"] in DELETED else newest

    @property
    def deleted_at(self) -> float | None:
        """Since when it is gone; None: it isn't, or nothing is held."""
        return None if self.present or not self.items else float(self.items[-1]["configurationItemCaptureTime"])

    def add(self, item: JSON) -> None:
        """Put ``item`` in its place by the time of its capture."""
        bisect.insort(self.items, item, key=lambda held: held["configurationItemCaptureTime"])


def recordings(backend: Any) -> dict[tuple[str, str], Recording]:
    """What is held in ``backend``: (resource type, id) -> its recording."""
    return state(backend).recorded


def recording(backend: Any) -> bool:
    """Whether the recorder looks: False once it was stopped, until it is started again."""
    return all(item.status.recording or item.status.last_stop_time is None for item in backend.recorders.values())


def put(backend: Any, item: JSON) -> None:
    """Hold ``item`` (in the API's form, its capture time in epoch seconds), however old it is."""
    recordings(backend).setdefault((item["resourceType"], item["resourceId"]), Recording()).add(item)


def look(backend: Any, kind: str, found: list[JSON], now: datetime, only: str | None = None) -> None:
    """Compare ``found``, all that is there of ``kind`` (``only``: of that one resource), with what is held, and hold what changed.

    Nothing happens while the recorder is stopped.
    """
    if not recording(backend):
        return
    held = recordings(backend)
    for item in found:
        key = (kind, item["resourceId"])
        kept = held.setdefault(key, Recording())
        before = kept.items[-1] if kept.items else None
        kept.live = True
        if kept.present is None or before is None or _content(before) != _content(item):
            kept.add(_captured(item, now, "OK" if kept.present else "ResourceDiscovered"))
    there = {item["resourceId"] for item in found}
    for (held_kind, name), kept in held.items():
        if held_kind == kind and only in (None, name) and name not in there and kept.live and kept.present:
            bare = {key: value for key, value in kept.present.items() if key != "configuration"}
            kept.add(_captured({**bare, "supplementaryConfiguration": {}, "relationships": []}, now, "ResourceDeleted"))


def _content(item: JSON) -> JSON:
    return {key: value for key, value in item.items() if key not in _TIMING}


def _captured(item: JSON, now: datetime, status: str) -> JSON:
    return {
        **item,
        "configurationItemCaptureTime": now.timestamp(),
        "configurationStateId": str(int(now.timestamp() * 1000)),
        "configurationItemStatus": status,
    }
