"""The program that decodes frames of a clip in a process of its own: a video is hostile until shown otherwise, and its decoders are C.

Run as a script with one argument, a JSON object (``frames.Sampling`` and the path); writes to standard output, for each thing that it
has to say, a line of JSON and, where the line holds ``bytes``, so many bytes after it. It imports next to nothing of Averment, so that
it starts quickly, and bounds its own CPU time and memory first of all. It opens the one file and nothing that the file refers to.

Two passes. The first reads every packet and decodes none: when each key frame is shown, and how long the clip really lasts, whatever
its header says. The second seeks to the key frame before each wanted time, unless it is past that one already, and decodes from there.
"""

from __future__ import annotations

import bisect
import hashlib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from averment.detector.video.cuts import Entry, check, hidden
from averment.detector.video.pictures import as_png
from averment.detector.video.reader import Reader, SpentError
from averment.detector.video.refused import RefusedError
from averment.detector.video.surveys import DEPENDABLE, Survey, base_of, data_seconds, seconds_of, survey_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,flv,asf"
"""Demuxers that may look at the file. None of them follows references: playlists (HLS, DASH, concat) are not among them."""

DECODERS = (
    "h264,hevc,libdav1d,av1,vp8,libvpx,vp9,libvpx-vp9,mpeg4,msmpeg4v1,msmpeg4v2,msmpeg4,mpeg2video,mpeg1video,"
    "h263,h263p,mjpeg,prores,dnxhd,theora,wmv1,wmv2,wmv3,vc1,flv,vp6,vp6f,dvvideo,rawvideo,ffv1"
)
"""Of what cameras, phones, editors and platforms write; the hundreds of others are attack surface."""

NOT_FILMS = ("attached_pic", "still_image", "dependent")
"""Dispositions of streams that no player shows as the film, covers above all,"""
FILMS = ("default", "timed_thumbnails")
"""unless they have one of these: it is the one to play, or some other stream calls it the pictures of its chapters, which takes twenty bytes."""

BEHIND = 64 * 1024
"""Bytes behind the last frame, besides a tenth of the file, that an index and the end of the sound may take."""


