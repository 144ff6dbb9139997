"""Terminal manners: quiet is quiet, errors stay, nothing moves in CI, colours are off in pipes, and completion works in a real shell."""

from __future__ import annotations

import errno
import io
import os
import pty
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from rich.console import Console
from rich.file_proxy import FileProxy

from averment.cli import main as program
from averment.cli import manners
from averment.cli.lazy import LazyGroup
from averment.cli.main import cli, run
from averment.cli.manners import lively
from averment.cli.progress import TerminalListener

HEAVY = ("boto3", "onnxruntime", "numpy", "moto", "yaml", "rich", "jsonschema")
FLAWED = 'resource "aws_s3_bucket" "uploads" {\n  bucket = "shop-uploads"\n}\n'


def averment(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own, as a shell starts it."""
    return subprocess.run(
        [sys.executable, "-m", "averment", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
    )


def on_terminal(*arguments: str, cwd: Path, **environment: str) -> str:
    """What the program writes to a terminal of its own (stdout and stderr together)."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "averment", *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        cwd=cwd,
        env={key: value for key, value in {**os.environ, "TERM": "xterm", **environment}.items() if key != "CI" or "CI" in environment},
    ) as started:
        os.close(follower)
        out = b""
        while True:
            try:
                data = os.read(leader, 65536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not data:
                break
            out += data
        started.wait()
    os.close(leader)
    return out.decode(errors="replace")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a flaw in it."""
    (tmp_path / "main.tf").write_text(FLAWED)
    return tmp_path


def every_command(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    """Each command that isn't a group, with the words that lead to it."""
    if not isinstance(command, click.Group):
        return [(path, command)]
    context = click.Context(command)
    found = [(name, command.get_command(context, name)) for name in command.list_commands(context)]
    return [pair for name, child in found if child is not None for pair in every_command(child, (*path, name))]


def test_every_command_takes_quiet_and_verbose() -> None:
    """The options stand with each command, so that nobody has to know that they go before it; none has two of a name."""
    for words, command in every_command(cli):
        flags = [flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)]
        assert {"--quiet", "--verbose"} <= set(flags), words
        assert len(flags) == len(set(flags)), words


