"""``averment media takedown``: stop a published medium from being served, and prove it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from averment.cli.review_gate import BY, REASON, GateChoice, gate_options
from averment.core.canonical import JSON
from averment.core.errors import BadInputError, ExitCode
from averment.core.showing import printable


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

    Exit codes: 0 done and no address serves it, 1 an address still does, 3 a step failed, or it isn't proven: no address was asked, one gave
    no answer (or a redirection, or an error of the server, which tells nothing), or nothing is published under the key and no --url was given.

    \b
    Example: averment media takedown reviews/42.jpg --reason "ticket 512" --url https://media.shop.example/reviews/42.jpg
    """
    from averment.core.http import check_url
    from averment.detector.gate.delivery import take_down

    for url in urls:
        check_url(url)  # before anything is done
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
    return _conclusion(done, key, named=bool(urls))


def _conclusion(done: Mapping[str, Any], key: str, *, named: bool) -> int:
    """The exit code, with what isn't proven on stderr. ``named``: an address was given, beside what the gate's function asks."""
    from averment.core.http import named as named_url
    from averment.detector.gate.delivery import is_served

    answers, unproven = done["answers"], []
    if not done["withdrawn"]:
        click.echo(f"Nothing is published under {printable(key)} (any more), so that no version was forbidden by this run.", err=True)
    if not answers:
        unproven.append("no address was asked whether it still serves it. Give one with --url and run this again.")
    elif (
        not done["withdrawn"] and not named
    ):  # the function asks by the key that was typed, which it has just refused: no proof of anything
        unproven.append("if the key is as it stands in the published bucket, give the viewers' address with --url.")
    unproven += [
        f"{named_url(answer['url'])} {_without_an_answer(answer)}. Run this again."
        for answer in answers
        if is_served(answer["status"]) is None
    ]
    for text in unproven:
        click.echo(f"Not proven: {printable(text)}", err=True)
    if any(is_served(answer["status"]) for answer in answers):
        return int(ExitCode.FINDINGS)
    return int(ExitCode.INCOMPLETE if unproven else ExitCode.CLEAN)


def _without_an_answer(answer: Mapping[str, Any]) -> str:
    """Why it isn't known what an address serves."""
    status = answer["status"]
    if status is None:
        return str(answer.get("error", "gave no answer"))
    if 300 <= status < 400:
        return f"answered {status}, which leads elsewhere: give the address to which it leads with --url"
    return f"answered {status}, which says neither that it is served nor that it is gone"


def _with_answers(done: dict[str, JSON], urls: tuple[str, ...]) -> dict[str, JSON]:
    """``done`` with what ``urls`` answer to whom runs this, beside what the function was answered."""
    from averment.core.http import probe

    return {**done, "answers": [*done["answers"], *(probe(url).to_json() for url in urls)]}
