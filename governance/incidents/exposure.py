"""Exposure: how often preserved media was served, when, and to how many, from access logs. Who that was stays in the logs.

Addresses are counted through a keyed hash whose key is forgotten at the end of the run, and of those who signed in only the role or the
account is kept, since names of sessions and users are often people's: the record holds figures, and nobody can be found in it. The logs' digest says which logs they came from, so that whoever may read them can ask again.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import IncompleteError
from averment.core.period import iso
from averment.core.words import counted
from averment.evidence.record import Population, Record
from averment.governance.incidents.access_logs import SERVED, Access, LogReading, accesses, require_some
from averment.governance.incidents.filing import Act, file_step
from averment.governance.incidents.state import Incident
from averment.governance.incidents.steps import require_open
from averment.governance.incidents.words import Step, visible

MAX_ADDRESSES = 1_000_000
"""Distinct addresses counted for one medium; from there on the figure is "at least"."""

_LISTED = 20
_ELSEWHERE = "others"


@dataclass
class Served:
    """What the logs say of one medium."""

    served: int = 0
    refused: int = 0
    sent: int = 0
    first: datetime | None = None
    last: datetime | None = None
    addresses: set[bytes] = field(default_factory=set)
    requesters: Counter[str] = field(default_factory=Counter)
    edges: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    """Requests for the same key in another bucket, as the gate's own in quarantine, by that bucket: they are of another object."""

    def add(self, access: Access, key: bytes) -> None:
        """Count one request for it."""
        if access.status not in SERVED:
            self.refused += 1
            return
        self.served += 1
        self.sent += access.sent
        self.first = access.at if self.first is None else min(self.first, access.at)
        self.last = access.at if self.last is None else max(self.last, access.at)
        if len(self.addresses) < MAX_ADDRESSES:
            self.addresses.add(hashlib.blake2b(access.address.encode(), key=key, digest_size=8).digest())
        if access.requester:
            self.requesters[_who(access.requester)] += 1
        if access.edge:
            self.edges[visible(access.edge)] += 1

    def to_json(self) -> dict[str, JSON]:
        """As part of a record's payload."""
        return {
            "served": self.served,
            "refused": self.refused,
            "bytes": self.sent,
            "first": iso(self.first) if self.first else None,
            "last": iso(self.last) if self.last else None,
            "addresses": len(self.addresses),
            "at_least": len(self.addresses) >= MAX_ADDRESSES,
            "requesters": _listed(self.requesters),
            "edges": _listed(self.edges),
            "elsewhere": _listed(self.elsewhere),
        }


@dataclass(frozen=True)
class Window:
    """From when to when requests count; None: no bound."""

    start: datetime | None = None
    end: datetime | None = None

    def meets(self, first: datetime | None, last: datetime | None) -> bool:
        """Whether anything from ``first`` to ``last`` can lie in it."""
        if first is None or last is None:
            return False
        return (self.start is None or self.start <= last) and (self.end is None or first <= self.end)

    def __contains__(self, moment: datetime) -> bool:
        return (self.start is None or self.start <= moment) and (self.end is None or moment <= self.end)


_PERSON = re.compile(r"(arn:[\w-]+:(?:sts|iam)::\d{12}:(?:assumed-role/[^/\s]+|user|federated-user))/\S*")


def _who(requester: str) -> str:
    """S3's requester without the name of a session or user; what has another form (a canonical id, a service) may name a person too."""
    if requester == "-":
        return "anonymous"
    match = _PERSON.fullmatch(requester)
    if match:
        return match[1]
    return visible(requester) if requester.startswith(("svc:", "arn:")) else "another account"


_READS = frozenset({"GET", "HEAD", "", *(f"{way}.{verb}.OBJECT" for way in ("REST", "WEBSITE") for verb in ("GET", "HEAD"))})
"""CloudFront's methods, and S3's operations: ``REST.GET.OBJECT_TAGGING``, which preserving asks for too, serves nobody the object."""


