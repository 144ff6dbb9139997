"""``averment site``: the governance site, built or served."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from averment.cli.common import NamedPath, config_option, note, organisation_for, stderr
from averment.core.errors import BadInputError, ExitCode, IncompleteError
from averment.core.extras import require
from averment.core.period import from_iso, parse_period, utc_now

if TYPE_CHECKING:
    from averment.governance.site.data import SiteData

level_option = click.option(
    "--level",
    "level_text",
    type=click.Choice(["public", "partners", "internal"]),
    help="For whom it is: what others than the inside don't get to see is withheld. Default: site.level of averment.yaml, else internal.",
)
_YEARS = (1971, 9998)

period_option = click.option("--period", "period_text", metavar="PERIOD", help="Show this period's evidence alone, such as 2026Q4.")


@click.group()
def command() -> None:
    """Build or serve the governance site: the state of every control, the law behind it, and the evidence.

    Example: averment site build --output public
    """


@command.command("build")
@click.option(
    "--output", type=NamedPath(path_type=Path), default=Path("site"), show_default=True, help="The folder; a site in it is replaced."
)
@click.option("--as-of", metavar="TIME", help="Judge as of this moment (RFC 3339, such as 2026-12-31T23:59:59Z). Default: now.")
@click.option(
    "--package",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A package of this ledger: it is verified, copied into the site, and records link to their files and proofs in it.",
)
@period_option
@level_option
@click.option(
    "--snapshot",
    "quarter_text",
    metavar="QUARTER",
    help="Also keep this quarter as it is known now, such as 2026Q4, under q/2026Q4 for good.",
)
@config_option
def build_command(
    output: Path,
    as_of: str | None,
    package: Path | None,
    period_text: str | None,
    level_text: str | None,
    quarter_text: str | None,
    config: Path | None,
) -> int:
    """Build the site into a folder. It needs no server and loads nothing from elsewhere.

    The same ledger and moment give the same bytes. Quarters that were kept by --snapshot stay as they are.

    Example: averment site build --period 2026Q4 --as-of 2027-01-04T08:00:00Z --output public
    """
    moment = _moment(as_of) if as_of else utc_now()
    data = _gather(config, period_text, moment, package)
    if data.ahead and not as_of:
        note(data.ahead)
    from averment.governance.site.build import build_site
    from averment.governance.site.levels import Level
    from averment.governance.site.snapshots import quarter_of

    level = Level(level_text or data.organisation.site_level)
    quarter = _gather(config, quarter_of(quarter_text, moment).label, moment) if quarter_text else None
    stderr.print(f"Building {len(data.catalogue.controls)} control pages at the level {level} ...")
    index = build_site(data, output, level=level, quarter=quarter)
    if data.ledger is None:
        stderr.print("The ledger is empty, so every page says that nothing was assessed yet.")
    click.echo(index)
    return ExitCode.CLEAN


@command.command("serve")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@period_option
@level_option
@config_option
def serve_command(port: int, period_text: str | None, level_text: str | None, config: Path | None) -> int:
    """Build the site and serve it on this machine alone, until interrupted.

    Example: averment site serve --port 8000
    """
    import tempfile

    data = _gather(config, period_text, utc_now())
    if data.ahead:
        note(data.ahead)
    from averment.governance.site.build import build_site
    from averment.governance.site.levels import Level
    from averment.governance.site.serve import serve

    level = Level(level_text or data.organisation.site_level)
    with tempfile.TemporaryDirectory(prefix="averment-site-") as folder:
        index = build_site(data, Path(folder) / "site", level=level)
        try:
            serve(index.parent, port, announce=lambda url: stderr.print(f"Serving the site at {url}; stop with Ctrl-C."))
        except OSError as error:
            raise IncompleteError(f"port {port} can't be used: {error.strerror}", fix="choose another with --port") from error
    return ExitCode.CLEAN


def _moment(text: str) -> datetime:
    """The moment ``text``, with a quarter before it, a week behind it, and a clock that knows it.

    Raises:
        BadInputError: no RFC 3339 time, or one that no evidence can be of.
    """
    moment = from_iso(text)
    if not _YEARS[0] <= moment.year <= _YEARS[1]:
        raise BadInputError(f"'{text}' is too far off to judge anything as of it", fix=f"name a moment between {_YEARS[0]} and {_YEARS[1]}")
    return moment


def _gather(config: Path | None, period_text: str | None, moment: datetime, package: Path | None = None) -> SiteData:
    require("mkdocs", extra="site", needed_for="building the site")
    from averment.controls.loader import load_catalogue
    from averment.governance.site.data import gather

    organisation = organisation_for(config)
    period = parse_period(period_text) if period_text else None
    return gather(organisation, load_catalogue(organisation), as_of=moment, period=period, package=package)
