"""``averment media verify`` and ``averment media log``: what a gate asks of a medium, and of the provenance log."""

from __future__ import annotations

import json
from pathlib import Path

import click

from averment.cli.media_sign import entries_of, exit_code, inspected, read_anchors, show
from averment.core.errors import ExitCode
from averment.core.showing import printable

_NO_AI = "it doesn't state that AI made it"
_BUT_INGREDIENT = " (it stands where no trusted signer answers for it)"

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("media", metavar="FILE|s3://BUCKET/KEY...", nargs=-1, required=True)
@click.option("--trust", type=_FILE, required=True, help="Trust anchors, PEM.")
@click.option("--trust-tsa", type=_FILE, help="Roots of time-stamp authorities, PEM, under which nobody is a trusted signer.")
@click.option("--stamped", is_flag=True, help="Demand a time-stamp of a trusted authority.")
@click.option("--ai", is_flag=True, help="Demand the statement that AI made the medium or a part of it.")
@click.option(
    "--log",
    metavar="FILE|cloudwatch:GROUP",
    help="Demand an entry with these very bytes in this provenance log; what isn't trusted is looked up in it.",
)
@click.option("--watermark-key", type=_FILE, help="The key of watermarks, if it isn't the public one.")
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def verify(
    media: tuple[str, ...],
    trust: Path,
    trust_tsa: Path | None,
    *,
    stamped: bool,
    ai: bool,
    log: str | None,
    watermark_key: Path | None,
    output: str,
) -> int:
    """Demand of each file a trusted content credential, and what else the options name.

    Exit codes: 0 every file has all of it, 1 any hasn't, 2 none of the names is that of a file, 3 any that could not be checked.

    \b
    Example: averment media verify hero.signed.jpg --trust anchors.pem --trust-tsa tsa-root.pem --stamped --ai
    """
    from averment.detector.credentials.inspect import Inspection, State

    entries = None if log is None else entries_of(log)
    found = inspected(media, read_anchors(trust), read_anchors(trust_tsa), entries, watermark_key)
    logged = None if entries is None else {entry.sha256 for entry in entries}

    def missing(item: Inspection) -> list[str]:
        wanted = (
            (stamped and item.stamp != "trusted", "no time-stamp of a trusted authority"),
            (ai and not item.ai_generated, _NO_AI + (_BUT_INGREDIENT if item.ai_unvouched else "")),
            (logged is not None and item.sha256 not in logged, "the provenance log has no entry with these bytes"),
        )
        return [what for absent, what in wanted if absent]

    short = {name: lacks for name, item in found.items() if item.state is State.TRUSTED and (lacks := missing(item))}
    if output == "json":
        rows = [{"file": name, **item.to_json(), "missing": short.get(name, [])} for name, item in found.items()]
        click.echo(json.dumps(rows, indent=2, sort_keys=True))
    else:
        show(found, output)
        for name, lacks in short.items():
            click.echo(f"{printable(name)}: not enough: {'; '.join(lacks)}")
    return int(ExitCode.FINDINGS) if short else exit_code(found.values())


@click.command("log")
@click.argument("file", type=_FILE)
@click.option("--contains", "heads", multiple=True, metavar="COUNT:SHA256", help="Demand that the log still contains this earlier head.")
def check_log(file: Path, heads: tuple[str, ...]) -> int:
    """Check a provenance log from its first line to its last, and print its head.

    A head that is kept elsewhere (the collector signing-log files it in the ledger) shows later whether lines were cut off or rewritten.

    Exit codes: 0 every line is as it was written, 1 a line was changed, or a head that was named is missing.

    \b
    Example: averment media log provenance.jsonl
             averment media log provenance.jsonl --contains 12:0f3a...
    """
    from averment.detector.credentials.log import FileLog, Head

    log = FileLog(file)
    absent = log.check_heads(Head.parse(text) for text in heads)
    click.echo(str(log.head()))
    if log.unfinished():
        click.echo(
            f"{printable(str(file))}: behind these entries another one begins, which is being written, or which a crash or a cut left",
            err=True,
        )
    for head in absent:
        click.echo(f"{printable(str(file))}: line {head.count} is not what it was: the head {head} is missing")
    return int(ExitCode.FINDINGS if absent else ExitCode.CLEAN)
