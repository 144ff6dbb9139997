"""Disclosure claims: only a trusted credential that says AI counts. Images are noise made here with Pillow."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

from averment.core.aws import client
from averment.core.canonical import canonical_json
from averment.core.errors import BadInputError, IncompleteError
from averment.core.words import ClaimVerdict
from averment.detector.claims import coverage
from averment.detector.claims.interface import ClaimContext, ClaimResult, Look, Looks
from averment.detector.claims.run import check_claim, plan_claim, run_claim
from averment.detector.claims.statistics import binomial_bounds
from averment.detector.claims.trace import Trace
from averment.detector.credentials.authority import TestAuthority
from averment.detector.credentials.keys import PemEcdsaSigner
from averment.detector.credentials.signing import cose_signature, sign_media


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    output = io.BytesIO()
    Image.fromarray(pixels).save(output, "JPEG")
    return output.getvalue()


@cache
def identity() -> tuple[TestAuthority, PemEcdsaSigner, bytes]:
    authority, signer = TestAuthority.create(), PemEcdsaSigner(ec.generate_private_key(ec.SECP256R1()), "here")
    return authority, signer, authority.issue(signer.public_key(), "here")


def marked(seed: int) -> bytes:
    _, signer, chain = identity()
    return sign_media(picture(seed), signer, chain).data


def foreign(seed: int) -> bytes:
    signer = PemEcdsaSigner(ec.generate_private_key(ec.SECP256R1()), "stranger")
    return sign_media(picture(seed), signer, TestAuthority.create().issue(signer.public_key(), "stranger")).data


def tampered(seed: int) -> bytes:
    data = bytearray(marked(seed))
    data[-40] ^= 1
    return bytes(data)


def photographed(seed: int) -> bytes:
    """Signed under the trusted authority, but as a camera's capture: trusted, and no disclosure of AI."""
    _, signer, chain = identity()
    output = io.BytesIO()
    with c2pa.Builder({"claim_generator_info": [{"name": "camera", "version": "1"}], "assertions": []}) as builder:
        builder.set_intent(c2pa.C2paBuilderIntent.CREATE, c2pa.C2paDigitalSourceType.DIGITAL_CAPTURE)
        with c2pa.Signer.from_callback(
            lambda data: cose_signature(signer, bytes(data)), c2pa.C2paSigningAlg.ES256, chain.decode()
        ) as native:
            builder.sign(native, "image/jpeg", io.BytesIO(picture(seed)), output)
    return output.getvalue()


@pytest.fixture
def anchors(tmp_path: Path) -> Path:
    path = tmp_path / "anchors.pem"
    path.write_bytes(identity()[0].anchors)
    return path


def run(folder: Path, anchors: Path | None, seed: int = 20261001, **fields: Any) -> ClaimResult:
    spec = {"type": "disclosure-coverage", "population": "p", "at_least": 0.99, **fields}
    return run_claim(spec, ClaimContext(populations={"p": "media"}, root=folder, trust_anchors=anchors, seed=seed))


def fill(folder: Path, *makers: tuple[Callable[[int], bytes], int]) -> Path:
    media = folder / "media"
    media.mkdir()
    number = 0
    for make, count in makers:
        for _ in range(count):
            (media / f"{number:04}.jpg").write_bytes(make(number))
            number += 1
    return folder


def test_only_a_trusted_credential_that_says_ai_counts(tmp_path: Path, anchors: Path) -> None:
    """Each other state is counted by name, and the unmarked media are listed."""
    kinds = (marked, 5), (foreign, 1), (tampered, 1), (photographed, 1), (picture, 2)
    result = run(fill(tmp_path, *kinds), anchors)
    assert result.estimate == 0.5
    assert result.verdict is ClaimVerdict.REFUTED
    assert result.details["states"] == {
        "marked": 5,
        "trusted, but not stated to be AI-generated": 1,
        "valid but untrusted": 1,
        "tampered": 1,
        "no credential": 2,
        "could not be read": 0,
    }
    assert result.details["unmarked"] == [f"{number:04}.jpg" for number in range(5, 10)]


def test_anchors_that_are_none_are_named(tmp_path: Path) -> None:
    """As averment.yaml names them, for every claim alike: which file has to change is the first question."""
    (tmp_path / "junk.pem").write_text("junk")
    with pytest.raises(BadInputError, match="the trust anchors are not certificates") as refused:
        run(fill(tmp_path, (marked, 1)), tmp_path / "junk.pem")
    assert refused.value.where is not None
    assert refused.value.where.file == str(tmp_path / "junk.pem")


