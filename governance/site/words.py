"""Turning values into page text. Whatever comes from evidence may be hostile, so all of it is escaped unless marked safe."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from markupsafe import Markup

from averment.controls.binding import Standing
from averment.controls.model import Framework
from averment.core import showing
from averment.core.canonical import sha256_hex
from averment.core.period import iso
from averment.core.words import Status

_SPECIAL = {ord(character): f"&#{ord(character)};" for character in '\\`*_{}[]#+!?|~^=$<>&"@'}
"""What begins something in Markdown or HTML. Not what only means something after one of these, as "(" does after "]": MkDocs takes long over
each of them, and evidence is full of colons."""

_RULE = re.compile(r"[- ]+")
"""Hyphens alone, which Markdown draws as a line instead of showing them."""

_ID = re.compile(r"[A-Z]{2,8}-[A-Z]{2,6}-[0-9]{2,3}(?![0-9])", re.ASCII)

_HEADINGS = ("amendments", "crosswalk", "gaps")
"""The anchors that the headings of a framework's page have."""

SYMBOLS = {
    Status.SATISFIED: "✓",
    Status.NOT_SATISFIED: "✕",
    Status.NOT_ASSESSED: "?",
    Status.WAIVED: "~",
    Status.NOT_APPLICABLE: "–",
}
"""Read before the word, so that colour is never the only sign."""

_STANDING_WORDS = {
    Standing.BINDS: "binds",
    Standing.LATER: "binds later",
    Standing.OPEN: "open",
    Standing.NOT_BOUND: "does not bind",
    Standing.VOLUNTARY: "voluntary",
}


def text(value: Any) -> Markup:
    """``value`` as text that neither Markdown nor HTML reads as anything else, on one line; None is a dash.

    Times are given in UTC to the minute, days as they are written in the law register.
    """
    if isinstance(value, Markup):
        return value
    if value is None or value == "":
        return Markup("–")
    if isinstance(value, datetime):
        return Markup('<span class="av-when">{} UTC</span>').format(iso(value)[:16].replace("T", " "))
    if isinstance(value, date):
        return Markup('<span class="av-when">{}</span>').format(value.isoformat())
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value:,}"
    elif isinstance(value, float):
        value = f"{value:.4g}"
    shown = visible(str(value)).translate(_SPECIAL)
    return Markup(shown.replace("-", "&#45;") if _RULE.fullmatch(shown) else shown)  # noqa: S704 - escaped in the line before


def visible(value: str) -> str:
    """``value`` on one line, with an escape such as ``\\x1b`` for each character that doesn't show or changes the order of others."""
    return showing.visible(" ".join(value.split()))


def plain(value: Any) -> Markup:
    """An id or a number without thousands' separators, for addresses and seeds; anything but letters, digits and hyphens is left out."""
    return Markup("").join(character for character in str(value) if character.isascii() and (character.isalnum() or character == "-"))


def badge(status: Status) -> Markup:
    """A status as a coloured label with a sign and a word."""
    return Markup('<span class="av-badge av-{}">{} {}</span>').format(status, SYMBOLS[status], str(status).replace("-", " "))


def tile(label: str, status: Status, target: str, title: str) -> Markup:
    """A small coloured field with a sign that leads to a page; the state is in words for those who see neither, and ``title`` comes up under
    a pointer."""
    return Markup('[{} {}<span class="av-unseen"> {}</span>]({} "{}"){{: .av-tile .av-{} }}').format(
        text(label),
        SYMBOLS[status],
        str(status).replace("-", " "),
        Markup(html.escape(target, quote=True)),  # noqa: S704 - a page's path
        text(title),
        status,
    )


def keywords(found: Iterable[str]) -> Markup:
    """A list for a page's head by which the search finds it before any page that only mentions them; in JSON, which YAML reads as well."""
    return Markup(json.dumps(list(dict.fromkeys(found)), ensure_ascii=False))  # noqa: S704 - a page's head is no markup


def console(command: str) -> Markup:
    """A command of one line to be copied; nothing in it is read as markup."""
    return Markup('<div class="highlight"><pre><code>{}</code></pre></div>').format(text(command))


def standing(value: Standing) -> Markup:
    """A reference's standing as a label."""
    return Markup('<span class="av-standing av-{}">{}</span>').format(value, _STANDING_WORDS[value])


def code(value: str) -> Markup:
    """``value`` in the fixed-width face."""
    return Markup("<code>{}</code>").format(text(value))


def link(label: Any, target: str) -> Markup:
    """A link whose target is ours (a page's path); the label is escaped, and a control's id in it doesn't break."""
    words = [Markup('<span class="av-when">{}</span>').format(text(word)) if _ID.match(word) else text(word) for word in str(label).split()]
    return Markup("[{}]({})").format(Markup(" ").join(words), Markup(html.escape(target, quote=True)))  # noqa: S704


def place(framework: Framework, ref: str) -> str:
    """The anchor of a provision on its framework's page: its number as ``slug`` has it, with a digest where that is nothing, a heading of the page, or
    another provision's as well (``ac-1`` and ``AC.1``)."""
    return _places(tuple(framework.provisions)).get(ref) or slug(ref)


@lru_cache(maxsize=64)
def _places(refs: tuple[str, ...]) -> Mapping[str, str]:
    taken = Counter((*map(slug, refs), "", *_HEADINGS))
    return {ref: slug(ref) if taken[slug(ref)] == 1 else f"{slug(ref) or 'provision'}-{sha256_hex(ref.encode())[:8]}" for ref in refs}


def anchor(name: str) -> Markup:
    """A place on the page that links can point to, under an anchor of ours."""
    return Markup('<span id="{}"></span>').format(name)


def slug(value: str) -> str:
    """``value`` as the part of an address: lower case, everything else a hyphen."""
    return "-".join("".join(c if c.isalnum() and c.isascii() else " " for c in value.lower()).split())


def short(identifier: str) -> str:
    """The first part of a record's id, enough to tell records of one page apart."""
    return identifier.split("-", maxsplit=1)[0]


def sentence(value: str) -> str:
    """``value`` with a capital and a full stop."""
    return f"{value[:1].upper()}{value[1:].rstrip('.')}." if value else ""


def days(count: int) -> str:
    """A distance in days, which no line breaks: "today", "in 9 days"."""
    return "today" if count == 0 else f"in\N{NO-BREAK SPACE}{count}\N{NO-BREAK SPACE}day{'' if count == 1 else 's'}"
