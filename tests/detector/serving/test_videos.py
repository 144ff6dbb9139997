"""Videos over real HTTP: the same score as without, never in memory, and bounded apart from images."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from averment.core.errors import IncompleteError, MissingExtraError
from averment.detector import serving_http
from averment.detector.embedded import EmbeddedDetector
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.detector.serving import invoke, score_from_json
from averment.detector.serving_http import Application, Limits
from averment.detector.serving_server import Server
from averment.detector.video.scoring import score_clip

MP4 = {"Content-Type": "video/mp4"}
ROOM = 64 * 1024 * 1024


class ByRed(Detector):
    """Says of a frame what its red channel is, in 255ths."""

    broken = False

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("by-red", "1", None, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        from averment.detector.imaging import decode

        if self.broken:
            raise IncompleteError("the model file is gone")
        return [Score({Family.SYNTHETIC_IMAGE: float(np.asarray(decode(image))[0, 0, 0]) / 255}) for image in images]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds that are made here by PyAV and grow red."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    with av.open(str(path), "w") as out:
        track = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        track.width, track.height, track.pix_fmt = 160, 120, "yuv420p"
        for index in range(100):
            picture = np.full((120, 160, 3), (2 * index, 0, 0), np.uint8)
            out.mux(track.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(track.encode())
    return path


@pytest.fixture
def by_red() -> ByRed:
    return ByRed()


@pytest.fixture
def serve_videos(by_red: ByRed) -> Iterator[Callable[..., Server]]:
    """``serve_videos(max_clip=...)``: ``by_red`` behind HTTP."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda **limits: stack.enter_context(Server(Application(by_red, Limits(**{"max_clip": ROOM, **limits})), port=0))


def post(server: Server, body: Any, headers: dict[str, str], *, chunked: bool = False) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=120)
    try:
        more = {"Transfer-Encoding": "chunked"} if chunked else {}
        connection.request("POST", "/invocations", body, {**headers, **more}, encode_chunked=chunked)
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if answer.headers["Content-Type"] == "application/json" else {}
    finally:
        connection.close()


def test_a_video_is_scored_as_it_is_without_http(clip: Path, by_red: ByRed, serve_videos: Callable[..., Server]) -> None:
    """Frames, tracks and figures are those of ``score_clip``; the answer says what was looked at; with a length, in chunks, and as bytes."""
    server, wanted = serve_videos(), score_clip(clip, by_red)
    assert wanted.clip is not None
    status, answer = post(server, clip.read_bytes(), MP4)
    assert (status, answer["detector"]["name"], answer["clip"]["judged"]) == (200, "by-red", 32)
    assert score_from_json(answer) == wanted
    assert score_from_json(post(server, iter([clip.read_bytes()]), MP4, chunked=True)[1]) == wanted
    assert score_from_json(json.loads(invoke(clip.read_bytes(), "video/mp4", detector=by_red))) == wanted


def test_a_video_may_be_larger_than_an_image_and_an_image_may_not(clip: Path, serve_videos: Callable[..., Server]) -> None:
    """Each has its own limit, to the byte; what exceeds it is refused by its declared length, before it is read."""
    body = clip.read_bytes()
    server = serve_videos(max_body=10_000, max_clip=len(body))
    assert len(body) > 10_001
    assert post(server, body, MP4)[0] == 200
    head = "POST /invocations HTTP/1.1\r\nHost: a\r\n"
    for kind, length in (("image/jpeg", 10_001), ("video/mp4", len(body) + 1)):
        # No byte of the body is sent: whoever read it first would wait.
        connection = HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=20)
        connection.connect()
        connection.sock.sendall(f"{head}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n".encode())
        assert connection.sock.recv(64).startswith(b"HTTP/1.1 413 ")
        connection.close()
    assert post(server, iter([bytes(10_001)]), {"Content-Type": "image/png"}, chunked=True)[0] == 413