def test_a_census_is_known_exactly(tmp_path: Path, anchors: Path) -> None:
    """Ten of ten marked supports 99 %, which no sample of ten could: there is nothing to infer."""
    result = run(fill(tmp_path, (marked, 10)), anchors)
    assert result.verdict is ClaimVerdict.SUPPORTED
    assert result.interval is not None
    assert (result.interval.low, result.interval.high, result.interval.confidence) == (1.0, 1.0, 1.0)
    assert "census" in result.interval.method
    assert result.details["census"] is True
    canonical_json(result.to_json())


def test_one_medium_is_told_in_the_singular(tmp_path: Path, anchors: Path) -> None:
    """A reason is a sentence that somebody reads."""
    result = run(fill(tmp_path, (marked, 1)), anchors)
    assert result.reason.startswith("1 of 1 is marked, which is all there is")
    assert result.interval is not None
    assert result.interval.method == "census: everything was examined, the share is known exactly"


def test_a_census_can_show_a_bar_of_one(tmp_path: Path, anchors: Path) -> None:
    """Every single one: possible only by looking at all."""
    assert run(fill(tmp_path, (marked, 3)), anchors, at_least=1.0).verdict is ClaimVerdict.SUPPORTED
    assert run(tmp_path, anchors, at_least=1.0, sample=2).verdict is ClaimVerdict.INCONCLUSIVE


def test_a_sample_gives_exact_binomial_bounds_and_what_would_settle_it(tmp_path: Path, anchors: Path) -> None:
    """Twelve of twelve out of twenty: open at 99 %, and looking at all twenty would settle it; the bounds are Clopper-Pearson's."""
    result = run(fill(tmp_path, (marked, 20)), anchors, sample=12)
    bounds = binomial_bounds(12, 12, 0.95)
    assert result.interval is not None
    assert (result.interval.low, result.interval.high) == (bounds.low, bounds.high)
    assert (result.verdict, result.samples, result.needed) == (
        ClaimVerdict.INCONCLUSIVE,
        12,
        20,
    )  # a clean run of 299 if there were as many
    assert run(tmp_path, anchors, sample=12, at_least=0.75).verdict is ClaimVerdict.SUPPORTED


def test_the_same_seed_draws_the_same_media(tmp_path: Path, anchors: Path) -> None:
    """And records which, by hash; another seed draws others."""
    fill(tmp_path, (picture, 40))
    first, again, other = (run(tmp_path, anchors, seed=seed, sample=10) for seed in (1, 1, 2))
    assert first.to_json() == again.to_json()
    assert first.inputs["sample"] != other.inputs["sample"]
    assert first.inputs["frame"] == other.inputs["frame"]
    assert first.inputs["count"] == 40


def test_what_can_not_be_read_is_neither_marked_nor_unmarked(tmp_path: Path, anchors: Path) -> None:
    """The lower bound takes it for unmarked, the upper for marked: four marked and one broken leave 90 % open."""
    fill(tmp_path, (marked, 4), (lambda _: b"\xff\xd8\xff broken", 1))
    result = run(tmp_path, anchors, at_least=0.9)
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert result.interval is not None
    assert (result.interval.low, result.interval.high) == (0.8, 1.0)
    assert "1 could not be read" in result.reason
    assert result.interval.method == "census: all that could be read was examined; the rest may be either"
    assert run(tmp_path, anchors, at_least=0.8).verdict is ClaimVerdict.SUPPORTED


def test_what_can_not_be_read_widens_the_bounds_of_a_sample_both_ways(tmp_path: Path, anchors: Path) -> None:
    """Eight marked and two broken, of eleven: as if 8 of 10 for the lower bound, as if 10 of 10 for the upper."""
    fill(tmp_path, (marked, 8), (lambda _: b"\xff\xd8\xff broken", 3))
    seed = next(seed for seed in range(100) if run(tmp_path, anchors, seed=seed, sample=10).details["states"]["could not be read"] == 2)
    result = run(tmp_path, anchors, seed=seed, sample=10)
    assert result.interval is not None
    assert (result.interval.low, result.interval.high) == (binomial_bounds(8, 10, 0.95).low, binomial_bounds(10, 10, 0.95).high)


