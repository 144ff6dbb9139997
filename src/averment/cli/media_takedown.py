"""``averment media takedown``: stop a published medium from being served, and prove it."""

from __future__ import annotations

import json

import click

from averment.cli.review import gate_options, open_reviews
from averment.core.errors import ExitCode


@click.command()
@click.argument("key", metavar="KEY")
@click.option("--by", metavar="ROLE/NAME", required=True, help='Who decides, for instance "trust/Ada Byron".')
@click.option("--reason", metavar="TEXT", required=True, help="Why. It goes into the verdict log.")
@click.option("--distribution", metavar="ID", help="The CloudFront distribution whose cached copies are dropped.")
@click.option("--key-value-store", metavar="ARN", help="The store that the viewer-request function asks.")
@click.option("--url", "urls", metavar="URL", multiple=True, help="An address to ask afterwards, as a viewer does. Repeat it.")
@gate_options
def takedown(
    key: str,
    by: str,
    reason: str,
    distribution: str | None,
    key_value_store: str | None,
    urls: tuple[str, ...],
    table: str | None,
    published: str | None,
    log_group: str | None,
    seal_key: str | None,
) -> int:
    """Take a published medium down: forbid and withdraw it, refuse it at the edge, drop cached copies, and ask viewers' addresses.

    Its versions stay for the investigation. It can be run again at any time. Prints what was done as JSON.

    Exit codes: 0 done and no address serves it, 1 an address still does, 3 a step failed, or no address was asked, so that it isn't proven.

    \b
    Example: averment media takedown reviews/42.jpg --by "trust/Ada Byron" --reason "ticket 512" \\
               --distribution E2EXAMPLE --url https://media.shop.example/reviews/42.jpg
    """
    from averment.detector.gate.delivery import take_down

    done = take_down(
        open_reviews(table, published, log_group, seal_key),
        key,
        by=by,
        reason=reason,
        distribution=distribution,
        key_value_store=key_value_store,
        addresses=urls,
    )
    click.echo(json.dumps(done.to_json(), indent=2))
    if done.withdrawn is None:
        click.echo(f"Nothing is published under {key} (any more), so that no version was forbidden by this run.", err=True)
    if not done.answers:
        click.echo("Not proven: no address was asked whether it still serves it. Give one with --url and run this again.", err=True)
        return int(ExitCode.INCOMPLETE)
    return int(ExitCode.FINDINGS if done.still_served else ExitCode.CLEAN)
