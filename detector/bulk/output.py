"""Results as they are written: one after the other, so that a million of them take no more memory than one.

The same results give the same bytes: nothing here depends on when or in how many runs they came.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.canonical import JSON
from averment.core.showing import harmless, printable
from averment.core.tabular import csv_line
from averment.detector.interface import Clip, DetectorInfo
from averment.detector.scanning import Finding, Identity, Scanned
from averment.detector.serving import info_to_json, score_from_json, score_to_json

_COLUMNS = (
    "name",
    "finding",
    "score",
    "family",
    "threshold",
    "reason",
    "sha256",
    "bytes",
    "version_id",
    "etag",
    "sampled",
    "judged",
    "worst_at",
)

_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")
"""What a terminal obeys or that turns text about, ends of lines to some readers, and bytes that are no text. JSON writes it as escapes and says the same;
what lies below U+0020 it escapes in any case. Written out, for Python's own notion of what prints changes with its version, and bytes depend on the results alone."""


def scanned_to_json(result: Scanned) -> dict[str, JSON]:
    """A result as JSON data. What S3 says of the object stands there for objects alone."""
    identity = result.identity
    value: dict[str, JSON] = {"name": result.name, "finding": str(result.finding), **score_to_json(result.score)}
    value |= {"sha256": result.sha256, "bytes": identity.size}
    known = {"version_id": identity.version_id, "etag": identity.etag, "modified": identity.modified}
    return value | {name: text for name, text in known.items() if text is not None}


def scanned_from_json(value: Mapping[str, Any], threshold: float) -> Scanned:
    """The inverse of ``scanned_to_json``.

    Raises:
        IncompleteError: not a result.
    """
    identity = Identity(value["bytes"], *(value.get(name) for name in ("version_id", "etag", "modified")))
    return Scanned(value["name"], Finding(value["finding"]), score_from_json(value), threshold, value["sha256"], identity)


class Writer(ABC):
    """A format. The parts come in order: ``head``, then one ``row`` a result, then ``tail``."""

    def __init__(self, info: DetectorInfo, frame: Mapping[str, JSON]) -> None:
        self.info, self.frame = info, frame
        self._rows = 0

    def head(self) -> str:
        """What stands before the results."""
        return ""

    @abstractmethod
    def row(self, result: Scanned) -> str:
        """One result."""

    def tail(self, counts: Mapping[Finding, int], passed_over: int) -> str:  # noqa: ARG002 - not every format has one
        """What stands after them."""
        return ""


class TableWriter(Writer):
    """A line a result, for people: finding, score, name, and the reason where there is one; of a video, what was looked at."""

    def row(self, result: Scanned) -> str:
        highest = result.score.highest
        figure = "-" if highest is None else f"{highest:.3f}"
        notes = "; ".join(filter(None, (result.reason, _clip_note(result.score.clip))))
        return f"{result.finding:<14}  {figure:>6}  {printable(result.name)}{f'  ({printable(notes)})' if notes else ''}\n"


class JsonWriter(Writer):
    """One document: the detector, where the listing came from, the images, and the counts."""

    def head(self) -> str:
        return f'{{\n "detector": {_line(info_to_json(self.info))},\n "listing": {_line(self.frame)},\n "images": ['

    def row(self, result: Scanned) -> str:
        self._rows += 1
        return f"{',' if self._rows > 1 else ''}\n  {_line(scanned_to_json(result))}"

    def tail(self, counts: Mapping[Finding, int], passed_over: int) -> str:
        return f'\n ],\n "summary": {_line(summary(counts, passed_over))}\n}}\n'


class JsonLinesWriter(Writer):
    """One object a line, each with the detector that said it, so that a line stands for itself."""

    def row(self, result: Scanned) -> str:
        return json_line(result, self.info)


class CsvWriter(Writer):
    """A row a result."""

    def head(self) -> str:
        return csv_line(_COLUMNS)

    def row(self, result: Scanned) -> str:
        score, identity = result.score, result.identity
        highest, family = "", ""
        if score.highest is not None:
            highest, family = f"{score.highest:.6f}", str(max(score.probabilities, key=lambda name: score.probabilities[name]))
        found = (result.finding, highest, family, result.threshold, result.reason)
        clip = score.clip
        looked_at = (clip.sampled, clip.judged, clip.worst.seconds if clip.worst else "") if clip else ("", "", "")
        return csv_line((result.name, *found, result.sha256, identity.size, identity.version_id, identity.etag, *looked_at))


WRITERS: dict[str, type[Writer]] = {"table": TableWriter, "json": JsonWriter, "jsonl": JsonLinesWriter, "csv": CsvWriter}
"""The formats, in the order in which they are listed."""


def json_line(result: Scanned, info: DetectorInfo) -> str:
    """A result and who said it, as a line of JSON."""
    return f"{_line({**scanned_to_json(result), 'detector': info.facts()})}\n"


def summary(counts: Mapping[Finding, int], passed_over: int) -> dict[str, JSON]:
    """How many there were of each finding, and how many files were passed over."""
    return {**{str(finding): counts.get(finding, 0) for finding in Finding}, "passed_over": passed_over}


def written(results: Iterator[Scanned], writer: Writer, counts: Counter[Finding]) -> Iterator[str]:
    """The head and the rows of ``results``, which are counted into ``counts``."""
    yield writer.head()
    for result in results:
        counts[result.finding] += 1
        yield writer.row(result)


def for_terminal(text: str, style: str) -> str:
    """``text`` of a format as a terminal may get it: a file or a pipe gets names as they are, a terminal nothing that it would obey."""
    return printable(text.removesuffix("\n")) + "\n" if style == "csv" and text else harmless(text)


def to_bytes(text: str) -> bytes:
    """UTF-8; of a file name that is no text, the bytes come out as ``\\udcXX``, which JSON reads as what they are."""
    return text.encode("utf-8", "backslashreplace")


def _clip_note(clip: Clip | None) -> str:
    """Of a video that was judged: how many frames of how many, and where it is worst."""
    if clip is None or clip.worst is None:
        return ""
    cut = f", cut to {clip.cut[0]:.2f} to {clip.cut[1]:.2f} s and judged as a whole" if clip.cut else ""
    return f"{clip.judged} of {clip.sampled} frames judged, loudest at {clip.worst.seconds:.2f} s{cut}"


def _line(value: JSON) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