def test_what_the_frame_refused_may_be_either(tmp_path: Path, anchors: Path) -> None:
    """One marked picture among fifty links is not all there is: between 1 of 51 and everything, whether by a census or by a sample."""
    fill(tmp_path, (marked, 12))
    for number in range(48):
        (tmp_path / "media" / f"link-{number}.jpg").symlink_to(tmp_path / "media" / "0000.jpg")
    result = run(tmp_path, anchors, at_least=0.5)
    assert result.interval is not None
    assert (result.interval.low, result.interval.high) == (pytest.approx(12 / 60), 1.0)
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert "12 of 12 are marked, which is all that could be read" in result.reason
    assert result.interval.method == "census: all that could be read was examined; the rest may be either"
    assert "48 more were not opened and may be either (link: 48)" in result.reason
    sampled = run(tmp_path, anchors, at_least=0.5, sample=11)
    assert sampled.interval is not None
    assert sampled.interval.low == pytest.approx(binomial_bounds(11, 11, 0.95).low * 12 / 60)
    assert (sampled.verdict, sampled.needed) == (ClaimVerdict.INCONCLUSIVE, None), "no sample settles what can't be drawn"
    assert run(tmp_path, anchors, at_least=0.2).verdict is ClaimVerdict.SUPPORTED, "a fifth is marked, whatever the links are"


@pytest.mark.parametrize("images_only", [True, False])
def test_a_linked_folder_may_lead_to_any_number_of_media(tmp_path: Path, anchors: Path, images_only: bool) -> None:
    """Counted as one that may be either, it was one among all that are marked, whatever lay behind it."""
    fill(tmp_path, (marked, 12))
    assert run(tmp_path, anchors, at_least=0.9, images_only=images_only).verdict is ClaimVerdict.SUPPORTED
    (tmp_path / "archive").mkdir()
    (tmp_path / "media" / "archive").symlink_to(tmp_path / "archive")
    result = run(tmp_path, anchors, at_least=0.9, images_only=images_only)
    assert (result.verdict, result.needed) == (ClaimVerdict.INCONCLUSIVE, None)
    assert "; 1 linked folder may lead to any number of media: name a place without links" in result.reason


def test_copies_are_counted_and_said(tmp_path: Path, anchors: Path) -> None:
    """Forty copies of one marked picture are forty media that are marked, and a reader has to know what the share is made of."""
    fill(tmp_path, (marked, 3), (picture, 1))
    assert "the bytes of another one" not in run(tmp_path, anchors, at_least=0.5).reason
    for number in range(37):
        (tmp_path / "media" / f"copy-{number}.jpg").write_bytes((tmp_path / "media" / "0000.jpg").read_bytes())
    result = run(tmp_path, anchors, at_least=0.9)
    assert (result.verdict, result.samples) == (ClaimVerdict.SUPPORTED, 41)
    counted, trusted = result.reason.split("; trusted is what is signed under ")
    assert counted.endswith("; 37 have the bytes of another one, and are counted")
    assert trusted == '"CN=Averment TEST authority - trust nothing signed under it,O=Averment test"', "marks that nobody else trusts say so"


def test_refused_media_can_not_hide_what_is_unmarked(tmp_path: Path, anchors: Path) -> None:
    """Eight unmarked ones of ten refute nine tenths, whatever the link is."""
    fill(tmp_path, (marked, 2), (picture, 8))
    (tmp_path / "media" / "link.jpg").symlink_to(tmp_path / "media" / "0000.jpg")
    assert run(tmp_path, anchors, at_least=0.9).verdict is ClaimVerdict.REFUTED


