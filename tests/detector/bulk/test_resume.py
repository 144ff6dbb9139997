"""A scan that is killed and goes on gives what an undisturbed one gives, to the byte.

The scan runs in a process of its own, over files and over a real connection to the embedded AWS, and dies by SIGKILL at a given image.
"""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from typing import Any

import boto3
import pytest

from averment.cli.main import run

CHILD = """
import hashlib, os, signal, sys
from averment.cli.main import run
from averment.detector import opening
from averment.detector.bulk import memory
from averment.detector.interface import Detector, DetectorInfo, Family, Score

kill, asked = int(sys.argv[1]), 0
memory._SAVE_EVERY = 0.0

class Fake(Detector):
    info = DetectorInfo("fake", "1", "a" * 64, (Family.SYNTHETIC_IMAGE,), 0.9)

    def score(self, images):
        global asked
        asked += len(images)
        if kill and asked >= kill:
            os.kill(os.getpid(), signal.SIGKILL)
        return [Score({Family.SYNTHETIC_IMAGE: int(hashlib.sha256(image).hexdigest()[:12], 16) / 16**12}) for image in images]

opening.open_detector = lambda _: Fake()
code = run(["media", "scan", *sys.argv[2:]])
print(asked, file=sys.stderr)
sys.exit(code)
"""

Child = Callable[..., tuple[int, int]]


@pytest.fixture
def child(tmp_path: Path) -> Child:
    """Runs ``averment media scan``; the exit code and how many images the detector was asked about (-1: it was killed)."""

    def go(*words: str, kill: int = 0) -> tuple[int, int]:
        done = subprocess.run([sys.executable, "-c", CHILD, str(kill), *words], capture_output=True, text=True, check=False)
        if done.returncode == -signal.SIGKILL:
            return done.returncode, -1
        return done.returncode, int(done.stderr.splitlines()[-1])

    return go


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "uploads"
    place.mkdir()
    for number in range(80):
        (place / f"{number:03}.jpg").write_bytes(b"picture %d" % number)
    (place / "gone.jpg").symlink_to(place / "nowhere")
    return place


