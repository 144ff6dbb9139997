"""Trails of CloudTrail: which one delivers log files that tell of a region's management events, where they lie, and what it leaves out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.fetch import Fetch
from averment.core.organisation import Organisation
from averment.core.source import SourceRef
from averment.evidence.collectors.interface import CollectScope

SETTINGS = "cloudtrail"
"""The key under ``parameters`` in averment.yaml that holds ``source``, ``bucket`` and ``prefix``."""

TRAIL_CALLS = ("cloudtrail:DescribeTrails", "cloudtrail:GetEventSelectors", "cloudtrail:ListPublicKeys")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_MANAGEMENT = "Management"


class Choice(StrEnum):
    """What the organisation wants asked. ``AUTO``: the event history, and a trail for what lies before it."""

    AUTO = "auto"
    HISTORY = "history"
    TRAIL = "trail"


@dataclass(frozen=True)
class TrailSettings:
    """``parameters: {cloudtrail: {source: ..., bucket: ..., prefix: ...}}``. Naming a bucket means ``TRAIL``."""

    source: Choice = Choice.AUTO
    bucket: str | None = None
    prefix: str = ""

    def allowed(self) -> dict[str, tuple[str, ...]]:
        """The IAM actions that reading with these settings needs, with their ARNs. A trail that is encrypted by a KMS key needs
        ``kms:Decrypt`` on that key as well, which nobody can tell from here."""
        anywhere = ("*",)
        found: dict[str, tuple[str, ...]] = {} if self.source is Choice.TRAIL else {"cloudtrail:LookupEvents": anywhere}
        if self.source is Choice.HISTORY:
            return found
        bucket = self.bucket or "*"
        prefix = f"{self.prefix}/" if self.prefix else "" if self.bucket else "*"
        return {
            **found,
            **dict.fromkeys(TRAIL_CALLS, anywhere),
            "s3:GetObject": (f"arn:aws:s3:::{bucket}/{prefix}AWSLogs/*",),
            "s3:ListBucket": (f"arn:aws:s3:::{bucket}",),
        }


@dataclass(frozen=True)
class Place:
    """Where a trail's files lie. ``trail`` is its ARN, None where a bucket was named that no trail of this account delivers into.
    ``digests`` says whether it is set to sign what it delivers, None where that isn't known."""

    bucket: str
    prefix: str
    trail: str | None = None
    digests: bool | None = None

    def folders(self, what: str, account: str, region: str, organisation: str | None) -> tuple[str, ...]:
        """The folders of ``what`` (``CloudTrail``, ``CloudTrail-Digest``) of an account and region, above those of the days: as a trail
        of the account names them, and as one of the organisation does."""
        top = f"{self.prefix}/AWSLogs" if self.prefix else "AWSLogs"
        owners = [f"{organisation}/{account}"] if organisation else []
        return tuple(f"{top}/{owner}/{what}/{region}/" for owner in (account, *owners))


@dataclass(frozen=True)
class Found:
    """The trail to read, if there is one, and what speaks against it or the others."""

    place: Place | None
    notes: tuple[str, ...] = ()


def settings_of(organisation: Organisation) -> TrailSettings:
    """What averment.yaml says about CloudTrail.

    Raises:
        BadInputError: an unknown setting, or one of another kind.
    """
    given = organisation.parameters.get(SETTINGS, {})
    where, fix = SourceRef(organisation.file), "write {bucket: my-trail, prefix: logs}, or {source: history}"
    if not isinstance(given, Mapping) or set(given) - {"source", "bucket", "prefix"}:
        raise BadInputError(f"parameters.{SETTINGS} takes source, bucket and prefix", where=where, fix=fix)
    bucket, prefix, source = (
        given.get("bucket"),
        given.get("prefix", ""),
        given.get("source", Choice.TRAIL if "bucket" in given else "auto"),
    )
    if source not in tuple(Choice) or not isinstance(prefix, str):
        raise BadInputError(f"parameters.{SETTINGS}.source is one of {', '.join(Choice)}, prefix a text", where=where, fix=fix)
    if bucket is not None and (not isinstance(bucket, str) or not _BUCKET.fullmatch(bucket)):
        raise BadInputError(f"parameters.{SETTINGS}.bucket is not the name of a bucket", where=where, fix=fix)
    if bucket is not None and source != Choice.TRAIL:
        raise BadInputError(f"parameters.{SETTINGS} names a bucket for the source {source}", where=where, fix="leave out one of them")
    return TrailSettings(Choice(source), bucket, prefix.strip("/"))


