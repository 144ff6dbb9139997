"""What the packets of a film show before any is decoded, in the program that decodes: when its frames are shown, and how long it really lasts."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from averment.detector.video.refused import RefusedError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

DEPENDABLE = 1.1
"""A header that promises up to a tenth (and a second) more than there is may count the sound; beyond that, something is missing."""


class Survey(NamedTuple):
    """What the packets show: times in units of the stream's time base, ``times`` of all frames and ``keys`` ascending, ``interval`` between
    frames in seconds. ``end`` is when the last frame is over, by the container's own word. ``holes`` are where by that word something else was than
    what could be read: beginnings and ends in turn. ``reached`` is where in the file the last of them ends."""

    first: int
    last: int
    end: int
    packets: int
    times: array[int]
    keys: array[int]
    interval: float
    holes: array[int]
    reached: int


def survey_of(container: InputContainer, stream: VideoStream, max_frames: int) -> Survey:
    """What the packets of ``stream`` show; ``container`` is read to its end.

    Raises:
        RefusedError: there is no frame, there are more than ``max_frames``, or their times run backward.
    """
    first = last = before = until = None
    packets = backward = end = reached = 0
    times, keys, holes = array("q"), array("q"), array("q")
    lasts = "mp4" in container.format.name.split(",")  # which says of each frame how long it does; elsewhere one lasts until the next
    for packet in _packets(container, stream):
        if packet.dts is not None:
            backward += 0 if before is None else max(0, before - packet.dts)
            before = packet.dts
            if until is not None and packet.dts > until >= (holes[-1] if holes else until):
                holes.extend((until, packet.dts))
            until = packet.dts + packet.duration if lasts and packet.duration else None
        reached = max(reached, (packet.pos or 0) + packet.size)
        when = shown_at(packet)
        if when is None or packet.is_discard:
            continue
        packets += 1
        if packets > max_frames:
            raise RefusedError(f"it has more than {max_frames:,} frames")
        times.append(when)
        if last is None or when >= last:
            end = when + max(0, packet.duration or 0)
        first, last = (when, when) if first is None or last is None else (min(first, when), max(last, when))
        if packet.is_keyframe:
            keys.append(when)
    if first is None or last is None:
        raise RefusedError("there is no frame in it")
    if (again := float(backward * base_of(stream))) > float((last - first) * base_of(stream)) * (DEPENDABLE - 1) + 1:
        # Two clips behind one another, say: players show both, and to a time that is there twice a seek comes in one of them.
        raise RefusedError(f"its times run backward, {again:,.1f} s in all, so that some of it would not be looked at")
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    interval = 1 / rate if 0.1 <= rate <= 1000 else 0.04
    return Survey(first, last, end, packets, array("q", sorted(times)), array("q", sorted(keys)), interval, holes, reached)


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    try:
        yield from container.demux(stream)
    except IndexError as error:  # PyAV knows the streams that there were when the file was opened
        raise RefusedError("a stream begins in the midst of it, and what is shown then depends on the player") from error


def shown_at(packet: Packet[VideoStream]) -> int | None:
    """When what a packet holds is shown or, where it doesn't say, decoded."""
    return packet.pts if packet.pts is not None else packet.dts


def base_of(stream: VideoStream) -> Fraction:
    """How many seconds a unit of the stream's times is.

    Raises:
        RefusedError: it has none.
    """
    if not stream.time_base:
        raise RefusedError("its frames have no times")
    return stream.time_base


def data_seconds(stream: VideoStream, survey: Survey) -> float:
    """How long there are frames."""
    base = base_of(stream)
    return max(float((survey.last - survey.first) * base) + survey.interval, float((survey.end - survey.first) * base))


def seconds_of(container: InputContainer, stream: VideoStream, survey: Survey) -> float:
    """How long the clip lasts: as long as there are frames, or as the header says where that is much longer: then the end is missing."""
    there = data_seconds(stream, survey)
    whole = (container.duration or 0) / 1_000_000
    stated = whole if stream.duration is None else float(stream.duration * base_of(stream))
    return stated if stated > there * DEPENDABLE + 1 else there
