"""What sheets of data say in words, whatever the counts are: kept in one place, for the Markdown and for the machine-readable form."""

from __future__ import annotations

from collections.abc import Mapping

from averment.detector.corpus.sources import SOURCES
from averment.detector.sheets.facts import DataFacts

HOME = "https://averment.dev/"

LICENCES: Mapping[str, str] = {
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "MIT": "https://spdx.org/licenses/MIT.html",
    "public domain (US Government work)": "https://creativecommons.org/publicdomain/mark/1.0/",
}
"""Where each licence of the manifests can be read."""

USE = (
    "To make and to measure a small reference detector of synthetic portraits and manipulated faces",
    "Not to identify anyone, not to make synthetic media of the people shown, not to certify a detector",
)

BIASES = (
    "Official portraits: mostly older, mostly white people and mostly men. Studio portraits: young adults.",
    "Groups of people aren't labelled, so gaps between them can't be measured here.",
    "Sources differ in size, framing, light and compression, and each source has one label: all of these give the label away.",
    "Equal size and recompression take away some of that, not style and pose.",
    "Synthetic portraits were prompted for variety (hats, lighting, age, style) that the real ones lack.",
)

GAPS = (
    "No snapshots, no group photographs, no video frames, no screenshots or re-photographed prints among the real portraits.",
    "No GAN, no closed service, no face that somebody swapped or reenacted: manipulated faces are made from the real ones while training.",
    "No synthetic product picture.",
    "No child among the real portraits, and synthetic portraits that may show one were left out.",
    "Two photographs of one person are known as such only where the source says so; a perceptual hash finds copies, not people.",
)


def preparation(facts: DataFacts) -> list[str]:
    """What was done to the images, source by source, before they stood in the manifest."""
    told = [f"{name}: {SOURCES[name].changed}." for name in facts.sources if name in SOURCES and SOURCES[name].changed]
    told += sorted({f"all: {row['processing']}." for row in facts.rows if row.get("processing")})
    return told or ["None: as the sources distribute them."]


def left_out_lines(facts: DataFacts) -> list[str]:
    """How many images were left out for each reason, most first."""
    return [
        f"Left out: {count:,}, {reason}." for reason, count in sorted((facts.left_out or {}).items(), key=lambda item: (-item[1], item[0]))
    ]
