"""The log files that a trail of CloudTrail delivers to S3: who called what, beyond the 90 days of the event history.

Days are read one after the other, files several at a time; events that nobody asked for are let go at once. How far the reading is stands
in the record's progress, page by page of the listing, with what was found.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from averment.core.canonical import JSON
from averment.core.fetch import Fetch
from averment.core.period import iso
from averment.core.threads import Unawaited
from averment.evidence.collectors.progress import Progress, Row
from averment.evidence.collectors.trail_digests import NAME, NAMED, Digests, count_breaks, public_keys, read_digest
from averment.evidence.collectors.trail_log import Unpacked, events
from averment.evidence.collectors.trails import Place

DELIVERED_WITHIN = timedelta(minutes=15)
"""How long CloudTrail may take to deliver: it says about five minutes on average, without a promise. The files aren't asked for later events."""

MAX_GAPS = 400
"""Days without files that a record names."""

_LOG = re.compile(r"_CloudTrail_[^/]*_\d{8}T\d{4}Z_[^/]*\.json\.gz$")
_THREADS = 8
_AT_A_TIME = 64
"""Files whose calls may be in memory at once."""

_GIVE_UP_AFTER = 25
"""Files that may be refused, before the first could be read, until the rest isn't asked for any more."""

MAX_NAMED = 20
"""Files that aren't as they should be that a record names; all are counted."""

S3_CALLS, CLOUDTRAIL_CALLS = "s3 calls", "cloudtrail calls"
_STEP, _DIGESTS = "trail files", "trail digests"


@dataclass(frozen=True)
class Wanted:
    """Calls that are looked for: operations of a service, each with the earliest moment of interest, up to ``end`` (included)."""

    source: str
    since: Mapping[str, datetime]
    end: datetime

    @property
    def start(self) -> datetime:
        """The earliest moment of all."""
        return min(self.since.values())

    def takes(self, name: object, source: object, moment: datetime) -> bool:
        """Whether a call is one of them."""
        return source == self.source and name in self.since and self.since[str(name)] <= moment <= self.end


@dataclass(frozen=True)
class Owner:
    """Whose log files are read: ``organisation`` is the id of the AWS organisation whose trail may have delivered them."""

    account: str
    region: str
    organisation: str | None = None


@dataclass(frozen=True)
class _Read:
    """What one log file held."""

    key: str
    sha256: str
    events: int
    rows: list[Row]


