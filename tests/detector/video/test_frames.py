"""Which frames of a clip are looked at, as what, and what becomes of clips that are no good."""

from __future__ import annotations

import io
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from averment.detector.imaging import UnreadableError
from averment.detector.video import frames as module
from averment.detector.video.editions import has_ordered_chapters
from averment.detector.video.frames import Facts, Frame, Missed, Sampling, frames, passing

Film = Callable[..., Path]

NOISE = list(np.random.default_rng(3).integers(0, 255, (5, 240, 320, 3), np.uint8))


def sampled(path: Path, **options: Any) -> tuple[Facts, list[Frame], list[Missed]]:
    facts, *others = frames(path, Sampling(**options))
    assert isinstance(facts, Facts)
    return facts, [item for item in others if isinstance(item, Frame)], [item for item in others if isinstance(item, Missed)]


def picture(frame: Frame) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(frame.png)))


def red(frame: Frame) -> float:
    """Twice the frame's number, as the clips of the tests have it."""
    return float(picture(frame)[:, :, 0].mean())


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.mov", "mpeg4"),
        ("a.mkv", "libx264"),
        ("a.webm", "libvpx"),
        ("a.webm", "libvpx-vp9"),
        ("a.avi", "mpeg4"),
        ("a.mts", "libx264"),
        ("a.mpg", "mpeg1video"),
    ],
)
def test_evenly_spaced_frames_show_what_is_shown_at_their_time(film: Film, name: str, codec: str) -> None:
    """Each frame lies in the middle of its part of the clip, and is the picture of that time, in every container."""
    facts, shown, missed = sampled(film(name, codec=codec, container="mpegts" if name.endswith("mts") else None), frames=8)
    assert facts.seconds == pytest.approx(4.0, abs=0.1)
    assert (facts.width, facts.height, facts.frames) == (160, 120, 100)
    assert not missed
    assert [frame.seconds for frame in shown] == pytest.approx([0.25 + 0.5 * part for part in range(8)], abs=0.06)
    assert [red(frame) for frame in shown] == pytest.approx([frame.seconds * 25 * 2 for frame in shown], abs=8)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("b.mts", "libx264", {"x264-params": "bframes=8:keyint=25"}),
        ("b.mts", "mpeg2video", {}),
        ("b.mpg", "mpeg1video", {}),
        ("b.avi", "mpeg4", {}),
        ("b.mp4", "libx264", {"x264-params": "bframes=3:open-gop=1:keyint=25"}),
        ("refresh.mp4", "libx264", {"x264-params": "intra-refresh=1:keyint=50"}),
    ],
)
def test_frames_that_are_decoded_out_of_order_are_found_where_they_are_shown(
    film: Film, name: str, codec: str, options: dict[str, str]
) -> None:
    """Where a container finds its way by when packets are decoded, or a decoder needs some frames to begin with, no part of a clip is passed over: the
    frame of each part is looked at, and not that of the next key frame in its place."""

    def prepare(stream: Any) -> None:
        stream.options = {**stream.options, **options}
        if not options:
            stream.codec_context.max_b_frames = 2

    path = film(name, codec=codec, container="mpegts" if name.endswith("mts") else None, prepare=prepare)
    _, shown, missed = sampled(path, frames=32)
    assert len(missed) <= name.endswith("mpg")
    slack = 0.05 if name.endswith(("mts", "mp4")) else 0.09  # not every packet of the others says when it is shown
    assert [frame.seconds for frame in shown] == pytest.approx([4 * (part + 0.5) / 32 for part in range(len(shown))], abs=slack)


def test_a_frame_that_stays_long_is_what_is_seen_however_many_are_flashed_between(film: Film) -> None:
    """In a film of uneven rate the samples are what a viewer sees: the long frames, not those that were squeezed in between two of them.

    Every ten seconds one frame stays for 9.8, then eight others pass in the rest; whoever forges the long ones chooses the short ones.
    """
    times = [250 * part + (245 + step if step else 0) for part in range(4) for step in range(5)]
    pictures = [np.full((120, 160, 3), 10 if place % 5 == 0 else 220, np.uint8) for place in range(len(times))]
    _, shown, missed = sampled(film("uneven.mkv", pictures=pictures, times=times), frames=16)
    assert not missed
    assert len(shown) == 16
    assert max(red(frame) for frame in shown) < 30


def test_key_frames_are_taken_where_there_are_new_ones(film: Film) -> None:
    """Asked for key frames, the frames are key frames while there are new ones; in between the clip is decoded on."""
    path = film(gop=25)
    assert [frame.seconds for frame in sampled(path, frames=4, key_frames=True)[1]] == pytest.approx([0, 1, 2, 3])
    assert [frame.seconds for frame in sampled(path, frames=8, key_frames=True)[1]] == pytest.approx(
        [0, 0.72, 1, 1.72, 2, 2.72, 3, 3.72], abs=0.03
    )


