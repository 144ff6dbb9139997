"""Time-stamps in claims of C2PA's version 1: the validator takes those of any authority, so they count for nothing here.

Whose a time-stamp is, c2pa asks for claims of version 2 alone. Of an older claim it calls each trusted that belongs to its signature
(c2pa-rs 0.91, ``Claim::verify_claim``), and anybody can make such a stamp, of any time. A certificate that has ended is good by a trusted
time-stamp alone (C2PA specification 2.2, section 15.8), so that here no claim of version 1 is good under one that has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from averment.core.period import utc_now

ENDED = "averment.ended"
"""Where a manifest store keeps the labels of the manifests that ``ended`` finds."""

_OLD = 1


def by_anybody(manifest: Mapping[str, Any]) -> bool:
    """Whether the validator takes any authority's time-stamp on ``manifest``'s claim."""
    return bool(manifest.get("claim_version", _OLD) == _OLD)


def ended(store: Mapping[str, Any], reader: Any) -> list[str]:
    """The labels of the manifests in ``store``, which ``reader`` read, whose claim is of version 1 and whose signer's certificate isn't good
    today, or isn't known to be: whatever makes them good is a time-stamp that anybody may have made."""
    import c2pa

    old = [label for label, manifest in (store.get("manifests") or {}).items() if by_anybody(manifest)]
    if not old:
        return []
    try:
        told = {item["label"]: item["signature"] for item in json.loads(reader.crjson())["manifests"]}
    except (c2pa.C2paError, AttributeError, LookupError, TypeError, ValueError):  # also of a version that has no crJSON
        return old
    return [label for label in old if not _is_good(told.get(label))]


def _is_good(signature: Any) -> bool:
    try:
        return datetime.fromisoformat(signature["certificateInfo"]["validity"]["notAfter"]) >= utc_now()
    except (LookupError, TypeError, ValueError):
        return False
