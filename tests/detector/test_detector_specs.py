"""Detectors of other makers: an ONNX file with its spec, and a service over HTTP.

The ONNX models are written here byte by byte (a global average pool, whose outputs are the channels' means); one test runs the shipped
model through a spec. The service is the shipped contract behind Python's own HTTP server.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError
from PIL import Image

from averment.cli.main import run
from averment.core.aws import client
from averment.core.errors import BadInputError, IncompleteError
from averment.detector import corpus, remote, serving
from averment.detector.claims.plots import thumbnail
from averment.detector.embedded import EmbeddedDetector
from averment.detector.explaining import render
from averment.detector.imaging import MAX_BYTES, decode, to_input
from averment.detector.interface import Family, Score
from averment.detector.opening import open_detector
from averment.detector.remote import HttpDetector
from averment.detector.sagemaker import SageMakerDetector

SIDE = 96


def _field(number: int, value: int | bytes) -> bytes:
    """A field of a protobuf message: a varint or a length-delimited value."""

    def varint(n: int) -> bytes:
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def _tensor(name: str, shape: list[int | str], kind: int) -> bytes:
    dims = b"".join(_field(1, _field(1, dim) if isinstance(dim, int) else _field(2, dim.encode())) for dim in shape)
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, kind) + _field(2, dims)))


def _node(name: bytes, given: bytes, gives: bytes) -> bytes:
    return _field(1, _field(1, given) + _field(2, gives) + _field(4, name))


def pool(batch: int | str = "n", side: int | str = SIDE, kind: int = 1, *, rooted: bool = False) -> bytes:
    """An ONNX model (opset 13) whose three outputs are the means of the input's channels, or the roots of them."""
    mean = _node(b"GlobalAveragePool", b"x", b"mean" if rooted else b"y")
    graph = (
        (mean + _node(b"Sqrt", b"mean", b"y") if rooted else mean)
        + _field(2, b"g")
        + _field(11, _tensor("x", [batch, 3, side, side], kind))
        + _field(12, _tensor("y", [batch, 3, 1, 1], kind))
    )
    return _field(1, 7) + _field(7, graph) + _field(8, _field(1, b"") + _field(2, 13))


def spec(folder: Path, model: bytes | None = None, **changes: Any) -> str:
    """A spec beside its model; keywords replace its fields, ``input_`` those of its input."""
    (folder / "model.onnx").write_bytes(pool() if model is None else model)
    given = {"side": SIDE, "layout": "nchw", "scale": "unit", **changes.pop("input_", {})}
    value = {
        "kind": "onnx",
        "name": "redness",
        "version": "1",
        "model": "model.onnx",
        "threshold": 0.5,
        "families": {"synthetic-image": 0},
        "activation": "none",
        "input": given,
        **changes,
    }
    path = folder / "detector.yaml"
    path.write_text(yaml.safe_dump({key: item for key, item in value.items() if item is not None}))
    return str(path)


def plain(red: int, green: int = 0, blue: int = 0, size: tuple[int, int] = (120, 120)) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", size, (red, green, blue)).save(output, "PNG")
    return output.getvalue()


def only(score: Score) -> float:
    (value,) = score.probabilities.values()
    return value


def test_an_onnx_file_scores_in_order_and_says_why_it_can_not(tmp_path: Path) -> None:
    """Channel means as probabilities, across the batch bound; what can't be decoded keeps its place with a reason."""
    detector = open_detector(spec(tmp_path))
    reds = list(range(0, 255, 7))
    images = [plain(red) for red in reds]
    images[3] = b"junk"
    scores = detector.score(images)
    assert scores[3].cannot_say == "not a JPEG, PNG or WebP image"
    assert [only(score) for place, score in enumerate(scores) if place != 3] == pytest.approx(
        [red / 255 for place, red in enumerate(reds) if place != 3], abs=1e-4
    )
    assert detector.score([]) == []


