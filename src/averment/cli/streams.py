"""The three streams that a program begins with, as whoever starts this one may leave them: closed, on a full disk, in another encoding."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a device says that takes no more."""
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


def prepare_streams() -> None:
    """Have all three open, whatever was closed (``>&-``), and able to take whatever is written: nothing that is noted ends a run."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # in this order each gets the number that is its own, and no file that is opened later
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open until the end
    if isinstance(sys.stderr, io.TextIOWrapper) and sys.stderr is sys.__stderr__ and not sys.stderr.isatty():
        notes = io.BufferedWriter(_Forgiving(_STDERR, "w", closefd=False))
        sys.stderr = io.TextIOWrapper(notes, encoding=sys.stderr.encoding, line_buffering=True)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the terminal's encoding lacks, or a file name that is no text, becomes '?' and not a traceback.
            stream.reconfigure(errors="replace")
