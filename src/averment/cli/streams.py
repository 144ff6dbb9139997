"""The three streams that a program begins with, as whoever starts this one may leave them: closed, on a full disk, in another encoding."""

from __future__ import annotations

import codecs
import errno
import io
import locale
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a device says that takes no more."""
_TERMINAL = "averment-terminal"
"""The option of Python's (``-X``) in which a process that begins anew is told what encoding the terminal has."""
_STDERR = 2
"""Its number among a process's open files."""


class _Forgiving(io.FileIO):
    """Where notes and errors go: what a full disk doesn't take of them is lost, and the run goes on to its result and its exit code."""

    def write(self, data: ReadableBuffer, /) -> int:
        """As ``FileIO.write``; what the device has no room for counts as written."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in FULL:
                raise
            return memoryview(data).nbytes


def begin_in_utf8() -> None:
    """Begin this process anew where the locale would have names of files read in another encoding than UTF-8.

    What is written of a file (a finding, a baseline, evidence) has to be the same on every machine, and a module's folder has to be found by the
    name that stands in the code. Python decides that before anything of ours runs. What a terminal is shown stays in its encoding.
    """
    if os.name != "posix" or not sys.executable or _TERMINAL in sys._xoptions:
        return
    if codecs.lookup(sys.getfilesystemencoding()).name == "utf-8":
        return
    terminal = sys.stdout.encoding if sys.stdout is not None else locale.getencoding()
    os.execv(sys.executable, [sys.executable, "-X", "utf8", "-X", f"{_TERMINAL}={terminal}", *sys.orig_argv[1:]])  # noqa: S606


def prepare_streams() -> None:
    """Have all three open, whatever was closed (``>&-``), and able to take whatever is written: nothing that is noted ends a run."""
    encoding = sys._xoptions.get(_TERMINAL)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # in this order each gets the number that is its own, and no file that is opened later
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open until the end
    if isinstance(sys.stderr, io.TextIOWrapper) and sys.stderr is sys.__stderr__ and not sys.stderr.isatty():
        notes = io.BufferedWriter(_Forgiving(_STDERR, "w", closefd=False))
        sys.stderr = io.TextIOWrapper(notes, encoding=sys.stderr.encoding, line_buffering=True)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the terminal's encoding lacks, or a file name that is no text, becomes '?' and not a traceback.
            stream.reconfigure(encoding=encoding, errors="replace")
