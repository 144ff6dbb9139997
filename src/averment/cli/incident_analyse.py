"""``averment incident analyse``: second opinions, look-alikes, exposure."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from averment.cli.common import config_option, stderr, stdout
from averment.cli.incident_common import at_option, by_option, incident_argument, moment_option, take_step
from averment.core.errors import BadInputError, ExitCode
from averment.core.organisation import Organisation
from averment.evidence.record import Gathering, Record
from averment.governance.incidents.exposure import Window, exposure
from averment.governance.incidents.filing import Act
from averment.governance.incidents.likeness import look_alikes
from averment.governance.incidents.opinions import Opinion, detector_opinion, opinion
from averment.governance.incidents.state import Incident

Make = Callable[[Organisation, Incident, Act], Record]


@click.command("analyse")
@incident_argument
@by_option
@click.option(
    "--opinion",
    "said",
    type=click.Choice([str(item) for item in Opinion]),
    help="What a person of the role says of the media; with --because.",
)
@click.option("--because", metavar="TEXT", help="With --opinion: on what it rests.")
@click.option("--item", "items", multiple=True, metavar="NUMBER", help="With --opinion or --detector: this item alone; may be repeated.")
@click.option("--detector", metavar="embedded|sagemaker:NAME|https://SERVICE|SPEC.yaml", help="Let this detector score the copies.")
@click.option("--look-alikes", "stored", metavar="FOLDER|s3://BUCKET/PREFIX", help="Find images there that look like a preserved one.")
@click.option("--limit", type=click.IntRange(1), help="With --look-alikes: compare with so many at most; the record says that it was cut.")
@click.option(
    "--access-logs", "logs", metavar="FOLDER|s3://BUCKET/PREFIX", help="Count by S3's or CloudFront's logs how often the media was served."
)
@click.option("--path-prefix", default="", metavar="/PATH", help="With --access-logs: what the CDN puts before a key.")
@moment_option("--from", "With --access-logs: requests from then on.")
@moment_option("--to", "With --access-logs: requests up to then.")
@at_option
@config_option
def analyse_command(
    incident: str,
    by: str,
    said: str | None,
    because: str | None,
    items: tuple[str, ...],
    detector: str | None,
    stored: str | None,
    limit: int | None,
    logs: str | None,
    path_prefix: str,
    at: datetime | None,
    config: Path | None,
    **bounds: datetime | None,
) -> int:
    """Record one finding on the preserved media: a person's opinion, a detector's, its look-alikes, or its exposure.

    Addresses in logs are counted and never recorded. Exit codes: 0 all was looked at; 3 something could not be.

    \b
    Example: averment incident analyse latest --by trust-and-safety --opinion synthetic \\
               --because "The logo is mirrored and the shadows disagree; two reviewers, apart."
             averment incident analyse latest --by security-operations --access-logs s3://shop-logs/cdn/ --path-prefix /media
    """
    chosen = [
        name for name, value in (("--opinion", said), ("--detector", detector), ("--look-alikes", stored), ("--access-logs", logs)) if value
    ]
    if len(chosen) != 1:
        raise BadInputError(
            "give one of --opinion, --detector, --look-alikes and --access-logs, and one alone",
            fix="averment incident analyse --help shows an example of each",
        )
    make: Make
    if said is not None:
        if because is None:
            raise BadInputError("--opinion needs --because: on what it rests", fix='add --because "what was seen, and by whom"')
        why, view = because, Opinion(said)
        make = lambda _, found, act: opinion(found, act, view, items, because=why)  # noqa: E731 - one of four of a kind
    elif detector is not None:
        spec = detector
        make = lambda _, found, act: _by_detector(found, act, spec, items)  # noqa: E731
    elif stored is not None:
        place = stored
        make = lambda _, found, act: look_alikes(found, act, place, limit=limit, progress=_progress("images"))  # noqa: E731
    else:
        source, window = str(logs), Window(bounds["from"], bounds["to"])
        make = lambda _, found, act: exposure(  # noqa: E731
            found, act, source, window=window, path_prefix=path_prefix, progress=_progress("lines")
        )
    _, record = take_step(config, incident, by, at, make)
    stdout().print(str(record.payload["because"]), markup=False)
    if record.gathering is not Gathering.COLLECTED:
        stderr.print(f"incomplete: {record.reason}", markup=False)
        return ExitCode.INCOMPLETE
    return ExitCode.CLEAN


def _by_detector(found: Incident, act: Act, spec: str, items: tuple[str, ...]) -> Record:
    from averment.detector.opening import open_detector

    return detector_opinion(found, act, open_detector(spec), items)


def _progress(noun: str) -> Callable[[int], None]:
    def show(done: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{done:,} {noun}", err=True, nl=False)

    return show
