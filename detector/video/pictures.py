"""A decoded frame as people see it, in the program that decodes: what the file says beside the pixels decides that as much as they do."""

from __future__ import annotations

import io
import math
import struct
from typing import TYPE_CHECKING, Any

from averment.detector.video.refused import TRANSPARENT, RefusedError
from averment.detector.video.tones import standard, tone

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL import Image

SOLID = 242
"""How solid a pixel is, of 255, through which nothing is seen."""

ASLANT = 0.02
"""Of a pixel's way across or down, by which a turned picture may lie aslant."""


def as_png(frame: VideoFrame, stream: VideoStream, stated: int, most: int) -> tuple[int, int, bytes]:
    """The frame as people see it (square pixels, upright, of ordinary dynamic range) with at most ``most`` pixels, as PNG, and its size; ``stated`` is
    the transfer characteristic by the container's word.

    Raises:
        RefusedError: what people see of it can't be said.
    """
    from PIL import Image

    aspect = float(stream.sample_aspect_ratio or 1)
    if not 0.25 <= aspect <= 4:
        raise RefusedError(f"its pixels are {aspect:.3g} times as wide as high")
    width, height = max(1, round(frame.width * aspect)), frame.height
    shrink = min(1.0, math.sqrt(most / (width * height)))
    width, height = max(1, math.floor(width * shrink)), max(1, math.floor(height * shrink))
    interpolation: Any = "AREA" if shrink < 1 else "BICUBIC"
    matrix = int(frame.colorspace)
    check_solid(frame)
    _check_profile(frame)
    metadata = any(name in frame.side_data for name in ("DOVI_METADATA", "DOVI_RPU_BUFFER"))
    kind = tone(int(frame.color_trc), stated, matrix, str(stream.codec_context.codec_tag), metadata=metadata)
    if kind:
        deep = frame.reformat(width, height, "rgb48le", interpolation=interpolation, threads=1)
        picture = Image.fromarray(standard(deep.to_ndarray(), kind, matrix, int(frame.color_primaries)))
    else:
        # Unspecified is what most high-definition files say; players then take ITU-R BT.709.
        colours = "itu709" if matrix == 2 and frame.height >= 720 else None
        shown: Any = frame.reformat(width, height, "rgb24", src_colorspace=colours, interpolation=interpolation, threads=1)
        picture = shown.to_image()
    for turn in _turns(frame):
        picture = picture.transpose(turn)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return picture.width, picture.height, buffer.getvalue()


def check_solid(frame: VideoFrame) -> None:
    """Refuse a frame through which something else is seen.

    Raises:
        RefusedError: it is one.
    """
    if any(part.is_alpha for part in frame.format.components):
        ground: Any = frame.reformat(format="rgba", threads=1)
        if ground.to_ndarray()[:, :, 3].min() < SOLID:
            raise RefusedError(TRANSPARENT)


def _check_profile(frame: VideoFrame) -> None:
    """Refuse a frame that players which know its colour profile show in other colours.

    Raises:
        RefusedError: they do, or the profile can't be read.
    """
    beside: Any = frame.side_data
    if "ICC_PROFILE" not in beside:
        return
    from averment.detector.imaging import UnreadableError
    from averment.detector.shown import check_profile

    try:
        check_profile(bytes(beside["ICC_PROFILE"]), "RGB")
    except UnreadableError as error:
        raise RefusedError(str(error)) from error


def _turns(frame: VideoFrame) -> list[Image.Transpose]:
    """What makes of the frame what people see: a quarter turn, mirrors, in any order of both.

    Raises:
        RefusedError: it is turned by another angle, or slanted.
    """
    from PIL import Image

    beside: Any = frame.side_data
    if "DISPLAYMATRIX" not in beside:
        return []
    across, across_down, _, down_across, down, *_ = struct.unpack("=9i", bytes(beside["DISPLAYMATRIX"])[:36])
    straight, crossed = (abs(across), abs(down)), (abs(across_down), abs(down_across))
    if max(crossed) <= ASLANT * min(straight):  # also of zeros, which say nothing
        turned, mirrored, upset = [], across < 0, down < 0
    elif max(straight) <= ASLANT * min(crossed):
        turned, mirrored, upset = [Image.Transpose.TRANSPOSE], down_across < 0, across_down < 0
    else:
        raise RefusedError("it is turned by an angle that is no quarter, or slanted, which not every player does")
    return turned + [Image.Transpose.FLIP_LEFT_RIGHT] * mirrored + [Image.Transpose.FLIP_TOP_BOTTOM] * upset
