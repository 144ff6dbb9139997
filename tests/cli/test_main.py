"""The program as a whole: help without weight, errors without tracebacks, exit codes."""

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

from averment import __main__ as program
from averment.cli.main import COMMANDS, run

HEAVY = (
    "boto3",
    "botocore",
    "onnxruntime",
    "numpy",
    "scipy",
    "moto",
    "tfparse",
    "jsonschema",
    "yaml",
    "cryptography",
    "mkdocs",
    "xlsxwriter",
)


def walk(name: str, command: click.Command) -> list[tuple[str, click.Command]]:
    """``command`` and all its sub-commands with their full names."""
    found = [(name, command)]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for child in command.list_commands(context):
            sub = command.get_command(context, child)
            assert sub is not None, f"{name} {child} is listed and can't be loaded"
            found += walk(f"{name} {child}", sub)
    return found


ALL = [pair for name, (module, _) in COMMANDS.items() for pair in walk(name, importlib.import_module(module).command)]


@pytest.mark.parametrize(("name", "command"), ALL, ids=[name for name, _ in ALL])
def test_every_command_explains_itself(name: str, command: click.Command, capsys: pytest.CaptureFixture[str]) -> None:
    """``--help`` works for each command, and each one that does something shows an example."""
    assert run([*name.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert "Usage: averment" in text
    if not isinstance(command, click.Group):
        assert "Example" in text, f"averment {name} --help has no example"
        assert f"averment {name}" in text.split("Example", 1)[1]


def test_help_and_version_import_nothing_heavy() -> None:
    """A user in a hurry doesn't wait for AWS or ONNX to load."""
    script = f"import sys; from averment.cli.main import run; run(['--help']); print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version"], 0),
        (["no-such-command"], 2),
        (["check", "--no-such-option"], 2),
        (["check", "/no/such/folder"], 2),
        (["verify", "/no/such/package"], 2),
        (["export", "--period", "2026Q5"], 2),
        (["controls", "show", "SM-NO-99"], 2),
        (["media", "scan", "/no/such/picture.jpg"], 2),
    ],
)
def test_exit_codes_of_wrong_use(
    arguments: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong use exits 2 with one message on stderr and nothing on stdout."""
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    if code:
        assert captured.out == ""
        assert captured.err.strip()


def test_a_malformed_organisation_file_stops_every_command_that_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """File, line and fix, exit 2: nobody goes on with half a configuration."""
    (tmp_path / "averment.yaml").write_text("version: 1\nscope:\n  accounts: [123]\n")
    monkeypatch.chdir(tmp_path)
    for arguments in (["check", "."], ["status"], ["controls", "list"], ["export", "--period", "2026Q4"], ["prove"]):
        assert run(arguments) == 2, arguments
        assert "averment.yaml:3" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("controls", "show", "SM-UPL-03"), ("status",)])
def test_a_terminal_without_unicode_gets_an_answer(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Where the encoding lacks a character the output holds a question mark; it isn't cut off by a traceback."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = subprocess.run([sys.executable, "-m", "averment", *arguments], check=False, capture_output=True, cwd=tmp_path, env=environment)
    assert b"Traceback" not in done.stderr
    assert b"SM-UPL-03" in done.stdout
    assert b" ? " in done.stdout


@pytest.mark.parametrize(
    "arguments", [("controls", "list", "--format", "json"), ("check", ".", "--no-cache", "--format", "junit"), ("incident", "plan")]
)
def test_what_programs_read_is_utf_8_under_any_locale(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Windows' code pages and Latin locales lack characters, and JSON and XML that aren't UTF-8 are refused, or read as something else."""
    (tmp_path / "averment.yaml").write_text(
        "version: 1\norganisation: {name: Größe 北京}\n"
        "overlays: {SM-DET-03: {reason: Größe 北京 has few pictures yet, assessments: {performance: {claim: {at_least: 0.75}}}}}\n",
        encoding="utf-8",
    )
    (tmp_path / "Größe 北京.tf").write_text('resource "aws_s3_bucket" "uploads" {}\n')
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run([sys.executable, "-m", "averment", *arguments], check=False, capture_output=True, cwd=tmp_path, env=environment)
    assert "Größe 北京" in done.stdout.decode("utf-8"), done.stderr


def test_names_of_files_are_the_same_under_any_locale(tmp_path: Path) -> None:
    """A baseline of one machine holds on another whose locale has no UTF-8, and a module is found by the name that stands in the code. The terminal
    gets what it can show."""
    if sys.platform != "linux":
        pytest.skip("elsewhere names of files are UTF-8 whatever the locale says")
    (tmp_path / "größe").mkdir()
    (tmp_path / "größe" / "main.tf").write_text('resource "aws_s3_bucket" "uploads" {}\n')
    (tmp_path / "main.tf").write_text('module "m" {\n  source = "./größe"\n}\n', encoding="utf-8")

    def check(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "averment", "check", ".", "--no-cache", *arguments]
        return subprocess.run(command, check=False, capture_output=True, cwd=tmp_path, env={**os.environ, **environment})

    latin = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "latin-1"}
    found = check("--format", "json", **latin)
    assert found.returncode == 1
    assert '"größe/main.tf"' in found.stdout.decode("utf-8")
    assert "größe/main.tf:1" in check(**latin).stdout.decode("latin-1")
    assert check("--write-baseline", "known.json").returncode == 0
    assert check("--baseline", "known.json", **latin).returncode == 0


