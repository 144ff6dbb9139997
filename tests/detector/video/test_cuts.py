"""Clips that were cut without encoding them anew: what their edit list leaves out is in the file, and some player shows it."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from averment.cli.main import run
from averment.detector import opening
from averment.detector.imaging import UnreadableError
from averment.detector.interface import Family, Score
from averment.detector.scanning import Finding, finding_of
from averment.detector.serving import score_from_json, score_to_json
from averment.detector.video import scoring
from averment.detector.video.edit_lists import edit_lists
from averment.detector.video.frames import Facts, Frame, Sampling, frames
from averment.detector.video.scoring import score_clip

SYNTHETIC = Family.SYNTHETIC_IMAGE
NORMAL = 1 << 16
CONTAINERS = {b"moov", b"trak", b"mdia"}
Film = Callable[..., Path]


def rewritten(data: bytes, change: Callable[[bytes, bytes], bytes | None]) -> bytes:
    """An MP4 with each box as ``change`` has it: what it holds, given its kind and what it holds now, or None where it goes."""
    made, place = b"", 0
    while place < len(data):
        size, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        body = data[place + 8 : place + size]
        changed = change(kind, rewritten(body, change) if kind in CONTAINERS else body)
        if changed is not None:
            made += struct.pack(">I4s", len(changed) + 8, kind) + changed
        place += size
    return made


def cut(path: Path, *parts: tuple[float, float | None, int], wide: bool = False, lists: int = 1) -> Path:
    """The clip with an edit list: of each part how many seconds it lasts, where in the track it begins (None: nothing is shown), and its rate."""
    with av.open(str(path)) as container:
        tick = int(1 / container.streams.video[0].time_base)
    form = ">QqI" if wide else ">IiI"
    entries = b"".join(
        struct.pack(form, round(lasts * 1000), -1 if start is None else round(start * tick), rate) for lasts, start, rate in parts
    )
    listed = struct.pack(">II", wide << 24, len(parts)) + entries
    edts = struct.pack(">I4s", len(listed) + 8, b"elst") + listed

    def change(kind: bytes, body: bytes) -> bytes | None:
        if kind == b"tkhd":
            return body + struct.pack(">I4s", len(edts) * lists + 8, b"edts") + edts * lists  # behind it, as its sibling: see below
        return None if kind == b"edts" else body

    # A box behind tkhd is written as a part of what it holds, and its size is mended by hand.
    data = bytearray(rewritten(path.read_bytes(), change))
    place = data.index(b"tkhd") - 4
    size = int.from_bytes(data[place : place + 4], "big")
    data[place : place + 4] = struct.pack(">I", size - len(edts) * lists - 8)
    path.write_bytes(data)
    return path


def sampled(path: Path, **options: Any) -> tuple[Facts, list[tuple[float, float]]]:
    """Of each frame when it is shown, and when by the film of the tests its picture is."""
    facts, *others = frames(path, Sampling(**options))
    assert isinstance(facts, Facts)
    shown = [item for item in others if isinstance(item, Frame)]
    return facts, [(item.seconds, float(np.asarray(Image.open(io.BytesIO(item.png)))[:, :, 0].mean()) / 25) for item in shown]


def numbered(count: int, size: tuple[int, int] = (160, 120)) -> list[np.ndarray[Any, Any]]:
    """Pictures that say their number by their red, one step each."""
    return [np.full((size[1], size[0], 3), (min(255, number // 2), 128, 128), np.uint8) for number in range(count)]


def bframes(stream: Any) -> None:
    stream.options = {**stream.options, "x264-params": "bframes=3"}


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mov", "cut.m4v"])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize(("start", "lasts"), [(0.0, 2.0), (8.0, 4.0), (8.6, 4.0), (15.0, 5.0)])
def test_of_a_clip_that_was_cut_both_what_is_shown_and_all_of_it_is_looked_at(
    film: Film, name: str, wide: bool, start: float, lasts: float
) -> None:
    """Times count from the file's first frame, so that one time is one picture in whichever way it is looked at."""
    container = "mp4" if name.endswith("m4v") else None
    path = cut(film(name, pictures=numbered(500), prepare=bframes, container=container), (lasts, start, NORMAL), wide=wide)
    facts, seen = sampled(path, frames=8)
    assert facts.cut == pytest.approx((start, start + lasts, 20), abs=0.13)
    assert [when for when, _ in seen] == pytest.approx([start + lasts * (part + 0.5) / 8 for part in range(8)], abs=0.15)
    whole, everything = sampled(path, frames=8, view=(0.0, 20.0))
    assert whole.cut == facts.cut
    assert [when for when, _ in everything] == pytest.approx([2.5 * (part + 0.5) for part in range(8)], abs=0.05)
    for when, picture in (*seen, *everything):
        assert picture == pytest.approx(when / 2, abs=0.12)
    [(when, picture)] = sampled(path, at=11.0)[1]
    assert (when, picture) == (pytest.approx(11, abs=0.05), pytest.approx(5.5, abs=0.12))


