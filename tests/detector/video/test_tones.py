"""High dynamic range: what is judged is what a screen of ordinary range shows, by the equations and the tables of the ITU."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageCms

from averment.detector.video.frames import Frame, Missed, Sampling, frames
from averment.detector.video.refused import RefusedError
from averment.detector.video.tones import HLG, PQ, between, hlg_of_light, hlg_signal, pq_light, standard, tone

Array = np.ndarray[Any, Any]


def test_pq_is_that_of_bt_2100() -> None:
    """Signals of the standard's own curve (SMPTE ST 2084): 100, 1,000, 4,000 and 10,000 cd/m2."""
    assert pq_light(np.array([0, 0.508078, 0.751827, 0.902572, 1])) == pytest.approx([0, 100, 1000, 4000, 10000], rel=1e-4)


def test_hlg_is_that_of_bt_2100() -> None:
    """Half of the signal at a twelfth of the light, where both of its curves meet; the ends; and 75 % at 26.5 % of the light (BT.2408)."""
    assert hlg_signal(np.array([0, 1 / 12, 0.265, 1])) == pytest.approx([0, 0.5, 0.75, 1], abs=5e-4)


@pytest.mark.parametrize(("light", "pq", "hlg"), [(26, 38, 38), (162, 56, 71), (179, 57, 73), (203, 58, 75), (1000, 75, 100)])
def test_light_is_where_bt_2408_has_it_in_both(light: float, pq: float, hlg: float) -> None:
    """The levels of grey card, greyscale charts and reference white (BT.2408, table 1), in per cent, rounded."""
    assert hlg_of_light(np.full((1, 3), float(light)), 9) * 100 == pytest.approx(np.full((1, 3), hlg), abs=0.5)
    assert pq_light(np.array((pq - 0.5) / 100)) <= light <= pq_light(np.array((pq + 0.5) / 100))


def test_matrices_are_those_of_bt_2407_and_bt_2087() -> None:
    """From BT.2020 to BT.709, and back."""
    narrow = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    wide = [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
    assert between(9, 1) == pytest.approx(np.array(narrow), abs=5e-5)
    assert between(1, 9) == pytest.approx(np.array(wide), abs=5e-5)


# --- clips

SKIN = [(224, 172, 138), (141, 85, 54), (60, 40, 30), (245, 222, 200), (40, 90, 160), (128, 128, 128)]
"""Colours of BT.709 that people have and wear."""


def narrow_to_wide(colour: Array) -> Array:
    """A colour of BT.709 in 8 bits as the signal of BT.2020 that shows it on a screen of ordinary range and wide colours."""
    return ((colour / 255) ** 2.4 @ between(1, 9).T).clip(0, 1) ** (1 / 2.4)


def pq_signal(light: Array) -> Array:
    """The inverse of PQ, as BT.2100 writes it."""
    part = (light / 10_000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * part) / (1 + 2392 / 128 * part)) ** (2523 / 32)


