"""Claims on watermarks: the share of generated media that are still known by their pixels when their metadata are gone.

```yaml
type: watermark-coverage
population: generated-media               # as for disclosure-coverage
transforms: [{jpeg: 50}, {resize: 0.5}]   # optional: what a platform does (see transforms); each by itself
at_least: 0.95
log: provenance.jsonl                     # optional: a provenance log (a file, or cloudwatch:GROUP)
key: watermark.key                        # optional: the watermark's key, if it isn't the public one
confidence: 0.95                          # optional, as are where, sample, looks and images_only
```

A content credential goes with the first service that re-encodes a picture; what is left to recognise it by is the soft binding: the
watermark in its pixels and, by way of the provenance log, its perceptual hash. A medium counts if it is found as it is **and** after each
of the transforms:

* without a log, found is what carries a watermark of the key, and the same one each time: it would name an entry, whatever that is;
* with a log, found is what ``recovery.Register`` leads to the medium's own entry, by watermark or perceptual hash. A medium that the log
  doesn't know by its bytes has no entry of its own, so it isn't covered.

So one claim with several transforms asks for media that survive all of them; for a share under each, state a claim for each. The
figures by transform are in the result either way. How the share is judged is ``coverage``'s matter. A picture without a watermark takes
about a second for each transform, because it is searched for as a part of a larger one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from averment.core.canonical import JSON, canonical_json, sha256_hex
from averment.core.errors import BadInputError
from averment.detector.claims import coverage, fields, sequential, statistics
from averment.detector.claims.interface import ClaimContext, ClaimPlan, ClaimResult, ClaimType
from averment.detector.claims.transforms import Transform, imaging_version, read_transforms
from averment.detector.credentials.scheme import ALGORITHM, PUBLIC_KEY, read_watermark_key

UNTOUCHED = "untouched"


class Finding(StrEnum):
    """What became of a medium. Only ``FOUND`` counts."""

    FOUND = "found as it is and after each transform"
    LOST = "found as it is, and not after a transform"
    ABSENT = "not found as it is"
    UNKNOWN = "not in the provenance log"
    UNREADABLE = "could not be read"


_KINDS = coverage.Kinds(Finding, Finding.FOUND, Finding.UNREADABLE, "found", "not_found")


@dataclass(frozen=True)
class Statement:
    """A claim on watermarks as read."""

    population: str
    where: Mapping[str, str]
    transforms: tuple[Transform, ...]
    bar: float
    confidence: float
    sample: int | None
    images_only: bool
    log: str | None
    key: str | None

    def __str__(self) -> str:
        after = f" after each of {', '.join(map(str, self.transforms))}" if self.transforms else " as they are"
        how = f"led back to their entry in {self.log}" if self.log else "recognised by their watermark"
        return (
            f"at least {fields.percent(self.bar)} of the generated {coverage.subject(self)} in {self.population}{fields.rows(self.where)} are {how}{after} "
            f"({fields.percent(self.confidence)} confidence)"
        )


class WatermarkClaim(ClaimType):
    """Coverage of soft bindings over a counted population."""

    name = "watermark-coverage"
    sequential = True
    label = coverage.GENERATED

    def read(self, spec: Mapping[str, Any]) -> Statement:
        return read(spec)

    def plan(self, spec: Mapping[str, Any]) -> ClaimPlan:
        statement = read(spec)
        return coverage.plan(statement, str(statement))

    def run(self, spec: Mapping[str, Any], context: ClaimContext) -> ClaimResult:
        statement = read(spec)
        key = read_watermark_key(context.root / statement.key) if statement.key else PUBLIC_KEY
        recogniser = _Logged(statement.log, context.root, key) if statement.log else _Marked(key)
        means: dict[str, JSON] = {
            "transforms": [str(transform) for transform in statement.transforms],
            "pillow": imaging_version(),
            "scheme": ALGORITHM,
            "key": sha256_hex(key),
            **recogniser.facts,
        }
        drawn = coverage.draw(spec, statement, context, means)
        tally = _Tally(statement.transforms)
        found = {item.name: tally.finding(drawn.population.read(item), recogniser) for item in drawn.sample.items}
        confidence = None if drawn.sample.census else drawn.level.confidence
        return coverage.result(self.name, statement, drawn, found, _KINDS, {"found_by_transform": tally.to_json(confidence)})


def read(spec: Mapping[str, Any]) -> Statement:
    """The statement in ``spec``.

    Raises:
        BadInputError: an unknown or missing field, a transform that isn't one, or a bar out of range.
    """
    fields.known_fields(spec, ("type", "population", "at_least"), ("transforms", "log", "key", *coverage.FIELDS))
    sequential.read_plan(spec)
    return Statement(
        population=fields.text(spec, "population"),
        where=fields.labels(spec),
        transforms=read_transforms(spec["transforms"]) if "transforms" in spec else (),
        bar=coverage.read_bar(spec, "write the share that has to be found, such as 0.95"),
        confidence=fields.confidence(spec, sequential.DEFAULT_CONFIDENCE),
        sample=fields.sample_size(spec),
        images_only=coverage.read_images_only(spec),
        log=fields.text(spec, "log") if "log" in spec else None,
        key=fields.text(spec, "key") if "key" in spec else None,
    )


class _Marked:
    """Recognises by the watermark alone: any of the key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.facts: dict[str, JSON] = {}

    def own(self, data: bytes) -> str | None:
        """What the untouched medium has to be recognised as; None if nothing is known of it. Here: whatever it carries."""
        return self.look(data) or ""

    def look(self, data: bytes) -> str | None:
        """The watermark in ``data``; UnreadableError if it can't be decoded."""
        from averment.detector.credentials.marking import read_mark, shown

        payload = read_mark(data, self._key).payload
        return None if payload is None else shown(payload)


