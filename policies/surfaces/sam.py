"""AWS SAM: functions, APIs and their events become the resources that the transform generates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from averment.policies.graph.model import Resource
from averment.policies.surfaces.cfn_resolve import Resolver


def generated_names(resources: Mapping[str, Any]) -> frozenset[str]:
    """Logical ids that the transform will add."""
    return frozenset(
        f"{name}Role" for name, body in resources.items() if isinstance(body, dict) and body.get("Type") == "AWS::Serverless::Function"
    )


def expand_sam(resources: list[Resource], _globals: Any, _resolver: Resolver) -> list[Resource]:
    """``resources`` with what the transform makes of them."""
    return resources
