"""``averment init``: a proposal for somebody's repository, as a commented ``averment.yaml``; a hook and a CI job on request."""

from __future__ import annotations

import difflib
import json
import os
import shlex
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import click

from averment.cli.common import stderr
from averment.core.errors import BadInputError, ExitCode
from averment.core.files import read_bounded, read_text, relative_posix, write_atomic
from averment.core.organisation import FILE_NAME
from averment.core.repository import git_root
from averment.core.showing import printable
from averment.core.source import SourceRef
from averment.core.words import counted

if TYPE_CHECKING:
    from averment.governance.onboarding.account import AccountSurvey
    from averment.governance.onboarding.proposal import Proposal

CI = {"github": (".github/workflows/averment.yml", "github.yml"), "gitlab": (".gitlab/averment.yml", "gitlab.yml")}
"""Where each service looks for a job, and the template for it. GitLab's is to be included from ``.gitlab-ci.yml``."""

IGNORED = ".averment/"
"""The local ledger and its signing key: never to be committed."""

_MOST_SHOWN = 12


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=".")
@click.option("--pre-commit", is_flag=True, help="Also write .pre-commit-config.yaml.")
@click.option("--ci", type=click.Choice(sorted(CI)), help="Also write a job for this service.")
@click.option(
    "--account/--no-account",
    default=None,
    help="Also look at the AWS account of your credentials, read-only.  [default: ask, where there are some]",
)
@click.option("--print-policy", is_flag=True, help="Print the IAM policy that --account needs, and do nothing.")
@click.option("--dry-run", is_flag=True, help="Print what would be written, and write nothing.")
@click.option("--yes", "-y", is_flag=True, help="Add .averment/ to .gitignore without asking.")
def command(folder: Path, pre_commit: bool, ci: str | None, account: bool | None, print_policy: bool, dry_run: bool, yes: bool) -> int:
    """Look at FOLDER (default: here) and write a commented averment.yaml that proposes scope and profile, with reasons.

    It reads infrastructure and source code: which buckets hold media and why it thinks so, which services are in use, and which laws
    bind by that. Nothing is run, nothing that exists is overwritten (the difference is shown instead), and nothing else is changed
    without asking. Exit codes: 0 written, 2 a file exists, 3 written, but the account could not be looked at completely.

    \b
    Examples:
      averment init --pre-commit --ci github
      averment init --account
      averment init --dry-run infrastructure/
    """
    if print_policy:
        from averment.governance.onboarding.account import policy

        click.echo(json.dumps(policy(), indent=2))
        return int(ExitCode.CLEAN)
    _refuse_below_the_root(folder, ["--pre-commit"] * pre_commit + [f"--ci {ci}"] * bool(ci))
    proposal = _proposal(folder, account)
    wanted = {folder / FILE_NAME: _proposed_text(proposal)}
    if pre_commit:
        wanted[folder / ".pre-commit-config.yaml"] = _template("pre-commit.yaml")
    if ci:
        target, template = CI[ci]
        wanted[folder / target] = _template(template)
    if dry_run:
        for path, text in wanted.items():
            click.echo(f"# {path}\n{text}" if len(wanted) > 1 else text, nl=False)
        return _exit_code(proposal)
    missing = _to_write(wanted)
    if not missing:
        if _ignore_private(folder, yes=yes):  # an earlier run broke off before it came to that
            return int(ExitCode.CLEAN)
        where = SourceRef(str(next(iter(wanted))))
        raise BadInputError("exists already, as it would be proposed now", where=where, fix="nothing is to be done about it")
    for path, text in missing.items():
        write_atomic(path, text.encode())
        click.echo(f"wrote {path}")
    _tell(proposal)
    _ignore_private(folder, yes=yes)
    if proposal.survey.apps and not proposal.survey.resources:
        stderr.print("Next: make the templates that are named above, delete averment.yaml, and run `averment init` again.")
    else:
        stderr.print("Next: read averment.yaml and answer its questions, then run `averment check`.")
    if ci == "gitlab":
        stderr.print("Add to .gitlab-ci.yml:  include: [{local: .gitlab/averment.yml}]")
    return _exit_code(proposal)


def _proposal(folder: Path, account: bool | None) -> Proposal:
    from averment.controls.loader import load_catalogue
    from averment.core.period import utc_now
    from averment.governance.onboarding.proposal import proposed
    from averment.policies.survey.repository import survey

    found = survey(folder)
    return proposed(found, _account(account), load_catalogue(), utc_now().date())


def _account(asked: bool | None) -> AccountSurvey | None:
    """What the account shows, if the user wants that: by the option, or asked on a terminal where credentials are at hand."""
    if asked is None and _credentials_at_hand():
        question = "AWS credentials are set up. Also look at their account? It only lists (averment init --print-policy)"
        if sys.stdin.isatty() and sys.stderr.isatty():
            asked = click.confirm(question, default=False, err=True)
        else:
            stderr.print("AWS credentials are set up; averment init --account looks at their account as well, read-only.")
    if not asked:
        return None
    from averment.governance.onboarding.account import survey_account

    return survey_account()


