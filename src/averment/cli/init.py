"""``averment init``: a commented ``averment.yaml`` for somebody's repository; a hook and a CI job on request."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import click

from averment.cli.common import stderr
from averment.core.errors import BadInputError, ExitCode
from averment.core.files import write_atomic
from averment.core.organisation import FILE_NAME
from averment.core.source import SourceRef

CI = {"github": (".github/workflows/averment.yml", "github.yml"), "gitlab": (".gitlab/averment.yml", "gitlab.yml")}
"""Where each service looks for a job, and the template for it. GitLab's is to be included from ``.gitlab-ci.yml``."""

IGNORED = ".averment/"
"""The local ledger and its signing key: never to be committed."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=".")
@click.option("--pre-commit", is_flag=True, help="Also write .pre-commit-config.yaml.")
@click.option("--ci", type=click.Choice(sorted(CI)), help="Also write a job for this service.")
def command(folder: Path, pre_commit: bool, ci: str | None) -> int:
    """Write a commented averment.yaml into FOLDER (default: here). Nothing that exists is overwritten.

    Example: averment init --pre-commit --ci github
    """
    wanted = {folder / FILE_NAME: "averment.yaml"}
    if pre_commit:
        wanted[folder / ".pre-commit-config.yaml"] = "pre-commit.yaml"
    if ci:
        target, template = CI[ci]
        wanted[folder / target] = template
    for path, template in wanted.items():
        if path.exists():
            raise BadInputError(
                "exists already, and nothing was written",
                where=SourceRef(str(path)),
                fix=f"move it away, or merge by hand:\n\n{_template(template)}",
            )
    for path, template in wanted.items():
        write_atomic(path, _template(template).encode())
        click.echo(f"wrote {path}")
    _ignore_private(folder)
    stderr.print("Next: edit the accounts and the media buckets in averment.yaml, then run `averment check`.")
    if ci == "gitlab":
        stderr.print("Add to .gitlab-ci.yml:  include: [{local: .gitlab/averment.yml}]")
    return ExitCode.CLEAN


def _template(name: str) -> str:
    return resources.files("averment.cli").joinpath("templates", name).read_text(encoding="utf-8")


def _ignore_private(folder: Path) -> None:
    """Add ``.averment/`` to the ``.gitignore`` of a git repository, once: it will hold a private key."""
    if not (folder / ".git").exists():
        return
    path = folder / ".gitignore"
    present = path.read_text(encoding="utf-8") if path.is_file() else ""
    if IGNORED not in present.splitlines():
        separator = "" if not present or present.endswith("\n") else "\n"
        write_atomic(path, f"{present}{separator}{IGNORED}\n".encode())
        click.echo(f"added {IGNORED} to {path}")
