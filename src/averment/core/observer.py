"""Looking at files so that it can be told later whether anything would look different.

Whoever reads a configuration asks an ``Observer``: for the bytes of a file, whether there is a file or a folder, what a folder holds,
where a path really leads, what a variable of the environment says. Each question is noted with its answer (contents as a digest),
absences and refusals included. ``answer`` asks again; as long as every answer is the same, the reading would come out the same.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from averment.core.errors import BadInputError
from averment.core.files import read_bounded, real


class Question(NamedTuple):
    """What was asked: ``kind`` is a key of ``_ASK``, ``subject`` a path or a name, ``detail`` what the kind needs besides."""

    kind: str
    subject: str
    detail: str = ""


def digest(data: bytes) -> str:
    """What stands for ``data``: two contents with the same one can't be made."""
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def answer(question: Question) -> str:
    """The answer that ``question`` has now.

    Raises:
        KeyError: there is no such kind of question.
    """
    return _ASK[question.kind](question.subject, question.detail)[1]


class Observer:
    """Asks, and remembers. ``complete`` is False once something was looked at that the notes can't tell of."""

    def __init__(self) -> None:
        self.seen: dict[Question, str] = {}
        self.complete = True

    def read(self, path: Path, *, limit: int) -> bytes:
        """The bytes of ``path``; as ``core.files.read_bounded``.

        Raises:
            BadInputError: the file is missing, unreadable, not a regular file, or larger than ``limit``.
        """
        value = self._ask(Question("content", str(path), str(limit)))
        if isinstance(value, BadInputError):
            raise value
        data: bytes = value
        return data

    def is_file(self, path: Path) -> bool:
        """Whether ``path`` is a regular file, or a link to one.

        Raises:
            OSError: it can't be told (permissions).
        """
        return self._truth(Question("file", str(path)))

    def is_dir(self, path: Path) -> bool:
        """Whether ``path`` is a folder, or a link to one.

        Raises:
            OSError: it can't be told (permissions).
        """
        return self._truth(Question("folder", str(path)))

    def names(self, folder: Path, suffixes: Iterable[str]) -> list[str]:
        """The names in ``folder`` that end with one of ``suffixes``, in order; none where it can't be listed."""
        value: list[str] = self._ask(Question("names", str(folder), "|".join(suffixes)))
        return value

    def links(self, folder: Path, suffixes: Iterable[str]) -> list[str]:
        """Those of ``names`` that are links."""
        value: list[str] = self._ask(Question("links", str(folder), "|".join(suffixes)))
        return value

    def below(self, folder: Path, *, limit: int) -> list[str] | None:
        """Every file below ``folder`` (relative, with ``/``, in order); None where there are more than ``limit`` entries."""
        value: list[str] | None = self._ask(Question("below", str(folder), str(limit)))
        return value

    def real(self, path: Path) -> Path:
        """``path`` with every link followed, as far as they lead somewhere: one in a circle stays as it is, and can't be read."""
        value: Path = self._ask(Question("real", str(path)))
        return value

    def variable(self, name: str) -> str:
        """A variable of the environment; empty where it isn't set."""
        value: str = self._ask(Question("variable", name))
        return value

    def add(self, other: Observer) -> None:
        """Everything that ``other`` saw is part of this too."""
        for question, told in other.seen.items():
            self._note(question, told)
        self.complete = self.complete and other.complete

    def _truth(self, question: Question) -> bool:
        value = self._ask(question)
        if isinstance(value, OSError):
            raise value
        return bool(value)

    def _ask(self, question: Question) -> Any:
        try:
            value, told = _ASK[question.kind](question.subject, question.detail)
        except BaseException:
            self.complete = False
            raise
        self._note(question, told)
        return value

    def _note(self, question: Question, told: str) -> None:
        if self.seen.setdefault(question, told) != told:
            self.complete = False  # it changed while it was looked at: what was made of it belongs to neither state


def _content(subject: str, detail: str) -> tuple[bytes | BadInputError, str]:
    try:
        data = read_bounded(Path(subject), limit=int(detail))
    except BadInputError as error:
        return error, f"!{error.message}"
    return data, digest(data)


def _told(look: Callable[[Path], bool]) -> Callable[[str, str], tuple[bool | OSError, str]]:
    def ask(subject: str, _detail: str) -> tuple[bool | OSError, str]:
        try:
            value = look(Path(subject))
        except OSError as error:
            return error, f"!{errno.errorcode.get(error.errno or 0, '')}"
        return value, "yes" if value else "no"

    return ask


def _names(subject: str, detail: str) -> tuple[list[str], str]:
    suffixes = tuple(detail.split("|"))
    try:
        names = sorted(name for name in os.listdir(subject) if name.endswith(suffixes))  # noqa: PTH208  (names are wanted)
    except OSError as error:
        return [], f"!{errno.errorcode.get(error.errno or 0, '')}"
    return names, _digest_of(names)


def _links(subject: str, detail: str) -> tuple[list[str], str]:
    suffixes = tuple(detail.split("|"))
    try:
        with os.scandir(subject) as entries:
            names = sorted(entry.name for entry in entries if entry.name.endswith(suffixes) and entry.is_symlink())
    except OSError as error:
        return [], f"!{errno.errorcode.get(error.errno or 0, '')}"
    return names, _digest_of(names)


def _below(subject: str, detail: str) -> tuple[list[str] | None, str]:
    folder, found = Path(subject), []
    for count, path in enumerate(folder.rglob("*")):
        if count > int(detail):
            return None, "!more"
        if _is_file(path):
            found.append(path.relative_to(folder).as_posix())
    return sorted(found), _digest_of(sorted(found))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False  # a name that can't be looked at is none that could be read


def _real(subject: str, _detail: str) -> tuple[Path, str]:
    value = real(subject)
    return value, os.fspath(value)


def _variable(subject: str, _detail: str) -> tuple[str, str]:
    value = os.environ.get(subject, "")
    return value, digest(value.encode("utf-8", "surrogateescape"))


def _digest_of(names: list[str]) -> str:
    return digest("\0".join(names).encode("utf-8", "surrogateescape"))


_ASK: dict[str, Callable[[str, str], tuple[Any, str]]] = {
    "content": _content,
    "file": _told(Path.is_file),
    "folder": _told(Path.is_dir),
    "names": _names,
    "links": _links,
    "below": _below,
    "real": _real,
    "variable": _variable,
}
