"""The closed vocabularies of incidents, and text that came from outside made fit to be kept and shown."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from averment.core.errors import BadInputError

MAX_TEXT = 4_000
"""Characters of one statement; longer things are files to preserve or documents to refer to."""

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of characters that don't show, or change how others do (controls, text direction, lone surrogates)."""


class Step(StrEnum):
    """What is recorded of an incident. A record is of one step; all but ``OPEN`` and ``CLOSE`` may be there several times."""

    OPEN = "open"
    TRIAGE = "triage"
    PRESERVE = "preserve"
    CONTAIN = "contain"
    ANALYSE = "analyse"
    NOTIFY = "notify"
    RECOVER = "recover"
    CLOSE = "close"


class Answer(StrEnum):
    """What is known of a fact. ``UNKNOWN`` keeps every clock that hangs on it running."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Standing(StrEnum):
    """What a duty is in an incident. ``OPEN``: a fact is missing, so it may be due."""

    DUE = "due"
    OPEN = "open"
    NOT_APPLICABLE = "not-applicable"


class Decision(StrEnum):
    """What was decided of a duty. ``TO_SEND`` is decided and not yet done; ``NOT_DUE`` is the no, which needs its reason as much."""

    SENT = "sent"
    TO_SEND = "to-send"
    NOT_DUE = "not-due"


def visible(text: str) -> str:
    """``text`` on one line, with every character that doesn't show as an escape such as ``\\u202e``: it can't forge or hide a line."""
    joined = " ".join(text.split())
    return "".join(f"\\u{ord(char):04x}" if unicodedata.category(char) in _UNSEEN else char for char in joined)


def statement(text: str, what: str, *, least: int = 1) -> str:
    """``text``, which a person wrote, made ``visible``.

    Raises:
        BadInputError: it is empty (shorter than ``least``) or longer than ``MAX_TEXT``; ``what`` is what errors call it.
    """
    shown = visible(text)
    if len(shown) < least:
        raise BadInputError(f"{what} says nothing" if not shown else f"{what} is too short", fix="say it in a sentence")
    if len(shown) > MAX_TEXT:
        raise BadInputError(f"{what} has {len(shown):,} characters, {MAX_TEXT:,} are allowed", fix="refer to a document")
    return shown


_ROLE = re.compile(r"[a-z][a-z0-9-]{1,40}", re.ASCII)


def role(text: str) -> str:
    """``text`` as the name of a role. People aren't named in an incident's records: who filled a role then is in the organisation's roster.

    Raises:
        BadInputError: it isn't one.
    """
    if not _ROLE.fullmatch(text):
        raise BadInputError(
            f"'{visible(text)}' is not a role",
            fix="write a role and no person's name, in small letters: security-operations, trust-and-safety, legal, privacy",
        )
    return text