@pytest.mark.parametrize("sample", [None, 11])
def test_files_that_are_not_called_images_keep_a_claim_from_being_supported(tmp_path: Path, anchors: Path, sample: int | None) -> None:
    """Nobody looked at them, and they may be generated; unless the claim says that it isn't about them, and then its statement says so."""
    fill(tmp_path, (marked, 12))
    for name in ("film.ts", "picture.dat", "no-suffix"):
        (tmp_path / "media" / name).write_bytes(picture(1))
    more = {"at_least": 0.5, **({"sample": sample} if sample else {})}
    result = run(tmp_path, anchors, **more)
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert "3 other files, which aren't called images or videos, were not looked at and may be generated media" in result.reason
    only = run(tmp_path, anchors, images_only=True, **more)
    assert only.verdict is ClaimVerdict.SUPPORTED
    assert "3 other files" in only.reason
    assert "generated media that are called images" in only.statement
    for told in (result, only):
        assert told.interval is not None
        assert "everything" not in told.interval.method
        assert "all there is" not in told.reason
    if sample is None:
        assert only.interval.method == "census: all that is called an image was examined, and of that the share is known exactly"
        assert "12 of 12 are marked, which is all that is called an image" in only.reason
    (tmp_path / "media" / "0000.jpg").write_bytes(picture(0))
    refuted = run(tmp_path, anchors, at_least=1.0)
    assert refuted.verdict is ClaimVerdict.REFUTED, "an unmarked picture is one, whatever lies beside it"
    assert "3 other files" in refuted.reason


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".JPE", ".bmp", ".heif"])
def test_no_name_of_an_image_is_passed_over(tmp_path: Path, anchors: Path, suffix: str) -> None:
    """A claim about images only is about every file that is called one: twelve marked pictures and one unmarked by an unusual name refute all."""
    fill(tmp_path, (marked, 12))
    (tmp_path / "media" / f"unmarked{suffix}").write_bytes(picture(1))
    result = run(tmp_path, anchors, at_least=1.0, images_only=True)
    assert (result.verdict, result.samples) == (ClaimVerdict.REFUTED, 13)


def film(folder: Path) -> bytes:
    """A clip of a second, made here."""
    import av
    import numpy as np

    path = folder / "plain.mp4"
    with av.open(str(path), "w") as out:
        track = out.add_stream("mpeg4", rate=12)
        track.width, track.height, track.pix_fmt = 160, 120, "yuv420p"
        for _ in range(12):
            out.mux(track.encode(av.VideoFrame.from_ndarray(np.full((120, 160, 3), 90, np.uint8), format="rgb24")))
        out.mux(track.encode())
    return path.read_bytes()


def signed_film(folder: Path) -> bytes:
    """The clip, signed as made by AI by the authority of these tests."""
    _, signer, chain = identity()
    return sign_media(film(folder), signer, chain).data


