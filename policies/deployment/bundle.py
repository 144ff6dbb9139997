"""The archive of the Lambda function: the handler, what it imports, the organisation's settings and its own rules. Nothing else.

The same sources and settings give the same bytes: entries are sorted, their times fixed, their modes equal. ``digest`` is over names and
contents alone, so it names a build whatever the compressor. Everything is pure Python on the standard library and the boto3 that the
runtime brings: one archive serves arm64 and x86_64, Python 3.12 and newer.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import averment
from averment.core.errors import BadInputError
from averment.core.files import read_bounded
from averment.core.scope import Scope
from averment.core.source import SourceRef
from averment.policies.interface import Kind, Rule
from averment.policies.rules.registry import all_rules
from averment.policies.runtime.bundled import OWN_RULES, SETTINGS_FILE
from averment.policies.runtime.settings import scope_to_json

HANDLER = "averment.policies.runtime.handler"
HANDLER_FUNCTION = f"{HANDLER}.handler"
"""What Lambda is told to call."""

RUNTIME = "python3.12"
"""The oldest Lambda runtime that the bundle is built for."""

MAX_OWN_RULE_BYTES = 8 * 1024 * 1024
"""All files of the organisation's own rules together: rules are code, not data sets."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip archive can hold
_LEFT_OUT = frozenset({"cases", "__pycache__"})
_THERE = sys.stdlib_module_names | {"averment", "boto3", "botocore"}
"""The packages that code in the function can import."""


@dataclass(frozen=True)
class Bundle:
    """A function's archive: its ``files`` by name, and the SHA-256 over them (``digest``, hex)."""

    files: Mapping[str, bytes]
    digest: str

    def archive(self) -> bytes:
        """The zip archive. Deterministic for one version of the compressor; ``digest`` is so for all."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, data in sorted(self.files.items()):
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.create_system = 3  # Unix, wherever it is built
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, data)
        return out.getvalue()


def build_bundle(
    scope: Scope, parameters: Mapping[str, Any], own_rules: Sequence[Path] = (), running: Collection[str] | None = None
) -> Bundle:
    """The bundle for an organisation's ``scope`` and rule ``parameters``, with the rules of the folders ``own_rules``.

    ``running`` are the ids of the rules that are to run in the function (None: all): what these import has to be there.

    Raises:
        BadInputError: an own rule's folder is too large or can't be read, holds code by a link, or one of its rules imports what the function
            hasn't.
    """
    needed = [HANDLER, *(_module(rule) for rule in all_rules() if rule.kind is Kind.INFRASTRUCTURE)]
    files: dict[str, bytes] = {}
    folders = []
    for number, folder in enumerate(own_rules):
        place = f"{OWN_RULES}/{number}"
        folders.append(place)
        own = dict(_own(folder))
        needed += _needed(folder, own, running)
        files.update({f"{place}/{name}": data for name, data in own.items()})
    files.update({_file_name(name): _source(name) for name in sorted(modules_of(needed))})
    settings = {"scope": json.loads(scope_to_json(scope)), "parameters": dict(parameters), "rules": folders}
    files[SETTINGS_FILE] = json.dumps(settings, sort_keys=True, indent=1).encode() + b"\n"
    return Bundle(files, _digest(files))


def _digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 over each name and the SHA-256 of its contents, in order of name."""
    whole = hashlib.sha256()
    for name, data in sorted(files.items()):
        whole.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
    return whole.hexdigest()


def modules_of(entry_points: Sequence[str]) -> frozenset[str]:
    """Every module of Averment's that ``entry_points`` import, at the top or inside functions, with the packages around them.

    Read off the source, so that nothing is run. Imports for type checkers alone don't count.
    """
    found: set[str] = set()
    stack = list(entry_points)
    while stack:
        name = stack.pop()
        if name in found:
            continue
        found.add(name)
        if "." in name:
            stack.append(name.rpartition(".")[0])
        stack += _imports(name)
    return frozenset(found)


@cache
def _imports(module: str) -> tuple[str, ...]:
    """The modules of Averment's that a module of its own imports; what is installed doesn't change while the program runs."""
    return tuple(name for _, name in _named(ast.walk(_tree(module)), _for_types_only) if _ours(name))


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_source(module))


def _named(nodes: Iterable[ast.AST], but: Callable[[ast.AST], bool]) -> Iterator[tuple[int, str]]:
    """The line and the name of each module that may be imported by one of ``nodes``; what stands within one of which ``but`` holds isn't."""
    found = list(nodes)
    skipped = {id(inner) for node in found if but(node) for inner in ast.walk(node)}
    for node in found:
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, name) for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)))


def _ours(name: str) -> bool:
    return name.partition(".")[0] == "averment" and _path(name) is not None