def test_a_model_for_small_pictures_judges_small_pictures(tmp_path: Path) -> None:
    """Down to half of what it takes: by the bound of the model that ships, one of 32 pixels a side was refused its own collection. What would be
    refused of a larger picture is of a small one, too."""
    detector = open_detector(spec(tmp_path, pool(side=32), input_={"side": 32}))
    scores = detector.score([plain(200, size=(32, 32)), plain(100, size=(16, 40)), plain(200, size=(15, 40)), plain(200, size=(16, 70))])
    assert [only(score) for score in scores[:2]] == pytest.approx([200 / 255, 100 / 255], abs=1e-4)
    assert [score.cannot_say for score in scores[2:]] == [
        "the image is too small: 15 x 40, at least 16 x 16 are needed",
        "the image is a strip of 16 x 70; the sides may differ 4 times at most",
    ]
    assert render(plain(200, size=(32, 32)), scores[0], detector.explain(b""), detector.info).startswith(b"\x89PNG"), (
        "a person can look at it"
    )
    assert thumbnail(plain(200, size=(32, 32))) is not None
    clear, moving = io.BytesIO(), io.BytesIO()
    Image.new("RGBA", (32, 32), (200, 0, 0, 128)).save(clear, "PNG")
    Image.new("RGB", (32, 32)).save(moving, "WEBP", save_all=True, append_images=[Image.new("RGB", (32, 32), "red")])
    small = plain(200, size=(32, 32))
    Image.new("RGB", (32, 32)).save(compressed := io.BytesIO(), "JPEG", quality=5)
    refused = [clear.getvalue(), moving.getvalue(), small[:-30], small + bytes(MAX_BYTES), compressed.getvalue()]
    transparent, animated, cut, long, coarse = detector.score(refused)
    assert "it is transparent, and too small to tell" in (transparent.cannot_say or "")
    assert animated.cannot_say == "the image is animated (2 frames)"
    assert "the image is damaged" in (cut.cannot_say or "")
    assert "more than 33,554,432 are not read" in (long.cannot_say or "")
    assert "the JPEG is too heavily compressed" in (coarse.cannot_say or "")


def test_an_image_that_a_model_has_no_number_for_is_a_result_and_the_others_are_scored(tmp_path: Path) -> None:
    """A root of less than nothing, as a model that divides by an image's spread has none for a black one: nobody's upload ends a scan."""
    detector = open_detector(spec(tmp_path, pool(rooted=True), input_={"mean": [0.5, 0.5, 0.5]}))
    bright, black, brighter = detector.score([plain(200), plain(0), plain(255)])
    assert black.cannot_say == "the model redness gave nan for it, which is no probability"
    assert [only(bright), only(brighter)] == pytest.approx([(200 / 255 - 0.5) ** 0.5, 0.5**0.5], abs=1e-4)


def one_node(name: bytes, attribute: bytes, shape: list[int | str], kind: int, *, takes: int = 1) -> bytes:
    """A model of one node with an attribute of integers (or none), whose input is of the kind ``takes``, and its output of ``shape`` and ``kind``."""
    node = _field(1, _field(1, b"x") + _field(2, b"y") + _field(4, name) + attribute)
    graph = node + _field(2, b"g") + _field(11, _tensor("x", ["n", 3, SIDE, SIDE], takes)) + _field(12, _tensor("y", shape, kind))
    return _field(1, 7) + _field(7, graph) + _field(8, _field(1, b"") + _field(2, 13))


def _axis(name: bytes, *values: int, several: bool) -> bytes:
    number, kind = (8, 7) if several else (3, 2)
    return _field(5, _field(1, name) + b"".join(_field(number, value) for value in values) + _field(20, kind))


def test_a_label_is_no_score(tmp_path: Path) -> None:
    """As some exporters put it first: the number of a class, which would look like a probability of 0 or 1."""
    labels = one_node(b"ArgMax", _axis(b"axis", 1, several=False), ["n", 1, SIDE, SIDE], 7)
    with pytest.raises(BadInputError, match=r"gives tensor\(int64\) first, a label perhaps"):
        open_detector(spec(tmp_path, labels)).score([plain(1)])