def wide(path: Path, patches: list[Array], transfer: int, *, silent: bool = False) -> Path:
    """A clip of patches beside one another, each of a signal of red, green and blue in BT.2020; where it is ``silent``, the container alone says so."""
    rows = np.concatenate([np.broadcast_to(patch, (64, 64, 3)) for patch in patches], axis=1)
    luma = rows @ np.array([0.2627, 0.6780, 0.0593])
    blue, red = (rows[..., 2] - luma) / 1.8814, (rows[..., 0] - luma) / 1.4746
    planes = [np.rint(64 + 876 * luma), *(np.rint(512 + 896 * plane[::2, ::2]) for plane in (blue, red))]
    codec, options = ("libx265", {"x265-params": "log-level=none:lossless=1"})
    if silent:
        codec, options = ("libx264", {"qp": "0", "x264-params": "colorprim=undef:transfer=undef:colormatrix=undef"})
    with av.open(str(path), "w") as out:
        track = out.add_stream(codec, rate=25, options=options)
        track.height, track.width = luma.shape
        track.pix_fmt = "yuv420p10le"
        context = track.codec_context
        context.color_trc, context.color_primaries, context.colorspace, context.color_range = transfer, 9, 9, 1
        for index in range(5):
            frame = av.VideoFrame(luma.shape[1], luma.shape[0], "yuv420p10le")
            for plane, values in zip(frame.planes, planes, strict=True):
                padded = np.zeros((values.shape[0], plane.line_size // 2), np.uint16)
                padded[:, : values.shape[1]] = values
                plane.update(padded.tobytes())
            frame.pts = index
            frame.color_trc, frame.color_primaries, frame.colorspace, frame.color_range = transfer, 9, 9, 1
            out.mux(track.encode(frame))
        out.mux(track.encode())
    return path


def seen(path: Path) -> list[Any]:
    """The colours in the middles of the patches of a frame, or why there is no frame."""
    _, item = frames(path, Sampling(frames=1))
    if isinstance(item, Missed):
        return [item.reason]
    assert isinstance(item, Frame)
    picture = np.asarray(Image.open(io.BytesIO(item.png)))
    return [picture[32, place].tolist() for place in range(32, picture.shape[1], 64)]


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_hlg_is_shown_as_on_a_screen_of_ordinary_range(tmp_path: Path, name: str) -> None:
    """The colours of skin that such a screen shows, in BT.709: read as ordinary video, red were paler and blue darker."""
    path = wide(tmp_path / name, [narrow_to_wide(np.array(colour)) for colour in SKIN], HLG)
    assert np.array(seen(path)) == pytest.approx(np.array(SKIN), abs=2)


def test_pq_is_shown_by_the_light_that_it_says(tmp_path: Path) -> None:
    """Reference white and a grey card are where HLG has them, and what is brighter than HLG's screen is its white."""
    path = wide(tmp_path / "a.mp4", [np.full(3, pq_signal(np.array(float(light)))) for light in (0, 26, 203, 980)], PQ)
    assert np.array(seen(path))[:, 1] == pytest.approx(np.array([0, 0.38, 0.75, 1]) * 255, abs=2)


def test_pq_and_hlg_of_one_scene_look_alike(tmp_path: Path) -> None:
    """Colours of skin, lit as BT.2408 has it, are the same picture from either (its transcoding by way of a screen of 1,000 cd/m2)."""
    signals = [narrow_to_wide(np.array(colour)) * 0.75 for colour in SKIN]
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scenes = [np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12) for signal in signals]
    lights = [1000 * (scene @ np.array([0.2627, 0.6780, 0.0593])) ** 0.2 * scene for scene in scenes]
    hybrid, quantized = wide(tmp_path / "a.mp4", signals, HLG), wide(tmp_path / "b.mp4", [pq_signal(light) for light in lights], PQ)
    assert np.array(seen(quantized)) == pytest.approx(np.array(seen(hybrid)), abs=2)


def test_a_picture_that_is_drawn_where_screens_end_is_not_judged(tmp_path: Path) -> None:
    """Between 2,000 and 10,000 cd/m2 a player may show detail; here it is white."""
    path = wide(tmp_path / "a.mp4", [np.full(3, pq_signal(np.array(light))) for light in (2000.0, 5000.0)], PQ)
    assert seen(path) == ["much of it is brighter than 1,000 cd/m2, which is not told apart here"]


@pytest.mark.parametrize("transfer", [1, 14])
def test_ordinary_range_stays_as_it_was(tmp_path: Path, transfer: int) -> None:
    """In wide colours as well, which stills may have: the signal is taken as it is."""
    signal = np.array([0.8, 0.6, 0.4])
    assert np.array(seen(wide(tmp_path / "a.mp4", [signal], transfer))) == pytest.approx(np.array([signal * 255]), abs=2)


def recoloured(path: Path, *codes: int) -> Path:
    """An MP4 whose container says other colours (colr) than its frames: primaries, transfer and matrix."""
    data = bytearray(path.read_bytes())
    struct.pack_into(">3H", data, data.index(b"colrnclx") + 8, *codes)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("transfer", "stated"), [(1, PQ), (PQ, 1), (HLG, PQ), (1, HLG)])
def test_frames_and_container_that_say_different_ranges_are_not_judged(tmp_path: Path, transfer: int, stated: int) -> None:
    """Some players take the one's word and some the other's."""
    path = recoloured(wide(tmp_path / "a.mp4", [np.full(3, 0.5)], transfer), 9, stated, 9)
    assert seen(path) == ["its container says another dynamic range than its frames, and which is shown depends on the player"]


@pytest.mark.parametrize("stated", [14, 15])
def test_hlg_under_the_name_of_ordinary_video_in_its_colours_is_hlg(tmp_path: Path, stated: int) -> None:
    """As broadcasters write it, for receivers that don't know HLG: they show the same signal, as every screen of ordinary range does."""
    path = recoloured(wide(tmp_path / "a.mp4", [narrow_to_wide(np.array(colour)) for colour in SKIN], HLG), 9, stated, 9)
    assert np.array(seen(path)) == pytest.approx(np.array(SKIN), abs=2)


