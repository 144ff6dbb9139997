"""The surfaces, written out, and the one way in for whoever wants graphs: ``load_graphs(path)``.

``load_graphs`` yields a ``Graph`` for every Terraform root module, plan, template and language of source code under a path. What
can't be read is a ``Problem`` of a graph, never silence. AWS Config (``policies.surfaces.config``) has no files to find and
is used directly.

``discover`` looks at every file once; ``graphs_of`` reads what it found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from averment.core.errors import BadInputError
from averment.core.files import read_bounded
from averment.core.observer import Observer
from averment.core.repository import repository_around
from averment.core.source import SourceRef
from averment.policies.graph.model import Graph, Problem
from averment.policies.surfaces.cloudformation.amplify import backends_unmade
from averment.policies.surfaces.cloudformation.sam_config import FILE_NAMES as SAM_VALUES
from averment.policies.surfaces.code.files import Sources, is_program, is_source, other_languages, select
from averment.policies.surfaces.code.handlers import handlers_in
from averment.policies.surfaces.code.surface import code_unit
from averment.policies.surfaces.sniff import MAX_TEMPLATE_BYTES, TEMPLATE_SUFFIXES, is_plan, is_template, may_nest
from averment.policies.surfaces.sparse import left_out
from averment.policies.surfaces.submodules import not_checked_out
from averment.policies.surfaces.terraform.syntax.folders import PASSED_OVER, variable_files
from averment.policies.surfaces.terraform.syntax.native import ALL_SUFFIXES as TERRAFORM_SUFFIXES
from averment.policies.surfaces.units import Forgetful, Memory, Unit
from averment.policies.surfaces.unsynthesised import filled_in, left_behind, unsynthesised
from averment.policies.surfaces.walk import walk

_SNIFF_BYTES = 1024 * 1024
_STAND_INS = {
    b"version https://git-lfs.github.com/spec/": "is a pointer of Git LFS, whose content is not here (git lfs pull brings it)",
    b"\0GITCRYPT\0": "is encrypted by git-crypt (git-crypt unlock)",
}
"""By how it begins: what stands in the place of a file that may be a template or a plan."""


@dataclass
class Calls:
    """Who calls whom in a checkout, once found out: which modules of Terraform are roots, which templates each template calls."""

    roots: list[Path] = field(default_factory=list)
    stacks: dict[Path, set[Path]] = field(default_factory=dict)


@dataclass
class Inputs:
    """What stands under a path: files by surface, what was left out and why, and what could not be looked at.

    ``parents`` are those of the ``templates`` that may call others as nested stacks. ``apps`` are programs whose templates aren't here, and what
    stands in for files that may be templates.
    ``found`` is how many files a surface reads, before any of them was left out. ``beside`` is what stands under the other folders of the same
    run and checkout: what is called from there is judged there.
    """

    root: Path
    terraform: list[Path] = field(default_factory=list)
    plans: list[Path] = field(default_factory=list)
    templates: list[Path] = field(default_factory=list)
    parents: list[Path] = field(default_factory=list)
    sources: Sources = field(default_factory=Sources)
    skipped: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    apps: list[Problem] = field(default_factory=list)
    found: int = 0
    beside: list[Inputs] = field(default_factory=list)
    calls: Calls = field(default_factory=Calls)

    @property
    def files(self) -> int:
        """How many files a surface reads."""
        return len(self.terraform) + len(self.plans) + len(self.templates) + len(self.sources.parsed)

    @property
    def paths(self) -> Iterator[Path]:
        """Those files, and the values of variables that stand beside them, which Git often is to ignore."""
        yield from (*self.terraform, *self.plans, *self.templates, *self.sources.parsed)
        around = {folder for template in self.templates for folder in template.parents if folder.is_relative_to(self.root)}
        around |= {template.parent for template in self.templates}
        yield from {path for folder in around for name in SAM_VALUES if (path := folder / name).is_file()}
        for folder in {path.parent for path in self.terraform}:
            yield from variable_files(folder, Observer())


def discover(root: Path) -> Inputs:
    """Sort the files under ``root`` by the surface that reads them; a cheap look at each, nothing is parsed."""
    found = walk(root)
    inputs = Inputs(root, skipped=list(found.skipped), problems=list(found.problems))
    for path in found.files:
        if path.name.endswith(TERRAFORM_SUFFIXES):
            if path.name.startswith(PASSED_OVER):
                inputs.skipped.append(f"{path} (Terraform passes over files whose names begin with a dot)")
            else:
                inputs.terraform.append(path)
        elif path.name.lower().endswith(TEMPLATE_SUFFIXES):
            _sort(path, inputs)
    folder = root if root.is_dir() else root.parent
    inputs.sources = select((path for path in found.files if is_source(path)), folder)
    inputs.apps += not_checked_out(found.empty, folder)
    inputs.apps += left_out(folder, partial(_may_be_read, folder=folder)) if root.is_dir() else ()
    inputs.apps += other_languages(found.files, folder, inputs.sources)
    inputs.apps += inputs.sources.unread
    inputs.skipped += inputs.sources.skipped
    if inputs.sources.parsed:
        inputs.sources.handlers = handlers_in(_infrastructure(inputs))
    inputs.apps += unsynthesised(found.files, (*inputs.templates, *inputs.terraform))
    inputs.apps += filled_in(found.files)
    inputs.apps += left_behind(found.files)
    inputs.apps += backends_unmade(found.files, inputs.templates)
    inputs.found = inputs.files
    return inputs


def _may_be_read(path: Path, folder: Path) -> bool:
    """Whether ``path``, in ``folder``, is called as what is read, be it infrastructure or code."""
    return path.name.endswith(TERRAFORM_SUFFIXES) or path.name.lower().endswith(TEMPLATE_SUFFIXES) or is_program(path, folder)


def beside_each_other(found: Sequence[Inputs]) -> None:
    """Let each folder of ``found`` know the others of its checkout: modules and the stacks that call them may be named apart.

    A file that is named alone stays alone: of what it calls, only what stands in the file itself is shown.
    """
    tops = {id(inputs): repository_around(inputs.root) for inputs in found if inputs.root.is_dir()}
    calls = {top: Calls() for top in tops.values()}  # one for all: each folder would have every other read once more
    for inputs in found:
        if (top := tops.get(id(inputs))) is not None:
            inputs.calls = calls[top]
            inputs.beside = [other for other in found if other is not inputs and tops.get(id(other)) == top]
            if inputs.sources.parsed:
                inputs.sources.handlers |= handlers_in(path for other in inputs.beside for path in _infrastructure(other))


def _infrastructure(inputs: Inputs) -> list[Path]:
    return [*inputs.templates, *inputs.plans, *inputs.terraform]


def _sort(path: Path, inputs: Inputs) -> None:
    try:
        size = path.stat().st_size
        if size <= MAX_TEMPLATE_BYTES:
            data, whole = read_bounded(path, limit=MAX_TEMPLATE_BYTES), True
        else:
            with path.open("rb") as handle:
                data, whole = handle.read(_SNIFF_BYTES), False
    except (OSError, BadInputError) as error:
        reason = error.message if isinstance(error, BadInputError) else f"can't be read: {error.strerror}"
        inputs.problems.append(Problem(reason, SourceRef(str(path))))
        return
    stand_in = next((said for head, said in _STAND_INS.items() if data.startswith(head)), None)
    if stand_in is not None:
        inputs.apps.append(Problem(f"{stand_in}: if it is a template or a plan, it was not checked", SourceRef(str(path)), blocking=False))
    elif is_plan(data, path):
        inputs.plans.append(path)
    elif is_template(data, path):
        inputs.templates.append(path)
        if may_nest(data):
            inputs.parents.append(path)
    elif not whole:
        inputs.skipped.append(f"{path} ({size:,} bytes, and its beginning is no template's)")


def units_of(inputs: Inputs, memory: Memory) -> Iterator[Unit]:
    """The units of what was discovered, surface by surface, in order of file name."""
    if inputs.terraform:  # each surface is imported when there is something for it: start-up is most of a small run
        from averment.policies.surfaces.terraform.units import root_units

        beside = [file for other in inputs.beside for file in other.terraform]
        yield from root_units(inputs.terraform, inputs.root, memory, beside, inputs.calls.roots)
    for path in inputs.plans:
        yield Unit(f"plan:{path}", path, partial(_plan, path))
    if inputs.templates:
        from averment.policies.surfaces.cloudformation.units import template_units

        parents = [path for item in (inputs, *inputs.beside) for path in item.parents if path in item.templates]
        yield from template_units(inputs.templates, inputs.root, parents, memory, inputs.calls.stacks)
    if inputs.sources.parsed or inputs.sources.problems:
        yield code_unit(inputs.sources, inputs.root)


def _plan(path: Path, observer: Observer) -> list[Graph]:
    from averment.policies.surfaces.plan import read_plan

    return [read_plan(path, observer)]


def graphs_of(inputs: Inputs) -> Iterator[Graph]:
    """The graphs of what was discovered, surface by surface, in order of file name."""
    for unit in units_of(inputs, Forgetful()):
        yield from unit.read(Observer())


def load_graphs(path: Path) -> Iterator[Graph]:
    """Every graph under ``path``; what can't even be looked at is in an empty graph of its own."""
    inputs = discover(path)
    if inputs.problems or inputs.apps:
        yield Graph(problems=[*inputs.problems, *inputs.apps])
    yield from graphs_of(inputs)
