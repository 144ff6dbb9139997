"""Settings that lie below what a check goes by: not read, which is told, since whoever wrote them thinks that they count."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from averment.core.files import relative_posix
from averment.core.organisation import FILE_NAME, Organisation
from averment.policies.interface import Finding

_NAMED = 3


def nearer_settings(findings: Sequence[Finding], roots: Sequence[Path], organisation: Organisation) -> Iterator[str]:
    """A line that names each ``averment.yaml`` between one of ``roots`` and a file that was judged, and isn't the one that counts; none if there is none."""
    tops = {os.path.realpath(root) for root in roots}
    own = os.path.realpath(organisation.file) if organisation.file is not None else None
    looked: set[Path] = set()
    found: set[str] = set()
    for file in {finding.where.file for finding in findings if finding.where.file is not None}:
        folder = Path(os.path.realpath(file)).parent
        above = [here for here in (folder, *folder.parents) if any(here.is_relative_to(top) for top in tops)]
        for here in above:
            if here not in looked and (here / FILE_NAME).is_file() and os.path.realpath(here / FILE_NAME) != own:
                found.add(relative_posix(here, os.path.realpath(Path.cwd())))
            looked.add(here)
    if found:
        names = sorted(found)
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield (
            f"the {FILE_NAME} in {', '.join(names[:_NAMED])}{more} is not read from here, neither its scope nor its waivers: "
            f"check that folder by itself, or name the file with --config"
        )
