"""The labelled data: manifest, what is left out and why, and the split by group.

A group (one person, one generated image, one product) stands on one side of the split only. Whole generators and whole
sources of real images can be held out on top, which is the only figure that says something of what wasn't seen.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError
from averment.core.files import read_bounded, read_text
from averment.core.source import SourceRef

TRAIN, CALIBRATE, TEST = "train", "calibrate", "test"
TRAIN_SHARE, CALIBRATE_SHARE = 0.65, 0.15

ALLOWED_LICENCES = frozenset({"CC-BY-4.0", "CC0-1.0", "MIT", "public domain (US Government work)"})
"""Nothing else goes into training or the corpus."""

GROUNDS = ("given", "public-office")
"""What counts as a ground to use a person's picture: their consent, or the official portrait of somebody in public office."""

SOURCE_GROUNDS: Mapping[str, str] = {"london": "given", "congress": "public-office"}
"""The ground for each source of real portraits whose publisher states one in a place that could be read.

london: the set's page says that the people signed consent to the use of their images. congress: official portraits of members.
A manifest of one's own states it row by row in a column ``consent`` instead, which goes before this table.
"""

NO_GROUND = "no stated ground to use the person's picture"
"""Why a real portrait of any other source is left out."""

UNFIT_PRODUCTS: Mapping[str, str] = {
    "clothing/validation_t-shirt_3e33ad0d-e342-429c-89bd-fb1ece1a4065.jpg": "a person's photograph is printed on it",
}
"""Product photographs that show somebody after all: the one real hit among 26 that the face finder had in the 1,400 of the collection."""

LABELS, KINDS = ("real", "synthetic"), ("face", "product")

COLUMNS = ("file", "sha256", "label", "kind", "generator", "licence", "attribution", "group")


@dataclass(frozen=True)
class Sample:
    """One labelled image. ``source`` is its folder, ``group`` the independent unit, ``split`` one of train, calibrate, test.

    ``unseen`` says why it is in the test part whatever its group: its generator or its source was held out. ``consent`` is the ground to
    use a real person's picture, one of ``GROUNDS``; empty where no real person is shown.
    """

    path: Path
    file: str
    sha256: str
    label: str  # real or synthetic
    kind: str  # face or product
    generator: str
    licence: str
    attribution: str
    group: str
    split: str
    unseen: str = ""
    consent: str = ""

    @property
    def source(self) -> str:
        """The folder that it lies in: where it comes from."""
        return self.file.split("/", maxsplit=1)[0]

    @property
    def stratum(self) -> str:
        """Its generator, or its source if it is real: what figures are broken down by."""
        return self.generator or self.source


@dataclass(frozen=True)
class DataSet:
    """Samples with what pins them: hashes of the manifest and of the list of files used, and how many were left out for each reason."""

    samples: tuple[Sample, ...]
    manifest_sha256: str
    left_out: dict[str, int]

    @property
    def sha256(self) -> str:
        """Digest over the files' hashes, labels and splits, in order of name: two sets with this digest train the same model."""
        lines = (f"{sample.file} {sample.sha256} {sample.label} {sample.split}\n" for sample in self.samples)
        return sha256_hex("".join(lines).encode())

    def part(self, *splits: str) -> tuple[Sample, ...]:
        """The samples of the given splits."""
        return tuple(sample for sample in self.samples if sample.split in splits)