def test_a_clip_with_one_key_frame_is_decoded_once(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few key frames there are, no frame is decoded twice: the bound on decoded pixels that fits the clip is enough."""
    path = film(gop=1000)
    monkeypatch.setattr(module, "DECODED_PIXELS", 100 * 160 * 120)
    assert len(sampled(path, frames=20)[1]) == 20


def test_what_is_beyond_the_bound_on_decoding_is_missed_not_dropped(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clip that costs too much is looked at as far as the bound reaches, and the rest is said."""
    monkeypatch.setattr(module, "DECODED_PIXELS", 50 * 160 * 120)
    _, shown, missed = sampled(film(gop=1000), frames=10)
    assert len(shown) == 5
    assert [item.reason for item in missed] == ["too much had been decoded before it"] * 5


def test_one_frame_at_a_time_of_choice(film: Film) -> None:
    """A single frame can be asked for."""
    _, [frame], missed = sampled(film(), at=2.6)
    assert frame.seconds == pytest.approx(2.6, abs=0.03)
    assert not missed
    assert sampled(film(), at=99.0)[2][0].reason == "the file ends before it"


def halves(size: tuple[int, int]) -> list[np.ndarray[Any, Any]]:
    """Frames whose upper half is white and whose lower half is black."""
    shown = np.zeros((size[1], size[0], 3), np.uint8)
    shown[: size[1] // 2] = 255
    return [shown] * 10


@pytest.mark.parametrize(("degrees", "bright"), [(90, "left"), (-90, "right"), (180, "bottom"), (0, "top")])
def test_a_clip_that_a_phone_held_sideways_is_seen_upright(film: Film, degrees: int, bright: str) -> None:
    """The rotation that the file asks players for is applied: counter-clockwise, as FFmpeg counts."""
    path = film(pictures=halves((160, 120)), prepare=lambda stream: stream.set_display_rotation(degrees))
    frame = sampled(path, frames=1)[1][0]
    shown = picture(frame)[:, :, 0].astype(int)
    assert (frame.width, frame.height) == ((120, 160) if degrees in {90, -90} else (160, 120)) == (shown.shape[1], shown.shape[0])
    edges = {"left": shown[:, :20].mean(), "right": shown[:, -20:].mean(), "top": shown[:20].mean(), "bottom": shown[-20:].mean()}
    assert edges[bright] > 240
    assert max(edges, key=lambda edge: edges[edge]) == bright


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [
        ("a.webm", "libvpx-vp9", "yuva420p"),
        ("b.webm", "libvpx", "yuva420p"),
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("a.mkv", "ffv1", "bgra"),
    ],
)
def test_a_clip_through_which_its_ground_is_seen_is_not_judged(tmp_path: Path, name: str, codec: str, form: str) -> None:
    """On a page it shows what is drawn in its transparency, and to a detector the colours below. One that is solid throughout is judged."""
    path = tmp_path / name
    for drawn in (True, False):
        with av.open(str(path), "w") as out:
            track = out.add_stream(codec, rate=25, options={"auto-alt-ref": "0"} if codec == "libvpx" else {})
            track.width, track.height, track.pix_fmt = 160, 120, form
            for index in range(5):
                pixels = np.full((120, 160, 4), 255, np.uint8)
                pixels[40:80, 40:80, 3] = 100 if drawn else 255
                frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format=form)
                frame.pts = index
                out.mux(track.encode(frame))
            out.mux(track.encode())
        _, shown, missed = sampled(path, frames=3)
        assert len(shown) == (0 if drawn else 3)
        assert {item.reason for item in missed} <= {"it is transparent, and what is shown depends on what it lies on"}


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libvpx"])
def test_a_film_that_is_transparent_in_one_stretch_is_judged_in_the_others(tmp_path: Path, codec: str) -> None:
    """As a browser records a canvas: what is seen through is refused where it is looked at, after a seek as well, and nothing else."""
    path = tmp_path / "a.webm"
    with av.open(str(path), "w") as out:
        track = out.add_stream(codec, rate=25, options={"auto-alt-ref": "0", "lag-in-frames": "0"})
        track.width, track.height, track.pix_fmt, track.gop_size = 160, 120, "yuva420p", 10
        for index in range(100):
            pixels = np.full((120, 160, 4), 255, np.uint8)
            pixels[40:80, 40:80, 3] = 100 if 50 <= index < 75 else 255
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format="yuva420p")
            frame.pts = index
            out.mux(track.encode(frame))
        out.mux(track.encode())
    _, shown, missed = sampled(path, frames=8)
    assert [item.seconds for item in shown] == pytest.approx([0.24, 0.76, 1.24, 1.76, 3.24, 3.76], abs=0.05)
    assert {item.reason for item in missed} == {"it is transparent, and what is shown depends on what it lies on"}


