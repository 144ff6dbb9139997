"""Text of others on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.markup import escape
from rich.table import Table

from averment.cli import progress
from averment.cli.console import GuardedConsole
from averment.core.errors import BadInputError
from averment.core.showing import harmless, printable
from averment.core.source import SourceRef

HOSTILE = "\x1b]0;title\x07\x1b[2K\r\u202egpj.exe\x9b31m\udc80"


@pytest.mark.parametrize("show", [printable, harmless])
def test_nothing_that_a_terminal_obeys_is_left(show: object) -> None:
    """Escape sequences, also those of one character, carriage returns, turned writing and halves of characters are shown as escapes."""
    assert callable(show)
    shown = show(HOSTILE)
    assert shown.isprintable()
    assert shown.startswith("\\x1b]0;title\\x07\\x1b[2K\\x0d\\x202egpj.exe\\x9b31m")


@pytest.mark.parametrize("show", [printable, harmless])
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x ##vso[task.complete result=Succeeded;]", "x \\x23#vso[task.complete result=Succeeded;]"),
        ("###teamcity[buildStatus status='SUCCESS']", "#\\x23#teamcity[buildStatus status='SUCCESS']"),
        ("a##[add-path]b", "a\\x23#[add-path]b"),
        ("  ::stop-commands::x", "  \\x3a:stop-commands::x"),
        ("far out ::Add-Mask::e", "far out \\x3a:Add-Mask::e"),
        ("::error file=a.tf,line=1::x", "\\x3a:error file=a.tf,line=1::x"),
        ("::group x y::z", "\\x3a:group x y::z"),
        (
            "arn:aws:s3:::group-photos/* AWS::IAM::Group, arn:aws:s3:::debug",
            "arn:aws:s3:::group-photos/* AWS::IAM::Group, arn:aws:s3:::debug",
        ),
        ("arn:aws:s3:::error-pages, arn:aws:s3:::group", "arn:aws:s3:::error-pages, arn:aws:s3:::group"),
        ("## AWS::S3::Bucket of ::1 and arn:aws:s3:::uploads", "## AWS::S3::Bucket of ::1 and arn:aws:s3:::uploads"),
    ],
)
def test_nothing_commands_the_machine_that_a_job_runs_on(show: object, text: str, shown: str) -> None:
    """CI servers look for commands in whatever a program prints: a name could end a step as succeeded, or say where later ones find their programs."""
    assert callable(show)
    assert show(text) == shown


def test_only_running_text_keeps_its_lines() -> None:
    """A name is one line whatever is in it; a reason of several lines stays readable, with the spaces of typesetting."""
    assert printable("a\nb\u2028c") == "a\\x0ab\\x2028c"
    assert harmless("a\n\tb 95\u00a0% \u2028c") == "a\n\tb 95\u00a0% \\x2028c"
    assert printable("Zürich [1] \U0001f511") == "Zürich [1] \U0001f511"


@pytest.mark.parametrize("terminal", [True, False])
def test_the_console_lets_no_escape_out_of_text(terminal: bool) -> None:
    """In lines, cells and titles, with markup and without; its own colours are left, and a name is no emoji."""
    shown = io.StringIO()
    console = GuardedConsole(file=shown, force_terminal=terminal, width=200, color_system="standard" if terminal else None)
    commanding = f"{HOSTILE} ##vso[task.complete result=Succeeded]"
    table = Table("name", title=escape(f"t{commanding}"))
    table.add_row(f"[bold]{escape(f'cell{commanding}')}[/bold] a:key:b")
    console.print(table)
    console.print(escape("##vso[task.complete result=Succeeded]"))
    console.print(f"line{HOSTILE} a:key:b\nnext", markup=False)
    text = shown.getvalue()
    assert ("\x1b[1m" in text) is terminal
    assert not any(item in text for item in ("\x1b]0;", "\x1b[2K", "\r", "\u202e", "\x9b", "\x07", "\U0001f511"))
    assert text.count("2K") == 3
    assert text.count("a:key:b") == 2
    assert "##vso[" not in text
    assert text.count("\\x23#vso") == 3
    assert text.endswith("\nnext\n")


def test_a_narrow_terminal_cuts_no_name_and_no_time_off() -> None:
    """On 80 columns an incident lost the end of its id and the hour by which its duty is due."""
    shown = io.StringIO()
    table = Table("Incident", "Due by", "Who", "Title")
    table.add_row("INC-2026-11-29-cb2bc5", "2026-12-01T16:59:26Z", "security-operations", "A picture " * 9)
    GuardedConsole(file=shown, width=80).print(table)
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.getvalue().splitlines() if "│" in line]
    assert ["".join(column) for column in zip(*cells, strict=True)][:3] == [
        "INC-2026-11-29-cb2bc5",
        "2026-12-01T16:59:26Z",
        "security-operations",
    ]


def test_what_is_being_looked_at_may_bear_any_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The line that tells what goes on reads no markup in it."""
    monkeypatch.setattr(progress, "lively", lambda: True)
    with progress.Spinner("looking at a[/x].jpg") as spinner:
        spinner.update(f"looking at b[/y].jpg {HOSTILE}")
        assert spinner.shown is not None
    assert "\x1b]0;" not in capsys.readouterr().err


def test_an_error_about_a_hostile_file_is_told_on_its_own_line() -> None:
    """A file's name in front of the message forges no second one."""
    error = BadInputError(f"holds {HOSTILE}", where=SourceRef("a\nb.jpg: trusted"), fix="look")
    place, fix = error.diagnostics().splitlines()
    assert place.startswith("a\\x0ab.jpg: trusted: holds \\x1b")
    assert fix == "  fix: look"