@pytest.mark.parametrize("body", [b"", b"not a video", b"\x00\x00\x00\x18ftypmp42" + bytes(5000)], ids=["empty", "words", "hollow"])
def test_what_is_no_video_is_an_answer_with_its_reason(serve_videos: Callable[..., Server], body: bytes) -> None:
    """A bad file must not look like an outage."""
    status, answer = post(serve_videos(), body, MP4)
    assert (status, answer["probabilities"]) == (200, {})
    assert answer["cannot_say"]


def test_without_room_for_videos_they_are_refused_with_the_way_out(told: Any, clip: Path, serve: Callable[..., Server]) -> None:
    """415 that names the extra, and nothing is scored."""
    status, answer = post(serve(), clip.read_bytes(), MP4)
    assert status == 415
    assert "averment[video]" in answer["fix"]
    assert not told.entered.acquire(blocking=False)


def test_a_broken_detector_is_no_answer_and_pings_fail_until_it_scores(
    clip: Path, by_red: ByRed, serve_videos: Callable[..., Server]
) -> None:
    """503 for the video and for the ping after it; a video that is scored shows that it works again."""
    server = serve_videos()

    def ping() -> int:
        connection = HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=20)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status
        finally:
            connection.close()

    by_red.broken = True
    assert post(server, clip.read_bytes(), MP4)[0] == 503
    assert ping() == 503
    by_red.broken = False
    assert post(server, clip.read_bytes(), MP4)[0] == 200
    assert ping() == 200


def test_a_full_disk_is_said_and_takes_nothing_out_of_service(
    clip: Path, monkeypatch: pytest.MonkeyPatch, serve_videos: Callable[..., Server]
) -> None:
    """507 without the folder's name; images are scored and pings answered all the same."""

    def full(_: Any) -> Any:
        raise IncompleteError("a clip could not be put into /var/scratch: No space left on device")

    monkeypatch.setattr(serving_http, "bytes_on_disk", full)
    server = serve_videos()
    status, answer = post(server, clip.read_bytes(), MP4)
    assert (status, answer["error"]) == (507, "there is no room for the video")
    connection = HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=20)
    connection.request("GET", "/ping")
    assert connection.getresponse().status == 200
    connection.close()


def test_nothing_of_a_video_is_left_behind(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve_videos: Callable[..., Server]
) -> None:
    """The temporary file is gone when the answer is there, whether it was a good one or not."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server = serve_videos()
    assert [post(server, body, MP4)[0] for body in (clip.read_bytes(), b"nothing")] == [200, 200]
    assert list(tmp_path.iterdir()) == []


def test_a_video_is_read_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than a mebibyte is asked of the connection at once; one that breaks off is the client's fault, and isn't scored."""
    asked: list[int] = []

    class Body(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            asked.append(size or -1)
            return super().read(size)

    def called(length: int, body: bytes) -> str:
        said: list[str] = []
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/invocations",
            "CONTENT_TYPE": "video/mp4",
            "CONTENT_LENGTH": str(length),
            "wsgi.input": Body(body),
        }
        list(Application(ByRed(), Limits(max_clip=ROOM))(environ, lambda status, _: said.append(status)))  # type: ignore[arg-type, func-returns-value]
        return said[0]

    monkeypatch.setattr(serving_http, "invoke_clip", lambda path, detector: str(path.stat().st_size).encode())
    assert called(3_000_000, bytes(3_000_000)).startswith("200")
    assert asked == [1024 * 1024, 1024 * 1024, 3_000_000 - 2 * 1024 * 1024]
    assert called(3_000_000, bytes(2_000_000)).startswith("400")


def test_a_container_that_should_take_videos_and_cannot_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PyAV it says so when it is started, not when the first video comes."""
    import sys

    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match="scoring videos needs the package 'av'"):
        Application(EmbeddedDetector(), Limits(max_clip=ROOM)).warm_up()
    Application(EmbeddedDetector(), Limits()).warm_up()
