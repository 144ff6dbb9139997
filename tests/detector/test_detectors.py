"""One contract for every detector, tested on the embedded one and on the same one behind a SageMaker endpoint."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from PIL import Image

from averment.core.errors import BadInputError, IncompleteError
from averment.detector import corpus, embedded, serving
from averment.detector.embedded import EmbeddedDetector
from averment.detector.faces.finder import Face
from averment.detector.interface import Detector, DetectorInfo, FaceScore, Family, Score
from averment.detector.opening import open_detector
from averment.detector.sagemaker import SageMakerDetector

ENDPOINT = "portrait-scan"


def create_endpoint(name: str) -> None:
    """An endpoint in the embedded AWS; what answers is the code of ``serving``."""
    sagemaker = boto3.client("sagemaker")
    role = "arn:aws:iam::123456789012:role/inference"
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/detector:1"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": image})
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


@pytest.fixture(params=["embedded", "sagemaker"])
def detector(request: pytest.FixtureRequest) -> Iterator[Detector]:
    if request.param == "sagemaker":
        sandbox = request.getfixturevalue("sandbox")
        create_endpoint(ENDPOINT)
        sandbox.answer_endpoints_with(serving.invoke)
        yield open_detector(f"sagemaker:{ENDPOINT}")
        sandbox.answer_endpoints_with(None)
    else:
        yield open_detector("embedded")


def images(count: int, label: str) -> list[bytes]:
    return [image.read() for image in corpus.load() if image.label == label and image.kind == "face"][:count]


def test_scores_come_in_order_one_an_image(detector: Detector) -> None:
    """The answer to the n-th image stands at the n-th place, also when others between can't be read."""
    real, synthetic = images(2, "real"), images(2, "synthetic")
    batch = [real[0], b"not an image", synthetic[0], real[1], b"", synthetic[1]]
    together = detector.score(batch)
    assert [score.cannot_say is not None for score in together] == [False, True, False, False, True, False]
    assert [detector.score([image])[0] for image in batch] == together
    assert together[2].highest > together[0].highest
    assert together[5].highest > together[3].highest


def test_a_score_is_a_probability_or_a_reason(detector: Detector) -> None:
    """Over real, synthetic and hostile images there is exactly one of the two, and only families that the detector names."""
    for score in detector.score([*images(3, "real"), *images(3, "synthetic"), b"\xff\xd8\xff\xe0junk"]):
        if score.cannot_say is None:
            assert set(score.probabilities) == set(detector.info.families)
            assert all(0.0 <= value <= 1.0 for value in score.probabilities.values())
        else:
            assert score.cannot_say
            assert not score.probabilities


def test_the_detector_says_who_it_is(detector: Detector) -> None:
    """Evidence can name the model: name, version, hash, families and threshold, the same through an endpoint."""
    info = detector.info
    assert info == EmbeddedDetector().info
    assert len(info.sha256 or "") == 64
    assert info.families == (Family.MANIPULATED_FACE, Family.SYNTHETIC_IMAGE)
    assert 0.5 <= info.threshold < 1


def test_no_images_is_no_work(detector: Detector) -> None:
    """An empty batch gives an empty answer."""
    assert detector.score([]) == []


def test_scores_do_not_depend_on_the_batch() -> None:
    """An image scores the same alone, in a batch across the batch bound, and with more threads."""
    pool = [*images(3, "real"), *images(3, "synthetic")] * 7
    once = EmbeddedDetector().score(pool)
    assert once[:6] == once[36:42] == EmbeddedDetector().score(pool[:6]) == EmbeddedDetector(threads=2).score(pool[:6])


def test_products_are_not_judged() -> None:
    """The model knows faces only, and says so of product photographs instead of calling them real."""
    products = [image.read() for image in corpus.load() if image.kind == "product"]
    answers = EmbeddedDetector().score(products)
    assert all(answer.cannot_say == embedded.NO_FACE for answer in answers)


def test_every_face_of_an_image_is_judged_and_the_worst_counts() -> None:
    """Two people side by side: two boxes, each on its side, and the image's probability is the higher of the two."""
    left, right = (Image.open(io.BytesIO(image)) for image in images(2, "real"))
    both = Image.new("RGB", (left.width + right.width, left.height))
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    score = EmbeddedDetector().score([png(both)])[0]
    middles = sorted((face.box[0] + face.box[2]) / 2 for face in score.faces)
    assert len(middles) == 2
    assert middles[0] < left.width < middles[1]
    assert score.probabilities[Family.MANIPULATED_FACE] == max(face.probability for face in score.faces)


