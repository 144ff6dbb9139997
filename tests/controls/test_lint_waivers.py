"""`controls lint` reads the organisation's waivers too."""

from datetime import timedelta
from pathlib import Path

import pytest

from averment.cli.main import run
from averment.core.period import utc_now

WAIVER = """version: 1
waivers:
  - {{control: {control}, resource: "{resource}", owner: platform, approver: {approver}, reason: It moves in January., until: {until}}}
"""


@pytest.mark.parametrize(
    ("control", "resource", "approver", "code", "said"),
    [
        ("SM-UPL-99", "aws_s3_bucket.a", "ciso", 1, "SM-UPL-99, which is neither a control nor a rule [void-waiver]"),
        ("s3-put-object-gate", "aws_s3_bucket.a", "ciso", 1, "did you mean s3-put-object-gated?"),
        ("s3-put-object-gated", "aws_s3_bucket.a", "ciso", 0, ""),
        ("AVERMENT_S3_PUT_OBJECT_GATED", "aws_s3_bucket.a", "ciso", 0, ""),
        ("'*'", "aws_s3_bucket.a", "ciso", 1, "[void-waiver]"),
        ("SM-UPL-03", "*", "ciso", 0, "covers every resource"),
        ("SM-UPL-03", "aws_s3_bucket.a", "Platform", 0, "[self-approved]"),
        ("SM-UPL-03", "aws_s3_bucket.a", "ciso", 0, ""),
    ],
)
def test_waivers_that_accept_nothing_or_too_much_are_told(
    control: str,
    resource: str,
    approver: str,
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A void one is a mistake, a wide or self-approved one a note; a rule's waiver is worth as much as a control's, as ``check`` and ``status`` take it."""
    (tmp_path / "averment.yaml").write_text(WAIVER.format(control=control, resource=resource, approver=approver, until="2999-01-01"))
    monkeypatch.chdir(tmp_path)
    assert run(["controls", "lint"]) == code
    shown = capsys.readouterr().out
    assert said in shown
    if not said:
        assert not any(code in shown for code in ("void-waiver", "wide-waiver", "self-approved", "expired-waiver"))


def test_a_waiver_for_an_account_that_is_not_in_the_scope_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one digit wrong it accepts nothing, and nobody saw why."""
    monkeypatch.chdir(tmp_path)
    for account, told in (("111111111111", False), ("111111111112", True)):
        waiver = WAIVER.format(control="SM-UPL-03", resource="a", approver="ciso", until="2999-01-01").replace(
            "owner:", f'accounts: ["{account}"], owner:'
        )
        (tmp_path / "averment.yaml").write_text(f'{waiver}scope: {{accounts: ["111111111111"]}}\n')
        assert run(["controls", "lint"]) == 0
        assert ("is for 111111111112, where the scope has nothing to accept" in " ".join(capsys.readouterr().out.split())) is told


def test_a_waiver_that_has_ended_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """After its day it accepts nothing, which is a note; on its last day it still does."""
    monkeypatch.chdir(tmp_path)
    told = []
    for until in (utc_now().date(), utc_now().date() - timedelta(days=1)):
        (tmp_path / "averment.yaml").write_text(WAIVER.format(control="SM-UPL-03", resource="a", approver="ciso", until=until))
        assert run(["controls", "lint"]) == 0
        told.append("for a ended on" in capsys.readouterr().out)
    assert told == [False, True]


def test_what_the_organisation_has_yet_to_say_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command names each assessment that waits for a parameter, as a note that leaves the exit code alone; what is set isn't listed."""
    (tmp_path / "averment.yaml").write_text("version: 1\nparameters: {alarms: {watching: [burst]}}\n")
    monkeypatch.chdir(tmp_path)
    assert run(["controls", "lint"]) == 0
    shown = capsys.readouterr().out
    assert (
        "note: SM-DET-01/pipeline, SM-DET-01/dead-letters can't be assessed: parameters.scan-pipeline.rules isn't set (a list of" in shown
    )
    assert "SM-MON-02" not in shown
