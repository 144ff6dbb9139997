"""Making edits: text in memory first, then each file at once, and only if nobody changed it meanwhile."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

from averment.core.errors import BadInputError, IncompleteError
from averment.core.files import read_bounded, relative_posix, write_atomic
from averment.policies.fixing.cloudformation import changed_template
from averment.policies.fixing.place import own_name
from averment.policies.fixing.refusal import RefusedError
from averment.policies.fixing.shared import start, users
from averment.policies.fixing.terraform import changed_terraform
from averment.policies.graph.model import Dialect
from averment.policies.interface import Edit


@dataclass
class Mended:
    """One file with the edits that were made to it."""

    file: Path
    before: bytes
    after: bytes
    done: list[Edit] = field(default_factory=list)

    def diff(self) -> str:
        """What changes, as a unified diff that ``patch -p1`` and ``git apply`` take; paths from the working folder."""
        name = relative_posix(self.file, Path.cwd())
        # Lines as those programs count them: not what else Unicode ends a line with.
        old, new = (re.findall("[^\n]*\n|[^\n]+", text.decode("utf-8")) for text in (self.before, self.after))
        lines = list(difflib.unified_diff(old, new, _named(f"a/{name}"), _named(f"b/{name}")))
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _named(name: str) -> str:
    """``name`` as it stands in the head of a diff: with a tab behind it if it holds spaces, and in quotes if it holds what ends a line."""
    quoted = re.sub(r'[\\"]', r"\\\g<0>", name).translate({ord(char): f"\\{ord(char):03o}" for char in "\n\r\t"})
    return f'"{quoted}"' if quoted != name else f"{name}\t" if " " in name else name


@dataclass
class Mending:
    """Files to be changed, and the edits that were refused, each with the reason."""

    files: list[Mended] = field(default_factory=list)
    refused: list[tuple[Edit, str]] = field(default_factory=list)


def mended(
    edits: Iterable[Edit], within: Sequence[Path], read_at: float, skip: Callable[[str], str | None] = lambda _file: None
) -> Mending:
    """Make ``edits`` in memory.

    Only files under ``within`` are touched, no links, no installed modules, and none that changed after ``read_at`` (seconds since the
    epoch), when the check read them. What ``skip`` leaves out has no say in a module that it calls.
    """
    by_file: dict[str, list[Edit]] = {}
    result = Mending()
    wanted = list(edits)
    for edit in _agreed(wanted, users(within, skip) if wanted else {}, result):
        by_file.setdefault(os.path.normpath(edit.file), []).append(edit)
    for name, found in sorted(by_file.items()):
        try:
            data = _read(Path(name), within, read_at)
        except (RefusedError, BadInputError) as error:
            result.refused += [(edit, error.message if isinstance(error, BadInputError) else str(error)) for edit in found]
            continue
        file = Mended(Path(name), data, data)
        for edit in _in_order(found):
            _make(edit, file, result)
        if file.after != file.before:
            result.files.append(file)
    return result


def _in_order(edits: list[Edit]) -> list[Edit]:
    """From the end of the file, so that earlier lines stay where they are; in a template, where new properties come first, from the last."""
    if edits[0].dialect is Dialect.CLOUDFORMATION:
        return edits[::-1]
    return sorted(edits, key=lambda edit: -edit.line)


def _agreed(edits: Iterable[Edit], used: Mapping[str, Set[str]], result: Mending) -> list[Edit]:
    """One edit for each block, if all the resources that come from it ask for it, in every configuration that has it; else it is refused."""
    asking: dict[Edit, dict[str, dict[str, Edit]]] = {}
    for edit in edits:
        block = replace(edit, address=own_name(edit.dialect, edit.address), instances=0, root="")
        asking.setdefault(block, {}).setdefault(start(edit.dialect, edit.root or edit.file), {})[edit.address] = edit
    agreed = []
    for roots in asking.values():
        same = next((same for same in roots.values() if len(same) < next(iter(same.values())).instances), next(iter(roots.values())))
        first = next(iter(same.values()))
        others = sorted(used.get(start(first.dialect, first.file), frozenset()) - roots.keys())
        if len(same) < first.instances:
            reason = f"its block makes {first.instances} resources, and {first.instances - len(same)} of them don't ask for it"
            result.refused.append((first, reason))
        elif others:
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            reason = f"its block is part of {relative_posix(others[0], Path.cwd())}{more} as well, where nothing asks for it"
            result.refused.append((first, reason))
        else:
            agreed.append(first)
    return agreed


def _make(edit: Edit, file: Mended, result: Mending) -> None:
    change = changed_terraform if edit.dialect is Dialect.TERRAFORM else changed_template
    made = {(done.line, done.change.holder) for done in file.done if done.change.create is not None and not done.held}
    if not edit.held and (edit.line, edit.change.holder) in made and edit.dialect is Dialect.TERRAFORM:
        return  # the block that was added for an earlier one has this setting too
    try:
        after = change(file.after, edit)
        for further in edit.change.also:
            after = change(after, replace(edit, change=further, held=False, exact=False))
    except RefusedError as reason:
        result.refused.append((edit, str(reason)))
        return
    file.after = after
    file.done.append(edit)


def _read(file: Path, within: Sequence[Path], read_at: float) -> bytes:
    if file.is_symlink():
        raise RefusedError("the file is a link")
    if ".terraform" in file.parts:
        raise RefusedError("the file is an installed copy of a module")
    target = file.resolve()
    if not any(target == top.resolve() or top.resolve() in target.parents for top in within):
        raise RefusedError("the file lies outside of what was checked")
    if file.name.endswith((".tf.json", ".tofu.json")):
        raise RefusedError("Terraform in JSON is not edited")
    data = read_bounded(file)
    if not file.stat().st_mode & 0o222:
        raise RefusedError("the file is read-only")
    if file.stat().st_mtime > read_at:
        raise RefusedError("the file changed while it was checked")
    return data


def write(mending: Mending) -> None:
    """Write what ``mended`` made; a file that changed since is left alone and its edits are refused.

    Raises:
        IncompleteError: a file can't be written; those before it are, and are named.
    """
    written: list[str] = []
    for file in list(mending.files):
        if file.file.is_symlink() or not file.file.is_file() or file.file.read_bytes() != file.before:
            mending.files.remove(file)
            mending.refused += [(edit, "the file changed while it was being fixed") for edit in file.done]
            continue
        try:
            write_atomic(file.file, file.after, mode=file.file.stat().st_mode & 0o7777)
        except IncompleteError as error:
            so_far = f" (fixed by then: {', '.join(written)})" if written else ""
            raise IncompleteError(f"{error.message}{so_far}", where=error.where, fix=error.fix) from error
        written.append(str(file.file))