def load(folder: Path, *, seed: int, unseen_generators: Sequence[str] = (), unseen_sources: Sequence[str] = ()) -> DataSet:
    """Read ``folder``'s ``manifest.csv``, drop what is unfit and who has given no ground, check every file's hash, and split by group.

    Raises:
        BadInputError: a missing column or file, an unknown label, kind or licence, or a file whose hash isn't the manifest's.
    """
    manifest = folder / "manifest.csv"
    text = read_text(manifest)
    unfit = unfit_files()
    left_out: dict[str, int] = {}
    samples: list[Sample] = []
    for line, row in enumerate(_rows(text, manifest), start=2):
        where = SourceRef(str(manifest), line)
        _check_words(row, where)
        if reason := _unusable(row, unfit):
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        if row["licence"] not in ALLOWED_LICENCES:
            raise BadInputError(
                f"{row['file']} has the licence '{row['licence']}'", where=where, fix="use only data with a permissive licence"
            )
        path = folder / row["file"]
        if sha256_hex(read_bounded(path)) != row["sha256"]:
            raise BadInputError(f"{row['file']} is not the file that the manifest describes", where=where, fix="fetch it again")
        samples.append(_sample(row, path, seed, unseen_generators, unseen_sources))
    if not samples:
        raise BadInputError("there is nothing to train on", where=SourceRef(str(manifest)))
    return DataSet(tuple(sorted(samples, key=lambda sample: sample.file)), sha256_hex(text.encode()), left_out)


def unfit_files() -> dict[int, str]:
    """Numbers of the synthetic portraits that are not used, with the reason; looked at one by one."""
    text = resources.files("averment.detector.corpus").joinpath("unfit.csv").read_text(encoding="utf-8")
    return {number: row["reason"] for row in csv.DictReader(io.StringIO(text)) for number in range(int(row["first"]), int(row["last"]) + 1)}


def _check_words(row: Mapping[str, str], where: SourceRef) -> None:
    """A misspelt kind would let a portrait pass for something without people."""
    for column, known in (("label", LABELS), ("kind", KINDS)):
        if row[column] not in known:
            raise BadInputError(f"{row['file']} has the {column} '{row[column]}'", where=where, fix=f"write {' or '.join(known)}")


def _unusable(row: Mapping[str, str], unfit: Mapping[int, str]) -> str | None:
    """Why this row may not be used, if so."""
    if row["label"] == "synthetic":
        return unfit.get(_number(row["file"]))
    if row["kind"] == "face" and _ground(row) not in GROUNDS:
        return NO_GROUND
    return UNFIT_PRODUCTS.get(row["file"])


def _ground(row: Mapping[str, str]) -> str:
    """The ground to use the picture that the row states, or its source; empty where it shows no real person or nothing is stated."""
    if row["label"] != "real" or row["kind"] != "face":
        return ""
    return row["consent"] if "consent" in row else SOURCE_GROUNDS.get(row["file"].split("/", maxsplit=1)[0], "")


def _rows(text: str, manifest: Path) -> Iterable[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text))
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise BadInputError(f"the manifest lacks the columns {', '.join(missing)}", where=SourceRef(str(manifest), 1))
    return reader


def _number(file: str) -> int:
    """The number that a synthetic portrait's name begins with; -1 for other names."""
    head = file.rsplit("/", maxsplit=1)[-1].split("_", maxsplit=1)[0]
    return int(head) if head.isdigit() else -1


def _sample(row: dict[str, str], path: Path, seed: int, unseen_generators: Sequence[str], unseen_sources: Sequence[str]) -> Sample:
    # The same generated image stands in several figures of its source, each time with the figure in its group: the last part is the image.
    group = f"{row['generator']}_{row['group'].rsplit('_', 1)[-1]}" if row["label"] == "synthetic" else row["group"]
    unseen = ""
    if row["generator"] and row["generator"] in unseen_generators:
        unseen = "generator"
    elif row["file"].split("/", maxsplit=1)[0] in unseen_sources:
        unseen = "source"
    return Sample(
        path=path,
        split=TEST if unseen else split_of(group, seed),
        group=group,
        unseen=unseen,
        consent=_ground(row),
        **{name: row[name] for name in ("file", "sha256", "label", "kind", "generator", "licence", "attribution")},
    )


def split_of(group: str, seed: int) -> str:
    """Where ``group`` belongs: decided by a hash, so that adding data moves nobody."""
    number = int.from_bytes(hashlib.sha256(f"{seed}:{group}".encode()).digest()[:8], "big") / 2**64
    if number < TRAIN_SHARE:
        return TRAIN
    return CALIBRATE if number < TRAIN_SHARE + CALIBRATE_SHARE else TEST
