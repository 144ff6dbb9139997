"""The provenance log in a file: what its chain shows, and what it takes a head kept elsewhere to show."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from averment.core.errors import BadInputError, IncompleteError, VerificationError
from averment.detector.credentials.log import FIRST, MAX_LINE_BYTES, Entry, FileLog, Head, open_log


def entry(number: int, **more: str) -> Entry:
    return Entry(
        object=f"s3://shop/hero-{number}.jpg",
        sha256=f"{number:064x}",
        source_sha256=f"{number + 1000:064x}",
        key="kms:alias/provenance",
        signed_at="2026-11-02T09:30:00Z",
        digital_source_type="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        **more,
    )


@pytest.fixture
def log(tmp_path: Path) -> FileLog:
    """A log of five entries at ``log.jsonl``."""
    log = FileLog(tmp_path / "log.jsonl")
    for number in range(5):
        log.append(entry(number))
    return log


def test_what_is_appended_is_read_back_in_order(log: FileLog, tmp_path: Path) -> None:
    """With every field; what a signing has not is left out of the line, not written as null."""
    full = entry(5, key_sha256="a" * 64, media_type="image/jpeg", perceptual_hash="b" * 64, watermark="012345678")
    head = log.append(full)
    assert list(log.entries()) == [*(entry(number) for number in range(5)), full]
    assert (head.count, log.head()) == (6, head)
    assert "null" not in (tmp_path / "log.jsonl").read_text()


def test_a_log_whose_lines_an_editor_ended_otherwise_says_so(log: FileLog, tmp_path: Path) -> None:
    """An unchanged log that came through Windows read as forged, and nothing told whoever had it what to do."""
    (tmp_path / "log.jsonl").write_bytes((tmp_path / "log.jsonl").read_bytes().replace(b"\n", b"\r\n"))
    for use in (log.head, lambda: log.append(entry(5))):
        with pytest.raises(VerificationError, match="its lines end with CR and LF"):
            use()


def test_a_head_is_the_hash_of_the_last_line(log: FileLog, tmp_path: Path) -> None:
    """So that anybody can compute it with sha256sum; and it can be written and read as text."""
    last = (tmp_path / "log.jsonl").read_bytes().splitlines()[-1]
    (tmp_path / "last").write_bytes(last)
    printed = subprocess.run(["sha256sum", str(tmp_path / "last")], check=True, capture_output=True, text=True).stdout.split()[0]
    assert log.head() == Head(5, printed) == Head.parse(f"5:{printed}") == Head.parse(str(log.head()))
    assert json.loads((tmp_path / "log.jsonl").read_bytes().splitlines()[0])["previous"] == FIRST


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_no_change_before_the_last_line_goes_unnoticed(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A byte changed, a line removed, doubled or moved: the reading ends with the line's number. Of the last line a changed byte shows
    unless the line stays a well-formed one, which its head then shows."""
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    log = FileLog(path)
    heads = [log.append(entry(number)) for number in range(4)]
    lines = path.read_bytes().splitlines(keepends=True)
    match data.draw(st.sampled_from(["byte", "remove", "double", "swap"])):
        case "byte":
            at = data.draw(st.integers(0, sum(map(len, lines)) - 2))
            changed = bytearray(b"".join(lines))
            changed[at] ^= 1 << data.draw(st.integers(0, 6))
            path.write_bytes(changed)
        case "remove":
            del lines[data.draw(st.integers(0, 2))]
            path.write_bytes(b"".join(lines))
        case "double":
            at = data.draw(st.integers(0, 3))
            path.write_bytes(b"".join([*lines[: at + 1], *lines[at:]]))
        case _:
            at = data.draw(st.integers(0, 2))
            lines[at], lines[at + 1] = lines[at + 1], lines[at]
            path.write_bytes(b"".join(lines))
    missing, line = [], 0
    try:
        missing = log.check_heads(heads)
    except VerificationError as error:
        line = error.where.line or 0 if error.where else 0
    assert line or heads[-1] in missing