def _credentials_at_hand() -> bool:
    """Whether somebody set up credentials, told without asking AWS or the instance that this runs on."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    file = Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")).expanduser()
    return any(os.environ.get(name) for name in names) or file.is_file()


def _proposed_text(proposal: Proposal) -> str:
    from averment.governance.onboarding.file import filled

    return filled(_template("averment.yaml"), proposal)


def _refuse_below_the_root(folder: Path, options: list[str]) -> None:
    """Refuse to write a hook or a job to where nobody looks for it: it would seem to be switched on, and never run."""
    root = git_root(folder)
    if options and root is not None and root != folder.resolve():
        raise BadInputError(
            f"is not the root of its Git repository, and what {' and '.join(options)} would write is read there alone, so nothing was written",
            where=SourceRef(str(folder)),
            fix=f"averment init {' '.join(options)} {shlex.quote(relative_posix(root, Path.cwd()))}  # or leave {' and '.join(options)} out here",
        )


def _to_write(wanted: dict[Path, str]) -> dict[Path, str]:
    """What of ``wanted`` isn't there yet. A file that differs from it refuses everything, and it is shown how."""
    others = "; the other files are printed by the same command with --dry-run" if len(wanted) > 1 else ""
    missing = {path: text for path, text in wanted.items() if not os.path.lexists(path)}
    for path, text in wanted.items():
        if path in missing:
            continue
        if not path.is_file():
            raise BadInputError("exists and is no file, so nothing was written", where=SourceRef(str(path)), fix="move it away")
        there = read_text(path).splitlines(keepends=True)
        if "".join(there) == text:
            continue
        diff = difflib.unified_diff(there, text.splitlines(keepends=True), str(path), f"{path} (proposed)")
        click.echo("".join(line if line.endswith("\n") else f"{line}\n" for line in diff), nl=False)
        raise BadInputError(
            "exists already, and nothing was written; above is how it differs from what would be proposed now",
            where=SourceRef(str(path)),
            fix=f"take over by hand what you want of it, or move the file away and run this again{others}",
        )
    return missing


def _tell(proposal: Proposal) -> None:
    """The findings in short, for somebody who watches: what was seen, and what follows."""
    from averment.governance.onboarding.file import comment, law_line
    from averment.governance.onboarding.proposal import grouped, shown, unmade

    found = proposal.survey
    read, held = counted(found.files, "file"), counted(found.resources, "resource")
    click.echo(f"\nLooked at {read} of infrastructure code with {held}, and {found.traces.files} in all.")
    if found.problems:
        click.echo(f"{counted(found.problems, 'place')} could not be read or resolved; averment check names them.")
    for app in unmade(found):
        click.echo(f"Not seen: {printable(app)}.")
    lines = [f"  {item.role:<10} {item.address}, {where}: {item.why}" for item, where in grouped(found, found.buckets)]
    lines += [
        f"  {item.role:<10} {item.name}, in the account: {item.why}" for item in (proposal.account.buckets if proposal.account else ())
    ]
    others = found.others + (proposal.account.others if proposal.account else 0)
    media = len(found.buckets) + (len(proposal.account.buckets) if proposal.account else 0)
    click.echo(f"\nBuckets that seem to hold media ({media} of {media + others})")
    _some(lines or ["  none"])
    click.echo("\nIn use")
    _some([f"  {trace}: {shown(found, where[0])}" for trace, where in found.traces.seen.items()] or ["  nothing that Averment looks for"])
    click.echo("\nLaw, by what was seen (not legal advice)")
    _some([f"  {comment(law_line(law))}" for law in proposal.laws])
    for hint in proposal.hints:
        click.echo(f"  {printable(hint)}.")
    click.echo("")
    for reason in proposal.account.refused if proposal.account else ():
        stderr.print(f"could not be looked at: {printable(reason)}", markup=False)


def _some(lines: list[str]) -> None:
    for line in lines[:_MOST_SHOWN]:
        click.echo(printable(line))
    if len(lines) > _MOST_SHOWN:
        click.echo(f"  and {len(lines) - _MOST_SHOWN} more; see averment.yaml")


def _exit_code(proposal: Proposal) -> int:
    return int(ExitCode.INCOMPLETE if proposal.account is not None and proposal.account.refused else ExitCode.CLEAN)


def _template(name: str) -> str:
    return resources.files("averment.cli").joinpath("templates", name).read_text(encoding="utf-8")


def _ignore_private(folder: Path, *, yes: bool) -> bool:
    """Add ``.averment/`` to the ``.gitignore`` of a folder in a git repository, once and if the user agrees: it will hold a private key. Whether
    that was done."""
    root = git_root(folder)
    if root is None:
        return False
    path, here = folder / ".gitignore", folder.resolve()
    above = [part / ".gitignore" for part in here.parents if part.is_relative_to(root)]  # what they name is ignored here as well
    by_hand = os.path.lexists(path) and not _plain(path)  # Git itself follows no link of that name
    present = read_bounded(path) if _plain(path) else b""  # bytes: its encoding and line ends stay as they are
    if any(IGNORED.encode() in text.splitlines() for text in (present, *map(read_bounded, filter(_plain, above)))):
        return False
    if by_hand:
        stderr.print(
            f"Add {IGNORED} to what git ignores before you collect evidence: {path} is no file that Averment adds to.", markup=False
        )
        return False
    if not yes and sys.stdin.isatty() and sys.stderr.isatty():
        yes = click.confirm(f"Add {IGNORED} to {path}? It will hold the local ledger and its signing key", default=True, err=True)
    if not yes:
        stderr.print(f"Add the line {IGNORED} to {path} before you collect evidence: it will hold a signing key.", markup=False)
        return False
    ending = b"\r\n" if present.endswith(b"\r\n") else b"\n"
    separator = b"" if not present or present.endswith(b"\n") else ending
    write_atomic(path, present + separator + IGNORED.encode() + ending)
    click.echo(f"added {IGNORED} to {path}")
    return True


def _plain(path: Path) -> bool:
    """Whether a file is there, and no link."""
    return path.is_file() and not path.is_symlink()
