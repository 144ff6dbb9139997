"""The check against the ``checkov`` CLI running the same rules: CPU seconds and peak memory of both, in one run.

    python benchmarks/check/speed.py --checkov .venv-checkov/bin/checkov            generated trees
    python benchmarks/check/speed.py --checkov ... --tree PATH --tree PATH          real ones

CPU is user and system time of the process and its children, so that other load on the machine matters little; each is run
``--rounds`` times, in turn, and the smallest counts. "Cold" finds nothing kept, "warm" is the check again with what it kept, "one edit"
once more after one file got another line, and "no cache" keeps nothing. Checkov runs the same rules as external checks; "own check" is
Checkov with one of its built-in checks instead, so that what our rules cost inside of Checkov doesn't flatter the ratio. Trees that are
named are copied first, because a file of theirs is edited. Every program is started once before it is measured, with Python's bytecode
kept, as it is after an installation.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import trees

BARS = {"tiny": 8.0, "monorepo": 20.0, "templates": 10.0}
"""The ratios that the check is held to, by tree."""

WARM_SECONDS = 0.5
"""The bar for a warm run on the tiny tree."""


@dataclass(frozen=True)
class Cost:
    """What one run took: CPU seconds, peak resident MiB of its largest process, exit code."""

    cpu: float
    memory: float
    code: int


def run(command: Sequence[str], environment: dict[str, str]) -> Cost:
    """Run ``command`` with its output thrown away."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, child.returncode)


def best(costs: list[Cost]) -> Cost:
    """The run with the least CPU."""
    return min(costs, key=lambda cost: cost.cpu)


def compare(tree: Path, checkov: str | None, averment: str, rounds: int) -> dict[str, Cost]:
    """Everything measured on one tree, by name."""
    external = subprocess.run([averment, "rules", "path"], capture_output=True, text=True, check=True).stdout.strip()
    plain = [checkov or "", "-d", str(tree), "--framework", "terraform", "cloudformation", "-o", "json", "--skip-download", "--quiet"]
    ours = [averment, "check", str(tree), "-f", "json"]
    commands = {
        "cold": ours,
        "warm": ours,
        "one edit": ours,
        "no cache": [*ours, "--no-cache"],
        "checkov": [*plain, "--external-checks-dir", external, "--check", "AVERMENT*"],
        "own check": [*plain, "--check", "CKV_AWS_21"],
    }
    found: dict[str, list[Cost]] = {name: [] for name in commands if checkov or commands[name][0] == averment}
    edited = next((path for path in sorted(tree.rglob("*")) if path.name in {"main.tf", "template.yaml"}), None)
    if edited is None:
        found.pop("one edit")
    with tempfile.TemporaryDirectory() as bytecode:
        environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONDONTWRITEBYTECODE", "AVERMENT_CACHE_DIR"}}
        environment |= {"PYTHONPYCACHEPREFIX": bytecode, "LOG_LEVEL": "ERROR"}
        for name in {"no cache", "checkov"} & found.keys():
            run(commands[name], environment)
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as cache:
                for name, costs in found.items():
                    if name == "one edit" and edited is not None:
                        edited.write_text(edited.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
                    costs.append(run(commands[name], {**environment, "XDG_CACHE_HOME": cache}))
    return {name: best(costs) for name, costs in found.items()}


def report(name: str, files: int, found: dict[str, Cost]) -> str:
    """The lines of one tree; says whether each bar is met."""
    lines = [f"{name}: {files:,} files"]
    for which, cost in found.items():
        ratio = f"  {cost.cpu / found['cold'].cpu:6.2f} x cold, {cost.cpu / found['warm'].cpu:6.2f} x warm"
        lines.append(f"  {which:<10} {cost.cpu:8.2f} s CPU {cost.memory:7.0f} MiB  exit {cost.code}{ratio}")
    theirs = found.get("checkov")
    bar = BARS.get(name)
    if theirs is not None and bar is not None:
        met = "met" if theirs.cpu / found["cold"].cpu >= bar else "NOT met"
        half = "met" if found["cold"].memory <= theirs.memory / 2 else "NOT met"
        lines.append(f"  bar: {bar:g} x: {met}; at most half of the memory: {half}")
    if name == "tiny":
        lines.append(f"  bar: warm under {WARM_SECONDS} s: {'met' if found['warm'].cpu < WARM_SECONDS else 'NOT met'}")
    return "\n".join(lines)


def main() -> int:
    """Generate or take the trees, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--checkov", help="the checkov program, of an environment that has averment[iac] too; without it only our side is measured"
    )
    parser.add_argument("--averment", default=str(Path(sys.executable).with_name("averment")))
    parser.add_argument("--tree", type=Path, action="append", default=[], help="measure this folder instead of generated ones")
    parser.add_argument("--only", choices=list(BARS), action="append", help="which generated trees")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.checkov and shutil.which(given.checkov) is None:
        parser.error(f"there is no program {given.checkov}")
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; CPU seconds, best of {given.rounds}")
    for named in given.tree:
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(shutil.copytree(named, Path(folder, named.resolve().name), symlinks=True))
            files = sum(len(names) for _, _, names in os.walk(tree))
            print(report(tree.name, files, compare(tree, given.checkov, given.averment, given.rounds)), flush=True)
    if not given.tree:
        with tempfile.TemporaryDirectory() as folder:
            for name in given.only or BARS:
                tree = Path(folder, name)
                files = getattr(trees, name)(tree)
                print(report(name, files, compare(tree, given.checkov, given.averment, given.rounds)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