def with_matrix(path: Path, *parts: float) -> Path:
    """An MP4 whose track header maps pixels so: across and down of a step across, then of a step down."""
    data = bytearray(path.read_bytes())
    across, across_down, down_across, down = (round(part * 65536) for part in parts)
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, across, across_down, 0, down_across, down, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("matrix", "bright"),
    [
        ((1, 0, 0, 1), "top left"),
        ((-1, 0, 0, 1), "top right"),
        ((1, 0, 0, -1), "bottom left"),
        ((-1, 0, 0, -1), "bottom right"),
        ((0, 1, -1, 0), "top right"),
        ((0, -1, 1, 0), "bottom left"),
        ((0, 1, 1, 0), "top left"),
        ((0, -1, -1, 0), "bottom right"),
        ((0, 0, 0, 0), "top left"),
    ],
)
def test_a_mirrored_clip_is_seen_mirrored_and_not_upside_down(film: Film, matrix: tuple[float, ...], bright: str) -> None:
    """The cameras in the fronts of some telephones write so; the angle alone, which FFmpeg tells, is half a turn for one of two mirrors and none for the other."""
    corner = np.zeros((120, 160, 3), np.uint8)
    corner[:60, :80] = 255
    frame = sampled(with_matrix(film(pictures=[corner] * 5), *matrix), frames=1)[1][0]
    assert (frame.width, frame.height) == ((120, 160) if matrix[1] else (160, 120))
    shown = picture(frame)[:, :, 0]
    high, wide = shown.shape[0] // 3, shown.shape[1] // 3
    levels = {
        f"{down} {across}": float(shown[rows, columns].mean())
        for down, rows in (("top", slice(high)), ("bottom", slice(-high, None)))
        for across, columns in (("left", slice(wide)), ("right", slice(-wide, None)))
    }
    assert max(levels, key=lambda place: levels[place]) == bright


@pytest.mark.parametrize("matrix", [(0.7071, 0.7071, -0.7071, 0.7071), (1, 0.5, 0, 1)])
def test_a_clip_that_is_turned_by_less_than_a_quarter_is_not_judged(film: Film, matrix: tuple[float, ...]) -> None:
    """Few players do it, and a face that lies aslant is none to a detector."""
    _, shown, missed = sampled(with_matrix(film(frames=5), *matrix), frames=2)
    assert not shown
    assert {item.reason for item in missed} == {"it is turned by an angle that is no quarter, or slanted, which not every player does"}


def test_no_version_of_the_decoder_comes_with_the_extra_that_was_not_tried() -> None:
    """PyAV 19 did: no video could be scanned after a fresh installation, and the reason given was the video."""
    tables = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [*tables["project"]["optional-dependencies"]["video"], *tables["dependency-groups"]["test"]]
    bounds = {word for word in asked if isinstance(word, str) and re.match(r"av\W", word)}
    assert bounds == {"av>=18.1,<19"}, (
        "a new major version of PyAV changes its calls and what FFmpeg makes of damage: see these tests pass with it first"
    )
    assert av.__version__.split(".")[0] == "18"


def test_a_title_that_is_no_text_hides_no_frame(film: Film) -> None:
    """Cameras and old programs write theirs in other encodings; who wrote the file stands there in a fresh clip, too."""
    path = film(frames=10)
    made = path.read_bytes()
    assert b"Lavf" in made
    path.write_bytes(made.replace(b"Lavf", b"\xff\xfe\xc3L"))
    assert len(sampled(path, frames=3)[1]) == 3


