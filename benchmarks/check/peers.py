"""What is measured, ours and others: each a command for a tree, with what has to be known to compare them.

Whoever adds one writes a class here and lists it in ``peers``. No command may use the network.
"""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Peer(ABC):
    """A program under measurement. ``name`` is short, ``note`` says what it does on a tree."""

    name: str
    note: str

    @abstractmethod
    def command(self, tree: Path) -> list[str]:
        """What to run."""

    @abstractmethod
    def version(self) -> str:
        """The program and its version."""

    def reads(self, tree: Path) -> bool:  # noqa: ARG002 - what most of them read is everything
        """Whether there is anything in ``tree`` for it."""
        return True


@dataclass(frozen=True)
class Averment(Peer):
    """The native engine with all rules."""

    program: str
    name: str = "cold"
    note: str = "averment check, all rules"

    def command(self, tree: Path) -> list[str]:
        return [self.program, "check", str(tree), "-f", "json"]

    def version(self) -> str:
        return said(self.program, "--version")


@dataclass(frozen=True)
class AvermentAgain(Averment):
    """The same again, with what the run before it kept."""

    name: str = "warm"
    note: str = "averment check, all rules, once more"


@dataclass(frozen=True)
class Checkov(Peer):
    """Checkov's own program with the same rules as external checks."""

    program: str
    averment: str
    name: str = "checkov"
    note: str = "all our rules as external checks"

    def command(self, tree: Path) -> list[str]:
        external = said(self.averment, "rules", "path")
        return [*self.plain(tree), "--external-checks-dir", external, "--check", "AVERMENT*"]

    def plain(self, tree: Path) -> list[str]:
        """The program on ``tree`` with neither rules nor network."""
        return [self.program, "-d", str(tree), "--framework", "terraform", "cloudformation", "-o", "json", "--skip-download", "--quiet"]

    def version(self) -> str:
        return f"checkov {said(self.program, '--version')}"


@dataclass(frozen=True)
class CheckovAlone(Checkov):
    """Checkov with one of its built-in checks, so that what our rules cost inside of it doesn't flatter the ratio."""

    name: str = "own check"
    note: str = "one of Checkov's own checks, none of ours"

    def command(self, tree: Path) -> list[str]:
        return [*self.plain(tree), "--check", "CKV_AWS_21"]


@dataclass(frozen=True)
class C7nLeft(Peer):
    """Cloud Custodian's c7n-left, which reads Terraform only and has none of our rules: it runs one policy of its own language."""

    python: str
    name: str = "c7n-left"
    note: str = "ONE policy (a bucket keeps versions), where the check runs all rules; without its downloads of modules"

    def command(self, tree: Path) -> list[str]:
        return [self.python, str(HERE / "c7n" / "offline.py"), str(HERE / "c7n" / "policies"), str(tree)]

    def reads(self, tree: Path) -> bool:
        return any(tree.rglob("*.tf"))

    def version(self) -> str:
        code = 'from importlib.metadata import version as v; print(f\'c7n-left {v("c7n-left")} (tfparse {v("tfparse")})\')'
        return said(self.python, "-c", code)


def peers(averment: str, checkov: str | None, c7n: str | None) -> list[Peer]:
    """Everything to measure, ours first; ``c7n`` is the interpreter of c7n-left's environment."""
    found: list[Peer] = [Averment(averment), AvermentAgain(averment)]
    if checkov is not None:
        found += [Checkov(checkov, averment), CheckovAlone(checkov, averment)]
    return [*found, C7nLeft(c7n)] if c7n is not None else found


def said(*command: str) -> str:
    """The first line of what ``command`` prints."""
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return text.splitlines()[0] if text else ""