def test_lines_cut_off_at_the_end_show_against_an_earlier_head(log: FileLog, tmp_path: Path) -> None:
    """The chain alone can't tell; this is what the ledger keeps heads for."""
    seen = log.head()
    lines = (tmp_path / "log.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "log.jsonl").write_bytes(b"".join(lines[:3]))
    assert len(list(log.entries())) == 3
    assert log.check_heads([seen]) == [seen]


def test_a_log_that_was_written_anew_shows_against_an_earlier_head(log: FileLog, tmp_path: Path) -> None:
    """A perfect chain over other entries, as long as the first and longer."""
    seen = log.head()
    (tmp_path / "log.jsonl").unlink()
    for number in range(7):
        log.append(entry(number, media_type="image/png"))
    assert log.check_heads([seen]) == [seen]


def test_earlier_heads_of_a_log_that_grew_are_all_there(log: FileLog) -> None:
    """And an empty log's head is in every log."""
    heads = [log.head()]
    heads += [log.append(entry(number)) for number in range(5, 8)]
    assert log.check_heads([Head(0, FIRST), *heads]) == []


def test_a_line_that_a_crash_left_unfinished_is_no_entry_and_is_replaced(log: FileLog, tmp_path: Path) -> None:
    """Whoever wrote it was never told that it was logged."""
    path = tmp_path / "log.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"entry":{"digital_source')
    assert len(list(log.entries())) == 5
    assert log.unfinished()
    log.append(entry(5))
    assert not log.unfinished()
    assert [item.sha256 for item in log.entries()] == [f"{number:064x}" for number in range(6)]
    assert path.read_bytes().startswith(whole)


@pytest.mark.parametrize("count", [1, 5])
def test_an_entry_without_its_end_of_line_stays_one(tmp_path: Path, count: int) -> None:
    """An editor took the line's end: the entry was finished, is read, and isn't lost to the next one."""
    path = tmp_path / "log.jsonl"
    log = FileLog(path)
    heads = [log.append(entry(number)) for number in range(count)]
    path.write_bytes(path.read_bytes()[:-1])
    assert (len(list(log.entries())), log.head()) == (count, heads[-1])
    log.append(entry(count))
    assert [item.sha256 for item in log.entries()] == [f"{number:064x}" for number in range(count + 1)]
    assert log.check_heads(heads) == []


def test_an_entry_is_on_disk_before_anybody_is_told_of_it(log: FileLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was signed is published on that word: a power cut right after it would leave it out there, and in no log."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    log.append(entry(5))
    assert synced == [(tmp_path / "log.jsonl").stat().st_size]


def test_a_disk_that_fails_while_the_log_is_read_is_told_with_its_name(log: FileLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was told as a result that could not be written, with the advice to free space."""

    class Failing(io.BytesIO):
        def readline(self, *_: object) -> bytes:
            raise OSError(5, "Input/output error")

        read = readline

    monkeypatch.setattr(Path, "open", lambda *_: Failing(bytes(100)))
    for look in (log.head, log.unfinished):
        with pytest.raises(BadInputError, match="the provenance log can't be read: Input/output error") as caught:
            look()
        assert str(caught.value.where).endswith("log.jsonl")


@pytest.mark.parametrize("text", ["remember the milk", '{"entry":{}}', '{"note": "no log"', "{}"])
def test_nothing_is_taken_from_a_file_of_one_line_that_is_no_log(log: FileLog, tmp_path: Path, text: str) -> None:
    """Nor from what somebody wrote behind a log's last line."""
    for path, before in ((tmp_path / "notes.txt", ""), (tmp_path / "log.jsonl", (tmp_path / "log.jsonl").read_text())):
        path.write_text(before + text)
        for use in (lambda log: log.append(entry(5)), FileLog.head):
            with pytest.raises(VerificationError):
                use(FileLog(path))
        assert path.read_text() == before + text


def test_nothing_is_added_to_what_is_no_log(tmp_path: Path) -> None:
    """A mistyped path mustn't grow somebody's file."""
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk\n")
    with pytest.raises(VerificationError, match="not one of a provenance log"):
        FileLog(path).append(entry(1))
    assert path.read_text() == "remember the milk\n"
    path.write_text("no line of a log is as long as this\n" + "x" * (3 * MAX_LINE_BYTES))
    with pytest.raises(VerificationError):
        FileLog(path).append(entry(1))
    with pytest.raises(VerificationError):
        list(FileLog(path).entries())


SIGNS = """
import sys
from pathlib import Path
from averment.detector.credentials.log import Entry, FileLog
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 20):
    FileLog(Path(sys.argv[1])).append(Entry(
        object=f"s3://shop/{number}.jpg", sha256=f"{number:064x}", source_sha256=f"{number:064x}", key="kms:alias/provenance",
        signed_at="2026-11-02T09:30:00Z", digital_source_type="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    ))
"""


def test_processes_share_a_log(tmp_path: Path) -> None:
    """Build machines sign in parallel: every entry is there, once, in one chain."""
    path = tmp_path / "log.jsonl"
    workers = [subprocess.Popen([sys.executable, "-c", SIGNS, str(path), str(start)]) for start in (0, 100, 200)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert sorted(int(item.sha256, 16) for item in FileLog(path).entries()) == [*range(20), *range(100, 120), *range(200, 220)]


@pytest.mark.parametrize(
    ("field", "value"), [("sha256", "../../etc"), ("perceptual_hash", "../../etc"), ("source_sha256", "a" * 64 + "/../etc"), ("object", 5)]
)
def test_an_entry_that_is_not_what_it_should_be_is_refused(log: FileLog, field: str, value: Any) -> None:
    """Even in a perfect chain: readers rely on hashes being hashes, and on words being words."""
    log.append(replace(entry(5), **{field: value}))
    with pytest.raises(VerificationError, match=field) as caught:
        list(log.entries())
    assert caught.value.where is not None
    assert caught.value.where.line == 6


def test_a_log_that_is_not_there_or_cannot_be_written(tmp_path: Path) -> None:
    """Exit 2 to read it, exit 3 to write it."""
    with pytest.raises(BadInputError, match="can't be read"):
        list(FileLog(tmp_path / "none.jsonl").entries())
    (tmp_path / "file").write_text("")
    with pytest.raises(IncompleteError, match="could not be written"):
        FileLog(tmp_path / "file" / "log.jsonl").append(entry(1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "5:abc",
        "-1:" + "a" * 64,
        "x:" + "a" * 64,
        "5:" + "A" * 64,
        "5:" + "a" * 65,
        "9" * 5000 + ":" + "a" * 64,
        "\u00b2:" + "a" * 64,
    ],
)
def test_a_head_that_is_none_is_refused(text: str) -> None:
    """With how to write it, in a message that can be read: also a number of more digits than Python takes."""
    with pytest.raises(BadInputError, match="no head of a log") as caught:
        Head.parse(text)
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_no_log(kind: str, tmp_path: Path) -> None:
    """A pipe would be waited for, and keeps nothing."""
    place = tmp_path / "log.jsonl"
    if kind == "folder":
        place.mkdir()
    else:
        os.mkfifo(place)
    for use in (lambda: FileLog(place).head(), lambda: FileLog(place).append(entry(1)), lambda: open_log("log.jsonl", tmp_path)):
        with pytest.raises(BadInputError, match="no provenance log can be there"):
            use()


@pytest.mark.parametrize("ending", [b"\r\n", b" \n"])
def test_nothing_is_added_behind_a_line_that_isn_t_as_the_log_writes(ending: bytes, log: FileLog, tmp_path: Path) -> None:
    """An editor that changed the ends of lines broke the chain: a signing that goes on there would look logged, and couldn't be read."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(path.read_bytes().replace(b"\n", ending))
    with pytest.raises(VerificationError, match="the last line is not one of a provenance log, and nothing was added"):
        log.append(entry(5))


@pytest.mark.parametrize("junk", [b"\xff\xfe\x00junk\n", "nonsense\n".encode("utf-16"), b"nonsense\n"])
def test_what_is_no_text_is_said_in_words(junk: bytes, tmp_path: Path) -> None:
    """Not in those of a codec."""
    (tmp_path / "log.jsonl").write_bytes(junk)
    with pytest.raises(VerificationError, match="it is no line of JSON"):
        FileLog(tmp_path / "log.jsonl").head()
