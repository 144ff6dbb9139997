"""What a branch changed, for pull requests: the whole configuration is read and checked, findings elsewhere are left out and counted.

Git tells the files: those that differ between the working tree and the point where the branch left ``rev`` (their merge base), and
those that Git doesn't track yet. A finding belongs to the change if the file of its place, or of its resource, or one that calls the
module or nested stack around it, is among them: what it gives decides as much as what stands in there. A deleted
file, a changed file of variable values, and one of Terraform that lost a block, or in which a variable, a local value, a data source or a
provider changed, can concern everything in their folder, so the folder counts as changed; so does all below a
submodule or a link that leads elsewhere now. Of a template or a plan that Git ignores, as what ``cdk synth`` writes, nobody knows what it
was before: it counts as changed.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from averment.core.errors import BadInputError, IncompleteError
from averment.core.repository import GIT_HARMLESS, GIT_OF_A_HOOK
from averment.core.words import Verdict
from averment.policies.engine import CheckResult
from averment.policies.interface import Finding
from averment.policies.surfaces.sniff import TEMPLATE_SUFFIXES

if TYPE_CHECKING:
    from subprocess import CompletedProcess

_SECONDS = 120
_OF_SAM = ("samconfig.toml", "samconfig.yaml", "samconfig.yml")
"""What gives values to the templates below it, too."""

_VALUES = (".tfvars", ".tfvars.json", *_OF_SAM)
_TERRAFORM = (".tf", ".tofu")
_BLOCK = re.compile(r"(resource|module|data|variable|locals|provider)\b")
_FOR_ALL = re.compile(r"(data|variable|locals|provider)\b")
"""Blocks of Terraform that other blocks of the module go by."""


@dataclass(frozen=True)
class Changed:
    """Absolute paths of what changed since ``rev``; ``files`` has submodules and links, too. ``ignored`` is what Git doesn't look at."""

    rev: str
    files: frozenset[str]
    folders: frozenset[str]
    ignored: frozenset[str] = frozenset()

    def has(self, file: str | None) -> bool:
        """Whether ``file`` changed; what isn't in a file always counts."""
        if file is None:
            return True
        ways = _ways(file)
        if os.path.dirname(os.path.realpath(file)) in self.folders or not self.files.isdisjoint(ways):  # noqa: PTH120
            return True
        if not file.lower().endswith(TEMPLATE_SUFFIXES):
            return False
        return not self.ignored.isdisjoint(ways) or any(os.path.join(way, name) in self.files for way in ways for name in _OF_SAM)  # noqa: PTH118


def _ways(file: str) -> set[str]:
    """``file`` and the folders that it lies in, as Git names them: what may itself be a link, in a folder that is none."""
    starts = Path(os.path.abspath(file)), Path(os.path.realpath(file))  # noqa: PTH100
    return {os.path.join(os.path.realpath(here.parent), here.name) for start in starts for here in (start, *start.parents)}  # noqa: PTH118


def changed_since(rev: str, folder: Path) -> Changed:
    """What changed in the repository around ``folder`` since its branch left ``rev``.

    A submodule named from the repository that has it is a part of that one: ``rev`` is a revision there, and in the submodule itself
    ``origin/main`` would mostly be the very commit that was checked out.

    Raises:
        BadInputError: ``folder`` isn't in a Git repository, or ``rev`` isn't a revision there, or shares no history with it.
        IncompleteError: Git is missing or failed.
    """
    start = folder if folder.is_dir() else folder.parent
    inside = _git(start, "rev-parse", "--show-toplevel")
    if inside.returncode:
        raise _no_repository(start, os.fsdecode(inside.stderr))
    own = Path(os.fsdecode(inside.stdout.rstrip(b"\n")))
    top = _asked_in(own)
    commit = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
    if commit.returncode and rev == "HEAD" and not _git(top, "symbolic-ref", "--quiet", "HEAD").returncode:
        # Nothing is committed yet: a hook before the first commit hears of all that is there.
        return _sorted(rev, top, [], _done(_git(top, "ls-files", "--cached", "--others", "--exclude-standard", "-z")).split("\0"))
    if commit.returncode:
        unset = "a variable in it isn't set: outside of a pull request there is no target branch; leave --changed-since out there"
        fetch = "fetch it (git fetch origin main; in CI, check out with full history)"
        raise BadInputError(f"'{rev}' is no revision of {top}", fix=unset if not rev or rev.endswith("/") else fetch)
    base = _git(top, "merge-base", commit.stdout.decode().strip(), "HEAD")
    if base.returncode:
        raise BadInputError(f"'{rev}' and HEAD share no history in {top}", fix="check out with full history (fetch-depth: 0)")
    # The settings of a repository, which a branch may change, must not keep its submodules out of sight.
    how = ("--name-status", "--no-renames", "--no-ext-diff", "--ignore-submodules=none", "-z")
    differing = _done(_git(top, "diff", *how, base.stdout.decode().strip(), "--"))
    untracked = _done(_git(top, "ls-files", "--others", "--exclude-standard", "-z"))
    found = _sorted(rev, top, differing.split("\0"), untracked.split("\0"))
    unseen = frozenset(path for at in {top, own} for path in _ignored(at))
    return replace(found, folders=found.folders | _modules(top, base.stdout.decode().strip(), differing.split("\0")), ignored=unseen)


