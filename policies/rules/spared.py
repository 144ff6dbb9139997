"""Whether a Deny spares a role by name, in whichever way policies do so."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from averment.policies.graph.model import Reference, Resource
from averment.policies.iam.document import Statement, Value
from averment.policies.iam.partitions import plain

_OF_ROLE = re.compile(r":(?:role|assumed-role)/(?P<path>.+)")


def spares(deny: Statement, role: Resource) -> bool:
    """Whether ``deny`` leaves out who runs as ``role``: by a condition on ``aws:PrincipalArn``, or by ``NotPrincipal``."""
    listed = [
        value
        for condition in deny.conditions
        if condition.key.lower() == "aws:principalarn" and condition.negated
        for value in condition.values
    ]
    return any(_means(value, role) for value in (*listed, *(value for _, value in deny.not_principals or ())))


def _means(value: Value, role: Resource) -> bool:
    """Whether an entry is the ARN of ``role``, or of those who assumed it (``assumed-role/scan/*``)."""
    if isinstance(value, Reference):
        return value.address == role.address
    if not isinstance(value, str):
        return False
    named, name = _OF_ROLE.search(value), role.get("RoleName")
    if named is None or not isinstance(name, str):
        return bool(plain(value) == plain(role.address))
    return any(part != "*" and fnmatchcase(name, part) for part in named["path"].split("/"))
