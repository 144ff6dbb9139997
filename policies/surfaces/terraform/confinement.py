"""Whether tfparse may be asked: only if all that it would read for a root module is known, and lies in the checkout.

tfparse reads by itself, and goes wherever ``../`` and links lead. So each call of a function that reads files must say which one, by a
plain text, and each module's folder must be known, before it is started.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from averment.core.errors import BadInputError
from averment.core.source import SourceRef
from averment.policies.graph.model import Problem
from averment.policies.surfaces.terraform.evaluation.files import FILE_FUNCTIONS, MAX_FILE_BYTES
from averment.policies.surfaces.terraform.modules.loader import Loader, installed_modules
from averment.policies.surfaces.terraform.syntax.folders import module_files
from averment.policies.surfaces.terraform.syntax.native import MAX_BYTES, Module, function_calls, text_of

_READING = FILE_FUNCTIONS | {"templatestring"}
"""``templatestring`` reads nothing itself; what stands in its template may."""

_CALL = re.compile(rf"\b(?:{'|'.join(sorted(_READING))})\b(?:\s|/\*.*?\*/|(?:#|//)[^\n]*\n)*\(", re.DOTALL)
_PLAIN = re.compile(
    r"""(?P<name>\w+)\s*\(\s*"(?:\$\{\s*path\.(?:module|root|cwd)\s*\}/*)?(?P<place>[^"\\$%]*)"\s*
        (?:,\s*"(?P<pattern>[^"\\$%]*)"\s*)?[,)]""",
    re.VERBOSE,
)
_LOCAL = (".", "/", "~")


class _Refused(Exception):  # noqa: N818  (not an error: the answer)
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


def refusal(module: Module, loader: Loader, variable_files: Iterable[Path]) -> Problem | None:
    """Why tfparse is not asked about the root ``module``; None if it may be.

    That it would leave the checkout is a problem of the run; that it can't be told where it would go leaves values unknown.
    """
    try:
        _Search(loader).root(module, variable_files)
    except _Refused as refused:
        return refused.problem
    return None


class _Search:
    """Everything that tfparse would read for one root module, each thing looked at once."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        self._templates: set[Path] = set()

    def root(self, module: Module, variable_files: Iterable[Path]) -> None:
        """Look through the root module, and all modules that it calls.

        Raises:
            _Refused: tfparse must not be asked.
        """
        for path in variable_files:
            self._within(path, SourceRef(str(path)))
        waiting, done = [module], {module.folder}
        for folder in installed_modules(self.loader.folder, self.loader.observer).values():
            waiting += self._called(folder, SourceRef(str(folder)))
        while waiting:
            here = waiting.pop()
            self._files(here)
            for block in here.of("module"):
                source = block.attributes.get("source")
                text = text_of(source.node).strip('"') if source is not None else ""
                where = SourceRef(block.file, block.line)
                if "${" in text or (source is not None and '"' not in text_of(source.node) and source.node.type != "json"):
                    self._unclear("which folder a module's source names is known only by evaluating it", where)
                if text.startswith(_LOCAL):
                    waiting += self._called(Path(os.path.normpath(here.folder / text)), where)
            waiting = [one for one in waiting if one.folder not in done]
            done |= {one.folder for one in waiting}

    def _called(self, folder: Path, where: SourceRef) -> Iterator[Module]:
        self._within(folder, where)
        if self.loader.observer.is_dir(folder):
            yield self.loader.shared.read(folder, self.loader.observer.real(folder))

    def _files(self, module: Module) -> None:
        for path in module_files(module.folder, module.observer):
            self._within(path, SourceRef(str(path)))
            text = self._text(path, MAX_BYTES)
            if path.name.endswith(".json"):
                self._texts(text, path, module)
                continue
            for node in function_calls(text.encode()):
                if text_of(node.children[0]).removeprefix("core::") in _READING:
                    self._call(text_of(node).removeprefix("core::"), SourceRef(str(path), node.start_point[0] + 1), module)

    def _texts(self, text: str, path: Path, module: Module) -> None:
        """Calls in text whose syntax isn't HCL's: JSON, and templates. What looks like one is taken for one."""
        if path.name.endswith(".json") and "\\u" in text:
            self._unclear("escapes in JSON may spell any function's name", SourceRef(str(path)))
        plain = text.replace('\\"', '"')
        for match in _CALL.finditer(plain):
            where = SourceRef(str(path), plain.count("\n", 0, match.start()) + 1)
            self._call(plain[match.start() : match.start() + 4_096], where, module)

    def _call(self, text: str, where: SourceRef, module: Module) -> None:
        name = re.match(r"\w+", text)
        plain = _PLAIN.match(text)
        if plain is None or (plain["name"] == "fileset" and (plain["pattern"] is None or ".." in plain["pattern"])):
            self._unclear(f"which file {name[0] if name else 'a function'}() reads is known only by evaluating it", where)
        place = plain["place"]
        if plain["name"] == "templatestring" or place.startswith("~"):
            self._unclear(f"what {plain['name']}() reads is known only by evaluating it", where)
        for base in dict.fromkeys((self.loader.folder, module.folder)):
            path = base / place
            self._within(path, where)
            if plain["name"] == "templatefile" and path not in self._templates and self.loader.observer.is_file(path):
                self._templates.add(path)
                self._texts(self._text(path, MAX_FILE_BYTES), path, module)

    def _text(self, path: Path, limit: int) -> str:
        try:
            return self.loader.observer.read(path, limit=limit).decode("utf-8")
        except (BadInputError, UnicodeDecodeError):
            self._unclear("what can't be read may name any file", SourceRef(str(path)))

    def _within(self, path: Path, where: SourceRef) -> None:
        """Refuse unless ``path`` lies in the checkout; so too where that can't be told."""
        try:
            inside = self.loader.within(path)
        except (OSError, RuntimeError, ValueError):
            inside = False
        if not inside:
            boundary = self.loader.boundary.name
            raise _Refused(
                Problem(
                    f"{path.name} lies outside of {boundary}; tfparse, which would read it, was not asked, and expressions that need it "
                    "were not resolved",
                    where,
                )
            )

    def _unclear(self, why: str, where: SourceRef) -> NoReturn:
        raise _Refused(Problem(f"{why}; tfparse was not asked, and expressions that need it were not resolved", where, blocking=False))
