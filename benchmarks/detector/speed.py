"""What a detector costs, decoding, finding faces and the networks apart: ``python benchmarks/detector/speed.py [--detector SPEC]``.

CPU time of this process, one thread, so that other load on the machine matters little. Input: the portraits of the reference corpus (224 px),
and the same enlarged to 1024 px, which is what phones and shops send at least. Decoding, finding faces and the whole are in images a CPU second;
the networks in faces a CPU second, for each face costs all of them.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import statistics
from collections.abc import Sequence

from PIL import Image
from stages import run, timed

from averment.detector import corpus
from averment.detector.interface import Detector
from averment.detector.opening import open_detector

STAGES = ("whole", "decode", "faces", "network", "rest")
BAR = 200
"""Faces a second and core through the networks: what the project asks of its own detector."""


def enlarged(data: bytes, side: int = 1024) -> bytes:
    """The image at ``side`` pixels, JPEG quality 90."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        image.resize((side, side), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def median(rates: Sequence[float | None]) -> str:
    """The median of those that could be measured, or a dash."""
    found = [rate for rate in rates if rate is not None]
    return f"{statistics.median(found):,.0f}" if found else "-"


def report(detector: Detector, inputs: dict[str, list[bytes]], rounds: int) -> list[str]:
    """The lines of the table, one for each kind of input."""
    lines = [
        f"  {'':<10}{'images a CPU second':>36}{'faces':>12}{'images':>12}{'faces':>12}",
        f"  {'':<10}{'whole':>12}{'decode':>12}{'find faces':>12}{'networks':>12}{'rest':>12}{'an image':>12}",
    ]
    for name, images in inputs.items():
        made = [timed(detector, images)[1] for _ in range(rounds)]
        shown = "".join(f"{median([stages.rate(stage) for stages in made]):>12}" for stage in STAGES)
        lines.append(f"  {name:<10}{shown}{made[-1].views / made[-1].images:>12.2f}")
    return [*lines, "", f"  networks: faces a CPU second through all networks of the detector; the project asks {BAR} of its own"]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--detector", help="As for averment prove; by default the embedded one.")
    given = parser.parse_args()
    detector = open_detector(given.detector)
    small = [image.read() for image in corpus.load() if image.kind == "face"][: given.images]
    digest = (detector.info.sha256 or "unknown")[:12]
    print(f"{detector.info.name} {detector.info.version} ({digest}), one thread, median of {given.rounds} rounds of {len(small)} images")
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}; load {os.getloadavg()[0]:.1f}\n")
    print("\n".join(report(detector, {"224 px": small, "1024 px": [enlarged(data) for data in small]}, given.rounds)))


if __name__ == "__main__":
    run(main)
