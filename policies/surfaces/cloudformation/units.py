"""CloudFormation templates as units: each with the stacks that are nested in it. One that is read inside another isn't read alone, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from averment.core.errors import AvermentError
from averment.core.observer import Observer, digest
from averment.core.repository import repository_around
from averment.policies.graph.model import Graph
from averment.policies.surfaces.units import Memory, Unit


def template_units(
    paths: list[Path], root: Path, parents: list[Path], memory: Memory, found_out: dict[Path, set[Path]] | None = None
) -> Iterator[Unit]:
    """A unit for each of the templates ``paths`` that no other calls as a nested stack, in their order; ``parents`` may call others, and
    are not all among them. ``found_out`` is what is known of parents by then, and gets what is found out here.

    The checkout around ``root`` bounds what is read. Of templates that call each other in a circle the first is taken for the outermost.
    ``memory`` knows whom unchanged parents call, so that only those have to be read for it that changed.
    """
    top = repository_around(root)
    known_by_now = {} if found_out is None else found_out
    for path in parents:
        if path.resolve() not in known_by_now:
            known_by_now[path.resolve()] = _calls(path, top, memory)
    calls = {path.resolve(): known_by_now[path.resolve()] for path in parents}
    called = _called(list(dict.fromkeys([*(path.resolve() for path in paths), *calls])), calls) if parents else set()
    for path in paths:
        if not parents or path.resolve() not in called:
            yield Unit(f"template:{path} in {top}", path, partial(_read, path, top))


def _read(path: Path, top: Path, observer: Observer) -> list[Graph]:
    from averment.policies.surfaces.cloudformation.stacks import Stacks
    from averment.policies.surfaces.cloudformation.template import read_template

    return [read_template(path, Stacks(top, observer))]


def _calls(path: Path, top: Path, memory: Memory) -> set[Path]:
    """The templates that ``path`` reads as nested stacks, directly and through each other; none where reading it crashes: each is read alone then."""
    from averment.policies.surfaces.cloudformation.stacks import Stacks
    from averment.policies.surfaces.cloudformation.template import read_template

    name = f"nests:{digest(str(top).encode('utf-8', 'surrogateescape'))}:{path}"
    known = memory.recall(name)
    if isinstance(known, list):
        return {Path(text) for text in known}
    observer = Observer()
    stacks = Stacks(top, observer)
    try:
        read_template(path, stacks)
    except AvermentError:
        raise
    except Exception:  # noqa: BLE001  (whoever reads it as a unit hears of it, and goes on)
        return set()
    memory.keep(name, observer, sorted(str(used) for used in stacks.used))
    return stacks.used


def _called(places: list[Path], calls: Mapping[Path, set[Path]]) -> set[Path]:
    """Which of ``places`` are read as part of another; never all of a circle."""
    inner = {target for place, targets in calls.items() for target in targets if target != place}
    outer = [place for place in places if place not in inner]
    reached: set[Path] = set(outer).union(*(calls.get(place, ()) for place in outer))
    for place in places:
        if place not in reached:
            outer.append(place)
            reached |= {place, *calls.get(place, ())}
    return set(places) - set(outer)