def test_quiet_takes_notes_away_and_leaves_results_and_exit_codes(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the command and behind it; the next run in the same process speaks again."""
    monkeypatch.chdir(shop)
    arguments = ["check", ".", "--no-cache", "-o", "json=found.json"]
    assert run(arguments) == 1
    assert "wrote found.json" in capsys.readouterr().err
    for quiet in (["--quiet", *arguments], [*arguments, "-q"]):
        assert run(quiet) == 1
        captured = capsys.readouterr()
        assert captured.err == ""
        assert "aws_s3_bucket.uploads" in captured.out
    assert run(arguments) == 1
    assert "wrote found.json" in capsys.readouterr().err


def test_an_error_is_told_though_quiet_was_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever silences notes still learns why nothing came."""
    assert run(["check", "-q", str(tmp_path / "nowhere")]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_verbose_tells_what_caused_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The message alone by default; with --verbose the exception behind it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text("version: [1\n")
    assert run(["status"]) == 2
    assert "caused by" not in capsys.readouterr().err
    assert run(["status", "--verbose"]) == 2
    assert "caused by ParserError" in capsys.readouterr().err


def test_verbose_before_the_command_means_the_same_as_behind_it(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check's own --verbose is the program's."""
    monkeypatch.chdir(shop)
    shown = {}
    for name, arguments in {"plain": ["check"], "before": ["--verbose", "check"], "behind": ["check", "-v"]}.items():
        run([*arguments, ".", "--no-cache"])
        shown[name] = [line for line in capsys.readouterr().out.splitlines() if " s; left out" not in line and " s)" not in line]
    assert shown["before"] == shown["behind"] != shown["plain"]


def test_a_flaw_of_the_program_is_no_finding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An exception that nobody foresaw exits with 3, not with Python's 1, which means findings."""

    def broken(_arguments: list[str] | None = None) -> int:
        raise ZeroDivisionError("no such thing")

    monkeypatch.setattr(program, "run", broken)
    with pytest.raises(SystemExit) as stopped:
        program.main()
    assert stopped.value.code == 3
    assert "a flaw of averment itself: ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("left", [16, 40, 100])
def test_a_compiled_module_that_a_full_disk_cut_short_is_named(
    left: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python keeps it, and reads it ever after: every command was "interrupted", with exit code 130, until somebody came upon it."""
    (tmp_path / "half_compiled.py").write_text("command = [" + "'a text', " * 50 + "]\n")
    compiled = Path(py_compile.compile(str(tmp_path / "half_compiled.py")) or "")
    os.truncate(compiled, left)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(type(program.cli).registry, "half", ("half_compiled", "command", "cut short"))  # type: ignore[attr-defined]
    monkeypatch.setattr(sys, "argv", ["averment", "half"])
    with pytest.raises(SystemExit) as ended:
        program.main()
    said = capsys.readouterr().err
    assert (ended.value.code, "interrupted" in said, f"averment: {compiled}: " in said) == (3, False, True)


def test_an_end_of_input_that_nobody_foresaw_is_a_flaw(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """click takes any EOFError for a person who ends the program."""

    def broken(*_: object, **__: object) -> None:
        raise EOFError("Compressed file ended before the end-of-stream marker was reached")

    monkeypatch.setattr("averment.cli.verify.command.callback", broken)
    monkeypatch.setattr(sys, "argv", ["averment", "verify", "."])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 3
    assert "a flaw of averment itself: EOFError" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["check"], ["status"]])
def test_a_folder_that_is_gone_is_no_flaw_of_the_program(tmp_path: Path, command: list[str]) -> None:
    """A shell stays in a folder that a checkout took away; the program spoke of a flaw of its own, to be reported."""
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"rmdir '{gone}'; '{sys.executable}' -m averment {' '.join(command)}"
    done = subprocess.run(["bash", "-c", script], check=False, capture_output=True, text=True, cwd=gone)
    assert done.returncode == 2
    assert done.stderr == "averment: the folder that this was started in is gone\n  fix: change to one that is there\n"


def test_a_reader_that_leaves_ends_the_program_without_a_word(tmp_path: Path) -> None:
    """``averment controls crosswalk | head -1`` leaves no traceback behind."""
    done = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m averment controls crosswalk --format json | head -1; echo ${{PIPESTATUS[0]}}"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[1] in {"0", "141"}


def test_a_reader_that_has_gone_is_no_finding(tmp_path: Path) -> None:
    """A job in a shell with ``pipefail`` reads 1 as findings, whatever was in what nobody read."""
    script = f"'{sys.executable}' -m averment controls crosswalk --format json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], check=False, capture_output=True, text=True, cwd=tmp_path, env=os.environ)
    assert (done.stdout, done.stderr) == ("141\n", "")


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        pytest.param(">/dev/full", 3, "averment: the result could not be written: No space left on device", id="full"),
        pytest.param(">&-", 0, "", id="closed"),
    ],
)
def test_a_result_that_cannot_be_written_is_said_and_is_no_flaw_of_the_program(target: str, code: int, said: str, tmp_path: Path) -> None:
    """A full disk behind the output is exit code 3 with a next step; an output that its caller closed is nobody's."""
    if sys.platform != "linux":
        pytest.skip("/dev/full is Linux's")
    done = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m averment explain SM-UPL-03 {target}"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ,
    )
    assert done.returncode == code
    assert done.stderr.partition("\n")[0] == said
    assert "flaw" not in done.stderr


@pytest.mark.parametrize(
    ("command", "code"),
    [
        pytest.param("explain SM-UPL-03 2>/dev/full", 0, id="clean"),
        pytest.param("controls lint 2>/dev/full", 0, id="with a note"),
        pytest.param("check gone 2>/dev/full", 2, id="bad input"),
        pytest.param("check . -o json=/dev/full 2>/dev/full", 3, id="incomplete"),
        pytest.param("init --dry-run <&-", 0, id="no input"),
        pytest.param("init --dry-run <&- >&- 2>&-", 0, id="nothing open"),
        pytest.param("attest SM-UPL-03/terms <&-", 2, id="nobody to answer"),
    ],
)
def test_the_exit_code_stands_whatever_becomes_of_the_notes(command: str, code: int, tmp_path: Path) -> None:
    """Notes on a full disk are lost: Python's 1 would mean findings, where there were none or the run wasn't complete. Nor does a closed input
    end a run that asks nothing."""
    if sys.platform != "linux":
        pytest.skip("/dev/full is Linux's")
    (tmp_path / "main.tf").write_text("")
    script = ["bash", "-c", f"'{sys.executable}' -m averment {command}"]
    done = subprocess.run(script, check=False, capture_output=True, text=True, cwd=tmp_path, env=os.environ)
    assert done.returncode == code, done.stderr
    assert "flaw" not in done.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), "a/b: Permission denied"),
        (OSError(errno.EMFILE, "Too many open files", "x"), "x: Too many open files"),
        (
            FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"),
            "No usable temporary directory found in ['/tmp']",
        ),
        (MemoryError(), "there isn't enough memory for this"),
    ],
)
def test_what_the_machine_refuses_is_no_flaw_of_the_program(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rights, open files, room and memory are told as what they are, where no command has a word of its own for it."""

    def refused(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(program, "run", refused)
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 3
    told = capsys.readouterr().err
    assert told.splitlines()[0] == f"averment: {said}"
    assert "fix: " in told
    assert "flaw" not in told


def test_what_is_opened_later_takes_no_closed_streams_number(tmp_path: Path) -> None:
    """A library that writes to 1 or 2 behind Python's back would write into the file that got the number."""
    script = (
        "from averment.cli.streams import prepare_streams; prepare_streams(); print(open('file', 'w').fileno(), file=open('told', 'w'))"
    )
    subprocess.run(["bash", "-c", f"'{sys.executable}' -c \"{script}\" <&- >&- 2>&-"], check=True, cwd=tmp_path, env=os.environ)
    assert int((tmp_path / "told").read_text()) > 2


@pytest.mark.parametrize("arguments", [["loop"], [".", "--baseline", "loop"], [".", "--config", "loop"], ["--plan", "loop", "."]])
def test_a_link_in_a_circle_is_nothing_that_is_there(arguments: list[str], tmp_path: Path) -> None:
    """Whatever it is handed over as, it is bad input, and no flaw."""
    (tmp_path / "main.tf").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    done = averment("check", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("averment: loop: ")


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)], ids=["terminal", "NO_COLOR", "dumb"]
)
def test_colours_are_for_terminals_that_want_them(environment: dict[str, str], coloured: bool, shop: Path) -> None:
    """On a terminal there are colours, with NO_COLOR or on a dumb one none, and in a pipe never."""
    shown = on_terminal("explain", "SM-UPL-03", "--no-pager", cwd=shop, **environment)
    assert "SM-UPL-03" in shown
    assert ("\x1b[1m" in shown) is coloured
    piped = averment("explain", "SM-UPL-03", cwd=shop, **environment)
    assert "\x1b" not in piped.stdout + piped.stderr


