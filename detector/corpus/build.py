"""``python -m averment.detector.corpus.build --data DIR``: rebuild the corpus from the whole collection.

Only groups that training never saw (the test part of its split) are drawn, by a hash, so that the choice is nobody's taste; images that
were looked at and found unfit are listed in ``unfit.csv`` and below. Every class gets the same size and the same compression.
"""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
from collections.abc import Mapping
from pathlib import Path

import click
from PIL import Image

from averment.core.canonical import sha256_hex
from averment.core.files import write_atomic
from averment.detector.corpus.sources import SOURCES
from averment.detector.imaging import decode, square
from averment.detector.training.data import TEST, Sample, load

SIDE, QUALITY = 224, 88
PER_STRATUM: Mapping[str, int] = {
    "congress": 22,
    "london": 16,
    "FLUX1_dev": 12,
    "FLUX1_pro": 2,
    "FLUX1_schnell": 10,
    "SDXL": 14,
    "clothing": 4,
    "grocery": 4,
}
SEED, UNSEEN_GENERATORS, UNSEEN_SOURCES = 20261123, ("FLUX1_dev",), ()
"""As the shipped model is trained; a test compares them with its lock."""

PASSED_OVER = frozenset(
    {
        "sfhq_t2i/0043_SDXL.jpg",
        "sfhq_t2i/0070_SDXL.jpg",
        "sfhq_t2i/0272_SDXL.jpg",
        "sfhq_t2i/0281_SDXL.jpg",
        "sfhq_t2i/0297_FLUX1_dev.jpg",
        "sfhq_t2i/0298_FLUX1_dev.jpg",
        "sfhq_t2i/0363_FLUX1_pro.jpg",
        "sfhq_t2i/0643_FLUX1_schnell.jpg",
        "sfhq_t2i/0647_FLUX1_schnell.jpg",
        "sfhq_t2i/0724_FLUX1_dev.jpg",
        "sfhq_t2i/1036_FLUX1_schnell.jpg",
        "sfhq_t2i/1164_SDXL.jpg",
        "sfhq_t2i/1287_FLUX1_dev.jpg",
    }
)
"""Drawn, looked at and passed over: stylised, or too young to be sure."""

COLUMNS = (
    "file", "sha256", "label", "kind", "generator", "licence", "attribution", "consent", "group", "split", "unseen", "processing", "source_file",
)  # fmt: skip

_TAKEN = ("label", "kind", "generator", "licence", "attribution", "consent", "group", "unseen")


def choose(samples: tuple[Sample, ...]) -> list[Sample]:
    """The corpus: per generator and source the first so many by hash, one a group."""
    chosen: list[Sample] = []
    for stratum, count in PER_STRATUM.items():
        pool = [sample for sample in samples if sample.stratum == stratum and sample.file not in PASSED_OVER]
        ranked = sorted(pool, key=lambda sample: hashlib.sha256(f"corpus:{sample.file}".encode()).digest())
        first_of_group = list({sample.group: sample for sample in reversed(ranked)}.values())
        chosen += sorted(first_of_group, key=ranked.index)[:count]
    return chosen


def build(data: Path, out: Path) -> int:
    """Write images, ``manifest.csv`` and ``ATTRIBUTION.md`` into ``out``; the number of images."""
    dataset = load(data, seed=SEED, unseen_generators=UNSEEN_GENERATORS, unseen_sources=UNSEEN_SOURCES)
    chosen = choose(dataset.part(TEST))
    shutil.rmtree(out / "images", ignore_errors=True)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for number, sample in enumerate(chosen, start=1):
        image = _reduced(sample.path.read_bytes())
        file = f"images/{number:03d}-{sample.label}-{sample.stratum.lower().replace('_', '-')}.jpg"
        write_atomic(out / file, image)
        writer.writerow(
            {
                "file": file,
                "sha256": sha256_hex(image),
                "split": "held-out",
                "processing": f"central square, {SIDE} px (Lanczos), JPEG q{QUALITY} 4:2:0",
                "source_file": sample.file,
                **{name: getattr(sample, name) for name in _TAKEN},
            }
        )
    write_atomic(out / "manifest.csv", buffer.getvalue().encode())
    write_atomic(out / "ATTRIBUTION.md", _attribution(chosen).encode())
    return len(chosen)


def _reduced(data: bytes) -> bytes:
    buffer = io.BytesIO()
    square(decode(data)).resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue()


_MIT = """> Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
> "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
> distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to
> the following conditions:
>
> The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.
>
> THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
> MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR
> ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH
> THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
"""The licence asks for its own words."""


def _attribution(chosen: list[Sample]) -> str:
    counts = {name: sum(sample.source == name for sample in chosen) for name in SOURCES}
    rows = "\n".join(f"| {name} | {counts[name]} | {source.attribution} |" for name, source in SOURCES.items() if counts[name])
    return f"""# Attribution

{len(chosen)} images, each with its licence in `manifest.csv`; written by `python -m averment.detector.corpus.build`.

| source | images | who and under which licence |
|---|---|---|
{rows}

CC BY 4.0: https://creativecommons.org/licenses/by/4.0/. CC0 1.0: https://creativecommons.org/publicdomain/zero/1.0/.
The MIT licence (SFHQ-T2I: Copyright (c) 2024 David Beniaguev; Grocery Store Dataset: Copyright (c) 2019 Marcus Klasson):

{_MIT}
The real portraits are of people who gave signed consent to the use in research (london) and of public officials in their official portraits
(congress); the column `consent` says which. They stand here to measure false alarms, and for nothing else: don't use them to identify
anyone or to make synthetic media of them.
"""


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder with manifest.csv.")
@click.option("--out", default=Path(__file__).parent, type=click.Path(path_type=Path, file_okay=False), help="Where the corpus goes.")
def main(data: Path, out: Path) -> None:
    """Rebuild the reference corpus.

    Example: python -m averment.detector.corpus.build --data images
    """
    click.echo(f"{build(data, out)} images in {out}")


if __name__ == "__main__":
    main()
