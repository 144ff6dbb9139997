"""Look-alikes of preserved pictures among stored media, by perceptual hash.

The hash and its distance are those of ``detector.claims.duplicates``, whose figures say what it finds (recompressed, scaled) and what it
doesn't (cropped). A picture that can't be hashed, and a file that isn't one, is counted with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import AvermentError, IncompleteError, MissingExtraError
from averment.detector.bulk.places import list_place, place_of
from averment.detector.claims.duplicates import BITS, DISTANCE, PLAIN, hexadecimal, is_plain, perceptual_hash
from averment.detector.imaging import UnreadableError
from averment.detector.scanning import Read
from averment.evidence.record import Population, Record
from averment.governance.incidents.filing import Act, file_step
from averment.governance.incidents.state import Incident
from averment.governance.incidents.steps import require_open
from averment.governance.incidents.words import Step, visible

MAX_MATCHES = 1_000
"""Look-alikes that a record lists; further ones are counted, and the record says so."""

_REASONS = 20


def image_hash(data: bytes) -> tuple[str | None, str | None]:
    """The perceptual hash of ``data`` in hexadecimal, or None and the reason."""
    try:
        bits = perceptual_hash(data)
    except (UnreadableError, MissingExtraError) as error:
        return None, str(error)
    return hexadecimal(bits), None


def distance(first: str, second: str) -> int:
    """How many bits of two hashes differ."""
    return (int(first, 16) ^ int(second, 16)).bit_count()


def look_alikes(
    incident: Incident,
    act: Act,
    place: str,
    *,
    limit: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Record:
    """The record of which images at ``place`` (a folder, or ``s3://bucket/prefix``) look like a preserved one: at most ``DISTANCE`` bits differ.

    Raises:
        BadInputError: closed, or no such place.
        IncompleteError: no preserved medium has a perceptual hash, or each shows too little for it; or the listing broke off.
    """
    require_open(incident, act)
    hashed = {number: str(item["perceptual_hash"]) for number, item in incident.items.items() if item.get("perceptual_hash")}
    wanted = {number: digest for number, digest in hashed.items() if not is_plain(int(digest, 16).bit_count())}
    if hashed and not wanted:
        raise IncompleteError(f"no preserved medium of {incident.id} can be searched for by its looks: {PLAIN}")
    if not wanted:
        reasons = dict.fromkeys(
            str(item["perceptual_hash_reason"]) for item in incident.items.values() if item.get("perceptual_hash_reason")
        )
        told = f": {'; '.join([*reasons][:_REASONS])}" if reasons else ""
        raise IncompleteError(
            f"no preserved medium of {incident.id} has a perceptual hash to compare with{told}",
            fix="preserve a JPEG, PNG or WebP image first, with averment[detector] installed; copies of a video with the same bytes are "
            f"found by its SHA-256, which `averment media scan {visible(place)} --format jsonl` writes of every file",
        )
    without = {
        number: PLAIN if number in hashed else item.get("perceptual_hash_reason")
        for number, item in incident.items.items()
        if number not in wanted
    }
    matches: list[dict[str, JSON]] = []
    unread: Counter[str] = Counter()
    seen, cut = 0, False
    for item in list_place(place_of(place)):
        if limit is not None and seen >= limit:
            cut = True
            break
        seen += 1
        progress(seen)
        digest, reason = _hash_of(item.read)
        if digest is None:
            unread[str(reason)] += 1
            continue
        matches += [row for number, hashed in wanted.items() if (row := _match(number, hashed, item.name, digest))]
    compared = seen - unread.total()
    searched = Population("images", None if cut else seen, compared, cut or bool(unread))
    return _record(incident, act, place, matches, unread, searched, without)


def _match(number: str, wanted: str, name: str, digest: str) -> dict[str, JSON] | None:
    bits = distance(wanted, digest)
    return {"item": number, "name": visible(name), "distance": bits} if bits <= DISTANCE else None


def _hash_of(read: Callable[[], Read]) -> tuple[str | None, str | None]:
    try:
        return image_hash(read().data)
    except AvermentError as error:
        return None, error.message


def _record(
    incident: Incident,
    act: Act,
    place: str,
    matches: Sequence[Mapping[str, Any]],
    unread: Counter[str],
    searched: Population,
    without: Mapping[str, JSON],
) -> Record:
    """The record of a search that came to ``matches``, without the items that nothing could be compared with."""
    problems = [f"{unread.total()} images or videos there could not be hashed"] if unread else []
    problems += [f"the search was ended after {searched.examined + unread.total():,} images"] if searched.total is None else []
    problems += [f"nothing was compared with item {number}: {reason}" for number, reason in without.items()]
    listed = sorted(matches, key=lambda row: (row["distance"], row["name"]))
    payload: dict[str, JSON] = {
        "kind": "look-alikes",
        "place": visible(place),
        "because": f"{len(listed)} images look like a preserved one, of {searched.examined} that were compared",
        "items": sorted(incident.items.keys() - without.keys()),
        "not_compared": dict(without),
        "matches": [dict(row) for row in listed[:MAX_MATCHES]],
        "not_listed": max(0, len(listed) - MAX_MATCHES),
        "method": f"pHash of {BITS} bits, at most {DISTANCE} differ; finds what was recompressed or scaled, not what was cropped",
        "unreadable": dict(unread.most_common(_REASONS)),
    }
    return file_step(
        incident.id, Step.ANALYSE, act, payload, population=searched, problems=tuple(problems), query={"place": place, "limit": DISTANCE}
    )