def test_a_face_too_small_to_judge_is_said() -> None:
    """Below the networks' grid nothing is made up: the reason names the size found and the size needed."""
    portrait = Image.open(io.BytesIO(images(1, "real")[0])).resize((60, 60))
    wall = Image.new("RGB", (240, 240), (120, 130, 140))
    wall.paste(portrait, (90, 90))
    score = EmbeddedDetector().score([png(wall)])[0]
    assert score.cannot_say
    assert f"at least {embedded.MIN_FACE} are needed" in score.cannot_say or score.cannot_say == embedded.NO_FACE


def test_a_face_left_unjudged_leaves_the_family_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bona fide face says nothing of a smaller one beside it: then the family is silent, with the count; nor is a ninth face forgotten."""
    image = images(1, "real")[0]
    detector = EmbeddedDetector()
    [alone] = detector.score([image])
    assert alone.probabilities[Family.MANIPULATED_FACE] < detector.info.threshold
    box = alone.faces[0].box
    for others, count in (([Face((0.0, 0.0, 20.0, 20.0), (), 0.9)], "1 of 2"), ([Face(box, (), 0.9)] * 8, "1 of 9")):
        monkeypatch.setattr(detector._finder, "find_close", lambda _, others=others: (Face(box, (), 0.9), *others))
        [score] = detector.score([image])
        assert Family.MANIPULATED_FACE not in score.probabilities
        assert score.silent[Family.MANIPULATED_FACE].startswith(f"{count} faces were not judged")
        assert score.open_question


def test_a_number_that_is_none_is_no_clean_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an image that the network has no number for the detector says so; the next one has its score."""
    detector, (first, second) = EmbeddedDetector(), images(2, "real")
    real = detector._run
    monkeypatch.setattr(detector, "_run", lambda inputs: [(float("nan"), 0.1), *real(inputs)[1:]])
    strange, plain = detector.score([first, second])
    assert strange.cannot_say == "the model gave no number for it"
    assert plain == EmbeddedDetector().score([second])[0]


def test_the_maps_lie_over_the_face() -> None:
    """One map a family for each face, over a square inside the image that holds the face's middle."""
    image = images(1, "real")[0]
    detector = EmbeddedDetector()
    face = detector.score([image])[0].faces[0]
    explanation = detector.explain(image)
    assert [heat.family for heat in explanation.maps] == list(detector.info.families)
    for heat in explanation.maps:
        left, top, right, bottom = heat.box
        assert left < (face.box[0] + face.box[2]) / 2 < right
        assert top < (face.box[1] + face.box[3]) / 2 < bottom
        assert len(heat.grid) == len(heat.grid[0]) == 10
    assert detector.explain(b"no image").no_map


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_model_that_is_not_the_locks_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One byte more in the model file and nothing is scored: evidence would name the wrong model."""
    (tmp_path / "lock.json").write_text(json.dumps(EmbeddedDetector().lock))
    (tmp_path / "reference.onnx").write_bytes(EmbeddedDetector().model_bytes() + b"\0")
    image = images(1, "real")
    monkeypatch.setattr(embedded, "resources", SimpleNamespace(files=lambda _: tmp_path))
    with pytest.raises(IncompleteError, match="not the one that its lock file describes"):
        EmbeddedDetector().score(image)


def test_a_missing_lock_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a lock there is no threshold to use: an error with the next step, not a default."""
    monkeypatch.setattr(embedded, "resources", SimpleNamespace(files=lambda _: tmp_path))
    with pytest.raises(IncompleteError, match="lock file can't be read"):
        _ = EmbeddedDetector().info


@pytest.mark.parametrize("text", ["", "embedded:x", "sagemaker", "sagemaker:", "ftp://detector"])
def test_an_unknown_detector_is_bad_input(text: str) -> None:
    """What is no detector's name is refused with what could have been meant. An empty text, too: a shell's variable that isn't set leaves one where
    another detector was meant than the one that ships."""
    with pytest.raises(BadInputError, match="is not a detector"):
        open_detector(text)
    assert isinstance(open_detector(None), EmbeddedDetector)


