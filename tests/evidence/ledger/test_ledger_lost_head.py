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


@pytest.mark.parametrize("command", [["status"], ["export", "--period", "2026Q4"], ["ledger", "show"], ["ledger", "verify"]])
def test_a_checkpoint_that_was_put_back_is_not_gone_by(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a machine that has seen more, whoever only reads and whoever signs a package is told; the records behind it were left out in silence."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text("version: 1\n")
    checkpoint = tmp_path / ".averment" / "ledger" / "checkpoint"
    attest = ["attest", "SM-UPL-03/terms", "--by", "procurement/Ada Byron", "--statement", "as agreed", "--answer"]
    assert run([*attest, "yes"]) == 0
    before = checkpoint.read_bytes()
    assert run([*attest, "no"]) == 0
    checkpoint.write_bytes(before)
    capsys.readouterr()
    assert run(command) == 1
    assert "the log was rolled back: it has 1 entries, fewer than this machine has seen (2)" in " ".join(capsys.readouterr().err.split())