@pytest.mark.parametrize(
    "input_", [{"scale": "unit"}, {"scale": "symmetric"}, {"scale": "bytes", "mean": [1, 1, 1]}, {"scale": "bytes", "deviation": [2, 2, 2]}]
)
def test_a_model_that_takes_bytes_is_given_bytes(tmp_path: Path, input_: dict[str, Any]) -> None:
    """What a spec scales to [0, 1] would be cut off to 0 for nearly every pixel: the model would judge black pictures, and say nothing of it."""
    cast = one_node(b"Cast", _axis(b"to", 1, several=False), ["n", 3, SIDE, SIDE], 1, takes=2)
    with pytest.raises(BadInputError, match="takes whole numbers from 0 to 255, and the spec scales them"):
        open_detector(spec(tmp_path, cast, input_=input_)).score([plain(255)])
    assert only(
        open_detector(spec(tmp_path, cast, input_={"scale": "bytes"}, activation="sigmoid")).score([plain(255)])[0]
    ) == pytest.approx(1.0)


def test_figures_that_belong_to_no_image_are_not_shared_out(tmp_path: Path) -> None:
    """A model that means over its batch gives three numbers for three images, and none of them is an image's."""
    mean = one_node(b"ReduceMean", _axis(b"axes", 0, 2, 3, several=True), [1, 3, 1, 1], 1)
    detector = open_detector(spec(tmp_path, mean))
    assert only(detector.score([plain(255)])[0]) == pytest.approx(1.0)
    with pytest.raises(BadInputError, match=r"gives the shape \[1, 3, 1, 1\] for 3 images"):
        detector.score([plain(255), plain(0), plain(0)])


def with_weights_elsewhere() -> bytes:
    """A model that gives the larger of each pixel and a weight, averaged; its weights are in ``weights.bin``."""

    def told(key: bytes, value: bytes) -> bytes:
        return _field(13, _field(1, key) + _field(2, value))

    dims = b"".join(_field(1, dim) for dim in (1, 3, SIDE, SIDE))
    weights = dims + _field(2, 1) + _field(8, b"w") + told(b"location", b"weights.bin") + _field(14, 1)
    larger = _field(1, _field(1, b"x") + _field(1, b"w") + _field(2, b"m") + _field(4, b"Max"))
    graph = larger + _node(b"GlobalAveragePool", b"m", b"y") + _field(2, b"g") + _field(5, weights)
    graph += _field(11, _tensor("x", ["n", 3, SIDE, SIDE], 1)) + _field(12, _tensor("y", ["n", 3, 1, 1], 1))
    return _field(1, 7) + _field(7, graph) + _field(8, _field(1, b"") + _field(2, 13))


def test_weights_in_another_file_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As PyTorch exports by default: ONNX Runtime took them from the folder that a scan ran in, and no hash covered them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.bin").write_bytes(struct.pack("<f", 0.5) * 3 * SIDE * SIDE)
    with pytest.raises(BadInputError, match="keeps its weights in another file") as told:
        open_detector(spec(tmp_path, with_weights_elsewhere())).score([plain(0)])
    assert "external_data=False" in (told.value.fix or "")


def test_evidence_can_name_the_model_and_its_spec(tmp_path: Path) -> None:
    """The model's hash, and a version that changes with the preprocessing: the same weights fed otherwise are another detector."""
    first = open_detector(spec(tmp_path)).info
    other = open_detector(spec(tmp_path, input_={"colour": "bgr"})).info
    assert (first.name, first.sha256, first.families, first.threshold) == (
        "redness",
        hashlib.sha256(pool()).hexdigest(),
        (Family.SYNTHETIC_IMAGE,),
        0.5,
    )
    assert first.version.startswith("1 (spec ")
    assert first.version != other.version


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"input_": {"colour": "bgr"}}, 51 / 255),
        ({"input_": {"scale": "symmetric", "mean": [-1, -1, -1], "deviation": [2, 2, 2]}}, 204 / 255),
        ({"activation": "sigmoid"}, 1 / (1 + 2.718281828**-0.8)),
        ({"families": {"synthetic-image": 1}}, 102 / 255),
        ({"activation": "softmax", "families": {"manipulated-face": 2}}, 1.221403 / (2.225541 + 1.491825 + 1.221403)),
    ],
)
def test_the_spec_says_how_pixels_and_outputs_are_meant(tmp_path: Path, changes: dict[str, Any], expected: float) -> None:
    """Colour order, scale, activation and the output's place, on one plain colour (204, 102, 51)."""
    (score,) = open_detector(spec(tmp_path, **changes)).score([plain(204, 102, 51)])
    assert only(score) == pytest.approx(expected, abs=1e-4)


