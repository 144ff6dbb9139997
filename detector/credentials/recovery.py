"""Knowing a medium again whose credential is gone: by its bytes, its watermark, or its perceptual hash, from the provenance log.

Services strip metadata, credentials among them. What the log holds of each signing finds such copies again. None of it proves who made
the file at hand: it says that it shows what we once signed. How often that is wrong:

- by bytes: never (SHA-256);
- by watermark: at most 3 pictures in a million that carry none (``watermark.false_alarm_bound``), and a mark can be copied onto another
  picture on purpose, so that a watermark whose perceptual hash is far off is reported with its distance;
- by perceptual hash: ``governance/docs/credentials.md`` states what was measured. A picture without detail (one colour, a gradient, stripes) has
  next to no bits set, so that any two such pictures would match; they are not looked for in this way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from averment.core.canonical import JSON, sha256_hex
from averment.core.extras import require
from averment.detector.claims.duplicates import BITS, DISTANCE, PLAIN, hexadecimal, is_plain, perceptual_hash
from averment.detector.credentials.log import Entry
from averment.detector.credentials.marking import read_mark, shown
from averment.detector.credentials.scheme import PUBLIC_KEY
from averment.detector.imaging import UnreadableError

_AT_ONCE = 1 << 16
"""Perceptual hashes that a picture's is compared with at once: a byte for each bit of theirs is in memory meanwhile."""


class By(StrEnum):
    """How an entry was found. ``SOURCE``: the very bytes that went into signing."""

    BYTES = "bytes"
    SOURCE = "source bytes"
    WATERMARK = "watermark"
    PERCEPTUAL = "perceptual hash"


@dataclass(frozen=True)
class Recovery:
    """What the log knows of a file. ``entry`` is None when nothing was found; ``by`` are the ways that led to it; ``distance`` is how many
    of ``BITS`` bits the perceptual hashes differ in (None where one of the two has none). ``watermark`` is what was read in the file,
    known to the log or not; ``not_looked`` is why a picture could not be searched for by its pixels, and ``too_plain`` that it has too little
    detail to be known by its perceptual hash, so that only its bytes and its watermark were looked up."""

    entry: Entry | None = None
    by: tuple[By, ...] = ()
    distance: int | None = None
    watermark: str | None = None
    not_looked: str | None = None
    too_plain: bool = False

    @property
    def unsigned(self) -> bool:
        """Whether the file is what went into signing: nothing was removed from it, it never had a credential."""
        return self.by == (By.SOURCE,)

    @property
    def shows(self) -> str:
        """What is known by that of a file without a credential. Neither a likeness nor a mark proves that one was removed."""
        if self.unsigned:
            return "it is what was signed, as it was before"
        if By.WATERMARK not in self.by:
            return "it looks like what was signed; its content credential was perhaps removed"
        if By.PERCEPTUAL in self.by:
            return "it carries the watermark of what was signed, and looks like it; its content credential was perhaps removed"
        return "it carries the watermark of what was signed; its content credential was perhaps removed, or the mark copied"

    def __str__(self) -> str:
        if self.entry is None:
            if self.watermark:
                return f"the provenance log doesn't know it, though it carries the watermark {self.watermark}"
            why = PLAIN if self.too_plain else self.not_looked
            looks = f" its bytes, and it wasn't searched for by its looks: {why}" if why else " it"
            return f"the provenance log doesn't know{looks}"
        far = "" if self.distance is None else f", the perceptual hash differs in {self.distance} of {BITS} bits"
        return f"known by {' and '.join(self.by)}{far}: signed as {self.entry.object} with {self.entry.key} at {self.entry.signed_at}"

    def to_json(self) -> dict[str, JSON]:
        """As JSON data."""
        return {
            "entry": None if self.entry is None else self.entry.to_json(),
            "by": [str(way) for way in self.by],
            "distance": self.distance,
            "bits": BITS,
            "watermark": self.watermark,
            "not_looked": self.not_looked,
            "too_plain": self.too_plain,
        }


def fingerprint(data: bytes) -> str | None:
    """The perceptual hash of a picture in hexadecimal; None for what can't be decoded here (a video, a TIFF, a tiny image).

    Raises:
        MissingExtraError: imagehash isn't installed.
    """
    try:
        return hexadecimal(perceptual_hash(data))
    except UnreadableError:
        return None


