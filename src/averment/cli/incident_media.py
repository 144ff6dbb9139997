"""``averment incident preserve`` and ``contain``: custody of the media, and what stops the harm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from averment.cli.common import config_option, stderr, stdout
from averment.cli.incident_common import at_option, because_option, by_option, incident_argument, take_step
from averment.core.errors import BadInputError, ExitCode
from averment.core.organisation import Organisation
from averment.evidence.record import Gathering, Record
from averment.governance.incidents.containing import contain, contained_elsewhere, nothing_to_contain
from averment.governance.incidents.custody import check_copies, nothing_to_preserve, preserve
from averment.governance.incidents.filing import Act
from averment.governance.incidents.keeping import open_keep
from averment.governance.incidents.measure import Measure
from averment.governance.incidents.measures import open_measure
from averment.governance.incidents.state import Incident
from averment.governance.incidents.words import visible

DEFAULT_STORE = ".averment/incidents"


@click.command("preserve")
@incident_argument
@click.argument("places", nargs=-1, metavar="[FILE|s3://BUCKET/KEY[?versionId=V]]...")
@by_option
@because_option
@click.option(
    "--to",
    "store",
    metavar="PLACE",
    help=f"s3://bucket/prefix with Object Lock, or a folder. Default: incidents.store of averment.yaml, else the folder {DEFAULT_STORE}.",
)
@click.option("--keep-days", type=click.IntRange(1, 36_500), help="Lock copies for so many days. Default: incidents.keep_days, else 365.")
@click.option("--all-versions", is_flag=True, help="Every version of each S3 object, also where the latest is a deletion.")
@click.option("--unlocked", is_flag=True, help="Accept a bucket without Object Lock; that is recorded.")
@click.option("--check", is_flag=True, help="Instead: read every copy again and compare it with its digest in the ledger.")
@click.option("--nothing", is_flag=True, help="Instead: record that there is nothing to preserve.")
@at_option
@config_option
def preserve_command(
    incident: str,
    places: tuple[str, ...],
    by: str,
    because: str,
    store: str | None,
    keep_days: int | None,
    all_versions: bool,
    unlocked: bool,
    check: bool,
    nothing: bool,
    at: datetime | None,
    config: Path | None,
) -> int:
    """Copy media where nobody can change it, with its SHA-256, its perceptual hash, its version, and what its place says of it.

    Without a place, what was named when the incident was opened (--media) is preserved.

    Exit codes: 0 all was taken, or all copies are unchanged; 1 a copy was changed; 3 something could not be taken or read.

    \b
    Example: averment incident preserve latest s3://shop-published/autumn/4.jpg --all-versions --by security-operations \\
               --because "Before it is taken down." --to s3://shop-evidence/incidents
    """
    if sum((bool(places), check, nothing)) > 1:
        raise BadInputError(
            "give the media to preserve, or --check, or --nothing, and one of these alone",
            fix="averment incident preserve --help shows an example of each",
        )
    if check:
        return _check(config, incident, by, because, at)
    if nothing:
        take_step(config, incident, by, at, lambda _, found, act: nothing_to_preserve(found, act, because=because))
        return ExitCode.CLEAN

    def make(organisation: Organisation, found: Incident, act: Act) -> Record:
        settings = organisation.incidents
        place = store or settings.store or DEFAULT_STORE
        wanted = places or tuple(found.opening["media"])
        if not places and (cut := [name for name in wanted if found.events[0].is_cut(name)]):
            raise BadInputError(
                f"{cut[0]} was named at the opening with somebody's address in it, which the record leaves out", fix="name the media again"
            )
        if not wanted:
            raise BadInputError(f"{found.id} names no media, and neither does the command", fix="give a file, or s3://bucket/key")
        keep = open_keep(place, organisation.root, keep_days or settings.keep_days, act.now, unlocked=unlocked)
        return preserve(found, act, wanted, keep, because=because, all_versions=all_versions).record

    state, record = take_step(config, incident, by, at, make)
    for number, item in state.items_of(state.events[-1].index).items():
        stdout().print(f"{number}  {item['sha256']}  {item['name']}", markup=False)
    stderr.print(f"kept in {record.payload['manifest']['place'].rpartition('/')[0]}", markup=False)
    return _end(record, str(record.payload["caution"] or ""))


def _check(config: Path | None, incident: str, by: str, because: str, at: datetime | None) -> int:
    _, record = take_step(config, incident, by, at, lambda _, found, act: check_copies(found, act, because=because).record)
    rows = record.payload["checked"]
    for row in rows:
        stdout().print(f"{row['number']}  {row['outcome']}" + (f": {row['reason']}" if row["reason"] else ""), markup=False)
    if any(row["outcome"] == "changed" for row in rows):
        return ExitCode.FINDINGS
    return _end(record, "")


@click.command("contain")
@incident_argument
@by_option
@because_option
@click.option(
    "--do",
    "measures",
    multiple=True,
    metavar="NAME=TARGET",
    help="hide-object=s3://B/K, disable-key=USER/KEY, revoke-sessions=ROLE, invalidate=DISTRIBUTION:/PATH, runbook=NAME:P=V,P=V, "
    "execution=ID. May be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Say what --do would do, and whether a runbook is deployed; nothing is done or recorded.")
@click.option(
    "--done", metavar="TEXT", help="Instead: something that was done by other means; with --target, and --reference if it has one."
)
@click.option("--target", metavar="TEXT", help="With --done: what it was done to.")
@click.option("--reference", metavar="TEXT", help="With --done: the execution, change or ticket.")
@click.option("--nothing", is_flag=True, help="Instead: record that there is nothing to contain.")
@click.option("--unpreserved", metavar="TEXT", help="Why it can't wait until something is preserved.")
@at_option
@config_option
def contain_command(
    incident: str,
    by: str,
    because: str,
    measures: tuple[str, ...],
    dry_run: bool,
    done: str | None,
    target: str | None,
    reference: str | None,
    nothing: bool,
    unpreserved: str | None,
    at: datetime | None,
    config: Path | None,
) -> int:
    """Stop the harm, by measures that can be taken back (averment incident recover --undo). Each that was tried is a record.

    Ctrl-C or SIGTERM ends the waiting for a runbook, which goes on; it is recorded, and no further measure is tried.

    Exit codes: 0 all hold; 3 one failed or is still under way. With --dry-run: 3 a runbook isn't deployed, or that could not be asked.

    \b
    Example: averment incident contain latest --by security-operations --because "It is live on the autumn page." \\
               --do hide-object=s3://shop-published/autumn/4.jpg --do disable-key=pixelpost/AKIAEXAMPLE
    """
    if sum((bool(measures), done is not None, nothing)) != 1:
        raise BadInputError(
            "give --do, or --done, or --nothing, and one of these alone", fix="averment incident contain --help shows an example of each"
        )
    opened = [open_measure(text) for text in measures]
    plans = [measure.plan() for measure in opened]  # before anything is done: a mistyped one is no reason to stop half-way
    if dry_run:
        for plan in plans:
            stdout().print(f"would {plan}", markup=False)
        hindrances = [found for measure in opened if (found := measure.hindrance())]
        for hindrance in hindrances:
            stderr.print(hindrance, markup=False)
        return ExitCode.INCOMPLETE if hindrances else ExitCode.CLEAN
    if nothing:
        take_step(config, incident, by, at, lambda _, found, act: nothing_to_contain(found, act, because=because))
        return ExitCode.CLEAN
    if done is not None:
        if target is None:
            raise BadInputError(
                "--done needs --target: what it was done to", fix="add --target: the bucket, object, distribution or account"
            )
        elsewhere = partial(contained_elsewhere, what=done, target=target, reference=reference, because=because, unpreserved=unpreserved)
        take_step(config, incident, by, at, lambda _, found, act: elsewhere(found, act))
        return ExitCode.CLEAN
    return _tried(opened, partial(take_step, config, incident, by, at), because=because, unpreserved=unpreserved)


def _tried(measures: Sequence[Measure], take: Callable[..., tuple[Incident, Record]], *, because: str, unpreserved: str | None) -> int:
    """Apply the measures in turn, until somebody stops waiting; 3 where one doesn't hold."""
    hold = []
    for number, measure in enumerate(measures, 1):
        hold.append(_holds(measure, take, because=because, unpreserved=unpreserved))
        if measure.broken_off:
            for left in measures[number:]:
                stdout().print(f"not tried: {left.name} {visible(left.target)}", markup=False)
            break
    return ExitCode.CLEAN if all(hold) else ExitCode.INCOMPLETE


def _holds(measure: Measure, take: Callable[..., tuple[Incident, Record]], *, because: str, unpreserved: str | None) -> bool:
    """Apply a measure as a step of the incident, and say what came of it."""
    _, record = take(lambda _, found, act: contain(found, act, measure, because=because, unpreserved=unpreserved))
    outcome = record.payload["outcome"]
    if record.payload["target"] != measure.target:
        stderr.print(
            f"note: the record leaves out the address in {visible(measure.target)}: keep that name, or nobody can take the measure back",
            markup=False,
        )
    stdout().print(f"{outcome}: {measure.name} {visible(measure.target)}: {record.payload['reason']}", markup=False)
    return bool(outcome == "holds")


def _end(record: Record, caution: str) -> int:
    if caution:
        stderr.print(f"note: {caution}", markup=False)
    if record.gathering is not Gathering.COLLECTED:
        stderr.print(f"incomplete: {record.reason}", markup=False)
        return ExitCode.INCOMPLETE
    return ExitCode.CLEAN