ANSWERS: dict[str, bytes] = {
    "not JSON": b"<html>",
    "a list": b"[]",
    "no probability and no reason": b'{"probabilities": {}, "cannot_say": null}',
    "a probability above one": b'{"probabilities": {"synthetic-image": 1.5}, "cannot_say": null}',
    "not a number": b'{"probabilities": {"synthetic-image": NaN}, "cannot_say": null}',
    "an unknown family": b'{"probabilities": {"astrology": 0.5}, "cannot_say": null}',
    "a missing field": b'{"probabilities": {"synthetic-image": 0.5}}',
    "true for a probability": b'{"probabilities": {"synthetic-image": true}, "cannot_say": null}',
    "a probability beyond any number": b'{"probabilities": {"synthetic-image": 1' + b"0" * 400 + b'}, "cannot_say": null}',
    "a face beyond any number": b'{"probabilities": {"manipulated-face": 0.5}, "cannot_say": null, "faces": [{"box": [1'
    + b"0" * 400
    + b', 0, 1, 1], "probability": 0.5}]}',
    "a face that is worse than the worst": b'{"probabilities": {"manipulated-face": 0.3}, "cannot_say": null, "faces": '
    b'[{"box": [0, 0, 9, 9], "probability": 0.1}, {"box": [9, 9, 20, 20], "probability": 0.95}]}',
    "too deep": b"[" * 100_000,
    "too long": b" " * (2 * 1024 * 1024),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_endpoint_that_talks_nonsense_is_broken_not_clean(sandbox: Any, name: str) -> None:
    """An answer outside the contract stops the job; it never turns into a low score."""
    create_endpoint(ENDPOINT)
    sandbox.answer_endpoints_with(lambda body, content_type: ANSWERS[name])
    try:
        with pytest.raises(IncompleteError, match=f"the endpoint '{ENDPOINT}' ") as told:
            SageMakerDetector(ENDPOINT).score([b"image"])
        assert "averment detector serve" in (told.value.fix or "")
    finally:
        sandbox.answer_endpoints_with(None)


@pytest.mark.parametrize("whole", [0.9, 0.91, 0.905, 0.9049])
def test_a_service_may_round_what_it_says_of_the_picture(whole: float) -> None:
    """And not what it says of the faces: refused for the digits that it left out, a scan broke off at the first picture."""
    faces = [{"box": [0, 0, 9, 9], "probability": value} for value in (0.904_97, 0.2)]
    answer = {"probabilities": {"manipulated-face": whole}, "cannot_say": None, "faces": faces}
    assert serving.score_from_json(answer).highest == whole
    with pytest.raises(IncompleteError, match="the highest face's counts"):
        serving.score_from_json({**answer, "probabilities": {"manipulated-face": 0.89}})


@pytest.mark.parametrize("changed", [{"seconds": float("inf")}, {"seconds": float("nan")}, {"width": float("inf")}])
def test_a_clip_of_no_length_that_json_could_say_is_no_answer(changed: dict[str, Any]) -> None:
    """What was looked at is written with the result: a number that isn't one would make a document of it that nobody can read."""
    clip = {
        "seconds": 1.0,
        "width": 2,
        "height": 2,
        "codec": "h264",
        "sampled": 1,
        "judged": 1,
        "unjudged": {},
        "worst": None,
        "tracks": [],
    }
    answer = {"probabilities": {"synthetic-image": 0.5}, "cannot_say": None}
    assert serving.score_from_json({**answer, "clip": clip}).clip is not None
    with pytest.raises(IncompleteError, match="not a score"):
        serving.score_from_json({**answer, "clip": {**clip, **changed}})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"synthetic-image": "0.5"}, "'0.5' is no number"),
        ({"synthetic-image": True}, "True is no number"),
        ({"synthetic-image": None}, "None is no number"),
        ({"synthetic-image": float("nan")}, r"nan is not in \[0, 1\]"),
        ({"synthetic-image": 10**400}, r"10{59} is not in \[0, 1\]"),
        ({"cats": 0.5}, "'cats' is not a valid Family"),
        ([0.5], "a list, a text or a number stands where names with values belong"),
    ],
)
def test_a_probability_is_a_number_and_what_is_none_is_told_in_words(given: Any, told: str) -> None:
    """A text that looks like a number was counted as one; and who served NaN read the name of a Python error."""
    with pytest.raises(IncompleteError, match=f"is not a score: {told}$"):
        serving.score_from_json({"probabilities": given, "cannot_say": None})
    with pytest.raises(IncompleteError, match=r"is not a score: it has no 'cannot_say'$"):
        serving.score_from_json({"probabilities": given})


@pytest.mark.parametrize("given", [False, True, 0, ["too small"]])
def test_a_reason_is_a_text(given: Any) -> None:
    """A service that wrote false where it could say was heard to say nothing of any image, and a claim on it was refuted."""
    answer = {"probabilities": {"synthetic-image": 0.5}, "cannot_say": given}
    with pytest.raises(IncompleteError, match=r"is not a score: .* is no reason"):
        serving.score_from_json(answer)
    assert serving.score_from_json({**answer, "cannot_say": ""}).cannot_say == "the endpoint gave no reason"


