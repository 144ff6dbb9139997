"""A ledger whose checkpoint is gone is not an empty one."""

from pathlib import Path

import pytest

from averment.cli.main import run


def test_a_lost_checkpoint_is_said_and_never_read_as_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status refuses with the reason; "empty" would hide that evidence was dropped."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text("version: 1\n")
    assert run(["attest", "SM-UPL-03/terms", "--answer", "yes", "--by", "procurement/Ada Byron"]) == 0
    (tmp_path / ".averment" / "ledger" / "checkpoint").unlink()
    capsys.readouterr()
    assert run(["status"]) == 1
    assert "no checkpoint" in capsys.readouterr().err
