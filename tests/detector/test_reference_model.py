"""The shipped model: file, lock, card and code belong together."""

from __future__ import annotations

from importlib import resources

from averment.core.canonical import sha256_hex
from averment.detector.embedded import EmbeddedDetector
from averment.detector.training.card import render
from averment.detector.training.provenance import code_digest

MODEL = resources.files("averment.detector.model")


def test_the_lock_describes_the_model_file() -> None:
    """Hash and size are those of the file, which fits in the wheel."""
    lock, model = EmbeddedDetector().lock, EmbeddedDetector().model_bytes()
    assert (sha256_hex(model), len(model)) == (lock["model"]["sha256"], lock["model"]["bytes"])
    assert len(model) <= 8 * 1024 * 1024


def test_the_card_is_what_the_lock_says() -> None:
    """Nobody has improved the card by hand."""
    assert MODEL.joinpath("CARD.md").read_text(encoding="utf-8") == render(EmbeddedDetector().lock)


def test_the_code_that_made_the_weights_is_the_code_in_the_tree() -> None:
    """Whoever changes data handling, views, network or training must train again (see the card's "Making")."""
    assert EmbeddedDetector().lock["code"]["sha256"] == code_digest()


def test_the_card_owns_up() -> None:
    """What the model can't do, and what the data gives away, stand in the card with their figures."""
    lock, card = EmbeddedDetector().lock, MODEL.joinpath("CARD.md").read_text(encoding="utf-8")
    for words in (
        "Faces only",
        "Figures for manipulation are figures on fakes that were made here",
        "Unseen generators are a guess",
        "prove little",
        "Not for decisions about people",
    ):
        assert words in card
    assert f"{lock['style_baseline']['auc']:.3f}" in card
    assert f"{lock['style_probe']['auc']:.3f}" in card
