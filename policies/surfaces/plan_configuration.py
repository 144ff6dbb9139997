"""What a plan's ``configuration`` says of a value that only apply will tell: of which resource's attribute it is.

Expressions are there as the names that they mention. Those of variables lead to the module's call, those of a module to its outputs, and
inside ``for_each`` and ``count`` to the instance under the same key. Format: https://developer.hashicorp.com/terraform/internals/json-format.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from averment.policies.surfaces.loosely import as_map

MAX_STEPS = 20
"""Variables and outputs in a row that are followed."""

MAX_NAMES = 2_000
"""Names that one expression may lead to, by all its ways: beyond it a plan is hostile or machine-made, and the rest can't be told."""

_STEP = re.compile(r'module\.([^.\[]+)(\["(?:[^"\\]|\\.)*"\]|\[\d+\])?\.')
_INDEX = re.compile(r'\["(?:[^"\\]|\\.)*"\]|\[\d+\]')
_OUTPUT = re.compile(r'module\.([^.\[]+)(\["(?:[^"\\]|\\.)*"\]|\[\d+\])?\.([^.\[]+)')
_RESOURCE = re.compile(r'((?:data\.)?[A-Za-z][\w-]*\.[\w-]+)(\["(?:[^"\\]|\\.)*"\]|\[\d+\])?(?:\.(.+))?')
_SETTING = re.compile(r"(?:^|\.)aws_s3_bucket_[a-z_]+\.[^.]+$")
_CUT = re.compile(r"[.\[]")
_NO_RESOURCE = frozenset({"var", "local", "module", "each", "count", "path", "terraform", "tofu", "self", "provider", "ephemeral"})


@dataclass(frozen=True)
class Stand:
    """Where an expression stands: the module's configuration, its address ("module.m."), the key of the instance, what ``for_each`` goes over."""

    module: Mapping[str, Any]
    prefix: str = ""
    key: str = ""
    over: Any = None


@dataclass(frozen=True)
class Target:
    """An attribute of a resource or data source; none ("") where the expression names the whole, as ``all[each.key].id`` does."""

    address: str
    attribute: str

    @property
    def is_data(self) -> bool:
        """Whether a data source is meant."""
        return _STEP.sub("", self.address).startswith("data.")


@dataclass
class Found:
    """What an expression is made of: the attributes that were found, and the names of which that can't be told."""

    targets: list[Target] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def add(self, more: Found) -> None:
        """Take in what another name led to."""
        self.targets += [target for target in more.targets if target not in self.targets]
        self.left += more.left