@pytest.mark.parametrize(
    "changed", [{"threshold": 10**400}, {"threshold": "0.5"}, {"sha256": 5}, {"sha256": {"of": float("nan")}}, {"families": []}]
)
def test_a_description_that_no_evidence_could_hold_is_refused(changed: dict[str, Any]) -> None:
    """What a service says of itself goes into every result: a number beyond any, or a hash that is none, is one error and no crash. One that names no
    family would be clean by an answer about any of them."""
    described = {"name": "theirs", "version": "1", "sha256": None, "families": ["synthetic-image"], "threshold": 0.5}
    assert serving.info_from_json(described).name == "theirs"
    with pytest.raises(IncompleteError, match="not understood"):
        serving.info_from_json({**described, **changed})


def test_an_endpoint_that_is_not_there_is_an_error(sandbox: Any) -> None:
    """A wrong endpoint name stops the job with the service's words."""
    with pytest.raises(IncompleteError, match="ask the endpoint 'nobody'"):
        SageMakerDetector("nobody").score([b"image"])


def test_an_image_beyond_the_endpoints_limit_is_not_sent(sandbox: Any) -> None:
    """More than a real-time endpoint's payload is a reason for that image, not a failure of the batch."""
    score = SageMakerDetector("nobody").score([b"\xff" * (serving.MAX_PAYLOAD + 1)])[0]
    assert "at most 6,291,456" in (score.cannot_say or "")


class Fixed(Detector):
    """A detector that always says the same."""

    def __init__(self, score: Score) -> None:
        self._score = score

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("fixed", "1", None, (Family.SYNTHETIC_IMAGE, Family.MANIPULATED_FACE), 0.5)

    def score(self, images: Any) -> list[Score]:
        return [self._score for _ in images]


@pytest.mark.parametrize(
    "score",
    [
        Score({Family.SYNTHETIC_IMAGE: 0.25, Family.MANIPULATED_FACE: 1.0}),
        Score(cannot_say="too small"),
        Score({Family.SYNTHETIC_IMAGE: 0.0}),
        Score({Family.SYNTHETIC_IMAGE: 0.1}, silent={Family.MANIPULATED_FACE: "there is no face"}),
        Score({Family.MANIPULATED_FACE: 0.7}, faces=(FaceScore((1.0, 2.0, 30.5, 40.25), 0.7), FaceScore((0.0, 0.0, 9.0, 9.0), 0.2))),
        Score({Family.MANIPULATED_FACE: 0.7}, faces=(FaceScore((-29.5, -7.25, 331.0, 575.0), 0.7),)),
    ],
)
def test_a_score_survives_the_wire(score: Score) -> None:
    """Any detector's score and identity come back from JSON as they went in."""
    answer = json.loads(serving.invoke(b"x", "image/png", detector=Fixed(score)))
    assert serving.score_from_json(answer) == score
    assert serving.info_from_json(answer["detector"]) == Fixed(score).info


@pytest.mark.parametrize("edge", [math.nan, math.inf, -1e308])
def test_a_face_nowhere_near_the_picture_is_no_answer(edge: float) -> None:
    """What isn't a number is no JSON in a scan's results either, and an edge too far away can't be drawn."""
    value = serving.score_to_json(Score({Family.MANIPULATED_FACE: 0.7}, faces=(FaceScore((1.0, edge, 30.5, 40.25), 0.7),)))
    with pytest.raises(IncompleteError, match=r"is not a score.*is no box"):
        serving.score_from_json(value)


def test_the_request_handler_refuses_what_is_not_in_its_contract() -> None:
    """A wrong content type, JSON that asks for nothing, and an oversized body are errors of the request."""
    with pytest.raises(serving.UnsupportedContentTypeError):
        serving.invoke(b"a,b", "text/csv")
    with pytest.raises(serving.UnsupportedContentTypeError):
        serving.invoke(b'{"describe": 1}', "application/json")
    with pytest.raises(serving.PayloadTooLargeError):
        serving.invoke(b"\0" * (serving.MAX_PAYLOAD + 1), "image/jpeg")


def test_a_bad_image_is_an_answer_of_the_request_handler() -> None:
    """Undecodable bytes give 200 with a reason: the endpoint worked."""
    answer = json.loads(serving.invoke(b"junk", "image/jpeg; charset=binary"))
    assert answer["cannot_say"] == "not a JPEG, PNG or WebP image"
    assert answer["probabilities"] == {}