def exposure(
    incident: Incident,
    act: Act,
    place: str,
    *,
    window: Window | None = None,
    path_prefix: str = "",
    progress: Callable[[int], None] = lambda _: None,
) -> Record:
    """The record of how often each preserved S3 object was served, by the access logs at ``place``.

    Raises:
        BadInputError: closed, or no such place.
        IncompleteError: no preserved object has a key, or no log could be read.
    """
    require_open(incident, act)
    described = {number: item.get("described", {}) for number, item in incident.items.items()}
    cut = incident.cut_items
    keys = {number: str(told["key"]) for number, told in described.items() if told.get("key") and number not in cut}
    if cut and not keys:
        raise IncompleteError(
            f"the key of item {', '.join(sorted(cut))} holds somebody's address, which the record leaves out: no log line can be told to be about it",
            fix="count its requests in the logs by hand, and record what came of it as an opinion (--opinion)",
        )
    if not keys:
        raise IncompleteError(
            f"no preserved medium of {incident.id} lay in S3, so that no log speaks of it", fix="preserve the object first"
        )
    span, secret, reading = window or Window(), secrets.token_bytes(32), LogReading()
    found = {number: Served() for number in keys}
    total, elsewhere = 0, Counter[str]()  # each request once, of however many versions of its key there are items
    for access in accesses(place, reading, path_prefix=path_prefix):
        if reading.lines % 10_000 == 0:
            progress(reading.lines)
        if access.at not in span or not _reads(access):
            continue
        meant = [number for number, key in keys.items() if access.may_be(key)]
        here = [number for number in meant if access.bucket in {"", described[number].get("bucket")}]
        for number in here:
            found[number].add(access, secret)
        if not meant or access.status not in SERVED:
            continue
        for number in set(meant) - set(here):
            found[number].elsewhere[visible(access.bucket)] += 1
        if here:
            total += 1
        else:
            elsewhere[visible(access.bucket)] += 1
    require_some(reading, place)
    said = f"served {counted(total, 'time')} by {counted(reading.lines - reading.unreadable, 'log line')} read{_elsewhere(elsewhere)}"
    return _record(incident, act, place, span, path_prefix, reading, keys, found, said)


def _reads(access: Access) -> bool:
    return access.operation in _READS


def _record(
    incident: Incident,
    act: Act,
    place: str,
    span: Window,
    path_prefix: str,
    reading: LogReading,
    keys: Mapping[str, str],
    found: Mapping[str, Served],
    said: str,
) -> Record:
    rows: list[dict[str, JSON]] = [{"item": number, "key": visible(keys[number]), **served.to_json()} for number, served in found.items()]
    problems = tuple(reading.problems) + ((f"{counted(reading.unreadable, 'line')} could not be read",) if reading.unreadable else ())
    problems += tuple(
        f"item {number} can't be found in logs: its key holds an address, which the record leaves out"
        for number in sorted(incident.cut_items)
    )
    if not span.meets(reading.first, reading.last):
        problems += ("no line of these logs is from the window, so that they say nothing of it",)
    payload: dict[str, JSON] = {
        "kind": "exposure",
        "place": visible(place),
        "because": said,
        "window": {"from": iso(span.start) if span.start else None, "to": iso(span.end) if span.end else None},
        "items": rows,
        "logs": {"files": reading.files, "lines": reading.lines, "unreadable": reading.unreadable, "sha256": reading.digest}
        | {"from": iso(reading.first) if reading.first else None, "to": iso(reading.last) if reading.last else None},
        "limits": "S3 delivers access logs by best effort and late; addresses are counted and not kept; versions are not told apart",
    }
    population = Population("log lines", reading.lines, reading.lines - reading.unreadable, bool(problems))
    query: dict[str, JSON] = {"place": place, "path_prefix": path_prefix, "keys": sorted(set(keys.values()))}
    return file_step(incident.id, Step.ANALYSE, act, payload, population=population, problems=problems[:_LISTED], query=query)


def _elsewhere(counts: Counter[str]) -> str:
    """What was served of the same keys in other buckets, in words: whoever preserved the copy in quarantine asks for the published one, too."""
    told = ", ".join(f"{bucket} ({times:,})" for bucket, times in counts.most_common(_LISTED))
    return f"; not counted: requests for the same keys in other buckets, {told}" if told else ""


def _listed(counts: Counter[str]) -> dict[str, Any]:
    """The most frequent, and how many the others come to."""
    listed = dict(counts.most_common(_LISTED))
    rest = sum(counts.values()) - sum(listed.values())
    return {**listed, _ELSEWHERE: rest} if rest else listed
