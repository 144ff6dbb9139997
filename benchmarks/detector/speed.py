"""Images a CPU-second of the embedded detector, decoding and network apart: ``python benchmarks/detector/speed.py [--rounds 5]``.

CPU time of this process, one thread, so that other load on the machine matters little. Input: the reference corpus (224 px), and
the same portraits enlarged to 1024 px, which is what phones and shops send at least.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from averment.detector import corpus
from averment.detector.embedded import BATCH, EmbeddedDetector
from averment.detector.imaging import prepare


def rate(work: Callable[[], object], images: int, rounds: int) -> float:
    """The median over rounds of images a CPU-second."""
    rates = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        rates.append(images / (time.process_time() - start))
    return statistics.median(rates)


def enlarged(data: bytes, side: int = 1024) -> bytes:
    """The image at ``side`` pixels, JPEG quality 90."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        image.resize((side, side), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    small = [image.read() for image in corpus.load() if image.kind == "face"][:64]
    large = [enlarged(data) for data in small]
    detector = EmbeddedDetector()
    detector.score(small[:1])
    session = detector._session
    batch = np.stack([prepare(data) for data in small[:BATCH]])
    print(
        f"model {detector.lock['model']['bytes']:,} bytes, {detector.lock['model']['parameters']:,} parameters; images a CPU-second, one thread:"
    )
    print(f"  network alone, batches of {BATCH}     {rate(lambda: session.run(None, {'pixels': batch}), BATCH, 3 * rounds):8.0f}")
    for name, images in (("224 px", small), ("1024 px", large)):
        print(f"  decode and prepare, {name:<10}    {rate(lambda i=images: [prepare(data) for data in i], len(images), rounds):8.0f}")
        print(f"  whole detector, {name:<10}        {rate(lambda i=images: detector.score(i), len(images), rounds):8.0f}")


if __name__ == "__main__":
    main()
