"""The resources of a root module and of those it calls, one for each instance, in Terraform's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from averment.core.source import SourceRef
from averment.policies.graph.model import Dialect, Problem, PropertyPath, Unknown, find_unknown
from averment.policies.graph.outside import listed
from averment.policies.graph.terraform_graph import is_looked_at
from averment.policies.graph.terraform_map import TerraformResource, region_of
from averment.policies.graph.text import parsed_json
from averment.policies.surfaces.terraform.evaluation.blocks import attributes_of
from averment.policies.surfaces.terraform.evaluation.core import short
from averment.policies.surfaces.terraform.hints import Hints
from averment.policies.surfaces.terraform.modules.defaults import Defaults, holds
from averment.policies.surfaces.terraform.modules.instance import ModuleInstance, suffix
from averment.policies.surfaces.terraform.modules.loader import Loader
from averment.policies.surfaces.terraform.settings import default_tags, provider_region
from averment.policies.surfaces.terraform.syntax.native import Attribute, Block
from averment.policies.surfaces.terraform.values import Env, EvaluationLimitError, Unevaluated, finished


class Reader:
    """Collects the resources of a module and of those it calls."""

    def __init__(self, hints: Hints, loader: Loader) -> None:
        self.hints, self.loader = hints, loader
        self.found: list[TerraformResource] = []
        self.unmade: dict[str, SourceRef] = {}
        self.called: dict[str, str] = {}
        self._defaults: Defaults | None = None

    def root(self, instance: ModuleInstance) -> None:
        """The root module ``instance``, with all that it calls; what its variables' defaults keep from being made is said."""
        self._defaults = Defaults(instance, Loader(self.loader.shared.top, self.loader.folder, self.loader.shared, self.loader.observer))
        self.module(instance)
        self.loader.problems += listed(self.unmade, "not created with the variables' defaults, and so not checked")

    def none(self, block: Block, address: str, instance: ModuleInstance) -> None:
        """Note a block without an instance, if it would have some with other values of the root module's variables."""
        if self._defaults is not None and self._defaults.decide(block, instance):
            self.unmade[address] = (instance.shown_at or block).where()

    def module(self, instance: ModuleInstance) -> None:
        """A module and those that it calls."""
        for block in instance.resources.values():
            self.resource(block, instance)
        for name, call in instance.calls.items():
            children = instance.children(name)
            if children == {} and holds(instance.module_of(call), self.loader, is_looked_at):
                self.none(call, f"{instance.prefix}module.{name}", instance)
            for child in children.values() if isinstance(children, dict) else ():
                self.called[child.prefix] = call.file
                self.module(child)

    def resource(self, block: Block, instance: ModuleInstance) -> None:
        address = f"{instance.prefix}{'.'.join(block.labels)}"
        found = instance.instances(block)
        if isinstance(found, Unknown):
            # whether it will exist isn't known; what it would be is checked
            self.one(block, address, instance, instance.env_of_any(block), instance.hinges_of(block, found))
            return
        if not found and is_looked_at(block.labels[0]):
            self.none(block, address, instance)
        for key, env in found:
            self.one(block, address + suffix(key), instance, env, instance.hinges)

    def one(self, block: Block, address: str, instance: ModuleInstance, env: Env, hinges: Mapping[str, str]) -> None:
        self.loader.made()
        places: dict[PropertyPath, SourceRef] = {}
        try:
            values = attributes_of(block, env, places)
            for name in block.attributes:
                if name in values and any(isinstance(item, Unevaluated) for item in find_unknown(values[name])):
                    values[name] = self.hint(address, name, values[name])
        except (RecursionError, EvaluationLimitError):
            self.loader.problems.append(Problem(f"{address} refers to itself or expands beyond all bounds", block.where()))
            values = {}
        self.defaults(block, instance, env, values)
        if block.labels[0].startswith("aws_s3_bucket") and values.get("bucket") == "" and "bucket" in block.attributes:
            values["bucket"] = _given_later(block.attributes["bucket"], instance)
        shown = instance.shown_at or block  # people are shown their own call, not the text that stands in for what it calls
        places = places if shown is block else {}
        words = (Dialect.TERRAFORM, places, shown.comments, hinges, instance.public_name)
        region = region_of(values, provider_region(instance, block, env)) if block.labels[0].startswith("aws_") else ""
        self.found.append(TerraformResource(address, block.labels[0], values, shown.where(), *words, region=region))

    def defaults(self, block: Block, instance: ModuleInstance, env: Env, values: dict[str, Any]) -> None:
        """Add the provider's default tags; those that aren't known are said once, they don't hide the resource's own."""
        if not block.labels[0].startswith("aws_"):
            return
        found = default_tags(instance, block, env)
        if isinstance(found, dict):
            own = values.get("tags")
            if own is None or isinstance(own, dict):
                values["tags"] = {**finished(found), **(own or {})}
        elif isinstance(found, Unknown):
            where = SourceRef(str(self.loader.folder))
            problem = Problem(f"the provider's default tags are not known: {found.reason}", where, blocking=False)
            if problem not in self.loader.problems:
                self.loader.problems.append(problem)

    def hint(self, address: str, name: str, ours: Any) -> Any:
        """What tfparse says of an attribute that we could not evaluate; used only if it is whole."""
        theirs = self.hints.of(address).get(name)
        theirs = parsed_json(theirs)
        return ours if theirs is None or _has_hole(theirs) else theirs


_VARIABLE = re.compile(r"(?:\"\$\{)?\s*((?:var|local)\.\w+)\s*(?:\}\")?")
"""A variable or a local value that is a bucket's whole name."""


def _given_later(name: Attribute, instance: ModuleInstance) -> Unknown | str:
    """A bucket's name that is empty by default: the deployment gives it, and by what it is written with two of them are told apart.

    What hands the name on is gone through to what gives it: several modules may get the same.
    """
    said, place = "", ""
    written: Attribute | None = name
    while written is not None and (found := _VARIABLE.fullmatch(short(written.node))) is not None:
        said, place = found[1], instance.prefix
        kind, _, key = said.partition(".")
        if kind == "local":
            written = instance.locals[key][1] if key in instance.locals else None
        elif instance.caller is not None:
            instance, call = instance.caller
            written = call.attributes.get(key)
        else:
            written = None
    return Unknown(f"{said} is empty by default, and no bucket is called so", f"${{{place}{said}}}") if said else ""


_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def _has_hole(value: Any) -> bool:
    """Whether tfparse left a null, or the random id that it puts for a computed value, somewhere inside."""
    if value is None:
        return True
    if isinstance(value, str):
        return _ID.search(value) is not None or "${" in value
    if isinstance(value, dict):
        return any(_has_hole(item) for key, item in value.items() if key != "__tfmeta")
    return isinstance(value, list) and any(_has_hole(item) for item in value)