@pytest.mark.parametrize("place", ["folder", "s3"])
def test_generated_videos_have_to_be_marked_too(sandbox: object, tmp_path: Path, anchors: Path, place: str) -> None:
    """Article 50 doesn't stop at pictures: a marked clip counts, an unmarked one refutes, and a claim about images only knows of neither."""
    media = {"generated/1.jpg": marked(1), "generated/2.mp4": signed_film(tmp_path), "generated/3.MOV": film(tmp_path)}
    s3 = client("s3")
    s3.create_bucket(Bucket="films", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for name, data in media.items():
        s3.put_object(Bucket="films", Key=name, Body=data)
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    where = "s3://films/generated/" if place == "s3" else "generated"
    spec = {"type": "disclosure-coverage", "population": "p", "at_least": 0.9}
    context = ClaimContext(populations={"p": where}, trust_anchors=anchors, root=tmp_path)
    result = run_claim(spec, context)
    assert (result.verdict, result.samples, result.estimate) == (ClaimVerdict.REFUTED, 3, pytest.approx(2 / 3))
    assert [Path(name).name for name in result.details["unmarked"]] == ["3.MOV"]
    only = run_claim({**spec, "images_only": True}, context)
    assert (only.verdict, only.samples) == (ClaimVerdict.SUPPORTED, 1)
    assert "2 other files, which aren't called images, were not looked at, as the claim is about images only" in only.reason


def test_keys_without_a_suffix_are_named(sandbox: object, anchors: Path) -> None:
    """In S3 a key needs none, and a picture under such a key is no less published."""
    s3 = client("s3")
    s3.create_bucket(Bucket="shop", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for key in ("generated/1.jpg", "generated/2"):
        s3.put_object(Bucket="shop", Key=key, Body=marked(1) if key.endswith("jpg") else picture(2))
    spec = {"type": "disclosure-coverage", "population": "p", "at_least": 0.9}
    result = run_claim(spec, ClaimContext(populations={"p": "s3://shop/generated/"}, trust_anchors=anchors))
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert "1 other file, which isn't called an image or a video, was not looked at" in result.reason


def test_an_empty_population_shows_nothing(tmp_path: Path, anchors: Path) -> None:
    """ "All of nothing is marked" isn't support."""
    result = run(fill(tmp_path), anchors)
    assert (result.verdict, result.estimate, result.interval) == (ClaimVerdict.INCONCLUSIVE, None, None)
    assert "empty" in result.reason


def test_of_a_labelled_manifest_only_generated_media_count(tmp_path: Path, anchors: Path) -> None:
    """Real photographs need no mark."""
    lines = ["file,sha256,label"]
    for number, (make, label) in enumerate([(marked, "synthetic"), (marked, "synthetic"), (picture, "real")]):
        data = make(number)
        (tmp_path / f"{number}.jpg").write_bytes(data)
        lines.append(f"{number}.jpg,{hashlib.sha256(data).hexdigest()},{label}")
    (tmp_path / "media").mkdir()
    (tmp_path / "m.csv").write_text("\n".join(lines))
    spec = {"type": "disclosure-coverage", "population": "p", "at_least": 0.99}
    result = run_claim(spec, ClaimContext(populations={"p": "m.csv"}, root=tmp_path, trust_anchors=anchors))
    assert (result.verdict, result.samples) == (ClaimVerdict.SUPPORTED, 2)


def test_without_anchors_the_claim_can_not_be_tested(tmp_path: Path) -> None:
    """Nothing could count, so a refutation would say nothing about the media."""
    with pytest.raises(IncompleteError, match="trust anchors"):
        run(fill(tmp_path, (picture, 1)), None)


def test_a_bucket_is_a_population(sandbox: object, anchors: Path) -> None:
    """The objects under a prefix, counted and read through S3."""
    s3 = client("s3")
    s3.create_bucket(Bucket="shop", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for number in range(4):
        s3.put_object(Bucket="shop", Key=f"generated/{number}.jpg", Body=marked(number) if number else picture(number))
    spec = {"type": "disclosure-coverage", "population": "p", "at_least": 0.9}
    result = run_claim(spec, ClaimContext(populations={"p": "s3://shop/generated/"}, trust_anchors=anchors))
    assert (result.verdict, result.estimate, result.samples) == (ClaimVerdict.REFUTED, 0.75, 4)
    assert result.details["unmarked"] == ["generated/0.jpg"]
    assert result.inputs["where"] == "s3://shop/generated/"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"at_least": 0}, "says nothing"),
        ({"at_least": 99}, "at_least is 99"),
        ({"sample": 0}, "sample is 0"),
        ({"sample": 2.5}, "sample is 2.5"),
        ({"images_only": "yes"}, "images_only is 'yes'"),
        ({"at_most": 0.1}, "no field 'at_most'"),
    ],
)
def test_a_statement_that_can_not_be_tested_is_refused(changes: dict[str, Any], message: str) -> None:
    """With what to write instead."""
    with pytest.raises(BadInputError, match=message):
        check_claim({"type": "disclosure-coverage", "population": "p", "at_least": 0.99, **changes})


def test_the_plan_names_the_clean_run() -> None:
    """299 marked media of 299 for 99 %; for a bar of 1 no sample will do."""
    assert plan_claim({"type": "disclosure-coverage", "population": "p", "at_least": 0.99}).least == 299
    assert plan_claim({"type": "disclosure-coverage", "population": "p", "at_least": 1}).least is None


def test_media_under_a_label_that_is_not_known_is_refused(tmp_path: Path, anchors: Path) -> None:
    """Three that are called synthetic and marked say nothing of the one that is called otherwise, unless the claim is about those three."""
    fill(tmp_path, (marked, 3), (picture, 1))
    rows = ["file,sha256,label"]
    for number in range(4):
        data = (tmp_path / "media" / f"{number:04}.jpg").read_bytes()
        rows.append(f"media/{number:04}.jpg,{hashlib.sha256(data).hexdigest()},{'synthetic' if number < 3 else 'ai-generated'}")
    (tmp_path / "m.csv").write_text("\n".join((*rows, "")))
    spec = {"type": "disclosure-coverage", "population": "p", "at_least": 0.99}
    context = ClaimContext(populations={"p": "m.csv"}, root=tmp_path, trust_anchors=anchors)
    with pytest.raises(BadInputError, match=r"labels 1 image neither .* media/0003\.jpg: label ai-generated") as caught:
        run_claim(spec, context)
    assert str(caught.value.where) == "m.csv:5"
    assert run_claim({**spec, "where": {"label": "synthetic"}}, context).samples == 3


