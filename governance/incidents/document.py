"""A document in blocks, written as Markdown or as one page of HTML. Text in it may be hostile: each form escapes all of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape

from averment.governance.incidents.words import visible

_SPECIAL = {ord(character): f"&#{ord(character)};" for character in "\\`*_{}[]()#+!|~^=:$<>&\"'@"}
_LINK = re.compile(r"[A-Za-z0-9_./#-]{1,200}", re.ASCII)

_TIME = re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)
"""A moment, which no line breaks at its hyphens."""

_MARK = re.compile(rb"<!-- as averment wrote it: ([0-9a-f]{64}) -->\n\Z")
"""The last line of a file that holds a document: the digest of all before it. No form of it shows the line."""

_STYLE = """
:root { color-scheme: light dark; --line: #8886; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 1.5rem; font-size: 0.9rem; }
th, td { border-bottom: 1px solid var(--line); padding: 0.35rem 0.6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
td { min-width: 5rem; }
th { overflow-wrap: normal; }
h1, h2, p, li { overflow-wrap: anywhere; }
tbody th { font-weight: normal; }
time { white-space: nowrap; }
/* A cell of a row that stands on a narrow screen says by itself what it is. */
@media screen and (max-width: 60rem) {
  table, tbody, tr, th, td { display: block; }
  thead { display: none; }
  tr { border-bottom: 1px solid var(--line); padding: 0.5rem 0; }
  th, td { border: 0; min-width: 0; padding: 0.1rem 0; }
  td[data-head]::before { content: attr(data-head) ": "; opacity: 0.75; }
  tbody th { font-weight: 600; }
}
.note { border-left: 4px solid #b26a00; padding: 0.2rem 1rem; }
@page { size: A4; margin: 14mm; }
@media print {
  body { font-size: 9pt; margin: 0; max-width: none; padding: 0; }
  table { font-size: 8pt; }
  td { min-width: 4rem; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
"""


@dataclass(frozen=True)
class Text:
    """A paragraph; a ``note`` is one that a reader must not miss."""

    text: str
    note: bool = False


@dataclass(frozen=True)
class Items:
    """A list of points; ``ordered`` ones are steps."""

    items: tuple[str, ...]
    ordered: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under a head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Text | Items | Table


@dataclass(frozen=True)
class Section:
    """A heading with its blocks. ``name`` is its address (letters, digits, hyphens)."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A title, what it is in a sentence, and its sections."""

    title: str
    lead: str
    sections: tuple[Section, ...]


def markdown(document: Document) -> str:
    """``document`` as Markdown that GitHub and MkDocs read alike; nothing of its text is read as markup."""
    parts = [f"# {_md(document.title)}", _md(document.lead)]
    for section in document.sections:
        parts += [f"## {_md(section.title)}", *(_block_md(block) for block in section.blocks)]
    return "\n\n".join(parts) + "\n"


def _block_md(block: Block) -> str:
    match block:
        case Text(text, note):
            return f"> {_md(text)}" if note else _md(text)
        case Items(items, ordered):
            return "\n".join(f"{f'{number}.' if ordered else '-'} {_md(item)}" for number, item in enumerate(items, start=1))
        case Table(head, rows):
            lines = [
                "| " + " | ".join(_md(cell) if cell else " " for cell in head) + " |",
                "|" + "---|" * len(head),
                *(_row(row) for row in rows),
            ]
            return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_md(cell) for cell in cells) + " |"


def _md(text: str) -> str:
    shown = visible(text).translate(_SPECIAL)
    # A line that begins like a list or a quotation would be read as one.
    return re.sub(r"^(-|\d+\.)", lambda match: "".join(f"&#{ord(char)};" for char in match[0]), shown) or "–"


def html(document: Document) -> str:
    """``document`` as one page of HTML: no scripts, nothing loaded from elsewhere, fit to be printed."""
    body = [f"<h1>{_html(document.title)}</h1>", f"<p>{_html(document.lead)}</p>"]
    body.append(
        "<ul>" + "".join(f'<li><a href="#{_anchor(item.name)}">{_html(item.title)}</a></li>' for item in document.sections) + "</ul>"
    )
    for section in document.sections:
        body.append(f'<h2 id="{_anchor(section.name)}">{_html(section.title)}</h2>')
        body += [_block_html(block) for block in section.blocks]
    window = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    head = f'<meta charset="utf-8">\n{window}\n<title>{_html(document.title)}</title>\n<style>{_STYLE}</style>'
    return "\n".join(["<!doctype html>", '<html lang="en">', "<head>", head, "</head>", "<body>", *body, "</body>", "</html>", ""])


def _block_html(block: Block) -> str:
    match block:
        case Text(text, note):
            return f'<p class="note">{_html(text)}</p>' if note else f"<p>{_html(text)}</p>"
        case Items(items, ordered):
            kind = "ol" if ordered else "ul"
            return f"<{kind}>" + "".join(f"<li>{_html(item)}</li>" for item in items) + f"</{kind}>"
        case Table(head, rows):
            top = "".join(f'<th scope="col">{_html(cell) if cell else ""}</th>' for cell in head)
            named = f"<thead><tr>{top}</tr></thead>\n" if any(head) else ""
            lines = "".join(f"<tr>{''.join(_cells_html(head, row))}</tr>\n" for row in rows)
            return f"<table>\n{named}<tbody>\n{lines}</tbody>\n</table>"


def _cells_html(head: Sequence[str], row: Sequence[str]) -> Iterable[str]:
    """The cells of a row, each with the name of its column; in a table without names the first cell is the name of its row."""
    for place, (name, cell) in enumerate(zip(head, row, strict=True)):
        shown = _TIME.sub(r"<time>\g<0></time>", _html(cell))
        if any(head):
            yield f'<td data-head="{_html(name)}">{shown}</td>' if name else f"<td>{shown}</td>"
        else:
            yield f"<td>{shown}</td>" if place else f'<th scope="row">{shown}</th>'


def _html(text: str) -> str:
    return escape(visible(text)) or "–"


def _anchor(name: str) -> str:
    if not _LINK.fullmatch(name):
        raise ValueError(f"{name!r} is no address of a section")
    return name


def table(head: Sequence[str], rows: Iterable[Sequence[object]], otherwise: str) -> Block:
    """A table of ``rows``, or the sentence ``otherwise`` where there are none."""
    found = tuple(tuple("–" if cell is None or cell == "" else str(cell) for cell in row) for row in rows)
    return Table(tuple(head), found) if found else Text(otherwise)


def marked(text: str) -> bytes:
    """``text`` as it is kept in a file, with a last line by which ``untouched`` tells whether somebody has worked on it since."""
    data = text.encode()
    return data + f"<!-- as averment wrote it: {sha256(data).hexdigest()} -->\n".encode()


def untouched(data: bytes) -> bool:
    """Whether ``data`` is what ``marked`` made, byte for byte but for the ends of lines, which a checkout may write otherwise."""
    plain = data.replace(b"\r\n", b"\n")
    found = _MARK.search(plain)
    return found is not None and sha256(plain[: found.start()]).hexdigest() == found[1].decode()
