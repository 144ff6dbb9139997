"""Access control lists of buckets: grants, however they are written, as the canned ACL that comes nearest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from averment.policies.graph.model import Reference, Unknown

_GROUPS = "http://acs.amazonaws.com/groups/global/"
_EVERYONE = ("AllUsers", f"{_GROUPS}AllUsers")
_SIGNED_IN = ("AuthenticatedUsers", f"{_GROUPS}AuthenticatedUsers")
_WRITING = frozenset({"WRITE", "WRITEACP", "FULLCONTROL"})
"""Permissions with which one can write objects; who may write the ACL can give itself the rest. (Amazon S3 User Guide, "ACL overview".)"""


def nearest_canned(grants: Iterable[tuple[Any, Any]]) -> str | Unknown | None:
    """The canned ACL that comes nearest to ``grants`` of (grantee, permission); None if nobody but single accounts has any.

    Unknown where one that isn't resolved may let the public write and none does for sure.
    """
    everyone: set[str] = set()
    signed_in: set[str] = set()
    doubt: Unknown | None = None
    for who, permission in grants:
        open_end = next((part for part in (who, permission) if isinstance(part, Unknown | Reference)), None)
        if open_end is not None:
            if _may_be_public(who) and _may_write(permission):
                reason = open_end.reason if isinstance(open_end, Unknown) else f"{open_end.address} is a link"
                doubt = doubt or Unknown(f"a grant is not known: {reason}")
            continue
        everyone |= {_plain(permission)} if who in _EVERYONE else set()
        signed_in |= {_plain(permission)} if who in _SIGNED_IN else set()
    if (everyone | signed_in) & _WRITING:
        return "PublicReadWrite"
    if doubt is not None:
        return doubt
    if "READ" in everyone:
        return "PublicRead"
    return "AuthenticatedRead" if "READ" in signed_in else None


def canned_of_terraform(values: Mapping[str, Any]) -> Any:
    """The ACL of an ``aws_s3_bucket`` or ``aws_s3_bucket_acl``: ``acl``, or what its blocks grant. They exclude each other.

    Blocks that are unknown as a whole count only where ``acl`` is absent: a plan says so of every block that the provider may fill in.
    """
    canned = values.get("acl")
    if isinstance(canned, str) and canned:
        return canned
    policy = values.get("access_control_policy")
    if isinstance(policy, Unknown):
        return policy
    return nearest_canned([*_granted(values.get("grant")), *(grant for item in _items(policy) for grant in _of_policy(item))]) or canned


def _of_policy(item: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(item, Unknown):
        yield item, item
    elif isinstance(item, Mapping):
        yield from _granted(item.get("grant"), whole=True)


def _granted(value: Any, *, whole: bool = False) -> Iterator[tuple[Any, Any]]:
    """The grants of ``grant`` blocks; ``whole``: one unknown in place of them all counts (it isn't merely computed)."""
    if isinstance(value, Unknown):
        yield from [(value, value)] if whole else []
        return
    for item in _items(value):
        if isinstance(item, Unknown):
            yield item, item
        elif isinstance(item, Mapping):
            yield from _of_block(item)


def _of_block(block: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    grantees = [grantee for grantee in _items(block.get("grantee")) if isinstance(grantee, Mapping | Unknown)] or [block]
    permissions = _items(block.get("permissions")) + _items(block.get("permission"))
    for grantee in grantees:
        who = grantee if isinstance(grantee, Unknown) else grantee.get("uri")
        yield from ((who, permission) for permission in permissions)


def _items(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _plain(permission: Any) -> str:
    return str(permission or "").upper().replace("_", "")


def _may_be_public(who: Any) -> bool:
    return isinstance(who, Unknown | Reference) or who in _EVERYONE or who in _SIGNED_IN


def _may_write(permission: Any) -> bool:
    return isinstance(permission, Unknown | Reference) or _plain(permission) in _WRITING
