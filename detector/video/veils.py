"""The transparency of a WebM, in the program that decodes: a second picture in each packet, beside the one that is seen (VP8 and VP9 alone have it).

Browsers record a canvas so by default, though nothing in it is transparent. FFmpeg's own decoders leave the second picture out, so that a decoder of libvpx reads
it beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from averment.detector.video.pictures import check_solid
from averment.detector.video.refused import TRANSPARENT, RefusedError

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


class Veil:
    """What is transparent of the frame that ``stream`` gave last.

    Raises:
        RefusedError: it can't be read here.
    """

    def __init__(self, stream: VideoStream, max_pixels: int) -> None:
        self._name, self._max_pixels = _DECODERS.get(stream.codec_context.name, ""), max_pixels
        self.begin()

    def begin(self) -> None:
        """Read on from another place: what came before says nothing of what is there.

        Raises:
            RefusedError: it can't be read here.
        """
        import av

        try:
            self._decoder: VideoCodecContext = av.CodecContext.create(self._name, "r")  # type: ignore[assignment]
        except (ValueError, av.error.FFmpegError) as error:
            raise RefusedError(TRANSPARENT) from error
        self._decoder.thread_count = 1
        self._decoder.options = {"max_pixels": str(self._max_pixels)}
        self._last: VideoFrame | None = None

    def follow(self, packet: Packet[VideoStream]) -> None:
        """Read what ``packet`` holds of it. Frames of these codecs come out in the order in which they went in."""
        import av

        try:
            for frame in self._decoder.decode(packet):
                self._last = frame
        except av.error.MemoryError:
            raise
        except (av.error.FFmpegError, ValueError):
            self._last = None

    def check(self, frame: VideoFrame) -> None:
        """Refuse ``frame``, the one that was decoded last, if something is seen through it.

        Raises:
            RefusedError: it is, or what is transparent of it couldn't be read.
        """
        if self._last is None or self._last.pts != frame.pts:
            raise RefusedError(TRANSPARENT)
        check_solid(self._last)