def forged(start: float, end: float, seconds: int = 20) -> list[np.ndarray[Any, Any]]:
    """A film that is bright from one second to another and dark elsewhere."""
    return [np.full((120, 160, 3), 220 if start <= number / 25 < end else 20, np.uint8) for number in range(seconds * 25)]


def bright(picture: np.ndarray[Any, Any]) -> Score:
    level = float(picture[:, :, 0].mean())
    return Score(cannot_say="too grey") if 80 < level < 160 else Score({SYNTHETIC: 0.9 if level > 120 else 0.1})


@pytest.mark.parametrize(
    ("fake", "shown"),
    [
        ((0, 0), (8, 4)),  # nowhere
        ((9, 11), (8, 4)),  # in what is shown
        ((9.0, 9.4), (9, 0.5)),  # in what is shown, which is next to nothing of the file
        ((0, 5), (8, 4)),  # before it
        ((15, 20), (8, 4)),  # behind it
        ((19.3, 20.0), (18, 1.2)),  # behind it, for those that know where it begins and not where it ends
        ((0, 0.7), (10, 1)),  # before it, for those that know how long it is and not where it begins
    ],
)
def test_a_clip_that_was_cut_is_flagged_for_whatever_some_player_shows(
    film: Film, told: Any, fake: tuple[float, float], shown: tuple[float, float]
) -> None:
    """Shown, hidden, or a part of the file that a player makes of half of the list; clean where nothing is in any of it."""
    path = cut(film("cut.mp4", pictures=forged(*fake), prepare=bframes), (shown[1], shown[0], NORMAL))
    score = score_clip(path, told(bright))
    assert finding_of(score, 0.5) is (Finding.FLAGGED if fake[1] else Finding.CLEAN)
    clip = score.clip
    assert clip is not None
    assert clip.cut == pytest.approx((shown[0], sum(shown)), abs=0.1)
    assert clip.seconds == pytest.approx(20, abs=0.1)
    assert clip.judged == clip.sampled >= 64
    if fake[1]:
        assert clip.worst is not None
        assert fake[0] - 0.05 <= clip.worst.seconds <= fake[1] + 0.05
    assert score_from_json(json.loads(json.dumps(score_to_json(score)))) == score


