"""Faces that fill the picture: found by a second look, and shown with room around them that is the picture's own mirror image."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from averment.detector import corpus
from averment.detector.embedded import EmbeddedDetector
from averment.detector.faces import finder as finding
from averment.detector.faces import views
from averment.detector.faces.finder import Face, FaceFinder
from averment.detector.faces.views import LEAST_ROOM, seen_of, view_of
from averment.detector.imaging import INPUT_SIDE, decode, to_input, window
from averment.detector.interface import Family


def noise(width: int, height: int) -> Image.Image:
    """A picture of which every pixel is another."""
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8))


def portraits(label: str) -> Iterator[tuple[Image.Image, Face]]:
    """The portraits of the corpus in which a face is found, with that face."""
    finder = FaceFinder()
    for entry in corpus.load():
        if entry.kind == "face" and entry.label == label:
            image = decode(entry.read())
            if faces := finder.find(image):
                yield image, faces[0]


def close(image: Image.Image, face: Face, cut: float) -> Image.Image:
    """The face without what is around it, and without ``cut`` of its box at each side."""
    left, top, right, bottom = face.box
    across, down = cut * (right - left), cut * (bottom - top)
    edges = (max(0.0, left + across), max(0.0, top + down), min(image.width, right - across), min(image.height, bottom - down))
    return image.crop(tuple(int(edge) for edge in edges))


@given(
    st.tuples(st.integers(40, 400), st.integers(40, 400)),
    st.tuples(st.floats(-0.2, 0.9), st.floats(-0.2, 0.9), st.floats(0.1, 1.5), st.floats(0.1, 1.5)),
)
def test_the_view_lies_in_the_picture_or_the_picture_in_the_view(size: tuple[int, int], shape: tuple[float, float, float, float]) -> None:
    """As in training where there is room; elsewhere nothing of the picture is lost along the edge that is too short."""
    x, y, across, down = (part * length for part, length in zip(shape, (*size, *size), strict=True))
    box = (x, y, x + across, y + down)
    left, top, side = seen_of(box, size)
    if min(size) >= LEAST_ROOM * max(across, down):
        assert (left, top, side) == window(box, size)
    else:
        assert side == pytest.approx(LEAST_ROOM * max(across, down))
        for start, length in ((left, size[0]), (top, size[1])):
            inner, outer = sorted(((start, start + side), (0.0, float(length))), key=lambda span: span[1] - span[0])
            assert outer[0] - 1e-6 <= inner[0] <= inner[1] <= outer[1] + 1e-6
    view = view_of(noise(*size), box)
    assert (view.shape, view.dtype) == ((INPUT_SIDE, INPUT_SIDE, 3), np.uint8)


def test_with_room_the_networks_are_shown_what_they_were_trained_on() -> None:
    """To the bit."""
    image = noise(200, 160)
    for box in ((40.0, 30.0, 140.0, 130.0), (0.0, 0.0, 60.0, 80.0), (100.0, 40.0, 200.0, 150.0)):
        assert np.array_equal(view_of(image, box), to_input(image, box))


def test_without_room_the_picture_goes_on_as_its_mirror_image() -> None:
    """About a face that is the whole picture, 15 % of it on each side; along an edge that is long enough, nothing is mirrored."""
    image = noise(100, 100)
    expected = np.pad(np.asarray(image), ((15, 15), (15, 15), (0, 0)), mode="reflect")
    assert np.array_equal(view_of(image, (0.0, 0.0, 100.0, 100.0)), to_input(Image.fromarray(expected)))
    wide = noise(400, 100)
    expected = np.pad(np.asarray(wide)[:, 135:265], ((15, 15), (0, 0), (0, 0)), mode="reflect")
    assert np.array_equal(view_of(wide, (150.0, 0.0, 250.0, 100.0)), to_input(Image.fromarray(expected)))
    low = np.pad(np.asarray(image), ((0, 30), (15, 15), (0, 0)), mode="reflect")
    assert np.array_equal(view_of(image, (0.0, 40.0, 100.0, 140.0)), to_input(Image.fromarray(low)))


def test_a_wide_picture_s_view_takes_no_more_memory_than_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its face goes far beyond it, above and below; what is shown of it is the same."""
    gradient = Image.merge("RGB", [Image.linear_gradient("L").rotate(90 * turn) for turn in range(3)])
    picture, box = gradient.resize((6000, 2500)), (300.0, -1500.0, 5700.0, 3900.0)
    tracemalloc.start()
    shown = view_of(picture, box)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 * 2**20
    monkeypatch.setattr(views, "MOST", 10_000)
    whole = view_of(picture, box)
    assert np.abs(shown.astype(int) - whole.astype(int)).max() <= 4


