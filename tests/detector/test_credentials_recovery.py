"""Finding media in the provenance log after their credential is gone: by bytes, by watermark, by perceptual hash, or not at all.

Pictures are smooth textures made here from fixed seeds.
"""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

from averment.core.signing.interface import Signer
from averment.detector.claims.duplicates import DISTANCE
from averment.detector.credentials import recovery
from averment.detector.credentials.authority import TestAuthority
from averment.detector.credentials.entries import log_entry
from averment.detector.credentials.inspect import State, inspect
from averment.detector.credentials.keys import PemEcdsaSigner
from averment.detector.credentials.log import Entry
from averment.detector.credentials.recovery import By, Recovery, Register, fingerprint
from averment.detector.credentials.scheme import PUBLIC_KEY
from averment.detector.credentials.signing import Signed, Statement, sign_media

NOW = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def texture(seed: int, size: int = 400) -> bytes:
    random = np.random.default_rng(seed)
    rows, columns = np.meshgrid(np.fft.fftfreq(size), np.fft.rfftfreq(size), indexing="ij")
    grey = np.fft.irfft2(np.fft.rfft2(random.normal(size=(size, size))) / np.maximum(np.hypot(rows, columns), 1 / size), s=(size, size))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(128 + grey * (30 / grey.std()), 0, 255).astype(np.uint8)).convert("RGB").save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def again(data: bytes, *, quality: int = 70, crop: float = 0.0, scale: float = 1.0) -> bytes:
    """Decoded, cropped at the left and the top, resized and encoded anew, as a service does."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    image = image.crop((round(image.width * crop), round(image.height * crop), image.width, image.height))
    buffer = io.BytesIO()
    image.resize((round(image.width * scale), round(image.height * scale))).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def authority() -> TestAuthority:
    return TestAuthority.create()


@pytest.fixture(scope="module")
def signer() -> Signer:
    return PemEcdsaSigner(ec.generate_private_key(ec.SECP256R1()), "studio.pem")


@pytest.fixture(scope="module")
def plain(authority: TestAuthority, signer: Signer) -> Signed:
    """Signed without a watermark."""
    return sign_media(texture(1), signer, authority.issue(signer.public_key(), "studio"))


@pytest.fixture(scope="module")
def marked(authority: TestAuthority, signer: Signer) -> Signed:
    """Signed with a watermark."""
    return sign_media(texture(2), signer, authority.issue(signer.public_key(), "studio"), Statement(watermark=PUBLIC_KEY))


@pytest.fixture(scope="module")
def register(plain: Signed, marked: Signed, signer: Signer) -> Register:
    return Register([log_entry("plain.jpg", plain, signer, NOW), log_entry("marked.jpg", marked, signer, NOW)])


def test_an_entry_says_what_was_signed_with_what(marked: Signed, signer: Signer) -> None:
    """Enough to find it again by each of the ways, and the key by its public half."""
    entry = log_entry("marked.jpg", marked, signer, NOW)
    assert (entry.sha256, entry.source_sha256, entry.watermark) == (marked.sha256, marked.source_sha256, marked.source_sha256[:9])
    assert (entry.key, entry.signed_at, entry.media_type) == ("studio.pem", "2026-11-02T09:30:00Z", "image/jpeg")
    assert entry.perceptual_hash == fingerprint(marked.data)
    assert entry.key_sha256 is not None


def test_a_recompressed_copy_is_stripped_and_found_by_its_perceptual_hash(
    plain: Signed, register: Register, authority: TestAuthority
) -> None:
    """With the entry and how many bits differ: never trusted, never just "none"."""
    found = inspect(again(plain.data), authority.anchors, register)
    assert found.state is State.STRIPPED
    assert found.recovered is not None
    assert found.recovered.entry is not None
    assert found.recovered.distance is not None
    assert (found.recovered.entry.object, found.recovered.by) == ("plain.jpg", (By.PERCEPTUAL,))
    assert found.recovered.distance <= DISTANCE
    assert f"differs in {found.recovered.distance} of 256 bits" in str(found.recovered)


def test_what_went_into_signing_never_had_a_credential(plain: Signed, register: Register, authority: TestAuthority) -> None:
    """The log knows the very bytes, and nothing was removed from them."""
    found = inspect(plain.source, authority.anchors, register)
    assert (found.state, found.reason) == (State.STRIPPED, "it is what was signed, as it was before")
    assert (
        inspect(again(plain.data), authority.anchors, register).reason
        == "it looks like what was signed; its content credential was perhaps removed"
    )


def test_a_crop_is_found_by_its_watermark_alone(marked: Signed, plain: Signed, register: Register, authority: TestAuthority) -> None:
    """Perceptual hashes don't survive crops. Without a watermark such a crop is lost, and said to be without a credential."""
    found = inspect(again(marked.data, crop=0.2, quality=75), authority.anchors, register)
    assert found.state is State.STRIPPED
    assert found.recovered is not None
    assert found.recovered.entry is not None
    assert found.recovered.distance is not None
    assert (found.recovered.entry.object, found.recovered.by) == ("marked.jpg", (By.WATERMARK,))
    assert found.recovered.distance > DISTANCE
    assert found.reason == "it carries the watermark of what was signed; its content credential was perhaps removed, or the mark copied"
    lost = inspect(again(plain.data, crop=0.2), authority.anchors, register)
    assert (lost.state, lost.recovered) == (State.NONE, Recovery())