def test_a_clip_that_was_cut_is_hashed_once(film: Film, told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose frames are drawn for each way of showing it; of four gigabytes a hash takes seconds."""
    hashed: list[Path] = []
    monkeypatch.setattr(scoring, "sha256_of", lambda path: hashed.append(path) or "a" * 64)
    path = cut(film("cut.mp4", pictures=forged(0, 0), prepare=bframes), (4, 8, NORMAL))
    clip = score_clip(path, told(bright)).clip
    assert clip is not None
    assert clip.judged == 4 * 32
    assert hashed == [path]


def test_what_is_left_open_in_some_way_of_showing_a_clip_leaves_it_open(film: Film, told: Any) -> None:
    """Most of what was left out can't be judged: a player that shows it shows what nobody judged."""
    pictures = [np.full((120, 160, 3), 20 if 200 <= number < 300 else 120, np.uint8) for number in range(500)]
    score = score_clip(cut(film("cut.mp4", pictures=pictures), (4, 8, NORMAL)), told(bright))
    assert finding_of(score, 0.5) is Finding.COULD_NOT
    assert score.cannot_say is not None
    assert score.cannot_say.startswith("with what the edit list leaves out (8.0 to 12.0 s of 20.0 s are shown), only ")
    assert " of 32 frames could be judged and nothing was flagged in them" in score.cannot_say
    assert score.clip is not None
    assert score.clip.cut == (8.0, 12.0)


def test_a_scan_says_that_a_clip_was_cut(film: Film, told: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """In the table and in JSON; the frame that an explanation draws is the one that decided, though it is left out."""
    monkeypatch.setattr(opening, "open_detector", lambda text: told(bright))
    path = cut(film("cut.mp4", pictures=forged(0, 5)), (4, 8, NORMAL))
    assert run(["media", "scan", str(path)]) == 1
    assert "cut to 8.00 to 12.00 s and judged as a whole" in capfd.readouterr().out
    assert run(["media", "scan", str(path), "--format", "json"]) == 1
    assert json.loads(capfd.readouterr().out)["images"][0]["clip"]["cut"] == [8, 12]
    assert run(["media", "explain", str(path), "--out", str(path.with_name("why.png"))]) == 1
    assert "0.900" in capfd.readouterr().out
    assert run(["media", "scan", str(film("plain.mp4")), "--format", "json"]) == 1
    assert "cut" not in json.loads(capfd.readouterr().out)["images"][0]["clip"]


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (((20, 10, 0),), "its edit list holds a frame or changes the speed"),
        (((20, 0, NORMAL * 2),), "its edit list holds a frame or changes the speed"),
        (((19, 0, NORMAL), (600, 19, 0)), "its edit list holds a frame or changes the speed"),
        (((20, 0, NORMAL), (600, -3, NORMAL)), "its edit list can't be read"),
        (((10, 10, NORMAL), (10, 0, NORMAL)), "its edit list shows parts of it again or in another order|its times run backward"),
        (((20, 0, NORMAL), *[(3, 2, NORMAL)] * 30), "its edit list shows parts of it again or in another order|its times run backward"),
        (((3, 0, NORMAL), (3, 12, NORMAL)), r"its edit list leaves out 1\d\.\d s of it"),
    ],
)
def test_lists_that_show_more_than_one_stretch_or_change_its_pace_are_refused(film: Film, parts: Any, reason: str) -> None:
    """One frame held for ten minutes is what people see, and to FFmpeg a frame like the others."""
    with pytest.raises(UnreadableError, match=reason):
        list(frames(cut(film("odd.mp4", frames=500), *parts), Sampling()))


def test_a_list_behind_more_boxes_than_are_read_is_no_list_that_is_not_there(film: Film) -> None:
    """Boxes of nothing take 8 bytes each: behind enough of them the list would not be read, and FFmpeg leaves out the frame that it holds."""
    path = cut(film("odd.mp4", frames=50), (2, 0, NORMAL), (600, 1, 0))
    data, nothing = path.read_bytes(), struct.pack(">I4s", 8, b"free") * 100_000
    place = data.index(b"moov") - 4
    path.write_bytes(data[:place] + nothing + data[place:])
    with pytest.raises(UnreadableError, match="written in more than 100,000 parts"):
        list(frames(path, Sampling()))


def test_several_lists_of_one_track_are_refused(film: Film) -> None:
    """Which of them counts depends on the player."""
    with pytest.raises(UnreadableError, match="it has several edit lists"):
        list(frames(cut(film("odd.mp4", frames=500), (20, 0, NORMAL), lists=2), Sampling()))