def _ignored(top: Path) -> frozenset[str]:
    names = _done(_git(top, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")).split("\0")
    return _sorted("", top, [], names).files


def _asked_in(top: Path) -> Path:
    """The repository that somebody means who names the one at ``top`` from the current folder: an outer one where they stand in that."""
    here, outer = Path.cwd(), top
    while not here.is_relative_to(os.path.realpath(outer)):
        around = _done(_git(outer, "rev-parse", "--show-superproject-working-tree")).rstrip("\n")
        if not around:
            return top
        outer = Path(around)
    return outer


def _modules(top: Path, base: str, differing: list[str]) -> frozenset[str]:
    """The folders of Terraform in which a changed file decides about others, though these are as they were."""
    found: set[str] = set()
    for status, name in zip(differing[::2], differing[1::2], strict=False):
        file = Path(os.path.realpath(top), name)
        if status == "M" and name.endswith(_TERRAFORM) and file.is_file() and str(file.parent) not in found:
            before = _git(top, "show", "--no-textconv", f"{base}:{name}")
            if before.returncode or _reaches_further(before.stdout, file.read_bytes()):
                found.add(str(file.parent))
    return frozenset(found)


def _reaches_further(before: bytes, after: bytes) -> bool:
    old, new = _blocks(before), _blocks(after)
    return any(head not in new or (_FOR_ALL.match(head) and new[head] != text) for head, text in old.items() if _BLOCK.match(head))


def _blocks(data: bytes) -> dict[str, str]:
    """What stands under each line that begins a block (at the left edge, as ``terraform fmt`` has it), without comments and blank lines."""
    found: dict[str, str] = {}
    head = ""
    for line in data.decode("utf-8", "replace").splitlines():
        text = line.strip()
        if _BLOCK.match(line):
            head = text.partition("{")[0].strip()
        if text and not text.startswith(("#", "//")):
            found[head] = found.get(head, "") + text + "\n"
    return found


def _no_repository(start: Path, said: str) -> BadInputError:
    """Why Git finds no repository around ``start``: there is none, or one that it refuses, say since it is somebody else's (in a container)."""
    if "not a git repository" in said:
        return BadInputError(f"--changed-since needs a Git repository, and {start} is in none", fix="leave --changed-since out")
    told = next((line.removeprefix("fatal: ") for line in said.splitlines() if line.startswith("fatal: ")), "it doesn't say why")
    strange = re.search(r"dubious ownership in repository at '(.+)'", told)
    fix = f"git config --global --add safe.directory '{strange[1]}'" if strange else "mend that, or leave --changed-since out"
    if "cannot use bare repository" in told:
        fix = (
            "HEAD, config, objects and refs there pass for a repository of their own, and no checkout has them: look at who put them there"
        )
    return BadInputError(f"--changed-since needs a Git repository, and Git refuses the one of {start}: {told}", fix=fix)


def _sorted(rev: str, top: Path, differing: list[str], untracked: list[str]) -> Changed:
    root = os.path.realpath(top)

    def place(name: str) -> str:
        return os.path.normpath(os.path.join(root, name))  # noqa: PTH118  (a folder's name ends with a slash)

    files = {place(name) for name in untracked if name}
    folders: set[str] = set()
    for status, name in zip(differing[::2], differing[1::2], strict=False):
        files.add(place(name))
        if status == "D" or name.endswith(_VALUES):
            folders.add(os.path.dirname(place(name)))  # noqa: PTH120
    folders |= {os.path.dirname(path) for path in files if path.endswith(_VALUES)}  # noqa: PTH120
    return Changed(rev, frozenset(files), frozenset(folders))


def _git(folder: Path, *arguments: str) -> CompletedProcess[bytes]:
    import subprocess  # most runs compare with nothing

    told = () if "GIT_WORK_TREE" in os.environ else GIT_OF_A_HOOK  # with both named, somebody means what they say
    environment = {name: value for name, value in os.environ.items() if name not in told}
    try:
        command = ["git", "-C", str(folder), *GIT_HARMLESS, *arguments]
        return subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False, env={**environment, "LC_ALL": "C"})
    except (OSError, subprocess.SubprocessError) as error:
        raise IncompleteError(f"--changed-since needs Git, which could not be run: {error}", fix="install Git") from error


def _done(process: CompletedProcess[bytes]) -> str:
    if process.returncode:
        raise IncompleteError(f"Git failed: {os.fsdecode(process.stderr).strip()}")
    return os.fsdecode(process.stdout)


def only_changed(changed: Changed, result: CheckResult) -> CheckResult:
    """``result`` without the findings that the change doesn't concern; open ones among them are counted as ``elsewhere``."""
    has = cache(changed.has)
    kept: list[Finding] = []
    elsewhere = 0
    for finding in result.findings:
        defined = (finding.defined.file,) if finding.defined is not None else ()
        if any(has(file) for file in (finding.where.file, *defined, *finding.called)):
            kept.append(finding)
        elif not finding.accepted and finding.verdict in (Verdict.FAIL, Verdict.UNKNOWN):
            elsewhere += 1
    notes = result.notes
    if elsewhere and not changed.files and not changed.folders:
        notes += (f"nothing differs from {changed.rev}, so none of what is open counted; without --changed-since all of it does",)
    return replace(result, findings=tuple(kept), counts=replace(result.counts, elsewhere=elsewhere), notes=notes)