def test_a_resized_copy_of_a_marked_picture_is_found_both_ways(marked: Signed, register: Register) -> None:
    """Two witnesses that don't depend on each other."""
    found = register.look(again(marked.data, scale=0.8))
    assert found.by == (By.WATERMARK, By.PERCEPTUAL)
    assert found.shows.startswith("it carries the watermark of what was signed, and looks like it")


def test_the_very_bytes_are_found_by_their_hash(plain: Signed, register: Register) -> None:
    """Before and after signing, without decoding anything."""
    assert register.look(plain.data).by == (By.BYTES,)
    assert register.look(plain.source).by == (By.SOURCE,)


def test_no_distance_is_told_where_there_is_no_hash(authority: TestAuthority, signer: Signer) -> None:
    """A GIF isn't decoded, and known by its bytes all the same; and between a picture and its marked copy there is the watermark."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(texture(3))).save(buffer, "GIF")
    signed = sign_media(buffer.getvalue(), signer, authority.issue(signer.public_key(), "studio"))
    entry = log_entry("a.gif", signed, signer, NOW)
    assert entry.perceptual_hash is None
    for data, way in ((signed.data, By.BYTES), (signed.source, By.SOURCE)):
        found = Register([entry]).look(data)
        assert (found.by, found.distance) == ((way,), None)
        assert "bits" not in str(found)


def test_the_distance_of_what_was_marked_is_measured(marked: Signed, signer: Signer) -> None:
    """Not taken for none: the watermark came after it."""
    entry = replace(log_entry("marked.jpg", marked, signer, NOW), perceptual_hash="f" * 64)
    assert Register([entry]).look(marked.data).distance == 0
    assert Register([entry]).look(marked.source).distance not in {None, 0}


def test_of_a_long_log_the_nearest_is_looked_for_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of those that are nearest, as if all were compared at once, for which a million entries took 256 MB; and what most entries have in
    common stands in memory once."""
    chance, seen = np.random.default_rng(7), []
    made = {"key": "alias/signing", "signed_at": "2026-11-30T12:00:00Z", "digital_source_type": "trained", "key_sha256": "c" * 64}
    hashes = [chance.bytes(32).hex() for _ in range(20)]
    told = [{**made, "object": f"{n}", "sha256": f"{n:064x}", "source_sha256": f"{n + 99:064x}"} for n in range(40)]
    entries = [Entry.from_json(json.loads(json.dumps({**one, "perceptual_hash": hashes[n % 20]}))) for n, one in enumerate(told)]
    register, real = Register(entries), np.unpackbits
    monkeypatch.setattr(recovery, "_AT_ONCE", 7)
    monkeypatch.setattr(np, "unpackbits", lambda rows, **more: seen.append(len(rows)) or real(rows, **more))
    for number in (3, 17, 19):
        bits = real(np.frombuffer(bytes.fromhex(hashes[number]), dtype=np.uint8))
        bits[:5] ^= 1
        assert register._nearest(bits) == (entries[number], 5)
    assert max(seen) == 7
    assert not hasattr(entries[0], "__dict__")
    assert len({id(text) for entry in entries for text in (entry.key, entry.key_sha256, entry.digital_source_type)}) == 3


def test_an_unknown_picture_has_no_credential(register: Register, authority: TestAuthority) -> None:
    """The log was asked and doesn't know it, which the answer says."""
    found = inspect(texture(9), authority.anchors, register)
    assert found.state is State.NONE
    assert found.recovered is not None
    assert str(found.recovered) == "the provenance log doesn't know it"


def test_a_watermark_that_the_log_does_not_know_is_told(marked: Signed, plain: Signed, signer: Signer) -> None:
    """Somebody's mark with the public key, or an entry that was lost: not silence."""
    other = replace(log_entry("other.jpg", plain, signer, NOW), watermark="fffffffff")
    found = Register([other]).look(again(marked.data))
    assert (found.entry, found.watermark) == (None, marked.source_sha256[:9])
    assert "doesn't know it, though it carries the watermark" in str(found)