class TrailFiles:
    """The log files in ``place`` of one account and region. ``s3`` and ``cloudtrail`` remember the calls."""

    def __init__(self, place: Place, owner: Owner, s3: Fetch, cloudtrail: Fetch, progress: Progress) -> None:
        self.place = place
        self._owner = owner
        self._s3, self._cloudtrail, self._progress = s3, cloudtrail, progress
        self._counts: Counter[str] = Counter()
        self._gaps: list[str] = []
        self._odd: dict[str, list[str]] = {"altered": [], "missing": []}
        self._digests = Digests()
        self._broke_off = False

    @property
    def whole(self) -> bool:
        """Whether every file of every day was read, and no day is without files or a signed word that there was nothing."""
        counts = self._counts
        odd = counts["unreadable"] or counts["altered"] or counts["missing"] or self._digests.counts["breaks"]
        return not (self._broke_off or self._gaps or odd or self._digests.counts["invalid"])

    def read(self, wanted: Wanted) -> None:
        """Keep the calls ``wanted`` as rows (kind: the operation's name). What can't be read is a problem of ``s3``."""
        known = self._progress.get(_STEP) or {"stretch": 0, "after": None, "seen": 0, "counts": {}, "gaps": [], "altered": []}
        self._counts, self._gaps, self._odd["altered"] = Counter(known["counts"]), list(known["gaps"]), list(known["altered"])
        days = _days(wanted.start, wanted.end)
        self._read_digests(days)
        folders = self._folders("CloudTrail")
        seen = known["seen"]
        for number, (day, folder) in enumerate((day, folder) for day in days for folder in folders):
            if number < known["stretch"]:
                continue
            after = known["after"] if number == known["stretch"] else None
            found = self._read_stretch(number, f"{folder}{day}/", after, seen, wanted)
            if found is None:
                self._broke_off = True
                break
            seen = found
            if folder == folders[-1]:
                # The day after the last event was looked at for what came late, one before the period for a few minutes: they needn't have files.
                if not seen and f"{max(wanted.since.values()):%Y/%m/%d}" <= day < days[-1] and day not in self._digests.days:
                    self._gaps.append(day.replace("/", "-"))
                seen = 0
            self._save(number + 1, None, seen)
        self._say_what_is_odd()

    @property
    def obtained(self) -> bool:
        """Whether anything was read at all."""
        return self._counts["read"] > 0 or self._digests.counts["valid"] > 0

    def to_json(self) -> dict[str, JSON]:
        """What was listed and read, for the record."""
        counts, signed = self._counts, self._digests.counts
        return {
            "files": {name: counts[name] for name in ("listed", "read", "unreadable", "others")},
            "events_read": counts["events"],
            "days_without_files": list(self._gaps[:MAX_GAPS]),
            "integrity": {
                "digests": {name: signed[name] for name in ("read", "valid", "invalid", "breaks")},
                **{f"files_{name}": counts[name] for name in ("as_signed", "altered", "in_no_digest", "missing")},
                **{name: list(keys[:MAX_NAMED]) for name, keys in self._odd.items()},
            },
        }

    def _read_stretch(self, number: int, prefix: str, after: str | None, seen: int, wanted: Wanted) -> int | None:
        """Read the files below ``prefix`` (a day of a folder) from ``after`` on, and return how many of the day were ``seen`` now; None
        if the listing broke off, or nothing can be read."""
        asked = {"Bucket": self.place.bucket, "Prefix": prefix, **({"StartAfter": after} if after else {})}
        broken_off, last = self._s3.broken_off, after
        for page in self._s3.pages("ListObjectsV2", asked, shown=self._shown(f"{prefix[:-11]}<each day>/")):
            keys = [item["Key"] for item in page.get("Contents", ())]
            seen += self._read_page(keys, wanted)
            if self._counts["read"] == 0 and self._counts["unreadable"] >= _GIVE_UP_AFTER:
                self._s3.problem("no log file could be read: the rest was not asked for")
                return None
            last = keys[-1] if keys else last
            self._save(number, last, seen)
        return seen if self._s3.broken_off == broken_off else None

    def _read_page(self, keys: list[str], wanted: Wanted) -> int:
        logs = [key for key in keys if _LOG.search(key)]
        self._counts["listed"] += len(logs)
        self._counts["others"] += len(keys) - len(logs)
        with Unawaited(_THREADS, name="read") as pool:
            for start in range(0, len(logs), _AT_A_TIME):
                for found in pool.map(partial(self._read_file, wanted), logs[start : start + _AT_A_TIME]):
                    self._take(found)
        return len(logs)

    def _take(self, found: _Read | None) -> None:
        if found is None:
            self._counts["unreadable"] += 1
            self._progress.stop_here()
            return
        self._counts["read"] += 1
        self._counts["events"] += found.events
        self._compare(found)
        self._progress.add(found.rows)

    def _read_file(self, wanted: Wanted, key: str) -> _Read | None:
        def read(answer: Any) -> _Read:
            unpacked = Unpacked(answer["Body"])
            rows: list[Row] = []
            number = 0
            for number, event in enumerate(events(unpacked), start=1):
                moment = _moment(event)
                if wanted.takes(event.get("eventName"), event.get("eventSource"), moment):
                    rows.append(call_row(event, str(event.get("eventID") or f"{key}#{number}"), moment))
            return _Read(key, unpacked.sha256, number, rows)

        return self._s3.stream({"Bucket": self.place.bucket, "Key": key}, read, shown=self._shown_key("log file"))

    def _compare(self, found: _Read) -> None:
        signed = self._progress.take(NAMED, found.key)
        if signed is None:
            self._counts["in_no_digest"] += 1
        elif signed["sha256"] == found.sha256:
            self._counts["as_signed"] += 1
        else:
            self._counts["altered"] += 1
            if len(self._odd["altered"]) < MAX_NAMED:
                self._odd["altered"].append(found.key)

    def _say_what_is_odd(self) -> None:
        """Make problems of what isn't as CloudTrail signed it. What digests name and nobody could read yet isn't missing."""
        if not self._broke_off and not self._counts["unreadable"]:
            self._counts["missing"] = self._progress.count(NAMED)
            self._odd["missing"] = [row["object"] for row in islice(self._progress.rows(NAMED), MAX_NAMED)]
        signed = self._digests.counts
        for number, words in (
            (self._counts["altered"], "log files are not as CloudTrail signed them"),
            (self._counts["missing"], "log files that CloudTrail signed are not in the bucket"),
            (signed["invalid"], "digests of CloudTrail can't be read or don't hold"),
            (signed["breaks"], "digests of CloudTrail don't follow on the one before them: some are missing"),
        ):
            if number:
                self._s3.problem(f"{words}: {number:,}")
        if self.place.digests and not signed["read"] and not self._broke_off:
            self._s3.problem("the trail signs what it delivers, and no digest lies in its bucket for these days")

    def _read_digests(self, days: list[str]) -> None:
        """Check the digests of ``days`` and keep what they say of log files of these days."""
        known = self._progress.get(_DIGESTS)
        self._digests = Digests.from_json(known["found"] if known else None)
        if self.place.digests is False or (known and known["done"]):
            return
        keys = {name: bytes.fromhex(key) for name, key in known["keys"].items()} if known else self._public_keys(days)
        if keys is None:
            return
        wanted = tuple(f"{folder}{day}/" for folder in self._folders("CloudTrail") for day in days)
        stretches = [(folder, day) for folder in self._folders("CloudTrail-Digest") for day in days]
        broken_off = self._s3.broken_off
        for number, (folder, day) in enumerate(stretches, start=1):
            if known is None or number > known["stretch"]:
                self._read_digests_of(folder, day, keys, wanted)
                if self._s3.broken_off > broken_off:
                    self._progress.stop_here()
                self._save_digests(keys, number, done=False)
        self._digests.counts["breaks"] = count_breaks(self._progress)
        self._save_digests(keys, len(stretches), done=True)

    def _public_keys(self, days: list[str]) -> dict[str, bytes] | None:
        """The keys of ``days``; None if they can't be had: nothing can be checked then, and which permission is missing is on record."""
        first, last = (datetime.strptime(f"{day} +0000", "%Y/%m/%d %z") for day in (days[0], days[-1]))
        broken_off = self._cloudtrail.broken_off
        keys = public_keys(self._cloudtrail, first, last + timedelta(days=1))
        if self._cloudtrail.broken_off == broken_off:
            return keys
        self._progress.stop_here()
        return None

    def _save_digests(self, keys: Mapping[str, bytes], stretch: int, *, done: bool) -> None:
        told: dict[str, JSON] = {name: key.hex() for name, key in keys.items()}
        step: dict[str, JSON] = {"keys": told, "stretch": stretch, "done": done, "found": self._digests.to_json()}
        self._progress.save({_DIGESTS: step, **self._calls()})

    def _read_digests_of(self, folder: str, day: str, keys: Mapping[str, bytes], wanted: tuple[str, ...]) -> None:
        def read(key: str) -> list[Row] | None:
            where = {"Bucket": self.place.bucket, "Key": key}
            return self._s3.stream(where, lambda answer: read_digest(where["Bucket"], key, answer, keys), shown=self._shown_key("digest"))

        asked = {"Bucket": self.place.bucket, "Prefix": f"{folder}{day}/"}
        for page in self._s3.pages("ListObjectsV2", asked, shown=self._shown(f"{folder}<each day>/")):
            names = [item["Key"] for item in page.get("Contents", ()) if NAME.search(item["Key"])]
            with Unawaited(_THREADS, name="read") as pool:
                for rows in pool.map(read, names):
                    self._digests.counts.update({"read": 1, "valid" if rows is not None else "invalid": 1})
                    if rows is None:
                        self._progress.stop_here()
                        continue
                    self._digests.days.add(day)
                    self._progress.add(row for row in rows if row.kind != NAMED or row.key.startswith(wanted))

    def _save(self, stretch: int, after: str | None, seen: int) -> None:
        step: dict[str, JSON] = {"stretch": stretch, "after": after, "seen": seen, "counts": dict(self._counts)}
        self._progress.save({_STEP: {**step, "gaps": list(self._gaps), "altered": list(self._odd["altered"])}, **self._calls()})

    def _calls(self) -> dict[str, JSON]:
        return {S3_CALLS: self._s3.state, CLOUDTRAIL_CALLS: self._cloudtrail.state}

    def _folders(self, what: str) -> tuple[str, ...]:
        return self.place.folders(what, self._owner.account, self._owner.region, self._owner.organisation)

    def _shown(self, prefix: str) -> dict[str, JSON]:
        return {"Bucket": self.place.bucket, "Prefix": prefix}

    def _shown_key(self, what: str) -> dict[str, JSON]:
        return {"Bucket": self.place.bucket, "Key": f"each {what} listed"}


