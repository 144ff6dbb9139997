"""Images a CPU-second of a detector, decoding, face detection and networks apart: ``python benchmarks/detector/speed.py [--detector SPEC]``.

CPU time of this process, one thread, so that other load on the machine matters little. Input: the portraits of the reference corpus (224 px),
and the same enlarged to 1024 px, which is what phones and shops send at least.
"""

from __future__ import annotations

import argparse
import io
import statistics

from PIL import Image
from stages import Stages, timed

from averment.detector import corpus
from averment.detector.opening import open_detector


def enlarged(data: bytes, side: int = 1024) -> bytes:
    """The image at ``side`` pixels, JPEG quality 90."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        image.resize((side, side), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def line(rounds: list[Stages], stage: str) -> str:
    """The median rate of a stage over the rounds."""
    rates = [rate for stages in rounds if (rate := stages.rate(getattr(stages, stage))) is not None]
    return f"{statistics.median(rates):10,.0f}" if rates else f"{'-':>10}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--detector", help="As for averment prove; by default the embedded one.")
    given = parser.parse_args()
    detector = open_detector(given.detector)
    small = [image.read() for image in corpus.load() if image.kind == "face"][:64]
    names = ("whole", "decode", "faces", "network", "rest")
    print(f"{detector.info.name} {detector.info.version}, images a CPU-second, one thread, median of {given.rounds}:")
    print(f"  {'':<10}{''.join(f'{name:>10}' for name in names)}")
    for name, images in (("224 px", small), ("1024 px", [enlarged(data) for data in small])):
        rounds = [timed(detector, images)[1] for _ in range(given.rounds)]
        print(f"  {name:<10}{''.join(line(rounds, stage) for stage in names)}")


if __name__ == "__main__":
    main()