def test_an_untrusted_or_tampered_file_stays_what_it_is_and_is_looked_up(marked: Signed, register: Register) -> None:
    """Somebody who signs our picture anew doesn't hide where it came from; and the log doesn't whitewash it."""
    thief = PemEcdsaSigner(ec.generate_private_key(ec.SECP256R1()), "thief")
    stolen = sign_media(again(marked.data), thief, TestAuthority.create().issue(thief.public_key(), "thief")).data
    found = inspect(stolen, TestAuthority.create().anchors, register)
    assert found.state is State.UNTRUSTED
    assert found.recovered is not None
    assert found.recovered.entry is not None
    assert found.recovered.entry.object == "marked.jpg"
    touched = bytearray(marked.data)
    touched[-300] ^= 1
    tampered = inspect(bytes(touched), None, register)
    assert tampered.state is State.TAMPERED
    assert tampered.recovered is not None
    assert tampered.recovered.entry is not None


def test_a_trusted_file_is_not_looked_up(plain: Signed, authority: TestAuthority) -> None:
    """Its credential says all that the log could, and better."""

    class Never(Register):
        def look(self, data: bytes) -> Recovery:
            raise AssertionError("looked")

    found = inspect(plain.data, authority.anchors, Never([]))
    assert (found.state, found.recovered) == (State.TRUSTED, None)


def test_what_cannot_be_decoded_was_not_looked_for(register: Register, authority: TestAuthority) -> None:
    """A GIF has no perceptual hash here: the answer says so and doesn't claim that the log doesn't know it."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, "GIF")
    found = inspect(buffer.getvalue(), authority.anchors, register)
    assert found.state is State.NONE
    assert found.recovered is not None
    assert found.recovered.not_looked
    assert "doesn't know its bytes, and it wasn't searched for by its looks: " in str(found.recovered)
    assert fingerprint(buffer.getvalue()) is None


def drawn(kind: str) -> bytes:
    """A PNG without detail."""
    plain = {
        "white": lambda: Image.new("RGB", (300, 200), "white"),
        "black": lambda: Image.new("RGB", (300, 200)),
        "gradient": lambda: Image.linear_gradient("L").rotate(90),
        "stripes": lambda: Image.fromarray(np.tile((np.arange(300) // 30 % 2 * 255).astype(np.uint8), (200, 1))),
    }
    buffer = io.BytesIO()
    plain[kind]().save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["white", "black", "gradient", "stripes"])
@pytest.mark.parametrize("logged", ["white", "gradient"])
def test_pictures_without_detail_are_not_recovered_by_their_looks(
    logged: str, kind: str, plain: Signed, authority: TestAuthority, signer: Signer
) -> None:
    """Their hashes have next to no bits set: one blank frame in a log would be found in every other, and in gradients. Bytes still are."""
    signed = sign_media(drawn(logged), signer, authority.issue(signer.public_key(), "studio"))
    register = Register([log_entry("blank.png", signed, signer, NOW), log_entry("plain.jpg", plain, signer, NOW)])
    found = inspect(drawn(kind), authority.anchors, register)
    assert found.recovered is not None
    if kind == logged:
        assert (found.state, found.recovered.by) == (State.STRIPPED, (By.SOURCE,))
        return
    assert (found.state, found.recovered.entry, found.recovered.too_plain) == (State.NONE, None, True)
    assert "wasn't searched for by its looks: it shows too little" in str(found.recovered)
    assert found.recovered.to_json()["too_plain"] is True
    assert inspect(again(plain.data), authority.anchors, register).state is State.STRIPPED


def test_an_empty_log_knows_nothing(authority: TestAuthority) -> None:
    """And doesn't fail at it."""
    assert Register([]).look(texture(3)) == Recovery()


def test_the_nearest_of_many_is_found(plain: Signed, register: Register, signer: Signer) -> None:
    """Among twenty thousand random hashes only the right one is near."""
    random = np.random.default_rng(1)
    base = log_entry("plain.jpg", plain, signer, NOW)
    others: list[Entry] = [
        replace(
            base,
            object=f"{number}",
            perceptual_hash=random.bytes(32).hex(),
            sha256=random.bytes(32).hex(),
            source_sha256=random.bytes(32).hex(),
        )
        for number in range(20_000)
    ]
    found = Register([*others, base]).look(again(plain.data))
    assert found.entry == base


def test_the_answer_is_json(plain: Signed, register: Register) -> None:
    """For machines: the entry, the ways, the distance and out of how many bits."""
    found = json.loads(json.dumps(inspect(again(plain.data), None, register).to_json()))
    assert found["state"] == "stripped"
    assert found["recovered"]["by"] == ["perceptual hash"]
    assert found["recovered"]["bits"] == 256
    assert found["recovered"]["entry"]["object"] == "plain.jpg"
