"""Preserving: the chain of custody of what an incident is about.

For each medium, in this order: read it once, pinned to its version; take its SHA-256, its perceptual hash (where it is an image that can
be decoded) and what its content credential says; store a copy under a name that holds the digest; read the copy back and compare. Only a
copy that came back the same is an item. What could not be taken is in the record with its reason, and the record is partial.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from averment.core.canonical import JSON, canonical_json, sha256_hex
from averment.core.errors import AvermentError, IncompleteError, MissingExtraError
from averment.core.period import iso
from averment.detector.sniffing import video_type
from averment.evidence.record import Population, Record
from averment.governance.incidents.filing import Act, file_step
from averment.governance.incidents.keeping import Keep
from averment.governance.incidents.originals import Original, Taken, find_originals, take
from averment.governance.incidents.state import Incident
from averment.governance.incidents.steps import require_open
from averment.governance.incidents.words import Step, statement, visible


@dataclass(frozen=True)
class Preserved:
    """What came of preserving: the record, how many media were taken, and why others weren't."""

    record: Record
    taken: int
    problems: tuple[str, ...]


def preserve(incident: Incident, act: Act, places: Sequence[str], keep: Keep, *, because: str, all_versions: bool = False) -> Preserved:
    """Copy what lies at ``places`` into ``keep`` and say so in a record, with a manifest beside the copies.

    Raises:
        BadInputError: closed, or no reason is given.
        IncompleteError: nothing at all could be taken.
    """
    require_open(incident, act)
    reason = statement(because, "the reason")
    problems: list[str] = []
    items: list[dict[str, JSON]] = []
    first = len(incident.items) + 1
    for original in _each(places, all_versions, problems):
        try:
            with take(original) as taken:
                items.append(_item(incident, taken, keep, first + len(items), act))
        except AvermentError as error:
            problems.append(_told(original.name, error))
    if not items:
        hidden = "" if all_versions else "; of an object that was taken down, --all-versions takes what lies under the delete marker"
        fix = f"mend what the reason names, then run this again{hidden if any('NoSuchKey' in said for said in problems) else ''}"
        raise IncompleteError(f"nothing was preserved: {'; '.join(problems)}", fix=fix)
    manifest = canonical_json({"incident": incident.id, "taken_at": iso(act.at), "by": act.by, "items": items})
    name = f"{incident.id}/manifest-{sha256_hex(manifest)[:16]}.json"
    stored = keep.put(name, BytesIO(manifest))
    payload: dict[str, JSON] = {
        "because": reason,
        "items": items,
        "manifest": {"place": stored, "sha256": sha256_hex(manifest)},
        "caution": keep.caution,
    }
    total = len(items) + len(problems)
    population = Population("media", total, len(items), bool(problems))
    record = file_step(
        incident.id, Step.PRESERVE, act, payload, population=population, problems=tuple(problems), query={"places": list(places)}
    )
    return Preserved(record, len(items), tuple(problems))


def nothing_to_preserve(incident: Incident, act: Act, *, because: str) -> Record:
    """The record that says why nothing is preserved.

    Raises:
        BadInputError: closed, or no reason is given.
    """
    require_open(incident, act)
    return file_step(incident.id, Step.PRESERVE, act, {"nothing": True, "because": statement(because, "the reason", least=10)})


@dataclass(frozen=True)
class Checked:
    """What came of looking at the copies again: the record, those that were changed, and those that could not be read."""

    record: Record
    changed: tuple[str, ...]
    unreadable: tuple[str, ...]


def check_copies(incident: Incident, act: Act, *, because: str) -> Checked:
    """Read every copy again and compare it with the digest in the ledger.

    Raises:
        BadInputError: closed.
        IncompleteError: nothing was ever preserved, so that there is nothing to compare.
    """
    require_open(incident, act)
    if not incident.items:
        raise IncompleteError(f"{incident.id} has no preserved media to check", fix=f"averment incident preserve {incident.id} PLACE ...")
    rows: list[dict[str, JSON]] = []
    changed: list[str] = []
    unreadable: list[str] = []
    for number, item in incident.items.items():
        outcome, reason = "unchanged", ""
        try:
            digest = Keep.digest(str(item["stored"]))
            if digest != item["sha256"]:
                outcome, reason = "changed", f"its SHA-256 is {digest}"
                changed.append(number)
        except AvermentError as error:
            outcome, reason = "unreadable", error.message
            unreadable.append(number)
        rows.append({"number": number, "outcome": outcome, "reason": reason or None})
    population = Population("copies", len(rows), len(rows) - len(unreadable), bool(unreadable))
    problems = tuple(f"item {number} could not be read" for number in unreadable)
    payload: dict[str, JSON] = {"because": statement(because, "the reason"), "checked": rows}
    record = file_step(incident.id, Step.PRESERVE, act, payload, population=population, problems=problems)
    return Checked(record, tuple(changed), tuple(unreadable))


def _each(places: Iterable[str], all_versions: bool, problems: list[str]) -> Iterator[Original]:
    for place in places:
        try:
            yield from find_originals(place, all_versions=all_versions)
        except AvermentError as error:
            problems.append(_told(place, error))


def _told(place: str, error: AvermentError) -> str:
    return f"{visible(place)}: {error.message}" + (f" ({error.fix})" if error.fix else "")


def _item(incident: Incident, taken: Taken, keep: Keep, number: int, act: Act) -> dict[str, JSON]:
    stored = keep.put(f"{incident.id}/{number:04}-{taken.sha256}", taken.body)
    if (back := keep.digest(stored)) != taken.sha256:
        raise IncompleteError(f"the copy at {stored} came back as SHA-256 {back}, not {taken.sha256}: it doesn't count")
    return {
        "number": number,
        "name": visible(taken.original.name),
        "sha256": taken.sha256,
        "size": taken.size,
        "described": _visible_values(taken.described),
        **_looked_at(taken),
        "stored": stored,
        "locked_until": iso(keep.locked_until) if keep.locked_until else None,
        "verified_at": iso(act.now),
    }


def _looked_at(taken: Taken) -> dict[str, JSON]:
    """The perceptual hash and the credential, or for each why there is none."""
    data = taken.head()
    if data is None:
        large = "too large to be looked at as an image"
        return {"perceptual_hash": None, "perceptual_hash_reason": large, "credential": None, "credential_reason": large}
    from averment.governance.incidents.likeness import image_hash

    video = video_type(data[:1024])
    digest, reason = (None, f"{video}: perceptual hashes are of images") if video else image_hash(data)
    found: dict[str, JSON] = {"perceptual_hash": digest, "perceptual_hash_reason": reason, "credential": None, "credential_reason": None}
    try:
        from averment.detector.credentials.inspect import inspect

        inspection = inspect(data, None)
        found |= {"credential": str(inspection.state), "credential_reason": visible(inspection.reason)}
    except MissingExtraError as error:
        found["credential_reason"] = error.message
    return found


def _visible_values(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(str(key)): _visible_values(item) for key, item in value.items()}
    return value