def test_who_is_asked_to_end_tidies_away_and_goes_on_later(child: Child, folder: Path, tmp_path: Path) -> None:
    """SIGTERM, as timeout, systemd and containers send it: no unfinished output is left, what was found is kept."""
    words = (str(folder), "--format", "csv", "--out")
    child(*words, str(tmp_path / "whole.csv"))
    asked = CHILD.replace("signal.SIGKILL", "signal.SIGTERM").replace("cli.main import run", "cli.main import main")
    asked = asked[: asked.index("code = run")] + "sys.argv[1:] = ['media', 'scan', *sys.argv[2:]]\nmain()\n"
    done = subprocess.run(
        [sys.executable, "-c", asked, "30", *words, str(tmp_path / "part.csv")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (143, "")
    assert sorted(path.name for path in tmp_path.glob("*part.csv*")) == ["part.csv.state"]
    code, scored = child(*words, str(tmp_path / "part.csv"), "--resume")
    assert (code, scored < 80) == (1, True)
    assert (tmp_path / "part.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


WAITING = """
import os, signal, sys, threading
from averment.cli.main import main
from averment.detector import scanning

signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background is told to ignore it
from averment.detector.bulk import places

def read():
    os.write(1, b"reading\\n")
    threading.Event().wait()

if sys.argv.pop(1) == "read":
    places._file_item = lambda entry: scanning.Item(entry.key, read, entry.identity)
main()
"""


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("what", ["read", "asked", "asked by four"])
def test_who_ends_a_scan_does_not_wait_for_an_answer_that_never_comes(
    what: str, sent: signal.Signals, code: int, folder: Path, tmp_path: Path
) -> None:
    """A service or a store may keep a scan waiting for minutes; whoever sent SIGTERM kills it after some seconds, with the output half written."""
    with socket.create_server(("127.0.0.1", 0)) as mute, ExitStack() as stack:
        detector = "embedded" if what == "read" else f"http://127.0.0.1:{mute.getsockname()[1]}"
        words = ["media", "scan", str(folder), "--out", str(tmp_path / "out.csv"), "--detector", detector]
        words += ["--parallel", "4"] if what == "asked by four" else []
        scan = stack.enter_context(subprocess.Popen([sys.executable, "-c", WAITING, what, *words], stdout=subprocess.PIPE, text=True))
        stack.callback(scan.kill)
        if what == "read":
            assert scan.stdout is not None
            assert scan.stdout.readline() == "reading\n"
        else:
            _describe(mute)
            stack.enter_context(mute.accept()[0])  # the first image, which is never answered
        time.sleep(0.5)  # by then it waits; a signal in the moment before goes unheard until the next (a race in Python itself)
        scan.send_signal(sent)
        scan.wait(timeout=30)
    assert scan.returncode == code
    assert {path.name for path in tmp_path.iterdir()} == {"uploads", "out.csv.state"}


def _describe(server: socket.socket) -> None:
    """Take the first request, which asks who the detector is, and answer it."""
    told = {"name": "mute", "version": "1", "sha256": None, "families": ["synthetic-image"], "threshold": 0.5}
    body = json.dumps({"detector": told}).encode()
    with server.accept()[0] as connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_a_folder_goes_on_where_it_was_killed(form: str, child: Child, folder: Path, tmp_path: Path) -> None:
    """Killed twice on the way: no result is lost, none is doubled, nothing else differs, and what was scored isn't scored again."""
    words = (str(folder), "--format", form, "--out")
    assert child(*words, str(tmp_path / "whole")) == (1, 80)
    out = tmp_path / "out"
    assert child(*words, str(out), kill=30)[1] == -1
    assert not out.exists()
    assert child(*words, str(out), "--resume", kill=20)[1] == -1
    code, asked = child(*words, str(out), "--resume")
    assert (code, asked) == (1, 80 - 16 - 16)
    assert out.read_bytes() == (tmp_path / "whole").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.state", "uploads", "whole", "whole.state"]


def test_what_a_scan_writes_beside_the_pictures_is_none_of_what_it_passes_over(child: Child, folder: Path) -> None:
    """Neither its output, whole or not, nor its state, of which a run that goes on finds more than the first one did."""
    (folder / "notes.txt").write_text("not an image")
    words = (str(folder), "--format", "json", "--out", str(folder / "scan.json"), "--resume")
    assert child(*words)[0] == 1
    undisturbed = (folder / "scan.json").read_bytes()
    assert json.loads(undisturbed)["summary"]["passed_over"] == 1
    (folder / "scan.json.state").unlink()
    assert child(*words, kill=40)[0] == -signal.SIGKILL
    assert (folder / ".scan.json.part").exists()
    assert child(*words)[0] == 1
    assert (folder / "scan.json").read_bytes() == undisturbed


def test_a_bucket_goes_on_without_reading_what_was_read(sandbox: Any, child: Child, tmp_path: Path) -> None:
    """The objects that were scored are told by the listing; a new one and a replaced one are scored with the rest."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="shop-media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for number in range(40):
        s3.put_object(Bucket="shop-media", Key=f"in/{number:03}.jpg", Body=b"picture %d" % number)
    words = ("s3://shop-media/in/", "--format", "json", "--out")
    assert child(*words, str(tmp_path / "whole"))[1] == 40
    out = tmp_path / "out"
    assert child(*words, str(out), kill=40)[1] == -1
    assert child(*words, str(out), "--resume")[1] == 8
    assert out.read_bytes() == (tmp_path / "whole").read_bytes()
    s3.put_object(Bucket="shop-media", Key="in/new.jpg", Body=b"new")
    s3.put_object(Bucket="shop-media", Key="in/007.jpg", Body=b"replaced")
    assert child(*words, str(out), "--resume")[1] == 2
    images = json.loads(out.read_bytes())["images"]
    assert (len(images), images[-1]["name"]) == (41, "s3://shop-media/in/new.jpg")


@pytest.mark.parametrize("kept", [True, False])
def test_credentials_that_expire_end_the_scan_and_it_goes_on_later(
    kept: bool, sandbox: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 says ExpiredToken from the 25th object on: no row says of what comes after that it could not be scanned, and no output is left."""
    from moto.s3.exceptions import S3ClientError
    from moto.s3.responses import S3Response

    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="shop-media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for number in range(60):
        s3.put_object(Bucket="shop-media", Key=f"in/{number:03}.jpg", Body=b"no picture %d" % number)
    reads, genuine = 0, S3Response.get_object

    def expired(self: Any) -> Any:
        nonlocal reads
        reads += "list-type" not in self.querystring
        if reads > 24:
            raise S3ClientError("ExpiredToken", "The provided token has expired.")
        return genuine(self)

    words = ["media", "scan", "s3://shop-media/in/", "--format", "jsonl"]
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(S3Response, "get_object", expired)
        assert run([*words, *(["--out", str(out)] if kept else [])]) == 3
    told = capsys.readouterr()
    assert told.err.count("ExpiredToken") == 1
    assert "sign in again, then run this again" in told.err
    assert ("with --resume" in told.err) == kept
    assert "could-not-scan" not in told.err
    assert not out.exists()
    assert "ExpiredToken" not in told.out
    if kept:
        assert run([*words, "--out", str(out), "--resume"]) == 3  # no object is a picture
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        assert len(lines) == 60
        assert not any("ExpiredToken" in str(line) for line in lines)


def test_a_repeated_scan_costs_what_is_new(child: Child, folder: Path, tmp_path: Path) -> None:
    """The state stays after the run: the next one scores what came since."""
    words = (str(folder), "--format", "csv", "--out", str(tmp_path / "out"))
    assert child(*words)[1] == 80
    (folder / "new.jpg").write_bytes(b"new")
    assert child(*words, "--resume")[1] == 1
    assert child(*words)[1] == 81


def test_an_earlier_file_stays_until_the_new_one_is_whole(child: Child, folder: Path, tmp_path: Path) -> None:
    """Whoever reads the results meanwhile reads the last whole ones."""
    out = tmp_path / "out"
    out.write_text("of last week")
    assert child(str(folder), "--out", str(out), kill=50)[1] == -1
    assert out.read_text() == "of last week"


def test_resume_without_a_state_is_a_mistake(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --out nothing is kept to go on from, which whoever hopes for it should hear."""
    assert run(["media", "scan", str(folder), "--resume"]) == 2
    assert "add --out FILE" in capsys.readouterr().err


def test_beside_a_device_nothing_is_kept(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """``/dev/stdout.state`` would be in nobody's way but the machine's, and who isn't root may not write it."""
    devices = {path.name for path in Path("/dev").iterdir()}
    for out in ("/dev/stdout", "/dev/null"):
        assert run(["media", "scan", str(folder), "--out", out, "--format", "csv"]) in {0, 1, 3}
    assert {path.name for path in Path("/dev").iterdir()} == devices
    assert capfd.readouterr().out.startswith("name,finding,")


def test_the_output_s_folder_is_made(folder: Path, tmp_path: Path) -> None:
    """As every other command makes it; what is kept lies there from the beginning."""
    out = tmp_path / "new" / "results" / "scan.csv"
    assert run(["media", "scan", str(folder), "--out", str(out)]) in {0, 1, 3}
    assert out.is_file()


def test_the_output_can_t_be_put_into_a_folder_that_isn_t_writable(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One clear error."""
    (tmp_path / "file").write_text("in the way")
    assert run(["media", "scan", str(folder), "--out", str(tmp_path / "file" / "out")]) == 3
    assert "can't be written" in capsys.readouterr().err


def test_a_mistyped_place_costs_no_state(child: Child, folder: Path, tmp_path: Path) -> None:
    """What an earlier run found is dropped when the new one has something to scan, and not before."""
    out = str(tmp_path / "out")
    assert child(str(folder), "--out", out)[1] == 80
    (tmp_path / "empty").mkdir()
    assert child(str(tmp_path / "empty"), "--out", out) == (2, 0)
    assert child(str(folder), "--out", out, "--resume")[1] == 0


def on_a_terminal(*words: str, out: Path | None = None) -> bytes:
    """Runs ``averment media scan``; what a terminal of its own was sent, of standard error and, unless it goes to ``out``, of the results."""
    master, slave = pty.openpty()
    with out.open("wb") if out else nullcontext(slave) as target:
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, "0", *words],
            stdout=target,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "CI": "", "NO_COLOR": "1"},
        )
    os.close(slave)
    shown = b""
    with suppress(OSError):  # the terminal is gone when the program is
        while piece := os.read(master, 65536):
            shown += piece
    os.close(master)
    process.wait()
    return shown


def test_on_a_terminal_progress_shows_the_total_and_the_time_that_is_left(folder: Path, tmp_path: Path) -> None:
    """On standard error, and nothing of it in the results."""
    shown = on_a_terminal(str(folder), "--format", "csv", out=tmp_path / "out")
    assert b"scanning" in shown
    assert b"81/81" in shown
    assert re.search(rb"\d:\d\d:\d\d", shown)
    assert len((tmp_path / "out").read_bytes().splitlines()) == 82


def test_on_a_terminal_rows_and_bar_keep_apart(folder: Path) -> None:
    """Each row and the summary begin a line of their own, where the bar was wiped off."""
    sent = re.split(rb"\r?\n", on_a_terminal(str(folder)))
    lines = [line.split(b"\x1b[2K")[-1] for line in sent]  # what is left of one that was wiped
    assert sum(line.startswith((b"clean ", b"flagged ", b"could-not-scan ")) for line in lines) == 81
    assert any(line.startswith(b"81 files: ") for line in lines)


def test_on_a_terminal_no_name_is_obeyed_in_csv_either(tmp_path: Path) -> None:
    """A file or a pipe gets the name as it is."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "\x1b[2J\u202e.jpg").write_bytes(b"x")
    shown = on_a_terminal(str(tmp_path / "in"), "--format", "csv")
    assert b"\\x1b[2J\\x202e.jpg," in shown
    assert b"\x1b[2J" not in shown
    on_a_terminal(str(tmp_path / "in"), "--format", "csv", out=tmp_path / "piped")
    assert "/\x1b[2J\u202e.jpg," in (tmp_path / "piped").read_text()
