"""Text of others on a terminal: names of files and objects, certificates, reasons and answers come from whoever made them.

Such text must not write a line that looks like the program's own, nor move the cursor, colour, or hide anything. Nor may it command the machine that
a job runs on: GitHub Actions obeys lines that begin with ``::`` and ``##[...]`` anywhere, Azure Pipelines ``##vso[...]`` (which can end a step as
succeeded, or put a folder of the checkout before the programs of later ones), TeamCity ``##teamcity[...]``.
"""

from __future__ import annotations

import re

_LEFT_ALONE = frozenset("\n\t\u00a0\u2002\u2003\u2007\u2009\u202f\u3000")
"""What running text may hold though Python doesn't call it printable: ends of lines, tabs, and the spaces of typesetting."""


_UNSEEN = {
    code: f"\\x{code:02x}"
    for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if chr(code) not in "\n\t"
}


_OF_GITHUB = (
    *("add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "remove-matcher", "save-state"),
    *("set-env", "set-output", "stop-commands", "warning"),
)
_COMMANDS = re.compile(rf"#(?=#\w*\\*\[)|:(?=:(?:{'|'.join(_OF_GITHUB)})(?:::|\s(?s:.*?)::))", re.IGNORECASE)
"""The sign without which it would be no command; anywhere, as a line may be broken before it later. GitHub's end with a second pair of colons, after a space
and parameters or at once: the bucket of ``arn:aws:s3:::group-photos`` is none. Before a bracket there may be the backslash by which the console knows it
for no markup of its own."""


def visible(text: str) -> str:
    """``text`` for pages and sheets, with its lines: what doesn't show, or turns around what stands behind it, is an escape such as ``\\x202e``. What
    scripts need to join their letters stays."""
    return text.replace("\r\n", "\n").translate(_UNSEEN)


def printable(text: str) -> str:
    """``text`` on one line, and nothing in it that a terminal, or a machine that runs jobs, obeys: what doesn't print is an escape such as ``\\x1b``."""
    text = _no_commands(text)
    return text if text.isprintable() else "".join(char if char.isprintable() else _escape(char) for char in text)


def harmless(text: str) -> str:
    """``text`` with its lines, and nothing else in it that a terminal, or a machine that runs jobs, obeys."""
    text = _no_commands(text)
    return text if text.isprintable() else "".join(char if char.isprintable() or char in _LEFT_ALONE else _escape(char) for char in text)


def _no_commands(text: str) -> str:
    """``text`` without what a machine that runs jobs would take for a command to it."""
    return _COMMANDS.sub(lambda found: _escape(found[0]), text) if "##" in text or "::" in text else text


def _escape(char: str) -> str:
    return f"\\x{ord(char):02x}"
