"""The check against its peers: CPU seconds and peak memory of each, in one run.

    python benchmarks/check/speed.py --checkov .venv-checkov/bin/checkov --c7n .venv-c7n/bin/python      generated trees
    python benchmarks/check/speed.py --checkov ... --tree PATH --tree PATH                                real ones

CPU is user and system time of the process and its children, so that other load on the machine matters little. In each round every
program runs once on the tree, one after the other; a ratio is the median of the rounds' ratios, a figure the median of the rounds.
"Warm" is the check again with what the run before it kept. What each peer does, and doesn't, stands in ``peers.py`` and in the output.
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
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))
import trees
from peers import Peer, peers

BARS = {"tiny": 8.0, "monorepo": 20.0, "templates": 10.0}
"""The ratios to Checkov that the check is held to, by tree."""

WARM_SECONDS = 0.5
"""The bar for a warm run on the tiny tree."""

FINISHED = (0, 1)
"""Exit codes of a run that looked at everything, for each of the programs."""


@dataclass(frozen=True)
class Cost:
    """What one run took: CPU seconds, peak resident MiB of its largest process, exit code."""

    cpu: float
    memory: float
    code: int


@dataclass(frozen=True)
class Measured:
    """The runs of one program on one tree, one a round."""

    peer: Peer
    costs: tuple[Cost, ...]

    @property
    def cpu(self) -> float:
        return median(cost.cpu for cost in self.costs)

    @property
    def memory(self) -> float:
        return median(cost.memory for cost in self.costs)

    @property
    def finished(self) -> bool:
        return all(cost.code in FINISHED for cost in self.costs)

    def times(self, other: Measured) -> float:
        """How many times the CPU of ``other`` this took: the median over the rounds."""
        return median(mine.cpu / theirs.cpu for mine, theirs in zip(self.costs, other.costs, strict=True))


def run(command: Sequence[str], environment: dict[str, str]) -> Cost:
    """Run ``command`` with its output thrown away."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, child.returncode)


def compare(tree: Path, measured: Sequence[Peer], rounds: int) -> list[Measured]:
    """Every program that reads ``tree``, with its runs. Each round starts with an empty cache."""
    commands = {peer: peer.command(tree) for peer in measured if peer.reads(tree)}
    costs: dict[Peer, list[Cost]] = {peer: [] for peer in commands}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "XDG_CACHE_HOME": cache, "LOG_LEVEL": "ERROR"}
            for peer, command in commands.items():
                costs[peer].append(run(command, environment))
    return [Measured(peer, tuple(found)) for peer, found in costs.items()]


def report(name: str, tree: Path, found: Sequence[Measured], asked: Sequence[Peer], *, held: bool = False) -> str:
    """The lines of one tree, and what can't be said; ``held``: whether the bars of a generated tree are met, too."""
    cold = found[0]
    lines = [f"{name}: {size(tree)}"]
    for item in found:
        text = f"  {item.peer.name:<10} {item.cpu:8.2f} s CPU {item.memory:7.0f} MiB"
        if not item.finished:
            codes = sorted({cost.code for cost in item.costs})
            lines.append(f"{text}  exit {', '.join(map(str, codes))}: did not look at everything, so no ratio")
            continue
        ratio = f"  {item.times(cold):6.1f} x the check" if item is not cold and cold.finished else " " * 20
        lines.append(f"{text}{ratio}  {item.peer.note}")
    lines += [f"  {peer.name:<10} reads nothing here" for peer in asked if peer not in [item.peer for item in found]]
    return "\n".join([*lines, *(bars(name, {item.peer.name: item for item in found}) if held else ())])


def bars(name: str, found: dict[str, Measured]) -> list[str]:
    """Whether the bars of a generated tree are met."""
    cold, theirs, bar = found["cold"], found.get("checkov"), BARS.get(name)
    lines = []
    if theirs is not None and bar is not None and cold.finished and theirs.finished:
        lines.append(
            f"  bar: {bar:g} x: {met(theirs.times(cold) >= bar)}; at most half of the memory: {met(cold.memory <= theirs.memory / 2)}"
        )
    if name == "tiny":
        lines.append(f"  bar: warm under {WARM_SECONDS} s: {met(found['warm'].cpu < WARM_SECONDS)}")
    return lines


def met(held: bool) -> str:
    return "met" if held else "NOT met"


def size(tree: Path) -> str:
    """How large a tree is."""
    paths = [Path(folder, name) for folder, _, names in os.walk(tree) for name in names]
    kinds = {kind: sum(path.name.endswith(kind) for path in paths) for kind in (".tf", ".yaml", ".yml", ".json")}
    shown = ", ".join(f"{number:,} {kind}" for kind, number in kinds.items() if number)
    return f"{len(paths):,} files ({shown}), {sum(path.stat().st_size for path in paths) / 2**20:,.1f} MiB"


def machine(measured: Sequence[Peer], rounds: int) -> str:
    """What all of it ran on."""
    cpu = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    versions = "; ".join(dict.fromkeys(peer.version() for peer in measured))
    return (
        f"{cpu}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {platform.system()} {platform.release()}, Python {platform.python_version()}\n"
        f"{versions}\nCPU seconds and peak memory, medians of {rounds} rounds"
    )


def main() -> int:
    """Generate or take the trees, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--checkov", help="the checkov program, of an environment that has averment[iac] too; without it only our side is measured"
    )
    parser.add_argument("--c7n", help="the Python of an environment that has c7n-left (make .venv-c7n/.done)")
    parser.add_argument("--averment", default=str(Path(sys.executable).with_name("averment")))
    parser.add_argument("--tree", type=Path, action="append", default=[], help="measure this folder instead of generated ones")
    parser.add_argument("--only", choices=list(BARS), action="append", help="which generated trees")
    parser.add_argument("--files", type=int, help="generated trees of this many files: to try the benchmark itself, so no bars")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    for program in (given.averment, given.checkov, given.c7n):
        if program and shutil.which(program) is None:
            parser.error(f"there is no program {program}")
    measured = peers(given.averment, given.checkov, given.c7n)
    print(machine(measured, given.rounds), flush=True)
    for tree in given.tree:
        print(report(tree.name, tree, compare(tree, measured, given.rounds), measured), flush=True)
    if not given.tree:
        with tempfile.TemporaryDirectory() as folder:
            for name in given.only or BARS:
                tree = Path(folder, name)
                getattr(trees, name)(tree, **({"files": given.files} if given.files and name != "tiny" else {}))
                print(report(name, tree, compare(tree, measured, given.rounds), measured, held=not given.files), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