def main() -> int:
    """Print the facts of the clip and the frames asked for."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    _bound(asked["cpu_seconds"], asked["memory_bytes"])
    try:
        import av
        import PIL.Image  # noqa: F401 - PyAV imports it when the first frame is converted
    except ModuleNotFoundError as error:
        _say({"kind": "missing-package", "package": error.name})
        return 0
    try:
        _work(asked)
    except RefusedError as error:
        _say({"kind": "refused", "reason": str(error)})
    except (MemoryError, av.error.MemoryError):
        _say({"kind": "refused", "reason": f"decoding it takes more than {asked['memory_bytes'] // 2**20:,} MiB of memory"})
    except BrokenPipeError:
        return 1  # whoever asked has stopped listening
    except (av.error.FFmpegError, OSError, ValueError) as error:
        _say({"kind": "refused", "reason": f"the video is damaged: {getattr(error, 'strerror', None) or str(error)[:120]}"})
    return 0


def _bound(cpu_seconds: int, memory_bytes: int) -> None:
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limits; the bounds on pixels, frames and waiting hold there too
        return
    # The system says so at the first bound (SIGXCPU), and kills at the second, as it does what there is no memory for: they have to differ.
    for what, soft, hard in ((resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 10), (resource.RLIMIT_AS, memory_bytes, memory_bytes)):
        given = resource.getrlimit(what)[1]
        most = hard if given == resource.RLIM_INFINITY else min(hard, given)  # more than one was given can't be taken
        resource.setrlimit(what, (min(soft, most), most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _say(value: dict[str, Any], body: bytes = b"") -> None:
    sys.stdout.buffer.write(json.dumps({**value, "bytes": len(body)}).encode() + b"\n" + body)
    sys.stdout.buffer.flush()


def _work(asked: dict[str, Any]) -> None:
    with Path(asked["path"]).open("rb") as file, _opened(file, asked) as container:
        stream = _film(container)
        _check_size(stream, asked["max_pixels"])
        survey = survey_of(container, stream, asked["max_frames"])
        seconds = seconds_of(container, stream, survey)
        _check_behind(asked, container, survey)
        if "mp4" not in container.format.name.split(","):
            _tell(asked, Reader(container, stream, survey, asked), seconds)
            return
        with Path(asked["path"]).open("rb") as again, _opened(again, asked, ignore_editlist="1") as whole:
            everything = _film(whole)
            uncut, cut = _cut(asked, (stream, survey), whole, everything)
            if cut is None or (asked["view"] is None and asked["at"] is None):
                _tell(asked, Reader(container, stream, survey, asked, cut[0] if cut else 0.0), seconds, cut)
            else:
                _tell(asked, Reader(whole, everything, uncut, asked), cut[2], cut, asked["view"])


def _tell(
    asked: dict[str, Any],
    reader: Reader,
    seconds: float,
    cut: tuple[float, float, float] | None = None,
    view: tuple[float, float] | None = None,
) -> None:
    """Say what the clip is, and the frames asked for, of all that ``reader`` reads or of ``view``; ``cut`` is from when to when of how long it is shown."""
    if seconds > asked["max_seconds"]:
        raise RefusedError(
            f"it lasts, or says that it lasts, {seconds / 3600:,.1f} h; more than {asked['max_seconds'] / 3600:g} h are not scanned"
        )
    context, survey = reader.stream.codec_context, reader.survey
    _say(
        {
            "kind": "clip",
            "seconds": seconds,
            "read_seconds": data_seconds(reader.stream, survey),
            "width": context.width,
            "height": context.height,
            "codec": context.name,
            "container": reader.container.format.name,
            "frames": survey.packets,
            "key_frames": len(survey.keys),
            "cut": cut,
        }
    )
    _sample(reader, view or (0.0, seconds), asked)


def _opened(file: io.BufferedReader, asked: dict[str, Any], **more: str) -> InputContainer:
    import av

    if not file.read(1):
        raise RefusedError("the file is empty")
    file.seek(0)
    options = {
        "format_whitelist": FORMATS,
        "codec_whitelist": DECODERS,
        "protocol_whitelist": "",
        "max_pixels": str(asked["max_pixels"]),
        "max_streams": "64",
        "threads": "1",
        **more,
    }
    try:
        container: InputContainer = av.open(file, mode="r", options=options, metadata_errors="replace")
    except (av.error.MemoryError, MemoryError):
        raise
    except (av.error.FFmpegError, OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or type(error).__name__
        raise RefusedError(f"not a video that is read here, or damaged from the start ({said})") from error
    return container


def _film(container: InputContainer) -> VideoStream:
    """The one stream that plays.

    Raises:
        RefusedError: there is none, there are several, or it is in a codec that isn't decoded here.
    """
    import av.stream

    def among(names: tuple[str, ...], stream: VideoStream) -> bool:
        return any(stream.disposition.value & getattr(av.stream.Disposition, name).value for name in names)

    films = [stream for stream in container.streams.video if among(FILMS, stream) or not among(NOT_FILMS, stream)]
    if not films:
        raise RefusedError("there is no video stream in it")
    if len(films) > 1:
        raise RefusedError(f"it has {len(films)} video streams, and which of them is shown depends on the player")
    if films[0].codec_context is None or films[0].codec_context.name not in DECODERS.split(","):
        known = films[0].codec_context.name if films[0].codec_context is not None else "unknown"
        raise RefusedError(f"its codec ({known}) is not decoded here")
    return films[0]


def _check_size(stream: VideoStream, max_pixels: int) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if width <= 0 or height <= 0:
        raise RefusedError("the size of its pictures is not stated or can't be read")
    if width * height > max_pixels:
        raise RefusedError(f"its pictures have {width} x {height} pixels; more than {max_pixels:,} are not decoded")
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(max_pixels)}


def _check_behind(asked: dict[str, Any], container: InputContainer, survey: Survey) -> None:
    """Refuse a file with another film behind the first (of an MP4 ``frames`` does): FFmpeg shows the first alone, and nobody says that all players do."""
    size = Path(asked["path"]).stat().st_size
    if container.format.name in {"flv", "asf"} and size - survey.reached > size * (DEPENDABLE - 1) + BEHIND:
        raise RefusedError("there is another film behind the first in it, and which is shown depends on the player")


def _cut(
    asked: dict[str, Any], shown: tuple[VideoStream, Survey], whole: InputContainer, everything: VideoStream
) -> tuple[Survey, tuple[float, float, float] | None]:
    """Of the film in ``whole``, which was opened without the edit list: what its packets show, and from when to when of how long the list shows it; None
    where the list leaves out nothing to speak of.

    Raises:
        RefusedError: what the list makes of it can't be said.
    """
    stream, survey = shown
    _check_size(everything, asked["max_pixels"])
    if len(everything.index_entries) < len(stream.index_entries):  # its parts are indexed as they are read
        survey_of(whole, everything, asked["max_frames"])
    seconds = data_seconds(stream, survey)
    left_out = hidden(_entries(stream), _entries(everything), survey.interval)
    first = next((entry.seconds for entry in _entries(stream) if not entry.hidden), 0.0)
    delay = float(survey.first * base_of(stream)) - first
    start = check(left_out, asked["edits"].get(str(stream.id)), seconds, delay)
    if start is None:
        return survey, None
    uncut = survey_of(whole, everything, asked["max_frames"])
    begin = bisect.bisect_left(uncut.times, start / base_of(everything) - 0.5)
    if begin == len(uncut.times):
        raise RefusedError("its edit list shows nothing of it")
    before = float((uncut.times[begin] - uncut.first) * base_of(everything))
    return uncut, (before, before + seconds, max(seconds_of(whole, everything, uncut), before + seconds))


def _entries(stream: VideoStream) -> Iterator[Entry]:
    base = float(base_of(stream))
    return (Entry(entry.timestamp * base, entry.pos, entry.is_discard) for entry in stream.index_entries)


def _sample(reader: Reader, view: tuple[float, float], asked: dict[str, Any]) -> None:
    """Say the frame, or why there is none, at a time in each of so many equal parts of ``view``, or at one given time."""
    start, end = view
    count = max(1, min(asked["frames"], reader.within(start, end)))
    times = [asked["at"]] if asked["at"] is not None else [start + (end - start) * place / count for place in _places(count, asked["seed"])]
    spent = False
    for wanted in times:
        reason = "too much had been decoded before it"
        found = None
        try:
            found = None if spent else reader.frame_at(wanted, key=asked["key_frames"])
            if reader.lost:
                reason = "it could not be decoded"
            elif not spent and found is None:
                reason = "some of what comes before it could not be decoded" if reader.damaged else "the file ends before it"
        except SpentError:
            spent = True
        if found is None:
            _say({"kind": "missed", "wanted": wanted + reader.shift, "reason": reason})
            continue
        when, frame = found
        try:
            if reader.veil:
                reader.veil.check(frame)
            width, height, body = as_png(frame, reader.stream, reader.transfer, asked["frame_pixels"])
        except RefusedError as error:
            _say({"kind": "missed", "wanted": wanted + reader.shift, "reason": str(error)})
            continue
        _say({"kind": "frame", "seconds": when + reader.shift, "width": width, "height": height}, body)
    _say({"kind": "end"})


def _places(count: int, seed: str) -> list[float]:
    """In each of ``count`` parts of one length a place, anywhere in it as ``seed`` has it; its middle, without one."""
    if not seed:
        return [part + 0.5 for part in range(count)]
    chances = (hashlib.sha256(f"{seed} {part}".encode()).digest() for part in range(count))
    return [part + int.from_bytes(chance[:6], "big") / 2**48 for part, chance in enumerate(chances)]


if __name__ == "__main__":
    sys.exit(main())