class Configuration:
    """The configuration of one plan; ``known`` are the addresses of the resources and data sources that it plans."""

    def __init__(self, root: Mapping[str, Any], known: Collection[str]) -> None:
        self._root, self._known = root, known
        self._by_address: dict[int, dict[str, Mapping[str, Any]]] = {}
        self._instances: dict[str, list[str]] = {}
        self._names_left = MAX_NAMES

    def of(self, address: str) -> tuple[Mapping[str, Any], Stand]:
        """What is configured of a resource, and where its expressions stand."""
        module, prefix, rest = self._root, "", address
        while rest.startswith("module."):
            step = _STEP.match(rest)
            if step is None:
                return {}, Stand({}, prefix)
            module = as_map(as_map(as_map(module.get("module_calls")).get(step[1])).get("module"))
            prefix, rest = prefix + step[0], rest[step.end() :]
        closed = rest.rfind("]") + 1  # behind it, every bracket would be looked for the end of in vain
        found = self._resources(module).get(_INDEX.sub("", rest[:closed]) + rest[closed:], {})
        key = rest[rest.find("[") :] if rest.endswith("]") else ""
        return found, Stand(module, prefix, key, found.get("for_each_expression"))

    def _resources(self, module: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """The module's resources by their addresses in it."""
        if id(module) not in self._by_address:
            items = module.get("resources")
            known = [item for item in (items if isinstance(items, list) else ()) if isinstance(item, Mapping)]
            self._by_address[id(module)] = {str(item["address"]): item for item in reversed(known) if "address" in item}
        return self._by_address[id(module)]

    def targets(self, expression: Any, stand: Stand, steps: int = MAX_STEPS) -> Found:
        """What an expression is made of."""
        self._names_left = MAX_NAMES if steps == MAX_STEPS else self._names_left
        found = Found()
        names = leaves(references(expression))
        for name in names:
            more = self._target(name, stand, steps, "each.key" in names or "count.index" in names)
            found.add(more if more is not None else Found(left=[name]))
        return found

    def _target(self, name: str, stand: Stand, steps: int, keyed: bool) -> Found | None:
        word, _, rest = name.partition(".")
        self._names_left -= 1
        if steps <= 0 or self._names_left < 0:
            return None
        if name in {"each.key", "count.index"} or word == "path":
            return Found()
        if word == "var":
            return self._given(rest.partition(".")[0].partition("[")[0], stand, steps)
        if word == "module":
            return self._put_out(name, stand, steps)
        if word == "each":
            return self._of_each(rest, stand)
        match = _RESOURCE.fullmatch(name) if word not in _NO_RESOURCE else None
        if match is None:
            return None
        address, index, attribute = stand.prefix + match[1], match[2] or "", match[3] or ""
        if attribute:
            likely = [address + index] if index else [address, f"{address}[0]"]
        else:
            likely = [address + stand.key] if keyed and stand.key and not index else self._only(address) if not index else []
        found = next((known for known in likely if known in self._known), None)
        if found is None:
            # an instance that isn't planned is in the branch of a condition that isn't taken
            return Found() if attribute and match[1] in self._resources(stand.module) and word != "data" else None
        return self._through(Target(found, attribute), steps)

    def _only(self, address: str) -> list[str]:
        """The one instance of a resource, where it has no other: ``one(all[*].id)`` is shown as ``all``."""
        if not self._instances:
            for known in self._known:
                self._instances.setdefault(known[: known.rfind("[")] if known.endswith("]") else known, []).append(known)
        found = self._instances.get(address, [])
        return found if len(found) == 1 else []

    def _through(self, target: Target, steps: int) -> Found:
        """``target``; the bucket where it is the id of one of its settings, which is the bucket's name (used to force an order of creation)."""
        if target.attribute in {"id", "bucket"} and _SETTING.search(target.address):
            configured, stand = self.of(target.address)
            owner = self.targets(as_map(configured.get("expressions")).get("bucket"), stand, steps - 1)
            if len(owner.targets) == 1 and not owner.left:
                return owner
        return Found([target])

    def _given(self, variable: str, stand: Stand, steps: int) -> Found | None:
        """What the caller of the module gives for a variable. Those of the root module are known before a plan is made."""
        steps_to = list(_STEP.finditer(stand.prefix))
        if not steps_to:
            return Found()
        *outer, call = steps_to
        module = self._root
        for step in outer:
            module = as_map(as_map(as_map(module.get("module_calls")).get(step[1])).get("module"))
        called = as_map(as_map(module.get("module_calls")).get(call[1]))
        given = as_map(called.get("expressions")).get(variable)
        above = Stand(module, stand.prefix[: call.start()], call[2] or "", called.get("for_each_expression"))
        return self.targets(given, above, steps - 1)

    def _put_out(self, name: str, stand: Stand, steps: int) -> Found | None:
        """What stands behind a module's output; of several modules, that of the one which is named."""
        match = _OUTPUT.match(name)
        called = as_map(as_map(stand.module.get("module_calls")).get(match[1])) if match else {}
        if match is None or (match[2] is None and not called.keys().isdisjoint({"count_expression", "for_each_expression"})):
            return None
        module = as_map(called.get("module"))
        output = as_map(as_map(module.get("outputs")).get(match[3]))
        inner = Stand(module, f"{stand.prefix}module.{match[1]}{match[2] or ''}.")
        return self.targets(output.get("expression"), inner, steps - 1) if "expression" in output else None

    def _of_each(self, rest: str, stand: Stand) -> Found | None:
        """``each.value.id`` where ``for_each`` goes over another resource."""
        over, attribute = leaves(references(stand.over)), rest.removeprefix("value").removeprefix(".")
        match = _RESOURCE.fullmatch(over[0]) if len(over) == 1 and over[0].partition(".")[0] not in _NO_RESOURCE else None
        if match is None or match[2] or match[3] or not attribute:
            return None
        address = stand.prefix + match[1] + stand.key
        return Found([Target(address, attribute)]) if address in self._known else None


def references(expression: Any) -> list[str]:
    """The names that an expression mentions."""
    names = as_map(expression).get("references")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def leaves(names: list[str]) -> list[str]:
    """``names`` without those that only begin another: Terraform lists ``b.id`` and ``b`` for ``b.id``."""
    begun = {name[: match.start()] for name in names for match in _CUT.finditer(name)}
    return [name for name in dict.fromkeys(names) if name not in begun]
