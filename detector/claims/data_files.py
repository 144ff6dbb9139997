"""Which images lie beside the files of a manifest that no row of it names: they have no licence, no consent and no place in a split.

Links are followed as reading follows them. A file that a row names is read wherever its folder leads to, so that folder is searched there, too; and an
image by way of a link is one. A linked folder that no row's file lies in may lead anywhere, and is said to be unsearched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from averment.core.errors import IncompleteError
from averment.core.source import SourceRef
from averment.detector.claims.frame import SUFFIXES
from averment.detector.claims.population_files import FilePopulation, folder_population
from averment.detector.sniffing import HEAD_BYTES, shows_an_image


def unnamed(population: FilePopulation) -> tuple[list[str], list[str]]:
    """Images in the folders that the manifest's files lie in, or below, that it doesn't name, and the linked folders there that were not searched. An
    image is what is called one, and what shows by its first bytes that it is one.

    Raises:
        IncompleteError: a folder can't be listed, or a file can't be sniffed at.
    """
    named = {item.name for item in population.items}
    tops = {name.split("/", 1)[0] for name in named if "/" in name}
    found, unsearched = set[str](), set[str]()

    def beside(name: str) -> bool:
        return name not in named and ("/" not in name or name.split("/", 1)[0] in tops)

    def below(prefix: str) -> Callable[[str], bool]:
        return lambda name: beside(prefix + name)

    followed = _linked(population.folder, named)
    for place in ("", *followed):
        folder, prefix = population.folder / place, f"{place}/" if place else ""
        inside = folder_population(population.name, population.where, folder, sniffed=below(prefix))
        found |= {prefix + item.name for item in inside.items}
        for name in _links(folder):
            full, target = prefix + name, folder / name
            if target.is_dir():
                unsearched |= {full} if full.split("/", 1)[0] in tops and full not in followed else set()
            elif beside(full) and (target.suffix.lower() in SUFFIXES or _leads_to_an_image(target)):
                found.add(full)
    return sorted(name for name in found if beside(name)), sorted(unsearched)


def _linked(folder: Path, named: set[str]) -> list[str]:
    """The folders that are links and lie on the way to one of the files that are ``named``."""
    parents = {PurePosixPath(parent) for name in named if (parent := name.rpartition("/")[0])}
    return sorted(str(way) for way in {way for parent in parents for way in (parent, *parent.parents)} if (folder / way).is_symlink())


def _links(folder: Path) -> Iterator[str]:
    """What below ``folder`` is a link, by its name there; what such a link leads to isn't searched."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink():
                yield path.relative_to(folder).as_posix()


def _leads_to_an_image(link: Path) -> bool:
    """Whether the first bytes of what ``link`` leads to are an image's; what is no regular file isn't opened."""
    try:
        if not link.is_file():
            return False
        with link.open("rb") as file:
            return shows_an_image(file.read(HEAD_BYTES))
    except OSError as error:
        raise IncompleteError(f"can't be read: {error.strerror}", where=SourceRef(str(link)), fix="fix its permissions") from error