@pytest.mark.parametrize("terminal", [True, False])
def test_results_beside_a_bar_go_where_they_went(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    """Before 15, what Rich has stand in for stdout is no terminal: a scan's rows went by another way, began behind the bar, and had no colours."""
    shown = io.StringIO()
    monkeypatch.setattr(shown, "isatty", lambda: terminal, raising=False)
    monkeypatch.delattr(FileProxy, "isatty", raising=False)
    monkeypatch.setattr(sys, "stdout", FileProxy(Console(file=io.StringIO()), shown))
    assert sys.stdout.isatty() is False
    assert manners.on_terminal() is terminal


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_tables_have_no_colours_in_a_pipe_either(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """CI servers set these for other programs: a table that was searched had escape sequences in it, a list of findings had none."""
    monkeypatch.setenv(variable, "1")
    monkeypatch.setenv("TERM", "xterm")
    assert run(["controls", "list"]) == 0
    told = capsys.readouterr().out
    assert "SM-UPL-03" in told
    assert "\x1b" not in told


class _Clock:
    """Seconds that pass when somebody asks."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.6
        return self.now


@pytest.mark.parametrize(
    ("environment", "moves"), [({"TERM": "xterm"}, True), ({"TERM": "xterm", "CI": "true"}, False), ({"TERM": "dumb"}, False)]
)
def test_something_moves_on_a_terminal_and_not_in_ci(environment: dict[str, str], moves: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CI service may offer a terminal; its log still isn't one."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert lively(environment) is moves


def test_a_job_that_lasts_shows_how_far_it_is_and_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a second there is a line with the number done, the total and a remaining time; a job within it stays unseen."""
    monkeypatch.setattr("averment.cli.progress.lively", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    listener = TerminalListener(_Clock())
    with listener.job("checking", 5) as outer:
        for _ in range(3):
            with listener.job("within", 9) as inner:
                inner.step()
            outer.step()
        assert inner.drawn is None
        assert outer.drawn is not None
        progress, task = outer.drawn
        assert (progress.tasks[task].completed, progress.tasks[task].total) == (3, 5)
        progress.refresh()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "checking" in shown.err
    assert "3/5" in shown.err
    assert outer.drawn is None


def test_nothing_is_drawn_where_nothing_may_move(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe, in CI and with --quiet a job of any length leaves no byte."""
    monkeypatch.setattr("averment.cli.progress.lively", lambda: False)
    with TerminalListener(_Clock()).job("checking", 5) as job:
        for _ in range(5):
            job.step()
    assert capsys.readouterr() == ("", "")


def completed(words: str, cwd: Path) -> list[str]:
    """What bash offers after ``words`` with the program's own completion script loaded."""
    bash = shutil.which("bash")
    assert bash is not None
    script = averment("completion", "bash", cwd=cwd)
    assert script.returncode == 0
    assert script.stderr == ""
    (cwd / "completion.bash").write_text(script.stdout)
    wrapper = cwd / "averment"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m averment "$@"\n')
    wrapper.chmod(0o755)
    last = len(words.split(" ")) - 1
    ask = (
        "source completion.bash; complete -p averment >/dev/null || exit 9; "
        f"COMP_WORDS=({words} ''); COMP_WORDS=(\"${{COMP_WORDS[@]:0:{last + 1}}}\"); COMP_CWORD={last}; "
        "_averment_completion averment; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(
        [bash, "--norc", "-c", ask],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PATH": f"{cwd}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line]


def test_bash_completes_commands_options_and_names(tmp_path: Path) -> None:
    """The script of ``averment completion bash`` in a real bash: the second word, an option, a choice, and a control's id."""
    assert set(completed("averment ex", tmp_path)) == {"explain", "export"}
    assert "--baseline" in completed("averment check --base", tmp_path)
    assert completed("averment completion z", tmp_path) == ["zsh"]
    assert set(completed("averment explain SM-UPL", tmp_path)) == {"SM-UPL-01", "SM-UPL-02", "SM-UPL-03"}
    assert completed("averment rules show media-bucket-h", tmp_path) == ["media-bucket-hardened"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script_of_their_own(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The scripts name the program and the variable by which it is asked."""
    assert run(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert f"_AVERMENT_COMPLETE={shell}_complete" in text


def test_completing_a_command_imports_none_of_them() -> None:
    """The second word is completed from the list of commands: a key press doesn't wait for AWS or ONNX to load."""
    script = (
        "import sys, click\nfrom averment.cli.main import cli\n"
        "print([item.value for item in cli.shell_complete(click.Context(cli), 'me')])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], [name for name in sys.modules if name.startswith('averment.cli.media')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['media']", "[] []"]
    assert issubclass(type(cli), LazyGroup)


@pytest.mark.skipif(os.name != "posix", reason="where a pipe is closed otherwise")
@pytest.mark.parametrize(
    ("command", "stream"),
    [
        pytest.param("status", "stdout", id="table"),
        pytest.param("status", "stderr", id="note"),
        pytest.param("explain nothing-such", "stderr", id="error"),
    ],
)
def test_nobody_reading_is_no_finding(tmp_path: Path, command: str, stream: str) -> None:
    """Rich's console ended the program with 1: ``averment status | head -1`` told of findings, under ``set -o pipefail`` to a script. Of what
    nobody reads of stderr, Python itself made 120."""
    (tmp_path / "averment.yaml").write_text("version: 1\norganisation: {name: Shop}\n", encoding="utf-8")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        out, err = (writer if stream == name else subprocess.DEVNULL for name in ("stdout", "stderr"))
        asked = [sys.executable, "-m", "averment", *command.split()]
        done = subprocess.run(asked, cwd=tmp_path, check=False, timeout=60, stdout=out, stderr=err)
    finally:
        os.close(writer)
    assert done.returncode == 141
