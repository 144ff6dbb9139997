"""Claims on watermarks: found as it is and after what platforms do, by the mark alone or by way of the provenance log.

Pictures are smooth textures made here from fixed seeds.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from averment.core.canonical import canonical_json
from averment.core.errors import BadInputError
from averment.core.words import ClaimVerdict
from averment.detector.claims.interface import ClaimContext, ClaimResult
from averment.detector.claims.run import check_claim, plan_claim, run_claim
from averment.detector.claims.statistics import binomial_bounds
from averment.detector.credentials.log import Entry, FileLog
from averment.detector.credentials.marking import mark_media, payload_of
from averment.detector.credentials.recovery import fingerprint
from averment.detector.credentials.scheme import PUBLIC_KEY
from averment.evidence.plots.charts import charts

OWN_KEY = b"a key of the shop's own, 32 bytes"
PLATFORM = [{"jpeg": 50}, {"resize": 0.75}]


@cache
def picture(seed: int) -> bytes:
    """Noise with a spectrum of 1/f, as a photograph's falls."""
    random = np.random.default_rng(seed)
    rows, columns = np.meshgrid(np.fft.fftfreq(512), np.fft.rfftfreq(512), indexing="ij")
    grey = np.fft.irfft2(np.fft.rfft2(random.normal(size=(512, 512))) / np.maximum(np.hypot(rows, columns), 1 / 512), s=(512, 512))
    tinted = (40 * grey / grey.std())[..., None] + random.normal(0, 2, (512, 512, 3)) + 120
    output = io.BytesIO()
    Image.fromarray(np.clip(tinted, 0, 255).astype(np.uint8)).save(output, "JPEG", quality=92)
    return output.getvalue()


@cache
def marked(seed: int, key: bytes = PUBLIC_KEY) -> bytes:
    return mark_media(picture(seed), payload_of(hashlib.sha256(picture(seed)).hexdigest()), key).data


def foreign(seed: int) -> bytes:
    """Marked with another key than the claim's."""
    return marked(seed, OWN_KEY)


def broken(_: int) -> bytes:
    return b"\xff\xd8\xff broken"


def fill(folder: Path, *makers: tuple[Callable[[int], bytes], int]) -> Path:
    media = folder / "media"
    media.mkdir()
    kinds = [make for make, count in makers for _ in range(count)]
    for number, make in enumerate(kinds):
        (media / f"{number:04}.jpg").write_bytes(make(number))
    return folder


def run(folder: Path, seed: int = 20261001, **fields: Any) -> ClaimResult:
    spec = {"type": "watermark-coverage", "population": "p", "at_least": 0.9, **fields}
    return run_claim(spec, ClaimContext(populations={"p": "media"}, root=folder, seed=seed))


def test_a_mark_counts_if_it_is_read_as_it_is_and_after_each_transform(tmp_path: Path) -> None:
    """Two marked, one unmarked, one of another key: half; each transform has its figures, and the others are named."""
    result = run(fill(tmp_path, (marked, 2), (picture, 1), (foreign, 1)), transforms=PLATFORM)
    assert (result.estimate, result.verdict) == (0.5, ClaimVerdict.REFUTED)
    assert result.details["states"]["found as it is and after each transform"] == 2
    assert result.details["states"]["not found as it is"] == 2
    assert result.details["not_found"] == ["0002.jpg", "0003.jpg"]
    assert result.details["found_by_transform"] == [
        {"transform": name, "found": 2, "unreadable": 0, "of": 4} for name in ("untouched", "jpeg 50", "resize 0.75")
    ]
    assert "after each of jpeg 50, resize 0.75" in result.statement
    assert [chart.name for chart in charts(result.to_json())] == ["found-by-transform"]
    canonical_json(result.to_json())


def test_what_a_transform_wipes_out_is_lost(tmp_path: Path) -> None:
    """A crop to a third leaves less than is searched for: found as it is, lost after it, and so not covered."""
    result = run(fill(tmp_path, (marked, 2)), transforms=[{"crop": 0.35}])
    assert result.verdict is ClaimVerdict.REFUTED
    assert result.details["states"]["found as it is, and not after a transform"] == 2
    assert [row["found"] for row in result.details["found_by_transform"]] == [2, 0]
    assert run(tmp_path).verdict is ClaimVerdict.SUPPORTED, "as they are, both are found: a census"


def test_a_key_of_ones_own_is_read_with_it_alone(tmp_path: Path) -> None:
    """The public key sees nothing of it; which key it was is pinned by its digest."""
    fill(tmp_path, (foreign, 2))
    (tmp_path / "own.key").write_bytes(OWN_KEY)
    with_key, without = run(tmp_path, key="own.key"), run(tmp_path)
    assert (with_key.verdict, without.verdict) == (ClaimVerdict.SUPPORTED, ClaimVerdict.REFUTED)
    assert with_key.inputs["key"] == hashlib.sha256(OWN_KEY).hexdigest()
    (tmp_path / "own.key").write_bytes(b"short")
    with pytest.raises(BadInputError, match="5 bytes"):
        run(tmp_path, key="own.key")


