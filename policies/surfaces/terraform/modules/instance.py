"""A module as it is called: its variables, locals, child modules, data sources, and the instances of its resources."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from averment.core.files import relative_posix
from averment.core.source import SourceRef
from averment.policies.graph.model import Problem, Unknown
from averment.policies.surfaces.terraform.evaluation.core import evaluate
from averment.policies.surfaces.terraform.evaluation.loops import pairs_of
from averment.policies.surfaces.terraform.evaluation.operations import truth
from averment.policies.surfaces.terraform.evaluation.traversals import lookup
from averment.policies.surfaces.terraform.modules.constraints import conform
from averment.policies.surfaces.terraform.modules.data_sources import data_value
from averment.policies.surfaces.terraform.modules.hinges import hinges_of, switch_of
from averment.policies.surfaces.terraform.modules.known import META, stand_in, stands_for
from averment.policies.surfaces.terraform.modules.loader import Loader
from averment.policies.surfaces.terraform.modules.workspace import selected_workspace
from averment.policies.surfaces.terraform.syntax.native import Block, Module, text_of
from averment.policies.surfaces.terraform.values import Env, Failed, Handle

MAX_MODULE_DEPTH = 20
MAX_INSTANCES = 2_000


class _Namespace:
    """``var``, ``local``, ``module``, ``path``: looks an attribute up when asked."""

    def __init__(self, find: Callable[[str], Any]) -> None:
        self._find = find

    def get_attribute(self, key: str | int) -> Any:
        """The value called ``key``."""
        return self._find(str(key))


class ModuleInstance:
    """One call of a module (or the root module, which nobody calls)."""

    def __init__(
        self,
        module: Module,
        loader: Loader,
        *,
        prefix: str = "",
        given: Mapping[str, Any] | None = None,
        depth: int = 0,
        path: tuple[str, ...] = (),
        caller: tuple[ModuleInstance, Block] | None = None,
        hinges: Mapping[str, str] | None = None,
        called_in: Env | None = None,
    ) -> None:
        self.module, self.loader, self.prefix, self.depth = module, loader, prefix, depth
        self.path, self.caller, self.called_in = path, caller, called_in
        self.public = stands_for(module.folder)
        self.shown_at = caller[1] if caller is not None and self.public else None
        """The call to point at where the module's own text is a stand-in's."""
        self.hinges: Mapping[str, str] = hinges or {}
        """What its existence hangs on that isn't known, as ``TerraformResource.hinges`` has it."""
        loader.called()
        self.given = dict(given or {})
        self.env = Env(self)
        self.resources = {block.labels: block for block in module.of("resource") if len(block.labels) == 2}
        self.data = {block.labels: block for block in module.of("data") if len(block.labels) == 2}
        self.variables = {block.labels[0]: block for block in module.of("variable") if block.labels}
        self.calls = {block.labels[0]: block for block in module.of("module") if block.labels}
        self.outputs = {block.labels[0]: block for block in module.of("output") if block.labels}
        self.locals = {name: (block.file, attribute) for block in module.of("locals") for name, attribute in block.attributes.items()}
        self.providers = tuple(module.of("provider"))
        self._types = {labels[0] for labels in self.resources}
        self._cache: dict[tuple[str, str], Any] = {}
        self._busy: set[tuple[str, str]] = set()
        self._folders: dict[str, Path | Unknown] = {}
        self._children: dict[str, dict[Any, ModuleInstance] | Unknown] = {}

    def name(self, name: str, env: Env) -> Any:
        """What the first word of a traversal stands for."""
        if name in env.names:
            return env.names[name]
        finder = {
            "var": self.variable,
            "local": lambda key: self._once("local", key, self._local),
            "module": self._module_value,
            "path": self._path,
            "data": lambda kind: _Namespace(lambda key: self._data(kind, key)),
            "terraform": lambda key: self._workspace() if key == "workspace" else Failed(f"there is no terraform.{key}"),
            "tofu": lambda key: self._workspace() if key == "workspace" else Failed(f"there is no tofu.{key}"),
        }.get(name)
        if finder is not None:
            return _Namespace(finder)
        if name in self._types:
            return _Namespace(lambda key: self._resource(name, key))
        if name in {"each", "count", "self"}:
            return Unknown(f"'{name}' is known only for each instance")
        if name == "ephemeral":
            return Unknown("an ephemeral value is known only while it is applied")
        return Failed(f"'{name}' is not declared")

    def _once(self, kind: str, name: str, make: Callable[[str], Any]) -> Any:
        key = (kind, name)
        if key in self._cache:
            return self._cache[key]
        if key in self._busy:
            return Unknown(f"{kind}.{name} depends on itself")
        self._busy.add(key)
        try:
            self._cache[key] = make(name)
        finally:
            self._busy.discard(key)
        return self._cache[key]

    def variable(self, name: str) -> Any:
        """The variable ``name``: what the caller gave, or its default."""
        return self._once("var", name, self._variable)

    def _variable(self, name: str) -> Any:
        block = self.variables.get(name)
        if block is None:
            return Failed(f"there is no variable '{name}'")
        kind = block.attributes.get("type")
        if name in self.given:
            value = self.given[name]
            if isinstance(value, _Later):
                value = value.value()
            nullable = block.attributes.get("nullable")
            if value is not None or (nullable is None or text_of(nullable.node) == "true") or "default" not in block.attributes:
                return conform(value, kind.node, self.env) if kind is not None else value
        default = block.attributes.get("default")
        if default is None:
            return Unknown(f"variable '{name}' has no default", f"${{var.{name}}}")
        value = evaluate(default.node, self.env.within(block.file))
        return conform(value, kind.node, self.env) if kind is not None else value

    def _local(self, name: str) -> Any:
        if name not in self.locals:
            return Failed(f"there is no local '{name}'")
        file, attribute = self.locals[name]
        return evaluate(attribute.node, self.env.within(file))

    def _path(self, name: str) -> Any:
        """Relative to the root module, as Terraform gives them: "." for the root itself, wherever the check was started."""
        if name == "module":
            return relative_posix(self.module.folder, self.loader.folder)
        return "." if name in {"cwd", "root"} else Failed(f"there is no path.{name}")

    def _workspace(self) -> Any:
        """The workspace that is selected; a fresh checkout has none, and what is deployed from it isn't "default" for sure."""
        return self._once("terraform", "workspace", lambda _: selected_workspace(self.loader))

    def _data(self, kind: str, name: str) -> Any:
        block = self.data.get((kind, name))
        if block is None:
            return Failed(f"there is no data source {kind}.{name}")
        return self._handles(block, f"{self.prefix}data.{kind}.{name}", data=True)

    def data_attribute(self, handle: Handle, name: str) -> Any:
        """An attribute of a data source; cached, because a policy document is asked for many times."""
        bound = [handle.env.names.get("count"), (handle.env.names.get("each") or {}).get("key")]
        return self._once("data", f"{handle.address}.{name} {bound}", lambda _: data_value(handle, name))

    def _resource(self, kind: str, name: str) -> Any:
        block = self.resources.get((kind, name))
        if block is None:
            return Failed(f"there is no resource {kind}.{name}")
        return self._handles(block, f"{self.prefix}{kind}.{name}", data=False)

    def _handles(self, block: Block, address: str, *, data: bool) -> Any:
        keyed = "count" in block.attributes or "for_each" in block.attributes
        found = self.instances(block)
        if not keyed or isinstance(found, Unknown):
            return Handle(address, block, self.env, data)
        handles = {key: Handle(address + suffix(key), block, env, data) for key, env in found}
        if "count" in block.attributes:
            return _Counted(list(handles.values()))
        return handles

    def instances(self, block: Block) -> list[tuple[Any, Env]] | Unknown:
        """Each instance of a block with its key (None for a single one), or why they aren't known."""
        count, each = block.attributes.get("count"), block.attributes.get("for_each")
        if count is not None:
            number = evaluate(count.node, self.env)
            if isinstance(number, str) and number.isascii() and number.isdigit():
                number = int(number[:12])
            if isinstance(number, bool | int | float) and math.isfinite(number):
                total = self._bounded(int(number), block)
                return [(index, self.env.bind(count={"index": index})) for index in range(total)]
            return number if isinstance(number, Unknown) else Unknown("count is not known")
        if each is not None:
            value = evaluate(each.node, self.env)
            if isinstance(value, list):
                if any(isinstance(item, dict | list | Unknown) for item in value):
                    return Unknown("for_each goes over values that are not known")
                value = {str(item): item for item in value}
            pairs = pairs_of(value)
            if isinstance(pairs, Unknown):
                return pairs
            return [
                (str(key), self.env.bind(each={"key": str(key), "value": item})) for key, item in pairs[: self._bounded(len(pairs), block)]
            ]
        switch = switch_of(block)
        on = truth(evaluate(switch.node, self.env)) if switch is not None else True
        if isinstance(on, Unknown):
            return on
        return [(None, self.env)] if on else []

    def env_of_any(self, block: Block) -> Env:
        """Where an instance of a block stands whose instances aren't known: over another block's, ``each.value`` is that one.

        Else why they aren't is why nothing of ``each`` is: whoever reads that can give the variable a value.
        """
        each = block.attributes.get("for_each")
        over = evaluate(each.node, self.env) if each is not None else None
        key = Unknown("'each' is known only for each instance")
        if isinstance(over, Handle):
            return self.env.bind(each={"key": key, "value": over})
        if isinstance(over, Unknown):
            return self.env.bind(each=Unknown(f"{key.reason}, and what for_each goes over is not: {over.reason}"))
        return self.env

    def hinges_of(self, block: Block, reason: Unknown) -> Mapping[str, str]:
        """What it hangs on that a block has any instance, where that isn't known: conditions of its own, and those of this module."""
        own = dict(hinges_of(block, self.env, self.resources, self.locals)) or {".".join(block.labels): reason.reason}
        return {**self.hinges, **{f"{self.prefix}{text}": why for text, why in own.items()}}

    def _bounded(self, wanted: int, block: Block) -> int:
        """How many instances are looked at; that there would be more is a problem."""
        if wanted > MAX_INSTANCES:
            name = ".".join(block.labels)
            problem = Problem(f"{self.prefix}{name} has {wanted:,} instances; the first {MAX_INSTANCES:,} were checked", block.where())
            if problem not in self.loader.problems:
                self.loader.problems.append(problem)
        return max(0, min(wanted, MAX_INSTANCES))

    def children(self, name: str) -> dict[Any, ModuleInstance] | Unknown:
        """The instances of the module call ``name``, by key."""
        if name not in self._children:
            self._children[name] = Unknown(f"module '{name}' calls itself")
            self._children[name] = self._call(self.calls[name])
        return self._children[name]

    def module_of(self, block: Block) -> Module:
        """The module that a call means which was followed; an empty one where it couldn't be read."""
        folder = self._folders.get(block.labels[0])
        return self.loader.read(folder) if isinstance(folder, Path) else Module(self.module.folder)

    def _call(self, block: Block) -> dict[Any, ModuleInstance] | Unknown:
        name = block.labels[0]
        folder = self._folders[name] = self._folder(block)
        if isinstance(folder, Unknown):
            return folder
        module = self.loader.read(folder)
        found = self.instances(block)
        keyed = [(None, self.env_of_any(block))] if isinstance(found, Unknown) else found
        hinges = self.hinges_of(block, found) if isinstance(found, Unknown) else self.hinges
        return {
            key: ModuleInstance(
                module,
                self.loader,
                prefix=f"{self.prefix}module.{name}{suffix(key)}.",
                given={item: _Later(attribute.node, env.within(block.file)) for item, attribute in block.attributes.items()},
                depth=self.depth + 1,
                path=(*self.path, name),
                caller=(self, block),
                hinges=hinges,
                called_in=env.within(block.file),
            )
            for key, env in keyed
        }

    def _folder(self, block: Block) -> Path | Unknown:
        """The folder of a called module; why it isn't read is also a problem."""
        name, source = block.labels[0], block.attributes.get("source")
        where = SourceRef(block.file, block.line, block.end)
        text = evaluate(source.node, self.env) if source is not None else None
        installed = self.loader.installed(".".join((*self.path, name)))
        local = isinstance(text, str) and (text.startswith(("./", "../", ".\\", "/")) or text in {".", ".."})
        if not local and installed is None and (known := self._stand_in(text, block)) is not None:
            return known
        if not local and installed is None:
            reason = f"module '{name}' comes from {text if isinstance(text, str) else 'a computed source'}, which is not read"
            self.loader.problems.append(Problem(reason, where, blocking=False))
            return Unknown(reason)
        folder = Path(os.path.normpath(self.module.folder / str(text))) if local or installed is None else installed
        if self.depth >= MAX_MODULE_DEPTH:
            self.loader.problems.append(Problem(f"modules call each other more than {MAX_MODULE_DEPTH} levels deep", where))
            return Unknown("modules call each other in circles")
        there = self.loader.observer.is_dir(folder)
        if there and not self.loader.within(folder):
            reason = f"module '{name}': the folder {text} lies outside of {self.loader.boundary.name}, and was not read"
            self.loader.problems.append(Problem(reason, where))
            return Unknown(reason)
        if there and self.loader.observer.names(folder, [""]):
            return folder
        # Git leaves an empty folder where a submodule would be, and keeps none by itself.
        submodules = self.loader.observer.is_file(self.loader.boundary / ".gitmodules")
        hint = "; git submodule update --init, if it is one" if submodules else ""
        lacking = "is empty" if there else "does not exist"
        self.loader.problems.append(Problem(f"module '{name}': the folder {text} {lacking}{hint}", where))
        return Unknown(f"module '{name}' {lacking}")

    @cached_property
    def public_name(self) -> str:
        """The public module that this is, read or stood in for, if its arguments are known; "" for any other."""
        if self.public or self.caller is None:
            return self.public
        caller, block = self.caller
        source = block.attributes.get("source")
        text = evaluate(source.node, caller.env) if source is not None else None
        known = stand_in(text, None) if isinstance(text, str) else None
        return stands_for(known) if known is not None else ""

    def _stand_in(self, text: Any, block: Block) -> Path | None:
        """The folder that stands in for a public module; that it isn't the module itself is said, and what isn't looked at."""
        version = block.attributes.get("version")
        constraint = evaluate(version.node, self.env) if version is not None else None
        if not isinstance(text, str) or not (constraint is None or isinstance(constraint, str)):
            return None
        folder = stand_in(text, constraint)
        if folder is None:
            return None
        declared = {other.labels[0] for other in self.loader.read(folder).of("variable") if other.labels}
        ignored = sorted(set(block.attributes) - declared - META)
        reason = f"module '{block.labels[0]}' comes from {text}, which is not read; what its arguments mean is known"
        reason += f", except {', '.join(ignored)}" if ignored else ""
        self.loader.problems.append(Problem(reason, SourceRef(block.file, block.line, block.end), blocking=False))
        return folder

    def _module_value(self, name: str) -> Any:
        if name not in self.calls:
            return Failed(f"there is no module '{name}'")
        children = self.children(name)
        if isinstance(children, Unknown):
            return children
        if None in children:
            return _Namespace(children[None].output)
        values = {key: _Namespace(child.output) for key, child in children.items()}
        return list(values.values()) if "count" in self.calls[name].attributes else values

    def output(self, name: str) -> Any:
        """The output ``name`` of this module."""
        block = self.outputs.get(name)
        if block is None or "value" not in block.attributes:
            return Failed(f"the module has no output '{name}'")
        return self._once("output", name, lambda _: evaluate(block.attributes["value"].node, self.env.within(block.file)))


@dataclass(frozen=True)
class _Later:
    """What a caller gives for a variable, evaluated when it is asked for: modules may use each other's outputs, as long as no value does."""

    node: Any
    env: Env

    def value(self) -> Any:
        """The value as the caller sees it."""
        return evaluate(self.node, self.env)


class _Counted(list[Any]):
    """Instances of a resource with ``count``: indexed as a list; an attribute of the whole is that of the first (old style)."""

    def get_attribute(self, key: str | int) -> Any:
        """An item by number, or an attribute of the first."""
        try:
            return self[int(key)]
        except IndexError:
            return Failed(f"there is no instance {key}")
        except ValueError:
            return lookup(self[0], key) if self else Failed("there are no instances")


def suffix(key: Any) -> str:
    """How an instance's key is written in its address."""
    if key is None:
        return ""
    return f"[{key}]" if isinstance(key, int) else f"[{json.dumps(key)}]"
