"""Which earlier results count: those on the same bytes, by the same model."""

from __future__ import annotations

import dataclasses
import sqlite3
import stat
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.detector import scanning
from averment.detector.bulk.memory import ScanMemory, detector_key
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.detector.scanning import Finding, Identity, Item, Lent, Medium, Read, Scanned, scan

OBJECT = Identity(4, None, "e", "2026-11-01T00:00:00Z")
FILE = Identity(4)
INFO = DetectorInfo("d", "1", "a" * 64, (Family.SYNTHETIC_IMAGE,), 0.5)


def item(name: str, data: bytes, identity: Identity = OBJECT, *, reads: list[str] | None = None) -> Item:
    """Something to scan, which notes in ``reads`` that it was read."""

    def read() -> Read:
        if reads is not None:
            reads.append(name)
        return Read(data, identity)

    return Item(name, read, identity)


def film(path: Path, identity: Identity = FILE) -> Item:
    """The file at ``path`` as a video to scan."""

    @contextmanager
    def lend() -> Iterator[Lent]:
        yield Lent(path, identity)

    return Item(str(path), lambda: pytest.fail("a video is not read into memory"), identity, lend)


def run(path: Path, detector: Detector, *items: Item, resume: bool = True) -> list[Scanned]:
    with ScanMemory(path, detector.info) as memory:
        if not resume:
            memory.forget()
        return list(scan(items, detector, memory=memory))


def test_an_unchanged_object_is_neither_read_nor_scored_again(tmp_path: Path, counting: Any) -> None:
    """Its version, or its ETag with size and time, says that it is the same; the result is, to the last digit, faces and all."""
    reads: list[str] = []
    items = [item("s3://b/fake.jpg", b"a fake face", reads=reads), item("s3://b/b.jpg", b"plain", reads=reads)]
    first, second = counting(), counting()
    before = run(tmp_path / "m", first, *items)
    assert run(tmp_path / "m", second, *items) == before
    assert (reads, len(first.asked), second.asked) == (["s3://b/fake.jpg", "s3://b/b.jpg"], 2, [])
    assert [result.finding for result in before] == [Finding.FLAGGED, Finding.CLEAN]


def test_a_file_is_read_and_hashed_each_time_but_scored_once(tmp_path: Path, counting: Any) -> None:
    """Nothing but its bytes says that a file is the same."""
    reads: list[str] = []
    for data, scored in ((b"one", 1), (b"one", 0), (b"two", 1)):
        detector = counting()
        [result] = run(tmp_path / "m", detector, item("a.jpg", data, FILE, reads=reads))
        assert len(detector.asked) == scored
        assert result.sha256 is not None
    assert len(reads) == 3


def test_a_replaced_object_is_scored_though_its_etag_is_the_same(tmp_path: Path, counting: Any) -> None:
    """Whoever makes two pictures with one MD5 gains nothing by it: the second came later."""
    run(tmp_path / "m", counting(), item("s3://b/a.jpg", b"good"))
    replaced = OBJECT._replace(modified="2026-11-02T00:00:00Z")
    [result] = run(tmp_path / "m", counting(), item("s3://b/a.jpg", b"fake", replaced))
    assert result.finding is Finding.FLAGGED


def test_the_same_bytes_under_another_name_are_scored_once(tmp_path: Path, counting: Any) -> None:
    """A moved prefix, or copies of one picture."""
    run(tmp_path / "m", counting(), item("s3://b/a.jpg", b"good"))
    detector = counting()
    [result] = run(tmp_path / "m", detector, item("s3://b/moved.jpg", b"good", OBJECT._replace(etag="f")))
    assert (detector.asked, result.name, result.identity.etag) == ([], "s3://b/moved.jpg", "f")