def looks_of(*results: ClaimResult) -> Looks:
    """What a ledger knows after these results, in their order."""
    now = datetime(2026, 10, 1, tzinfo=UTC)
    made = [result.to_json() for result in results]
    return Looks(tuple(Look(now, one["inputs"], one["seed"], one["look"]["number"], f"record {n}") for n, one in enumerate(made)), now)


def look(folder: Path, anchors: Path, *earlier: ClaimResult, place: str = "media", **fields: Any) -> ClaimResult:
    spec = {"type": "disclosure-coverage", "population": "p", "at_least": 0.5, **fields}
    return run_claim(spec, ClaimContext(populations={"p": place}, root=folder, trust_anchors=anchors, looks=looks_of(*earlier)))


def told(result: ClaimResult) -> tuple[object, object]:
    assert result.look is not None
    return result.look["number"], result.look["repeats"]


def test_a_larger_sample_is_a_new_look(tmp_path: Path, anchors: Path) -> None:
    """It has the smaller one in it: to draw one more until the claim is supported is to look again. Each sample once more is no new look."""
    fill(tmp_path, (picture, 30))
    found: list[ClaimResult] = []
    for size in (10, 11, 12):
        found.append(look(tmp_path, anchors, *found, sample=size))
    assert [told(result) for result in found] == [(1, None), (2, None), (3, None)]
    for number, size in enumerate((10, 11, 12)):
        again = look(tmp_path, anchors, *found, sample=size)
        assert told(again) == (number + 1, f"record {number}")
        assert again.interval == found[number].interval


def test_other_bytes_under_the_same_names_and_sizes_are_a_new_look(tmp_path: Path, anchors: Path) -> None:
    """A folder's frame doesn't see them; what was read does. The same bytes again are the look that they were, wherever they lie."""
    fill(tmp_path, (picture, 30))
    first = look(tmp_path, anchors, sample=20)
    originals = {path: path.read_bytes() for path in (tmp_path / "media").iterdir()}
    for path, data in originals.items():
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    second = look(tmp_path, anchors, first, sample=20)
    assert first.inputs["frame"] == second.inputs["frame"]
    assert told(second) == (2, None)
    assert second.interval is not None
    assert second.interval.confidence == pytest.approx(1 - 2 * 0.05 / 6)
    assert told(look(tmp_path, anchors, first, second, sample=20)) == (2, "record 1")
    for path, data in originals.items():
        path.write_bytes(data)
    (tmp_path / "media").rename(tmp_path / "moved")
    assert told(look(tmp_path, anchors, first, second, place="moved", sample=20)) == (1, "record 0")
    assert told(look(tmp_path, anchors, first, second, place="moved", sample=19)) == (3, None)


def test_media_that_change_while_they_are_read_are_a_new_look(tmp_path: Path, anchors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were those of the second look when they were compared, and others when they were read for it: no earlier look saw these."""
    fill(tmp_path, (picture, 20))
    first = look(tmp_path, anchors, sample=10)
    for path in (tmp_path / "media").iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    second = look(tmp_path, anchors, first, sample=10)
    assert told(second) == (2, None)
    digests = iter([second.inputs["media"]["sha256"]])
    monkeypatch.setattr(Trace, "digest", lambda _: next(digests, "others"))
    assert told(look(tmp_path, anchors, first, second, sample=10)) == (3, None)


def test_the_size_that_a_look_draws_by_default_is_that_of_its_own_level(
    tmp_path: Path, anchors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the first look again draws as few as it did, though a new one would draw more."""
    monkeypatch.setattr(coverage, "DEFAULT_SAMPLE", 1)
    fill(tmp_path, (picture, 30))
    first = look(tmp_path, anchors)
    (tmp_path / "media" / "new.jpg").write_bytes(picture(99))
    second = look(tmp_path, anchors, first)
    assert first.samples < second.samples
    again = look(tmp_path, anchors, first, second)
    assert (told(again), again.samples) == ((2, "record 1"), second.samples)
    (tmp_path / "media" / "new.jpg").unlink()
    again = look(tmp_path, anchors, first, second)
    assert (told(again), again.samples) == ((1, "record 0"), first.samples)
