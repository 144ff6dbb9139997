"""``provenance``: what was signed, what the media gate decided, and whether the marks of published and generated media still hold."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from averment.core.canonical import JSON, is_canonical
from averment.core.errors import MissingExtraError
from averment.core.extras import require
from averment.core.fetch import Fetch, Missing
from averment.core.organisation import Organisation
from averment.core.period import iso
from averment.core.scope import MediaRole
from averment.detector.credentials.inspect import State, inspect
from averment.detector.credentials.log import Entry
from averment.detector.credentials.s3 import PROVENANCE_LOG_GROUP
from averment.evidence.collectors.interface import Collector, CollectScope, Gathered, end_of_history
from averment.evidence.collectors.media_objects import (
    LISTING,
    MediaBucket,
    MediaListing,
    Sampling,
    inventory_actions,
    listed_at,
)
from averment.evidence.collectors.named import not_listed
from averment.evidence.record import Kind, Record

VERDICTS_LOG_GROUP = "/averment/verdicts"

FIELDS = (
    "object",
    "sha256",
    "source_sha256",
    "key",
    "key_sha256",
    "signed_at",
    "digital_source_type",
    "media_type",
    "perceptual_hash",
    "watermark",
)
"""What is kept of a signing event: the fields of ``detector.credentials.log.Entry``, null where an event has none."""

MAX_EVENTS = 100_000
"""Signing events listed in one record; further ones are counted, and a note says so."""

OBJECTS_PER_BUCKET = 500
"""Objects read and inspected in a bucket, unless ``parameters: {provenance: {objects_per_bucket: n}}`` says otherwise."""

MAX_OBJECT_BYTES = 64 * 1024 * 1024
_THREADS = 4
_ROLES = (MediaRole.GENERATED, MediaRole.PUBLISHED)


class Provenance(Collector):
    """Signing events of the period in full, verdicts counted by kind (repeats of one verdict once), and the present state of
    the content credentials in generated and published media, all of them or a reproducible sample.

    A credential's state is what a C2PA validator finds with no trust anchors: ``untrusted`` (it holds, whoever signed it),
    ``tampered``, ``none``, ``unreadable``. Whom to trust is for claims to say.

    Payload: ``{"signed": [event], "verdicts": {verdict: count}, "absent_log_groups": [name], "objects": [{"bucket", "key", "sha256", "state", "reason",
    "logged"}], "buckets": [...], "notes", "out_of", "whole", "summary": {"signed", "verdicts", "malformed", "objects", "examined", "holding", "tampered",
    "without_credential", "unreadable", "not_as_signed"}, "sampling": {...}}``. ``malformed`` counts lines that can't be read, and those
    of the signings' group that don't tell what was signed, when, where and with which key; ``not_as_signed`` objects whose bytes
    aren't those that the log says were signed under their name, unless they were written after what was read of it. A log group that doesn't exist is a fact (nothing was ever
    logged in this region), told as such.
    """

    name = "provenance"
    version = "5"
    kind = Kind.PROVENANCE
    permissions = ("logs:FilterLogEvents", *LISTING, "s3:GetObject")
    resources = MappingProxyType(
        {"logs:FilterLogEvents": tuple(f"arn:aws:logs:*:*:log-group:{name}:*" for name in (PROVENANCE_LOG_GROUP, VERDICTS_LOG_GROUP))}
    )
    by_media = True
    goes_by = ("provenance.objects_per_bucket", "s3-inventory")
    summary = "Signing events, the gate's verdicts, and the state of content credentials, from CloudWatch Logs and S3."

    def allowed(self, organisation: Organisation | None) -> Mapping[str, tuple[str, ...]]:
        return {**super().allowed(organisation), **inventory_actions(organisation)}

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        limit = scope.number(self.name, "objects_per_bucket", OBJECTS_PER_BUCKET)
        sampling = Sampling.of(scope.organisation, limit, scope.period.label)
        with self.progress(scope, {**sampling.asked(scope.organisation.scope), "regions": [*scope.regions]}) as progress:
            end = end_of_history(scope, progress.began)
            log = _Log(Fetch(scope.connect("logs"), "logs"))
            if scope.period.start <= end:
                log.read(scope.period.start, end)
            until = None if log.fetch.broken_off else end  # a later signing may be in what wasn't read
            fetch = Fetch(scope.connect("s3"), "s3")
            listing = MediaListing(fetch, sampling, progress)
            buckets = listing.buckets(scope.organisation.scope, _ROLES, region=scope.region, regions=scope.regions)
            objects: list[dict[str, Any]] = []
            rows: list[JSON] = []
            for bucket in buckets if _can_inspect(fetch) else []:
                listing.count(bucket)
                found = listing.look(bucket, _inspector(fetch, bucket.name, log.latest, until), _THREADS)
                objects.extend(found)
                more: dict[str, JSON] = {"total": bucket.total, "examined": len(found), "gone": bucket.gone, "frame": dict(bucket.frame)}
                rows.append({"bucket": bucket.name, "role": str(bucket.role), **more})
            record = self._record(
                scope, log, fetch, listing, buckets, objects, {"buckets": rows, "sampling": sampling.to_json()}, progress.began
            )
        yield record

    def _record(
        self,
        scope: CollectScope,
        log: _Log,
        fetch: Fetch,
        listing: MediaListing,
        buckets: list[MediaBucket],
        objects: list[dict[str, Any]],
        more: Mapping[str, JSON],
        began: datetime,
    ) -> Record:
        problems = [*log.fetch.problems, *fetch.problems]
        refused = bool(problems) and not log.total and not buckets
        payload: dict[str, JSON] = {
            "signed": log.signed,
            "verdicts": dict(sorted(log.verdicts.items())),
            "absent_log_groups": log.absent,
            "objects": list(objects),
            "notes": not_listed(log.signings, len(log.signed), "signing events"),
            "out_of": _out_of(log, objects),
            "whole": ["summary.malformed"],  # of the log, which is read to its end however many objects there are
            "summary": {**log.summary(), "objects": sum(bucket.total for bucket in buckets), **_states(objects)},
            **more,
        }
        calls = [*log.fetch.calls, *fetch.calls]
        end = end_of_history(scope, began)
        return self.record(
            scope,
            Gathered(
                source=f"CloudWatch Logs {PROVENANCE_LOG_GROUP}, {VERDICTS_LOG_GROUP}; S3 generated and published media",
                query={"calls": calls, "start": iso(scope.period.start), "end": iso(end), "began_at": iso(began)},
                payload=None if refused else payload,
                problems=problems,
                population=None if refused else listing.population(buckets, len(objects)),
                effective_at=listed_at(buckets, began),
            ),
        )


class _Log:
    """What stands in the two log groups. ``latest`` maps an object's name to the SHA-256 of its last signing."""

    def __init__(self, fetch: Fetch) -> None:
        self.fetch = fetch
        self.absent: list[JSON] = []
        self.signed: list[JSON] = []
        self.latest: dict[str, str] = {}
        self.verdicts: Counter[str] = Counter()
        self._times: dict[str, str] = {}
        self._seen: set[str] = set()
        self._signings = self._malformed = 0

    @property
    def signings(self) -> int:
        """Signing events, without those that can't be read."""
        return self._signings

    @property
    def total(self) -> int:
        """Log lines seen."""
        return self._signings + self.verdicts.total() + self._malformed

    def read(self, start: datetime, end: datetime) -> None:
        """Read both groups from ``start`` to ``end``, both included (CloudWatch Logs counts in milliseconds)."""
        window = {"startTime": int(start.timestamp()) * 1000, "endTime": int((end + timedelta(seconds=1)).timestamp()) * 1000 - 1}
        for group, take in ((PROVENANCE_LOG_GROUP, self._take_signing), (VERDICTS_LOG_GROUP, self._take_verdict)):
            self._read_group({"logGroupName": group, **window}, take)
        if self._malformed:
            why = "are not JSON objects, tell no signing (a field is missing), or hold what no record can (NaN, integers beyond 2**53, half a character)"
            self.fetch.problem(f"log lines that {why}, and were not counted: {self._malformed:,}")

    def summary(self) -> dict[str, JSON]:
        """Counts of events."""
        return {"signed": self._signings, "verdicts": self.verdicts.total(), "malformed": self._malformed}

    def _read_group(self, parameters: Mapping[str, Any], take: Callable[[Mapping[str, Any]], bool]) -> None:
        for page in self.fetch.pages("FilterLogEvents", parameters, absent="ResourceNotFoundException"):
            if "events" not in page:
                self.absent.append(parameters["logGroupName"])
            for event in page.get("events", ()):
                value = _parse(event.get("message", ""))
                self._malformed += value is None or not take(value)

    def _take_signing(self, event: Mapping[str, Any]) -> bool:
        """Count and keep ``event``; whether it could be kept."""
        kept = {field: event.get(field) for field in FIELDS}
        if not is_canonical(kept) or not _is_signing(event):
            return False
        self._signings += 1
        name, digest, moment = (str(event.get(field)) for field in ("object", "sha256", "signed_at"))
        if moment >= self._times.get(name, ""):
            self._times[name], self.latest[name] = moment, digest
        if len(self.signed) < MAX_EVENTS:
            self.signed.append(kept)
        return True

    def _take_verdict(self, event: Mapping[str, Any]) -> bool:
        """Count ``event``; whether it could be kept."""
        # The gate's queue delivers at least once; the same verdict on the same version has the same id.
        repeat, verdict = str(event.get("id", "")), str(event.get("verdict"))
        if not is_canonical(verdict):
            return False
        if event.get("event", "verdict") == "verdict" and repeat not in self._seen:
            self._seen.update([repeat] if repeat else [])
            self.verdicts[verdict] += 1
        return True