@pytest.mark.parametrize(("arguments", "meant"), [(["chek"], "check"), (["rules", "lst"], "list"), (["media", "scn"], "scan")])
def test_a_mistyped_command_is_told_what_was_meant(arguments: list[str], meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    """At the top and in groups, also in those that import a command when it is called."""
    assert run(arguments) == 2
    assert f"No such command '{arguments[-1]}'. Did you mean '{meant}'?" in capsys.readouterr().err


def test_an_interrupt_at_the_very_beginning_is_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever notices a wrong option at once presses Ctrl-C within the first tenths of a second."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("averment.cli.main.begin", interrupted)
    assert run(["check"]) == 130
    assert capsys.readouterr().err == "averment: interrupted\n"


def test_an_interrupt_before_that_ends_at_once(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """While the program itself is imported it was a traceback, now and then with the exit code of findings. Where Ctrl-C is ignored it stays so."""
    ends: list[int] = []
    monkeypatch.setattr(program.os, "_exit", ends.append)

    class Imported(ModuleType):
        def __getattr__(self, name: str) -> object:
            if name == "main":
                signal.raise_signal(signal.SIGINT)
                return lambda: None
            raise AttributeError(name)

    monkeypatch.setitem(sys.modules, "averment.cli.main", Imported("averment.cli.main"))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background ignore it
    try:
        program.main()
        assert (ends, capfd.readouterr().err) == ([130], "averment: interrupted\n")
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        program.main()
        assert (ends, signal.getsignal(signal.SIGINT)) == ([130], signal.SIG_IGN)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", ""],
        ["rules", "build", "-o", ""],
        ["rules", "new", "mine", "-o", ""],
        ["blueprints", "write", "media-gate", "--output", ""],
    ],
)
def test_an_empty_path_is_not_the_working_directory(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``averment check "$DIR"`` with a variable that isn't set looked at what lies here, and passed for a check of what was meant."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.tf").write_text('resource "aws_sqs_queue" "q" {}\n')
    assert run(arguments) == 2
    assert "is empty, as a variable that isn't set leaves it" in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["main.tf"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["rules", "build", "-o"],
        ["blueprints", "write", "media-gate", "--output"],
        ["export", "--period", "2026Q4", "--output"],
        ["site", "build", "--output"],
        ["ledger", "prove", "5b1f0a52-3c1e-5a8e-9d55-0d2f6f0f3a11", "--output"],
        ["ledger", "lake"],
        ["controls", "import-oscal", "main.tf", "--id", "mine", "--output"],
        ["attest", "--workbook"],
        ["media", "sign", "main.tf", "--test-authority", "ca", "-o"],
        ["media", "explain", "main.tf", "--out"],
        ["check", "main.tf", "--write-baseline"],
    ],
)
def test_a_dash_is_no_file_or_folder_where_nothing_goes_to_stdout(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever piped the result on got none, and had something called ``-`` lying about."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.tf").write_text("")
    assert run([*arguments, "-"]) == 2
    assert "'-' names no file" in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["main.tf"]


def test_a_dash_is_stdout_where_that_is_what_a_document_goes_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``averment incident plan -o - | ...`` handed on the name of a file."""
    monkeypatch.chdir(tmp_path)
    assert run(["incident", "plan", "--without-evidence", "-o", "-"]) == 0
    assert capsys.readouterr().out.startswith("# ")
    assert not (tmp_path / "-").exists()
