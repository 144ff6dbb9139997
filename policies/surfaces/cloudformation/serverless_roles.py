"""Which functions of a ``serverless.yml`` have a role of their own, and of what it is made.

By ``iam.role`` of the function and ``mode: perFunction`` of the provider, which version 4 of the framework takes, or as the plugin
serverless-iam-roles-per-function has it. Source: the framework's documentation, "IAM Permissions For Functions".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from averment.policies.graph.model import Unknown
from averment.policies.surfaces.lined import LinedList, LinedMap

_MAKING = frozenset({"statements", "managedPolicies"})
REFERENCES = frozenset({"Fn::GetAtt", "Ref", "Fn::Sub", "Fn::ImportValue"})
"""How a role is named that is written elsewhere; any other map describes one."""


@dataclass(frozen=True)
class OwnRole:
    """What is written of one function's role; ``base`` is what it takes over of the provider's."""

    statements: tuple[tuple[Any, int], ...]
    managed: tuple[Any, ...]
    name: Any
    base: frozenset[str]


def own_role(body: LinedMap, provider: Mapping[str, Any], line: int) -> OwnRole | None:
    """The role that is made for the function ``body`` alone; None for one that uses a role which others use, too, or that is named."""
    of_all = provider.get("iam")
    of_all = of_all.get("role") if isinstance(of_all, LinedMap) else of_all
    iam = body.get("iam")
    given = iam.get("role") if isinstance(iam, LinedMap) else iam
    by_plugin = body.get("iamRoleStatements")
    each = isinstance(of_all, LinedMap) and of_all.get("mode") == "perFunction"
    structured = isinstance(given, Unknown) or (isinstance(given, LinedMap) and not _MAKING.isdisjoint(given))
    shared = provider.get("role", of_all if isinstance(of_all, str) or _is_link(of_all) else None)
    if by_plugin is None and (not (each or structured) or body.get("role") is not None or shared is not None):
        return None
    role: Mapping[str, Any] = given if isinstance(given, LinedMap) else {}
    inherit = iam.get("inheritStatements") if isinstance(iam, LinedMap) else None
    inherit = body.get("iamRoleStatementsInherit") if inherit is None else inherit
    base = frozenset({"managedPolicies"} if each else ()) | (
        {"statements"} if inherit is True or (each and inherit is not False) else set()
    )
    managed = role.get("managedPolicies")
    return OwnRole(
        ((by_plugin, body.key_lines.get("iamRoleStatements", line)), (role.get("statements", given), body.key_lines.get("iam", line))),
        tuple(managed) if isinstance(managed, LinedList) else (managed,) if isinstance(managed, Unknown) else (),
        role.get("name"),
        base,
    )


def _is_link(value: Any) -> bool:
    return isinstance(value, LinedMap) and not REFERENCES.isdisjoint(value)
