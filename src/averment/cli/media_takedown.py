"""``averment media takedown``: stop a published medium from being served, and prove it."""

from __future__ import annotations

import json

import click

from averment.cli.review_gate import BY, REASON, GateChoice, gate_options
from averment.core.canonical import JSON
from averment.core.errors import BadInputError, ExitCode


@click.command()
@click.argument("key", metavar="KEY")
@BY
@REASON
@click.option("--distribution", metavar="ID", help="With your own rights: the CloudFront distribution whose cached copies are dropped.")
@click.option("--key-value-store", metavar="ARN", help="With your own rights: the store that the viewer-request function asks.")
@click.option("--url", "urls", metavar="URL", multiple=True, help="An address to ask afterwards from here, as a viewer does. Repeat it.")
@gate_options
def takedown(
    key: str,
    by: str | None,
    reason: str,
    distribution: str | None,
    key_value_store: str | None,
    urls: tuple[str, ...],
    chosen: GateChoice,
) -> int:
    """Take a published medium down: forbid and withdraw it, refuse it at the edge, drop cached copies, and ask viewers' addresses.

    Where the blueprint media-gate is deployed, its function does that for who is signed in, and asks the deployment's own address.
    Versions stay for the investigation. It can be run again at any time. Prints what was done as JSON.

    Exit codes: 0 done and no address serves it, 1 an address still does, 3 a step failed, or it isn't proven: no address was asked, or
    nothing is published under the key and no --url was given.

    \b
    Example: averment media takedown reviews/42.jpg --reason "ticket 512" --url https://media.shop.example/reviews/42.jpg
    """
    from averment.detector.gate.delivery import GONE, take_down

    desk = chosen.function_desk(by)
    if desk is None:
        done = take_down(
            chosen.reviews(),
            key,
            by=chosen.stated(by),
            reason=reason,
            distribution=distribution,
            key_value_store=key_value_store,
            addresses=urls,
        ).to_json()
    else:
        if distribution or key_value_store:
            fix = "leave --distribution and --key-value-store out, or name --table to use your own rights"
            raise BadInputError("the gate's function takes down at the edge that was deployed with it", fix=fix)
        done = _with_answers(desk.take_down(key, reason=reason), urls)
    click.echo(json.dumps(done, indent=2))
    if not done["withdrawn"]:
        click.echo(f"Nothing is published under {key} (any more), so that no version was forbidden by this run.", err=True)
    if not done["answers"]:
        click.echo("Not proven: no address was asked whether it still serves it. Give one with --url and run this again.", err=True)
        return int(ExitCode.INCOMPLETE)
    if not done["withdrawn"] and not urls:  # the function asks by the key that was typed, which it has just refused: no proof of anything
        click.echo("Not proven: if the key is as it stands in the published bucket, give the viewers' address with --url.", err=True)
        return int(ExitCode.INCOMPLETE)
    return int(ExitCode.FINDINGS if any(answer["status"] not in GONE for answer in done["answers"]) else ExitCode.CLEAN)


def _with_answers(done: dict[str, JSON], urls: tuple[str, ...]) -> dict[str, JSON]:
    """``done`` with what ``urls`` answer to whom runs this, beside what the function was answered."""
    from averment.core.http import probe

    return {**done, "answers": [*done["answers"], *(probe(url).to_json() for url in urls)]}
