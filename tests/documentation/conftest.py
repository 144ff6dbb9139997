"""Follows a page of the documentation as a reader would: writes its files, types its commands, compares what is printed.

Every fenced block is one of these, or the page fails:

- marked: ``<!-- not run: REASON -->`` stands directly above it;
- ``console``: each line after ``$ `` is run, must print the lines below it (``...`` stands for anything), and leave with 0 or with what a comment
  behind it says (``# exit 1``);
- a file: its first line is a comment with a path, and it is written there;
- something that the program reads (settings, claims, detectors, Terraform, JSON): it is read;
- what the page's world in ``test_pages.py`` knows how to try.

``pip install`` and ``make`` aren't run again: the extras and targets that they name have to exist. A test session is what they lead to.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

import averment
from averment.cli.main import run as averment_run
from averment.controls.loader import load_catalogue
from averment.core.organisation import load_organisation
from averment.detector.claims.run import check_claim

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "governance" / "docs"
LIMIT_SECONDS = 300
"""Far more than any command of a page takes, on a slow machine as well."""
SHELL_SIGNS = re.compile(r"[|><&;]|\$\(|\$[!?]")
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- not run: (?P<reason>[^>]{5,}?) -->\n\s*\Z")
NAMED = re.compile(r"^# (?P<path>[\w./-]+\.(?:tf|ya?ml|py|toml|csv))$")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; ``reason`` is why it is not run, None where it is."""

    page: str
    line: int
    language: str
    text: str
    reason: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class World:
    """What a page takes for granted, and how its own blocks are tried.

    ``prepare`` makes what the reader has already, in the current folder and the embedded AWS. ``before`` does something ahead of the
    first command that begins so. ``codes`` are the exit codes of commands that don't leave with 0, by their beginning. ``tries`` takes a
    block that no general rule covers, and says whether it was its. ``bash``: all commands are typed into one shell. ``copied``: the pages of
    sites are copied and not rendered (``pages_are_copied``).
    """

    prepare: Callable[[pytest.MonkeyPatch], None] = lambda _: None
    before: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    tries: Callable[[Block], bool] = lambda _: False
    bash: bool = False
    copied: bool = False


def blocks_of(path: Path) -> Iterator[Block]:
    """The fenced blocks of a page in order."""
    text = path.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        mark = MARK.search(text[: found.start()])
        indent = found["indent"]
        body = "".join(line.removeprefix(indent) for line in found["text"].splitlines(keepends=True))
        yield Block(path.name, text.count("\n", 0, found.start()) + 1, found["language"], body, mark["reason"] if mark else None)


def pages() -> list[Path]:
    """The README and every page of the documentation."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def commands(block: Block) -> list[tuple[str, list[str]]]:
    """Each command of a console block with the lines that it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and found[-1][0].endswith("\\") and not found[-1][1]:
            found[-1] = (found[-1][0].removesuffix("\\") + line.strip(), [])
        else:
            assert found, f"{block}: a console block begins with a command"
            found[-1][1].append(line)
    return found


def printed(line: str) -> re.Pattern[str]:
    """What a shown line stands for: ``...`` for anything, spaces for as many as there are."""
    parts = [r"\s+".join(re.escape(word) for word in part.split()) for part in line.split("...")]
    return re.compile(".*".join(parts))


def environment() -> dict[str, str]:
    """The variables of a shell in which ``averment`` is this tree's, beside the tools that are installed with it."""
    source = str(Path(averment.__file__).parents[1])
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": source, "COLUMNS": "200"}


