"""``averment explain``: what an id, an article, a finding or a word means, and what to do about it."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from pathlib import Path

import click

from averment.cli.common import config_option, organisation_for, print_document, rules_aside
from averment.cli.completion import things
from averment.cli.explain.topics import Topic
from averment.cli.manners import colours
from averment.core.errors import ExitCode
from averment.core.showing import harmless, printable

_WIDEST = 110


@click.command()
@click.argument("thing", nargs=-1, required=True, metavar="THING...", shell_complete=things)
@click.option(
    "--in",
    "where",
    type=click.Path(path_type=Path, exists=True),
    default=".",
    help="Where a fingerprint is looked for.  [default: here]",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--no-pager", is_flag=True, help="Print at once what is longer than the terminal.")
@config_option
def command(thing: tuple[str, ...], where: Path, form: str, no_pager: bool, config: Path | None) -> int:
    """Explain a control, an assessment, a rule, a finding, an article, a law, a claim, a collector, a runbook, a blueprint,
    a duty or fact of an incident, or a word or code of a result.

    A finding is named by its place (checked anew) or by its fingerprint. Unknown things exit with 2 and the nearest names.

    \b
    Examples:
      averment explain SM-UPL-03
      averment explain s3-put-object-gated
      averment explain infrastructure/main.tf:12
      averment explain 'AI Act 50(2)'
      averment explain stale
      averment explain exit 3
    """
    from averment.cli.explain.catalogue import Shelf
    from averment.cli.explain.find import explained
    from averment.controls.loader import load_catalogue
    from averment.core.period import utc_now

    organisation = organisation_for(config)
    asked = " ".join(thing)
    with rules_aside():
        topics = explained(asked, Shelf(organisation, load_catalogue(organisation), utc_now().date()), where)
    if form == "json":
        print_document(json.dumps({"asked": asked, "topics": [topic.to_json() for topic in topics]}, indent=2, ensure_ascii=False))
        return int(ExitCode.CLEAN)
    _show(topics, pager=not no_pager)
    return int(ExitCode.CLEAN)


def _show(topics: tuple[Topic, ...], *, pager: bool) -> None:
    """Print ``topics``; on a terminal wrapped at its width, and through the pager where they are longer than it is high."""
    terminal = sys.stdout.isatty()
    size = shutil.get_terminal_size()
    lines = [line for topic in topics for line in (*_lines(topic, min(size.columns, _WIDEST) if terminal else None), "")][:-1]
    text = "\n".join(lines) + "\n"
    if pager and terminal and len(lines) >= size.lines:
        click.echo_via_pager(text, color=colours())
    else:
        click.echo(text, nl=False, color=colours())


def _lines(topic: Topic, width: int | None) -> list[str]:
    title = printable(topic.title if topic.id in topic.title else f"{topic.id}  {topic.title}")
    out = [click.style(title, bold=True), printable(topic.kind)]
    for item in topic.sections:
        out += ["", click.style(printable(item.heading), bold=True)]
        if item.code:
            out += [harmless(f"  {line}").rstrip() for line in item.lines]
            continue
        for line in map(printable, item.lines):
            start = "  - " if len(item.lines) > 1 else "  "
            out += textwrap.wrap(line, width, initial_indent=start, subsequent_indent=" " * len(start)) if width else [start + line]
    if topic.see:
        out += ["", click.style("See also", bold=True), *(printable(f"  {line}") for line in topic.see)]
    return out