def test_a_strip_is_cut_or_stretched(tmp_path: Path) -> None:
    """Half red, half black, side by side: the central square sees both alike, as the whole does; a red third at the edge it doesn't see."""
    image = Image.new("RGB", (300, 100))
    image.paste((255, 0, 0), (0, 0, 100, 100))
    output = io.BytesIO()
    image.save(output, "PNG")
    square, stretched = (open_detector(spec(tmp_path, input_={"fit": fit})).score([output.getvalue()])[0] for fit in ("square", "stretch"))
    assert only(square) == pytest.approx(0, abs=0.01)
    assert only(stretched) == pytest.approx(1 / 3, abs=0.01)


def test_a_model_for_one_image_at_a_time_is_fed_so(tmp_path: Path) -> None:
    """A fixed batch of one is common; the answers are the same."""
    images = [plain(red) for red in range(0, 250, 50)]
    assert open_detector(spec(tmp_path, pool(batch=1))).score(images) == open_detector(spec(tmp_path)).score(images)


def test_the_shipped_model_runs_through_a_spec(tmp_path: Path) -> None:
    """The reference detector's own file, described from outside, gives its scores to faces that were cut out as it cuts them."""
    embedded = EmbeddedDetector()
    text = spec(
        tmp_path,
        embedded.model_bytes(),
        sha256=embedded.info.sha256,
        families={"manipulated-face": 0},
        input_={"side": 160, "layout": "nhwc", "scale": "bytes"},
    )
    images = [image.read() for image in corpus.load() if image.kind == "face"][::8]
    own = embedded.score(images)
    cut = [cut_out(image, score.faces[0].box) for image, score in zip(images, own, strict=True)]
    described = open_detector(text).score(cut)
    assert len(own) > 5
    for mine, theirs in zip(own, described, strict=True):
        assert theirs.probabilities[Family.MANIPULATED_FACE] == pytest.approx(mine.faces[0].probability, abs=1e-5)


def cut_out(image: bytes, box: Sequence[float]) -> bytes:
    """What the embedded detector's networks see of the face in ``box``, as a PNG."""
    output = io.BytesIO()
    Image.fromarray(to_input(decode(image), box)).save(output, "PNG")
    return output.getvalue()


BROKEN: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"sha256": "0" * 64}, IncompleteError, "SHA-256 differs"),
    ({"model": b"no model"}, BadInputError, "not a model"),
    ({"model": pool(batch=4)}, BadInputError, "exactly 4 images"),
    ({"model": pool(side=64)}, BadInputError, "the spec says"),
    ({"model": pool(kind=7)}, BadInputError, "takes tensor|not a model"),
    ({"families": {"synthetic-image": 3}}, BadInputError, "gives 3 outputs"),
    ({"input_": {"scale": "bytes"}}, IncompleteError, "no probability"),
    ({"model": ...}, BadInputError, "does not exist"),
]


