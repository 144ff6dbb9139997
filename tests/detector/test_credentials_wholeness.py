"""A medium that breaks off isn't signed, whatever its format; one that is whole is. Images are noise made here with Pillow."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from averment.cli.main import run
from averment.detector.credentials.inspect import State, inspect
from averment.detector.credentials.log import FileLog
from averment.detector.credentials.wholeness import broken_off

FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF"]


def picture(kind: str, **options: object) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    output = io.BytesIO()
    Image.fromarray(pixels).save(output, kind, **options)
    return output.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("kept", [0.0, 0.05, 0.5, 0.95, 0.99, 0.9999])
def test_what_breaks_off_is_not_signed(
    kind: str, kept: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bad input with the file's name, wherever it was cut: half a picture under a good signature would pass for a whole one."""
    monkeypatch.chdir(tmp_path)
    data = picture(kind)
    Path("cut").write_bytes(data[: min(len(data) - 1, int(len(data) * kept))])
    assert run(["media", "sign", "cut", "-o", "out", "--test-authority", "ca"]) == 2
    assert capsys.readouterr().err.startswith("averment: cut: ")
    assert not Path("out").exists()


@pytest.mark.parametrize(
    "data",
    [
        *(picture(kind) for kind in FORMATS),
        picture("JPEG", progressive=True),
        picture("TIFF", compression="tiff_lzw"),
        picture("TIFF", save_all=True, append_images=[Image.new("RGB", (300, 300))]),
        picture("WEBP", lossless=True),
        picture("GIF", save_all=True, append_images=[Image.effect_noise((96, 96), 50).convert("P", palette=Image.Palette.ADAPTIVE)]),
        picture("GIF", interlace=True, comment=b"a comment"),
    ],
)
def test_what_is_whole_is_not_called_broken(data: bytes) -> None:
    """Nor is what has something behind its end, as many cameras write."""
    assert broken_off(data) is None
    assert broken_off(data + b"more") is None


@pytest.mark.parametrize("kind", ["TIFF", "GIF"])
@pytest.mark.parametrize("cut", [20, 200])
def test_the_last_of_several_pictures_is_looked_at_too(kind: str, cut: int) -> None:
    """The first may be whole."""
    data = picture(kind, save_all=True, append_images=[Image.effect_noise((96, 96), 50)])
    assert broken_off(data) is None
    assert broken_off(data[:-cut]) is not None


@given(
    kind=st.sampled_from(
        [b"II*\0", b"MM\0*", b"\xff\xd8\xff", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x18ftypisom", b"\x89PNG\r\n\x1a\n"]
    ),
    rest=st.binary(max_size=200),
)
def test_looking_whether_anything_is_missing_comes_to_an_end(kind: bytes, rest: bytes) -> None:
    """Of whatever bytes, and without an error."""
    assert broken_off(kind + rest) is None or broken_off(kind + rest)


def test_names_that_are_no_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Such a file is signed; where its name would have to be written down and can't be, nothing is."""
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"in\xff.jpg")
    Path(name).write_bytes(picture("JPEG"))
    sign = ["media", "sign", name, "--test-authority", "ca"]
    assert run([*sign, "-o", "out.jpg", "--log", "log.jsonl"]) == 0
    assert run([*sign, "-o", os.fsdecode(b"out\xff.jpg")]) == 0
    assert run([*sign, "-o", "edit.jpg", "--parent", name, "--edit", "resized", "--source-type", "generated"]) == 0
    trust = Path("ca/test-authority.pem").read_bytes()
    for made in ("out.jpg", os.fsdecode(b"out\xff.jpg"), "edit.jpg"):
        assert inspect(Path(made).read_bytes(), trust).state is State.TRUSTED
    capsys.readouterr()
    for more in (["-o", os.fsdecode(b"two\xff.jpg"), "--log", "log.jsonl"], ["-o", "two.jpg", "--tool", os.fsdecode(b"t\xff")]):
        assert run([*sign, *more]) == 2
        assert "is not valid UTF-8" in capsys.readouterr().err
    assert run([*sign[:2], os.fsdecode(b"s3://b/k\xff"), "-o", "s3://b/k", *sign[3:]]) == 2
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("two")]
    key = Path(os.fsdecode(b"k\xff.key"))
    key.write_bytes(Path("ca/signer.key").read_bytes())
    key.chmod(0o600)
    assert run([*sign, "-o", "own.jpg", "--key", str(key), "--log", "log.jsonl"]) == 0
    assert [entry.object for entry in FileLog(Path("log.jsonl")).entries()] == ["out.jpg", "own.jpg"]