def test_a_face_that_fills_the_picture_is_found_by_a_second_look() -> None:
    """Cut at chin and forehead, most of them; where the first look finds one, it is the same."""
    finder = FaceFinder()
    tight = [close(image, face, 0.08) for image, face in portraits("real")]
    first, found = [finder.find(image) for image in tight], [finder.find_close(image) for image in tight]
    assert sum(map(bool, first)) < 0.85 * len(tight)
    assert sum(map(bool, found)) > 0.9 * len(tight)
    assert all(again == before for before, again in zip(first, found, strict=True) if before)
    for image, faces in zip(tight, found, strict=True):
        for face in faces:
            assert finding.CLOSE <= face.side / min(image.size) <= finding.CUT
            assert all(0 <= middle <= length for middle, length in zip(face.centre, image.size, strict=True))


def test_the_second_look_sees_no_faces_in_products() -> None:
    """Folds and shadows look like small faces from afar; a product that is taken for a face would be judged as one."""
    finder = FaceFinder()
    assert not any(finder.find_close(decode(image.read())) for image in corpus.load() if image.kind != "face")


def test_the_second_look_is_spared_where_nothing_hints_at_a_face(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop's products have none, and each look costs as much as the first."""
    finder, looks = FaceFinder(), list[float]()
    propose = FaceFinder._propose
    monkeypatch.setattr(FaceFinder, "_propose", lambda self, images, share: looks.append(share) or propose(self, images, share))
    products = [decode(image.read()) for image in corpus.load() if image.kind != "face"]
    for product in products:
        finder.find_close(product)
    assert looks.count(1.0) == len(products)
    assert looks.count(finding.REDUCED) <= 0.4 * len(products)


def test_a_close_cut_makes_fewer_real_faces_look_manipulated() -> None:
    """Of the corpus' portraits, cut to the face: without the mirrored room more are flagged."""
    detector, finder = EmbeddedDetector(), FaceFinder()
    flagged = {"with": 0, "without": 0}
    for image, face in portraits("real"):
        tight = close(image, face, 0.0)
        for found in finder.find_close(tight)[:1]:
            for way, view in (("with", view_of(tight, found.box)), ("without", to_input(tight, found.box))):
                ((manipulated, _),) = detector._run([view])
                flagged[way] += manipulated >= detector.info.threshold
    assert flagged["with"] <= 0.6 * flagged["without"]


def test_the_detector_judges_such_a_face_and_draws_its_map_over_what_it_saw() -> None:
    """End to end; the map reaches beyond the picture, as the view did."""

    image, face = next((image, face) for image, face in portraits("real") if not FaceFinder().find(close(image, face, 0.08)))
    tight, output = close(image, face, 0.08), io.BytesIO()
    tight.save(output, "PNG")
    detector = EmbeddedDetector()
    [score] = detector.score([output.getvalue()])
    assert set(score.probabilities) == {Family.MANIPULATED_FACE, Family.SYNTHETIC_IMAGE}
    for heat in detector.explain(output.getvalue()).maps:
        left, top, right, bottom = heat.box
        assert left < 0 or top < 0
        assert right - left > min(tight.size)
        assert bottom - top == pytest.approx(right - left)