def entry(data: bytes, source: bytes, *, watermark: bool = True) -> Entry:
    digest = hashlib.sha256(source).hexdigest()
    return Entry(
        object="s3://shop/x.jpg",
        sha256=hashlib.sha256(data).hexdigest(),
        source_sha256=digest,
        key="here",
        signed_at="2026-11-01T00:00:00Z",
        digital_source_type="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        perceptual_hash=fingerprint(data),
        watermark=payload_of(digest) if watermark else None,
    )


def test_with_a_log_it_has_to_lead_to_the_mediums_own_entry(tmp_path: Path) -> None:
    """By the watermark, or where there is none by the perceptual hash. What was never logged, or whose pixels lead to another, isn't covered."""
    fill(tmp_path, (marked, 1), (picture, 1), (marked, 1))
    log = FileLog(tmp_path / "log.jsonl")
    log.append(entry(marked(0), picture(0)))
    log.append(entry(picture(1), b"the file before signing", watermark=False))
    result = run(tmp_path, transforms=[{"jpeg": 50}], log="log.jsonl", at_least=0.5)
    assert result.details["states"]["found as it is and after each transform"] == 2
    assert result.details["states"]["not in the provenance log"] == 1
    assert result.details["not_found"] == ["0002.jpg"]
    assert (result.estimate, result.verdict) == (pytest.approx(2 / 3), ClaimVerdict.SUPPORTED)
    assert (result.inputs["log_entries"], result.details["found_by_transform"][0]["of"]) == (2, 2)
    assert "led back to their entry in log.jsonl after each of jpeg 50" in result.statement
    # Its mark is in the log as that of another source, and its own entry has none: its pixels lead to the wrong one.
    other = tmp_path / "other.jsonl"
    FileLog(other).append(entry(picture(1), picture(0)))
    FileLog(other).append(Entry(**{**entry(marked(0), b"elsewhere").to_json(), "perceptual_hash": None, "watermark": None}))
    wrong = run(tmp_path, log="other.jsonl")
    assert wrong.details["states"]["not found as it is"] == 1


def test_an_empty_log_can_show_nothing(tmp_path: Path) -> None:
    """A wrong file name would else look like media without marks."""
    fill(tmp_path, (marked, 1))
    (tmp_path / "log.jsonl").write_text("")
    with pytest.raises(BadInputError, match="is empty"):
        run(tmp_path, log="log.jsonl")


def test_what_can_not_be_read_counts_neither_way(tmp_path: Path) -> None:
    """Two found and one broken, of three: the share lies between two thirds and one."""
    result = run(fill(tmp_path, (marked, 2), (broken, 1)), at_least=0.8)
    assert result.interval is not None
    assert (result.interval.low, result.interval.high) == (pytest.approx(2 / 3), 1.0)
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert "1 could not be read and may be either" in result.reason


def test_a_sample_gives_exact_binomial_bounds_and_repeats_itself(tmp_path: Path) -> None:
    """Three of three out of five: Clopper-Pearson, the size that would settle it, and the same result for the same seed."""
    fill(tmp_path, (marked, 5))
    result, again = run(tmp_path, sample=3), run(tmp_path, sample=3)
    bounds = binomial_bounds(3, 3, 0.95)
    assert result.interval is not None
    assert (result.interval.low, result.interval.high, result.needed) == (
        bounds.low,
        bounds.high,
        5,
    )  # all there is; 29 if there were as many
    [untouched] = result.details["found_by_transform"]
    assert (untouched["found"], untouched["low"], untouched["high"]) == (3, bounds.low, bounds.high)
    assert result.to_json() == again.to_json()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"at_least": 0}, "says nothing"),
        ({"transforms": []}, "transforms is"),
        ({"transforms": [{"jpeg": 50}, {"jpeg": 50}]}, "names one twice"),
        ({"transforms": [{"melt": 1}]}, "no transform 'melt'"),
        ({"metric": "auc"}, "no field 'metric'"),
        ({"log": 3}, "log is 3"),
    ],
)
def test_a_statement_that_can_not_be_tested_is_refused(changes: dict[str, Any], message: str) -> None:
    """With what to write instead."""
    with pytest.raises(BadInputError, match=message):
        check_claim({"type": "watermark-coverage", "population": "p", "at_least": 0.9, **changes})


def test_the_plan_is_that_of_a_share() -> None:
    """59 of 59 for 95 % at 95 % confidence."""
    assert plan_claim({"type": "watermark-coverage", "population": "p", "at_least": 0.95, "transforms": PLATFORM}).least == 59
