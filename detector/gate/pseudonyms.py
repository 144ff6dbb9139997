"""Who decided, as the verdict log says it: the role as it is, and instead of the name a keyed hash of role and name.

The log is kept for more than a year and collected as evidence, which needs to tell one person from another (an appeal is decided by somebody
else) and not who they are. The key is 32 random bytes in the table of cases, made when it is first needed: another deployment has
another key and other pseudonyms. Who may read the table can resolve one, on lawful need: by the case that the line names, whose history has the names, or by
computing the pseudonym of somebody (``averment review pseudonym``). Without the key that is not possible, and removing it leaves the old lines
without names for good. What people write as a reason is theirs to keep free of names.
"""

from __future__ import annotations

import hashlib
import hmac

from averment.detector.gate.cases import Cases

LENGTH = 20
"""Hexadecimal digits of a pseudonym: 80 bits, so that no two people share one."""


def pseudonym(by: str, key: bytes) -> str:
    """``trust/Ada Byron`` as ``trust/p-0123456789abcdef0123``: the same for the same role and name under the same ``key``."""
    role = by.partition("/")[0].strip()
    digest = hmac.new(key, by.encode(), hashlib.sha256).hexdigest()
    return f"{role}/p-{digest[:LENGTH]}"


def pseudonym_of(by: str, cases: Cases) -> str:
    """The pseudonym of ``by`` in the deployment whose table is ``cases``.

    Raises:
        IncompleteError: the table is out of reach: nothing is logged under a name instead.
    """
    return pseudonym(by, cases.pseudonym_key())
