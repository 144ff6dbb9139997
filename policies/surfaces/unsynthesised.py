"""Programs that make infrastructure code: what they would make can't be seen in their source, so it is said instead of passed over.

Nothing is run here: a program from a stranger's repository is the stranger's code.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.files import MAX_TEXT_BYTES, read_bounded
from averment.core.source import SourceRef
from averment.policies.graph.model import Problem
from averment.policies.surfaces.loosely import as_map
from averment.policies.surfaces.sniff import in_utf8, is_template

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


_PARAMETERS = re.compile(rb"^[ \t]+params[ \t]*:", re.MULTILINE)
_COMPOSED = ("serverless-compose.yml", "serverless-compose.yaml")
"""What puts several services of the Serverless Framework together; each is a file of its own, which is read."""
_MADE = {"aws:cloudformation:stack": "templateFile", "cdk:cloud-assembly": "directoryName"}
"""By the kind of what a manifest of the CDK lists: the property that names its file, or its folder."""

_WITH_HOLES = (".j2", ".jinja", ".jinja2", ".tpl", ".tftpl", ".tmpl", ".gotmpl", ".erb", ".mustache", ".hbs")
_RESOURCE_OF_AWS = re.compile(rb"^[ \t]*resource[ \t]+\"aws_", re.MULTILINE)


def unsynthesised(files: Sequence[Path], read: Sequence[Path]) -> Iterator[Problem]:
    """The programs among ``files`` whose templates aren't among those that were ``read``. Where one command would write them the check is
    incomplete until it has; what writes none is out of reach."""
    for file in files:
        if file.name in _COMPOSED and _gives_parameters(file):
            yield Problem("gives its services parameters, without which they are checked here", SourceRef(str(file)), blocking=False)
        app = _STACK if file.name.endswith(_STACKS) else _APPS.get(file.name)
        if app is None:
            continue
        what, folder, make = app
        folder = _output(file) or folder
        made = Path(os.path.normpath(file.parent / folder)) if folder is not None else None
        own = made is not None and not file.is_relative_to(made)  # else whatever stands beside the program were its own
        if made is not None and own and any(path.is_relative_to(made) for path in read):
            continue
        if make is None:
            yield Problem(f"is {what}, {NOT_RUN}: what it makes is not checked{_hint(what, folder)}", SourceRef(str(file)), blocking=False)
        else:
            reason = f"is {what} whose templates are not here, so what it makes is not checked; {make} writes them to {folder}"
            yield Problem(reason, SourceRef(str(file)))


def filled_in(files: Sequence[Path]) -> Iterator[Problem]:
    """The files among ``files`` that hold infrastructure code with holes, for another program to fill in. Nobody else reads them either."""
    for file in files:
        if not file.name.lower().endswith(_WITH_HOLES):
            continue
        try:
            data = in_utf8(read_bounded(file, limit=MAX_TEXT_BYTES))
        except BadInputError as error:
            yield Problem(error.message, SourceRef(str(file)), blocking=False)
            continue
        if is_template(data, file) or _RESOURCE_OF_AWS.search(data):
            reason = f"holds infrastructure code for a program that fills it in ({file.suffix}), {NOT_RUN}: what it makes is not checked"
            yield Problem(reason, SourceRef(str(file)), blocking=False)


def left_behind(files: Sequence[Path]) -> Iterator[Problem]:
    """What the manifests of the CDK among ``files`` (``cdk.out/manifest.json``) name and isn't there: a stack, or all those of a stage."""
    for file in files:
        artifacts = as_map(as_map(_json(file)).get("artifacts")) if file.name == "manifest.json" else {}
        for name, artifact in artifacts.items():
            kind, told = as_map(artifact).get("type"), as_map(as_map(artifact).get("properties"))
            made = told.get(_MADE[kind]) if isinstance(kind, str) and kind in _MADE else None
            if isinstance(made, str) and not _is_there(file.parent, made):
                reason = f"names {made} for '{name}', which is not here, so what it makes is not checked; cdk synth writes it"
                yield Problem(reason, SourceRef(str(file)))


def _is_there(folder: Path, name: str) -> bool:
    try:
        return (folder / name).exists()
    except (OSError, ValueError):  # no name that a file can have
        return False


def _gives_parameters(file: Path) -> bool:
    try:
        return _PARAMETERS.search(read_bounded(file, limit=MAX_TEXT_BYTES)) is not None
    except (BadInputError, OSError):
        return True  # it may


def _output(file: Path) -> str | None:
    """The folder that a ``cdk.json`` or ``cdktf.json`` names for what its program writes; None where it leaves that to the CLI."""
    if file.suffix != ".json":
        return None
    named = as_map(_json(file)).get("output")
    return named if isinstance(named, str) and named else None


def _json(file: Path) -> Any:
    """What stands in ``file``; None where that can't be told."""
    try:
        return json.loads(read_bounded(file, limit=MAX_TEXT_BYTES))
    except (BadInputError, OSError, ValueError, RecursionError):
        return None


def _hint(what: str, folder: str | None) -> str:
    """Where what a program makes can be checked instead."""
    if what.startswith(("a Terragrunt", "a component")):
        return ", and modules here are checked without what it gives them; a plan has it"
    return f"; serverless package writes the template to {folder}, which is read" if folder is not None else ""
