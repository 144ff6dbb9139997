"""Removing at collection what evidence doesn't need: e-mail and IP addresses always, account ids by choice.

What was removed is counted, so that a reader knows that a value was there. A value is replaced as a whole; nothing about it
(length, hash) is kept, because few IP addresses and account ids can hide behind a hash.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from itertools import count

from averment.core.canonical import JSON

_EMAIL = re.compile(r"[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.\-]{0,250}[A-Za-z0-9])?\.[A-Za-z]{2,24}")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?![\w:])")
_ARN_ACCOUNT = re.compile(r"(arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:)(\d{12})(?=:)")

_MAIL, _IP = "e-mail address", "IP address"
_NOBODY = frozenset({"0.0.0.0", "::", "255.255.255.255"})  # noqa: S104 - "from anywhere" in findings, nobody's address


def redact(value: JSON, hidden: MutableMapping[str, int], *, accounts: Sequence[str] | None) -> JSON:
    """``value`` with addresses replaced; ``hidden`` counts them by what they were.

    ``accounts``: None leaves account ids; otherwise these, and those in ARNs, keep only their last four digits.
    """
    if isinstance(value, str):
        return _text(value, hidden, accounts)
    if isinstance(value, Mapping):
        clean: dict[str, JSON] = {}
        for key, item in value.items():
            clean[_free(_text(str(key), hidden, accounts), clean)] = redact(item, hidden, accounts=accounts)
        return clean
    if isinstance(value, list | tuple):
        return [redact(item, hidden, accounts=accounts) for item in value]
    return value


def is_cut(text: str) -> bool:
    """Whether ``text`` holds what ``redact`` puts for an address that it removed: it isn't the name of anything any more."""
    return any(f"[{what}]" in text for what in (_MAIL, _IP))


def hide_account(account: str) -> str:
    """How a redacted account id is written: ``********9012``."""
    return f"********{account[-4:]}"


def _free(name: str, taken: Collection[str]) -> str:
    """``name``, numbered where it is ``taken``: two callers that are called by their addresses are two."""
    numbered = (f"{name} ({number})" for number in count(2))
    return name if name not in taken else next(other for other in numbered if other not in taken)


def _text(text: str, hidden: MutableMapping[str, int], accounts: Sequence[str] | None) -> str:
    if "@" in text:
        text = _EMAIL.sub(lambda _: _count(_MAIL, hidden), text)
    if ":" in text:  # first, because an IPv6 address may end in an IPv4 one
        text = _IPV6.sub(lambda match: _address(match[0], hidden), text)
    if "." in text:
        text = _IPV4.sub(lambda match: _address(match[0], hidden), text)
    if accounts is not None:
        text = _ARN_ACCOUNT.sub(lambda match: match[1] + _account(match[2], hidden), text)
        for account in accounts:
            if account in text:
                hidden["account id"] = hidden.get("account id", 0) + text.count(account)
                text = text.replace(account, hide_account(account))
    return text


def _account(account: str, hidden: MutableMapping[str, int]) -> str:
    hidden["account id"] = hidden.get("account id", 0) + 1
    return hide_account(account)


def _address(candidate: str, hidden: MutableMapping[str, int]) -> str:
    trimmed = candidate.rstrip(".:") if not candidate.endswith("::") else candidate
    try:
        ipaddress.ip_address(trimmed)
    except ValueError:
        return candidate
    if trimmed in _NOBODY:
        return candidate
    return _count(_IP, hidden) + candidate[len(trimmed) :]


def _count(what: str, hidden: MutableMapping[str, int]) -> str:
    hidden[what] = hidden.get(what, 0) + 1
    return f"[{what}]"
