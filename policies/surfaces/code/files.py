"""Which source files are read: bounded, only those that mention Rekognition, and those that lead to them."""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from averment.core.source import SourceRef
from averment.policies.graph.model import Problem
from averment.policies.surfaces.code.apis import ASKS, MARKS
from averment.policies.surfaces.code.locate import python_files, script_files

MAX_BYTES = 1024 * 1024
MAX_LOOKED = 64 * 1024 * 1024
"""How much of a file that is too large to be parsed is looked through for a mention of Rekognition."""
MAX_PARSED = 2_000
ROUNDS = 4
SUFFIXES = (".py", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx")

OTHERS = {
    ".java": "Java",
    ".kt": "Kotlin",
    ".scala": "Scala",
    ".go": "Go",
    ".cs": "C#",
    ".rb": "Ruby",
    ".php": "PHP",
    ".rs": "Rust",
    ".swift": "Swift",
    ".dart": "Dart",
    ".ex": "Elixir",
    ".cpp": "C++",
    ".vue": "a component of Vue",
    ".svelte": "a component of Svelte",
    ".ipynb": "a notebook",
}
"""Languages with an SDK whose source isn't read, by how their files end."""

_SKIPPED_FOLDERS = frozenset(
    {"vendor", "third_party", "site-packages", "dist-packages", "bower_components", ".next", ".nuxt", ".aws-sam", ".serverless", "cdk.out"}
    | {".venv", "venv", "env", "virtualenv", ".yarn", ".webpack", "coverage"}
)
_TEST_FOLDERS = frozenset({"test", "tests", "__tests__", "__mocks__", "spec", "e2e", "cypress", "mocks", "fixtures", "integration-tests"})
_TEST_NAME = re.compile(r"^(?:test_.*|.*_test|conftest)\.py$|\.(?:test|spec|mock|stories)\.[cm]?[jt]sx?$")
_BUILT_NAME = re.compile(r"[.-]min\.[cm]?js$|\.bundle\.[cm]?js$|\.chunk\.js$")
_DECLARED_NAME = re.compile(r"\.d\.[cm]?ts$")
_SDK_NAME = re.compile(r"aws-?sdk", re.IGNORECASE)
_BUILT, _MINIFIED = "is built", "is minified"
_LONG_LINE = 5_000
_HANDING_ON = ("__init__.py", "index.ts", "index.js", "index.mts", "index.mjs")
"""What a folder is for those who import it."""
_FROM_SCRIPT = re.compile(rb"""(?:\bfrom|\brequire\(|\bimport\(?)[ \t]*["'](\.{1,2}(?:/[^"'\n]*)?)["']""")
_FROM_PYTHON = re.compile(rb"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+([\w, \t(]+)|import[ \t]+([\w.]+))", re.MULTILINE)
_ABOVE = 4
"""How many folders above a file of Python its modules are looked for: a handler's code begins at one of them."""
_TAKING = (b"import", b"require", b"export")
"""What a file has that takes something out of another one, to hand it on or for itself."""


@dataclass
class Sources:
    """What was found: the text of files to parse, what was left out although it mentions Rekognition, and what can't be read.

    ``handlers`` are the functions, by module and name, that the infrastructure beside them names as handlers. ``unread`` is what was left out
    although it may well be the program itself: it asks Rekognition about faces, and nobody looked how.
    """

    parsed: dict[Path, bytes] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    handlers: frozenset[tuple[str, str]] = frozenset()
    unread: list[Problem] = field(default_factory=list)


def is_source(path: Path) -> bool:
    """Whether ``path`` is named like a source file of a language that is read."""
    return path.name.endswith(SUFFIXES)


def is_program(path: Path, root: Path) -> bool:
    """Whether ``path``, below ``root``, is called like source that is read: no test, nothing built, nobody else's."""
    return is_source(path) and not _left_out(path, root)


def select(files: Iterable[Path], root: Path) -> Sources:
    """The files among ``files`` that have to be parsed: those that mention Rekognition, and what imports them, over a few steps."""
    found = Sources()
    others: dict[Path, bytes] = {}
    for path in files:
        reason = _left_out(path, root)
        data = _read(path, found, told=reason in ("", _BUILT))
        if data is None:
            continue
        marked = any(mark in data for mark in MARKS)
        if not marked:
            if not reason:
                others[path] = data
            continue
        reason = reason or (_MINIFIED if path.suffix != ".py" and _is_minified(data) else "")
        if reason in (_BUILT, _MINIFIED):
            _pass_over(path, data, reason, found)
        elif reason:
            if asks(data):
                found.skipped.append(f"{path} (mentions Rekognition, but {reason})")
        else:
            found.parsed[path] = data
    if not any(asks(data) for data in found.parsed.values()):
        found.parsed.clear()  # nothing about faces: no need to parse anything
        return found
    about = list(found.parsed)
    _add_imported([path for path in about if asks(found.parsed[path])], found, others)
    _add_importers(found, others)
    for path in about:  # a client may be handed on by the package in which it is made; after those who import it, of whom this may be one
        for name in _HANDING_ON:
            if (whole := path.with_name(name)) in others:
                found.parsed[whole] = others.pop(whole)
    return found


def other_languages(files: Iterable[Path], root: Path, found: Sources) -> Iterator[Problem]:
    """The files among ``files`` that ask Rekognition about faces in a language that isn't read; tests and other people's code aside.

    What can't be looked at is added to ``found``, as in ``select``.
    """
    for path in files:
        language = OTHERS.get(path.suffix)
        if language is None or _left_out(path, root):
            continue
        data = _read(path, found, told=True)
        if data is not None and b"ekognition" in data and asks(data):
            reason = f"asks Rekognition about faces in {language}, which is not read: what it does about liveness was not checked"
            yield Problem(reason, SourceRef(str(path)), blocking=False)


def _left_out(path: Path, root: Path) -> str:
    folders = path.relative_to(root).parts[:-1] if path.is_relative_to(root) else ()
    skipped = next((folder for folder in folders if folder in _SKIPPED_FOLDERS), None)
    if skipped is not None:
        return f"{skipped} folders are not read"
    if any(folder in _TEST_FOLDERS for folder in folders) or _TEST_NAME.search(path.name):
        return "is a test"
    if _DECLARED_NAME.search(path.name):
        return "declares types"
    return _BUILT if _BUILT_NAME.search(path.name) else ""


def _read(path: Path, found: Sources, *, told: bool) -> bytes | None:
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            if told:
                found.problems.append(Problem("is not a regular file", SourceRef(str(path))))
            return None
        with path.open("rb") as handle:
            data = handle.read(MAX_BYTES + 1)
            data += handle.read(MAX_LOOKED) if told and len(data) > MAX_BYTES else b""  # what a bundle asks for stands after its libraries
    except OSError as error:
        if told:
            found.problems.append(Problem(f"can't be read: {error.strerror}", SourceRef(str(path))))
        return None
    if len(data) > MAX_BYTES:
        if told:
            _pass_over(path, data, f"is larger than {MAX_BYTES:,} bytes", found)
        return None
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return data.decode("utf-16", "replace").encode()
    return data.removeprefix(BOM_UTF8)  # which would part its first line from the line's beginning


def _pass_over(path: Path, data: bytes, reason: str, found: Sources) -> None:
    """Say of what can't be read although it may be the program itself that it asks about faces; a copy of the SDK has the words for all there is."""
    if not (asks(data) and any(mark in data for mark in MARKS)):
        return
    if _SDK_NAME.search(path.name):
        found.skipped.append(f"{path} (mentions Rekognition, but is a copy of the SDK by its name)")
        return
    said = f"mentions operations of Rekognition on faces, but {reason}, so it was not read: what it does about liveness was not checked"
    found.unread.append(Problem(said, SourceRef(str(path)), blocking=False))


def _is_minified(data: bytes) -> bool:
    return max((len(line) for line in data.split(b"\n")), default=0) > _LONG_LINE and data.count(b"\n") < len(data) / 500


def _add_importers(found: Sources, others: dict[Path, bytes]) -> None:
    """Add files that name a file which is read (``import faces``, ``require("./faces")``), and so on."""
    fresh = [path for path, data in found.parsed.items() if asks(data)]
    for _ in range(ROUNDS):
        python = _imports_of(fresh, python=True)
        script = _imports_of(fresh, python=False)
        fresh = []
        for path, data in others.items():
            pattern = python if path.suffix == ".py" else script
            if pattern is not None and any(word in data for word in _TAKING) and pattern.search(data):
                fresh.append(path)
        if not fresh:
            return
        for path in fresh:
            if len(found.parsed) >= MAX_PARSED:
                where = SourceRef(str(path))
                found.problems.append(Problem(f"more than {MAX_PARSED:,} files lead to Rekognition; the rest was not read", where))
                return
            found.parsed[path] = others.pop(path)


def _add_imported(asking: list[Path], found: Sources, others: dict[Path, bytes]) -> None:
    """Add what the files that ask take from beside them, and so on: the constants that they ask with, and the checks that they call, may
    stand there."""
    fresh = asking
    for _ in range(ROUNDS):
        places = (place for path in fresh for place in _imported(path, found.parsed[path]) if place in others)
        fresh = list(dict.fromkeys(places))[: max(MAX_PARSED - len(found.parsed), 0)]
        found.parsed |= {place: others.pop(place) for place in fresh}


def _imported(path: Path, data: bytes) -> Iterator[Path]:
    """Where the modules may stand that a source file imports from its own project."""
    if path.suffix != ".py":
        for match in _FROM_SCRIPT.finditer(data):
            yield from script_files(path.parent / match[1].decode("utf-8", "replace"))
        return
    for match in _FROM_PYTHON.finditer(data):
        module, names = (part.decode("ascii", "replace") for part in (match[1] or match[3], match[2] or b""))
        dots = len(module) - len(module.lstrip("."))
        bases = [path.parents[dots - 1]] if 0 < dots <= len(path.parents) else path.parents[:_ABOVE]
        steps = [step for step in module.split(".") if step]
        for base in bases:
            yield from python_files(base, steps)
            for name in re.findall(r"\w+", names):
                yield from python_files(base, [*steps, name])


def asks(data: bytes) -> bool:
    """Whether a file asks Rekognition about faces, or about liveness, by its bytes."""
    return any(ask in data for ask in ASKS)


def _imports_of(paths: list[Path], *, python: bool) -> re.Pattern[bytes] | None:
    """What an import of any of the files of one language family looks like; None without files."""
    chosen = [path for path in paths if (path.suffix == ".py") is python]
    names = b"|".join(re.escape(name.encode()) for name in sorted(set(_module_names(chosen))))
    if not names:
        return None
    if python:  # the name stands on a line that begins with import or from, or goes on from one
        return re.compile(rb"^[ \t]*(?:import|from)\b[^\n]*\b(?:" + names + rb")\b|^[ \t]+(?:" + names + rb"),?[ \t]*$", re.MULTILINE)
    return re.compile(rb"""["'](?:[^"'\n]*/)?(?:""" + names + rb""")(?:\.[cm]?[jt]sx?)?["']""")


def _module_names(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        stem = path.name.partition(".")[0] if path.suffix != ".py" else path.stem
        yield path.parent.name if stem in {"index", "__init__"} else stem
