"""Programs that make infrastructure code: what they would make can't be seen in their source, so it is said instead of passed over.

Nothing is run here: a program from a stranger's repository is the stranger's code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from averment.core.source import SourceRef
from averment.policies.graph.model import Problem

NOT_RUN = "which is not run"
"""What is said of a program by which the engine knows that it is one."""

_APPS = {
    "cdk.json": ("an AWS CDK app", "cdk.out", "cdk synth"),
    "cdktf.json": ("a CDK for Terraform app", "cdktf.out", "cdktf synth"),
    "sst.config.ts": ("an SST app", None, None),
    "Pulumi.yaml": ("a Pulumi program", None, None),
    "Pulumi.yml": ("a Pulumi program", None, None),
    **{
        f"serverless.{ending}": ("a program of the Serverless Framework", ".serverless", None)
        for ending in ("ts", "js", "mjs", "cjs", "mts", "cts")
    },
    "terragrunt.hcl": ("a Terragrunt unit", None, None),
    "terragrunt.stack.hcl": ("a Terragrunt stack", None, None),
}
"""By the file that marks such a program: what it is, where it writes templates that are read, and what makes it write them (None: what may ask for
credentials, or a file that only bears the name)."""

_STACK = ("a component of Terraform Stacks", None, None)
_STACKS = (".tfcomponent.hcl", ".tfstack.hcl")
"""How its files end, now and in its first versions; they bear any name."""


def unsynthesised(files: Sequence[Path], read: Sequence[Path]) -> Iterator[Problem]:
    """The programs among ``files`` whose templates aren't among those that were ``read``. Where one command would write them the check is
    incomplete until it has; what writes none is out of reach."""
    for file in files:
        app = _STACK if file.name.endswith(_STACKS) else _APPS.get(file.name)
        if app is None:
            continue
        what, folder, make = app
        if folder is not None and any(path.is_relative_to(file.parent / folder) for path in read):
            continue
        if make is None:
            yield Problem(f"is {what}, {NOT_RUN}: what it makes is not checked{_hint(what, folder)}", SourceRef(str(file)), blocking=False)
        else:
            reason = f"is {what} whose templates are not here, so what it makes is not checked; {make} writes them to {folder}"
            yield Problem(reason, SourceRef(str(file)))


def _hint(what: str, folder: str | None) -> str:
    """Where what a program makes can be checked instead."""
    if what.startswith(("a Terragrunt", "a component")):
        return ", and modules here are checked without what it gives them; a plan has it"
    return f"; serverless package writes the template to {folder}, which is read" if folder is not None else ""
