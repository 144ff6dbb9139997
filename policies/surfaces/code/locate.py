"""Where an import may lead: paths of modules, as Python and the bundlers of JavaScript look for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

SCRIPTS = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts")


def python_files(folder: Path, parts: list[str]) -> Iterator[Path]:
    """The files that ``import a.b`` may mean from ``folder``."""
    base = folder.joinpath(*parts)
    if parts:
        yield base.with_name(f"{base.name}.py")
    yield base / "__init__.py"


def script_files(base: Path) -> Iterator[Path]:
    """The files that ``./a`` may mean, with and without suffixes."""
    clean = Path(*_normal(base))
    yield clean
    stem = clean.with_suffix("") if clean.suffix in {".js", ".jsx", ".mjs", ".cjs"} else clean
    for suffix in SCRIPTS if clean.name else ():  # the folder in which a check begins has no name
        yield clean.with_name(f"{clean.name}{suffix}")
        yield stem.with_name(f"{stem.name}{suffix}")
    for suffix in SCRIPTS:
        yield clean / f"index{suffix}"


def _normal(path: Path) -> list[str]:
    found: list[str] = []
    for part in path.parts:
        if part == ".." and found and found[-1] != "..":
            found.pop()
        elif part != ".":
            found.append(part)
    return found or ["."]


def ends_with(folder: Path, parts: list[str]) -> bool:
    """Whether the path of ``folder`` ends in ``parts``."""
    return not parts or folder.parts[-len(parts) :] == tuple(parts)