def call_row(event: Mapping[str, Any], name: str, moment: datetime) -> Row:
    """A call as it is kept. Who assumed a role is told as the role; the address and the program of the caller stay where they are."""
    identity = event.get("userIdentity") or {}
    issuer = ((identity.get("sessionContext") or {}).get("sessionIssuer") or {}).get("arn")
    call: dict[str, JSON] = {
        "id": name,
        "at": iso(moment),
        "name": event.get("eventName"),
        "caller": issuer or identity.get("arn") or identity.get("invokedBy") or _unnamed(identity),
        "error": event.get("errorCode"),
        "resources": sorted(str(item.get("ARN")) for item in event.get("resources") or ()),
    }
    return Row(str(event.get("eventName")), name, iso(moment), call)


def _unnamed(identity: Mapping[str, Any]) -> str:
    """What a caller is called of whom CloudTrail tells no ARN: one from another account by its account and the unique id of the role or user.
    Its name, which is the session's in the event history, is for it to choose: it may be that of a signer."""
    principal, account = str(identity.get("principalId") or "").partition(":")[0], identity.get("accountId")
    if account:
        return f"{principal or 'somebody'} of arn:aws:iam::{account}:root"
    return str(identity.get("userName") or principal or "unknown")


def _moment(event: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(event["eventTime"])
    except (KeyError, TypeError) as error:
        raise ValueError("an event has no time") from error


def _days(start: datetime, end: datetime) -> list[str]:
    """The folders of the days from ``start`` to the day after ``end``: files lie under the day of their delivery."""
    first = start.date()
    return [f"{first + timedelta(days=number):%Y/%m/%d}" for number in range((end.date() - first).days + 2)]