def _can_inspect(fetch: Fetch) -> bool:
    try:
        require("c2pa", extra="credentials", needed_for="reading content credentials")
    except MissingExtraError as error:
        fetch.problem(f"{error.message}: {error.fix}")
        return False
    return True


def _inspector(
    fetch: Fetch, bucket: str, signed: Mapping[str, str], until: datetime | None
) -> Callable[[str, int], dict[str, Any] | Missing | None]:
    """What tells the state of an object's content credentials. ``signed`` is what the log told up to ``until``: of what was written since it tells nothing. None:
    it could not be read to its end, and what isn't as it says may have been signed anew."""
    shown: dict[str, JSON] = {"Bucket": "of each in payload.objects", "Key": "of each in payload.objects"}
    one_at_a_time = threading.Lock()  # reading waits for the network and runs in parallel; validating is native code and fast

    def look(key: str, _: int) -> dict[str, Any] | Missing | None:
        data = fetch.body({"Bucket": bucket, "Key": key}, limit=MAX_OBJECT_BYTES, shown=shown, absent="NoSuchKey")
        if not isinstance(data, bytes):
            return data
        with one_at_a_time:
            found = inspect(data, None)
        if found.state is State.UNREADABLE and found.media_type is not None:
            fetch.problem("content credentials of an object could not be checked, see payload.objects", lasting=True)
        logged = signed.get(f"s3://{bucket}/{key}")
        if logged not in {None, found.sha256}:
            head = fetch.one("HeadObject", {"Bucket": bucket, "Key": key}, shown=shown, absent="404") if until else None
            logged = logged if until and head and head["LastModified"] <= until else None
        return {
            "bucket": bucket,
            "key": key,
            "sha256": found.sha256,
            "state": str(found.state),
            "reason": found.reason,
            "ai_generated": found.ai_generated,
            "logged": None if logged is None else logged == found.sha256,
        }

    return look


def _states(objects: list[dict[str, Any]]) -> dict[str, JSON]:
    counts = Counter(item["state"] for item in objects)
    return {
        "examined": len(objects),
        "holding": counts[State.TRUSTED] + counts[State.UNTRUSTED],
        "tampered": counts[State.TAMPERED],
        "without_credential": counts[State.NONE],
        "unreadable": counts[State.UNREADABLE],
        "not_as_signed": sum(1 for item in objects if item["logged"] is False),
    }


def _out_of(log: _Log, objects: list[dict[str, Any]]) -> dict[str, JSON]:
    """Of how many things the figures that controls ask about are: a picture without a mark has none that could be broken, and one that no
    signing is known of was compared with nothing."""
    checked = {State.TRUSTED, State.UNTRUSTED, State.TAMPERED}  # what could not be checked may be tampered with
    return {
        "summary.malformed": log.signings,
        "summary.tampered": sum(1 for item in objects if item["state"] in checked),
        "summary.not_as_signed": sum(1 for item in objects if item["logged"] is not None),
    }


def _is_signing(event: Mapping[str, Any]) -> bool:
    try:
        Entry.from_json(event)
    except ValueError:
        return False
    return True


def _parse(message: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
