"""Populations and detectors of which every figure is known: scores written into the files themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from averment.detector.claims.interface import ClaimContext
from averment.detector.interface import Detector, DetectorInfo, Family, Score


class WrittenDetector(Detector):
    """Reads its score out of the file: ``number: 0.73``; anything else it can't say."""

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("written", "1", None, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        return [
            Score({Family.SYNTHETIC_IMAGE: float(image.split(b":")[1])}) if b":" in image else Score(cannot_say="undecodable")
            for image in images
        ]


@pytest.fixture
def population(tmp_path: Path) -> Callable[..., ClaimContext]:
    """Writes rows (column to value; ``score`` None: the detector can't say) as the population ``p`` with its manifest."""

    def write(rows: Iterable[Mapping[str, Any]], **options: Any) -> ClaimContext:
        table = [dict(row) for row in rows]
        columns = sorted({key for row in table for key in row} - {"score"})
        lines = [",".join(["file", "sha256", *columns])]
        for number, row in enumerate(table):
            data = b"broken %d" % number if row["score"] is None else f"{number}:{row['score']!r}".encode()
            (tmp_path / f"{number:05}.png").write_bytes(data)
            lines.append(",".join([f"{number:05}.png", hashlib.sha256(data).hexdigest(), *(str(row.get(key, "")) for key in columns)]))
        (tmp_path / "m.csv").write_text("\n".join(lines) + "\n")
        return ClaimContext(detector=WrittenDetector(), populations={"p": "m.csv"}, root=tmp_path, **options)

    return write
