"""Rules of the user's own: from a folder, or from an installed package.

A **folder** holds one folder a rule, laid out as the shipped ones are: ``<slug>/rule.py`` with a ``RULE``, and ``<slug>/cases``. The
rule's id is the slug with hyphens. The folder is imported as a package under a name of its own, so that rules may share helpers
(``from ..helpers import x``) and two folders never collide.

A **package** names its rules in the entry point group ``averment.rules``; each entry point is a ``Rule``, or several.

A rule that doesn't load fails the run, by name: one that silently stays away would look like a pass. Rules are code, so load only
folders that you trust as much as the program.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from averment.core.errors import BadInputError, IncompleteError
from averment.core.source import SourceRef
from averment.core.stopping import STOPPED
from averment.core.words import Severity
from averment.policies.interface import Kind, Rule
from averment.policies.rules.registry import all_rules, checked
from averment.policies.surfaces.config.types import RECORDINGS

if TYPE_CHECKING:  # the organisation reads YAML, and this module travels to where there is none
    from importlib.metadata import EntryPoint

    from averment.core.organisation import Organisation

GROUP = "averment.rules"
_DISTRIBUTIONS = (".dist-info", ".egg-info")
FILE_NAME = "rule.py"
_AS_OF = "__averment_as_of__"
_RENEWING = threading.Lock()


def with_own(folders: Iterable[Path], *, packages: bool = True) -> tuple[Rule, ...]:
    """The shipped rules and those of ``folders`` and of installed packages, in order of id.

    Raises:
        BadInputError: a folder doesn't exist or holds no rule, or two rules have the same id.
        IncompleteError: a rule doesn't load.
    """
    found: list[Rule] = [*all_rules()]
    for folder in {folder.resolve(): folder for folder in folders}.values():  # one may be named in averment.yaml and on the command line
        found += rules_in(folder)
    if packages:
        found += packaged_rules()
    return checked(found)


def rules_of(organisation: Organisation, *, packages: bool = True) -> tuple[Rule, ...]:
    """The shipped rules and those that ``organisation`` names in its file, in order of id.

    Raises:
        BadInputError, IncompleteError: as ``with_own``.
    """
    return with_own(dict.fromkeys(organisation.path(text) for text in organisation.rules), packages=packages)


def own_folders(organisation: Organisation) -> dict[str, Path]:
    """By id, the folder of each rule that ``organisation`` has in folders; nothing is loaded."""
    folders = dict.fromkeys(organisation.path(text) for text in organisation.rules)
    return {file.parent.name.replace("_", "-"): file.parent for folder in folders for file in sorted(folder.glob(f"*/{FILE_NAME}"))}


def rules_in(folder: Path) -> list[Rule]:
    """The rules of ``folder``.

    Raises:
        BadInputError: the folder doesn't exist or holds no rule.
        IncompleteError: a rule doesn't load, or stands under another name than ``rule.py``.
    """
    if not folder.is_dir():
        raise BadInputError(
            "there is no such folder of rules", where=SourceRef(str(folder)), fix=f"averment rules new my-rule --output {folder}"
        )
    files = sorted(folder.glob(f"*/{FILE_NAME}"))
    if not files:
        raise BadInputError(
            f"there is no <rule>/{FILE_NAME} in it", where=SourceRef(str(folder)), fix=f"averment rules new my-rule --output {folder}"
        )
    for cases in sorted(folder.glob("*/cases")):
        if cases.with_name(FILE_NAME) not in files:
            where, fix = SourceRef(str(cases.parent)), f"call the file of its rule {FILE_NAME}, or remove the folder"
            raise IncompleteError(f"'{cases.parent.name}' has cases and no {FILE_NAME}: its rule would not be asked", where=where, fix=fix)
    _renew(folder)
    return [rule_in(file) for file in files]


def packaged_rules() -> list[Rule]:
    """The rules of installed packages.

    Raises:
        IncompleteError: an entry point doesn't load, or isn't a rule.
    """
    found: list[Rule] = []
    for entry in sorted(_entry_points(), key=lambda item: (item.name, item.value)):
        name = f"entry point '{entry.name}' ({entry.value})"
        try:
            value = entry.load()
        except STOPPED:
            raise
        except BaseException as error:  # whatever the package does, the run must say whose rule is missing
            raise IncompleteError(f"the rules of {name} do not load: {_told(error)}", fix="mend or uninstall the package") from error
        rules = [value] if isinstance(value, Rule) else list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
        for rule in rules:
            if not isinstance(rule, Rule):
                raise IncompleteError(f"{name} is {_kind(rule)}, not a Rule", fix="let it name a Rule, or a tuple of them")
            if (amiss := _amiss(rule)) is not None:
                raise IncompleteError(f"rule '{rule.id}' of {name} does not load: {amiss[0]}", fix=amiss[1])
        found += [replace(rule, origin=entry.value.partition(":")[0].partition(".")[0].strip()) for rule in rules]
    return found


def _entry_points() -> Iterable[EntryPoint]:
    """The entry points of the group; nothing is imported to read them where plain folders show that there are none."""
    if not any(map(_may_name_rules, sys.path)):
        return ()
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)


def _may_name_rules(place: str) -> bool:
    """Whether a distribution installed in ``place`` names the group, or may: in an archive, only its own importer can tell.

    ``importlib.metadata`` takes a tenth of a short run to import, and hardly anybody has rules in packages.
    """
    folder = place or "."
    try:
        names = os.listdir(folder)  # noqa: PTH208 - a Path for each of them would cost more than what is spared
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return any(name.endswith(".egg") or (name.endswith(_DISTRIBUTIONS) and _names_group(f"{folder}/{name}")) for name in names)


def _names_group(distribution: str) -> bool:
    try:
        with open(f"{distribution}/entry_points.txt", "rb") as file:  # noqa: PTH123
            return GROUP.encode() in file.read()
    except FileNotFoundError:
        return False
    except OSError:
        return True  # a single file, as old ones are, or one that can't be read: the library knows


def rules_beside(cases: Path) -> Path | None:
    """The folder of rules that ``cases`` is, or lies in; None if its rules are those that ship, or there are none."""
    shipped = Path(__file__).resolve().parent / "rules"
    top = cases.resolve()
    if top == shipped or shipped in top.parents:
        return None
    if any(cases.glob(f"*/{FILE_NAME}")):
        return cases
    return next((folder.parent for folder in (top, *top.parents) if (folder / FILE_NAME).is_file()), None)


def _renew(folder: Path) -> None:
    """Let go of what was loaded from ``folder`` if a file in it is another now, as in a program that checks one commit after the other."""
    state = sorted(_states(folder.resolve()))
    with _RENEWING:
        package = vars(sys.modules[_package(folder)])
        if package.setdefault(_AS_OF, state) != state:
            name = str(package["__name__"])
            for loaded in [other for other in sys.modules if other == name or other.startswith(f"{name}.")]:
                del sys.modules[loaded]
            importlib.invalidate_caches()
            vars(sys.modules[_package(folder)])[_AS_OF] = state


def _states(folder: Path) -> Iterator[tuple[str, int, int]]:
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in {"__pycache__", "cases"}]
        for name in names:
            path = os.path.join(here, name)  # noqa: PTH118
            with suppress(OSError):
                told = os.stat(path)  # noqa: PTH116
                yield path, told.st_mtime_ns, told.st_size


def _package(folder: Path) -> str:
    """The name of the package that ``folder`` is imported as."""
    where = str(folder.resolve())
    name = f"averment_rules_{hashlib.sha256(os.fsencode(where)).hexdigest()[:12]}"
    if name not in sys.modules:
        module = ModuleType(name, f"rules in {where}")
        module.__path__ = [where]
        sys.modules[name] = module
    return name


def rule_in(file: Path) -> Rule:
    """The rule of ``<folder>/<slug>/rule.py``.

    Raises:
        IncompleteError: it doesn't load.
    """
    where, slug, package = SourceRef(str(file)), file.parent.name, _package(file.parent.parent)
    if not slug.isidentifier():
        raise IncompleteError(f"the folder '{slug}' can't be imported", where=where, fix=f"call it {slug.replace('-', '_')}")
    try:
        module = importlib.import_module(f"{package}.{slug}.rule")
    except STOPPED:
        raise
    except BaseException as error:  # whatever the file does, the run must say which rule is missing
        raise IncompleteError(
            f"rule '{slug}' does not load: {_told(error)}", where=_line(error, file), fix="mend it, or remove its folder"
        ) from error
    rule = getattr(module, "RULE", None)
    if not isinstance(rule, Rule):
        said = "it has no RULE" if rule is None else f"its RULE is {_kind(rule)}"
        raise IncompleteError(f"rule '{slug}' does not load: {said}", where=where, fix="RULE = Rule(id=..., ...)")
    wanted = slug.replace("_", "-")
    if rule.id != wanted:
        raise IncompleteError(f"the rule in folder '{slug}' is called '{rule.id}'", where=where, fix=f'id="{wanted}"')
    if (amiss := _amiss(rule)) is not None:
        raise IncompleteError(f"rule '{slug}' does not load: {amiss[0]}", where=where, fix=amiss[1])
    return replace(rule, origin=package)


def _amiss(rule: Rule) -> tuple[str, str] | None:
    """What of ``rule`` isn't what it has to be, and how it is written: one whose types are a text would be asked about nothing, and pass."""
    for name in ("types", "neighbours", "guessing"):
        found: Any = getattr(rule, name)
        if not isinstance(found, tuple) or not all(isinstance(kind, str) and kind for kind in found) or (name == "types" and not found):
            return f"its {name} are {found!r}, and no tuple of texts", f'{name}=("AWS::S3::Bucket",)'
        for kind in found:
            proper = _proper(kind)
            if proper != kind:
                return f"one of its {name} is {kind}, which no resource has", f'{name}=("{proper or "AWS::S3::Bucket"}",)'
    for name, wanted, said in (
        ("severity", Severity, "severity=Severity.HIGH"),
        ("kind", Kind, "kind=Kind.CODE"),
        ("title", str, 'title="..."'),
        ("remediation", str, 'remediation="..."'),
    ):
        if not isinstance(getattr(rule, name), wanted):
            return f"its {name} is {getattr(rule, name)!r}, and no {'text' if wanted is str else wanted.__name__}", said
    return None if callable(rule.evaluate) else (f"its evaluate is {rule.evaluate!r}, and no function", "evaluate=evaluate")


def _proper(kind: str) -> str | None:
    """``kind`` as a resource has it: CloudFormation's name of a type, in its spelling; None for a name that isn't of that form
    (``aws_s3_bucket``)."""
    if "::" not in kind:
        return None
    return next((known for known in RECORDINGS if known.lower() == kind.lower()), kind)


def _line(error: BaseException, file: Path) -> SourceRef:
    """The last line of ``file`` that the error went through, or the line of its syntax error."""
    if isinstance(error, SyntaxError) and error.filename == str(file.resolve()):
        return SourceRef(str(file), error.lineno)
    lines = list(_lines(error, file))
    return SourceRef(str(file), lines[-1] if lines else None)


def _lines(error: BaseException, file: Path) -> Iterator[int]:
    from traceback import extract_tb

    for frame in extract_tb(error.__traceback__):
        if Path(frame.filename) == file.resolve() and frame.lineno is not None:
            yield frame.lineno


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"
