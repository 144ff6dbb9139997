"""Which kind of file is signed and read here, by its first bytes, and whether it goes under a name of its own kind. The bytes are made here."""

from __future__ import annotations

import io
import mimetypes

import pytest
from PIL import Image

from averment.core.errors import BadInputError
from averment.core.signing.interface import Signer
from averment.detector.credentials import naming
from averment.detector.credentials.authority import TestAuthority
from averment.detector.credentials.formats import container_type
from averment.detector.credentials.inspect import State, inspect
from averment.detector.credentials.keys import PemEcdsaSigner
from averment.detector.credentials.naming import check_name
from averment.detector.credentials.signing import sign_media
from averment.detector.gate.provenance import NOT_LOOKED_AT, look
from averment.detector.gate.settings import Settings


def boxes(brand: bytes) -> bytes:
    """A picture in boxes whose major brand is ``brand``."""
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 50).convert("RGB").save(buffer, "AVIF")
    return buffer.getvalue()[:8] + brand + buffer.getvalue()[12:]


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return PemEcdsaSigner.create(tmp_path_factory.mktemp("key") / "signer.key")


@pytest.mark.parametrize(
    ("brand", "kind", "names"),
    [
        (b"heic", "image/heic", ("a.heic", "a.heif")),
        (b"heis", "image/heic", ("a.heic", "a.heif")),
        (b"hevc", "image/heic", ("a.heic", "a.heics")),
        (b"msf1", "image/heif", ("a.heif", "a.heic", "a.avif")),
        (b"avis", "image/avif", ("a.avif",)),
        (b"qt  ", "video/quicktime", ("a.mov", "a.mp4")),
        (b"isom", "video/mp4", ("a.mp4", "a.m4v", "a.mov")),
        (b"M4A ", "audio/mp4", ("a.m4a", "a.mp4")),
    ],
)
def test_a_picture_in_boxes_is_no_film_and_a_mov_or_m4a_no_mp4(brand: bytes, kind: str, names: tuple[str, ...], signer: Signer) -> None:
    """What is written into S3 is served as what it is, and a picture isn't refused under its own name."""
    data = boxes(brand)
    assert container_type(data) == kind
    for name in names:
        check_name(name, data)
    authority = TestAuthority.create()
    signed = sign_media(data, signer, authority.issue(signer.public_key(), "signer"))
    assert signed.media_type == kind
    assert inspect(signed.data, authority.anchors).state is State.TRUSTED


def test_a_png_that_moves_has_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Systems with a list of names know it, and it is a PNG all the same."""
    known = mimetypes.MimeTypes(filenames=())
    known.add_type("image/apng", ".apng")
    monkeypatch.setattr(naming, "mimetypes", known)
    frames, buffer = [Image.effect_noise((20, 20), deviation) for deviation in (40, 60)], io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    check_name("a.apng", buffer.getvalue())
    with pytest.raises(BadInputError, match=r"a\.gif is called image/gif"):
        check_name("a.gif", buffer.getvalue())


def test_names_are_known_without_the_systems_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small container images have none, and Python's own has WebP in its second part."""
    monkeypatch.setattr(naming, "mimetypes", mimetypes.MimeTypes(filenames=()))
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, "PNG")
    with pytest.raises(BadInputError, match=r"a\.webp is called image/webp") as refused:
        check_name("a.webp", buffer.getvalue())
    assert "name it a.png" in str(refused.value.fix)


@pytest.mark.parametrize("data", [b"RIFF\x24\0\0\0AVI LIST", b"%PDF-1.7", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_what_is_not_read_here_isn_t_said_to_carry_nothing(data: bytes) -> None:
    """C2PA has a place for credentials in each of these."""
    found = inspect(data, None)
    assert found.state is State.UNREADABLE
    assert "credentials of others are not read here" in found.reason
    held = look(data, {}, Settings(published_bucket="shop", trust="none"))
    assert (held.credential, held.reason) == (NOT_LOOKED_AT, found.reason)
