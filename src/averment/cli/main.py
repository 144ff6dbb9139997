"""The entry point: finds the command, catches the product's errors once, and sets the exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click

from averment import __version__
from averment.cli.lazy import PipeClosedError, lazy_group
from averment.cli.manners import begin, loud, with_manners
from averment.cli.progress import told_on_terminal
from averment.cli.streams import FULL, begin_in_utf8, prepare_streams
from averment.core.errors import AvermentError, ExitCode
from averment.core.showing import harmless, printable
from averment.core.stopping import Terminated, told

_PIPE_CLOSED = 141
"""What a shell says of a program that a closed pipe ended (128 and SIGPIPE)."""

_TERMINATED = 143
"""And of one that was asked to end (128 and SIGTERM)."""

_REFUSED = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENAMETOOLONG),
)
"""What a system says that lacks something or forbids it."""

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("averment.cli.init", "Write a commented averment.yaml for this repository."),
    "check": ("averment.cli.check", "Check infrastructure as code before merge."),
    "explain": ("averment.cli.explain.command", "Explain a control, rule, finding, article, claim or word of a result."),
    "rules": ("averment.cli.rules", "List, show and test the rules, begin one, deploy them to AWS Config."),
    "controls": ("averment.cli.controls", "List, show and lint the controls and the law behind them."),
    "collect": ("averment.cli.collect", "Collect facts from AWS into the ledger."),
    "prove": ("averment.cli.prove", "Test claims: supported, refuted or inconclusive."),
    "attest": ("averment.cli.attest", "Record what a responsible person states."),
    "status": ("averment.cli.status", "Show the state of every control."),
    "export": ("averment.cli.export", "Write a period's evidence package."),
    "verify": ("averment.cli.verify", "Verify an evidence package offline."),
    "push": ("averment.cli.push", "Hand evidence to Audit Manager, Security Hub or an S3 bucket."),
    "ledger": ("averment.cli.ledger", "Verify the evidence ledger, prove a record, change its key, cosign it."),
    "media": ("averment.cli.media", "Scan, explain, sign, inspect and take down media."),
    "detector": ("averment.cli.detector", "Serve a detector over HTTP, choose from which score on it flags."),
    "incident": ("averment.cli.incident", "Handle an incident: clocks, custody, decisions, report."),
    "review": ("averment.cli.review", "Decide what the media gate held."),
    "runbooks": ("averment.cli.runbooks", "List, show, render and run the runbooks for an incident."),
    "blueprints": ("averment.cli.blueprints", "List, show and write blueprints: CloudFormation and Terraform that pass."),
    "site": ("averment.cli.site", "Build or serve the governance site."),
    "completion": ("averment.cli.completion", "Print the completion for a shell."),
    "sandbox": ("averment.cli.sandbox", "Run the embedded AWS."),
    "demo": ("averment.cli.demo", "Run the whole job on the embedded AWS."),
}
# name: (module that defines a click command called `command`, one line of help)
"""Every command, written out, so that ``--help`` and completion import none of them."""


@click.group(
    cls=lazy_group({name: (module, "command", summary) for name, (module, summary) in COMMANDS.items()}),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="averment")
def cli() -> None:
    """Policy as code and provable evidence for synthetic-media risk on AWS.

    Exit codes: 0 clean, 1 findings, 2 usage or bad input, 3 could not complete.

    Example: averment check infrastructure/
    """


with_manners(cli)


def run(arguments: list[str] | None = None) -> int:
    """Run the program and return its exit code; errors go to stderr, without a traceback."""
    try:
        begin()
        with told_on_terminal():
            result = cli.main(args=arguments, prog_name="averment", standalone_mode=False)
    except AvermentError as error:
        click.echo(f"averment: {error.diagnostics()}", err=True)
        if loud():
            _causes(error)
        return int(error.exit_code)
    except PipeClosedError as error:
        raise BrokenPipeError from error
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return int(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt) as stop:
        if isinstance(stop.__cause__, EOFError):  # click takes any for the end of what somebody types
            raise stop.__cause__ from None
        click.echo("\n  ".join(["averment: interrupted", *map(printable, told(stop))]), err=True)
        return 130
    except SystemExit as stop:
        if notes := told(stop):
            click.echo("\n  ".join(["averment: ended", *map(printable, notes)]), err=True)
        raise
    return result if isinstance(result, int) else int(ExitCode.CLEAN)


def _causes(error: BaseException) -> None:
    """What led to ``error``, step by step, for whoever asked for more."""
    cause = error.__cause__ or error.__context__
    while cause is not None:
        click.echo(f"  caused by {type(cause).__name__}: {harmless(str(cause))}", err=True)
        cause = cause.__cause__ or cause.__context__


def _nowhere() -> bool:
    """Whether the folder that this runs in is gone: removed, or taken away by a checkout, under a shell that is still in it."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _cut_short(error: Exception) -> str | None:
    """The compiled module at which ``error`` came up, if it did: Python before 3.12.8 keeps what it could write of one, and reads that ever after."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    if at is None or at.tb_frame.f_code.co_name != "_compile_bytecode":
        return None
    path = at.tb_frame.f_locals.get("bytecode_path")
    return None if path is None else printable(str(path))


def _lacking(error: Exception) -> str | None:
    """What this machine refused where no command has a word of its own for it; None if that isn't what ``error`` is about."""
    if isinstance(error, MemoryError):
        return "there isn't enough memory for this"
    if not isinstance(error, OSError):
        return None
    if error.errno in _REFUSED and error.filename is not None:
        return f"{printable(os.fsdecode(error.filename))}: {error.strerror}"
    nowhere_to_put = error.errno == errno.ENOENT and error.filename is None  # which ``tempfile`` says, naming the folders
    return error.strerror if nowhere_to_put or error.errno in _REFUSED else None


