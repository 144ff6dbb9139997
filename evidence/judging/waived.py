"""Which waiver accepts a deviation: one in the organisation's file, or one written next to the resource."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date

from averment.core.organisation import Organisation, Waiver, matches
from averment.core.source import SourceRef
from averment.evidence.collectors.redact import ACCOUNT_ID, hide_account
from averment.policies.waivers import checkov_id, comment_waivers

NOBODY = "nobody named, a comment in the code"
"""The approver of a comment that names none: whether somebody reviewed the change that brought it, nothing here knows."""

_EACH = re.compile(r"; (?=averment:waive=)")


def waiver_for(
    organisation: Organisation,
    control: str,
    policy: str | None,
    resource: str,
    today: date,
    *,
    noted: str | None = None,
    where: str = "",
    account: str | None = None,
    region: str | None = None,
) -> Waiver | None:
    """The waiver that is valid on ``today`` for ``control`` or ``policy`` and ``resource``, or None; one that is narrowed to places only if it was
    seen in ``account`` and ``region``.

    ``noted`` is what the check wrote down as the acceptance. Only a comment ``averment:waive=...`` with its own expiry is taken from
    there, and its expiry is looked at anew: an acceptance without an end (a Checkov skip) is none.
    """
    names = named_by(control, policy)
    for waiver in organisation.waivers:
        if waiver.control not in names or today > waiver.until or not stands_for(waiver.resource, resource):
            continue
        if is_for(waiver.accounts, account) and is_for(waiver.regions, region):
            return waiver
    for comment in comment_waivers(_EACH.split(noted or ""), today):
        if comment.id in names and comment.void is None and comment.until:
            return Waiver(
                control,
                resource,
                comment.owner,
                comment.approver or NOBODY,
                comment.text,
                comment.until,
                SourceRef(where or None),
            )
    return None


def named_by(control: str, policy: str | None) -> tuple[str, ...]:
    """What a waiver may name as that which it accepts a deviation from."""
    return (control, policy, checkov_id(policy)) if policy else (control,)


def stands_for(pattern: str, resource: str) -> bool:
    """Whether a waiver's ``pattern`` is or stands for ``resource``, as its record tells of it."""
    return any(matches(pattern, called) for called in (resource, _told(resource, pattern)))


def is_for(places: Collection[str], place: str | None) -> bool:
    """Whether a waiver for these ``places`` (accounts, or regions; for all, without any) is one for ``place``, whose account id may be hidden."""
    return not places or place in {*places, *map(hide_account, places)}


def _told(resource: str, pattern: str) -> str:
    """``resource`` with the ids of accounts that its record hides and a waiver's ``pattern`` names."""
    for account in ACCOUNT_ID.findall(pattern):
        resource = resource.replace(hide_account(account), account)
    return resource
