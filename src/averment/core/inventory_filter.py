"""Which keys an S3 Inventory lists: its configuration may be filtered to a prefix, and neither manifest nor data files say so.

So the bucket that is listed is asked for the configuration that a report was made by. It is the one that is in force now: a filter that was
changed since the report isn't known of. Its other settings leave out nothing here: present objects are listed with and without older versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from averment.core.canonical import JSON
from averment.core.fetch import Fetch
from averment.core.inventory import Report

OPERATION = "GetBucketInventoryConfiguration"
ACTION = "s3:GetInventoryConfiguration"
"""The IAM action that allows it, on the bucket that is listed."""


@dataclass(frozen=True)
class InventoryFilter:
    """The keys that a report lists: those that begin with ``prefix``, all where it is empty. None: that can't be said, for the reason ``unknown``."""

    prefix: str | None
    unknown: str = ""

    def covers(self, prefix: str) -> bool | None:
        """Whether every key below ``prefix`` is among them; None where that can't be said."""
        return None if self.prefix is None else prefix.startswith(self.prefix)

    def to_json(self) -> dict[str, JSON]:
        """As part of a frame."""
        return {"cannot_say": self.unknown} if self.prefix is None else {"prefix": self.prefix}


def filter_of(fetch: Fetch, report: Report) -> InventoryFilter:
    """The filter of the configuration that ``report`` was made by. What is refused stands in its reason, and in ``fetch`` too."""
    place = report.folder.rstrip("/").rpartition("/")[0]
    name = place.rpartition("/")[2]
    before = list(fetch.problems)
    answer = fetch.one(OPERATION, {"Bucket": report.source, "Id": name}, absent="NoSuchConfiguration")
    if answer is None:
        return InventoryFilter(
            None, "; ".join(problem for problem in fetch.problems if problem not in before) or "the bucket was asked in vain"
        )
    if not answer:
        return InventoryFilter(None, f"{report.source} has no inventory configuration '{name}' any more")
    try:
        made = answer["InventoryConfiguration"]
        destination = _destination(made, report.source)
        prefix = (made.get("Filter") or {}).get("Prefix") or ""
    except (KeyError, TypeError, AttributeError) as error:
        return InventoryFilter(None, f"the inventory configuration '{name}' of {report.source} is of another shape: {error!r}")
    if destination != (report.bucket, place):
        return InventoryFilter(
            None, f"the inventory configuration '{name}' of {report.source} writes to s3://{'/'.join(destination)}, not here"
        )
    return InventoryFilter(str(prefix))


def _destination(made: Mapping[str, Any], source: str) -> tuple[str, str]:
    """The bucket and the folder that a configuration's reports go to, as S3 lays them out."""
    target = made["Destination"]["S3BucketDestination"]
    folder = "/".join(filter(None, ((target.get("Prefix") or "").strip("/"), source, made["Id"])))
    return str(target["Bucket"]).rpartition(":::")[2], folder