def _for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _optional(node: ast.AST) -> bool:
    """Whether code under ``node`` may do without what it imports."""
    return _for_types_only(node) or isinstance(node, ast.Try)


def _needed(folder: Path, files: Mapping[str, bytes], running: Collection[str] | None) -> Iterator[str]:
    """The modules of Averment's that the rules in ``folder`` import, of those that are ``running``.

    Raises:
        BadInputError: one of them imports something else than Python, Averment and the function's runtime have, or what isn't Python: it would
            fail in the function.
    """
    ids = {name: name.split("/")[0].replace("_", "-") for name in files if PurePosixPath(name).match("*/rule.py")}
    code = _reached(
        folder,
        {name: data for name, data in files.items() if name.endswith(".py")},
        (name for name in ids if running is None or ids[name] in running),
    )
    for name, tree in code.items():
        for line, module in _named(ast.walk(tree), _optional):
            lacking = module if module.split(".")[0] not in _THERE else _lacking(module) if _ours(module) else None
            if lacking is not None:
                through = "" if lacking == module else f", which needs {lacking}"
                raise BadInputError(
                    f"imports {module}{through}, and the function at run time hasn't got that",
                    where=SourceRef(str(folder / name), line),
                    fix="do with Python's own library and Averment's, or ask for the rule before the merge alone",
                )
            yield from [module] if _ours(module) else ()


def _reached(folder: Path, code: Mapping[str, bytes], first: Iterable[str]) -> dict[str, ast.Module]:
    """The files of ``code`` (in ``folder``) that are loaded with those that come ``first``, by name: what they import by relative names."""
    found: dict[str, ast.Module] = {}
    stack = list(first)
    while stack:
        name = stack.pop()
        if name in found or name not in code:
            continue
        try:
            found[name] = ast.parse(code[name])
        except (SyntaxError, ValueError, RecursionError) as error:  # only imported once it is needed, or loading the rule had told
            where = SourceRef(str(folder / name), getattr(error, "lineno", None))
            raise BadInputError(f"is not Python: {error.args[0]}", where=where, fix="mend it; the rule imports it") from error
        for node in (node for node in ast.walk(found[name]) if isinstance(node, ast.ImportFrom) and node.level):
            steps = [*name.split("/")[: -node.level], *(node.module or "").split(".")]
            place = "/".join(step for step in steps if step)
            stack += [f"{place}.py", f"{place}/__init__.py", *(f"{place}/{alias.name}.py".lstrip("/") for alias in node.names)]
    return found


@cache
def _lacking(module: str) -> str | None:
    """What a module of Averment's needs as soon as it is loaded, and the function hasn't; None if there is nothing of that kind."""
    for name in sorted(modules_of([module])):
        for _, found in _named(_tree(name).body, _for_types_only):
            if found.split(".")[0] not in _THERE:
                return found
    return None


def _module(rule: Rule) -> str:
    return f"averment.policies.rules.{rule.id.replace('-', '_')}.rule"


def _path(module: str) -> Path | None:
    """The file of a module, or of a package's ``__init__``; None if there is no such module, or its package has no such file."""
    steps = module.split(".")[1:]
    base = Path(averment.__file__).parent.joinpath(*steps)
    choices = [base / "__init__.py", *([base.with_name(f"{base.name}.py")] if steps else [])]
    return next((path for path in choices if path.is_file()), None)


def _source(module: str) -> bytes:
    path = _path(module)
    return path.read_bytes() if path is not None else b""  # a folder without __init__.py is a namespace package


def _file_name(module: str) -> str:
    path = _path(module)
    steps = module.split(".")
    return "/".join([*steps, "__init__.py"]) if path is None or path.name == "__init__.py" else "/".join(steps) + ".py"


def _own(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The files of a folder of rules that a rule may need: everything but cases and hidden files."""
    total = 0
    for path in sorted(folder.rglob("*")):
        steps = path.relative_to(folder).parts
        if _LEFT_OUT & set(steps) or any(step.startswith(".") for step in steps):
            continue
        if path.is_symlink() and (path.suffix == ".py" or path.is_dir()):
            raise BadInputError(
                "is a link, and no link goes into the archive", where=SourceRef(str(path)), fix="put what it leads to there"
            )
        if not path.is_file() or path.is_symlink():
            continue
        data = read_bounded(path)
        total += len(data)
        if total > MAX_OWN_RULE_BYTES:
            raise BadInputError(
                f"the folder of rules is larger than {MAX_OWN_RULE_BYTES:,} bytes",
                where=SourceRef(str(folder)),
                fix="keep data that rules don't read out of it",
            )
        yield "/".join(steps), data
