"""The committed corpus: whole, licensed, attributed, small, and held out of the shipped model's training."""

from __future__ import annotations

import csv
import io

from PIL import Image

from averment.detector import corpus
from averment.detector.corpus import build
from averment.detector.embedded import EmbeddedDetector
from averment.detector.training.data import ALLOWED_LICENCES, GROUNDS, TEST, split_of, unfit_files

CORPUS = corpus.load()


def test_every_image_is_the_one_in_the_manifest() -> None:
    """Hashes match, no image lies about that the manifest doesn't list, and each is a small JPEG of one size."""
    for image in CORPUS:
        data = image.read()
        assert len(data) <= 25 * 1024
        with Image.open(io.BytesIO(data)) as opened:
            assert (opened.format, opened.size) == ("JPEG", (build.SIDE, build.SIDE))
    assert {image.path.name for image in CORPUS} == {path.name for path in CORPUS[0].path.parent.iterdir()}
    assert sum(image.path.stat().st_size for image in CORPUS) < 1_500_000


def test_every_image_is_licensed_and_attributed() -> None:
    """Licence and attribution stand in the manifest for each, and each source in ATTRIBUTION.md."""
    text = (CORPUS[0].path.parent.parent / "ATTRIBUTION.md").read_text(encoding="utf-8")
    for image in CORPUS:
        assert image.licence in ALLOWED_LICENCES
        assert image.attribution
        assert f"| {image.source_file.split('/')[0]} |" in text


def test_no_image_was_in_training() -> None:
    """By the split that the lock records, every group of the corpus is in the test part, and `unseen` says what the lock says."""
    lock = EmbeddedDetector().lock
    assert lock["data"]["split"]["seed"] == build.SEED
    assert tuple(lock["data"]["unseen_generators"]) == build.UNSEEN_GENERATORS
    for image in CORPUS:
        unseen = image.generator in lock["data"]["unseen_generators"] or image.source_file.split("/")[0] in lock["data"]["unseen_sources"]
        assert bool(image.unseen) is unseen
        assert unseen or split_of(image.group, build.SEED) == TEST
        assert image.split == "held-out"


def test_every_person_shown_has_given_a_ground() -> None:
    """No portrait of a real person without consent or public office, and none claimed for anything else."""
    for image in CORPUS:
        person = image.label == "real" and image.kind == "face"
        assert (image.consent in GROUNDS) is person


def test_no_unfit_image_is_in_it() -> None:
    """Synthetic portraits that may show children, or were found stylised, stay out."""
    unfit = unfit_files()
    used = {int(image.source_file.split("/")[1].split("_")[0]) for image in CORPUS if image.label == "synthetic"}
    assert len(unfit) > 300
    assert not used & set(unfit)


def test_both_classes_stand_in_it_in_one_processing() -> None:
    """Real and synthetic portraits in about equal number, all equally processed: size and compression tell nothing."""
    faces = [image for image in CORPUS if image.kind == "face"]
    real = sum(image.label == "real" for image in faces)
    assert 0.4 <= real / len(faces) <= 0.6
    assert len({image.processing for image in CORPUS}) == 1
    tables = set()
    for image in CORPUS:
        with Image.open(image.path) as opened:
            tables.add(tuple(map(tuple, opened.quantization.values())))
    assert len(tables) == 1


def test_the_manifest_has_the_columns_that_load_needs() -> None:
    """The manifest's header is the build's, so that both change together."""
    with (CORPUS[0].path.parent.parent / "manifest.csv").open(encoding="utf-8", newline="") as handle:
        assert tuple(next(csv.reader(handle))) == build.COLUMNS