class Register:
    """The entries of a log, arranged for looking up. A hundred thousand entries take some 75 MB and a few milliseconds a look.

    ``key`` is that of the watermarks.
    """

    def __init__(self, entries: Iterable[Entry], key: bytes = PUBLIC_KEY) -> None:
        self._key = key
        self._entries: list[Entry] = []
        self._by_bytes: dict[str, Entry] = {}
        self._by_source: dict[str, Entry] = {}
        self._by_mark: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            self._entries.append(entry)
            self._by_bytes[entry.sha256] = entry
            self._by_source[entry.source_sha256] = entry
            if entry.watermark:
                self._by_mark[entry.watermark].append(entry)

    def __len__(self) -> int:
        return len(self._entries)

    def look(self, data: bytes) -> Recovery:
        """What the log knows of ``data``.

        Raises:
            MissingExtraError: imagehash or numpy isn't installed.
        """
        digest = sha256_hex(data)
        way = By.BYTES if digest in self._by_bytes else By.SOURCE
        if entry := self._by_bytes.get(digest) or self._by_source.get(digest):
            return Recovery(entry, (way,), self._distance_of(data, way, entry), entry.watermark)
        return self.look_by_pixels(data)

    def look_by_pixels(self, data: bytes) -> Recovery:
        """As ``look``, whether or not the log knows the very bytes: what would be left once they are changed."""
        try:
            bits = perceptual_hash(data)
            mark = self._mark(data)
        except UnreadableError as error:
            return Recovery(not_looked=str(error))
        marked, plain = self._by_mark.get(mark or "", []), is_plain(int(bits.sum()))
        near, distance = (None, None) if plain else self._nearest(bits)
        if marked:
            closest = min(marked, key=lambda entry: _distance(bits, entry.perceptual_hash) or 0)
            off = _distance(bits, closest.perceptual_hash)
            ways = (By.WATERMARK, By.PERCEPTUAL) if off is not None and off <= DISTANCE and not plain else (By.WATERMARK,)
            return Recovery(closest, ways, off, mark)
        if near is not None and distance is not None and distance <= DISTANCE:
            return Recovery(near, (By.PERCEPTUAL,), distance, mark)
        return Recovery(watermark=mark, too_plain=plain)

    @staticmethod
    def _distance_of(data: bytes, way: By, entry: Entry) -> int | None:
        """How far the hash of what was signed is from that of ``data``, which is known by its bytes. A watermark was put in between."""
        if entry.perceptual_hash is None:
            return None
        if way is By.BYTES or entry.watermark is None:
            return 0
        try:
            return _distance(perceptual_hash(data), entry.perceptual_hash)
        except UnreadableError:
            return None

    def _mark(self, data: bytes) -> str | None:
        """The picture's watermark; not searched for when nothing in the log was marked, for that takes a second."""
        if not self._by_mark:
            return None
        payload = read_mark(data, self._key).payload
        return None if payload is None else shown(payload)

    @cached_property
    def _hashes(self) -> tuple[Any, list[Entry]]:
        np: Any = require("numpy", extra="credentials", needed_for="finding media in the provenance log")
        hashed = [entry for entry in self._entries if entry.perceptual_hash and not is_plain(int(entry.perceptual_hash, 16).bit_count())]
        packed = b"".join(bytes.fromhex(entry.perceptual_hash or "") for entry in hashed)
        return np.frombuffer(packed, dtype=np.uint8).reshape(len(hashed), BITS // 8), hashed

    def _nearest(self, bits: Any) -> tuple[Entry | None, int | None]:
        np: Any = require("numpy", extra="credentials", needed_for="finding media in the provenance log")
        rows, entries = self._hashes
        if not entries:
            return None, None
        packed, near = np.packbits(bits), []
        for start in range(0, len(entries), _AT_ONCE):
            distances = np.unpackbits(rows[start : start + _AT_ONCE] ^ packed, axis=1).sum(axis=1, dtype=int)
            nearest = int(distances.argmin())
            near.append((int(distances[nearest]), start + nearest))
        distance, place = min(near)
        return entries[place], distance


def _distance(bits: Any, other: str | None) -> int | None:
    return None if other is None else (int(hexadecimal(bits), 16) ^ int(other, 16)).bit_count()
