"""Frames of a clip, decoded by ``decoder_child`` in a process of its own and handed on one at a time.

Whatever a clip does there (crash, hang, ask for gigabytes) costs that process, not the scan: it ends with a reason.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from averment.core.errors import IncompleteError, MissingExtraError
from averment.core.extras import require
from averment.detector.imaging import UnreadableError
from averment.detector.video.edit_lists import edit_lists
from averment.detector.video.editions import has_ordered_chapters

MAX_PIXELS = 36_000_000
"""Width times height of a clip that is decoded: 8K (7680 x 4320) is within."""

MAX_SECONDS = 24 * 3600.0
MAX_FRAMES = 10_000_000
"""Frames of a clip whose packets are read: 46 h at 60 a second."""

MAX_BOXES = 5_000_000
"""Boxes of an MP4 that stand by themselves: two for each frame of a day at 25 a second, as live recordings have at most, and some more."""

FRAME_PIXELS = 1920 * 1080
"""What is larger is reduced to so many pixels. As PNG such a frame fits a request of ``serving`` whatever it shows."""

DECODED_PIXELS = 40_000_000_000
"""Pixels decoded at most for one clip: about 19,000 frames of 1080p, in the order of two minutes of CPU time."""

CPU_SECONDS = 600
MEMORY_BYTES = 3 * 1024**3
"""Of the process that decodes: of address space, where the system has such a bound. 8K at 10 bits takes about two thirds."""

PATIENCE = 120.0
"""Seconds that the process may let wait for its next frame."""

_PASSING = ("decoding it came to nothing for ", "decoding it was stopped")
"""How the reasons begin that are those of one attempt, on a machine that was busy or short of memory."""

_OWN_SIGNALS = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, getattr(signal, "SIGBUS", signal.SIGSEGV)})
"""Those by which a process dies of what it did itself; any other was sent to it."""

_NONSENSE = "decoding it gave nonsense"
_HEADER = 64 * 1024
_BODY = 4 * FRAME_PIXELS
_CHILD = Path(__file__).with_name("decoder_child.py")


@dataclass(frozen=True)
class Sampling:
    """Which frames of a clip are looked at.

    ``frames`` are in so many equal parts of the clip, at the middle of each or, with ``seed``, where in it that has it. With ``key_frames``, each is the key frame before that time, where
    there is one that wasn't taken yet: quick, but whoever made the file chose where key frames are. With ``at``, one frame, at so many seconds.

    Of a clip that is cut (``Facts.cut``) they are of what is shown or, with ``view``, of all that is in the file between two times.
    """

    frames: int = 32
    key_frames: bool = False
    at: float | None = None
    view: tuple[float, float] | None = None
    seed: str = ""


@dataclass(frozen=True)
class Facts:
    """What a clip is: ``seconds`` as its header says, if that is much longer than what could be read (``read_seconds``), else as read.

    ``cut`` is where an edit list shows a stretch of what the file holds: from when to when, and how long all is, in seconds from the file's first frame.
    Of such a clip all times count from there.
    """

    seconds: float
    read_seconds: float
    width: int
    height: int
    codec: str
    container: str
    frames: int
    key_frames: int
    cut: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Frame:
    """One frame: when it is shown in seconds from the first, and the picture, upright, as PNG."""

    seconds: float
    width: int
    height: int
    png: bytes


@dataclass(frozen=True)
class Missed:
    """A frame that was wanted at ``seconds`` and isn't there, and why."""

    seconds: float
    reason: str


def frames(path: Path, sampling: Sampling, *, command: tuple[str, ...] = ()) -> Iterator[Facts | Frame | Missed]:
    """The facts of the clip at ``path``, then each wanted frame in order of time or why there is none.

    ``command`` replaces the program that decodes (for tests of what it may do).

    Raises:
        UnreadableError: not a video, a damaged one, or one beyond the bounds; the message is the reason, without the file's name.
        MissingExtraError: PyAV isn't installed.
        IncompleteError: the process could not be started.
    """
    _check_one_film(path)
    if has_ordered_chapters(path):
        raise UnreadableError("its chapters say which parts of it are shown in which order, and what is shown then depends on the player")
    asked = {
        "path": str(path.resolve()),
        "frames": sampling.frames,
        "key_frames": sampling.key_frames,
        "at": sampling.at,
        "view": sampling.view,
        "seed": sampling.seed,
        "edits": edit_lists(path),
        "cpu_seconds": CPU_SECONDS,
        "memory_bytes": MEMORY_BYTES,
        "max_pixels": MAX_PIXELS,
        "max_frames": MAX_FRAMES,
        "max_seconds": MAX_SECONDS,
        "decoded_pixels": DECODED_PIXELS,
        "frame_pixels": FRAME_PIXELS,
    }
    arguments = [*(command or (sys.executable, "-P", "-s", str(_CHILD))), json.dumps(asked)]
    try:
        child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment())
    except OSError as error:
        raise IncompleteError(f"the program that decodes videos could not be started: {error.strerror}") from error
    with child:
        try:
            yield from _told(child)
        finally:
            child.kill()