def test_pixels_that_are_not_square_are_made_so(film: Film) -> None:
    """An anamorphic clip is stretched to what people see: faces would be too narrow otherwise."""

    def stretched(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = 2

    frame = sampled(film(prepare=stretched), frames=1)[1][0]
    assert (frame.width, frame.height) == (320, 120)


def test_large_frames_are_reduced_and_small_ones_left_alone(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame has at most so many pixels, with its shape kept."""
    path = film(size=(320, 240), frames=10)
    assert (sampled(path, frames=1)[1][0].width, sampled(path, frames=1)[1][0].height) == (320, 240)
    monkeypatch.setattr(module, "FRAME_PIXELS", 160 * 120)
    frame = sampled(path, frames=1)[1][0]
    assert (frame.width, frame.height) == (160, 120)


def test_colours_of_high_definition_are_read_as_bt709(film: Film) -> None:
    """A file that states no matrix is read as players read it: BT.709 from 720 lines on, BT.601 below."""

    def decoded(size: tuple[int, int]) -> list[float]:
        green = np.zeros((size[1], size[0], 3), np.uint8)
        green[:, :] = (30, 200, 30)
        path = film(f"{size[1]}.mp4", pictures=[green] * 3)  # encoded by BT.601, as PyAV does unless told otherwise
        return list(picture(sampled(path, frames=1)[1][0])[5, 5].astype(float))

    assert decoded((320, 240)) == pytest.approx([30, 200, 30], abs=6)
    assert abs(decoded((1280, 720))[0] - 30) > 6


# --- what the header says and what is there


def with_stated_seconds(path: Path, seconds: float) -> Path:
    """The Matroska file with another duration in its header (element 0x4489, a float of eight bytes, in milliseconds)."""
    data = bytearray(path.read_bytes())
    struct.pack_into(">d", data, data.index(b"\x44\x89\x88") + 3, seconds * 1000)
    path.write_bytes(data)
    with av.open(str(path)) as container:
        assert container.duration == pytest.approx(seconds * 1_000_000)
    return path


def test_a_header_that_says_less_than_there_is_hides_nothing(film: Film) -> None:
    """A clip of four seconds that says it lasts half a second is looked at from its beginning to its end."""
    facts, shown, missed = sampled(with_stated_seconds(film("short.mkv"), 0.5), frames=8)
    assert facts.seconds == pytest.approx(4.0, abs=0.1)
    assert not missed
    assert [frame.seconds for frame in shown] == pytest.approx([0.25 + 0.5 * part for part in range(8)], abs=0.041)


def test_a_header_that_promises_more_than_there_is_leaves_the_rest_missed(film: Film) -> None:
    """What the header promises and the file doesn't hold was not seen, and is counted so."""
    facts, shown, missed = sampled(with_stated_seconds(film("long.mkv"), 16.0), frames=8)
    assert (facts.seconds, facts.read_seconds) == (pytest.approx(16.0), pytest.approx(4.0, abs=0.1))
    assert len(shown) == 2
    assert {item.reason for item in missed} == {"the file ends before it"}
    assert len(missed) == 6


def test_a_recording_without_a_duration_is_sampled_to_its_end(film: Film) -> None:
    """What browsers record (WebM without duration and index) is looked at throughout."""
    path = film("live.webm", codec="libvpx", options={"live": "1"})
    with av.open(str(path)) as container:
        assert not container.duration
    _, shown, missed = sampled(path, frames=8)
    assert not missed
    assert [frame.seconds for frame in shown] == pytest.approx([0.25 + 0.5 * part for part in range(8)], abs=0.041)


def test_a_file_that_was_cut_off_is_sampled_as_far_as_it_goes(film: Film) -> None:
    """An upload that broke off half-way: its first half is looked at, its second half is missed."""
    path = film("cut.mp4", options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    facts, shown, missed = sampled(path, frames=8)
    assert facts.seconds == pytest.approx(4.0, abs=0.1)
    assert 1.0 < facts.read_seconds < 3.0
    assert len(shown) + len(missed) == 8
    assert 2 <= len(missed) <= 6


def test_what_can_not_be_decoded_in_the_middle_is_missed_and_nothing_stands_in_for_it(film: Film) -> None:
    """Some player shows what ours can't read, and a viewer then sees what nobody judged: the next good frame says nothing of it."""
    path = film("hole.mkv", codec="ffv1", gop=1)
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    damaged = bytearray(path.read_bytes())
    for start, size in packets[30:70]:  # from 1.2 s to 2.8 s
        end = start + size
        damaged[end - 60 : end] = bytes(60)
    path.write_bytes(damaged)
    _, shown, missed = sampled(path, frames=20)
    assert [item.seconds for item in missed] == pytest.approx([0.1 + 0.2 * part for part in range(6, 14)])
    assert {item.reason for item in missed} == {"it could not be decoded"}
    assert [frame.seconds for frame in shown] == pytest.approx([0.1 + 0.2 * part for part in (*range(6), *range(14, 20))], abs=0.05)


# --- refused


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(UnreadableError) as caught:
        list(frames(path, Sampling(**options)))
    return str(caught.value)


def written(tmp_path: Path, body: bytes) -> Path:
    path = tmp_path / "hostile.mp4"
    path.write_bytes(body)
    return path


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (200, 200)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "body", [b"hello" * 1000, jpeg(), b"GIF89a" + bytes(100), b"%PDF-1.7" + bytes(2000), b"\x00\x00\x00\x18ftypmp42" + bytes(200)]
)
def test_what_is_no_video_is_refused(tmp_path: Path, body: bytes) -> None:
    """Text, pictures, documents and a bare signature are not taken for videos, whatever they are called."""
    assert refusal(written(tmp_path, body)).startswith("not a video that is read here, or damaged from the start")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """Nothing is said to be nothing."""
    assert refusal(written(tmp_path, b"")) == "the file is empty"


def test_a_playlist_makes_nobody_call_anybody(tmp_path: Path) -> None:
    """Files that refer to others (HLS, DASH, concat) would make FFmpeg open URLs and local files of the sender's choice."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        called = threading.Event()

        def listen() -> None:
            try:
                server.accept()
                called.set()
            except OSError:
                return

        threading.Thread(target=listen, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/secret.ts"
        for body in (
            f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}\n#EXT-X-ENDLIST\n",
            f"ffconcat version 1.0\nfile '{url}'\n",
            f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{url}</BaseURL></MPD>',
        ):
            assert refusal(written(tmp_path, body.encode())).startswith("not a video that is read here")
        assert not called.wait(0.2)


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    """A file with no picture in it says so."""
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=44100)
        for index in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, index * 1024
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    assert refusal(path) == "there is no video stream in it"


def test_two_films_in_one_file_are_refused(film: Film) -> None:
    """One of them would be scored and the other shown."""
    assert refusal(film(streams=2)) == "it has 2 video streams, and which of them is shown depends on the player"


@pytest.mark.parametrize("enabled", [True, False])
def test_a_film_that_another_calls_its_chapters_pictures_is_a_film(film: Film, enabled: bool) -> None:
    """Twenty bytes in the second track make the first its thumbnails, to FFmpeg: the second would be scored, and players show the first."""
    path = film(streams=2)
    data = bytearray(path.read_bytes())
    moov = next(box for box in boxes(data, 0, len(data)) if box[1] == b"moov")
    first, second = (box for box in boxes(data, moov[0] + 8, moov[2]) if box[1] == b"trak")
    data[next(start for start, kind, _ in boxes(data, first[0] + 8, first[2]) if kind == b"tkhd") + 11] = 3 if enabled else 2
    reference = struct.pack(">I4sI4sI", 20, b"tref", 12, b"chap", 1)
    data[second[2] : second[2]] = reference
    for start, _, end in (second, moov):
        data[start : start + 4] = struct.pack(">I", end - start + len(reference))
    path.write_bytes(data)
    with av.open(str(path)) as container:
        assert av.stream.Disposition.timed_thumbnails in container.streams.video[0].disposition
    assert refusal(path) == "it has 2 video streams, and which of them is shown depends on the player"


def test_a_stream_that_begins_in_the_midst_of_a_file_is_told(film: Film) -> None:
    """A broadcast may change to another stream and back; what lies there would not be looked at, and the reason is no crash of the decoder's."""
    parts = [
        film(f"{number}.mts", container="mpegts", times=range(250 * number, 250 * number + 250), pictures=noise, prepare=prepare)
        for number, (noise, prepare) in enumerate(
            (
                (NOISE * 50, lambda stream: None),
                ([np.zeros((240, 320, 3), np.uint8)] * 250, lambda stream: setattr(stream, "id", 0x111)),
                (NOISE * 50, lambda stream: None),
            )
        )
    ]
    parts[0].write_bytes(b"".join(part.read_bytes() for part in parts))
    assert refusal(parts[0]) == "a stream begins in the midst of it, and what is shown then depends on the player"


def boxes(data: bytearray, start: int, end: int) -> Iterator[tuple[int, bytes, int]]:
    """The boxes of an MP4 between two places: where each begins, its kind, where it ends."""
    while start < end:
        size = int.from_bytes(data[start : start + 4], "big")
        yield start, bytes(data[start + 4 : start + 8]), start + size
        start += size


def described_twice(data: bytes, chunks: list[tuple[int, int]]) -> bytes:
    """An MP4 whose frames lie in three chunks (where each begins, how many frames it has), the middle one under a second sample description."""
    made = b""
    for start, kind, end in boxes(bytearray(data), 0, len(data)):
        body = data[start + 8 : end]
        if kind in {b"moov", b"trak", b"mdia", b"minf", b"stbl"}:
            body = described_twice(body, chunks)
        elif kind == b"stsd":
            body = body[:4] + struct.pack(">I", 2) + body[8:] + body[8:12] + b"else" + body[16:]
        elif kind == b"stsc":
            runs = ((1, chunks[0][1], 1), (2, chunks[1][1], 2), (3, chunks[2][1], 1))
            body = bytes(4) + struct.pack(">I", 3) + b"".join(struct.pack(">III", *run) for run in runs)
        elif kind == b"stco":
            body = bytes(4) + struct.pack(">4I", 3, *(place for place, _ in chunks))
        made += struct.pack(">I", len(body) + 8) + kind + body
    return made


def test_what_the_container_has_and_nobody_could_read_is_missed(film: Film) -> None:
    """Frames in the middle that are written in another way than the others are left out by FFmpeg without a word, and shown by other players: the frame
    before them doesn't last all that time."""
    path = film("two.mp4", gop=10)
    with av.open(str(path)) as container:
        places = sorted(packet.pos for packet in container.demux(video=0) if packet.size)
    path.write_bytes(described_twice(path.read_bytes(), [(places[0], 40), (places[40], 40), (places[80], 20)]))
    facts, shown, missed = sampled(path, frames=20)
    assert facts.frames == 60
    assert [item.seconds for item in missed] == pytest.approx([0.1 + 0.2 * part for part in range(8, 16)])
    assert {item.reason for item in missed} == {"it could not be decoded"}
    assert len(shown) == 12


@pytest.mark.parametrize("options", [{}, {"movflags": "frag_keyframe+empty_moov"}])
def test_an_uneven_film_whose_container_says_how_long_each_frame_lasts_has_no_holes(film: Film, options: dict[str, str]) -> None:
    """A frame that stays is there for as long as its container says."""
    times = [20 * part + (step if step < 3 else 12) for part in range(10) for step in range(4)]
    assert not sampled(film("uneven.mp4", times=times, frames=40, options=options), frames=32)[2]


@pytest.mark.parametrize("name", ["last.mp4", "last.mkv"])
def test_a_last_frame_that_stays_is_sampled_for_as_long_as_it_does(film: Film, tmp_path: Path, name: str) -> None:
    """Four seconds of something else, and then what everybody sees for another second."""
    with av.open(str(film())) as source, av.open(str(tmp_path / name), "w") as out:
        track = out.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        packets[-1].duration = int(1 / packets[-1].time_base)
        for packet in packets:
            packet.stream = track
            out.mux(packet)
    facts, shown, missed = sampled(tmp_path / name, frames=10)
    assert (facts.seconds, len(missed)) == (pytest.approx(4.96, abs=0.01), 0)
    assert [round(frame.seconds, 2) for frame in shown[-2:]] == [3.96, 3.96]


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mov", "mpeg4"), ("a.flv", "flv"), ("a.wmv", "wmv2")])
def test_a_film_behind_the_first_is_not_passed_over(film: Film, name: str, codec: str) -> None:
    """FFmpeg plays the first and says nothing of the other."""
    path = film(name, codec=codec, pictures=[*NOISE] * 20)
    assert len(sampled(path)[1]) == 32
    whole = path.read_bytes()
    for twice in (whole * 2, b"\0\0\0\x08free" + whole * 2) if name.endswith(("mp4", "mov")) else (whole * 2,):
        path.write_bytes(twice)
        with pytest.raises(UnreadableError, match="another film behind the first"):
            sampled(path)


def test_boxes_without_end_are_not_walked_through(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight bytes each, they cost more time than a film."""
    monkeypatch.setattr(module, "MAX_BOXES", 1_000)
    path = film("a.mp4")
    assert sampled(path)[1]
    path.write_bytes(path.read_bytes() + b"\0\0\0\x08free" * 1_000)
    with pytest.raises(UnreadableError, match="in more than 1,000 parts"):
        sampled(path)


def edited(data: bytes, *edits: tuple[int, int]) -> bytes:
    """An MP4 with an edit list (ISO/IEC 14496-12, section 8.6.6): of each part how many ticks it lasts by the movie's clock, and where by the track's it begins."""
    made = b""
    for start, kind, end in boxes(bytearray(data), 0, len(data)):
        body = data[start + 8 : end]
        if kind in {b"moov", b"trak"}:
            body = edited(body, *edits)
        if kind != b"edts":
            made += struct.pack(">I", len(body) + 8) + kind + body
        if kind == b"tkhd":
            listed = struct.pack(">II", 0, len(edits)) + b"".join(struct.pack(">IiI", *edit, 1 << 16) for edit in edits)
            made += struct.pack(">I4sI4s", len(listed) + 16, b"edts", len(listed) + 8, b"elst") + listed
    return made


def test_film_that_an_edit_list_leaves_out_in_pieces_is_not_passed_over(film: Film) -> None:
    """FFmpeg and some players show two seconds of twenty, others all of them: the two are no answer to what is seen. One stretch is judged (``test_cuts``)."""
    path = film("cut.mp4", frames=500)
    whole = path.read_bytes()
    with av.open(str(path)) as container:
        tick = int(1 / container.streams.video[0].time_base)
    for edits in ([(1_000, 0), (1_000, 19 * tick)], [(1_000, 0)] * 30):
        path.write_bytes(edited(whole, *edits))
        with pytest.raises(UnreadableError, match=r"its edit list leaves out 1\d\.\d s of it"):
            sampled(path)
    for edits in ([(20_000, 0)], [(19_000, tick // 2)], [(19_500, 0)]):
        path.write_bytes(edited(whole, *edits))
        assert len(sampled(path)[1]) == 32


def test_what_a_cut_leaves_before_its_beginning_to_be_decoded_is_no_film(film: Film) -> None:
    """A cut without a new encoding keeps all from the key frame before it: what is shown begins where the list says."""
    path = film("cut.mp4", frames=300, gop=250)
    with av.open(str(path)) as container:
        tick = int(1 / container.streams.video[0].time_base)
    path.write_bytes(edited(path.read_bytes(), (4_000, 8 * tick)))
    facts, shown, _ = sampled(path)
    assert (facts.seconds, len(shown)) == (pytest.approx(4, abs=0.1), 32)


def element(name: str, body: bytes, *, width: int = 8) -> bytes:
    """An element of a Matroska file, with its size in so many bytes."""
    return bytes.fromhex(name) + (len(body) | 1 << 7 * width).to_bytes(width, "big") + body


@pytest.mark.parametrize("width", [1, 2, 8])
@pytest.mark.parametrize(("flag", "refused"), [(b"\1", True), (b"\0\0\1", True), (b"\0", False), (None, False)])
def test_a_film_that_its_chapters_put_together_is_refused(film: Film, width: int, flag: bytes | None, refused: bool) -> None:
    """Players that obey such chapters show one second of four, to FFmpeg they are names. Chapters as others have them change nothing."""
    path = film("chapters.mkv")
    atom = element("b6", element("73c4", b"\1", width=width) + element("91", (10**9).to_bytes(8, "big"), width=width), width=width)
    ordered = b"" if flag is None else element("45dd", flag, width=width)
    chapters = element("1043a770", element("45b9", element("45bc", b"\1") + atom + ordered, width=width), width=width)
    data = path.read_bytes()
    start = data.index(b"\x18\x53\x80\x67") + 4
    path.write_bytes(data[:start] + (len(data) - start - 8 + len(chapters) | 1 << 56).to_bytes(8, "big") + data[start + 8 :] + chapters)
    if refused:
        assert refusal(path) == "its chapters say which parts of it are shown in which order, and what is shown then depends on the player"
    else:
        assert len(sampled(path)[1]) == 32


def test_no_chapters_take_the_reader_aback(tmp_path: Path) -> None:
    """Whatever follows the name of chapters, a film of a size or none: there is an answer, soon."""
    chance = np.random.default_rng(2)
    path = tmp_path / "a.mkv"
    for _ in range(200):
        path.write_bytes(b"\x1a\x45\xdf\xa3" + b"".join(b"\x10\x43\xa7\x70" + chance.bytes(int(chance.integers(0, 40))) for _ in range(20)))
        has_ordered_chapters(path)
    path.write_bytes(b"\x1a\x45\xdf\xa3" + b"\x10\x43\xa7\x70\xff" + element("45b9", element("45dd", b"\1")))
    assert has_ordered_chapters(path)


def test_a_cover_is_no_film(film: Film) -> None:
    """A picture that belongs to the file as a book's cover does is not a second film."""
    path = film("cover.mkv")
    buffer = io.BytesIO()
    Image.new("RGB", (160, 120)).save(buffer, "JPEG")
    covered = path.with_name("covered.mkv")
    with av.open(str(path)) as source, av.open(str(covered), "w") as out:
        track = out.add_stream_from_template(source.streams.video[0])
        out.add_attachment("cover.jpg", "image/jpeg", buffer.getvalue())
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = track
                out.mux(packet)
    with av.open(str(covered)) as container:
        assert len(container.streams.video) == 2
    assert len(sampled(covered, frames=4)[1]) == 4


def test_a_codec_that_is_not_decoded_here_is_named(film: Film) -> None:
    """Rare decoders are attack surface; the file is refused before one of them runs."""
    assert refusal(film("rare.mkv", codec="snow", prepare=lambda stream: setattr(stream.codec_context, "options", {"strict": "-2"}))) == (
        "its codec (snow) is not decoded here"
    )


@pytest.mark.parametrize(
    ("bound", "value", "reason"),
    [
        ("MAX_PIXELS", 160 * 119, "its pictures have 160 x 120 pixels; more than 19,040 are not decoded"),
        ("MAX_FRAMES", 99, "it has more than 99 frames"),
        ("MAX_SECONDS", 3.6, "it lasts, or says that it lasts, 0.0 h; more than 0.001 h are not scanned"),
    ],
)
def test_clips_beyond_a_bound_are_refused(film: Film, monkeypatch: pytest.MonkeyPatch, bound: str, value: float, reason: str) -> None:
    """Pictures too large, frames too many, too long: each with its figures."""
    monkeypatch.setattr(module, bound, value)
    assert refusal(film()) == reason


@pytest.mark.parametrize(("name", "container", "codec"), [("a.mts", "mpegts", "libx264"), ("a.mpg", "mpeg", "mpeg1video")])
def test_clips_behind_one_another_whose_times_are_the_same_are_refused(
    film: Film, tmp_path: Path, name: str, container: str, codec: str
) -> None:
    """A player shows both, and every time is there twice: the first would stand in for the second. One clip by itself is none of that."""
    one, other = film(name, container=container, codec=codec), film(f"b{name}", container=container, codec=codec)
    joined = tmp_path / f"joined{name}"
    joined.write_bytes(one.read_bytes() + other.read_bytes())
    assert re.match(r"its times run backward, (3\.9|4\.0) s in all, so that some of it would not be looked at", refusal(joined))
    assert len(sampled(one, frames=8)[1]) == 8


def test_pictures_that_grow_within_the_file_are_not_decoded(film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small header before huge pictures: the decoder is held to the bound, not only the header."""
    small, large = (
        film("small.mts", container="mpegts", frames=50),
        film("large.mts", container="mpegts", frames=50, size=(640, 480), times=range(50, 100)),
    )
    joined = tmp_path / "grows.mts"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    monkeypatch.setattr(module, "MAX_PIXELS", 200 * 200)
    try:
        _, shown, missed = sampled(joined, frames=8)
    except UnreadableError:
        return
    assert missed
    assert all((frame.width, frame.height) == (160, 120) for frame in shown)


def test_a_bomb_costs_the_decoder_its_memory_not_the_scan(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few kilobytes that unfold to pictures of 15 million pixels: with less memory than they take, no frame comes, and that is said."""
    path = film(pictures=[np.zeros((2880, 5120, 3), np.uint8)] * 3)
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(module, "MEMORY_BYTES", 150 * 1024**2)
    try:
        _, shown, missed = sampled(path, frames=3)
    except UnreadableError as error:
        refused = str(error)
        shown, missed = [], []
    else:
        refused = ""
    assert not shown
    assert len(missed) == 3 or "memory" in refused


# --- what the process that decodes may do


def program(tmp_path: Path, text: str) -> tuple[str, ...]:
    """A program in place of the decoder."""
    path = tmp_path / "decoder.py"
    path.write_text(text)
    return (sys.executable, str(path))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import os; os.abort()", "the decoder crashed on it (signal 6)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "the decoder crashed on it (signal 11)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "decoding it was stopped (signal 15)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "decoding it was stopped"),
        ("raise SystemExit(7)", "the decoder gave up on it (exit code 7)"),
        ("", "the decoder gave up on it (exit code 0)"),
        ("print('[]')", "decoding it gave nonsense"),
        ("print('nonsense', flush=True); import time; time.sleep(60)", "decoding it gave nonsense"),
        ('print(\'{"kind": "surprise", "bytes": 0}\')', "decoding it gave nonsense"),
        ('print(\'{"kind": "frame", "bytes": 99999999999}\', flush=True); import time; time.sleep(60)', "decoding it gave nonsense"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", "decoding it takes more than 600 s of CPU time"),
        ("import time; time.sleep(60)", "decoding it came to nothing for 1.5 s"),
    ],
)
def test_a_decoder_that_misbehaves_is_a_reason_not_a_crash(
    film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    """Crashing, hanging, giving up or talking nonsense ends with a reason, and the process is gone. Only being late or killed may pass."""
    monkeypatch.setattr(module, "PATIENCE", 1.5 if "1.5" in reason else 120.0)
    with pytest.raises(UnreadableError) as caught:
        list(frames(film(frames=1), Sampling(), command=program(tmp_path, text)))
    assert str(caught.value).startswith(reason)
    assert passing(str(caught.value)) is reason.startswith(("decoding it was stopped", "decoding it came to nothing"))


def test_too_much_cpu_time_is_told_from_being_killed() -> None:
    """The system's own bound ends the process by a signal of its own, so that the next scan need not spend the ten minutes again."""
    text = f"import runpy; child = runpy.run_path({str(module._CHILD)!r}); child['_bound'](1, 2**33)\nwhile True: pass"
    assert subprocess.run([sys.executable, "-c", text], check=False).returncode == -signal.SIGXCPU


@pytest.mark.parametrize("limit", ["-t 605", "-t 60", "-v 3000000"])
def test_bounds_of_the_machine_s_own_are_kept(film: Film, limit: str) -> None:
    """Where whoever runs it may use less than we would, no more is asked for, which the system refuses; a clip of a second needs neither."""
    shell = ("/bin/sh", "-c", f'ulimit {limit}; exec "$0" -P -s "$@"', sys.executable, str(module._CHILD))
    _, *shown = frames(film(frames=5), Sampling(frames=3), command=shell)
    assert [type(item) for item in shown] == [Frame] * 3


def test_the_decoder_gets_no_credentials(film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that took over the decoder would find no key in its environment."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("SOME_TOKEN", "secret")
    text = "import json, os; print(json.dumps({'kind': 'refused', 'reason': ' '.join(sorted(os.environ)), 'bytes': 0}))"
    with pytest.raises(UnreadableError) as caught:
        list(frames(film(frames=1), Sampling(), command=program(tmp_path, text)))
    assert "PYTHONPATH" in str(caught.value)
    assert "AWS" not in str(caught.value)
    assert "TOKEN" not in str(caught.value)


def test_the_decoder_ends_when_nobody_listens(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stops after the first frame leaves no process behind."""
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def remember(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(real(*arguments, **options))
        return started[0]

    monkeypatch.setattr(module.subprocess, "Popen", remember)
    listening = frames(film(size=(640, 480)), Sampling(frames=50))
    assert isinstance(next(listening), Facts)
    assert started[0].poll() is None
    listening.close()
    assert started[0].returncode is not None


def test_without_pyav_it_is_said_what_to_install(film: Film, tmp_path: Path) -> None:
    """The missing extra is named, not a module that can't be imported."""
    from averment.core.errors import MissingExtraError

    text = "import json; print(json.dumps({'kind': 'missing-package', 'package': 'no_such_av', 'bytes': 0}))"
    with pytest.raises(MissingExtraError) as caught:
        list(frames(film(frames=1), Sampling(), command=program(tmp_path, text)))
    assert caught.value.fix == "pip install 'averment[video]'"


@pytest.mark.parametrize("name", ["noise.mp4", "noise.mkv"])
def test_damage_anywhere_never_gives_more_than_frames_and_reasons(film: Film, name: str) -> None:
    """Bytes overwritten at random: every wanted frame is there or missed, or the clip is refused; nothing else happens."""
    path = film(name, frames=50)
    whole = path.read_bytes()
    chance = np.random.default_rng(7)
    for _ in range(4):
        data = bytearray(whole)
        for place in chance.integers(0, len(data), 40):
            data[place] = chance.integers(0, 256)
        path.write_bytes(data)
        try:
            _, shown, missed = sampled(path, frames=6)
        except UnreadableError:
            continue
        assert len(shown) + len(missed) == 6
        assert all(item.reason for item in missed)