def find_trail(fetch: Fetch, scope: CollectScope, settings: TrailSettings, source: str) -> Found:
    """The trail whose files tell of the management events of the service ``source`` in the scope's region.

    One that leaves such events out isn't taken, and the notes say so. A bucket that is named is taken even if no trail is seen that
    delivers into it (another account's may); then nobody could ask what that leaves out.
    """
    answer = fetch.one("DescribeTrails", {"includeShadowTrails": True})
    notes: list[str] = []
    for trail in _candidates((answer or {}).get("trailList", ()), scope.region, settings):
        why = _left_out(fetch, trail, source)
        if why is None and trail.get("IsOrganizationTrail") and scope.organisation.scope.organisation_id is None:
            why = "it is the organisation's, whose id its files lie below: set scope.organisation_id in averment.yaml"
        if why is None:
            prefix = str(trail.get("S3KeyPrefix") or "").strip("/")
            return Found(Place(trail["S3BucketName"], prefix, trail["TrailARN"], trail.get("LogFileValidationEnabled")), tuple(notes))
        notes.append(f"the trail {trail.get('Name')} was not read: {why}")
    if settings.bucket is not None and not notes:
        note = f"no trail is seen here that delivers into {settings.bucket}: which events it leaves out could not be asked"
        return Found(Place(settings.bucket, settings.prefix), (note,))
    if answer is not None and not notes:
        notes.append("there is no trail that tells of this region")
    return Found(None, tuple(notes))


def _candidates(trails: Any, region: str | None, settings: TrailSettings) -> Iterator[Mapping[str, Any]]:
    """Those that tell of ``region`` and deliver where they should, the account's own before the organisation's."""
    for trail in sorted(trails, key=lambda item: (bool(item.get("IsOrganizationTrail")), str(item.get("TrailARN")))):
        tells = trail.get("IsMultiRegionTrail") or trail.get("HomeRegion") == region
        there = settings.bucket in (None, trail.get("S3BucketName")) and (
            settings.bucket is None or settings.prefix == str(trail.get("S3KeyPrefix") or "").strip("/")
        )
        if tells and there and trail.get("S3BucketName"):
            yield trail


def _left_out(fetch: Fetch, trail: Mapping[str, Any], source: str) -> str | None:
    """Why the trail doesn't tell of all management events of ``source``; None if it does."""
    answer = fetch.one("GetEventSelectors", {"TrailName": trail["TrailARN"]}, shown={"TrailName": "each trail that tells of the region"})
    if answer is None:
        return "which events it records could not be asked"
    if advanced := answer.get("AdvancedEventSelectors"):
        return _none_of([_advanced(selector, source) for selector in advanced])
    return _none_of([_basic(selector, source) for selector in answer.get("EventSelectors", ())])


def _none_of(reasons: list[str | None]) -> str | None:
    """None if a selector lets the events in; else what keeps them out."""
    if None in reasons:
        return None
    return next((reason for reason in reasons if reason), "it records no management events")


def _basic(selector: Mapping[str, Any], source: str) -> str | None:
    if not selector.get("IncludeManagementEvents", True):
        return "it records no management events"
    if source in selector.get("ExcludeManagementEventSources", ()):
        return f"it leaves out {source}"
    kind = selector.get("ReadWriteType", "All")
    return None if kind == "All" else f"it records {kind} events alone"


def _advanced(selector: Mapping[str, Any], source: str) -> str | None:
    fields = {item["Field"]: item for item in selector.get("FieldSelectors", ())}
    if _MANAGEMENT not in fields.pop("eventCategory", {}).get("Equals", ()):
        return "it records no management events"
    chosen = fields.pop("eventSource", {})
    if source in chosen.get("NotEquals", ()) or (chosen.get("Equals") and source not in chosen["Equals"]):
        return f"it leaves out {source}"
    if set(chosen) - {"Field", "Equals", "NotEquals"}:
        return "it chooses sources by a part of their name"
    return f"it chooses events by {', '.join(sorted(fields))}" if fields else None


def told(place: Place | None) -> JSON:
    """The place as a record tells it."""
    return None if place is None else {"bucket": place.bucket, "prefix": place.prefix, "trail": place.trail}