@pytest.mark.parametrize(("changes", "error", "message"), BROKEN)
def test_a_model_that_is_not_what_the_spec_says_is_refused(
    tmp_path: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Another file, another shape, logits taken for probabilities: an error with the place, never a score."""
    model = changes.pop("model", None)
    text = spec(tmp_path, model if isinstance(model, bytes) else None, **changes)
    if model is ...:
        (tmp_path / "model.onnx").unlink()
    with pytest.raises(error, match=message):
        open_detector(text).score([plain(204)])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "torch"}, "kind of detector is 'torch'"),
        ({"families": {"astrology": 0}}, "unknown key 'astrology'"),
        ({"threshold": 2}, "threshold"),
        ({"activation": None}, "activation"),
        ({"url": "https://x"}, "unknown key 'url'"),
        ({"input_": {"layout": "hwc"}}, "input.layout"),
    ],
)
def test_a_spec_is_checked_with_file_and_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """Before any model is opened."""
    with pytest.raises(BadInputError, match=message) as caught:
        open_detector(spec(tmp_path, **changes))
    assert caught.value.where is not None
    assert "detector.yaml" in str(caught.value.where)


Answer = Callable[[bytes, str], tuple[int, bytes]]


class Service:
    """Answers POST with what it is told, and remembers the headers."""

    def __init__(self) -> None:
        self.answer: Answer = lambda body, kind: (200, serving.invoke(body, kind))
        self.redirect: str | None = None
        self.headers: list[dict[str, str]] = []
        self.url = ""


@contextmanager
def serve(service: Service) -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            service.headers.append(dict(self.headers))
            status, answer = service.answer(body, self.headers["Content-Type"])
            self.send_response(302 if service.redirect else status)
            if service.redirect:
                self.send_header("Location", service.redirect)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}/invocations"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    with serve(Service()) as running:
        yield running


def test_a_service_scores_as_the_detector_behind_it(service: Service) -> None:
    """The same scores and the same identity as in process, over real HTTP, in order."""
    images = [image.read() for image in corpus.load() if image.kind == "face"][::20]
    images.insert(1, b"junk")
    remote, embedded = open_detector(service.url), EmbeddedDetector()
    assert remote.info == embedded.info
    assert remote.score(images) == embedded.score(images)
    assert remote.score([b""])[0].cannot_say == "the file is empty"
    assert "at most 33,554,432" in (remote.score([b"\xff\xd8\xff" + bytes(MAX_BYTES)])[0].cannot_say or "")


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_file_that_a_service_won_t_have_is_a_result_and_the_others_are_scored(service: Service, status: int) -> None:
    """One upload that is too large for the service ends no scan; what it says of it is the reason."""
    images = [plain(1), plain(2), plain(3)]
    judged = service.answer

    def answer(body: bytes, kind: str) -> tuple[int, bytes]:
        return (status, b"not this one") if body == images[1] else judged(body, kind)

    service.answer = answer
    first, refused, last = open_detector(service.url).score(images)
    assert refused.cannot_say == f"the detector at {service.url} answered {status}: not this one"
    assert refused.refused
    assert (first, last) == tuple(EmbeddedDetector().score([images[0], images[2]]))


def test_a_token_comes_from_the_environment_and_stays_with_its_host(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent as a bearer token, never along a redirection, never over the network unencrypted, and missed by name."""
    path = tmp_path / "service.yaml"
    path.write_text(json.dumps({"kind": "http", "url": service.url, "token_env": "SCAN_TOKEN"}))
    with pytest.raises(BadInputError, match="SCAN_TOKEN is not set"):
        _ = open_detector(str(path)).info
    monkeypatch.setenv("SCAN_TOKEN", "s3cret")
    assert open_detector(str(path)).info == EmbeddedDetector().info
    assert service.headers[-1]["Authorization"] == "Bearer s3cret"
    with serve(Service()) as stranger:
        service.redirect = stranger.url
        with pytest.raises(IncompleteError, match="answered 302"):
            _ = open_detector(str(path)).info
        assert stranger.headers == []
    with pytest.raises(BadInputError, match="travel readable"):
        HttpDetector("http://detector.example/score", token_env="SCAN_TOKEN")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((500, b"out of memory"), "answered 500: out of memory"),
        ((200, b"<html>"), "did not answer with JSON"),
        ((200, b"[]"), "JSON object"),
        ((200, b'{"probabilities": {"synthetic-image": 7}, "cannot_say": null}'), "not a score"),
        ((200, b" " * (2 * 1024 * 1024)), "more than"),
    ],
)
def test_a_service_that_is_broken_stops_the_job(service: Service, answer: tuple[int, bytes], message: str) -> None:
    """What isn't an answer is never a low score."""
    service.answer = lambda body, kind: answer
    with pytest.raises(IncompleteError, match=message):
        open_detector(service.url).score([plain(1)])