class _Logged:
    """Recognises what a provenance log leads to. BadInputError for an empty log, in which nothing could be found."""

    def __init__(self, log: str, root: Path, key: bytes) -> None:
        from averment.detector.credentials.log import open_log
        from averment.detector.credentials.recovery import Register

        entries = list(open_log(log, root).entries())
        if not entries:
            raise BadInputError(f"the provenance log {log} is empty", fix="name the log that averment media sign --log writes")
        self._sources = {entry.sha256: entry.source_sha256 for entry in entries}
        self._register = Register(entries, key)
        self.facts: dict[str, JSON] = {
            "log": log,
            "log_entries": len(entries),
            "log_sha256": sha256_hex(canonical_json([entry.to_json() for entry in entries])),
        }

    def own(self, data: bytes) -> str | None:
        """The medium's own entry, by its bytes: named by what went into signing, so that signing it twice makes no difference."""
        return self._sources.get(sha256_hex(data))

    def look(self, data: bytes) -> str | None:
        """The entry that the pixels of ``data`` lead to; UnreadableError if they can't be decoded."""
        from averment.detector.imaging import UnreadableError

        found = self._register.look_by_pixels(data)
        if found.not_looked is not None:
            raise UnreadableError(found.not_looked)
        return None if found.entry is None else found.entry.source_sha256


class _Tally:
    """Examines media and counts, for the untouched and for each transform, how many were found and how many could not be read."""

    def __init__(self, transforms: tuple[Transform, ...]) -> None:
        self._steps: dict[str, Callable[[bytes], bytes]] = {UNTOUCHED: lambda data: data, **{str(each): each for each in transforms}}
        self._found = dict.fromkeys(self._steps, 0)
        self._unreadable = dict.fromkeys(self._steps, 0)
        self._examined = 0

    def finding(self, data: bytes | None, recogniser: _Marked | _Logged) -> Finding:
        """What becomes of one medium."""
        from averment.detector.imaging import UnreadableError

        if data is None:
            return Finding.UNREADABLE
        try:
            own = recogniser.own(data)
        except UnreadableError:
            return Finding.UNREADABLE
        if own is None:
            return Finding.UNKNOWN
        self._examined += 1
        states: dict[str, bool | None] = {}
        for name, step in self._steps.items():
            try:
                states[name] = bool(own) and recogniser.look(step(data)) == own
            except UnreadableError:
                states[name] = None
            self._found[name] += states[name] is True
            self._unreadable[name] += states[name] is None
        if states[UNTOUCHED] is False:
            return Finding.ABSENT
        if False in states.values():
            return Finding.LOST
        return Finding.UNREADABLE if None in states.values() else Finding.FOUND

    def to_json(self, confidence: float | None) -> list[JSON]:
        """As JSON data, the untouched first, each with exact bounds at ``confidence``; None for a census, which has none."""
        rows: list[JSON] = []
        for name in self._steps:
            found, unreadable = self._found[name], self._unreadable[name]
            row: dict[str, JSON] = {"transform": name, "found": found, "unreadable": unreadable, "of": self._examined}
            if confidence is not None and self._examined:
                row["low"] = statistics.binomial_bounds(found, self._examined, confidence).low
                row["high"] = statistics.binomial_bounds(found + unreadable, self._examined, confidence).high
            rows.append(row)
        return rows
