"""Faces followed from frame to frame."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from averment.detector.interface import FaceScore
from averment.detector.video.tracks import GAP, tracks


def at(left: float, probability: float = 0.5, side: float = 100) -> FaceScore:
    return FaceScore((left, 0, left + side, side), probability)


def places(found: list[tuple[object, ...]]) -> list[list[int]]:
    return [[sight.frame for sight in track] for track in found]  # type: ignore[attr-defined]


def test_a_face_that_moves_a_little_is_one_track() -> None:
    """Boxes that overlap from frame to frame are of one face, though the first and the last don't overlap at all."""
    assert places(tracks([[at(30 * index)] for index in range(6)])) == [[0, 1, 2, 3, 4, 5]]


def test_two_faces_that_stay_apart_are_two_tracks_in_any_order_of_boxes() -> None:
    """The order in which a frame's faces come doesn't matter."""
    found = tracks([[at(0, 0.1), at(500, 0.9)], [at(505, 0.9), at(5, 0.1)], [at(10, 0.1), at(510, 0.9)]])
    assert [{sight.face.probability for sight in track} for track in found] == [{0.1}, {0.9}]
    assert places(found) == [[0, 1, 2], [0, 1, 2]]


def test_the_closest_boxes_are_matched_first() -> None:
    """A newcomer beside a face doesn't take over its track."""
    found = tracks([[at(0, 0.1)], [at(60, 0.9), at(5, 0.1)]])
    assert [[sight.face.probability for sight in track] for track in found] == [[0.1, 0.1], [0.9]]


def test_a_face_may_be_missed_for_a_while_but_not_for_long() -> None:
    """A turned head doesn't end a track; a longer absence does."""
    assert places(tracks([[at(0)], *[[]] * GAP, [at(0)]])) == [[0, GAP + 1]]
    assert places(tracks([[at(0)], *[[]] * (GAP + 1), [at(0)]])) == [[0], [GAP + 2]]


@given(st.lists(st.lists(st.integers(0, 30), max_size=4), max_size=10))
def test_every_face_is_in_exactly_one_track_and_no_track_has_two_of_a_frame(frames: list[list[int]]) -> None:
    """Nothing is lost and nothing is counted twice."""
    given_faces = [[at(20.0 * left, probability=index / 10) for index, left in enumerate(lefts)] for lefts in frames]
    found = tracks(given_faces)
    seen = sorted((sight.frame, sight.face.box, sight.face.probability) for track in found for sight in track)
    assert seen == sorted((place, face.box, face.probability) for place, faces in enumerate(given_faces) for face in faces)
    for track in found:
        times = [sight.frame for sight in track]
        assert times == sorted(set(times))
