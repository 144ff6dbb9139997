"""For which AWS region each resource of a plan is written: by its own ``region``, by its provider's, or by what the provider made it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from averment.policies.graph.model import Unknown
from averment.policies.graph.terraform_map import region_of
from averment.policies.surfaces.loosely import as_map
from averment.policies.surfaces.plan_configuration import leaves, references

_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d+")
_OPEN = Unknown("the region of the provider is put together")


class Regions:
    """The regions of one ``plan``; ``resources`` are the values of each with what is configured of it."""

    def __init__(self, plan: Mapping[str, Any], resources: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        self._providers = as_map(as_map(plan.get("configuration")).get("provider_config"))
        self._variables = as_map(plan.get("variables"))
        self._told: dict[str, set[str]] = {}
        """By provider, where it is seen to make things: before 6.0 buckets alone tell, and the provider may have it from the environment."""
        for values, configured in resources:
            region = values.get("region")
            if isinstance(region, str) and region and not _asked(configured):
                self._told.setdefault(_provider(configured), set()).add(region)

    def of(self, values: Mapping[str, Any], hidden: Mapping[str, Any], configured: Mapping[str, Any]) -> str:
        """The region of a resource; "" where only apply will tell."""
        if hidden.get("region") is True and _asked(configured):
            return ""
        return region_of(values, self._of_provider(_provider(configured)))

    def _of_provider(self, key: str) -> Any:
        provider = self._providers.get(key)
        expression = as_map(as_map(as_map(provider).get("expressions")).get("region"))
        if (written := expression.get("constant_value")) is not None:
            return written
        if len(told := self._told.get(key, set())) == 1:  # OpenTofu has several providers of one name
            return next(iter(told))
        if not isinstance(provider, Mapping) or "module_address" in provider:  # a module's variables are others than the plan's
            return _OPEN
        names = leaves(references(expression))
        value = as_map(self._variables.get(names[0].removeprefix("var."))).get("value") if len(names) == 1 else None
        return value if isinstance(value, str) and _REGION.fullmatch(value) else _OPEN if names else None


def _asked(configured: Mapping[str, Any]) -> bool:
    return "region" in as_map(configured.get("expressions"))


def _provider(configured: Mapping[str, Any]) -> str:
    return str(configured.get("provider_config_key"))
