"""The same face in successive sampled frames: boxes that overlap, and nothing cleverer.

A track is a place in the picture where a face stays. Someone who walks through it between two samples leaves several short tracks, and two
people whom a cut puts into the same place share one. For the first, what is in no track that can be judged is judged together
(``scoring``); for the second, the highest running median needs only the stretch in which one of them is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from averment.detector.faces.finder import overlap
from averment.detector.interface import FaceScore

SAME = 0.3
"""Intersection over union at or above which two boxes of different frames are of one face."""

GAP = 2
"""Sampled frames in which a face may not be found without its track ending."""


@dataclass(frozen=True)
class Sight:
    """A face in a frame: the frame's place among the sampled ones, and what was said of the face."""

    frame: int
    face: FaceScore


def tracks(frames: Sequence[Sequence[FaceScore]]) -> list[tuple[Sight, ...]]:
    """Each face's sights in order, from the faces of successive frames; every face is in exactly one track. In order of appearance."""
    found: list[list[Sight]] = []
    for place, faces in enumerate(frames):
        live = [track for track in found if place - track[-1].frame <= GAP + 1]
        pairs = sorted(
            (
                (share, -first, -second)
                for first, track in enumerate(live)
                for second, face in enumerate(faces)
                if (share := overlap(track[-1].face.box, face.box)) >= SAME
            ),
            reverse=True,
        )
        taken_tracks: set[int] = set()
        taken_faces: set[int] = set()
        for _, first, second in pairs:
            if -first not in taken_tracks and -second not in taken_faces:
                live[-first].append(Sight(place, faces[-second]))
                taken_tracks.add(-first)
                taken_faces.add(-second)
        found += [[Sight(place, face)] for second, face in enumerate(faces) if second not in taken_faces]
    return [tuple(track) for track in found]
