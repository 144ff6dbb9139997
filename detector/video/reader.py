"""Finding the frame that a player shows at a time, in a clip that was surveyed. Runs within ``decoder_child``."""

from __future__ import annotations

import bisect
import math
from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from averment.detector.video.surveys import Survey, base_of, data_seconds, shown_at
from averment.detector.video.veils import Veil

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

LATE = 4
"""Frames by which what comes out of a decoder may be later than its packet: some containers say when a packet is decoded and not when it is shown,
and some packets hold what is never shown by itself. What is later than that isn't the frame that was looked for."""

SEEKS = 3
"""Key frames from which a frame is looked for, each before the other, where nothing comes of the last one before it."""


class SpentError(Exception):
    """The bound on decoded pixels is reached."""


class Reader:
    """Decodes forward from where it is, or from a key frame; every frame at most once unless the clip's times run backward.

    What is looked for at a time is the frame that a player shows then, however long it has been shown: in a film of uneven rate the next one may
    be far, and whoever made it chose how far. Where that frame can't be decoded there is none (``lost``): the next one that can says nothing of it.
    ``shift`` is by how much the file's first frame is before the first that is read here.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, survey: Survey, asked: dict[str, Any], shift: float = 0.0) -> None:
        self.container, self.stream, self.survey = container, stream, survey
        self.shift = shift
        self.transfer = int(stream.codec_context.color_trc)  # by the container's word, until the first frame is decoded
        self.pixels_left: int = asked["decoded_pixels"]
        self.veil = Veil(stream, asked["max_pixels"]) if stream.metadata.get("alpha_mode") == "1" else None
        self.damaged = self.lost = False
        self._failed: set[float] = set()
        self._position = -math.inf
        self._frames: Iterator[VideoFrame] | None = None
        self._found: tuple[float, VideoFrame] | None = None

    def frame_at(self, seconds: float, *, key: bool) -> tuple[float, VideoFrame] | None:
        """The frame at ``seconds`` or, with ``key``, the key frame before it unless that was passed; None if it is ``lost``, or there is none left.

        Raises:
            SpentError: too many pixels were decoded.
        """
        self.lost = False
        before, wanted = self._last_before(self.survey.keys, seconds), self._shown_at(seconds)
        if wanted is None:
            return None
        if bisect.bisect_right(self.survey.holes, self.survey.first + math.floor(seconds / base_of(self.stream))) % 2:
            self.lost = True
            return None
        if before is not None and before > self._position + self.survey.interval / 2:
            wanted = before if key else wanted
            self._found = self._from_key(before, wanted)
        elif self._found is None or self._found[0] < wanted - self._tick:
            if self._frames is None:
                self._seek(0.0)
            self._found = self._forward(wanted)[0]
        if self._found is None:
            return None
        late = self._found[0] - wanted
        self.lost = late > self._tick and (wanted in self._failed or late > LATE * self.survey.interval)
        return None if self.lost else self._found

    def within(self, start: float, end: float) -> int:
        """How many frames there are between two times."""
        first, last = (self.survey.first + seconds / base_of(self.stream) for seconds in (start, end))
        return bisect.bisect_left(self.survey.times, last) - bisect.bisect_left(self.survey.times, first)

    def _from_key(self, before: float, wanted: float) -> tuple[float, VideoFrame] | None:
        """The first good frame from ``wanted`` on, decoded from the key frame at ``before``; from an earlier one where the container came out behind that
        (it may find its way by when packets are decoded, which is before they are shown) or the decoder needs more to begin with."""
        import av

        position = self._position
        found = None
        for start in self._starts(before):
            try:
                self._seek(start)
            except (av.error.FFmpegError, OSError, ValueError):
                if start >= 0:
                    raise
                break  # this container knows of nothing before its beginning
            self._position = position
            found, early = self._forward(wanted)
            if early or (found is not None and found[0] <= wanted + self._tick):
                break
        return found

    def _starts(self, before: float) -> Iterator[float]:
        """``before`` and the times of a few key frames before that, or, where there are none, one before the beginning."""
        start: float | None = before
        for _ in range(SEEKS):
            if start is None:
                yield -1.0
                return
            yield start
            start = self._last_before(self.survey.keys, start - self.survey.interval / 2)

    def _forward(self, wanted: float) -> tuple[tuple[float, VideoFrame] | None, bool]:
        """The first good frame from ``wanted`` on, and whether there was one before it on the way."""
        early = False
        for frame in self._frames or ():
            when = self._time_of(frame)
            early = early or when < wanted - self._tick
            if when <= self._position:
                continue
            self._position = when
            if frame.is_corrupt:
                self._failed.add(when)
            elif when >= wanted - self._tick:
                return (when, frame), early
        return None, early

    @property
    def _tick(self) -> float:
        """Half a unit of time: what rounding may take away."""
        return float(base_of(self.stream)) / 2

    def _shown_at(self, seconds: float) -> float | None:
        """When the frame that is shown at ``seconds`` began to be; None after the end."""
        if seconds > data_seconds(self.stream, self.survey):
            return None
        return self._last_before(self.survey.times, seconds) or 0.0

    def _last_before(self, times: array[int], seconds: float) -> float | None:
        place = bisect.bisect_right(times, self.survey.first + math.floor(seconds / base_of(self.stream)))
        return self._seconds(times[place - 1]) if place else None

    def _seconds(self, stamp: int) -> float:
        return float((stamp - self.survey.first) * base_of(self.stream))

    def _seek(self, seconds: float) -> None:
        self.container.seek(self.survey.first + round(seconds / base_of(self.stream)), stream=self.stream, backward=True)
        self._frames = self._decoded()
        if self.veil:
            self.veil.begin()

    def _time_of(self, frame: VideoFrame) -> float:
        stamp = frame.pts if frame.pts is not None else frame.dts
        if stamp is None:
            return max(self._position, 0.0) + self.survey.interval
        return self._seconds(stamp)

    def _decoded(self) -> Iterator[VideoFrame]:
        import av

        for packet in self.container.demux(self.stream):
            if self.veil:
                self.veil.follow(packet)
            try:
                frames = packet.decode()
            except (av.error.MemoryError, MemoryError):
                raise
            except (av.error.FFmpegError, ValueError):
                self.damaged = True
                if (stamp := shown_at(packet)) is not None:
                    self._failed.add(self._seconds(stamp))
                continue
            for frame in frames:
                self.pixels_left -= frame.width * frame.height
                if self.pixels_left < 0:
                    raise SpentError
                yield frame
