"""Secrets in what is collected, by the forms in which issuers give them out and people write them down.

Somebody pastes a presigned address into a statement, a runbook fails with what it was called with, a report quotes the variable that it warns of. What
came into the ledger can't be taken out again, and every package hands it on. Only forms that nothing else has are looked for: what is merely random
may be a digest. An access key's id is no secret, and tells who it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable

SECRET = "secret"

_ISSUED = {
    "gh": r"gh[pousr]_[A-Za-z0-9]{36,255}",
    "github_pat_": r"github_pat_\w{22,255}",
    "glpat-": r"glpat-[\w\-]{20,255}",
    "xox": r"xox(?:[a-np-z]-|o-\d{9,20}-)[\w\-]{10,255}",
    "xapp-": r"xapp-[\w\-]{20,255}",
    "_live_": r"(?:sk|rk)_live_[A-Za-z0-9]{16,255}",
    "whsec_": r"whsec_[A-Za-z0-9+/=]{16,255}",
    "sk-": r"sk-(?:(?:proj|svcacct|admin|None|lf|ant-[a-z0-9]{1,10}|or-v\d)-[\w\-]{32,255}|[A-Za-z0-9]{32,255}(?![\w\-]))",
    "AIza": r"AIza[\w\-]{35}",
    "ya29.": r"ya29\.[\w\-.]{20,2000}",
    "npm_": r"npm_[A-Za-z0-9]{36}",
    "pypi-": r"pypi-[\w\-]{50,1000}",
    "hf_": r"hf_[A-Za-z]{34}",
    "SG.": r"SG\.[\w\-]{22}\.[\w\-]{43}",
    "dop_v1_": r"dop_v1_[0-9a-f]{64}",
    "shp": r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
    "hvs.": r"hvs\.[\w\-]{24,255}",
    "AGE-SECRET-KEY-": r"AGE-SECRET-KEY-1[0-9A-Z]{58}",
    "eyJ": r"eyJ[A-Za-z0-9]{8,8000}\.[\w\-]{8,32000}\.[\w\-]{8,8000}",  # the first part is JSON of letters, whose Base64 has no hyphen
}
"""What is told from its beginning, by a part that is looked for first. Names of media begin like some: ``sk-`` is Slovak, ``xoxo-`` stands on cards."""

_ISSUED_FORMS = {hint: re.compile(rf"(?<![A-Za-z0-9]){form}", re.ASCII) for hint, form in _ISSUED.items()}

_PEM = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----|\Z)", re.DOTALL
)
_IN_ADDRESS = re.compile(r"(?<=://)[^\s/@?#]{0,255}:[^\s/@?#]{1,255}(?=@)")
"""User and password before a host."""
_HOOK = re.compile(r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[\w/]{16,255}|(?<=/api/webhooks/)\d{5,25}/[\w\-]{16,255}")
_MIXED = r"(?=[A-Za-z+/_~.=\-]{0,200}(?:\d|[a-z][A-Z]))"
"""Before what has a digit or a capital within it, as words of a sentence have none."""
_HEADER = re.compile(
    rf"(?<=\b(?i:bearer) ){_MIXED}[\w.~+/=\-]{{16,8000}}|(?<=\b(?i:basic) ){_MIXED}[A-Za-z0-9+/]{{16,2000}}={{0,2}}(?![\w.])"
)
_NAMED = re.compile(
    r"""(?ix)
    (?P<name> (?<![A-Za-z0-9]) (?:[a-z0-9]{1,40}[_-]){0,6}
        (?:password|passwd|pwd|passphrase|secret|token|signature|sig|api[_-]?key|accountkey|sharedaccesskey|access[_-]?key|secret[_-]?key|private[_-]?key)
        ["']? \s? [=:] \s? ["']? )
    (?P<value> (?<==) [^\s&"'<>;,\[\])}]{6,8000} | (?<=["']) [^\s"'\[]{6,8000} (?=["']) | [A-Za-z0-9/+]{40}(?![A-Za-z0-9/+]) )
    """
)
"""A name of a secret with its value: after ``=``, between quotes, or, after a colon, of the length of AWS's secret keys."""
_NAMES = re.compile(r"pass|pwd|secret|token|sig|key", re.IGNORECASE)
_NO_VALUE = re.compile(r"(?i)arn:|\$|\{\{|http|%24|required|optional|enabled|disabled|(?-i:A[KS]IA[A-Z2-7]{16}(?![A-Za-z0-9/+]))")
"""How what is no secret begins: where that is kept, whether there has to be one, or the id of an access key."""


def without_secrets(text: str, count: Callable[[str], str]) -> str:
    """``text`` with each secret replaced by what ``count`` gives for it."""
    if len(text) < 8:
        return text

    def gone(_: re.Match[str]) -> str:
        return count(SECRET)

    def value_gone(match: re.Match[str]) -> str:
        return match[0] if _NO_VALUE.match(match["value"]) else match["name"] + count(SECRET)

    if "PRIVATE KEY" in text:
        text = _PEM.sub(gone, text)
    if "://" in text:
        text = _HOOK.sub(gone, _IN_ADDRESS.sub(gone, text) if "@" in text else text)
    if "earer " in text or "asic " in text or "BEARER " in text:
        text = _HEADER.sub(gone, text)
    for hint, form in _ISSUED_FORMS.items():
        if hint in text:
            text = form.sub(gone, text)
    if ("=" in text or ":" in text) and _NAMES.search(text):
        text = _NAMED.sub(value_gone, text)
    return text