@pytest.mark.parametrize("name", ["a.jpg", "b.mp4"])
def test_what_a_service_refused_is_asked_again(name: str, tmp_path: Path, counting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its limit was raised since: the reason is no longer so, and the file was never looked at."""
    refused = Score(cannot_say="the detector at https://theirs answered 413", refused=True)
    detector = counting()
    monkeypatch.setattr(detector, "score", lambda images: [refused] * len(images))
    monkeypatch.setattr(scanning, "score_clip", lambda path, detector, _: detector.score([b""])[0])
    (tmp_path / "b.mp4").write_bytes(b"plain")
    scannable = item(name, b"plain") if name == "a.jpg" else film(tmp_path / name)
    assert [result.finding for result in run(tmp_path / "m", detector, scannable)] == [Finding.COULD_NOT]
    assert [result.finding for result in run(tmp_path / "m", counting(), scannable)] == [Finding.CLEAN]


@pytest.mark.parametrize("order", [("a.jpg", "b.mp4"), ("b.mp4", "a.jpg")])
def test_what_was_said_of_a_still_doesn_t_count_for_a_film(
    order: tuple[str, str], tmp_path: Path, counting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes can be both, a clean picture and a film that is flagged: each is judged as what its name says, also in a second run."""
    monkeypatch.setattr(scanning, "score_clip", lambda *_: Score({Family.SYNTHETIC_IMAGE: 0.9}))
    (tmp_path / "b.mp4").write_bytes(b"good")
    items = {"a.jpg": item(str(tmp_path / "a.jpg"), b"good", FILE), "b.mp4": film(tmp_path / "b.mp4")}
    expected = {"a.jpg": Finding.CLEAN, "b.mp4": Finding.FLAGGED}
    for _ in range(2):
        results = run(tmp_path / "m", counting(), *(items[name] for name in order))
        assert {Path(result.name).name: result.finding for result in results} == expected


def test_an_object_is_recalled_as_what_it_is_read_as(tmp_path: Path, counting: Any) -> None:
    """What was said of a still isn't recalled for a film of the same name and state, as after a release that knows more suffixes."""
    run(tmp_path / "m", counting(), item("s3://b/a", b"good"))
    with ScanMemory(tmp_path / "m", counting().info) as memory:
        still = memory.recall(item("s3://b/a", b"good"))
        assert still is not None
        assert memory.score(still.sha256, Medium.IMAGE) == still.score
        assert memory.score(still.sha256, Medium.CLIP) is None
        assert memory.recall(dataclasses.replace(item("s3://b/a", b"good"), lend=film(tmp_path).lend)) is None


def test_what_an_earlier_release_remembered_is_not_misread(tmp_path: Path, counting: Any) -> None:
    """It doesn't say as what the bytes were read: it is left alone, and they are scored anew."""
    one = item("s3://b/a.jpg", b"fake")
    run(tmp_path / "m", counting(), one)
    with sqlite3.connect(tmp_path / "m") as connection:
        connection.execute("DELETE FROM scores")
        said = (sha256_hex(b"fake"), detector_key(counting().info), '{"probabilities": {"synthetic-image": 0.1}}')
        connection.execute("INSERT INTO scores VALUES (?, ?, ?)", said)
    connection.close()
    [result] = run(tmp_path / "m", counting(), one)
    assert result.finding is Finding.FLAGGED


def test_what_was_said_of_a_video_when_other_frames_of_it_were_looked_at_doesn_t_count(tmp_path: Path, counting: Any) -> None:
    """Frames in known places, in the colours of another dynamic range: a clip that was clean by these is scored anew, and a still isn't."""
    clip = Scanned("a.mp4", Finding.CLEAN, Score({Family.SYNTHETIC_IMAGE: 0.1}), 0.5, sha256_hex(b"a film"), FILE)
    still = Scanned("a.jpg", Finding.CLEAN, Score({Family.SYNTHETIC_IMAGE: 0.1}), 0.5, sha256_hex(b"a still"), FILE)
    with ScanMemory(tmp_path / "m", INFO) as memory:
        memory.keep(clip, Medium.CLIP)
        memory.keep(still, Medium.IMAGE)
        assert memory.score(sha256_hex(b"a film"), Medium.CLIP) is not None
    with sqlite3.connect(tmp_path / "m") as connection:
        connection.execute("UPDATE scores SET detector = ? || '/clip' WHERE detector LIKE '%/clip%'", (detector_key(INFO),))
        connection.execute("UPDATE scores SET detector = ? || '/image' WHERE detector LIKE '%/image%'", (detector_key(INFO),))
    connection.close()
    with ScanMemory(tmp_path / "m", INFO) as memory:
        assert memory.score(sha256_hex(b"a film"), Medium.CLIP) is None
        assert memory.score(sha256_hex(b"a still"), Medium.IMAGE) is not None


def test_what_another_model_said_doesn_t_count(tmp_path: Path, counting: Any) -> None:
    """Another hash, version, or release of Averment; each model's own results are still there."""
    one = item("s3://b/a.jpg", b"good")
    for detector, scored in (
        (counting(), 1),
        (counting(sha256="b" * 64), 1),
        (counting(version="2"), 1),
        (counting(sha256=None), 1),
        (counting(), 0),
        (counting(sha256="b" * 64), 0),
    ):
        run(tmp_path / "m", detector, one)
        assert len(detector.asked) == scored


def test_another_release_prepares_images_in_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """So its scores are its own."""
    before = detector_key(INFO)
    monkeypatch.setattr("averment.detector.bulk.memory.__version__", "99.0")
    assert detector_key(INFO) != before


def test_what_was_said_at_another_threshold_doesn_t_count(tmp_path: Path, counting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector whose families are silent below its threshold could not say at the higher one; what it said at the lower one isn't clean there.
    Each threshold's own results are still there."""
    low, high = counting(threshold=0.5), counting(threshold=0.8)
    for detector in (low, high):
        reached = Score({Family.SYNTHETIC_IMAGE: 0.7})
        small = Score({Family.SYNTHETIC_IMAGE: 0.7}, silent={Family.MANIPULATED_FACE: "a face is too small"})
        monkeypatch.setattr(detector, "_one", lambda _, said=reached if detector is low else small: said)
    one = item("s3://b/a.jpg", b"a face")
    found = [run(tmp_path / "m", detector, one)[0].finding for detector in (low, high, low, high)]
    assert found == [Finding.FLAGGED, Finding.COULD_NOT] * 2
    assert (len(low.asked), len(high.asked)) == (1, 1)


def test_what_could_not_be_read_is_asked_again_and_what_can_t_be_said_is_not(tmp_path: Path, counting: Any) -> None:
    """The one may be there the next time, the other is the model's own answer."""

    def refuse() -> Read:
        raise IncompleteError("denied")

    items = [Item("s3://b/shut.jpg", refuse, OBJECT), item("s3://b/odd.jpg", b"odd")]
    results = run(tmp_path / "m", counting(), *items)
    assert [(result.finding, result.reason) for result in results] == [(Finding.COULD_NOT, "denied"), (Finding.COULD_NOT, "it is odd")]
    assert (results[0].sha256, results[0].score.highest) == (None, None)
    detector = counting()
    items[0] = item("s3://b/shut.jpg", b"good")
    assert [result.finding for result in run(tmp_path / "m", detector, *items)] == [Finding.CLEAN, Finding.COULD_NOT]
    assert detector.asked == [b"good"]


def test_without_resume_nothing_counts(tmp_path: Path, counting: Any) -> None:
    """As with ``averment collect``: a run begins anew unless it is told otherwise."""
    one = item("s3://b/a.jpg", b"good")
    run(tmp_path / "m", counting(), one)
    detector = counting()
    run(tmp_path / "m", detector, one, resume=False)
    assert len(detector.asked) == 1


def test_the_file_is_its_owner_s(tmp_path: Path) -> None:
    """Names of uploads may say who sent them."""
    with ScanMemory(tmp_path / "m", INFO):
        assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o600


def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    """A mistyped --state doesn't cost anybody a database or a document."""
    text, database = tmp_path / "text", tmp_path / "database"
    text.write_bytes(b"thesis " * 1000)
    connection = sqlite3.connect(database)
    connection.executescript("CREATE TABLE scores (mine); CREATE TABLE seen (mine); INSERT INTO scores VALUES (1)")
    connection.close()
    for path in (text, database):
        before = path.read_bytes()
        with pytest.raises(BadInputError, match="memory of a scan"):
            ScanMemory(path, INFO)
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    "value",
    [
        "{",
        "",
        "[]",
        "3",
        '{"cannot_say": null}',
        '{"cannot_say": null, "probabilities": {"synthetic-image": 7}}',
        "[" * 100_000,
        b"\xff\xfe",
        7,
    ],
)
@pytest.mark.parametrize("identity", [OBJECT, FILE], ids=["by its listing", "by its bytes"])
def test_a_damaged_result_is_told_as_damage_of_the_file(value: object, identity: Identity, tmp_path: Path, counting: Any) -> None:
    """Not as a fault of the program or of an endpoint: the state is named, and what to do."""
    one = item("a.jpg", b"good", identity)
    run(tmp_path / "m", counting(), one)
    with sqlite3.connect(tmp_path / "m") as connection:
        connection.execute("UPDATE scores SET value = ?", (value,))
    connection.close()
    with pytest.raises(BadInputError, match="is damaged, or no memory of a scan") as caught:
        run(tmp_path / "m", counting(), one)
    assert caught.value.where is not None
    assert caught.value.where.file == str(tmp_path / "m")


def test_a_result_that_is_no_text_is_told_as_damage_too(tmp_path: Path, counting: Any) -> None:
    """SQLite calls it an operation that failed; the disk isn't full."""
    one = item("a.jpg", b"good")
    run(tmp_path / "m", counting(), one)
    with sqlite3.connect(tmp_path / "m") as connection:
        connection.execute("UPDATE scores SET value = CAST(x'ff7b' AS TEXT)")
    connection.close()
    with pytest.raises(BadInputError, match="is damaged, or no memory of a scan"):
        run(tmp_path / "m", counting(), one)


def test_a_file_that_another_run_holds_is_not_shared(tmp_path: Path) -> None:
    """Two runs would write over each other's results."""
    with ScanMemory(tmp_path / "m", INFO), pytest.raises(IncompleteError, match="another run holds it"):
        ScanMemory(tmp_path / "m", INFO)


def test_names_that_are_no_text_are_remembered(tmp_path: Path, counting: Any) -> None:
    """As they are on disk."""
    one = item("caf\udce9.jpg", b"good")
    before = run(tmp_path / "m", counting(), one)
    detector = counting()
    assert run(tmp_path / "m", detector, one) == before
    assert detector.asked == []


def test_each_image_is_asked_once_in_a_batch_of_the_same(counting: Any) -> None:
    """Without a memory, too."""
    detector = counting()
    results = list(scan([item(f"{number}.jpg", b"same") for number in range(5)], detector))
    assert [result.name for result in results] == [f"{number}.jpg" for number in range(5)]
    assert detector.asked == [b"same"]
    assert dataclasses.replace(results[0], name="") == dataclasses.replace(results[4], name="")


def test_large_images_are_read_a_few_at_a_time(counting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read and not yet judged stays within two batches' bytes, by the listing."""
    monkeypatch.setattr("averment.detector.scanning.BATCH_BYTES", 100)
    reads: list[str] = []
    items = [item(f"{number}", b"%d" % number, Identity(40), reads=reads) for number in range(20)]
    ahead = []
    for number, _ in enumerate(scan(items, counting())):
        ahead.append(len(reads) - number)
    assert len(reads) == 20
    assert max(ahead) <= 4


def test_several_threads_give_the_same_results_in_the_same_order(counting: Any) -> None:
    """``--parallel`` changes who is asked when, and nothing else; each thread has its share of a larger batch."""
    items = [item(f"{number}.jpg", b"picture %d" % (number % 90)) for number in range(100)]
    alone, together = counting(), counting()
    assert list(scan(items, together, parallel=3)) == list(scan(items, alone))
    assert sorted(together.asked) == sorted(alone.asked)


def test_memory_does_not_grow_with_the_number_of_images(counting: Any) -> None:
    """What is read is let go of: of 3,000 images of 20 kB at most two batches are there at a time."""
    detector = counting()
    detector.score = lambda images: [detector._one(image) for image in images]  # without the list of what it was asked
    items = (item(f"{number}.jpg", number.to_bytes(20_000, "big")) for number in range(3_000))
    tracemalloc.start()
    assert sum(1 for _ in scan(items, detector)) == 3_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000
