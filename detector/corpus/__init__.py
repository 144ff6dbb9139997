"""The reference corpus: a few real and synthetic images with licence and attribution, all held out of training.

Small by intention: enough to run the gate, the scan and a claim on something real, not enough to certify a detector.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from averment.core.canonical import sha256_hex
from averment.core.errors import IncompleteError


@dataclass(frozen=True)
class CorpusImage:
    """One image. ``label`` is real or synthetic, ``kind`` face or product, ``group`` the person or generated image it shows.

    ``consent`` is the ground to show a real person, "given" or "public-office"; empty where there is no real person. ``unseen`` is "generator"
    or "source" where nothing of that generator or source was in training at all, else empty.
    """

    path: Path
    file: str
    sha256: str
    label: str
    kind: str
    generator: str
    licence: str
    attribution: str
    consent: str
    group: str
    split: str
    unseen: str
    processing: str
    source_file: str

    def read(self) -> bytes:
        """The image's bytes.

        Raises:
            IncompleteError: missing, or not the bytes that the manifest describes.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise IncompleteError(f"the corpus image {self.file} can't be read: {error.strerror}", fix="install averment again") from error
        if sha256_hex(data) != self.sha256:
            raise IncompleteError(f"the corpus image {self.file} is not the one that the manifest describes", fix="install averment again")
        return data


def load() -> list[CorpusImage]:
    """Every image of the corpus, in the manifest's order.

    Raises:
        IncompleteError: the corpus isn't installed.
    """
    folder = resources.files("averment.detector.corpus")
    try:
        text = folder.joinpath("manifest.csv").read_text(encoding="utf-8")
    except OSError as error:
        raise IncompleteError("the reference corpus is not installed", fix="install averment again") from error
    return [CorpusImage(path=Path(str(folder.joinpath(row["file"]))), **row) for row in csv.DictReader(io.StringIO(text))]
