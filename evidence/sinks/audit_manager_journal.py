"""What was imported into Audit Manager: the service itself doesn't promise to show it again.

GetEvidence has no field for a text, and its attributes are cut at 200 characters, so the account of what is there already is
ours: a file of JSON lines, one before each call (``begin``) and one after it (``done`` or ``refused``), each forced to disk. A
``begin`` without an end is a push that was cut off between the call and the answer: it may or may not have arrived.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, KeysView
from contextlib import ExitStack, contextmanager
from pathlib import Path

from averment.core.errors import BadInputError, IncompleteError
from averment.core.files import read_text
from averment.core.locking import lock as hold
from averment.core.period import iso, utc_now
from averment.core.source import SourceRef

Place = tuple[str, str]
"""An assessment's id and the control's in it."""

_STATES = ("begin", "done", "refused")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep other pushes with the journal at ``path`` out; the kernel lets go when the process ends, however it ends.

    Raises:
        IncompleteError: another push is running, or the folder can't be written.
    """
    lock = path.with_name(f"{path.name}.lock")
    with ExitStack() as stack:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            handle = stack.enter_context(lock.open("a", encoding="utf-8"))
            hold(handle, wait=False)
        except BlockingIOError as error:
            raise IncompleteError("another push is running", where=SourceRef(file=str(path)), fix="wait for it, then push again") from error
        except OSError as error:
            raise IncompleteError(f"could not keep the push journal: {error.strerror}", where=SourceRef(file=str(path))) from error
        yield


class Journal:
    """The journal at ``path``; a file that doesn't exist is empty."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state: dict[tuple[str, str, str], str] = {}
        self._torn = 0  # bytes of a last line that a crash cut off; its call was never made
        if path.exists():
            self._read()

    def done(self, place: Place) -> KeysView[str]:
        """The keys that arrived at ``place``, the latest last."""
        return self._in(place, "done")

    def doubtful(self, place: Place) -> KeysView[str]:
        """The keys that may have arrived at ``place``: a push was cut off."""
        return self._in(place, "begin")

    def write(self, state: str, place: Place, keys: Iterable[str]) -> None:
        """Append one line a key and force it to disk.

        Raises:
            IncompleteError: the file can't be written; nothing may be imported then.
        """
        at = iso(utc_now())
        names = list(keys)
        lines = [json.dumps({"at": at, "state": state, "assessment": place[0], "control": place[1], "key": key}) for key in names]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._torn:
                os.truncate(self.path, self.path.stat().st_size - self._torn)
                self._torn = 0
            with self.path.open("ab", buffering=0) as handle:
                before = handle.seek(0, os.SEEK_END)
                try:
                    left = memoryview("".join(f"{line}\n" for line in lines).encode())
                    while left:
                        left = left[handle.write(left) :]
                    os.fsync(handle.fileno())
                except OSError:
                    if state == "begin":  # nothing is imported then, and no line may say that something was begun
                        os.truncate(self.path, before)
                    raise
        except OSError as error:
            raise IncompleteError(f"could not write the push journal: {error.strerror}", where=SourceRef(file=str(self.path))) from error
        for key in names:
            self._note((*place, key), state)

    def _note(self, key: tuple[str, str, str], state: str) -> None:
        self._state.pop(key, None)  # what is said last stands last
        self._state[key] = state

    def _in(self, place: Place, state: str) -> KeysView[str]:
        keys = (key for (assessment, control, key), found in self._state.items() if (assessment, control) == place and found == state)
        return dict.fromkeys(keys).keys()

    def _read(self) -> None:
        lines = read_text(self.path).split("\n")
        self._torn = len(lines.pop().encode())  # what follows the last line break
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
                state = entry["state"]
                key = (str(entry["assessment"]), str(entry["control"]), str(entry["key"]))
                if state not in _STATES:
                    raise ValueError(state)
            except (ValueError, KeyError, TypeError) as error:
                where = SourceRef(file=str(self.path), line=number)
                raise BadInputError("not a line of a push journal", where=where, fix="restore the file from a backup") from error
            self._note(key, state)