def _flaw(error: Exception) -> int:
    """Tell an error that nobody foresaw."""
    if isinstance(error, FileNotFoundError) and _nowhere():
        click.echo("averment: the folder that this was started in is gone\n  fix: change to one that is there", err=True)
        return int(ExitCode.USAGE)
    if (module := _cut_short(error)) is not None:
        click.echo(
            f"averment: {module}: a module that Python compiled is damaged, as a full disk leaves it\n  fix: remove it, then run again",
            err=True,
        )
        return int(ExitCode.INCOMPLETE)
    if (lacking := _lacking(error)) is not None:
        click.echo(f"averment: {lacking}", err=True)
        if loud():
            traceback.print_exc()
        else:
            click.echo(
                "  fix: mend rights, space or limits of this machine, then run it again; nothing that was said is a result", err=True
            )
        return int(ExitCode.INCOMPLETE)
    click.echo(f"averment: a flaw of averment itself: {type(error).__name__}: {harmless(str(error))}", err=True)
    if loud():
        traceback.print_exc()
    else:
        click.echo("  fix: run it again with --verbose, and report what it prints; nothing that it says is a result", err=True)
    return int(ExitCode.INCOMPLETE)


def _terminated(*_: object) -> NoReturn:
    """Leave as an error would: what was lent or half written is tidied away."""
    raise Terminated(_TERMINATED)


def main() -> NoReturn:
    """The console script."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # how timeout, systemd and containers stop a job
        signal.signal(signal.SIGTERM, _terminated)
    begin_in_utf8()
    prepare_streams()
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has gone (| head): nothing is left to say, and nothing must be said at exit either.
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        code = _PIPE_CLOSED
    except OSError as error:
        if error.errno not in FULL or error.filename is not None:
            code = _flaw(error)
        else:  # results go through stdout alone: every other file is written with an error of its own
            click.echo(f"averment: the result could not be written: {error.strerror}\n  fix: free space, or send it elsewhere", err=True)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = int(ExitCode.INCOMPLETE)
    except Exception as error:  # noqa: BLE001 - Python would exit with 1, which here means findings
        code = _flaw(error)
    sys.exit(code)