def test_a_range_that_the_container_alone_says_is_taken(tmp_path: Path) -> None:
    """Frames that say nothing of it are what their container says."""
    signal = narrow_to_wide(np.array(SKIN[0]))
    path = recoloured(wide(tmp_path / "a.mp4", [signal], 1, silent=True), 9, HLG, 9)
    assert np.array(seen(path)) == pytest.approx(np.array(SKIN[:1]), abs=2)


def test_colours_that_are_written_in_ways_not_read_here_are_not_judged(tmp_path: Path) -> None:
    """By another matrix or curve it would be another picture."""
    path = wide(tmp_path / "a.mp4", [np.full(3, 0.5)], HLG, silent=True)
    assert seen(recoloured(path, 1, 1, 8)) == ["its colours are written in a way that is not read here (matrix 8 of H.273)"]
    assert seen(recoloured(path, 1, 8, 1)) == ["its brightness is written in a way that is not read here (transfer 8 of H.273)"]
    assert "in colours that are not known here" in seen(recoloured(path, 5, HLG, 9))[0]
    assert "in colours that are not known here" in seen(recoloured(path, 9, HLG, 6))[0]


def test_dolby_vision_without_a_picture_of_its_own_is_not_judged(tmp_path: Path) -> None:
    """Profile 5 says its colours in the metadata alone: to everybody else it is green and violet. That of telephones is HLG underneath."""
    path = wide(tmp_path / "a.mp4", [np.full(3, 0.5)], HLG, silent=True)
    path.write_bytes(path.read_bytes().replace(b"avc1\0\0", b"dva1\0\0"))
    for kind in (2, HLG):
        recoloured(path, 9, kind, 9)
        assert (seen(path)[0] == "it is Dolby Vision that can't be seen without its metadata, which are not applied here") is (kind == 2)
    with pytest.raises(RefusedError, match="Dolby Vision"):
        tone(2, 2, 2, "hvc1", metadata=True)
    assert tone(HLG, HLG, 9, "hvc1", metadata=True) == HLG


def test_every_signal_is_a_picture() -> None:
    """No value of red, green and blue comes out as anything but eight bits in order of brightness."""
    ramp = np.linspace(0, 65535, 4096).astype(np.uint16)
    for kind in (PQ, HLG):
        grey = standard(np.repeat(ramp[: 3000 if kind == PQ else 4096, None, None], 3, axis=2), kind, 9, 9)
        assert grey.dtype == np.uint8
        assert (np.diff(grey[:, 0, 1].astype(int)) >= 0).all()
    noise = np.random.default_rng(1).integers(0, 40_000, (50, 50, 3)).astype(np.uint16)
    assert standard(noise, HLG, 9, 12).shape == (50, 50, 3)


def with_profile(data: bytes, profile: bytes) -> bytes:
    """An MP4 whose track says its colours by an ICC profile (colr of the kind prof; ISO/IEC 14496-12, section 12.1.5)."""
    made, place = b"", 0
    while place + 8 <= len(data):
        size, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        body = data[place + 8 : place + size]
        head = {b"stsd": 8, b"avc1": 78, b"hev1": 78, b"hvc1": 78}.get(kind, 0)
        if head or kind in {b"moov", b"trak", b"mdia", b"minf", b"stbl"}:
            body = body[:head] + with_profile(body[head:], profile)
        elif kind == b"colr":
            body = b"prof" + profile
        made += struct.pack(">I4s", len(body) + 8, kind) + body
        place += size
    return made


def test_a_profile_that_shows_other_colours_is_told(tmp_path: Path) -> None:
    """Red and blue exchanged in the picture, and back by the profile, is a face to those who obey it; sRGB's own changes nothing."""
    path = wide(tmp_path / "a.mp4", [np.array([0.8, 0.6, 0.4])], 1)
    whole = path.read_bytes()
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path.write_bytes(with_profile(whole, plain))
    assert np.array(seen(path)) == pytest.approx(np.array([[204, 153, 102]]), abs=2)
    path.write_bytes(with_profile(whole, plain.replace(b"rXYZ", b"none").replace(b"bXYZ", b"rXYZ").replace(b"none", b"bXYZ")))
    assert seen(path) == ["by its colour profile it is shown in other colours than those that would be judged; save it in sRGB"]
    path.write_bytes(with_profile(whole, plain[:200]))
    assert seen(path) == ["its colour profile can't be read, and decides how it is shown"]
