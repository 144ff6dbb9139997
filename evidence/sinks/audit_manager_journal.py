"""What was imported into Audit Manager: the service itself doesn't promise to show it again.

GetEvidence has no field for a text, and its attributes are cut at 200 characters, so the account of what is there already is
ours: a file of JSON lines, one before each call (``begin``) and one after it (``done`` or ``refused``), each forced to disk. A
``begin`` without an end is a push that was cut off between the call and the answer: it may or may not have arrived.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from averment.core.errors import BadInputError, IncompleteError
from averment.core.files import read_text
from averment.core.period import iso, utc_now
from averment.core.source import SourceRef

Place = tuple[str, str]
"""An assessment's id and the control's in it."""

_STATES = ("begin", "done", "refused")


class Journal:
    """The journal at ``path``; a file that doesn't exist is empty."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state: dict[tuple[str, str, str], str] = {}
        if path.exists():
            self._read()

    def done(self, place: Place) -> set[str]:
        """The keys that arrived at ``place``."""
        return self._in(place, "done")

    def doubtful(self, place: Place) -> set[str]:
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
            with self.path.open("a", encoding="utf-8") as handle:
                handle.writelines(f"{line}\n" for line in lines)
                handle.flush()
                os.fsync(handle.fileno())
        except OSError as error:
            raise IncompleteError(f"could not write the push journal: {error.strerror}", where=SourceRef(file=str(self.path))) from error
        for key in names:
            self._state[(*place, key)] = state

    def _in(self, place: Place, state: str) -> set[str]:
        return {key for (assessment, control, key), found in self._state.items() if (assessment, control) == place and found == state}

    def _read(self) -> None:
        lines = read_text(self.path).split("\n")
        torn = lines.pop()  # what follows the last line break: nothing, or a line that a crash cut off before its call was made
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
            self._state[key] = state
        if torn:
            self._mend(len(torn.encode()))

    def _mend(self, tail: int) -> None:
        """Cut a torn last line off; it was never acknowledged."""
        with self.path.open("r+b") as handle:
            handle.truncate(self.path.stat().st_size - tail)