@pytest.mark.parametrize(("start", "lasts"), [(18, 2), (0, 2), (5, 5)])
def test_a_recording_in_pieces_whose_list_cuts_it_is_refused(film: Film, start: float, lasts: float) -> None:
    """FFmpeg doesn't cut what is written in fragments; browsers do, and show a stretch of which the samples of the whole say little."""
    path = cut(film("pieces.mp4", frames=500, options={"movflags": "frag_keyframe+empty_moov"}), (lasts, start, NORMAL))
    with pytest.raises(UnreadableError, match="its edit list says something else than what is decoded here"):
        list(frames(path, Sampling()))


@pytest.mark.parametrize(
    "parts",
    [
        ((20, 0, NORMAL),),
        ((2, None, NORMAL), (20, 0.08, NORMAL)),
        ((18.9, 0.5, NORMAL),),
        ((9, 0, NORMAL), (11, 9, NORMAL)),
    ],
)
def test_lists_that_leave_out_next_to_nothing_are_no_cut(film: Film, parts: Any) -> None:
    """The delay of an encoder, a beginning later than that of the sound, parts behind one another."""
    facts, seen = sampled(cut(film("a.mp4", frames=500, prepare=bframes), *parts))
    assert (facts.cut, len(seen)) == (None, 32)
    assert facts.seconds == pytest.approx(19.5, abs=0.7)


@pytest.mark.parametrize("options", [{}, {"movflags": "frag_keyframe+delay_moov"}])
def test_a_frame_a_second_whose_order_is_mended_by_the_list_is_no_cut(tmp_path: Path, options: dict[str, str]) -> None:
    """The list begins where the first frame is shown, which is two seconds after it is decoded."""
    path = tmp_path / "slow.mp4"
    with av.open(str(path), "w", options=options) as out:
        track = out.add_stream("libx264", rate=1, options={"x264-params": "bframes=3:b-pyramid=normal"})
        track.width, track.height, track.pix_fmt = 160, 120, "yuv420p"
        for index, picture in enumerate(numbered(9)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index
            out.mux(track.encode(frame))
        out.mux(track.encode())
    assert edit_lists(path)["1"]["start"] >= 1
    facts, seen = sampled(path, frames=9)
    assert (facts.cut, len(seen)) == (None, 9)


def test_what_is_left_out_of_the_sound_is_no_cut_of_the_film(film: Film, tmp_path: Path) -> None:
    """Only the list of the track that is shown counts."""
    path = tmp_path / "sound.mp4"
    with av.open(str(film("silent.mp4", frames=250))) as source, av.open(str(path), "w") as out:
        track = out.add_stream_from_template(source.streams.video[0])
        sound = out.add_stream("aac", rate=44100)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = track
                out.mux(packet)
        for index in range(440):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, index * 1024
            out.mux(sound.encode(frame))
        out.mux(sound.encode())
    data = bytearray(path.read_bytes())
    place = data.rindex(b"elst")
    struct.pack_into(">IiI", data, place + 12, 1000, 44100 * 6, 0)
    path.write_bytes(data)
    assert "odd" in edit_lists(path)["2"]
    facts, seen = sampled(path)
    assert (facts.cut, len(seen)) == (None, 32)


def test_no_file_takes_the_reader_of_edit_lists_aback(film: Film, tmp_path: Path) -> None:
    """Damaged, cut off, of another kind: it says what it knows, which may be nothing."""
    whole = cut(film("a.mp4", frames=20), (0.8, 0, NORMAL)).read_bytes()
    assert edit_lists(tmp_path / "none.mp4") == {}
    chance = np.random.default_rng(5)
    place = whole.index(b"moov")
    for _ in range(200):
        data = bytearray(whole)
        for spot in chance.integers(place, place + 600, 6):
            data[spot] = chance.integers(0, 256)
        (tmp_path / "damaged.mp4").write_bytes(data[: chance.integers(place, len(data))])
        assert len(json.dumps(edit_lists(tmp_path / "damaged.mp4"))) < 10_000