def test_what_stays_on_this_machine_goes_to_no_proxy(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would be asked for its own machine, and read a token that may travel here only because it stays."""
    with serve(Service()) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert open_detector(service.url).info == EmbeddedDetector().info
        assert proxy.headers == []


@pytest.mark.parametrize(
    ("status", "fix"), [(301, "write the address that it leads to"), (401, "token_env"), (404, "check the address"), (500, "is up")]
)
def test_what_to_do_next_goes_by_what_the_service_said(service: Service, status: int, fix: str) -> None:
    """A service that redirects, or asks for a token, is up."""
    service.answer = lambda body, kind: (status, b"")
    with pytest.raises(IncompleteError) as told:
        open_detector(service.url).score([plain(1)])
    assert fix in (told.value.fix or "")


def answering(value: dict[str, Any]) -> Answer:
    """A service of two families, which says ``value`` of every image."""
    families = ["manipulated-face", "synthetic-image"]
    info = {"name": "theirs", "version": "1", "sha256": "a" * 64, "families": families, "threshold": 0.5}
    described = json.dumps({"detector": info}).encode()
    return lambda body, kind: (
        200,
        described if kind == "application/json" else json.dumps({"detector": info, "cannot_say": None, **value}).encode(),
    )


def test_a_family_that_an_answer_leaves_out_is_not_ruled_out(service: Service) -> None:
    """A service that knows manipulated faces and doesn't speak of them hasn't found the picture clean."""
    service.answer = answering({"probabilities": {"synthetic-image": 0.1}})
    [score] = open_detector(service.url).score([plain(1)])
    assert score.silent == {Family.MANIPULATED_FACE: "the detector says nothing of it"}
    assert score.open_question


def test_a_reason_that_was_cut_in_the_middle_of_a_character_ends_no_scan(service: Service) -> None:
    """As JSON from JavaScript may have it: half an emoji, which no file takes as UTF-8. The rest of the text stays, and whole emojis do."""
    service.answer = answering({"cannot_say": "two faces \U0001f600\ud83d", "probabilities": {}, "silent": {"synthetic-image": "\ude00"}})
    [score] = open_detector(service.url).score([plain(1)])
    assert score.cannot_say == "two faces \U0001f600\ufffd"


def test_a_busy_service_is_asked_again_and_not_for_ever(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """As our own server answers when all its workers are busy; a scan of many pictures isn't ended by one that came at a bad moment."""
    waited: list[float] = []
    monkeypatch.setattr(remote.time, "sleep", waited.append)
    well, turned_away = answering({"probabilities": {"manipulated-face": 0.1, "synthetic-image": 0.1}}), iter([True, True])
    service.answer = lambda body, kind: (503, b"busy") if next(turned_away, False) else well(body, kind)
    assert open_detector(service.url).score([plain(1)])[0].highest == 0.1
    assert waited == [1.0, 2.0]
    service.answer = lambda body, kind: (503, b"busy")
    with pytest.raises(IncompleteError, match="answered 503: busy"):
        open_detector(service.url).score([plain(1)])
    assert waited[2:] == list(remote.WAITS)


def test_a_busy_container_behind_an_endpoint_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """SageMaker hands on the container's 503 as an error of the model, and may have no room itself; any other error of the container is one."""
    monkeypatch.setattr(remote.time, "sleep", lambda seconds: None)
    runtime = client("sagemaker-runtime", region="eu-west-1")
    answer = json.dumps({"cannot_say": "no face", "probabilities": {}}).encode()
    described = answering({})(b"", "application/json")[1]

    def model_error(status: int) -> Exception:
        said = {"Error": {"Code": "ModelError", "Message": "no"}, "OriginalStatusCode": status, "OriginalMessage": "all workers are busy"}
        return runtime.exceptions.ModelError(said, "InvokeEndpoint")

    throttled = [ClientError({"Error": {"Code": code}}, "InvokeEndpoint") for code in ("ThrottlingException", "ServiceUnavailable")]
    queue: list[Exception | bytes] = [model_error(503), *throttled, answer, described, model_error(500)]

    def invoke(**_: Any) -> dict[str, Any]:
        now = queue.pop(0)
        if isinstance(now, Exception):
            raise now
        return {"Body": io.BytesIO(now)}

    monkeypatch.setattr(runtime, "invoke_endpoint", invoke)
    endpoint = SageMakerDetector("busy")
    monkeypatch.setattr(type(endpoint), "_runtime", runtime)
    assert endpoint.score([b"image"])[0].cannot_say == "no face"
    with pytest.raises(IncompleteError, match="ModelError"):
        endpoint.score([b"image"])


def test_an_endpoint_is_waited_for_until_it_says_that_it_took_too_long(sandbox: Any) -> None:
    """SageMaker ends a container's answer after 60 seconds; a caller that gave up at the same moment would send the picture again, five times."""
    assert SageMakerDetector("slow")._runtime.meta.config.read_timeout > 60


def test_a_service_that_becomes_another_one_stops_the_job(service: Service) -> None:
    """An endpoint that is rolled over in mid-scan: its scores don't go under the name of the model that was asked first."""
    both = {"manipulated-face": 0.1, "synthetic-image": 0.1}
    service.answer = answering({"probabilities": both})
    detector = open_detector(service.url)
    assert detector.score([plain(1)])[0].probabilities == {Family(name): value for name, value in both.items()}
    another = {"name": "theirs", "version": "2", "sha256": "b" * 64, "families": list(both), "threshold": 0.5}
    service.answer = answering({"probabilities": both, "detector": another})
    with pytest.raises(IncompleteError, match="changed while it was asked: it was theirs 1"):
        detector.score([plain(1)])


def test_a_service_whose_answers_do_not_name_it_is_asked_who_it_is(service: Service) -> None:
    """The contract asks for a probability or a reason alone: rolled over in mid-run, such a service had the scores of both models under the name of the
    first. One that won't have a picture said nothing that anybody could be named for."""
    both = {"manipulated-face": 0.1, "synthetic-image": 0.1}
    named = answering({"probabilities": both, "detector": None})
    service.answer = named
    detector = open_detector(service.url)
    assert detector.score([plain(1)])[0].probabilities
    assert detector.aside == 0
    assert detector.score([plain(1)])[0].probabilities
    assert detector.aside > 0, "the seconds of the question are none of the picture's"
    another = {"name": "theirs", "version": "2", "sha256": "b" * 64, "families": list(both), "threshold": 0.5}
    described = (200, json.dumps({"detector": another}).encode())
    service.answer = lambda body, kind: described if kind == "application/json" else (422, b"no")
    assert detector.score([plain(1)])[0].refused
    service.answer = lambda body, kind: described if kind == "application/json" else named(body, kind)
    with pytest.raises(IncompleteError, match="changed while it was asked: it was theirs 1"):
        detector.score([plain(1)])


def test_keys_in_an_address_stay_out_of_messages_and_records(service: Service, tmp_path: Path) -> None:
    """A query isn't taken where the address goes into records, a user nowhere; with a spec, what is said names the place alone."""
    with pytest.raises(BadInputError, match="with a query would stand in evidence") as refused:
        open_detector("https://detector.example/score?code=s3cret")
    with pytest.raises(BadInputError, match="has a user in it") as user:
        open_detector("https://me:s3cret@detector.example/score")
    path = tmp_path / "service.yaml"
    path.write_text(json.dumps({"kind": "http", "url": f"{service.url}?code=s3cret"}))
    detector = open_detector(str(path))
    service.answer = lambda body, kind: (500, b"no")
    with pytest.raises(IncompleteError) as broken:
        detector.score([plain(1)])
    path.write_text(json.dumps({"kind": "http", "url": "http://127.0.0.1:1/score?code=s3cret"}))
    with pytest.raises(IncompleteError) as gone:
        open_detector(str(path)).score([plain(1)])
    large = detector.score([bytes(MAX_BYTES + 1)])[0].cannot_say
    assert not any("s3cret" in str(text) for text in (refused.value, user.value, broken.value, gone.value, large))


def test_a_service_that_is_gone_is_said(service: Service) -> None:
    """Nobody listens: exit 3 material, with the address."""
    with pytest.raises(IncompleteError, match=r"127\.0\.0\.1"):
        open_detector("http://127.0.0.1:1/score").score([plain(1)])


def test_a_sagemaker_endpoint_can_be_named_in_a_spec(tmp_path: Path) -> None:
    """With its region, which the short form takes from the environment."""
    path = tmp_path / "endpoint.yaml"
    path.write_text("kind: sagemaker\nendpoint: portrait-scan\nregion: eu-central-1\n")
    detector: Any = open_detector(str(path))
    assert (detector.endpoint, detector._runtime.meta.region_name) == ("portrait-scan", "eu-central-1")


def test_the_commands_take_a_spec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``media scan`` with a model of one's own: red is flagged, green isn't."""
    text = spec(tmp_path)
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "red.png").write_bytes(plain(255))
    (tmp_path / "media" / "green.png").write_bytes(plain(0, 255))
    assert run(["media", "scan", str(tmp_path / "media"), "--detector", text, "--format", "json"]) == 1
    found = {Path(entry["name"]).name: entry["finding"] for entry in json.loads(capsys.readouterr().out)["images"]}
    assert found == {"red.png": "flagged", "green.png": "clean"}
