"""What tfparse makes of a module: asked only for expressions that our own evaluation doesn't know, in a child process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from averment.core.source import SourceRef
from averment.policies.graph.model import Problem

SECONDS = 30
"""A hint resolves a few expressions more; nobody waits minutes for that (modules of 300 files take tfparse longer)."""

MAX_OUTPUT = 512 * 1024 * 1024
_CHILD = Path(__file__).with_name("hints_child.py")


def _environment() -> dict[str, str]:
    """The child's environment, without what Terraform and tfparse take for settings: the files alone decide."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TF_")}


class Hints:
    """Attribute values of a root module's resources as tfparse evaluates them; the child runs at the first question.

    ``refusal`` is asked before that, and says why it must not run, if it must not.
    """

    def __init__(
        self,
        folder: Path,
        variable_files: tuple[Path, ...] = (),
        *,
        seconds: float = SECONDS,
        refusal: Callable[[], Problem | None] = lambda: None,
    ) -> None:
        self.folder, self.variable_files, self.seconds, self.refusal = folder, variable_files, seconds, refusal
        self.problems: list[Problem] = []
        self._by_address: dict[str, Mapping[str, Any]] | None = None

    @property
    def asked(self) -> bool:
        """Whether there was a question."""
        return self._by_address is not None

    def of(self, address: str) -> Mapping[str, Any]:
        """The evaluated attributes of the resource at ``address``; empty if it isn't known."""
        return self._load().get(address, {})

    def _load(self) -> dict[str, Mapping[str, Any]]:
        if self._by_address is None:
            self._by_address = {}
            refused = self.refusal()
            if refused is not None:
                self.problems.append(refused)
            for items in self._run().values() if refused is None else ():
                for item in items if isinstance(items, list) else ():
                    meta = item.get("__tfmeta", {})
                    if isinstance(meta.get("path"), str):
                        self._by_address.setdefault(meta["path"], item)
        return self._by_address

    def _run(self) -> Mapping[str, Any]:
        arguments = [sys.executable, "-I", str(_CHILD), str(self.folder.resolve()), *(path.name for path in self.variable_files)]
        try:
            done = subprocess.run(arguments, capture_output=True, timeout=self.seconds, check=False, cwd=self.folder, env=_environment())
        except subprocess.TimeoutExpired:
            return self._problem(f"tfparse did not finish within {self.seconds:g} s")
        except OSError as error:
            return self._problem(f"tfparse could not be started: {error.strerror}")
        if done.returncode < 0:
            return self._problem(f"tfparse was killed by signal {-done.returncode}")
        if done.returncode != 0:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            said = next(
                (line for line in reversed(lines) if "Error" in line or line.startswith(("panic", "fatal", "runtime"))), "no message"
            )
            return self._problem(f"tfparse failed: {said[:300]}")
        if len(done.stdout) > MAX_OUTPUT:
            return self._problem("tfparse's answer is too large")
        try:
            value = json.loads(done.stdout)
        except ValueError:
            return self._problem("tfparse's answer is not JSON")
        return value if isinstance(value, dict) else {}

    def _problem(self, reason: str) -> Mapping[str, Any]:
        self.problems.append(Problem(f"{reason}; expressions that need it were not resolved", SourceRef(str(self.folder)), fleeting=True))
        return {}
