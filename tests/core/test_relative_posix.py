"""How files are named in reports, baselines and records: the same on every system."""

from __future__ import annotations

import ntpath
import posixpath
from types import ModuleType

import pytest

from averment.core.files import relative_posix


@pytest.mark.parametrize(
    ("path", "start", "system", "named"),
    [
        ("/shop/infra/main.tf", "/shop", posixpath, "infra/main.tf"),
        ("/shop/modules/main.tf", "/shop/infra", posixpath, "../modules/main.tf"),
        (r"C:\shop\infra\main.tf", r"C:\shop", ntpath, "infra/main.tf"),
        (r"c:\Shop\infra\Main.tf", r"C:\shop", ntpath, "infra/Main.tf"),  # the same folder there, whatever the case
        (r"C:\modules\main.tf", r"C:\shop\infra", ntpath, "../../modules/main.tf"),
        (r"D:\modules\main.tf", r"C:\shop", ntpath, "D:/modules/main.tf"),  # no way leads from drive to drive
        (r"\\server\share\main.tf", r"C:\shop", ntpath, "//server/share/main.tf"),
        (r"/shop/a\b.tf", "/shop", posixpath, r"a\b.tf"),  # a backslash is part of a name there
    ],
)
def test_a_file_is_named_from_a_folder_with_forward_slashes(path: str, start: str, system: ModuleType, named: str) -> None:
    """Drives, cases and separators of Windows; names of POSIX stay what they are."""
    assert relative_posix(path, start, paths=system) == named
