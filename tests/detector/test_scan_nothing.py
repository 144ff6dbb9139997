"""A scan that looked at nothing is no clean scan."""

from pathlib import Path

import pytest

from averment.cli.main import run


def test_a_folder_without_images_is_an_error_and_not_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped folder must not look like a harmless one."""
    (tmp_path / "notes.txt").write_text("no picture")
    assert run(["media", "scan", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert "nothing was scanned" in captured.err
    assert "1 other files" in captured.err
    assert captured.out == ""
