"""What a plan says is not in it, and what stands in it so that it can't be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.source import SourceRef
from averment.policies.graph.model import Problem
from averment.policies.graph.outside import listed
from averment.policies.surfaces.loosely import as_list, as_map

_LISTS = ("resource_changes", "deferred_changes", "resources", "child_modules")


def missing(plan: Mapping[str, Any], where: SourceRef) -> Iterator[Problem]:
    """What the plan itself says isn't in it: it broke off, it was narrowed to targets, or changes were put off."""
    for part in _parts(plan):
        for name in _LISTS:
            if not isinstance(part.get(name), list | None):
                yield Problem(f"'{name}' is not a list, as plans have it: what it stands for was not checked", where)
    if plan.get("errored") is True:
        yield Problem("the plan broke off with an error, and what Terraform had not planned by then is not in it: plan again", where)
    elif plan.get("complete") is False:
        yield Problem(
            "the plan is not complete (targets, or changes that were put off): what it leaves out was not checked", where, blocking=False
        )
    put_off = [as_map(as_map(change).get("resource_change")) for change in as_list(plan.get("deferred_changes"))]
    names = {str(change["address"]): where for change in put_off if "address" in change and change.get("mode") != "data"}
    yield from listed(names, "put off to a later plan, and so not checked")


def _parts(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The plan itself, and each of the modules in it."""
    yield plan
    left = [as_map(as_map(plan.get("planned_values")).get("root_module"))]
    while left:
        yield (module := left.pop())
        left += [child for child in as_list(module.get("child_modules")) if isinstance(child, Mapping)]