class Shell:
    """One bash into which commands are typed, so that variables, folders and background jobs last."""

    def __init__(self) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment()
        )

    def type(self, command: str) -> tuple[int, str]:
        """The exit code of a command, and what it and the jobs behind it printed until it was done."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{command}\necho __done__ $?\n")
        self._bash.stdin.flush()
        said = ""
        for line in self._bash.stdout:
            before, done, code = line.partition("__done__ ")
            said += before
            if done:
                return int(code), said
        raise AssertionError(f"bash ended at: {command}\n{said}")

    def close(self) -> None:
        """End the shell and what it started in the background."""
        self._bash.communicate("kill $(jobs -p) 2>/dev/null; exit\n", timeout=30)


class Reader:
    """Follows one page in the current folder."""

    def __init__(self, page: Path, world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.page, self.world, self.capsys, self.monkeypatch = page, world, capsys, monkeypatch
        self.started: set[str] = set()
        self.shell = Shell() if world.bash else None

    def follow(self) -> None:
        """Every block of the page, in order."""
        try:
            self.world.prepare(self.monkeypatch)
            for block in blocks_of(self.page):
                if block.reason is None:
                    self.try_block(block)
        finally:
            if self.shell is not None:
                self.shell.close()

    def try_block(self, block: Block) -> None:
        """Run, write or read one block."""
        if block.language == "console":
            for command, lines in commands(block):
                self.run(block, command, lines)
            return
        named = NAMED.match(block.text.splitlines()[0]) if block.text else None
        if named is not None:
            path = Path(named["path"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            if path.name != "averment.yaml":
                return
        known = self.world.tries(block) or (named is None and read(block))
        if named is not None:
            load_catalogue(load_organisation(Path(named["path"])))
        assert known or named, f"{block}: nobody knows how to try this block. Give its page a world, or mark it: <!-- not run: REASON -->"

    def run(self, block: Block, command: str, lines: list[str]) -> None:
        """One command: its exit code is the expected one, and it prints what is shown."""
        for start, act in self.world.before.items():
            if command.startswith(start) and start not in self.started:
                self.started.add(start)
                act()
        code, said = self.type(command)
        expected = self.expected(command)
        assert code == expected, f"{block}: {command}\nleft with {code}, expected {expected}\n{said}"
        for line in lines:
            assert printed(line).search(said), f"{block}: {command}\ndoesn't print: {line}\n{said}"

    def expected(self, command: str) -> int:
        """The exit code that the page gives (``# exit 1``), or its world by the command's beginning; else 0."""
        if said := re.search(r"# exit (\d)", command):
            return int(said[1])
        return max(
            (item for item in self.world.codes.items() if command.startswith(item[0])), key=lambda item: len(item[0]), default=("", 0)
        )[1]

    def type(self, command: str) -> tuple[int, str]:
        """The exit code of a command, and what it printed; one that doesn't come to an end fails its page instead of holding up the others."""

        def too_long(*_: object) -> None:
            raise TimeoutError(f"{self.page.name}: '{command}' has not ended after {LIMIT_SECONDS} s")

        before = signal.signal(signal.SIGALRM, too_long)
        signal.alarm(LIMIT_SECONDS)
        try:
            return self._type(command)
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)

    def _type(self, command: str) -> tuple[int, str]:
        words = shlex.split(command, comments=True)
        if words[0] in ("pip", "make"):
            return (exists(words), "")
        if self.shell is not None:
            return self.shell.type(command)
        if words[0] == "cd":
            self.monkeypatch.chdir(words[1])
            return 0, ""
        alone = words[:3] in (["averment", "incident", "drill"], ["averment", "sandbox", "run"])  # they bring an AWS of their own
        if (
            words[0] == "averment"
            and not alone
            and not SHELL_SIGNS.search(re.sub(r"'[^']*'|\"[^\"$]*\"", "", command.split(" # ", maxsplit=1)[0]))
        ):
            code = averment_run(words[1:])
            output = self.capsys.readouterr()
            return code, output.out + output.err
        ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, env=environment(), timeout=120)
        return ran.returncode, ran.stdout + ran.stderr


def exists(words: list[str]) -> int:
    """0 if what ``pip install`` or ``make`` names is there: every extra, every target."""
    if words[0] == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        return int(not all(re.search(rf"^{word}:", makefile, re.MULTILINE) for word in words[1:] if "=" not in word))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = [extra for word in words[2:] for extra in (re.findall(r"\[(.+)\]", word) or [""])[0].split(",") if extra]
    return int(words[1] != "install" or not set(named) <= set(extras))


def read(block: Block) -> bool:
    """Whether the program or a parser can read the block; raises what they raise."""
    if block.language == "python":
        exec(compile(block.text, str(block), "exec"), {"__name__": "page"})
        return True
    if block.language == "json":
        json.loads(block.text)
        return True
    if block.language == "toml":
        tomllib.loads(block.text)
        return True
    if block.language == "terraform":
        folder = Path(f"block-{block.line}")
        folder.mkdir()
        (folder / "main.tf").write_text(block.text)
        return averment_run(["check", str(folder), "--exit-zero"]) == 0
    return block.language == "yaml" and read_yaml(block.text)


def read_yaml(text: str) -> bool:
    """Settings, parts of settings, claims."""
    document: dict[str, Any] = yaml.safe_load(text)
    settings = json.loads((ROOT / "src/averment/core/schemas/averment.schema.json").read_text())["properties"]
    if set(document) <= set(settings):
        whole = "version" in document
        file = Path("averment.yaml") if whole else Path("part.yaml")
        file.write_text(text if whole else f"version: 1\n{text}")
        load_organisation(file)
        return True
    for claim in document.get("claims", [document] if "type" in document else []):
        check_claim(claim)
    return "claims" in document or "type" in document


@pytest.fixture
def pages_by_name() -> dict[str, Path]:
    """Every page by its file's name."""
    return {path.name: path for path in pages()}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``page`` is asked of every page."""
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", pages(), ids=lambda path: path.name)


@pytest.fixture
def follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> Callable[..., None]:
    """Follows a page in an empty folder, with an empty embedded AWS unless its world brings its own."""
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def go(page: Path, **of_the_page: Any) -> None:
        world = World(**of_the_page)
        if not world.bash:
            request.getfixturevalue("sandbox")
            request.getfixturevalue("without_sockets")  # what a page's shell starts comes by the socket
        if world.copied:
            request.getfixturevalue("pages_are_copied")
        Reader(page, world, capsys, monkeypatch).follow()

    return go
