"""The files of one folder as a module: which of them count, and how overrides are merged into the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from averment.core.errors import BadInputError
from averment.core.observer import Observer
from averment.core.source import SourceRef
from averment.policies.graph.model import Problem
from averment.policies.surfaces.terraform.syntax.json_form import read_json
from averment.policies.surfaces.terraform.syntax.native import ALL_SUFFIXES, MAX_BYTES, Block, Module, read_native

PASSED_OVER = "."
"""How the names of files begin that Terraform passes over, whatever they end in (``IsIgnoredFile``). Values of variables it reads from any file."""


def read_module(folder: Path, boundary: Path | None = None) -> Module:
    """The module in ``folder``, which remembers what was looked at. Files that can't be read or parsed become problems.

    So do links that lead out of ``boundary`` (``folder`` itself, where none is given).
    """
    module = Module(folder)
    links = set(module.observer.links(folder, ALL_SUFFIXES))
    boundary = boundary if boundary is not None or not links else module.observer.real(folder)
    for path in module_files(folder, module.observer):
        if boundary is not None and path.name in links and not module.observer.real(path).is_relative_to(boundary):
            module.problems.append(Problem(f"is a link that leads out of {boundary.name}, and was not read", SourceRef(str(path))))
            continue
        try:
            data = module.observer.read(path, limit=MAX_BYTES)
            data.decode("utf-8")
        except BadInputError as error:
            if module.observer.is_dir(path):
                continue  # a folder with such a name is none of Terraform's files
            module.problems.append(Problem(error.message, error.where or SourceRef(str(path))))
            continue
        except UnicodeDecodeError as error:
            module.problems.append(Problem("is not valid UTF-8", SourceRef(str(path), data.count(b"\n", 0, error.start) + 1)))
            continue
        part = Module(folder)
        try:
            if path.name.endswith(".json"):
                read_json(data.decode("utf-8"), str(path), part)
            else:
                read_native(data, str(path), part)
        except RecursionError:
            part.problems.append(Problem("is nested too deeply", SourceRef(str(path))))
        module.problems += part.problems
        if is_override(path):
            _override(module, part)
        else:
            module.blocks += part.blocks
    module.problems += [*_twice(module), *_replaced(module)]
    return module


def _replaced(module: Module) -> Iterator[Problem]:
    """Files that OpenTofu passes over for another: Terraform, should it be what deploys, reads them."""
    names = [name for name in module.observer.names(module.folder, ALL_SUFFIXES) if not name.startswith(PASSED_OVER)]
    for name in names:
        if (twin := _twin(name)) != name and twin in names:
            reason = f"is not read, as OpenTofu has it: {twin} stands in its place; Terraform would read it"
            yield Problem(reason, SourceRef(str(module.folder / name)), blocking=False)


def _twin(name: str) -> str:
    """What the file that replaces ``name`` for OpenTofu is called."""
    for suffix in (".tf.json", ".tf"):
        if name.endswith(suffix):
            return name.removesuffix(suffix) + suffix.replace(".tf", ".tofu")
    return name


_UNIQUE = {"resource": 2, "data": 2, "variable": 1, "output": 1, "module": 1}
"""Blocks of which a module may hold one by each name, with the number of their labels."""


def _twice(module: Module) -> Iterator[Problem]:
    """Blocks whose name another one has: Terraform refuses the module, and which of them is meant nobody can tell."""
    first: dict[tuple[str, ...], Block] = {}
    for block in module.blocks:
        if _UNIQUE.get(block.type) != len(block.labels):
            continue
        before = first.setdefault((block.type, *block.labels), block)
        if before is not block:
            name = ".".join(block.labels if block.type == "resource" else (block.type, *block.labels))
            yield Problem(f"{name} is already defined at {before.where()}; Terraform refuses a module that defines it twice", block.where())


def module_files(folder: Path, observer: Observer) -> list[Path]:
    """The files that make up the module in ``folder``, overrides last. A ``.tofu`` file replaces the ``.tf`` of the same name."""
    names = [name for name in observer.names(folder, ALL_SUFFIXES) if not name.startswith(PASSED_OVER)]
    kept = [folder / name for name in names if (twin := _twin(name)) == name or twin not in names]
    return sorted(kept, key=lambda path: (is_override(path), path.name))


def variable_files(folder: Path, observer: Observer) -> tuple[Path, ...]:
    """The files that Terraform loads by itself, in its order: later ones win."""
    names = observer.names(folder, (".tfvars", ".tfvars.json"))
    fixed = [name for name in ("terraform.tfvars", "terraform.tfvars.json") if name in names]
    automatic = [name for name in names if name.endswith((".auto.tfvars", ".auto.tfvars.json"))]
    return tuple(folder / name for name in (*fixed, *automatic))


def is_override(path: Path) -> bool:
    """Whether a file's blocks are merged into those of the others (``override.tf``, ``*_override.tf``)."""
    stem = path.name.split(".tf")[0].split(".tofu")[0]
    return stem == "override" or stem.endswith("_override")


def _override(module: Module, part: Module) -> None:
    """Merge blocks into those of the same type and labels: attributes and kinds of nested blocks are replaced."""
    for block in part.blocks:
        old = next((item for item in module.blocks if (item.type, item.labels) == (block.type, block.labels)), None)
        if old is None or block.type not in {"resource", "data", "variable", "output", "module", "provider"}:
            module.blocks.append(block)
            continue
        old.attributes.update(block.attributes)
        kinds = {item.type for item in block.blocks}
        old.blocks = [item for item in old.blocks if item.type not in kinds] + block.blocks
