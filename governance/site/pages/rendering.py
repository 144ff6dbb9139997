"""From a template and values to a page's Markdown. Templates print nothing unescaped that isn't made by the helpers here or in ``words``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import groupby
from typing import Any

from markupsafe import Markup

from averment.controls.model import Framework, Provision
from averment.core.extras import require
from averment.core.words import Status
from averment.governance.site import words
from averment.governance.site.history import Run
from averment.governance.site.scrub import WITHHELD

_NOTHING_KNOWN = "no evidence"
_SEPARATORS = (".", ":::", "/")


def render(template: str, **values: Any) -> str:
    """The page that ``template`` gives with ``values``.

    Raises:
        MissingExtraError: Jinja, which comes with MkDocs, isn't installed.
    """
    rendered: str = _environment().get_template(template).render(**values)
    return rendered


@cache
def _environment() -> Any:
    jinja2 = require("jinja2", extra="site", needed_for="building the site")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("averment.governance.site", "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # `finalize` escapes for HTML and Markdown both, which autoescape does not
        finalize=words.text,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    helpers: dict[str, Callable[..., Any]] = {
        "badge": words.badge,
        "standing": words.standing,
        "code": words.code,
        "link": words.link,
        "slug": words.slug,
        "place": words.place,
        "sentence": words.sentence,
        "short": words.short,
        "days": words.days,
        "tile": words.tile,
        "keywords": words.keywords,
        "console": words.console,
        "wrapped": _wrapped,
        "strip": strip,
        "in_words": in_words,
        "provision": _provision,
        "plain": words.plain,
    }
    environment.globals.update(helpers, withheld=WITHHELD)
    return environment


def strip(states: list[Status | None], runs: list[Run]) -> Markup:
    """The states of one thing at each look as a row of signs, oldest first; in words for those who don't see it."""
    marks = Markup("").join(
        Markup('<i class="av-{}">{}</i>').format(status or "nothing", (words.SYMBOLS[status] if status else "·") * len(list(alike)))
        for status, alike in groupby(states)
    )
    label = words.text("; ".join(in_words(runs)))
    return Markup('<span class="av-strip" role="img" aria-label="{}">{}</span>').format(label, marks) if len(states) > 1 else Markup("")


def in_words(runs: list[Run]) -> list[str]:
    """What the looks saw, the latest first: "satisfied at each look from 2026-09-07 to 2026-11-23"."""
    said = []
    for run in reversed(runs):
        word = str(run.status).replace("-", " ") if run.status else _NOTHING_KNOWN
        when = f"on {run.first.date()}" if run.looks == 1 else f"at each look from {run.first.date()} to {run.last.date()}"
        said.append(f"{word} {when}")
    return said


def _provision(framework: Framework, provision: Provision) -> Markup:
    """The first cells of a provision's line: its number, and what it says, with whom it binds and from when."""
    number = Markup("{}**{}**").format(words.anchor(words.place(framework, provision.ref)), words.text(provision.label))
    for note in (f"draft {provision.draft}" if provision.draft else "", "" if provision.confirmed else "unconfirmed"):
        number += Markup(" <br> {}").format(words.text(note)) if note else Markup("")
    says = words.text(provision.title) + (Markup(" <br> *{}*").format(words.text(provision.note)) if provision.note else Markup(""))
    lines = [Markup("Binds {}.").format(words.text(provision.binds))] if provision.binds else []
    lines += [Markup("Applies from {}.").format(words.text(provision.applies_from))] if provision.applies_from else []
    lines += [Markup("It binds nobody before {}.").format(words.text(provision.first_binds))] if provision.first_binds else []
    lines += [Markup("{}: {}.").format(words.text(item.on), words.text(item.what)) for item in provision.dates]
    return Markup("{} | {}").format(number, Markup(" <br> ").join([says, *lines]))


def _wrapped(value: str) -> Markup:
    """A long name in the fixed-width face that may break after a dot, a slash and the empty parts of an ARN, as it may at hyphens."""
    wrapped = words.text(value)
    for separator in _SEPARATORS:
        wrapped = wrapped.replace(separator, separator + Markup("<wbr>"))
    return Markup("<code>{}</code>").format(wrapped)