def _check_one_film(path: Path) -> None:
    """Refuse an MP4 or MOV with two descriptions of a film (moov; ISO/IEC 14496-12, sections 4.2 and 8.2.1), of which FFmpeg takes the first. Anything else
    is no row of such boxes, and ends soon."""
    films = place = 0
    with suppress(OSError, OverflowError), path.open("rb") as file:  # whoever decodes it says what is wrong with it
        for _ in range(MAX_BOXES):
            head = file.read(16)
            length, kind = int.from_bytes(head[:4], "big"), head[4:8]
            films += kind == b"moov"
            if films > 1:
                raise UnreadableError("there is another film behind the first in it, and which is shown depends on the player")
            length = int.from_bytes(head[8:], "big") if length == 1 else length
            if length < 8:  # to the file's end, or none
                return
            place += length
            file.seek(place)
        raise UnreadableError(f"it is written in more than {MAX_BOXES:,} parts, which are not read")


def passing(reason: str) -> bool:
    """Whether ``reason``, for which a clip could not be read, may be gone at the next attempt: the process was late, or was ended from outside."""
    return reason.startswith(_PASSING)


def _environment() -> dict[str, str]:
    """Where Python finds what it imports, and nothing else: no credentials, no settings."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP")
    # The threads of numpy's library take address space, which is bounded.
    own = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"}
    return {name: os.environ[name] for name in kept if name in os.environ} | own


def _told(child: subprocess.Popen[bytes]) -> Iterator[Facts | Frame | Missed]:
    while child.stdout is not None:
        value, body = _message(child, child.stdout)
        match value.get("kind"):
            case "clip":
                stated = {name: value[name] for name in Facts.__dataclass_fields__}
                cut = tuple(round(time, 3) for time in value["cut"]) if value["cut"] else None
                yield Facts(
                    **{**stated, "seconds": round(value["seconds"], 3), "read_seconds": round(value["read_seconds"], 3), "cut": cut}
                )
            case "frame":
                yield Frame(round(float(value["seconds"]), 3), int(value["width"]), int(value["height"]), body)
            case "missed":
                yield Missed(round(float(value["wanted"]), 3), str(value["reason"])[:300])
            case "refused":
                raise UnreadableError(str(value["reason"])[:300])
            case "missing-package":
                require(str(value["package"]), extra="video", needed_for="scanning videos")
                raise MissingExtraError(
                    f"scanning videos needs the package '{value['package']}', which is not installed", fix="pip install 'averment[video]'"
                )
            case "end":
                return
            case _:
                raise UnreadableError(_NONSENSE)


def _message(child: subprocess.Popen[bytes], pipe: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """The next message, within ``PATIENCE``."""
    late = threading.Event()

    def stop() -> None:
        late.set()
        child.kill()

    timer = threading.Timer(PATIENCE, stop)
    timer.daemon = True
    timer.start()
    try:
        line = pipe.readline(_HEADER)
        if not line.endswith(b"\n") and len(line) < _HEADER:
            raise UnreadableError(_ending(child, late))
        value = json.loads(line)
        size = value["bytes"]
        if not isinstance(size, int) or not 0 <= size <= _BODY:
            raise ValueError(size)
        body = pipe.read(size)
    except UnreadableError:
        raise
    except (ValueError, TypeError, LookupError) as error:
        raise UnreadableError(_NONSENSE) from error
    finally:
        timer.cancel()
    if len(body) < size:
        raise UnreadableError(_ending(child, late))
    return value, body


def _ending(child: subprocess.Popen[bytes], late: threading.Event) -> str:
    """Why the process ended early."""
    if late.is_set():
        return f"{_PASSING[0]}{PATIENCE:g} s"
    try:
        code = child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        return _NONSENSE  # it closed its output and goes on
    if code < 0 and -code == getattr(signal, "SIGXCPU", None):
        return f"decoding it takes more than {CPU_SECONDS} s of CPU time"
    if code == -signal.SIGKILL:
        return f"{_PASSING[1]}: the system is out of memory, or somebody killed it"
    if code < 0 and -code not in _OWN_SIGNALS:
        return f"{_PASSING[1]} (signal {-code})"
    return f"the decoder crashed on it (signal {-code})" if code < 0 else f"the decoder gave up on it (exit code {code})"
