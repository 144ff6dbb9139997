"""Removing at collection what evidence doesn't need: e-mail and IP addresses and secrets always, account ids by choice.

What was removed is counted, so that a reader knows that a value was there. A value is replaced as a whole; nothing about it
(length, hash) is kept, because few IP addresses and account ids can hide behind a hash.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from itertools import count

from averment.core.canonical import JSON
from averment.evidence.collectors.secrets import SECRET, without_secrets

_DENSITY = r"[1-9](?:\.5)?x\.(?:png|jpe?g|webp|avif|gif|heic)(?![^\W_]|\.[^\W_])"
"""How the names of pictures for denser screens end after their ``@``: ``hero@2x.png`` is nobody's address."""
_EMAIL = re.compile(
    rf"[\w.%+\-][\w.%+'\-]{{0,63}}(?:@|%40)(?!{_DENSITY})"
    r"[^\W_](?:(?:[^\W_]|[.\-]){0,250}[^\W_])?\.(?:xn--[a-z0-9\-]{2,59}|[^\W\d_]{2,24})",
    re.IGNORECASE,
)
"""In any script, and as names of objects have it that a browser encoded."""
_REPOSITORIES = ("git@", "git%40")
"""Before the host of a repository, which is what modules are fetched from."""
_IPV4 = re.compile(r"(?<![^\W_])(?<!\.)(?:\d{1,3}\.){3}\d{1,3}(?![^\W_]|\.\d)")
_IPV6 = re.compile(r"(?<![^\W_])(?<![:.])(?:[0-9A-Fa-f]{0,4}:){2,8}[0-9A-Fa-f:.]{0,45}(?![^\W_]|:)")
"""No longer than an address can be: whoever uploads may call an object by a thousand colons."""
ACCOUNT_ID = re.compile(r"[0-9]{12}")
_ARN_ACCOUNT = re.compile(r"(arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:)(\d{12})(?=:)")

_MAIL, _IP, _HEADER = "e-mail address", "IP address", "value of a request header"
_HEADERS = frozenset({"aws:referer", "aws:useragent"})
"""Keys of conditions, in lower case, under which policies hold what a caller has to know: AWS's own instructions let CloudFront send a secret so."""

_NOBODY = frozenset({"0.0.0.0", "::", "255.255.255.255"})  # noqa: S104 - "from anywhere" in findings, nobody's address


def redact(value: JSON, hidden: MutableMapping[str, int], *, accounts: Sequence[str] | None) -> JSON:
    """``value`` with addresses and secrets replaced; ``hidden`` counts them by what they were.

    ``accounts``: None leaves account ids; otherwise these, and those in ARNs, keep only their last four digits.
    """
    if isinstance(value, str):
        return _text(value, hidden, accounts)
    if isinstance(value, Mapping):
        clean: dict[str, JSON] = {}
        for key, item in value.items():
            asked = str(key).lower() in _HEADERS and item != f"[{_HEADER}]"
            kept = _count(_HEADER, hidden) if asked else redact(item, hidden, accounts=accounts)
            clean[_free(_text(str(key), hidden, accounts), clean)] = kept
        return clean
    if isinstance(value, list | tuple):
        return [redact(item, hidden, accounts=accounts) for item in value]
    return value


def is_cut(text: str) -> bool:
    """Whether ``text`` holds what ``redact`` puts for an address or a secret that it removed: it isn't the name of anything any more."""
    return any(f"[{what}]" in text for what in (_MAIL, _IP, SECRET))


def hide_account(account: str) -> str:
    """How a redacted account id is written: ``********9012``."""
    return f"********{account[-4:]}"


def _free(name: str, taken: Collection[str]) -> str:
    """``name``, numbered where it is ``taken``: two callers that are called by their addresses are two."""
    numbered = (f"{name} ({number})" for number in count(2))
    return name if name not in taken else next(other for other in numbered if other not in taken)


def _text(text: str, hidden: MutableMapping[str, int], accounts: Sequence[str] | None) -> str:
    text = without_secrets(text, lambda what: _count(what, hidden))  # before addresses, as a host may make one of a password
    if "@" in text or "%40" in text:
        text = _EMAIL.sub(lambda match: match[0] if match[0].lower().startswith(_REPOSITORIES) else _count(_MAIL, hidden), text)
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
