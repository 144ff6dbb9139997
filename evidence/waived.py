"""Which waiver accepts a deviation: one in the organisation's file, or one written next to the resource."""

from __future__ import annotations

import re
from datetime import date

from averment.core.organisation import Organisation, Waiver
from averment.core.source import SourceRef
from averment.policies.waivers import checkov_id, comment_waivers

_EACH = re.compile(r"; (?=averment:waive=)")


def waiver_for(
    organisation: Organisation, control: str, policy: str | None, resource: str, today: date, *, noted: str | None = None, where: str = ""
) -> Waiver | None:
    """The waiver that is valid on ``today`` for ``control`` or ``policy`` and ``resource``, or None.

    ``noted`` is what the check wrote down as the acceptance. Only a comment ``averment:waive=...`` with its own expiry is taken from
    there, and its expiry is looked at anew: an acceptance without an end (a Checkov skip) is none.
    """
    names = [control, *([policy, checkov_id(policy)] if policy else [])]
    for waiver in organisation.waivers:
        if any(waiver.covers(name, resource, today) for name in names):
            return waiver
    for comment in comment_waivers(_EACH.split(noted or ""), today):
        if comment.id in names and comment.void is None and comment.until:
            return Waiver(
                control,
                resource,
                comment.owner,
                comment.approver or "review of the change",
                comment.text,
                comment.until,
                SourceRef(where or None),
            )
    return None
