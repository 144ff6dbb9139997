"""The stage of the demo: a folder of its own, commands shown as a user types them, and their exit codes held to what is expected."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from averment.core.errors import BadInputError, ExitCode, IncompleteError
from averment.core.source import SourceRef

MARKER = ".averment-demo"
"""In a folder that the demo made, and may therefore empty. Nothing else is ever deleted."""


@dataclass
class Stage:
    """Where the demo plays, and how it shows what it does."""

    folder: Path
    console: Console
    named: Path | None = None
    """The folder as the user named it: what is told to be opened is typed where the demo was called."""
    _step: int = 0

    def heading(self, text: str) -> None:
        """Start the next numbered step."""
        self._step += 1
        self.console.print(f"\n[bold]{self._step}. {text}[/bold]")

    def say(self, text: str) -> None:
        """A sentence of the narrator."""
        self.console.print(f"   [dim]{text}[/dim]")

    def show(self, command: Sequence[str]) -> str:
        """Print a command as it would be typed, and return that line."""
        line = shlex.join(command)
        self.console.print(f"   [cyan]$ {escape(line)}[/cyan]")
        sys.stdout.flush()
        return line

    def averment(self, *arguments: str, expect: tuple[int, ...] = (ExitCode.CLEAN,), lines: int | None = None) -> int:
        """Run one command of the program in this process, after showing it; of long output the first ``lines`` and the last.

        Raises:
            IncompleteError: it exited with another code than the demo's input must give.
        """
        from averment.cli.main import run

        line = self.show(["averment", *arguments])
        if lines is None:
            code = run(list(arguments))
        else:
            with contextlib.redirect_stdout(_Aside(sys.stdout.isatty())) as shown:
                code = run(list(arguments))
            self.excerpt(shown.getvalue(), lines)
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        self.console.print(f"   [dim]exit {code}: {MEANING.get(code, 'unknown')}[/dim]")
        if code not in expect:
            wanted = " or ".join(str(int(item)) for item in expect)
            raise IncompleteError(f"'{line}' exited {code}; with the demo's own input it should exit {wanted}", fix="please report this")
        return code

    def excerpt(self, text: str, lines: int) -> None:
        """The first ``lines`` of ``text``, as a command wrote it, and its last; what is left out between them is counted."""
        found = text.rstrip().splitlines()
        whole = len(found) <= lines + 2
        self.console.file.write("\n".join(found if whole else found[:lines]) + "\n")
        if not whole:
            self.say(f"... {len(found) - lines - 1} more lines ...")
            self.console.file.write(found[-1] + "\n")


class _Aside(io.StringIO):
    """Where a command writes of which an excerpt is shown: a terminal if that is shown on one, for the command's colours and width."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


INTERRUPTED = 130
"""What the program exits with after Ctrl-C (128 and the number of SIGINT): the demo ends with it too, rather than call it a defect."""

MEANING = {0: "clean", 1: "findings", 2: "bad input", 3: "something could not be assessed"}


@contextlib.contextmanager
def prepared(folder: Path) -> Iterator[Path]:
    """An empty ``folder`` holding the example shop, as working folder for the block.

    Raises:
        BadInputError: the folder exists and the demo didn't make it.
        IncompleteError: the file system refused.
    """
    before = Path.cwd()
    folder = folder.resolve()
    try:
        if folder.exists() and any(folder.iterdir()):
            if not (folder / MARKER).is_file():
                raise BadInputError(
                    "is not empty, and not a folder of the demo's", where=SourceRef(str(folder)), fix="choose another with --workspace"
                )
            for item in folder.iterdir():  # not the folder itself, in which the user's shell may stand
                if item.name == MARKER:  # stays to the end: what is emptied in part is the demo's too
                    continue
                if item.is_dir() and not item.is_symlink():
                    shutil.rmtree(item)
                else:
                    item.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER).write_text("Made by `averment demo`, which may empty it.\n", encoding="utf-8")
        with resources.as_file(resources.files("averment.sandbox").joinpath("shop")) as shop:
            shutil.copytree(shop, folder / "shop", ignore=shutil.ignore_patterns(".averment", "__pycache__", ".terraform"))
    except OSError as error:
        raise IncompleteError(
            f"the workspace could not be made: {error.strerror or error}",
            where=SourceRef(str(folder)),
            fix="free space or fix permissions, or choose another with --workspace",
        ) from error
    os.chdir(folder / "shop")
    try:
        yield folder
    finally:
        os.chdir(before if before.is_dir() else folder)  # it may have been a folder of the earlier demo
